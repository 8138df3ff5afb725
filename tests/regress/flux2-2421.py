#!/usr/bin/python3
"""flux2#2421: deleting the source, to give it another name, deleted everything that it had made."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap  # noqa: E402
from gitrepo import Repository, profiles  # noqa: E402


def owners(berth):
    found = json.loads(berth.run("get", "profile", "--format", "json").expect(0).out)
    return {item["name"]: item["owner"] for item in found if item["name"] != "default"}


def test_objects_outlive_their_source(berth):
    """a removed source leaves its objects, and one of another name takes them over as they are"""
    repo = Repository(berth)
    repo.commit({"a.yaml": profiles("a", "b")})
    berth.run("source", "add", "old", "--git", repo.bare, "--prune").expect(0)
    berth.run("source", "sync", "old").expect(0)
    berth.run("source", "remove", "old").expect(0)
    tap.equal(owners(berth), {"a": "api", "b": "api"})
    tap.equal(os.path.exists(os.path.join(berth.state, "sources", "old")), False)
    berth.run("source", "add", "new", "--git", repo.bare, "--prune").expect(0)
    berth.run("source", "sync", "new").expect(0)
    tap.equal(owners(berth), {"a": "source:new", "b": "source:new"})
    berth.run("destroy", "-y", "--all").expect(0)
    tap.equal(owners(berth), {})


if __name__ == "__main__":
    tap.main(globals())
