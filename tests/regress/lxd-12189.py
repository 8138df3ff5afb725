#!/usr/bin/python3
"""lxd#12189: two tools wrote the same configuration, and each silently took back what the other had set."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon  # noqa: E402
from gitrepo import Repository, profiles  # noqa: E402


def test_the_second_writer_is_told(berth):
    """Debian's lxc gets an error that names source, file and line, and nothing is changed"""
    repo = Repository(berth)
    repo.commit({"a.yaml": profiles("a", user_a="1")})
    with Daemon(berth) as daemon:
        daemon.ask("POST", "/1.0/sources", {"name": "s", "type": "git", "url": repo.bare, "interval": "1h"}).expect(201)
        deadline = time.monotonic() + 30
        while "in_force" not in daemon.ask("GET", "/1.0/sources/s/state").metadata:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        done = daemon.lxc("profile", "set", "a", "user.a", "2")
        assert done.status != 0
        tap.contains(done.err, "a.yaml:4")
        tap.contains(done.err, "source s")
        tap.contains(daemon.lxc("profile", "get", "a", "user.a").expect(0).out, "1")
        daemon.lxc("profile", "create", "mine").expect(0)
        daemon.lxc("profile", "set", "mine", "user.a", "2").expect(0)


if __name__ == "__main__":
    host.main(globals())
