#!/usr/bin/env python3
"""What is loaded with the daemon and with the hook of containers: libraries that are rarely used belong to helpers, which are loaded when
they are, and which what others send cannot leave (DESIGN 5, 6)."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap  # noqa: E402

OF_HELPERS = {"libcurl": "berth-fetch", "libarchive": "berth-unpack", "libgit2": "berth-git", "liblxc": "berth-lxc", "libseccomp": "berth-lxc"}


def loaded(program):
    """Names of the libraries of a program, without versions."""
    text = subprocess.run(["ldd", program], stdout=subprocess.PIPE, text=True, check=True).stdout
    return {os.path.basename(line.split()[0]).split(".so")[0].split("-")[0] for line in text.splitlines()}


def helper(name):
    return os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(os.environ["BERTHD"]))), "helpers", name)


def test_helpers():
    for library, name in OF_HELPERS.items():
        tap.equal(library in loaded(helper(name)), True, f"{name} loads {library}")


def test_daemon_and_hook():
    for program in (os.environ["BERTHD"], helper("berth-hook")):
        tap.equal(sorted(loaded(program) & OF_HELPERS.keys()), [], f"libraries of helpers in {program}")


if __name__ == "__main__":
    tap.main(globals())
