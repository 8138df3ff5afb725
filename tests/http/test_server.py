"""The transport with real clients (curl, openssl) and hostile ones (raw sockets). The first five tests are known traps of libmicrohttpd."""
import hashlib
import json
import os
import resource
import signal
import socket
import ssl
import stat
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap  # noqa: E402

PEER = os.path.abspath(sys.argv[1])


def make_pair(folder, name):
    crt, key = os.path.join(folder, f"{name}.crt"), os.path.join(folder, f"{name}.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-nodes", "-keyout", key, "-out", crt,
                    "-subj", f"/CN={name}", "-days", "30"], check=True, stderr=subprocess.DEVNULL)
    return crt, key


def der_digest(path):
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(open(path).read())).hexdigest()


class Peer:
    """The server program, with a unix socket and one of TLS."""

    def __init__(self, seconds=30, listeners=None, tls=True, pass_fds=()):
        self.folder = tempfile.mkdtemp(prefix="berth-http-")
        if tls:
            make_pair(self.folder, "server")
        self.path = os.path.join(self.folder, "socket")
        listeners = listeners or [f"unix:{self.path}"] + (["tls:127.0.0.1:0"] if tls else [])
        self.process = subprocess.Popen([PEER, self.folder, str(seconds), *listeners], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, pass_fds=pass_fds)
        self.addresses = self.process.stdout.readline().split()[1:]

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        try:
            _, err = self.process.communicate("", timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        subprocess.run(["rm", "-rf", self.folder], check=True)
        if self.process.returncode != 0 and kind is None:
            raise AssertionError(f"the server ended with {self.process.returncode}:\n{err}")

    def tcp(self):
        host, port = self.addresses[1].rsplit(":", 1)
        return host, int(port)

    def unix(self, timeout=10):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(self.path)
        sock.settimeout(timeout)
        return sock

    def tls(self, **options):
        sock = socket.create_connection(self.tcp(), timeout=10)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        for name, value in options.items():
            if name == "pair":
                context.load_cert_chain(*value)
            else:
                setattr(context, name, value)
        return context.wrap_socket(sock)

    def curl(self, path, *args, secure=False, data=None):
        where = [f"https://{self.addresses[1]}{path}", "-k"] if secure else [f"http://x{path}", "--unix-socket", self.path]
        done = subprocess.run(["curl", "-sS", "-g", "-m", "20", *args, *where], input=data, capture_output=True)
        if done.returncode:
            raise AssertionError(f"curl {path}: {done.returncode} {done.stderr.decode()}")
        return done.stdout

    def json(self, path, *args, **more):
        return json.loads(self.curl(path, *args, **more))

    def status(self, path, *args, **more):
        return int(self.curl(path, "-o", "/dev/null", "-w", "%{http_code}", *args, **more))


def read_all(sock):
    data = b""
    try:
        while True:
            got = sock.recv(65536)
            if not got:
                return data
            data += got
    except ConnectionResetError:
        return data


def send(peer, raw, sock=None):
    """Everything the server says to `raw` until it closes."""
    with sock or peer.unix() as s:
        try:
            s.sendall(raw)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return read_all(s)


def get(path, *headers, close=True):
    lines = [f"GET {path} HTTP/1.1", "Host: x", *(["Connection: close"] if close else []), *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def cpu(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def eventually(what, check, seconds=8):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if check():
            return
        time.sleep(0.05)
    raise AssertionError(f"not in {seconds} s: {what}")


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


del sys.argv[1]
tap.main(globals())
