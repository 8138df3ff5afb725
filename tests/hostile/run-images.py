#!/usr/bin/python3
"""Feeds hostile image tarballs to check-image: each must be refused with a clear error, or give a safe result; nothing outside the
state directory may change, and after a refusal nothing may be left in it. Speaks TAP; needs root.

    run-images.py CHECK-IMAGE
"""

import bz2
import gzip
import io
import lzma
import os
import resource
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile

METADATA = b"architecture: x86_64\ncreation_date: 1700000000\n"
SECONDS = 60


class Tar:
    """A tarball, member by member, with no regard for what is sensible."""

    def __init__(self, metadata=METADATA, root=True, form=tarfile.PAX_FORMAT):
        self.file = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.file, mode="w", format=form)
        if metadata is not None:
            self.add("metadata.yaml", metadata)
        if root:
            self.folder("rootfs")

    def info(self, name, kind, **more):
        member = tarfile.TarInfo(name)
        member.type = kind
        member.mode = 0o755
        for key, value in more.items():
            setattr(member, key, value)
        return member

    def add(self, name, data=b"", **more):
        self.tar.addfile(self.info(name, tarfile.REGTYPE, size=len(data), **more), io.BytesIO(data))
        return self

    def folder(self, name, **more):
        self.tar.addfile(self.info(name, tarfile.DIRTYPE, **more))
        return self

    def link(self, name, target):
        self.tar.addfile(self.info(name, tarfile.SYMTYPE, linkname=target))
        return self

    def hard(self, name, target):
        self.tar.addfile(self.info(name, tarfile.LNKTYPE, linkname=target))
        return self

    def node(self, name, kind, major=1, minor=3, **more):
        self.tar.addfile(self.info(name, kind, devmajor=major, devminor=minor, **more))
        return self

    def bytes(self):
        self.tar.close()
        return self.file.getvalue()


def header(name, size, kind=b"0"):
    """A raw ustar header, for what tarfile would not write. `size` is the bytes of the size field."""
    block = bytearray(512)
    block[0:len(name)] = name
    block[100:108] = b"0000644\0"
    block[108:116] = block[116:124] = b"0000000\0"
    block[124:136] = size.ljust(12, b"\0")
    block[136:148] = b"00000000000\0"
    block[156:157] = kind
    block[257:265] = b"ustar\x0000"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def bomb(megabytes, compress):
    """Zeros in a file of the root, compressed as they are made."""
    head = Tar()
    member = head.info("rootfs/zeros", tarfile.REGTYPE, size=megabytes << 20)
    start = head.file.getvalue()
    start += member.tobuf(tarfile.PAX_FORMAT)
    if compress == "gz":
        out = io.BytesIO()
        with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=6) as stream:
            stream.write(start)
            for _ in range(megabytes):
                stream.write(bytes(1 << 20))
            stream.write(bytes(1024))
        return out.getvalue()
    packer = lzma.LZMACompressor(preset=1) if compress == "xz" else bz2.BZ2Compressor(1)
    parts = [packer.compress(start)]
    parts += [packer.compress(bytes(1 << 20)) for _ in range(megabytes)]
    parts += [packer.compress(bytes(1024)), packer.flush()]
    return b"".join(parts)


def many_entries(count):
    tar = Tar()
    one = [tar.info("rootfs/%07d" % i, tarfile.REGTYPE).tobuf(tarfile.USTAR_FORMAT) for i in range(count)]
    return lzma.compress(tar.file.getvalue() + b"".join(one) + bytes(1024), preset=0)


def hidden_bomb(megabytes):
    """Zeros in a member that is no part of the image, before everything else."""
    member = tarfile.TarInfo("other/zeros")
    member.size = megabytes << 20
    packer = lzma.LZMACompressor(preset=1)
    parts = [packer.compress(member.tobuf())]
    parts += [packer.compress(bytes(1 << 20)) for _ in range(megabytes)]
    parts += [packer.compress(Tar().bytes()), packer.flush()]
    return b"".join(parts)


