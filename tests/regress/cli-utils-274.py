#!/usr/bin/python3
"""cli-utils#274: prune deleted objects that belonged to somebody else."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap  # noqa: E402
from gitrepo import Repository, profiles  # noqa: E402


def owners(berth):
    found = json.loads(berth.run("get", "profile", "--format", "json").expect(0).out)
    return {item["name"]: item["owner"] for item in found if item["name"] != "default"}


def test_only_its_own(berth):
    """prune deletes only what this source owns; what was released or moved to another source stays"""
    repo = Repository(berth)
    berth.write("mine.yaml", profiles("mine"))
    berth.run("apply", "-y", "mine.yaml", "--set", "hand").expect(0)
    repo.commit({"a/a.yaml": profiles("a", "free"), "b/b.yaml": profiles("b")})
    for name in ("a", "b"):
        berth.run("source", "add", name, "--git", repo.bare, "--path", name, "--prune").expect(0)
        berth.run("source", "sync", name).expect(0)
    berth.run("release", "profile/free").expect(0)
    repo.commit({"a/a.yaml": profiles("x")})
    berth.run("source", "sync", "a").expect(0)
    tap.equal(owners(berth), {"mine": "file:hand", "b": "source:b", "x": "source:a", "free": "api"})
    repo.commit({"a/a.yaml": profiles("x", "mine")})
    tap.contains(berth.run("source", "sync", "a").expect(7).err, "belongs to file:hand")
    tap.equal(owners(berth)["mine"], "file:hand")


if __name__ == "__main__":
    tap.main(globals())
