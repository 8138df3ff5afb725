#!/usr/bin/python3
"""The examples run: applied twice, changed, taken down, in namespaces of their own."""
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402

EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples")


def names(berth, kind):
    return sorted(item["name"] for item in json.loads(berth.run("get", kind, "--format", "json").expect(0).out))


def test_variables(berth):
    """examples/variables: more sites, and one less in the middle"""
    path = os.path.join(EXAMPLES, "variables")
    before = host.fingerprint(berth.state, host.NAME)
    berth.run("apply", "-y", path).expect(0)
    tap.equal(names(berth, "instance"), ["site-blog", "site-shop"])
    tap.contains(berth.run("apply", "-y", path).expect(0).out, "Nothing to do")
    more = "sites={shop: {cpus: 2}, wiki: {cpus: 1}, blog: {cpus: 1}}"
    berth.run("apply", "-y", path, "--var", more).expect(0)
    tap.equal(names(berth, "instance"), ["site-blog", "site-shop", "site-wiki"])
    berth.run("apply", "-y", "--prune", path).expect(0)
    tap.equal(names(berth, "instance"), ["site-blog", "site-shop"])
    tap.contains(berth.run("get", "instance/site-blog").expect(0).out, "welcome to blog, ${USER}")
    berth.run("destroy", "-y", path).expect(0)
    tap.equal(host.fingerprint(berth.state, host.NAME), before)


def test_two_hosts(berth):
    """examples/two-hosts: the same base, two hosts"""
    for name, instances in (("alder", ["db", "monitor", "web"]), ("birch", ["web"])):
        path = os.path.join(EXAMPLES, "two-hosts", "overlays", name)
        berth.run("apply", "-y", path).expect(0)
        tap.equal(names(berth, "instance"), instances, name)
        tap.contains(berth.run("get", "network/lanbr0").expect(0).out, f"LAN of {name}")
        tap.contains(berth.run("apply", "-y", path).expect(0).out, "Nothing to do")
        berth.run("destroy", "-y", path).expect(0)
    result = berth.run("validate", os.path.join(EXAMPLES, "two-hosts")).expect(65)
    tap.contains(result.err, "name the one of overlays/ that is meant")


def test_gitops(berth):
    """examples/gitops: each of two hosts follows its overlay of one repository"""
    bare = berth.path("hosts.git")
    subprocess.run(["git", "init", "-q", "-b", "main", berth.path("work")], check=True)
    shutil.copytree(EXAMPLES, berth.path("work/examples"))
    git = ["git", "-C", berth.path("work"), "-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "hosts"], check=True)
    subprocess.run(["git", "clone", "-q", "--bare", berth.path("work"), bare], check=True)
    for name, instances in (("alder", ["db", "monitor", "web"]), ("birch", ["web"])):
        with open(os.path.join(EXAMPLES, "gitops", f"{name}.yaml"), encoding="utf-8") as file:
            berth.write(f"{name}.yaml", file.read().replace("/srv/git/hosts.git", bare))
        berth.run("apply", "-y", f"{name}.yaml").expect(0)
        berth.run("source", "sync", "hosts").expect(0)
        tap.equal(names(berth, "instance"), instances, name)
        berth.run("drift").expect(0)
        berth.run("destroy", "-y", "--all").expect(0)


host.main(globals())
