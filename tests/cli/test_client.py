#!/usr/bin/python3
"""What berth and Debian's lxc do as clients of the daemon with terminals, events, the end of the daemon and trust."""
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon  # noqa: E402

STATE = """\
storage_pools: [{name: p, driver: dir}]
images: [{name: busybox, source: 'builtin:busybox'}]
profiles:
- name: default
  devices: {root: {type: disk, path: /, pool: p}}
instances:
"""


def instance(name, more="state: running"):
    return f"- {{name: {name}, image: busybox, {more}}}\n"


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, argv, env, cwd, rows, columns):
        self.text = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            termios_size(0, rows, columns)
            os.chdir(cwd)
            os.execvpe(argv[0], argv, env)

    def resize(self, rows, columns):
        termios_size(self.fd, rows, columns)

    def type(self, text):
        os.write(self.fd, text.encode())

    def wait_for(self, pattern, seconds=30):
        """what the pattern matches in the output that was not waited for yet"""
        deadline = time.monotonic() + seconds
        while True:
            found = re.search(pattern.encode(), self.text)
            if found:
                self.text = self.text[found.end():]
                return found
            if time.monotonic() > deadline:
                raise AssertionError(f"no {pattern!r} in {self.text!r}")
            if select.select([self.fd], [], [], 0.5)[0]:
                self.text += os.read(self.fd, 4096)

    def end(self):
        """its exit status"""
        try:
            while True:
                self.text += os.read(self.fd, 4096)
        except OSError:
            pass
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def termios_size(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


# It says its size at the start, and each time that it is told of another, which may end a read.
SIZES = "trap 'stty size' WINCH; stty size; while :; do read line; [ \"$line\" = end ] && exit 5; done"


def test_window_size(berth):
    """the terminal inside has the size of the one outside, and follows it: berth by the socket and by HTTPS, lxc too"""
    with Daemon(berth) as daemon:
        host.apply(berth, STATE + instance(host.NAME)).expect(0)
        daemon.ask("PATCH", "/1.0", {"config": {"core.https_address": "127.0.0.1:18461"}}).expect(200)
        conf = {"BERTH_CONF": berth.path("conf")}
        berth.run("remote", "add", "lab", berth.run("trust", "add", "--name", "me").expect(0).out.strip(), env=conf).expect(0)
        term = {"TERM": "xterm"}
        clients = [([berth.program, "exec", host.NAME, "--", "sh", "-c", SIZES], berth.environment(term)),
                   ([berth.program, "exec", f"lab:{host.NAME}", "--", "sh", "-c", SIZES], berth.environment({**conf, **term})),
                   ([shutil.which("lxc") or "lxc", "exec", host.NAME, "--", "sh", "-c", SIZES], {**daemon.client_environment(), **term})]
        if shutil.which("lxc") is None:
            clients.pop()
        for argv, env in clients:
            terminal = Terminal(argv, env, berth.work, 31, 97)
            terminal.wait_for("31 97\r\n")
            for rows, columns in ((40, 120), (24, 80), (1000, 500)):
                terminal.resize(rows, columns)
                # A shell runs its traps between two commands.
                deadline = time.monotonic() + 20
                while f"{rows} {columns}\r\n".encode() not in terminal.text:
                    assert time.monotonic() < deadline, f"{argv[:2]}: {terminal.text!r}"
                    terminal.type("\r")
                    if select.select([terminal.fd], [], [], 0.1)[0]:
                        terminal.text += os.read(terminal.fd, 4096)
                terminal.text = b""
            terminal.type("end\r")
            tap.equal(terminal.end(), 5, argv)
        # Its size is nobody else's business: without a terminal there is none.
        tap.contains(berth.run("exec", "-T", host.NAME, "--", "sh", "-c", "stty size || echo none").expect(0).out, "none")
        berth.run("destroy", "--all", "-y").expect(0)


def yaml_load(text):
    """of the few shapes that events have; Debian's lxc is the judge of the rest"""
    import yaml  # python3-yaml comes with ansible and pylxd
    return list(yaml.safe_load_all(text))


def test_events(berth):
    """events as text, JSON and YAML, by the socket and by HTTPS, for berth and for lxc monitor; type and project are filters"""
    with Daemon(berth) as daemon:
        daemon.ask("PATCH", "/1.0", {"config": {"core.https_address": "127.0.0.1:18462", "core.trust_password": "secret"}}).expect(200)
        conf = {"BERTH_CONF": berth.path("conf")}
        berth.run("remote", "add", "lab", berth.run("trust", "add", "--name", "me").expect(0).out.strip(), env=conf).expect(0)
        daemon.ask("POST", "/1.0/projects", {"name": "other"}).expect(201)
        number = 0

        def listen(argv, env, is_up):
            """A client that hears of a profile that is made now; it and the profile's name."""
            nonlocal number
            with open(berth.path("heard"), "wb") as file, subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=file,
                                                                           stderr=subprocess.STDOUT, cwd=berth.work) as process:
                try:
                    deadline = time.monotonic() + 30
                    while True:
                        number += 1
                        daemon.ask("POST", "/1.0/profiles", {"name": f"n{number}"}).expect(201)
                        time.sleep(0.05)
                        with open(berth.path("heard"), encoding="utf-8") as heard:
                            text = heard.read()
                        found = is_up(text)
                        if found:
                            return text
                        assert time.monotonic() < deadline and process.poll() is None, f"{argv}: {text!r}"
                finally:
                    process.terminate()
                    process.wait(timeout=20)

        for remote, env in (([], berth.environment()), (["lab:"], berth.environment(conf))):
            events = [berth.program, "events", *remote, "--type", "lifecycle"]
            text = listen(events, env, lambda text: "profile-created" in text)
            line = next(line for line in text.splitlines() if "profile-created" in line)
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\S+  lifecycle  profile-created  /1\.0/profiles/n\d+", line), line
            text = listen([*events, "--format", "json"], env, lambda text: "profile-created" in text)
            event = json.loads(text.splitlines()[0])
            tap.equal((event["type"], event["metadata"]["action"], event["project"]), ("lifecycle", "profile-created", "default"))
            text = listen([*events, "--format", "yaml"], env, lambda text: text.count("---") > 1)
            event = yaml_load(text[:text.rindex("---")])[0]
            tap.equal((event["type"], event["metadata"]["action"]), ("lifecycle", "profile-created"))
            # What is logged, and operations, are of other types.
            assert "lifecycle" not in listen([berth.program, "events", *remote, "--type", "operation,logging"], env,
                                             lambda text: begin_operation(daemon) and "operation" in text)
        tap.contains(berth.run("events", "--type", "nonsense").expect(65).err, "supported event type")
        tap.contains(berth.run("events", "--project", "nosuch").expect(1).err, "nosuch")
        tap.equal(berth.run("events", "--format", "csv").status, 64)
        # The other client, in its own formats; by HTTPS with a certificate of its own.
        if shutil.which("lxc") is None:
            return
        daemon.lxc("remote", "add", "far", "127.0.0.1:18462", "--accept-certificate", "--password", "secret").expect(0)
        lxc = [shutil.which("lxc"), "monitor", "--type", "lifecycle"]
        for remote in ([], ["far:"]):
            env = daemon.client_environment()
            text = listen([*lxc, *remote, "--format", "json"], env, lambda text: "profile-created" in text)
            tap.equal(json.loads(text.splitlines()[0])["metadata"]["action"], "profile-created")
            text = listen([*lxc, *remote, "--format", "yaml"], env, lambda text: text.count("action: profile-created") > 1)
            tap.equal(yaml_load(text[:text.rindex("location: ")])[0]["metadata"]["action"], "profile-created")
            text = listen([*lxc, *remote, "--pretty"], env, lambda text: "profile-created" in text)
            tap.contains(text, "Action: profile-created, Source: /1.0/profiles/n")


