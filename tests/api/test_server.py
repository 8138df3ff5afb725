#!/usr/bin/python3
"""The server itself: its config and where it listens, what it tells of the host, and how a service manager starts it."""
import os
import re
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon  # noqa: E402

ADDRESS = "127.0.0.1:18443"
BRIDGE = f"br{host.NAME}"
# ServerEnvironment of LXD 5.2 (API-637)
ENVIRONMENT = ["addresses", "architectures", "certificate", "certificate_fingerprint", "driver", "driver_version", "firewall", "kernel",
               "kernel_architecture", "kernel_features", "kernel_version", "lxc_features", "os_name", "os_version", "project", "server",
               "server_clustered", "server_event_mode", "server_name", "server_pid", "server_version", "storage",
               "storage_supported_drivers", "storage_version"]


def config(daemon):
    return daemon.ask("GET", "/1.0").expect(200).metadata["config"]


def listens(address):
    name, port = address.rsplit(":", 1)
    try:
        socket.create_connection((name, int(port)), timeout=5).close()
        return True
    except ConnectionRefusedError:
        return False


def test_config(berth):
    """PUT replaces the config, PATCH merges, whoever set a key; mistakes are named and change nothing (SV-01..09, API-097)"""
    with Daemon(berth) as daemon:
        daemon.ask("PATCH", "/1.0", {"config": {"user.a": "1", "user.b": "2"}}).expect(200)
        daemon.ask("PATCH", "/1.0", {"config": {"user.a": "", "user.c": "3"}}).expect(200)
        tap.equal(config(daemon), {"user.b": "2", "user.c": "3"})
        daemon.ask("PATCH", "/1.0", {"config": {"user.b": None}}).expect(200)
        stale = daemon.ask("GET", "/1.0").etag
        daemon.ask("PUT", "/1.0", {"config": {"user.d": "4"}}, {"If-Match": stale}).expect(200)
        tap.equal(config(daemon), {"user.d": "4"})
        daemon.ask("PUT", "/1.0", {"config": {}}, {"If-Match": stale}).expect(412)
        for body, word in (({"config": {"user.e": "5", "nosuch.key": "1"}}, "nosuch.key"), ({"config": {"user.e": 5}}, "user.e"),
                           ({"config": {"core.metrics_authentication": "perhaps"}}, "core.metrics_authentication"),
                           ({"config": {"user.e": "5", "core.https_address": "[::1"}}, "core.https_address"),
                           ({"config": []}, "config"), ({"confog": {}}, "confog")):
            tap.contains(daemon.ask("PATCH", "/1.0", body).expect(400).json["error"], word)
            tap.equal(config(daemon), {"user.d": "4"}, str(body))
        # A default is not shown; what a file set goes by PUT as well.
        daemon.ask("PATCH", "/1.0", {"config": {"core.metrics_authentication": "true"}}).expect(200)
        tap.equal(config(daemon), {"user.d": "4"})
        berth.write("server.yaml", "config:\n  user.file: x\n")
        berth.run("apply", "server.yaml", "-y").expect(0)
        daemon.ask("PUT", "/1.0", {"config": {"user.d": "5"}}).expect(200)
        tap.equal(config(daemon), {"user.d": "5"})
        daemon.lxc("config", "set", "user.x=1", "user.y=2").expect(0)
        tap.equal(daemon.lxc("config", "get", "user.x").expect(0).out.strip(), "1")
        daemon.lxc("config", "edit", stdin="config:\n  user.z: '3'\n").expect(0)
        daemon.lxc("config", "unset", "user.z").expect(0)
        tap.equal(config(daemon), {})


