#!/usr/bin/python3
"""The command on the real host: from a file to running containers and back, with all that can go wrong."""
import io
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402

NAME = host.NAME
BRIDGE = f"br{NAME}"

BASE = f"""\
storage_pools:
- name: pool
  driver: dir
networks:
- name: {BRIDGE}
  config:
    ipv4.address: 10.77.1.1/24
    ipv6.address: none
    dns.domain: test.lan
images:
- name: busybox
  source: builtin:busybox
profiles:
- name: small
  devices:
    root: {{type: disk, path: /, pool: pool}}
    eth0: {{type: nic, network: {BRIDGE}}}
"""


def instance(name, extra=""):
    return f"- name: {NAME}-{name}\n  image: busybox\n  profiles: [small]\n  state: running\n{extra}"


def instances(*names):
    return "instances:\n" + "".join(instance(name) for name in names)


def test_up_and_down(berth):
    """file to running containers that find each other by name, and back to nothing"""
    before = host.fingerprint(berth.state, NAME)
    host.apply(berth, BASE + instances("a", "b")).expect(0)
    tap.equal(host.states(berth), {f"{NAME}-a": "running", f"{NAME}-b": "running"})
    host.wait_for(lambda: berth.run("exec", f"{NAME}-a", "--", "ping", "-c", "1", "-W", "1", f"{NAME}-b").status == 0,
             "ping by name")
    tap.contains(berth.run("get", "instance").expect(0).out, "10.77.1.")
    tap.contains(berth.run("apply", "-y").expect(0).out, "Nothing to do")
    berth.run("drift").expect(0)
    berth.write("dump.yaml", berth.run("dump").expect(0).out)
    berth.run("plan", "-f", "dump.yaml", "--adopt", "--detailed-exitcode", "--set", "x").expect(2)
    berth.run("plan", "-f", "dump.yaml", "--set", berth.path("berth.yaml"), "--detailed-exitcode").expect(0)
    host.down(berth, before)


# System calls that change something. SQLite sets the owner of its write-ahead files, which are no host state (LAW-2).
CHANGING = ("mount umount2 move_mount mount_setattr rename renameat renameat2 symlink symlinkat link linkat chmod fchmod "
            "fchmodat chown lchown fchownat setxattr lsetxattr fsetxattr removexattr mknod mknodat rmdir unlinkat kill "
            "pidfd_send_signal fork vfork setns unshare bpf").split()


