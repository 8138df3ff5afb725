#!/usr/bin/python3
"""Instances made of others, with Debian's lxc: empty ones, copies within and between projects and pools, moves, and images published
of them."""
import hashlib
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon, Monitor  # noqa: E402

NAME = host.NAME
BRIDGE = f"br{NAME}"
C = f"{NAME}c"
STATE = f"""
storage_pools:
- {{name: data, driver: dir}}
- {{name: other, driver: dir}}
- {{name: snap, driver: btrfs, config: {{size: 256MiB}}}}
networks: [{{name: {BRIDGE}, config: {{ipv4.address: 10.79.0.1/24, ipv6.address: none}}}}]
images: [{{name: busybox, source: 'builtin:busybox'}}]
projects: [{{name: team, config: {{features.images: 'false', features.profiles: 'false'}}}}]
profiles:
- name: default
  devices: {{root: {{type: disk, path: /, pool: data}}, eth0: {{type: nic, network: {BRIDGE}}}}}
"""


def prepared(berth):
    berth.run("apply", "-y", "-q", "-f", berth.write("state.yaml", STATE)).expect(0)
    return Daemon(berth)


def volume(daemon, name, pool="data"):
    return os.path.join(daemon.berth.state, "storage-pools", pool, "containers", name)


def shown(daemon, name, query=""):
    return daemon.ask("GET", f"/1.0/instances/{name}{query}").expect(200).metadata


def content(daemon, name, pool="data"):
    with open(os.path.join(volume(daemon, name, pool), "rootfs", "root", "note"), encoding="ascii") as file:
        return file.read()


def made(daemon, *args):
    """an instance with a file of its own, a link and an owner"""
    daemon.lxc("init", "busybox", C, *args).expect(0)
    daemon.lxc("file", "push", "-", f"{C}/root/note", "--uid", "7", "--mode", "0640", stdin="precious").expect(0)


def test_empty(berth):
    """lxc init --empty makes an instance of nothing; with an image named beside it is refused"""
    with prepared(berth) as daemon:
        before = host.fingerprint(berth.state, NAME)
        daemon.lxc("init", C, "--empty").expect(0)
        tap.equal(os.listdir(os.path.join(volume(daemon, C), "rootfs")), [])
        tap.equal("volatile.base_image" in shown(daemon, C)["config"], False)
        berth.run("plan", "-f", berth.write("state.yaml", STATE), "--detailed-exitcode").expect(0)
        daemon.lxc("delete", C).expect(0)
        host.same(before, host.fingerprint(berth.state, NAME), ignore=("processes", "files"))
    berth.write("both.yaml", "instances: [{name: x, source: {type: none, alias: busybox}}]\n")
    tap.contains(berth.run("validate", "both.yaml").expect(65).err, "leave one out")


def test_copy(berth):
    """a copy has the files, config and devices of its source, and MAC and uuid of its own; what is said beside it wins"""
    with prepared(berth) as daemon:
        made(daemon, "-c", "user.a=1", "-c", "user.b=2", "-c", "limits.memory=64MiB")
        with Monitor(daemon) as monitor:
            daemon.lxc("copy", C, f"{C}2", "-c", "user.a=9").expect(0)
            tap.equal(monitor.wait_for("instance-created")["metadata"]["source"], f"/1.0/instances/{C}2")
        first, second = shown(daemon, C), shown(daemon, f"{C}2")
        tap.equal([second["config"][key] for key in ("user.a", "user.b", "limits.memory")], ["9", "2", "64MiB"])
        tap.equal(second["config"]["volatile.base_image"], first["config"]["volatile.base_image"])
        for key in ("volatile.uuid", "volatile.eth0.hwaddr"):
            assert first["config"][key] != second["config"][key], key
        tap.equal(content(daemon, f"{C}2"), "precious")
        info = os.stat(os.path.join(volume(daemon, f"{C}2"), "rootfs", "root", "note"))
        tap.equal((info.st_uid, info.st_mode & 0o777), (7, 0o640))
        # They are two: what one gets the other does not.
        daemon.lxc("file", "push", "-", f"{C}2/root/note", stdin="other").expect(0)
        tap.equal(content(daemon, C), "precious")
        daemon.lxc("start", C, f"{C}2").expect(0)
        tap.equal(daemon.lxc("exec", f"{C}2", "--", "cat", "/root/note").expect(0).out, "other")
        # Running, its files change while they are read.
        tap.contains(daemon.lxc("copy", C, f"{C}3").expect(1).err, "running")
        daemon.lxc("copy", C, f"{C}3", "--allow-inconsistent").expect(0)
        daemon.lxc("delete", "-f", C).expect(0)
        tap.equal(content(daemon, f"{C}3"), "precious")
        history = berth.run("history").out
        for name in (f"{C}2", f"{C}3"):
            echoed = daemon.ask("GET", f"/1.0/instances/{name}").metadata
            daemon.done("PUT", f"/1.0/instances/{name}", echoed)
        tap.equal(berth.run("history").out, history)
        for body, status, word in (({"source": "nosuch"}, 404, "not found"), ({"source": ""}, 400, "source"),
                                   ({"source": f"{C}2", "refresh": True}, 501, "refresh"), ({"source": f"{C}2/snap"}, 501, "snapshot"),
                                   ({"source": f"{C}2", "project": "nosuch"}, 404, "not found")):
            answer = daemon.ask("POST", "/1.0/instances", {"name": f"{C}9", "source": {"type": "copy", **body}})
            assert answer.status in (status, 400), (body, answer.status, answer.bytes)
            tap.contains(answer.json["error"], word)
        for name in (f"{C}2", f"{C}3"):
            daemon.lxc("delete", "-f", name).expect(0)


