"""What tests on the real host share: namespaces of their own, and a fingerprint of what berth may touch (LAW-3)."""
import inspect
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
import traceback

import tap

INSIDE = "BERTH_TEST_INSIDE"
UNSHARE = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private"]
SKIPPED = 77
# Control groups have no namespace of their own here: names that nobody else has.
NAME = os.environ.get("BERTH_TEST_NAME") or f"t{random.randrange(16 ** 6):06x}"


def prepare_namespaces():
    """A /sys that shows this network namespace, with the control groups where they were; lo up."""
    with tempfile.TemporaryDirectory() as kept:
        subprocess.run(["mount", "--rbind", "/sys/fs/cgroup", kept], check=True)
        subprocess.run(["mount", "-t", "sysfs", "sysfs", "/sys"], check=True)
        subprocess.run(["mount", "--rbind", kept, "/sys/fs/cgroup"], check=True)
        subprocess.run(["umount", "--recursive", "--lazy", kept], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def run_inside(test):
    """One test, in the namespaces that were made for it."""
    prepare_namespaces()
    try:
        with tap.Berth() as berth:
            test(berth)
    except tap.Skip as reason:
        print(reason)
        sys.exit(SKIPPED)
    except Exception:  # a test may fail in any way
        traceback.print_exc(file=sys.stdout)
        thaw()
        sys.exit(1)
    thaw()
    sys.exit(0)


def thaw():
    """A frozen container cannot die, and its PID namespace would wait for it for ever."""
    for path in cgroups(NAME):
        for name, value in (("freezer.state", "THAWED"), ("cgroup.freeze", "0")):
            try:
                with open(os.path.join(path, name), "w", encoding="ascii") as file:
                    file.write(value)
            except OSError:
                pass


def sweep_cgroups():
    """What a failed test left; its processes ended with the PID namespace."""
    for path in reversed(cgroups(NAME)):
        for folder, _, _ in os.walk(path, topdown=False):
            try:
                os.rmdir(folder)
            except OSError:
                pass


def run_outside(script, name):
    """Makes namespaces and a folder for one test; both go whatever happens. `script` is a program, or a list with its arguments. Its
    status and what it printed."""
    command = script if isinstance(script, list) else [script]
    with tempfile.TemporaryDirectory(prefix="berth-test-") as work:
        os.chmod(work, 0o755)
        env = {**os.environ, INSIDE: name, "BERTH_TEST_NAME": NAME, "BERTH_TEST_WORK": work}
        done = subprocess.run([*UNSHARE, sys.executable, *command], env=env, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    sweep_cgroups()
    return done.returncode, done.stdout


def main(namespace):
    """Like tap.main, but each test runs as root in mount, network and PID namespaces of its own. What a test that passes printed as
    "# ..." is passed on: figures."""
    tests = [value for name, value in namespace.items() if name.startswith("test_") and inspect.isfunction(value)]
    failed = False
    if os.environ.get(INSIDE):
        run_inside(namespace[os.environ[INSIDE]])
    if os.geteuid() != 0:
        print("1..0 # SKIP needs root")
        sys.exit(0)
    wanted = sys.argv[1:]
    tests = [test for test in tests if not wanted or test.__name__ in wanted]
    print(f"1..{len(tests)}", flush=True)
    for number, test in enumerate(tests, 1):
        title = (inspect.getdoc(test) or test.__name__).splitlines()[0].replace("#", "")
        status, text = run_outside(namespace["__file__"], test.__name__)
        if status == 0:
            print(f"ok {number} - {title}")
            print("".join(f"{line}\n" for line in text.splitlines() if line.startswith("# ")), end="")
        elif status == SKIPPED:
            print(f"ok {number} - {title} # SKIP {text.strip()}")
        else:
            failed = True
            print(f"not ok {number} - {title}")
            tap.diagnose(text)
        sys.stdout.flush()
    sys.exit(1 if failed else 0)


def output(*argv):
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def links():
    found = {}
    for link in json.loads(output("ip", "-j", "-d", "link")):
        found[link["ifname"]] = {key: link.get(key) for key in ("mtu", "address", "master", "ifalias")}
        found[link["ifname"]]["up"] = "UP" in link["flags"]
    return found


def addresses():
    found = {}
    for link in json.loads(output("ip", "-j", "addr")):
        found[link["ifname"]] = sorted(f"{a['local']}/{a['prefixlen']}" for a in link["addr_info"] if a["scope"] != "link")
    return found


def routes():
    """what somebody set, not what the kernel derives from link-local addresses, and not whether a cable is in"""
    found = output("ip", "route", "show", "table", "all").splitlines()
    return [re.sub(r" linkdown ?", " ", line).strip() for line in found if "fe80::" not in line and "ff00::" not in line]


def rules():
    """rules by chain; the order of chains means nothing"""
    found = {}
    for entry in json.loads(output("nft", "-j", "-s", "list", "ruleset"))["nftables"]:
        for kind, body in entry.items():
            if kind == "chain":
                name = " ".join(str(body.get(key)) for key in ("family", "table", "name", "type", "hook", "prio", "policy"))
                found.setdefault((body["family"], body["table"], body["name"]), []).insert(0, name)
            elif kind == "rule":
                text = json.dumps({"expr": body["expr"], "comment": body.get("comment")}, sort_keys=True)
                found.setdefault((body["family"], body["table"], body["chain"]), []).append(text)
    return {" ".join(key): value for key, value in found.items()}


def is_inside(pid):
    """whether a process is in a container: it sees other processes than we do"""
    try:
        return os.readlink(f"/proc/{pid}/ns/pid") != os.readlink("/proc/self/ns/pid")
    except OSError:
        return True


def processes():
    """command lines, but those of this test and those inside containers; the hook of a run that is over ends by itself soon"""
    for _ in range(100):
        found = processes_once()
        if not any("berth-hook" in line for line in found):
            break
        time.sleep(0.05)
    return found


def processes_once():
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if is_inside(pid):
            continue
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                line = file.read().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue
        if line and "python" not in line and not line.startswith(("ip ", "nft ")):
            found.append(re.sub(r"\b\d+\b", "N", line))
    return sorted(found)


def cgroups(prefix):
    """control groups with a container's name in theirs"""
    found = []
    for folder, names, _ in os.walk("/sys/fs/cgroup"):
        for name in names:
            if prefix in name:
                found.append(os.path.join(folder, name))
    return sorted(found)


# Folders of the state directory's layout: what is in them counts, not whether they are there.
LAYOUT = ("backups", "containers", "devices", "disks", "images", "networks", "run", "security", "storage-pools")


def files(state):
    """names below the state directory, but the store's own, logs and what is inside containers"""
    found = []
    for folder, names, plain in os.walk(state):
        names[:] = [name for name in names if name not in ("logs", "rootfs")]
        for name in names + plain:
            path = os.path.relpath(os.path.join(folder, name), state)
            if path in LAYOUT:
                continue
            # run/NAME.last tells of a run that is over; a lock file says nothing.
            if not path.startswith(("berth.db", "lock")) and not re.search(r"\.(last(\.\d+)?|lock)$", path):
                found.append(path)
    return sorted(found)


def fingerprint(state, prefix):
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        mounts = sorted(line.split()[4] for line in file if state in line)
    return {
        "links": links(),
        "addresses": addresses(),
        "routes": routes(),
        "nft": rules(),
        "mounts": mounts,
        "processes": processes(),
        "cgroups": cgroups(prefix),
        "files": files(state),
    }


def same(before, after, ignore=()):
    """Compares two fingerprints and names only what differs."""
    for part in before:
        if part in ignore or before[part] == after[part]:
            continue
        if isinstance(before[part], dict):
            lost = {key: value for key, value in before[part].items() if after[part].get(key) != value}
            new = {key: value for key, value in after[part].items() if before[part].get(key) != value}
        else:
            lost = [item for item in before[part] if item not in after[part]]
            new = [item for item in after[part] if item not in before[part]]
        raise AssertionError(f"{part}: gone {lost!r}, new {new!r}")


def wait_for(function, what, seconds=20):
    """`what` is a text, or a function that makes it when it is needed."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if function():
            return
        time.sleep(0.05)
    raise AssertionError(f"{what() if callable(what) else what}: not within {seconds} s")


def states(berth):
    return {item["name"]: item["observed"].get("running", {}).get("state", "stopped")
            for item in json.loads(berth.run("get", "instance", "--format", "json").expect(0).out)}


def apply(berth, text, *args):
    berth.write("berth.yaml", text)
    return berth.run("apply", "-y", *args)


def down(berth, before):
    """takes everything down and compares with the start"""
    berth.run("destroy", "--all", "-y").expect(0)
    same(before, fingerprint(berth.state, NAME), ignore=("files",))
