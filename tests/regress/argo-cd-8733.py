#!/usr/bin/python3
"""argo-cd#8733: commits signed by SSH keys could not be required."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap  # noqa: E402
from gitrepo import Repository, profiles  # noqa: E402


def key(berth, name):
    path = berth.path(name)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path], check=True)
    return path


def signed(path):
    return ["gpg.format=ssh", f"user.signingkey={path}"]


def owner(berth):
    return berth.run("get", "profile", "--format", "csv").expect(0).out


def test_signers(berth):
    """only what an allowed signer signed comes in force: not unsigned, foreign, expired, altered or replayed commits"""
    repo = Repository(berth)
    ada, old, eve = key(berth, "ada"), key(berth, "old"), key(berth, "eve")
    signers = berth.write("signers", f"ada@example.com {berth.read('ada.pub')}"
                          f"old@example.com valid-before=\"20200101\" {berth.read('old.pub')}")
    good = repo.commit({"a.yaml": profiles("good")}, config=signed(ada))
    berth.run("source", "add", "s", "--git", repo.bare, "--verify", signers, "--prune").expect(0)
    berth.run("source", "sync", "s").expect(0)
    second = repo.commit({"a.yaml": profiles("second")}, config=signed(ada))
    berth.run("source", "sync", "s").expect(0)

    def refused(text):
        tap.contains(berth.run("source", "sync", "s").expect(8).err, text)
        tap.contains(owner(berth), "second")
        tap.contains(berth.run("source", "list").expect(0).out, "stalled")

    repo.commit({"a.yaml": profiles("evil")})
    refused("not signed")
    repo.git("reset", "-q", "--hard", second)
    repo.commit({"a.yaml": profiles("evil")}, config=signed(eve))
    refused("no allowed signer")
    repo.git("reset", "-q", "--hard", second)
    repo.commit({"a.yaml": profiles("evil")}, config=signed(old))
    refused("no allowed signer")
    repo.git("push", "-q", "-f", "origin", f"{good}:main")
    refused("does not follow")

    # The signature of a good commit on another tree.
    repo.git("reset", "-q", "--hard", second)
    repo.write({"a.yaml": profiles("evil")})
    repo.git("add", "-A")
    tree = repo.git("write-tree")
    text = repo.git("cat-file", "commit", second)
    forged = text.replace(text.splitlines()[0], f"tree {tree}", 1).replace(f"parent {good}", f"parent {second}", 1)
    commit = subprocess.run(["git", "-C", repo.work, "hash-object", "-t", "commit", "-w", "--stdin"], input=forged + "\n", text=True,
                            env=repo.env, check=True, capture_output=True).stdout.strip()
    repo.git("push", "-q", "-f", "origin", f"{commit}:main")
    refused("signature is wrong")
    repo.git("reset", "-q", "--hard", second)
    repo.commit({"a.yaml": profiles("third")}, config=signed(ada))
    berth.run("source", "sync", "s").expect(0)
    tap.contains(owner(berth), "third")


if __name__ == "__main__":
    tap.main(globals())
