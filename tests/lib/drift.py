"""What tests of drift share: a daemon whose events are heard, things done to the host behind its back, and how long it takes."""
import json
import subprocess
import threading
import time

from daemon import Daemon
from web_socket import WebSocket

TOLD_WITHIN = 2.0  # EN-40
HEALED_WITHIN = 30.0


def run(*argv):
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


class Listening(Daemon):
    """Hears the changes of conditions: (time, object, type, status, reason)."""

    def __init__(self, berth, *args):
        super().__init__(berth, *args)
        self.heard = []
        self.stream = None
        self.changed = threading.Condition()

    def start(self):
        super().start()
        self.stream = WebSocket(self, "/1.0/events?type=lifecycle")
        self.stream.socket.settimeout(None)
        threading.Thread(target=self.listen, args=(self.stream,), daemon=True).start()

    def stop(self, *args):
        stream, self.stream = self.stream, None
        if stream is not None:
            stream.close()
        return super().stop(*args)

    def listen(self, stream):
        try:
            while True:
                opcode, data = stream.receive()
                if opcode == 1:
                    self.take(json.loads(data)["metadata"])
        except (OSError, EOFError, ValueError):
            pass

    def take(self, event):
        with self.changed:
            self.heard.append((time.monotonic(), event))
            self.changed.notify_all()

    def conditions(self, key):
        return {item["type"]: item for item in self.ask("GET", "/1.0/conditions").expect(200).metadata if item["object"] == key}

    def settled(self, seconds=1.0, timeout=30):
        """Waits until nothing was looked at for a while."""
        deadline = time.monotonic() + timeout
        before, since = None, time.monotonic()
        while time.monotonic() < deadline:
            looks = self.figure("berth_looks_total")
            if looks != before:
                before, since = looks, time.monotonic()
            elif time.monotonic() - since >= seconds:
                return looks
            time.sleep(0.05)
        raise AssertionError(f"the daemon looks again and again: {before}\n{self.log_text()[-4000:]}")

    def figure(self, name):
        for line in self.ask("GET", "/1.0/metrics").expect(200).bytes.decode().splitlines():
            if line.startswith(name + "{"):
                return float(line.split()[-1])
        raise AssertionError(f"no metric {name}")

    def wait_condition(self, since, key, kind, status, seconds):
        """When the condition of an object was told to be so, after `since`; None when it was not."""
        def find():
            for at, event in self.heard:
                context = event.get("context") or {}
                if at >= since and event["action"] == "condition-changed" and context["object"] == key \
                        and context["type"] == kind and context["status"] is status:
                    return at
            return None

        deadline = time.monotonic() + seconds
        with self.changed:
            while find() is None and time.monotonic() < deadline:
                self.changed.wait(max(deadline - time.monotonic(), 0.01))
            return find()

    def does(self, title, key, act, healed):
        """Does something to the host; it must be told in time, and put right so that `healed` says so. Prints both times."""
        began = time.monotonic()
        act()
        told = self.wait_condition(began, key, "Drifted", True, TOLD_WITHIN)
        if told is None:
            raise AssertionError(f"{title}: nothing told within {TOLD_WITHIN} s: {self.conditions(key)}\n{self.log_text()[-4000:]}")
        well = self.wait_condition(told, key, "Drifted", False, HEALED_WITHIN)
        if well is None:
            self.alive()
            raise AssertionError(f"{title}: not put right within {HEALED_WITHIN} s: {self.conditions(key)}\n{self.log_text()[-4000:]}")
        problem = self.until(healed, began + HEALED_WITHIN)
        if problem:
            raise AssertionError(f"{title}: told to be right, which it is not: {problem}\n{self.log_text()[-4000:]}")
        well = max(well, time.monotonic())
        print(f"# {title}: told after {(told - began) * 1e3:.0f} ms, put right after {(well - began) * 1e3:.0f} ms", flush=True)

    @staticmethod
    def until(healed, deadline):
        """None once it is so, else what is wrong"""
        while True:
            try:
                if healed():
                    return None
                problem = "no"
            except (AssertionError, OSError) as error:
                problem = str(error)
            if time.monotonic() > deadline:
                return problem
            time.sleep(0.01)

    def alive(self):
        if self.process.poll() is not None:
            raise AssertionError(f"berthd ended with {self.process.returncode}:\n{self.log_text()[-6000:]}")

    def only_tells(self, title, key, act):
        """The same where nothing is put right."""
        began = time.monotonic()
        act()
        told = self.wait_condition(began, key, "Drifted", True, TOLD_WITHIN)
        if told is None:
            raise AssertionError(f"{title}: nothing told within {TOLD_WITHIN} s: {self.conditions(key)}\n{self.log_text()[-4000:]}")
        print(f"# {title}: told after {(told - began) * 1e3:.0f} ms", flush=True)


def pid_of(daemon, name):
    return daemon.ask("GET", f"/1.0/instances/{name}/state").expect(200).metadata["pid"]
