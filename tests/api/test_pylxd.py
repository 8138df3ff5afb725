#!/usr/bin/python3
"""pylxd, the Python client of LXD (package python3-pylxd), used as its own documentation shows."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon  # noqa: E402

NAME = host.NAME
BRIDGE = f"br{NAME}"
STATE = f"""\
storage_pools: [{{name: default, driver: dir}}]
networks: [{{name: {BRIDGE}, config: {{ipv4.address: 10.77.9.1/24, ipv6.address: none}}}}]
images: [{{name: busybox, source: "builtin:busybox"}}]
profiles: [{{name: default, devices: {{root: {{type: disk, path: /, pool: default}}, eth0: {{type: nic, network: {BRIDGE}}}}}}}]
"""


def client_of(daemon):
    try:
        import pylxd
    except ImportError:
        raise tap.Skip("pylxd is not installed (package python3-pylxd)") from None
    os.environ["LXD_DIR"] = daemon.berth.state  # where it looks for the socket
    return pylxd.Client()


def test_objects(berth):
    """profiles, networks, projects and pools: create, get, all, save, rename, delete"""
    with Daemon(berth) as daemon:
        client = client_of(daemon)
        tap.equal(client.trusted, True)
        tap.contains(str(client.host_info["environment"]["kernel"]), "Linux")
        profile = client.profiles.create("a-profile", config={"user.x": "1"}, devices={})
        profile.config["user.y"] = "2"
        profile.save()
        tap.equal(client.profiles.get("a-profile").config, {"user.x": "1", "user.y": "2"})
        client.profiles.get("a-profile").rename("b-profile")
        tap.equal(sorted(profile.name for profile in client.profiles.all()), ["b-profile", "default"])
        client.profiles.get("b-profile").delete()
        network = client.networks.create(BRIDGE, description="d", type="bridge",
                                         config={"ipv4.address": "10.77.9.1/24", "ipv6.address": "none"})
        tap.equal(host.addresses()[BRIDGE], ["10.77.9.1/24"])
        network.config["bridge.mtu"] = "1400"
        network.save()
        tap.equal(host.links()[BRIDGE]["mtu"], 1400)
        tap.equal(client.networks.get(BRIDGE).description, "d")
        client.networks.get(BRIDGE).delete()
        pool = client.storage_pools.create({"name": "p", "driver": "dir", "config": {}})
        tap.equal(client.storage_pools.get("p").driver, "dir")
        assert client.storage_pools.get("p").resources.get().space["total"] > 0
        pool.delete()


def test_instances(berth):
    """instances: create, start, execute, files, freeze, state, stop, rename, delete"""
    berth.write("berth.yaml", STATE)
    berth.run("apply", "-y").expect(0)
    with Daemon(berth) as daemon:
        client = client_of(daemon)
        config = {"name": f"{NAME}-one", "source": {"type": "image", "alias": "busybox"}}
        instance = client.containers.create(config, wait=True)
        tap.equal(instance.status, "Stopped")
        instance.start(wait=True)
        instance.sync()
        tap.equal(instance.status, "Running")
        result = instance.execute(["sh", "-c", "echo out; echo err >&2; exit 3"])
        tap.equal((result.exit_code, result.stdout, result.stderr), (3, "out\n", "err\n"))
        instance.files.put("/root/file", "content")
        tap.equal(instance.files.get("/root/file"), b"content")
        instance.freeze(wait=True)
        instance.sync()
        tap.equal(instance.status, "Frozen")
        instance.unfreeze(wait=True)
        assert instance.state().pid > 0
        instance.config["limits.memory"] = "64MiB"
        instance.save(wait=True)
        instance.stop(force=True, wait=True)
        instance.rename(f"{NAME}-two", wait=True)
        tap.equal([found.name for found in client.containers.all()], [f"{NAME}-two"])
        tap.equal(client.containers.get(f"{NAME}-two").config["limits.memory"], "64MiB")
        client.containers.get(f"{NAME}-two").delete(wait=True)
        tap.equal(client.containers.all(), [])
        assert client.images.all()[0].fingerprint
        tap.equal(client.images.get_by_alias("busybox").fingerprint, client.images.all()[0].fingerprint)


host.main(globals())