def good():
    return Tar().add("rootfs/etc/file", b"x" * 5000).link("rootfs/sh", "/bin/sh").bytes()


def yaml(text):
    return Tar(metadata=text).bytes()


# Outside of everything that berth may touch; one of its own for each run.
CANARY = "/var/tmp/berth-canary-%d" % os.getpid()

# name -> (bytes or (bytes, bytes of a split root), text of the error; None: it is accepted, and the volume is looked at by the function)
def cases():
    yield "dotdot", Tar().add("rootfs/../../../.." + CANARY + "/new", b"x").bytes(), "leads out of the image"
    yield "dotdot-top", Tar().add("../new", b"x").bytes(), "leads out of the image"
    yield "dotdot-end", Tar().folder("rootfs/a/..").bytes(), "leads out of the image"
    yield "dotdot-split", (Tar(root=False).bytes(), Tar(metadata=None, root=False).add("../new", b"x").bytes()), "leads out of the image"
    yield "absolute", Tar().add(CANARY + "/new", b"x").bytes(), "is absolute"
    yield "absolute-split", (Tar(root=False).bytes(), Tar(metadata=None, root=False).add(CANARY + "/new", b"x").bytes()), "is absolute"
    yield "double-slash", Tar().add("/" + CANARY + "/new", b"x").bytes(), "is absolute"
    yield "symlink-write", Tar().link("rootfs/out", CANARY).add("rootfs/out/new", b"x").bytes(), "symlink"
    yield "symlink-relative-write", Tar().link("rootfs/out", "../../../../../../../.." + CANARY).add("rootfs/out/new", b"x").bytes(), "symlink"
    yield "symlink-chain", Tar().link("rootfs/a", "b").link("rootfs/b", CANARY).add("rootfs/a/new", b"x").bytes(), "symlink"
    yield "symlink-root", Tar(root=False).link("rootfs", CANARY).add("rootfs/new", b"x").bytes(), "not a directory"
    yield "symlink-root-later", Tar().link("rootfs", CANARY).bytes(), "not a directory"
    yield "symlink-metadata", Tar(metadata=None).link("metadata.yaml", "/etc/passwd").bytes(), "not a plain file"
    yield "symlink-templates", Tar().link("templates", "/etc").bytes(), "not a plain file"
    yield "symlink-template", Tar().folder("templates").link("templates/x.tpl", "/etc/shadow").bytes(), "not a plain file"
    yield "hardlink-out", Tar().hard("rootfs/h", "../../../../../.." + CANARY + "/precious").bytes(), "leads out"
    yield "hardlink-absolute", Tar().hard("rootfs/h", CANARY + "/precious").bytes(), "absolute"
    yield "hardlink-metadata", Tar().hard("rootfs/h", "metadata.yaml").bytes(), "leads out of rootfs"
    yield "hardlink-through-symlink", Tar().link("rootfs/out", CANARY).hard("rootfs/h", "rootfs/out/precious").bytes(), "symlink"
    yield "hardlink-to-nothing", Tar().hard("rootfs/h", "rootfs/missing").bytes(), "rootfs/h"
    yield "hardlink-as-metadata", Tar(metadata=None).add("rootfs/m", METADATA).hard("metadata.yaml", "rootfs/m").bytes(), "metadata.yaml"
    yield "huge-sparse", Tar(root=False).bytes()[:-1024][:1024] + header(b"rootfs/big", b"77777777777") + bytes(1024), "limit"
    yield "huge-size-base256", Tar().file.getvalue() + header(b"rootfs/big", b"\x80" + b"\0" * 3 + b"\x7f" + b"\xff" * 7) + bytes(1024), ""
    yield "negative-size", Tar().file.getvalue() + header(b"rootfs/big", b"\xff" * 12) + bytes(1024), ""
    yield "bomb-gz", bomb(900, "gz"), "more than the limit"
    yield "bomb-xz", bomb(900, "xz"), "more than the limit"
    yield "bomb-bz2", bomb(900, "bz2"), "more than the limit"
    yield "bomb-hidden", hidden_bomb(900), "more than the limit"
    yield "many-entries", many_entries(80000), "entries"
    yield "truncated-plain", good()[:3000], "damaged"
    yield "truncated-gz", gzip.compress(good() + os.urandom(100000))[:-40000][:2000], "truncated gzip"
    yield "truncated-gz-head", gzip.compress(good())[:5], ""
    yield "truncated-xz", lzma.compress(Tar().add("rootfs/x", os.urandom(100000)).bytes())[:50000], "Lzma library error"
    yield "truncated-bz2", bz2.compress(Tar().add("rootfs/x", os.urandom(2000000)).bytes())[:1500000], "damaged"
    yield "truncated-header", good()[:700], "damaged"
    yield "flipped-gz", bytes(b ^ (0x55 if 60 < i < 90 else 0) for i, b in enumerate(gzip.compress(good() + os.urandom(4000)))), ""
    yield "garbage", os.urandom(100000), "not a tarball"
    yield "empty", b"", ""
    yield "zeros", bytes(20480), "no metadata.yaml"
    yield "text", b"#!/bin/sh\necho hello\n" * 100, "not a tarball"
    yield "zip", b"PK\x03\x04" + os.urandom(1000), "not a tarball"
    yield "qcow2", b"QFI\xfb" + bytes(4096), "virtual machine"
    yield "squashfs-unified", b"hsqs" + bytes(4096), "squashfs"
    yield "squashfs-root-damaged", (Tar(root=False).bytes(), b"hsqs" + os.urandom(8192)), "squashfs"
    yield "vm", Tar(root=False).add("rootfs.img", b"x").bytes(), "virtual machine"
    yield "no-metadata", Tar(metadata=None).bytes(), "no metadata.yaml"
    yield "no-root", Tar(root=False).bytes(), "no rootfs"
    yield "root-is-file", Tar(root=False).add("rootfs", b"x").bytes(), "not a directory"
    yield "metadata-is-folder", Tar(metadata=None).folder("metadata.yaml").bytes(), "no metadata.yaml"
    yield "metadata-is-fifo", Tar(metadata=None).node("metadata.yaml", tarfile.FIFOTYPE).bytes(), "not a plain file"
    yield "metadata-is-device", Tar(metadata=None).node("metadata.yaml", tarfile.CHRTYPE).bytes(), "not a plain file"
    yield "metadata-large", yaml(METADATA + b"#" + b"x" * (2 << 20)), "larger than"
    yield "metadata-bad-utf8", yaml(METADATA + b"properties: {os: \"\xff\xfe\"}\n"), "UTF-8"
    yield "metadata-nul", yaml(METADATA + b"\0"), ""
    yield "metadata-list", yaml(b"- 1\n"), "not a map"
    yield "metadata-empty", yaml(b""), ""
    yield "metadata-syntax", yaml(b"architecture: [x\n"), "metadata.yaml"
    yield "metadata-bomb", yaml(METADATA + b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
        b"%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n" % ((i + 1, i + 1) + (i,) * 8) for i in range(97, 110))), ""
    yield "architecture-missing", yaml(b"creation_date: 1\n"), "architecture is missing"
    yield "architecture-unknown", yaml(b"architecture: pdp11\ncreation_date: 1\n"), "pdp11"
    yield "architecture-list", yaml(b"architecture: [x86_64]\ncreation_date: 1\n"), "architecture"
    yield "date-missing", yaml(b"architecture: x86_64\n"), "creation_date is missing"
    yield "date-zero", yaml(b"architecture: x86_64\ncreation_date: 0\n"), "creation_date is 0"
    yield "date-text", yaml(b"architecture: x86_64\ncreation_date: yesterday\n"), "not a number"
    yield "date-huge", yaml(b"architecture: x86_64\ncreation_date: 99999999999999999999\n"), "not a number"
    yield "date-negative", yaml(b"architecture: x86_64\ncreation_date: -5\n"), "not a number"
    yield "properties-list", yaml(METADATA + b"properties: [a]\n"), "properties"
    yield "properties-nested", yaml(METADATA + b"properties: {os: {a: b}}\n"), "properties.os"
    yield "templates-text", yaml(METADATA + b"templates: x\n"), "templates"
    yield "template-outside", yaml(METADATA + b"templates: {/../etc/x: {when: [create], template: x}}\n"), "inside the instance"
    yield "template-relative", yaml(METADATA + b"templates: {etc/x: {when: [create], template: x}}\n"), "inside the instance"
    yield "template-path", yaml(METADATA + b"templates: {/x: {when: [create], template: ../x}}\n"), "template"
    yield "template-when", yaml(METADATA + b"templates: {/x: {when: [never], template: x}}\n"), "when"
    yield "long-name", Tar().add("rootfs/" + "n" * (1 << 20), b"x").bytes(), "too large"
    yield "long-path", Tar().add("rootfs/" + "n" * 5000, b"x").bytes(), "too long"
    yield "long-component", Tar().add("rootfs/" + "n" * 300, b"x").bytes(), "too long"
    yield "long-link", Tar().hard("rootfs/h", "rootfs/" + "n" * (1 << 20)).bytes(), "too large"
    yield "deep", Tar().add("rootfs/" + "d/" * 500 + "x", b"x").bytes(), "deep"
    yield "empty-name", Tar().file.getvalue() + header(b"", b"00000000000\0") + bytes(1024), ""
    yield "acl-without-number", Tar().add("rootfs/x", b"x", pax_headers={"SCHILY.acl.access": "user::rw-,user:nobodyknows:r--,group::r--,mask::r--,other::r--"}).bytes(), "without a number"
    yield "under-a-file", Tar().add("rootfs/f", b"x").add("rootfs/f/g", b"y").bytes(), ""

    yield "devices", Tar().node("rootfs/sda", tarfile.BLKTYPE, 8, 0, mode=0o666).node("rootfs/null", tarfile.CHRTYPE).bytes(), no_devices
    yield "setuid", Tar().add("rootfs/su", b"x", mode=0o6755).bytes(), setuid_is_sheltered
    yield "fifo", Tar().node("rootfs/fifo", tarfile.FIFOTYPE).bytes(), has_fifo
    yield "symlink-kept", Tar().link("rootfs/out", CANARY).bytes(), has_link
    yield "bad-utf8-name", Tar(form=tarfile.GNU_FORMAT).add("rootfs/\udcff\udcfe", b"x").bytes(), anything
    yield "newline-name", Tar().add("rootfs/a\nb", b"x").bytes(), anything
    yield "duplicate", Tar().add("rootfs/x", b"first").add("rootfs/x", b"second").bytes(), has_second
    yield "file-then-folder", Tar().add("rootfs/x", b"first").folder("rootfs/x").bytes(), anything
    yield "folder-then-file", Tar().folder("rootfs/x").add("rootfs/x", b"second").bytes(), anything
    yield "symlink-then-file", Tar().link("rootfs/x", CANARY + "/precious").add("rootfs/x", b"second").bytes(), has_second
    yield "symlink-then-folder", Tar().link("rootfs/x", CANARY).folder("rootfs/x", mode=0o777).bytes(), anything
    yield "trusted-xattrs", Tar().add("rootfs/x", b"second", pax_headers={"SCHILY.xattr.trusted.overlay.opaque": "y", "SCHILY.xattr.security.selinux": "x", "SCHILY.xattr.user.berth": "{}"}).bytes(), no_foreign_xattrs
    yield "other-members", Tar().add("other/x", b"x").add("rootfs.txt", b"x").bytes(), no_others
    yield "unsearchable-root", Tar(root=False).folder("rootfs", mode=0).add("rootfs/x", b"second").bytes(), has_second


