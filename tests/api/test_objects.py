#!/usr/bin/python3
"""Profiles, projects, networks and storage pools over the API, and what all of it has in common: envelopes, ETags, PUT and PATCH,
dry runs, plans and applies; the daemon beside other berth programs."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon  # noqa: E402

NAME = host.NAME
BRIDGE = f"br{NAME}"


def test_envelopes(berth):
    """every answer has LXD's envelope; unknown paths are 404, unknown methods 501 (API-006, 007, 010..016)"""
    with Daemon(berth) as daemon:
        answer = daemon.ask("GET", "/").expect(200)
        tap.equal(answer.metadata, ["/1.0"])
        tap.equal(sorted(answer.json), sorted(["type", "status", "status_code", "operation", "error_code", "error", "metadata"]))
        tap.equal(daemon.ask("GET", "/1.0").expect(200).metadata["api_version"], "1.0")
        missing = daemon.ask("GET", "/1.0/nothing").expect(404)
        tap.equal((missing.json["type"], missing.json["error_code"]), ("error", 404))
        daemon.ask("GET", "/2.0").expect(404)
        daemon.ask("DELETE", "/1.0/profiles").expect(501)
        daemon.ask("GET", "/1.0/profiles?project=none").expect(404)
        tap.equal(daemon.ask("HEAD", "/1.0/profiles").expect(200).bytes, b"")
        daemon.ask("POST", "/1.0/profiles", b"{").expect(400)
        daemon.ask("POST", "/1.0/profiles", b"[]").expect(400)
        daemon.ask("POST", "/1.0/profiles", {"name": "x"}, {"Content-Type": "text/plain"}).expect(201)
        daemon.ask("GET", "/1.0/profiles?target=other").expect(400)


def test_profile(berth):
    """a profile is made, shown, replaced, merged, renamed and deleted (API-056..059)"""
    with Daemon(berth) as daemon:
        body = {"name": "web", "description": "d", "config": {"limits.cpu": "2", "user.a": "1"},
                "devices": {"root": {"type": "disk", "path": "/", "pool": "p"}}}
        tap.contains(daemon.ask("POST", "/1.0/profiles", body).expect(400).json["error"], "storage pool p")
        del body["devices"]
        made = daemon.ask("POST", "/1.0/profiles", body).expect(201)
        tap.equal(made.headers["Location"], "/1.0/profiles/web")
        daemon.ask("POST", "/1.0/profiles", body).expect(409)
        shown = daemon.ask("GET", "/1.0/profiles/web").expect(200)
        tap.equal(shown.metadata, {**body, "devices": {}, "used_by": []})
        stale = shown.etag
        daemon.ask("PATCH", "/1.0/profiles/web", {"config": {"user.b": "2", "user.a": ""}}).expect(200)
        shown = daemon.ask("GET", "/1.0/profiles/web").expect(200)
        tap.equal(shown.metadata["config"], {"limits.cpu": "2", "user.b": "2"})
        tap.equal(shown.metadata["description"], "d")
        assert shown.etag != stale
        daemon.ask("PUT", "/1.0/profiles/web", {"config": {}}, {"If-Match": stale}).expect(412)
        tap.equal(daemon.ask("GET", "/1.0/profiles/web").etag, shown.etag)
        daemon.ask("PUT", "/1.0/profiles/web", shown.metadata, {"If-Match": shown.etag}).expect(200)
        tap.equal(daemon.ask("GET", "/1.0/profiles/web").etag, shown.etag)
        daemon.ask("PUT", "/1.0/profiles/web", {"config": {"limits.cpu": "x"}}).expect(400)
        daemon.ask("PUT", "/1.0/profiles/web", {"config": {"user.c": "3"}}, {"If-Match": shown.etag.strip('"')}).expect(200)
        tap.equal(daemon.ask("GET", "/1.0/profiles/web").metadata["config"], {"user.c": "3"})
        tap.equal(daemon.ask("POST", "/1.0/profiles/web", {"name": "app"}).expect(201).headers["Location"], "/1.0/profiles/app")
        daemon.ask("GET", "/1.0/profiles/web").expect(404)
        daemon.ask("DELETE", "/1.0/profiles/app").expect(200)
        daemon.ask("DELETE", "/1.0/profiles/app").expect(404)