def test_pools(berth):
    """copies go to other pools, on btrfs they are snapshots, of running instances too"""
    with prepared(berth) as daemon:
        made(daemon)
        daemon.lxc("copy", C, f"{C}2", "-s", "other").expect(0)
        tap.equal(content(daemon, f"{C}2", "other"), "precious")
        daemon.lxc("copy", C, f"{C}3", "-s", "snap").expect(0)
        tap.equal(content(daemon, f"{C}3", "snap"), "precious")
        daemon.lxc("start", f"{C}3").expect(0)
        daemon.lxc("copy", f"{C}3", f"{C}4").expect(0)
        tap.equal(content(daemon, f"{C}4", "snap"), "precious")
        # A subvolume is one by its inode; a snapshot shares what it was made of.
        tap.equal(os.stat(volume(daemon, f"{C}4", "snap")).st_ino, 256)
        uuids = [subprocess.run(["btrfs", "subvolume", "show", volume(daemon, f"{C}{n}", "snap")], check=True, text=True,
                                capture_output=True).stdout for n in (3, 4)]
        own = [line.split()[1] for line in uuids[0].splitlines() if line.strip().startswith("UUID:")]
        parent = [line.split()[2] for line in uuids[1].splitlines() if line.strip().startswith("Parent UUID:")]
        tap.equal(parent, own)
        daemon.lxc("copy", f"{C}4", f"{C}5", "-s", "data").expect(0)
        tap.equal(content(daemon, f"{C}5"), "precious")
        for number in ("", 2, 3, 4, 5):
            daemon.lxc("delete", "-f", f"{C}{number}").expect(0)


def test_projects(berth):
    """copies and moves between projects; a move keeps what was drawn; a name that is taken leaves all as it was"""
    with prepared(berth) as daemon:
        made(daemon)
        daemon.lxc("copy", C, C, "--target-project", "team").expect(0)
        tap.equal(content(daemon, f"team_{C}"), "precious")
        tap.contains(daemon.lxc("move", C, C, "--target-project", "team").expect(1).err, "already exists")
        tap.equal(content(daemon, C), "precious")
        daemon.lxc("delete", C, "--project", "team").expect(0)
        before = shown(daemon, C)["config"]
        daemon.lxc("move", C, f"{C}m", "--target-project", "team").expect(0)
        after = shown(daemon, f"{C}m", "?project=team")["config"]
        tap.equal({key: before[key] for key in before if key != "volatile.last_state.power"},
                  {key: after[key] for key in after if key != "volatile.last_state.power"})
        tap.equal(content(daemon, f"team_{C}m"), "precious")
        daemon.ask("GET", f"/1.0/instances/{C}").expect(404)
        tap.equal(os.path.exists(volume(daemon, C)), False)
        daemon.lxc("start", f"{C}m", "--project", "team").expect(0)
        tap.contains(daemon.lxc("move", f"{C}m", C, "--project", "team", "--target-project", "default").expect(1).err, "unning")
        daemon.lxc("delete", "-f", f"{C}m", "--project", "team").expect(0)
        tap.equal([name for name in os.listdir(os.path.dirname(volume(daemon, C))) if not name.startswith(".")], [])


def test_killed(berth):
    """a daemon that is killed while it copies leaves a whole copy or none"""
    with prepared(berth) as daemon:
        made(daemon)
        daemon.lxc("file", "push", "/bin/busybox" if os.path.exists("/bin/busybox") else "/bin/bash", f"{C}/root/big").expect(0)
        for delay in range(12):
            daemon.ask("POST", "/1.0/instances", {"name": f"{C}k", "source": {"type": "copy", "source": C}}).expect(202)
            subprocess.run(["sleep", str(delay * 0.01)], check=True)
            daemon.process.kill()
            daemon.process.wait()
            daemon.start()
            there = daemon.ask("GET", f"/1.0/instances/{C}k").status == 200
            tap.equal(os.path.exists(volume(daemon, f"{C}k")), there)
            tap.equal([name for name in os.listdir(os.path.dirname(volume(daemon, C))) if name.startswith(".new")], [])
            tap.equal(content(daemon, C), "precious")
            if there:
                tap.equal(content(daemon, f"{C}k"), "precious")
                daemon.done("DELETE", f"/1.0/instances/{C}k")
        daemon.lxc("delete", C).expect(0)


