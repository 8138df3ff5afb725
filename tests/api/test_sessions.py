#!/usr/bin/python3
"""Sessions over the API, as a user of Debian's lxc has them: commands, consoles, files, events, logs, metadata; and clients that leave
in the middle, or send garbage."""
import contextlib
import fcntl
import hashlib
import json
import os
import pty
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import termios
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon  # noqa: E402
from web_socket import WebSocket  # noqa: E402

NAME = f"{host.NAME}-x"
STATE = f"""\
storage_pools:
- {{name: pool, driver: dir}}
images:
- {{name: busybox, source: "builtin:busybox"}}
profiles:
- {{name: small, devices: {{root: {{type: disk, path: /, pool: pool}}}}}}
instances:
- {{name: {NAME}, image: busybox, profiles: [small], state: running}}
"""
BIG = 50_000_000


class Running(Daemon):
    """A daemon with one running instance, and the client as a process of its own."""

    def __init__(self, berth, *args):
        # Memory that is freed is to be seen as free.
        os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=4"
        berth.write("berth.yaml", STATE)
        berth.run("apply", "-y").expect(0)
        super().__init__(berth, *args)

    def __exit__(self, kind, *unused):
        super().__exit__(kind, *unused)
        self.berth.run("destroy", "--all", "-y").expect(0)

    def start(self):
        super().start()
        self.lxc("list").expect(0)  # which greets a new user

    def client(self, *args, **options):
        program = shutil.which("lxc")
        if program is None:
            raise tap.Skip("the client lxc is not installed (package lxd-client)")
        home = self.berth.path("home")
        env = {**os.environ, "LXD_DIR": self.berth.state, "LXD_CONF": os.path.join(home, "lxc"), "HOME": home, "TERM": "dumb"}
        return subprocess.Popen([program, *args], env=env, **options)

    def exec(self, *argv, stdin=None, options=()):
        return self.lxc("exec", NAME, *options, "--", *argv, stdin=stdin)

    def peak(self):
        """The most memory that it has had, in KiB."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))

    def at_rest(self):
        """How many descriptors it has when nobody wants anything of it: the same ones for a while, for clients go, and looks end."""
        seen, since = None, 0
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            now = self.links()
            if now != seen:
                seen, since = now, time.monotonic()
            if time.monotonic() - since > 0.3:
                return len(seen)
            time.sleep(0.02)
        raise AssertionError(f"it does not come to rest: {seen}")

    def settled(self, descriptors, programs=0):
        """Waits until nothing of a session is left: descriptors, helpers and commands inside."""
        host.wait_for(lambda: self.descriptors() <= descriptors and helpers() <= programs,
                 lambda: f"{self.links()} instead of {descriptors} descriptors, {helpers()} helpers")

    def links(self):
        """What the descriptors are, but for the processes of the instance: those are opened when somebody asks for it, and stay."""
        folder = f"/proc/{self.process.pid}/fd"
        found = []
        for fd in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError):
                link = os.readlink(os.path.join(folder, fd))
                if "[pidfd]" not in link or not self.of_instance(fd):
                    found.append(link)
        return sorted(found)

    def of_instance(self, fd):
        """A pidfd is one of the container's init, or of its monitor."""
        with open(f"/proc/{self.process.pid}/fdinfo/{fd}", encoding="ascii") as file:
            pid = next(int(line.split()[1]) for line in file if line.startswith("Pid:"))
        return pid in self.watched_processes()

    def watched_processes(self):
        with contextlib.suppress(FileNotFoundError):
            with open(os.path.join(self.berth.state, "run", NAME + ".json"), encoding="utf-8") as file:
                record = json.load(file)
            return [record[name][0] for name in ("init", "monitor") if name in record]
        return []

    def descriptors(self):
        return len(self.links())


def command_lines():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                yield file.read().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            pass


def helpers():
    """berth-files at work, and commands that a test has started inside."""
    return sum("berth-files" in line or line.startswith("sleep 4711") for line in command_lines())