def test_profile_in_use(berth):
    """a profile that is renamed keeps its instances (API-241); one that is used is not deleted (PF-15)"""
    with Daemon(berth) as daemon:
        daemon.ask("POST", "/1.0/storage-pools", {"name": "p", "driver": "dir"}).expect(201)
        daemon.ask("POST", "/1.0/profiles", {"name": "web", "devices": {"root": {"type": "disk", "path": "/", "pool": "p"}}}).expect(201)
        daemon.done("POST", "/1.0/instances", {"name": "c", "source": {"type": "none"}, "profiles": ["default", "web"]})
        daemon.ask("DELETE", "/1.0/profiles/web").expect(400)
        daemon.ask("POST", "/1.0/profiles/web", {"name": "shop"}).expect(201)
        tap.equal(daemon.ask("GET", "/1.0/instances/c").expect(200).metadata["profiles"], ["default", "shop"])
        tap.equal(daemon.ask("GET", "/1.0/profiles/shop").expect(200).metadata["used_by"], ["/1.0/instances/c"])
        daemon.ask("DELETE", "/1.0/profiles/shop").expect(400)
        daemon.done("DELETE", "/1.0/instances/c")
        daemon.ask("DELETE", "/1.0/profiles/shop").expect(200)


def test_types(berth):
    """members of another JSON type are refused, and nothing is changed (API, section 11: types are exact)"""
    with Daemon(berth) as daemon:
        before = daemon.ask("GET", "/1.0/profiles/default").expect(200)
        for member, value in (("description", 5), ("devices", ["d"]), ("config", ["a"]), ("config", {"user.a": 5}), ("name", 5)):
            answer = daemon.ask("PATCH", "/1.0/profiles/default", {member: value}).expect(400)
            tap.contains(answer.json["error"], member)
        daemon.ask("PATCH", "/1.0/profiles/default", {"description": None}).expect(200)
        tap.equal(daemon.ask("GET", "/1.0/profiles/default").etag, before.etag)
        daemon.ask("POST", "/1.0/profiles", {"name": "p", "description": 5}).expect(400)
        daemon.ask("GET", "/1.0/profiles/p").expect(404)
        daemon.ask("POST", "/1.0/projects/default", {"name": "other"}).expect(403)  # PJ-06: at once, and not in an operation


def test_explain(berth):
    """a field that came over the API is explained by who sent it; the others stay where the file has them (EN-25)"""
    path = berth.write("berth.yaml", "profiles:\n- name: web\n  description: hello\n  config: {limits.memory: 64MiB}\n")
    with Daemon(berth) as daemon:
        berth.run("apply", "-y").expect(0)
        daemon.ask("PATCH", "/1.0/profiles/web", {"description": "bye"}).expect(200)
        text = berth.run("explain", "profile/web.description").expect(0).out
        for part in ("bye", "root, 2", "api PATCH /1.0/profiles/web", "last change: generation 2"):
            tap.contains(text, part)
        tap.contains(berth.run("explain", "profile/web.limits.memory").expect(0).out, f"{path}:4:")


def test_echo_is_no_change(berth):
    """what was read and is sent back makes no generation (DESIGN 2), also with drawn values"""
    with Daemon(berth) as daemon:
        daemon.ask("POST", "/1.0/networks", {"name": BRIDGE, "config": {"ipv4.address": "auto", "ipv6.address": "none"}}).expect(201)
        before = len(daemon.ask("GET", "/1.0/generations").metadata)
        shown = daemon.ask("GET", f"/1.0/networks/{BRIDGE}").expect(200)
        assert shown.metadata["config"]["ipv4.address"].startswith("10."), shown.metadata
        daemon.ask("PUT", f"/1.0/networks/{BRIDGE}", shown.metadata, {"If-Match": shown.etag}).expect(200)
        daemon.ask("PATCH", f"/1.0/networks/{BRIDGE}", {}).expect(200)
        tap.equal(len(daemon.ask("GET", "/1.0/generations").metadata), before)
        tap.equal(daemon.ask("GET", f"/1.0/networks/{BRIDGE}").metadata, shown.metadata)
        daemon.ask("DELETE", f"/1.0/networks/{BRIDGE}").expect(200)


