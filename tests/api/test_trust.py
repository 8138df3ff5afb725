#!/usr/bin/python3
"""Other machines: TLS, who is let in by which certificate, trust password and tokens, what restricted and metrics certificates may
do. Real HTTPS, with Python's client and Debian's lxc."""
import base64
import hashlib
import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Answer, Daemon  # noqa: E402

PORT = 18443
ADDRESS = f"127.0.0.1:{PORT}"


class Client:
    """A key and certificate of a test's own, and HTTPS with it."""

    def __init__(self, berth, name, days=10, key="ec"):
        self.name = name
        self.key = berth.path(f"{name}.key")
        self.certificate = berth.path(f"{name}.crt")
        kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp384r1"] if key == "ec" else ["-newkey", key]
        subprocess.run(["openssl", "req", "-new", *kind, "-nodes", "-sha384", "-subj", f"/CN={name}", "-keyout", self.key,
                        "-out", berth.path(f"{name}.csr")], check=True, stderr=subprocess.DEVNULL)
        with open(berth.path("ca.conf"), "w", encoding="ascii") as file:
            file.write(f"[ca]\ndefault_ca=d\n[d]\ndatabase={berth.path('ca.db')}\nnew_certs_dir={berth.work}\nrand_serial=yes\n"
                       "default_md=sha384\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n")
        open(berth.path("ca.db"), "w", encoding="ascii").close()
        end = time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + days * 86400))
        subprocess.run(["openssl", "ca", "-config", berth.path("ca.conf"), "-selfsign", "-batch", "-notext", "-keyfile", self.key,
                        "-in", berth.path(f"{name}.csr"), "-out", self.certificate, "-startdate", "20200101000000Z", "-enddate", end],
                       check=True, stderr=subprocess.DEVNULL)
        with open(self.certificate, encoding="ascii") as file:
            self.pem = file.read()
        self.der = ssl.PEM_cert_to_DER_cert(self.pem)
        self.fingerprint = hashlib.sha256(self.der).hexdigest()

    @property
    def base64(self):
        return base64.b64encode(self.der).decode()

    def ask(self, method, path, body=None, headers=None, **options):
        return ask(method, path, body, headers, self, **options)


def context(client=None):
    """TLS without a look at the server's name: tests compare fingerprints themselves."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname = False
    tls.verify_mode = ssl.CERT_NONE
    if client is not None:
        tls.load_cert_chain(client.certificate, client.key)
    return tls


def ask(method, path, body=None, headers=None, client=None, source="127.0.0.1"):
    connection = http.client.HTTPSConnection("127.0.0.1", PORT, context=context(client), timeout=30, source_address=(source, 0))
    try:
        connection.request(method, path, body=json.dumps(body) if body is not None else None, headers=headers or {})
        return Answer(method, path, connection.getresponse())
    finally:
        connection.close()


def listen(daemon, **config):
    daemon.ask("PATCH", "/1.0", {"config": {"core.https_address": ADDRESS, **config}}).expect(200)


def trust(daemon, client, **entry):
    daemon.ask("POST", "/1.0/certificates", {"type": "client", "certificate": client.base64, **entry}).expect(201)


def routes():
    """[(method, path, access)] of berthd's own tables."""
    text = subprocess.run([os.environ["BERTH_ROUTES"]], check=True, text=True, stdout=subprocess.PIPE).stdout
    return [line.split(" ") for line in text.splitlines()]


def url_of(path):
    if path == "-":
        return "/"
    if path.split("/")[0] in ("1.0", "internal"):
        return "/" + path
    return "/1.0/" + path.replace("*", "x")


def test_server_certificate(berth):
    """the server makes its key once, shows its certificate, and speaks TLS 1.2 and 1.3 only (AUTH-10..16)"""
    with Daemon(berth) as daemon:
        listen(daemon)
        shown = daemon.ask("GET", "/1.0").metadata["environment"]
        der = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", PORT)))
        tap.equal(hashlib.sha256(der).hexdigest(), shown["certificate_fingerprint"])
        tap.equal(shown["addresses"], [ADDRESS])
        tap.equal(os.stat(os.path.join(berth.state, "server.key")).st_mode & 0o777, 0o600)
        text = subprocess.run(["openssl", "x509", "-noout", "-text", "-in", os.path.join(berth.state, "server.crt")], check=True,
                              text=True, stdout=subprocess.PIPE).stdout
        tap.contains(text, "secp384r1")
        tap.contains(text, "TLS Web Server Authentication")
        tap.contains(text, "IP Address:127.0.0.1")
        for version, good in ((ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)):
            tls = context()
            tls.set_ciphers("ALL:@SECLEVEL=0")
            tls.minimum_version = tls.maximum_version = version
            try:
                with socket.create_connection(("127.0.0.1", PORT)) as plain, tls.wrap_socket(plain):
                    tap.equal(good, True, version.name)
            except ssl.SSLError:
                tap.equal(good, False, version.name)
    with Daemon(berth) as daemon:
        tap.equal(daemon.ask("GET", "/1.0").metadata["environment"]["certificate"], shown["certificate"])
        ask("GET", "/1.0").expect(200)