def test_second_apply_writes_nothing(berth):
    """seen from the kernel, a second apply reads and asks, and changes nothing (LAW-2)"""
    if shutil.which("strace") is None:
        raise tap.Skip("strace is not installed")
    before = host.fingerprint(berth.state, NAME)
    host.apply(berth, BASE + instances("a", "b")).expect(0)
    up = host.fingerprint(berth.state, NAME)
    log = berth.path("strace.log")
    subprocess.run(["strace", "-f", "-o", log, berth.program, "apply", "-y"], cwd=berth.work, check=True,
                   env=berth.environment({"ASAN_OPTIONS": "detect_leaks=0"}), stdout=subprocess.DEVNULL)
    own = tuple(os.path.join(berth.state, name) for name in ("lock", "berth.db", "berth.db-wal", "berth.db-shm"))
    calls = programs = 0
    with open(log, encoding="utf-8", errors="replace") as file:
        for line in file:
            call = re.match(r"\d+ +(\w+)\((.*)", line)
            if call is None:
                continue
            calls += 1
            name, rest = call.groups()
            failed = re.search(r" = -1 E", rest) is not None
            quoted = re.search(r'"([^"]*)"', rest)
            path = quoted.group(1) if quoted else ""
            programs += name in ("execve", "execveat")
            if failed:
                continue
            opened = name in ("open", "openat", "openat2") and re.search(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC", rest)
            removed = name in ("unlink", "mkdir")
            asked = name in ("sendmsg", "sendto") and "nlmsg_type=" in rest
            if name in CHANGING or ((opened or removed) and path not in own) or \
                    (asked and not re.search(r"nlmsg_type=[A-Z_<|0-9]*GET", rest)):
                raise AssertionError(line)
    if calls < 100:
        raise AssertionError(f"only {calls} calls in the trace")
    tap.equal(programs, 1, "programs started")
    host.same(up, host.fingerprint(berth.state, NAME))
    host.down(berth, before)


def test_exec(berth):
    """exec passes input, output and exit status, with and without a terminal"""
    before = host.fingerprint(berth.state, NAME)
    host.apply(berth, BASE + instances("x")).expect(0)
    name = f"{NAME}-x"
    tap.equal(berth.run("exec", name, "--", "sh", "-c", "exit 42").status, 42)
    result = berth.run("exec", name, "--", "sh", "-c", "cat; echo err >&2", stdin="through\n").expect(0)
    tap.equal((result.out, result.err), ("through\n", "err\n"))
    tap.equal(berth.run("exec", name, "hostname").expect(0).out, f"{name}\n")
    tap.equal(berth.run("exec", "--env", "A=b c", "--cwd", "/etc", name, "--", "sh", "-c", "echo $A; pwd").expect(0).out,
              "b c\n/etc\n")
    tap.equal(berth.run("exec", name, "--", "sh", "-c", "tty >/dev/null").status, 1, "a terminal without one")
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(berth.program, [berth.program, "exec", name, "--", "sh", "-c", "tty >/dev/null && exit 7"],
                  berth.environment())
    try:
        while os.read(fd, 4096):
            pass
    except OSError:
        pass
    os.close(fd)
    tap.equal(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 7, "no terminal with one")
    tap.equal(berth.run("exec", name, "--", "/no/such/program").status, 127)
    tap.contains(berth.run("exec", f"{NAME}-none", "--", "true").expect(1).err, f"{NAME}-none")
    host.apply(berth, BASE + instances("x").replace("running", "stopped")).expect(0)
    tap.contains(berth.run("exec", name, "--", "true").expect(65).err, "Instance is not running")
    host.down(berth, before)


def test_drift(berth):
    """what somebody else changed is drift (exit 2); apply repairs it"""
    before = host.fingerprint(berth.state, NAME)
    host.apply(berth, BASE + instances("a")).expect(0)
    subprocess.run(["ip", "addr", "flush", "dev", BRIDGE, "scope", "global"], check=True)
    tap.contains(berth.run("drift").expect(2).out, BRIDGE)
    tap.contains(berth.run("drift", "--format", "json", f"network/{BRIDGE}").expect(2).out, "address")
    berth.run("drift", "pool/pool").expect(0)
    berth.run("apply", "-y").expect(0)
    berth.run("drift").expect(0)
    host.down(berth, before)


def test_failure_is_undone(berth):
    """an apply that fails leaves the host as before, exit 3"""
    before = host.fingerprint(berth.state, NAME)
    host.apply(berth, BASE + instances("a")).expect(0)
    up = host.fingerprint(berth.state, NAME)
    broken = BASE.replace("dns.domain: test.lan", "dns.domain: test.lan\n    raw.dnsmasq: no-such-option")
    result = host.apply(berth, broken + instances("a", "b")).expect(3)
    tap.contains(result.err, BRIDGE)
    host.same(up, host.fingerprint(berth.state, NAME))
    berth.run("drift").expect(0)
    tap.equal(host.states(berth), {f"{NAME}-a": "running"})
    host.down(berth, before)


def test_keep_going(berth):
    """--keep-going keeps what does not depend on the failure, exit 5"""
    before = host.fingerprint(berth.state, NAME)
    text = BASE + instances("good") + instance("bad", "  devices: {data: {type: disk, source: /no/such/path, path: /mnt}}\n")
    result = host.apply(berth, text, "--keep-going").expect(5)
    tap.contains(result.err, f"{NAME}-bad")
    tap.equal(host.states(berth), {f"{NAME}-good": "running"})
    host.down(berth, before)


def interrupt(berth, number):
    """sends a signal to an apply once its first step runs; the exit status"""
    berth.write("berth.yaml", BASE + instances("a", "b", "c", "d"))
    process = berth.start("apply", "-y", "--format", "jsonl")
    for line in process.stderr:
        if json.loads(line).get("state") == "running":
            break
    process.send_signal(number)
    rest = process.communicate(timeout=120)
    return process.returncode, rest


def test_interrupt(berth):
    """SIGINT and SIGTERM undo an apply: 130 and 143"""
    before = host.fingerprint(berth.state, NAME)
    for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        tap.equal(interrupt(berth, number)[0], status)
        host.same(before, host.fingerprint(berth.state, NAME), ignore=("files",))
        tap.equal(json.loads(berth.run("history", "--format", "json").out), [])
    berth.run("apply", "-y").expect(0)
    host.down(berth, before)


def test_killed(berth):
    """after kill -9 in the middle the next apply cleans up by itself (LAW-4)"""
    before = host.fingerprint(berth.state, NAME)
    status, _ = interrupt(berth, signal.SIGKILL)
    tap.equal(status, -signal.SIGKILL)
    berth.run("apply", "-y").expect(0)
    tap.equal(set(host.states(berth).values()), {"running"})
    berth.run("drift").expect(0)
    host.down(berth, before)


def test_undelete(berth):
    """deleted data can be brought back as long as it is parked (EN-31)"""
    before = host.fingerprint(berth.state, NAME)
    name = f"{NAME}-x"
    host.apply(berth, BASE + instances("x")).expect(0)
    berth.run("exec", name, "--", "sh", "-c", "echo kept > /root/file || echo kept > /file").expect(0)
    berth.run("destroy", "-y", "--only", f"instance/{name}", "--park-for", "1h").expect(0)
    tap.contains(berth.run("parked").expect(0).out, name)
    tap.equal(host.states(berth), {})
    berth.run("undelete", f"instance/{name}", "-y").expect(0)
    tap.contains(berth.run("exec", name, "--", "sh", "-c", "cat /root/file /file 2>/dev/null; true").expect(0).out, "kept")
    berth.run("destroy", "-y", "--only", f"instance/{name}", "--park-for", "1h").expect(0)
    berth.run("purge", f"instance/{name}").expect(0)
    tap.equal(json.loads(berth.run("parked", "--format", "json").out), [])
    berth.run("undelete", f"instance/{name}", "-y").expect(1)
    host.down(berth, before)


def test_pending_restart(berth):
    """a restart that is not allowed is stored, pending, exit 10; then allowed"""
    before = host.fingerprint(berth.state, NAME)
    name = f"{NAME}-a"
    host.apply(berth, BASE + instances("a")).expect(0)
    changed = BASE + "instances:\n" + instance("a", "  config: {security.syscalls.deny_compat: true}\n")
    tap.contains(host.apply(berth, changed, "--allow-restart", "none").expect(10).err, name)
    tap.contains(berth.run("status").expect(0).out, "RestartPending")
    berth.run("plan", "--allow-restart", "none").expect(0)
    host.apply(berth, changed).expect(0)
    tap.absent(berth.run("status").expect(0).out, "RestartPending")
    tap.equal(host.states(berth), {name: "running"})
    host.down(berth, before)


def other_image(path):
    """a unified tarball image whose root holds one file"""
    with tarfile.open(path, "w:gz") as archive:
        for name, text in (("metadata.yaml", "architecture: x86_64\ncreation_date: 1700000000\n"),
                           ("rootfs/other", "yes\n")):
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))


