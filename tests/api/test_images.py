#!/usr/bin/python3
"""Images over the API: uploads by Debian's lxc and by hand, lists, changes, aliases, exports, secrets, two servers; what is refused
leaves nothing behind."""
import io
import os
import re
import socket
import subprocess
import sys
import tarfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon  # noqa: E402
from image_archive import METADATA, archive, digest, form, prints, stored, unified, upload, write  # noqa: E402

NO_TIME = "1970-01-01T00:00:00Z"


def test_lxc_imports_and_lists(berth):
    """lxc imports whole and split images, lists them in all formats, filters, shows and deletes them (API-132..137)"""
    whole, metadata = unified(), archive({"metadata.yaml": METADATA}, "w:xz")
    root = archive({"etc": None, "etc/text": b"split"})
    write(berth, "whole.tar.gz", whole)
    write(berth, "meta.tar.xz", metadata)
    write(berth, "root.tar.gz", root)
    with Daemon(berth) as daemon:
        daemon.lxc("image", "import", berth.path("whole.tar.gz"), "--alias", "whole", "colour=blue", "--public").expect(0)
        daemon.lxc("image", "import", berth.path("meta.tar.xz"), berth.path("root.tar.gz"), "--alias", "a/b").expect(0)
        again = daemon.lxc("image", "import", berth.path("whole.tar.gz")).expect(1)
        tap.contains(again.err, "Image with same fingerprint already exists")
        one, two = digest(whole), digest(metadata, root)
        tap.equal(sorted(prints(daemon)), sorted([one, two]))
        tap.equal(stored(berth), sorted([one, two, f"{two}.rootfs"]))
        for form_name in ("table", "csv", "json", "yaml"):
            text = daemon.lxc("image", "list", "-f", form_name).expect(0).out
            tap.contains(text, one[:12])
            tap.contains(text, two[:12])
        text = daemon.lxc("image", "list", "colour=blue", "-f", "csv", "-c", "lFpdats").expect(0).out
        tap.equal(text, f"whole,{one},yes,An image,x86_64,CONTAINER,0.00MB\n")
        info = daemon.lxc("image", "info", "whole").expect(0).out
        for part in (one, "Architecture: x86_64", "Public: yes", "Expires: never", "Last used: never", "    colour: blue",
                     "    - whole", "    - default"):
            tap.contains(info, part)
        image = daemon.ask("GET", f"/1.0/images/{two[:7]}").expect(200).metadata
        uploaded = image.pop("uploaded_at")
        assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", uploaded), uploaded
        tap.equal(image, {
            "fingerprint": two, "aliases": [{"name": "a/b", "description": ""}], "architecture": "x86_64", "auto_update": False,
            "cached": False, "created_at": "2023-11-14T22:13:20Z", "expires_at": NO_TIME, "filename": "root.tar.gz",
            "last_used_at": "0001-01-01T00:00:00Z", "profiles": ["default"],
            "properties": {"os": "Test", "description": "An image"}, "public": False, "size": len(metadata) + len(root),
            "type": "container"})
        daemon.lxc("image", "delete", "a/b", "whole").expect(0)
        tap.equal((prints(daemon), stored(berth)), ([], []))


def test_directory(berth):
    """lxc packs a folder and imports it"""
    os.makedirs(berth.path("tree/rootfs/etc"))
    os.makedirs(berth.path("tree/templates"))
    berth.write("tree/metadata.yaml", METADATA.decode())
    with Daemon(berth) as daemon:
        result = daemon.lxc("image", "import", berth.path("tree"), "--alias", "tree").expect(0)
        fingerprint = re.search(r"[0-9a-f]{64}", result.out).group()
        tap.equal(prints(daemon), [fingerprint])
        tap.equal(stored(berth), [fingerprint])


