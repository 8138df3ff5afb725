#!/usr/bin/python3
"""Instances that run once (EN-30, EN-35): one that ends by itself with status 0, however soon, is no failure of the apply that started
it; any other end is."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import ready  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon  # noqa: E402

# By themselves with status 0: before anybody can look, while the start is under way, soon after it.
ENDS = {"at-once": "/bin/true", "soon": "/bin/sh -c usleep${IFS}20000", "later": "/bin/sh -c usleep${IFS}100000"}


def slow(number):
    """others that take their time, so that the first has ended when all is looked at"""
    return ready.instance(f"web{number}")


def is_over(berth, *shorts):
    states = host.states(berth)
    return all(states.get(ready.name(short)) == "stopped" for short in shorts)


def check(berth):
    before = host.fingerprint(berth.state, host.NAME)
    jobs = [ready.instance(short, command) for short, command in ENDS.items()]
    done = host.apply(berth, ready.files(*jobs, *[slow(n) for n in range(3)]), "--parallel", "1", "--wait", "--timeout", "60s").expect(0)
    tap.contains(done.err, "Ready after")
    host.wait_for(lambda: is_over(berth, *ENDS), "the jobs to be over")
    berth.run("drift").expect(2)  # declared to run, and does not: an apply runs them again
    berth.run("apply", "-y").expect(0)
    host.wait_for(lambda: is_over(berth, *ENDS), "the jobs to be over again")
    ended = host.cgroups(ready.name("at-once"))
    tap.equal(ended, [], "control groups of what is over")
    host.down(berth, before)


def test_in_process(berth):
    """status 0 at once, soon, and before all is looked at: the apply stands, --wait calls it ready, nothing is left of the run"""
    check(berth)


def test_by_the_daemon(berth):
    """the same by the daemon"""
    with Daemon(berth) as daemon:
        host.apply(berth, ready.files(*[ready.instance(short, command) for short, command in ENDS.items()]), "--wait", "--timeout", "60s").expect(0)
        host.wait_for(lambda: is_over(berth, *ENDS), "the jobs to be over")
        tap.absent(daemon.log_text(), "cannot be taken note of")
        berth.run("destroy", "--all", "-y").expect(0)


def test_another_end_is_a_failure(berth):
    """status 3, at once or before all is looked at, undoes the apply (exit 3)"""
    before = host.fingerprint(berth.state, host.NAME)
    base = ready.files().replace("instances:\n", "")
    host.apply(berth, base).expect(0)
    up = host.fingerprint(berth.state, host.NAME)
    for command in ("/bin/sh -c exit${IFS}3", "/bin/false", "/bin/sh -c usleep${IFS}50000;exit${IFS}3"):
        berth.write("berth.yaml", ready.files(ready.instance("bad", command), *[slow(n) for n in range(5)]))
        tap.contains(berth.run("apply", "-y", "--parallel", "1").expect(3).err, f"instance/{ready.name('bad')}")
        host.same(up, host.fingerprint(berth.state, host.NAME), ignore=("files",))
    berth.write("berth.yaml", base)
    host.down(berth, before)


host.main(globals())
