"""Images for tests of the API: archives made on the spot, and the way to send them."""
import gzip
import hashlib
import io
import os
import tarfile

METADATA = b"architecture: x86_64\ncreation_date: 1700000000\nproperties:\n  os: Test\n  description: An image\n"


def archive(members, mode="w:gz"):
    """A tarball of {name: bytes, or None for a folder}."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode if mode != "w:gz" else "w:") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            if content is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    # Python's own gzip mode writes the time of day.
    return out.getvalue() if mode != "w:gz" else gzip.compress(out.getvalue(), mtime=0)


def unified(text="hello"):
    return archive({"metadata.yaml": METADATA, "rootfs": None, "rootfs/etc": None, "rootfs/etc/text": text.encode()})


def write(berth, name, content):
    path = berth.path(name)
    with open(path, "wb") as file:
        file.write(content)
    return path


def digest(*contents):
    return hashlib.sha256(b"".join(contents)).hexdigest()


def upload(daemon, content, headers=None, query=""):
    answer = daemon.ask("POST", f"/1.0/images{query}", content, {"Content-Type": "application/octet-stream", **(headers or {})})
    return daemon.wait(answer)


def stored(berth):
    folder = os.path.join(berth.state, "images")
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def prints(daemon):
    return [image["fingerprint"] for image in daemon.ask("GET", "/1.0/images?recursion=1").expect(200).metadata]


def form(parts, boundary="b0undary"):
    """A body of multipart/form-data of (name, filename, content)."""
    body = b""
    for name, filename, content in parts:
        body += (f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n'
                 "Content-Type: application/octet-stream\r\n\r\n").encode() + content + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), {"Content-Type": f"multipart/form-data; boundary={boundary}"}
