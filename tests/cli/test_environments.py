#!/usr/bin/python3
"""Environments (EN-51) and applies that wait for a confirmation (EN-33), on the real host."""
import hashlib
import json
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import daemon  # noqa: E402
import host  # noqa: E402
import tap  # noqa: E402

NAME = host.NAME
FILES = """\
storage_pools:
- {name: pool, driver: dir}
networks:
- name: lan
  config: {ipv4.address: 10.77.1.1/24, ipv4.nat: false, ipv6.address: none}
images:
- {name: busybox, source: "builtin:busybox"}
profiles:
- name: small
  devices:
    root: {type: disk, path: /, pool: pool}
    eth0: {type: nic, network: lan}
instances:
- {name: web, image: busybox, profiles: [small], state: running}
- {name: db, image: busybox, profiles: [small], state: running}
"""


def pings(berth, project):
    return berth.run("exec", "--project", project, "web", "--", "ping", "-c", "1", "-W", "1", "db").status == 0


def subnet(berth, name):
    networks = json.loads(berth.run("get", "network", "--format", "json").expect(0).out)
    return {item["name"]: item["generated"].get("ipv4.address") for item in networks if item["owner"] == f"env:{name}"}


def groups_count(berth):
    """control groups that berth left count, those of other state directories do not"""
    mark = "berth-" + hashlib.sha256(berth.state.encode()).hexdigest()[:8]
    for name, status in ((f"berth-00000000.{NAME}", 0), (f"{mark}.{NAME}", 2)):
        group = os.path.join("/sys/fs/cgroup/pids" if os.path.isdir("/sys/fs/cgroup/pids") else "/sys/fs/cgroup", name)
        os.mkdir(group)
        left = berth.run("env", "leaks", "--baseline", berth.path("base.json"))
        os.rmdir(group)
        tap.equal((left.status, name in left.out), (status, status == 2))


def test_side_by_side(berth):
    """two copies of the same files run side by side; each goes without a trace, and the other runs on"""
    berth.write("berth.yaml", FILES)
    before = host.fingerprint(berth.state, NAME)
    one, two = f"{NAME}-a", f"{NAME}-b"
    berth.run("env", "leaks", "--save", "--baseline", berth.path("base.json")).expect(0)
    berth.run("env", "up", "-y", "--name", one, "--owner", "job-1", "berth.yaml").expect(0)
    berth.run("env", "up", "-y", "--name", two, "berth.yaml").expect(0)
    for project in (one, two):
        host.wait_for(lambda project=project: pings(berth, project), f"ping in {project}")
    first, second = subnet(berth, one), subnet(berth, two)
    tap.equal(len(first), 1)
    if set(first.values()) & set(second.values()) or set(first) & set(second):
        raise AssertionError(f"the networks meet: {first} {second}")
    listed = berth.run("env", "list").expect(0).out
    tap.contains(listed, one)
    tap.contains(listed, "job-1")
    tap.contains(berth.run("env", "up", "-y", "--name", one, "--owner", "job-1", "berth.yaml").expect(0).out, "Nothing to do")
    spec = json.loads(berth.run("get", f"environment/{one}", "--format", "json").expect(0).out)["spec"]
    tap.equal((spec["project"], [os.path.basename(path) for path in spec["files"]]), (one, ["berth.yaml"]))
    more = berth.run("env", "leaks", "--baseline", berth.path("base.json")).expect(2).out
    for part in ("links:", "control groups:", "processes:", "firewall chains:", "files:"):
        tap.contains(more, part)
    berth.run("env", "down", "-y", one).expect(0)
    tap.equal(pings(berth, two), True)
    berth.run("env", "down", "-y", two).expect(0)
    left = berth.run("env", "leaks", "--baseline", berth.path("base.json"))
    tap.equal((left.status, left.out), (0, ""))
    groups_count(berth)
    host.same(before, host.fingerprint(berth.state, NAME), ignore=("files",))


