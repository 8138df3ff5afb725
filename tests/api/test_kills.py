#!/usr/bin/python3
"""kill -9 of berthd at any moment under a mixed load of several clients: profiles, networks, instances that are made, started, stopped,
copied and deleted, images. Whatever was acknowledged is there afterwards, nothing is half made. The load goes on through a kill as
clients do it: they ask again. Rounds: the argument of BERTH_KILLS, or `test_kills.py ROUNDS` by hand (as root, with BERTH and BERTHD)."""
import http.client
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon  # noqa: E402

if len(sys.argv) > 1 and sys.argv[1].isdigit():
    os.environ["BERTH_KILLS"] = sys.argv.pop(1)
ROUNDS = int(os.environ.get("BERTH_KILLS", "200"))
NAME = host.NAME
# Starts of containers cost: they have rounds of their own.
RUNNING = max(ROUNDS // 10, 5)
STATE = """
storage_pools: [{name: data, driver: dir}]
images: [{name: busybox, source: 'builtin:busybox'}]
profiles: [{name: default, devices: {root: {type: disk, path: /, pool: data}}}]
"""


class Client(threading.Thread):
    """Asks without end, one thing of one sort after the other, and keeps what was acknowledged last. What was under way when the daemon
    was killed may have been done or not."""

    def __init__(self, daemon, number, stop):
        super().__init__(daemon=True)
        self.server, self.number, self.stop = daemon, number, stop
        self.random = random.Random(number * 1000003 + int(time.monotonic() * 1000))
        self.known = {}      # url -> value that was acknowledged (or set up before the load); None: gone
        self.doubtful = {}   # url -> values that may be there instead

    def run(self):
        while not self.stop.is_set():
            try:
                self.step()
            except (OSError, ValueError, AssertionError, http.client.HTTPException):
                if not self.stop.is_set():
                    time.sleep(0.005)

    def write(self, method, path, url, value, body=None):
        self.doubtful.setdefault(url, []).append(value)
        answer = self.server.ask(method, path, body, timeout=30)
        if answer.status == 202:
            final = self.server.ask("GET", answer.json["operation"].split("?")[0] + "/wait?timeout=20", timeout=30)
            done = final.status == 200 and final.metadata["status_code"] == 200
            if final.status != 200 or final.metadata["status_code"] < 200:
                return
        else:
            done = answer.status in (200, 201)
        if done:
            self.known[url] = value
            del self.doubtful[url]
        else:
            self.doubtful[url].pop()


class Profiles(Client):
    count = 0

    def step(self):
        url = f"/1.0/profiles/p{self.number}"
        if self.known.get(url) is None:
            self.write("POST", "/1.0/profiles", url, "0", {"name": f"p{self.number}", "config": {"user.v": "0"}})
        elif self.random.random() < 0.05:
            self.write("DELETE", url, url, None)
        else:
            self.count += 1
            self.write("PATCH", url, url, str(self.count), {"config": {"user.v": str(self.count)}})

    @staticmethod
    def value(metadata):
        return metadata["config"].get("user.v")


class Networks(Client):
    def step(self):
        name = f"n{self.number}{NAME}"
        url = f"/1.0/networks/{name}"
        if self.known.get(url) is None:
            self.write("POST", "/1.0/networks", url, "there",
                       {"name": name, "config": {"ipv4.address": f"10.77.{self.number}.1/24", "ipv6.address": "none", "ipv4.nat": "true"}})
        else:
            self.write("DELETE", url, url, None)

    @staticmethod
    def value(metadata):
        return "there"


class Instances(Client):
    def step(self):
        name = f"{NAME}i{self.number}"
        url = f"/1.0/instances/{name}"
        if self.known.get(url) is None:
            source = self.random.choice([{"type": "none"}, {"type": "image", "alias": "busybox"}])
            self.write("POST", "/1.0/instances", url, "there", {"name": name, "source": source})
        elif self.random.random() < 0.3:
            copy = f"{url}k"
            if self.known.get(copy) is None:
                self.write("POST", "/1.0/instances", copy, "there", {"name": f"{name}k", "source": {"type": "copy", "source": name}})
            else:
                self.write("DELETE", copy, copy, None)
        else:
            self.write("DELETE", url, url, None)

    @staticmethod
    def value(metadata):
        return "there"


class Images(Client):
    """Publishes an empty instance again and again, and deletes the image."""

    def step(self):
        name = f"{NAME}s"
        url = f"/1.0/images/aliases/a{self.number}"
        if self.known.get(url) is None:
            self.write("POST", "/1.0/images", url, "there",
                       {"source": {"type": "instance", "name": name}, "compression_algorithm": "none",
                        "properties": {"n": f"{self.number}-{self.random.random()}"}, "aliases": [{"name": f"a{self.number}"}]})
        else:
            target = self.server.ask("GET", url).metadata["target"]
            self.write("DELETE", f"/1.0/images/{target}", url, None)

    @staticmethod
    def value(metadata):
        return "there"


class Runs(Client):
    """Starts and stops one container."""

    def step(self):
        url = f"/1.0/instances/{NAME}r"
        to = "Stopped" if self.known.get(url) == "Running" else "Running"
        body = {"action": "start" if to == "Running" else "stop", "force": True, "timeout": 10}
        self.write("PUT", f"{url}/state", url, to, body)

    @staticmethod
    def value(metadata):
        return metadata["status"]


def check(daemon, clients):
    """What was acknowledged is there."""
    for client in clients:
        for url in set(client.known) | set(client.doubtful):
            answer = daemon.ask("GET", url)
            found = client.value(answer.metadata) if answer.status == 200 else None
            allowed = [client.known.get(url)] + client.doubtful.get(url, [])
            assert found in allowed, f"{url}: {found!r} is there, {allowed!r} may be"
            client.known[url] = found
        client.doubtful.clear()


def check_host(daemon):
    """The host is as the model says: bridges, volumes, images; nothing staged is left."""
    state = daemon.berth.state
    networks = {item["name"] for item in daemon.ask("GET", "/1.0/networks?recursion=1").metadata if item["managed"]}
    tap.equal({name for name in host.links() if name.startswith("n") and name.endswith(NAME)}, networks, "bridges")
    instances = {url.rsplit("/", 1)[1] for url in daemon.ask("GET", "/1.0/instances").metadata}
    volumes = os.listdir(os.path.join(state, "storage-pools", "data", "containers"))
    tap.equal({name for name in volumes if not name.startswith(".parked")}, instances, "volumes")
    tap.equal(set(os.listdir(os.path.join(state, "containers"))), instances, "links")
    images = {url.rsplit("/", 1)[1] for url in daemon.ask("GET", "/1.0/images").metadata}
    folder = os.path.join(state, "images")
    stored = {name.split(".")[0] for name in os.listdir(folder)} if os.path.exists(folder) else set()
    assert stored <= images, f"files of no image: {stored - images}"


def rounds(berth, kinds, count, longest):
    berth.run("apply", "-y", "-q", "-f", berth.write("state.yaml", STATE)).expect(0)
    daemon = Daemon(berth)
    daemon.start()
    daemon.done("POST", "/1.0/instances", {"name": f"{NAME}s", "source": {"type": "none"}})
    if Runs in kinds:
        daemon.done("POST", "/1.0/instances", {"name": f"{NAME}r", "source": {"type": "image", "alias": "busybox"}})
    clients, acknowledged = [], 0
    known = [{f"/1.0/instances/{NAME}r": "Stopped"} if kind is Runs else {} for kind in kinds]
    for number in range(count):
        stop = threading.Event()
        clients = [kind(daemon, index, stop) for index, kind in enumerate(kinds)]
        for client, before in zip(clients, known):
            client.known.update(before)
            client.count = number * 1000
            client.start()
        time.sleep(random.uniform(0.01, longest))
        daemon.process.kill()
        daemon.process.wait()
        stop.set()
        for client in clients:
            client.join(60)
        daemon.start()
        acknowledged += sum(len(client.known) for client in clients)
        try:
            check(daemon, clients)
            check_host(daemon)
        except AssertionError as error:
            raise AssertionError(f"round {number}: {error}\n{daemon.log_text()[-4000:]}") from None
        known = [client.known for client in clients]
    tap.equal(acknowledged > count, True, f"only {acknowledged} writes were acknowledged in {count} rounds")
    tap.equal(daemon.stop(), 0)


def test_writes(berth):
    """hundreds of kills under writes of profiles, networks, instances and images"""
    random.seed(4711)
    rounds(berth, [Profiles, Profiles, Networks, Instances, Images], ROUNDS, 0.25)


def test_runs(berth):
    """kills while a container starts and stops, beside other writes"""
    random.seed(4712)
    rounds(berth, [Runs, Profiles, Networks], RUNNING, 1.0)


if __name__ == "__main__":
    host.main(globals())
