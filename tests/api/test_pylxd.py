#!/usr/bin/python3
"""pylxd, the Python client of LXD (package python3-pylxd), used as its own documentation shows, page by page."""
import os
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon  # noqa: E402
from image_archive import digest, unified  # noqa: E402

NAME = host.NAME
BRIDGE = f"br{NAME}"
STATE = f"""\
storage_pools: [{{name: default, driver: dir}}]
networks: [{{name: {BRIDGE}, config: {{ipv4.address: 10.77.9.1/24, ipv6.address: none}}}}]
images: [{{name: busybox, source: "builtin:busybox"}}]
profiles: [{{name: default, devices: {{root: {{type: disk, path: /, pool: default}}, eth0: {{type: nic, network: {BRIDGE}}}}}}}]
"""


def pylxd_here():
    try:
        import pylxd
    except ImportError:
        raise tap.Skip("pylxd is not installed (package python3-pylxd)") from None
    return pylxd


def client_of(daemon, **options):
    os.environ["LXD_DIR"] = daemon.berth.state  # where it looks for the socket
    return pylxd_here().Client(**options)


def missing(function, *args):
    """whether pylxd says that it is not there"""
    try:
        function(*args)
    except pylxd_here().exceptions.NotFound:
        return True
    return False


def prepared(berth):
    berth.write("berth.yaml", STATE)
    berth.run("apply", "-y").expect(0)
    return Daemon(berth)


def test_client(berth):
    """client: trust, what the host says, extensions, errors"""
    with Daemon(berth) as daemon:
        client = client_of(daemon)
        tap.equal(client.trusted, True)
        tap.contains(client.host_info["environment"]["kernel"], "Linux")
        tap.equal(client.has_api_extension("etag"), True)
        tap.equal(client.has_api_extension("no_such_extension"), False)
        client.assert_has_api_extension("projects")
        tap.equal(client.api.profiles.get().json()["metadata"], ["/1.0/profiles/default"])
        tap.equal(missing(client.profiles.get, "nosuch"), True)


def test_profiles(berth):
    """profiles: create, exists, get, all, save, put, patch, rename, delete"""
    with Daemon(berth) as daemon:
        client = client_of(daemon)
        profile = client.profiles.create("a-profile", config={"user.x": "1"}, devices={"root": {"path": "/", "type": "disk",
                                                                                              "size": "10GiB"}})
        tap.equal(client.profiles.exists("a-profile"), True)
        tap.equal(client.profiles.exists("another"), False)
        profile.config["user.y"] = "2"
        profile.save()
        tap.equal(client.profiles.get("a-profile").config, {"user.x": "1", "user.y": "2"})
        profile = client.profiles.get("a-profile")
        profile.patch({"description": "patched"})
        tap.equal((profile.description, profile.config["user.x"]), ("patched", "1"))
        profile.put({"config": {"user.z": "3"}, "description": "put"})
        tap.equal((client.profiles.get("a-profile").config, client.profiles.get("a-profile").devices), ({"user.z": "3"}, {}))
        client.profiles.get("a-profile").rename("b-profile")
        tap.equal(sorted(profile.name for profile in client.profiles.all()), ["b-profile", "default"])
        client.profiles.get("b-profile").delete()
        tap.equal(missing(client.profiles.get, "b-profile"), True)


def test_networks(berth):
    """networks: create, exists, get, all, save, delete; the host beside them"""
    with Daemon(berth) as daemon:
        client = client_of(daemon)
        network = client.networks.create(BRIDGE, description="d", type="bridge",
                                         config={"ipv4.address": "10.77.9.1/24", "ipv4.nat": "true", "ipv6.address": "none"})
        tap.equal(host.addresses()[BRIDGE], ["10.77.9.1/24"])
        tap.equal(client.networks.exists(BRIDGE), True)
        tap.equal((network.managed, network.type, network.description), (True, "bridge", "d"))
        network.config["bridge.mtu"] = "1400"
        network.save()
        tap.equal(host.links()[BRIDGE]["mtu"], 1400)
        assert "lo" in [one.name for one in client.networks.all()]
        client.networks.get(BRIDGE).delete()
        tap.equal(BRIDGE in host.links(), False)