def test_headers(berth):
    """headers of an upload set public, properties, aliases, profiles, the file's name and what it must hash to (IMG-040)"""
    whole = unified()
    headers = {"X-LXD-public": "1", "X-LXD-properties": "a=1&os=Other&b=x%20y", "X-LXD-filename": "x.tar.gz",
               "X-LXD-aliases": "alias=one&alias=two", "X-LXD-profiles": "", "X-LXD-fingerprint": digest(whole)}
    with Daemon(berth) as daemon:
        wrong = upload(daemon, whole, {**headers, "X-LXD-fingerprint": "0" * 64})
        tap.equal(wrong["status_code"], 400)
        tap.contains(wrong["err"], "fingerprints don't match")
        tap.equal((prints(daemon), stored(berth)), ([], []))
        done = upload(daemon, whole, headers)
        tap.equal((done["status_code"], done["err"]), (200, ""))
        tap.equal(done["metadata"], {"fingerprint": digest(whole), "size": str(len(whole))})
        image = daemon.ask("GET", f"/1.0/images/{digest(whole)}").expect(200).metadata
        tap.equal(image["properties"], {"a": "1", "os": "Other", "b": "x y", "description": "An image"})
        tap.equal((image["public"], image["filename"], image["profiles"]), (True, "x.tar.gz", []))
        tap.equal([alias["name"] for alias in image["aliases"]], ["one", "two"])
        clash = upload(daemon, unified("other"), {"X-LXD-aliases": "alias=two"})
        tap.contains(clash["err"], "\"two\" already exists")
        tap.equal(prints(daemon), [digest(whole)])
        tap.equal(stored(berth), [digest(whole)])


def test_edit(berth):
    """PUT replaces, PATCH merges, ETags guard; lxc edits and sets properties; a read image written back changes nothing (IMG-024)"""
    whole = unified()
    path = f"/1.0/images/{digest(whole)}"
    with Daemon(berth) as daemon:
        upload(daemon, whole, {"X-LXD-aliases": "alias=i"})
        shown = daemon.ask("GET", path).expect(200)
        daemon.ask("PUT", path, shown.metadata, {"If-Match": shown.etag}).expect(200)
        tap.equal(daemon.ask("GET", path).metadata, shown.metadata)
        daemon.ask("PATCH", path, {"properties": {"new": "1"}, "public": True}).expect(200)
        image = daemon.ask("GET", path).expect(200)
        tap.equal(image.metadata["properties"], {"os": "Test", "description": "An image", "new": "1"})
        assert image.metadata["public"] and image.etag != shown.etag
        daemon.ask("PUT", path, shown.metadata, {"If-Match": shown.etag}).expect(412)
        daemon.ask("PUT", path, {"properties": {"only": "1"}, "expires_at": "2030-01-02T03:04:05Z", "profiles": []}).expect(200)
        image = daemon.ask("GET", path).metadata
        tap.equal((image["properties"], image["public"], image["expires_at"], image["profiles"]),
                  ({"only": "1"}, False, "2030-01-02T03:04:05Z", []))
        tap.equal([alias["name"] for alias in image["aliases"]], ["i"])
        assert daemon.ask("PUT", path, {"profiles": ["none"]}).status in (400, 404)
        daemon.lxc("image", "set-property", "i", "colour", "red").expect(0)
        tap.equal(daemon.lxc("image", "get-property", "i", "colour").expect(0).out.strip(), "red")
        daemon.lxc("image", "unset-property", "i", "only").expect(0)
        text = daemon.lxc("image", "show", "i").expect(0).out
        daemon.lxc("image", "edit", "i", stdin=text.replace("public: false", "public: true")).expect(0)
        image = daemon.ask("GET", path).metadata
        tap.equal((image["properties"], image["public"]), ({"colour": "red"}, True))
        daemon.ask("PATCH", "/1.0/images/abcdef", {}).expect(404)