def no_devices(volume):
    return not os.listdir(volume + "/rootfs")


def setuid_is_sheltered(volume):
    mode = stat.S_IMODE(os.stat(volume).st_mode)
    return mode == 0o700 and stat.S_IMODE(os.stat(volume + "/rootfs/su").st_mode) == 0o6755


def has_fifo(volume):
    return stat.S_ISFIFO(os.lstat(volume + "/rootfs/fifo").st_mode)


def has_link(volume):
    return os.readlink(volume + "/rootfs/out") == CANARY


def has_second(volume):
    with open(volume + "/rootfs/x", "rb") as file:
        return file.read() == b"second" and not os.path.islink(volume + "/rootfs/x")


def no_foreign_xattrs(volume):
    return os.listxattr(volume + "/rootfs/x") == []


def no_others(volume):
    return sorted(os.listdir(volume)) == ["metadata.yaml", "rootfs"]


def anything(volume):
    return True


def listing(folder):
    """All that is below a folder, with what must not change."""
    found = []
    for path, folders, files in os.walk(folder):
        for name in folders + files:
            full = os.path.join(path, name)
            info = os.lstat(full)
            found.append((full, info.st_mode, info.st_uid, info.st_nlink if not stat.S_ISDIR(info.st_mode) else 0, info.st_size, info.st_mtime_ns))
    return sorted(found)