def test_strangers(berth):
    """every route that is not open refuses a stranger with 403; the open ones tell no more than they should (AUTH-05, API-086)"""
    with Daemon(berth) as daemon:
        listen(daemon)
        stranger = Client(berth, "stranger")
        seen = 0
        for method, path, access in routes():
            for client in (None, stranger):
                answer = ask(method, url_of(path), {} if method not in ("GET", "DELETE") else None, client=client)
                if access != "open":
                    tap.equal(answer.status, 403, f"{method} {path}")
                    tap.equal(answer.json["error"], "not authorized", f"{method} {path}")
                elif answer.status < 300 and path != "-" and path != "1.0":
                    tap.equal(answer.metadata in ({}, []), True, f"{method} {path}: {answer.bytes[:200]!r}")
                seen += 1
        assert seen > 60, seen
        about = ask("GET", "/1.0").expect(200).metadata
        tap.equal(sorted(about), sorted(["api_extensions", "api_status", "api_version", "auth", "auth_methods", "public"]))
        tap.equal(about["auth"], "untrusted")
        ask("GET", "/1.0/metrics").expect(403)
        # AUTH-07, AUTH-08
        ask("GET", "/1.0", headers={"X-LXD-authenticated": "true"}).expect(403)
        daemon.ask("GET", "/1.0", headers={"User-Agent": "lxd-cluster-notifier"}).expect(403)


def test_trust_password_in_a_secret(berth):
    """the trust password of a state file can be a secret, which lets in who knows its content (EN-05)"""
    path = berth.write("trust", "sekret\n")
    os.chmod(path, 0o600)
    berth.write("berth.yaml", f"config:\n  core.https_address: {ADDRESS}\n  core.trust_password: ${{secret:file:{path}}}\n")
    berth.run("apply", "-y").expect(0)
    with Daemon(berth) as daemon:
        client = Client(berth, "laptop")
        for wrong in (f"${{secret:file:{path}}}", "sekret\n", "true"):
            client.ask("POST", "/1.0/certificates", {"type": "client", "password": wrong}).expect(403)
        # `true` sent back keeps it, and so does the same password.
        for kept in (True, "sekret"):
            daemon.ask("PUT", "/1.0", {"config": {"core.https_address": ADDRESS, "core.trust_password": kept}}).expect(200)
            tap.equal(daemon.ask("GET", "/1.0").metadata["config"]["core.trust_password"], True)
        client.ask("POST", "/1.0/certificates", {"type": "client", "password": "sekret"}).expect(201)
        tap.contains(berth.run("dump").expect(0).out, f"core.trust_password: ${{secret:file:{path}}}")


