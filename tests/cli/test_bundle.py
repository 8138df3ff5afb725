#!/usr/bin/python3
"""Bundles (EN-52): what is in them, what is refused, and what is left behind."""
import fcntl
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import image_archive  # noqa: E402
import tap  # noqa: E402

FILE = """\
include: parts/profiles.yaml
vars:
  size: {type: string}
  word: {type: string, default: plain}
images:
- {name: one, source: ./images/one.tar.gz}
- {name: busybox, source: "builtin:busybox"}
"""
PROFILES = """\
profiles:
- name: web
  description: ${word}
  config:
    limits.memory: ${size}
    environment.TOKEN: ${secret:env:BUNDLE_TOKEN}
"""


def scene(berth, folder="conf"):
    berth.write(f"{folder}/berth.yaml", FILE)
    berth.write(f"{folder}/parts/profiles.yaml", PROFILES)
    berth.write(f"{folder}/values.yaml", "size: 64MiB\n")
    os.makedirs(berth.path(f"{folder}/images"), exist_ok=True)
    image_archive.write(berth, f"{folder}/images/one.tar.gz", image_archive.unified())


def create(berth, name="b.bundle", *args, folder="conf"):
    return berth.run("bundle", "create", name, f"{folder}/berth.yaml", "--var-file", f"{folder}/values.yaml", *args,
                     env={"BUNDLE_TOKEN": "hush-hush"}).expect(0)


def unpacked(path):
    plain = subprocess.run(["zstd", "-dc", path], check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(plain)) as tar:
        return {info.name: tar.extractfile(info).read() for info in tar}, tar.getmembers()


def pack(path, members, cut=0):
    """members: (name, bytes) or a TarInfo without content"""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:") as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
                continue
            info = tarfile.TarInfo(member[0])
            info.size = len(member[1])
            tar.addfile(info, io.BytesIO(member[1]))
    done = subprocess.run(["zstd", "-qc"], input=out.getvalue(), check=True, capture_output=True).stdout
    with open(path, "wb") as file:
        file.write(done[:len(done) - cut])


def keys(berth, name):
    berth_key, public = berth.path(f"{name}.pem"), berth.path(f"{name}.pub")
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", berth_key], check=True, capture_output=True)
    subprocess.run(["openssl", "pkey", "-in", berth_key, "-pubout", "-out", public], check=True, capture_output=True)
    return berth_key, public


