#!/usr/bin/env python3
"""The inventory, the state of interfaces, of a pool and of a container beside Debian's LXD on the same host, key by key.

Needs root, and the packages lxd and lxd-client. What may differ, and why, is in DIFFERENCES; docs/resources.md says it to
people, and has to name each of them. Everything happens in namespaces of this program's own.

usage: compare_lxd.py, with SHOW, MAKE_IMAGE and DOCS in the environment"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap  # noqa: E402  (the folder has to be known first)

INSIDE = "BERTH_TEST_LXD_INSIDE"
SHOW = os.environ["SHOW"]

# Place in the answer, as a regular expression -> word by which docs/resources.md tells the reason.
DIFFERENCES = {
    r"/pci/devices/\d+/(vendor|product)": "pci.ids",
    r"/network/cards/\d+/(vendor|product)": "pci.ids",
    r"/gpu/cards/\d+/(vendor|product)": "pci.ids",
    r"/storage/disks/\d+/block_size": "block_size",
    r"/storage/disks/\d+/serial": "serial",
    r"/system/type": "type",
}
# Numbers that move between two looks: at most this part of the larger may differ, or this much.
MOVING = {
    r"/memory/(nodes/\d+/)?used": (0.5, 512 << 20),
    r"/(space|inodes)/used": (0.05, 0),
    r"/memory/usage(_peak)?": (0.5, 1 << 20),
    r"/cpu/usage": (0.5, 100_000_000),
    r"(/network/[^/]+)?/counters/(bytes|packets)_(received|sent)": (0.5, 4096),
    r"/cpu/sockets/\d+/(cores/\d+/)?frequency": (0.5, 0),
}


def run(*argv, **options):
    done = subprocess.run(argv, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise AssertionError("%s failed:\n%s%s" % (" ".join(argv), done.stdout, done.stderr))
    return done.stdout


def show(*argv):
    return json.loads(run(SHOW, *argv))


def query(path):
    return json.loads(run("lxc", "query", path))


def fits(patterns, place):
    return next((value for pattern, value in patterns.items() if re.fullmatch(pattern, place)), None)


def close(bounds, ours, theirs):
    part, amount = bounds
    return abs(ours - theirs) <= max(part * max(ours, theirs), amount)


def differences(ours, theirs, place=""):
    """Places where the two are not the same, with both values."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted(ours.keys() | theirs.keys()):
            missing = "(missing)"
            yield from differences(ours.get(key, missing), theirs.get(key, missing), place + "/" + key)
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for number, pair in enumerate(zip(ours, theirs)):
            yield from differences(*pair, "%s/%d" % (place, number))
    elif ours != theirs:
        bounds = fits(MOVING, place)
        if fits(DIFFERENCES, place) is None and not (bounds and close(bounds, ours, theirs)):
            yield "%s: %r here, %r in LXD" % (place, ours, theirs)


def same(ours, theirs):
    found = list(differences(ours, theirs))
    if found:
        raise AssertionError("\n".join(found))


def count(value):
    """Single values in an answer."""
    if isinstance(value, dict):
        return sum(map(count, value.values()))
    return sum(map(count, value)) if isinstance(value, list) else 1


def test_documented():
    """Every difference that is allowed is explained."""
    with open(os.environ["DOCS"], encoding="utf-8") as file:
        text = file.read()
    for reason in DIFFERENCES.values():
        tap.contains(text, "`%s`" % reason)


def test_resources():
    theirs = query("/1.0/resources")
    same(show("host", "/"), theirs)
    print("# %d values" % count(theirs))


def test_pool():
    same(show("pool", os.path.join(os.environ["LXD_DIR"], "storage-pools", "data")), query("/1.0/storage-pools/data/resources"))


def test_links():
    """The bridge of a network, its port, and a pair that has nothing to do with it."""
    run("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1")
    names = [link["ifname"] for link in json.loads(run("ip", "-j", "link"))]
    for name in names:
        same(show("link", name), query("/1.0/networks/%s/state" % name))
    if len(names) < 5:
        raise AssertionError("too few links to compare: %r" % names)


def test_bond():
    if subprocess.run(["ip", "link", "add", "bond0", "type", "bond"], check=False, stderr=subprocess.DEVNULL).returncode:
        raise tap.Skip("this kernel has no bonds")
    same(show("link", "bond0"), query("/1.0/networks/bond0/state"))


def test_vlan():
    if subprocess.run(["ip", "link", "add", "vl5", "link", "v0", "type", "vlan", "id", "5"], check=False,
                      stderr=subprocess.DEVNULL).returncode:
        raise tap.Skip("this kernel has no VLANs")
    same(show("link", "vl5"), query("/1.0/networks/vl5/state"))


