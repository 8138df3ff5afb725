#!/usr/bin/python3
"""Images between servers: copies by Debian's lxc and by HTTP, what strangers may do, simplestreams and files of a web server, refresh."""
import json
import os
import ssl
import subprocess
import sys
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon, Monitor  # noqa: E402
from image_archive import METADATA, archive, digest, form, prints, stored, unified, upload  # noqa: E402
from image_server import Second, Web, certificate, streams  # noqa: E402

ADDRESS = "127.0.0.1:8443"


def make(daemon, source, **more):
    return daemon.wait(daemon.ask("POST", "/1.0/images", {"source": source, **more}, {"Content-Type": "application/json"}))


def listen(daemon):
    daemon.ask("PATCH", "/1.0", {"config": {"core.https_address": ADDRESS}}).expect(200)
    return daemon.ask("GET", "/1.0").expect(200).metadata["environment"]["certificate"]


def stranger(path, data=None):
    """Status and body for somebody without a certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    request = urllib.request.Request(f"https://{ADDRESS}{path}", data=data)
    try:
        with urllib.request.urlopen(request, context=context, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_strangers(berth):
    """a client without rights sees public images, and a private one by its secret; it writes nothing (AUTH-05, IMG-029, IMG-105)"""
    public, private = unified("public"), unified("private")
    with Daemon(berth) as daemon:
        upload(daemon, public, {"X-LXD-public": "1", "X-LXD-aliases": "alias=open"})
        upload(daemon, private, {"X-LXD-aliases": "alias=closed"})
        listen(daemon)
        status, body = stranger("/1.0/images?recursion=1")
        tap.equal((status, [image["fingerprint"] for image in json.loads(body)["metadata"]]), (200, [digest(public)]))
        tap.equal(stranger(f"/1.0/images/{digest(public)}/export"), (200, public))
        tap.equal(stranger("/1.0/images/aliases/open")[0], 200)
        for path in (f"/1.0/images/{digest(private)}", f"/1.0/images/{digest(private)}/export", "/1.0/images/aliases/closed",
                     f"/1.0/images/{digest(private)}?secret=", f"/1.0/images/{digest(private)}?secret={'0' * 64}"):
            tap.equal(stranger(path)[0], 404, path)
        tap.equal(stranger("/1.0/images/aliases")[0], 403)
        tap.equal(stranger("/1.0/images", b"x" * 100)[0], 403)
        token = daemon.ask("POST", f"/1.0/images/{digest(private)}/secret").expect(202).metadata["metadata"]["secret"]
        tap.equal(stranger(f"/1.0/images/{digest(public)[:8]}?secret={token}")[0], 200)
        tap.equal(stranger(f"/1.0/images/{digest(private)}?secret={token}")[0], 200)
        tap.equal(stranger(f"/1.0/images/{digest(private)}/export?secret={token}"), (200, private))


def test_copy_by_lxc(berth):
    """lxc copies an image from one server to another, by pull and by relay, with its aliases and properties (IMG-048)"""
    whole, metadata, root = unified("whole"), archive({"metadata.yaml": METADATA}), archive({"etc": None})
    body, headers = form([("metadata", "m.tar.gz", metadata), ("rootfs", "r.tar.gz", root)])
    with Daemon(berth) as daemon, Second(berth) as second:
        upload(daemon, whole, {"X-LXD-aliases": "alias=whole", "X-LXD-properties": "own=1"})
        upload(daemon, body, {**headers, "X-LXD-aliases": "alias=split"})
        listen(daemon)
        daemon.lxc("remote", "add", "second", f"unix:{second.socket}").expect(0)
        daemon.lxc("image", "copy", "split", "second:", "--mode", "relay", "--copy-aliases").expect(0)
        daemon.lxc("image", "copy", "whole", "second:", "--alias", "again", "--public").expect(0)
        tap.equal(sorted(prints(second)), sorted([digest(whole), digest(metadata, root)]))
        tap.equal(stored(berth), stored(second.berth))
        image = second.ask("GET", "/1.0/images/aliases/again").expect(200).metadata["target"]
        image = second.ask("GET", f"/1.0/images/{image}").expect(200).metadata
        tap.equal((image["fingerprint"], image["public"], image["properties"]["own"]), (digest(whole), True, "1"))
        tap.equal(second.ask("GET", "/1.0/images/aliases/split").expect(200).metadata["target"], digest(metadata, root))


def test_pull(berth):
    """a pull needs the server's own key, an https address and an image that is there; else nothing is left (IMG-037)"""
    whole = unified()
    with Daemon(berth) as daemon, Second(berth) as second:
        upload(daemon, whole, {"X-LXD-aliases": "alias=w", "X-LXD-public": "1"})
        pem = listen(daemon)
        key, other = certificate(berth)
        assert os.path.exists(key)
        with open(other, encoding="ascii") as file:
            other = file.read()
        source = {"type": "image", "server": f"https://{ADDRESS}", "alias": "w", "certificate": pem}
        for wrong in ({"certificate": other}, {"certificate": ""}, {"alias": "none"}, {"fingerprint": "0" * 64},
                      {"server": "https://127.0.0.1:1"}):
            failed = make(second, {**source, **wrong})
            assert failed["status_code"] == 400 and failed["err"], f"{wrong}: {failed}"
        for wrong in ({"server": "http://127.0.0.1:8443"}, {"server": ""}, {"mode": "push"}, {"protocol": "ftp"}):
            second.ask("POST", "/1.0/images", {"source": {**source, **wrong}}, {"Content-Type": "application/json"}).expect(400)
        tap.equal((prints(second), stored(second.berth)), ([], []))
        done = make(second, source, aliases=[{"name": "mine", "description": "d"}], auto_update=True)
        tap.equal((done["status_code"], done["err"]), (200, ""))
        image = second.ask("GET", f"/1.0/images/{digest(whole)}").expect(200).metadata
        tap.equal((image["aliases"], image["auto_update"]), ([{"name": "mine", "description": "d"}], True))
        tap.equal({**image["update_source"], "certificate": ""},
                  {"alias": "w", "server": f"https://{ADDRESS}", "protocol": "lxd", "certificate": "", "image_type": ""})


