#!/usr/bin/python3
"""compose#9273: `up --wait` failed when a service that runs once had ended with status 0."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import ready  # noqa: E402
import tap  # noqa: E402


def test_one_shot(berth):
    """an instance that ends by itself with status 0 while others are waited for is ready"""
    done = host.apply(berth, ready.files(ready.once("job", 0), ready.LATE), "--wait", "--timeout", "60s").expect(0)
    tap.contains(done.err, "Ready after")
    tap.equal(host.states(berth), {ready.name("job"): "stopped", ready.name("late"): "running"})
    berth.run("wait", f"instance/{ready.name('job')}", "--timeout", "1s").expect(0)
    berth.run("destroy", "--all", "-y").expect(0)


if __name__ == "__main__":
    host.main(globals())
