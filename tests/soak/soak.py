#!/usr/bin/python3
"""soak.py [SECONDS]: a git repository with random good and bad commits, drift made by hand, and a daemon that is killed at random.
After each quiet time the host is as the last good revision says; at the end nothing is left. The seed is printed."""
import json
import os
import random
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon  # noqa: E402
from gitrepo import Repository  # noqa: E402

SECONDS = int(os.environ.get("SOAK_SECONDS") or (sys.argv[1] if len(sys.argv) > 1 else 180))
SEED = int(os.environ.get("SOAK_SEED") or random.randrange(1 << 32))
NAME = host.NAME


class Model:
    """What a good revision says, and how it is written."""

    def __init__(self, chance):
        self.chance = chance
        self.profiles = {}
        self.instances = {}
        self.bridge = True

    def change(self):
        for _ in range(self.chance.randrange(1, 4)):
            kind = self.chance.randrange(6)
            name = f"x{self.chance.randrange(6)}"
            if kind == 0:
                self.profiles.pop(name, None)
            elif kind in (1, 2):
                self.profiles[name] = self.chance.randrange(1000)
            elif kind == 3 and self.instances:
                self.instances.pop(self.chance.choice(sorted(self.instances)))
            elif kind == 4:
                self.instances[f"c{self.chance.randrange(2)}{NAME}"] = {"memory": self.chance.randrange(32, 64),
                                                                        "running": self.chance.random() < 0.5}
            else:
                self.bridge = not self.bridge

    def text(self):
        lines = ["storage_pools:", f"- {{name: p{NAME}, driver: dir}}", "images:", "- {name: box, source: 'builtin:busybox'}", "profiles:",
                 "- name: default", f"  devices: {{root: {{type: disk, path: /, pool: p{NAME}}}}}"]
        for name, value in sorted(self.profiles.items()):
            lines += [f"- name: {name}", f"  config: {{user.value: '{value}'}}"]
        if self.bridge:
            lines += ["networks:", f"- name: br{NAME}", "  type: bridge", "  config: {ipv4.address: 10.213.7.1/24, ipv6.address: none}"]
        if self.instances:
            lines += ["instances:"]
        for name, wanted in sorted(self.instances.items()):
            lines += [f"- name: {name}", "  image: box", f"  config: {{limits.memory: {wanted['memory']}MiB}}",
                      f"  state: {'running' if wanted['running'] else 'stopped'}"]
        return "\n".join(lines) + "\n"


BROKEN = ["storage_pools: [", "profiles:\n- name: x\n  unknown: 1\n", "instances:\n- {name: lost, image: nothing-like-it}\n", "---\n", None]


class Soak:
    def __init__(self, berth, chance):
        self.berth = berth
        self.chance = chance
        self.repo = Repository(berth)
        self.model = Model(chance)
        self.secret = berth.write("secret", "soak")
        self.good = None
        self.counts = {"good": 0, "bad": 0, "drift": 0, "kill": 0, "checks": 0}

    def commit_good(self):
        self.model.change()
        self.good = self.repo.commit({"host/all.yaml": self.model.text()}, f"good {self.counts['good']}")
        self.counts["good"] += 1

    def commit_bad(self):
        text = self.chance.choice(BROKEN)
        path = os.path.join(self.repo.work, "host/all.yaml")
        if text is None and not os.path.exists(path):
            text = BROKEN[0]
        self.repo.commit({"host/all.yaml": text}, f"bad {self.counts['bad']}")
        self.counts["bad"] += 1

    def drift(self):
        self.counts["drift"] += 1
        subprocess.run(["ip", "link", "del", f"br{NAME}"], check=False, capture_output=True)
        subprocess.run(["nft", "flush", "ruleset"], check=False, capture_output=True)

    def look(self, daemon):
        try:
            daemon.ask("POST", "/1.0/sources/s/webhook", b"", {"X-Gitlab-Token": "soak"})
        except OSError:
            pass

    def state(self, daemon):
        return daemon.ask("GET", "/1.0/sources/s/state").expect(200).metadata

    def quiet(self, daemon):
        """A last good commit, then everything settles."""
        self.commit_good()
        self.look(daemon)
        deadline = time.monotonic() + 90
        while self.state(daemon).get("in_force", {}).get("id") != self.good or self.state(daemon).get("error"):
            if time.monotonic() > deadline:
                raise AssertionError(f"the last good revision {self.good} is not in force: {self.state(daemon)}\n{daemon.log_text()[-3000:]}")
            time.sleep(0.2)
        while True:
            drift = self.berth.run("drift")
            if drift.status == 0:
                break
            if time.monotonic() > deadline:
                raise AssertionError(f"the host is not as the revision says:\n{drift.out}{drift.err}")
            time.sleep(0.5)
        path = os.path.join(self.repo.work, "host")
        plan = self.berth.run("plan", path, "--set", "x", "--adopt", "--detailed-exitcode", "--format", "json")
        found = json.loads(plan.out) if plan.out else None
        actions = {action for item in found["objects"] for action in item["actions"]} if found else {plan.err}
        tap.equal(actions - {"adopt"}, set(), "plan of the last good revision")
        self.counts["checks"] += 1


def test_soak(berth):
    """random commits, drift and kills; the host follows the last good revision, and nothing is left at the end"""
    chance = random.Random(SEED)
    print(f"seed {SEED}, {SECONDS} s")
    before = host.fingerprint(berth.state, NAME)
    soak = Soak(berth, chance)
    soak.commit_good()
    end = time.monotonic() + SECONDS
    with Daemon(berth) as daemon:
        daemon.ask("POST", "/1.0/sources", {"name": "s", "type": "git", "url": soak.repo.bare, "path": "host", "interval": "2s",
                                            "prune": True, "park_for": "0s", "webhook_secret_file": soak.secret}).expect(201)
        soak.quiet(daemon)
        while time.monotonic() < end:
            for _ in range(chance.randrange(3, 9)):
                chance.choice([soak.commit_good, soak.commit_good, soak.commit_bad, soak.drift])()
                soak.look(daemon)
                time.sleep(chance.random())
                if chance.random() < 0.25:
                    soak.counts["kill"] += 1
                    daemon.process.send_signal(signal.SIGKILL)
                    daemon.process.wait()
                    daemon.start()
            soak.quiet(daemon)
        descriptors = daemon.descriptors()
        assert descriptors < 64, f"{descriptors} descriptors are open"
        daemon.ask("DELETE", "/1.0/sources/s").expect(200)
    host.down(berth, before)
    print(json.dumps(soak.counts), file=sys.stderr)
    with open(os.environ.get("SOAK_REPORT", os.devnull), "w", encoding="utf-8") as report:
        json.dump({"seed": SEED, **soak.counts}, report)


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1].isdigit():
        os.environ["SOAK_SECONDS"] = sys.argv.pop(1)
    host.main(globals())
