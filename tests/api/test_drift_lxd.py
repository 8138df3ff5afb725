#!/usr/bin/python3
"""berth beside LXD, each in namespaces of its own: two containers that ping each other, and somebody who breaks what they stand on.
Does the ping come back within 30 s, and when? A table says it (EN-40)."""
import os
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from drift import Listening, run  # noqa: E402

NAME = host.NAME
BRIDGE = f"br{NAME}"
WITHIN = 30.0
STATE = f"""
projects: [{{name: default, reconcile: correct}}]
storage_pools: [{{name: data, driver: dir}}]
networks: [{{name: {BRIDGE}, config: {{ipv4.address: 10.79.0.1/24, ipv6.address: none}}}}]
images: [{{name: busybox, source: 'builtin:busybox'}}]
instances:
- {{name: {NAME}a, image: busybox, state: running, devices: {{root: {{type: disk, path: /, pool: data}}, eth0: {{type: nic, network: {BRIDGE}}}}}}}
- {{name: {NAME}b, image: busybox, state: running, devices: {{root: {{type: disk, path: /, pool: data}}, eth0: {{type: nic, network: {BRIDGE}}}}}}}
"""
ACTS = ("nft flush ruleset", "ip link del BRIDGE", "kill -9 dnsmasq", "kill -9 of init")


def quiet(*argv, **options):
    return subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)


class System:
    """What both are asked for: `init` is the PID of a container's init, `inside` runs a program in it."""

    def address(self, name, address):
        """given by hand, so that nothing but the link is needed for a ping; an init that is new has none"""
        pid = self.init(name)
        if pid <= 0:
            return False
        enter = ("nsenter", "-t", str(pid), "-n", "ip")
        quiet(*enter, "addr", "replace", f"{address}/24", "dev", "eth0")
        return quiet(*enter, "link", "set", "eth0", "up").returncode == 0

    def pings(self):
        pid = self.init("a")
        if pid <= 0 or not self.address("a", "10.79.0.31") or not self.address("b", "10.79.0.32"):
            return False
        return quiet("nsenter", "-t", str(pid), "-n", "ping", "-c", "1", "-W", "1", "10.79.0.32").returncode == 0

    def whole(self, act):
        """what was broken is there again"""
        if act == "nft flush ruleset":
            return any("fwd" in name for name in host.rules())
        if act == "kill -9 dnsmasq":
            return bool(self.servers())
        return self.pings()

    def servers(self):
        return [int(pid) for pid in quiet("pgrep", "-f", f"^dnsmasq.*{BRIDGE}").stdout.split()]

    def do(self, act):
        if act == "nft flush ruleset":
            run("nft", "flush", "ruleset")
        elif act == "ip link del BRIDGE":
            run("ip", "link", "del", BRIDGE)
        elif act == "kill -9 dnsmasq":
            for pid in self.servers():
                os.kill(pid, signal.SIGKILL)
        else:
            os.kill(self.init("b"), signal.SIGKILL)

    def measure(self, act):
        """seconds until it is whole and the ping is back; None when that takes longer than WITHIN"""
        host.wait_for(self.pings, f"a ping before {act}")
        host.wait_for(lambda: self.whole(act), f"all is well before {act}")
        self.do(act)
        began = time.monotonic()
        while time.monotonic() - began < WITHIN:
            if self.whole(act) and self.pings():
                return time.monotonic() - began
            time.sleep(0.05)
        return None


class BerthSystem(System):
    def __init__(self, berth):
        self.berth = berth
        berth.run("apply", "-y", "-q", "-f", berth.write("state.yaml", STATE)).expect(0)
        self.daemon = Listening(berth)
        self.daemon.start()
        self.daemon.settled()

    def init(self, name):
        return self.daemon.ask("GET", f"/1.0/instances/{NAME}{name}/state").expect(200).metadata["pid"]

    def repair(self, act):
        raise AssertionError(f"berth did not put right: {act}\n{self.daemon.log_text()[-3000:]}")

    def close(self):
        self.daemon.stop()


class LxdSystem(System):
    def __init__(self, berth):
        work = berth.path("lxd")
        os.makedirs(os.path.join(work, "dir"))
        self.env = {**os.environ, "LXD_DIR": os.path.join(work, "dir"), "HOME": work}
        self.log = open(os.path.join(work, "log"), "wb")
        self.process = subprocess.Popen(["lxd", "--group", "root"], env=self.env, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        quiet("lxd", "waitready", "--timeout", "60", env=self.env)
        image = os.path.join(work, "image.tar.gz")
        run(sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib", "make_image.py"), image)
        for words in (("storage", "create", "data", "dir"),
                      ("network", "create", BRIDGE, "ipv4.address=10.79.0.1/24", "ipv6.address=none"),
                      ("profile", "device", "add", "default", "root", "disk", "path=/", "pool=data"),
                      ("profile", "device", "add", "default", "eth0", "nic", f"network={BRIDGE}"),
                      ("image", "import", image, "--alias", "busybox"),
                      ("launch", "busybox", f"{NAME}a"), ("launch", "busybox", f"{NAME}b")):
            self.lxc(*words)

    def lxc(self, *words, check=True):
        done = quiet("lxc", *words, env=self.env)
        if check and done.returncode != 0:
            raise AssertionError(f"lxc {' '.join(words)}: {done.stdout}")
        return done.stdout

    def init(self, name):
        for line in self.lxc("info", f"{NAME}{name}", check=False).splitlines():
            if line.strip().startswith("PID:"):
                return int(line.split()[1])
        return 0

    def repair(self, act):
        """by hand, as its user would, so that the next act begins with all in order"""
        if act == "kill -9 of init":
            self.lxc("start", f"{NAME}b", check=False)
            return
        self.process.terminate()
        self.process.wait(60)
        self.process = subprocess.Popen(["lxd", "--group", "root"], env=self.env, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        quiet("lxd", "waitready", "--timeout", "60", env=self.env)
        if act == "ip link del BRIDGE":
            for name in ("a", "b"):
                self.lxc("restart", "-f", f"{NAME}{name}")

    def close(self):
        for name in ("a", "b"):
            self.lxc("delete", "-f", f"{NAME}{name}", check=False)
        self.process.terminate()
        self.process.wait(60)


def measure(system):
    found = {}
    for act in ACTS:
        found[act] = system.measure(act)
        if found[act] is None:
            system.repair(act)
    system.close()
    return found


def tell(who, found):
    for act in ACTS:
        seconds = found[act]
        print(f"# {who:6} {act:20} {'ping back, all whole after %.2f s' % seconds if seconds is not None else 'not within 30 s'}", flush=True)


def test_berth(berth):
    """berth puts each right, with the ping back in less than 30 s"""
    found = measure(BerthSystem(berth))
    tell("berth", found)
    tap.equal([act for act in ACTS if found[act] is None], [])


def test_lxd(berth):
    """what LXD does about the same"""
    if shutil.which("lxd") is None or shutil.which("lxc") is None:
        raise tap.Skip("LXD is not installed: nothing to compare with")
    tell("LXD", measure(LxdSystem(berth)))


if __name__ == "__main__":
    host.main(globals())
