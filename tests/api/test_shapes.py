#!/usr/bin/python3
"""Bodies of requests whose members are of every wrong type, at any depth: an answer each, which is no failure of the server, and the daemon
goes on. From admins on the socket, and from strangers over HTTPS on the routes that are open."""
import copy
import http.client
import json
import os
import ssl
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon  # noqa: E402

PORT = 18453
C = host.NAME
WRONG = [None, True, 5, -1.5, "", "text", [], [None], [5], {}, {"a": None}, {"a": {"b": []}}]
STATE = f"""\
config: {{core.https_address: "127.0.0.1:{PORT}", core.trust_password: secret}}
storage_pools:
- {{name: pool, driver: dir}}
images:
- {{name: busybox, source: "builtin:busybox"}}
profiles:
- {{name: small, devices: {{root: {{type: disk, path: /, pool: pool}}}}}}
instances:
- {{name: {C}, image: busybox, profiles: [small]}}
"""
DEVICES = {"d": {"type": "disk", "path": "/x", "source": "/tmp"}}
SOURCE = {"type": "image", "alias": "nosuch", "fingerprint": "ab", "server": "", "protocol": "lxd", "secret": "s", "certificate": "c",
          "properties": {"os": "x"}, "source": "x", "project": "default", "live": False, "instance_only": True, "refresh": False}
