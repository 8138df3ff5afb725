#!/usr/bin/python3
"""podman#18778: what a file said and nobody understood was left out without a word."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402

CASES = [("profiles:\n- name: a\n  confg: {}\n", "3:3", "config"),
         ("profiles:\n- name: a\n  config: {limits.memry: 1GiB}\n", "3:12", "limits.memory"),
         ("profiles:\n- name: a\n  devices: {eth0: {type: nik}}\n", "3:13", "nic"),
         ("profiles:\n- name: a\n  devices: {eth0: {type: nic, nictype: bridged, parnt: br0}}\n", "3:49", "parent"),
         ("profile:\n- name: a\n", "1:1", "profiles"),
         ("profiles:\n- name: a\n  config: {limits.processes: many}\n", "3:12", "limits.processes"),
         ("profiles:\n- name: a\n  config: [a]\n", "3:11", "config"),
         ("profiles:\n- name: a\n- name: a\n", "3:3", "a"),
         ("storage_pools:\n- {name: data, driver: dirr}\n", "2:16", "dir")]


def test_nothing_is_left_out(berth):
    """whatever is not understood is an error with its place and the nearest name, by validate, plan and apply alike (EN-03)"""
    for text, place, word in CASES:
        berth.write("berth.yaml", text)
        for command in (("validate",), ("plan",), ("apply", "-y")):
            result = berth.run(*command).expect(65)
            tap.contains(result.err, f"berth.yaml:{place}: ")
            tap.contains(result.err, word)
    tap.equal(berth.run("history", "--format", "json").expect(0).out.strip(), "[]")


if __name__ == "__main__":
    host.main(globals())
