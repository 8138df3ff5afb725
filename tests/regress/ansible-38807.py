#!/usr/bin/python3
"""ansible#38807: keys that somebody had set by hand were dropped by the next run, without a word."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap  # noqa: E402
from gitrepo import Repository, profiles  # noqa: E402


def test_nothing_is_dropped_silently(berth):
    """a key set by hand is shown when the source takes it back, and stays while it is held"""
    repo = Repository(berth)
    repo.commit({"a.yaml": profiles("a", user_a="1")})
    berth.run("source", "add", "s", "--git", repo.bare, "--mode", "warn").expect(0)
    berth.run("source", "sync", "s").expect(0)
    berth.write("edit.yaml", profiles("a", user_a="1", user_mine="x"))
    berth.run("apply", "-y", "edit.yaml", "--set", "hand").expect(7)
    berth.run("apply", "-y", "edit.yaml", "--set", "hand", "--adopt").expect(0)
    berth.run("adopt", "profile/a", "--set", "hand").expect(0)
    tap.contains(berth.run("source", "sync", "s").expect(7).err, "belongs to file:hand")
    berth.run("release", "profile/a").expect(0)
    berth.run("hold", "profile/a.config.user.mine", "--for", "1h", "--reason", "mine").expect(0)
    tap.contains(berth.run("source", "sync", "s").expect(0).out, "is held until")
    config = json.loads(berth.run("get", "profile/a", "--format", "json").out)["spec"]["config"]
    tap.equal(config, {"user.a": "1", "user.mine": "x"})
    berth.run("unhold", "profile/a").expect(0)
    tap.contains(berth.run("source", "sync", "s").expect(0).out, "user.mine")
    config = json.loads(berth.run("get", "profile/a", "--format", "json").out)["spec"]["config"]
    tap.equal(config, {"user.a": "1"})


if __name__ == "__main__":
    tap.main(globals())