def test_content(berth):
    """files, variables and images go in, nothing else; secrets stay references"""
    scene(berth)
    create(berth, "b.bundle", "--var", "word=given")
    found, members = unpacked(berth.path("b.bundle"))
    fingerprint = image_archive.digest(image_archive.unified())
    tap.equal(list(found), ["manifest.json", "files/berth.yaml", "files/parts/profiles.yaml", f"images/{fingerprint}", "vars/000.yaml"])
    tap.equal({(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in members}, {(0, 0, 0, "", "", 0o644)})
    manifest = json.loads(found["manifest.json"])
    tap.equal(manifest["paths"], ["berth.yaml"])
    tap.equal(manifest["variables"], {"given": ["word=given"], "files": ["vars/000.yaml"]})
    tap.equal(manifest["images"], [{"name": "one", "project": None, "fingerprint": fingerprint, "split": False, "source": "one.tar.gz"}])
    for name, listed in manifest["members"].items():
        tap.equal(listed, {"sha256": hashlib.sha256(found[name]).hexdigest(), "size": len(found[name])}, name)
    tap.equal(found["files/parts/profiles.yaml"].decode(), PROFILES)
    if b"hush" in b"".join(found.values()):
        raise AssertionError("the content of a secret is in the bundle")
    tap.equal(os.path.exists(berth.state), False, "state directory made")


def test_same_bytes(berth):
    """the same input gives the same bytes, wherever and whenever"""
    scene(berth)
    scene(berth, "elsewhere/deep")
    os.utime(berth.path("elsewhere/deep/berth.yaml"), (1, 1))
    create(berth, "a.bundle")
    create(berth, "b.bundle", folder="elsewhere/deep")
    with open(berth.path("a.bundle"), "rb") as one, open(berth.path("b.bundle"), "rb") as two:
        tap.equal(one.read() == two.read(), True)


def test_names(berth):
    """names are bytes: they come through in any locale, and the bundle is the same"""
    berth.write("é/bérth.yaml", "profiles:\n- name: web\n")
    for locale in ("C", "C.UTF-8"):
        berth.run("bundle", "create", f"{locale}.bundle", "é", env={"LC_ALL": locale}).expect(0)
        for other in ("C", "C.UTF-8"):
            berth.run("bundle", "verify", f"{locale}.bundle", env={"LC_ALL": other}).expect(0)
            tap.contains(berth.run("bundle", "apply", f"{locale}.bundle", "--dry-run", env={"LC_ALL": other}).expect(0).out, "profile/web")
    with open(berth.path("C.bundle"), "rb") as one, open(berth.path("C.UTF-8.bundle"), "rb") as two:
        tap.equal(one.read() == two.read(), True)


def test_signature(berth):
    """with a key only what its owner signed is taken; without one a warning says so"""
    scene(berth)
    secret, public = keys(berth, "mine")
    _, other = keys(berth, "other")
    create(berth, "signed", "--sign", secret)
    create(berth, "plain")
    tap.contains(berth.run("bundle", "verify", "signed", "--key", public).expect(0).out, "signed by this key")
    tap.equal(berth.run("bundle", "verify", "signed", "--key", public).expect(0).err, "")
    tap.contains(berth.run("bundle", "verify", "signed").expect(0).err, "nobody checked who made it")
    tap.contains(berth.run("bundle", "verify", "plain").expect(0).err, "not signed")
    for word in ("verify", "apply"):
        tap.contains(berth.run("bundle", word, "signed", "--key", other).expect(65).err, "signature")
        tap.contains(berth.run("bundle", word, "plain", "--key", public).expect(65).err, "not signed")
        tap.contains(berth.run("bundle", word, "signed", "--key", secret).expect(65).err, "no public key")
    tap.contains(berth.run("bundle", "create", "x", "conf/berth.yaml", "--var-file", "conf/values.yaml", "--sign", public).expect(65).err,
                 "no private key")
    found, _ = unpacked(berth.path("signed"))
    tap.equal(len(found["manifest.sig"]), 64)
    changed = found["manifest.json"].replace(b'"one"', b'"two"')
    pack(berth.path("forged"), [(name, changed if name == "manifest.json" else text) for name, text in found.items()])
    tap.contains(berth.run("bundle", "apply", "forged", "--key", public).expect(65).err, "signature")
    tap.equal(os.path.exists(berth.state), False, "state directory made")
    tap.equal(os.path.exists(berth.path("x")), False)


def test_verify_names_what_differs(berth):
    """verify names every member that is not as the manifest says"""
    scene(berth)
    create(berth)
    found, _ = unpacked(berth.path("b.bundle"))
    image = next(name for name in found if name.startswith("images/"))
    found["files/berth.yaml"] = found["files/berth.yaml"].replace(b"one", b"two")
    found[image] += b"x"
    del found["vars/000.yaml"]
    pack(berth.path("bad"), list(found.items()))
    told = berth.run("bundle", "verify", "bad").expect(65).err
    for part in ("files/berth.yaml: its content", f"{image}: its size", "vars/000.yaml: is missing"):
        tap.contains(told, part)
    shown = json.loads(berth.run("bundle", "verify", "b.bundle", "--format", "json").expect(0).out)
    tap.equal((shown["ok"], shown["signed"], shown["checked"]), (True, False, False))


def link(name, target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def with_member(manifest, name, text):
    """the manifest also lists this"""
    value = json.loads(manifest)
    value["members"][name] = {"sha256": hashlib.sha256(text).hexdigest(), "size": len(text)}
    return json.dumps(value).encode()


def hostile(berth):
    """name -> members of a bundle that must be refused"""
    found, _ = unpacked(berth.path("b.bundle"))
    members = list(found.items())
    manifest = found["manifest.json"]

    def listing(name, text=b"x", extra=None):
        return [("manifest.json", with_member(manifest, name, text)), *members[1:], extra or (name, text)]

    def changed(**values):
        return [("manifest.json", json.dumps({**json.loads(manifest), **values}).encode()), *members[1:]]

    huge = json.loads(manifest)
    huge["members"]["images/" + "0" * 64] = {"sha256": "0" * 64, "size": 1 << 50}
    return {
        "empty": [],
        "no manifest": members[1:],
        "manifest later": [*members[1:], members[0]],
        "extra": [*members, ("vars/extra.yaml", b"x")],
        "twice": [*members, members[1]],
        "up": listing("files/../../../evil"),
        "absolute": listing("/evil"),
        "outside": listing("evil/x"),
        "bare": listing("files"),
        "up unlisted": [*members, ("files/../../evil", b"x")],
        "symlink": listing("vars/link", b"", link("vars/link", "/etc/passwd")),
        "hard link": listing("vars/link", b"", link("vars/link", "files/berth.yaml", tarfile.LNKTYPE)),
        "device": listing("vars/null", b"", link("vars/null", "", tarfile.CHRTYPE)),
        "folder": listing("vars/folder", b"", link("vars/folder", "", tarfile.DIRTYPE)),
        "bomb": [("manifest.json", json.dumps(huge).encode()), *members[1:]],
        "long text": listing("vars/x", b"0" * (65 << 20)),
        "wrong digest": [(n, t.replace(b"one", b"two") if n == "files/berth.yaml" else t) for n, t in members],
        "wrong image": [(n, t[:-1] + b"x" if n.startswith("images/") else t) for n, t in members],
        "other fingerprint": listing("images/" + "f" * 64),
        "no json": [("manifest.json", b"{"), *members[1:]],
        "other format": changed(format="tar"),
        "later version": changed(format_version=2),
        "no paths": changed(paths=[]),
        "path up": changed(paths=["../.."]),
        "absolute path": changed(paths=["/etc"]),
        "foreign variables": changed(variables={"given": [], "files": ["/etc/passwd"]}),
        "image without files": changed(images=[{"name": "one", "project": None, "fingerprint": "e" * 64, "split": False, "source": "x"}]),
        "images unlisted": changed(images=[]),
        "no member to read": changed(paths=["other.yaml"]),
    }


def test_hostile(berth):
    """a bundle that lies is refused with one error and exit 65, and nothing is left of it"""
    scene(berth)
    create(berth)
    cases = hostile(berth)
    for name, members in cases.items():
        pack(berth.path("bad"), members)
        for args in (("verify", "bad"), ("apply", "bad", "-y")):
            # What only reading the files can tell is no matter of verify.
            if args[0] == "verify" and name in ("images unlisted", "no member to read"):
                continue
            done = berth.run("bundle", *args)
            if done.status not in ((1, 65) if name == "no member to read" else (65,)):
                raise AssertionError(f"{name}: {args}: {done.status}\n{done.err}")
            tap.equal(done.err.count("berth: bad"), 1, f"{name}: {done.err}")
            tap.equal(os.path.exists(berth.state), False, f"{name}: left behind")
    for name in ("evil", "conf/evil"):
        tap.equal(os.path.exists(berth.path(name)), False, name)
    print(f"# {len(cases)} bundles")


def test_damaged(berth):
    """a bundle that is cut short anywhere, or no bundle at all, is refused"""
    scene(berth)
    create(berth)
    size = os.path.getsize(berth.path("b.bundle"))
    with open(berth.path("b.bundle"), "rb") as file:
        whole = file.read()
    for length in (0, 1, 10, size // 3, size // 2, size - 20):
        with open(berth.path("bad"), "wb") as file:
            file.write(whole[:length])
        berth.run("bundle", "verify", "bad").expect(65)
        berth.run("bundle", "apply", "bad", "-y").expect(65)
    berth.write("bad", FILE)
    berth.run("bundle", "verify", "bad").expect(65)
    berth.run("bundle", "verify", "/dev/zero").expect(65)
    berth.run("bundle", "verify", "absent").expect(1)
    tap.equal(os.path.exists(berth.state), False, "state directory made")


def test_nothing_leads_out(berth):
    """files of a bundle include nothing of the host"""
    berth.write("secret.yaml", "profiles:\n- name: stolen\n")
    text = b"include: ../../../../secret.yaml\n"
    manifest = {"format": "berth-bundle", "format_version": 1, "paths": ["a.yaml"], "images": [], "members": {},
                "variables": {"given": [], "files": []}}
    pack(berth.path("bad"), [("manifest.json", with_member(json.dumps(manifest), "files/a.yaml", text)), ("files/a.yaml", text)])
    berth.run("bundle", "verify", "bad").expect(0)
    tap.contains(berth.run("bundle", "apply", "bad", "-y").expect(65).err, "secret.yaml leads out of")
    tap.equal(os.path.exists(berth.state), False, "left behind")


def test_usage(berth):
    """words and options where they belong"""
    scene(berth)
    for args in (("create",), ("verify",), ("apply",), ("frob", "x"), ("verify", "a", "b"), ("create", "a", "-"), ("create", "a", "absent"),
                 ("create", "a"), ("verify", "a", "--sign", "k"), ("create", "a", "conf/berth.yaml", "--key", "k")):
        berth.run("bundle", *args).expect(64)
    tap.contains(berth.run("bundle", "create", "a", "conf/berth.yaml").expect(65).err, "size")
    tap.equal(os.path.exists(berth.path("a")), False)


def test_images_of_servers(berth):
    """an image of a server that is not in the store is refused by name"""
    berth.write("berth.yaml", "images:\n- {name: debian, source: {server: 'https://images.test', alias: debian/12, protocol: simplestreams}}\n")
    told = berth.run("bundle", "create", "a").expect(1).err
    tap.contains(told, "image/debian")
    tap.contains(told, "fetch it first")
    berth.write("berth.yaml", "instances:\n- {name: web, source: {type: image, server: 'https://images.test', alias: debian/12, protocol: simplestreams}}\n")
    tap.contains(berth.run("bundle", "create", "a").expect(65).err, "instance/web")


def test_apply(berth):
    """apply is that of files: plan, dry run, set, variables; a second one changes nothing"""
    berth.write("conf/berth.yaml", FILE.replace("- {name: one, source: ./images/one.tar.gz}\n", ""))
    berth.write("conf/parts/profiles.yaml", PROFILES.replace("    environment.TOKEN: ${secret:env:BUNDLE_TOKEN}\n", ""))
    berth.write("conf/values.yaml", "size: 64MiB\n")
    create(berth)
    told = berth.run("bundle", "apply", "b.bundle", "--dry-run").expect(0)
    tap.contains(told.out, "profile/web")
    tap.contains(told.out, "berth.yaml")
    tap.contains(told.err, "nobody checked who made it")
    tap.equal(os.path.exists(berth.state), False, "state directory made")
    berth.run("bundle", "apply", "b.bundle", "-y", "--set", "site").expect(0)
    profile = json.loads(berth.run("get", "profile/web", "--format", "json").expect(0).out)
    profile = profile[0] if isinstance(profile, list) else profile
    tap.equal((profile["owner"], profile["spec"]["description"], profile["spec"]["config"]["limits.memory"]), ("file:site", "plain", "64MiB"))
    tap.contains(berth.run("bundle", "apply", "b.bundle", "-y", "--set", "site").expect(0).out, "Nothing to do")
    berth.run("bundle", "apply", "b.bundle", "-y", "--set", "site", "--var", "word=other").expect(0)
    tap.contains(berth.run("get", "profile/web", "--format", "json").expect(0).out, '"other"')
    berth.run("bundle", "apply", "b.bundle", "-y").expect(7)
    tap.equal(os.path.exists(os.path.join(berth.state, "cache")), False, "left behind")


def big_image(berth, path, size=24 << 20):
    """An image whose bytes nothing makes smaller."""
    content = image_archive.archive({"metadata.yaml": image_archive.METADATA, "rootfs": None, "rootfs/data": os.urandom(size)})
    image_archive.write(berth, path, content)
    return image_archive.digest(content)


def kill_when(process, is_so):
    """SIGKILL at the moment that something is so; whether it came to that."""
    while process.poll() is None:
        if is_so():
            process.kill()
            process.communicate()
            return process.returncode == -9
        time.sleep(0.002)
    process.communicate()
    return False


def test_killed(berth):
    """who is killed leaves nothing that the next start does not remove: neither in TMPDIR, nor beside the bundle, nor in the state directory"""
    fingerprint = big_image(berth, "one.tar.gz")
    berth.write("berth.yaml", "images:\n- {name: one, source: ./one.tar.gz}\n")
    os.makedirs(berth.path("tmp"))
    os.makedirs(berth.path("out"))
    env = {"TMPDIR": berth.path("tmp")}
    stages = lambda: [name for name in os.listdir(berth.path("tmp")) if name.startswith("berth-bundle-")]  # noqa: E731
    create_one = ("bundle", "create", "out/b.bundle", "berth.yaml")
    tap.equal(kill_when(berth.start(*create_one, env=env), stages), True)
    [left] = stages()
    tap.equal(os.listdir(berth.path("out")), [])
    # One that is still at work is let alone.
    other = os.open(os.path.join(berth.path("tmp"), left), os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    berth.run(*create_one, env=env).expect(0)
    tap.equal((stages(), os.listdir(berth.path("out"))), ([left], ["b.bundle"]))
    os.close(other)
    berth.run(*create_one, env=env).expect(0)
    tap.equal((stages(), os.listdir(berth.path("out"))), ([], ["b.bundle"]))

    place = os.path.join(berth.state, "cache", "bundle")
    part = os.path.join(place, "images", fingerprint)
    tap.equal(kill_when(berth.start("bundle", "apply", "-y", "out/b.bundle"), lambda: os.path.exists(part)), True)
    tap.equal(os.path.exists(place), True)
    berth.run("get").expect(0)
    tap.equal(os.path.exists(place), True, "who only reads removes nothing")
    berth.write("other.yaml", "profiles: [{name: a}]\n")
    berth.run("apply", "-y", "other.yaml").expect(0)
    tap.equal(os.path.exists(place), False)
    berth.run("bundle", "apply", "-y", "out/b.bundle").expect(0)
    tap.equal(os.path.exists(place), False)


def test_killed_where_files_have_names(berth):
    """where a file system has no files without names, whoever is killed leaves PATH as it was, and PATH.part to the next one"""
    if not shutil.which("strace"):
        raise tap.Skip("strace is not installed")
    berth.write("berth.yaml", "profiles: [{name: a}]\n")
    os.makedirs(berth.path("out"))
    # The kernel refuses the file without a name: the folder itself is opened for nothing else.
    faults = ["strace", "-f", "-o", "/dev/null", "-P", "out", "-P", berth.path("out/b.bundle.part"), "-e", "trace=openat,fsync",
              "-e", "inject=openat:error=EOPNOTSUPP:when=1"]
    made = lambda: sorted(os.listdir(berth.path("out")))  # noqa: E731

    def content(name):
        with open(berth.path(name), "rb") as file:
            return file.read()

    def bundle_create(*more):
        return subprocess.run([*faults, *more, berth.program, "bundle", "create", "out/b.bundle", "berth.yaml"], cwd=berth.work, text=True,
                              env=berth.environment({"ASAN_OPTIONS": "detect_leaks=0"}), capture_output=True, check=False)

    for before in ([], ["b.bundle"]):
        whole = content("out/b.bundle") if before else None
        killed = bundle_create("-e", "inject=fsync:signal=KILL")
        tap.equal((killed.returncode, made()), (-signal.SIGKILL, [*before, "b.bundle.part"]), killed.stderr)
        if before:
            tap.equal(content("out/b.bundle"), whole)
        # One that is still at work is let alone.
        with open(berth.path("out/b.bundle.part"), "rb") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            busy = bundle_create()
            tap.equal((busy.returncode, made()), (1, [*before, "b.bundle.part"]), busy.stderr)
            tap.contains(busy.stderr, "b.bundle.part")
        done = bundle_create()
        tap.equal((done.returncode, made()), (0, ["b.bundle"]), done.stderr)
        tap.contains(berth.run("bundle", "verify", "out/b.bundle").expect(0).out, "OK:")


def test_parsed_in_the_sandbox(berth):
    """a bundle is parsed by the helper in its sandbox alone, also for who is not root; the command itself reads no archive"""
    scene(berth)
    create(berth)
    os.makedirs(berth.path("nothing"))
    tap.contains(berth.run("bundle", "verify", "b.bundle", env={"BERTH_LIBEXEC": berth.path("nothing")}).err, "berth-unpack")
    helpers = os.path.join(os.path.dirname(os.path.dirname(berth.program)), "helpers")
    trace = berth.path("trace")
    done = subprocess.run(["strace", "-f", "-o", trace, "-e", "trace=execve,seccomp,unshare,prctl", berth.program, "bundle", "verify", "b.bundle"],
                          cwd=berth.work, env=berth.environment({"BERTH_LIBEXEC": helpers, "ASAN_OPTIONS": "detect_leaks=0"}), text=True,
                          capture_output=True, check=False) if shutil.which("strace") else None
    if done is not None:
        tap.equal(done.returncode, 0, done.stderr)
        calls = berth.read("trace")
        for word in ("berth-unpack", "CLONE_NEWNET", "CLONE_NEWPID", "PR_SET_NO_NEW_PRIVS"):
            tap.contains(calls, word)
    os.chmod(berth.path("b.bundle"), 0o644)
    if os.geteuid() == 0:
        done = subprocess.run([berth.program, "bundle", "verify", "b.bundle"], cwd=berth.work, env=berth.environment({"HOME": "/nonexistent"}),
                              user=65534, group=65534, extra_groups=[], text=True, capture_output=True, check=False)
        tap.equal((done.returncode, "OK:" in done.stdout), (0, True), done.stderr)


if __name__ == "__main__":
    tap.main(globals())
