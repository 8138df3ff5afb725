#!/usr/bin/env python3
"""The API of instances: how long `lxc launch` takes alone and twenty at a time, and how many requests a second are answered.

Everything happens in namespaces of this program's own. Needs root and Debian's lxc.
usage: api.py BERTH BERTHD [INSTANCES]"""
import os
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Connection, Daemon  # noqa: E402

INSIDE = "BERTH_BENCH_INSIDE"
SECONDS = 3
STATE = """
storage_pools: [{name: data, driver: dir}]
networks: [{name: brbench, config: {ipv4.address: 10.66.0.1/24, ipv6.address: none}}]
images: [{name: busybox, source: 'builtin:busybox'}]
profiles:
- name: default
  devices: {root: {type: disk, path: /, pool: data}, eth0: {type: nic, network: brbench}}
"""


def launch(daemon, names):
    """eight clients at a time"""
    started = time.monotonic()
    waiting = list(names)

    def client():
        while waiting:
            try:
                name = waiting.pop()
            except IndexError:
                return
            daemon.lxc("launch", "busybox", name).expect(0)

    clients = [threading.Thread(target=client) for _ in range(8)]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    return time.monotonic() - started


def requests(daemon, path, connections):
    """answers a second over so many connections that are kept"""
    counts = [0] * connections
    until = time.monotonic() + SECONDS

    def ask(number):
        connection = Connection(daemon.socket)
        while time.monotonic() < until:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, answer.status
            counts[number] += 1
        connection.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / SECONDS


def timed(function, times=5):
    found = []
    for _ in range(times):
        started = time.monotonic()
        function()
        found.append(time.monotonic() - started)
    return sorted(found)[times // 2]


def memory(daemon):
    with open(f"/proc/{daemon.process.pid}/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmRSS"))


def measure(berth, count):
    berth.run("apply", "-y", "-q", "-f", berth.write("state.yaml", STATE)).expect(0)
    with Daemon(berth) as daemon:
        daemon.lxc("launch", "busybox", "warm").expect(0)
        print(f"lxc launch, one                      {launch(daemon, ['one']) * 1000:8.0f} ms")
        print(f"lxc launch, 20, eight at a time      {launch(daemon, [f'c{i}' for i in range(20)]) * 1000:8.0f} ms")
        print(f"GET instances/NAME, 16 connections   {requests(daemon, '/1.0/instances/warm', 16):8.0f} /s (the client is Python)")
        change = [0]

        def patch():
            change[0] += 1
            daemon.ask("PATCH", "/1.0/instances/warm", {"config": {"user.n": str(change[0])}}).expect(200)

        print(f"PATCH of one key                     {timed(patch, 9) * 1000:8.1f} ms")
        for name in ["warm", "one", *[f"c{i}" for i in range(20)]]:
            daemon.lxc("delete", "-f", name).expect(0)
        print(f"memory, idle                         {memory(daemon):8.1f} MiB")
        many = "instances:\n" + "".join(f"- {{name: e{i}, image: busybox}}\n" for i in range(count))
        berth.run("apply", "-y", "-q", "-f", berth.write("many.yaml", many), timeout=600).expect(0)
        time.sleep(1)
        for recursion in (1, 2):
            taken = timed(lambda: daemon.ask("GET", f"/1.0/instances?recursion={recursion}").expect(200))
            print(f"GET instances?recursion={recursion} of {count:<10} {taken * 1000:8.1f} ms")
        print(f"memory, {count} instances             {memory(daemon):8.1f} MiB")


def main():
    os.environ["BERTH"], os.environ["BERTHD"] = sys.argv[1], sys.argv[2]
    if INSIDE not in os.environ:
        sys.exit(subprocess.run([*host.UNSHARE, sys.executable, *sys.argv], env={**os.environ, INSIDE: "1"}, check=False).returncode)
    host.prepare_namespaces()
    with tap.Berth() as berth:
        measure(berth, int(sys.argv[3]) if len(sys.argv) > 3 else 1000)


if __name__ == "__main__":
    main()
