"""Random state files for real hosts: pools, networks, profiles, an image and instances with keys of all costs, edited as people edit."""
import host

NAME = host.NAME


class Model:
    """A random state file with up to so many instances and networks."""

    def __init__(self, rand, instances=4, networks=2):
        self.rand = rand
        self.nets = {f"b{i}{NAME}": self.network(i) for i in range(rand.randint(1, networks))}
        self.instances = {}
        self.profile = {}
        for _ in range(rand.randint(1, instances)):
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