def test_profiles(berth):
    """an instance that names no profiles has those of its image, in order; none of it mean default, and what a request says wins
    (IMG-100..103)"""
    whole, root = unified(), {"root": {"type": "disk", "path": "/", "pool": "pool"}}
    with Daemon(berth) as daemon:
        daemon.ask("POST", "/1.0/storage-pools", {"name": "pool", "driver": "dir"}).expect(201)
        for name in ("a", "b"):
            daemon.ask("POST", "/1.0/profiles", {"name": name, "config": {"user.which": name, f"user.{name}": "1"}}).expect(201)
        upload(daemon, whole, {"X-LXD-profiles": "profile=b&profile=a", "X-LXD-aliases": "alias=i"})

        def made(source, **more):
            name = f"{host.NAME}p{len(daemon.ask('GET', '/1.0/instances').metadata)}"
            body = {"name": name, "devices": root, "source": {"type": "image", **source}, **more}
            tap.equal(daemon.done("POST", "/1.0/instances", body)["err"], "")
            return daemon.ask("GET", f"/1.0/instances/{name}").expect(200).metadata
        for source in ({"alias": "i"}, {"fingerprint": digest(whole)[:10]}, {"properties": {"os": "Test"}}):
            instance = made(source)
            tap.equal((instance["profiles"], instance["expanded_config"]["user.which"]), (["b", "a"], "a"))
        for asked in (["b"], []):
            tap.equal(made({"alias": "i"}, profiles=asked)["profiles"], asked)
        daemon.lxc("init", "i", f"{host.NAME}l", "-s", "pool").expect(0)
        tap.equal(daemon.ask("GET", f"/1.0/instances/{host.NAME}l").metadata["profiles"], ["b", "a"])
        for listed, wanted in (([], []), (None, ["default"])):
            daemon.ask("PUT", f"/1.0/images/{digest(whole)}", {"profiles": listed}).expect(200)
            tap.equal(made({"alias": "i"}, profiles=None)["profiles"], wanted)
        tap.equal(daemon.ask("GET", f"/1.0/instances/{host.NAME}l").metadata["profiles"], ["b", "a"])
        for instance in daemon.ask("GET", "/1.0/instances?recursion=1").metadata:
            daemon.done("DELETE", f"/1.0/instances/{instance['name']}")


def test_aliases(berth):
    """aliases are made, listed, moved, renamed and deleted; clashes and unknown targets are refused (API-142..148)"""
    one, two = unified("1"), unified("2")
    with Daemon(berth) as daemon:
        for content in (one, two):
            upload(daemon, content)
        daemon.lxc("image", "alias", "create", "a/b", digest(one)).expect(0)
        tap.contains(daemon.lxc("image", "alias", "create", "a/b", digest(two)).expect(1).err, "already exists")
        daemon.lxc("image", "alias", "rename", "a/b", "c/d").expect(0)
        tap.equal(daemon.lxc("image", "alias", "list", "-f", "csv").expect(0).out, f"c/d,{digest(one)[:12]},CONTAINER,\n")
        shown = daemon.ask("GET", "/1.0/images/aliases/c%2Fd").expect(200)
        tap.equal(shown.metadata, {"name": "c/d", "description": "", "target": digest(one), "type": "container"})
        daemon.ask("PUT", "/1.0/images/aliases/c%2Fd", {"description": "moved", "target": digest(two)},
                   {"If-Match": shown.etag}).expect(200)
        daemon.ask("PATCH", "/1.0/images/aliases/c%2Fd", {"description": "x"}, {"If-Match": shown.etag}).expect(412)
        tap.equal(daemon.ask("GET", "/1.0/images/aliases?recursion=1").metadata,
                  [{"name": "c/d", "description": "moved", "target": digest(two), "type": "container"}])
        tap.equal(daemon.ask("GET", "/1.0/images/aliases").metadata, ["/1.0/images/aliases/c%2Fd"])
        made = daemon.ask("POST", "/1.0/images/aliases", {"name": "e", "target": digest(one)[:9], "description": "E"}).expect(201)
        tap.equal(made.headers["Location"], "/1.0/images/aliases/e")
        daemon.ask("POST", "/1.0/images/aliases/e", {"name": "c/d"}).expect(409)
        daemon.ask("POST", "/1.0/images/aliases/e", {"name": "f"}).expect(201)
        tap.equal(daemon.ask("GET", "/1.0/images/aliases/f").metadata["description"], "E")
        daemon.ask("POST", "/1.0/images/aliases", {"name": "g", "target": "0" * 64}).expect(404)
        daemon.ask("POST", "/1.0/images/aliases", {"name": "g"}).expect(400)
        daemon.ask("PUT", "/1.0/images/aliases/f", {"description": "no target"}).expect(400)
        daemon.ask("GET", "/1.0/images/aliases/none").expect(404)
        daemon.lxc("image", "alias", "delete", "f").expect(0)
        daemon.ask("DELETE", "/1.0/images/aliases/f").expect(404)
        daemon.lxc("image", "delete", "c/d").expect(0)
        tap.equal(daemon.ask("GET", "/1.0/images/aliases").metadata, [])
        tap.equal(prints(daemon), [digest(one)])


