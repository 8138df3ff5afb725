#!/usr/bin/python3
"""Images of other servers in state files: simplestreams over TLS, LXD's protocol, the web; images.lock."""
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon, Monitor  # noqa: E402
from gitrepo import Repository  # noqa: E402
from image_archive import METADATA, archive, digest, form, stored, unified, upload, write  # noqa: E402
from image_server import Web, certificate, streams  # noqa: E402

NAME = host.NAME
POOL = "storage_pools:\n- name: pool\n  driver: dir\n"


def split(text="one"):
    """The two files of a split image."""
    return (archive({"metadata.yaml": METADATA}, "w:xz"),
            archive({"etc": None, "etc/text": text.encode(), "sbin": None, "sbin/init": b"#!/bin/sh\n"}, "w:xz"))


def source(web, indent=4, **fields):
    fields = {"server": web.url, "protocol": "simplestreams", "alias": "tiny", **fields}
    lines = [f"{key}: {value}" for key, value in fields.items() if value is not None]
    pem = fields.get("certificate", web.certificate)
    if "certificate" not in fields:
        lines.append("certificate: |\n" + textwrap.indent(pem, "  "))
    return textwrap.indent("\n".join(lines), " " * indent).rstrip() + "\n"


def image(web, extra="", **fields):
    return f"images:\n- name: mine\n{extra}  source:\n" + source(web, **fields)


def instance(web, name="web", **fields):
    return (f"instances:\n- name: {NAME}-{name}\n  devices:\n    root: {{type: disk, path: /, pool: pool}}\n  profiles: []\n"
            "  source:\n" + source(web, **fields))


def cached(berth):
    folder = os.path.join(berth.state, "cache")
    return sorted(os.path.join(at, name) for at, _, names in os.walk(folder) for name in names)


def shown(berth, name="mine"):
    return json.loads(berth.run("get", f"image/{name}", "--format", "json").expect(0).out)


def test_simplestreams(berth):
    """plan asks, apply fetches, a second apply asks nobody: it is silent with the server gone (EN-08, LAW-2)"""
    metadata, root = split()
    web = Web(berth, streams(metadata, root))
    berth.write("berth.yaml", image(web))
    tap.contains(berth.run("plan").expect(0).out, "+ image/mine  create")
    tap.equal(sorted({path for _, path, _ in web.asked}), ["/streams/v1/images.json", "/streams/v1/index.json"])
    tap.equal(os.path.exists(berth.state), False)
    done = berth.run("apply", "-y").expect(0)
    tap.contains(done.err, "image/mine: fetch rootfs")
    tap.equal((stored(berth), cached(berth)), ([digest(metadata, root), f"{digest(metadata, root)}.rootfs"], []))
    drawn = shown(berth)["generated"]
    tap.equal((drawn["fingerprint"], drawn["architecture"], drawn["properties"]["os"], drawn["properties"]["serial"]),
              (digest(metadata, root), "x86_64", "Tiny", "20260101_00:00"))
    web.asked.clear()
    web.stop()
    tap.contains(berth.run("apply", "-y").expect(0).out, "Nothing to do")
    tap.equal(web.asked, [])
    tap.equal(len(json.loads(berth.run("history", "--format", "json").expect(0).out)), 1)
    berth.run("destroy", "-y").expect(0)
    tap.equal(stored(berth), [])


def test_progress(berth):
    """a fetch tells its bytes and rate, a JSON line each, without a daemon and by way of one, and as LXD's metadata (EN-34, IMG-047)"""
    web = Web(berth, streams(*split()))
    berth.write("berth.yaml", image(web))

    def check():
        done = berth.run("apply", "-y", "--format", "jsonl").expect(0)
        lines = [json.loads(line) for line in done.err.splitlines() if line.startswith("{")]
        fetched = [line for line in lines if line["type"] == "fetch"]
        tap.equal([(line["object"], line["part"], line["bytes"] == line["bytes_total"]) for line in fetched],
                  [("image/mine", "metadata", True), ("image/mine", "rootfs", True)])
        kinds = [line["type"] for line in lines]
        assert lines.index(fetched[-1]) < kinds.index("step"), "a step ran before the fetch"
        return kinds.count("step")

    steps = check()
    berth.run("destroy", "-y", "--all").expect(0)
    with Daemon(berth) as daemon, Monitor(daemon, "operation") as events:
        tap.equal(check(), steps, "each step is told as often")
        told = []
        while not told or "rootfs: 100%" not in told[-1]:
            progress = (events.next()["metadata"]["metadata"] or {}).get("download_progress")
            told += [progress] if progress else []
        assert re.fullmatch(r"metadata: 100% \(\d+\.\d\dMB/s\)", told[0]), told


