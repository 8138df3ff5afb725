#!/usr/bin/python3
"""activateifneeded (OPS-94): asks the daemon, and so has the service manager start it, only when something needs it. The manager is
systemd-socket-activate, or a socket of the test's own that counts who comes."""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon  # noqa: E402

BASE = """\
storage_pools:
- name: p
  driver: dir
images:
- name: busybox
  source: builtin:busybox
profiles:
- name: default
  devices:
    root: {type: disk, path: /, pool: p}
"""


def instance(more):
    return f"instances:\n- name: {host.NAME}\n  image: busybox\n  {more}\n"


def asked(berth):
    """Whether activateifneeded came to the socket; and what it said. Nobody answers: it fails when it comes."""
    path = os.path.join(berth.state, "unix.socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        listener.settimeout(0)
        process = berth.start("activateifneeded")
        try:
            while process.poll() is None:
                try:
                    listener.accept()[0].close()
                except BlockingIOError:
                    try:
                        process.wait(timeout=0.05)
                    except subprocess.TimeoutExpired:
                        pass
        finally:
            os.remove(path)
        _, err = process.communicate()
        came = process.returncode != 0
        tap.equal(process.returncode, 69 if came else 0, err)
        return came, err


def check(berth, text, reason):
    berth.run("destroy", "--all", "-y").expect(0)
    berth.write("berth.yaml", BASE + text)
    berth.run("apply", "-y").expect(0)
    came, err = asked(berth)
    tap.contains(err, reason or "Nothing needs the daemon")
    tap.equal(came, reason is not None, text)


def test_reasons(berth):
    """each reason is named and has the daemon asked; without one nobody is"""
    host.output("mkdir", "-p", berth.path("files"))
    tap.contains(berth.run("activateifneeded").expect(0).err, "Nothing needs")
    tap.equal(os.path.exists(berth.state), False, "only a look")
    os.makedirs(berth.state)
    check(berth, "", None)
    check(berth, instance("state: stopped"), None)
    check(berth, instance("config: {boot.autostart: \"false\"}"), None)
    check(berth, instance("config: {boot.autostart: \"true\"}"), f"instance/default//{host.NAME} is to run")
    check(berth, instance("state: running"), f"instance/default//{host.NAME} is to run")
    check(berth, "config: {core.https_address: \"127.0.0.1:18470\"}\n", "core.https_address is set")
    check(berth, "config: {core.metrics_address: \"127.0.0.1:18470\"}\n", "core.metrics_address is set")
    check(berth, "projects:\n- name: other\n  reconcile: correct\n", "drift in project///other is to be put right")
    check(berth, f"sources:\n- name: s\n  type: directory\n  path: {berth.path('files')}\n", "source///s is followed")
    check(berth, f"sources:\n- name: s\n  type: directory\n  path: {berth.path('files')}\n  suspend: true\n", None)
    berth.run("destroy", "--all", "-y").expect(0)
    berth.run("env", "up", "--name", "e", "--ttl", "1h", "-y", berth.write("a.yaml", "profiles:\n- name: a\n")).expect(0)
    tap.contains(asked(berth)[1], "the lease of environment///e ends")
    berth.run("env", "down", "e", "-y").expect(0)
    berth.run("apply", "-y", "--confirm-within", "1h", "-f", berth.write("a.yaml", "profiles:\n- name: a\n")).expect(0)
    tap.contains(asked(berth)[1], "waits for its confirmation")
    berth.run("confirm", str(json.loads(berth.run("history", "--format", "json").out)[0]["generation"])).expect(0)
    tap.equal(asked(berth)[0], False)


def test_last_state(berth):
    """an instance that ran when the daemon ended is to run again; one that runs is a reason; without a socket that is said (69)"""
    berth.write("berth.yaml", BASE + instance("config: {user.a: b}"))
    with Daemon(berth) as daemon:
        berth.run("apply", "-y").expect(0)
        daemon.done("PUT", f"/1.0/instances/{host.NAME}/state", {"action": "start", "timeout": 30})
    tap.contains(berth.run("activateifneeded").expect(69).err, f"instance/default//{host.NAME} is to run")
    with Daemon(berth) as daemon:
        daemon.ask("PATCH", f"/1.0/instances/{host.NAME}", {"config": {"boot.autostart": "false"}}).expect(200)
    came, err = asked(berth)
    tap.contains(err, f"instance/default//{host.NAME} runs")
    tap.equal(came, True)
    with Daemon(berth) as daemon:
        daemon.done("PUT", f"/1.0/instances/{host.NAME}/state", {"action": "stop", "force": True, "timeout": 30})
    tap.equal(asked(berth)[0], False)
    berth.run("destroy", "-y", "--all").expect(0)


def test_systemd(berth):
    """with systemd's own socket activation: nothing starts without need, and a declared instance is up after a boot"""
    program = shutil.which("systemd-socket-activate")
    if program is None:
        raise tap.Skip("systemd-socket-activate is not installed (package systemd)")
    os.makedirs(berth.state, exist_ok=True)
    path = os.path.join(berth.state, "unix.socket")
    with subprocess.Popen([program, "--setenv=BERTH_DIR", f"--listen={path}", os.path.abspath(os.environ["BERTHD"])],
                          env=berth.environment(), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as manager:
        try:
            host.wait_for(lambda: os.path.exists(path), "the manager's socket", 20)
            berth.run("activateifneeded").expect(0)
            with open(f"/proc/{manager.pid}/comm", encoding="ascii") as name:
                tap.absent(name.read(), "berthd")
            berth.write("berth.yaml", BASE + instance("state: running"))
            berth.run("apply", "-y", "--local").expect(0)
            with open(f"/proc/{manager.pid}/comm", encoding="ascii") as name:
                tap.absent(name.read(), "berthd")
            with open(os.path.join(berth.state, "run", f"{host.NAME}.json"), encoding="utf-8") as record:
                os.kill(json.load(record)["init"][0], signal.SIGKILL)  # gone, as after a power cut
            host.wait_for(lambda: not host.cgroups(host.NAME), "the end of the container", 30)
            berth.run("activateifneeded").expect(0)
            with open(f"/proc/{manager.pid}/comm", encoding="ascii") as name:
                tap.contains(name.read(), "berthd")
            berth.run("waitready", "--timeout", "60s").expect(0)
            tap.equal(host.states(berth)[host.NAME], "running")
            berth.run("destroy", "-y", "--all").expect(0)
        finally:
            manager.send_signal(signal.SIGTERM)
            manager.wait(timeout=60)


host.main(globals())
