"""image import, export, copy, alias, info, edit, delete."""
import os
import subprocess
import tarfile

import tap
from steps import Host, Lxc


def files(at):
    """what the image store holds"""
    folder = os.path.join(at.server.berth.state, "images")
    return sorted(name for name in os.listdir(folder) if not name.endswith(".rootfs")) if os.path.isdir(folder) else []


def exported(at):
    """what was exported is what was imported"""
    name = next(name for name in os.listdir(at.words["dir"]) if name.startswith("out"))
    with open(at.path(name), "rb") as one, open(at.words["image"], "rb") as other:
        tap.equal(one.read() == other.read(), True)


def make_split(at):
    """an image of two files, its metadata and its root"""
    with tarfile.open(at.words["image"]) as archive:
        archive.extractall(at.path("whole"))
    subprocess.run(["tar", "-C", at.path("whole"), "-czf", at.path("meta.tar.gz"), "metadata.yaml"], check=True)
    subprocess.run(["tar", "-C", at.path("whole/rootfs"), "-czf", at.path("root.tar.gz"), "."], check=True)


IMAGES = [
    Lxc("lxc image list -f csv", exactly=""),
    Lxc("lxc image import {image} --alias small os=Test release=one", keep={"image_fingerprint": r"fingerprint: ([0-9a-f]{64})"}),
    Host("the store has the file", lambda at: tap.equal(files(at), [at.words["image_fingerprint"]])),
    Lxc("lxc image import {image} --alias again", fails="already exists"),
    Lxc("lxc image import /nosuch/file", fails="no such file"),
    Lxc("lxc image list -f csv -c lfpdatsu", shows="small,"),
    Lxc("lxc image list -f json", shows='"release":"one"'),
    Lxc("lxc image list os=Test -f csv -c l", exactly="small"),
    Lxc("lxc image list nosuch -f csv", exactly=""),
    Lxc("lxc image info small", shows=["Fingerprint: {image_fingerprint}", "os: Test", "Public: no", "- small"]),
    Lxc("lxc image info nosuch", fails="not found"),
    Lxc("lxc image show small", shows=["public: false", "release: one"]),
    Lxc("lxc image get-property small release", exactly="one"),
    Lxc("lxc image set-property small release two"),
    Lxc("lxc image get-property small release", exactly="two"),
    Lxc("lxc image unset-property small release"),
    Lxc("lxc image edit small", stdin="public: true\nauto_update: false\nproperties:\n  os: Edited\n"),
    Lxc("lxc image show small", shows=["public: true", "os: Edited"]),
    Lxc("lxc image alias list -f csv", shows="small,"),
    Lxc("lxc image alias create tiny {image_fingerprint}"),
    Lxc("lxc image alias create tiny {image_fingerprint}", fails="already exists"),
    Lxc("lxc image alias create none " + "0" * 64, fails="not found"),
    Lxc("lxc image alias rename tiny little"),
    Lxc("lxc image alias list little -f csv", shows="little"),
    Lxc("lxc image alias delete little"),
    Lxc("lxc image alias delete little", fails="not found"),
    Lxc("lxc image export small {dir}/out", shows="Image exported successfully"),
    Host("the file that came back is the file that went in", exported),
    Lxc("lxc project create other"),
    Lxc("lxc image copy small local: --target-project other", fails="isn't listening on the network"),
    Lxc("lxc config set core.https_address 127.0.0.1:8443"),
    Lxc("lxc image copy small local: --target-project other --copy-aliases", shows="Image copied successfully"),
    Lxc("lxc image list --project other -f csv -c l", exactly="small"),
    Lxc("lxc image delete small --project other"),
    Host("the file of the other project stays", lambda at: tap.equal(files(at), [at.words["image_fingerprint"]])),
    Lxc("lxc project delete other"),
    Host("an image of two files is made", make_split),
    Lxc("lxc image import {dir}/meta.tar.gz {dir}/root.tar.gz --alias split --public",
        keep={"split_fingerprint": r"fingerprint: ([0-9a-f]{64})"}),
    Lxc("lxc image info split", shows=["Public: yes", "- split"]),
    Lxc("lxc image export split {dir}/", shows="Image exported successfully"),
    Host("two files came back", lambda at: tap.equal(len([name for name in os.listdir(at.words["dir"])
                                                          if at.words["split_fingerprint"] in name]), 2)),
    Lxc("lxc image delete small split", shows=""),
    Host("the store is empty", lambda at: tap.equal(files(at), [])),
    Lxc("lxc image delete small", fails="not found"),
    Lxc("lxc image list -f csv", exactly=""),
]

GROUPS = {"images": IMAGES}