def judge(program, top, content, wanted):
    """What is wrong with how one case was handled, or None."""
    state = os.path.join(top, "state")
    os.mkdir(state)
    os.mkdir(CANARY)
    with open(CANARY + "/precious", "w") as file:
        file.write("precious")
    arguments = [program, state]
    for number, part in enumerate(content if isinstance(content, tuple) else (content,)):
        path = os.path.join(top, "part%d" % number)
        with open(path, "wb") as file:
            file.write(part)
        arguments.append(path)
    before = listing(CANARY)
    done = subprocess.run(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=SECONDS, check=False)
    text = done.stderr.decode("utf-8", "replace")
    if "Sanitizer" in text or "runtime error" in text:
        return "a sanitizer complains: " + text
    if listing(CANARY) != before:
        return "something outside was changed"
    if callable(wanted):
        if done.returncode != 0:
            return "refused: " + text
        return None if wanted(done.stdout.decode().strip()) else "the result is not as it must be"
    if done.returncode != 1:
        return "exit %d: %s" % (done.returncode, text)
    if wanted not in text or not text.strip() or "undo failed" in text:
        return "the error is: " + text
    if len(text) > 2000:
        return "an error of %d bytes" % len(text)
    if listing(state):
        return "left behind: %s" % listing(state)[:3]
    return None


def roomy(folder):
    """Memory is quicker than a disk, where there is enough of it."""
    try:
        room = os.statvfs(folder)
    except OSError:
        return False
    return room.f_bavail * room.f_frsize > 4 << 30


def main():
    if os.geteuid() != 0:
        print("1..0 # SKIP needs root")
        return 0
    number = failed = 0
    place = "/dev/shm" if roomy("/dev/shm") else "/var/tmp"
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name, content, wanted in cases():
        top = tempfile.mkdtemp(prefix="berth-hostile-", dir=place)
        shutil.rmtree(CANARY, ignore_errors=True)
        try:
            wrong = judge(sys.argv[1], top, content, wanted)
        except subprocess.TimeoutExpired:
            wrong = "took more than %d s" % SECONDS
        finally:
            shutil.rmtree(top, ignore_errors=True)
            shutil.rmtree(CANARY, ignore_errors=True)
        number += 1
        failed += wrong is not None
        print("%sok %d - %s" % ("not " if wrong else "", number, name))
        if wrong:
            print("# " + wrong.strip().replace("\n", "\n# ")[:1500])
        sys.stdout.flush()
    print("1..%d" % number)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
