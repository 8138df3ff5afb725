#!/usr/bin/python3
"""Secrets (EN-05): a canary in each place where one may stand, and where it is found afterwards: nowhere but in the container."""
import base64
import json
import os
import random
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon, Monitor  # noqa: E402

NAME = host.NAME

FILE = f"""\
vars:
  greeting: ${{secret:env:CANARY_ENV}}
config:
  core.trust_password: ${{secret:file:@trust@}}
  user.server: ${{secret:file:@file@}}
storage_pools:
- name: pool
  driver: dir
  config: {{user.pool: "${{secret:file:@file@}}"}}
networks:
- name: br{NAME}
  config:
    ipv4.address: 10.78.1.1/24
    ipv6.address: none
    user.network: a ${{secret:file:@file@}} b
images:
- name: busybox
  source: builtin:busybox
profiles:
- name: small
  config:
    environment.FROM_PROFILE: ${{secret:credential:token}}
    user.user-data: |
      #cloud-config
      password: ${{secret:file:@file@}}
      echo $${{HOME}}
  devices:
    root: {{type: disk, path: /, pool: pool, user.disk: "${{secret:file:@file@}}"}}
    eth0: {{type: nic, network: br{NAME}}}
instances:
- name: {NAME}-a
  image: busybox
  profiles: [small]
  state: running
  config:
    environment.FROM_FILE: ${{secret:file:@file@}}
    environment.FROM_ENV: hello ${{greeting}}!
    user.token: ${{secret:env:CANARY_ENV}}
"""


