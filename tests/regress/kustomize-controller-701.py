#!/usr/bin/python3
"""kustomize-controller#701: a revision that could not succeed kept a later, good one waiting."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon  # noqa: E402
from gitrepo import Repository, profiles  # noqa: E402


def state(daemon):
    return daemon.ask("GET", "/1.0/sources/s/state").expect(200).metadata


def until(what, check, timeout=30):
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if check():
            return time.monotonic()
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come within {timeout} s")


def test_new_revision_goes_first(berth):
    """a stalled or failing revision is left for a new one as soon as a webhook tells of it"""
    repo = Repository(berth)
    repo.commit({"a.yaml": "profiles:\n- name: a\n  wrong: true\n"})
    secret = berth.write("secret", "x")
    with Daemon(berth) as daemon:
        daemon.ask("POST", "/1.0/sources", {"name": "s", "type": "git", "url": repo.bare, "interval": "1h",
                                            "webhook_secret_file": secret}).expect(201)
        until("failure", lambda: state(daemon).get("stalled"))
        time.sleep(1)
        assert state(daemon)["next_try"] > time.time() + 600
        good = repo.commit({"a.yaml": profiles("a")})
        asked = time.monotonic()
        daemon.ask("POST", "/1.0/sources/s/webhook", b"", {"X-Gitlab-Token": "x"}).expect(200)
        took = until("the good one", lambda: state(daemon).get("in_force", {}).get("id") == good) - asked
        assert took < 10, f"{took:.1f} s"


if __name__ == "__main__":
    host.main(globals())