def test_refresh(berth):
    """a refresh fetches what the alias means now, moves the aliases and drops the old image (IMG-091)"""
    old, new = unified("old"), unified("new")
    with Daemon(berth) as daemon, Second(berth) as second:
        upload(daemon, old, {"X-LXD-aliases": "alias=w"})
        tap.contains(daemon.wait(daemon.ask("POST", f"/1.0/images/{digest(old)}/refresh"))["err"], "no update source")
        source = {"type": "image", "server": f"unix:{daemon.socket}", "alias": "w"}
        done = make(second, source, aliases=[{"name": "mine"}], public=True, auto_update=True)
        tap.equal((done["status_code"], done["err"]), (200, ""))
        same = second.wait(second.ask("POST", f"/1.0/images/{digest(old)}/refresh"))
        tap.equal((same["status_code"], same["metadata"]["refreshed"]), (200, False))
        daemon.done("DELETE", f"/1.0/images/{digest(old)}")
        upload(daemon, new, {"X-LXD-aliases": "alias=w"})
        with Monitor(second) as monitor:
            newer = second.wait(second.ask("POST", f"/1.0/images/{digest(old)}/refresh"))
            told = monitor.wait_for("image-refreshed")["metadata"]
            tap.equal((told["source"], told["requestor"]["protocol"]), (f"/1.0/images/{digest(old)}", "unix"))
        tap.equal((newer["err"], newer["metadata"]["refreshed"]), ("", True))
        tap.equal((prints(second), stored(second.berth)), ([digest(new)], [digest(new)]))
        image = second.ask("GET", f"/1.0/images/{digest(new)}").expect(200).metadata
        tap.equal((image["aliases"][0]["name"], image["public"], image["auto_update"], image["update_source"]["alias"]),
                  ("mine", True, True, "w"))
        second.lxc("image", "refresh", "mine").expect(0)
        # It serves while its server is gone (IMG-092), unless nothing looks for a newer one by itself; the project's word counts.
        tap.equal(daemon.stop(), 0)
        second.ask("POST", "/1.0/storage-pools", {"name": "pool", "driver": "dir"}).expect(201)
        wanted = {"name": f"{host.NAME}-r", "devices": {"root": {"type": "disk", "path": "/", "pool": "pool"}}, "profiles": [],
                  "source": {**source, "mode": "pull"}}
        for interval, made in (("0", False), ("", True)):
            second.ask("PATCH", "/1.0/projects/default", {"config": {"images.auto_update_interval": interval}}).expect(200)
            done = second.wait(second.ask("POST", "/1.0/instances", wanted))
            tap.equal(done["err"] == "", made, done["err"])
        second.done("DELETE", f"/1.0/instances/{host.NAME}-r")
        daemon.start()


