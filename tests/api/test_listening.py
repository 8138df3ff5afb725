#!/usr/bin/python3
"""How the daemon is reached and left: web pages of other origins, a certificate authority, the listener of metrics, proxies, many
connections of one address, and what its end waits for."""
import hashlib
import http.client
import os
import signal
import socket
import ssl
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Answer, Daemon, Monitor  # noqa: E402

PORT = 18443
ADDRESS = f"127.0.0.1:{PORT}"
C = f"{host.NAME}c"
STATE = """
storage_pools: [{name: data, driver: dir}]
images: [{name: busybox, source: 'builtin:busybox'}]
profiles: [{name: default, devices: {root: {type: disk, path: /, pool: data}}}]
"""


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Authority:
    """A certificate authority made with openssl."""

    def __init__(self, berth, name):
        self.folder = berth.path(name)
        os.mkdir(self.folder)
        self.certificate, self.key, self.list = self.path("ca.crt"), self.path("ca.key"), self.path("ca.crl")
        with open(self.path("ca.conf"), "w", encoding="ascii") as file:
            file.write(f"[ca]\ndefault_ca=d\n[d]\ndatabase={self.path('db')}\nnew_certs_dir={self.folder}\nrand_serial=yes\ndefault_md=sha384\n"
                       f"policy=p\nunique_subject=no\ndefault_days=10\ndefault_crl_days=10\ncertificate={self.certificate}\n"
                       f"private_key={self.key}\n[p]\ncommonName=supplied\n[leaf]\nbasicConstraints=CA:FALSE\n"
                       "subjectAltName=IP:127.0.0.1\n")
        open(self.path("db"), "w", encoding="ascii").close()
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp384r1", "-nodes", "-sha384", "-days", "20",
                "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.certificate)

    def path(self, name):
        return os.path.join(self.folder, name)

    def issue(self, name):
        """(certificate, key)"""
        certificate, key, request = self.path(f"{name}.crt"), self.path(f"{name}.key"), self.path(f"{name}.csr")
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp384r1", "-nodes", "-sha384", "-subj", f"/CN={name}",
                "-keyout", key, "-out", request)
        openssl("ca", "-config", self.path("ca.conf"), "-batch", "-notext", "-extensions", "leaf", "-in", request, "-out", certificate)
        return certificate, key

    def revoke(self, certificate):
        openssl("ca", "-config", self.path("ca.conf"), "-revoke", certificate)
        openssl("ca", "-config", self.path("ca.conf"), "-gencrl", "-out", self.list)


def make_pair(berth, name):
    certificate, key = berth.path(f"{name}.crt"), berth.path(f"{name}.key")
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp384r1", "-sha384", "-nodes", "-days", "30",
            "-subj", f"/CN={name}", "-keyout", key, "-out", certificate)
    return certificate, key


def context(pair=None):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname = False
    tls.verify_mode = ssl.CERT_NONE
    if pair is not None:
        tls.load_cert_chain(*pair)
    return tls


class Https(http.client.HTTPSConnection):
    """HTTPS with bytes of a proxy before it, from an address of choice."""

    def __init__(self, port, pair=None, header=b"", source=None):
        super().__init__("127.0.0.1", port, context=context(pair), timeout=20)
        self.header, self.source = header, source

    def connect(self):
        self.sock = socket.create_connection((self.host, self.port), self.timeout, (self.source, 0) if self.source else None)
        for at in range(0, len(self.header), 5):  # it may come in pieces
            self.sock.sendall(self.header[at:at + 5])
            if len(self.header) < 200:
                time.sleep(0.001)
        self.sock = self._context.wrap_socket(self.sock)


def ask(method, path, body=None, pair=None, port=PORT, header=b"", source=None):
    connection = Https(port, pair, header, source)
    try:
        connection.request(method, path, body=body)
        return Answer(method, path, connection.getresponse())
    finally:
        connection.close()


def configure(daemon, **config):
    return daemon.ask("PATCH", "/1.0", {"config": {key.replace("__", "."): value for key, value in config.items()}})


