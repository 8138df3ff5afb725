#!/usr/bin/python3
"""Counts the TAP results of a meson test log, and of the programs that speak no TAP.

Usage: count.py testlog.json STATUS. Lists what failed with what it said of it, and what was skipped with its reason, ends with
"N passed, N failed, N skipped", and exits 1 when anything failed or nothing ran.
"""
import json
import re
import sys

RESULT = re.compile(r"^(ok|not ok)\b\s*(\d+)?\s*(?:- )?(.*)$")
SKIP = re.compile(r"#\s*SKIP\S*\s*(.*)$", re.IGNORECASE)
TODO = re.compile(r"#\s*TODO\b", re.IGNORECASE)
SAID_MAX = 40  # lines of what a failure said, the last ones: there the reason is
PLAN = re.compile(r"^1\.\.(\d+)(?:\s*#\s*SKIP\S*\s*(.*))?$", re.IGNORECASE)


class Counts:
    def __init__(self):
        self.passed = 0
        self.failed = []
        self.skipped = []
        self.said = {}  # of what failed: the diagnostics that follow it


def count_program(entry, counts):
    """Adds one program's results. TAP that ends too early, a bad plan or a crash is a failure of its own."""
    name = entry["name"]
    before = (counts.passed, len(counts.failed), len(counts.skipped))
    seen = 0
    plan = None
    said = []
    for line in (entry.get("stdout") or "").splitlines():
        plan_line = PLAN.match(line)
        result = RESULT.match(line)
        if plan_line:
            plan = int(plan_line.group(1))
            if plan == 0:
                counts.skipped.append(f"{name}: {plan_line.group(2) or 'no reason given'}")
        elif result:
            seen += 1
            said = []
            text = result.group(3)
            skip = SKIP.search(text)
            label = f"{name}: {text.split('#')[0].strip() or result.group(2) or seen}"
            if skip:
                counts.skipped.append(f"{label}: {skip.group(1).strip() or 'no reason given'}")
            elif result.group(1) == "ok":
                counts.passed += 1
            elif not TODO.search(text):
                counts.failed.append(label)
                counts.said[label] = said
        elif line.startswith("Bail out!"):
            counts.failed.append(f"{name}: {line}")
        else:
            said.append(line)
    failed_here = len(counts.failed) > before[1]
    outcome = entry["result"]
    if plan is None and seen == 0:
        # Not TAP, or ended before its first result.
        if outcome == "OK":
            counts.passed += 1
        elif outcome == "SKIP":
            counts.skipped.append(f"{name}: no reason given")
        else:
            counts.failed.append(f"{name}: {outcome.lower()}, exit status {entry.get('returncode')}")
    elif plan is not None and plan != seen and not failed_here:
        counts.failed.append(f"{name}: {seen} results, but {plan} were planned")
    elif outcome not in ("OK", "SKIP", "EXPECTEDFAIL") and not failed_here:
        counts.failed.append(f"{name}: {outcome.lower()}, exit status {entry.get('returncode')}")


def main():
    path, status = sys.argv[1], int(sys.argv[2])
    counts = Counts()
    try:
        with open(path, encoding="utf-8", errors="replace") as log:
            for line in log:
                if line.strip():
                    count_program(json.loads(line), counts)
    except OSError as error:
        counts.failed.append(f"no test log: {error}")
    if status != 0 and not counts.failed:
        counts.failed.append(f"meson test ended with status {status}")
    for title, items in (("Failed:", counts.failed), ("Skipped:", counts.skipped)):
        if items:
            print(title)
        for item in items:
            print(f"  {item}")
            for line in counts.said.get(item, [])[-SAID_MAX:]:
                print(f"    {line}")
    if counts.passed == 0 and not counts.failed:
        print("nothing ran")
    print(f"{counts.passed} passed, {len(counts.failed)} failed, {len(counts.skipped)} skipped")
    sys.exit(1 if counts.failed or counts.passed == 0 else 0)


main()