def test_rebuild(berth):
    """another image is a rebuild: -y leaves it pending (10), --allow-replace does it, a saved plan needs the same"""
    before = host.fingerprint(berth.state, NAME)
    name = f"{NAME}-a"
    other_image(berth.path("other.tar.gz"))
    base = BASE.replace("profiles:\n", "- name: other\n  source: ./other.tar.gz\nprofiles:\n")
    text = base + instances("a").replace("running", "stopped")
    root = os.path.join(berth.state, "containers", name, "rootfs", "other")
    host.apply(berth, text).expect(0)
    changed = text.replace("  image: busybox", "  image: other")
    tap.contains(host.apply(berth, changed).expect(10).err, name)
    tap.equal(os.path.exists(root), False, "rebuilt")
    tap.contains(berth.run("plan", "--out", "plan.json").expect(0).out, "rebuild")
    tap.contains(berth.run("apply", "-y", "plan.json").expect(8).err, "--allow-replace")
    berth.run("apply", "-y", "--allow-replace", f"instance/{name}", "plan.json").expect(0)
    tap.equal(os.path.exists(root), True, "not rebuilt")
    tap.contains(berth.run("apply", "-y").expect(0).out, "Nothing to do")
    berth.run("rollback", "-y", "2", "--allow-replace", "all").expect(0)
    tap.equal(os.path.exists(root), False, "not rolled back")
    host.down(berth, before)


def test_timeout(berth):
    """--timeout undoes an apply that takes longer, exit 3"""
    before = host.fingerprint(berth.state, NAME)
    name = f"{NAME}-a"
    host.apply(berth, BASE + "instances:\n" + instance("a", "  config: {boot.host_shutdown_timeout: 4}\n")).expect(0)
    with open(os.path.join(berth.state, "run", f"{name}.json"), encoding="utf-8") as file:
        init = json.load(file)["init"]
    os.kill(init[0] if isinstance(init, list) else init, signal.SIGSTOP)
    result = berth.run("destroy", "-y", "--timeout", "1s").expect(3)
    tap.contains(result.err, "undone")
    tap.equal(host.states(berth), {name: "running"})
    berth.run("drift").expect(0)
    host.down(berth, before)


