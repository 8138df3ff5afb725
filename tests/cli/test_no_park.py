#!/usr/bin/python3
"""--no-park on the real host: data that is deleted for good before the commit, and said so (EN-31)."""
import io
import json
import os
import subprocess
import sys
import tarfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402

NAME = host.NAME
GONE = "its data is deleted for good at once"
BASE = """\
storage_pools:
- name: pool
  driver: dir
images:
- name: busybox
  source: builtin:busybox
- name: hollow
  source: {file: hollow.tar}
profiles:
- name: small
  devices:
    root: {type: disk, path: /, pool: pool}
"""


def instance(name, image="busybox", state="stopped"):
    return f"- {{name: {NAME}-{name}, image: {image}, profiles: [small], state: {state}}}\n"


def make_hollow(berth):
    """an image without any program in it: its containers cannot start"""
    with tarfile.open(berth.path("hollow.tar"), "w") as tar:
        text = f"architecture: {os.uname().machine}\ncreation_date: 1700000000\n".encode()
        member = tarfile.TarInfo("metadata.yaml")
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text))
        for folder in ("rootfs", "rootfs/etc"):
            member = tarfile.TarInfo(folder)
            member.type, member.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(member)


def volume(berth, name):
    return os.path.join(berth.state, "storage-pools/pool/containers", f"{NAME}-{name}")


def note(berth, name):
    """a file that only this root has"""
    with open(os.path.join(volume(berth, name), "rootfs/mine"), "w", encoding="ascii") as file:
        file.write("data\n")


def has_note(berth, name):
    return os.path.exists(os.path.join(volume(berth, name), "rootfs/mine"))


def test_delete(berth):
    """what is selected is gone for good though it would be kept; what is not is parked"""
    before = host.fingerprint(berth.state, NAME)
    make_hollow(berth)
    host.apply(berth, BASE + "instances:\n" + instance("a") + instance("b")).expect(0)
    berth.write("berth.yaml", BASE)
    plan = json.loads(berth.run("plan", "--prune", "--no-park", "instance/*-a", "--format", "json").expect(0).out)
    tap.equal(plan["irreversible"], [f"instance/{NAME}-a: {GONE}; a rollback makes it anew, empty"])
    berth.run("apply", "-y", "--prune", "--park-for", "1h", "--no-park", "instance/*-a").expect(0)
    parked = json.loads(berth.run("parked", "--format", "json").expect(0).out)
    tap.equal([item["key"] for item in parked], [f"instance/default//{NAME}-b"])
    tap.equal([name for name in os.listdir(os.path.dirname(volume(berth, "a"))) if name.endswith("-a")], [])
    berth.run("undelete", f"instance/{NAME}-a").expect(1)
    berth.run("purge", "--all").expect(0)
    host.down(berth, before)


def test_rebuild(berth):
    """a rebuild deletes the old root before it makes the new one"""
    before = host.fingerprint(berth.state, NAME)
    make_hollow(berth)
    host.apply(berth, BASE + "instances:\n" + instance("a", state="running")).expect(0)
    note(berth, "a")
    berth.write("berth.yaml", BASE + "instances:\n" + instance("a", image="hollow"))
    result = berth.run("apply", "-y", "--allow-replace", "all", "--no-park", "all", "-v").expect(0)
    tap.contains(result.out, GONE)
    order = [line for line in result.err.splitlines() if "(volume)" in line]
    tap.equal(len(order), 2, result.err)
    tap.equal((has_note(berth, "a"), host.states(berth)), (False, {f"{NAME}-a": "stopped"}))
    berth.run("plan", "--detailed-exitcode").expect(0)
    host.down(berth, before)


def test_rollback(berth):
    """an apply that fails afterwards makes it anew without its data, and says so (LAW-3)"""
    before = host.fingerprint(berth.state, NAME)
    make_hollow(berth)
    host.apply(berth, BASE + "instances:\n" + instance("a", state="running")).expect(0)
    note(berth, "a")
    berth.write("berth.yaml", BASE + "instances:\n" + instance("a", image="hollow", state="running"))
    result = berth.run("apply", "-y", "--allow-replace", "all", "--no-park", f"instance/{NAME}-a",
                       "--format", "json").expect(3)
    tap.equal(json.loads(result.out)["remade"], [f"instance/{NAME}-a"])
    tap.equal((has_note(berth, "a"), host.states(berth)), (False, {f"{NAME}-a": "running"}))
    berth.run("drift").expect(0)
    # Without it the same failure brings the data back.
    note(berth, "a")
    result = berth.run("apply", "-y", "--allow-replace", "all", "--format", "json").expect(3)
    tap.equal(json.loads(result.out)["remade"], [])
    tap.equal(has_note(berth, "a"), True, "data after the rollback")
    host.down(berth, before)


def test_room(berth):
    """a rebuild that has no room for both roots is refused before it starts (exit 8); --no-park makes the room"""
    before = host.fingerprint(berth.state, NAME)
    make_hollow(berth)
    with open(berth.path("filling"), "wb") as file:
        file.write(os.urandom(6 << 20))
    with tarfile.open(berth.path("hollow.tar"), "a") as tar:
        tar.add(berth.path("filling"), "rootfs/filling")
    disk = berth.path("disk")
    os.mkdir(disk)
    # Both images, a small root and a big one: the small one has to go before it can be a big one.
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=21m,mode=711", "tmpfs", disk], check=True)
    base = BASE.replace("  driver: dir\n", f"  driver: dir\n  config: {{source: {disk}}}\n")
    host.apply(berth, base + "instances:\n" + instance("a") + instance("b", image="hollow")).expect(0)
    note(berth, "a")
    berth.write("berth.yaml", base + "instances:\n" + instance("a", image="hollow") + instance("b", image="hollow"))
    up = host.fingerprint(berth.state, NAME)
    for command in (("plan",), ("apply", "-y", "--allow-replace", "all")):
        refused = berth.run(*command).expect(8)
        tap.contains(refused.err, f"instance/{NAME}-a: its new root needs 6.")
        tap.contains(refused.err, f"--no-park instance/{NAME}-a")
    host.same(up, host.fingerprint(berth.state, NAME))
    berth.run("apply", "-y", "--allow-replace", "all", "--no-park", f"instance/{NAME}-a").expect(0)
    tap.equal(os.path.exists(os.path.join(volume(berth, "a"), "rootfs/filling")), True, "new root")
    berth.run("destroy", "--all", "-y").expect(0)
    subprocess.run(["umount", disk], check=True)
    host.same(before, host.fingerprint(berth.state, NAME), ignore=("files",))


host.main(globals())
