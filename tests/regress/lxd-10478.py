#!/usr/bin/python3
"""lxd#10478: what is shown of objects is to be taken back as it is, and what is dumped has nothing in it that was computed."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon  # noqa: E402

BRIDGE = f"br{host.NAME}"
WEB = f"{host.NAME}-web"
MADE = [("storage", "create", "data", "dir"),
        ("network", "create", BRIDGE, "ipv4.address=auto", "ipv6.address=none"),
        ("profile", "create", "small"),
        ("profile", "set", "small", "limits.memory=64MiB"),
        ("profile", "device", "add", "small", "root", "disk", "path=/", "pool=data"),
        ("profile", "device", "add", "small", "eth0", "nic", f"network={BRIDGE}"),
        ("init", "--empty", WEB, "--profile", "small")]
SHOWN = [("storage", "show", "data"), ("network", "show", BRIDGE), ("profile", "show", "small"), ("config", "show", WEB),
         ("project", "show", "default")]


def test_show_is_input(berth):
    """what lxc's show commands print is no change when it is given back; the dump has no computed key and is no change either (EN-02, EN-50)"""
    with Daemon(berth) as daemon:
        for command in MADE:
            daemon.lxc(*command).expect(0)
        before = berth.run("history").expect(0).out
        for what, _, name in SHOWN:
            text = daemon.lxc(what, "show", name).expect(0).out
            daemon.lxc(what, "edit", name, stdin=text).expect(0)
            tap.equal(daemon.lxc(what, "show", name).expect(0).out, text)
            tap.equal(berth.run("history").expect(0).out, before, f"lxc {what} edit {name} is no change")
        dump = berth.run("dump").expect(0).out
        for word in ("volatile.", "used_by", "status", "architecture", "created_at", "10.", "expanded_"):
            tap.absent(dump, word)
        berth.write("dump.yaml", dump)
        tap.contains(berth.run("plan", "--adopt", "dump.yaml").expect(0).out, "0 to create, 0 to update, 0 to delete, 4 to adopt; 0 steps")
        berth.run("apply", "-y", "--adopt", "dump.yaml").expect(0)
        tap.contains(berth.run("apply", "-y", "dump.yaml").expect(0).out, "Nothing to do")


if __name__ == "__main__":
    host.main(globals())