def test_trust_password(berth):
    """the trust password lets in who knows it, is stored hashed and never shown (AUTH-25..27, API-096)"""
    with Daemon(berth) as daemon:
        listen(daemon)
        client = Client(berth, "laptop")
        body = {"type": "client", "password": "sekret"}
        client.ask("POST", "/1.0/certificates", body).expect(403)
        listen(daemon, **{"core.trust_password": "sekret"})
        tap.equal(daemon.ask("GET", "/1.0").metadata["config"]["core.trust_password"], True)
        for wrong in ("", "Sekret", "sekret ", "e30=", None, 5):
            client.ask("POST", "/1.0/certificates", {"type": "client", "password": wrong}).expect(403)
        ask("POST", "/1.0/certificates", body).expect(400)
        made = client.ask("POST", "/1.0/certificates", body).expect(201)
        tap.equal(made.headers["Location"], f"/1.0/certificates/{client.fingerprint}")
        tap.equal(client.ask("GET", "/1.0").metadata["auth"], "trusted")
        entry = client.ask("GET", "/1.0/certificates/" + client.fingerprint[:12]).expect(200).metadata
        tap.equal({**entry, "certificate": ""}, {"name": "laptop", "type": "client", "certificate": "", "restricted": False,
                                                 "projects": [], "fingerprint": client.fingerprint})
        tap.equal(ssl.PEM_cert_to_DER_cert(entry["certificate"]), client.der)
        tap.contains(client.ask("POST", "/1.0/certificates", body).expect(400).json["error"], "already trusted")
        # `true` sent back keeps it; the text is nowhere in the store.
        daemon.ask("PUT", "/1.0", {"config": {"core.https_address": ADDRESS, "core.trust_password": True}}).expect(200)
        other = Client(berth, "other")
        other.ask("POST", "/1.0/certificates", body).expect(201)
        for name in os.listdir(berth.state):
            path = os.path.join(berth.state, name)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    assert b"sekret" not in file.read(), name
        # A stranger stores only what it has the key of.
        thief = Client(berth, "thief")
        thief.ask("POST", "/1.0/certificates", {**body, "certificate": Client(berth, "victim").base64}).expect(403)
        # Revoked is revoked at once (AUTH-36), also on the same connection.
        daemon.ask("DELETE", "/1.0/certificates/" + client.fingerprint).expect(200)
        client.ask("GET", "/1.0/profiles").expect(403)


def test_guesses(berth):
    """who tries wrong trust passwords or tokens is refused after ten within a minute, the right one too; others are not"""
    with Daemon(berth) as daemon:
        listen(daemon, **{"core.trust_password": "sekret"})
        guesser, body = Client(berth, "guesser"), {"type": "client", "password": "sekret"}
        token = base64.b64encode(json.dumps({"client_name": "x", "fingerprint": "x", "addresses": ["x"], "secret": "x"}).encode()).decode()
        for number in range(10):
            wrong = token if number == 4 else str(number)
            guesser.ask("POST", "/1.0/certificates", {"type": "client", "password": wrong}).expect(403)
        for key in (guesser, Client(berth, "another-key")):
            refused = key.ask("POST", "/1.0/certificates", body).expect(429).json
            tap.equal((refused["error_code"], refused["error"]), (429, "too many wrong passwords or tokens: try again in a minute"))
        real = daemon.lxc("remote", "add", "there", ADDRESS, "--accept-certificate", "--password", "sekret")
        tap.contains(real.err, "too many wrong passwords")
        tap.equal(real.status, 1)
        tap.contains(daemon.log_text(), "wrong trust passwords or tokens from 127.0.0.1:")
        # Another address, and who is trusted already.
        daemon.ask("GET", "/1.0/certificates").expect(200)
        guesser.ask("POST", "/1.0/certificates", body, source="127.0.0.2").expect(201)
        guesser.ask("GET", "/1.0/certificates").expect(200)


def test_bad_certificates(berth):
    """expired, weak and unknown certificates are refused when added, and expired ones when presented (AUTH-16, 18, 24)"""
    with Daemon(berth) as daemon:
        listen(daemon)
        good, expired, weak = Client(berth, "good"), Client(berth, "expired", days=-1), Client(berth, "weak", key="rsa:1024")
        trust(daemon, good, name="mine")
        for client, status, word in ((good, 409, "already"), (expired, 400, "expired"), (weak, 400, "weak")):
            answer = daemon.ask("POST", "/1.0/certificates", {"type": "client", "certificate": client.base64}).expect(status)
            tap.contains(answer.json["error"], word)
        for body in ({"certificate": "AAAA"}, {"certificate": "!"}, {"certificate": good.base64, "type": "server"},
                     {"certificate": good.base64, "token": True}, {}, {"certificate": 5}, {"certificate": None},
                     {"certificate": [good.base64]}):
            daemon.ask("POST", "/1.0/certificates", body).expect(400)
        assert ask("POST", "/1.0/certificates", {"certificate": 5}).status in (400, 403)  # of a stranger
        for value, status in ((5, 400), (["a"], 400), ("AAAA", 400), (None, 400), ("", 200)):
            daemon.ask("PATCH", "/1.0/certificates/" + good.fingerprint, {"certificate": value}).expect(status)
        daemon.ask("GET", "/1.0/certificates/00").expect(404)
        # A state file may declare it, and still it opens nothing.
        berth.write("trust.yaml", "certificates:\n" + "".join(
            f"- name: {client.fingerprint}\n  title: {client.name}\n  certificate: |\n" +
            "".join(f"    {line}\n" for line in client.pem.splitlines()) for client in (expired,)))
        berth.run("apply", "trust.yaml", "-y").expect(0)
        deadline = time.monotonic() + 10
        while len(daemon.ask("GET", "/1.0/certificates").metadata) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        names = [item["name"] for item in daemon.ask("GET", "/1.0/certificates?recursion=1").metadata]
        tap.equal(sorted(names), ["expired", "mine"])
        expired.ask("GET", "/1.0/profiles").expect(403)
        good.ask("GET", "/1.0/profiles").expect(200)


