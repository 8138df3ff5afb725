#!/usr/bin/python3
"""Keys of projects, each by what it refuses and lets pass (projects.md): limits, restrictions, and what a project has of its own."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon  # noqa: E402
from image_archive import digest, unified, upload  # noqa: E402

C = f"{host.NAME}c"
OTHER = f"{host.NAME}d"


def instance(name=C, devices=None, root=None, **config):
    disk = {"type": "disk", "path": "/", "pool": "data", **(root or {})}
    return {"name": name, "project": "p", "source": {"type": "none"}, "profiles": [], "devices": {"root": disk, **(devices or {})},
            "config": {key.replace("__", "."): value for key, value in config.items()}}


def told(berth, project, **objects):
    """What a plan has against these objects in a project with that config."""
    path = berth.write("state.yaml", json.dumps({"projects": [{"name": "p", "config": project}],
                                                 "storage_pools": [{"name": "data", "driver": "dir"}], **objects}))
    return berth.run("plan", "-f", path).err


def instances(*given):
    return {"instances": list(given)}


def device(kind, **keys):
    return instances(instance(devices={"d": {"type": kind, **keys}}))


LOWLEVEL = {"restricted.containers.lowlevel": "allow"}
NETWORK = {"name": "net", "project": "p"}
# key: (what lets it pass, the objects, what else the project needs)
RESTRICTED = {
    "restricted.containers.lowlevel": ("allow", instances(instance(raw__lxc="lxc.uts.name = x")), {}),
    "restricted.containers.nesting": ("allow", instances(instance(security__nesting="true")), {}),
    "restricted.containers.privilege": ("allow", instances(instance(security__privileged="true")), {}),
    "restricted.containers.interception": ("allow", instances(instance(**{"security.syscalls.intercept.mknod": "true"})), {}),
    "restricted.virtual-machines.lowlevel": ("allow", {"profiles": [{"name": "x", "project": "p", "config": {"raw.qemu": "-x"}}]}, LOWLEVEL),
    "restricted.devices.disk": ("allow", device("disk", source="/srv", path="/srv"), {}),
    "restricted.devices.disk.paths": ("/opt,/srv", device("disk", source="/srv/../srv/x", path="/srv"),
                                      {"restricted.devices.disk": "allow", "restricted.devices.disk.paths": "/opt,/srv2"}),
    "restricted.devices.gpu": ("allow", device("gpu", gputype="physical"), {}),
    "restricted.devices.infiniband": ("allow", device("infiniband", nictype="physical", parent="ib0"), {}),
    "restricted.devices.nic": ("allow", device("nic", nictype="p2p"), {}),
    "restricted.devices.pci": ("allow", device("pci", address="0000:00:01.0"), {}),
    "restricted.devices.proxy": ("allow", device("proxy", listen="tcp:127.0.0.1:1", connect="tcp:127.0.0.1:2"), {}),
    "restricted.devices.unix-block": ("allow", device("unix-block", path="/dev/vda"), {}),
    "restricted.devices.unix-char": ("allow", device("unix-char", path="/dev/null"), {}),
    "restricted.devices.unix-hotplug": ("allow", device("unix-hotplug", vendorid="1d6b"), {}),
    "restricted.devices.usb": ("allow", device("usb", vendorid="1d6b"), {}),
    "restricted.idmap.uid": ("900-1000", instances(instance(raw__idmap="uid 1000 1000")), {"restricted.idmap.gid": "5"}),
    "restricted.idmap.gid": ("1000,2000", instances(instance(raw__idmap="gid 1000 1000")), {"restricted.idmap.uid": "5"}),
    "restricted.networks.uplinks": ("up", {"networks": [{**NETWORK, "type": "ovn", "config": {"network": "up"}}]}, {}),
    "restricted.networks.zones": ("zone", {"networks": [{**NETWORK, "config": {"dns.zone.forward": "a.zone"}}]}, {}),
}


def test_restricted(berth):
    """each restricted.* key refuses by its name what it is about, and lets it pass when it says so; without `restricted` none counts
    (PJ-140 to PJ-183)"""
    for key, (opens, objects, more) in RESTRICTED.items():
        project = {"features.networks": "true", "restricted": "true", **more}
        word = "restricted.idmap.uid and .gid" if ".idmap." in key else f"({key} is "
        tap.contains(told(berth, project, **objects), word)
        tap.absent(told(berth, {**project, key: opens}, **objects), word)
        tap.absent(told(berth, {**project, "restricted": "false"}, **objects), word)
    project = {"restricted": "true", "restricted.containers.privilege": "isolated"}
    tap.contains(told(berth, project, **instances(instance())), "(restricted.containers.privilege is isolated)")
    tap.absent(told(berth, project, **instances(instance(security__idmap__isolated="true"))), "restricted.containers.privilege")
    project = {"restricted": "true", "restricted.devices.nic": "block"}
    tap.contains(told(berth, project, **device("nic", network="net"), networks=[{"name": "net"}]), "(restricted.devices.nic is block)")
    tap.absent(told(berth, {"restricted": "true"}, **device("nic", network="net"), networks=[{"name": "net"}]), "restricted.")


MACHINE = {**instance(OTHER), "type": "virtual-machine"}
# key: (a limit that is too low, one that is enough, the objects)
LIMITS = {
    "limits.instances": ("1", "2", instances(instance(), instance(OTHER))),
    "limits.containers": ("1", "2", instances(instance(), instance(OTHER))),
    "limits.virtual-machines": ("0", "1", instances(instance(), MACHINE)),
    "limits.cpu": ("3", "4", instances(instance(limits__cpu="2"), instance(OTHER, limits__cpu="2"))),
    "limits.memory": ("1GiB", "1025MiB", instances(instance(limits__memory="1GiB"), instance(OTHER, limits__memory="1MiB"))),
    "limits.processes": ("9", "10", instances(instance(limits__processes="5"), instance(OTHER, limits__processes="5"))),
    "limits.disk": ("9MiB", "10MiB", instances(instance(root={"size": "5MiB"}), instance(OTHER, root={"size": "5MiB"}))),
    "limits.networks": ("0", "1", {"networks": [NETWORK]}),
}


def test_limits(berth):
    """each limits.* key refuses what goes beyond it, and no more than that; sums need a part of each instance (PJ-120 to PJ-132)"""
    for key, (low, enough, objects) in LIMITS.items():
        project = {"features.networks": "true"}
        tap.contains(told(berth, {**project, key: low}, **objects), key)
        tap.absent(told(berth, {**project, key: enough}, **objects), key)
    for key in ("limits.cpu", "limits.memory", "limits.processes"):
        tap.contains(told(berth, {key: "1"}, **instances(instance())), f"needs {key}, because project p has {key}")
    tap.contains(told(berth, {"limits.disk": "1GiB"}, **instances(instance())), "needs a size on its root disk")


def test_over_the_api(berth):
    """what a project does not allow is refused over the API too, and nothing of it stays; what it allows comes into being"""
    with Daemon(berth) as daemon:
        daemon.ask("POST", "/1.0/storage-pools", {"name": "data", "driver": "dir"}).expect(201)
        daemon.ask("POST", "/1.0/projects", {"name": "p", "config": {"limits.containers": "1", "restricted": "true"}}).expect(201)

        def make(name, status, word, **config):
            body = instance(name, **config)
            del body["project"]
            answer = daemon.ask("POST", "/1.0/instances?project=p", body)
            if answer.status == 202:
                done = daemon.wait(answer)
                tap.equal((done["status_code"], word in done["err"]), (status, True), done["err"])
            else:
                tap.equal(answer.status, status, answer.bytes)
                tap.contains(answer.json["error"], word)
        make(C, 400, "restricted.containers.nesting", security__nesting="true")
        tap.equal(daemon.ask("GET", "/1.0/instances?project=p").metadata, [])
        make(C, 200, "")
        make(OTHER, 400, "limits.containers")
        tap.equal(daemon.ask("GET", "/1.0/instances?project=p").metadata, [f"/1.0/instances/{C}?project=p"])
        body = {"config": {"security.nesting": "true"}}
        answer = daemon.ask("PATCH", f"/1.0/instances/{C}?project=p", body)
        word = answer.json.get("error") or daemon.wait(answer)["err"]
        tap.contains(word, "restricted.containers.nesting")
        daemon.done("DELETE", f"/1.0/instances/{C}?project=p")
        # Neither does it come by copy or move from a project that allows it (PJ-145).
        body = instance(C, security__privileged="true")
        del body["project"]
        tap.equal(daemon.done("POST", "/1.0/instances", body)["err"], "")
        for verb in ("copy", "move"):
            tap.contains(daemon.lxc(verb, C, OTHER, "--target-project", "p").expect(1).err, "restricted.containers.privilege")
        tap.equal(daemon.ask("GET", "/1.0/instances?project=p").metadata, [])
        daemon.done("DELETE", f"/1.0/instances/{C}")
        # What is there keeps the project from forbidding it (PJ-134, PJ-145).
        daemon.ask("PATCH", "/1.0/projects/p", {"config": {"restricted": "false"}}).expect(200)
        body = instance(C, security__nesting="true")
        del body["project"]
        tap.equal(daemon.done("POST", "/1.0/instances?project=p", body)["err"], "")
        for config, word in (({"restricted": "true"}, "restricted.containers.nesting"), ({"limits.containers": "0"}, "limits.containers")):
            tap.contains(daemon.ask("PATCH", "/1.0/projects/p", {"config": config}).expect(400).json["error"], word)
        daemon.done("DELETE", f"/1.0/instances/{C}?project=p")


def test_features(berth):
    """features.*: profiles, images and networks are the project's own, or those of project default (PJ-02, PJ-102 to PJ-104)"""
    with Daemon(berth) as daemon:
        for name, value in (("own", "true"), ("shares", "false")):
            features = {f"features.{kind}": value for kind in ("images", "networks", "profiles")}
            daemon.ask("POST", "/1.0/projects", {"name": name, "config": features}).expect(201)
        daemon.ask("POST", "/1.0/profiles", {"name": "x", "config": {"user.x": "1"}}).expect(201)
        daemon.ask("POST", "/1.0/networks", {"name": "net", "config": {"ipv4.address": "none", "ipv6.address": "none"}}).expect(201)
        tap.equal(upload(daemon, unified())["err"], "")
        for kind, name in (("profiles", "x"), ("networks", "net"), ("images", digest(unified()))):
            daemon.ask("GET", f"/1.0/{kind}/{name}?project=own").expect(404)
            daemon.ask("GET", f"/1.0/{kind}/{name}?project=shares").expect(200)
        daemon.ask("POST", "/1.0/profiles?project=shares", {"name": "y"}).expect(201)
        daemon.ask("POST", "/1.0/profiles?project=own", {"name": "z"}).expect(201)
        names = {item["name"] for item in daemon.ask("GET", "/1.0/profiles?recursion=1").metadata}
        tap.equal(names, {"default", "x", "y"})


host.main(globals())
