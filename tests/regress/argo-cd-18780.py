#!/usr/bin/python3
"""argo-cd#18780: a mistake in git deleted data for good. A pruned instance is parked, and comes back with its data."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from gitrepo import Repository  # noqa: E402

BASE = """\
storage_pools:
- name: p{name}
  driver: dir
images:
- name: box
  source: builtin:busybox
profiles:
- name: default
  devices:
    root: {{type: disk, path: /, pool: p{name}}}
"""
INSTANCE = """\
instances:
- name: c{name}
  image: box
"""


def test_comes_back(berth):
    """an instance that a commit deletes comes back with its data in the next one that has it, or by undelete"""
    repo = Repository(berth)
    base, instance = BASE.format(name=host.NAME), INSTANCE.format(name=host.NAME)
    repo.commit({"base.yaml": base, "instance.yaml": instance})
    berth.run("source", "add", "s", "--git", repo.bare, "--prune").expect(0)
    berth.run("source", "sync", "s").expect(0)
    note = os.path.join(berth.state, "storage-pools", f"p{host.NAME}", "containers", f"c{host.NAME}", "rootfs", "note")
    with open(note, "w", encoding="utf-8") as file:
        file.write("precious")
    repo.commit({"instance.yaml": None})
    berth.run("source", "sync", "s").expect(0)
    tap.equal(os.path.exists(note), False)
    tap.contains(berth.run("parked").expect(0).out, f"c{host.NAME}")
    repo.commit({"instance.yaml": instance + "  config:\n    user.a: \"2\"\n"})
    berth.run("source", "sync", "s").expect(0)
    with open(note, encoding="utf-8") as file:
        tap.equal(file.read(), "precious")
    tap.equal(json.loads(berth.run("parked", "--format", "json").out), [])
    berth.run("drift").expect(0)
    repo.commit({"instance.yaml": None})
    berth.run("source", "sync", "s").expect(0)
    berth.run("undelete", "-y", f"instance/c{host.NAME}").expect(0)
    with open(note, encoding="utf-8") as file:
        tap.equal(file.read(), "precious")
    berth.run("source", "remove", "s").expect(0)
    berth.run("destroy", "-y", "--all").expect(0)


if __name__ == "__main__":
    host.main(globals())