def test_mistakes(berth):
    """a wrong certificate, hash, download or name changes nothing and says what is wrong"""
    metadata, root = split()
    web = Web(berth, streams(metadata, root))
    _, other = certificate(berth)
    with open(other, encoding="ascii") as file:
        other = file.read()
    berth.write("berth.yaml", image(web, certificate="|\n" + textwrap.indent(other, "    ").rstrip()))
    tap.contains(berth.run("plan").expect(1).err, "image/mine: https://127.0.0.1")
    berth.write("berth.yaml", image(web, certificate=None))
    tap.contains(berth.run("plan").expect(1).err, "certificate")
    berth.write("berth.yaml", image(web, secret='"${secret:env:TOKEN}"'))
    web.asked.clear()
    tap.contains(berth.run("plan", env={"TOKEN": "x"}).expect(65).err, "${secret:...} is not supported by this build")
    tap.equal(web.asked, [])
    berth.write("berth.yaml", image(web, alias="none"))
    tap.contains(berth.run("plan").expect(1).err, "has no image none")
    berth.write("berth.yaml", image(web))
    for page, word in ((root + b"x", "fingerprints don't match"), (root[:-7], "image/mine"), (None, "404"),
                       ((root[:100], {"Content-Length": "100000"}), "image/mine")):
        web.pages["/images/r.tar.xz"] = page
        failed = berth.run("apply", "-y").expect(1)
        tap.contains(failed.err, word)
        tap.equal((stored(berth), cached(berth)), ([], []))
    web.pages["/images/r.tar.xz"] = root
    berth.run("apply", "-y").expect(0)
    web.stop()
    berth.write("other.yaml", image(web, alias="tiny/1").replace("mine", "yours"))
    tap.contains(berth.run("plan", "other.yaml").expect(1).err, "image/yours")


def test_fetched_before(berth):
    """what was fetched for an apply that was undone is not fetched again, and goes once it is stored"""
    metadata, root = split()
    web = Web(berth, streams(metadata, root))
    started = (f"instances:\n- name: {NAME}-no\n  image: mine\n  profiles: []\n  state: running\n"
               "  devices:\n    root: {type: disk, path: /, pool: pool}\n")
    berth.write("berth.yaml", image(web) + POOL + started)
    tap.contains(berth.run("apply", "-y").expect(3).err, f"{NAME}-no")  # its init needs a shell that is not there
    tap.equal((stored(berth), len(cached(berth))), ([], 2))
    web.asked.clear()
    berth.write("berth.yaml", image(web))
    berth.run("apply", "-y").expect(0)
    tap.equal([path for _, path, _ in web.asked if "/images/" in path], [])
    tap.equal((len(stored(berth)), cached(berth)), (2, []))


def test_instance(berth):
    """an instance brings its image along: cached, named by fingerprint, fetched once for two (IMG-085)"""
    metadata, root = split()
    web = Web(berth, streams(metadata, root))
    print_ = digest(metadata, root)
    berth.write("berth.yaml", POOL + instance(web))
    plan = berth.run("plan").expect(0).out
    tap.contains(plan, f"+ image/{print_}  create")
    berth.run("apply", "-y").expect(0)
    image_ = shown(berth, print_)
    tap.equal((image_["owner"], image_["generated"]["cached"], image_["spec"]["auto_update"]), ("api", True, True))
    rootfs = os.path.join(berth.state, "storage-pools", "pool", "containers", f"{NAME}-web", "rootfs", "etc", "text")
    with open(rootfs, encoding="ascii") as file:
        tap.equal(file.read(), "one")
    web.stop()
    tap.contains(berth.run("apply", "-y").expect(0).out, "Nothing to do")
    second = instance(web).replace("-web", "-two").replace("instances:\n", "")
    berth.write("berth.yaml", POOL + instance(web) + second)
    berth.run("apply", "-y").expect(0)
    tap.equal(len(stored(berth)), 2)
    berth.run("destroy", "-y").expect(0)


