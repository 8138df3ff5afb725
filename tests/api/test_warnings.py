#!/usr/bin/python3
"""Warnings with Debian's lxc: what raises them on a real host, who resolves them, and what administrators do with them."""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon, Monitor  # noqa: E402

NAME = host.NAME
BRIDGE = f"br{NAME}"
C = f"{NAME}c"
CONTROLLERS = {"blkio": "blkio", "cpu": "CPU controller", "cpuset": "CPUset controller", "memory": "memory controller",
               "net_prio": "network priority controller", "pids": "pids controller", "hugetlb": "hugetlb controller"}
STATE = f"""
storage_pools: [{{name: data, driver: dir}}]
networks: [{{name: {BRIDGE}, config: {{ipv4.address: 10.79.0.1/24, ipv6.address: none}}}}]
images: [{{name: busybox, source: 'builtin:busybox'}}]
profiles: [{{name: default, devices: {{root: {{type: disk, path: /, pool: data}}}}}}]
"""


def prepared(berth):
    berth.run("apply", "-y", "-q", "-f", berth.write("state.yaml", STATE)).expect(0)
    return Daemon(berth)


def warnings(daemon, kind, query=""):
    return [item for item in daemon.ask("GET", f"/1.0/warnings?recursion=1{query}").expect(200).metadata if item["type"] == kind]


def mounted_controllers():
    found = set()
    with open("/proc/self/mounts", encoding="ascii") as file:
        for line in file:
            words = line.split()
            if words[2] == "cgroup":
                found.update(words[3].split(","))
            elif words[2] == "cgroup2":
                with open(f"{words[1]}/cgroup.controllers", encoding="ascii") as names:
                    found.update("blkio" if name == "io" else name for name in names.read().split())
    return found


def test_host(berth):
    """missing controllers and AppArmor are warned of at each start, counted up, and of no project (I-329)"""
    with Daemon(berth) as daemon:
        there = mounted_controllers()
        for controller, title in CONTROLLERS.items():
            tap.equal(len(warnings(daemon, f"Couldn't find the CGroup {title}")), int(controller not in there), controller)
        try:
            with open("/sys/module/apparmor/parameters/enabled", encoding="ascii") as file:
                confined = file.read().strip() == "Y"
        except OSError:
            confined = False
        tap.equal(len(warnings(daemon, "AppArmor support has been disabled")), int(not confined))
        every = daemon.ask("GET", "/1.0/warnings?recursion=1").metadata
        if not every:
            raise tap.Skip("nothing is missing on this host")
        first = every[0]
        tap.equal(sorted(first), ["count", "entity_url", "first_seen_at", "last_message", "last_seen_at", "location", "project",
                                  "severity", "status", "type", "uuid"])
        tap.equal((first["count"], first["severity"], first["status"], first["project"], first["entity_url"]), (1, "low", "new", "", ""))
        tap.equal(daemon.ask("GET", "/1.0/warnings").metadata[0], f"/1.0/warnings/{first['uuid']}")
        tap.equal(daemon.ask("GET", f"/1.0/warnings/{first['uuid']}").metadata, first)
        tap.equal(daemon.ask("GET", "/1.0/warnings?recursion=1&project=default").metadata, [])
        tap.equal(daemon.stop(), 0)
        daemon.start()
        again = daemon.ask("GET", f"/1.0/warnings/{first['uuid']}").metadata
        tap.equal((again["count"], again["first_seen_at"]), (2, first["first_seen_at"]))


def test_client(berth):
    """lxc warning list, show, acknowledge and delete; each is told to listeners; mistakes are named (API-281..285, EV-189..191)"""
    with Daemon(berth) as daemon:
        daemon.ask("GET", "/1.0/warnings/nosuch").expect(404)
        daemon.ask("PUT", "/1.0/warnings/nosuch", {"status": "new"}).expect(404)
        daemon.ask("DELETE", "/1.0/warnings/nosuch").expect(404)
        every = daemon.ask("GET", "/1.0/warnings?recursion=1").metadata
        if not every:
            raise tap.Skip("nothing is missing on this host")
        uuid, url = every[0]["uuid"], f"/1.0/warnings/{every[0]['uuid']}"
        tap.contains(daemon.lxc("warning", "list", "-f", "csv").expect(0).out, uuid)
        tap.contains(daemon.lxc("warning", "show", uuid).expect(0).out, every[0]["last_message"])
        daemon.lxc("warning", "ack", uuid).expect(0)
        tap.equal(daemon.ask("GET", url).metadata["status"], "acknowledged")
        tap.absent(daemon.lxc("warning", "list", "-f", "csv").expect(0).out, uuid)
        tap.contains(daemon.lxc("warning", "list", "--all", "-f", "csv").expect(0).out, uuid)
        for body in ({}, {"status": "resolved"}, {"status": 1}):
            tap.contains(daemon.ask("PUT", url, body).expect(400).json["error"], "status")
        tap.equal(daemon.stop(), 0)
        daemon.start()
        tap.equal(daemon.ask("GET", url).metadata["status"], "acknowledged")
        with Monitor(daemon) as monitor:
            daemon.ask("PATCH", url, {"status": "new"}).expect(200)
            daemon.ask("PATCH", url, {"status": "acknowledged"}).expect(200)
            daemon.lxc("warning", "delete", uuid).expect(0)
            for action in ("warning-reset", "warning-acknowledged", "warning-deleted"):
                event = monitor.wait_for(action)
                tap.equal(event["metadata"]["source"], url)
            daemon.ask("GET", url).expect(404)
        for item in daemon.ask("GET", "/1.0/warnings?recursion=1").metadata:
            daemon.lxc("warning", "delete", item["uuid"]).expect(0)
        tap.equal(daemon.ask("GET", "/1.0/warnings").metadata, [])