FILES = [{"name": "a.yaml", "text": "profiles: [{name: p}]"}]
# (method, path, body that has the members which are understood). What a body brings about is of no interest here.
REQUESTS = [
    ("PUT", "/1.0", {"config": {"user.a": "b"}}),
    ("PATCH", "/1.0", {"config": {"user.a": "b"}}),
    ("POST", "/1.0/profiles", {"name": "p", "description": "d", "config": {"user.a": "b"}, "devices": DEVICES}),
    ("PUT", "/1.0/profiles/small", {"description": "d", "config": {"user.a": "b"}, "devices": DEVICES}),
    ("PATCH", "/1.0/profiles/small", {"description": "d", "config": {"user.a": "b"}, "devices": DEVICES}),
    ("POST", "/1.0/profiles/nosuch", {"name": "q"}),
    ("POST", "/1.0/projects", {"name": "p", "description": "d", "config": {"features.images": "false"}}),
    ("PATCH", "/1.0/projects/default", {"description": "d", "config": {"user.a": "b"}}),
    ("POST", "/1.0/projects/default", {"name": "q"}),
    ("POST", "/1.0/networks", {"name": "lo", "type": "bridge", "description": "d", "config": {"ipv4.address": "x"}}),
    ("PATCH", "/1.0/networks/nosuch", {"description": "d", "config": {"user.a": "b"}}),
    ("POST", "/1.0/storage-pools", {"name": "pool", "driver": "dir", "description": "d", "config": {"source": "x"}}),
    ("PATCH", "/1.0/storage-pools/pool", {"description": "d", "config": {"user.a": "b"}}),
    ("POST", "/1.0/storage-pools/pool/volumes", {"name": "v", "type": "custom", "config": {}, "content_type": "filesystem"}),
    ("POST", "/1.0/instances", {"name": C, "architecture": "x86_64", "description": "d", "config": {"user.a": "b"}, "devices": DEVICES,
                                "profiles": ["small"], "ephemeral": False, "type": "container", "instance_type": "c1-m1",
                                "stateful": False, "restore": "s", "source": SOURCE}),
    ("POST", "/1.0/instances", {"name": C, "source": {"type": "copy", "source": C, "project": "default"}}),
    ("POST", "/1.0/instances", {"name": C, "source": {"type": "migration", "mode": "pull", "operation": "x", "secrets": {"a": "b"}}}),
    ("PUT", f"/1.0/instances/{C}", {"architecture": "x86_64", "config": {"user.a": "b"}, "devices": DEVICES, "profiles": ["small"],
                                    "ephemeral": False, "description": "d", "stateful": False, "restore": "s"}),
    ("PATCH", f"/1.0/instances/{C}", {"config": {"user.a": "b"}, "devices": DEVICES, "profiles": ["small"], "description": "d"}),
    ("POST", f"/1.0/instances/{C}", {"name": "bad_name", "migration": False, "live": False, "pool": "nosuch", "project": "default",
                                     "target": {"operation": "x", "websockets": {"a": "b"}}, "container_only": False}),
    ("PUT", f"/1.0/instances/{C}/state", {"action": "nosuch", "timeout": 5, "force": False, "stateful": False}),
    ("PUT", "/1.0/instances", {"state": {"action": "nosuch", "timeout": 5, "force": False}}),
    ("POST", f"/1.0/instances/{C}/exec", {"command": ["true"], "environment": {"A": "b"}, "interactive": False, "width": 80, "height": 24,
                                          "user": 0, "group": 0, "cwd": "/", "record-output": False, "wait-for-websocket": False}),
    ("POST", f"/1.0/instances/{C}/console", {"type": "console", "width": 80, "height": 24, "force": False}),
    ("PUT", f"/1.0/instances/{C}/metadata", {"architecture": "x86_64", "creation_date": 1, "expiry_date": 2, "properties": {"a": "b"},
                                             "templates": {"/x": {"when": ["create"], "create_only": True, "template": "x.tpl",
                                                                  "properties": {"a": "b"}}}}),
    ("PATCH", f"/1.0/instances/{C}/metadata", {"properties": {"a": "b"}, "templates": {"/x": {"when": ["create"], "template": "x.tpl"}}}),
    ("POST", "/1.0/images", {"public": False, "auto_update": False, "filename": "x", "properties": {"os": "x"}, "expires_at": "x",
                             "aliases": [{"name": "a", "description": "d"}], "profiles": ["small"], "compression_algorithm": "none",
                             "source": SOURCE}),
    ("POST", "/1.0/images", {"source": {"type": "instance", "name": "nosuch"}}),
    ("POST", "/1.0/images", {"source": {"type": "url", "url": "http://127.0.0.1:1/x"}}),
    ("PATCH", "/1.0/images/IMAGE", {"public": False, "auto_update": False, "properties": {"os": "x"}, "expires_at": "2030-01-01T00:00:00Z",
                                    "profiles": ["small"]}),
    ("PUT", "/1.0/images/IMAGE", {"public": False, "auto_update": False, "properties": {"os": "x"}, "expires_at": "2030-01-01T00:00:00Z",
                                  "profiles": ["small"]}),
    ("POST", "/1.0/images/IMAGE/export", {"target": "https://127.0.0.1:1", "secret": "s", "certificate": "c", "aliases": [],
                                          "project": "default", "profiles": []}),
    ("POST", "/1.0/images/IMAGE/secret", {"a": "b"}),
    ("POST", "/1.0/images/IMAGE/refresh", {"a": "b"}),
    ("POST", "/1.0/images/aliases", {"name": "a", "target": "IMAGE", "description": "d", "type": "container"}),
    ("PUT", "/1.0/images/aliases/a", {"target": "IMAGE", "description": "d"}),
    ("PATCH", "/1.0/images/aliases/a", {"target": "IMAGE", "description": "d"}),
    ("POST", "/1.0/images/aliases/nosuch", {"name": "b"}),
    ("PUT", "/1.0/warnings/nosuch", {"status": "acknowledged"}),
    ("PUT", "/1.0/cluster", {"server_name": "a", "enabled": True, "member_config": [{"entity": "x", "name": "y", "key": "z", "value": ""}]}),
    ("POST", "/1.0/plan", {"files": FILES, "options": {"set": "file:x", "prune": False, "selector": "a=b", "keys": ["x"]}, "vars": {"a": "b"}}),
    ("POST", "/1.0/plan", {"objects": [{"key": "profile/default//p", "spec": {"config": {}}, "owner": "api"}], "delete": ["x"]}),
    ("POST", "/1.0/plan", {"patch": {"key": "profile/default//small", "set": {"a": "b"}}}),
    ("POST", "/1.0/plan", {"rollback": 1, "undelete": "x", "revert": 1}),
    ("POST", "/1.0/plan", {"repair": True, "drift": True, "rehearse": True}),
    ("POST", "/1.0/apply", {"files": [{"name": "a.yaml", "text": "no: such"}], "cause": "x", "directory": "/", "apply": {
        "keep_going": False, "no_wait": False, "parallel": 1, "timeout": 5, "park_for": 5, "confirm_within": 0}}),
    ("POST", "/1.0/observe", {"keys": ["profile/default//small"]}),
    ("POST", "/1.0/origin", {"key": "profile/default//small", "path": "config/x"}),
    ("POST", "/1.0/purge", {"key": "nosuch", "all": False}),
    ("POST", "/1.0/own", {"keys": ["nosuch"], "owner": "api"}),
    ("POST", "/1.0/holds", {"object": "profile/default//small", "path": "config/x", "seconds": 5, "reason": "r"}),
    ("DELETE", "/1.0/holds", {"object": "profile/default//small", "path": "config/x"}),
    ("POST", "/1.0/sources", {"name": "s", "type": "directory", "path": "/nosuch", "interval": "1h", "vars": {"a": "b"}}),
    ("PATCH", "/1.0/sources/nosuch", {"interval": "1h"}),
    ("POST", "/1.0/policies", {"name": "p", "config": {}, "description": "d"}),
    ("POST", "/1.0/generations/1/confirm", {"a": "b"}),
]
CERTIFICATE = ("POST", "/1.0/certificates", {"type": "client", "certificate": "AAAA", "name": "n", "password": "x", "token": False,
                                             "restricted": True, "projects": ["default"]})