def test_export(berth):
    """an export gives the bytes that were imported, whole and split, with lxc and by HTTP (API-138)"""
    whole, metadata, root = unified(), archive({"metadata.yaml": METADATA}), archive({"etc": None})
    body, headers = form([("metadata", "m.tar.gz", metadata), ("rootfs", "r.tar.gz", root)])
    with Daemon(berth) as daemon:
        upload(daemon, whole, {"X-LXD-aliases": "alias=whole"})
        done = upload(daemon, body, {**headers, "X-LXD-aliases": "alias=split"})
        tap.equal((done["status_code"], done["err"]), (200, ""))
        tap.equal(done["metadata"]["fingerprint"], digest(metadata, root))
        answer = daemon.ask("GET", f"/1.0/images/{digest(whole)}/export").expect(200)
        tap.equal(answer.bytes, whole)
        tap.contains(answer.headers["Content-Disposition"], f"filename={digest(whole)}.tar.gz")
        daemon.lxc("image", "export", "whole", berth.path("out")).expect(0)
        with open(berth.path("out.tar.gz"), "rb") as file:
            tap.equal(digest(file.read()), digest(whole))
        os.mkdir(berth.path("parts"))
        daemon.lxc("image", "export", "split", berth.path("parts/")).expect(0)
        names = sorted(os.listdir(berth.path("parts")))
        tap.equal(names, sorted([f"meta-{digest(metadata, root)}.tar.gz", f"{digest(metadata, root)}.tar.gz"]))
        for name in names:
            with open(berth.path(f"parts/{name}"), "rb") as file:
                tap.equal(file.read(), metadata if name.startswith("meta-") else root)


def test_refused(berth):
    """what is no image is refused by name, and nothing of it stays: no file, no object, no descriptor (IMG-066)"""
    good, root = unified(), archive({"etc": None})
    bad = {
        "nothing": b"",
        "no archive": os.urandom(100000),
        "no metadata": archive({"rootfs": None, "rootfs/x": b"x"}),
        "no root": archive({"metadata.yaml": METADATA}),
        "no architecture": archive({"metadata.yaml": b"creation_date: 1\n", "rootfs": None}),
        "no date": archive({"metadata.yaml": b"architecture: x86_64\n", "rootfs": None}),
        "metadata of 40 MiB": archive({"metadata.yaml": b"#" * (40 << 20), "rootfs": None}),
        "metadata is a folder": archive({"metadata.yaml": None, "rootfs": None}),
        "cut short": good[:len(good) // 2],
    }
    with Daemon(berth) as daemon:
        daemon.ask("GET", "/1.0").expect(200)
        before = daemon.descriptors()
        for name, content in bad.items():
            operation = upload(daemon, content)
            assert operation["status_code"] == 400 and operation["err"], f"{name}: {operation}"
        forms = {
            "order": form([("rootfs", "r", root), ("metadata", "m", root)]),
            "one part": form([("metadata", "m", root)]),
            "three parts": form([("metadata", "m", root), ("rootfs", "r", root), ("more", "x", b"")]),
            "root is metadata's": form([("metadata", "m", os.urandom(1000)), ("rootfs", "r", root)]),
        }
        body, headers = form([("metadata", "m", root), ("rootfs", "r", root)])
        forms["no end"] = (body[:-20], headers)
        forms["no boundary"] = (body, {"Content-Type": "multipart/form-data"})
        for name, (content, headers) in forms.items():
            operation = upload(daemon, content, headers)
            assert operation["status_code"] == 400 and operation["err"], f"{name}: {operation}"
        daemon.ask("POST", "/1.0/images", {"source": {"type": "instance", "name": "c"}}).expect(404)
        for source in ({"type": "none"}, {}):
            answer = daemon.ask("POST", "/1.0/images", {"source": source}, {"Content-Type": "application/json"}).expect(400)
            tap.contains(answer.json["error"], "source")
        daemon.ask("POST", "/1.0/images", b"{", {"Content-Type": "application/json"}).expect(400)
        daemon.ask("GET", "/1.0/images/").expect(200)
        daemon.ask("GET", f"/1.0/images/{'0' * 64}").expect(404)
        tap.equal((prints(daemon), stored(berth)), ([], []))
        assert settles(daemon, before), f"{before} descriptors before, {daemon.descriptors()} after"


def settles(daemon, before):
    deadline = time.monotonic() + 10
    while daemon.descriptors() > before and time.monotonic() < deadline:
        time.sleep(0.05)
    return daemon.descriptors() <= before


def peak(daemon):
    with open(f"/proc/{daemon.process.pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmHWM:\s+(\d+)", status.read()).group(1))