def test_in_the_way(berth):
    """an interface of somebody else is never touched"""
    before = host.fingerprint(berth.state, NAME)
    subprocess.run(["ip", "link", "add", BRIDGE, "type", "bridge"], check=True)
    try:
        foreign = host.fingerprint(berth.state, NAME)
        result = host.apply(berth, BASE)
        if result.status not in (1, 3):
            raise AssertionError(f"exit {result.status}: {result.err}")
        tap.contains(result.err, BRIDGE)
        host.same(foreign, host.fingerprint(berth.state, NAME), ignore=("files",))
    finally:
        subprocess.run(["ip", "link", "del", BRIDGE], check=True)
    host.same(before, host.fingerprint(berth.state, NAME), ignore=("files",))


def test_progress(berth):
    """--format jsonl: a JSON line for each change of a step on stderr, the result on stdout (EN-34)"""
    before = host.fingerprint(berth.state, NAME)
    result = host.apply(berth, BASE + instances("a"), "--format", "jsonl").expect(0)
    lines = [json.loads(line) for line in result.err.splitlines()]
    lines = [line for line in lines if line["type"] == "step"]
    done = [line for line in lines if line["state"] == "done"]
    tap.equal(done[-1]["done"], done[-1]["total"])
    if any(not re.match(r"[a-z]+/", line["object"]) or not line["text"] for line in lines):
        raise AssertionError(lines)
    tap.equal(json.loads(result.out)["steps"], done[-1]["total"])
    host.down(berth, before)


def big_image(path, megabytes):
    """an image of so much that does not shrink"""
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo("metadata.yaml")
        text = b"architecture: x86_64\ncreation_date: 1700000000\n"
        info.size = len(text)
        archive.addfile(info, io.BytesIO(text))
        for number in range(megabytes):
            info = tarfile.TarInfo(f"rootfs/{number}")
            info.size = 1 << 20
            archive.addfile(info, io.BytesIO(os.urandom(1 << 20)))


def test_progress_bytes(berth):
    """long steps tell bytes and rate: reading, copying and unpacking an image, copying a root (EN-34)"""
    before = host.fingerprint(berth.state, NAME)
    big_image(berth.path("big.tar"), 192)
    size = os.stat(berth.path("big.tar")).st_size
    text = BASE.replace("profiles:\n", "- name: big\n  source: ./big.tar\nprofiles:\n") + "instances:\n" + \
        instance("a").replace("busybox", "big").replace("running", "stopped")
    result = host.apply(berth, text, "--format", "jsonl").expect(0)
    lines = [json.loads(line) for line in result.err.splitlines()]
    running = []
    for name, total in (("image.files", size), ("image.volume", size), ("instance.volume", None)):
        told = [line for line in lines if line.get("step") == name and "bytes" in line]
        seen = [line["bytes"] for line in told]
        if not seen or seen != sorted(seen) or any(line["rate"] < 0 for line in told):
            raise AssertionError(f"{name}: {told or lines}")
        running += [line for line in told if line["state"] == "running"]
        tap.equal(told[0].get("bytes_total"), total, name)
        if told[-1]["state"] != "done" or (total is not None and told[-1]["bytes"] > total):
            raise AssertionError(told[-1])
    tap.equal(bool(running), True, "bytes of a step that runs")
    if not any(line["type"] == "read" and line["bytes_total"] == size for line in lines):
        raise AssertionError([line for line in lines if line["type"] == "read"])
    host.down(berth, before)


def test_protected_instance(berth):
    """security.protection.delete refuses a delete, exit 8, from a profile as well"""
    before = host.fingerprint(berth.state, NAME)
    host.apply(berth, BASE + "instances:\n" + instance("a", "  config: {security.protection.delete: true}\n")).expect(0)
    tap.contains(berth.run("destroy", "-y").expect(8).err, "security.protection.delete")
    tap.equal(host.states(berth), {f"{NAME}-a": "running"})
    guarded = "- name: guarded\n  config: {security.protection.delete: true}\n"
    host.apply(berth, BASE.replace("profiles:\n", "profiles:\n" + guarded) + "instances:\n" +
               instance("a").replace("[small]", "[small, guarded]")).expect(0)
    tap.contains(berth.run("destroy", "-y").expect(8).err, "security.protection.delete")
    tap.equal(host.states(berth), {f"{NAME}-a": "running"})
    host.apply(berth, BASE + instances("a"), "--prune").expect(0)
    host.down(berth, before)


host.main(globals())
