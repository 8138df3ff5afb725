"""Requests, answers, bodies and upgrades with real clients. The first five tests are known traps of libmicrohttpd."""
import hashlib
import json
import os
import resource
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap  # noqa: E402
from peer import cpu, eventually, get, Peer, send  # noqa: E402


# The five traps.

def test_trap_part_of_a_client_hello_does_not_spin():
    with Peer() as peer:
        with socket.create_connection(peer.tcp()) as s:
            s.sendall(bytes.fromhex("1603010200010001fc0303"))
            time.sleep(0.2)
            before = cpu(peer.process.pid)
            time.sleep(1.5)
            used = cpu(peer.process.pid) - before
            assert used < 0.2, f"{used} s of CPU in 1.5 s"
            tap.equal(peer.json("/small", secure=True), {"type": "sync"})


def test_trap_no_list_of_issuers_is_sent():
    with Peer() as peer:
        out = subprocess.run(["openssl", "s_client", "-connect", peer.addresses[1], "-tls1_2"], stdin=subprocess.DEVNULL, capture_output=True,
                             text=True).stdout
        tap.contains(out, "No client certificate CA names sent")
        # That it asks for a certificate at all is seen by the types of certificates that it takes.
        tap.contains(out, "Client Certificate Types")


def test_trap_resume_wakes_the_server():
    with Peer() as peer:
        for secure in (False, True):
            started = time.monotonic()
            for _ in range(10):
                tap.equal(peer.json("/later?ms=20", secure=secure), {"later": "20"})
            assert time.monotonic() - started < 5


def test_trap_a_client_that_leaves_is_noticed():
    with Peer() as peer:
        for connect in (peer.unix, peer.tls):
            before = peer.json("/counts")["gone"]
            with connect() as s:
                s.sendall(get("/wait"))
                time.sleep(0.3)
                tap.equal(peer.json("/counts")["gone"], before)
            eventually("the client is gone", lambda: peer.json("/counts")["gone"] == before + 1)


def test_trap_small_messages_do_not_wait_for_acknowledgements():
    with Peer() as peer:
        with peer.tls() as s:
            s.sendall(get("/stream", "Connection: Upgrade", "Upgrade: echo", close=False))
            tap.contains(s.recv(4096).decode(), "101 Switching Protocols")
            started = time.monotonic()
            for i in range(50):
                # Two small writes a round, which is what makes an acknowledgement late.
                s.sendall(b"a")
                s.sendall(b"b")
                got = b""
                while len(got) < 2:
                    got += s.recv(2)
            used = (time.monotonic() - started) / 50
            assert used < 0.02, f"{used * 1000:.1f} ms a round"


# Requests and answers.

def test_request_is_told_whole():
    with Peer() as peer:
        told = peer.json("/1.0/a%2Fb/c?x=1&x=2&y", "-H", "X-One: a")
        tap.equal(told["segments"], ["1.0", "a/b", "c"])
        tap.equal(told["query"], {"x": ["1", "2"], "y": [""]})
        tap.equal(told["headers"]["X-One"], "a")
        tap.equal((told["peer"]["unix"], told["peer"]["uid"]), (True, os.getuid()))
        told = peer.json("/x", "-X", "PATCH", secure=True)
        tap.equal((told["method"], told["peer"]["unix"], told["peer"]["certificate"]), ("PATCH", False, None))
        tap.equal(told["peer"]["address"].split(":")[0], "127.0.0.1")


def test_unix_peer_has_the_pid_of_the_client():
    with Peer(tls=False) as peer:
        answer = send(peer, get("/who"))
        tap.equal(json.loads(answer.split(b"\r\n\r\n", 1)[1])["peer"]["pid"], os.getpid())


def test_answers_of_all_sorts():
    with Peer(tls=False) as peer:
        tap.equal(peer.status("/twice"), 201)
        tap.equal(peer.status("/forget"), 500)
        tap.equal(peer.status("/refuse"), 403)
        tap.equal(peer.status("/bad%"), 400)
        tap.absent(peer.curl("/hostile-header", "-i").decode(), "X-Two")
        head = peer.curl("/small", "-I").decode()
        tap.contains(head, "Content-Length: 15")
        tap.absent(head, "sync")


