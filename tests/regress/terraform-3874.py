#!/usr/bin/python3
"""terraform#3874: one protected object made every plan fail that would have deleted it, and all the rest of the plan with it."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap  # noqa: E402

ONE = "- name: kept\n  protect: true\n"
FILES = "profiles:\n" + ONE + "- name: other\n"


def names(berth):
    return sorted(item["name"] for item in json.loads(berth.run("get", "profile", "--format", "json").expect(0).out))


def test_skipped_and_not_in_the_way(berth):
    """what is protected stays and is named, the rest goes, and the plan succeeds; also when its block is gone from the file"""
    berth.write("berth.yaml", FILES)
    berth.run("apply", "-y").expect(0)
    told = berth.run("destroy", "-y").expect(0)
    tap.contains(told.out + told.err, "profile/kept")
    tap.contains(told.out + told.err, "protect")
    tap.equal(names(berth), ["default", "kept"])
    berth.run("apply", "-y").expect(0)
    berth.write("berth.yaml", "profiles:\n- name: third\n")
    told = berth.run("apply", "-y", "--prune").expect(0)
    tap.contains(told.out + told.err, "profile/kept")
    tap.equal(names(berth), ["default", "kept", "third"])
    # Who takes the protection away first may delete it.
    berth.write("berth.yaml", "profiles:\n" + ONE.replace("true", "false"))
    berth.run("apply", "-y", "--prune").expect(0)
    berth.run("destroy", "-y").expect(0)
    tap.equal(names(berth), ["default"])


if __name__ == "__main__":
    tap.main(globals())