def test_simplestreams(berth):
    """an image of a simplestreams server comes by alias, by alias with architecture and by fingerprint (IMG-038, IMG-039)"""
    metadata, root = archive({"metadata.yaml": METADATA}, "w:xz"), archive({"etc": None}, "w:xz")
    web = Web(berth, streams(metadata, root))
    with Daemon(berth) as daemon:
        for chosen in ({"alias": "tiny"}, {"alias": "tiny/1/amd64"}, {"fingerprint": digest(metadata, root)}):
            done = make(daemon, web.source(protocol="simplestreams", **chosen), aliases=[{"name": "t"}])
            tap.equal((done["status_code"], done["err"]), (200, ""))
            image = daemon.ask("GET", f"/1.0/images/{digest(metadata, root)}").expect(200).metadata
            tap.equal((image["properties"]["os"], image["properties"]["description"], image["properties"]["type"]),
                      ("Tiny", "Tiny 1 amd64 (20260101_00:00)", "root.tar.xz"))
            tap.equal("update_source" in image, "alias" in chosen)
            tap.contains(done["metadata"]["download_progress"], "100%")
            daemon.done("DELETE", f"/1.0/images/{digest(metadata, root)}")
        for chosen in ({"alias": "none"}, {"fingerprint": "0" * 64}):
            tap.contains(make(daemon, web.source(protocol="simplestreams", **chosen))["err"], "has no image")
        web.pages["/images/r.tar.xz"] = root + b"x"
        tap.contains(make(daemon, web.source(protocol="simplestreams", alias="tiny"))["err"], "fingerprints don't match")
        del web.pages["/images/r.tar.xz"]
        tap.contains(make(daemon, web.source(protocol="simplestreams", alias="tiny"))["err"], "404")
        web.pages["/streams/v1/images.json"] = b"{" * 1000
        tap.contains(make(daemon, web.source(protocol="simplestreams", alias="tiny"))["err"], "no JSON")
        tap.equal((prints(daemon), stored(berth)), ([], []))


def test_instance(berth):
    """an instance that names a server brings its image along: fetched once, cached, and reused with the server gone (IMG-085, IMG-092)"""
    metadata = archive({"metadata.yaml": METADATA}, "w:xz")
    root = archive({"etc": None, "etc/text": b"hello", "sbin": None, "sbin/init": b"#!/bin/sh\n"}, "w:xz")
    web = Web(berth, streams(metadata, root))
    wanted = {"devices": {"root": {"type": "disk", "path": "/", "pool": "pool"}}, "profiles": [],
              "source": web.source(protocol="simplestreams", alias="tiny", mode="pull")}
    with Daemon(berth) as daemon:
        daemon.ask("POST", "/1.0/storage-pools", {"name": "pool", "driver": "dir"}).expect(201)
        wrong = {**wanted, "source": {**wanted["source"], "alias": "none"}}
        tap.contains(daemon.wait(daemon.ask("POST", "/1.0/instances", {**wrong, "name": "x1"}))["err"], "has no image none")
        web.asked.clear()
        begun = [daemon.ask("POST", "/1.0/instances", {**wanted, "name": f"{host.NAME}-{i}"}).expect(202) for i in range(3)]
        ends = [daemon.wait(one) for one in begun]
        tap.equal([end["err"] for end in ends], ["", "", ""])
        told = [end["metadata"]["download_progress"] for end in ends if end["metadata"]]
        assert any(text.startswith("rootfs: 100% (") for text in told), f"who fetched told nothing (IMG-047): {ends}"
        tap.equal([path for _, path, _ in web.asked].count("/images/r.tar.xz"), 1)
        image = daemon.ask("GET", f"/1.0/images/{digest(metadata, root)}").expect(200).metadata
        tap.equal((image["cached"], image["auto_update"], image["public"], image["aliases"]), (True, True, False, []))
        made = daemon.ask("GET", f"/1.0/instances/{host.NAME}-0").expect(200).metadata
        tap.equal(made["config"]["volatile.base_image"], digest(metadata, root))
        web.stop()
        tap.equal(daemon.done("POST", "/1.0/instances", {**wanted, "name": f"{host.NAME}-3"})["err"], "")
        # A client whose certificate for the server is another one gets no answer that was meant for somebody else.
        other = {**wanted, "source": {**wanted["source"], "alias": "tiny/1", "certificate": ""}}
        assert daemon.wait(daemon.ask("POST", "/1.0/instances", {**other, "name": "x2"}))["err"]
        daemon.done("DELETE", f"/1.0/images/{digest(metadata, root)}")
        tap.equal((prints(daemon), stored(berth)), ([], []))
        for i in range(4):
            daemon.done("DELETE", f"/1.0/instances/{host.NAME}-{i}")


