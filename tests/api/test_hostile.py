#!/usr/bin/python3
"""Hostile and careless clients of the whole daemon, over the socket and HTTPS: after each sort it answers as before, and holds no more
descriptors and little more memory; the counts are shown."""
import json
import os
import resource
import socket
import ssl
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon  # noqa: E402
from image_archive import stored, unified  # noqa: E402

PORT = 18443
IDLE = 2000
GROWTH = 64 << 10  # KiB; the build with sanitizers keeps what was freed for a while
STATE = """\
storage_pools: [{name: default, driver: dir}]
images: [{name: busybox, source: "builtin:busybox"}]
profiles: [{name: default, devices: {root: {type: disk, path: /, pool: default}}}]
"""
GARBAGE = [b"\r\n\r\n", b"\x00" * 4096, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
           b"GET /1.0 HTTP/1.1\r\nHost: x\r\n" + b"X-A: b\r\n" * 20_000 + b"\r\n", b"GET /1.0 HTTP/1.1\r\nX: " + b"a" * 1_000_000,
           b"POST /1.0/profiles HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n{}",
           b"POST /1.0/profiles HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n{}",
           b"POST /1.0/profiles HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n",
           b"GET /1.0/events HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
           b"Sec-WebSocket-Key: x\r\n\r\n" + b"\xff" * 4096]


def memory(daemon):
    """KiB"""
    with open(f"/proc/{daemon.process.pid}/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


class Unharmed:
    """The daemon answers after what is in the block, and has let go of what it held for it."""

    def __init__(self, daemon, what):
        self.daemon, self.what = daemon, what

    def __enter__(self):
        self.daemon.ask("GET", "/1.0").expect(200)
        self.fds, self.memory = self.daemon.descriptors(), memory(self.daemon)

    def __exit__(self, kind, *unused):
        if kind is not None:
            return
        began = time.monotonic()
        self.daemon.ask("GET", "/1.0").expect(200)
        tap.equal(time.monotonic() - began < 5, True, "it answers within 5 s")
        host.wait_for(lambda: self.daemon.descriptors() <= self.fds, f"{self.what}: back to {self.fds} descriptors", 30)
        now = memory(self.daemon)
        print(f"# {self.what}: descriptors {self.fds} -> {self.daemon.descriptors()}, memory {self.memory} -> {now} KiB", file=sys.stderr)
        tap.equal(now - self.memory < GROWTH, True, f"{self.what}: memory {self.memory} -> {now} KiB")


def local(daemon):
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(daemon.socket)  # waits while the backlog is full, which it does not with a timeout
    sock.settimeout(20)
    return sock


def remote():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(socket.create_connection(("127.0.0.1", PORT), timeout=20))


def say(sock, data):
    """Sends, reads a little of what comes, and hangs up."""
    with sock:
        try:
            sock.sendall(data)
            sock.settimeout(0.3)
            sock.recv(4096)
        except OSError:
            pass


def begin():
    """A change that began is carried out, whoever asked; one that did not may be dropped."""
    time.sleep(0.5)


def listening(berth):
    berth.write("berth.yaml", STATE + f"config: {{core.https_address: '127.0.0.1:{PORT}'}}\n")
    berth.run("apply", "-y").expect(0)
    return Daemon(berth)


def test_garbage(berth):
    """malformed requests, endless headers and websocket garbage over both listeners, and noise instead of TLS"""
    with listening(berth) as daemon:
        for data in GARBAGE:  # the first round fills caches
            say(local(daemon), data)
        with Unharmed(daemon, f"{len(GARBAGE) * 3} pieces of garbage"):
            for data in GARBAGE:
                say(local(daemon), data)
                say(remote(), data)
                say(socket.create_connection(("127.0.0.1", PORT)), data)


def test_idle(berth):
    """2,000 connections that say nothing, half of them in the middle of a request"""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2 * IDLE + 200:
        raise tap.Skip(f"only {hard} descriptors are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 3 * IDLE)), hard))
    with listening(berth) as daemon:
        with Unharmed(daemon, f"{IDLE} idle connections"):
            idle = []
            for number in range(IDLE):
                idle.append(local(daemon) if number % 20 else socket.create_connection(("127.0.0.1", PORT)))
                if number % 2:
                    idle[-1].sendall(b"GET /1.0 HTTP/1.1\r\nHost:")
            began = time.monotonic()
            daemon.ask("GET", "/1.0/profiles").expect(200)
            print(f"# one answer beside {IDLE} idle connections: {(time.monotonic() - began) * 1e3:.0f} ms", file=sys.stderr)
            for sock in idle:
                sock.close()


def test_disconnects(berth):
    """clients that leave in the middle of an upload, of a write, of a wait, and of a download; nothing is half done"""
    whole = unified() + os.urandom(4 << 20)
    with listening(berth) as daemon:
        head = "POST /1.0/images HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % len(whole)
        body = json.dumps({"name": host.NAME, "source": {"type": "image", "alias": "busybox"}})
        make = f"POST /1.0/instances HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        profile = json.dumps({"name": "p", "config": {}})
        before = stored(berth)
        with Unharmed(daemon, "clients that leave"):
            for part in (0.1, 0.5, 0.99):
                with local(daemon) as sock:
                    sock.sendall(head.encode() + whole[:int(len(whole) * part)])
            tap.equal(stored(berth), before, "the image store")
            with local(daemon) as sock:
                sock.sendall(f"POST /1.0/profiles HTTP/1.1\r\nHost: x\r\nContent-Length: {len(profile)}\r\n\r\n{profile}".encode())
                begin()
            host.wait_for(lambda: daemon.ask("GET", "/1.0/profiles/p").status == 200, "the profile is made")
            with local(daemon) as sock:
                sock.sendall(make.encode())
                begin()
            host.wait_for(lambda: daemon.ask("GET", f"/1.0/instances/{host.NAME}").status == 200, "the instance is made")
            operation = daemon.ask("PUT", f"/1.0/instances/{host.NAME}/state", {"action": "start"}).expect(202).json["operation"]
            for _ in range(20):
                with local(daemon) as sock:
                    sock.sendall(f"GET {operation}/wait HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            daemon.ask("GET", f"{operation}/wait").expect(200)
            for _ in range(20):
                with local(daemon) as sock:
                    sock.sendall(b"GET /1.0/resources HTTP/1.1\r\nHost: x\r\n\r\n")
            daemon.done("PUT", f"/1.0/instances/{host.NAME}/state", {"action": "stop", "force": True})
            daemon.done("DELETE", f"/1.0/instances/{host.NAME}")


host.main(globals())