def test_refusals(berth):
    """what two copies cannot both have is refused by name and place; a lease belongs to its owner"""
    berth.write("berth.yaml", FILES)
    berth.write("fixed.yaml", FILES.replace("driver: dir}", "driver: dir, config: {source: /srv/x}}"))
    berth.write("host.yaml", "config: {user.x: y}\n")
    fixed = berth.run("env", "up", "-y", "--name", NAME, "fixed.yaml").expect(65).err
    tap.contains(fixed, "fixed.yaml:2")
    tap.contains(fixed, "config.source")
    tap.contains(berth.run("env", "up", "-y", "--name", NAME, "host.yaml").expect(65).err, "whole host")
    berth.run("env", "up", "-y", "--name", "Wrong", "berth.yaml").expect(65)
    berth.run("env", "up", "-y", "berth.yaml").expect(64)
    berth.run("env", "down", "-y", "nobody").expect(1)
    berth.run("env", "up", "-y", "--name", NAME, "--owner", "me", "berth.yaml").expect(0)
    berth.run("env", "up", "-y", "--name", NAME, "--owner", "you", "berth.yaml").expect(7)
    berth.run("env", "down", "-y", NAME).expect(0)


def test_leases(berth):
    """an environment is gone when its lease has ended, unless it was renewed"""
    berth.write("berth.yaml", FILES)
    berth.run("env", "up", "-y", "--name", NAME, "--ttl", "5s", "berth.yaml").expect(0)
    berth.run("env", "renew", NAME, "--ttl", "1h").expect(0)
    time.sleep(5.1)
    tap.contains(berth.run("env", "down", "-y", "--expired").expect(0).out, "Nothing to do")
    tap.equal(environments(berth), [NAME])
    berth.run("env", "renew", NAME, "--ttl", "1s").expect(0)
    time.sleep(1.1)
    berth.run("env", "down", "-y", "--expired").expect(0)  # unless it is gone by itself
    tap.equal(environments(berth), [])


def watchers():
    """processes that a command left behind to wait for deadlines"""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if b"--when-due" in file.read().split(b"\0"):
                    found.append(int(pid))
        except OSError:
            pass
    return found


def environments(berth):
    return [item["name"] for item in json.loads(berth.run("env", "list", "--format", "json").expect(0).out)]


def test_leases_without_a_daemon(berth):
    """leases end by themselves without a daemon: by one process for all of them, and, when that was killed, by the next one's or by
    `down --expired`; nothing is left of it or of them (EN-51)"""
    before = host.fingerprint(berth.state, NAME)
    one, two, three = (NAME + letter for letter in "abc")
    berth.write("berth.yaml", FILES)
    berth.write("small.yaml", "profiles: [{name: a}]\n")

    def up(name, ttl, path="small.yaml"):
        return berth.run("env", "up", "-y", "--name", name, "--ttl", ttl, path).expect(0).err

    tap.contains(up(one, "1h", "berth.yaml"), "warning: after a reboot the lease ends with 'berth env down --expired'")
    tap.equal(len(watchers()), 1)
    for name in (two, three):
        up(name, "1h")
    host.wait_for(lambda: len(watchers()) == 1, "one that waits for all")
    waits = watchers()
    berth.run("env", "renew", one, "--ttl", "2s").expect(0)
    host.wait_for(lambda: environments(berth) == [two, three], "the lease ends", 30)
    host.wait_for(lambda: watchers() == waits, "it waits for the others")
    tap.contains(berth.run("history").expect(0).out, f"env down {one}: its lease has ended")
    # Killed: the next one takes all over.
    os.kill(waits[0], signal.SIGKILL)
    berth.run("env", "renew", two, "--ttl", "1s").expect(0)
    host.wait_for(lambda: environments(berth) == [three], "the lease ends", 30)
    os.kill(watchers()[0], signal.SIGKILL)
    berth.run("env", "renew", three, "--ttl", "2s").expect(0)
    for pid in watchers():
        os.kill(pid, signal.SIGKILL)
    time.sleep(2)
    tap.equal(environments(berth), [three])
    berth.run("env", "down", "-y", "--expired").expect(0)
    # Down before its time: nobody waits any more.
    up(one, "1h")
    tap.equal(len(watchers()), 1)
    berth.run("env", "down", "-y", one).expect(0)
    host.wait_for(lambda: not watchers(), "the process to end")
    host.same(before, host.fingerprint(berth.state, NAME), ignore=("files",))