def test_tokens(berth):
    """a token lets one client in once, as it was asked for; the secret is for admins alone (AUTH-28..34)"""
    with Daemon(berth) as daemon:
        tap.contains(daemon.ask("POST", "/1.0/certificates", {"name": "n", "token": True}).expect(400).json["error"],
                     "core.https_address")
        listen(daemon)
        tap.contains(daemon.lxc("config", "trust", "add", "--name", "joe", "--restricted", "--projects", "default").expect(0).out, "joe")
        token = daemon.lxc("config", "trust", "list-tokens", "-f", "csv").expect(0).out.split(",")[1]
        tap.contains(base64.b64decode(token).decode(), ADDRESS)
        reader = Client(berth, "reader")
        trust(daemon, reader, restricted=True, projects=["default"])
        tap.equal(reader.ask("GET", "/1.0/operations?recursion=1").expect(200).metadata, {})
        daemon.lxc("remote", "add", "me", token).expect(0)
        entry = next(e for e in daemon.ask("GET", "/1.0/certificates?recursion=1").metadata if e["name"] == "joe")
        tap.equal((entry["restricted"], entry["projects"]), (True, ["default"]))
        tap.contains(daemon.lxc("profile", "list", "me:").expect(0).out, "default")
        late = Client(berth, "late")
        tap.contains(late.ask("POST", "/1.0/certificates", {"type": "client", "password": token}).expect(403).json["error"],
                     "No matching certificate add operation found")
        daemon.lxc("config", "trust", "add", "--name", "ann").expect(0)
        daemon.lxc("config", "trust", "revoke-token", "ann").expect(0)
        tap.equal(daemon.lxc("config", "trust", "list-tokens", "-f", "csv").expect(0).out.strip(), "")
        reader.ask("POST", "/1.0/certificates", {"name": "n", "token": True}).expect(403)


def test_wait_by_secret(berth):
    """who has an operation's secret may wait for it, trusted or not; a wrong one is refused to all, and strangers learn no more (API-234)"""
    with Daemon(berth) as daemon:
        listen(daemon)
        operation = daemon.ask("POST", "/1.0/certificates", {"name": "n", "token": True}).expect(202).json
        url, secret = operation["operation"] + "/wait?timeout=0", operation["metadata"]["metadata"]["secret"]
        stranger, elsewhere = Client(berth, "stranger"), url.replace(url.split("/")[3], "0" * 8 + "-0000-0000-0000-" + "0" * 12)
        for client in (stranger, daemon):
            tap.equal(client.ask("GET", f"{url}&secret={secret}").expect(200).metadata["status"], "Running")
            for wrong in (f"{url}&secret={'0' * 64}", f"{url}&secret={secret[:-1]}", f"{elsewhere}&secret={secret}"):
                client.ask("GET", wrong).expect(403)
        for path in (url, url + "&secret=", elsewhere):
            stranger.ask("GET", path).expect(403)
        daemon.ask("GET", url).expect(200)
        daemon.ask("GET", elsewhere).expect(404)


