#!/usr/bin/python3
"""Keys that nothing else sets on a real host: order of automatic starts, proxies, what pools give new volumes, and keys that are kept
without an effect."""
import concurrent.futures
import glob
import http.server
import json
import os
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon  # noqa: E402
from image_archive import digest, unified, upload  # noqa: E402
from image_server import Second, Web  # noqa: E402

C = f"{host.NAME}c"
PROFILE = "profiles: [{name: default, devices: {root: {type: disk, path: /, pool: data}}}]\n"
STATE = "storage_pools: [{name: data, driver: dir}]\nimages: [{name: busybox, source: 'builtin:busybox'}]\n" + PROFILE


def started(daemon, name):
    """when its init began, in ticks since the boot"""
    pid = daemon.ask("GET", f"/1.0/instances/{name}/state").expect(200).metadata["pid"]
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return int(file.read().rpartition(")")[2].split()[19])


def test_autostart(berth):
    """with the daemon those start that are to, by boot.autostart.priority, each boot.autostart.delay after the one before (I-102..104)"""
    host.apply(berth, STATE).expect(0)
    with Daemon(berth) as daemon:
        for number, config in enumerate(((), ("boot.autostart=true", "boot.autostart.priority=1"),
                                         ("boot.autostart=true", "boot.autostart.priority=5", "boot.autostart.delay=1"),
                                         ("boot.autostart=false",))):
            daemon.lxc("init", "busybox", f"{C}{number}", *[word for key in config for word in ("-c", key)]).expect(0)
        daemon.lxc("start", f"{C}3").expect(0)
        daemon.lxc("stop", "-f", f"{C}3").expect(0)
        tap.equal(daemon.stop(), 0)
        daemon.start()
        status = {item["name"]: item["status"] for item in daemon.ask("GET", "/1.0/instances?recursion=1").expect(200).metadata}
        tap.equal(status, {f"{C}0": "Stopped", f"{C}1": "Running", f"{C}2": "Running", f"{C}3": "Stopped"})
        apart = (started(daemon, f"{C}1") - started(daemon, f"{C}2")) / os.sysconf("SC_CLK_TCK")
        assert 1 <= apart < 10, apart
        for number in range(4):
            daemon.lxc("delete", "-f", f"{C}{number}").expect(0)


class Proxy(http.server.BaseHTTPRequestHandler):
    """Carries connections for https, answers requests for http itself, and notes who was asked for."""
    asked = []

    def do_CONNECT(self):
        Proxy.asked.append(f"CONNECT {self.path}")
        name, _, port = self.path.rpartition(":")
        with socket.create_connection((name, int(port))) as other:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=self.copy, args=(other, self.connection))
            back.start()
            self.copy(self.connection, other)
            back.join()

    @staticmethod
    def copy(one, other):
        try:
            while data := one.recv(65536):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def do_POST(self):
        Proxy.asked.append(f"POST {self.path}")
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *unused):
        pass


def test_proxies(berth):
    """core.proxy_https and core.proxy_http carry what the server asks and tells, but for core.proxy_ignore_hosts (SV-36, SV-62, SV-63)"""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    proxy = f"http://127.0.0.1:{server.server_port}"
    images = [unified(name) for name in ("one", "two")]
    web = Web(berth, {})
    for number, image in enumerate(images):
        web.pages[f"/{number}"] = (b"", {"LXD-Image-Hash": digest(image), "LXD-Image-URL": f"{web.url}/{number}.tar.gz"})
        web.pages[f"/{number}.tar.gz"] = image
    subprocess.run(["mount", "--bind", berth.path("web.crt"), os.path.realpath("/etc/ssl/certs/ca-certificates.crt")], check=True)

    def fetch(number):
        Proxy.asked.clear()
        done = daemon.wait(daemon.ask("POST", "/1.0/images", {"source": {"type": "url", "url": f"{web.url}/{number}"}}))
        tap.equal((done["status_code"], done["err"]), (200, ""))
        return set(Proxy.asked)
    host.apply(berth, "networks: [{name: lan, config: {ipv4.address: 10.9.8.1/24, ipv6.address: none}}]").expect(0)
    with Daemon(berth) as daemon:
        daemon.ask("PATCH", "/1.0", {"config": {"core.proxy_https": proxy, "core.proxy_http": proxy}}).expect(200)
        tap.equal(fetch(0), {f"CONNECT {web.url.removeprefix('https://')}"})
        daemon.ask("PATCH", "/1.0", {"config": {"core.proxy_ignore_hosts": "127.0.0.1"}}).expect(200)
        tap.equal(fetch(1), set())
        # A name that nobody can resolve here: only by way of the proxy it gets an answer.
        daemon.ask("PATCH", "/1.0", {"config": {"berth.notify.url": "http://hook.invalid/x", "berth.notify.conditions": "Drifted"}}).expect(200)
        host.output("ip", "link", "set", "lan", "mtu", "1400")
        host.wait_for(lambda: "POST http://hook.invalid/x" in Proxy.asked, "a note by way of the proxy")
    server.shutdown()
    web.stop()


