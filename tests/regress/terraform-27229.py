#!/usr/bin/python3
"""terraform#27229: who gave an object another name in the files lost it: it was deleted and made anew."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import ready  # noqa: E402
import tap  # noqa: E402

OLD, NEW = ready.name("old"), ready.name("new")


def drawn(berth, name):
    return json.loads(berth.run("get", f"instance/{name}", "--format", "json").expect(0).out)["generated"]


def test_renamed_from_keeps_it(berth):
    """a new name alone is warned of before anything is deleted; with renamed_from the data, the addresses and the object itself stay"""
    text = ready.files(ready.instance("old").replace("running", "stopped"))
    host.apply(berth, text).expect(0)
    mac = drawn(berth, OLD)["volatile.eth0.hwaddr"]
    root = os.path.join(berth.state, "storage-pools", "pool", "containers")
    with open(os.path.join(root, OLD, "rootfs", "etc", "mine"), "w", encoding="ascii") as file:
        file.write("data")
    renamed = text.replace(f"name: {OLD}", f"name: {NEW}")
    berth.write("berth.yaml", renamed)
    plan = berth.run("plan", "--prune").expect(0)
    tap.contains(plan.out + plan.err, "renamed_from")
    berth.write("berth.yaml", renamed.replace(f"name: {NEW}\n", f"name: {NEW}\n  renamed_from: {OLD}\n"))
    shown = json.loads(berth.run("plan", "--prune", "--format", "json").expect(0).out)["objects"]
    tap.equal([(one["name"], one.get("renamed_from"), "delete" in one["actions"]) for one in shown], [(NEW, OLD, False)])
    berth.run("apply", "-y", "--prune").expect(0)
    tap.equal(drawn(berth, NEW)["volatile.eth0.hwaddr"], mac)
    with open(os.path.join(root, NEW, "rootfs", "etc", "mine"), encoding="ascii") as file:
        tap.equal(file.read(), "data")
    tap.equal(os.path.exists(os.path.join(root, OLD)), False)
    tap.contains(berth.run("plan").expect(0).out, "Nothing to do")
    berth.run("destroy", "--all", "-y").expect(0)


if __name__ == "__main__":
    host.main(globals())