def test_listener(berth):
    """core.https_address binds while the daemon runs and after a restart; a taken address leaves all as it was (SV-08, SV-28)"""
    with Daemon(berth) as daemon, socket.socket() as taken:
        tap.equal(listens(ADDRESS), False)
        daemon.ask("PATCH", "/1.0", {"config": {"core.https_address": ADDRESS}}).expect(200)
        tap.equal(listens(ADDRESS), True)
        taken.bind(("127.0.0.1", 18444))
        taken.listen()
        for wrong in ("127.0.0.1:18444", "203.0.113.7:18445", "no.such.host.invalid:1"):
            answer = daemon.ask("PATCH", "/1.0", {"config": {"core.https_address": wrong}})
            assert answer.status in (400, 500), answer.status
            tap.contains(answer.json["error"], "core.https_address")
            tap.equal(config(daemon), {"core.https_address": ADDRESS})
            tap.equal(listens(ADDRESS), True)
        # A stale ETag puts the listener back too.
        daemon.ask("PATCH", "/1.0", {"config": {"core.https_address": "127.0.0.1:18446"}}, {"If-Match": "0"}).expect(412)
        tap.equal((listens(ADDRESS), listens("127.0.0.1:18446")), (True, False))
        # Onto itself: the new socket needs the place of the old one.
        daemon.ask("PATCH", "/1.0", {"config": {"core.https_address": ":18443"}}).expect(200)
        tap.equal(listens(ADDRESS), True)
    tap.equal(listens(ADDRESS), False)
    with Daemon(berth) as daemon:
        tap.equal(listens(ADDRESS), True)
        berth.write("server.yaml", "config:\n  core.https_address: 127.0.0.1:18447\n")
        berth.run("apply", "server.yaml", "-y").expect(0)
        for _ in range(200):
            if listens("127.0.0.1:18447"):
                break
            threading.Event().wait(0.05)
        tap.equal((listens(ADDRESS), listens("127.0.0.1:18447")), (False, True))
        daemon.ask("PUT", "/1.0", {"config": {}}).expect(200)
        tap.equal(listens("127.0.0.1:18447"), False)


def test_environment(berth):
    """what the server says of itself has LXD's members, and they are true (API-636..639)"""
    with Daemon(berth) as daemon:
        shown = daemon.ask("GET", "/1.0").metadata
        about = shown["environment"]
        tap.equal(sorted(about), sorted(ENVIRONMENT))
        tap.equal(about["server_pid"], daemon.process.pid)
        tap.equal(about["kernel_version"], os.uname().release)
        tap.equal(about["server_name"], os.uname().nodename)
        tap.equal(about["addresses"], [])
        tap.equal(about["driver"], "lxc")  # what works on this host (EXT-254)
        tap.equal(set(about["kernel_features"].values()) <= {"true", "false"}, True)
        with open("/proc/sys/kernel/seccomp/actions_avail", encoding="ascii") as file:
            tap.equal(about["kernel_features"]["seccomp_listener"], str("user_notif" in file.read().split()).lower())
        tap.equal(shown["auth"], "trusted")
        tap.contains(daemon.lxc("info").expect(0).out, about["certificate_fingerprint"])


def test_host_networks(berth):
    """interfaces that are not berth's are listed beside its networks; all have a state (API-190, 192, 197, 198)"""
    with Daemon(berth) as daemon:
        subprocess.run(["ip", "link", "add", "other0", "type", "bridge"], check=True)
        subprocess.run(["ip", "link", "add", "vetha", "type", "veth", "peer", "vethb"], check=True)
        daemon.ask("POST", "/1.0/networks", {"name": BRIDGE, "config": {"ipv4.address": "10.91.0.1/24", "ipv6.address": "none",
                                                                      "ipv4.nat": "false"}}).expect(201)
        found = {one["name"]: one for one in daemon.ask("GET", "/1.0/networks?recursion=1").expect(200).metadata}
        tap.equal({name: (one["type"], one["managed"]) for name, one in found.items() if name in ("lo", "other0", BRIDGE)},
                  {"lo": ("loopback", False), "other0": ("bridge", False), BRIDGE: ("bridge", True)})
        assert "vetha" not in found
        tap.equal(daemon.ask("GET", "/1.0/networks/other0").expect(200).metadata, found["other0"])
        daemon.ask("GET", "/1.0/networks/nosuch0").expect(404)
        daemon.ask("DELETE", "/1.0/networks/other0").expect(404)
        state = daemon.ask("GET", f"/1.0/networks/{BRIDGE}/state").expect(200).metadata
        tap.equal([(a["family"], a["address"], a["netmask"]) for a in state["addresses"] if a["family"] == "inet"],
                  [("inet", "10.91.0.1", "24")])
        tap.equal(daemon.ask("GET", "/1.0/networks/lo/state").expect(200).metadata["type"], "loopback")
        daemon.ask("GET", "/1.0/networks/nosuch0/state").expect(404)
        tap.equal(daemon.ask("GET", f"/1.0/networks/{BRIDGE}/leases").expect(200).metadata,
                  [{"hostname": f"{BRIDGE}.gw", "hwaddr": "", "address": "10.91.0.1", "type": "gateway", "location": "none"}])
        daemon.ask("GET", "/1.0/networks/lo/leases").expect(404)
        tap.contains(daemon.lxc("network", "info", BRIDGE).expect(0).out, "10.91.0.1")
        daemon.lxc("network", "list-leases", BRIDGE).expect(0)
        daemon.ask("DELETE", f"/1.0/networks/{BRIDGE}").expect(200)