def test_cors(berth):
    """core.https_allowed_*: none unless set, with an Origin only, on answers of every sort; OPTIONS (API-007, API-085, EXT-010)"""
    names = ("Access-Control-Allow-Origin", "Access-Control-Allow-Methods", "Access-Control-Allow-Headers",
             "Access-Control-Allow-Credentials")
    origin = {"Origin": "https://other.example"}

    def shown(answer):
        return [answer.headers[name] for name in names]
    with Daemon(berth) as daemon:
        tap.equal(shown(daemon.ask("GET", "/1.0", headers=origin)), [None] * 4)
        configure(daemon, core__https_allowed_origin="https://other.example", core__https_allowed_methods="GET, PUT",
                  core__https_allowed_headers="Content-Type", core__https_address=ADDRESS).expect(200)
        wanted = ["https://other.example", "GET, PUT", "Content-Type", None]
        for path, status in (("/1.0", 200), ("/1.0/profiles/nosuch", 404), ("/nosuch", 404), ("/1.0/events", 400)):
            tap.equal(shown(daemon.ask("GET", path, headers=origin).expect(status)), wanted, path)
            tap.equal(shown(daemon.ask("GET", path)), [None] * 4)
        tap.equal(shown(daemon.ask("PUT", "/1.0/profiles/default", b"nonsense", headers=origin).expect(400)), wanted)
        configure(daemon, core__https_allowed_credentials="true").expect(200)
        tap.equal(shown(daemon.ask("GET", "/1.0")), [None, None, None, "true"])
        before = daemon.ask("OPTIONS", "/1.0/profiles/default", headers=origin).expect(200)
        tap.equal((shown(before), before.bytes), ([*wanted[:3], "true"], b""))
        tap.equal(ask("OPTIONS", "/1.0/instances").expect(200).bytes, b"")  # a browser asks before it may say who it is
        daemon.ask("OPTIONS", "/1.0/nosuch", headers=origin).expect(404)
        daemon.ask("TRACE", "/1.0/instances").expect(501)
        # What would end a header field is not let into one.
        configure(daemon, core__https_allowed_origin="a\r\nX-Evil: 1")
        tap.equal(daemon.ask("GET", "/1.0", headers=origin).headers["X-Evil"], None)
        configure(daemon, core__https_allowed_origin="", core__https_allowed_credentials="false").expect(200)
        tap.equal(shown(daemon.ask("GET", "/1.0", headers=origin)), [None, "GET, PUT", "Content-Type", None])


def test_pki(berth):
    """server.ca: only certificates of the authority are taken, and those are trusted by core.trust_ca_certificates until they are
    revoked (AUTH-51..56)"""
    authority, other = Authority(berth, "ours"), Authority(berth, "theirs")
    signed, revoked, stranger = authority.issue("signed"), authority.issue("revoked"), make_pair(berth, "stranger")
    foreign = other.issue("foreign")
    with Daemon(berth) as daemon:
        configure(daemon, core__https_address=ADDRESS, core__trust_password="secret").expect(200)
        with open(stranger[0], encoding="ascii") as file:
            der = ssl.PEM_cert_to_DER_cert(file.read())
        ask("POST", "/1.0/certificates", '{"type": "client", "password": "secret"}', stranger).expect(201)
        ask("GET", "/1.0/profiles", pair=stranger).expect(200)
    os.makedirs(berth.state, exist_ok=True)
    for source, name in ((authority.certificate, "server.ca"), (authority.issue("server")[0], "server.crt")):
        subprocess.run(["cp", source, os.path.join(berth.state, name)], check=True)
    subprocess.run(["cp", authority.path("server.key"), os.path.join(berth.state, "server.key")], check=True)
    with Daemon(berth) as daemon:
        # In the trust store, but not of the authority: no certificate at all.
        ask("GET", "/1.0/profiles", pair=stranger).expect(403)
        for pair in (stranger, foreign):
            tap.contains(ask("POST", "/1.0/certificates", '{"type": "client", "password": "secret"}', pair).expect(400).json["error"],
                         "No client certificate provided")
        # Of the authority, but nobody said that this is enough.
        tap.equal(ask("GET", "/1.0", pair=signed).expect(200).metadata["auth"], "untrusted")
        ask("GET", "/1.0/profiles", pair=signed).expect(403)
        configure(daemon, core__trust_ca_certificates="true").expect(200)
        tap.equal(ask("GET", "/1.0", pair=signed).expect(200).metadata["auth"], "trusted")
        ask("GET", "/1.0/certificates", pair=signed).expect(200)
        ask("GET", "/1.0/profiles", pair=foreign).expect(403)
        ask("GET", "/1.0/profiles", pair=stranger).expect(403)
        # Requests are told with the fingerprint.
        with open(signed[0], encoding="ascii") as file:
            fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(file.read())).hexdigest()
        with Monitor(daemon) as monitor:
            ask("POST", "/1.0/profiles", '{"name": "p"}', signed).expect(201)
            tap.equal(monitor.wait_for("profile-created")["metadata"]["requestor"]["username"], fingerprint)
        # The list counts from the moment when it is there.
        ask("GET", "/1.0/profiles", pair=revoked).expect(200)
        authority.revoke(revoked[0])
        subprocess.run(["cp", authority.list, os.path.join(berth.state, "ca.crl")], check=True)
        ask("GET", "/1.0/profiles", pair=revoked).expect(403)
        ask("GET", "/1.0/profiles", pair=signed).expect(200)
        # A broken list, or one of another authority, trusts nobody.
        other.revoke(foreign[0])
        for broken in (b"nonsense", open(other.list, "rb").read()):
            with open(os.path.join(berth.state, "ca.crl"), "wb") as file:
                file.write(broken)
            ask("GET", "/1.0/profiles", pair=signed).expect(403)
        subprocess.run(["cp", authority.list, os.path.join(berth.state, "ca.crl")], check=True)
        # Revoked certificates may still be let in by password (SV-39).
        ask("POST", "/1.0/certificates", '{"type": "client", "password": "secret"}', revoked).expect(201)
        ask("GET", "/1.0/profiles", pair=revoked).expect(200)
        configure(daemon, core__trust_ca_certificates="false").expect(200)
        ask("GET", "/1.0/profiles", pair=signed).expect(403)
        # Debian's client trusts the server without a question when it has the authority (AUTH-53).
        conf = os.path.join(berth.path("home"), "lxc")
        os.makedirs(conf)
        for source, name in ((authority.certificate, "client.ca"), (signed[0], "client.crt"), (signed[1], "client.key")):
            subprocess.run(["cp", source, os.path.join(conf, name)], check=True)
        configure(daemon, core__trust_ca_certificates="true").expect(200)
        daemon.lxc("remote", "add", "berth", f"https://{ADDRESS}").expect(0)
        tap.contains(daemon.lxc("profile", "list", "berth:", "-f", "csv").expect(0).out, "default")
        tap.equal(len(der) > 0, True)
    with open(os.path.join(berth.state, "server.ca"), "wb") as file:
        file.write(b"nonsense")
    broken = Daemon(berth)
    try:
        broken.start()
        raise AssertionError("it starts with a broken server.ca")
    except AssertionError as error:
        tap.contains(str(error), "server.ca")


