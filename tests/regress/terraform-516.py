#!/usr/bin/python3
"""terraform#516: passwords stood in plain text in the state file, and so in everything that reads or copies it."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap  # noqa: E402

CANARY = "canary-5b1f0c9e"


def everything(folder):
    for at, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(at, name), "rb") as file:
                yield os.path.join(at, name), file.read()


def test_no_plain_text(berth):
    """nothing that is printed, and no file of the state directory, has the content of a secret; its change is a difference all the same"""
    path = berth.write("token", CANARY)
    os.chmod(path, 0o600)
    berth.write("berth.yaml", f"profiles:\n- name: a\n  config:\n    environment.TOKEN: ${{secret:file:{path}}}\n")
    asked = [("plan",), ("plan", "--format", "json"), ("apply", "-y"), ("get", "profile/a", "--format", "json"), ("dump",), ("history",),
             ("show", "1", "--format", "json"), ("explain", "profile/a.environment.TOKEN")]
    for args in asked:
        done = berth.run(*args).expect(0)
        tap.absent(done.out + done.err, CANARY)
    tap.contains(berth.run("dump").expect(0).out, f"secret:file:{path}")
    with open(path, "w", encoding="ascii") as file:
        file.write(CANARY + "-new")
    changed = json.loads(berth.run("plan", "--format", "json").expect(0).out)["objects"]
    tap.equal([(one["name"], one["actions"]) for one in changed], [("a", ["update"])])
    berth.run("apply", "-y").expect(0)
    for name, content in everything(berth.state):
        if CANARY.encode() in content:
            raise AssertionError(f"{name} has it in plain text")


if __name__ == "__main__":
    tap.main(globals())