def spoiled(value):
    """Copies of a body with one of its values replaced, at any depth."""
    yield from WRONG
    for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        for inner in spoiled(value[key]):
            other = copy.copy(value)
            other[key] = inner
            yield other


def check(daemon, request, answer):
    """500 is for what the server does wrong; 501 names what it does not do."""
    if daemon.process.poll() is not None:
        raise AssertionError(f"{request}: the daemon has ended:\n{daemon.log_text()[-3000:]}")
    if answer.status == 500:
        raise AssertionError(f"{request}: {answer.status} {answer.bytes[:500]!r}")



def test_members(berth):
    """each member of each body, replaced by values of every type: an answer, and no failure of the server"""
    berth.write("berth.yaml", STATE)
    berth.run("apply", "-y").expect(0)
    with Daemon(berth) as daemon:
        image = daemon.ask("GET", "/1.0/images").metadata[0].rsplit("/", 1)[1]
        count = 0
        for method, path, body in [*REQUESTS, CERTIFICATE]:
            path = path.replace("IMAGE", image)
            whole = json.loads(json.dumps(body).replace("IMAGE", image))
            for wrong in [whole, *spoiled(whole)]:
                request = f"{method} {path} {json.dumps(wrong)}"
                try:
                    answer = daemon.ask(method, path, wrong if isinstance(wrong, (dict, list)) else json.dumps(wrong).encode())
                except (OSError, http.client.HTTPException) as problem:
                    raise AssertionError(f"{request}: {problem!r}:\n{daemon.log_text()[-3000:]}") from problem
                check(daemon, request, answer)
                count += 1
        print(f"# {count} bodies")
    berth.run("destroy", "--all", "-y").expect(0)


def test_strangers(berth):
    """the same of the body that anybody may send"""
    berth.write("berth.yaml", f"config: {{core.https_address: '127.0.0.1:{PORT}'}}\n")
    berth.run("apply", "-y").expect(0)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    method, path, body = CERTIFICATE
    with Daemon(berth) as daemon:
        for wrong in [body, *spoiled(body)]:
            connection = http.client.HTTPSConnection("127.0.0.1", PORT, context=context, timeout=20)
            try:
                connection.request(method, path, body=json.dumps(wrong).encode())
                status = connection.getresponse().status
            finally:
                connection.close()
            tap.equal(status in (400, 403, 429), True, f"{json.dumps(wrong)}: {status}")
        tap.equal(daemon.process.poll(), None)


host.main(globals())
