#!/usr/bin/python3
"""Bundles (EN-52) on the real host, in a network namespace that holds nothing: from one file to running containers."""
import errno
import glob
import json
import os
import shutil
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import daemon  # noqa: E402
import host  # noqa: E402
import tap  # noqa: E402

NAME = host.NAME
WEB = f"{NAME}-web"
FILES = f"""\
storage_pools:
- {{name: pool, driver: dir}}
images:
- {{name: small, source: images/small.tar.gz}}
- {{name: busybox, source: "builtin:busybox"}}
instances:
- name: {WEB}
  image: small
  state: running
  devices:
    root: {{type: disk, path: /, pool: pool}}
"""


def make_image(berth, text):
    os.makedirs(berth.path("conf/images"), exist_ok=True)
    subprocess.run([sys.executable, os.path.join(HERE, "..", "lib", "make_image.py"), berth.path("conf/images/small.tar.gz"), text], check=True)


def make(berth, name, text):
    """a bundle, and nothing left of what it was made of"""
    berth.write("conf/berth.yaml", FILES.replace("source: images", "source: ./images"))
    make_image(berth, text)
    berth.run("bundle", "create", name, "conf/berth.yaml", "--sign", "key.pem").expect(0)
    shutil.rmtree(berth.path("conf"))


def prepare(berth):
    tap.equal(host.routes(), [line for line in host.routes() if " lo " in f"{line} "], "there is a network")
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", berth.path("key.pem")], check=True, capture_output=True)
    subprocess.run(["openssl", "pkey", "-in", berth.path("key.pem"), "-pubout", "-out", berth.path("pub.pem")], check=True)
    make(berth, "one.bundle", "first")


def apply(berth, name, *args):
    return berth.run("bundle", "apply", name, "--key", "pub.pem", "--set", "site", "-y", *args)


def description(berth):
    found = json.loads(berth.run("get", "image", "--format", "json").expect(0).out)
    return {item["name"]: item["generated"]["properties"].get("description") for item in found}["small"]


def clean(berth):
    tap.equal(os.path.exists(os.path.join(berth.state, "cache")), False, "left in the cache")
    tap.equal(glob.glob("/tmp/berth-bundle-*"), [], "left in /tmp")


def running(berth):
    tap.equal(host.states(berth)[WEB], "running")
    tap.equal(berth.run("exec", WEB, "--", "/bin/busybox", "echo", "hello").expect(0).out, "hello\n")


def test_offline(berth):
    """one file, no network: containers run, a second apply is empty, another image replaces, destroy leaves nothing"""
    prepare(berth)
    before = host.fingerprint(berth.state, NAME)
    shown = apply(berth, "one.bundle", "--dry-run").expect(0).out
    tap.contains(shown, "image/small")
    tap.equal(os.path.exists(berth.state), False, "a dry run left something")
    apply(berth, "one.bundle").expect(0)
    clean(berth)
    running(berth)
    tap.contains(apply(berth, "one.bundle").expect(0).out, "Nothing to do")
    tap.equal(description(berth), "first")
    tap.contains(berth.run("drift").expect(0).out, "No drift")
    make(berth, "two.bundle", "second")
    apply(berth, "two.bundle", "--allow-replace", "all").expect(0)
    tap.equal(description(berth), "second")
    running(berth)
    clean(berth)
    tap.contains(apply(berth, "two.bundle").expect(0).out, "Nothing to do")
    host.down(berth, before)


def test_stored_images(berth):
    """an image of a server goes into a bundle from the store, and comes back when the store has nothing of it"""
    prepare(berth)
    apply(berth, "one.bundle").expect(0)
    found = json.loads(berth.run("get", "image", "--format", "json").expect(0).out)
    fingerprint = {item["name"]: item["generated"]["fingerprint"] for item in found}["small"]
    source = f"{{server: 'https://images.test', protocol: simplestreams, fingerprint: {fingerprint}}}"
    berth.write("copy.yaml", f"images:\n- {{name: small, source: {source}}}\n")
    berth.run("bundle", "create", "copy.bundle", "copy.yaml").expect(0)
    berth.run("destroy", "--all", "-y").expect(0)
    berth.run("bundle", "apply", "copy.bundle", "-y").expect(0)
    tap.equal(description(berth), "first")
    berth.run("destroy", "--all", "-y").expect(0)


def test_failure(berth):
    """an apply that fails leaves host and cache as they were"""
    prepare(berth)
    before = host.fingerprint(berth.state, NAME)
    berth.write("conf/berth.yaml", FILES.replace("source: images", "source: ./images") + "  config: {raw.lxc: lxc.init.cmd = /absent}\n")
    make_image(berth, "first")
    berth.run("bundle", "create", "bad.bundle", "conf/berth.yaml").expect(0)
    berth.run("bundle", "apply", "bad.bundle", "-y").expect(3)
    clean(berth)
    host.same(before, host.fingerprint(berth.state, NAME), ignore=("files",))


