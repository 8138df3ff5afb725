#!/usr/bin/python3
"""Images by the clock: newer ones are fetched when the daemon starts, cached ones go when nobody used them for long (IMG-086..092)."""
import calendar
import json
import os
import sqlite3
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon, Monitor  # noqa: E402
from image_archive import METADATA, archive, digest, prints, stored, unified, upload  # noqa: E402
from image_server import Second, Web, streams  # noqa: E402

POOL = {"name": "pool", "driver": "dir"}
DAYS = 24 * 3600


def pull(daemon, server, alias, **more):
    done = daemon.wait(daemon.ask("POST", "/1.0/images", {"source": {"type": "image", "server": f"unix:{server.socket}", "alias": alias},
                                                          **more}))
    tap.equal((done["status_code"], done["err"]), (200, ""))


def restart(daemon):
    tap.equal(daemon.stop(), 0)
    daemon.start()


def idle(daemon):
    """whether no operation is under way"""
    return not daemon.ask("GET", "/1.0/operations").expect(200).metadata.get("running")


def test_auto_update(berth):
    """at the start images that follow their server are refreshed; others, and all with an interval of 0, stay; a server that is gone
    changes nothing (IMG-089, IMG-091)"""
    old, new, kept = unified("old"), unified("new"), unified("kept")
    with Daemon(berth) as server, Second(berth) as daemon:
        for alias, image in (("w", old), ("k", kept)):
            upload(server, image, {"X-LXD-aliases": f"alias={alias}"})
        pull(daemon, server, "w", aliases=[{"name": "mine"}], auto_update=True, public=True)
        pull(daemon, server, "k")
        for image in (old, kept):
            server.done("DELETE", f"/1.0/images/{digest(image)}")
        upload(server, new, {"X-LXD-aliases": "alias=w"})
        upload(server, unified("kept too"), {"X-LXD-aliases": "alias=k"})
        daemon.ask("PATCH", "/1.0", {"config": {"images.auto_update_interval": "0"}}).expect(200)
        restart(daemon)
        host.wait_for(lambda: idle(daemon), "nothing under way")
        tap.equal(sorted(prints(daemon)), sorted([digest(old), digest(kept)]))
        # From here on it is wanted again: no need to start anew.
        with Monitor(daemon) as monitor:
            daemon.ask("PATCH", "/1.0", {"config": {"images.auto_update_interval": ""}}).expect(200)
            told = monitor.wait_for("image-refreshed")
            tap.equal((told["project"], told["metadata"]["source"], told["metadata"].get("requestor")),
                      ("default", f"/1.0/images/{digest(old)}", None))
        tap.equal(sorted(prints(daemon)), sorted([digest(new), digest(kept)]))
        image = daemon.ask("GET", f"/1.0/images/{digest(new)}").expect(200).metadata
        tap.equal((image["aliases"][0]["name"], image["public"], image["auto_update"]), ("mine", True, True))
        tap.contains(json.dumps(json.loads(daemon.berth.run("history", "--format", "json").expect(0).out)), "images.auto_update_interval")
        tap.equal(server.stop(), 0)
        restart(daemon)
        host.wait_for(lambda: "cannot be refreshed" in daemon.log_text(), "a word on the server that is gone")
        tap.equal(sorted(prints(daemon)), sorted([digest(new), digest(kept)]))
        server.start()


def used(berth):
    with sqlite3.connect(os.path.join(berth.state, "berth.db")) as store:
        return {key: json.loads(value) for key, value in store.execute("SELECT key, value FROM notes WHERE space = 'images'")}


def move_clock(berth, seconds):
    """as if images had been used so much earlier; not while the daemon runs"""
    with sqlite3.connect(os.path.join(berth.state, "berth.db")) as store:
        for key, note in used(berth).items():
            store.execute("UPDATE notes SET value = ? WHERE key = ?", (json.dumps({"used": note["used"] - seconds}), key))