def test_network_on_the_host(berth):
    """a network over the API is a bridge on the host, its change is one of the bridge, its end leaves nothing"""
    before = host.fingerprint(berth.state, NAME)
    with Daemon(berth) as daemon:
        daemon.ask("POST", "/1.0/networks", {"name": BRIDGE, "config": {"ipv4.address": "10.77.2.1/24", "ipv6.address": "none"}}).expect(201)
        tap.equal(host.addresses()[BRIDGE], ["10.77.2.1/24"])
        daemon.ask("PATCH", f"/1.0/networks/{BRIDGE}", {"config": {"ipv4.address": "10.77.3.1/24", "bridge.mtu": "1400"}}).expect(200)
        tap.equal(host.addresses()[BRIDGE], ["10.77.3.1/24"])
        tap.equal(host.links()[BRIDGE]["mtu"], 1400)
        daemon.ask("PATCH", f"/1.0/networks/{BRIDGE}", {"config": {"no.such": "1"}}).expect(400)
        plan = daemon.ask("DELETE", f"/1.0/networks/{BRIDGE}?dry-run=1").expect(200).metadata
        tap.contains(plan["text"], "1 to delete")
        tap.equal(host.addresses()[BRIDGE], ["10.77.3.1/24"])
        daemon.ask("DELETE", f"/1.0/networks/{BRIDGE}").expect(200)
    for key, value in host.fingerprint(berth.state, NAME).items():
        if key != "files":
            tap.equal(value, before[key], key)


def test_projects(berth):
    """objects of a project are apart, and their URLs say so (API-044, PJ-02)"""
    with Daemon(berth) as daemon:
        daemon.ask("POST", "/1.0/projects", {"name": "p", "config": {"features.profiles": "true"}}).expect(201)
        daemon.ask("POST", "/1.0/profiles?project=p", {"name": "mine"}).expect(201)
        tap.contains(str(daemon.ask("GET", "/1.0/profiles?project=p").metadata), "/1.0/profiles/mine?project=p")
        tap.absent(str(daemon.ask("GET", "/1.0/profiles").metadata), "mine")
        assert daemon.ask("DELETE", "/1.0/projects/p").status in (400, 403), "a project that is not empty stays (PJ-30)"
        daemon.ask("GET", "/1.0/projects/p").expect(200)
        daemon.ask("DELETE", "/1.0/profiles/mine?project=p").expect(200)
        daemon.ask("DELETE", "/1.0/projects/p").expect(200)


def test_lxc_client(berth):
    """Debian's lxc makes, shows, edits, renames and deletes profiles, networks, pools and projects"""
    with Daemon(berth) as daemon:
        lxc = daemon.lxc
        lxc("profile", "create", "web").expect(0)
        lxc("profile", "set", "web", "limits.memory", "1GiB").expect(0)
        tap.equal(lxc("profile", "get", "web", "limits.memory").expect(0).out.strip(), "1GiB")
        text = lxc("profile", "show", "web").expect(0).out
        lxc("profile", "edit", "web", stdin=text.replace("description: \"\"", "description: edited")).expect(0)
        tap.contains(lxc("profile", "list").expect(0).out, "edited")
        lxc("profile", "unset", "web", "limits.memory").expect(0)
        lxc("profile", "rename", "web", "app").expect(0)
        lxc("profile", "copy", "app", "app2").expect(0)
        lxc("profile", "delete", "app").expect(0)
        lxc("profile", "delete", "app2").expect(0)
        lxc("network", "create", BRIDGE, "ipv4.address=10.77.4.1/24", "ipv6.address=none").expect(0)
        tap.equal(host.addresses()[BRIDGE], ["10.77.4.1/24"])
        lxc("network", "set", BRIDGE, "bridge.mtu=1450").expect(0)
        tap.equal(host.links()[BRIDGE]["mtu"], 1450)
        tap.contains(lxc("network", "list").expect(0).out, BRIDGE)
        lxc("network", "delete", BRIDGE).expect(0)
        assert BRIDGE not in host.links()
        lxc("storage", "create", "pool", "dir").expect(0)
        tap.contains(lxc("storage", "list").expect(0).out, "pool")
        tap.contains(lxc("storage", "show", "pool").expect(0).out, "driver: dir")
        tap.contains(lxc("storage", "info", "pool").expect(0).out, "total space")
        lxc("storage", "set", "pool", "user.x=1").expect(0)
        tap.contains(lxc("storage", "volume", "create", "pool", "v").expect(1).err, "not in this build")
        lxc("storage", "delete", "pool").expect(0)
        lxc("project", "create", "p").expect(0)
        lxc("project", "switch", "p").expect(0)
        lxc("project", "switch", "default").expect(0)
        lxc("project", "delete", "p").expect(0)


