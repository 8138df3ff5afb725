#!/usr/bin/python3
"""Ansible's modules lxd_profile, lxd_project and lxd_container (package ansible) against the socket: what a playbook says is so
afterwards, and a second run reports no change."""
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon  # noqa: E402

NAME = host.NAME
STATE = """\
storage_pools: [{name: default, driver: dir}]
images: [{name: busybox, source: "builtin:busybox"}]
profiles: [{name: default, devices: {root: {type: disk, path: /, pool: default}}}]
"""


def task(module, **arguments):
    return {"name": f"{module} {arguments['name']} {arguments.get('state', '')}", f"community.general.{module}": arguments}


class Playbook:
    def __init__(self, berth, daemon):
        if shutil.which("ansible-playbook") is None:
            raise tap.Skip("ansible-playbook is not installed (package ansible)")
        self.berth = berth
        self.url = f"unix:{daemon.socket}"

    def run(self, *tasks):
        """how many tasks changed something; a task that fails fails the test"""
        for one in tasks:
            for key, arguments in one.items():
                if key != "name":
                    arguments["url"] = self.url
        play = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": list(tasks),
                 "vars": {"ansible_python_interpreter": sys.executable}}]
        path = self.berth.write("play.json", json.dumps(play))
        env = {**os.environ, "ANSIBLE_STDOUT_CALLBACK": "json", "HOME": self.berth.work, "ANSIBLE_LOCALHOST_WARNING": "False",
               "ANSIBLE_HOME": self.berth.path("ansible"), "LC_ALL": "C.UTF-8"}
        done = subprocess.run(["ansible-playbook", "-i", "localhost,", path], env=env, capture_output=True, text=True, timeout=200,
                              check=False)
        if done.returncode != 0:
            raise AssertionError(done.stdout[-6000:] + done.stderr)
        return json.loads(done.stdout[done.stdout.index("{"):])["stats"]["localhost"]["changed"]


def twice(playbook, *tasks):
    tap.equal(playbook.run(*tasks), len(tasks), "tasks that change something")
    tap.equal(playbook.run(*tasks), 0, "tasks that change something the second time")


def test_profile(berth):
    """lxd_profile: made, changed, renamed, removed"""
    with Daemon(berth) as daemon:
        playbook = Playbook(berth, daemon)
        twice(playbook, task("lxd_profile", name="web", state="present", description="by ansible", config={"limits.memory": "64MiB"},
                             devices={"shared": {"type": "disk", "source": "/tmp", "path": "/mnt"}}))
        profile = daemon.ask("GET", "/1.0/profiles/web").expect(200).metadata
        tap.equal((profile["config"], profile["description"]), ({"limits.memory": "64MiB"}, "by ansible"))
        twice(playbook, task("lxd_profile", name="web", state="present", config={"limits.memory": "32MiB"}, description="by ansible",
                             devices={}))
        tap.equal(daemon.ask("GET", "/1.0/profiles/web").metadata["config"]["limits.memory"], "32MiB")
        tap.equal(playbook.run(task("lxd_profile", name="web", new_name="shop", state="present", description="by ansible",
                                    config={"limits.memory": "32MiB"}, devices={})), 1)
        daemon.ask("GET", "/1.0/profiles/web").expect(404)
        twice(playbook, task("lxd_profile", name="shop", state="absent"))
        daemon.ask("GET", "/1.0/profiles/shop").expect(404)


def test_project(berth):
    """lxd_project: made, changed, renamed, removed"""
    with Daemon(berth) as daemon:
        playbook = Playbook(berth, daemon)
        config = {"features.images": "false", "features.profiles": "true", "features.storage.volumes": "true"}
        twice(playbook, task("lxd_project", name="blue", state="present", description="by ansible", config=config))
        tap.equal(daemon.ask("GET", "/1.0/projects/blue").expect(200).metadata["description"], "by ansible")
        twice(playbook, task("lxd_project", name="blue", state="present", description="changed", config=config))
        playbook.run(task("lxd_project", name="blue", new_name="green", state="present", description="changed", config=config))
        daemon.ask("GET", "/1.0/projects/blue").expect(404)
        twice(playbook, task("lxd_project", name="green", state="absent"))
        daemon.ask("GET", "/1.0/projects/green").expect(404)


def test_container(berth):
    """lxd_container: made and started, changed, frozen, stopped, restarted, removed"""
    berth.write("berth.yaml", STATE)
    berth.run("apply", "-y").expect(0)
    with Daemon(berth) as daemon:
        playbook = Playbook(berth, daemon)

        def container(state, **more):
            return task("lxd_container", name=NAME, state=state, profiles=["default"], source={"type": "image", "alias": "busybox"},
                        ignore_volatile_options=True, force_stop=True, **more)

        def status():
            return daemon.ask("GET", f"/1.0/instances/{NAME}").expect(200).metadata["status"]

        twice(playbook, container("started", config={"limits.memory": "64MiB"}))
        tap.equal(status(), "Running")
        twice(playbook, container("started", config={"limits.memory": "32MiB"}))
        tap.equal(daemon.ask("GET", f"/1.0/instances/{NAME}").metadata["config"]["limits.memory"], "32MiB")
        # The module freezes again what is frozen, which LXD refuses as well.
        tap.equal(playbook.run(container("frozen", config={"limits.memory": "32MiB"})), 1)
        tap.equal(status(), "Frozen")
        twice(playbook, container("started", config={"limits.memory": "32MiB"}))
        tap.equal(playbook.run(container("restarted", config={"limits.memory": "32MiB"})), 1)
        twice(playbook, container("stopped", config={"limits.memory": "32MiB"}))
        tap.equal(status(), "Stopped")
        twice(playbook, container("absent"))
        daemon.ask("GET", f"/1.0/instances/{NAME}").expect(404)


host.main(globals())