def test_storage(berth):
    """storage pools: create, exists, all, get, patch, resources, delete"""
    with Daemon(berth) as daemon:
        client = client_of(daemon)
        pool = client.storage_pools.create({"name": "p", "driver": "dir", "config": {}})
        tap.equal((client.storage_pools.exists("p"), client.storage_pools.get("p").driver), (True, "dir"))
        pool.patch({"description": "patched"})
        tap.equal(client.storage_pools.get("p").description, "patched")
        assert client.storage_pools.get("p").resources.get().space["total"] > 0
        tap.equal([one.name for one in client.storage_pools.all()], ["p"])
        pool.delete()
        tap.equal(client.storage_pools.exists("p"), False)


def test_images(berth):
    """images: create, exists, by fingerprint and alias, all, save, export, aliases, delete"""
    whole = unified()
    with Daemon(berth) as daemon:
        client = client_of(daemon)
        image = client.images.create(whole, public=False, wait=True)
        tap.equal((image.fingerprint, image.public), (digest(whole), False))
        tap.equal((client.images.exists(digest(whole)), client.images.exists("nosuch", alias=True)), (True, False))
        image.add_alias("mine", "a description")
        tap.equal(client.images.exists("mine", alias=True), True)
        tap.equal(client.images.get_by_alias("mine").fingerprint, digest(whole))
        tap.equal(client.images.get(digest(whole)[:12]).aliases[0]["name"], "mine")
        image = client.images.get(digest(whole))
        image.public = True
        image.properties["colour"] = "blue"
        image.save()
        tap.equal((client.images.get(digest(whole)).public, client.images.get(digest(whole)).properties["colour"]), (True, "blue"))
        with image.export() as file:
            tap.equal(file.read(), whole)
        image.delete_alias("mine")
        tap.equal(client.images.exists("mine", alias=True), False)
        tap.equal(len(client.images.all()), 1)
        image.delete(wait=True)
        tap.equal(client.images.all(), [])


def test_instances(berth):
    """instances: create, exists, start, state, freeze, restart, stop, save, rename, delete"""
    with prepared(berth) as daemon:
        client = client_of(daemon)
        config = {"name": f"{NAME}-one", "source": {"type": "image", "alias": "busybox"}}
        instance = client.containers.create(config, wait=True)
        tap.equal((instance.status, client.containers.exists(f"{NAME}-one")), ("Stopped", True))
        instance.start(wait=True)
        instance.sync()
        tap.equal(instance.status, "Running")
        state = instance.state()
        assert state.pid > 0 and state.network["eth0"]["host_name"] in host.links()
        instance.freeze(wait=True)
        instance.sync()
        tap.equal(instance.status, "Frozen")
        instance.unfreeze(wait=True)
        instance.restart(force=True, wait=True)
        instance.sync()
        tap.equal(instance.status, "Running")
        instance.config["limits.memory"] = "64MiB"
        instance.save(wait=True)
        tap.equal(client.containers.get(f"{NAME}-one").config["limits.memory"], "64MiB")
        instance.stop(force=True, wait=True)
        instance.rename(f"{NAME}-two", wait=True)
        tap.equal([found.name for found in client.containers.all()], [f"{NAME}-two"])
        client.containers.get(f"{NAME}-two").delete(wait=True)
        tap.equal(client.containers.all(), [])


