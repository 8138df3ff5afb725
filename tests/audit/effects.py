#!/usr/bin/python3
"""Shows that the test of each honoured key (honoured.txt) looks at what the key does: it is run with the key hidden from all of berth,
and has to fail.

usage: effects.py BUILD [PATTERN], PATTERN being a regular expression over the lines of honoured.txt. It takes a quarter of an hour, so it
is a benchmark: `meson test -C BUILD --benchmark audit-effects`. Keys that are found by their beginning (environment.*) are looked for by
nobody under their whole name, and cannot be hidden.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.realpath(os.path.join(HERE, ".."))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(TESTS, "lib"))

# Drivers never ask for these: they choose which keys there are, and what else is refused, or only one value of them is supported.
NOT_ASKED_FOR = {
    ("device/nic/bridged", "nictype"), ("device/nic/p2p", "nictype"), ("network", "type"), ("image", "source.mode"),
    ("instance", "source.mode"), ("instance", "source.image_type"), ("image", "source.image_type"), ("instance", "stateful"),
    # Drawn or noted, and then only shown.
    ("pool", "volatile.initial_source"), ("instance", "volatile.base_image"), ("instance", "volatile.cloud-init.instance-id"),
    ("environment", "files"),
}


def lines(pattern):
    with open(os.path.join(HERE, "honoured.txt"), encoding="utf-8") as file:
        for line in file:
            words = line.split()
            if line.startswith(("#", "=")) or not words or words[2] == "-" or not re.search(pattern, line):
                continue
            yield tuple(words[:4])


class Build:
    def __init__(self, folder):
        self.folder = os.path.realpath(folder)
        self.targets = self.introspect("targets")
        self.tests = self.introspect("tests")
        self.hide, = [name for target in self.targets if target["name"] == "hide" for name in target["filename"]]

    def introspect(self, what):
        with open(os.path.join(self.folder, "meson-info", f"intro-{what}.json"), encoding="utf-8") as file:
            return json.load(file)

    def preload(self, program):
        """what has to be loaded first: a sanitizer wants to be that itself"""
        linked = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
        return ":".join(re.findall(r"=> (\S*/lib[at]san\S*)", linked) + [self.hide])

    def wrap(self, work, program):
        """a program that sees nothing of the hidden key"""
        path = os.path.join(work, os.path.basename(program))
        with open(path, "w", encoding="ascii") as file:
            file.write(f"#!/bin/sh\nLD_PRELOAD={self.preload(program)} exec {program} \"$@\"\n")
        os.chmod(path, 0o755)
        return path

    def command(self, file, test, work):
        """(command, environment)"""
        path = os.path.join(TESTS, file)
        if file.endswith(".py"):
            found = [item for item in self.tests if path in [os.path.normpath(word) for word in item["cmd"]]]
            env = dict(found[0]["env"])
            env.update({name: self.wrap(work, env[name]) for name in ("BERTH", "BERTHD") if name in env})
            return [*found[0]["cmd"], test], env
        program, = [target["filename"][0] for target in self.targets
                    if any(path in source["sources"] for source in target["target_sources"])]
        found = [item for item in self.tests if program in item["cmd"]]
        return [program, "--filter", f"*/{test}"], {**found[0]["env"], "LD_PRELOAD": self.preload(program)}


def notices(build, kind, key, file, test):
    """whether the test fails without the key; None if it cannot be run"""
    with tempfile.TemporaryDirectory() as work:
        os.chmod(work, 0o755)
        command, env = build.command(file, test, work)
        asan = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        env = {**os.environ, **env, "ASAN_OPTIONS": asan, "BERTH_HIDE": key.rpartition("source.")[2]}
        try:
            done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)
        except subprocess.TimeoutExpired:
            return True
    told = done.stdout + done.stderr
    if "1..0" in told or "Tested: 0" in told or "# SKIP" in told:
        return None
    return done.returncode != 0


def main():
    build = Build(sys.argv[1])
    chosen = [line for line in lines(sys.argv[2] if len(sys.argv) > 2 else "")]
    failed = False
    print(f"1..{len(chosen)}", flush=True)
    for number, (kind, key, file, test) in enumerate(chosen, 1):
        title = f"{number} - {kind} {key}: {test} of {file}"
        if "*" in key or (kind, key) in NOT_ASKED_FOR:
            print(f"ok {title} # SKIP cannot be hidden", flush=True)
            continue
        noticed = notices(build, kind, key, file, test)
        failed = failed or noticed is False
        print(f"{'not ok' if noticed is False else 'ok'} {title}{' # SKIP not here' if noticed is None else ''}", flush=True)
    sys.exit(1 if failed else 0)


main()
