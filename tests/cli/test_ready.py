#!/usr/bin/python3
"""apply --wait (EN-35) on the real host: in-process and through the daemon."""
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import ready  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon  # noqa: E402

MUTE = ready.name("mute")
WEB = ready.name("web")


def has_address(berth, name):
    return "10.77.2." in berth.run("exec", name, "--", "ip", "addr", "show", "dev", "eth0").expect(0).out


def check(berth):
    """ready with an address; not ready in time; again; somebody else writes meanwhile"""
    done = host.apply(berth, ready.files(ready.WEB), "--wait", "--timeout", "60s").expect(0)
    tap.contains(done.err, "Ready after")
    tap.equal(has_address(berth, WEB), True)
    late = host.apply(berth, ready.files(ready.WEB, ready.MUTE), "--wait", "--timeout", "6s", "--format", "json").expect(6)
    told = json.loads(late.out)
    tap.equal((told["ready"], told["not_ready"], told["exit_status"]),
              (False, {f"instance/default//{MUTE}": "has no address on network lan (eth0)"}, 6))
    tap.contains(late.err, f"instance/{MUTE} has no address on network lan (eth0)")
    tap.equal(host.states(berth)[MUTE], "running", "the changes stay")
    tap.contains(berth.run("apply", "-y", "--wait", "--timeout", "1s").expect(6).err, MUTE)
    berth.run("apply", "-y").expect(0)
    berth.run("apply", "-y", "--wait", "--no-wait").expect(0)
    waiting = berth.start("apply", "-y", "--wait", "--timeout", "60s")
    time.sleep(1)
    berth.run("exec", MUTE, "--", "sh", "-c", "ip link set eth0 up; ip addr add 10.77.2.99/24 dev eth0").expect(0)
    tap.equal(waiting.wait(timeout=30), 0, waiting.communicate()[1])


def test_in_process(berth):
    """pool, network and instances are waited for by the command itself"""
    check(berth)
    berth.run("destroy", "--all", "-y").expect(0)


def test_by_the_daemon(berth):
    """the same through a daemon"""
    with Daemon(berth):
        check(berth)
        berth.run("destroy", "--all", "-y").expect(0)


def test_others_can_write(berth):
    """who waits keeps nobody out, uses no CPU, and is told of what is deleted meanwhile"""
    berth.write("berth.yaml", ready.files(ready.MUTE))
    waiting = berth.start("apply", "-y", "--wait", "--timeout", "10m")
    host.wait_for(lambda: host.states(berth).get(MUTE) == "running", "the apply", 60)
    berth.write("other.yaml", "profiles:\n- name: other\n")
    berth.run("apply", "-y", "-f", "other.yaml", "--set", "other", timeout=30).expect(0)
    before = cpu(waiting.pid)
    time.sleep(5)
    used = cpu(waiting.pid) - before
    print(f"# waiting used {used} ms of CPU time in 5 s")
    if used > 1500:
        raise AssertionError(f"{used} ms of CPU time in 5 s")
    berth.run("destroy", "--all", "-y").expect(0)
    tap.equal(waiting.wait(timeout=30), 6)
    tap.contains(waiting.communicate()[1], f"instance/{MUTE} is gone")


def test_environment(berth):
    """what `env up --wait` made is waited for as well"""
    berth.write("berth.yaml", ready.files(ready.MUTE))
    made = berth.run("env", "up", "-y", "--wait", "--timeout", "3s", "--name", host.NAME, "berth.yaml").expect(6)
    tap.contains(made.err, f"instance/{MUTE} (project {host.NAME}) has no address")
    berth.run("env", "down", "-y", host.NAME).expect(0)


def test_network_without_its_server(berth):
    """a network whose DHCP server died is not ready, and is so when it is back"""
    host.apply(berth, ready.files("").replace("instances:\n", ""), "--wait", "--timeout", "30s").expect(0)
    with open(os.path.join(berth.state, "networks", "lan", "dnsmasq.pid"), encoding="utf-8") as file:
        pid = json.load(file)["process"][0]
    os.kill(pid, 9)
    tap.equal(berth.run("wait", "network/lan", "--timeout", "1s").status, 6)
    subprocess.run(["ip", "link", "set", "lan", "down"], check=True)
    tap.equal(berth.run("wait", "network/lan", "--timeout", "1s").status, 6)
    berth.run("apply", "-y", "--wait", "--timeout", "30s").expect(0)
    berth.run("wait", "network/lan", "--timeout", "1s").expect(0)
    berth.run("destroy", "--all", "-y").expect(0)


def cpu(pid):
    """milliseconds of CPU time that a process used"""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1000 // os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    host.main(globals())
