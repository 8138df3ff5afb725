#!/usr/bin/python3
"""The counter of tests/run: no failure may get lost."""
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap  # noqa: E402

COUNT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib", "count.py")


def count(*programs, status=0):
    """(last line, exit status, everything) for programs given as (stdout, result)"""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as log:
        for number, (out, result) in enumerate(programs):
            code = 0 if result in ("OK", "SKIP") else 1
            log.write(json.dumps({"name": f"p{number}", "stdout": out, "result": result, "returncode": code}) + "\n")
        log.flush()
        done = subprocess.run([sys.executable, COUNT, log.name, str(status)], capture_output=True, text=True, check=False)
    return done.stdout.splitlines()[-1], done.returncode, done.stdout


def test_passes():
    """results of several programs add up"""
    last, status, _ = count(("1..2\nok 1 - a\nok 2 - b\n", "OK"), ("ok 1 c\n1..1\n", "OK"))
    tap.equal((last, status), ("3 passed, 0 failed, 0 skipped", 0))


def test_failure():
    """a failed result is named and fails the run"""
    last, status, text = count(("1..2\nok 1 - a\nnot ok 2 - the bad one\n", "FAIL"), status=1)
    tap.equal((last, status), ("1 passed, 1 failed, 0 skipped", 1))
    tap.contains(text, "p0: the bad one")


def test_skips():
    """skipped results and programs are listed with their reason"""
    last, status, text = count(("1..2\nok 1 - a\nok 2 - b # SKIP no btrfs\n", "OK"), ("1..0 # SKIP needs root\n", "SKIP"))
    tap.equal((last, status), ("1 passed, 0 failed, 2 skipped", 0))
    tap.contains(text, "b: no btrfs")
    tap.contains(text, "p1: needs root")


def test_crash():
    """a program that dies after good results is a failure"""
    tap.equal(count(("1..1\nok 1 - a\n", "FAIL"), status=1)[:2], ("1 passed, 1 failed, 0 skipped", 1))
    tap.equal(count(("", "TIMEOUT"), status=1)[:2], ("0 passed, 1 failed, 0 skipped", 1))
    tap.equal(count(("", "ERROR"), status=1)[:2], ("0 passed, 1 failed, 0 skipped", 1))


def test_ended_early():
    """fewer results than planned is a failure, also when the program says all is well"""
    tap.equal(count(("1..3\nok 1 - a\n", "OK"))[:2], ("1 passed, 1 failed, 0 skipped", 1))
    tap.equal(count(("1..1\nBail out! no host\n", "OK"))[1], 1)


def test_plain_programs():
    """a program without TAP counts as one"""
    tap.equal(count(("hello\n", "OK"))[:2], ("1 passed, 0 failed, 0 skipped", 0))


def test_nothing():
    """nothing ran is a failure, and so is a runner that failed"""
    tap.equal(count()[:2], ("0 passed, 0 failed, 0 skipped", 1))
    tap.equal(count(("1..1\nok 1\n", "OK"), status=1)[1], 1)
    done = subprocess.run([sys.executable, COUNT, "/nowhere/log", "0"], capture_output=True, text=True, check=False)
    tap.equal(done.returncode, 1)


tap.main(globals())
