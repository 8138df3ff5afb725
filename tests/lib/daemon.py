"""A berthd of a test's own, asked by HTTP over its socket or by Debian's lxc, which is a real client (package lxd-client)."""
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.parse

import tap


class Connection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path, timeout=60):
        super().__init__("berthd", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self.path)  # waits while the backlog is full, which it does not with a timeout
        self.sock.settimeout(self.timeout)


class Answer:
    def __init__(self, method, path, response):
        self.request = f"{method} {path}"
        self.status = response.status
        self.headers = response.headers
        self.bytes = response.read()
        is_json = "json" in (self.headers.get("Content-Type") or "") and self.bytes
        self.json = json.loads(self.bytes) if is_json else None

    def expect(self, status):
        if self.status != status:
            raise AssertionError(f"{self.request}: expected {status}, got {self.status}: {self.bytes[:2000]!r}")
        return self

    @property
    def metadata(self):
        return self.json["metadata"]

    @property
    def etag(self):
        return self.headers["ETag"]


class Daemon:
    """berthd on the state directory of a tap.Berth, in the namespaces of the calling process; use it in a with statement."""

    title = "berthd"

    def __init__(self, berth, *args):
        self.berth = berth
        self.args = args
        self.program = os.path.abspath(os.environ["BERTHD"])
        self.socket = os.path.join(berth.state, "unix.socket")
        self.log = berth.path("berthd.log")
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, *unused):
        status = self.stop()
        if kind is None and status != 0:
            raise AssertionError(f"{self.title} ended with {status}:\n{self.log_text()}")

    def environment(self):
        return self.berth.environment()

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([self.program, *self.args], env=self.environment(), stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"{self.title} ended with {self.process.returncode}:\n{self.log_text()}")
            try:
                if self.ask("GET", "/internal/ready").status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.02)
        raise AssertionError(f"{self.title} is not ready:\n{self.log_text()}")

    def stop(self, number=signal.SIGTERM):
        """Its exit status; None when it does not run."""
        if self.process is None:
            return None
        self.process.send_signal(number)
        try:
            status = self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.title} did not stop:\n{self.log_text()}") from None
        self.process = None
        return status

    def log_text(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def ask(self, method, path, body=None, headers=None, timeout=60):
        connection = Connection(self.socket, timeout)
        try:
            data = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
            connection.request(method, path, body=data, headers=headers or {})
            return Answer(method, path, connection.getresponse())
        finally:
            connection.close()

    def wait(self, answer):
        """The final state of the operation that an answer began."""
        url = answer.expect(202).json["operation"]
        return self.ask("GET", urllib.parse.urlsplit(url).path + "/wait?timeout=60").expect(200).metadata

    def done(self, method, path, body=None):
        """Asks for something that takes an operation, which must succeed."""
        operation = self.wait(self.ask(method, path, body))
        if operation["status_code"] != 200:
            raise AssertionError(f"{method} {path}: {operation['status']}: {operation['err']}")
        return operation

    def client_environment(self):
        """What lxc needs to find this daemon, and a home of its own."""
        home = self.berth.path("home")
        os.makedirs(os.path.join(home, "lxc"), exist_ok=True)
        return {**os.environ, "LXD_DIR": self.berth.state, "LXD_CONF": os.path.join(home, "lxc"), "HOME": home}

    def lxc(self, *args, stdin=None, timeout=120):
        """Debian's client as a user types it."""
        program = shutil.which("lxc")
        if program is None:
            raise tap.Skip("the client lxc is not installed (package lxd-client)")
        options = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
        process = subprocess.run([program, *args], env=self.client_environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 timeout=timeout, check=False, **options)
        return tap.Result(args, process)


class Monitor:
    """Listens to events over the socket, as a websocket of its own; use it in a with statement."""

    def __init__(self, daemon, types="lifecycle", project=None):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(20)
        self.socket.connect(daemon.socket)
        whose = f"project={project}" if project else "all-projects=true"
        self.socket.sendall((f"GET /1.0/events?type={types}&{whose} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n").encode())
        self.file = self.socket.makefile("rb")
        while self.file.readline() not in (b"\r\n", b""):
            pass

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.file.close()
        self.socket.close()

    def next(self):
        """The next event."""
        while True:
            opcode, length = self.file.read(2)
            if length == 126:
                length = int.from_bytes(self.file.read(2), "big")
            elif length == 127:
                length = int.from_bytes(self.file.read(8), "big")
            data = self.file.read(length)
            if opcode & 15 == 1:
                return json.loads(data)

    def wait_for(self, action):
        """The next lifecycle event of that action."""
        while True:
            event = self.next()
            if event["type"] == "lifecycle" and event["metadata"]["action"] == action:
                return event