def test_execute(berth):
    """execute: streams, exit status, environment, input; commands that fail"""
    with prepared(berth) as daemon:
        instance = client_of(daemon).containers.create({"name": NAME, "source": {"type": "image", "alias": "busybox"}}, wait=True)
        instance.start(wait=True)
        tap.equal(tuple(instance.execute(["sh", "-c", "echo out; echo err >&2; exit 3"])), (3, "out\n", "err\n"))
        tap.equal(instance.execute(["sh", "-c", "echo $A"], environment={"A": "b"}).stdout, "b\n")
        tap.equal(instance.execute(["cat"], stdin_payload="through").stdout, "through")
        heard = []
        instance.execute(["echo", "line"], stdout_handler=heard.append)
        tap.contains("".join(heard), "line")
        tap.equal(instance.execute(["no-such-program"]).exit_code, 127)
        instance.stop(force=True, wait=True)
        instance.delete(wait=True)


def test_files(berth):
    """files: put, get, with modes and owners, recursively, delete; what is not there"""
    with prepared(berth) as daemon:
        instance = client_of(daemon).containers.create({"name": NAME, "source": {"type": "image", "alias": "busybox"}}, wait=True)
        instance.start(wait=True)
        instance.files.put("/root/file", "content", mode=0o600, uid=5, gid=6)
        tap.equal(instance.files.get("/root/file"), b"content")
        tap.equal(instance.execute(["stat", "-c", "%a %u %g", "/root/file"]).stdout, "600 5 6\n")
        os.makedirs(berth.path("tree/below"))
        berth.write("tree/one", "1")
        berth.write("tree/below/two", "2")
        instance.files.recursive_put(berth.path("tree"), "/root/tree")
        tap.equal(instance.files.get("/root/tree/below/two"), b"2")
        tap.equal(instance.files.delete_available(), True)
        instance.files.delete("/root/file")
        tap.equal(missing(instance.files.get, "/root/file"), True)
        instance.stop(force=True, wait=True)
        instance.delete(wait=True)


def test_certificates(berth):
    """certificates: create, all, get, delete; a client over HTTPS that authenticates with the trust password"""
    with Daemon(berth) as daemon:
        client = client_of(daemon)
        key, cert = berth.path("key"), berth.path("cert")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "9",
                        "-subj", "/CN=c"], check=True, stderr=subprocess.DEVNULL)
        client.api.patch(json={"config": {"core.https_address": "127.0.0.1:18443", "core.trust_password": "sekret"}})
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            os.environ.pop(name, None)  # requests would put them above verify=False
        far = pylxd_here().Client(endpoint="https://127.0.0.1:18443", cert=(cert, key), verify=False)
        tap.equal(far.trusted, False)
        far.authenticate("sekret")
        tap.equal(far.trusted, True)
        tap.equal([one.name for one in far.profiles.all()], ["default"])
        found = client.certificates.all()
        tap.equal((len(found), found[0].type), (1, "client"))
        client.certificates.get(found[0].fingerprint).delete()
        tap.equal(client.certificates.all(), [])
        with open(cert, "rb") as file:
            made = client.certificates.create(None, file.read())
        tap.equal([one.fingerprint for one in client.certificates.all()], [made.fingerprint])


def test_operations(berth):
    """operations: waited for by name"""
    with prepared(berth) as daemon:
        client = client_of(daemon)
        answer = client.api.containers.post(json={"name": NAME, "source": {"type": "image", "alias": "busybox"}})
        operation = client.operations.get(answer.json()["operation"])
        assert operation.id in answer.json()["operation"]
        client.operations.wait_for_operation(answer.json()["operation"])
        tap.equal(client.containers.exists(NAME), True)
        client.containers.get(NAME).delete(wait=True)


def test_events(berth):
    """events: a websocket client hears what happens"""
    with Daemon(berth) as daemon:
        client = client_of(daemon)
        heard, stream = [], client.events()
        stream.received_message = lambda message: heard.append(str(message))
        stream.connect()
        listener = threading.Thread(target=stream.run, daemon=True)
        listener.start()
        host.wait_for(lambda: client.profiles.create(f"p{len(client.profiles.all())}") and heard, "an event is heard")
        host.wait_for(lambda: any("profile-created" in text for text in heard), "profile-created is heard")
        stream.close()


host.main(globals())
