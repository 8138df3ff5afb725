#!/usr/bin/python3
"""`?dry-run=1` on every route that writes (EN-27): the answer is a plan, or why the request would fail, and nothing is done."""
import fnmatch
import hashlib
import hmac
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon  # noqa: E402
from gitrepo import Repository, profiles  # noqa: E402
from image_archive import digest, unified, upload  # noqa: E402
from image_server import Second, certificate  # noqa: E402

C, OFF, BRIDGE = host.NAME, f"{host.NAME}-off", f"br{host.NAME}"
PORT = 18454
STATE = f"""\
config: {{core.https_address: "127.0.0.1:{PORT}", core.trust_password: secret}}
storage_pools: [{{name: pool, driver: dir}}, {{name: spare, driver: dir}}]
networks: [{{name: {BRIDGE}, config: {{ipv4.address: none, ipv6.address: none}}}}]
projects: [{{name: other}}]
images: [{{name: busybox, source: "builtin:busybox"}}]
profiles:
- {{name: small, devices: {{root: {{type: disk, path: /, pool: pool}}}}}}
- {{name: spare}}
policies: [{{name: p, effect: require, objects: [network], where: name ne ""}}]
instances:
- {{name: {C}, image: busybox, profiles: [small], state: running}}
- {{name: {OFF}, image: busybox, profiles: [small]}}
"""
SMALL, WEB = "profile/default//small", f"instance/default//{C}"
FILES = [{"name": "a.yaml", "text": "profiles: [{name: fresh}]"}]
IN = f"instances/{C}"