def test_lxd(berth):
    """an image of another server of LXD's protocol, by alias and by fingerprint; whole and split ones (IMG-037)"""
    whole = unified()
    metadata, root = split()
    berth.state, other = berth.path("other"), berth.state
    with Daemon(berth) as daemon:
        body = [("metadata", "m.tar.xz", metadata), ("rootfs", "r.tar.xz", root)]
        upload(daemon, whole, {"X-LXD-aliases": "alias=w", "X-LXD-public": "1"})
        content, headers = form(body)
        upload(daemon, content, {**headers, "X-LXD-aliases": "alias=s", "X-LXD-public": "1"})
        daemon.ask("PATCH", "/1.0", {"config": {"core.https_address": "127.0.0.1:8443"}}).expect(200)
        pem = daemon.ask("GET", "/1.0").expect(200).metadata["environment"]["certificate"]
        berth.state = other

        class Server:
            url, certificate = "https://127.0.0.1:8443", pem

        text = "images:\n"
        for name, chosen in (("whole", {"alias": "w"}), ("split", {"alias": None, "fingerprint": digest(metadata, root)[:20]})):
            text += f"- name: {name}\n  source:\n" + source(Server, protocol="lxd", **chosen)
        berth.write("berth.yaml", text)
        berth.run("apply", "-y").expect(0)
        tap.equal(shown(berth, "whole")["generated"]["update_source"]["alias"], "w")
    berth.run("apply", "-y").expect(0)
    tap.equal(stored(berth), sorted([digest(whole), digest(metadata, root), digest(metadata, root) + ".rootfs"]))


def test_url(berth):
    """a file of the web comes by its address, with the hash that the server says (IMG-042)"""
    whole = unified()
    web = Web(berth, {})
    web.pages["/x"] = (b"", {"LXD-Image-Hash": digest(whole), "LXD-Image-URL": f"{web.url}/x.tar.gz"})
    web.pages["/x.tar.gz"] = whole
    subprocess.run(["mount", "--bind", berth.path("web.crt"), os.path.realpath("/etc/ssl/certs/ca-certificates.crt")], check=True)
    berth.write("berth.yaml", f"images:\n- name: mine\n  source: {{type: url, url: '{web.url}/x'}}\n")
    berth.run("lock").expect(0)
    tap.contains(berth.read("images.lock"), f"- url: {web.url}/x\n")
    berth.run("apply", "-y").expect(0)
    tap.equal(stored(berth), [digest(whole)])
    web.stop()
    tap.contains(berth.run("apply", "-y").expect(0).out, "Nothing to do")