def test_large(berth):
    """an upload of 300 MB takes no memory, and becomes the store's file without being written twice"""
    size = 300 << 20
    path = berth.path("large.tar")
    with tarfile.open(path, "w:") as tar:
        info = tarfile.TarInfo("metadata.yaml")
        info.size = len(METADATA)
        tar.addfile(info, io.BytesIO(METADATA))
        info = tarfile.TarInfo("rootfs")
        info.type, info.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(info)
        info = tarfile.TarInfo("rootfs/zeros")
        info.size = size
        with open("/dev/zero", "rb") as zeros:
            tar.addfile(info, zeros)
    with Daemon(berth) as daemon:
        upload(daemon, unified())  # what the first upload costs anyway
        before = peak(daemon)
        with open(path, "rb") as file:
            answer = daemon.ask("POST", "/1.0/images", file, {"Content-Type": "application/octet-stream"}, timeout=300)
        done = daemon.wait(answer)
        tap.equal((done["status_code"], done["err"]), (200, ""))
        tap.equal(done["metadata"]["size"], str(os.path.getsize(path)))
        grown = peak(daemon) - before
        print(f"# {os.path.getsize(path) >> 20} MiB: {grown} KiB more memory at the peak")
        assert grown < 32 << 10, f"memory grew by {grown} KiB"
        body = daemon.ask("GET", f"/1.0/images/{done['metadata']['fingerprint']}/export", timeout=300).expect(200).bytes
        tap.equal(digest(body), done["metadata"]["fingerprint"])
        assert peak(daemon) - before < 32 << 10, f"memory grew by {peak(daemon) - before} KiB with the export"


def test_cut(berth):
    """an upload that is cut in the middle leaves nothing: no image, no operation, no descriptor, no space taken"""
    with Daemon(berth) as daemon:
        daemon.ask("GET", "/1.0").expect(200)
        before = daemon.descriptors()
        free = os.statvfs(berth.state).f_bfree
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(daemon.socket)
            client.sendall(b"POST /1.0/images HTTP/1.1\r\nHost: x\r\nContent-Length: 80000000\r\n"
                           b"Content-Type: application/octet-stream\r\n\r\n")
            for _ in range(40):
                client.sendall(b"\0" * 1000000)
        assert settles(daemon, before), f"{before} descriptors before, {daemon.descriptors()} after"
        tap.equal((prints(daemon), stored(berth)), ([], []))
        tap.equal(daemon.ask("GET", "/1.0/operations").expect(200).metadata, {})
        block = os.statvfs(berth.state).f_frsize
        assert (free - os.statvfs(berth.state).f_bfree) * block < 20000000


def test_killed(berth):
    """a daemon that is killed in the middle of imports leaves the store as its images say"""
    with Daemon(berth) as daemon:
        for number in range(6):
            daemon.ask("POST", "/1.0/images", unified(f"{number}"), {"Content-Type": "application/octet-stream"})
            time.sleep(0.03 * number)
            daemon.stop(9)
            daemon.start()
            tap.equal(stored(berth), sorted(prints(daemon)))
            tap.equal([name for name in os.listdir(berth.state) if name.startswith(".")], [])


