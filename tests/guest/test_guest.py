#!/usr/bin/python3
"""berth in a guest with Debian's stock kernel, control groups in version 2 only, and with the power cut in the middle.

usage: test_guest.py FOLDER [NAME...]; FOLDER keeps the kernel and disks. Needs BERTH, and root."""
import concurrent.futures
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import boot  # noqa: E402
import tap  # noqa: E402

INSIDE = os.path.join(HERE, "inside.py")

FIRST = """\
storage_pools:
- {name: pool, driver: dir}
networks:
- {name: cutbr0, config: {ipv4.address: 10.77.1.1/24, ipv6.address: none}}
images:
- {name: busybox, source: "builtin:busybox"}
profiles:
- name: small
  devices:
    root: {type: disk, path: /, pool: pool}
    eth0: {type: nic, network: cutbr0}
instances:
- name: i-a
  image: busybox
  profiles: [small]
  state: running
- name: i-b
  image: busybox
  profiles: [small]
  state: running
"""

# Every sort of change: one more, another network key, a limit, another name, a restart.
SECOND = FIRST.replace("ipv6.address: none", "ipv6.address: none, ipv4.dhcp.expiry: 2h").replace(
    "- name: i-b\n", "- name: i-c\n  renamed_from: i-b\n  config: {limits.memory: 64MiB, security.nesting: true}\n") + """\
- name: i-d
  image: busybox
  profiles: [small]
  state: running
"""


class Silent(AssertionError):
    """An emulated machine that died before its init had said a word, which tells nothing of berth."""


class Machine:
    """Guests that come one after the other and share a disk."""

    def __init__(self, kernel, folder, name, *words):
        self.kernel = kernel
        self.words = words
        self.disk = os.path.join(folder, name + ".disk")
        self.console = os.path.join(folder, name + ".console")
        boot.make_disk(self.disk, 2048)

    def run(self, *argv):
        environment = [f"{name}={os.environ[name]}" for name in ("BERTH", "ASAN_OPTIONS", "UBSAN_OPTIONS") if name in os.environ]
        return boot.Guest(self.kernel, self.disk, self.console, "env", "BERTH_TEST_WORK=/mnt/work", *environment, "/usr/bin/python3",
                          INSIDE, *argv, words=self.words)

    def told(self):
        """what its kernel wrote to the console"""
        with open(self.console, encoding="utf-8", errors="replace") as console:
            return console.read()

    def finish(self, *argv):
        """runs to the end; what it printed, without the last line, which tells the exit status"""
        guest = self.run(*argv)
        lines = list(guest.lines)
        guest.close()
        if not lines or not lines[-1].startswith("exit status "):
            raise AssertionError("the guest died:\n" + "\n".join(lines[-40:]) + self.told()[-4000:])
        return lines[:-1], int(lines[-1].split()[-1])


def cut_at(kernel, folder, generation, step):
    """Cuts the power when `step` steps of an apply are done; with None at once after its end. Then the next berth must make it good."""
    files = {"first.yaml": FIRST, "second.yaml": SECOND}
    machine = Machine(kernel, folder, "cut", "apparmor=0")
    paths = []
    for name, text in files.items():
        paths.append(os.path.join(folder, name))
        with open(paths[-1], "w", encoding="utf-8") as file:
            file.write(text)
    if generation == 2:
        machine.finish("apply", paths[0])
    guest = machine.run("apply", paths[generation - 1])
    done = 0
    seen = []
    for line in guest.lines:
        seen.append(line)
        done += '"done"' in line and '"state"' in line
        if (step is not None and done >= step) or line.startswith("applied"):
            break
    guest.cut_power()
    if not seen:
        raise Silent("the guest said nothing:\n" + machine.told()[-4000:])
    if step is None or done < step:
        tap.contains(seen[-1], "applied: 0")
    lines, status = machine.finish("recover", *paths)
    if status != 0 or lines[-1] != "recovered":
        raise AssertionError(f"cut after {done} steps:\n" + "\n".join(seen[-3:] + lines))
    wanted = generation if step is None else generation - 1
    tap.contains("\n".join(lines), f"# generations: {wanted}")
    return f"cut after {done} steps"


CUTS = ((1, 6), (2, 12), (2, None))


def results_inside(kernel, folder):
    """What the guest's own tests say: lines of TAP without numbers."""
    lines, _ = Machine(kernel, folder, "tests").finish("tests")
    results = [re.sub(r"^(ok|not ok) \d+", r"\1", line) for line in lines if not line.startswith("1..")]
    planned = next((int(line[3:]) for line in lines if line.startswith("1..")), 0)
    told = sum(line.startswith(("ok ", "not ok ")) for line in results)
    return results + ([f"not ok - {told} of {planned} results came from the guest"] if told != planned or told == 0 else [])


def results_of_cuts(kernel, folder):
    results = []
    for generation, step in CUTS:
        title = f"power cut {'after' if step is None else 'in'} apply {generation}" + (f", at step {step}" if step else "")
        try:
            try:
                cut_at(kernel, folder, generation, step)
            except Silent as error:  # once more; twice is no accident
                tap.diagnose(f"{title}: {error}")
                cut_at(kernel, folder, generation, step)
            results.append(f"ok - {title}")
        except AssertionError as error:
            results += [f"not ok - {title}", *str(error).splitlines()]
    return results


def main():
    folder, *wanted = sys.argv[1:]
    if os.geteuid() != 0:
        print("1..0 # SKIP needs root")
        sys.exit(0)
    os.makedirs(folder, exist_ok=True)
    try:
        kernel = boot.Kernel(folder)
        # Side by side, each with guests and a disk of its own: a guest alone keeps hardly more than one CPU busy.
        with concurrent.futures.ThreadPoolExecutor() as workers:
            parts = [workers.submit(part, kernel, folder) for name, part in (("inside", results_inside), ("cut", results_of_cuts))
                     if not wanted or name in wanted]
            lines = [line for part in parts for line in part.result()]
    except boot.Unavailable as reason:
        print(f"1..0 # SKIP no guest: {reason}".replace("\n", " "))
        sys.exit(0)
    number = 0
    for line in lines:
        result = re.match(r"(ok|not ok) (.*)", line)
        number += result is not None
        print(f"{result[1]} {number} {result[2]}" if result else line if line.startswith("#") else f"# {line}")
    print(f"1..{number}")
    sys.exit(1 if any(line.startswith("not ok") for line in lines) else 0)


main()
