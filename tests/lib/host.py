"""What tests on the real host share: namespaces of their own, and a fingerprint of what berth may touch (LAW-3)."""
import json
import os
import re
import subprocess
import sys

import tap

INSIDE = "BERTH_TEST_INSIDE"


def enter_namespaces():
    """Runs this program again as root in its own mount, network and PID namespaces; all ends with it."""
    if os.geteuid() != 0:
        print("1..0 # SKIP needs root")
        sys.exit(0)
    if os.environ.get(INSIDE) != "1":
        os.environ[INSIDE] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc",
                              "--propagation", "private", sys.executable, *sys.argv])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def output(*argv):
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def links():
    found = {}
    for link in json.loads(output("ip", "-j", "-d", "link")):
        found[link["ifname"]] = {key: link.get(key) for key in ("mtu", "address", "master", "ifalias", "operstate")}
    return found


def addresses():
    found = {}
    for link in json.loads(output("ip", "-j", "addr")):
        found[link["ifname"]] = sorted(f"{a['local']}/{a['prefixlen']}" for a in link["addr_info"])
    return found


def processes():
    """command lines, but those of this test"""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
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


def files(state):
    """names below the state directory, but the store's own and logs"""
    found = []
    for folder, names, plain in os.walk(state):
        names[:] = [name for name in names if name != "logs"]
        for name in names + plain:
            path = os.path.relpath(os.path.join(folder, name), state)
            if not path.startswith(("berth.db", "lock")):
                found.append(path)
    return sorted(found)


def fingerprint(state, prefix):
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        mounts = sorted(line.split()[4] for line in file if state in line)
    return {
        "links": links(),
        "addresses": addresses(),
        "routes": output("ip", "route", "show", "table", "all").splitlines(),
        "nft": [line for line in output("nft", "-s", "list", "ruleset").splitlines() if "handle" not in line],
        "mounts": mounts,
        "processes": processes(),
        "cgroups": cgroups(prefix),
        "files": files(state),
    }


def same(before, after, ignore=()):
    for part in before:
        if part not in ignore:
            tap.equal(after[part], before[part], part)
