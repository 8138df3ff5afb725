#!/usr/bin/python3
"""The command with containers that run a whole distribution: Debian with systemd as init."""
import contextlib
import json
import os
import re
import shutil
import sqlite3
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import debian  # noqa: E402
import host  # noqa: E402
import tap  # noqa: E402

NAME = host.NAME
BRIDGE = f"br{NAME}"
A, B = f"{NAME}-a", f"{NAME}-b"
METADATA, ROOT = "BERTH_TEST_METADATA", "BERTH_TEST_ROOT"
MEMORY, PROCESSES = 256 << 20, 300


def base():
    return f"""\
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
- name: debian
  source: {{file: {os.environ[METADATA]}, rootfs: {os.environ[ROOT]}}}
profiles:
- name: small
  config: {{limits.memory: {MEMORY >> 20}MiB, limits.processes: "{PROCESSES}"}}
  devices:
    root: {{type: disk, path: /, pool: pool}}
    eth0: {{type: nic, network: {BRIDGE}}}
"""


def instances(*names, state="running", extra=""):
    return "instances:\n" + "".join(f"- name: {name}\n  image: debian\n  profiles: [small]\n  state: {state}\n{extra}"
                                    for name in names)


def inside(berth, name, *argv):
    return berth.run("exec", name, "--", *argv)


def has_booted(berth, name):
    """systemd has started what it wants to"""
    return inside(berth, name, "systemctl", "is-system-running").out.strip() in ("running", "degraded")


def init_of(berth, name):
    """its first process; None while none runs, as in the middle of a reboot"""
    try:
        with open(os.path.join(berth.state, "run", f"{name}.json"), encoding="utf-8") as file:
            return json.load(file).get("init")
    except FileNotFoundError:
        return None


def limit(name, *files):
    """a limit of a container as the kernel has it, in v1 or v2"""
    for group in host.cgroups(name):
        for file in files:
            path = os.path.join(group, file)
            if os.path.exists(path) and group.endswith(name):
                with open(path, encoding="utf-8") as value:
                    return int(value.read())
    raise AssertionError(f"no {files} for {name}")


def limits_are_in_force(name):
    tap.equal(limit(name, "memory.limit_in_bytes", "memory.max"), MEMORY)
    tap.equal(limit(name, "pids.max"), PROCESSES)


def test_life(berth):
    """systemd boots without a failed unit, gets its address, finds the other by name, and stops when it is asked to"""
    before = host.fingerprint(berth.state, NAME)
    host.apply(berth, base() + instances(A, B)).expect(0)
    for name in (A, B):
        host.wait_for(lambda: has_booted(berth, name), f"boot of {name}", 60)
        tap.equal(inside(berth, name, "systemctl", "--failed", "--plain", "--no-legend").expect(0).out, "", "failed units")
        limits_are_in_force(name)
    host.wait_for(lambda: inside(berth, A, "ping", "-c1", "-W1", B).status == 0, "ping by name")
    tap.contains(berth.run("get", "instance").expect(0).out, "10.77.1.")
    tap.equal(inside(berth, A, "sh", "-c", "exit 42").status, 42)
    tap.equal(inside(berth, A, "hostname").expect(0).out, f"{A}\n")
    tap.contains(host.apply(berth, base() + instances(A, B)).expect(0).out, "Nothing to do")
    berth.run("drift").expect(0)
    began = time.monotonic()
    host.apply(berth, base() + instances(A, B, state="stopped")).expect(0)
    took = time.monotonic() - began
    if took > 20:
        raise AssertionError(f"the stop took {took:.0f} s: systemd was killed, not asked")
    journal = os.path.join(berth.state, "logs", A, "console.log")
    with open(journal, encoding="utf-8", errors="replace") as file:
        tap.contains(file.read(), "Reached target")
    host.down(berth, before)


def test_reboot_and_poweroff(berth):
    """reboot inside ends running with its limits, poweroff inside ends stopped, and a new apply starts it"""
    before = host.fingerprint(berth.state, NAME)
    host.apply(berth, base() + instances(A)).expect(0)
    host.wait_for(lambda: has_booted(berth, A), "boot", 60)
    first = init_of(berth, A)
    inside(berth, A, "systemctl", "reboot")
    host.wait_for(lambda: host.states(berth) == {A: "running"} and init_of(berth, A) not in (None, first), "reboot", 60)
    host.wait_for(lambda: has_booted(berth, A), "boot after the reboot", 60)
    limits_are_in_force(A)
    host.wait_for(lambda: inside(berth, A, "ping", "-c1", "-W1", "10.77.1.1").status == 0, "ping after the reboot")
    berth.run("drift").expect(0)
    inside(berth, A, "systemctl", "poweroff")
    host.wait_for(lambda: host.states(berth) == {A: "stopped"}, "poweroff", 60)
    berth.run("drift").expect(2)
    berth.run("apply", "-y").expect(0)
    tap.equal(host.states(berth), {A: "running"})
    host.down(berth, before)


