#!/usr/bin/python3
"""`lxd init` of Debian's package lxd against berthd: automatic, by preseed, dumped and read again, and with answers typed in."""
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon  # noqa: E402

C = f"{host.NAME}c"
PRESEED = """
config: {core.https_address: '127.0.0.1:18443', user.note: hello}
networks:
- {name: prebr0, type: bridge, config: {ipv4.address: 10.91.0.1/24, ipv6.address: none}}
storage_pools:
- {name: prepool, driver: dir}
profiles:
- name: default
  devices: {root: {type: disk, path: /, pool: prepool}, eth0: {type: nic, name: eth0, network: prebr0}}
- {name: small, config: {limits.memory: 64MiB}}
projects:
- {name: team, description: 'A team', config: {features.profiles: 'false', features.images: 'false'}}
"""


def environment(berth):
    return {**os.environ, "LXD_DIR": berth.state, "TERM": "dumb"}


def lxd(berth, *args, stdin=None):
    if shutil.which("lxd") is None:
        raise tap.Skip("lxd is not installed (package lxd)")
    options = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
    process = subprocess.run(["lxd", *args], env=environment(berth), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             timeout=120, check=False, **options)
    return tap.Result(args, process)


def converse(berth, answers):
    """Runs `lxd init` at a terminal. `answers`: (pattern of the question, answer); unasked ones are an error. What was shown."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe("lxd", ["lxd", "init"], environment(berth))
    shown, fresh, left = "", "", list(answers)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            piece = os.read(terminal, 4096).decode(errors="replace")
        except OSError:
            break
        if not piece:
            break
        shown, fresh = shown + piece, fresh + piece
        if not re.search(r"[\]?):] ?$", fresh.rstrip("\r")) or fresh.endswith("\n"):
            continue
        for question, answer in left:
            if re.search(question, fresh):
                left.remove((question, answer))
                os.write(terminal, answer.encode() + b"\n")
                break
        else:
            os.write(terminal, b"\n")  # the default
        fresh = ""
    if time.monotonic() >= deadline:
        os.kill(pid, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(terminal)
    tap.equal((status, left), (0, []), shown[-2000:])
    return shown


def launch(daemon):
    """An instance by the default profile works."""
    daemon.berth.run("apply", "-y", "-q", "-f", daemon.berth.write("image.yaml", "images: [{name: busybox, source: 'builtin:busybox'}]\n")).expect(0)
    daemon.lxc("launch", "busybox", C).expect(0)
    tap.equal(daemon.lxc("list", "-f", "csv", "-c", "ns").expect(0).out.strip(), f"{C},RUNNING")
    daemon.lxc("delete", "-f", C).expect(0)


def test_auto(berth):
    """lxd init --auto makes a pool, a bridge and the default profile's devices; again it changes nothing (OPS-96)"""
    with Daemon(berth) as daemon:
        lxd(berth, "init", "--auto").expect(0)
        tap.equal(daemon.ask("GET", "/1.0/storage-pools").metadata, ["/1.0/storage-pools/default"])
        networks = [item["name"] for item in daemon.ask("GET", "/1.0/networks?recursion=1").metadata if item["managed"]]
        tap.equal(networks, ["lxdbr0"])
        devices = daemon.ask("GET", "/1.0/profiles/default").metadata["devices"]
        tap.equal((devices["root"]["pool"], devices["eth0"]["network"]), ("default", "lxdbr0"))
        launch(daemon)
        history = berth.run("history").out
        lxd(berth, "init", "--auto").expect(0)
        tap.equal(berth.run("history").out, history)


def test_auto_options(berth):
    """its options: address, port, password, backend and pool (OPS-95)"""
    with Daemon(berth) as daemon:
        lxd(berth, "init", "--auto", "--network-address=127.0.0.1", "--network-port=18444", "--trust-password=secret",
            "--storage-backend=btrfs", "--storage-create-loop=1", "--storage-pool=mine").expect(0)
        config = daemon.ask("GET", "/1.0").metadata["config"]
        tap.equal(config, {"core.https_address": "127.0.0.1:18444", "core.trust_password": True})
        tap.equal(daemon.ask("GET", "/1.0/storage-pools").metadata, ["/1.0/storage-pools/mine"])
        tap.equal(daemon.ask("GET", "/1.0/storage-pools/mine").metadata["driver"], "btrfs")
        tap.equal(daemon.ask("GET", "/1.0/profiles/default").metadata["devices"]["root"]["pool"], "mine")
    with Daemon(berth) as daemon:
        tap.equal(lxd(berth, "init", "--minimal").status, 0)


