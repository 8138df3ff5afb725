#!/usr/bin/python3
"""Selections by labels and by what changed (EN-24), in plan, apply, destroy, rollback, drift, get, status, dump, adopt
and release; the same in-process and by the daemon."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon  # noqa: E402
from gitrepo import Repository  # noqa: E402


def profile(name, value, **labels):
    text = ", ".join(f"{key}: {word}" for key, word in labels.items())
    return f"- {{name: {name}, config: {{user.a: \"{value}\"}}, labels: {{{text}}}}}\n"


def file_of(value, *names):
    """profiles web1, web2 (app=web) and db (app=db), the first of which is in production"""
    bodies = {"web1": dict(app="web", env="prod"), "web2": dict(app="web", env="test"), "db": dict(app="db", env="prod")}
    return "profiles:\n" + "".join(profile(name, value, **bodies[name]) for name in names or bodies)


def both(berth, *args, status=0):
    asked = berth.run(*args).expect(status)
    alone = berth.run(*args, "--local").expect(status)
    tap.equal((asked.out, asked.err), (alone.out, alone.err), " ".join(args))
    return asked.out


def planned(berth, *args):
    shown = json.loads(both(berth, "plan", "--format", "json", *args))
    return sorted((item["name"], item["actions"][0]) for item in shown["objects"])


def test_labels(berth):
    """-l chooses what is planned, applied, listed, dumped and destroyed; nothing else changes"""
    berth.write("berth.yaml", file_of(1))
    with Daemon(berth):
        tap.equal(planned(berth, "-l", "app=web"), [("web1", "create"), ("web2", "create")])
        tap.equal(planned(berth, "-l", "app=web", "-l", "env!=test"), [("web1", "create")])
        berth.run("apply", "-y", "-l", "app in (web)").expect(0)
        tap.equal(planned(berth), [("db", "create")])
        berth.run("apply", "-y").expect(0)
        berth.write("berth.yaml", file_of(2))
        berth.run("apply", "-y", "-l", "env=prod,app=web").expect(0)
        tap.equal(planned(berth), [("db", "update"), ("web2", "update")])
        berth.run("apply", "-y").expect(0)
        listed = both(berth, "get", "profile", "-l", "env=prod", "--format", "json")
        tap.equal(sorted(item["name"] for item in json.loads(listed)), ["db", "web1"])
        tap.equal(json.loads(both(berth, "get", "-l", "app", "--format", "json")),
                  [item for item in json.loads(both(berth, "get", "--format", "json")) if item["name"] in ("db", "web1", "web2")])
        tap.contains(both(berth, "dump", "-l", "app=db"), "name: db")
        tap.absent(both(berth, "dump", "-l", "app=db"), "web")
        tap.absent(both(berth, "status", "-l", "app=db"), "web")
        tap.contains(both(berth, "drift", "-l", "app=db"), "1 object is as stored")
        tap.contains(both(berth, "plan", "--refresh-only", "-l", "app=web"), "2 objects are as stored")
        tap.contains(both(berth, "drift", "profile/web1", "-l", "app=db"), "0 objects")
        berth.run("destroy", "-y", "-l", "env notin (prod)").expect(0)
        tap.equal(sorted(item["name"] for item in json.loads(both(berth, "get", "profile", "-l", "app", "--format", "json"))), ["db", "web1"])
        berth.run("destroy", "-y", "--all", "-l", "app=web").expect(0)
        both(berth, "get", "profile/web1", status=1)
        both(berth, "get", "profile/db")


def test_mistakes(berth):
    """a selector that is none is a usage error with its place (64), by the daemon too"""
    berth.write("berth.yaml", file_of(1))
    with Daemon(berth) as daemon:
        for command in (["plan"], ["apply", "-y"], ["get"], ["drift"]):
            for where in ((), ("--local",)):
                tap.contains(berth.run(*command, "-l", "a in b", *where).expect(64).err, "at character 6")
        answer = daemon.ask("POST", "/1.0/plan", {"objects": [], "options": {"selector": "a=b c"}})
        tap.equal((answer.status, "at character" in answer.json["error"]), (400, True))
        berth.run("plan", "--changed-since", "99").expect(1)
        tap.contains(berth.run("plan", "-f", "-", "--changed-since", "HEAD", stdin="profiles: []").expect(64).err, "standard input")
        tap.contains(berth.run("plan", "--changed-since", "HEAD").expect(65).err, "is in no git repository")
        tap.contains(berth.run("get", "--changed-since", "HEAD").expect(1).err, "7 digits")


def test_changed_since_a_generation(berth):
    """a number is a generation: what changed in what is stored since then"""
    with Daemon(berth):
        for number, chosen in enumerate((["web1", "web2", "db"], ["web2"], ["db"]), 1):
            berth.write("berth.yaml", file_of(number, *chosen))
            berth.run("apply", "-y").expect(0)
        rows = lambda *args: sorted(item["name"] for item in json.loads(both(berth, "get", "--format", "json", *args)))  # noqa: E731
        tap.equal(rows("--changed-since", "0"), ["db", "web1", "web2"])
        tap.equal(rows("--changed-since", "1"), ["db", "web2"])
        tap.equal(rows("profile", "--changed-since", "2"), ["db"])
        tap.equal(rows("--changed-since", "3"), [])
        tap.equal(rows("--changed-since", "1", "-l", "app=web"), ["web2"])
        tap.contains(both(berth, "dump", "--changed-since", "2"), "name: db")
        berth.write("berth.yaml", file_of(9))
        tap.equal(planned(berth, "--changed-since", "1"), [("db", "update"), ("web2", "update")])
        berth.run("apply", "-y", "--changed-since", "2").expect(0)
        tap.equal(planned(berth), [("web1", "update"), ("web2", "update")])
        berth.run("destroy", "-y", "--changed-since", "3").expect(0)
        tap.equal(rows("-l", "app"), ["web1", "web2"])


def test_changed_since_a_revision(berth):
    """another word is a git revision of the files: what they declare otherwise, new, or no more"""
    repo = Repository(berth, "work")
    repo.commit({"h/a.yaml": file_of(1, "web1", "web2"), "h/b.yaml": file_of(1, "db")})
    paths = [os.path.join(repo.work, "h")]
    with Daemon(berth):
        berth.run("apply", "-y", *paths).expect(0)
        # Somebody else's edit, which is not in the files' history.
        berth.run("apply", "-y", "-f", "-", "--adopt", "--set", "x", stdin=file_of(7, "db")).expect(0)
        berth.run("adopt", "-f", paths[0]).expect(0)
        repo.commit({"h/a.yaml": file_of(2, "web1", "web2")})
        with open(os.path.join(repo.work, "h", "a.yaml"), "w", encoding="utf-8") as file:
            file.write(file_of(2, "web1"))
        tap.equal(planned(berth, *paths, "--prune"), [("db", "update"), ("web1", "update"), ("web2", "delete")])
        tap.equal(planned(berth, *paths, "--prune", "--changed-since", "HEAD"), [("web2", "delete")])
        tap.equal(planned(berth, *paths, "--prune", "--changed-since", "HEAD~1"), [("web1", "update"), ("web2", "delete")])
        both(berth, "plan", *paths, "--changed-since", "no-such", status=65)
        berth.run("plan", *paths, "--prune", "--changed-since", "HEAD~1", "--out", "saved").expect(0)
        berth.run("apply", "-y", "saved").expect(0)
        tap.equal(planned(berth, *paths, "--prune"), [("db", "update")])


def test_changed_since_a_commit_of_a_source(berth):
    """without files a commit is one that a source put in force"""
    repo = Repository(berth, "origin")
    first = repo.commit({"a.yaml": file_of(1)})
    berth.run("source", "add", "s", "--git", repo.bare).expect(0)
    berth.run("source", "sync", "s").expect(0)
    repo.commit({"a.yaml": file_of(1, "web1", "web2") + profile("db", 2, app="db", env="prod")})
    berth.run("source", "sync", "s").expect(0)
    with Daemon(berth):
        for text in (first, first[:9]):
            shown = json.loads(both(berth, "get", "--changed-since", text, "--format", "json"))
            tap.equal([item["name"] for item in shown], ["db"])


def test_rollback_takes_a_selection(berth):
    """rollback takes back what is selected of a generation, and leaves the rest"""
    for value in (1, 2):
        berth.write("berth.yaml", file_of(value))
        berth.run("apply", "-y").expect(0)
    berth.run("rollback", "-y", "--only", "profile/db").expect(0)
    value = lambda name: json.loads(berth.run("get", f"profile/{name}", "--format", "json").expect(0).out)["spec"]["config"]["user.a"]  # noqa: E731
    tap.equal([value(name) for name in ("web1", "web2", "db")], ["2", "2", "1"])
    berth.run("rollback", "-y", "2", "-l", "env=test").expect(0)
    tap.equal([value(name) for name in ("web1", "web2", "db")], ["2", "1", "1"])


def adopt_release(berth, run):
    """What -l, --only and --exclude choose of words, of files, and of all; what these need is left alone."""
    berth.write("berth.yaml", "projects:\n- name: p\nprofiles:\n" + "".join(
        f"- name: {name}\n  labels: {{app: {app}}}\n" for name, app in (("a1", "a"), ("a2", "a"), ("b1", "b"))))

    def owned(owner):
        found = json.loads(run("get", "profile", "--format", "json").expect(0).out)
        return [one["name"] for one in found if one["owner"] == owner]

    run("apply", "-y", "--set", "one").expect(0)
    for options, left in ((["-l", "app=a"], ["b1"]), (["--only", "profile/a*"], ["b1"]), (["profile/*", "--exclude", "profile/b1"], ["b1"]),
                          (["--only", "profile", "-l", "app=a", "--exclude", "profile/a2"], ["a2", "b1"]),
                          (["-l", "app=none"], ["a1", "a2", "b1"])):
        run("release", *options).expect(0)
        tap.equal(owned("file:one"), left, str(options))
        run("adopt", "-f", "berth.yaml", "--set", "one").expect(0)
    run("release", "-l", "app").expect(0)
    run("adopt", "-f", "berth.yaml", "--set", "two", "-l", "app=b").expect(0)
    run("adopt", "--set", "three", "--only", "profile/a2").expect(0)
    tap.equal((owned("file:two"), owned("file:three"), owned("api")), (["b1"], ["a2"], ["a1", "default"]))
    for wrong in (["release"], ["release", "--exclude", "profile/a1"], ["adopt", "--set", "x", "--exclude", "profile/a1"],
                  ["adopt", "-f", "berth.yaml", "profile/a1"], ["release", "-l", "app in"]):
        run(*wrong).expect(64)
    run("release", "-l", "app", "--exclude", "profile/nobody").expect(1)
    tap.equal(owned("file:two"), ["b1"], "what was refused")


def test_adopt_release_some(berth):
    """adopt and release take -l, --only and --exclude: in-process, by way of the daemon, and of another machine (EN-24, EN-50)"""
    adopt_release(berth, berth.run)
    berth.run("destroy", "-y", "--all").expect(0)
    with Daemon(berth) as daemon:
        adopt_release(berth, berth.run)
        berth.run("destroy", "-y", "--all").expect(0)
        daemon.ask("PATCH", "/1.0", {"config": {"core.https_address": "127.0.0.1:18447"}}).expect(200)
        token = berth.run("trust", "add", "--name", "laptop").expect(0).out.strip()
        env = {"BERTH_CONF": berth.path("conf"), "BERTH_DIR": berth.path("nothing")}
        berth.run("remote", "add", "lab", token, env=env).expect(0)
        berth.run("remote", "switch", "lab", env=env).expect(0)
        adopt_release(berth, lambda *args: berth.run(*args, env=env))
        tap.equal(os.path.exists(berth.path("nothing")), False)


host.main(globals())