def random_file(berth, name):
    with open(berth.path(name), "wb") as file:
        file.write(os.urandom(1_000_000) * (BIG // 1_000_000))
    return berth.path(name)


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def start_exec(daemon, *argv, **body):
    """An operation, and a function that connects one of its streams."""
    answer = daemon.ask("POST", f"/1.0/instances/{NAME}/exec", {"command": list(argv), "wait-for-websocket": True, **body})
    operation = answer.expect(202).metadata
    fds = operation["metadata"]["fds"]
    return operation, lambda name: WebSocket(daemon, f"/1.0/operations/{operation['id']}/websocket?secret={fds[name]}")


def final(daemon, operation):
    return daemon.ask("GET", f"/1.0/operations/{operation['id']}/wait?timeout=20").expect(200).metadata


def test_exec(berth):
    """lxc exec without a terminal: streams, exit status, environment, user, folder; 50 MB both ways (OPS-30..47)"""
    with Running(berth) as daemon:
        result = daemon.exec("sh", "-c", "cat; echo err >&2; exit 42", stdin="through\n")
        tap.equal((result.status, result.out, result.err), (42, "through\n", "err\n"))
        tap.equal(daemon.exec("nothing-there").status, 127)
        tap.equal(daemon.exec("sh", "-c", "kill -9 $$").status, 137)
        result = daemon.exec("sh", "-c", "pwd; echo $A $HOME; id -u; id -g", options=("--cwd", "/etc", "--env", "A=b c", "--user", "5"))
        tap.equal(result.expect(0).out, "/etc\nb c\n5\n0\n")
        before = daemon.at_rest()
        path = random_file(berth, "big")
        daemon.exec("true").expect(0)
        peak = daemon.peak()
        with open(path, "rb") as file:
            tap.equal(daemon.client("exec", NAME, "--", "sh", "-c", "cat > /root/big", stdin=file).wait(timeout=120), 0)
        with open(berth.path("back"), "wb") as file:
            tap.equal(daemon.client("exec", NAME, "--", "cat", "/root/big", stdin=subprocess.DEVNULL, stdout=file).wait(timeout=120), 0)
        tap.equal(digest(berth.path("back")), digest(path))
        if daemon.peak() - peak > 30_000:
            raise AssertionError(f"50 MB through exec made the daemon grow from {peak} to {daemon.peak()} KiB")
        daemon.settled(before)


def test_terminal(berth):
    """lxc exec with a terminal: a pty inside, its size and changes of it, what is typed, signals"""
    with Running(berth) as daemon:
        before = daemon.at_rest()
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 101, 0, 0))
        process = daemon.client("exec", NAME, "--", "sh", stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                                preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        shown = b""

        def until(text):
            nonlocal shown
            deadline = time.monotonic() + 20
            while text not in shown:
                if not select.select([master], [], [], max(0, deadline - time.monotonic()))[0]:
                    raise AssertionError(f"no {text!r} in {shown!r}")
                shown += os.read(master, 4096)
            shown = shown.split(text, 1)[1]

        os.write(master, b"stty size; tty\n")
        until(b"33 101")
        until(b"/dev/pts/")
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 44, 99, 0, 0))
        process.send_signal(signal.SIGWINCH)
        time.sleep(0.5)
        os.write(master, b"stty size\n")
        until(b"44 99")
        os.write(master, b"sleep 4711\n")
        host.wait_for(lambda: helpers() == 1, "the command runs")
        os.write(master, b"\x03")
        host.wait_for(lambda: helpers() == 0, "Ctrl-C ends it")
        os.write(master, b"exit 7\n")
        tap.equal(process.wait(timeout=20), 7)
        os.close(master)
        daemon.settled(before)