def mount_options(path):
    with open("/proc/self/mounts", encoding="utf-8") as file:
        return [line.split()[3].split(",") for line in file if line.split()[1] == path]


def test_pool(berth):
    """volume.size of a btrfs pool limits roots that name no size; what a pool is made of and its uuid are noted; mount options are in
    force, and a directory that is named holds the volumes (ST-021, ST-025, ST-BTRFS-01)"""
    mine = berth.path("mine")
    os.mkdir(mine)
    options = "noatime,compress-force=zstd:5,user_subvol_rm_allowed"
    host.apply(berth, f"storage_pools: [{{name: data, driver: btrfs, config: {{size: 256MiB, volume.size: 32MiB, btrfs.mount_options: '{options}'}}}},"
               + f"{{name: mine, driver: dir, config: {{source: '{mine}'}}}}]\n"
               + "images: [{name: busybox, source: 'builtin:busybox'}]\n" + PROFILE
               + f"instances: [{{name: {C}, image: busybox}}, {{name: {C}2, image: busybox, devices: "
               f"{{root: {{type: disk, path: /, pool: data, size: 48MiB}}}}}}, {{name: {C}3, image: busybox, devices: "
               "{root: {type: disk, path: /, pool: mine}}}]\n").expect(0)
    for name, size in ((C, 32 << 20), (f"{C}2", 48 << 20)):
        root = os.path.join(berth.state, "storage-pools", "data", "containers", name)
        tap.contains(host.output("btrfs", "qgroup", "show", "-re", "--raw", "-f", root), str(size))
    config = json.loads(berth.run("get", "pool/data", "--format", "json").expect(0).out)
    text = json.dumps(config)
    tap.contains(text, f'"volatile.initial_source": "{berth.state}/disks/data.img"')
    tap.contains(text, '"volatile.uuid": "' + host.output("blkid", "-p", "-s", "UUID", "-o", "value", f"{berth.state}/disks/data.img").strip())
    present, = mount_options(os.path.join(berth.state, "storage-pools", "data"))
    tap.equal([option for option in options.split(",") if option not in present], [])
    tap.equal(os.path.isdir(os.path.join(mine, "containers", f"{C}3", "rootfs", "bin")), True)


def test_nic(berth):
    """keys of a NIC on a managed bridge, and what is drawn for one that says little (D-NIC-BR-*, SV-37)"""
    nic = {"type": "nic", "network": "lan", "name": "lan0", "hwaddr": "00:16:3e:11:22:33", "ipv4.address": "10.9.8.9",
           "ipv6.address": "fd42:9::9", "ipv4.routes": "192.0.2.0/24", "ipv6.routes": "2001:db8:7::/64", "limits.max": "7Mbit",
           "host_name": "vkeys0"}
    berth.write("base.yaml", STATE)
    berth.run("apply", "-y", "-f", "base.yaml").expect(0)
    whole = {
        "config": {"instances.nic.host_name": "mac"},
        "networks": [{"name": "lan", "config": {"ipv4.address": "10.9.8.1/24", "ipv6.address": "fd42:9::1/64", "ipv6.dhcp.stateful": True}}],
        "instances": [{"name": C, "image": "busybox", "state": "running",
                       "config": {"boot.host_shutdown_timeout": 0, "security.idmap.isolated": True},
                       "devices": {"eth0": nic, "eth1": {"type": "nic", "network": "lan"}}}]}
    host.apply(berth, json.dumps(whole)).expect(0)
    tap.equal(berth.run("exec", C, "--", "cat", "/sys/class/net/lan0/address").expect(0).out.strip(), nic["hwaddr"])
    leases = "".join(open(path, encoding="ascii").read() for path in glob.glob(f"{berth.state}/networks/lan/dnsmasq.hosts/*"))
    tap.contains(leases, "00:16:3e:11:22:33,10.9.8.9,[fd42:9::9]")
    tap.contains(host.output("ip", "route", "show", "192.0.2.0/24"), "dev lan")
    tap.contains(host.output("ip", "-6", "route", "show", "2001:db8:7::/64"), "dev lan")
    tap.contains(host.output("tc", "class", "show", "dev", "vkeys0"), "rate 7Mbit")
    drawn = json.loads(berth.run("get", f"instance/{C}", "--format", "json").expect(0).out)["generated"]
    mac = drawn["volatile.eth1.hwaddr"]
    tap.equal((drawn["volatile.eth1.host_name"], drawn["volatile.eth1.name"]), ("lxd" + mac.replace(":", "")[2:], "eth0"))
    tap.contains(host.output("ip", "link", "show", drawn["volatile.eth1.host_name"]), "lan")
    tap.equal(berth.run("exec", C, "--", "cat", "/sys/class/net/eth0/address").expect(0).out.strip(), mac)
    tap.equal(berth.run("exec", C, "--", "cat", "/proc/self/uid_map").expect(0).out.split()[1], drawn["volatile.idmap.base"])
    tap.equal((len(drawn["volatile.uuid"]), len(drawn["volatile.cloud-init.instance-id"]), drawn["image.os"]), (36, 36, "busybox"))
    # Another MAC is another name.
    whole["instances"][0]["devices"]["eth1"]["hwaddr"] = "00:16:3e:AA:bb:cc"
    host.apply(berth, json.dumps(whole)).expect(0)
    tap.contains(host.output("ip", "link", "show", "lxd163eaabbcc"), "lan")
    tap.absent(host.output("ip", "link", "show"), drawn["volatile.eth1.host_name"])
    berth.run("destroy", "--all", "-y").expect(0)


