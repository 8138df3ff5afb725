#!/usr/bin/python3
"""Instances over the API with Debian's lxc, looked at from the host: links, mounts, control groups, processes."""
import os
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon  # noqa: E402

NAME = host.NAME
BRIDGE = f"br{NAME}"
STATE = f"""
storage_pools: [{{name: data, driver: dir}}]
networks: [{{name: {BRIDGE}, config: {{ipv4.address: 10.79.0.1/24, ipv6.address: none}}}}]
images: [{{name: busybox, source: 'builtin:busybox'}}]
profiles:
- name: default
  devices: {{root: {{type: disk, path: /, pool: data}}, eth0: {{type: nic, network: {BRIDGE}}}}}
- {{name: small, config: {{limits.memory: 64MiB}}}}
"""
C = f"{NAME}c"


def prepared(berth):
    berth.run("apply", "-y", "-q", "-f", berth.write("state.yaml", STATE)).expect(0)
    return Daemon(berth)


def until(check, what, seconds=10):
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)


def pid_of(daemon, name):
    return daemon.ask("GET", f"/1.0/instances/{name}/state").expect(200).metadata["pid"]


def states(daemon):
    return {item["name"]: item["status"] for item in daemon.ask("GET", "/1.0/instances?recursion=1").expect(200).metadata}


def test_life(berth):
    """launch, list, info, stop, restart, pause, rename and delete, and nothing is left of it on the host"""
    with prepared(berth) as daemon:
        before = host.fingerprint(berth.state, NAME)
        daemon.lxc("launch", "busybox", C).expect(0)
        pid = pid_of(daemon, C)
        tap.equal(os.path.exists(f"/proc/{pid}"), True)
        veth = daemon.ask("GET", f"/1.0/instances/{C}").metadata["config"]["volatile.eth0.host_name"]
        tap.equal(host.links()[veth]["master"], BRIDGE)
        tap.equal(daemon.lxc("list", "-f", "csv", "-c", "ns").expect(0).out.strip(), f"{C},RUNNING")
        tap.contains(daemon.lxc("info", C).expect(0).out, f"Host interface: {veth}")
        tap.contains(daemon.lxc("start", C).expect(1).err, "already running")
        tap.contains(daemon.lxc("delete", C).expect(1).err, "currently running")
        tap.contains(daemon.ask("DELETE", f"/1.0/instances/{C}").expect(400).json["error"], "Instance is running")
        daemon.lxc("pause", C).expect(0)
        tap.equal(states(daemon), {C: "Frozen"})
        daemon.lxc("start", C).expect(0)
        daemon.lxc("restart", "-f", C).expect(0)
        tap.equal(pid_of(daemon, C) != pid, True)
        daemon.lxc("stop", "-f", C).expect(0)
        tap.contains(daemon.lxc("stop", C).expect(1).err, "already stopped")
        tap.equal(veth in host.links(), False)
        daemon.lxc("rename", C, f"{C}2").expect(0)
        tap.equal(states(daemon), {f"{C}2": "Stopped"})
        daemon.lxc("start", f"{C}2").expect(0)
        daemon.lxc("delete", "-f", f"{C}2").expect(0)
        tap.equal(states(daemon), {})
        daemon.lxc("init", "busybox", C).expect(0)  # its name is free again at once
        daemon.lxc("delete", C).expect(0)
        host.same(before, host.fingerprint(berth.state, NAME), ignore=("processes", "files"))