def begin_operation(daemon):
    return daemon.ask("PUT", "/1.0/instances", {"state": {"action": "stop"}}).expect(202)


def test_shutdown(berth):
    """shutdown stops instances in order, ends the daemon, and they come back with it; a time that is over is exit 6"""
    first, second = f"{host.NAME}a", f"{host.NAME}b"
    daemon = Daemon(berth)
    daemon.start()
    try:
        shut_down(berth, daemon, first, second)
    finally:
        daemon.stop(signal.SIGKILL)
    berth.run("destroy", "-y", "--all").expect(0)


def ends(daemon):
    """it ends by itself, with 0"""
    tap.equal(daemon.process.wait(timeout=60), 0, daemon.log_text())
    daemon.process = None
    tap.equal(host.cgroups(host.NAME), [], "all have stopped")


def shut_down(berth, daemon, first, second):
    host.apply(berth, STATE + instance(first, "config: {boot.stop.priority: 5}")
               + instance(second, "config: {boot.host_shutdown_timeout: 30}")).expect(0)
    for name in (first, second):
        daemon.done("PUT", f"/1.0/instances/{name}/state", {"action": "start", "timeout": 30})
    berth.run("shutdown").expect(0)
    ends(daemon)
    tap.equal(os.path.exists(daemon.socket), False)
    tap.contains(berth.run("shutdown").expect(69).err, "does not answer")
    daemon.start()
    berth.run("waitready", "--timeout", "60s").expect(0)
    tap.equal(host.states(berth), {first: "running", second: "running"})
    # One that does not stop when it is asked to: the daemon goes on, the command does not wait for ever.
    with open(os.path.join(berth.state, "run", f"{second}.json"), encoding="utf-8") as record:
        init = json.load(record)["init"][0]
    os.kill(init, signal.SIGSTOP)
    began = time.monotonic()
    tap.contains(berth.run("shutdown", "--timeout", "1s").expect(6).err, "goes on with it")
    tap.equal(time.monotonic() - began < 20, True, "it does not wait")
    tap.equal(daemon.process.poll(), None, "the daemon goes on")
    os.kill(init, signal.SIGCONT)
    ends(daemon)
    daemon.start()
    berth.run("waitready", "--timeout", "60s").expect(0)
    berth.run("shutdown", "--force", "--timeout", "60s").expect(0)
    ends(daemon)


