#!/usr/bin/env python3
"""Makes a small unified image for tests: busybox with an init that ends on SIGPWR.

usage: make_image.py FILE.tar[.gz|.xz|.bz2] [DESCRIPTION]"""
import io
import sys
import tarfile

INIT = b"""#!/bin/busybox sh
trap 'exit 0' PWR
while :; do
    /bin/busybox sleep 1 &
    wait $!
done
"""


def add(tar, name, content=None, mode=0o644, link=None):
    info = tarfile.TarInfo(name)
    info.mode = mode
    if link is not None:
        info.type, info.linkname = tarfile.SYMTYPE, link
    elif content is None:
        info.type = tarfile.DIRTYPE
    else:
        info.size = len(content)
    tar.addfile(info, io.BytesIO(content) if content else None)


def main():
    path = sys.argv[1]
    description = sys.argv[2] if len(sys.argv) > 2 else "test image"
    suffix = path.rsplit(".", 1)[-1]
    with open("/bin/busybox", "rb") as file:
        busybox = file.read()
    with tarfile.open(path, "w:" + (suffix if suffix in ("gz", "xz", "bz2") else "")) as tar:
        add(tar, "metadata.yaml", ("architecture: x86_64\ncreation_date: 1\nproperties:\n  description: %s\n" % description).encode())
        for folder in ("bin", "sbin", "dev", "proc", "sys", "etc", "tmp", "mnt", "root"):
            add(tar, "rootfs/" + folder, mode=0o755)
        add(tar, "rootfs/bin/busybox", busybox, 0o755)
        add(tar, "rootfs/bin/sh", link="busybox")
        add(tar, "rootfs/sbin/init", INIT, 0o755)


if __name__ == "__main__":
    main()