def test_config(berth):
    """live keys reach the running container, devices come and go, what is sent back as it was read changes nothing"""
    with prepared(berth) as daemon:
        daemon.lxc("launch", "busybox", C, "-t", "c1-m1").expect(0)
        source = berth.path("shared")
        os.mkdir(source)
        pid = pid_of(daemon, C)
        daemon.lxc("config", "set", C, "limits.memory=32MiB").expect(0)
        tap.contains(daemon.lxc("exec", C, "--", "cat", "/proc/meminfo").expect(0).out, "MemTotal")
        limits = [f"{path}/{file}" for path in host.cgroups(C) for file in ("memory.max", "memory.limit_in_bytes")]
        found = [open(path, encoding="utf-8").read().strip() for path in limits if os.path.exists(path)]
        tap.equal(str(32 << 20) in found, True, f"memory limit among {found}")
        tap.equal(daemon.lxc("config", "get", C, "limits.memory").expect(0).out.strip(), "32MiB")
        daemon.lxc("config", "device", "add", C, "d", "disk", f"source={source}", "path=/mnt/d").expect(0)
        with open(f"/proc/{pid}/mountinfo", encoding="utf-8") as file:
            tap.contains(file.read(), "/mnt/d")
        daemon.lxc("config", "device", "remove", C, "d").expect(0)
        with open(f"/proc/{pid}/mountinfo", encoding="utf-8") as file:
            tap.absent(file.read(), "/mnt/d")
        daemon.lxc("profile", "add", C, "small").expect(0)
        daemon.lxc("profile", "remove", C, "small").expect(0)
        shown = daemon.ask("GET", f"/1.0/instances/{C}").expect(200)
        generations = berth.run("history").out
        daemon.done("PUT", f"/1.0/instances/{C}", shown.metadata)
        tap.equal(berth.run("history").out, generations)
        daemon.ask("PATCH", f"/1.0/instances/{C}", {"config": {"user.a": "1"}}, {"If-Match": "wrong"}).expect(412)
        daemon.ask("PATCH", f"/1.0/instances/{C}", {"config": {"user.a": "1"}}, {"If-Match": shown.etag}).expect(200)
        daemon.ask("PATCH", f"/1.0/instances/{C}", {"config": {"no.such": "1"}}).expect(400)
        daemon.lxc("delete", "-f", C).expect(0)


def test_create(berth):
    """names are drawn and held, sources and types that are not there are refused by name, API-009 prefixes, filters"""
    with prepared(berth) as daemon:
        body = {"name": C, "source": {"type": "image", "alias": "busybox"}}
        first = daemon.ask("POST", "/1.0/instances", body).expect(202)
        daemon.ask("POST", "/1.0/instances", body).expect(409)
        tap.equal(daemon.wait(first)["status"], "Success")
        tap.contains(daemon.ask("POST", "/1.0/instances", {"source": {"type": "nosuch"}}).expect(400).json["error"], "nosuch")
        tap.contains(daemon.ask("POST", "/1.0/instances", {"instance_type": "t9.huge", "source": body["source"]}).expect(400)
                     .json["error"], "t9.huge")
        drawn = daemon.done("POST", "/1.0/instances", {"source": body["source"]})["resources"]["instances"][0].rsplit("/", 1)[1]
        tap.equal(len(drawn.split("-")), 2)
        tap.equal(daemon.ask("GET", "/1.0/containers").metadata, sorted([f"/1.0/containers/{C}", f"/1.0/containers/{drawn}"]))
        tap.equal(daemon.ask("GET", "/1.0/virtual-machines").metadata, [])
        daemon.ask("GET", f"/1.0/virtual-machines/{C}").expect(404)
        tap.equal(daemon.ask("GET", f"/1.0/instances?filter=name%20eq%20{C}").metadata, [f"/1.0/instances/{C}"])
        full = daemon.ask("GET", "/1.0/instances?recursion=2").metadata
        tap.equal({item["state"]["status"] for item in full}, {"Stopped"})
        for name in (C, drawn):
            daemon.done("DELETE", f"/1.0/instances/{name}")


def test_lists(berth):
    """lists say what is so now, though most of their text is kept: after changes of instances and profiles, and of what runs"""
    with prepared(berth) as daemon:
        body = {"source": {"type": "image", "alias": "busybox"}, "profiles": ["default", "small"]}
        for name in (C, f"{C}2"):
            daemon.done("POST", "/1.0/instances", {"name": name, **body})

        def listed(recursion):
            return {item["name"]: item for item in daemon.ask("GET", f"/1.0/instances?recursion={recursion}").expect(200).metadata}

        def memory(name, recursion=1):
            return listed(recursion)[name]["expanded_config"].get("limits.memory")

        tap.equal((memory(C), memory(C, 2)), ("64MiB", "64MiB"))
        for recursion, number in ((1, 30), (2, 40)):
            daemon.done("PUT", f"/1.0/instances/{C}", body)
            daemon.ask("PATCH", "/1.0/profiles/small", {"config": {"limits.memory": f"{number}MiB"}}).expect(200)
            tap.equal((memory(C, recursion), memory(f"{C}2", recursion)), (f"{number}MiB", f"{number}MiB"))
            daemon.done("PUT", f"/1.0/instances/{C}", {**body, "config": {"limits.memory": f"{number + 1}MiB"}})
            tap.equal((memory(C, recursion), memory(f"{C}2", recursion)), (f"{number + 1}MiB", f"{number}MiB"))
        berth.run("apply", "-y", "-q", "-f", berth.write("state.yaml", STATE)).expect(0)
        until(lambda: memory(f"{C}2") == "64MiB", "the change of another program")
        daemon.done("PUT", f"/1.0/instances/{C}/state", {"action": "start"})
        tap.equal([listed(recursion)[C]["status"] for recursion in (1, 2)], ["Running", "Running"])
        full = listed(2)
        tap.equal(full[C]["state"]["pid"], pid_of(daemon, C))
        tap.equal(full[f"{C}2"]["state"], daemon.ask("GET", f"/1.0/instances/{C}2/state").expect(200).metadata)
        daemon.done("PUT", f"/1.0/instances/{C}/state", {"action": "stop", "force": True})
        tap.equal([listed(recursion)[C]["status"] for recursion in (1, 2)], ["Stopped", "Stopped"])
        for name in (C, f"{C}2"):
            daemon.done("DELETE", f"/1.0/instances/{name}")