def test_metrics_listener(berth):
    """core.metrics_address serves metrics and nothing else, to metrics certificates or, open, to all (MET-10..13, AUTH-37, AUTH-84)"""
    pair, port = make_pair(berth, "metrics"), 19100
    with Daemon(berth) as daemon:
        configure(daemon, core__metrics_address=f"127.0.0.1:{port}", core__https_address=ADDRESS).expect(200)
        ask("GET", "/1.0/metrics", port=port, pair=pair).expect(403)
        daemon.lxc("config", "trust", "add", pair[0], "--type=metrics").expect(0)
        for place in (port, PORT):
            tap.equal(ask("GET", "/1.0/metrics", port=place, pair=pair).expect(200).bytes[-6:], b"# EOF\n")
            ask("GET", "/1.0/metrics", port=place).expect(403)
            ask("GET", "/1.0/profiles", port=place, pair=pair).expect(403 if place == PORT else 404)
        tap.equal(ask("GET", "/", port=port).expect(200).metadata, ["/1.0"])
        tap.equal(ask("GET", "/1.0", port=port, pair=pair).expect(200).metadata["auth"], "untrusted")
        for method, path in (("GET", "/1.0/instances"), ("PUT", "/1.0"), ("POST", "/1.0/certificates"), ("GET", "/1.0/events"),
                             ("PUT", "/internal/shutdown"), ("GET", "/1.0/images")):
            ask(method, path, body="{}", port=port, pair=pair).expect(404)
        configure(daemon, core__metrics_authentication="false").expect(200)
        ask("GET", "/1.0/metrics", port=port).expect(200)
        tap.contains(configure(daemon, core__metrics_address=ADDRESS).expect(500).json["error"], "core.metrics_address")
        ask("GET", "/1.0/metrics", port=port).expect(200)
        tap.equal(daemon.stop(), 0)
        daemon.start()
        ask("GET", "/1.0/metrics", port=port).expect(200)
        configure(daemon, core__metrics_address="").expect(200)
        try:
            ask("GET", "/", port=port)
            raise AssertionError("it listens on")
        except ConnectionRefusedError:
            pass
        # Port 9100 is the default.
        configure(daemon, core__metrics_address="127.0.0.1").expect(200)
        ask("GET", "/1.0/metrics", port=9100).expect(200)


