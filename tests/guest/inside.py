#!/usr/bin/python3
"""What runs in the guest of boot.py: on a stock kernel with control groups in version 2 only. Results as TAP.

usage: inside.py tests [NAME...] | apply FILE | recover FIRST SECOND"""
import hashlib
import json
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402

QUICKSTART = os.path.join(HERE, "..", "..", "examples", "quickstart", "berth.yaml")
SECONDS = 120
GROUPS = "/sys/fs/cgroup"


def wait_for(function, what):
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        value = function()
        if value:
            return value
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {SECONDS} s")


def instances(berth):
    return {item["name"]: item["observed"].get("running", {})
            for item in json.loads(berth.run("get", "instance", "--format", "json").expect(0).out)}


def running(berth):
    return sorted(name for name, facts in instances(berth).items() if facts.get("state") == "running")


def group(name, file):
    """a file of a container's control group; the group carries the name of the state directory's digest"""
    path, = [folder for folder in os.listdir(GROUPS) if folder.startswith("berth-") and folder.endswith("." + name)]
    with open(os.path.join(GROUPS, path, file), encoding="ascii") as text:
        return text.read().strip()


def init_of(name):
    """process 1 of a container, and when it started"""
    lines = group(name, "cgroup.procs").split() or group(name, "init.scope/cgroup.procs").split()
    with open(f"/proc/{lines[0]}/stat", encoding="ascii") as text:
        return lines[0], text.read().rsplit(")", 1)[1].split()[19]


def test_version_2(berth):
    """the guest has control groups in version 2 only, and its kernel enforces AppArmor"""
    with open("/proc/self/cgroup", encoding="ascii") as text:
        tap.equal(text.read().count("\n"), 1, "hierarchies")
    tap.contains(berth.run("doctor").expect(0).out, "version 2")
    tap.contains(berth.run("doctor").out, "containers start in profile")


def test_quickstart(berth):
    """quickstart: apply, ping by name, exec, limits, no-op, inner reboot, stop, and destroy leaves nothing"""
    before = host.fingerprint(berth.state, "berth-")
    berth.run("apply", "-y", "-f", QUICKSTART).expect(0)
    tap.equal(running(berth), ["app", "db", "web"])
    wait_for(lambda: berth.run("exec", "web", "--", "ping", "-c", "1", "-W", "1", "db").status == 0, "ping by name")
    tap.equal(berth.run("exec", "app", "--", "sh", "-c", "hostname; exit 7").expect(7).out, "app\n")
    tap.equal(group("app", "memory.max"), str(64 << 20))
    tap.equal(group("web", "memory.max"), "max")
    with open(f"/proc/{init_of('web')[0]}/attr/current", encoding="ascii") as text:
        tap.contains(text.read(), "lxc-container-default-with-nesting (enforce)")
    tap.contains(berth.run("apply", "-y", "-f", QUICKSTART).expect(0).out, "Nothing to do")
    berth.run("drift").expect(0)
    with open(QUICKSTART, encoding="utf-8") as text:
        changed = text.read()
    berth.write("berth.yaml", changed.replace("64MiB", "96MiB"))
    quick = ("apply", "-y", "--set", os.path.realpath(QUICKSTART), "-f", "berth.yaml")
    first = init_of("app")
    berth.run(*quick).expect(0)
    tap.equal(group("app", "memory.max"), str(96 << 20), "a changed limit")
    tap.equal(init_of("app"), first, "changed in place")
    berth.write("berth.yaml", changed.replace("state: running\n  config:\n    user.role", "state: stopped\n  config:\n    user.role"))
    berth.run(*quick).expect(0)
    tap.equal(running(berth), ["app", "web"])
    reboot_inside(berth, "web", *quick)
    berth.run("destroy", "-y", "--all").expect(0)
    host.same(before, host.fingerprint(berth.state, "berth-"), ignore=("files",))


def reboot_inside(berth, name, *command):
    """a reboot from inside ends the container; it is berth's to start it again"""
    before = init_of(name)
    berth.run("exec", name, "--", "reboot", "-f")

    def again():
        try:
            return init_of(name) != before
        except (ValueError, OSError, IndexError):
            return False

    wait_for(lambda: again() or not instances(berth)[name].get("state") == "running", "the reboot")
    berth.run(*command).expect(0)
    wait_for(again, "another run after the reboot")
    berth.run("drift").expect(0)


