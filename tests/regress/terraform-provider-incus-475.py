#!/usr/bin/python3
"""terraform-provider-incus#475: an instance that was there already could be imported, and the next plan deleted it and made it anew."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon  # noqa: E402

C = f"{host.NAME}-c"


def test_dump_and_adopt(berth):
    """an instance made by Debian's lxc is dumped, adopted and planned: nothing is to be done, and it runs on"""
    with Daemon(berth) as daemon:
        host.apply(berth, "storage_pools:\n- {name: pool, driver: dir}\nimages:\n- {name: busybox, source: \"builtin:busybox\"}\n").expect(0)
        daemon.lxc("launch", "busybox", C, "--storage", "pool", "-c", "user.by=hand", "-c", "limits.memory=64MiB").expect(0)
        before = daemon.ask("GET", f"/1.0/instances/{C}/state").expect(200).metadata["pid"]
        berth.write("mine.yaml", berth.run("dump", f"instance/{C}").expect(0).out)
        berth.run("adopt", "-f", "mine.yaml", "--set", "mine").expect(0)
        tap.contains(berth.run("plan", "-f", "mine.yaml", "--set", "mine", "--detailed-exitcode").expect(0).out, "Nothing to do")
        berth.write("mine.yaml", berth.read("mine.yaml").replace("64MiB", "65MiB"))
        shown = json.loads(berth.run("plan", "-f", "mine.yaml", "--set", "mine", "--format", "json").expect(0).out)["objects"]
        tap.equal([(one["name"], one["actions"], one["label"]) for one in shown], [(C, ["update"], "live")])
        berth.run("apply", "-y", "-f", "mine.yaml", "--set", "mine").expect(0)
        tap.equal(daemon.ask("GET", f"/1.0/instances/{C}/state").expect(200).metadata["pid"], before)
        daemon.lxc("delete", "-f", C).expect(0)
        berth.run("destroy", "--all", "-y").expect(0)


if __name__ == "__main__":
    host.main(globals())
