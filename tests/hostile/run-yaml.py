#!/usr/bin/python3
"""Feeds hostile state files to check-document: each must be refused with exit 65 and the errors of `expected`, in little time and
memory. Speaks TAP.

    run-yaml.py CHECK-DOCUMENT
"""

import os
import resource
import subprocess
import sys
import tempfile
import time

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "yaml")
SECONDS = 20


def large_files():
    """What is too large to be kept as a file: (name, bytes, texts)."""
    yield "large-key.yaml", b"x" * (1 << 20) + b": 1\n", ["large-key.yaml:1:1"]
    yield "large-key-explicit.yaml", b"? " + b"x" * (1 << 20) + b"\n: 1\n", ["longer than 1024 bytes"]
    yield "large-key-config.yaml", b"config:\n  ? user." + b"y" * 100000 + b"\n  : 1\n", ["longer than 1024 bytes"]
    yield "large-value.yaml", b"config:\n  user.x: " + b"z" * (3 << 20) + b"\n", ["longer than 1048576 bytes"]
    yield "large-name.yaml", b"networks:\n- name: " + b"n" * (1 << 20) + b"\n", ["name"]
    yield "large-number.yaml", b"projects:\n- name: p\n  config:\n    limits.cpu: " + b"9" * 900000 + b"\n", ["limits.cpu"]
    yield "large-file.yaml", b"# comment\n" * 7000000, ["larger than 67108864 bytes"]
    yield "large-list.yaml", b"instances: [" + b"a," * 1000000 + b"]\n", ["described by a map, not by text"]
    yield "large-map.yaml", b"".join(b"k%d: 1\n" % i for i in range(300000)), ["unknown section k0"]
    yield "large-duplicates.yaml", b"a: 1\n" * 300000, ["the key a is here twice"]
    yield "large-nodes.yaml", b"a: [" + b"b," * 2100000 + b"]\n", ["more than 2000000 nodes"]
    yield "large-comment.yaml", b"networks: 1 #" + b"c" * (8 << 20) + b"\n", ["networks: must be a list"]
    yield "large-anchors.yaml", b"a:\n" + b"".join(b"- &a%d x\n" % i for i in range(200000)), ["unknown section a"]
    yield ("large-missing.yaml",
           b"instances:\n" + b"".join(b"- {name: c%d, image: nothing-%d}\n" % (i, i) for i in range(20000)),
           ["there is no image nothing-0"])
    yield ("large-chain.yaml",
           b"networks:\n" + b"".join(b"- {name: n%d, after: [network/n%d]}\n" % (i, (i + 1) % 20000) for i in range(20000)),
           ["waits for itself"])


def run(program, path):
    """Exit status, stderr, seconds."""
    started = time.monotonic()
    done = subprocess.run([program, "check", os.path.basename(path)], cwd=os.path.dirname(path), stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=120, check=False)
    return done.returncode, done.stderr.decode("utf-8", "replace"), time.monotonic() - started


def judge(status, text, seconds, wanted):
    """The first thing that is wrong, or None."""
    if "Sanitizer" in text or "runtime error" in text:
        return "a sanitizer complains"
    if status != 65:
        return "exit %d instead of 65" % status
    if seconds > SECONDS:
        return "took %.1f s" % seconds
    if len(text) > 1 << 20:
        return "%d bytes of errors" % len(text)
    for part in wanted:
        if part not in text:
            return "does not say '%s'" % part
    return None


def expectations():
    """File -> texts, from the list beside the files."""
    wanted = {}
    with open(os.path.join(FOLDER, "expected"), encoding="utf-8") as lines:
        for line in lines:
            if not line.startswith("#"):
                name, text = line.rstrip("\n").split("\t", 1)
                wanted.setdefault(name, []).append(text)
    return wanted


def main():
    program = os.path.abspath(sys.argv[1])
    wanted = expectations()
    names = sorted(name for name in os.listdir(FOLDER) if name != "expected")
    large = list(large_files())
    number = failed = 0

    print("1..%d" % (len(names) + len(large)))
    with tempfile.TemporaryDirectory() as scratch:
        for name, content, texts in [(name, None, wanted.get(name, [])) for name in names] + large:
            path = os.path.join(FOLDER if content is None else scratch, name)
            if content is not None:
                with open(path, "wb") as file:
                    file.write(content)
            status, text, seconds = run(program, path)
            wrong = judge(status, text, seconds, texts) if texts else "is not in the list of expected errors"
            number += 1
            failed += wrong is not None
            print("%sok %d - %s%s" % ("not " if wrong else "", number, name, ": " + wrong if wrong else ""))
            if wrong:
                print("".join("# %s\n" % line[:300] for line in text.splitlines()[:8]), end="")
            if content is not None:
                os.unlink(path)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print("# peak memory %d MiB" % (peak // 1024))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
