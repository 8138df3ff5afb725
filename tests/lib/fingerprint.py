#!/usr/bin/env python3
"""Prints what the host shows of a state directory and around it, one fact a line (LAW-3): two equal texts, two equal hosts.

usage: fingerprint.py STATE_DIRECTORY"""
import hashlib
import json
import os
import sys

import host


def main():
    state = os.path.realpath(sys.argv[1])
    prefix = "berth-" + hashlib.sha256(state.encode()).hexdigest()[:8]
    lines = []
    for part, value in host.fingerprint(state, prefix).items():
        for entry in value.items() if isinstance(value, dict) else value:
            lines.append(part + " " + json.dumps(entry, sort_keys=True))
    print("\n".join(sorted(lines)))


if __name__ == "__main__":
    main()