def test_cache_expiry(berth):
    """a cached image goes when its days are over, by a timer, and leaves the instance made from it alone; with 0 days it stays; others
    stay in any case (IMG-086, IMG-087)"""
    metadata = archive({"metadata.yaml": METADATA}, "w:xz")
    root = archive({"etc": None, "etc/text": b"hello", "sbin": None, "sbin/init": b"#!/bin/sh\n"}, "w:xz")
    cached = digest(metadata, root)
    web = Web(berth, streams(metadata, root))
    wanted = {"devices": {"root": {"type": "disk", "path": "/", "pool": "pool"}}, "profiles": [],
              "source": web.source(protocol="simplestreams", alias="tiny", mode="pull")}
    mine = unified("mine")
    with Daemon(berth) as daemon:
        daemon.ask("PATCH", "/1.0", {"config": {"images.auto_update_cached": "false", "images.remote_cache_expiry": "0"}}).expect(200)
        daemon.ask("POST", "/1.0/storage-pools", POOL).expect(201)
        upload(daemon, mine)
        began = int(time.time())
        tap.equal(daemon.done("POST", "/1.0/instances", {**wanted, "name": f"{host.NAME}-0"})["err"], "")
        tap.equal(daemon.ask("GET", f"/1.0/images/{cached}").expect(200).metadata["auto_update"], False)
        tap.equal([note["used"] >= began for note in used(berth).values()], [True])
        shown = {image["fingerprint"]: image["last_used_at"] for image in daemon.ask("GET", "/1.0/images?recursion=1").metadata}
        tap.equal(shown[digest(mine)], "0001-01-01T00:00:00Z")
        tap.equal(shown[cached], daemon.ask("GET", f"/1.0/images/{cached}").metadata["last_used_at"])
        assert time.time() >= calendar.timegm(time.strptime(shown[cached], "%Y-%m-%dT%H:%M:%SZ")) >= began, shown
        tap.contains(daemon.lxc("image", "info", cached).expect(0).out, f"Last used: {shown[cached][:4]}/")
        tap.equal(daemon.stop(), 0)
        move_clock(berth, 2 * DAYS - 3)
        daemon.start()
        tap.equal(sorted(prints(daemon)), sorted([cached, digest(mine)]))
        with Monitor(daemon) as monitor:
            daemon.ask("PATCH", "/1.0", {"config": {"images.remote_cache_expiry": "2"}}).expect(200)
            monitor.wait_for("image-deleted")
        host.wait_for(lambda: stored(berth) == [digest(mine)], "the purge after the commit")
        tap.equal((prints(daemon), used(berth)), ([digest(mine)], {}))
        daemon.ask("GET", f"/1.0/instances/{host.NAME}-0").expect(200)
        daemon.done("DELETE", f"/1.0/instances/{host.NAME}-0")
    web.stop()


def test_end(berth):
    """a cached image goes when its expires_at is over, though its days are not; any other stays (IMG-007, IMG-086)"""
    metadata = archive({"metadata.yaml": METADATA}, "w:xz")
    root = archive({"etc": None, "sbin": None, "sbin/init": b"#!/bin/sh\n"}, "w:xz")
    cached, mine = digest(metadata, root), unified("mine")
    web = Web(berth, streams(metadata, root))
    with Daemon(berth) as daemon:
        daemon.ask("POST", "/1.0/storage-pools", POOL).expect(201)
        upload(daemon, mine)
        wanted = {"devices": {"root": {"type": "disk", "path": "/", "pool": "pool"}}, "profiles": [], "name": f"{host.NAME}-0",
                  "source": web.source(protocol="simplestreams", alias="tiny", mode="pull")}
        tap.equal(daemon.done("POST", "/1.0/instances", wanted)["err"], "")
        with Monitor(daemon) as monitor:
            for image in (digest(mine), cached):
                daemon.ask("PATCH", f"/1.0/images/{image}", {"expires_at": "2020-01-01T00:00:00Z"}).expect(200)
            monitor.wait_for("image-deleted")
        tap.equal(prints(daemon), [digest(mine)])
        daemon.done("DELETE", f"/1.0/instances/{host.NAME}-0")
    web.stop()


def test_project(berth):
    """a project's images.auto_update_cached and images.remote_cache_expiry come before the server's (PJ-107, PJ-111)"""
    metadata = archive({"metadata.yaml": METADATA}, "w:xz")
    root = archive({"etc": None, "sbin": None, "sbin/init": b"#!/bin/sh\n"}, "w:xz")
    cached = digest(metadata, root)
    web = Web(berth, streams(metadata, root))
    wanted = {"devices": {"root": {"type": "disk", "path": "/", "pool": "pool"}}, "profiles": [],
              "source": web.source(protocol="simplestreams", alias="tiny", mode="pull")}
    with Daemon(berth) as daemon:
        daemon.ask("POST", "/1.0/storage-pools", POOL).expect(201)
        daemon.ask("POST", "/1.0/projects", {"name": "p", "config": {"images.auto_update_cached": "false",
                                                                     "images.remote_cache_expiry": "1"}}).expect(201)
        for name, query, updated in ((f"{host.NAME}-0", "", True), (f"{host.NAME}-1", "?project=p", False)):
            tap.equal(daemon.done("POST", f"/1.0/instances{query}", {**wanted, "name": name})["err"], "")
            tap.equal(daemon.ask("GET", f"/1.0/images/{cached}{query}").expect(200).metadata["auto_update"], updated)
        tap.equal(daemon.stop(), 0)
        move_clock(berth, 2 * DAYS)
        daemon.start()
        host.wait_for(lambda: daemon.ask("GET", f"/1.0/images/{cached}?project=p").status == 404, "it is dropped from the project")
        daemon.ask("GET", f"/1.0/images/{cached}").expect(200)
        for name, query in ((f"{host.NAME}-0", ""), (f"{host.NAME}-1", "?project=p")):
            daemon.done("DELETE", f"/1.0/instances/{name}{query}")
    web.stop()


host.main(globals())
