#!/usr/bin/python3
"""Sources by the command alone: git and directories, what is refused and leaves the last good revision in force, ownership, prune,
holds (EN-42 to EN-47). Objects that need nothing of the host."""
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap  # noqa: E402
from gitrepo import Repository, profiles  # noqa: E402


def names(berth):
    found = json.loads(berth.run("get", "profile", "--format", "json").expect(0).out)
    return {item["name"]: item["owner"] for item in found if item["name"] != "default"}


def status(berth, name="s"):
    return json.loads(berth.run("source", "show", name, "--format", "json").expect(0).out)


def add(berth, repo, name="s", *args):
    berth.run("source", "add", name, "--git", repo.bare, *args).expect(0)


def conditions(berth, name="s"):
    found = json.loads(berth.run("status", f"source/{name}", "--format", "json").expect(0).out)
    return json.dumps(found)


def test_round(berth):
    """a commit is put in force, owned by the source, with the commit as its cause; twice is once"""
    repo = Repository(berth)
    commit = repo.commit({"hosts/a.yaml": profiles("web"), "stray.yaml": profiles("stray")}, "first: web")
    add(berth, repo, "s", "--path", "hosts")
    result = berth.run("source", "sync", "s").expect(0)
    tap.contains(result.out, "profile/web")
    tap.contains(result.err, commit[:12])
    tap.equal(names(berth), {"web": "source:s"})
    history = json.loads(berth.run("history", "--format", "json").out)
    tap.contains(history[0]["cause"], commit[:12])
    tap.contains(history[0]["cause"], "first: web")
    tap.contains(history[0]["cause"], "ada@example.com")
    again = berth.run("source", "sync", "s").expect(0)
    tap.contains(again.err, "as before")
    tap.equal(len(json.loads(berth.run("history", "--format", "json").out)), len(history))
    shown = status(berth)
    tap.equal((shown["state"], shown["status"]["in_force"]["id"]), ("ready", commit))


def test_where(berth):
    """explain and refused edits name file, line and commit of the field, as the repository calls them (EN-25)"""
    repo = Repository(berth)
    first = repo.commit({"hosts/a.yaml": "vars: {v: {default: x}}\n" + profiles("web", user_a="1", user_b="${v}")})
    add(berth, repo, "s", "--path", "hosts")
    berth.run("source", "sync", "s").expect(0)
    told = berth.run("explain", "profile/web.config.user.a").expect(0).out
    tap.contains(told, f"hosts/a.yaml:5:5@{first[:12]}")
    tap.absent(told, berth.state)
    told = berth.run("explain", "profile/web.config.user.b").expect(0).out
    tap.contains(told, "declared at hosts/a.yaml:1")
    tap.absent(told, berth.state)
    second = repo.commit({"hosts/a.yaml": "vars: {v: {default: x}}\n\n" + profiles("web", user_a="2", user_b="${v}")})
    berth.run("source", "sync", "s").expect(0)
    tap.contains(berth.run("explain", "profile/web.config.user.a").expect(0).out, f"hosts/a.yaml:6:5@{second[:12]}")
    repo.commit({"hosts/a.yaml": profiles("web", "web")})
    tap.contains(berth.run("source", "sync", "s").expect(65).err, "hosts/a.yaml:5")
    berth.write("d/b.yaml", profiles("db"))
    berth.run("source", "add", "d", "--directory", berth.path("d")).expect(0)
    berth.run("source", "sync", "d").expect(0)
    tap.contains(berth.run("explain", "profile/db.config.user.a").expect(0).out, f"{berth.path('d/b.yaml')}:4:5")


def test_refs(berth):
    """branch, tag, annotated tag, commit; one that is not there is an error"""
    repo = Repository(berth)
    first = repo.commit({"a.yaml": profiles("one")})
    repo.git("tag", "light")
    repo.git("tag", "-a", "-m", "x", "noted")
    repo.git("push", "-q", "origin", "light", "noted")
    repo.commit({"a.yaml": profiles("two")})
    repo.git("push", "-q", "origin", "HEAD:refs/heads/release/1")
    for number, (ref, name) in enumerate((("light", "one"), ("noted", "one"), (first, "one"), ("release/1", "two"), ("main", "two"))):
        add(berth, repo, f"s{number}", "--ref", ref, "--prune")
        berth.run("source", "sync", f"s{number}").expect(0)
        tap.equal(names(berth), {name: f"source:s{number}"})
        berth.run("source", "remove", f"s{number}").expect(0)
        berth.run("destroy", "-y", "--all").expect(0)
    add(berth, repo, "none", "--ref", "nothing")
    tap.contains(berth.run("source", "sync", "none").expect(1).err, "no branch or tag nothing")