def lxd_lines(page):
    """What is measured of instances; berth's own figures are beside it."""
    return [line for line in page.bytes.splitlines() if line.startswith(b"lxd_")]


def test_host(berth):
    """the inventory, the space of pools, no cluster, metrics without instances (API-105, 107, 114, API-626)"""
    with Daemon(berth) as daemon:
        inventory = daemon.ask("GET", "/1.0/resources").expect(200).metadata
        tap.equal(inventory["cpu"]["total"], os.cpu_count())
        tap.contains(daemon.lxc("info", "--resources").expect(0).out, "Memory:")
        daemon.ask("POST", "/1.0/storage-pools", {"name": "p", "driver": "dir"}).expect(201)
        space = daemon.ask("GET", "/1.0/storage-pools/p/resources").expect(200).metadata["space"]
        usage = os.statvfs(os.path.join(berth.state, "storage-pools", "p"))
        tap.equal(space["total"], usage.f_blocks * usage.f_frsize)
        daemon.ask("GET", "/1.0/storage-pools/q/resources").expect(404)
        daemon.ask("POST", "/1.0/projects", {"name": "q", "config": {"limits.memory": "2GiB", "limits.networks": "3"}}).expect(201)
        used = daemon.ask("GET", "/1.0/projects/q/state").expect(200).metadata["resources"]
        tap.equal(sorted(used), ["containers", "cpu", "disk", "instances", "memory", "networks", "processes", "virtual-machines"])
        tap.equal((used["memory"], used["cpu"], used["networks"]),
                  ({"Limit": 2 << 30, "Usage": 0}, {"Limit": -1, "Usage": 0}, {"Limit": 3, "Usage": 0}))
        tap.contains(daemon.lxc("project", "info", "q").expect(0).out, "2.00GiB")
        tap.equal(daemon.ask("GET", "/1.0/cluster").expect(200).metadata, {"server_name": "", "enabled": False, "member_config": []})
        page = daemon.ask("GET", "/1.0/metrics").expect(200)
        tap.equal((lxd_lines(page), page.bytes[-6:], page.headers["Content-Type"]), ([], b"# EOF\n", "text/plain"))
        daemon.ask("GET", "/1.0/metrics?project=nosuch").expect(404)


SAMPLE = re.compile(r'([a-z][a-zA-Z0-9_]*)\{((?:[a-z]+="(?:[^"\\\\\n]|\\\\[\\\\"n])*",?)*)\} (-?[0-9.]+(?:e[+-]?[0-9]+)?)$')


def open_metrics(text):
    """{series: [(labels, value)]} of a page of OpenMetrics text; anything out of order is an error."""
    lines = text.splitlines()
    tap.equal(lines.pop(), "# EOF")
    series, declared, kind = {}, None, None
    for line in lines:
        if line.startswith("# HELP "):
            declared = line.split(" ")[2]
            assert declared not in series, line
            series[declared], kind = [], None
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            tap.equal(name, declared)
            assert kind in ("counter", "gauge"), line
        else:
            name, labels, value = SAMPLE.match(line).groups()
            tap.equal((name, kind is not None), (declared, True), line)
            series[name].append((dict(re.findall(r'([a-z]+)="([^"]*)"', labels)), float(value)))
    assert all(series.values()), "a series without samples"
    return series


