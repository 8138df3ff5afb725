#!/usr/bin/env python3
"""What it costs when nothing has to be done: the quickstart applied a second time, and a preseed whose profile has 1,000 instances applied
a second time, on the real engine and store. Both have a limit; past it this program fails.

Needs root. Everything happens in namespaces of this program's own.

usage: again.py BERTH QUICKSTART [ROUNDS]"""
import os
import sys

from compare import INSIDE, enter, run, spread, timed

INSTANCES = 1000
QUICKSTART_AT_MOST = 0.05
PRESEED_AT_MOST = 0.1

PRESEED = """storage_pools:
- {name: data, driver: btrfs, config: {size: 4GiB}}
networks:
- {name: brberth, config: {ipv4.address: 10.66.0.1/16, ipv6.address: none}}
profiles:
- name: default
  devices:
    root: {type: disk, path: /, pool: data}
    eth0: {type: nic, network: brberth}
"""


class Berth:
    def __init__(self, program, name):
        self.program, self.work = program, os.path.join(os.environ[INSIDE], name)
        os.mkdir(self.work)
        self.env = {**os.environ, "BERTH_DIR": os.path.join(self.work, "state")}

    def __call__(self, *argv, **options):
        return run(self.program, *argv, env=self.env, **options)

    def times(self, rounds, *argv, **options):
        self(*argv, **options)
        return [timed(lambda: self(*argv, **options)) for _ in range(rounds)]


def report(what, values, at_most):
    """whether the median is within the limit"""
    median = sorted(values)[len(values) // 2]
    print("%-48s %s; at most %.0f ms" % (what, spread(values), at_most * 1e3))
    sys.stdout.flush()
    return median <= at_most


def quickstart(program, file, rounds):
    berth = Berth(program, "quickstart")
    berth("apply", "-y", "-f", file)
    values = berth.times(rounds, "apply", "-y", "-f", file)
    berth("destroy", "-y", "-q", "--all")
    return report("quickstart, second apply", values, QUICKSTART_AT_MOST)


def preseed(program, rounds):
    berth = Berth(program, "preseed")
    file = os.path.join(berth.work, "instances.yaml")
    berth("init", "--preseed", input=PRESEED)
    with open(file, "w", encoding="utf-8") as out:
        out.write("images: [{name: small, source: 'builtin:busybox'}]\ninstances:\n")
        out.writelines("- {name: c%d, image: small, state: stopped}\n" % i for i in range(INSTANCES))
    made = timed(lambda: berth("apply", "-y", "-q", "-f", file))
    print("%-48s %6.1f s" % ("%d containers made (btrfs)" % INSTANCES, made))
    values = berth.times(rounds, "init", "--preseed", input=PRESEED)
    return report("preseed with %d instances, second time" % INSTANCES, values, PRESEED_AT_MOST)


def main():
    if os.geteuid() != 0:
        raise SystemExit("needs root")
    enter()
    program, file = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 11
    quick = quickstart(program, file, rounds)
    if not preseed(program, rounds) or not quick:
        raise SystemExit("berth is too slow where nothing has to be done")


if __name__ == "__main__":
    main()
