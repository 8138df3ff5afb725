#!/usr/bin/python3
"""kustomize-controller#701: the wait for objects that had failed for good lasted until its timeout."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import ready  # noqa: E402
import tap  # noqa: E402


def test_terminal_failure(berth):
    """an instance that ends with another status ends the wait at once; the changes stay"""
    began = time.monotonic()
    done = host.apply(berth, ready.files(ready.once("job", 3), ready.MUTE), "--wait", "--timeout", "10m").expect(6)
    if time.monotonic() - began > 60:
        raise AssertionError(f"waited {time.monotonic() - began:.1f} s")
    tap.contains(done.err, f"instance/{ready.name('job')} crashed (status 3)")
    tap.contains(done.err, "will not get ready by itself")
    tap.equal(host.states(berth), {ready.name("job"): "stopped", ready.name("mute"): "running"})
    tap.contains(berth.run("wait", f"instance/{ready.name('job')}").expect(6).err, "crashed (status 3)")
    berth.run("destroy", "--all", "-y").expect(0)


if __name__ == "__main__":
    host.main(globals())