def certificate(berth, name):
    """a new one; its file and fingerprint"""
    path = berth.path(f"{name}.crt")
    host.output("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", f"/CN={name}",
                "-keyout", berth.path(f"{name}.key"), "-out", path)
    text = host.output("openssl", "x509", "-in", path, "-noout", "-fingerprint", "-sha256")
    return path, text.split("=")[1].strip().replace(":", "").lower()


def test_trust(berth):
    """trust add, list, show and remove, with the daemon and without; the beginning of a fingerprint is enough when it is one's alone"""
    def check(*more):
        prints = {}
        for name in ("ann", "bob"):
            path, prints[name] = certificate(berth, name)
            berth.run("trust", "add", path, *more).expect(0)
        berth.run("trust", "add", path, "--name", "Bob's", *more).expect(0)  # again: its name is another
        entries = json.loads(berth.run("trust", "list", "--format", "json", *more).expect(0).out)
        tap.equal({(e["name"], e["fingerprint"], e["type"], e["restricted"]) for e in entries},
                  {("ann", prints["ann"], "client", "no"), ("Bob's", prints["bob"], "client", "no")})
        csv = berth.run("trust", "list", "--format", "csv", *more).expect(0).out
        tap.contains(csv, prints["ann"])
        short = prints["ann"][:10]
        with open(berth.path("ann.crt"), encoding="ascii") as file:
            tap.equal(berth.run("trust", "show", short, *more).expect(0).out.strip(), file.read().strip())
        tap.equal(berth.run("trust", "show", prints["ann"], *more).expect(0).out, berth.run("trust", "show", short.upper(), *more).expect(0).out)
        colons = ":".join(prints["ann"][i:i + 2] for i in range(0, 64, 2)).upper()  # as openssl writes it
        tap.equal(berth.run("trust", "show", colons, *more).expect(0).out, berth.run("trust", "show", short, *more).expect(0).out)
        tap.contains(berth.run("trust", "show", "", *more).expect(1).err, "begins with ''")
        tap.contains(berth.run("trust", "show", "0123456789ab", *more).expect(1).err, "no certificate begins with '0123456789ab'")
        tap.contains(berth.run("trust", "remove", "zz", *more).expect(1).err, "no certificate begins")
        berth.run("trust", "show", *more).expect(64)
        berth.run("trust", "remove", *more).expect(64)
        berth.run("trust", "list", "x", *more).expect(64)
        berth.run("trust", "remove", short, *more).expect(0)
        tap.equal([e["fingerprint"] for e in json.loads(berth.run("trust", "list", "--format", "json", *more).expect(0).out)], [prints["bob"]])
        berth.run("trust", "remove", prints["bob"][:1], *more).expect(0)
        tap.equal(json.loads(berth.run("trust", "list", "--format", "json", *more).expect(0).out), [])

    def ambiguous(*more):
        """two that begin alike"""
        taken = {}
        while True:
            path, found = certificate(berth, "x")
            berth.run("trust", "add", path, *more).expect(0)
            if found[0] in taken:
                break
            taken[found[0]] = found
        for verb in ("show", "remove"):
            tap.contains(berth.run("trust", verb, found[0], *more).expect(65).err, f"more than one certificate begins with '{found[0]}'")
        return found

    with Daemon(berth) as daemon:
        check()
        found = ambiguous()
        tap.equal(daemon.ask("GET", f"/1.0/certificates/{found[0]}").status, 400)
        daemon.ask("GET", f"/1.0/certificates/{found[:12]}").expect(200)
        daemon.ask("DELETE", f"/1.0/certificates/{found[:12]}").expect(200)
        berth.run("trust", "show", found).expect(1)
    shutil.rmtree(berth.state)
    check()
    tap.contains(berth.run("trust", "add", "--name", "laptop").expect(69).err, "none listens here")


host.main(globals())
