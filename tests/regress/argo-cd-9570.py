#!/usr/bin/python3
"""argo-cd#9570: what was rolled back was synchronized again at once."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap  # noqa: E402
from gitrepo import Repository, profiles  # noqa: E402


def value(berth):
    return json.loads(berth.run("get", "profile/a", "--format", "json").expect(0).out)["spec"]["config"]["user.a"]


def test_rollback_lasts(berth):
    """a revision that was rolled back is not tried again until the branch moves"""
    repo = Repository(berth)
    repo.commit({"a.yaml": profiles("a", user_a="good")})
    berth.run("source", "add", "s", "--git", repo.bare).expect(0)
    berth.run("source", "sync", "s").expect(0)
    repo.commit({"a.yaml": profiles("a", user_a="bad")})
    berth.run("source", "sync", "s").expect(0)
    tap.equal(value(berth), "bad")
    berth.run("rollback", "-y").expect(0)
    tap.equal(value(berth), "good")
    for _ in range(2):
        tap.contains(berth.run("source", "sync", "s").expect(8).err, "was rolled back")
        tap.equal(value(berth), "good")
    tap.contains(berth.run("source", "list").expect(0).out, "stalled")
    repo.commit({"b.yaml": profiles("b"), "a.yaml": profiles("a", user_a="better")})
    berth.run("source", "sync", "s").expect(0)
    tap.equal(value(berth), "better")
    berth.run("rollback", "-y").expect(0)
    tap.equal(value(berth), "good")
    berth.run("source", "sync", "s").expect(8)
    berth.run("source", "sync", "s", "--force").expect(0)
    tap.equal(value(berth), "better")


if __name__ == "__main__":
    tap.main(globals())
