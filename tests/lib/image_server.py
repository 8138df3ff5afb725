"""Image servers for tests: a web server with TLS, a tree of simplestreams on it, another berthd."""
import copy
import http.server
import json
import ssl
import subprocess
import threading

from daemon import Daemon
from image_archive import digest


class Second:
    """Another server in the same namespaces."""

    def __init__(self, berth):
        self.berth = copy.copy(berth)
        self.berth.state = berth.path("second")

    def __enter__(self):
        self.daemon = Daemon(self.berth)
        return self.daemon.__enter__()

    def __exit__(self, *reason):
        return self.daemon.__exit__(*reason)


def certificate(berth):
    key, cert = berth.path("web.key"), berth.path("web.crt")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out",
                    cert, "-days", "2", "-subj", "/CN=web", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, stderr=subprocess.DEVNULL)
    return key, cert


class Web:
    """An HTTPS server of {path: bytes, or (bytes, {header: value})}, and the certificate by which it is known."""

    def __init__(self, berth, pages):
        self.pages = pages
        self.asked = []
        key, cert = certificate(berth)
        with open(cert, encoding="ascii") as file:
            self.certificate = file.read()
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                web.asked.append((self.command, self.path, dict(self.headers)))
                page = web.pages.get(self.path)
                content, headers = page if isinstance(page, tuple) else (page, {})
                self.send_response(200 if content is not None else 404)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(content or b"")

            do_HEAD = do_GET

            def log_message(self, *unused):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def source(self, **more):
        return {"type": "image", "server": self.url, "certificate": self.certificate, **more}


def streams(metadata, root, serial="20260101_00:00"):
    """The tree of a simplestreams server with one image of two files."""
    item = {"ftype": "lxd.tar.xz", "path": "images/m.tar.xz", "sha256": digest(metadata), "size": len(metadata),
            "combined_rootxz_sha256": digest(metadata, root)}
    items = {"lxd.tar.xz": item, "root.tar.xz": {"ftype": "root.tar.xz", "path": "images/r.tar.xz", "size": len(root)}}
    product = {"aliases": "tiny/1,tiny", "arch": "amd64", "os": "Tiny", "release": "one", "release_title": "1", "version": "1",
               "variant": "default", "versions": {serial: {"items": items}, "20250101": {"items": {}}, "junk": {"items": items}}}
    other = {**product, "arch": "s390x", "versions": {}}
    return {
        "/streams/v1/index.json": json.dumps({"format": "index:1.0", "index": {
            "images": {"datatype": "image-downloads", "path": "streams/v1/images.json", "products": ["p"]},
            "none": {"datatype": "image-ids", "path": "streams/v1/none.json", "products": ["p"]}}}).encode(),
        "/streams/v1/images.json": json.dumps({"products": {"tiny:amd64": product, "tiny:s390x": other}}).encode(),
        "/images/m.tar.xz": metadata, "/images/r.tar.xz": root}
