#!/usr/bin/python3
"""Drift on the real host: what somebody does to it behind the daemon's back is told within two seconds, and put right where the mode
says so (EN-40, EN-41, EN-48)."""
import hmac
import http.server
import json
import os
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from drift import Listening, pid_of, run  # noqa: E402

NAME = host.NAME
BRIDGE = f"br{NAME}"
NETWORK = f"network/default//{BRIDGE}"
STATE = f"""
projects: [{{name: default, reconcile: %s}}]
storage_pools: [{{name: data, driver: %s}}]
networks:
- name: {BRIDGE}
  config: {{ipv4.address: 10.79.0.1/24, ipv6.address: none, ipv4.nat: 'true', ipv4.routes: 10.79.7.0/24}}
images: [{{name: busybox, source: 'builtin:busybox'}}]
profiles:
- name: default
  devices: {{root: {{type: disk, path: /, pool: data}}, eth0: {{type: nic, network: {BRIDGE}}}}}
instances:
- {{name: {NAME}a, image: busybox, state: running, config: {{limits.memory: 64MiB}},
    devices: {{eth0: {{type: nic, network: {BRIDGE}, ipv4.address: 10.79.0.11}}}}}}
- {{name: {NAME}b, image: busybox}}
"""
A, B = f"{NAME}a", f"{NAME}b"
KEY_A, KEY_B = f"instance/default//{A}", f"instance/default//{B}"


def prepared(berth, mode="correct", driver="dir", *args):
    berth.run("apply", "-y", "-q", "-f", berth.write("state.yaml", STATE % (mode, driver))).expect(0)
    return Listening(berth, *args)


def record(berth, name):
    with open(os.path.join(berth.state, "run", name + ".json"), encoding="utf-8") as file:
        return json.load(file)


def server(berth):
    with open(os.path.join(berth.state, "networks", BRIDGE, "dnsmasq.pid"), encoding="utf-8") as file:
        return json.load(file)["process"][0]