def test_stop(berth):
    """a clean stop that takes too long fails, a forced one beside it does not wait; all of a project at once"""
    with prepared(berth) as daemon:
        daemon.lxc("launch", "busybox", C).expect(0)
        init = pid_of(daemon, C)
        os.kill(init, signal.SIGSTOP)
        slow = []
        gentle = threading.Thread(target=lambda: slow.append(daemon.lxc("stop", C)))
        gentle.start()
        time.sleep(0.5)
        started = time.monotonic()
        daemon.lxc("stop", "-f", C).expect(0)
        gentle.join(30)
        tap.equal(gentle.is_alive(), False)
        tap.equal(time.monotonic() - started < 10, True)
        tap.equal(states(daemon), {C: "Stopped"})
        daemon.done("PUT", "/1.0/instances", {"state": {"action": "start"}})
        tap.equal(states(daemon), {C: "Running"})
        daemon.done("PUT", "/1.0/instances", {"state": {"action": "stop", "force": True}})
        tap.equal(states(daemon), {C: "Stopped"})
        daemon.lxc("delete", C).expect(0)


def test_ends_by_itself(berth):
    """an instance that powers off inside is remembered as stopped; an ephemeral one is deleted"""
    with prepared(berth) as daemon:
        daemon.lxc("launch", "busybox", C).expect(0)
        daemon.lxc("launch", "busybox", f"{C}e", "-e").expect(0)
        daemon.lxc("exec", f"{C}e", "--", "poweroff")
        until(lambda: f"{C}e" not in states(daemon), "the ephemeral instance is deleted")
        daemon.lxc("exec", C, "--", "poweroff")
        until(lambda: daemon.ask("GET", f"/1.0/instances/{C}").metadata["config"]["volatile.last_state.power"] == "STOPPED",
              "remembered as stopped")
        tap.equal(states(daemon), {C: "Stopped"})
        daemon.lxc("delete", C).expect(0)


def test_host(berth):
    """SIGHUP does nothing, SIGTERM leaves instances running; SIGPWR and lxd shutdown stop them, and the next start brings them back
    (OPS-84..87)"""
    with prepared(berth) as daemon:
        daemon.lxc("launch", "busybox", C).expect(0)
        daemon.lxc("init", "busybox", f"{C}s").expect(0)
        pid = pid_of(daemon, C)
        daemon.process.send_signal(signal.SIGHUP)
        tap.equal(states(daemon), {C: "Running", f"{C}s": "Stopped"})
        tap.equal(daemon.stop(), 0)
        tap.equal(os.path.exists(f"/proc/{pid}"), True)
        daemon.start()
        tap.equal(pid_of(daemon, C), pid)
        tap.equal(daemon.stop(signal.SIGPWR), 0)
        tap.equal(os.path.exists(f"/proc/{pid}"), False)
        daemon.start()
        tap.equal(states(daemon), {C: "Running", f"{C}s": "Stopped"})
        pid = pid_of(daemon, C)
        env = {**os.environ, "LXD_DIR": berth.state}
        subprocess.run(["lxd", "waitready", "--timeout", "10"], env=env, check=True)
        subprocess.run(["lxd", "shutdown", "--timeout", "30"], env=env, check=True)
        tap.equal(daemon.process.wait(timeout=10), 0)
        daemon.process = None
        tap.equal(os.path.exists(f"/proc/{pid}"), False)
        daemon.start()
        tap.equal(states(daemon), {C: "Running", f"{C}s": "Stopped"})
        for name in (C, f"{C}s"):
            daemon.lxc("delete", "-f", name).expect(0)


if __name__ == "__main__":
    host.main(globals())