def test_unavailable(berth):
    """a pool and a network that are not there at the start have a warning, others work; it is resolved when they are back (NET-021)"""
    source = berth.path("disk")
    os.mkdir(source)
    with prepared(berth) as daemon:
        daemon.lxc("storage", "create", "extern", "dir", f"source={source}").expect(0)
        tap.equal(daemon.stop(), 0)
        subprocess.run(["ip", "link", "del", BRIDGE], check=True)
        subprocess.run(["ip", "link", "add", BRIDGE, "type", "veth", "peer", "name", f"p{NAME}"], check=True)
        os.rename(source, f"{source}.gone")
        with open(source, "wb"):  # nothing can be a folder there
            pass
        daemon.start()
        network, = warnings(daemon, "Network unavailable")
        tap.equal((network["severity"], network["status"], network["project"], network["entity_url"]),
                  ("high", "new", "default", f"/1.0/networks/{BRIDGE}"))
        pool, = warnings(daemon, "Storage pool unavailable")
        tap.equal((pool["severity"], pool["project"], pool["entity_url"]), ("high", "", "/1.0/storage-pools/extern"))
        tap.equal(warnings(daemon, "Network unavailable", "&project=default"), [network])
        tap.equal(warnings(daemon, "Storage pool unavailable", "&project=default"), [])
        daemon.lxc("init", "busybox", C).expect(0)
        tap.equal(daemon.stop(), 0)
        subprocess.run(["ip", "link", "del", BRIDGE], check=True)
        os.unlink(source)
        os.rename(f"{source}.gone", source)
        daemon.start()
        tap.equal(warnings(daemon, "Network unavailable")[0]["status"], "resolved")
        tap.equal(warnings(daemon, "Storage pool unavailable")[0]["status"], "resolved")
        daemon.lxc("delete", C).expect(0)


def test_autostart(berth):
    """an instance that cannot be started with the daemon has a warning until it is started, and it goes with the instance (I-102)"""
    shared = berth.path("shared")
    os.mkdir(shared)
    with prepared(berth) as daemon:
        daemon.lxc("init", "busybox", C, "-c", "boot.autostart=true").expect(0)
        daemon.lxc("config", "device", "add", C, "d", "disk", f"source={shared}", "path=/mnt/d").expect(0)
        tap.equal(daemon.stop(), 0)
        shutil.rmtree(shared)
        daemon.start()
        found, = warnings(daemon, "Failed to autostart instance")
        tap.equal((found["entity_url"], found["project"], found["status"]), (f"/1.0/instances/{C}", "default", "new"))
        tap.contains(found["last_message"], shared)
        os.mkdir(shared)
        daemon.lxc("start", C).expect(0)
        tap.equal(warnings(daemon, "Failed to autostart instance")[0]["status"], "resolved")
        daemon.lxc("delete", "-f", C).expect(0)
        tap.equal(warnings(daemon, "Failed to autostart instance"), [])


def test_prefix(berth):
    """an IPv6 prefix that is too long is accepted with a warning, also until another program deletes the network (NET-BR-27)"""
    kind = "Larger IPv6 prefix than supported"
    with Daemon(berth) as daemon:
        daemon.lxc("network", "create", BRIDGE, "ipv4.address=none", "ipv6.address=fd42:1:2:3::1/80").expect(0)
        tap.equal([item["status"] for item in warnings(daemon, kind)], ["new"])
        daemon.lxc("network", "set", BRIDGE, "ipv6.address=fd42:1:2:3::1/64").expect(0)
        tap.equal([item["status"] for item in warnings(daemon, kind)], ["resolved"])
        daemon.lxc("network", "set", BRIDGE, "ipv6.address=fd42:1:2:3::1/80").expect(0)
        again, = warnings(daemon, kind)
        tap.equal((again["status"], again["count"]), ("new", 2))
        berth.run("destroy", "--all", "-y").expect(0)
        host.wait_for(lambda: warnings(daemon, kind) == [], "the warning goes with its network")


if __name__ == "__main__":
    host.main(globals())