def test_lock(berth):
    """images.lock pins the image; a newer one is told, not taken, until `lock update` or refresh: auto (EN-09)"""
    old, new = split("one"), split("two")
    web = Web(berth, streams(*old))
    berth.write("berth.yaml", image(web))
    tap.contains(berth.run("lock").expect(0).err, "images.lock is written")
    text = berth.read("images.lock")
    tap.equal(text, "# Made by `berth lock`; `berth lock update NAME` takes what the server has now.\nversion: 1\nimages:\n"
              f"- alias: tiny\n  server: {web.url}\n  protocol: simplestreams\n  architecture: x86_64\n"
              f"  fingerprint: {digest(*old)}\n  date: \"2026-01-01T00:00:00Z\"\n")
    tap.contains(berth.run("lock").expect(0).err, "images.lock is as it was")
    # Both versions are there, as on a server that keeps old ones; the newer has the alias.
    newer = streams(*new, serial="20260202_00:00")
    listed, add = json.loads(web.pages["/streams/v1/images.json"]), json.loads(newer["/streams/v1/images.json"])
    for item in add["products"]["tiny:amd64"]["versions"]["20260202_00:00"]["items"].values():
        item["path"] = item["path"].replace("images/", "newer/")
    listed["products"]["tiny:amd64"]["versions"].update(add["products"]["tiny:amd64"]["versions"])
    web.pages.update({"/streams/v1/images.json": json.dumps(listed).encode(), "/newer/m.tar.xz": new[0], "/newer/r.tar.xz": new[1]})
    plan = berth.run("plan").expect(0).out
    tap.contains(plan, f"the server has a newer image, {digest(*new)[:12]}; {digest(*old)[:12]} is kept")
    berth.run("apply", "-y").expect(0)
    tap.equal(shown(berth)["generated"]["fingerprint"], digest(*old))
    quiet = berth.run("plan", "--detailed-exitcode").expect(0).out
    tap.absent(quiet, "newer")
    told = berth.run("plan", "--refresh", "--detailed-exitcode").expect(0).out
    tap.contains(told, "the server has a newer image")
    tap.contains(berth.run("lock").expect(0).err, "images.lock is as it was")
    berth.run("lock", "update", "nobody").expect(1)
    tap.equal(berth.read("images.lock"), text)
    tap.contains(berth.run("lock", "update", "tiny").expect(0).err, f"tiny was {digest(*old)[:12]}, is {digest(*new)[:12]}")
    plan = berth.run("plan", "--detailed-exitcode").expect(2).out
    tap.contains(plan, "image/mine")
    berth.run("apply", "-y").expect(0)
    tap.equal((shown(berth)["generated"]["fingerprint"], len(stored(berth))), (digest(*new), 2))
    os.unlink(berth.path("images.lock"))
    berth.run("plan", "--detailed-exitcode").expect(0)
    berth.run("lock").expect(0)
    tap.contains(berth.read("images.lock"), digest(*new))
    # What is applied is known without the server.
    web.stop()
    os.unlink(berth.path("images.lock"))
    berth.run("lock").expect(0)
    berth.run("lock", "update").expect(1)


def test_lock_of_instances(berth):
    """what an instance names on a server is what the lock says, whatever is here; a new lock is told, --new-image takes it (EN-09)"""
    old, new = split("one"), split("two")
    web = Web(berth, streams(*old))
    name = f"{NAME}-web"
    berth.write("berth.yaml", POOL + instance(web))
    berth.run("lock").expect(0)

    def text(of=name):
        with open(os.path.join(berth.state, "containers", of, "rootfs", "etc", "text"), encoding="utf-8") as file:
            return file.read()

    berth.run("apply", "-y").expect(0)
    web.pages.update(streams(*new))
    tap.absent(berth.run("apply", "-y").expect(0).err, "--new-image")
    berth.run("lock", "update", "tiny").expect(0)
    told = f"instance/{name}: it stays on image {digest(*old)[:12]}, its image is {digest(*new)[:12]} now (--new-image instance/{name})"
    tap.contains(berth.run("plan", "--detailed-exitcode").expect(0).out, told)
    # Another one is made from what the lock says now, though the old image is here.
    berth.write("berth.yaml", POOL + instance(web) + instance(web, "new").replace("instances:\n", ""))
    berth.run("apply", "-y").expect(0)
    tap.equal((text(), text(f"{NAME}-new")), ("one", "two"))
    tap.contains(berth.run("apply", "-y", "--new-image", "all").expect(10).err, name)
    tap.equal(text(), "one")
    berth.run("apply", "-y", "--new-image", "all", "--allow-replace", f"instance/{name}").expect(0)
    tap.equal(text(), "two")
    tap.contains(berth.run("apply", "-y", "--new-image", "all").expect(0).out, "Nothing to do")
    for one in (name, f"{NAME}-new"):
        keys = json.loads(berth.run("get", f"instance/{one}", "--format", "json").expect(0).out)["generated"]
        tap.equal((keys["volatile.base_image"], keys["image.os"]), (digest(*new), "Tiny"))
    web.stop()