def v2(source, port, command=1, extra=b""):
    family, address = (0x11, socket.inet_pton(socket.AF_INET, source) + socket.inet_pton(socket.AF_INET, "198.51.100.1"))
    if ":" in source:
        family, address = 0x21, socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, "2001:db8::1")
    body = address + struct.pack(">HH", port, 443) + extra
    return b"\r\n\r\n\0\r\nQUIT\n" + bytes([0x20 | command, family]) + struct.pack(">H", len(body)) + body


def test_proxy(berth):
    """core.https_trusted_proxy: both versions of the PROXY protocol, in pieces, from that address only; wrong ones get nothing (AUTH-83)"""
    pair = make_pair(berth, "client")
    with Daemon(berth) as daemon:
        configure(daemon, core__https_address=f"0.0.0.0:{PORT}", core__https_trusted_proxy="192.0.2.9, 127.0.0.2").expect(200)
        daemon.lxc("config", "trust", "add", pair[0]).expect(0)
        with Monitor(daemon) as monitor:
            def address_of(header, source):
                ask("PATCH", "/1.0", f'{{"config": {{"user.n": "{os.urandom(4).hex()}"}}}}', pair, header=header, source=source).expect(200)
                return monitor.wait_for("config-updated")["metadata"]["requestor"]["address"]
            tap.equal(address_of(b"PROXY TCP4 203.0.113.5 198.51.100.1 4711 8443\r\n", "127.0.0.2"), "203.0.113.5:4711")
            tap.equal(address_of(b"PROXY TCP6 2001:db8::5 2001:db8::1 4712 8443\r\n", "127.0.0.2"), "[2001:db8::5]:4712")
            tap.equal(address_of(v2("203.0.113.6", 4713), "127.0.0.2"), "203.0.113.6:4713")
            tap.equal(address_of(v2("203.0.113.6", 4714, extra=b"\4\0\4abcd"), "127.0.0.2"), "203.0.113.6:4714")
            for plain in (b"", b"PROXY UNKNOWN\r\n", v2("203.0.113.6", 1, command=0)):
                tap.equal(address_of(plain, "127.0.0.2").split(":")[0], "127.0.0.2", str(plain))
            tap.equal(address_of(b"", "127.0.0.3").split(":")[0], "127.0.0.3")
        for header, source in ((b"PROXY TCP4 203.0.113.5 198.51.100.1 4711 8443\r\n", "127.0.0.3"), (v2("203.0.113.6", 1), "127.0.0.3"),
                               (b"PROXY TCP4 nonsense 198.51.100.1 1 2\r\n", "127.0.0.2"), (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 99999\r\n", "127.0.0.2"),
                               (b"PROXY " + b"x" * 200, "127.0.0.2"), (v2("203.0.113.6", 1)[:12] + b"\x31\x11\0\0", "127.0.0.2"),
                               (b"P" * 20, "127.0.0.2"), (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff", "127.0.0.2")):
            try:
                ask("GET", "/1.0", header=header, source=source)
                raise AssertionError(f"answered: {header!r} from {source}")
            except (ssl.SSLError, OSError, http.client.HTTPException):
                pass
        # Streams go on to work behind one.
        connection = Https(PORT, pair, v2("203.0.113.7", 5), "127.0.0.2")
        connection.connect()
        connection.sock.sendall(b"GET /1.0/events?type=lifecycle HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n")
        tap.contains(connection.sock.recv(4096).decode(), "101 Switching")
        daemon.ask("POST", "/1.0/profiles", {"name": "p"}).expect(201)
        received = b""
        while b"profile-created" not in received:
            received += connection.sock.recv(4096)
        connection.close()
        # Nobody is believed once the key is gone.
        configure(daemon, core__https_trusted_proxy="").expect(200)
        try:
            ask("GET", "/1.0", header=v2("203.0.113.6", 1), source="127.0.0.2")
            raise AssertionError("answered")
        except (ssl.SSLError, OSError):
            pass
        daemon.ask("PATCH", "/1.0", {"config": {"core.https_trusted_proxy": "not.an.address"}}).expect(400)


def test_one_address(berth):
    """one address does not take all connections: the next ones of it are refused, others are served"""
    with Daemon(berth) as daemon:
        configure(daemon, core__https_address=f"0.0.0.0:{PORT}").expect(200)
        taken = []
        refused = 0
        for _ in range(560):
            connection = socket.create_connection(("127.0.0.1", PORT), 10, ("127.0.0.5", 0))
            taken.append(connection)
        time.sleep(0.5)
        for connection in taken:
            connection.setblocking(False)
            try:
                refused += connection.recv(1) == b""
            except BlockingIOError:
                pass
            except ConnectionResetError:
                refused += 1
        tap.equal(refused, 560 - 512)
        tap.equal(ask("GET", "/", source="127.0.0.6").expect(200).metadata, ["/1.0"])
        daemon.ask("GET", "/1.0").expect(200)
        for connection in taken:
            connection.close()
        host.wait_for(lambda: served("127.0.0.5"), "the address is served again")


def served(source):
    try:
        return ask("GET", "/", source=source).status == 200
    except OSError:
        return False


def prepared(berth):
    berth.run("apply", "-y", "-q", "-f", berth.write("state.yaml", STATE)).expect(0)
    return Daemon(berth)


def start_slow(daemon, seconds):
    """an operation that cannot be cancelled and takes its time: a clean stop of what does not react"""
    os.kill(daemon.ask("GET", f"/1.0/instances/{C}/state").expect(200).metadata["pid"], signal.SIGSTOP)
    body = {"action": "stop", "timeout": seconds}
    return daemon.ask("PUT", f"/1.0/instances/{C}/state", body).expect(202).json["operation"]


def test_end(berth):
    """SIGTERM waits for operations, up to core.shutdown_timeout, while reads are served and writes refused; SIGINT does not wait
    (OPS-84, OPS-87, API-072)"""
    with prepared(berth) as daemon:
        daemon.lxc("launch", "busybox", C).expect(0)
        body = {"command": ["sleep", "100"], "wait-for-websocket": False, "interactive": False}
        daemon.ask("POST", f"/1.0/instances/{C}/exec", body).expect(202)  # this one can be cancelled
        operation = start_slow(daemon, 4)
        begun = time.monotonic()
        daemon.process.send_signal(signal.SIGTERM)
        host.wait_for(lambda: daemon.ask("POST", "/1.0/profiles", {"name": "p"}).status == 503, "writes are refused")
        daemon.process.send_signal(signal.SIGTERM)
        daemon.process.send_signal(signal.SIGINT)
        tap.equal(daemon.ask("GET", "/1.0/instances").expect(200).metadata, [f"/1.0/instances/{C}"])
        tap.equal(daemon.ask("GET", operation).expect(200).metadata["status"], "Running")
        tap.equal(daemon.process.wait(timeout=30), 0)
        tap.equal(3 < time.monotonic() - begun < 10, True, f"{time.monotonic() - begun}")
        daemon.start()
        configure(daemon, core__shutdown_timeout="0").expect(200)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            start_slow(daemon, 100)
            begun = time.monotonic()
            tap.equal(daemon.stop(number), 0)
            tap.equal(time.monotonic() - begun < 15, True)
            daemon.start()
            configure(daemon, core__shutdown_timeout="5").expect(200)
            tap.equal(daemon.ask("GET", f"/1.0/instances/{C}").metadata["status"], "Running")
        # `lxd shutdown` waits as well, and by --force does not.
        start_slow(daemon, 100)
        env = {**os.environ, "LXD_DIR": berth.state}
        late = subprocess.run(["lxd", "shutdown", "--timeout", "2"], env=env, capture_output=True, text=True, check=False)
        tap.equal(late.returncode, 1)
        tap.equal(daemon.ask("GET", "/1.0/instances").expect(200).metadata, [f"/1.0/instances/{C}"])
        daemon.process.kill()
        daemon.process.wait()
        daemon.start()
        daemon.lxc("delete", "-f", C).expect(0)


def test_stays_refused(berth):
    """what this build does not serve is refused by name (SV-23..27)"""
    with Daemon(berth) as daemon:
        for key, value in (("core.debug_address", "127.0.0.1:1"), ("core.bgp_address", "127.0.0.1:2"), ("core.bgp_asn", "65000"),
                           ("core.bgp_routerid", "192.0.2.1"), ("core.dns_address", "127.0.0.1:3")):
            answer = daemon.ask("PATCH", "/1.0", {"config": {key: value}})
            assert answer.status in (400, 501), (key, answer.status)
            tap.contains(answer.json["error"], key)


if __name__ == "__main__":
    host.main(globals())