def lives(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def veth(daemon, name):
    return daemon.ask("GET", f"/1.0/instances/{name}").metadata["config"]["volatile.eth0.host_name"]


def link(name):
    return host.links().get(name, {})


def test_links(berth):
    """links, addresses and routes that go or change are put right"""
    with prepared(berth) as daemon:
        daemon.settled()
        before = host.fingerprint(berth.state, NAME)
        same = lambda: host.same(before, host.fingerprint(berth.state, NAME), ("files",)) is None  # noqa: E731
        mac = link(BRIDGE)["address"]
        end = veth(daemon, A)
        pid = pid_of(daemon, A)
        for title, key, command in (
                ("bridge down", NETWORK, ("ip", "link", "set", BRIDGE, "down")),
                ("mtu of the bridge", NETWORK, ("ip", "link", "set", BRIDGE, "mtu", "1400")),
                ("MAC of the bridge", NETWORK, ("ip", "link", "set", BRIDGE, "address", "02:00:00:00:00:01")),
                ("address removed", NETWORK, ("ip", "addr", "del", "10.79.0.1/24", "dev", BRIDGE)),
                ("address added", NETWORK, ("ip", "addr", "add", "10.99.0.1/24", "dev", BRIDGE)),
                ("route removed", NETWORK, ("ip", "route", "del", "10.79.7.0/24", "dev", BRIDGE)),
                ("port taken out of the bridge", KEY_A, ("ip", "link", "set", end, "nomaster")),
                ("host's end of the NIC removed", KEY_A, ("ip", "link", "del", end)),
                ("bridge removed", NETWORK, ("ip", "link", "del", BRIDGE))):
            daemon.does(title, key, lambda command=command: run(*command), same)
        daemon.settled()
        tap.equal((link(BRIDGE)["address"], link(end)["master"], pid_of(daemon, A)), (mac, BRIDGE, pid))
        same()


def test_firewall(berth):
    """one rule, a chain, all tables: written again"""
    with prepared(berth) as daemon:
        daemon.settled()
        before = host.rules()

        def one_rule():
            for entry in json.loads(host.output("nft", "-j", "-a", "list", "chain", "inet", "berth", f"fwd.{BRIDGE}"))["nftables"]:
                if "rule" in entry:
                    run("nft", "delete", "rule", "inet", "berth", f"fwd.{BRIDGE}", "handle", str(entry["rule"]["handle"]))
                    return

        same = lambda: host.rules() == before  # noqa: E731
        daemon.does("one rule removed", NETWORK, one_rule, same)
        daemon.does("a rule added", NETWORK, lambda: run("nft", "add", "rule", "inet", "berth", f"in.{BRIDGE}", "counter"), same)
        daemon.does("a chain removed", NETWORK, lambda: run("nft", "delete", "chain", "inet", "berth", f"pstrt.{BRIDGE}"), same)
        daemon.does("nft flush ruleset", NETWORK, lambda: run("nft", "flush", "ruleset"), same)


def test_server(berth):
    """dnsmasq killed, its host file or its leases gone: runs again, and knows what it knew"""
    with prepared(berth) as daemon:
        daemon.settled()
        folder = os.path.join(berth.state, "networks", BRIDGE)
        leases = os.path.join(folder, "dnsmasq.leases")
        file = os.path.join(folder, "dnsmasq.hosts", f"{A}.eth0")
        daemon.does("dnsmasq killed", NETWORK, lambda: os.kill(server(berth), signal.SIGKILL), lambda: lives(server(berth)))
        daemon.does("host file removed", KEY_A, lambda: os.unlink(file), lambda: os.path.exists(file))

        def known():
            with open(leases, encoding="ascii") as text:
                return [line.split()[1:3] for line in text]

        host.wait_for(lambda: leased(berth, A), "a lease")
        before = known()
        tap.equal([lease[1] for lease in before], ["10.79.0.11"])
        daemon.does("leases removed", NETWORK, lambda: os.unlink(leases), lambda: os.path.exists(leases) and lives(server(berth)))
        tap.equal(known(), before)
        daemon.does("folder of the network removed", NETWORK, lambda: run("rm", "-r", folder), lambda: os.path.isdir(folder))
        daemon.settled()
        tap.equal((lives(server(berth)), os.path.exists(file)), (True, True))


def leased(berth, name):
    berth.run("exec", name, "--", "udhcpc", "-n", "-q", "-f", "-t", "3", "-i", "eth0")
    with open(os.path.join(berth.state, "networks", BRIDGE, "dnsmasq.leases"), encoding="ascii") as text:
        return "10.79.0.11" in text.read()


def group_file(pid, controller, old, new):
    """a file of its control group, in either layout"""
    with open(f"/proc/{pid}/cgroup", encoding="ascii") as text:
        for line in text:
            _, controllers, path = line.strip().split(":", 2)
            for found in (f"/sys/fs/cgroup/{controllers}{path}/{old}", f"/sys/fs/cgroup{path}/{new}"):
                if controllers in (controller, "") and os.path.exists(found):
                    return found
    raise AssertionError(f"no {old}")


def memory_limit(pid):
    return group_file(pid, "memory", "memory.limit_in_bytes", "memory.max")


def freezer(pid):
    return group_file(pid, "freezer", "freezer.state", "cgroup.freeze")


def content(path):
    with open(path, encoding="ascii") as file:
        return file.read().strip()


def test_containers(berth):
    """init or monitor killed, lxc-stop, lxc-cgroup, frozen, a file of a control group written"""
    with prepared(berth) as daemon:
        daemon.settled()
        tools = ("-P", os.path.join(berth.state, "containers"), "-n", A)
        running = lambda: daemon.ask("GET", f"/1.0/instances/{A}/state").metadata["status"] == "Running"  # noqa: E731
        limit = memory_limit(pid_of(daemon, A))
        daemon.does("memory limit written", KEY_A, lambda: write(limit, "33554432"), lambda: content(limit) == "67108864")
        state = freezer(pid_of(daemon, A))
        daemon.does("frozen", KEY_A, lambda: write(state, "1" if state.endswith("cgroup.freeze") else "FROZEN"), running)
        daemon.does("init killed", KEY_A, lambda: os.kill(pid_of(daemon, A), signal.SIGKILL), running)
        daemon.does("monitor killed", KEY_A, lambda: os.kill(record(berth, A)["monitor"][0], signal.SIGKILL), running)
        daemon.does("lxc-stop -k", KEY_A, lambda: run("lxc-stop", *tools, "-k"), running)
        limit = memory_limit(pid_of(daemon, A))
        daemon.does("lxc-cgroup", KEY_A, lambda: run("lxc-cgroup", *tools, os.path.basename(limit), "33554432"),
                    lambda: content(limit) == "67108864")


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def test_files(berth):
    """a file of the state directory that is written, and one that is touched; a link that is removed"""
    with prepared(berth) as daemon:
        daemon.settled()
        start = os.path.join(berth.state, "run", f"{A}.start")
        name = os.path.join(berth.state, "containers", A)
        before = content(start)
        daemon.does("config of the next start written", KEY_A, lambda: write(start, "nothing\n"), lambda: content(start) == before)
        daemon.does("link removed", KEY_A, lambda: os.unlink(name), lambda: os.path.islink(name))
        looks = daemon.settled()
        os.utime(start)
        write(start + ".other", "not ours")
        tap.equal(daemon.settled() - looks <= 1, True)
        tap.equal("Drifted" in daemon.conditions(KEY_A), False)


def test_pools(berth):
    """a pool that is unmounted is mounted; data that are gone are not made up: Degraded"""
    with prepared(berth, "correct", "btrfs, config: {size: 1GiB}") as daemon:
        daemon.settled()
        pool = os.path.join(berth.state, "storage-pools", "data")
        root = os.path.join(pool, "containers", B)
        daemon.does("pool unmounted", "pool///data", lambda: run("umount", "-l", pool), lambda: os.path.isdir(root))
        daemon.settled()
        began = time.monotonic()
        run("btrfs", "subvolume", "delete", root)
        tap.equal(daemon.wait_condition(began, KEY_B, "Degraded", True, 2) is not None, True, daemon.log_text()[-3000:])
        print(f"# subvolume deleted: told after {(daemon.wait_condition(began, KEY_B, 'Degraded', True, 0) - began) * 1e3:.0f} ms")
        daemon.settled()
        tap.equal(os.path.exists(root), False)
        found = daemon.conditions(KEY_B)
        tap.equal((found["Degraded"]["status"], found["Ready"]["status"]), (True, False))
        tap.contains(found["Degraded"]["reason"], "data are gone")


def test_modes(berth):
    """warn tells and leaves it; off says nothing; a mode that changes takes hold at once"""
    with prepared(berth, "warn") as daemon:
        daemon.settled()
        mtu = lambda number: run("ip", "link", "set", BRIDGE, "mtu", str(number))  # noqa: E731
        daemon.only_tells("mtu of the bridge, warn", NETWORK, lambda: mtu(1400))
        daemon.settled()
        tap.equal(link(BRIDGE)["mtu"], 1400)
        found = daemon.conditions(NETWORK)
        tap.equal((found["Drifted"]["status"], found["Ready"]["status"]), (True, False))
        tap.contains(found["Drifted"]["reason"], "link differs")
        tap.contains(daemon.log_text(), f"{NETWORK} has drifted")
        tap.equal(daemon.figure("berth_drifted_objects"), 1)
        tap.contains(berth.run("drift").expect(2).out, f"network/{BRIDGE}  drifted since 20")
        shown = json.loads(berth.run("drift", "--format", "json").expect(2).out)["objects"]
        tap.equal([(item["key"], item["mode"], item["since"]) for item in shown], [(NETWORK, "warn", found["Drifted"]["since"])])
        began = time.monotonic()
        mtu(1500)
        tap.equal(daemon.wait_condition(began, NETWORK, "Drifted", False, 2) is not None, True)
        mtu(1400)
        berth.run("apply", "-y", "-q", "-f", berth.write("mode.yaml", "projects: [{name: default, reconcile: correct}]"),
                  "--adopt").expect(0)
        host.wait_for(lambda: link(BRIDGE)["mtu"] == 1500, "corrected once the mode says so", 3)
        berth.run("apply", "-y", "-q", "-f", berth.write("mode.yaml", "projects: [{name: default, reconcile: 'off'}]"),
                  "--adopt").expect(0)
        daemon.settled()
        began = time.monotonic()
        mtu(1400)
        tap.equal(daemon.wait_condition(began, NETWORK, "Drifted", True, 2), None)
        tap.equal(berth.run("drift").status, 2)  # on demand


def test_power(berth):
    """who declared no state, or was stopped over the API, is never started; an ephemeral one goes when it is lost"""
    with prepared(berth) as daemon:
        daemon.done("PUT", f"/1.0/instances/{B}/state", {"action": "start"})
        daemon.done("POST", "/1.0/instances", {"name": f"{NAME}e", "ephemeral": True, "source": {"type": "image", "alias": "busybox"}})
        daemon.done("PUT", f"/1.0/instances/{NAME}e/state", {"action": "start"})
        daemon.settled()
        os.kill(record(berth, B)["monitor"][0], signal.SIGKILL)
        os.kill(record(berth, f"{NAME}e")["monitor"][0], signal.SIGKILL)
        daemon.done("PUT", f"/1.0/instances/{A}/state", {"action": "stop", "force": True})
        host.wait_for(lambda: daemon.ask("GET", f"/1.0/instances/{NAME}e").status == 404, "the ephemeral one is deleted")
        daemon.settled(2)
        states = {item["name"]: item["status"] for item in daemon.ask("GET", "/1.0/instances?recursion=1").metadata}
        tap.equal(states, {A: "Stopped", B: "Stopped"})
        config = daemon.ask("GET", f"/1.0/instances/{B}").metadata["config"]
        tap.equal(config["volatile.last_state.power"], "STOPPED")
        tap.contains(daemon.conditions(KEY_A)["Drifted"]["reason"], "stopped over the API")
        tap.equal("Drifted" in daemon.conditions(KEY_B), False)
        berth.run("apply", "-y", "-q", "-f", berth.path("state.yaml")).expect(0)
        daemon.settled()
        daemon.does("init killed after an apply", KEY_A, lambda: os.kill(pid_of(daemon, A), signal.SIGKILL),
                    lambda: pid_of(daemon, A) > 0)


def test_own_work(berth):
    """what transactions do themselves is looked at once, and not again and again"""
    with prepared(berth) as daemon:
        before = daemon.settled(2)
        for _ in range(3):
            daemon.done("PUT", f"/1.0/instances/{A}/state", {"action": "restart", "force": True})
        daemon.ask("PATCH", f"/1.0/networks/{BRIDGE}", {"config": {"ipv4.nat": "false"}}).expect(200)
        looks = daemon.settled(2) - before
        print(f"# {looks:.0f} looks for three restarts and an edit of a network of one running instance")
        tap.equal(looks <= 20, True, f"{looks} looks")
        tap.equal(daemon.settled(3), before + looks)
        tap.equal(daemon.figure("berth_drifts_total"), 0, daemon.log_text())


def test_against_us(berth):
    """somebody undoes each repair: less and less often, and a new revision is tried at once (kustomize-controller#701)"""
    with prepared(berth) as daemon:
        daemon.settled()
        end = time.monotonic() + 12
        undone = 0
        while time.monotonic() < end:
            if link(BRIDGE).get("up"):
                run("ip", "link", "set", BRIDGE, "down")
                undone += 1
            time.sleep(0.02)
        print(f"# undone {undone} times in 12 s")
        tap.equal(5 <= undone <= 20, True, f"{undone}")
        berth.run("apply", "-y", "-q", "-f", berth.write("other.yaml", STATE.replace("ipv6.address: none",
                  "ipv6.address: none, dns.domain: other") % ("correct", "dir")), "--adopt").expect(0)
        tap.equal(link(BRIDGE)["up"], True)


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes what is posted, but refuses the first two times."""
    posts = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.posts.append((time.monotonic(), self.headers["X-Berth-Signature"], body))
        self.send_response(500 if len(self.posts) <= 2 else 204)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *unused):
        pass


def test_notifier(berth):
    """changes of conditions are posted with a signature, in order, and again while they are refused"""
    server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with prepared(berth) as daemon:
        daemon.ask("PATCH", "/1.0", {"config": {"berth.notify.url": "ftp://x/"}}).expect(400)
        daemon.ask("PATCH", "/1.0", {"config": {"berth.notify.conditions": "Drifting"}}).expect(400)
        # Nothing tells when a hold begins or ends, so that who asks for it must not wait in vain.
        daemon.ask("PATCH", "/1.0", {"config": {"berth.notify.conditions": "Held"}}).expect(400)
        daemon.ask("PATCH", "/1.0", {"config": {"berth.notify.url": f"http://127.0.0.1:{server.server_port}/hook",
                                                "berth.notify.secret": "s3cret", "berth.notify.conditions": "Drifted"}}).expect(200)
        tap.absent(json.dumps(daemon.ask("GET", "/1.0").metadata["config"]), "s3cret")
        daemon.settled()
        run("nft", "flush", "ruleset")
        host.wait_for(lambda: len(Receiver.posts) >= 4, "four posts", 15)
        told = [json.loads(body) for _, _, body in Receiver.posts]
        for _, signature, body in Receiver.posts:
            tap.equal(signature, "sha256=" + hmac.new(b"s3cret", body, "sha256").hexdigest())
        tap.equal([(item["object"], item["type"], item["status"]) for item in told],
                  [(NETWORK, "Drifted", True)] * 3 + [(NETWORK, "Drifted", False)])
        tap.equal(len({item["id"] for item in told}), 2)
        waits = [after[0] - before[0] for before, after in zip(Receiver.posts, Receiver.posts[1:])]
        tap.equal(waits[0] >= 1 and waits[1] >= 2, True, f"{waits}")
    server.shutdown()


def test_figures(berth):
    """OpenMetrics lines of drift, repairs, transactions and rollbacks; conditions with generation and time (EN-48)"""
    with prepared(berth) as daemon:
        daemon.settled()
        began = int(time.time())
        daemon.does("nft flush ruleset", NETWORK, lambda: run("nft", "flush", "ruleset"), lambda: True)
        daemon.ask("POST", "/1.0/networks", {"name": "lo", "config": {"ipv4.address": "none", "ipv6.address": "none"}})
        page = daemon.ask("GET", "/1.0/metrics").expect(200).bytes.decode()
        for line in ("# TYPE berth_drifted_objects gauge", "berth_drifted_objects{} 0", "# TYPE berth_drifts_total counter",
                     "berth_drifts_total{} 1", "berth_heals_total{} 1", "berth_heal_failures_total{} 0"):
            tap.contains(page, line + "\n")
        tap.equal(daemon.figure("berth_last_success_timestamp_seconds") >= began, True)
        tap.equal(daemon.figure("berth_transactions_total") >= 1, True)
        daemon.ask("POST", "/1.0/profiles", {"name": "p"}).expect(201)
        tap.equal(daemon.figure("berth_transaction_seconds_total") > 0, True)
        ready = daemon.conditions(NETWORK)["Ready"]
        tap.equal((ready["status"], ready["reason"], ready["generation"] >= 1, ready["since"] >= began - 60), (True, "as stored", True, True))
        # Who alerts on the age of the last success is not woken up by a restart.
        daemon.stop()
        daemon.start()
        tap.equal(began - 1 <= daemon.figure("berth_last_success_timestamp_seconds") <= time.time(), True)


def switches(pid):
    """how often each thread was woken up or put to sleep"""
    found = {}
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as file:
            found[task] = sum(int(line.split()[1]) for line in file if "ctxt_switches" in line)
    return found


def test_idle(berth):
    """with nothing to do the daemon sleeps: wake-ups counted over 60 s"""
    with prepared(berth) as daemon:
        daemon.settled()
        daemon.stream.close()
        time.sleep(25)  # connections of the test are forgotten, threads that have nothing to do end
        before = switches(daemon.process.pid)
        time.sleep(60)
        after = switches(daemon.process.pid)
        woken = sum(after.get(task, count + 1) - count for task, count in before.items())
        woken += sum(count for task, count in after.items() if task not in before)
        print(f"# woke up {woken} times in 60 s")
        tap.equal(woken <= 6, True, f"woke up {woken} times in 60 s; at most once in 10 s")


if __name__ == "__main__":
    host.main(globals())