def test_changed_since(berth):
    """an image changed since a git revision when its entry in images.lock did, or its file in the repository; so did what is made of it"""
    old, new = split(), split("two")
    web = Web(berth, streams(*old))
    repo = Repository(berth, "state")
    files = "".join(f"- name: {name}\n  source: {{file: {name}.tar.gz}}\n" for name in ("kept", "edited"))
    for name in ("kept", "edited"):
        shutil.copy(write(berth, "one.tar.gz", unified("one")), os.path.join(repo.work, f"{name}.tar.gz"))
    repo.write({"berth.yaml": POOL + image(web) + files + instance(web)})
    text = os.path.join(repo.work, "berth.yaml")
    berth.run("lock", "-f", text).expect(0)
    repo.commit()
    repo.commit({"more.txt": "nothing of berth's"})

    def changed(since):
        found = json.loads(berth.run("plan", "-f", text, "--changed-since", since, "--format", "json").expect(0).out)["objects"]
        return sorted(f"{one['kind']}/{one['name']}" for one in found)

    tap.equal(changed("HEAD~1"), [])
    web.pages.update(streams(*new))
    berth.run("lock", "update", "tiny", "-f", text).expect(0)
    repo.commit()
    tap.equal(changed("HEAD"), [])
    tap.equal(changed("HEAD~1"), ["image/mine", f"instance/{NAME}-web", "pool/pool"])
    shutil.copy(write(berth, "two.tar.gz", unified("two")), os.path.join(repo.work, "edited.tar.gz"))
    tap.equal(changed("HEAD"), ["image/edited"])
    web.stop()


def test_lock_without_server(berth):
    """with a lock a plan needs no server; an apply of an image that is not here does, and says so"""
    web = Web(berth, streams(*split()))
    berth.write("berth.yaml", image(web))
    berth.run("lock").expect(0)
    web.stop()
    tap.contains(berth.run("plan").expect(0).out, "+ image/mine  create")
    tap.contains(berth.run("apply", "-y").expect(1).err, "image/mine: https://127.0.0.1")
    os.unlink(berth.path("images.lock"))
    tap.contains(berth.run("plan").expect(1).err, "image/mine: https://127.0.0.1")


def test_saved_plan(berth):
    """a saved plan is void when the lock has changed (EN-21)"""
    web = Web(berth, streams(*split()))
    berth.write("berth.yaml", image(web))
    berth.run("lock").expect(0)
    berth.run("plan", "--out", "plan.json").expect(0)
    with open(berth.path("images.lock"), "a", encoding="ascii") as file:
        file.write("# more\n")
    berth.run("apply", "plan.json", "-y").expect(7)
    berth.run("plan", "--out", "plan.json").expect(0)
    berth.run("apply", "plan.json", "-y").expect(0)


def test_refresh_auto(berth):
    """refresh: auto takes what is newer with each apply; a server that is gone changes nothing then"""
    old, new = split("one"), split("two")
    web = Web(berth, streams(*old))
    berth.write("berth.yaml", image(web, extra="  refresh: auto\n"))
    berth.run("apply", "-y").expect(0)
    web.pages.update(streams(*new, serial="20260202_00:00"))
    plan = berth.run("plan").expect(0).out
    tap.contains(plan, digest(*new)[:12])
    berth.run("apply", "-y").expect(0)
    tap.equal(shown(berth)["generated"]["fingerprint"], digest(*new))
    web.stop()
    done = berth.run("apply", "-y").expect(0)
    tap.contains(done.out, "the image stays as it is")
    tap.contains(done.out, "Nothing to do")


def test_lock_mistakes(berth):
    """mistakes in a lock are told with their place"""
    berth.write("berth.yaml", "images:\n- name: b\n  source: builtin:busybox\n")
    entry = "version: 1\nimages:\n- alias: a\n  server: https://x\n  architecture: x86_64\n  fingerprint: " + "a" * 64 + "\n"
    for text, place, word in (("version: 2\n", "1:10", "version: 1"), ("version: 1\nimages: 3\n", "2:9", "must be a list"),
                              (entry.replace("alias", "allias"), "3:3", "unknown field allias"),
                              (entry.replace("a" * 64, "b"), "6:16", "is no fingerprint"),
                              (entry + entry[entry.index("- alias"):], "7:3", "is locked twice"),
                              (entry.replace("x86_64", "vax"), "5:17", "architecture")):
        berth.write("images.lock", text)
        tap.contains(berth.run("validate").expect(65).err, f"images.lock:{place}: ")
        tap.contains(berth.run("plan").expect(65).err, word)
    berth.write("images.lock", entry)
    berth.run("plan").expect(0)


host.main(globals())
