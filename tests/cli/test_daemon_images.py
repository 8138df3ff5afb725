#!/usr/bin/python3
"""Files of images that state files name, by way of a daemon that may not read them by their paths: a user who is not root, and a server
that is asked by HTTPS. Real berthd, real containers."""
import hashlib
import os
import subprocess
import sys
import tarfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon  # noqa: E402

LIB = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib")
NOBODY = 65534


def state_file(source):
    return f"""\
storage_pools:
- name: p
  driver: dir
images:
- name: mine
  source: {source}
profiles:
- name: default
  devices:
    root: {{type: disk, path: /, pool: p}}
instances:
- name: {host.NAME}
  image: mine
  state: running
"""


def make_image(berth, name, text):
    """an image that only nobody may read; its fingerprint"""
    folder = berth.path("theirs")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, name)
    host.output(sys.executable, os.path.join(LIB, "make_image.py"), path, text)
    os.chmod(folder, 0o700)
    for item in (path, folder):
        os.chown(item, NOBODY, NOBODY)
    return path, digest(path)


def digest(*paths):
    found = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            found.update(file.read())
    return found.hexdigest()


def by_user(berth, *args):
    group = int(host.output("getent", "group", "adm").split(":")[2])
    process = subprocess.run([berth.program, *args], cwd=berth.work, env=berth.environment({"HOME": "/nonexistent"}), user=NOBODY, group=NOBODY,
                             extra_groups=[group], text=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False)
    return tap.Result(args, process)


def image_of(daemon, name="mine"):
    [found] = [o for o in daemon.ask("GET", "/1.0/model").metadata if o["key"] == f"image/default//{name}"]
    return found


def cache(berth):
    path = os.path.join(berth.state, "cache", "images")
    return os.listdir(path) if os.path.isdir(path) else []


def test_user(berth):
    """a user of the socket applies an image that only he can read; no path of it means anything to the daemon"""
    path, fingerprint = make_image(berth, "one.tar.gz", "first")
    with Daemon(berth, "--group", "adm") as daemon:
        berth.write("berth.yaml", state_file(f"{{file: {path}}}"))
        tap.contains(by_user(berth, "plan").expect(0).out, "image/mine  create")
        tap.equal(cache(berth), [], "a plan sends nothing")
        by_user(berth, "apply", "-y").expect(0)
        tap.equal(host.states(berth)[host.NAME], "running")
        image = image_of(daemon)
        tap.equal((image["spec"]["source"]["file"], image["generated"]["fingerprint"]), (path, fingerprint))
        tap.equal(image["generated"]["properties"]["description"], "first")
        tap.equal(cache(berth), [], "the store has it")
        tap.contains(by_user(berth, "apply", "-y").expect(0).out, "Nothing to do")
        # What others find at that path is of no interest.
        make_image(berth, "other.tar.gz", "second")
        os.rename(path, path + ".kept")
        os.rename(os.path.join(berth.path("theirs"), "other.tar.gz"), path)
        berth.run("drift").expect(0)
        daemon.ask("PATCH", "/1.0/profiles/default", {"config": {"limits.memory": "64MiB"}}).expect(200)
        tap.equal(image_of(daemon)["generated"]["fingerprint"], fingerprint)
        # Another content of the same file is another image, for its user; gone, it is what it was.
        tap.contains(by_user(berth, "plan").expect(0).out, "image/mine  update")
        by_user(berth, "apply", "-y").expect(0)
        tap.equal(image_of(daemon)["generated"]["fingerprint"], digest(path))
        os.remove(path)
        tap.contains(by_user(berth, "apply", "-y").expect(0).out, "Nothing to do")
        by_user(berth, "destroy", "-y", "--all").expect(0)
        tap.contains(by_user(berth, "apply", "-y").expect(1).err, f"{path}: no such file")
        # What he cannot read himself he does not get by the daemon.
        os.chown(path + ".kept", 0, 0)
        os.chmod(path + ".kept", 0o600)
        berth.write("berth.yaml", state_file(f"{{file: {path}.kept}}"))
        tap.contains(by_user(berth, "plan").expect(77).err, "image/mine: source: open")
        # Root's are read where they are, and may be what somebody sent before.
        berth.run("apply", "-y").expect(0)
        os.chown(path + ".kept", NOBODY, NOBODY)
        tap.contains(by_user(berth, "apply", "-y").expect(0).out, "Nothing to do")
        tap.contains(berth.run("apply", "-y").expect(0).out, "Nothing to do")
        berth.run("destroy", "-y", "--all").expect(0)


