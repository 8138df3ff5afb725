#!/usr/bin/env python3
"""berthd beside Debian's LXD on the same machine, in one run: reads, changes, commands, launches, listings, starts, memory.

Both run at once on the same pool driver and image, and take turns, so that what else the machine does meets both. Times are medians. The
client `lxc` takes some milliseconds of its own, which are measured and taken off where "net" is said. Requests and listings are asked by the
program LOAD (tests/bench/load.c), which does not read what it gets, for both alike. Goals are compared with what was
measured; `--strict` fails when one is missed. Needs root, and the packages lxd and lxd-client; without LXD only berthd is measured.
Everything happens in namespaces of this program's own.

usage: api.py BERTH BERTHD LOAD [INSTANCES [INSTANCES_OF_LXD]] [--strict]"""
import copy
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon  # noqa: E402
from lxd import Lxd  # noqa: E402

INSIDE = "BERTH_BENCH_INSIDE"
MAKE_IMAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib", "make_image.py")
SECONDS = 3
CLIENTS = 8


class Side:
    """One of the two servers with a pool, a bridge, an image and a running container."""

    def __init__(self, berth, make, prefix, subnet):
        self.berth = copy.copy(berth)
        self.berth.state = berth.path(prefix)
        os.makedirs(self.berth.state, exist_ok=True)
        self.server = make(self.berth)
        self.name = self.server.title
        self.prefix = f"{prefix}{host.NAME}"
        self.server.start()
        image = berth.path("small.tar.gz")
        for command in (["storage", "create", "data", "dir"],
                        ["network", "create", f"br{prefix}", f"ipv4.address={subnet}.1/24", "ipv6.address=none"],
                        ["profile", "device", "add", "default", "root", "disk", "path=/", "pool=data"],
                        ["profile", "device", "add", "default", "eth0", "nic", f"network=br{prefix}"],
                        ["image", "import", image, "--alias", "small"], ["launch", "small", self.prefix]):
            self.lxc(*command)

    def lxc(self, *args):
        self.server.lxc(*args, timeout=600).expect(0)

    def ask(self, method, path, body=None):
        answer = self.server.ask(method, path, body, timeout=600)
        assert answer.status < 300, answer.bytes
        return answer

    def instance(self, name):
        return f"{self.prefix}{name}"

    def each(self, names, function):
        """so many clients at a time"""
        waiting = list(names)

        def client():
            while waiting:
                try:
                    name = waiting.pop()
                except IndexError:
                    return
                function(name)

        threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def make_empty(self, first, count):
        """instances that do not run, by plain requests"""
        def one(number):
            body = {"name": self.instance(f"e{number}"), "source": {"type": "image", "alias": "small"}}
            self.server.wait(self.server.ask("POST", "/1.0/instances", body, timeout=600))

        self.each(range(first, first + count), one)

    def memory(self):
        with open(f"/proc/{self.server.process.pid}/status", encoding="utf-8") as file:
            return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmRSS"))

    def start(self):
        """seconds from the start of the program to its first answer"""
        self.server.stop()
        began = time.monotonic()
        with open(self.server.log, "ab") as log:
            self.server.process = subprocess.Popen([self.server.program, *self.server.args], env=self.server.environment(),
                                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        while True:
            try:
                if self.server.ask("GET", "/1.0").status == 200:
                    return time.monotonic() - began
            except OSError:
                time.sleep(0.002)


def timed(function):
    began = time.monotonic()
    function()
    return time.monotonic() - began


class Table:
    def __init__(self, sides):
        self.sides = sides
        self.missed = []

    def row(self, what, values, unit, more_is_better=False, goal=None, limit=None):
        """One line: a value of each side, how many times better berth is, and the goal: that many times, or at most `limit`."""
        texts = [f"{side.name} {value:9.1f} {unit}" for side, value in zip(self.sides, values)]
        line = f"{what:42} {'   '.join(texts)}"
        met = True
        if len(values) == 2 and min(values) > 0:
            ratio = values[0] / values[1] if more_is_better else values[1] / values[0]
            line += f"   {ratio:6.1f} times"
            met = goal is None or ratio >= goal
        met = met and (limit is None or values[0] <= limit)
        if goal is not None or limit is not None:
            wanted = [f"{goal} times"] if goal is not None else []
            wanted += [f"at most {limit} {unit}"] if limit is not None else []
            line += f"   goal {' and '.join(wanted)}: {'met' if met else 'MISSED'}"
        if not met:
            self.missed.append(what)
        print(line, flush=True)

    def turns(self, function, rounds):
        """medians in milliseconds"""
        times = [[] for _ in self.sides]
        for _ in range(rounds):
            for i, side in enumerate(self.sides):
                times[i].append(timed(lambda: function(side)))
        return [statistics.median(all_of_it) * 1e3 for all_of_it in times]


def load(program, side, path, connections=16):
    """answers a second"""
    done = subprocess.run([program, side.server.socket, path, str(connections), str(SECONDS)], capture_output=True, text=True, check=True)
    return float(done.stdout)


def listing(program, side, recursion):
    """Milliseconds until all of an answer is here, one after another. Python would take longer to read it than berthd to make it."""
    return 1e3 / load(program, side, f"/1.0/instances?recursion={recursion}", 1)


def measure_one(table, program):
    """requests about one instance, commands, launches"""
    sides = table.sides
    table.row("memory, idle", [side.memory() for side in sides], "MiB", limit=16)
    rates = [load(program, side, f"/1.0/instances/{side.prefix}") for side in sides]
    table.row("GET one instance, 16 connections", rates, "/s", more_is_better=True, goal=30)
    changes = iter(range(10 ** 6))
    table.row("PATCH of one key", table.turns(lambda side: side.ask("PATCH", f"/1.0/instances/{side.prefix}", {
        "config": {"user.n": str(next(changes))}}), 15), "ms", goal=4)
    own = statistics.median(timed(lambda: sides[0].lxc("--version")) for _ in range(9)) * 1e3
    print(f"{'the client itself (lxc --version)':42} {own:9.1f} ms")
    whole = table.turns(lambda side: side.lxc("exec", side.prefix, "--", "busybox", "true"), 9)
    table.row("lxc exec true", whole, "ms")
    table.row("lxc exec true, net", [max(value - own, 0.1) for value in whole], "ms", goal=4)
    attach = ["lxc-attach", "-P", os.path.join(sides[0].berth.state, "containers"), "-n", sides[0].prefix, "--", "busybox", "true"]
    least = statistics.median(timed(lambda: subprocess.run(attach, check=True)) for _ in range(9)) * 1e3
    print(f"{'what liblxc itself takes (lxc-attach true)':42} {least:9.1f} ms")
    count = iter(range(10 ** 6))
    table.row("lxc launch, image cached", table.turns(lambda side: side.lxc("launch", "small", side.instance(f"l{next(count)}")), 5), "ms",
              goal=4)
    stops = [[f"l{i}" for i in range(10) if i % len(sides) == at] for at in range(len(sides))]
    table.row("lxc stop -f", table.turns(lambda side: side.lxc("stop", "-f", side.instance(stops[sides.index(side)].pop())), 5), "ms")
    many = [f"m{i}" for i in range(20)]
    table.row("lxc launch, 20, eight at a time",
              table.turns(lambda side: side.each(many, lambda name: side.lxc("launch", "small", side.instance(name))), 1), "ms", goal=4)
    for side in sides:
        names = [one["name"] for one in side.ask("GET", "/1.0/instances?recursion=1").metadata if one["name"] != side.prefix]
        side.each(names, lambda name: side.lxc("delete", "-f", name))  # pylint: disable=cell-var-from-loop


def measure_many(table, program, count, fewer):
    """listings of many, starts with many"""
    sides = table.sides
    times = [timed(lambda: side.make_empty(0, fewer)) * 1e3 / fewer for side in sides]  # pylint: disable=cell-var-from-loop
    table.row(f"create {fewer} empty instances, each", times, "ms")
    for recursion in (1, 2):
        table.row(f"GET recursion={recursion} of {fewer}", [listing(program, side, recursion) for side in sides], "ms", goal=30)
    table.row(f"lxc list of {fewer}", table.turns(lambda side: side.lxc("list", "-f", "csv"), 3), "ms")
    table.row(f"memory, {fewer} created and listed", [side.memory() for side in sides], "MiB")
    table.row(f"start to first answer, {fewer} instances", table.turns(lambda side: side.start(), 3), "ms")
    alone = Table(sides[:1])
    side = sides[0]
    print(f"from here on berthd alone: LXD would take {times[-1] * count / 1e3:.0f} s to create {count}")
    side.start()
    alone.row(f"create {count - fewer} more, each", [timed(lambda: side.make_empty(fewer, count - fewer)) * 1e3 / (count - fewer)], "ms")
    alone.row(f"memory, {count} created", [side.memory()], "MiB", limit=28)
    for recursion, limit in ((1, None), (2, 100)):
        alone.row(f"GET recursion={recursion} of {count}", [listing(program, side, recursion)], "ms", limit=limit)
    alone.row(f"lxc list of {count}", alone.turns(lambda one: one.lxc("list", "-f", "csv"), 3), "ms")
    alone.row("memory, after the listings", [side.memory()], "MiB", limit=36)
    alone.row(f"start to first answer, {count} instances", [statistics.median(side.start() for _ in range(5)) * 1e3], "ms", limit=100)
    return alone.missed


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--strict"]
    os.environ["BERTH"], os.environ["BERTHD"] = arguments[:2]
    if INSIDE not in os.environ:
        sys.exit(subprocess.run([*host.UNSHARE, sys.executable, *sys.argv], env={**os.environ, INSIDE: "1"}, check=False).returncode)
    host.prepare_namespaces()
    count, fewer = int(arguments[3]) if len(arguments) > 3 else 1000, int(arguments[4]) if len(arguments) > 4 else 200
    print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f} at the start: times are of a machine that may do other things as well")
    with tap.Berth() as berth:
        subprocess.run([sys.executable, MAKE_IMAGE, berth.path("small.tar.gz")], check=True)
        sides = [Side(berth, Daemon, "b", "10.66.0")]
        if shutil.which("lxd"):
            sides.append(Side(berth, Lxd, "l", "10.67.0"))
        table = Table(sides)
        measure_one(table, arguments[2])
        missed = measure_many(table, arguments[2], count, fewer)
        missed = table.missed + missed
        for side in sides:
            side.server.stop()
    print(f"load {os.getloadavg()[0]:.1f} at the end; goals missed: {', '.join(missed) or 'none'}")
    sys.exit(1 if missed and "--strict" in sys.argv else 0)


if __name__ == "__main__":
    main()