def test_bodies():
    data = os.urandom(3_000_000)
    digest = hashlib.sha256(data).hexdigest()
    with Peer() as peer:
        for secure in (False, True):
            for how in (["--data-binary", "@-"], ["-T", "-"], ["-T", "-", "-H", "Expect: 100-continue"], ["-X", "GET", "--data-binary", "@-"]):
                tap.equal(peer.json("/store", *how, secure=secure, data=data), {"size": len(data), "sha256": digest}, str(how))
            tap.equal(peer.curl("/echo", "--data-binary", "@-", secure=secure, data=data[:100000]), data[:100000])
            tap.equal(peer.curl("/echo", secure=secure), b"")
        tap.equal(peer.status("/none", "-d", "dropped"), 200)
        # Nothing is left behind in the folder.
        tap.equal(sorted(os.listdir(peer.folder)), ["server.crt", "server.key", "socket"])


def test_bodies_that_are_too_long():
    with Peer() as peer:
        for secure in (False, True):
            for path, size in (("/echo", 100001), ("/store?limit", 100001), ("/none", 1048577)):
                for how in (["--data-binary", "@-"], ["-T", "-"], ["-T", "-", "-H", "Expect: 100-continue"]):
                    tap.equal(peer.status(path, *how, secure=secure, data=bytes(size)), 413, f"{path} {how}")
        # Chunks without end are not read without end.
        sent = 0
        with peer.unix() as s:
            s.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            try:
                while sent < 100_000_000:
                    s.sendall(b"10000\r\n" + bytes(65536) + b"\r\n")
                    sent += 65536
            except OSError:
                pass
        assert sent < 20_000_000, f"{sent} bytes were taken"


def test_expect_is_not_encouraged_when_refused():
    with Peer(tls=False) as peer:
        answer = send(peer, b"POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 403"), answer
        answer = send(peer, b"POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nok")
        assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200"), answer


def test_no_room_for_a_body():
    with Peer(tls=False) as peer:
        # The files of a process may not grow beyond the limit: the same way out as a full disk.
        resource.prlimit(peer.process.pid, resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
        tap.equal(peer.status("/store", "--data-binary", "@-", data=bytes(2_000_000)), 500)
        tap.equal(peer.json("/small"), {"type": "sync"})


def test_files_and_ranges():
    data = os.urandom(2_000_000)
    with Peer() as peer:
        with open(os.path.join(peer.folder, "f"), "wb") as f:
            f.write(data)
        for secure in (False, True):
            tap.equal(peer.curl("/file?name=f", secure=secure) == data, True)
            tap.equal(peer.curl("/file?name=f", "-r", "1000-1999999", secure=secure) == data[1000:], True)
            tap.equal(peer.curl("/file?name=f", "-r", "-5", secure=secure), data[-5:])
        head = peer.curl("/file?name=f", "-r", "5-9", "-i").split(b"\r\n\r\n")[0].decode()
        tap.contains(head, "206 Partial Content")
        tap.contains(head, "Content-Range: bytes 5-9/2000000")
        outside = peer.curl("/file?name=f", "-r", "2000000-", "-i").decode()
        tap.contains(outside, "416")
        tap.contains(outside, "Content-Range: bytes */2000000")
        tap.equal(peer.curl("/file?name=f", "-r", "5-9", "-H", 'If-Range: "one"'), data[5:10])
        tap.equal(len(peer.curl("/file?name=f", "-r", "5-9", "-H", 'If-Range: "two"')), len(data))
        tap.contains(peer.curl("/file?name=f", "-I").decode(), "Content-Length: 2000000")


def test_upgrade():
    with Peer() as peer:
        for connect in (peer.unix, peer.tls):
            with connect() as s:
                # Bytes that come along with the request are the stream's first.
                s.sendall(get("/stream", "Connection: Upgrade", "Upgrade: echo", close=False) + b"early")
                data = b""
                while not data.endswith(b"early"):
                    data += s.recv(4096)
                assert data.startswith(b"HTTP/1.1 101 "), data
                s.sendall(b"later")
                tap.equal(s.recv(100), b"later")
                data = os.urandom(64 * 1024)
                started = time.monotonic()
                for _ in range(32):
                    s.sendall(data[:2048])
                    got = b""
                    while len(got) < 2048:
                        got += s.recv(65536)
                    tap.equal(got == data[:2048], True)
                used = time.monotonic() - started
                assert used < 1, f"{used} s for 64 KiB"
        eventually("the streams are closed", lambda: peer.json("/counts")["connections"] <= 1)
        # HTTP/1.0 has no upgrades.
        assert b"101" not in send(peer, b"GET /stream HTTP/1.0\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")


tap.main(globals())