def test_projects(berth):
    """projects with images of their own share the files of equal ones; the last one takes them away (PJ-02)"""
    whole = unified()
    with Daemon(berth) as daemon:
        daemon.ask("POST", "/1.0/projects", {"name": "own", "config": {"features.images": "true"}}).expect(201)
        daemon.ask("POST", "/1.0/projects", {"name": "shares", "config": {"features.images": "false"}}).expect(201)
        for query in ("", "?project=own"):
            tap.equal(upload(daemon, whole, {"X-LXD-aliases": "alias=i"}, query)["status_code"], 200)
        tap.contains(upload(daemon, whole, query="?project=shares")["err"], "same fingerprint")
        tap.equal(stored(berth), [digest(whole)])
        tap.equal(daemon.ask("GET", "/1.0/images?project=own").metadata, [f"/1.0/images/{digest(whole)}?project=own"])
        daemon.ask("GET", f"/1.0/images/{digest(whole)[:12]}?project=shares").expect(200)
        daemon.done("DELETE", f"/1.0/images/{digest(whole)}")
        tap.equal(stored(berth), [digest(whole)])
        daemon.ask("GET", f"/1.0/images/{digest(whole)}").expect(404)
        tap.equal(daemon.ask("GET", f"/1.0/images/{digest(whole)}/export?project=own").expect(200).bytes, whole)
        daemon.done("DELETE", f"/1.0/images/{digest(whole)}?project=own")
        tap.equal(stored(berth), [])


def test_filter(berth):
    """the filter of the API reads the whole image (IMG-020)"""
    with Daemon(berth) as daemon:
        for number in range(3):
            upload(daemon, unified(str(number)), {"X-LXD-properties": f"n={number}"})
        found = daemon.ask("GET", "/1.0/images?recursion=1&filter=properties.n%20eq%202").expect(200).metadata
        tap.equal([image["fingerprint"] for image in found], [digest(unified("2"))])
        tap.equal(found[0]["properties"]["n"], "2")
        tap.equal(daemon.ask("GET", "/1.0/images?filter=public%20eq%20true").expect(200).metadata, [])
        daemon.ask("GET", "/1.0/images?filter=bad").expect(400)


def test_secret(berth):
    """a token of an image is an operation with a secret (API-141)"""
    whole = unified()
    with Daemon(berth) as daemon:
        upload(daemon, whole)
        answer = daemon.ask("POST", f"/1.0/images/{digest(whole)}/secret").expect(202)
        token = answer.metadata
        tap.equal((token["class"], token["resources"]), ("token", {"images": [f"/1.0/images/{digest(whole)}"]}))
        assert re.fullmatch(r"[0-9a-f]{64}", token["metadata"]["secret"])


def test_declared(berth):
    """images of state files are there too; their names are aliases, which only the file can change"""
    path = berth.write("state.yaml", "images:\n- name: bb\n  source: builtin:busybox\n")
    with Daemon(berth) as daemon:
        tap.equal(berth.run("apply", "--yes", path).status, 0)
        deadline = time.monotonic() + 10
        while not prints(daemon) and time.monotonic() < deadline:
            time.sleep(0.05)
        alias = daemon.ask("GET", "/1.0/images/aliases/bb").expect(200).metadata
        tap.equal([alias["target"]], prints(daemon))
        tap.contains(daemon.ask("DELETE", "/1.0/images/aliases/bb").expect(400).json["error"], "state file")
        tap.contains(daemon.ask("GET", f"/1.0/images/{alias['target']}/export").expect(400).json["error"], "builtin:busybox")


def test_instance(berth):
    """an instance is made from an image that was imported, which can go while the instance stays"""
    path = berth.path("busybox.tar.gz")
    maker = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib", "make_image.py")
    subprocess.run([sys.executable, maker, path], check=True)
    with Daemon(berth) as daemon:
        daemon.ask("POST", "/1.0/storage-pools", {"name": "pool", "driver": "dir"}).expect(201)
        daemon.lxc("image", "import", path, "--alias", "bb").expect(0)
        fingerprint = prints(daemon)[0]
        root = {"root": {"type": "disk", "path": "/", "pool": "pool"}}
        for name, source in ((f"{host.NAME}a", {"alias": "bb"}), (f"{host.NAME}b", {"fingerprint": fingerprint[:12]})):
            daemon.done("POST", "/1.0/instances", {"name": name, "source": {"type": "image", **source}, "devices": root})
            config = daemon.ask("GET", f"/1.0/instances/{name}").expect(200).metadata["config"]
            tap.equal(config["volatile.base_image"], fingerprint)
        daemon.done("DELETE", f"/1.0/images/{fingerprint}")
        tap.equal((prints(daemon), stored(berth)), ([], []))
        for name in (f"{host.NAME}a", f"{host.NAME}b"):
            assert os.path.isdir(os.path.join(berth.state, "containers", name, "rootfs"))
            daemon.done("DELETE", f"/1.0/instances/{name}")


host.main(globals())
