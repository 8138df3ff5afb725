#!/usr/bin/python3
"""Variables, secrets and confirmations by way of the daemon, from the command to the store and back: by a user of the socket and of another
machine. Real berthd; objects that need nothing of the host."""
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon, Monitor  # noqa: E402

NOBODY = 65534
VARS = """\
vars:
  site: {required: true}
  size: 1GiB
  hosts: {type: map, default: {web: {port: 80}, db: {port: 5432}}}
profiles:
- foreach: ${hosts}
  name: ${site}-${each.key}
  config:
    limits.memory: ${size}
    user.port: ${each.value.port}
    user.shell: echo $${HOME}
"""


def by_user(berth, *args):
    """By one who may ask the daemon and nothing else of the state directory."""
    group = int(host.output("getent", "group", "adm").split(":")[2])
    process = subprocess.run([berth.program, *args], cwd=berth.work, env=berth.environment({"HOME": "/nonexistent"}), user=NOBODY, group=NOBODY,
                             extra_groups=[group], text=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    return tap.Result(args, process)


def remote(berth, daemon, port):
    """What asks as another machine does, by the name lab."""
    daemon.ask("PATCH", "/1.0", {"config": {"core.https_address": f"127.0.0.1:{port}"}}).expect(200)
    token = berth.run("trust", "add", "--name", "laptop").expect(0).out.strip()
    env = {"BERTH_CONF": berth.path("conf"), "BERTH_DIR": berth.path("nothing")}
    berth.run("remote", "add", "lab", token, env=env).expect(0)
    return lambda *args: berth.run(*args, env=env)


def configs(daemon):
    return {item["name"]: item["config"] for item in daemon.ask("GET", "/1.0/profiles?recursion=1").expect(200).metadata if item["name"] != "default"}


def test_variables(berth):
    """values are given to the command, or sent along with files; mistakes name both places, and nothing is changed"""
    berth.write("berth.yaml", VARS)
    berth.write("values.yaml", "size: 2GiB\nhosts: {one: {port: 1}}\n")
    with Daemon(berth, "--group", "adm") as daemon:
        lab = remote(berth, daemon, 18451)
        tap.contains(by_user(berth, "apply", "-y").expect(65).err, "site")
        tap.contains(by_user(berth, "apply", "-y", "--var", "nosuch=1", "--var", "site=a").expect(65).err, "nosuch")
        tap.equal(configs(daemon), {})
        by_user(berth, "apply", "-y", "--var", "site=a").expect(0)
        tap.equal(configs(daemon), {f"a-{name}": {"limits.memory": "1GiB", "user.port": port, "user.shell": "echo ${HOME}"}
                                    for name, port in (("web", "80"), ("db", "5432"))})
        tap.contains(by_user(berth, "apply", "-y", "--var", "site=a").expect(0).out, "Nothing to do")
        told = by_user(berth, "explain", "profile/a-web.limits.memory").expect(0).out
        tap.contains(told, f"{berth.path('berth.yaml')}:9:5")
        tap.contains(told, "variable size, declared at")
        lab("apply", "lab:", "-y", "--prune", "--var-file", "values.yaml", "--var", "site=b", "--var", "size=3GiB").expect(0)
        tap.equal(configs(daemon), {"b-one": {"limits.memory": "3GiB", "user.port": "1", "user.shell": "echo ${HOME}"}})

        def ask(kind, values):
            body = {"files": [{"name": "x.yaml", "text": VARS}], "vars": values, "options": {"set": "file:api"}}
            return daemon.ask("POST", f"/1.0/{kind}", body)

        for values, words in (({}, "site"), ({"site": ["x"]}, "site"), ({"site": "c", "other": 1}, "other")):
            for kind in ("plan", "apply"):
                tap.contains(ask(kind, values).expect(400).json["error"], words)
        tap.contains(ask("plan", {"site": "c"}).expect(200).metadata["text"], "profile/c-web")
        tap.equal(daemon.wait(ask("apply", {"site": "c", "hosts": {"x": {"port": "${size}"}}}))["status_code"], 200)
        tap.equal(configs(daemon)["c-x"]["user.port"], "${size}", "what is given is taken as it is")


def test_secrets(berth):
    """a secret of a state file is read by the daemon, and found in nothing that anybody is shown; a client can make none"""
    canary, other = "kanarie" + os.urandom(8).hex(), "kanarie" + os.urandom(8).hex()
    secret = berth.write("secret", canary + "\n")
    os.chmod(secret, 0o600)  # of root: the user of the socket cannot read it, the daemon can
    berth.write("berth.yaml", f"config:\n  core.trust_password: ${{secret:file:{secret}}}\n"
                f"profiles:\n- name: a\n  config:\n    user.key: ${{secret:file:{secret}}}\n    user.mixed: plain\n")
    said = []

    with Daemon(berth, "--group", "adm", "--debug") as daemon, Monitor(daemon, "lifecycle,operation,logging") as monitor:
        lab = remote(berth, daemon, 18452)

        def user(*args, status=0):
            result = by_user(berth, *args).expect(status)
            said.extend((result.out, result.err))
            return result

        user("plan")
        user("apply", "-y", "--format", "json")
        tap.contains(user("apply", "-y").out, "Nothing to do")
        number = str(json.loads(user("history", "--format", "json").out)[0]["generation"])
        for args in (("get", "profile/a", "--format", "json"), ("dump",), ("explain", "profile/a.user.key"), ("history", "--format", "json"),
                     ("show", number, "--format", "json")):
            tap.contains(user(*args).out, f"secret:file:{secret}" if args != ("history", "--format", "json") else "cli apply")
        # It is the content that counts: the password lets a client in.
        refused = berth.run("remote", "add", "two", "127.0.0.1:18452", "--accept-certificate", "--password", other, env={"BERTH_CONF": berth.path("two")})
        tap.equal(refused.status, 77)
        berth.run("remote", "add", "two", "127.0.0.1:18452", "--accept-certificate", "--password", canary,
                  env={"BERTH_CONF": berth.path("two")}).expect(0)
        berth.write("secret", other + "\n")
        tap.contains(user("plan").out, "(secret changed)")
        result = lab("apply", "lab:", "-y")
        said.extend((result.out, result.err))
        result.expect(0)
        tap.contains(user("plan").out, "Nothing to do")
        berth.run("remote", "add", "three", "127.0.0.1:18452", "--accept-certificate", "--password", other,
                  env={"BERTH_CONF": berth.path("three")}).expect(0)
        user("diff", number, str(json.loads(user("history", "--format", "json").out)[0]["generation"]))
        user("rollback", "-y")
        for path in ("/1.0", "/1.0/model", "/1.0/profiles?recursion=1", "/1.0/generations?recursion=1", f"/1.0/generations/{number}", "/1.0/conditions",
                     "/1.0/operations?recursion=1"):
            said.append(daemon.ask("GET", path).bytes.decode())
        for value in (f"${{secret:file:{secret}}}", "${secret:env:HOME}"):
            refused = daemon.ask("POST", "/1.0/profiles", {"name": "b", "config": {"user.key": value}})
            tap.equal((refused.status, "secret" in refused.json["error"]), (400, True), refused.bytes)
        os.unlink(secret)
        berth.write("berth.yaml", berth.read("berth.yaml").replace("plain", "other"))
        tap.contains(user("apply", "-y", status=1).err, f"berth.yaml:2:3: server: config.core.trust_password: the secret ${{secret:file:{secret}}}")
        # An event for every step of the way; the socket is read until the one that is made for the purpose.
        daemon.ask("POST", "/1.0/profiles", {"name": "last"}).expect(201)
        while True:
            event = monitor.next()
            said.append(json.dumps(event))
            if event["type"] == "lifecycle" and event["metadata"]["source"].endswith("/last"):
                break
        said.append(daemon.log_text())
    for name in os.listdir(berth.state):
        if name.startswith("berth.db"):
            with open(os.path.join(berth.state, name), "rb") as file:
                said.append(file.read().decode(errors="replace"))
    for text in said:
        for word in (canary, other):
            tap.absent(text, word)


def test_confirm(berth):
    """an apply by the daemon waits for its confirmation: refused meanwhile, confirmed or taken back by who asks, or by itself"""
    def file(value):
        return f"profiles:\n- name: a\n  config: {{user.value: \"{value}\"}}\n"

    def apply(run, value, *args):
        berth.write("berth.yaml", file(value))
        return run("apply", *args)

    with Daemon(berth, "--group", "adm") as daemon:
        lab = remote(berth, daemon, 18453)

        def user(*args):
            return by_user(berth, *args)

        def value():
            return configs(daemon)["a"]["user.value"]

        apply(user, 1, "-y").expect(0)
        result = apply(user, 2, "-y", "--confirm-within", "1h").expect(0)
        tap.contains(result.err, "berth confirm")
        tap.absent(result.err, "warning")  # the daemon keeps it, also after a reboot
        [waiting] = daemon.ask("GET", "/1.0/unconfirmed").expect(200).metadata
        number = str(waiting["generation"])
        tap.equal((value(), waiting["keys"]), ("2", ["profile/default//a"]))
        tap.contains(apply(user, 3, "-y").expect(7).err, f"berth confirm {number}")
        daemon.ask("PATCH", "/1.0/profiles/a", {"config": {"user.value": "4"}}).expect(412)
        daemon.ask("DELETE", "/1.0/profiles/a").expect(412)
        daemon.ask("POST", "/1.0/profiles", {"name": "other"}).expect(201)
        lab("confirm", "lab:", number).expect(0)
        user("confirm", number).expect(1)
        tap.equal((value(), daemon.ask("GET", "/1.0/unconfirmed").metadata), ("2", []))
        number = str(json.loads(apply(lab, 3, "lab:", "-y", "--confirm-within", "1h", "--format", "json", "--set", berth.path("berth.yaml"))
                                .expect(0).out)["generation"])
        user("revert", "-y", number).expect(0)
        tap.equal((value(), daemon.ask("GET", "/1.0/unconfirmed").metadata), ("2", []))
        with Monitor(daemon) as monitor:
            began = time.monotonic()
            apply(user, 5, "-y", "--confirm-within", "2s").expect(0)
            tap.equal(monitor.wait_for("profile-updated")["metadata"]["source"], "/1.0/profiles/a")
            monitor.wait_for("profile-updated")  # clients hear of the revert as of any other change
            tap.equal((value(), time.monotonic() - began < 20), ("2", True))
        tap.contains(user("history").expect(0).out, "not confirmed in time")
        # One command only asks, the daemon outlives it; whoever was to confirm may be gone.
        tap.contains(user("plan").expect(0).out, "user.value: 2 -> 5")


if __name__ == "__main__":
    host.main(globals())
