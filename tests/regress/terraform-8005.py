#!/usr/bin/python3
"""terraform#8005: an apply failed in its middle, was not rolled back, and what was recorded was no longer what was there."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from web import BRIDGE, NAME, STATE, WEB  # noqa: E402


def test_half_is_nothing(berth):
    """an apply that fails in its middle leaves the host and what is stored as they were, and is done whole once the cause is gone (EN-30)"""
    berth.write("berth.yaml", STATE)
    berth.run("apply", "-y").expect(0)
    before = (host.fingerprint(berth.state, NAME), berth.run("dump").expect(0).out, berth.run("history").expect(0).out)
    # The other bridge is made and the first container changed before the new one finds its disk's source missing.
    more = STATE.replace("networks: [", f"networks: [{{name: {BRIDGE}x, config: {{ipv4.address: 10.78.1.1/24, ipv6.address: none}}}}, ") + f"""\
- name: {NAME}-bad
  image: busybox
  profiles: [small]
  state: running
  devices: {{data: {{type: disk, source: {berth.path('later')}, path: /data}}}}
"""
    more = more.replace("profiles: [small]\n  state: running\n", "profiles: [small]\n  state: running\n  config: {limits.memory: 64MiB}\n", 1)
    berth.write("berth.yaml", more)
    failed = berth.run("apply", "-y")
    tap.equal(failed.status in (1, 3), True, f"exit {failed.status}: {failed.err}")
    tap.contains(failed.err, f"{NAME}-bad")
    tap.equal((host.fingerprint(berth.state, NAME), berth.run("dump").expect(0).out, berth.run("history").expect(0).out), before)
    os.mkdir(berth.path("later"))
    berth.run("apply", "-y").expect(0)
    tap.equal(host.states(berth), {WEB: "running", f"{NAME}-bad": "running"})
    tap.contains(berth.run("apply", "-y").expect(0).out, "Nothing to do")


if __name__ == "__main__":
    host.main(globals())