def test_invalid_then_valid(berth):
    """an invalid revision leaves the last good one in force and names file, line and key; the next valid one comes in force"""
    repo = Repository(berth)
    good = repo.commit({"a.yaml": profiles("web")})
    add(berth, repo)
    berth.run("source", "sync", "s").expect(0)
    repo.commit({"a.yaml": "profiles:\n- name: web\n  confg: {}\n"})
    failed = berth.run("source", "sync", "s").expect(65)
    tap.contains(failed.err, "a.yaml:3")
    tap.contains(failed.err, "confg")
    tap.absent(failed.err, berth.state)
    shown = status(berth)
    tap.equal((shown["state"], shown["status"]["in_force"]["id"]), ("stalled", good))
    tap.contains(conditions(berth), "InvalidRevision")
    tap.equal(names(berth), {"web": "source:s"})
    repo.commit({"a.yaml": profiles("web", "db")})
    berth.run("source", "sync", "s").expect(0)
    tap.equal(status(berth)["state"], "ready")
    tap.absent(conditions(berth), "Stalled")
    tap.equal(sorted(names(berth)), ["db", "web"])


def test_prune(berth):
    """what is declared no more stays, or goes with prune; a deleted file counts, a budget holds, a missing folder deletes nothing"""
    repo = Repository(berth)
    repo.commit({"h/a.yaml": profiles("a"), "h/b.yaml": profiles("b", "c", "d")})
    add(berth, repo, "s", "--path", "h")
    berth.run("source", "sync", "s").expect(0)
    repo.commit({"h/a.yaml": None})
    berth.run("source", "sync", "s").expect(0)
    tap.equal(sorted(names(berth)), ["a", "b", "c", "d"])
    berth.run("source", "remove", "s").expect(0)
    add(berth, repo, "s", "--path", "h", "--prune", "--row", "max_deletes=1")
    berth.run("source", "sync", "s").expect(0)
    repo.commit({"h/b.yaml": profiles("b", "c")})
    berth.run("source", "sync", "s").expect(0)
    tap.equal(sorted(names(berth)), ["a", "b", "c"])
    repo.commit({"h/b.yaml": None, "h/n.yaml": profiles("n")})
    tap.contains(berth.run("source", "sync", "s").expect(8).err, "max_deletes allows 1")
    tap.equal(sorted(names(berth)), ["a", "b", "c"])
    repo.git("mv", "h", "hosts")
    repo.commit()
    tap.contains(berth.run("source", "sync", "s").expect(65).err, "there is no h in the source")
    tap.equal(sorted(names(berth)), ["a", "b", "c"])


def test_empty(berth):
    """an empty repository or folder deletes nothing"""
    repo = Repository(berth)
    repo.commit({"a.yaml": profiles("a")})
    add(berth, repo, "s", "--prune")
    berth.run("source", "sync", "s").expect(0)
    repo.commit({"a.yaml": None})
    tap.contains(berth.run("source", "sync", "s").expect(8).err, "nothing at all")
    tap.equal(names(berth), {"a": "source:s"})
    repo.commit({"a.yaml": "---\n"})
    berth.run("source", "sync", "s").expect(8)
    tap.equal(names(berth), {"a": "source:s"})


def test_three_sources(berth):
    """three sources on one host each prune their own; two that declare the same are refused with both places"""
    repo = Repository(berth)
    repo.commit({"one/a.yaml": profiles("a"), "two/b.yaml": profiles("b"), "three/c.yaml": "# third\n" + profiles("c")})
    for name in ("one", "two", "three"):
        add(berth, repo, name, "--path", name, "--prune")
        berth.run("source", "sync", name).expect(0)
    tap.equal(names(berth), {"a": "source:one", "b": "source:two", "c": "source:three"})
    repo.commit({"two/b.yaml": profiles("b", "c")})
    failed = berth.run("source", "sync", "two").expect(7)
    for part in ("two/b.yaml:", "source:three", "three/c.yaml:3", "profile/c"):
        tap.contains(failed.err, part)
    berth.run("source", "sync", "one").expect(0)
    tap.equal(names(berth), {"a": "source:one", "b": "source:two", "c": "source:three"})
    repo.commit({"two/b.yaml": profiles("b"), "one/a.yaml": profiles("x")})
    for name in ("one", "two", "three"):
        berth.run("source", "sync", name).expect(0)
    tap.equal(names(berth), {"x": "source:one", "b": "source:two", "c": "source:three"})


