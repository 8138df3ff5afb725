#!/usr/bin/python3
"""What a policy's fields refuse, and what a source's fields allow it to do to instances that run, on the real host (EN-22, EN-26,
EN-43)."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from gitrepo import Repository  # noqa: E402

C = f"{host.NAME}c"
GROUND = {"storage_pools": [{"name": "data", "driver": "dir"}],
          "images": [{"name": "busybox", "source": "builtin:busybox"}, {"name": "other", "source": "builtin:busybox"}],
          "profiles": [{"name": "default", "devices": {"root": {"type": "disk", "path": "/", "pool": "data"}}}]}


def state(*names, image="busybox", **more):
    config = {key.replace("__", "."): value for key, value in more.items()}
    return {"instances": [{"name": name, "image": image, "state": "running", "config": config} for name in names]}


def put(berth, name, *parts):
    whole = {}
    for part in parts:
        for kind, objects in part.items():
            whole[kind] = whole.get(kind, []) + objects
    return berth.write(name, json.dumps(whole))


def test_policies(berth):
    """effect, objects, projects, on and where say what is refused, what is only told, and what must hold"""
    one = {"profiles": [{"name": "a", "config": {"user.a": "1"}}, {"name": "b"}], "projects": [{"name": "p"}]}
    more = {"profiles": [{"name": "a", "config": {"user.a": "2"}}, {"name": "b"}, {"name": "c", "project": "p"}], "projects": [{"name": "p"}]}
    berth.run("apply", "-y", "-f", put(berth, "one.yaml", one), "--set", "s").expect(0)

    def plan(status, says="", **policy):
        rules = put(berth, "rules.yaml", {"policies": [{"name": "rule", "description": "why so", **policy}]})
        done = berth.run("plan", "-f", put(berth, "more.yaml", more), "--set", "s", "--prune", "--policy", rules).expect(status)
        tap.contains(done.out + done.err, says)
        if status == 8:
            tap.contains(done.err, "why so")
    plan(8, "profile/a", objects=["profile/a"])
    plan(0, objects=["profile/x*", "network"])
    plan(0, "profile/a", objects=["profile/a"], effect="warn")
    plan(8, "profile/c", objects=["profile"], projects=["p"])
    plan(0, objects=["profile/a"], projects=["p"])
    plan(0, objects=["profile/a"], on=["create", "delete"])
    plan(8, "profile/a", objects=["profile/a"], on=["update"])
    plan(8, "profile/a", objects=["profile"], where='config.user.a eq "2"')
    plan(0, objects=["profile"], where='config.user.a eq "3"')
    plan(0, objects=["profile/a"], where='config.user.a eq "2"', effect="require")
    plan(8, "profile/a", objects=["profile/a"], where='config.user.a eq "3"', effect="require")
    plan(8, "1", objects=["profile"], max_creates=0)
    plan(0, objects=["profile"], max_creates=1)
    more["profiles"].pop(1)
    plan(8, "1", objects=["profile"], max_deletes=0)
    plan(0, objects=["profile"], max_deletes=1)


def test_budgets(berth):
    """max_restarts and max_replaces count what a plan would do to instances that run"""
    names = (f"{C}1", f"{C}2")
    berth.run("apply", "-y", "-f", put(berth, "s.yaml", GROUND, state(*names)), "--set", "s").expect(0)

    def plan(status, wanted, *args, **policy):
        rules = put(berth, "rules.yaml", {"policies": [{"name": "few", **policy}]})
        done = berth.run("plan", "-f", put(berth, "s.yaml", GROUND, wanted), "--set", "s", "--policy", rules, *args).expect(status)
        if status == 8:
            tap.contains(done.err, 'policy "few"')
    restart = state(*names, limits__kernel__nofile="100")
    plan(8, restart, max_restarts=1)
    plan(0, restart, max_restarts=2)
    rebuild = state(*names, image="other")
    plan(8, rebuild, "--new-image", "all", "--allow-replace", "all", max_replaces=1)
    plan(0, rebuild, "--new-image", "all", "--allow-replace", "all", max_replaces=2)
    berth.run("destroy", "--all", "-y").expect(0)


def init_of(berth):
    return json.loads(berth.run("get", f"instance/{C}", "--format", "json").expect(0).out)["observed"]["running"]


def test_source(berth):
    """allow_restart, allow_replace and new_image: without them a source leaves a running instance alone and says what is pending"""
    repo = Repository(berth)
    berth.run("apply", "-y", "-f", put(berth, "ground.yaml", GROUND)).expect(0)

    def commit(**more):
        repo.commit({"a.yaml": json.dumps(state(C, **more))})

    def limit():
        return berth.run("exec", C, "--", "sh", "-c", "ulimit -n").expect(0).out.strip()

    def set_row(*rows):
        berth.run("source", "remove", "s").expect(0)
        berth.run("source", "add", "s", "--git", repo.bare, *[word for row in rows for word in ("--row", row)]).expect(0)
    commit(limits__kernel__nofile="100")
    berth.run("source", "add", "s", "--git", repo.bare, "--row", "allow_restart=false").expect(0)
    berth.run("source", "sync", "s").expect(0)
    tap.equal(limit(), "100")
    commit(limits__kernel__nofile="200")
    tap.contains(berth.run("source", "sync", "s").expect(10).out, "pending")
    tap.equal(limit(), "100")
    set_row()
    berth.run("source", "sync", "s").expect(0)
    tap.equal(limit(), "200")

    def made_anew(*rows):
        berth.run("exec", C, "--", "/bin/busybox", "touch", "/root/mine").expect(0)
        set_row(*rows)
        told = berth.run("source", "sync", "s")
        anew = berth.run("exec", C, "--", "/bin/busybox", "test", "-e", "/root/mine").status == 1
        tap.equal(told.status, 10 if rows and not anew else 0, told.out)
        return anew
    # The same name is another image now.
    made = berth.path("made.tar.gz")
    subprocess.run([sys.executable, os.path.join(os.path.dirname(tap.__file__), "make_image.py"), made], check=True)
    again = {**GROUND, "images": [{"name": "busybox", "source": {"file": made}}, GROUND["images"][1]]}
    berth.run("apply", "-y", "-f", put(berth, "ground.yaml", again)).expect(0)
    tap.equal([made_anew(), made_anew("new_image=true"), made_anew("new_image=true", "allow_replace=true")], [False, False, True])
    # Another name is a rebuild that files ask for.
    commit(limits__kernel__nofile="200", image="other")
    tap.equal([made_anew("description=none"), made_anew("allow_replace=true")], [False, True])
    berth.run("source", "remove", "s").expect(0)
    berth.run("destroy", "--all", "-y").expect(0)


def test_park_for(berth):
    """park_for: data of what a source no longer declares can be brought back for so long"""
    repo = Repository(berth)
    berth.run("apply", "-y", "-f", put(berth, "ground.yaml", GROUND)).expect(0)
    keep = {"profiles": [{"name": "kept"}]}
    for name, wanted in (("s", None), ("t", "park_for=0s")):
        repo.commit({"a.yaml": json.dumps({**keep, **state(f"{C}{name}")})})
        berth.run("source", "add", name, "--git", repo.bare, "--prune", *(["--row", wanted] if wanted else [])).expect(0)
        berth.run("source", "sync", name).expect(0)
        repo.commit({"a.yaml": json.dumps(keep)})
        berth.run("source", "sync", name).expect(0)
        tap.equal(f"{C}{name}" in berth.run("parked").expect(0).out, wanted is None)
        berth.run("source", "remove", name).expect(0)
        berth.run("release", "profile/kept")
    berth.run("destroy", "--all", "-y").expect(0)


def starts(berth, *parts):
    """instances in the order in which a plan would start them"""
    done = berth.run("plan", "-f", put(berth, "s.yaml", *parts), "--set", "s", "--format", "json").expect(0)
    return [step["key"].rpartition("/")[2] for step in json.loads(done.out)["steps"] if step["name"] == "instance.running"]


def test_fields(berth):
    """after: what is named comes first; renamed_from: the data go along (EN-23, EN-49)"""
    first, second = f"{C}z", f"{C}a"
    both = state(first, second)
    tap.equal(starts(berth, GROUND, both), [second, first])
    both["instances"][1]["after"] = [f"instance/{first}"]
    tap.equal(starts(berth, GROUND, both), [first, second])
    berth.run("apply", "-y", "-f", put(berth, "s.yaml", GROUND, both), "--set", "s").expect(0)
    berth.run("exec", first, "--", "touch", "/root/mine").expect(0)
    new = state(f"{C}new", second)
    new["instances"][0]["renamed_from"] = first
    berth.run("apply", "-y", "-f", put(berth, "s.yaml", GROUND, new), "--set", "s", "--prune").expect(0)
    berth.run("exec", f"{C}new", "--", "test", "-e", "/root/mine").expect(0)
    tap.equal(sorted(host.states(berth)), sorted([f"{C}new", second]))
    berth.run("destroy", "--all", "-y").expect(0)


host.main(globals())
