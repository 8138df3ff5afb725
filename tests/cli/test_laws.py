#!/usr/bin/python3
"""The laws of engine.md on the real host, for random models: what a person may write, edited as people edit, applied by the command,
killed at any moment. The same laws hold for many more models on the fake host (tests/engine/laws.c)."""
import os
import random
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from random_host import Model  # noqa: E402

NAME = host.NAME
SEEDS = int(os.environ.get("BERTH_SEEDS", "15"))
EDITS = 4


def apply(berth):
    return berth.run("apply", "-y", "--prune", "--allow-replace", "all")


def is_settled(berth):
    done = berth.run("plan", "--prune", "--detailed-exitcode")
    tap.equal(done.status, 0, f"LAW-1: the plan after an apply is empty:\n{done.out}{done.err}")


def changes_nothing(berth):
    first = host.fingerprint(berth.state, NAME)
    tap.contains(apply(berth).expect(0).out, "Nothing to do")
    host.same(first, host.fingerprint(berth.state, NAME))


def killed(berth, rand):
    """An apply that dies at any moment."""
    process = berth.start("apply", "-y", "--prune", "--allow-replace", "all")
    time.sleep(rand.uniform(0.005, 0.35))
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def law_round(berth, seed):
    rand = random.Random(seed)
    before = host.fingerprint(berth.state, NAME)
    model = Model(rand)
    berth.write("berth.yaml", model.text())
    apply(berth).expect(0)
    for _ in range(EDITS):
        is_settled(berth)
        changes_nothing(berth)
        for _ in range(rand.randint(1, 3)):
            model.edit()
        berth.write("berth.yaml", model.text())
        if rand.random() < 0.5:
            killed(berth, rand)
        apply(berth).expect(0)
    is_settled(berth)
    berth.write("dump.yaml", berth.run("dump").expect(0).out)
    done = berth.run("plan", "-f", "dump.yaml", "--set", berth.path("berth.yaml"), "--detailed-exitcode")
    tap.equal(done.status, 0, f"LAW-5: a plan of the dump is empty:\n{done.out}{done.err}")
    berth.run("destroy", "--all", "-y").expect(0)
    host.same(before, host.fingerprint(berth.state, NAME), ignore=("files",))


def make(seed):
    def test(berth):
        law_round(berth, seed)

    test.__doc__ = f"LAW-1, 2, 4, 5 and an end that leaves nothing, random models from seed {seed}"
    test.__name__ = f"test_seed_{seed}"
    return test


for number in range(1, SEEDS + 1):
    globals()[f"test_seed_{number}"] = make(number)

host.main(globals())