def test_force_push(berth):
    """a branch that does not go forward is followed, or refused when the source says so"""
    repo = Repository(berth)
    repo.commit({"a.yaml": profiles("a")})
    first = repo.git("rev-parse", "HEAD")
    repo.commit({"a.yaml": profiles("b")})
    add(berth, repo, "free", "--prune")
    berth.run("source", "sync", "free").expect(0)
    repo.git("push", "-q", "-f", "origin", f"{first}:main")
    berth.run("source", "sync", "free").expect(0)
    tap.equal(sorted(names(berth)), ["a"])
    berth.run("source", "remove", "free").expect(0)
    repo.git("push", "-q", "-f", "origin", "HEAD:main")
    add(berth, repo, "strict", "--prune", "--row", "force_push=refuse")
    berth.run("source", "sync", "strict").expect(0)
    repo.git("push", "-q", "-f", "origin", f"{first}:main")
    tap.contains(berth.run("source", "sync", "strict").expect(8).err, "does not follow from")
    tap.equal([name for name, owner in names(berth).items() if owner == "source:strict"], ["b"])


def test_links(berth):
    """a link inside the repository is its file; one that leads out is refused; nothing outside is read"""
    repo = Repository(berth)
    repo.write({"shared.yaml": profiles("a")})
    os.mkdir(os.path.join(repo.work, "host"))
    os.symlink("../shared.yaml", os.path.join(repo.work, "host", "link.yaml"))
    os.symlink("/etc/passwd", os.path.join(repo.work, "host", "note.txt"))
    repo.commit()
    add(berth, repo, "s", "--path", "host")
    berth.run("source", "sync", "s").expect(0)
    tap.equal(names(berth), {"a": "source:s"})
    os.symlink(berth.write("outside.yaml", profiles("evil")), os.path.join(repo.work, "host", "out.yaml"))
    repo.commit()
    tap.contains(berth.run("source", "sync", "s").expect(65).err, "host/out.yaml is a link that leads to no file")
    for root, _, files in os.walk(berth.state):
        for file in files:
            tap.equal(os.path.islink(os.path.join(root, file)), False)


def test_project(berth):
    """a source of one project declares nothing of others"""
    repo = Repository(berth)
    repo.commit({"a.yaml": profiles("a")})
    berth.write("p.yaml", "projects:\n- name: p\n")
    berth.run("apply", "-y", "p.yaml").expect(0)
    add(berth, repo, "s", "--project", "p")
    berth.run("source", "sync", "s").expect(0)
    tap.contains(berth.run("get", "profile", "--project", "p").expect(0).out, "a")
    repo.commit({"b.yaml": "profiles:\n- name: b\n  project: default\n"})
    tap.contains(berth.run("source", "sync", "s").expect(65).err, "project p only")


def test_directory(berth):
    """a directory is a source too"""
    berth.write("etc/a.yaml", profiles("a"))
    berth.run("source", "add", "d", "--directory", berth.path("etc"), "--prune").expect(0)
    berth.run("source", "sync", "d").expect(0)
    tap.equal(names(berth), {"a": "source:d"})
    berth.write("etc/a.yaml", profiles("b"))
    berth.run("source", "sync", "d").expect(0)
    tap.equal(names(berth), {"b": "source:d"})
    shutil.rmtree(berth.path("etc"))
    berth.run("source", "sync", "d").expect(65)
    tap.equal(names(berth), {"b": "source:d"})


def test_suspend(berth):
    """a suspended source does nothing until it is resumed; usage is checked"""
    repo = Repository(berth)
    repo.commit({"a.yaml": profiles("a")})
    add(berth, repo)
    berth.run("source", "suspend", "s").expect(0)
    tap.contains(berth.run("source", "sync", "s").expect(8).err, "suspended")
    tap.equal(names(berth), {})
    berth.run("source", "resume", "s").expect(0)
    berth.run("source", "sync", "s").expect(0)
    tap.contains(berth.run("source", "list").expect(0).out, "ready")
    berth.run("source", "sync", "none").expect(1)
    berth.run("source", "sync").expect(64)
    berth.run("source", "swim", "s").expect(64)
    berth.run("source", "add", "s", "--git", repo.bare).expect(1)
    berth.run("source", "add", "t", "--git", "http://example.com/x").expect(65)
    berth.run("source", "add", "t").expect(64)


