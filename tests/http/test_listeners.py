"""Listeners and their keys: TLS, unix sockets, inherited ones; they come and go while others work, and stop in order."""
import hashlib
import json
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap  # noqa: E402
from peer import der_digest, eventually, get, make_pair, Peer, PEER, read_all, send  # noqa: E402


# TLS.

def test_client_certificate_is_told():
    with Peer() as peer:
        for name, version in (("one", "--tlsv1.3"), ("two", "--tls-max 1.2")):
            crt, key = make_pair(peer.folder, name)
            told = peer.json("/who", "--cert", crt, "--key", key, *version.split(), secure=True)
            tap.equal(told["peer"]["certificate"], der_digest(crt))


def test_tls_versions_and_ciphers():
    with Peer() as peer:
        for version, ok in ((ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)):
            try:
                with peer.tls(minimum_version=version, maximum_version=version) as s:
                    good = True
                    assert s.cipher()[0] in ("TLS_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"), s.cipher()
            except (ssl.SSLError, ConnectionResetError):
                good = False
            tap.equal(good, ok, str(version))
        # Suites without forward secrecy or authenticated encryption.
        for cipher in ("AES256-SHA", "ECDHE-ECDSA-AES256-SHA384", "DHE-RSA-AES256-GCM-SHA384"):
            done = subprocess.run(["openssl", "s_client", "-connect", peer.addresses[1], "-tls1_2", "-cipher", cipher], stdin=subprocess.DEVNULL,
                                  capture_output=True)
            assert done.returncode != 0, cipher


def test_another_certificate_for_new_connections():
    with Peer() as peer:
        with peer.tls() as old:
            before = hashlib.sha256(old.getpeercert(True)).hexdigest()
            make_pair(peer.folder, "server")
            tap.equal(peer.json("/control?renew")["error"], None)
            with peer.tls() as new:
                after = hashlib.sha256(new.getpeercert(True)).hexdigest()
            assert before != after
            tap.equal(after, der_digest(os.path.join(peer.folder, "server.crt")))
            tap.contains(send(peer, get("/small"), old).decode(), "sync")
        open(os.path.join(peer.folder, "server.key"), "w").write("junk")
        tap.contains(peer.json("/control?renew")["error"], "cannot be used")
        with peer.tls() as new:
            tap.equal(hashlib.sha256(new.getpeercert(True)).hexdigest(), after)


# Listeners.

