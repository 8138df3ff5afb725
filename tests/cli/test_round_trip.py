#!/usr/bin/python3
"""LAW-5 on twenty real hosts: a plan of the dump is empty; the dump applied to the host emptied dumps the same bytes. On 200 hosts in
memory: tests/engine/laws_merge.c."""
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from random_host import Model  # noqa: E402

SEEDS = 20


def round_trip(berth, seed):
    rand = random.Random(1000 + seed)
    model = Model(rand, instances=2, networks=1)
    berth.write("berth.yaml", model.text())
    berth.run("apply", "-y").expect(0)
    first = berth.run("dump").expect(0).out
    tap.contains(first, "instances:")
    berth.write("berth.yaml", first)
    done = berth.run("plan", "--detailed-exitcode", "--prune")
    tap.equal(done.status, 0, f"a plan of the dump is empty:\n{first}\n{done.out}{done.err}")
    berth.run("destroy", "--all", "-y").expect(0)
    berth.run("apply", "-y").expect(0)
    tap.equal(berth.run("dump").expect(0).out, first, "the dump of the dump")


def make(seed):
    def test(berth):
        round_trip(berth, seed)

    test.__doc__ = f"LAW-5: a host, its dump, and the host that the dump makes, from seed {seed}"
    test.__name__ = f"test_seed_{seed}"
    return test


for number in range(1, SEEDS + 1):
    globals()[f"test_seed_{number}"] = make(number)

host.main(globals())
