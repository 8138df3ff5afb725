#!/usr/bin/env python3
"""berth beside Debian's LXD on the same machine, in one run: the time from a command to running containers, from a cached image.

Then berth beside liblxc's own lxc-start: berth makes and starts one container, lxc-start only starts one whose root is unpacked already;
berth may take twice as long at most, else this program fails.

All are warm and take turns; the tables show median and spread over the rounds. Needs root, and the packages lxd, lxd-client and lxc; what
is missing is not measured, and the table says so. Everything happens in namespaces of this program's own.

usage: compare.py BERTH MAKE_IMAGE [ROUNDS]"""
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time

INSIDE = "BERTH_BENCH_INSIDE"
COUNT = 20
AT_MOST = 2.0

STATE = """storage_pools:
- {name: data, driver: %s%s}
networks:
- {name: brberth, config: {ipv4.address: 10.66.0.1/24, ipv6.address: none}}
images:
- {name: small, source: %s}
profiles:
- name: default
  devices:
    root: {type: disk, path: /, pool: data}
    eth0: {type: nic, network: brberth}
instances:
- {name: warm, image: small, state: stopped}
"""


def enter():
    """Runs this program again in namespaces of its own; when they are gone, with all mounts in them, the work folder goes too."""
    if INSIDE not in os.environ:
        with tempfile.TemporaryDirectory(prefix="berth-bench-", dir="/var/tmp") as work:
            os.chmod(work, 0o755)
            done = subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation",
                                   "private", sys.executable, *sys.argv], env={**os.environ, INSIDE: work}, check=False)
        sys.exit(done.returncode)
    groups = tempfile.mkdtemp()
    for command in (["mount", "--rbind", "/sys/fs/cgroup", groups], ["mount", "-t", "sysfs", "sysfs", "/sys"],
                    ["mount", "--rbind", groups, "/sys/fs/cgroup"], ["ip", "link", "set", "lo", "up"]):
        subprocess.run(command, check=True)


def run(*argv, **options):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)
    if done.returncode != 0:
        raise SystemExit("%s failed:\n%s" % (" ".join(argv), done.stdout))
    return done.stdout


def timed(function):
    started = time.monotonic()
    function()
    return time.monotonic() - started


class Berth:
    name = "berth"

    def __init__(self, program, work, driver, image):
        self.program, self.file = program, os.path.join(work, "state.yaml")
        self.env = {**os.environ, "BERTH_DIR": os.path.join(work, "berth")}
        self.base = STATE % (driver, ", config: {size: 2GiB}" if driver == "btrfs" else "", image)
        self.apply(self.base)

    def apply(self, text):
        with open(self.file, "w", encoding="utf-8") as file:
            file.write(text)
        run(self.program, "apply", "-y", "-q", "--prune", "--set", "bench", "-f", self.file, env=self.env)

    def launch(self, count):
        self.apply(self.base + "".join("- {name: c%d, image: small, state: running}\n" % i for i in range(count)))

    def remove(self, count):
        self.apply(self.base)

    def again(self):
        """the same once more, with nothing to do"""
        run(self.program, "apply", "-y", "-q", "--set", "bench", "-f", self.file, env=self.env)

    def close(self):
        run(self.program, "destroy", "-y", "-q", "--all", env=self.env)