def test_hold(berth):
    """a held field stays, is shown in the plan, and is free when the hold ends (EN-47)"""
    repo = Repository(berth)
    repo.commit({"a.yaml": profiles("a", user_a="1", user_b="1")})
    add(berth, repo, "s", "--prune")
    berth.run("source", "sync", "s").expect(0)
    berth.run("hold", "profile/a.config.user.a", "--for", "2h").expect(64)
    berth.run("hold", "profile/a.config.user.a", "--reason", "x").expect(64)
    berth.run("hold", "profile/none", "--for", "2h", "--reason", "x").expect(1)
    berth.run("hold", "profile/a.config.user.a", "--for", "2h", "--reason", "load test").expect(0)
    tap.contains(berth.run("holds").expect(0).out, "load test")
    tap.contains(json.dumps(json.loads(berth.run("status", "profile/a", "--format", "json").out)), "Held")
    repo.commit({"a.yaml": profiles("a", user_a="2", user_b="2")})
    tap.contains(berth.run("source", "sync", "s").expect(0).out, "is held until")
    config = json.loads(berth.run("get", "profile/a", "--format", "json").out)["spec"]["config"]
    tap.equal(config, {"user.a": "1", "user.b": "2"})
    berth.run("unhold", "profile/a.config.user.a").expect(0)
    berth.run("unhold", "profile/a.config.user.a").expect(1)
    berth.run("source", "sync", "s").expect(0)
    config = json.loads(berth.run("get", "profile/a", "--format", "json").out)["spec"]["config"]
    tap.equal(config, {"user.a": "2", "user.b": "2"})
    berth.run("hold", "profile/a", "--for", "6s", "--reason", "x").expect(0)
    repo.commit({"a.yaml": profiles("b")})
    berth.run("source", "sync", "s").expect(0)
    tap.equal(sorted(names(berth)), ["a", "b"])
    subprocess.run(["sleep", "6"], check=True)
    tap.equal(json.loads(berth.run("holds", "--format", "json").out), [])


class Gpg:
    """A home of gpg with keys of Ada and others, and commits that they sign."""

    def __init__(self, berth, repo):
        self.berth, self.repo = berth, repo
        home = berth.path("gpg")
        os.mkdir(home, 0o700)
        repo.env["GNUPGHOME"] = home

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        subprocess.run(["gpgconf", "--kill", "all"], env=self.repo.env, check=False)

    def gpg(self, *args, stdin=None):
        done = subprocess.run(["gpg", "--batch", "--yes", "--quiet", "--passphrase", "", *args], env=self.repo.env, input=stdin, check=False,
                              capture_output=True)
        if done.returncode != 0:
            raise AssertionError(f"gpg {' '.join(args)}: {done.stderr.decode()}")
        return done.stdout

    def make(self, who, *more, usage="sign"):
        self.gpg(*more, "--quick-gen-key", f"{who}@example.com", "ed25519", usage, "1y")

    def export(self, path, *whos, options=()):
        self.gpg(*options, "-o", path, "--export", *[f"{who}@example.com" for who in whos])

    def commit(self, who, name, when=None):
        """Signed by `who`, as if it were `when`."""
        config = [f"user.signingkey={who}" + ("" if "!" in who else "@example.com")]
        if when is not None:
            program = self.berth.write("gpg-then", f"#!/bin/sh\nexec gpg --faked-system-time {when} \"$@\"\n")
            os.chmod(program, 0o755)
            config.append(f"gpg.program={program}")
        return self.repo.commit({"a.yaml": profiles(name)}, config=config)