def test_beside_the_command(berth):
    """the berth command and the daemon change one state directory, each sees what the other did"""
    with Daemon(berth) as daemon:
        berth.write("berth.yaml", f"networks:\n- name: {BRIDGE}\n  config: {{ipv4.address: 10.77.5.1/24, ipv6.address: none}}\n")
        berth.run("apply", "-y", "-f", "berth.yaml").expect(0)
        deadline = time.monotonic() + 5
        while daemon.ask("GET", f"/1.0/networks/{BRIDGE}").status != 200 and time.monotonic() < deadline:
            time.sleep(0.02)
        daemon.ask("PATCH", f"/1.0/networks/{BRIDGE}", {"config": {"bridge.mtu": "1400"}}).expect(200)
        tap.contains(berth.run("plan", "--detailed-exitcode", "-f", "berth.yaml").expect(2).out, "1400")
        berth.run("destroy", "-y").expect(0)
        deadline = time.monotonic() + 5
        while daemon.ask("GET", f"/1.0/networks/{BRIDGE}").status == 200 and time.monotonic() < deadline:
            time.sleep(0.02)
        daemon.ask("GET", f"/1.0/networks/{BRIDGE}").expect(404)


def test_plan_and_apply(berth):
    """state files over the API: planned, applied as an operation, in the history"""
    with Daemon(berth) as daemon:
        body = {"files": [{"name": "a.yaml", "text": "profiles:\n- {name: a, config: {user.x: 1}}\n"}], "options": {"set": "file:a"}}
        tap.contains(daemon.ask("POST", "/1.0/plan", body).expect(200).metadata["text"], "1 to create")
        daemon.ask("GET", "/1.0/profiles/a").expect(404)
        daemon.done("POST", "/1.0/apply", body)
        tap.equal(daemon.ask("GET", "/1.0/profiles/a").expect(200).metadata["config"], {"user.x": "1"})
        tap.equal(daemon.ask("GET", "/1.0/generations?recursion=1").metadata[0]["source"], "file:a")
        daemon.ask("GET", "/1.0/generations/1").expect(200)
        daemon.ask("GET", "/1.0/generations/99").expect(404)
        broken = {"files": [{"name": "b.yaml", "text": "profiles:\n- {nam: a}\n"}]}
        tap.contains(daemon.ask("POST", "/1.0/apply", broken).expect(400).json["error"], "b.yaml:2:3")


def test_leaves_no_descriptor(berth):
    """two hundred requests of all sorts leave no file descriptor open"""
    with Daemon(berth) as daemon:
        daemon.ask("GET", "/1.0").expect(200)
        before = daemon.descriptors()
        for number in range(50):
            daemon.ask("POST", "/1.0/profiles", {"name": "x"}).expect(201)
            daemon.ask("GET", "/1.0/profiles/x")
            daemon.ask("GET", f"/1.0/nothing/{number}")
            daemon.ask("DELETE", "/1.0/profiles/x").expect(200)
        deadline = time.monotonic() + 5
        while daemon.descriptors() > before and time.monotonic() < deadline:
            time.sleep(0.05)
        assert daemon.descriptors() <= before, f"{before} before, {daemon.descriptors()} after"


host.main(globals())
