#!/usr/bin/python3
"""argo-cd#6147: what somebody else had changed beside an apply made it a failure, or was taken for its work."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from web import BRIDGE, STATE, WEB  # noqa: E402

# A second bridge, of which the container knows nothing.
BOTH = STATE.replace("networks: [", f"networks: [{{name: {BRIDGE}x, config: {{ipv4.address: 10.78.1.1/24, ipv6.address: none}}}}, ")


def run(*argv):
    subprocess.run(argv, check=True, capture_output=True)


def test_only_what_it_set_is_verified(berth):
    """an apply looks at the end at what it set: a change of somebody else is drift, told and left for another apply, and no failure (EN-30)"""
    berth.write("berth.yaml", BOTH)
    berth.run("apply", "-y").expect(0)
    # Drift of what the next applies have nothing to do with, and something that is not berth's at all.
    run("ip", "address", "del", "10.78.1.1/24", "dev", f"{BRIDGE}x")
    run("ip", "address", "add", "10.99.9.1/32", "dev", "lo")
    tap.contains(berth.run("drift").expect(2).out, f"network/{BRIDGE}x")
    berth.write("more.yaml", "profiles:\n- name: more\n  config: {user.a: b}\n")
    berth.run("apply", "-y", "--set", "more", "more.yaml").expect(0)
    tap.contains(berth.run("drift").expect(2).out, f"network/{BRIDGE}x")
    berth.write("berth.yaml", BOTH + "  config: {limits.memory: 64MiB}\n")
    berth.run("apply", "-y", "--only", f"instance/{WEB}").expect(0)
    tap.contains(berth.run("drift").expect(2).out, f"network/{BRIDGE}x")
    berth.run("apply", "-y").expect(0)
    berth.run("drift").expect(0)
    # What is not berth's stays.
    tap.contains(subprocess.run(["ip", "address", "show", "dev", "lo"], check=True, capture_output=True, text=True).stdout, "10.99.9.1")


if __name__ == "__main__":
    host.main(globals())