def test_signed_openpgp(berth):
    """commits signed by a key of an OpenPGP keyring, or by a subkey of it; unsigned and foreign ones are refused"""
    repo = Repository(berth)
    keyring = berth.path("keyring.gpg")
    with Gpg(berth, repo) as gpg:
        for who in ("ada", "bob", "eve"):
            gpg.make(who)
        gpg.export(keyring, "ada", "bob")
        gpg.commit("ada", "a")
        add(berth, repo, "s", "--row", f"keyring_file={keyring}")
        berth.run("source", "sync", "s").expect(0)
        gpg.commit("eve", "b")
        tap.contains(berth.run("source", "sync", "s").expect(8).err, "keyring")
        repo.commit({"a.yaml": profiles("c")})
        tap.contains(berth.run("source", "sync", "s").expect(8).err, "not signed")
        tap.equal(names(berth), {"a": "source:s"})
        gpg.commit("bob", "d")
        berth.run("source", "sync", "s").expect(0)
        tap.contains(str(names(berth)), "d")
        ada = gpg.gpg("--list-keys", "--with-colons", "ada@example.com").decode().split("fpr:::::::::")[1].split(":")[0]
        gpg.gpg("--quick-add-key", ada, "ed25519", "sign", "1y")
        subkey = gpg.gpg("--list-keys", "--with-colons", "ada@example.com").decode().split("fpr:::::::::")[2].split(":")[0]
        gpg.commit(f"{subkey}!", "e")
        tap.contains(berth.run("source", "sync", "s").expect(8).err, "keyring")
        gpg.export(keyring, "ada", "bob")
        berth.run("source", "sync", "s").expect(0)
        tap.contains(str(names(berth)), "e")


def test_openpgp_keys_that_ended(berth):
    """a key that has expired or is revoked signs nothing any more, whenever it signed (EN-45)"""
    repo = Repository(berth)
    keyring = berth.path("keyring.gpg")
    with Gpg(berth, repo) as gpg:
        gpg.make("ada")
        gpg.make("old", "--faked-system-time", "20200101T000000!")
        gpg.make("lost")
        gpg.export(keyring, "ada", "old", "lost", options=("--export-options", "export-clean"))
        good = gpg.commit("ada", "a")
        add(berth, repo, "s", "--row", f"keyring_file={keyring}")
        berth.run("source", "sync", "s").expect(0)
        gpg.commit("old", "b", "20200201T000000!")
        tap.contains(berth.run("source", "sync", "s").expect(8).err, "expired")
        repo.git("reset", "-q", "--hard", good)
        gpg.commit("lost", "c")
        # Revoked by the certificate that gpg makes along with the key, and leaves a colon in front of.
        fingerprint = gpg.gpg("--list-keys", "--with-colons", "lost@example.com").decode().split("fpr:::::::::")[1].split(":")[0]
        with open(os.path.join(berth.path("gpg"), "openpgp-revocs.d", f"{fingerprint}.rev"), encoding="utf-8") as file:
            gpg.gpg("--import", stdin=file.read().replace("\n:-----", "\n-----").encode())
        gpg.export(keyring, "ada", "old", "lost")
        tap.contains(berth.run("source", "sync", "s").expect(8).err, "revoked")
        tap.equal(names(berth), {"a": "source:s"})


def test_openpgp_keyrings(berth):
    """a keyring as text, or none at all, is said to be that; it is no matter of the commit"""
    repo = Repository(berth)
    keyring = berth.path("keyring.asc")
    with Gpg(berth, repo) as gpg:
        gpg.make("ada")
        gpg.gpg("--armor", "-o", keyring, "--export", "ada@example.com")
        gpg.commit("ada", "a")
        add(berth, repo, "s", "--row", f"keyring_file={keyring}")
        error = berth.run("source", "sync", "s").expect(65).err
        tap.contains(error, keyring)
        tap.contains(error, "gpg --dearmor")
        os.unlink(keyring)
        tap.contains(berth.run("source", "sync", "s").expect(1).err, f"{keyring} does not exist")
        gpg.export(keyring, "ada")
        berth.run("source", "sync", "s").expect(0)