def test_signals(berth):
    """signals that lxc gets go to the command (OPS-36)"""
    with Running(berth) as daemon:
        process = daemon.client("exec", NAME, "--", "sh", "-c", "trap 'exit 9' TERM; echo ready; while :; do sleep 0.1; done",
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        tap.equal(process.stdout.readline(), b"ready\n")
        process.send_signal(signal.SIGTERM)
        tap.equal(process.wait(timeout=20), 9)
        process.stdout.close()


def test_without_streams(berth):
    """output is recorded as logs, or dropped; what cannot be is refused by name (OPS-31, OPS-40, OPS-41)"""
    with Running(berth) as daemon:
        path = f"/1.0/instances/{NAME}/exec"
        body = {"command": ["sh", "-c", "echo out; echo err >&2; exit 3"], "record-output": True}
        done = daemon.wait(daemon.ask("POST", path, body))
        tap.equal((done["status"], done["metadata"]["return"]), ("Success", 3))
        tap.equal(daemon.ask("GET", done["metadata"]["output"]["1"]).expect(200).bytes, b"out\n")
        tap.equal(daemon.ask("GET", done["metadata"]["output"]["2"]).expect(200).bytes, b"err\n")
        url = done["metadata"]["output"]["1"]
        tap.equal(url in daemon.ask("GET", f"/1.0/instances/{NAME}/logs").expect(200).metadata, True)
        daemon.ask("DELETE", url).expect(200)
        daemon.ask("GET", url).expect(404)
        daemon.ask("DELETE", f"/1.0/instances/{NAME}/logs/lxc.conf").expect(400)
        tap.contains(daemon.ask("GET", f"/1.0/instances/{NAME}/logs/lxc.conf").expect(200).bytes.decode(), "lxc.")
        done = daemon.wait(daemon.ask("POST", path, {"command": ["true"]}))
        tap.equal(done["metadata"]["return"], 0)
        for wrong, why in (({}, "command"), ({"command": []}, "command"), ({"command": ["a"], "user": -1}, "user"),
                           ({"command": ["a"], "nonsense": 1}, "nonsense"), ({"command": ["a"], "interactive": True}, "interactive"),
                           ({"command": ["a"], "environment": {"A": 1}}, "environment")):
            tap.contains(daemon.ask("POST", path, wrong).expect(400).json["error"], why)
        daemon.ask("POST", "/1.0/instances/nobody/exec", {"command": ["true"]}).expect(404)
        operation = daemon.ask("POST", path, {"command": ["sleep", "4711"]}).expect(202).metadata
        host.wait_for(lambda: helpers() == 1, "the command runs")
        daemon.ask("DELETE", f"/1.0/operations/{operation['id']}").expect(200)
        host.wait_for(lambda: helpers() == 0, "cancelling ends the command")


def test_disconnects(berth):
    """clients that leave in the middle leave no command, no helper and no descriptor (OPS-35, OPS-37)"""
    with Running(berth) as daemon:
        before = daemon.at_rest()
        for arguments in (("-T",), ("-t",)):
            process = daemon.client("exec", NAME, *arguments, "--", "sleep", "4711", stdin=subprocess.DEVNULL,
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            host.wait_for(lambda: helpers() == 1, "the command runs")
            process.kill()
            process.wait()
            daemon.settled(before)
        # Without a control stream, the output stands for the client.
        operation, connect = start_exec(daemon, "sleep", "4711")
        streams = [connect(name) for name in "012"]
        host.wait_for(lambda: helpers() == 1, "the command runs")
        streams[1].close()
        tap.equal(final(daemon, operation)["metadata"]["return"], 137)
        for stream in streams:
            stream.close()
        # Streams that nobody connects.
        operation, connect = start_exec(daemon, "touch", "/root/ran")
        connect("0").close()
        done = final(daemon, operation)
        tap.equal((done["status"], done["err"]), ("Failure", "Timed out waiting for websockets to connect"))
        daemon.ask("GET", f"/1.0/instances/{NAME}/files?path=/root/ran").expect(404)
        # An instance that stops before they connect, or while the command is made ready.
        for delay in (0, 0.02, 0.05, 0.1, 0.2):
            operation, connect = start_exec(daemon, "touch", "/root/ran")
            time.sleep(delay)
            for action in ("stop", "start"):
                daemon.done("PUT", f"/1.0/instances/{NAME}/state", {"action": action, "force": True})
            streams = [connect(name) for name in "012"]
            done = final(daemon, operation)
            if done["err"] != "the instance stopped before touch ran":
                tap.equal((done["status"], done["err"], done["metadata"].get("return")), ("Success", "", 137))
            daemon.ask("GET", f"/1.0/instances/{NAME}/files?path=/root/ran").expect(404)
            for stream in streams:
                stream.close()
        # An upload that ends in the middle, and a download.
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(daemon.socket)
        connection.sendall(f"POST /1.0/instances/{NAME}/files?path=/root/cut HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n"
                           .encode() + bytes(1_000_000))
        connection.close()
        daemon.settled(before)
        daemon.ask("GET", f"/1.0/instances/{NAME}/files?path=/root/cut").expect(404)
        # The daemon itself.
        operation, connect = start_exec(daemon, "sleep", "4711")
        streams = [connect(name) for name in "012"]
        host.wait_for(lambda: helpers() == 1, "the command runs")
        tap.equal(daemon.stop(signal.SIGINT), 0)
        host.wait_for(lambda: helpers() == 0, "a daemon that stops at once ends its sessions")
        for stream in streams:
            stream.close()
        daemon.start()


def test_hostile(berth):
    """wrong secrets, used ones, garbage instead of frames and commands, floods: refused or dropped, and the daemon goes on"""
    with Running(berth) as daemon:
        before = daemon.at_rest()
        operation, connect = start_exec(daemon, "cat")
        path = f"/1.0/operations/{operation['id']}/websocket"
        tap.equal(WebSocket(daemon, f"{path}?secret=wrong").status, 403)
        tap.equal(WebSocket(daemon, path).status, 400)
        tap.equal(WebSocket(daemon, "/1.0/operations/nothing/websocket?secret=x").status, 404)
        daemon.ask("GET", "/1.0/events").expect(400)
        streams = {name: connect(name) for name in ("0", "1", "2", "control")}
        tap.equal(connect("0").status, 403)
        control = streams["control"]
        for garbage in (b"", b"[]", b"{}", b"\xff\xfe", b'{"command":7}', b'{"command":"window-resize"}', b'{"command":"signal"}',
                        b'{"command":"window-resize","args":{"width":"-1","height":"x"}}', b'{"command":"signal","signal":9999}'):
            control.send(garbage, opcode=2)
        for _ in range(2000):
            control.send(b'{"command":"signal","signal":0}', opcode=1)
        streams["0"].send(b"still here\n")
        tap.equal(streams["1"].receive(), (2, b"still here\n"))
        streams["0"].send(b"", opcode=1)
        tap.equal(streams["1"].receive(), (1, b""))
        tap.equal(streams["2"].receive(), (1, b""))
        tap.equal(final(daemon, operation)["metadata"]["return"], 0)
        for stream in streams.values():
            stream.close()
        # What is no frame ends the stream, and with the control stream the command.
        for garbage in (b"\x01\x02\x03", os.urandom(4096), b"\x81\x05hello", b"\xff" * 14):
            operation, connect = start_exec(daemon, "sleep", "4711")
            streams = {name: connect(name) for name in ("0", "1", "2", "control")}
            host.wait_for(lambda: helpers() == 1, "the command runs")
            streams["control"].socket.sendall(garbage)
            streams["control"].close()
            tap.equal(final(daemon, operation)["metadata"]["return"], 137)
            for stream in streams.values():
                stream.close()
        daemon.settled(before)


def test_files(berth):
    """lxc file push, pull, edit, delete, -r, -p; links, appending, headers; 50 MB without growth (API-080..084)"""
    with Running(berth) as daemon:
        before = daemon.at_rest()
        path = random_file(berth, "big")
        where = f"/1.0/instances/{NAME}/files?path="
        daemon.lxc("file", "push", "--mode", "0640", "--uid", "5", path, f"{NAME}/root/first").expect(0)
        peak = daemon.peak()
        daemon.lxc("file", "push", "--mode", "0640", "--uid", "5", path, f"{NAME}/root/big").expect(0)
        daemon.lxc("file", "pull", f"{NAME}/root/big", berth.path("back")).expect(0)
        tap.equal(digest(berth.path("back")), digest(path))
        if daemon.peak() - peak > 30_000:
            raise AssertionError(f"files of 50 MB made the daemon grow from {peak} to {daemon.peak()} KiB")
        head = daemon.ask("HEAD", where + "/root/big").expect(200)
        tap.equal([head.headers[f"X-LXD-{key}"] for key in ("uid", "gid", "mode", "type")], ["5", "0", "0640", "file"])
        tap.equal(head.bytes, b"")
        os.makedirs(berth.path("tree/a/b"))
        berth.write("tree/a/b/file", "content\n")
        os.symlink("file", berth.path("tree/a/b/link"))
        daemon.lxc("file", "push", "-r", "-p", berth.path("tree"), f"{NAME}/root/new/").expect(0)
        daemon.lxc("file", "pull", "-r", f"{NAME}/root/new/tree", berth.path("pulled")).expect(0)
        found = sorted(os.path.relpath(os.path.join(folder, name), berth.path("pulled"))
                       for folder, _, names in os.walk(berth.path("pulled")) for name in names)
        tap.equal([os.path.basename(name) for name in found], ["file", "link"])
        link = daemon.ask("GET", where + "/root/new/tree/a/b/link").expect(200)
        tap.equal((link.headers["X-LXD-type"], link.bytes), ("symlink", b"/root/new/tree/a/b/file"))
        tap.equal(daemon.ask("GET", where + "/root/new/tree/a/b").expect(200).metadata, ["file", "link"])
        daemon.ask("POST", where + "/root/new/tree/a/b/file", b"more\n", {"X-LXD-write": "append"}).expect(200)
        tap.equal(daemon.ask("GET", where + "/root/new/tree/a/b/file").expect(200).bytes, b"content\nmore\n")
        daemon.lxc("file", "edit", f"{NAME}/root/new/tree/a/b/file", stdin="edited\n").expect(0)
        tap.equal(daemon.exec("cat", "/root/new/tree/a/b/file").expect(0).out, "edited\n")
        daemon.lxc("file", "delete", f"{NAME}/root/big").expect(0)
        tap.equal(daemon.lxc("file", "delete", f"{NAME}/root/big").status, 1)
        tap.equal(daemon.exec("test", "-e", "/root/big").status, 1)
        for headers, why in (({"X-LXD-type": "socket"}, "socket"), ({"X-LXD-write": "maybe"}, "maybe"), ({"X-LXD-mode": "9"}, "X-LXD-mode"),
                             ({"X-LXD-uid": "-2"}, "X-LXD-uid")):
            tap.contains(daemon.ask("POST", where + "/root/wrong", b"", headers).expect(400).json["error"], why)
        daemon.ask("GET", f"/1.0/instances/{NAME}/files").expect(400)
        daemon.ask("GET", where + "/root/nothing").expect(404)
        daemon.settled(before)


def test_console(berth):
    """lxc console at the console, its log, and away again"""
    with Running(berth) as daemon:
        daemon.exec("sh", "-c", "echo what init says > /dev/console").expect(0)
        tap.contains(daemon.lxc("console", NAME, "--show-log").expect(0).out, "what init says")
        before = daemon.at_rest()
        master, slave = pty.openpty()
        process = daemon.client("console", NAME, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                                preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        shown = b""
        deadline = time.monotonic() + 20
        said = False
        while b"to the one who looks" not in shown and time.monotonic() < deadline:
            if select.select([master], [], [], 0.2)[0]:
                shown += os.read(master, 4096)
            if b"To detach" in shown and not said:
                time.sleep(0.5)
                daemon.exec("sh", "-c", "echo to the one who looks > /dev/console").expect(0)
                said = True
        tap.contains(shown.decode(errors="replace"), "to the one who looks")
        os.write(master, b"\x01")
        time.sleep(0.2)
        os.write(master, b"q")
        tap.equal(process.wait(timeout=20), 0)
        os.close(master)
        daemon.settled(before)
        daemon.ask("POST", f"/1.0/instances/{NAME}/console", {"type": "vga"}).expect(400)
        daemon.ask("DELETE", f"/1.0/instances/{NAME}/console").expect(200)
        tap.absent(daemon.ask("GET", f"/1.0/instances/{NAME}/console").expect(200).bytes.decode(), "what init says")


def test_monitor(berth):
    """lxc monitor shows what sessions do, operations in order, and what is logged; each filter holds (EV-01..08, EV-127..142)"""
    with Running(berth, "--debug", "--logfile", berth.path("daemon.log")) as daemon:
        before = daemon.at_rest()
        where = f"/1.0/instances/{NAME}"
        process = daemon.client("monitor", "--format", "json", stdout=subprocess.PIPE, text=True)

        def is_heard():
            daemon.ask("GET", where + "/logs/lxc.conf").expect(200)
            return bool(select.select([process.stdout], [], [], 0.05)[0])

        host.wait_for(is_heard, "lxc monitor listens")
        stream = WebSocket(daemon, "/1.0/events?type=lifecycle")
        logs = WebSocket(daemon, "/1.0/events?type=logging")
        operations = WebSocket(daemon, "/1.0/events?type=operation")
        daemon.exec("true").expect(0)
        daemon.ask("POST", where + "/files?path=/root/f", b"x").expect(200)
        daemon.ask("GET", where + "/files?path=/root/f").expect(200)
        daemon.ask("DELETE", where + "/files?path=/root/f").expect(200)
        daemon.ask("GET", where + "/logs/lxc.log").expect(200)
        daemon.ask("GET", where + "/console").expect(200)
        daemon.ask("GET", where + "/metadata").expect(200)
        daemon.ask("POST", where + "/metadata/templates?path=t.tpl", b"x").expect(200)
        actions = []
        while actions[-1:] != ["instance-metadata-template-created"]:
            opcode, text = stream.receive()
            event = json.loads(text)
            tap.equal((opcode, event["type"], event.get("project")), (1, "lifecycle", "default"), text)
            actions.append(event["metadata"]["action"])
        tap.equal(actions, ["instance-exec", "instance-file-pushed", "instance-file-retrieved", "instance-file-deleted",
                            "instance-log-retrieved", "instance-console-retrieved", "instance-metadata-retrieved",
                            "instance-metadata-template-created"])
        # lxc itself prints events in any order.
        seen = set()
        while not {"instance-metadata-template-created", "Pending", "Running", "Success"} <= seen:
            line = process.stdout.readline()
            if line.strip():
                event = json.loads(line)["metadata"]
                seen.add(event.get("action") or event.get("status"))
        statuses = []
        while statuses[-1:] != ["Success"]:
            statuses.append(json.loads(operations.receive()[1])["metadata"]["status"])
        tap.equal(sorted(set(statuses), key=statuses.index), ["Pending", "Running", "Success"])
        logged = json.loads(logs.receive()[1])
        tap.equal((logged["type"], logged["metadata"]["level"]), ("logging", "debug"))
        with open(berth.path("daemon.log"), encoding="utf-8") as file:
            tap.contains(file.read(), f"POST {where}/files from ")
        process.terminate()
        process.wait()
        process.stdout.close()
        stream.close()
        logs.close()
        operations.close()
        tap.equal(WebSocket(daemon, "/1.0/events?type=nonsense").status, 400)
        tap.equal(WebSocket(daemon, "/1.0/events?project=nothing").status, 404)
        daemon.settled(before)


def test_slow_listener(berth):
    """a listener that reads nothing is dropped, and nobody waits for it (EV-07)"""
    with Running(berth) as daemon:
        before = daemon.at_rest()
        peak = daemon.peak()
        slow = WebSocket(daemon, "/1.0/events")
        host.wait_for(lambda: daemon.descriptors() > before, "it listens")
        for _ in range(2000):
            daemon.ask("GET", f"/1.0/instances/{NAME}/logs/lxc.conf").expect(200)
        daemon.settled(before)
        if daemon.peak() - peak > 30_000:
            raise AssertionError(f"it made the daemon grow from {peak} to {daemon.peak()} KiB")
        slow.close()


def test_metadata(berth):
    """metadata and templates are read, replaced and merged with ETags (API-171..176)"""
    with Running(berth) as daemon:
        where = f"/1.0/instances/{NAME}/metadata"
        answer = daemon.ask("GET", where).expect(200)
        tap.equal(answer.metadata["architecture"], "x86_64")
        daemon.ask("PATCH", where, {"properties": {"a": "b"}}, {"If-Match": "wrong"}).expect(412)
        daemon.ask("PATCH", where, {"properties": {"a": "b"}}, {"If-Match": answer.etag}).expect(200)
        changed = daemon.ask("GET", where).expect(200).metadata
        tap.equal((changed["properties"]["a"], changed["properties"]["os"]), ("b", answer.metadata["properties"]["os"]))
        daemon.ask("PUT", where, answer.metadata).expect(200)
        tap.equal(daemon.ask("GET", where).metadata, answer.metadata)
        tap.contains(daemon.lxc("config", "metadata", "show", NAME).expect(0).out, "architecture: x86_64")
        daemon.ask("POST", where + "/templates?path=x.tpl", b"text").expect(200)
        tap.equal(daemon.ask("GET", where + "/templates").metadata, ["x.tpl"])
        tap.equal(daemon.ask("GET", where + "/templates?path=x.tpl").expect(200).bytes, b"text")
        daemon.ask("POST", where + "/templates?path=../x", b"text").expect(400)
        daemon.ask("DELETE", where + "/templates?path=x.tpl").expect(200)
        daemon.ask("DELETE", where + "/templates?path=x.tpl").expect(404)


if __name__ == "__main__":
    host.main(globals())