def test_metrics(berth):
    """a running container is measured, at most once in eight seconds, whoever asks (MET-01..26)"""
    name = host.NAME
    host.apply(berth, f"""
storage_pools: [{{name: p, driver: dir}}]
profiles:
- name: default
  devices: {{root: {{type: disk, path: /, pool: p}}}}
images: [{{name: busybox, source: "builtin:busybox"}}]
instances: [{{name: {name}, image: busybox, state: running, config: {{limits.memory: 64MiB}}}}]
""").expect(0)
    with Daemon(berth) as daemon:
        first = daemon.ask("GET", "/1.0/metrics").expect(200)
        series = open_metrics(first.bytes.decode())
        for wanted in ("lxd_cpu_seconds_total", "lxd_memory_MemTotal_bytes", "lxd_network_receive_bytes_total", "lxd_procs_total"):
            assert wanted in series, f"{wanted}: {sorted(series)}"
        labels, value = series["lxd_memory_MemTotal_bytes"][0]
        tap.equal((labels, value), ({"name": name, "project": "default", "type": "container"}, 64 << 20))
        assert series["lxd_procs_total"][0][1] >= 1
        # The page stays the same although it is gone meanwhile.
        berth.run("destroy", "-y").expect(0)
        tap.equal(lxd_lines(daemon.ask("GET", "/1.0/metrics")), lxd_lines(first))
        tap.equal(lxd_lines(daemon.ask("GET", "/1.0/metrics?project=default")), lxd_lines(first))


def test_service(berth):
    """systemd's protocols: inherited sockets are served and stay the manager's; readiness and the end are told (SV-75)"""
    os.makedirs(berth.state, exist_ok=True)
    path = os.path.join(berth.state, "unix.socket")
    heard = berth.path("notify")
    with socket.socket(socket.AF_UNIX) as local, socket.socket() as remote, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        local.bind(path)
        local.listen()
        remote.bind(("127.0.0.1", 18443))
        remote.listen()
        manager.bind(heard)
        manager.settimeout(30)
        # As a manager does: the sockets are 3 and 4 whatever they are here.
        here = [os.dup(local.fileno()), os.dup(remote.fileno())]
        script = (f"exec 8<&{here[0]} 9<&{here[1]}; exec 3<&8 4<&9 8<&- 9<&-; LISTEN_FDS=2 LISTEN_PID=$$ "
                  f"NOTIFY_SOCKET={heard} exec {os.environ['BERTHD']}")
        with subprocess.Popen(["bash", "-c", script], env=berth.environment(), pass_fds=here, stdin=subprocess.DEVNULL) as process:
            try:
                tap.equal(manager.recv(100), b"READY=1")
                daemon = Daemon(berth)
                daemon.ask("GET", "/1.0").expect(200)
                tap.equal(daemon.ask("GET", "/1.0").metadata["environment"]["addresses"], [ADDRESS])
                # The manager chose the address.
                daemon.ask("PATCH", "/1.0", {"config": {"core.https_address": "127.0.0.1:18448"}}).expect(200)
                tap.equal((listens(ADDRESS), listens("127.0.0.1:18448")), (True, False))
            finally:
                process.terminate()
            tap.equal(process.wait(timeout=30), 0)
            tap.equal(manager.recv(100), b"STOPPING=1")
        assert os.path.exists(path), "the manager's socket file went with the daemon"


def test_units(berth):
    """the units are what systemd takes for good"""
    if subprocess.run(["which", "systemd-analyze"], stdout=subprocess.DEVNULL, check=False).returncode != 0:
        raise tap.Skip("systemd-analyze is not installed (package systemd)")
    units = berth.path("units")
    os.makedirs(units)
    with open(os.environ["BERTH_SERVICE"], encoding="ascii") as file:
        text = file.read()
    program = next(line for line in text.splitlines() if line.startswith("ExecStart="))
    berth.write("units/berthd.service", text.replace(program, f"ExecStart={os.environ['BERTHD']}"))
    with open(os.environ["BERTH_SOCKET"], encoding="ascii") as file:
        berth.write("units/berthd.socket", file.read())
    with open(os.environ["BERTH_INSTANCES"], encoding="ascii") as file:
        text = file.read()
    begin = next(line for line in text.splitlines() if line.startswith("ExecStart="))
    berth.write("units/berth-instances.service", text.replace(begin.split()[0], f"ExecStart={berth.program}"))
    process = subprocess.run(["systemd-analyze", "verify", "--man=no", f"{units}/berthd.service", f"{units}/berthd.socket",
                              f"{units}/berth-instances.service"], check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    ours = [line for line in process.stdout.splitlines() if "berth" in line]
    tap.equal(ours, [])


host.main(globals())
