#!/usr/bin/python3
"""terraform-provider-lxd#642: a project could not be destroyed, because an image was in it that nobody had declared."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon  # noqa: E402
from image_archive import METADATA, archive, unified, write  # noqa: E402
from image_server import Web, streams  # noqa: E402

NAME = host.NAME
LAB = f"lab{NAME}"


def state(source):
    return f"""
storage_pools: [{{name: data, driver: dir}}]
projects: [{{name: {LAB}, config: {{features.images: true, features.profiles: true}}}}]
instances:
- name: {NAME}-web
  project: {LAB}
  source: {source}
  profiles: []
  devices: {{root: {{type: disk, path: /, pool: data}}}}
"""


def images(berth):
    return berth.run("get", "image", "--project", LAB).expect(0).out


def test_a_project_goes_with_what_came_along(berth):
    """an image that an instance brought along from a server goes with its project (EN-23, IMG-085)"""
    web = Web(berth, streams(archive({"metadata.yaml": METADATA}, "w:xz"), archive({"etc": None}, "w:xz")))
    certificate = json.dumps(web.certificate)
    berth.write("berth.yaml", state(f"{{server: '{web.url}', protocol: simplestreams, alias: tiny, certificate: {certificate}}}"))
    berth.run("apply", "-y").expect(0)
    tap.equal(len(images(berth).splitlines()) > 1, True, "the image is not in the project")
    with Daemon(berth) as daemon:  # LXD's own clients are told what LXD tells them (PJ-10)
        daemon.lxc("delete", f"{NAME}-web", "--project", LAB).expect(0)
        tap.contains(daemon.lxc("project", "delete", LAB).expect(1).err, "image")
    berth.run("apply", "-y").expect(0)
    berth.run("destroy", "-y").expect(0)
    tap.absent(berth.run("get", "project").expect(0).out, LAB)
    web.stop()


def test_what_others_put_there_is_named(berth):
    """an image that somebody put into the project keeps it: the destroy names it before anything is done (EN-43, PJ-10)"""
    berth.write("berth.yaml", state("{type: none}"))
    berth.run("apply", "-y").expect(0)
    path = write(berth, "tiny.tar", unified("one"))
    with Daemon(berth) as daemon:
        daemon.lxc("image", "import", path, "--alias", "tiny", "--project", LAB).expect(0)
        failed = berth.run("destroy", "-y")
        tap.equal(failed.status in (1, 8, 65), True, f"exit {failed.status}")
        tap.contains(failed.err, "image/")
        tap.contains(berth.run("get", "instance", "--project", LAB).expect(0).out, f"{NAME}-web")


if __name__ == "__main__":
    host.main(globals())
