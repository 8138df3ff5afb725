#!/usr/bin/python3
"""garm#91: what makes instances for CI and what they run on lost track of each other: instances without anybody who ends them."""
import json
import time
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import ready  # noqa: E402
import tap  # noqa: E402


def test_never_without_a_lease(berth):
    """whenever `env up` is killed, there is nothing of the environment, or all of it with its lease, which ends it"""
    berth.run("env", "leaks", "--save", "--baseline", berth.path("base.json")).expect(0)
    berth.write("berth.yaml", ready.files(ready.WEB).replace("{ipv4.address: 10.77.2.1/24, ipv4.nat: false, ipv6.address: none}",
                                                            "{ipv4.nat: false, ipv6.address: none}"))
    for delay in (0.02, 0.1, 0.3, 0.6, 1.0):
        process = berth.start("env", "up", "-y", "--name", host.NAME, "--ttl", "2s", "berth.yaml")
        time.sleep(delay)
        process.kill()
        process.communicate()
        berth.run("env", "down", "-y", "--expired").expect(0)  # opening the store undoes what was half made
        # One answer for both: what waits for the lease may end it between two.
        there = json.loads(berth.run("get", "--format", "json").expect(0).out)
        held, instances = ([one for one in there if one["kind"] == kind] for kind in ("environment", "instance"))
        tap.equal(bool(instances), bool(held), "instances, and who ends them")
        tap.equal([bool(one["spec"].get("expires_at")) for one in held], [True] * len(held))
        if held:
            time.sleep(2.1)
            berth.run("env", "down", "-y", "--expired").expect(0)
        left = berth.run("env", "leaks", "--baseline", berth.path("base.json"))
        tap.equal((left.status, left.out), (0, ""), f"killed after {delay} s")


if __name__ == "__main__":
    host.main(globals())
