"""The words that the scripts of commands are written in: a command as a user types it with what it shows, and a look at the host.

Words in braces are filled in: {c} begins names of instances (control groups have no namespace), {image} is the file of an image, {dir} an
empty folder, and whatever a step kept."""
import json
import os
import re
import shlex
import subprocess

import host
import tap


class At:
    """Where a script runs: the server, the host around it, and the words. Checks of the host are the same for every server."""

    def __init__(self, server, words):
        self.server = server
        self.words = words

    def fill(self, text):
        for word, value in self.words.items():
            text = text.replace("{%s}" % word, value)
        return text

    def path(self, name):
        return os.path.join(self.words["dir"], name)

    def name(self, suffix=""):
        return self.words["c"] + suffix

    def pid(self, suffix=""):
        return self.server.ask("GET", f"/1.0/instances/{self.name(suffix)}/state").expect(200).metadata["pid"]

    def config(self, suffix=""):
        return self.server.ask("GET", f"/1.0/instances/{self.name(suffix)}").expect(200).metadata["config"]

    def veth(self, device="eth0", suffix=""):
        return self.config(suffix)[f"volatile.{device}.host_name"]

    def link(self, name):
        return host.links().get(name)

    def addresses(self, name):
        return host.addresses().get(name)

    def rules(self):
        return host.output("nft", "list", "ruleset")

    def mounts(self, suffix=""):
        """{mount point: file system} inside the instance"""
        with open(f"/proc/{self.pid(suffix)}/mountinfo", encoding="utf-8") as file:
            lines = [line.split(" - ") for line in file]
        return {left.split()[4]: right.split()[0] for left, right in lines}

    def cgroup_values(self, *files):
        """what these files of the instance's control groups say"""
        found = set()
        for folder in host.cgroups(self.name()):
            for file in files:
                path = os.path.join(folder, file)
                if os.path.exists(path):
                    with open(path, encoding="ascii") as text:
                        found.add(text.read().strip())
        return found

    def frozen(self):
        """whether a control group of the instance is frozen, in either version"""
        values = self.cgroup_values("freezer.state", "cgroup.events")
        return any(value == "FROZEN" or "frozen 1" in value for value in values)


class Lxc:
    """A command. It must succeed, or fail with a text. `shows`, `lacks`: parts of what it prints. `exactly`: all of it. `like`: what is in
    its JSON. `keep`: {word: pattern} of what later steps need. `berth`: other expectations of berthd, with `why`."""

    def __init__(self, command, *, shows=(), lacks=(), exactly=None, like=None, fails=None, status=None, stdin=None, keep=None, berth=None,
                 why=None):
        assert (berth is None) == (why is None), command
        self.title = command
        self.wants = {"shows": shows, "lacks": lacks, "exactly": exactly, "like": like, "fails": fails, "status": status}
        self.stdin = stdin
        self.keep = keep or {}
        self.berth = berth
        self.why = why

    def run(self, at):
        program, *args = shlex.split(at.fill(self.title))
        assert program == "lxc", program
        wants = {**self.wants, **self.berth} if self.berth and at.server.title == "berthd" else self.wants
        result = at.server.lxc(*args, stdin=at.fill(self.stdin) if self.stdin is not None else None)
        self.check(at, wants, result)
        for word, pattern in self.keep.items():
            at.words[word] = re.search(pattern, result.out, re.MULTILINE).group(1)

    @staticmethod
    def check(at, wants, result):
        if wants["fails"] is not None:
            tap.equal(result.status != 0, True, f"it fails: {result.out}")
            tap.contains(result.err, at.fill(wants["fails"]))
            return
        result.expect(wants["status"] or 0)
        everything = result.out + result.err
        for part in [wants["shows"]] if isinstance(wants["shows"], str) else wants["shows"]:
            tap.contains(everything, at.fill(part))
        for part in [wants["lacks"]] if isinstance(wants["lacks"], str) else wants["lacks"]:
            tap.absent(everything, at.fill(part))
        if wants["exactly"] is not None:
            tap.equal(result.out.strip(), at.fill(wants["exactly"]))
        if wants["like"] is not None:
            within(json.loads(result.out), json.loads(at.fill(json.dumps(wants["like"]))))


def within(found, wanted, where=""):
    """Whether all that is wanted is in a JSON value."""
    if isinstance(wanted, dict):
        for key, value in wanted.items():
            if not isinstance(found, dict) or key not in found:
                raise AssertionError(f"no {key} at {where or 'the top'}: {found!r}")
            within(found[key], value, f"{where}/{key}")
    elif isinstance(wanted, list):
        for value in wanted:
            if value not in found:
                raise AssertionError(f"no {value!r} at {where}: {found!r}")
    else:
        tap.equal(found, wanted, where)


class Host:
    """A look at the host: `check` gets the place and says what it found wrong, or returns false."""

    why = None

    def __init__(self, title, check):
        self.title = f"the host: {title}"
        self.check = check

    def run(self, at):
        if self.check(at) is False:
            raise AssertionError("it is not so")


class Watched:
    """Commands while `lxc monitor` listens; then it has shown the parts."""

    why = None

    def __init__(self, monitor, *commands, shows):
        self.title = f"{monitor}, while: {'; '.join(commands)}"
        self.monitor = monitor
        self.commands = commands
        self.shows = shows

    def run(self, at):
        path = at.path("monitor")
        with open(path, "w", encoding="utf-8") as file:
            monitor = subprocess.Popen(shlex.split(at.fill(self.monitor)), env=at.server.client_environment(), stdin=subprocess.DEVNULL,
                                       stdout=file, stderr=subprocess.STDOUT)
        try:
            host.wait_for(lambda: self.is_heard(at, path), "the monitor listens")
            for command in self.commands:
                Lxc(command).run(at)
            host.wait_for(lambda: all(at.fill(part) in read(path) for part in self.shows), f"it shows {self.shows}: {read(path)}")
        finally:
            monitor.terminate()
            monitor.wait()

    @staticmethod
    def is_heard(at, path):
        """Makes events of either sort until the monitor, which takes a moment to connect, shows one."""
        at.server.ask("POST", "/1.0/profiles", {"name": "poke"})
        at.server.ask("DELETE", "/1.0/profiles/poke")
        at.server.ask("PUT", "/1.0/instances", {"state": {"action": "unfreeze"}})
        return read(path) != ""


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()