def test_isolated(berth):
    """containers that get an id range of their own by a profile, at the same time, get different ones, also when they had none before
    (I-146)"""
    host.apply(berth, STATE.replace("}}}]", "}}}, {name: own, config: {security.idmap.isolated: '1'}}]")).expect(0)
    names = [f"{C}{number}" for number in range(8)]

    def bases():
        return {daemon.ask("GET", f"/1.0/instances/{name}").expect(200).metadata["config"]["volatile.idmap.base"] for name in names}

    def make(body):
        asked = [daemon.ask("POST", "/1.0/instances", {**body, "name": name}).expect(202) for name in names]
        tap.equal([daemon.wait(answer)["err"] for answer in asked], [""] * len(names))
    with Daemon(berth) as daemon:
        body = {"profiles": ["default"], "source": {"type": "image", "alias": "busybox"}}
        make(body)
        tap.equal(bases(), {"0"})
        with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
            list(pool.map(lambda name: daemon.ask("PATCH", f"/1.0/instances/{name}", {"profiles": ["default", "own"]}).expect(200), names))
        tap.equal(len(bases()), len(names))
        for name in names:
            daemon.done("DELETE", f"/1.0/instances/{name}")
        make({**body, "profiles": ["default", "own"]})
        tap.equal(len(bases() - {"0"}), len(names))
        for name in names:
            daemon.done("DELETE", f"/1.0/instances/{name}")


def test_shown(berth):
    """what is said of an instance and of an image's names is shown; the architecture is what programs inside see (I-001, I-009, IMG-002)"""
    host.apply(berth, STATE.replace("'builtin:busybox'", "'builtin:busybox', aliases: [kept], alias_descriptions: {kept: words}")
               + f"instances: [{{name: {C}, image: busybox, description: mine, state: running}}, "
               f"{{name: {C}32, image: busybox, architecture: i686, state: running}}]\n").expect(0)
    with Daemon(berth) as daemon:
        tap.equal(daemon.ask("GET", "/1.0/images/aliases/kept").expect(200).metadata["description"], "words")
        shown = daemon.ask("GET", f"/1.0/instances/{C}").expect(200).metadata
        tap.equal((shown["description"], shown["architecture"], shown["stateful"]), ("mine", os.uname().machine, False))
        for name, machine in ((C, os.uname().machine), (f"{C}32", "i686")):
            tap.equal(daemon.lxc("exec", name, "--", "uname", "-m").expect(0).out, f"{machine}\n")
            daemon.lxc("delete", "-f", name).expect(0)
    wrong = berth.write("wrong.yaml", f"instances: [{{name: {C}, image: busybox, stateful: true}}]\n")
    tap.contains(berth.run("plan", "-f", wrong).expect(65).err, "a saved state is not supported")