def test_launch_by_lxc(berth):
    """Debian's lxc makes an instance from an image of another server (API-557)"""
    whole = unified()
    with Daemon(berth) as daemon, Second(berth) as second:
        upload(daemon, whole, {"X-LXD-aliases": "alias=w", "X-LXD-public": "1"})
        listen(daemon)
        second.ask("POST", "/1.0/storage-pools", {"name": "pool", "driver": "dir"}).expect(201)
        second.lxc("remote", "add", "first", f"https://{ADDRESS}", "--accept-certificate", "--public").expect(0)
        second.lxc("init", "first:w", f"{host.NAME}-l", "--no-profiles", "--storage", "pool").expect(0)
        tap.equal(prints(second), [digest(whole)])
        second.lxc("delete", f"{host.NAME}-l").expect(0)


def test_state_file(berth):
    """POST /1.0/apply takes images of servers, and the lock beside the files (EN-08, EN-09)"""
    metadata, root = archive({"metadata.yaml": METADATA}, "w:xz"), archive({"etc": None}, "w:xz")
    web = Web(berth, streams(metadata, root))
    text = json.dumps({"images": [{"name": "mine", "source": web.source(protocol="simplestreams", alias="tiny")}]})
    lock = json.dumps({"version": 1, "images": [{"alias": "tiny", "server": web.url, "protocol": "simplestreams",
                                                 "architecture": "x86_64", "fingerprint": "a" * 64}]})
    with Daemon(berth) as daemon:
        files = [{"name": "berth.yaml", "text": text}]
        failed = daemon.wait(daemon.ask("POST", "/1.0/apply", {"files": [*files, {"name": "images.lock", "text": lock}]}))
        tap.contains(failed["err"], "has no image " + "a" * 64)
        plan = daemon.ask("POST", "/1.0/plan", {"files": files}).expect(200).metadata
        plan = plan.get("plan", plan)
        tap.equal([one["key"] for one in plan["objects"]], ["image/default//mine"])
        tap.equal(daemon.wait(daemon.ask("POST", "/1.0/apply", {"files": files}))["err"], "")
        tap.equal(prints(daemon), [digest(metadata, root)])
        web.stop()
        plan = daemon.ask("POST", "/1.0/plan", {"files": files}).expect(200).metadata
        tap.equal(plan.get("plan", plan)["objects"], [])
        refused = daemon.ask("POST", f"/1.0/images/{digest(metadata, root)}/refresh")
        tap.contains(refused.expect(400).json["error"], "image mine is declared by")


def test_url(berth):
    """a whole image comes from a plain web server that says its hash; one without a known authority behind it is refused, as is one
    that is not https (IMG-042..045)"""
    whole = unified()
    web = Web(berth, {})
    web.pages["/x"] = (b"", {"LXD-Image-Hash": digest(whole), "LXD-Image-URL": f"{web.url}/x.tar.gz"})
    with Daemon(berth) as daemon:
        failed = make(daemon, {"type": "url", "url": f"{web.url}/x"})
        tap.equal(failed["status_code"], 400)
        tap.contains(failed["err"], "certificate")
        answer = daemon.ask("POST", "/1.0/images", {"source": {"type": "url", "url": "http://127.0.0.1/"}},
                            {"Content-Type": "application/json"}).expect(400)
        tap.contains(answer.json["error"], "https")
        tap.equal(web.asked, [])
        # From here on the authority is known, to this namespace alone.
        subprocess.run(["mount", "--bind", berth.path("web.crt"), os.path.realpath("/etc/ssl/certs/ca-certificates.crt")], check=True)
        tap.contains(make(daemon, {"type": "url", "url": f"{web.url}/x"})["err"], "404")
        web.pages["/x.tar.gz"] = whole[:-1]
        tap.contains(make(daemon, {"type": "url", "url": f"{web.url}/x"})["err"], "image")
        web.pages["/x.tar.gz"] = unified("another")
        tap.contains(make(daemon, {"type": "url", "url": f"{web.url}/x"})["err"], "fingerprints don't match")
        tap.equal((prints(daemon), stored(berth)), ([], []))
        web.pages["/x.tar.gz"] = whole
        done = make(daemon, {"type": "url", "url": f"{web.url}/x"}, aliases=[{"name": "web"}])
        tap.equal((done["status_code"], done["err"], done["metadata"]["fingerprint"]), (200, "", digest(whole)))
        command, _, headers = web.asked[0]
        tap.equal((command, headers["LXD-Server-Architectures"].split(",")[0]), ("HEAD", "x86_64"))
        assert headers["LXD-Server-Version"]
        del web.pages["/x"]
        web.pages["/y"] = b""
        tap.contains(make(daemon, {"type": "url", "url": f"{web.url}/y"})["err"], "Missing LXD-Image-Hash header")


host.main(globals())