def test_daemon(berth):
    """a daemon carries it out just the same"""
    prepare(berth)
    with daemon.Daemon(berth):
        apply(berth, "one.bundle").expect(0)
        clean(berth)
        running(berth)
        tap.contains(apply(berth, "one.bundle").expect(0).out, "Nothing to do")
        berth.run("destroy", "--all", "-y").expect(0)


def plain(berth):
    """A FUSE file system over a folder: its files have names from the start."""
    if not shutil.which("bindfs"):
        raise tap.Skip("bindfs is not installed")
    for name in ("below", "out"):
        os.makedirs(berth.path(name))
    process = subprocess.Popen(["bindfs", "-f", berth.path("below"), berth.path("out")])
    host.wait_for(lambda: os.path.ismount(berth.path("out")), "the mount")
    try:
        os.close(os.open(berth.path("out"), os.O_TMPFILE | os.O_WRONLY, 0o600))
        raise AssertionError("it has files without names")
    except OSError as failure:
        tap.equal(failure.errno, errno.EOPNOTSUPP)
    return process


def unmount(berth, process):
    subprocess.run(["umount", berth.path("out")], check=True)
    process.wait(timeout=30)


def test_killed_on_fuse(berth):
    """on a file system without O_TMPFILE: who is killed leaves PATH as it was, and PATH.part to the next one"""
    mounted = plain(berth)
    make_image(berth, "x")
    with open(berth.path("conf/images/small.tar.gz"), "ab") as file:
        file.write(os.urandom(48 << 20))
    berth.write("conf/berth.yaml", "images: [{name: small, source: ./images/small.tar.gz}]\n")
    out, part = berth.path("out/b.bundle"), berth.path("out/b.bundle.part")
    create = ("bundle", "create", "out/b.bundle", "conf/berth.yaml")
    size = lambda path: os.path.getsize(path) if os.path.exists(path) else 0  # noqa: E731

    for at in (1, 4 << 20, 24 << 20):
        before = size(out), os.path.exists(out) and os.stat(out).st_mtime_ns
        process = berth.start(*create)
        host.wait_for(lambda at=at: size(part) >= at, "its bytes")
        # One that is at work is let alone.
        os.kill(process.pid, signal.SIGSTOP)
        tap.contains(berth.run(*create).expect(1).err, "b.bundle.part")
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        tap.equal((process.returncode, size(part) >= at), (-signal.SIGKILL, True))
        tap.equal((size(out), os.path.exists(out) and os.stat(out).st_mtime_ns), before)
        berth.run(*create).expect(0)
        tap.equal(sorted(os.listdir(berth.path("out"))), ["b.bundle"])
        tap.contains(berth.run("bundle", "verify", "out/b.bundle").expect(0).out, "OK:")
    unmount(berth, mounted)


def test_two_at_once_on_fuse(berth):
    """one that opened PATH.part just before another one finished leaves alone what is PATH by then"""
    if not shutil.which("strace"):
        raise tap.Skip("strace is not installed")
    mounted = plain(berth)
    berth.write("berth.yaml", "profiles: [{name: a}]\n")
    berth.run("bundle", "create", "out/b.bundle", "berth.yaml").expect(0)
    out, part = berth.path("out/b.bundle"), berth.path("out/b.bundle.part")
    os.rename(out, part)
    with open(part, "rb") as other:
        whole = other.read()
        # Between the open and the lock.
        faults = ["strace", "-f", "-o", berth.path("trace"), "-P", part, "-P", "out/b.bundle.part", "-e", "trace=openat,flock",
                  "-e", "inject=flock:delay_enter=3000000:when=1"]
        process = subprocess.Popen([*faults, berth.program, "bundle", "create", "out/b.bundle", "berth.yaml"], cwd=berth.work,
                                   env=berth.environment({"ASAN_OPTIONS": "detect_leaks=0"}))
        host.wait_for(lambda: ".part" in trace(berth), "that it is open")
        os.rename(part, out)
        tap.equal(process.wait(timeout=60), 0, trace(berth))
        other.seek(0)
        tap.equal(other.read() == whole, True, "what was PATH was cut")
    tap.equal(trace(berth).count("openat"), 2, trace(berth))
    tap.equal(sorted(os.listdir(berth.path("out"))), ["b.bundle"])
    tap.contains(berth.run("bundle", "verify", "out/b.bundle").expect(0).out, "OK:")
    unmount(berth, mounted)


def trace(berth):
    if not os.path.exists(berth.path("trace")):
        return ""
    with open(berth.path("trace"), encoding="utf-8", errors="replace") as file:
        return file.read()


if __name__ == "__main__":
    host.main(globals())