def test_preseed(berth):
    """lxd init --preseed, and --dump of it, which makes the same of an empty server (OPS-97)"""
    with Daemon(berth) as daemon:
        lxd(berth, "init", "--preseed", stdin=PRESEED).expect(0)
        tap.equal(daemon.ask("GET", "/1.0").metadata["config"], {"core.https_address": "127.0.0.1:18443", "user.note": "hello"})
        tap.equal(daemon.ask("GET", "/1.0/networks/prebr0").metadata["config"]["ipv4.address"], "10.91.0.1/24")
        tap.equal(daemon.ask("GET", "/1.0/projects/team").metadata["description"], "A team")
        launch(daemon)
        history = berth.run("history").out
        lxd(berth, "init", "--preseed", stdin=PRESEED).expect(0)
        dump = lxd(berth, "init", "--dump").expect(0).out
        tap.equal(berth.run("history").out.count("\n") - history.count("\n") in (0, 1, 2), True)
        broken = PRESEED.replace("limits.memory: 64MiB", "limits.memory: much")
        tap.contains(lxd(berth, "init", "--preseed", stdin=broken).expect(1).err, "limits.memory")
        tap.equal(lxd(berth, "init", "--dump").expect(0).out, dump)
        for name in ("small", ):
            tap.contains(dump, name)
    shutil.move(berth.state, f"{berth.state}.first")
    subprocess.run(["ip", "link", "del", "prebr0"], check=False, stderr=subprocess.DEVNULL)
    subprocess.run(["nft", "flush", "ruleset"], check=True)
    with Daemon(berth) as daemon:
        lxd(berth, "init", "--preseed", stdin="images: []\n" if not dump else dump.replace(f"source: {berth.state}.first", "source: ''")).expect(0)
        tap.equal(lxd(berth, "init", "--dump").expect(0).out, dump)


def test_typed(berth):
    """answers typed in: clustering no, a pool and a bridge of own names, the API on the network; the preseed that it prints is one"""
    with Daemon(berth) as daemon:
        shown = converse(berth, [("Name of the new storage pool", "typed"), ("Name of the storage backend", "dir"),
                                 ("What should the new bridge be called", "typedbr"), ("What IPv4 address", "10.92.0.1/24"),
                                 ("What IPv6 address", "none"), ("available over the network", "yes"),
                                 ("Address to bind", "127.0.0.1"), ("Port to bind", "18445"),
                                 ("Trust password", "secret"), ("Again", "secret"), ("preseed to be printed", "yes")])
        tap.equal(daemon.ask("GET", "/1.0/storage-pools").metadata, ["/1.0/storage-pools/typed"], shown)
        tap.equal(daemon.ask("GET", "/1.0/networks/typedbr").metadata["config"]["ipv4.address"], "10.92.0.1/24")
        tap.equal(daemon.ask("GET", "/1.0").metadata["config"]["core.https_address"], "127.0.0.1:18445")
        launch(daemon)
        tap.contains(shown, "storage_pools:")


def test_ready_and_shutdown(berth):
    """lxd waitready with and without a daemon, lxd shutdown, and berthd's own options (OPS-91..93)"""
    tap.contains(lxd(berth, "waitready", "--timeout", "1").expect(1).err, "not running")
    log = berth.path("own.log")
    with Daemon(berth, "--group", "daemon", "--logfile", log, "--debug") as daemon:
        lxd(berth, "waitready", "--timeout", "5").expect(0)
        info = os.stat(daemon.socket)
        tap.equal((info.st_mode & 0o777, info.st_gid), (0o660, 1))
        daemon.ask("GET", "/1.0/profiles").expect(200)
        with open(log, encoding="utf-8") as file:
            tap.contains(file.read(), "GET /1.0/profiles")
        lxd(berth, "shutdown", "--timeout", "30").expect(0)
        tap.equal(daemon.process.wait(timeout=20), 0)
        daemon.start()
    with Daemon(berth, "--verbose"):
        lxd(berth, "waitready", "--timeout", "5").expect(0)
    refused = subprocess.run([os.environ["BERTHD"], "--group", "no-such-group"], env=berth.environment(), capture_output=True, text=True,
                             check=False, timeout=30)
    tap.equal(refused.returncode, 64)
    tap.contains(refused.stderr, "no-such-group")


if __name__ == "__main__":
    host.main(globals())