def program(name):
    """a Criterion program of tests/instance as it is, with its own results"""
    built = os.path.realpath(os.path.join(os.path.dirname(os.environ["BERTH"]), ".."))
    folder = os.path.join(built, "tests", "instance")
    env = {**os.environ, "CALLS": os.path.join(folder, "calls"), "BERTH_SOURCE": os.path.realpath(os.path.join(HERE, "..", "..")),
           "BERTH_LIBEXEC": os.path.join(built, "helpers")}
    done = subprocess.run([os.path.join(folder, name), "--tap"], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0 or "\nnot ok" in done.stdout or "\nok" not in done.stdout:
        shown = re.sub(r"(?m)^ok .*\n", "", done.stdout)
        raise AssertionError(f"exit status {done.returncode}\n{shown[:8000]}")


HOT = """\
storage_pools:
- {name: fast, driver: btrfs, config: {size: 256MiB}}
networks:
- {name: hotbr0, config: {ipv4.address: 10.77.2.1/24, ipv6.address: none}}
images:
- {name: busybox, source: "builtin:busybox"}
instances:
- name: hot
  image: busybox
  state: running
  config: {boot.host_shutdown_timeout: 1}
  profiles: []
  devices:
    root: {type: disk, path: /, pool: fast, size: 64MiB}
"""
PLUGGED = HOT + """\
    eth0: {type: nic, network: hotbr0, host_name: vhot0, limits.max: 10Mbit}
    share: {type: disk, source: SHARE, path: /share, shift: true}
"""


def test_hot_plug(berth):
    """a root on btrfs with a limit; a NIC and a disk that come and go while the container runs"""
    os.mkdir(berth.path("share"))
    text = PLUGGED.replace("SHARE", berth.path("share"))
    host.apply(berth, HOT).expect(0)
    first = init_of("hot")
    root = os.path.join(berth.state, "storage-pools", "fast", "containers", "hot")
    tap.contains(subprocess.run(["btrfs", "qgroup", "show", "-re", "--raw", "-f", root], check=True, capture_output=True, text=True).stdout,
                 str(64 << 20))
    full = berth.run("exec", "hot", "--", "dd", "if=/dev/urandom", "of=/big", "bs=1M", "count=80")
    assert full.status != 0, "more than the limit was written"
    berth.run("exec", "hot", "--", "rm", "/big").expect(0)
    host.apply(berth, text).expect(0)
    tap.equal(init_of("hot"), first, "plugged while it runs")
    tap.contains(berth.run("exec", "hot", "--", "ip", "link", "show", "eth0").expect(0).out, "eth0")
    berth.run("exec", "hot", "--", "sh", "-c", "echo hello > /share/file").expect(0)
    tap.equal((os.stat(berth.path("share/file")).st_uid, berth.read("share/file")), (0, "hello\n"))
    berth.run("drift").expect(0)
    host.apply(berth, HOT).expect(0)
    tap.equal(init_of("hot"), first, "unplugged while it runs")
    berth.run("exec", "hot", "--", "test", "-e", "/sys/class/net/eth0").expect(1)
    berth.run("exec", "hot", "--", "test", "-e", "/share/file").expect(1)
    tap.equal(os.path.exists("/sys/class/net/vhot0"), False)
    berth.run("destroy", "-y", "--all").expect(0)


def test_limits():
    """tests/instance: limits"""
    program("test-instance-limits")


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def apply(berth, path):
    """Applies, and prints each step as it goes: somebody counts them, to cut the power."""
    with subprocess.Popen([berth.program, "apply", "-y", "--format", "jsonl", "--set", "file:cut", "-f", path], cwd=berth.work,
                          env=berth.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            print(line.rstrip(), flush=True)
    print(f"applied: {process.returncode}", flush=True)


def recover(berth, *files):
    """After a power cut: what the last commit says is there, whole, and nothing else."""
    history = json.loads(berth.run("history", "--format", "json").expect(0).out)
    path = files[len(history) - 1] if history else None
    print(f"# generations: {len(history)}")
    if path is not None:
        berth.run("apply", "-y", "--set", "file:cut", "-f", path).expect(0)
        berth.run("drift").expect(0)
        with open(path, encoding="utf-8") as text:
            wanted = sorted(line.split()[-1] for line in text if line.startswith("- name: i-"))
        tap.equal(running(berth), wanted)
        for name in wanted:
            root = os.path.join(berth.state, "containers", name, "rootfs")
            tap.equal(digest(os.path.join(root, "bin", "busybox")), digest("/bin/busybox"), name)
            tap.equal(berth.run("exec", name, "--", "hostname").expect(0).out, name + "\n")
        berth.run("destroy", "-y", "--all").expect(0)
    else:  # cut before the first commit; the next change sweeps
        berth.run("apply", "-y", "--set", "file:cut", "-f", files[0]).expect(0)
        berth.run("destroy", "-y", "--all").expect(0)
    tap.equal([name for name in host.files(berth.state) if not name.startswith("images")], [], "left behind")


def main():
    os.makedirs(os.environ["BERTH_TEST_WORK"], exist_ok=True)
    verb, *rest = sys.argv[1:]
    if verb == "tests":
        tap.main({name: value for name, value in globals().items() if not rest or name in rest})
    with tap.Berth() as berth:
        {"apply": apply, "recover": recover}[verb](berth, *rest)
    if verb == "recover":
        print("recovered", flush=True)


main()
