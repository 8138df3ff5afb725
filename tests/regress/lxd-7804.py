#!/usr/bin/python3
"""lxd#7804: a network could not be deleted before somebody had taken it out of each profile by hand."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon  # noqa: E402
from web import BRIDGE, STATE, WEB  # noqa: E402


def test_the_order_is_ours(berth):
    """what refers to an object goes before it, whatever the order of the files; on its own it is refused with who uses it (EN-23, NET-006)"""
    berth.write("berth.yaml", STATE)
    berth.run("apply", "-y").expect(0)
    with Daemon(berth) as daemon:
        tap.contains(daemon.ask("DELETE", f"/1.0/networks/{BRIDGE}").expect(400).bytes.decode(), f"instance/{WEB}")
    # A new network in place of the old one, named in the profile first and declared last.
    other = f"{BRIDGE}x"
    text = STATE.replace(f"networks: [{{name: {BRIDGE}, config: {{ipv4.address: 10.77.1.1/24, ipv6.address: none}}}}]\n", "")
    text = text.replace(f"network: {BRIDGE}", f"network: {other}") + f"networks: [{{name: {other}, config: {{ipv4.address: 10.78.1.1/24, ipv6.address: none}}}}]\n"
    berth.write("berth.yaml", text)
    berth.run("apply", "-y", "--prune").expect(0)
    tap.equal(set(host.links()) & {BRIDGE, other}, {other})
    tap.equal(host.states(berth), {WEB: "running"})
    berth.run("destroy", "-y").expect(0)
    tap.equal(set(host.links()) & {BRIDGE, other}, set())


if __name__ == "__main__":
    host.main(globals())