def test_no_link():
    done = subprocess.run([SHOW, "link", "nothere"], capture_output=True, text=True, check=False)
    tap.equal((done.returncode, done.stderr), (1, "there is no network interface nothere on this host\n"))


def test_container():
    theirs = query("/1.0/instances/c1/state")
    ours = show("state", str(theirs["pid"]), "lxc.payload.c1")
    for key in ("status", "status_code"):  # the caller's part
        del theirs[key]
    same(ours, theirs)
    if ours["cpu"]["usage"] <= 0 or ours["memory"]["usage"] <= 0 or ours["network"]["eth0"]["host_name"] == "":
        raise AssertionError("nothing was measured: %r" % ours)
    print("# %d values" % count(theirs))


def series(page):
    """{series with its labels: value}."""
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in page.splitlines() if not line.startswith("#")}


def test_metrics():
    page = show("metrics", str(query("/1.0/instances/c1/state")["pid"]), "lxc.payload.c1")
    theirs = run("lxc", "query", "--raw", "/1.0/metrics")
    ours, others = series(page), series(theirs)
    # LXD 5.0's file system samples lack the label `type` and the device; disks have no samples there on cgroup v1.
    missing = {name for name in others if "_filesystem_" not in name} - ours.keys()
    more = {name for name in ours if "_filesystem_" not in name and "_disk_" not in name} - others.keys()
    tap.equal((missing, more), (set(), set()))
    tap.equal([line for line in theirs.splitlines() if line.startswith("# TYPE") and line not in page], [], "TYPE")
    for name, value in others.items():
        if "_network_" in name and 'device="lo"' in name:
            tap.equal(ours[name], value)
    total = next(value for name, value in ours.items() if "MemTotal" in name)
    with open("/proc/meminfo", encoding="utf-8") as file:
        tap.equal(total, float(file.readline().split()[1]) * 1024, "MemTotal")
    size = next(value for name, value in ours.items() if "filesystem_size" in name)
    tap.equal(size, next(value for name, value in others.items() if "filesystem_size" in name), "size of the root")
    tap.equal(page.splitlines()[-1], "# EOF")


def enter():
    """Runs this program again in namespaces of its own; when they are gone, with all mounts in them, the work folder goes too."""
    if os.geteuid() != 0 or not shutil.which("lxd") or not shutil.which("lxc"):
        print("1..0 # SKIP needs root and the packages lxd and lxd-client")
        sys.exit(0)
    with tempfile.TemporaryDirectory(prefix="berth-lxd-", dir="/var/tmp") as work:
        os.chmod(work, 0o755)
        done = subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation",
                               "private", sys.executable, *sys.argv], env={**os.environ, INSIDE: work}, check=False)
    sys.exit(done.returncode)


def start(work):
    """A sysfs of this network namespace, and LXD with a pool, a network and a running container."""
    groups = tempfile.mkdtemp(dir=work)
    for command in (["mount", "--rbind", "/sys/fs/cgroup", groups], ["mount", "-t", "sysfs", "sysfs", "/sys"],
                    ["mount", "--rbind", groups, "/sys/fs/cgroup"], ["ip", "link", "set", "lo", "up"]):
        subprocess.run(command, check=True)
    os.environ.update(LXD_DIR=os.path.join(work, "lxd"), HOME=work)
    os.mkdir(os.environ["LXD_DIR"])
    daemon = subprocess.Popen(["lxd", "--group", "root", "--logfile", os.path.join(work, "lxd.log")], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    run("lxd", "waitready", "--timeout", "60")
    image = os.path.join(work, "image.tar.gz")
    run(sys.executable, os.environ["MAKE_IMAGE"], image)
    for command in (["storage", "create", "data", "dir"],
                    ["network", "create", "brlxd", "ipv4.address=10.67.0.1/24", "ipv6.address=fd42:67::1/64"],
                    ["profile", "device", "add", "default", "root", "disk", "path=/", "pool=data"],
                    ["profile", "device", "add", "default", "eth0", "nic", "network=brlxd"],
                    ["image", "import", image, "--alias", "small"], ["launch", "small", "c1"],
                    ["exec", "c1", "--", "/bin/busybox", "ip", "address", "add", "10.67.0.20/24", "dev", "eth0"]):
        run("lxc", *command)
    return daemon


def main():
    if INSIDE not in os.environ:
        enter()
    daemon = start(os.environ[INSIDE])
    try:
        tap.main(globals())
    finally:
        run("lxc", "delete", "-f", "c1")
        daemon.terminate()
        daemon.wait(60)


if __name__ == "__main__":
    main()
