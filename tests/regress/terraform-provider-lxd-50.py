#!/usr/bin/python3
"""terraform-provider-lxd#50, #234: another value of a key destroyed the container and made it anew."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from web import STATE, WEB, init_of  # noqa: E402


def test_limits_are_live(berth):
    """keys that can change under a running container do, those that cannot restart it, none makes it anew; the plan says which (EN-22)"""
    berth.write("berth.yaml", STATE)
    berth.run("apply", "-y").expect(0)
    berth.run("exec", WEB, "--", "sh", "-c", "echo kept > /root/mine").expect(0)
    first = init_of(berth)
    for config in ("{limits.cpu: 1}", "{limits.cpu: 2, limits.memory: 64MiB}", "{limits.processes: 100, user.a: b}"):
        berth.write("berth.yaml", STATE + f"  config: {config}\n")
        tap.absent(berth.run("plan").expect(0).out, "restart")
        berth.run("apply", "-y").expect(0)
        tap.equal(init_of(berth), first, config)
    berth.write("berth.yaml", STATE + "  config: {linux.sysctl.net.ipv4.ip_forward: 1}\n")
    tap.contains(berth.run("plan").expect(0).out, "restart")
    berth.run("apply", "-y").expect(0)
    tap.equal(init_of(berth) != first, True)
    tap.equal(berth.run("exec", WEB, "--", "cat", "/root/mine").expect(0).out, "kept\n")


if __name__ == "__main__":
    host.main(globals())