def test_restricted(berth):
    """a restricted certificate stays in its projects, changes no server and no trust but its own certificate (AUTH-45..50)"""
    with Daemon(berth) as daemon:
        listen(daemon, **{"core.trust_password": "sekret"})
        for name in ("blue", "red"):
            daemon.ask("POST", "/1.0/projects", {"name": name}).expect(201)
        client = Client(berth, "blue-team")
        trust(daemon, client, restricted=True, projects=["blue"])
        tap.equal(client.ask("GET", "/1.0/projects").expect(200).metadata, ["/1.0/projects/blue"])
        client.ask("GET", "/1.0/profiles?project=blue").expect(200)
        client.ask("POST", "/1.0/profiles?project=blue", {"name": "p"}).expect(201)
        seen = 0
        for method, path, access in routes():
            if path in ("-", "1.0", "internal/ready") and method == "GET":
                continue
            body = {} if method not in ("GET", "DELETE") else None
            for project in ("", "?project=default", "?project=red"):
                answer = client.ask(method, url_of(path) + project, body)
                if access == "admin" or access == "project":
                    tap.equal(answer.status, 403, f"{method} {path}{project}")
                    seen += 1
        assert seen > 60, seen
        client.ask("GET", "/1.0/projects/red").expect(404)
        daemon.ask("POST", "/1.0/profiles?project=red", {"name": "hidden"}).expect(201)
        tap.equal(client.ask("GET", "/1.0/projects/blue").expect(200).metadata["used_by"],
                  ["/1.0/profiles/default?project=blue", "/1.0/profiles/p?project=blue"])
        tap.equal(client.ask("GET", "/1.0").expect(200).metadata["config"], {})
        client.ask("GET", "/1.0/metrics?project=red").expect(403)
        # Its project cannot go while it is let into it, and none of a name that comes later.
        daemon.ask("DELETE", "/1.0/projects/blue").expect(400)
        # Self renewal: only the certificate, only its own.
        path = "/1.0/certificates/" + client.fingerprint
        entry = client.ask("GET", path).expect(200).metadata
        client.ask("PUT", path, {**entry, "restricted": False}).expect(403)
        client.ask("PATCH", path, {"projects": ["blue", "red"]}).expect(403)
        other = Client(berth, "other")
        trust(daemon, other)
        client.ask("PATCH", "/1.0/certificates/" + other.fingerprint, {"certificate": client.pem}).expect(403)
        fresh = Client(berth, "fresh")
        client.ask("PUT", path, {**entry, "certificate": fresh.pem}).expect(200)
        client.ask("GET", "/1.0/profiles?project=blue").expect(403)
        fresh.ask("GET", "/1.0/profiles?project=blue").expect(200)
        fresh.ask("GET", "/1.0/profiles?project=red").expect(403)


def test_edit_entries(berth):
    """entries are changed by PUT and PATCH with ETags, and by lxc config trust (API-111, 112)"""
    with Daemon(berth) as daemon:
        client = Client(berth, "c")
        path = "/1.0/certificates/" + client.fingerprint
        trust(daemon, client, name="first")
        shown = daemon.ask("GET", path).expect(200)
        daemon.ask("PATCH", path, {"name": "second"}, {"If-Match": shown.etag}).expect(200)
        daemon.ask("PATCH", path, {"name": "third"}, {"If-Match": shown.etag}).expect(412)
        tap.contains(daemon.ask("PATCH", path, {"projects": ["nowhere"]}).expect(400).json["error"], "nowhere")
        daemon.ask("PUT", path, {"type": "metrics"}).expect(200)
        tap.equal(daemon.ask("GET", path).metadata["type"], "metrics")
        tap.contains(daemon.lxc("config", "trust", "list").expect(0).out, client.fingerprint[:12])
        daemon.lxc("config", "trust", "remove", client.fingerprint[:12]).expect(0)
        tap.equal(daemon.ask("GET", "/1.0/certificates").metadata, [])
        daemon.lxc("config", "trust", "add", client.certificate).expect(0)
        tap.contains(daemon.lxc("config", "trust", "show", client.fingerprint).expect(0).out, "restricted: false")


def test_metrics(berth):
    """metrics certificates open /1.0/metrics and nothing else; core.metrics_authentication opens it for all (AUTH-37, 84)"""
    with Daemon(berth) as daemon:
        listen(daemon)
        client = Client(berth, "prometheus")
        daemon.lxc("config", "trust", "add", client.certificate, "--type", "metrics").expect(0)
        page = client.ask("GET", "/1.0/metrics").expect(200)
        tap.equal(page.bytes.decode().splitlines()[-1], "# EOF")
        for method, path, access in routes():
            if access != "open":
                client.ask(method, url_of(path), {} if method not in ("GET", "DELETE") else None).expect(403)
        daemon.ask("PATCH", "/1.0", {"config": {"core.metrics_authentication": "false"}}).expect(200)
        ask("GET", "/1.0/metrics").expect(200)
        ask("GET", "/1.0/profiles").expect(403)
        daemon.ask("PATCH", "/1.0", {"config": {"core.metrics_authentication": ""}}).expect(200)
        ask("GET", "/1.0/metrics").expect(403)


host.main(globals())