def rows(words):
    """(method, path, body, headers, what the answer names); a status in place of the last: it is refused as without a dry run."""
    image, uploaded, pulled = words["image"], words["uploaded"], words["pulled"]
    return [
        ("PUT", "1.0", {"config": {"core.https_address": f"127.0.0.1:{PORT}", "core.trust_password": True, "user.a": "b"}}, {}, "user.a"),
        ("PATCH", "1.0", {"config": {"user.a": "b"}}, {}, "user.a"),
        ("POST", "profiles", {"name": "fresh"}, {}, "1 to create"),
        ("PUT", "profiles/spare", {"description": "new"}, {}, "description"),
        ("PATCH", "profiles/small", {"description": "new"}, {}, "description"),
        ("POST", "profiles/spare", {"name": "else"}, {}, "profile/else"),
        ("DELETE", "profiles/spare", None, {}, "1 to delete"),
        ("POST", "networks", {"name": "nbfresh", "config": {"ipv4.address": "none", "ipv6.address": "none"}}, {}, "1 to create"),
        ("PUT", f"networks/{BRIDGE}", {"config": {"ipv4.address": "none", "ipv6.address": "none", "bridge.mtu": "1400"}}, {}, "bridge.mtu"),
        ("PATCH", f"networks/{BRIDGE}", {"config": {"bridge.mtu": "1400"}}, {}, "bridge.mtu"),
        ("POST", f"networks/{BRIDGE}", {"name": "nbelse"}, {}, "nbelse"),
        ("DELETE", f"networks/{BRIDGE}", None, {}, "1 to delete"),
        ("POST", "projects", {"name": "fresh"}, {}, "project/fresh"),
        ("PUT", "projects/other", {"description": "new", "config": {"features.images": "true", "features.profiles": "true",
                                                                    "features.storage.volumes": "true"}}, {}, "description"),
        ("PATCH", "projects/other", {"description": "new"}, {}, "description"),
        ("POST", "projects/other", {"name": "else"}, {}, "project/else"),
        ("DELETE", "projects/other", None, {}, "project/other"),
        ("POST", "storage-pools", {"name": "fresh", "driver": "dir"}, {}, "1 to create"),
        ("PUT", "storage-pools/pool", {"description": "new"}, {}, "description"),
        ("PATCH", "storage-pools/pool", {"description": "new"}, {}, "description"),
        ("DELETE", "storage-pools/spare", None, {}, "1 to delete"),
        ("POST", "storage-pools/pool/volumes", {"name": "v"}, {}, 501),
        ("POST", "storage-pools/pool/volumes/custom", {"name": "v"}, {}, 501),
        ("POST", "policies", {"name": "fresh", "effect": "require", "objects": ["network"], "where": 'name ne ""'}, {}, "1 to create"),
        ("PUT", "policies/p", {"effect": "require", "objects": ["network"], "where": 'name ne "x"'}, {}, "where"),
        ("PATCH", "policies/p", {"description": "new"}, {}, "description"),
        ("POST", "policies/p", {"name": "else"}, {}, "else"),
        ("DELETE", "policies/p", None, {}, "1 to delete"),
        ("POST", "sources", {"name": "fresh", "type": "directory", "path": words["folder"]}, {}, "source/fresh"),
        ("PUT", "sources/s", {"type": "git", "url": words["url"], "interval": "2h"}, {}, "interval"),
        ("PATCH", "sources/s", {"interval": "2h"}, {}, "interval"),
        ("DELETE", "sources/s", None, {}, "1 to delete"),
        ("POST", "sources/s/sync", {}, {}, "profile/second"),
        ("POST", "sources/s/webhook", b"{}", {"X-Hub-Signature-256": words["signature"]}, "would be looked at"),
        ("POST", "images", words["archive"], {"X-LXD-aliases": "alias=fresh"}, digest(words["archive"])),
        ("POST", "images", {"source": {"type": "image", "server": words["server"], "protocol": "lxd", "alias": "later"}}, {}, pulled),
        ("POST", "images", {"source": {"type": "instance", "name": OFF}, "aliases": [{"name": "fresh"}]}, {}, "made now"),
        ("POST", f"images/{uploaded}/refresh", {}, {}, 400),
        ("POST", f"images/{words['old']}/refresh", {}, {}, words["new"]),
        ("POST", f"images/{image}/export", {"target": "https://127.0.0.1:1"}, {}, 400),
        ("POST", f"images/{image}/secret", {}, {}, "a token"),
        ("PUT", f"images/{uploaded}", {"public": True}, {}, "public"),
        ("PATCH", f"images/{uploaded}", {"public": True}, {}, "public"),
        ("DELETE", f"images/{uploaded}", None, {}, "1 to delete"),
        ("POST", "images/aliases", {"name": "fresh", "target": uploaded}, {}, "fresh"),
        ("PUT", "images/aliases/up", {"target": uploaded, "description": "new"}, {}, "new"),
        ("PATCH", "images/aliases/up", {"description": "new"}, {}, "new"),
        ("POST", "images/aliases/up", {"name": "else"}, {}, "else"),
        ("DELETE", "images/aliases/up", None, {}, "up"),
        ("POST", f"image-files/{'a' * 64}", b"x", {}, "would be kept"),
        ("POST", "observe", {"keys": [SMALL]}, {}, None),
        ("POST", "origin", {"key": SMALL, "path": "description"}, {}, None),
        ("POST", "plan", {"files": FILES}, {}, "1 to create"),
        ("POST", "apply", {"files": FILES}, {}, "1 to create"),
        ("POST", f"generations/{words['generation']}/confirm", {}, {}, "would stand"),
        ("POST", "purge", {"all": True}, {}, "is deleted for good"),
        ("POST", "own", {"keys": [SMALL], "owner": "file:other"}, {}, "1 to adopt"),
        ("POST", "holds", {"object": SMALL, "path": "description", "seconds": 60, "reason": "r"}, {}, "would be held"),
        ("POST", "holds", {"object": SMALL, "path": "nosuch/field", "seconds": 60, "reason": "r"}, {}, 404),
        ("DELETE", "holds", {"object": WEB}, {}, "would end"),
        ("DELETE", "holds", {"object": SMALL}, {}, 404),
        ("POST", "certificates", {"type": "client", "certificate": words["certificate"]}, {}, "1 to create"),
        ("POST", "certificates", {"type": "client", "token": True}, {}, "would be issued"),
        ("PUT", f"certificates/{words['known']}", {"name": "new", "type": "client"}, {}, "new"),
        ("PATCH", f"certificates/{words['known']}", {"name": "new"}, {}, "new"),
        ("DELETE", f"certificates/{words['known']}", None, {}, "1 to delete"),
        ("POST", "instances", {"name": "fresh", "source": {"type": "image", "alias": "busybox"}, "profiles": ["small"]}, {}, "1 to create"),
        ("PUT", IN, {"description": "new", "profiles": ["small"]}, {}, "description"),
        ("PATCH", IN, {"description": "new"}, {}, "description"),
        ("POST", f"instances/{OFF}", {"name": f"{OFF}2"}, {}, f"{OFF}2"),
        ("DELETE", f"instances/{OFF}", None, {}, "1 to delete"),
        ("PUT", f"{IN}/state", {"action": "stop", "force": True}, {}, "1 to update"),
        ("PUT", "instances", {"state": {"action": "stop", "force": True}}, {}, "1 to update"),
        ("POST", f"{IN}/snapshots", {"name": "s"}, {}, 501),
        ("POST", f"{IN}/backups", {"name": "s"}, {}, 501),
        ("POST", f"{IN}/files?path=/root/fresh", b"text", {}, "/root/fresh"),
        ("DELETE", f"{IN}/files?path=/etc/passwd", None, {}, "/etc/passwd"),
        ("DELETE", f"{IN}/files?path=/etc/nosuch", None, {}, 404),
        ("DELETE", f"{IN}/logs/{words['log']}", None, {}, words["log"]),
        ("DELETE", f"{IN}/logs/lxc.log", None, {}, 400),
        ("PUT", f"{IN}/metadata", {"architecture": "x86_64", "creation_date": 1, "properties": {}, "templates": {}}, {}, "metadata"),
        ("PATCH", f"{IN}/metadata", {"creation_date": 1}, {}, "metadata"),
        ("POST", f"{IN}/metadata/templates?path=x.tpl", b"text", {}, "x.tpl"),
        ("DELETE", f"{IN}/metadata/templates?path=x.tpl", None, {}, "x.tpl"),
        ("DELETE", f"{IN}/metadata/templates?path=y.tpl", None, {}, 404),
        ("POST", f"{IN}/exec", {"command": ["touch", "/root/fresh"]}, {}, "touch would be run"),
        ("POST", f"{IN}/console", {}, {}, "would be attached"),
        ("DELETE", f"{IN}/console", None, {}, "would be emptied"),
        ("DELETE", f"operations/{words['operation']}", None, {}, "would be cancelled"),
        ("PUT", "internal/shutdown", None, {}, "would end"),
        ("PUT", f"warnings/{words['warning']}", {"status": "acknowledged"}, {}, "acknowledged"),
        ("PATCH", f"warnings/{words['warning']}", {"status": "acknowledged"}, {}, "acknowledged"),
        ("DELETE", f"warnings/{words['warning']}", None, {}, "deleted"),
        ("POST", "cluster/members", {"server_name": "x"}, {}, 400),
        ("PUT", "cluster/members/x", {}, {}, 400),
        ("PATCH", "cluster/members/x", {}, {}, 400),
        ("POST", "cluster/members/x", {"server_name": "y"}, {}, 400),
        ("DELETE", "cluster/members/x", None, {}, 400),
        ("POST", "cluster/members/x/state", {"action": "evacuate"}, {}, 400),
        ("POST", "cluster/groups", {"name": "g"}, {}, 400),
        ("PUT", "cluster/groups/g", {}, {}, 400),
        ("PATCH", "cluster/groups/g", {}, {}, 400),
        ("POST", "cluster/groups/g", {"name": "h"}, {}, 400),
        ("DELETE", "cluster/groups/g", None, {}, 400),
        ("PUT", "cluster/certificate", {}, {}, 400),
        ("PUT", "cluster", {"server_name": "x", "enabled": True}, {}, 501),
    ]