def split(berth, path):
    """the same image in two files"""
    folder = berth.path("parts")
    os.makedirs(folder)
    with tarfile.open(path) as tar:
        tar.extractall(folder)
    meta, root = berth.path("meta.tar"), berth.path("root.tar.xz")
    host.output("tar", "-C", folder, "-cf", meta, "metadata.yaml")
    host.output("tar", "-C", os.path.join(folder, "rootfs"), "-cJf", root, ".")
    return meta, root


def test_remote(berth):
    """a server that is asked by HTTPS gets both files of a split image, once; what is not what it is called is refused"""
    path, _ = make_image(berth, "one.tar.gz", "first")
    meta, root = split(berth, path)
    fingerprint = digest(meta, root)
    env = {"BERTH_CONF": berth.path("conf"), "BERTH_DIR": berth.path("nothing")}
    with Daemon(berth, "--debug") as daemon:
        daemon.ask("PATCH", "/1.0", {"config": {"core.https_address": "127.0.0.1:18447"}}).expect(200)
        token = berth.run("trust", "add", "--name", "laptop").expect(0).out.strip()
        berth.run("remote", "add", "lab", token, env=env).expect(0)
        berth.write("berth.yaml", state_file("{file: meta.tar, rootfs: root.tar.xz}"))
        berth.run("apply", "-y", "lab:", env=env).expect(0)
        tap.equal(image_of(daemon)["generated"]["fingerprint"], fingerprint)
        tap.equal(host.states(berth)[host.NAME], "running")
        tap.contains(berth.run("apply", "-y", "lab:", env=env).expect(0).out, "Nothing to do")
        # The store has the content: under another name it is not sent again.
        berth.write("again.yaml", "images:\n- name: again\n  source: {file: meta.tar, rootfs: root.tar.xz}\n")
        before = sent_bytes(daemon)
        result = berth.run("apply", "-y", "lab:", "-f", "again.yaml", env=env).expect(0)
        tap.equal(sent_bytes(daemon), before, result.err)
        tap.equal(image_of(daemon, "again")["generated"]["fingerprint"], fingerprint)
        with open(root, "rb") as file:
            content = file.read()
        wrong = "0" * 64
        tap.contains(daemon.ask("POST", f"/1.0/image-files/{wrong}", content).expect(400).json["error"], "no metadata")
        with open(path, "rb") as file:
            content = file.read()
        tap.contains(daemon.ask("POST", f"/1.0/image-files/{wrong}", content).expect(400).json["error"], "fingerprints don't match")
        daemon.ask("POST", f"/1.0/image-files/{wrong}", b"").expect(400)
        for name in ("x", wrong[1:], wrong[1:] + "G", "..%2F" + wrong[5:]):
            daemon.ask("POST", f"/1.0/image-files/{name}", content).expect(404)
            daemon.ask("GET", f"/1.0/image-files/{name}").expect(404)
        daemon.ask("GET", f"/1.0/image-files/{fingerprint}").expect(200)
        daemon.ask("GET", f"/1.0/image-files/{wrong}").expect(404)
        # An apply of what was never sent.
        body = {"objects": [{"kind": "image", "project": "default", "name": "x", "spec": {"source": {"file": path}}, "content": wrong}]}
        operation = daemon.wait(daemon.ask("POST", "/1.0/apply", body))
        tap.contains(operation["err"], "are not here: apply it again from where they are")
        for content in ("x", 3, wrong + "0"):
            body["objects"][0]["content"] = content
            daemon.ask("POST", "/1.0/plan", body).expect(400)
        tap.equal(cache(berth), [])
        berth.run("destroy", "-y", "--all").expect(0)


def sent_bytes(daemon):
    """how often files were posted, by the daemon's log"""
    return daemon.log_text().count("POST /1.0/image-files/")


host.main(globals())
