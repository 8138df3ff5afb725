#!/usr/bin/env python3
"""Usage of a process on a host with cgroup v2 alone: in a mount namespace that shows no other hierarchy. Controllers that v1 has
taken count nothing there; processor time always counts."""
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap  # noqa: E402  (the folder has to be known first)

INSIDE = "BERTH_TEST_CGROUP2_INSIDE"
GROUP = "berth-test-%d" % os.getpid()


def show(*argv):
    done = subprocess.run([os.environ["SHOW"], *argv], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError("%s: %s" % (" ".join(argv), done.stderr))
    return json.loads(done.stdout)


class Busy:
    """A process that works, in a group of its own."""

    def __init__(self):
        self.folder = os.path.join("/sys/fs/cgroup", GROUP)
        os.mkdir(self.folder)
        self.process = subprocess.Popen([sys.executable, "-c", "while True: pass"])

    def __enter__(self):
        with open(self.folder + "/cgroup.procs", "w", encoding="ascii") as file:
            file.write(str(self.process.pid))
        time.sleep(0.5)
        return str(self.process.pid)

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.rmdir(self.folder)


def test_state():
    with Busy() as pid:
        first = show("state", pid, GROUP)
        second = show("state", pid, GROUP)
    usage = first["cpu"]["usage"]
    if not 10_000_000 < usage < 60_000_000_000 or second["cpu"]["usage"] < usage:
        raise AssertionError("processor time: %r then %r" % (first["cpu"], second["cpu"]))
    tap.equal(first["network"]["lo"]["type"], "loopback")


def test_metrics():
    with Busy() as pid:
        page = show("metrics", pid, GROUP)
    lines = [line for line in page.splitlines() if line.startswith("lxd_cpu_seconds_total")]
    tap.equal(len(lines), 2, "user and system")
    if sum(float(line.split()[-1]) for line in lines) < 0.01:
        raise AssertionError("no processor time: %r" % lines)


def main():
    if os.geteuid() != 0:
        print("1..0 # SKIP needs root")
        return
    if INSIDE not in os.environ:
        done = subprocess.run(["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv],
                              env={**os.environ, INSIDE: "1"}, check=False)
        sys.exit(done.returncode)
    subprocess.run(["umount", "--recursive", "--lazy", "/sys/fs/cgroup"], check=True)
    subprocess.run(["mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup"], check=True)
    tap.main(globals())


if __name__ == "__main__":
    main()