def mount_of_this_host(name, path, target):
    return f"    {name}: {{type: disk, source: {path}, path: {target}, readonly: \"true\"}}\n"


def history_of(berth, name):
    """Causes of the generations that a berth inside has made, read without a berth, which would act on what is due."""
    root = os.path.join(berth.state, "containers", name, "rootfs", "var", "lib", "berth")
    copy = berth.path("copy")
    os.makedirs(copy, exist_ok=True)
    for file in ("berth.db", "berth.db-wal"):
        if os.path.exists(os.path.join(root, file)):
            shutil.copy(os.path.join(root, file), os.path.join(copy, file))
    with contextlib.closing(sqlite3.connect(os.path.join(copy, "berth.db"))) as database:
        return [cause for cause, in database.execute("SELECT cause FROM generations ORDER BY id")]


def test_deadlines_over_a_reboot(berth):
    """without a daemon, an apply that nobody confirms is taken back and an environment whose lease is over goes after a reboot, by the
    service berth-revert (EN-33, EN-51)"""
    build = os.path.dirname(os.path.dirname(berth.program))
    libraries = os.path.dirname(next(line.split()[2] for line in host.output("ldd", berth.program).splitlines() if "libjansson" in line))
    with open(os.path.join(build, "systemd", "berth-revert.service"), encoding="utf-8") as file:
        unit = re.sub(r"^ExecStart=\S+", "ExecStart=/usr/local/bin/berth", file.read(), flags=re.M)
    disks = "  devices:\n" + mount_of_this_host("build", build, "/opt/build") + mount_of_this_host("libs", libraries, "/opt/lib")
    host.apply(berth, base() + instances(A, extra=disks)).expect(0)
    host.wait_for(lambda: has_booted(berth, A), "boot", 60)

    def write(path, text, mode="644"):
        script = f"cat > {path} && chmod {mode} {path} && sync"
        berth.run("exec", A, "--", "sh", "-c", script, stdin=text).expect(0)

    def file(value):
        return f"profiles:\n- name: a\n  config: {{user.value: \"{value}\"}}\n"

    write("/usr/local/bin/berth", "#!/bin/sh\nLD_LIBRARY_PATH=/opt/lib exec /opt/build/cli/berth \"$@\"\n", "755")
    write("/etc/systemd/system/berth-revert.service", unit)
    write("/root/a.yaml", file(1))
    inside(berth, A, "berth", "apply", "-y", "-f", "/root/a.yaml").expect(0)
    write("/root/a.yaml", file(2))
    told = inside(berth, A, "berth", "apply", "-y", "-f", "/root/a.yaml", "--confirm-within", "1h").expect(0).err
    tap.contains(told, "systemctl enable berth-revert.service")
    inside(berth, A, "berth", "confirm", "2").expect(0)
    inside(berth, A, "systemctl", "enable", "berth-revert.service").expect(0)
    write("/root/e.yaml", "profiles:\n- name: e\n")
    tap.absent(inside(berth, A, "berth", "env", "up", "-y", "--name", "ci", "--ttl", "30s", "/root/e.yaml").expect(0).err, "warning")
    write("/root/a.yaml", file(3))
    told = inside(berth, A, "berth", "apply", "-y", "-f", "/root/a.yaml", "--confirm-within", "25s").expect(0).err
    tap.absent(told, "warning")
    applied = time.monotonic()
    tap.equal(inside(berth, A, "systemctl", "is-active", "berth-revert.service").out.strip(), "active")
    first = init_of(berth, A)
    inside(berth, A, "systemctl", "reboot")
    host.wait_for(lambda: init_of(berth, A) not in (None, first), "reboot", 60)
    host.wait_for(lambda: has_booted(berth, A), "boot after the reboot", 60)
    if time.monotonic() - applied < 24:
        tap.equal(len(history_of(berth, A)), 4)
    host.wait_for(lambda: len(history_of(berth, A)) == 6, "that both come to their ends", 60)
    tap.equal(sorted(history_of(berth, A)[4:]), ["env down ci: its lease has ended", "revert 4: not confirmed in time"])
    host.wait_for(lambda: inside(berth, A, "systemctl", "is-active", "berth-revert.service").out.strip() == "inactive", "its end")
    tap.contains(inside(berth, A, "berth", "get", "profile/a").expect(0).out, 'user.value: "2"')
    tap.absent(inside(berth, A, "berth", "env", "list").expect(0).out, "ci")
    berth.run("destroy", "--all", "-y").expect(0)


def prepare():
    """The image is made outside of the tests, which have no way to the archive."""
    if os.environ.get(host.INSIDE) or os.geteuid() != 0:
        return
    try:
        os.environ[METADATA], os.environ[ROOT] = debian.image(os.environ["BERTH_TEST_CACHE"])
    except tap.Skip as reason:
        print(f"1..0 # SKIP {reason}")
        sys.exit(0)


prepare()
host.main(globals())
