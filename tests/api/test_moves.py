#!/usr/bin/python3
"""Instances that go to other pools with their data: over the API with Debian's lxc (EXT-228), and by state files."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon, Monitor  # noqa: E402

NAME = host.NAME
C = f"{NAME}c"
STATE = """
storage_pools:
- {name: data, driver: dir}
- {name: other, driver: dir}
- {name: snap, driver: btrfs, config: {size: 256MiB}}
- {name: snap2, driver: btrfs, config: {size: 256MiB}}
images: [{name: busybox, source: 'builtin:busybox'}]
projects: [{name: team, config: {features.images: 'false', features.profiles: 'false'}}]
profiles:
- name: default
  devices: {root: {type: disk, path: /, pool: data}}
"""


def prepared(berth):
    berth.run("apply", "-y", "-q", "-f", berth.write("state.yaml", STATE)).expect(0)
    return Daemon(berth)


def volumes(berth, name):
    """the pools that have a volume of that name, and what is parked or half made anywhere"""
    pools, rest = [], []
    for pool in ("data", "other", "snap", "snap2"):
        folder = os.path.join(berth.state, "storage-pools", pool, "containers")
        for entry in os.listdir(folder) if os.path.isdir(folder) else []:
            if entry == name:
                pools.append(pool)
            elif entry.startswith("."):
                rest.append(f"{pool}/{entry}")
    return pools, rest


def check(berth, name, pool, disk=None):
    """the data are on that pool, whole, and nowhere else"""
    disk = disk or name
    tap.equal(volumes(berth, disk), ([pool], []))
    path = os.path.join(berth.state, "storage-pools", pool, "containers", disk, "rootfs", "root", "note")
    with open(path, encoding="ascii") as file:
        tap.equal(file.read(), "precious")
    info = os.stat(path)
    tap.equal((info.st_uid, info.st_gid, info.st_mode & 0o777), (7, 8, 0o640))
    tap.equal(os.path.realpath(os.path.join(berth.state, "containers", disk)), os.path.dirname(os.path.dirname(os.path.dirname(path))))


def made(daemon, *args):
    daemon.lxc("init", "busybox", C, *args).expect(0)
    daemon.lxc("file", "push", "-", f"{C}/root/note", "--uid", "7", "--gid", "8", "--mode", "0640", stdin="precious").expect(0)


def shown(daemon, name, query=""):
    return daemon.ask("GET", f"/1.0/instances/{name}{query}").expect(200).metadata


def limit(berth, pool):
    path = os.path.join(berth.state, "storage-pools", pool, "containers", C)
    lines = subprocess.run(["btrfs", "qgroup", "show", "-r", "-f", "--raw", path], check=True, text=True, capture_output=True).stdout
    return lines.splitlines()[-1].split()[3]


def test_lxc(berth):
    """lxc move --storage: from any pool to any, under another name too; config and drawn values stay; a running one is refused"""
    with prepared(berth) as daemon:
        made(daemon, "-c", "user.a=1")
        before = shown(daemon, C)
        with Monitor(daemon) as monitor:
            daemon.lxc("move", C, "--storage", "snap").expect(0)
            tap.equal(monitor.wait_for("instance-updated")["metadata"]["source"], f"/1.0/instances/{C}")
        check(berth, C, "snap")
        after = shown(daemon, C)
        tap.equal(after["config"], before["config"])
        tap.equal((after["devices"]["root"], after["created_at"]), ({"type": "disk", "path": "/", "pool": "snap"}, before["created_at"]))
        berth.run("drift").expect(0)
        berth.run("plan", "-f", "state.yaml", "--detailed-exitcode").expect(0)
        for pool in ("snap2", "other", "data", "snap"):
            daemon.lxc("move", C, "--storage", pool).expect(0)
            check(berth, C, pool)
        daemon.lxc("start", C).expect(0)
        tap.equal(daemon.lxc("exec", C, "--", "cat", "/root/note").expect(0).out, "precious")
        tap.contains(daemon.lxc("move", C, "--storage", "data").expect(1).err, "running")
        daemon.lxc("stop", "-f", C).expect(0)
        tap.contains(daemon.lxc("move", C, "--storage", "snap").expect(1).err, "already")
        tap.contains(daemon.lxc("move", C, "--storage", "nosuch").expect(1).err, "nosuch")
        daemon.lxc("move", C, f"{C}2", "--storage", "other").expect(0)
        check(berth, f"{C}2", "other")
        tap.equal(volumes(berth, C), ([], []))
        daemon.ask("GET", f"/1.0/instances/{C}").expect(404)
        # lxc asks for one of both at a time.
        daemon.done("POST", f"/1.0/instances/{C}2", {"name": C, "pool": "snap", "project": "team"})
        check(berth, C, "snap", f"team_{C}")
        daemon.lxc("start", C, "--project", "team").expect(0)
        tap.equal(daemon.lxc("exec", C, "--project", "team", "--", "cat", "/root/note").expect(0).out, "precious")
        daemon.lxc("delete", "-f", C, "--project", "team").expect(0)
        tap.equal(volumes(berth, f"team_{C}"), ([], []))


def test_empty(berth):
    """an instance without an image keeps its files when it is renamed, and when it goes to another pool"""
    with prepared(berth) as daemon:
        daemon.lxc("init", C, "--empty").expect(0)
        with open(os.path.join(berth.state, "storage-pools", "data", "containers", C, "rootfs", "note"), "w", encoding="ascii") as file:
            file.write("kept")
        daemon.lxc("rename", C, f"{C}2").expect(0)
        daemon.lxc("move", f"{C}2", C).expect(0)
        daemon.lxc("move", C, "--storage", "other").expect(0)
        with open(os.path.join(berth.state, "storage-pools", "other", "containers", C, "rootfs", "note"), encoding="ascii") as file:
            tap.equal(file.read(), "kept")


def test_limits(berth):
    """the size of a root disk goes along: in force on btrfs, wherever it comes from"""
    with prepared(berth) as daemon:
        made(daemon, "-d", "root,size=48MiB", "-s", "snap")
        tap.equal(limit(berth, "snap"), str(48 << 20))
        for pool, wanted in (("snap2", 48 << 20), ("data", None), ("snap", 48 << 20)):
            daemon.lxc("move", C, "--storage", pool).expect(0)
            check(berth, C, pool)
            if wanted:
                tap.equal(limit(berth, pool), str(wanted))
            berth.run("drift").expect(0)


def test_refused(berth):
    """what is in the way, or an edit of the pool itself, changes nothing; a dry run moves nothing"""
    with prepared(berth) as daemon:
        made(daemon)
        where = os.path.join(berth.state, "storage-pools", "other", "containers", C)
        os.makedirs(where)
        before = host.fingerprint(berth.state, NAME)
        tap.contains(daemon.lxc("move", C, "--storage", "other").expect(1).err, "is not a volume of berth")
        daemon.lxc("move", C, f"{C}2", "--storage", "other").expect(0)
        daemon.lxc("move", f"{C}2", C, "--storage", "data").expect(0)
        host.same(before, host.fingerprint(berth.state, NAME), ignore=("files", "processes"))
        os.rmdir(where)
        device = {"type": "disk", "path": "/", "pool": "other"}
        plan = daemon.ask("POST", f"/1.0/instances/{C}?dry-run=1", {"pool": "other", "name": C}).expect(200).metadata["plan"]
        tap.equal([o["key"] for o in plan["objects"]], [f"instance/default//{C}"])
        check(berth, C, "data")
        daemon.lxc("move", C, "--storage", "other").expect(0)
        answer = daemon.ask("PATCH", f"/1.0/instances/{C}", {"devices": {"root": {**device, "pool": "snap"}}})
        tap.contains(answer.expect(400).json["error"], "cannot be changed")
        check(berth, C, "other")
        tap.contains(daemon.ask("POST", f"/1.0/instances/{C}", {"pool": "other"}).expect(400).json["error"], "already")
        daemon.ask("POST", f"/1.0/instances/{C}", {"pool": "nosuch"}).expect(404)
        daemon.ask("POST", f"/1.0/instances/{C}", {"pool": "data", "name": "-"}).expect(400)
        # To another server: refused by name, both ends of it.
        answer = daemon.ask("POST", f"/1.0/instances/{C}", {"name": C, "migration": True, "live": False})
        tap.contains(answer.expect(400).json["error"], "moving an instance to another server is not supported")
        answer = daemon.ask("POST", "/1.0/instances", {"name": f"{C}9", "source": {"type": "migration", "mode": "pull", "operation": "https://x"}})
        tap.contains(answer.expect(400).json["error"], 'source.type: "migration" is not supported')


def test_files(berth):
    """a state file that names another pool has the data moved; while it runs that is refused; a rollback moves them back"""
    def state(pool, state, profile="data"):
        text = STATE.replace("pool: data", f"pool: {profile}")
        device = f"\n  devices: {{root: {{type: disk, path: /, pool: {pool}}}}}" if pool else ""
        return berth.write("state.yaml", text + f"instances:\n- name: {C}\n  image: busybox\n  state: {state}{device}\n")

    def apply(*args):
        return berth.run("apply", "-y", "-f", state(*args))

    with Daemon(berth) as daemon:
        apply("data", "stopped").expect(0)
        daemon.lxc("file", "push", "-", f"{C}/root/note", "--uid", "7", "--gid", "8", "--mode", "0640", stdin="precious").expect(0)
    tap.contains(berth.run("plan", "-f", state("snap", "stopped")).expect(0).out, "devices.root.pool: data -> snap  (live)")
    apply("snap", "stopped").expect(0)
    check(berth, C, "snap")
    tap.contains(apply("snap", "stopped").expect(0).out, "Nothing to do")
    apply("snap", "running").expect(0)
    tap.contains(apply("data", "running").expect(8).err, "it is running: stop it")
    tap.contains(apply("data", "stopped").expect(8).err, "it is running: stop it")
    apply("snap", "stopped").expect(0)
    berth.run("apply", "-y", "-f", state("data", "stopped"), "--no-park", f"instance/{C}").expect(0)
    check(berth, C, "data")
    berth.run("rollback", "-y").expect(0)
    check(berth, C, "snap")
    apply(None, "stopped", "snap").expect(0)
    check(berth, C, "snap")
    apply(None, "stopped", "other").expect(0)
    check(berth, C, "other")
    apply(None, "running", "other").expect(0)
    tap.equal(berth.run("exec", C, "--", "cat", "/root/note").expect(0).out, "precious")
    berth.run("destroy", "-y", "-f", "state.yaml").expect(0)


def test_killed(berth):
    """a daemon that is killed while it moves leaves the data whole on one pool, and the model says which"""
    with prepared(berth) as daemon:
        made(daemon)
        busybox = "/bin/busybox" if os.path.exists("/bin/busybox") else "/bin/bash"
        daemon.lxc("file", "push", busybox, f"{C}/root/big").expect(0)
        seen = set()
        # Later and later, until it was too late to stop it, too: on a slow host that takes more rounds.
        for delay in range(200):
            to = "other" if "data" in volumes(berth, C)[0] else "data"
            daemon.ask("POST", f"/1.0/instances/{C}", {"pool": to, "name": C}).expect(202)
            subprocess.run(["sleep", str(delay * 0.006)], check=True)
            daemon.process.kill()
            daemon.process.wait()
            daemon.start()
            pool = shown(daemon, C)["expanded_devices"]["root"]["pool"]
            seen.add(pool == to)
            check(berth, C, pool)
            if delay >= 23 and len(seen) == 2:
                break
        tap.equal(seen, {True, False}, "killed before and after the commit")
        daemon.lxc("start", C).expect(0)
        daemon.lxc("delete", "-f", C).expect(0)


host.main(globals())