class Lxd:
    name = "LXD"

    def __init__(self, work, driver, image):
        self.env = {**os.environ, "LXD_DIR": os.path.join(work, "lxd"), "HOME": work}
        os.makedirs(self.env["LXD_DIR"])
        self.daemon = subprocess.Popen(["lxd", "--group", "root", "--logfile", os.path.join(work, "lxd.log")], env=self.env,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        run("lxd", "waitready", "--timeout", "60", env=self.env)
        self.lxc("storage", "create", "data", driver, *(["size=2GiB"] if driver == "btrfs" else []))
        self.lxc("network", "create", "brlxd", "ipv4.address=10.67.0.1/24", "ipv6.address=none")
        self.lxc("profile", "device", "add", "default", "root", "disk", "path=/", "pool=data")
        self.lxc("profile", "device", "add", "default", "eth0", "nic", "network=brlxd")
        self.lxc("image", "import", image, "--alias", "small")
        self.lxc("init", "small", "warm")

    def lxc(self, *argv):
        return run("lxc", *argv, env=self.env)

    def launch(self, count):
        names = "\n".join("c%d" % i for i in range(count))
        run("xargs", "-P", "8", "-I", "{}", "lxc", "launch", "small", "{}", input=names, env=self.env)

    def remove(self, count):
        names = "\n".join("c%d" % i for i in range(count))
        run("xargs", "-P", "8", "-I", "{}", "lxc", "delete", "-f", "{}", input=names, env=self.env)

    def close(self):
        self.lxc("delete", "-f", "warm")
        self.lxc("profile", "device", "remove", "default", "eth0")
        self.lxc("network", "delete", "brlxd")
        self.daemon.terminate()
        self.daemon.wait(60)


# The package's own configuration for unprivileged containers, with an idmapped root and a NIC on a bridge as berth gives them.
BARE = """lxc.include = /usr/share/lxc/config/common.conf
lxc.include = /usr/share/lxc/config/userns.conf
lxc.rootfs.path = dir:%s
lxc.rootfs.options = idmap=container
lxc.uts.name = bare
lxc.idmap = u 0 1000000 65536
lxc.idmap = g 0 1000000 65536
lxc.net.0.type = veth
lxc.net.0.link = brbare
lxc.net.0.flags = up
lxc.net.0.name = eth0
"""


class Bare:
    name = "lxc-start"

    def __init__(self, work, image):
        self.work = os.path.join(work, "bare")
        folder = os.path.join(self.work, "bare")
        os.makedirs(folder)
        os.chmod(self.work, 0o755)
        with tarfile.open(image) as archive:
            archive.extractall(folder)
        self.config = os.path.join(folder, "bare.conf")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(BARE % os.path.join(folder, "rootfs"))
        run("ip", "link", "add", "brbare", "type", "bridge")
        run("ip", "link", "set", "brbare", "up")

    def launch(self, _count):
        run("lxc-start", "-P", self.work, "-n", "bare", "-f", self.config, "-o", os.path.join(self.work, "log"))

    def remove(self, _count):
        run("lxc-stop", "-P", self.work, "-n", "bare", "-k")

    def close(self):
        run("ip", "link", "del", "brbare")


def spread(values):
    return "%6.0f ms  (%4.0f to %4.0f)" % (statistics.median(values) * 1e3, min(values) * 1e3, max(values) * 1e3)


def measure(driver, program, image, rounds):
    work = os.path.join(os.environ[INSIDE], driver)
    os.mkdir(work)
    systems = [Berth(program, work, driver, image)]
    if shutil.which("lxd") and shutil.which("lxc"):
        systems.append(Lxd(work, driver, image))
    else:
        print("LXD is not installed: nothing to compare with")
    for count in (1, COUNT):
        times = take_turns(systems, count, rounds)
        for name, values in times.items():
            print("%-6s %3d containers on %-6s %s" % (name, count, driver, spread(values)))
        if len(systems) == 2:
            ratio = statistics.median(times["LXD"]) / statistics.median(times["berth"])
            print("ratio  %3d containers on %-6s %.1f times as fast as LXD" % (count, driver, ratio))
        sys.stdout.flush()
    print("berth  again, nothing to do      %s" % spread([timed(systems[0].again) for _ in range(rounds)]))
    for system in systems:
        system.close()


def take_turns(systems, count, rounds):
    """{name: [seconds]}, with one round before that does not count"""
    times = {system.name: [] for system in systems}
    for number in range(rounds + 1):
        for system in systems:
            seconds = timed(lambda: system.launch(count))
            system.remove(count)
            if number > 0:
                times[system.name].append(seconds)
    return times


def measure_bare(program, image, rounds):
    """whether berth is fast enough"""
    if not shutil.which("lxc-start"):
        print("lxc-start is not installed: nothing to compare with")
        return True
    work = os.path.join(os.environ[INSIDE], "one")
    os.mkdir(work)
    systems = [Berth(program, work, "dir", image), Bare(work, image)]
    times = take_turns(systems, 1, rounds)
    for system in systems:
        system.close()
    for name, values in times.items():
        print("%-9s 1 container %s" % (name, spread(values)))
    ratio = statistics.median(times["berth"]) / statistics.median(times["lxc-start"])
    print("ratio     berth takes %.2f times as long as lxc-start; at most %.1f" % (ratio, AT_MOST))
    return ratio <= AT_MOST


def main():
    if os.geteuid() != 0:
        raise SystemExit("needs root")
    enter()
    program, make_image = sys.argv[1:3]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 10
    image = os.path.join(os.environ[INSIDE], "small.tar.gz")
    run(sys.executable, make_image, image)
    for driver in ("dir", "btrfs"):
        measure(driver, program, image, rounds)
    if not measure_bare(program, image, rounds):
        raise SystemExit("berth is too slow beside lxc-start")


if __name__ == "__main__":
    main()