def routes():
    """METHOD and pattern of all that write"""
    text = subprocess.run([os.environ["BERTH_ROUTES"]], check=True, text=True, stdout=subprocess.PIPE).stdout
    return {tuple(line.split()[:2]) for line in text.splitlines() if not line.startswith("GET ")}


def route_of(known, method, path):
    """the most exact one of a path"""
    plain = path.split("?")[0]
    fitting = [route for route in known if route[0] == method and route[1].count("/") == plain.count("/") and
               fnmatch.fnmatchcase(plain, route[1])]
    return min(fitting, key=lambda route: route[1].count("*"))


def state(daemon, berth):
    """all that a request could change"""
    seen = {path: daemon.ask("GET", f"/1.0/{path}").expect(200).metadata for path in (
        "model", "holds", "generations", "unconfirmed", "parked", "sources/s/state", "warnings", "certificates", "images/aliases?recursion=1",
        "operations", f"{IN}/metadata", f"{IN}/metadata/templates", f"{IN}/logs", f"{IN}/files?path=/root", f"{IN}/files?path=/etc")}
    seen["console"] = daemon.ask("GET", f"/1.0/{IN}/console").bytes
    # Files of the state are what the model says, and who looks is a process as well.
    seen["host"] = {part: value for part, value in host.fingerprint(berth.state, host.NAME).items() if part not in ("files", "processes")}
    return seen


