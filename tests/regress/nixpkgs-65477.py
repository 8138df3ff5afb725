#!/usr/bin/python3
"""nixpkgs#65477: a switch that cut its own administrator off stayed, as nobody was left who could take it back."""
import json
import signal
import socket
import subprocess
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402

LAN = "networks:\n- name: lan\n  config: {ipv4.address: 10.77.9.%s/24, ipv4.nat: false, ipv6.address: none}\n"


def address(berth):
    links = json.loads(host.output("ip", "-j", "-4", "address", "show", "lan"))
    return links[0]["addr_info"][0]["local"]


def test_taken_back_by_itself(berth):
    """an apply whose client is killed right after it is taken back on the host when nobody confirms it; a confirmed one stays"""
    berth.write("berth.yaml", LAN % 1)
    berth.run("apply", "-y").expect(0)
    tap.equal(address(berth), "10.77.9.1")
    berth.write("berth.yaml", LAN % 2)
    process = berth.start("apply", "-y", "--confirm-within", "4s")
    host.wait_for(lambda: address(berth) == "10.77.9.2", "the new address")
    host.wait_for(lambda: process.poll() is not None or json.loads(berth.run("history", "--format", "json").out)[0]["generation"] == 2,
                  "the commit")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    host.wait_for(lambda: address(berth) == "10.77.9.1", "the old address again", 30)
    number = json.loads(berth.run("apply", "-y", "--confirm-within", "3s", "--format", "json").expect(0).out)["generation"]
    berth.run("confirm", str(number)).expect(0)
    host.wait_for(lambda: json.loads(berth.run("plan", "--format", "json").expect(0).out)["objects"] == [], "quiet")
    tap.equal(address(berth), "10.77.9.2")
    berth.run("destroy", "-y").expect(0)


def system_log():
    """a /dev of the test's own with a system's log in it, which is returned"""
    new = tempfile.mkdtemp()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", new], check=True)
    for name in ("null", "zero", "random", "urandom"):
        with open(os.path.join(new, name), "x", encoding="ascii"):
            pass
        subprocess.run(["mount", "--bind", f"/dev/{name}", os.path.join(new, name)], check=True)
    subprocess.run(["mount", "--move", new, "/dev"], check=True)
    os.rmdir(new)
    log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    log.bind("/dev/log")
    log.settimeout(30)
    return log


def test_says_what_is_in_its_way(berth):
    """without a daemon, what waits for a confirmation is seen in status; why it cannot be taken back, in the system's log"""
    with system_log() as log:
        berth.write("berth.yaml", LAN % 1)
        berth.run("apply", "-y").expect(0)
        berth.write("berth.yaml", "profiles:\n- name: a\n")
        result = berth.run("apply", "-y", "--prune", "--confirm-within", "5s", "--format", "json").expect(0)
        number = json.loads(result.out)["generation"]
        tap.contains(berth.run("status").expect(0).out, f"unless you confirm it: berth confirm {number}")
        host.output("ip", "link", "add", "lan", "type", "bridge")
        text = log.recv(65536).decode()
        tap.contains(text, "berth[")
        tap.contains(text, f"generation {number} was not confirmed in time, and cannot be reverted")
        tap.contains(berth.run("status").expect(0).out, f"not taken back yet: berth revert {number}")
        host.output("ip", "link", "delete", "lan")
        tap.contains(berth.run("apply", "-y", "--prune").err, "has been reverted")
        tap.absent(berth.run("status").expect(0).out, "confirm")


if __name__ == "__main__":
    host.main(globals())