def test_signers_in_the_source(berth):
    """the allowed signers as text of the source itself: several of them, by namespace and time as in the file (EN-45)"""
    repo = Repository(berth)
    keys = {}
    for name in ("ada", "bob", "eve", "notgit"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", berth.path(name)], check=True)
        keys[name] = " ".join(berth.read(f"{name}.pub").split()[:2])

    def commit(name, text):
        return repo.commit({"a.yaml": profiles(text)}, config=["gpg.format=ssh", f"user.signingkey={berth.path(name)}"])

    signers = (f"# who may\nada@example.com {keys['ada']}\nbob@example.com namespaces=\"git\" {keys['bob']}\n"
               f"notgit@example.com namespaces=\"file\" {keys['notgit']}\n")
    text = "".join(f"    {line}\n" for line in signers.splitlines())
    berth.write("s.yaml", f"sources:\n- name: s\n  type: git\n  url: {repo.bare}\n  signers: |\n{text}")
    berth.run("apply", "-y", "s.yaml").expect(0)
    for number, name in enumerate(("ada", "bob")):
        good = commit(name, f"p{number}")
        berth.run("source", "sync", "s").expect(0)
    for name, why in (("eve", "no allowed signer"), ("notgit", "not for git")):
        commit(name, "evil")
        tap.contains(berth.run("source", "sync", "s").expect(8).err, why)
        repo.git("reset", "-q", "--hard", good)
    tap.equal(sorted(names(berth)), ["p0", "p1"])
    berth.run("source", "remove", "s").expect(0)  # the same from a file of the host
    berth.write("s.yaml", f"sources:\n- name: s\n  type: git\n  url: {repo.bare}\n  signers_file: {berth.write('signers', signers)}\n")
    berth.run("apply", "-y", "s.yaml").expect(0)
    for name, result in (("ada", 0), ("eve", 8)):
        commit(name, "p2")
        tap.equal("no allowed signer" in berth.run("source", "sync", "s").expect(result).err, result != 0)
    tap.contains(berth.run("source", "add", "t", "--git", repo.bare, "--verify", berth.path("x"), "--row", "signers=x").expect(65).err, "give one")


PATCHED = """\
# What the office has.
profiles:   # all of them
- name: web
  config:
    # measured in May
    user.a: "1"     # small
    user.gone: x
    user.text: |
      one
      two
  description: 'the web'
- {name: db, config: {user.a: 1, user.b: 2}}
- name: bare
# the end
"""


def test_patch(berth):
    """what is stored as the change of the files that it would be: comments and order stay, git takes it, and then nothing differs"""
    repo = Repository(berth)
    repo.commit({"h/a.yaml": PATCHED})
    add(berth, repo, "s", "--path", "h", "--row", "on_edit=adopt")
    berth.run("source", "sync", "s").expect(0)
    tap.equal(berth.run("drift", "--as-patch").expect(0).out, "")
    edited = berth.write("e.yaml", """\
profiles:
- name: web
  config: {user.a: "true", user.text: three, user.new: "a: b"}
  description: other
- {name: db, config: {user.b: 3, user.c: 4}}
- {name: bare, config: {user.x: 1}, description: d}
""")
    berth.run("apply", "-y", edited, "--set", "x", "--adopt").expect(0)
    berth.run("adopt", "--set", "x", "profile/web").expect(0)
    patch = berth.run("plan", os.path.join(repo.work, "h"), "--format", "patch").expect(0).out
    for part in ("# measured in May", "# small", "-    user.gone: x", '+    user.new: "a: b"', "user.b: 3, user.c: 4}"):
        tap.contains(patch, part)
    tap.absent(patch, "-# ")
    subprocess.run(["git", "apply", "-p1"], cwd=berth.work, input=patch, text=True, check=True)
    with open(os.path.join(repo.work, "h/a.yaml"), encoding="utf-8") as file:
        text = file.read()
    for comment in ("# What the office has.", "# all of them", "# measured in May", "# small", "# the end"):
        tap.contains(text, comment)
    again = berth.run("plan", os.path.join(repo.work, "h"), "--set", "x", "--format", "json").expect(0)
    tap.equal([item for item in json.loads(again.out)["objects"] if item["fields"]], [])


def test_variables(berth):
    """variables come from the source; includes stay inside the repository"""
    repo = Repository(berth)
    repo.commit({"base/b.yaml": "vars: {who: {required: true}}\nprofiles:\n- name: ${who}\n",
                 "host/a.yaml": "include: [../base/b.yaml]\n"})
    berth.write("s.yaml", f"sources:\n- name: s\n  type: git\n  url: {repo.bare}\n  path: host\n  prune: true\n  vars: {{who: alder}}\n")
    berth.run("apply", "-y", "s.yaml").expect(0)
    berth.run("source", "sync", "s").expect(0)
    tap.equal(names(berth), {"alder": "source:s"})
    berth.write("s.yaml", berth.read("s.yaml").replace("alder", "birch"))
    berth.run("apply", "-y", "s.yaml").expect(0)
    berth.run("source", "sync", "s").expect(0)
    tap.equal(names(berth), {"birch": "source:s"})
    berth.write("outside.yaml", profiles("evil"))
    repo.commit({"host/a.yaml": f"include: [{os.path.relpath(berth.path('outside.yaml'), berth.state + '/sources/s/tree/host')}]\n"})
    assert berth.run("source", "sync", "s").status != 0
    tap.equal(names(berth), {"birch": "source:s"})


if __name__ == "__main__":
    tap.main(globals())
