#!/usr/bin/python3
"""status -w: it goes on, and wakes when something changes."""
import json
import os
import pty
import select
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap  # noqa: E402

FILE = "profiles:\n- name: web\n  config: {limits.memory: 64MiB}\n"


class Watch:
    """`berth status -w` and what it has printed; use it in a with statement."""

    def __init__(self, berth, *args):
        self.process = berth.start("status", "-w", *args)
        self.text = ""

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    def until(self, part, seconds=20):
        """Reads until `part` was printed; what came since the last call."""
        end = time.monotonic() + seconds
        new = ""
        while part not in new:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))
            data = os.read(self.process.stdout.fileno(), 65536).decode() if ready else ""
            if not data:
                raise AssertionError(f"no {part!r} within {seconds} s in:\n{self.text}{new}")
            new += data
        self.text += new
        return new

    def cpu(self):
        """Ticks of CPU time that it used so far."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])


def test_prints_again(berth):
    """a table at once, another when an apply has changed something, none when it has not"""
    berth.write("berth.yaml", FILE)
    berth.run("apply", "-y").expect(0)
    with Watch(berth) as watch:
        tap.contains(watch.until("profile/web"), "Generation 1 ")
        berth.run("apply", "-y").expect(0)
        berth.write("berth.yaml", FILE.replace("64", "65"))
        berth.run("apply", "-y").expect(0)
        tap.contains(watch.until("profile/web"), "Generation 2 ")
        tap.equal(watch.text.count("Generation"), 2, "tables")


def test_before_there_is_anything(berth):
    """it waits for a state directory that is not there yet"""
    with Watch(berth) as watch:
        watch.until("Nothing was applied here yet.")
        tap.equal(os.path.exists(berth.state), False, "state directory made")
        berth.write("berth.yaml", FILE)
        berth.run("apply", "-y").expect(0)
        watch.until("profile/web")


def test_line_a_change(berth):
    """--format jsonl: a line for each condition, then one for each that comes, changes or goes"""
    berth.write("berth.yaml", FILE)
    berth.run("apply", "-y").expect(0)
    with Watch(berth, "profile/web", "--format", "jsonl") as watch:
        first = [json.loads(line) for line in watch.until("\n").splitlines()]
        tap.equal([(line["object"], line["type"], line["change"]) for line in first],
                  [("profile/default//web", "Ready", "added")])
        berth.write("berth.yaml", FILE.replace("64", "65"))
        berth.run("apply", "-y").expect(0)
        second = json.loads(watch.until("\n"))
        tap.equal((second["change"], second["generation"]), ("changed", 2))
    lines = berth.run("status", "profile/web", "--format", "jsonl").expect(0).out.splitlines()
    tap.equal([(json.loads(line)["generation"], "change" in json.loads(line)) for line in lines], [(2, False)])


def test_selected(berth):
    """an object that goes takes its lines with it"""
    berth.write("berth.yaml", FILE)
    berth.run("apply", "-y").expect(0)
    with Watch(berth, "--format", "jsonl") as watch:
        watch.until("profile/default//web")
        berth.run("destroy", "-y").expect(0)
        tap.contains(watch.until("removed"), "profile/default//web")


def test_does_not_poll(berth):
    """while nothing happens it does nothing"""
    berth.write("berth.yaml", FILE)
    berth.run("apply", "-y").expect(0)
    with Watch(berth) as watch:
        watch.until("profile/web")
        time.sleep(0.3)
        before = watch.cpu()
        time.sleep(2)
        if watch.cpu() - before > 1:
            raise AssertionError(f"{watch.cpu() - before} ticks of CPU time in 2 s")


def test_ends(berth):
    """Ctrl-C ends it, and so does a reader that leaves"""
    berth.write("berth.yaml", FILE)
    berth.run("apply", "-y").expect(0)
    with Watch(berth) as watch:
        watch.until("profile/web")
        watch.process.send_signal(signal.SIGINT)
        tap.equal(watch.process.wait(timeout=20), -signal.SIGINT)
    with Watch(berth) as watch:
        watch.until("profile/web")
        watch.process.stdout.close()
        tap.equal(watch.process.wait(timeout=20), 0)
        watch.process.stdout = open(os.devnull, encoding="ascii")


def test_on_a_terminal(berth):
    """on a terminal the old table is wiped away"""
    berth.write("berth.yaml", FILE)
    berth.run("apply", "-y").expect(0)
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(berth.work)
        os.execve(berth.program, [berth.program, "status", "-w"], berth.environment({"TERM": "xterm"}))
    text = b""
    try:
        while b"web" not in text:
            text += os.read(fd, 4096)
        berth.write("berth.yaml", FILE.replace("64", "65"))
        berth.run("apply", "-y").expect(0)
        while b"Generation 2" not in text:
            text += os.read(fd, 4096)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(fd)
    tap.contains(text.decode(), "\033[2J")


tap.main(globals())
