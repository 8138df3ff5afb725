#!/usr/bin/python3
"""Scripts of commands of Debian's lxc, and looks at the host between them, on one server: berthd, or the real LXD in its place.

Each group runs in namespaces of its own on a new server. A group goes on after a step that failed, so that all differences are seen.
usage: test_clients.py berthd|lxd [GROUP...]; needs root"""
import json
import os
import shutil
import subprocess
import sys
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import group_images  # noqa: E402
import group_instances  # noqa: E402
import group_objects  # noqa: E402
import group_server  # noqa: E402
import host  # noqa: E402
import tap  # noqa: E402
from lxd import SERVERS  # noqa: E402
from steps import At, Lxc, Watched  # noqa: E402

GROUPS = {**group_server.GROUPS, **group_objects.GROUPS, **group_images.GROUPS, **group_instances.GROUPS}
MAKE_IMAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib", "make_image.py")


def run_group(server_name, group):
    """One JSON line a step: its failure, or null."""
    host.prepare_namespaces()
    if shutil.which("lxc") is None:
        print("the client lxc is not installed (package lxd-client)")
        sys.exit(host.SKIPPED)
    try:
        with tap.Berth() as berth, SERVERS[server_name](berth) as server:
            os.mkdir(berth.path("dir"))
            subprocess.run([sys.executable, MAKE_IMAGE, berth.path("small.tar.gz")], check=True)
            at = At(server, {"c": host.NAME, "image": berth.path("small.tar.gz"), "dir": berth.path("dir")})
            for step in GROUPS[group]:
                print(json.dumps(outcome(step, at)), flush=True)
            host.thaw()
    except tap.Skip as reason:
        print(reason)
        sys.exit(host.SKIPPED)
    sys.exit(0)


def outcome(step, at):
    try:
        step.run(at)
    except Exception:  # a step may fail in any way
        return traceback.format_exc(limit=-2)
    return None


def commands_of(step):
    return 1 if isinstance(step, Lxc) else 1 + len(step.commands) if isinstance(step, Watched) else 0


def main():
    server, *wanted = sys.argv[1:]
    if os.environ.get(host.INSIDE):
        run_group(server, os.environ[host.INSIDE])
    if os.geteuid() != 0:
        print("1..0 # SKIP needs root")
        return
    groups = {name: steps for name, steps in GROUPS.items() if not wanted or name in wanted}
    print(f"1..{sum(map(len, groups.values()))}", flush=True)
    number = failed = 0
    for group, steps in groups.items():
        status, text = host.run_outside([os.path.abspath(__file__), server], group)
        results = [json.loads(line) for line in text.splitlines() if line == "null" or line.startswith('"')]
        for i, step in enumerate(steps):
            number += 1
            skip = f" # SKIP {text.strip()}" if status == host.SKIPPED else ""
            problem = None if skip else results[i] if i < len(results) else f"the group ended before:\n{text}"
            failed += problem is not None
            title = f"{group}: {step.title}".replace("#", "").replace("\n", " ")
            reason = f" (differs from LXD: {step.why})" if step.why else ""
            print(f"{'ok' if problem is None else 'not ok'} {number} - {title}{reason}{skip}")
            if problem is not None:
                tap.diagnose(problem)
        if status not in (0, host.SKIPPED) and len(results) == len(steps):
            tap.diagnose(f"{group}: {text}")
            failed += 1
        sys.stdout.flush()
    commands = sum(commands_of(step) for steps in groups.values() for step in steps)
    print(f"# {server}: {commands} commands, {number - commands} looks at the host, {failed} failed")
    sys.exit(1 if failed else 0)


main()