def test_unix_socket_mode_and_stale_file():
    with Peer(tls=False) as peer:
        tap.equal(stat.S_IMODE(os.stat(peer.path).st_mode), 0o660)
        # A live one is refused ...
        other = subprocess.run([PEER, peer.folder, "5", f"unix:{peer.path}"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        tap.equal(other.returncode, 1)
        tap.contains(other.stderr, "another server answers")
        tap.equal(peer.json("/small"), {"type": "sync"})
    folder = tempfile.mkdtemp(prefix="berth-http-")
    path = os.path.join(folder, "socket")
    # ... one of a server that was killed is replaced, and a file that is no socket is left.
    dead = subprocess.Popen([PEER, folder, "5", f"unix:{path}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    dead.stdout.readline()
    dead.send_signal(signal.SIGKILL)
    dead.wait()
    assert os.path.exists(path)
    done = subprocess.run([PEER, folder, "5", f"unix:{path}"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    tap.equal((done.returncode, done.stdout), (0, f"ready {path}\n"))
    assert not os.path.exists(path)
    open(path, "w").close()
    done = subprocess.run([PEER, folder, "5", f"unix:{path}"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    tap.contains(done.stderr, "no socket")
    assert os.path.exists(path)
    subprocess.run(["rm", "-rf", folder], check=True)


HELD = """
import os, socket, sys, time
sockets = [socket.socket(socket.AF_UNIX), socket.socket()]
for one, address in zip(sockets, (sys.argv[1], ("127.0.0.1", 0))):
    one.bind(address)
    one.listen()
if os.fork() == 0:
    time.sleep(0.5)
    os._exit(0)
print(sockets[1].getsockname()[1], flush=True)
time.sleep(30)
"""


def test_sockets_of_a_server_that_was_killed_while_it_started_a_program():
    """The process that was to become the program still holds them."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "socket")
        dead = subprocess.Popen([sys.executable, "-c", HELD, path], stdout=subprocess.PIPE, text=True)
        port = int(dead.stdout.readline())
        dead.kill()
        dead.wait()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
        with Peer(listeners=[f"unix:{path}", f"tls:127.0.0.1:{port}"]) as peer:
            tap.equal(peer.addresses, [path, f"127.0.0.1:{port}"])
            peer.path = path
            tap.equal(peer.json("/small"), {"type": "sync"})


def test_inherited_socket():
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as sock:
        path = os.path.join(folder, "s")
        sock.bind(path)
        sock.listen()
        with Peer(tls=False, listeners=[f"fd:{sock.fileno()}"], pass_fds=[sock.fileno()]) as peer:
            peer.path = path
            tap.equal(peer.json("/small"), {"type": "sync"})
        assert os.path.exists(path), "a socket of somebody else's was removed"
    with socket.socket() as sock:
        done = subprocess.run([PEER, "/tmp", "5", f"fd:{sock.fileno()}"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              pass_fds=[sock.fileno()])
        tap.contains(done.stderr, "no socket that listens")
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        done = subprocess.run([PEER, "/tmp", "5", f"fd:{sock.fileno()}"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              pass_fds=[sock.fileno()])
        tap.contains(done.stderr, "needs TLS")


def test_listeners_come_and_go():
    with Peer() as peer:
        first = peer.addresses[1]
        added = peer.json("/control?add=[::1]:0")
        tap.equal(added["error"], None)
        address = added["address"]
        tap.equal(json.loads(subprocess.run(["curl", "-sSk", "-g", f"https://{address}/small"], capture_output=True).stdout), {"type": "sync"})
        for name in ("localhost:0", ":0", "[::]:0", "127.0.0.1:0"):
            tap.equal(peer.json(f"/control?add={name}")["error"], None, name)
        for name in ("127.0.0.1:x", "[::1", "host.invalid:1", "127.0.0.1:99999", first):
            assert peer.json(f"/control?add={name}")["error"], name
        # What is under way is finished, and nothing new begins.
        with peer.tls() as busy, peer.tls() as idle:
            busy.sendall(get("/later?ms=1000", close=False))
            idle.sendall(get("/small", close=False))
            idle.recv(4096)
            time.sleep(0.2)
            tap.equal(peer.json(f"/control?remove={first}")["error"], None)
            try:
                socket.create_connection(peer.tcp(), timeout=2)
                raise AssertionError("it still listens")
            except ConnectionRefusedError:
                pass
            answer = read_all(busy)
            tap.contains(answer.decode(), '{"later":"1000"}')
            tap.contains(answer.decode(), "Connection: close")
        tap.equal(json.loads(subprocess.run(["curl", "-sSk", "-g", f"https://{address}/small"], capture_output=True).stdout), {"type": "sync"})
        # Again on the address that was given up.
        eventually("the address is free", lambda: peer.json(f"/control?add={first}")["error"] is None)


def test_stop_answers_what_waits():
    with Peer() as peer:
        results = []
        with peer.unix() as plain, peer.tls() as secure, peer.tls() as stream:
            for s in (plain, secure):
                s.sendall(get("/later?ms=100000"))
            stream.sendall(get("/stream", "Connection: Upgrade", "Upgrade: echo", close=False))
            stream.recv(4096)
            time.sleep(0.3)
            peer.process.stdin.close()
            results = [read_all(s) for s in (plain, secure)]
            peer.process.wait(20)
        for answer in results:
            assert answer.startswith(b"HTTP/1.1 503"), answer
        peer.process.stdin = None


tap.main(globals())
