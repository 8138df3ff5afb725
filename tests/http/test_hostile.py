"""Clients that send garbage, are slow, idle, many, or leave."""
import os
import resource
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap  # noqa: E402
from peer import eventually, get, Peer, read_all, send  # noqa: E402


# Hostile clients.

def test_garbage():
    cases = [b"\r\n\r\n", b"GET\r\n\r\n", b"\x00" * 100, b"GET / HTTP/9.9\r\n\r\n", b"GET /a b HTTP/1.1\r\n\r\n",
             b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
             b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
             b"GET / HTTP/1.1\r\nX\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", os.urandom(5000)]
    with Peer(seconds=3) as peer:
        for secure in (False, True):
            for raw in cases:
                with peer.tls() if secure else peer.unix() as s:
                    try:
                        s.sendall(raw)
                        (s.unwrap() if secure else s).shutdown(socket.SHUT_WR)
                        read_all(s)
                    except (OSError, ValueError):
                        pass
        with socket.create_connection(peer.tcp()) as s:
            s.sendall(get("/small"))
            assert b"sync" not in read_all(s)
        tap.equal(peer.json("/small"), {"type": "sync"})
        tap.equal(peer.json("/small", secure=True), {"type": "sync"})


def test_headers_without_end():
    with Peer(tls=False) as peer:
        for raw in (b"GET /" + b"a" * 200_000, b"GET / HTTP/1.1\r\nX: " + b"a" * 200_000, b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 40_000):
            answer = send(peer, raw)
            assert answer == b"" or answer[9:12] in (b"400", b"413", b"414", b"431"), answer[:100]
        # A long one that is in order is taken.
        told = peer.json("/x", "-H", "X-Long: " + "a" * 20000)
        tap.equal(len(told["headers"]["X-Long"]), 20000)


def test_slow_clients_are_ended():
    with Peer(seconds=2) as peer:
        def drip(sock, first, byte):
            try:
                sock.sendall(first)
                for _ in range(40):
                    time.sleep(0.25)
                    sock.sendall(byte)
            except OSError:
                return True
            return False

        for first, byte in ((b"GET / HTTP/1.1\r\nX: ", b"a"), (b"POST /store HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", b"a"), (b"", b"G")):
            started = time.monotonic()
            with peer.unix() as s:
                assert drip(s, first, byte), first
            assert 1.5 < time.monotonic() - started < 6, first
        with socket.create_connection(peer.tcp()) as s:  # a handshake in drops
            assert drip(s, bytes.fromhex("160301020001"), b"\x00")
        with peer.unix() as idle:
            started = time.monotonic()
            tap.equal(read_all(idle), b"")
            assert 1.5 < time.monotonic() - started < 6
        # A request that takes its time is no slow client.
        tap.equal(peer.json("/later?ms=4000"), {"later": "4000"})


def test_one_client_does_not_stall_others():
    with Peer(seconds=20) as peer:
        with open(os.path.join(peer.folder, "f"), "wb") as f:
            f.truncate(50_000_000)
        clients = []
        for connect in (peer.unix, peer.tls):
            for raw in (get("/file?name=f"), b"GET / HT", b"POST /store HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nx", get("/later?ms=100000")):
                s = connect()
                s.sendall(raw)
                clients.append(s)
        hello = socket.create_connection(peer.tcp())
        hello.sendall(b"\x16\x03\x01")
        time.sleep(0.3)
        for secure in (False, True):
            started = time.monotonic()
            tap.equal(peer.json("/small", secure=secure), {"type": "sync"})
            assert time.monotonic() - started < 2
        for s in [*clients, hello]:
            s.close()


def test_two_thousand_idle_connections():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 5000:
        raise tap.Skip("needs 5000 descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    with Peer(tls=False) as peer:
        before = peer.json("/counts")["fds"]
        clients = [peer.unix() for _ in range(2000)]
        eventually("all are taken", lambda: peer.json("/counts")["connections"] >= 2000)
        started = time.monotonic()
        for _ in range(20):
            tap.equal(peer.json("/small"), {"type": "sync"})
        assert time.monotonic() - started < 10
        for s in clients:
            s.close()
        eventually("all are gone", lambda: peer.json("/counts")["fds"] <= before, seconds=30)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_nothing_is_leaked():
    with Peer() as peer:
        with open(os.path.join(peer.folder, "f"), "wb") as f:
            f.write(bytes(500_000))

        def storm():
            for connect in (peer.unix, peer.tls):
                for raw in (get("/small"), get("/later?ms=30"), get("/wait"), get("/file?name=f"), get("/forget"), get("/twice"),
                            b"POST /store HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\nhalf",
                            b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal",
                            get("/stream", "Connection: Upgrade", "Upgrade: echo", close=False)):
                    with connect() as s:
                        s.sendall(raw)
                        s.settimeout(0.01)
                        try:
                            s.recv(1)
                        except OSError:
                            pass

        storm()
        eventually("quiet", lambda: peer.json("/counts")["connections"] <= 1)
        before = peer.json("/counts")["fds"]
        for _ in range(5):
            storm()
        eventually(f"{before} descriptors as before", lambda: peer.json("/counts")["fds"] <= before)


def test_many_at_once():
    with Peer() as peer:
        failures = []

        def client(connect):
            try:
                with connect() as s:
                    for i in range(50):
                        s.sendall(get(f"/later?ms={i % 5}" if i % 2 else "/small", close=False))
                        data = b""
                        while b"\r\n\r\n" not in data or not data.endswith(b"}"):
                            data += s.recv(65536)
                        assert data.startswith(b"HTTP/1.1 200"), data
            except Exception as error:  # noqa: BLE001 - it is reported below
                failures.append(error)

        threads = [threading.Thread(target=client, args=(connect,)) for connect in (peer.unix, peer.tls) * 10]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        tap.equal(failures, [])


tap.main(globals())