def in_base64(path):
    """a certificate as the API wants it"""
    return "".join(host.output("openssl", "x509", "-in", path).splitlines()[1:-1])


def prepare(berth, daemon, second):
    """one of everything that can be written to; the words that requests name them by"""
    def apply(text, *options):
        berth.write("berth.yaml", text)
        berth.run("apply", "-y", *options, "berth.yaml").expect(0)

    words = {"archive": unified("fresh"), "server": f"unix:{second.socket}", "folder": berth.path("folder"), "old": digest(unified("old")),
             "new": digest(unified("new")), "pulled": digest(unified("later")), "uploaded": digest(unified("up"))}
    os.makedirs(words["folder"])
    apply(STATE + f"- {{name: {host.NAME}-gone, image: busybox, profiles: [small]}}\n")
    apply(STATE, "--prune", "--park-for", "1h")
    berth.write("waits.yaml", "profiles: [{name: waits}]\n")
    berth.run("apply", "-y", "--confirm-within", "1h", "waits.yaml").expect(0)
    words["generation"] = max(one["generation"] for one in daemon.ask("GET", "/1.0/unconfirmed").metadata)
    recorded = daemon.done("POST", f"/1.0/{IN}/exec", {"command": ["true"], "record-output": True, "wait-for-websocket": False})
    words["log"] = recorded["metadata"]["output"]["1"].rsplit("/", 1)[1]
    # Images: one of its own, one that another server has a newer one of, one that it could fetch.
    upload(second, unified("old"), {"X-LXD-aliases": "alias=moving"})
    daemon.done("POST", "/1.0/images", {"source": {"type": "image", "server": words["server"], "protocol": "lxd", "alias": "moving"}})
    second.done("DELETE", f"/1.0/images/{words['old']}")
    upload(second, unified("new"), {"X-LXD-aliases": "alias=moving"})
    upload(second, unified("later"), {"X-LXD-aliases": "alias=later"})
    upload(daemon, unified("up"), {"X-LXD-aliases": "alias=up"})
    words["image"] = next(one["fingerprint"] for one in daemon.ask("GET", "/1.0/images?recursion=1").metadata if one["cached"] is False)
    # A source with a commit that is not in force yet.
    repo = Repository(berth)
    repo.commit({"berth.yaml": profiles("first")})
    secret = berth.write("secret", "sesame\n")
    os.chmod(secret, 0o600)
    words["url"] = repo.bare
    words["signature"] = "sha256=" + hmac.new(b"sesame", b"{}", hashlib.sha256).hexdigest()
    daemon.ask("POST", "/1.0/sources", {"name": "s", "type": "git", "url": repo.bare, "interval": "1h", "prune": True,
                                        "webhook_secret_file": secret}).expect(201)
    host.wait_for(lambda: daemon.ask("GET", "/1.0/profiles/first").status == 200, "the first commit")
    host.wait_for(lambda: daemon.ask("GET", "/1.0/operations").metadata == {}, "the end of the round")
    repo.commit({"berth.yaml": profiles("first", "second")})
    daemon.ask("POST", "/1.0/holds", {"object": WEB, "seconds": 3600, "reason": "r"}).expect(201)
    daemon.ask("POST", f"/1.0/{IN}/metadata/templates?path=x.tpl", b"text").expect(200)
    for name, word in (("known", "known"), ("fresh", "certificate")):
        words[word] = in_base64(certificate(berth)[1])
        if name == "known":
            daemon.ask("POST", "/1.0/certificates", {"type": "client", "certificate": words[word]}).expect(201)
    words["known"] = daemon.ask("GET", "/1.0/certificates?recursion=1").metadata[0]["fingerprint"]
    token = daemon.ask("POST", "/1.0/certificates", {"type": "client", "token": True}).expect(202)
    words["operation"] = token.json["operation"].rsplit("/", 1)[1]
    warnings = daemon.ask("GET", "/1.0/warnings?recursion=1").metadata
    words["warning"] = warnings[0]["uuid"] if warnings else None
    return words


