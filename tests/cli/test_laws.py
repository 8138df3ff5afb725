#!/usr/bin/python3
"""The laws of engine.md on the real host, for random models: what a person may write, edited as people edit, applied by the command,
killed at any moment. The same laws hold for many more models on the fake host (tests/engine/laws.c)."""
import os
import random
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402

NAME = host.NAME
SEEDS = int(os.environ.get("BERTH_SEEDS", "15"))
EDITS = 4


class Model:
    """A random state file of pools, networks, profiles, an image and instances with keys of all costs."""

    def __init__(self, rand):
        self.rand = rand
        self.nets = {f"b{i}{NAME}": self.network(i) for i in range(rand.randint(1, 2))}
        self.instances = {}
        self.profile = {}
        for _ in range(rand.randint(1, 4)):
            self.add()

    def network(self, number):
        rand = self.rand
        return {"ipv4.address": f"10.{60 + number}.{rand.randint(0, 250)}.1/24", "ipv6.address": rand.choice(["none", f"fd42:{number}::1/64"]),
                "bridge.mtu": str(rand.choice([1400, 1500])), "ipv4.nat": rand.choice(["true", "false"]),
                "dns.mode": rand.choice(["managed", "dynamic", "none"])}

    def instance(self):
        rand = self.rand
        config = {"user.n": str(rand.randint(0, 9))}
        for key, values in (("limits.memory", ["32MiB", "64MiB"]), ("limits.processes", ["50", "100"]), ("limits.cpu", ["1", "0-1"]),
                            ("environment.A", ["x", "y"]), ("security.nesting", ["true"]), ("boot.autostart", ["true"])):
            if rand.random() < 0.4:
                config[key] = rand.choice(values)
        devices = {}
        for net in self.nets:
            if rand.random() < 0.6:
                devices[f"n{net[:2]}"] = {"type": "nic", "network": net}
        if rand.random() < 0.3:
            devices["data"] = {"type": "disk", "source": "/usr/share/doc", "path": "/data", "readonly": "true"}
        return {"config": config, "devices": devices, "state": rand.choice(["running", "running", "stopped", "frozen"])}

    def add(self):
        self.instances[f"i{self.rand.randrange(1000)}-{NAME}"] = self.instance()

    def edit(self):
        rand = self.rand
        choice = rand.randrange(6)
        if choice == 0:
            self.add()
        elif choice == 1 and self.instances:
            del self.instances[rand.choice(sorted(self.instances))]
        elif choice in (2, 3) and self.instances:
            self.instances[rand.choice(sorted(self.instances))] = self.instance()
        elif choice == 4:
            net = rand.choice(sorted(self.nets))
            self.nets[net] = self.network(int(net[1]))
        else:
            self.profile = {"limits.memory.swap": "false"} if not self.profile else {}

    def text(self):
        lines = ["storage_pools:", "- {name: pool, driver: dir}", "networks:"]
        for name, config in sorted(self.nets.items()):
            lines.append("- {name: %s, config: {%s}}" % (name, flow(config)))
        lines += ["images:", "- {name: busybox, source: 'builtin:busybox'}", "profiles:",
                  "- name: small", "  config: {%s}" % flow(self.profile), "  devices: {root: {type: disk, path: /, pool: pool}}"]
        if self.instances:
            lines.append("instances:")
        for name, body in sorted(self.instances.items()):
            devices = ", ".join("%s: {%s}" % (device, flow(keys)) for device, keys in sorted(body["devices"].items()))
            lines.append("- {name: %s, image: busybox, profiles: [small], state: %s, config: {%s}, devices: {%s}}"
                         % (name, body["state"], flow(body["config"]), devices))
        return "\n".join(lines) + "\n"


def flow(pairs):
    return ", ".join(f'{key}: "{value}"' for key, value in sorted(pairs.items()))


def apply(berth):
    return berth.run("apply", "-y", "--prune", "--allow-replace", "all")


def is_settled(berth):
    done = berth.run("plan", "--prune", "--detailed-exitcode")
    tap.equal(done.status, 0, f"LAW-1: the plan after an apply is empty:\n{done.out}{done.err}")


def changes_nothing(berth):
    first = host.fingerprint(berth.state, NAME)
    tap.contains(apply(berth).expect(0).out, "Nothing to do")
    host.same(first, host.fingerprint(berth.state, NAME))


def killed(berth, rand):
    """An apply that dies at any moment."""
    process = berth.start("apply", "-y", "--prune", "--allow-replace", "all")
    time.sleep(rand.uniform(0.005, 0.35))
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def law_round(berth, seed):
    rand = random.Random(seed)
    before = host.fingerprint(berth.state, NAME)
    model = Model(rand)
    berth.write("berth.yaml", model.text())
    apply(berth).expect(0)
    for _ in range(EDITS):
        is_settled(berth)
        changes_nothing(berth)
        for _ in range(rand.randint(1, 3)):
            model.edit()
        berth.write("berth.yaml", model.text())
        if rand.random() < 0.5:
            killed(berth, rand)
        apply(berth).expect(0)
    is_settled(berth)
    berth.write("dump.yaml", berth.run("dump").expect(0).out)
    done = berth.run("plan", "-f", "dump.yaml", "--set", berth.path("berth.yaml"), "--detailed-exitcode")
    tap.equal(done.status, 0, f"LAW-5: a plan of the dump is empty:\n{done.out}{done.err}")
    berth.run("destroy", "--all", "-y").expect(0)
    host.same(before, host.fingerprint(berth.state, NAME), ignore=("files",))


def make(seed):
    def test(berth):
        law_round(berth, seed)

    test.__doc__ = f"LAW-1, 2, 4, 5 and an end that leaves nothing, random models from seed {seed}"
    test.__name__ = f"test_seed_{seed}"
    return test


for number in range(1, SEEDS + 1):
    globals()[f"test_seed_{number}"] = make(number)

host.main(globals())
