#!/usr/bin/python3
"""What `meson install` makes is complete: it works where the build folder is not."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon  # noqa: E402

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
STATE = f"""\
storage_pools: [{{name: p, driver: dir}}]
images: [{{name: box, source: builtin:busybox}}]
profiles: [{{name: default, devices: {{root: {{type: disk, path: /, pool: p}}}}}}]
instances: [{{name: {host.NAME}, image: box, state: running}}]
"""


def install(berth):
    """Installs below a folder of this test's and shows that as /usr/local and the units' folder; hides the build. The prefix of the build is /usr/local."""
    build, parts = os.environ["BUILD"], berth.path("parts")
    subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--destdir", parts], check=True, capture_output=True, text=True)
    local = os.path.join(parts, "usr/local")
    tap.equal(os.path.isdir(local), True, local)
    subprocess.run(["mount", "--bind", local, "/usr/local"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", build], check=True)
    return parts


def test_install(berth):
    """an installed berth runs containers, with and without the daemon; manual, completion, schemas and units are there"""
    parts = install(berth)
    berth.program, os.environ["BERTHD"] = "/usr/local/bin/berth", "/usr/local/bin/berthd"
    berth.write("a.yaml", STATE)
    berth.run("apply", "-y", "a.yaml").expect(0)
    tap.equal(berth.run("exec", host.NAME, "--", "hostname").expect(0).out.strip(), host.NAME)
    with Daemon(berth) as daemon:
        tap.equal(daemon.ask("GET", "/1.0/instances").expect(200).metadata, [f"/1.0/instances/{host.NAME}"])
        tap.equal(berth.run("exec", host.NAME, "--", "hostname").expect(0).out.strip(), host.NAME)
    berth.run("destroy", "--all", "-y").expect(0)

    def content(path):
        with open(path, encoding="utf-8") as file:
            return file.read()

    share = "/usr/local/share"
    tap.contains(content(f"{share}/man/man1/berth.1"), ".TH")
    tap.equal(content(f"{share}/bash-completion/completions/berth"), berth.run("completion", "bash").expect(0).out)
    tap.equal(content(f"{share}/zsh/site-functions/_berth"), berth.run("completion", "zsh").expect(0).out)
    for name in filter(lambda name: name.endswith(".json"), os.listdir(os.path.join(SOURCE, "schemas"))):
        tap.equal(content(f"{share}/berth/schemas/{name}"), content(os.path.join(SOURCE, "schemas", name)), name)
    tap.equal(sorted(os.listdir(f"{share}/berth/schemas")), sorted(n for n in os.listdir(os.path.join(SOURCE, "schemas")) if n.endswith(".json")))
    found = [os.path.join(folder, name) for folder, _, names in os.walk(parts) for name in names if name.endswith((".service", ".socket", ".timer"))]
    for name in ("berthd.service", "berthd.socket"):
        tap.equal([os.path.basename(path) for path in found].count(name), 1, name)
    for path in found:
        for line in content(path).splitlines():
            if line.startswith("Exec"):
                program = line.split("=", 1)[1].split()[0].lstrip("-:+!@")
                tap.equal(os.access(program, os.X_OK), True, f"{path}: {line}")


if __name__ == "__main__":
    host.main(globals())