def test_image_origin(berth):
    """an image and an instance that name one of another server's project, which only a secret opens (IMG-037, I-020)"""
    whole = unified()
    with Second(berth) as second:
        second.ask("PATCH", "/1.0", {"config": {"core.https_address": "127.0.0.1:8443"}}).expect(200)
        second.ask("POST", "/1.0/projects", {"name": "p", "config": {"features.images": "true"}}).expect(201)
        upload(second, whole, query="?project=p")
        secret = second.ask("POST", f"/1.0/images/{digest(whole)}/secret?project=p").expect(202).metadata["metadata"]["secret"]
        source = {"type": "image", "server": "https://127.0.0.1:8443", "protocol": "lxd", "fingerprint": digest(whole), "project": "p",
                  "image_type": "container", "mode": "pull", "secret": secret,
                  "certificate": second.ask("GET", "/1.0").expect(200).metadata["environment"]["certificate"]}
        for wrong in ("project", "secret"):
            parts = {key: value for key, value in source.items() if key != wrong}
            assert host.apply(berth, json.dumps({"images": [{"name": "mine", "source": parts}]})).status != 0, wrong
        for key, value, word in (("mode", "push", "pull"), ("image_type", "virtual-machine", "virtual machines"), ("protocol", "simplestreams", "")):
            for state in ({"images": [{"name": "mine", "source": {**source, key: value}}]},
                          {"instances": [{"name": C, "source": {**source, key: value}}]}):
                refused = host.apply(berth, json.dumps(state))
                assert refused.status != 0 and word in refused.err, (key, refused.err)
        host.apply(berth, json.dumps({"images": [{"name": "mine", "source": source}]})).expect(0)
        host.apply(berth, json.dumps({"instances": [{"name": C, "profiles": [], "source": source,
                                                     "devices": {"root": {"type": "disk", "path": "/", "pool": "data"}}}],
                                      "storage_pools": [{"name": "data", "driver": "dir"}]})).expect(0)
        made = json.loads(berth.run("get", f"instance/{C}", "--format", "json").expect(0).out)
        tap.equal(made["generated"]["volatile.base_image"], digest(whole))


# Kept for others to read, or for what this host is not: part of a cluster, a virtual machine, a host with AppArmor.
KEPT = {
    "config": {"images.default_architecture": "x86_64", "backups.compression_algorithm": "none", "user.a": "1"},
    "networks": [{"name": "lan", "config": {"ipv4.address": "10.9.8.1/24", "ipv6.address": "fd42:9::1/64", "ipv4.nat": True,
                                            "ipv6.nat": True, "ipv4.nat.order": "after", "ipv6.nat.order": "after", "user.a": "1"}}],
    "images": [{"name": "busybox", "source": "builtin:busybox", "aliases": ["kept"], "alias_descriptions": {"kept": "words"},
                "public": True, "properties": {"kept": "yes"}, "expires_at": "2099-01-01T00:00:00Z", "profiles": ["default"]}],
    "instances": [{"name": C, "image": "busybox", "stateful": False, "config": {
        "cluster.evacuate": "stop", "migration.incremental.memory": True, "migration.incremental.memory.goal": 50,
        "migration.incremental.memory.iterations": 3, "security.devlxd": False, "user.meta-data": "a: b", "user.user-data": "#cloud-config",
        "user.vendor-data": "#cloud-config", "user.network-config": "version: 1", "user.a": "1",
        **({} if os.path.exists("/sys/kernel/security/apparmor/profiles") else {"raw.apparmor": "deny mount,"})},
        "description": "kept",
        "devices": {"eth0": {"type": "nic", "network": "lan", "user.a": "1"}, "gone": {"type": "none", "user.a": "1"}}}],
}


def test_kept(berth):
    """keys that are stored only: kept as they are, shown, and no step of theirs touches the host"""
    host.apply(berth, STATE + f"networks: [{{name: lan, config: {{ipv4.address: 10.9.8.1/24, ipv6.address: 'fd42:9::1/64', ipv4.nat: true, "
               f"ipv6.nat: true}}}}]\ninstances: [{{name: {C}, image: busybox, devices: {{eth0: {{type: nic, network: lan}}}}}}]\n").expect(0)
    before = host.fingerprint(berth.state, host.NAME)
    host.apply(berth, json.dumps(KEPT)).expect(0)
    host.same(before, host.fingerprint(berth.state, host.NAME))
    berth.run("plan", "-f", "berth.yaml", "--detailed-exitcode").expect(0)
    for name, keys in (("server", KEPT["config"]), ("network/lan", KEPT["networks"][0]["config"]),
                       (f"instance/{C}", KEPT["instances"][0]["config"]),
                       ("image/busybox", KEPT["images"][0]["alias_descriptions"])):
        shown = json.dumps(json.loads(berth.run("get", name, "--format", "json").expect(0).out))
        tap.equal([key for key in keys if f'"{key}": ' not in shown], [], name)


host.main(globals())
