#!/usr/bin/python3
"""compose#14029: what was called a dry run stopped and replaced containers."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon  # noqa: E402
from web import NAME, STATE, WEB, init_of  # noqa: E402


def test_dry_runs_are_dry(berth):
    """no way of asking what would be done does it: by the command, by way of the daemon, by ?dry-run=1 (EN-20, EN-36)"""
    berth.write("berth.yaml", STATE)
    berth.run("apply", "-y").expect(0)
    # A change that restarts the container, one that replaces it, and one that takes it away.
    edits = [STATE.replace("state: running", "state: running\n  config: {security.privileged: true}"),
             STATE.replace("image: busybox", "image: other").replace("images: [", "images: [{name: other, source: 'builtin:busybox', properties: {a: b}}, "),
             STATE[:STATE.index("instances:")]]

    def dry():
        before = (init_of(berth), host.fingerprint(berth.state, NAME), berth.run("history").expect(0).out)
        for edit in edits:
            berth.write("berth.yaml", edit)
            for command in (("plan", "--prune"), ("apply", "--prune", "--dry-run"), ("apply", "--prune", "--dry-run", "-y", "--allow-replace", "all"),
                            ("plan", "--prune", "--rehearse")):
                tap.absent(berth.run(*command).expect(0).out, "Nothing to do")
                tap.equal((init_of(berth), host.fingerprint(berth.state, NAME), berth.run("history").expect(0).out), before, " ".join(command))
        berth.write("berth.yaml", STATE)
        tap.contains(berth.run("destroy", "--dry-run", "-y").expect(0).out, f"instance/{WEB}")
        tap.equal((init_of(berth), host.fingerprint(berth.state, NAME), berth.run("history").expect(0).out), before, "destroy --dry-run")
        return before

    dry()
    with Daemon(berth) as daemon:
        before = dry()
        image = daemon.ask("GET", "/1.0/images").metadata[0]
        for method, path, body in (("PUT", f"/1.0/instances/{WEB}/state", {"action": "stop", "force": True}),
                                   ("PUT", f"/1.0/instances/{WEB}/state", {"action": "freeze"}),
                                   ("PUT", f"/1.0/instances/{WEB}/state", {"action": "restart", "force": True}),
                                   ("PUT", "/1.0/instances", {"state": {"action": "stop", "force": True}}),
                                   ("PUT", "/1.0/instances", {"state": {"action": "restart"}}),
                                   ("POST", "/1.0/apply", {"files": [{"name": "berth.yaml", "text": edits[0]}]}),
                                   ("PATCH", image, {"properties": {"a": "b"}}),
                                   ("PATCH", f"/1.0/instances/{WEB}", {"config": {"limits.memory": "64MiB"}}),):
            plan = daemon.ask(method, f"{path}?dry-run=1", body).expect(200).metadata
            tap.equal(bool(plan["plan"]["objects"]), True, f"{method} {path}")
            tap.equal((init_of(berth), host.fingerprint(berth.state, NAME), berth.run("history").expect(0).out), before, f"{method} {path}")


if __name__ == "__main__":
    host.main(globals())
