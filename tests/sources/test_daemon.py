#!/usr/bin/python3
"""Sources in the daemon, with real git servers: looks by itself, webhooks, directories, credentials, two writers, kill -9."""
import hashlib
import hmac
import http.client
import http.server
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon  # noqa: E402
from gitrepo import Repository, profiles  # noqa: E402


def until(what, check, timeout=30):
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if check():
            return
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come within {timeout} s")


def state(daemon, name="s"):
    return daemon.ask("GET", f"/1.0/sources/{name}/state").expect(200).metadata


def in_force(daemon, commit, name="s", timeout=30):
    try:
        until(f"{commit} in force", lambda: state(daemon, name).get("in_force", {}).get("id") == commit, timeout)
    except AssertionError as error:
        raise AssertionError(f"{error}: {state(daemon, name)}") from None


def names(daemon):
    return sorted(url.rsplit("/", 1)[1] for url in daemon.ask("GET", "/1.0/profiles").expect(200).metadata)


def add(daemon, repo, **more):
    body = {"name": "s", "type": "git", "url": repo.bare, "interval": "1h", "prune": True, **more}
    daemon.ask("POST", "/1.0/sources", body).expect(201)


def hook(daemon, body=b"{}", headers=None, name="s"):
    return daemon.ask("POST", f"/1.0/sources/{name}/webhook", body, headers)