class Canaries:
    """Random values as secrets, and the look for them in all that berth says and keeps."""

    def __init__(self, berth):
        self.berth = berth
        self.values = {}
        self.said = []
        self.draw()
        berth.write("berth.yaml", FILE.replace("@file@", berth.path("secret")).replace("@trust@", berth.path("trust")))

    def draw(self, *names):
        os.makedirs(self.berth.path("credentials"), exist_ok=True)
        for name in names or ("secret", "trust", "env", "credentials/token"):
            self.values.setdefault(name, []).append(f"canary{random.randrange(16 ** 24):024x}")
            if name != "env":
                self.write(name, self.values[name][-1] + "\n")

    def write(self, name, text):
        path = self.berth.write(name, text)
        os.chmod(path, 0o600)

    @property
    def environment(self):
        return {"CANARY_ENV": self.values["env"][-1], "CREDENTIALS_DIRECTORY": self.berth.path("credentials")}

    def now(self, name):
        return self.values[name][-1]

    def run(self, *args, status=0, secret=True, **options):
        """Runs berth; what it says is looked through."""
        result = self.berth.run(*args, env=self.environment, **options).expect(status)
        if secret:
            self.check(f"berth {' '.join(args)}", (result.out + result.err).encode())
        return result

    def needles(self):
        for values in self.values.values():
            for value in values:
                raw = value.encode()
                yield raw
                yield raw.hex().encode()
                for shift in range(3):  # wherever it stands in what was encoded
                    yield base64.b64encode(b" " * shift + raw)[(shift * 8 + 5) // 6 + (1 if shift else 0):-4]

    def check(self, what, data):
        for needle in self.needles():
            if needle in data:
                at = data.index(needle)
                raise AssertionError(f"{what} holds a secret: {data[max(0, at - 80):at + 80]!r}")

    def check_state(self):
        """Every file below the state directory but the roots of containers, database and write-ahead log byte for byte. No file must hold
        the content of a secret: contents are kept sealed."""
        for folder, folders, files in os.walk(self.berth.state):
            folders[:] = [name for name in folders if name != "rootfs"]
            for name in files:
                path = os.path.join(folder, name)
                if os.path.isfile(path) and not os.path.islink(path):
                    with open(path, "rb") as file:
                        self.check(path, file.read())

    def check_arguments(self):
        """Command lines and environments of all processes but those in the container."""
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    self.check(f"command line of {pid}", file.read())
            except OSError:
                pass


def memory(pid):
    """What a core of a process would hold: its writable private memory, but what is marked not to be dumped."""
    with open(f"/proc/{pid}/smaps", encoding="utf-8") as file:
        text = file.read()
    found = []
    for match in re.finditer(r"^([0-9a-f]+)-([0-9a-f]+) rw.p .*?^VmFlags: (.*?)$", text, re.M | re.S):
        start, end = int(match[1], 16), int(match[2], 16)
        if "dd" not in match[3].split() and end - start < 1 << 30:
            found.append((start, end))
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as file:
        for start, end in found:
            try:
                file.seek(start)
                yield file.read(end - start)
            except (OSError, ValueError):
                pass


def test_command(berth):
    """apply, change, failure, rollback, drift, history: the container has the secret, nothing else shows or keeps it"""
    canaries = Canaries(berth)
    before = host.fingerprint(berth.state, NAME)
    tap.contains(canaries.run("plan").out, f"config.environment.FROM_FILE: ${{secret:file:{berth.path('secret')}}}")
    canaries.run("plan", "--format", "json")
    canaries.run("plan", "--out", "saved.plan")
    with open(berth.path("saved.plan"), "rb") as file:
        canaries.check("saved plan", file.read())
    canaries.run("apply", "-y", "saved.plan")
    canaries.check_state()
    canaries.check_arguments()
    shown = berth.run("exec", f"{NAME}-a", "--", "env", env=canaries.environment).expect(0).out
    for name, text in (("FROM_FILE", canaries.now("secret")), ("FROM_ENV", f"hello {canaries.now('env')}!"),
                       ("FROM_PROFILE", canaries.now("credentials/token"))):
        tap.contains(shown, f"{name}={text}\n")

    tap.contains(canaries.run("apply", "-y").out, "Nothing to do")
    canaries.run("drift")
    # The same content, written again, is no change; another one is.
    canaries.write("secret", canaries.now("secret"))
    tap.contains(canaries.run("plan").out, "Nothing to do")
    old = canaries.now("secret")
    canaries.draw("secret")
    plan = canaries.run("plan").out
    tap.contains(plan, "(secret changed)")
    tap.contains(plan, "environment.FROM_FILE")

    # An apply that fails brings the old content back, though no file has it any more.
    text = berth.read("berth.yaml")
    berth.write("berth.yaml", text + f"- name: {NAME}-b\n  image: busybox\n  profiles: [small]\n  state: running\n"
                                     "  config: {raw.lxc: lxc.no.such.key = 1}\n")
    canaries.run("apply", "-y", status=3)
    canaries.check_state()
    tap.contains(berth.run("exec", f"{NAME}-a", "--", "env").expect(0).out, f"FROM_FILE={old}\n")
    berth.write("berth.yaml", text)
    canaries.run("apply", "-y")
    tap.contains(berth.run("exec", f"{NAME}-a", "--", "env").expect(0).out, f"FROM_FILE={canaries.now('secret')}\n")
    # Nor does a rollback need the file.
    canaries.run("rollback", "-y")
    tap.contains(berth.run("exec", f"{NAME}-a", "--", "env").expect(0).out, f"FROM_FILE={old}\n")
    canaries.run("rollback", "-y")
    tap.contains(canaries.run("apply", "-y").out, "Nothing to do")

    for format in ("table", "json", "yaml", "csv"):
        for what in ("instance", "profile", "server", "network", "pool", f"instance/{NAME}-a", "profile/small"):
            canaries.run("get", what, "--format", format)
    canaries.run("status")
    for format in ("text", "json", "yaml"):
        canaries.run("show", "1", "--format", format)
        canaries.run("diff", "1", "2", "--format", format)
    canaries.run("history", "--format", "json")
    for field in (f"instance/{NAME}-a.environment.FROM_FILE", f"instance/{NAME}-a.environment.FROM_PROFILE",
                  "profile/small.user.user-data", "server.core.trust_password"):
        canaries.run("explain", field)
        canaries.run("explain", field, "--format", "json")
    canaries.check_state()

    # What is dumped says where the secrets are, and is the same state.
    dump = canaries.run("dump").out
    tap.contains(dump, f"core.trust_password: ${{secret:file:{berth.path('trust')}}}")
    tap.contains(dump, f"password: ${{secret:file:{berth.path('secret')}}}")
    tap.contains(dump, "echo $${HOME}")
    berth.write("dump.yaml", dump)
    tap.absent(canaries.run("plan", "dump.yaml", "--adopt").out, "secret")

    canaries.run("destroy", "-y")
    canaries.check_state()
    after = host.fingerprint(berth.state, NAME)
    # The history can bring all of it back.
    after["files"] = [name for name in after["files"] if not name.startswith("secrets")]
    tap.equal(after, before)


def test_killed(berth):
    """killed at any moment, the next one finishes or undoes, and no content is anywhere"""
    canaries = Canaries(berth)
    canaries.run("apply", "-y")
    for round in range(6):
        canaries.draw("secret", "env")
        process = berth.start("apply", "-y", env=canaries.environment)
        time.sleep(random.uniform(0.05, 0.8))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        canaries.check_state()
    canaries.run("apply", "-y")
    canaries.check_state()
    shown = berth.run("exec", f"{NAME}-a", "--", "env").expect(0).out
    tap.contains(shown, f"FROM_FILE={canaries.now('secret')}\n")
    tap.contains(shown, f"FROM_ENV=hello {canaries.now('env')}!\n")
    canaries.run("destroy", "-y")


def test_the_look_finds(berth):
    """the look for canaries would find one: as it is, in hex, in base64 wherever it begins, and in memory"""
    canaries = Canaries(berth)
    value = canaries.now("secret").encode()
    found = [value, value.hex().encode()] + [base64.b64encode(b"." * shift + value + b"..") for shift in range(5)]
    for data in found + [b"".join(memory(os.getpid()))]:
        try:
            canaries.check("this", b"before " + data + b" after")
        except AssertionError:
            continue
        raise AssertionError(f"not found in {data[:200]!r}")
    canaries.check("nothing", b"canary" * 100)


def everything(daemon):
    """Paths of all that the API shows."""
    yield from ("/1.0", "/1.0/generations?recursion=1", "/1.0/conditions", "/1.0/operations?recursion=1", "/internal/state")
    for kind in ("instances", "profiles", "networks", "storage-pools", "images", "projects"):
        for depth in (1, 2):
            yield f"/1.0/{kind}?recursion={depth}"
        for url in daemon.ask("GET", f"/1.0/{kind}").expect(200).metadata:
            yield url
            yield f"{url}/state"
    for url in daemon.ask("GET", "/1.0/generations").expect(200).metadata:
        yield url
    yield f"/1.0/instances/{NAME}-a/metadata"
    for name in ("lxc.conf", "lxc.log", "console.log"):
        yield f"/1.0/instances/{NAME}-a/logs/{name}"


def test_daemon(berth):
    """the API shows what secrets are called; what comes back as it was shown changes nothing; the log, events and memory have none"""
    canaries = Canaries(berth)
    files = [{"name": "berth.yaml", "text": berth.read("berth.yaml")}]
    daemon = Daemon(berth, "--debug")
    daemon.environment = lambda: berth.environment(canaries.environment)
    with daemon, Monitor(daemon, "lifecycle,operation,logging") as monitor:
        answer = daemon.ask("POST", "/1.0/plan", {"files": files, "options": {}}).expect(200)
        canaries.check("plan", answer.bytes)
        daemon.done("POST", "/1.0/apply", {"files": files, "options": {"set": "file:s"}})
        # Not by the daemon: what a program prints goes through its memory, and that is not what is looked for.
        tap.contains(berth.run("--local", "exec", f"{NAME}-a", "--", "env").expect(0).out, f"FROM_FILE={canaries.now('secret')}\n")
        for path in everything(daemon):
            canaries.check(path, daemon.ask("GET", path).bytes)

        shown = daemon.ask("GET", f"/1.0/instances/{NAME}-a").expect(200)
        tap.equal(shown.metadata["config"]["environment.FROM_FILE"], f"${{secret:file:{berth.path('secret')}}}")
        count = len(daemon.ask("GET", "/1.0/generations").expect(200).metadata)
        for path in (f"/1.0/instances/{NAME}-a", "/1.0/profiles/small", f"/1.0/networks/br{NAME}", "/1.0/storage-pools/pool"):
            read = daemon.ask("GET", path).expect(200)
            answer = daemon.ask("PUT", path, read.metadata, {"If-Match": read.etag})
            if answer.status == 202:
                tap.equal(daemon.wait(answer)["status_code"], 200, path)
            else:
                answer.expect(200)
        tap.equal(len(daemon.ask("GET", "/1.0/generations").expect(200).metadata), count, "generations after echoes")
        answer = daemon.ask("PATCH", "/1.0/profiles/small", {"config": {"user.other": "1"}}).expect(200)
        read = daemon.ask("GET", "/1.0/profiles/small").expect(200).metadata["config"]
        tap.equal(read["environment.FROM_PROFILE"], "${secret:credential:token}")
        # How a secret is shown makes none.
        answer = daemon.ask("POST", "/1.0/profiles", {"name": "x", "config": {"user.x": "${secret:file:/etc/shadow}"}}).expect(400)
        tap.contains(answer.json["error"], "only be declared in a state file")
        for token in ("\x02file:/etc/shadow\x1f\x03", "\x02file:/etc/shadow"):
            daemon.ask("POST", "/1.0/profiles", {"name": "x", "config": {"user.x": token}}).expect(400)
            daemon.ask("PATCH", "/1.0/profiles/small", {"config": {"environment.X": token}}).expect(400)

        # The trust password is the file's.
        stranger = {"type": "client", "password": "wrong"}
        daemon.ask("POST", "/1.0/certificates", stranger)
        canaries.draw("secret")
        answer = daemon.ask("POST", "/1.0/plan", {"files": files, "options": {"set": "file:s"}}).expect(200)
        canaries.check("plan", answer.bytes)
        tap.contains(answer.metadata["text"], "(secret changed)")
        daemon.done("POST", "/1.0/apply", {"files": files, "options": {"set": "file:s"}})
        for path in everything(daemon):
            canaries.check(path, daemon.ask("GET", path).bytes)
        canaries.check_state()
        canaries.check_arguments()
        monitor.socket.settimeout(1)
        try:
            while True:
                canaries.check("event", json.dumps(monitor.next()).encode())
        except OSError:
            pass
        # The environment that was given to the daemon is in its memory from its start, and sanitizers keep what is freed.
        environment = canaries.values.pop("env")
        try:
            for part in memory(daemon.process.pid):
                canaries.check("memory of berthd", part)
        finally:
            canaries.values["env"] = environment
    canaries.check("berthd.log", daemon.log_text().encode())
    canaries.run("destroy", "-y", "--set", "s")


def test_refusals(berth):
    """what cannot be a secret, and what cannot be read, is refused with its place; nothing is looked at before"""
    berth.write("open", "x\n")
    os.chmod(berth.path("open"), 0o644)
    berth.write("empty", "\n")
    os.chmod(berth.path("empty"), 0o600)
    cases = (
        (f"file:{berth.path('open')}", 8, "everybody on this machine can read"),
        (f"file:{berth.path('missing')}", 1, "No such file"),
        (f"file:{berth.path('empty')}", 65, "is empty"),
        ("file:relative", 65, "write the path of the file from / on"),
        ("env:NOT_THERE", 1, "the environment has no such variable"),
        ("env:A B", 65, "this is no name"),
        ("credential:token", 1, "CREDENTIALS_DIRECTORY is not set"),
        ("credential:../x", 65, "this is no name"),
        ("vault:x", 65, "write file:/PATH, env:NAME or credential:NAME"),
    )
    for reference, status, text in cases:
        berth.write("berth.yaml", f"profiles:\n- name: p\n  config:\n    user.x: ${{secret:{reference}}}\n")
        result = berth.run("plan").expect(status)
        tap.contains(result.err, text)
        tap.contains(result.err, "berth.yaml:4:")
    for text in ("- name: ${secret:env:HOME}", "- {name: p, description: '${secret:env:HOME}'}",
                 "- {name: p, config: {limits.memory: '${secret:env:HOME}'}}", "- {name: p, protect: '${secret:env:HOME}'}",
                 "- {name: p, config: {user.x: \"\\x02file:/etc/shadow\\x1f\\x03\"}}"):
        berth.write("berth.yaml", f"profiles:\n{text}\n")
        result = berth.run("validate").expect(65)
        tap.contains(result.err, "berth.yaml:2:")
    berth.write("berth.yaml", f"profiles:\n- name: p\n  config:\n    user.x: ${{secret:file:{berth.path('missing')}}}\n")
    berth.run("validate").expect(0)  # needs no host
    tap.equal(os.path.exists(berth.state), False, "state directory made")


def test_no_core(berth):
    """neither program can be dumped: the kernel writes no core of it, and gives its memory to root alone"""
    os.makedirs(berth.state)
    os.chown(berth.state, 65534, 65534)
    # The daemon ends without the right to watch the network.
    watch = ["--inh-caps", "+net_admin", "--ambient-caps", "+net_admin"]
    for program, words, caps in ((os.environ["BERTH"], ["validate", "-"], []), (os.environ["BERTHD"], [], watch), ("/bin/cat", [], [])):
        process = subprocess.Popen(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", *caps, program, *words],
                                   stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env={**berth.environment(), "HOME": "/", "ASAN_OPTIONS": "detect_leaks=0"})
        try:
            host.wait_for(lambda: os.path.realpath(f"/proc/{process.pid}/exe") == os.path.realpath(program), "the program")
            if program == "/bin/cat":  # what others look like
                tap.equal(os.stat(f"/proc/{process.pid}/environ").st_uid, 65534)
            else:
                host.wait_for(lambda: os.stat(f"/proc/{process.pid}/environ").st_uid == 0, program)
        finally:
            process.kill()
            process.communicate()


host.main(globals())