def test_killed_with_a_lease(berth):
    """`env up` that is killed in the middle leaves nothing, or an environment whose lease still ends it"""
    berth.write("berth.yaml", FILES)
    for delay in (0.05, 0.2, 0.5):
        process = berth.start("env", "up", "-y", "--name", NAME, "--ttl", "3s", "berth.yaml")
        time.sleep(delay)
        process.kill()
        process.communicate()
        berth.run("env", "list").expect(0)
        berth.run("apply", "-y", "-f", "-", stdin="profiles: [{name: other}]\n").expect(0)  # what was half made is undone
        tap.equal(environments(berth) in ([], [NAME]), True)
        if environments(berth):
            berth.run("env", "renew", NAME, "--ttl", "1s").expect(0)
        host.wait_for(lambda: environments(berth) == [], "the lease ends", 30)
        host.wait_for(lambda: not watchers(), "the process to end")


def memory(berth):
    instances = json.loads(berth.run("get", "instance", "--format", "json").expect(0).out)
    return {item["name"]: item["spec"]["config"].get("limits.memory") for item in instances}.get("web")


def test_confirm_without_a_daemon(berth):
    """an apply that nobody confirms is taken back by itself; one that is confirmed stays (EN-33)"""
    berth.write("berth.yaml", FILES)
    berth.run("apply", "-y").expect(0)
    berth.write("berth.yaml", FILES.replace("name: web, image: busybox", "name: web, config: {limits.memory: 64MiB}, image: busybox"))
    told = berth.run("apply", "-y", "--confirm-within", "3s").expect(0).err
    tap.contains(told, "berth confirm 2")
    tap.equal(memory(berth), "64MiB")
    host.wait_for(lambda: memory(berth) is None, "taken back", 30)
    tap.contains(berth.run("history").expect(0).out, "not confirmed in time")
    number = json.loads(berth.run("apply", "-y", "--confirm-within", "1h", "--format", "json").expect(0).out)["generation"]
    berth.write("other.yaml", FILES.replace("name: web, image: busybox", "name: web, config: {limits.memory: 1GiB}, image: busybox"))
    refused = berth.run("apply", "-y", "-f", "other.yaml", "--set", berth.path("berth.yaml")).expect(7).err
    tap.contains(refused, "berth confirm")
    berth.run("confirm", str(number)).expect(0)
    berth.run("confirm", str(number)).expect(1)
    tap.equal(memory(berth), "64MiB")
    number = json.loads(berth.run("destroy", "-y", "--format", "json").expect(0).out)["generation"]
    tap.equal(number > 0, True)


def test_deadlines_of_the_daemon(berth):
    """a daemon keeps deadlines and leases, and one that was killed meanwhile when it is back"""
    berth.write("berth.yaml", FILES)
    changed = FILES.replace("name: web, image: busybox", "name: web, config: {limits.memory: 64MiB}, image: busybox")
    with daemon.Daemon(berth) as berthd:
        berth.run("apply", "-y").expect(0)
        berth.write("berth.yaml", changed)
        berth.run("apply", "-y", "--confirm-within", "2s").expect(0)
        tap.equal(memory(berth), "64MiB")
        host.wait_for(lambda: memory(berth) is None, "taken back by the daemon", 30)
        berth.run("apply", "-y", "--confirm-within", "2s").expect(0)
        berthd.stop(signal.SIGKILL)
        time.sleep(2.1)
        berthd.start()
        host.wait_for(lambda: memory(berth) is None, "taken back after a kill", 30)
        berth.run("env", "up", "-y", "--name", NAME, "--ttl", "2s", "berth.yaml").expect(0)
        host.wait_for(lambda: berth.run("env", "list", "--format", "json").expect(0).out.strip() == "[]", "the lease ends", 30)
    berth.run("destroy", "-y", "--all").expect(0)


if __name__ == "__main__":
    host.main(globals())
