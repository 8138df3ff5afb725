#!/usr/bin/env python3
"""What is loaded with the daemon, the command and the hook of containers: libraries that are rarely used belong to helpers, which are loaded when
they are, and which what others send cannot leave (DESIGN 5, 6)."""
import os
import subprocess
import sys
import tempfile

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


def test_daemon_command_and_hook():
    for program in (os.environ["BERTHD"], os.environ["BERTH"], helper("berth-hook")):
        tap.equal(sorted(loaded(program) & OF_HELPERS.keys()), [], f"libraries of helpers in {program}")


def test_command():
    """What few commands need, a command that makes a plan does not wait for."""
    tap.equal(sorted(loaded(os.environ["BERTH"]) & {"libgnutls", "libcrypto", "libssl", "libwslay", "libsqlite3"}), ["libsqlite3", "libwslay"])


def test_missing():
    """The command opens libcurl when it asks a server, and says what is wrong with it as the dynamic linker does."""
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "libcurl.so.4"), "w", encoding="utf-8"):
            pass
        environment = {**os.environ, "LD_LIBRARY_PATH": folder, "HOME": folder, "BERTH_DIR": folder}
        done = subprocess.run([os.environ["BERTH"], "validate", "-"], env=environment, input="", capture_output=True, text=True, check=False)
        tap.equal(done.returncode, 0, "what asks no server does without")
        done = subprocess.run([os.environ["BERTH"], "remote", "add", "far", "https://127.0.0.1:1"], env=environment, capture_output=True,
                              text=True, check=False)
        tap.equal(done.returncode, 127, "what asks one ends")
        tap.contains(done.stderr, "error while loading shared libraries")
        tap.contains(done.stderr, "libcurl.so.4")


if __name__ == "__main__":
    tap.main(globals())
