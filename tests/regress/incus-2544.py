#!/usr/bin/python3
"""incus#2544: sandboxes could have no time of their own at which they go, and that who needs longer moves."""
import json
import time
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon  # noqa: E402


def environments(berth):
    return sorted(item["name"] for item in json.loads(berth.run("env", "list", "--format", "json").expect(0).out))


def test_each_ends_at_its_time(berth):
    """each environment ends by itself at its own time, one that was renewed later, without a daemon and with one"""
    berth.write("berth.yaml", "profiles:\n- name: a\n")
    short, long, renewed = (f"{host.NAME}{letter}" for letter in "abc")

    def three():
        for name, ttl in ((short, "3s"), (long, "1h"), (renewed, "3s")):
            berth.run("env", "up", "-y", "--name", name, "--ttl", ttl, "berth.yaml").expect(0)
        berth.run("env", "renew", renewed, "--ttl", "1h").expect(0)
        host.wait_for(lambda: environments(berth) == [long, renewed], "the short one ends", 30)
        time.sleep(1)
        tap.equal(environments(berth), [long, renewed])
        berth.run("env", "down", "-y", long, renewed).expect(0)

    three()
    with Daemon(berth):
        three()


def test_what_is_protected_stays_and_says_so(berth):
    """an environment of which something is protected stays, with a condition that says what, and goes when it is free; so by hand"""
    berth.write("berth.yaml", "profiles:\n- name: a\n  protect: true\n")
    name = f"{host.NAME}p"

    def stalled():
        found = json.loads(berth.run("status", f"environment/{name}", "--format", "json").expect(0).out)
        return "profile/a (project" in json.dumps(found) and "Stalled" in json.dumps(found)

    def three(ttl):
        berth.run("env", "up", "-y", "--name", name, "--ttl", ttl, "berth.yaml").expect(0)

    three("1h")
    tap.contains(berth.run("env", "down", "-y", name).expect(0).out, f"environment/{name} stays")
    tap.equal(environments(berth), [name])
    with Daemon(berth):
        berth.run("env", "renew", name, "--ttl", "2s").expect(0)
        host.wait_for(stalled, "the daemon says why it stays", 30)
        berth.run("env", "renew", name, "--ttl", "1h").expect(0)
        tap.equal(stalled(), False)
    berth.run("env", "renew", name, "--ttl", "2s").expect(0)
    host.wait_for(stalled, "the process that waits says why it stays", 30)
    tap.equal(environments(berth), [name])
    berth.write("berth.yaml", "profiles:\n- name: a\n")
    three("2s")
    host.wait_for(lambda: environments(berth) == [], "what is free goes", 60)
    tap.equal(json.loads(berth.run("get", "project", "--format", "json").expect(0).out)[0]["name"], "default")


if __name__ == "__main__":
    host.main(globals())
