"""The server program of these tests, and what its clients have in common."""
import hashlib
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import time

PEER = os.path.abspath(sys.argv.pop(1))


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