def signature(secret, body):
    return {"X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


def test_by_itself(berth):
    """the daemon looks at a new source at once, then in its interval; a removed one leaves its objects and no folder"""
    repo = Repository(berth)
    first = repo.commit({"a.yaml": profiles("a")})
    with Daemon(berth) as daemon:
        add(daemon, repo, interval="1s")
        in_force(daemon, first)
        tap.equal(names(daemon), ["a", "default"])
        second = repo.commit({"a.yaml": profiles("a", "b")})
        in_force(daemon, second)
        tap.equal(names(daemon), ["a", "b", "default"])
        shown = daemon.ask("GET", "/1.0/sources/s").expect(200).metadata
        tap.equal((shown["name"], shown["url"], shown["prune"]), ("s", repo.bare, True))
        page = daemon.ask("GET", "/1.0/metrics").expect(200).bytes.decode()
        tap.contains(page, 'berth_source_ready{name="s"} 1')
        tap.contains(page, "berth_source_revision_age_seconds")
        daemon.ask("PATCH", "/1.0/sources/s", {"suspend": True}).expect(200)
        repo.commit({"a.yaml": profiles("x")})
        time.sleep(2.5)
        tap.equal(names(daemon), ["a", "b", "default"])
        daemon.ask("DELETE", "/1.0/sources/s").expect(200)
        tap.equal(names(daemon), ["a", "b", "default"])
        until("no folder", lambda: not os.path.exists(os.path.join(berth.state, "sources", "s")))
        daemon.ask("DELETE", "/1.0/profiles/a").expect(200)


def test_restart(berth):
    """what is known of a source outlives the daemon; a killed round ends as if it never began or as done (EN-30)"""
    repo = Repository(berth)
    with Daemon(berth) as daemon:
        commit = repo.commit({"a.yaml": profiles(*[f"p{n}" for n in range(30)])})
        add(daemon, repo, interval="1s")
        in_force(daemon, commit)
        for number in range(8):
            commit = repo.commit({"a.yaml": profiles(*[f"r{number}x{n}" for n in range(30)])})
            time.sleep(0.15 * number)
            daemon.process.send_signal(signal.SIGKILL)
            daemon.process.wait()
            daemon.start()
            in_force(daemon, commit)
            tap.equal(names(daemon), sorted(["default"] + [f"r{number}x{n}" for n in range(30)]))
        locks = [name for root, _, files in os.walk(os.path.join(berth.state, "sources", "s", "repo.git")) for name in files
                 if name.endswith(".lock") or name.startswith("pack_git2_")]
        tap.equal(locks, [])


def test_webhook(berth):
    """a signed webhook has the source looked at; anything else is 403, and strangers learn nothing"""
    repo = Repository(berth)
    first = repo.commit({"a.yaml": profiles("a")})
    secret = berth.write("secret", "s3cret\n")
    with Daemon(berth) as daemon:
        add(daemon, repo, webhook_secret_file=secret)
        in_force(daemon, first)
        second = repo.commit({"a.yaml": profiles("b")})
        body = b'{"ref": "refs/heads/main"}'
        hook(daemon, body).expect(403)
        hook(daemon, body, signature("other", body)).expect(403)
        hook(daemon, body, signature("s3cret", b"other")).expect(403)
        hook(daemon, body, {"X-Gitlab-Token": "other"}).expect(403)
        hook(daemon, body, signature("s3cret", body), name="none").expect(403)
        time.sleep(1.5)
        tap.equal(state(daemon)["in_force"]["id"], first)
        hook(daemon, body, signature("s3cret", body)).expect(200)
        in_force(daemon, second)
        third = repo.commit({"a.yaml": profiles("c")})
        for _ in range(20):
            hook(daemon, body, {"X-Gitlab-Token": "s3cret"}).expect(200)
        in_force(daemon, third)
        daemon.ask("PATCH", "/1.0/sources/s", {"webhook_secret_file": ""}).expect(200)
        hook(daemon, body, signature("s3cret", body)).expect(403)


def test_webhook_guesses(berth):
    """who guesses the secret of a webhook is not listened to for a while, and learns nothing by it; others are listened to"""
    repo = Repository(berth)
    first = repo.commit({"a.yaml": profiles("a")})
    secret = berth.write("secret", "s3cret\n")
    body = b"{}"
    with Daemon(berth) as daemon:
        daemon.ask("PATCH", "/1.0", {"config": {"core.https_address": "127.0.0.1:18447"}}).expect(200)
        add(daemon, repo, webhook_secret_file=secret)
        in_force(daemon, first)
        for name in ("s", "none"):
            for number in range(10):
                hook(daemon, body, signature(f"guess{number}", body), name=name).expect(403)
            hook(daemon, body, signature("s3cret", body), name=name).expect(429)
        tap.contains(daemon.log_text(), "wrong signatures")
        second = repo.commit({"a.yaml": profiles("b")})
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
        for source in ("127.0.0.5", "127.0.0.6"):
            client = http.client.HTTPSConnection("127.0.0.1", 18447, context=tls, source_address=(source, 0), timeout=30)
            for number in range(11 if source == "127.0.0.5" else 1):
                client.request("POST", "/1.0/sources/s/webhook", body, signature("other", body))
                answer = client.getresponse()
                answer.read()
                tap.equal(answer.status, 403 if number < 10 else 429)
            client.request("POST", "/1.0/sources/s/webhook", body, signature("s3cret", body))
            answer = client.getresponse()
            answer.read()
            tap.equal(answer.status, 429 if source == "127.0.0.5" else 200)
            client.close()
        in_force(daemon, second)


def test_directory(berth):
    """a directory is followed as it changes, new folders in it too"""
    berth.write("etc/a.yaml", profiles("a"))
    with Daemon(berth) as daemon:
        daemon.ask("POST", "/1.0/sources", {"name": "d", "type": "directory", "path": berth.path("etc"), "prune": True,
                                            "interval": "1h"}).expect(201)
        until("a", lambda: names(daemon) == ["a", "default"])
        berth.write("etc/more/b.yaml", profiles("b"))
        until("b", lambda: names(daemon) == ["a", "b", "default"])
        berth.write("etc/more/b.yaml", profiles("c"))
        until("c", lambda: names(daemon) == ["a", "c", "default"])
        berth.write("etc/more/b.yaml", "profiles: {")
        until("failure", lambda: state(daemon, "d").get("stalled"))
        tap.equal(names(daemon), ["a", "c", "default"])
        os.rename(berth.path("etc/more"), berth.path("etc/other"))
        berth.write("etc/other/b.yaml", profiles("d"))
        until("d", lambda: names(daemon) == ["a", "d", "default"])


def test_holds(berth):
    """holds over the API: what is held stays until it is let go of, or its time is over (EN-47)"""
    repo = Repository(berth)
    first = repo.commit({"a.yaml": profiles("a", user_a="1", user_b="1")})
    key = "profile/default//a"
    with Daemon(berth) as daemon:
        add(daemon, repo)
        in_force(daemon, first)

        def hold(seconds, **more):
            body = {"object": key, "path": "config/user.a", "seconds": seconds, "reason": "load", **more}
            return daemon.ask("POST", "/1.0/holds", {name: value for name, value in body.items() if value is not None})

        def values():
            config = daemon.ask("GET", "/1.0/profiles/a").expect(200).metadata["config"]
            return config["user.a"], config["user.b"]

        tap.equal(daemon.ask("GET", "/1.0/holds").expect(200).metadata, [])
        for wrong in ({"object": None}, {"reason": None}, {"reason": "two\nlines"}, {"seconds": 0}, {"seconds": "1"}):
            hold(**{"seconds": 3600, **wrong}).expect(400)
        hold(3600, object="profile/default//none").expect(404)
        hold(3600, path="nonsense").expect(404)
        hold(3600).expect(201)
        [held] = daemon.ask("GET", "/1.0/holds").expect(200).metadata
        tap.equal((held["object"], held["path"], held["reason"], held["by"]), (key, "config/user.a", "load", "root"))
        tap.equal(held["until"] - held["since"], 3600)
        second = repo.commit({"a.yaml": profiles("a", user_a="2", user_b="2")})
        daemon.done("POST", "/1.0/sources/s/sync", {})
        in_force(daemon, second)
        tap.equal(values(), ("1", "2"))
        daemon.ask("DELETE", "/1.0/holds", {"object": key, "path": "config/user.b"}).expect(404)
        daemon.ask("DELETE", "/1.0/holds", {}).expect(400)
        daemon.ask("DELETE", "/1.0/holds", {"object": key}).expect(200)
        until("its source's value", lambda: values() == ("2", "2"))
        hold(3, path=None).expect(201)
        third = repo.commit({"a.yaml": profiles("a", user_a="3", user_b="3")})
        daemon.done("POST", "/1.0/sources/s/sync", {})
        in_force(daemon, third)
        until("the end of the hold", lambda: values() == ("3", "3"))
        tap.equal(daemon.ask("GET", "/1.0/holds").expect(200).metadata, [])


class GitHandler(http.server.BaseHTTPRequestHandler):
    """git http-backend, for who has the token."""
    root = None
    token = None
    user = "git"

    def serve(self):
        import base64
        wanted = "Basic " + base64.b64encode(f"{self.user}:{self.token}".encode()).decode()
        if self.headers.get("Authorization") != wanted:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        length = int(self.headers.get("Content-Length") or 0)
        data = self.rfile.read(length)
        if self.headers.get("Transfer-Encoding") == "chunked":
            data = b""
            while True:
                size = int(self.rfile.readline(), 16)
                data += self.rfile.read(size)
                self.rfile.readline()
                if size == 0:
                    break
        env = {"PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": self.root, "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path,
               "QUERY_STRING": query, "REQUEST_METHOD": self.command, "CONTENT_TYPE": self.headers.get("Content-Type", ""),
               "REMOTE_USER": "git", "REMOTE_ADDR": "127.0.0.1", "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory",
               "GIT_CONFIG_VALUE_0": "*"}
        done = subprocess.run(["git", "http-backend"], env=env, input=data, capture_output=True, check=True)
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = serve

    def log_message(self, *unused):
        pass


def test_https(berth):
    """https with a CA of its own and a token; without the CA, or with another token, it fails and says why"""
    repo = Repository(berth)
    commit = repo.commit({"a.yaml": profiles("a")})
    for name in ("ca", "other"):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", berth.path(f"{name}.key"), "-out",
                        berth.path(f"{name}.pem"), "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
                       check=True, capture_output=True)
    GitHandler.root, GitHandler.token = berth.work, "t0ken"
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), GitHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(berth.path("ca.pem"), berth.path("ca.key"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"https://localhost:{server.server_port}/origin.git"
    token = berth.write("token", "t0ken\n")
    wrong = berth.write("wrong", "no\n")
    with Daemon(berth) as daemon:
        for name, more, text in (("noca", {"token_file": token}, "certificate"),
                                 ("otherca", {"token_file": token, "ca_file": berth.path("other.pem")}, "certificate"),
                                 ("notoken", {"ca_file": berth.path("ca.pem")}, "credentials"),
                                 ("wrong", {"ca_file": berth.path("ca.pem"), "token_file": wrong}, "refuses the credentials")):
            daemon.ask("POST", "/1.0/sources", {"name": name, "type": "git", "url": url, "interval": "1h", **more}).expect(201)
            until(name, lambda: state(daemon, name).get("error"))
            tap.contains(state(daemon, name)["error"], text)
            daemon.ask("DELETE", f"/1.0/sources/{name}").expect(200)
        daemon.ask("POST", "/1.0/sources", {"name": "s", "type": "git", "url": url, "interval": "1h", "token_file": token,
                                            "ca_file": berth.path("ca.pem")}).expect(201)
        in_force(daemon, commit)
        tap.absent(json.dumps(daemon.ask("GET", "/1.0/sources/s").metadata), "t0ken")
        GitHandler.user = "robot"
        tap.contains(daemon.wait(daemon.ask("POST", "/1.0/sources/s/sync", {}))["err"], "refuses the credentials")
        daemon.ask("PATCH", "/1.0/sources/s", {"username": "robot"}).expect(200)
        tap.equal(daemon.done("POST", "/1.0/sources/s/sync", {})["err"], "")
        GitHandler.user = "git"
        daemon.ask("DELETE", "/1.0/sources/s").expect(200)
        # As systemd's LoadCredential= hands it over.
        body = {"name": "c", "type": "git", "url": url, "interval": "1h", "token_file": "credential:git", "ca_file": berth.path("ca.pem")}
        daemon.ask("POST", "/1.0/sources", body).expect(201)
        until("c", lambda: state(daemon, "c").get("error"))
        tap.contains(state(daemon, "c")["error"], "credential:git: the service manager handed no credentials over")
    os.environ["CREDENTIALS_DIRECTORY"] = os.path.dirname(berth.write("credentials/git", "t0ken"))
    with Daemon(berth) as daemon:
        daemon.done("POST", "/1.0/sources/c/sync", {})
        in_force(daemon, commit, "c")
    server.shutdown()


def test_ssh(berth):
    """ssh with a key; a server that is not the known one is not trusted"""
    if not os.path.exists("/usr/sbin/sshd"):
        raise tap.Skip("no sshd (package openssh-server)")
    repo = Repository(berth)
    commit = repo.commit({"a.yaml": profiles("a")})
    for key in ("host", "client", "stranger"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", berth.path(key)], check=True)
    berth.write("authorized", berth.read("client.pub"))
    os.makedirs("/run/sshd", exist_ok=True)
    berth.write("sshd_config", f"Port 2222\nPort 22\nListenAddress 127.0.0.1\nHostKey {berth.path('host')}\nPidFile none\nUsePAM no\n"
                f"AuthorizedKeysFile {berth.path('authorized')}\nStrictModes no\nPermitRootLogin yes\nPasswordAuthentication no\n")
    server = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", berth.path("sshd_config")], stderr=subprocess.DEVNULL)
    key = " ".join(berth.read("host.pub").split()[:2])
    known = berth.write("known", f"[127.0.0.1]:2222 {key}\n")
    other = berth.write("other", f"[127.0.0.1]:2222 {' '.join(berth.read('stranger.pub').split()[:2])}\n")
    url = f"ssh://root@127.0.0.1:2222{repo.bare}"
    with Daemon(berth) as daemon:
        try:
            for name, more, text in (("other", {"known_hosts_file": other, "ssh_key_file": berth.path("client")}, "known_hosts_file"),
                                     ("stranger", {"known_hosts_file": known, "ssh_key_file": berth.path("stranger")}, "")):
                daemon.ask("POST", "/1.0/sources", {"name": name, "type": "git", "url": url, "interval": "1h", **more}).expect(201)
                until(name, lambda: state(daemon, name).get("error"))
                tap.contains(state(daemon, name)["error"], text)
                daemon.ask("DELETE", f"/1.0/sources/{name}").expect(200)
            daemon.ask("POST", "/1.0/sources", {"name": "s", "type": "git", "url": url, "interval": "1h", "known_hosts_file": known,
                                                "ssh_key_file": berth.path("client")}).expect(201)
            in_force(daemon, commit)
            daemon.ask("DELETE", "/1.0/sources/s").expect(200)
            # HOST:PATH goes to port 22, whose name in known_hosts has no port; names may be hashed.
            hashed = berth.write("hashed", f"127.0.0.1 {key}\n")
            subprocess.run(["ssh-keygen", "-q", "-H", "-f", hashed], check=True, capture_output=True)
            for number, hosts in enumerate((hashed, berth.write("plain", f"127.0.0.1 {key}\n"))):
                commit = repo.commit({"a.yaml": profiles(f"a{number}")})
                body = {"name": "p", "type": "git", "url": f"root@127.0.0.1:{repo.bare}", "interval": "1h", "known_hosts_file": hosts,
                        "ssh_key_file": berth.path("client")}
                daemon.ask("POST", "/1.0/sources", body).expect(201)
                in_force(daemon, commit, "p")
                daemon.ask("DELETE", "/1.0/sources/p").expect(200)
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "words", "-f", berth.path("locked")], check=True)
            daemon.ask("POST", "/1.0/sources", {**body, "ssh_key_file": berth.path("locked")}).expect(201)
            until("locked", lambda: state(daemon, "p").get("error"))
            tap.contains(state(daemon, "p")["error"], "key")
        finally:
            server.terminate()
            server.wait()


def test_two_writers(berth):
    """an edit of what a source owns is refused, held, reverted or adopted (EN-44)"""
    repo = Repository(berth)
    commit = repo.commit({"hosts/a.yaml": "# ours\n" + profiles("a", user_a="1", user_b="1")})
    with Daemon(berth) as daemon:
        add(daemon, repo)
        in_force(daemon, commit)

        def edit(value, status):
            return daemon.ask("PATCH", "/1.0/profiles/a", {"config": {"user.a": value}}).expect(status)

        def value():
            return daemon.ask("GET", "/1.0/profiles/a").expect(200).metadata["config"]["user.a"]

        def sync():
            daemon.done("POST", "/1.0/sources/s/sync", {})

        error = edit("2", 409).json["error"]
        tap.contains(error, "hosts/a.yaml:5")
        tap.contains(error, "config/user.a")
        tap.contains(error, "source s")
        daemon.ask("DELETE", "/1.0/profiles/a").expect(409)
        edit("1", 200)
        daemon.ask("POST", "/1.0/profiles", {"name": "own"}).expect(201)
        daemon.ask("PATCH", "/1.0/sources/s", {"on_edit": "revert", "mode": "off"}).expect(200)
        edit("2", 200)
        sync()
        tap.equal(value(), "1")
        daemon.ask("PATCH", "/1.0/sources/s", {"on_edit": "hold", "hold_for": "15s"}).expect(200)
        edit("3", 200)
        sync()
        tap.equal(value(), "3")
        tap.contains(berth.run("holds").expect(0).out, "edited over the API")
        until("the end of the hold", lambda: value() == "1", 60)
        daemon.ask("PATCH", "/1.0/sources/s", {"on_edit": "adopt"}).expect(200)
        edit("4", 200)
        sync()
        tap.equal(value(), "4")
        repo.commit({"hosts/a.yaml": "# ours\n" + profiles("a", user_a="4", user_b="2")})
        sync()
        tap.equal(value(), "4")
        tap.equal(json.loads(berth.run("holds", "--format", "json").expect(0).out), [])
        repo.commit({"hosts/a.yaml": "# ours\n" + profiles("a", user_a="5")})
        sync()
        tap.equal(value(), "5")
        tap.contains(str(names(daemon)), "own")


def test_mode(berth):
    """mode: when the host drifts from what is in force, it is put right, only told, or left alone (EN-41)"""
    repo = Repository(berth)
    commit = repo.commit({"a.yaml": "networks: [{name: lan, config: {ipv4.address: none, ipv6.address: none}}]\n"})

    def mtu():
        with open("/sys/class/net/lan/mtu", encoding="ascii") as file:
            return int(file.read())

    def drift(mode):
        """changes the bridge behind berth's back"""
        daemon.ask("PATCH", "/1.0/sources/s", {"mode": mode}).expect(200)
        subprocess.run(["ip", "link", "set", "lan", "mtu", "1400"], check=True)

    def told():
        return any(item["object"] == "network/default//lan" and item["type"] == "Drifted" and item["status"]
                   for item in daemon.ask("GET", "/1.0/conditions").expect(200).metadata)
    with Daemon(berth) as daemon:
        add(daemon, repo)
        in_force(daemon, commit)
        drift("correct")
        until("the MTU of the files", lambda: mtu() == 1500)
        drift("warn")
        until("a word of the drift", told)
        tap.equal(mtu(), 1400)
        daemon.ask("PATCH", "/1.0/sources/s", {"mode": "correct"}).expect(200)
        until("the MTU of the files", lambda: mtu() == 1500 and not told())
        drift("off")
        time.sleep(3)
        tap.equal((mtu(), told()), (1400, False))


def test_idle(berth):
    """a source that is in force wakes nobody up before its interval"""
    repo = Repository(berth)
    commit = repo.commit({"a.yaml": profiles("a")})
    with Daemon(berth) as daemon:
        add(daemon, repo)
        in_force(daemon, commit)
        time.sleep(1)

        def switches():
            with open(f"/proc/{daemon.process.pid}/status", encoding="ascii") as file:
                return sum(int(line.split()[1]) for line in file if "ctxt_switches" in line)

        before = switches()
        time.sleep(3)
        assert switches() - before <= 4, f"{switches() - before} wake-ups in 3 s"


if __name__ == "__main__":
    host.main(globals())