def test_publish(berth):
    """lxc publish makes an image with properties and alias, which makes the same instance again; compression is as chosen (IMG-050..054)"""
    with prepared(berth) as daemon:
        made(daemon)
        daemon.lxc("publish", C, "--alias", "mine", "--public", "os=Mine", "description=My image").expect(0)
        image, = [item for item in daemon.ask("GET", "/1.0/images?recursion=1").metadata if item["aliases"][0]["name"] == "mine"]
        tap.equal((image["public"], image["properties"]), (True, {"os": "Mine", "description": "My image"}))
        with open(os.path.join(berth.state, "images", image["fingerprint"]), "rb") as file:
            packed = file.read()
        tap.equal((packed[:2], hashlib.sha256(packed).hexdigest()), (b"\x1f\x8b", image["fingerprint"]))
        daemon.lxc("launch", "mine", f"{C}2").expect(0)
        tap.equal(daemon.lxc("exec", f"{C}2", "--", "cat", "/root/note").expect(0).out, "precious")
        tap.equal(daemon.lxc("exec", f"{C}2", "--", "stat", "-c", "%u %a", "/root/note").expect(0).out, "7 640\n")
        # Of one that runs there is none.
        tap.contains(daemon.lxc("publish", f"{C}2").expect(1).err, "running")
        body = {"source": {"type": "instance", "name": f"{C}2"}}
        tap.contains(daemon.ask("POST", "/1.0/images", body).expect(400).json["error"], "running")
        daemon.lxc("delete", "-f", f"{C}2").expect(0)
        for compressor, magic in (("none", b"metadata.yaml"), ("xz -1", b"\xfd7zXZ"), ("bzip2", b"BZh")):
            daemon.ask("PATCH", "/1.0", {"config": {"images.compression_algorithm": compressor}}).expect(200)
            operation = daemon.done("POST", "/1.0/images", {"source": {"type": "instance", "name": C}, "properties": {"n": compressor}})
            path = os.path.join(berth.state, "images", operation["metadata"]["fingerprint"])
            with open(path, "rb") as file:
                tap.equal(file.read(len(magic)), magic)
        # The request's own goes first; what is not there makes nothing.
        operation = daemon.done("POST", "/1.0/images", {"source": {"type": "instance", "name": C}, "compression_algorithm": "gzip",
                                                        "aliases": [{"name": "second", "description": ""}], "filename": "my.tar.gz"})
        second = daemon.ask("GET", f"/1.0/images/{operation['metadata']['fingerprint']}").metadata
        tap.equal((second["filename"], second["aliases"][0]["name"]), ("my.tar.gz", "second"))
        tap.equal(second["properties"], json.loads(json.dumps(daemon.ask("GET", f"/1.0/instances/{C}/metadata").metadata))["properties"])
        count = len(daemon.ask("GET", "/1.0/images").metadata)
        for wrong, word in (({"compression_algorithm": "no-such-program"}, "no-such-program"),):
            failed = daemon.wait(daemon.ask("POST", "/1.0/images", {**body, "source": {"type": "instance", "name": C}, **wrong}))
            tap.equal(failed["status"], "Failure")
            tap.contains(failed["err"], word)
        daemon.ask("POST", "/1.0/images", {"source": {"type": "instance", "name": "nosuch"}}).expect(404)
        tap.equal(len(daemon.ask("GET", "/1.0/images").metadata), count)
        # A project's own comes before the server's (PJ-109).
        daemon.ask("POST", "/1.0/projects", {"name": "z", "config": {"features.profiles": "false", "images.compression_algorithm": "gzip"}}).expect(201)
        daemon.lxc("copy", C, C, "--target-project", "z").expect(0)
        operation = daemon.done("POST", "/1.0/images?project=z", {"source": {"type": "instance", "name": C}, "properties": {"n": "z"}})
        with open(os.path.join(berth.state, "images", operation["metadata"]["fingerprint"]), "rb") as file:
            tap.equal(file.read(2), b"\x1f\x8b")
        daemon.lxc("delete", C, "--project", "z").expect(0)
        # An empty one can be published too.
        daemon.lxc("init", f"{C}e", "--empty").expect(0)
        daemon.lxc("publish", f"{C}e", "--alias", "nothing").expect(0)
        daemon.lxc("delete", C, f"{C}e").expect(0)


if __name__ == "__main__":
    host.main(globals())
