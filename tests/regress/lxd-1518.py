#!/usr/bin/python3
"""lxd#1518: what an edit of a profile did to the containers that use it, and when, nobody could tell beforehand."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from web import NAME, STATE, WEB, init_of  # noqa: E402


def test_a_profile_names_its_users(berth):
    """an edit of a profile is planned as what it does to each instance that uses it, and to no other (EN-22)"""
    others = "".join(f"- name: {NAME}-{name}\n  image: busybox\n  profiles: [small]\n  state: {state}\n{more}"
                     for name, state, more in (("off", "stopped", ""), ("own", "running", "  config: {limits.memory: 32MiB}\n")))
    berth.write("berth.yaml", STATE + others)
    berth.run("apply", "-y").expect(0)
    inits = [init_of(berth), init_of(berth, f"{NAME}-own")]
    edited = (STATE + others).replace("- name: small\n", "- name: small\n  config: {limits.memory: 64MiB}\n")
    berth.write("berth.yaml", edited)
    plan = berth.run("plan").expect(0).out
    for part in ("profile/small", f"instance/{WEB}", "live"):
        tap.contains(plan, part)
    tap.absent(plan, f"instance/{NAME}-own")  # its own value wins
    berth.run("apply", "-y").expect(0)
    tap.equal([init_of(berth), init_of(berth, f"{NAME}-own")], inits)
    berth.write("berth.yaml", edited.replace("config: {limits.memory: 64MiB}", "config: {limits.memory: 64MiB, linux.sysctl.net.ipv4.ip_forward: 1}"))
    plan = berth.run("plan").expect(0).out
    for name, label in ((WEB, "restart"), (f"{NAME}-own", "restart"), (f"{NAME}-off", "next-start")):
        block = plan[plan.index(f"instance/{name}"):]
        tap.contains(block.splitlines()[0], label)
    # What may not restart now is stored, and stays in sight.
    tap.contains(berth.run("apply", "-y", "--allow-restart", "none").expect(10).err, WEB)
    tap.equal([init_of(berth), init_of(berth, f"{NAME}-own")], inits)
    tap.contains(berth.run("status").expect(0).out, "RestartPending")
    tap.contains(berth.run("plan").expect(0).out, "pending")


if __name__ == "__main__":
    host.main(globals())