def test_everywhere(berth):
    """each route that writes answers a dry run with its plan, or refuses as it would without; nothing of the model or the host changes"""
    with Daemon(berth) as daemon, Second(berth) as second:
        words = prepare(berth, daemon, second)
        known = routes()
        asked = set()
        before = state(daemon, berth)
        for method, path, body, headers, expected in rows(words):
            asked.add(route_of(known, method, path))
            if words["warning"] is None and path.startswith("warnings/"):
                expected = 404  # this host is as it should be
            kind = {"Content-Type": "application/octet-stream" if isinstance(body, bytes) else "application/json"}
            url = ("/" if path == "1.0" or path.startswith("internal/") else "/1.0/") + path
            answer = daemon.ask(method, url + ("&" if "?" in url else "?") + "dry-run=1", body, {**kind, **headers})
            what = f"{method} {path}"
            if isinstance(expected, int):
                tap.equal((what, answer.status), (what, expected))
                tap.absent(answer.json["error"], "dry run")
            elif expected is not None:
                tap.contains(f"{what}: {answer.expect(200).metadata['text']}", expected)
            else:
                answer.expect(200)
            host.same(before, state(daemon, berth))
        tap.equal(sorted(known - asked), [], "routes that nobody asked")


def test_by_password_and_token(berth):
    """a stranger's dry run adds nothing, and does not use a token up"""
    berth.write("berth.yaml", STATE[:STATE.index("storage_pools")])
    with Daemon(berth) as daemon:
        berth.run("apply", "-y").expect(0)
        token = daemon.lxc("config", "trust", "add", "--name", "c").expect(0).out.split()[-1]
        key, path = certificate(berth)

        def add(password, query):
            return host.output("curl", "-sk", "--cert", path, "--key", key, f"https://127.0.0.1:{PORT}/1.0/certificates{query}", "-d",
                               json.dumps({"type": "client", "password": password}), "-w", "%{http_code}")[-3:]

        for password, status in (("secret", "200"), (token, "200"), (token, "200"), ("wrong", "403")):
            tap.equal(add(password, "?dry-run=1"), status, password)
        tap.equal(daemon.ask("GET", "/1.0/certificates").metadata, [])
        tap.equal(add(token, ""), "201")
        tap.equal(len(daemon.ask("GET", "/1.0/certificates").metadata), 1)


if __name__ == "__main__":
    host.main(globals())
