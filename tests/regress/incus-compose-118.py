#!/usr/bin/python3
"""incus-compose#118: a newer image was fetched, and what ran stayed on the old one without a word."""
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from gitrepo import Repository  # noqa: E402
from image_archive import unified, write  # noqa: E402

NAME = f"{host.NAME}-web"
STATE = f"""
storage_pools: [{{name: data, driver: dir}}]
images: [{{name: tiny, source: {{file: ./tiny.tar}}}}]
instances:
- name: {NAME}
  image: tiny
  profiles: []
  devices: {{root: {{type: disk, path: /, pool: data}}}}
"""


def text(berth):
    with open(os.path.join(berth.state, "containers", NAME, "rootfs", "etc", "text"), encoding="utf-8") as file:
        return file.read()


def test_newer_image_is_told_and_taken(berth):
    """an image that changes names what stays on the old one; --new-image makes it anew; nothing is rebuilt unasked (EN-09, EN-22)"""
    berth.write("berth.yaml", STATE)
    shutil.copy(write(berth, "one", unified("one")), berth.path("tiny.tar"))
    berth.run("apply", "-y").expect(0)

    shutil.copy(write(berth, "two", unified("two")), berth.path("tiny.tar"))
    said = f"instance/{NAME}: it stays on image"
    tap.contains(berth.run("plan").expect(0).out, said)
    tap.contains(berth.run("apply", "-y").expect(0).out, said)
    tap.equal(text(berth), "one")
    # Who asks is told again; who does not is not told each time.
    tap.absent(berth.run("plan", "--detailed-exitcode").expect(0).out, said)
    tap.contains(berth.run("plan", "--refresh", "--detailed-exitcode").expect(0).out, said)
    plan = berth.run("plan", "--new-image", f"instance/{NAME}", "--detailed-exitcode").expect(2).out
    tap.contains(plan, "rebuild")
    berth.run("apply", "-y", "--new-image", f"instance/{NAME}", "--allow-replace", "all").expect(0)
    tap.equal(text(berth), "two")
    tap.contains(berth.run("apply", "-y", "--new-image", "all", "--refresh").expect(0).out, "Nothing to do")


def test_a_source_takes_it(berth):
    """a source with new_image and allow_replace makes what it declares anew when the image in its repository changes; without, it tells"""
    repo = Repository(berth)

    def commit(content):
        write(berth, "image", unified(content))
        shutil.copy(berth.path("image"), os.path.join(repo.work, "tiny.tar"))
        repo.commit({"state.yaml": STATE})

    commit("one")
    source = f"sources: [{{name: s, type: git, url: {repo.bare}}}]\n"
    berth.run("apply", "-y", "-f", berth.write("source.yaml", source)).expect(0)
    berth.run("source", "sync", "s").expect(0)
    commit("two")
    result = berth.run("source", "sync", "s").expect(0)
    tap.contains(result.out + result.err, f"instance/{NAME}: it stays on image")
    tap.equal(text(berth), "one")
    source = source.replace("}]", ", new_image: true, allow_replace: true}]")
    berth.run("apply", "-y", "-f", berth.write("source.yaml", source)).expect(0)
    commit("three")
    berth.run("source", "sync", "s").expect(0)
    tap.equal(text(berth), "three")


if __name__ == "__main__":
    host.main(globals())
