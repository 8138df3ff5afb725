#!/usr/bin/python3
"""drift and plan --refresh-only on the real host: what is declared, stored and running side by side (EN-22, EN-40), the same in-process
and by the daemon."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon  # noqa: E402

NAME = host.NAME
BRIDGE = f"br{NAME}"

FILE = f"""\
storage_pools:
- {{name: pool, driver: dir}}
networks:
- name: {BRIDGE}
  config: {{ipv4.address: 10.77.1.1/24, ipv6.address: none, bridge.mtu: "1500"}}
images:
- {{name: busybox, source: builtin:busybox}}
profiles:
- name: small
  config: {{limits.memory: 64MiB}}
  devices:
    root: {{type: disk, path: /, pool: pool}}
instances:
- {{name: {NAME}, image: busybox, profiles: [small], state: running, config: {{limits.processes: "100"}}}}
"""


def both(berth, *args, status):
    """The same output and exit status by the daemon and in-process."""
    asked = berth.run(*args).expect(status)
    alone = berth.run(*args, "--local").expect(status)
    tap.equal(asked.out, alone.out, " ".join(args))
    return asked.out


def noticed(daemon):
    host.wait_for(lambda: any(item["type"] == "Drifted" and item["status"] for item in daemon.ask("GET", "/1.0/conditions").metadata),
                  "the condition")


def rows(text):
    """Lines of a table of fields, as lists of words."""
    return [line.split() for line in text.splitlines() if line.startswith("      ")]


def field(entries, path):
    """A field of JSON entries."""
    return next(item for entry in entries for item in entry["fields"] if item["path"] == path)


def columns(found):
    return found["desired"], found["stored"], found["running"], found["state"]


def test_drift_has_three_columns(berth):
    """a bridge's MTU and a limit that somebody changed: desired, stored, running, since when, what is done; exit 2"""
    berth.write("berth.yaml", FILE)
    with Daemon(berth) as daemon:
        berth.run("apply", "-y").expect(0)
        tap.contains(both(berth, "drift", status=0), "No drift: ")
        tap.contains(both(berth, "plan", "--refresh-only", "--detailed-exitcode", status=0), "No drift: ")
        subprocess.run(["ip", "link", "set", BRIDGE, "mtu", "1400"], check=True)
        noticed(daemon)
        text = both(berth, "drift", status=2)
        tap.contains(text, f"! network/{BRIDGE}  drifted since 20")
        tap.contains(text, "mode warn: an apply puts it right")
        tap.equal(rows(text), [["FIELD", "DESIRED", "STORED", "RUNNING", "COST"], ["link.mtu", "1500", "1500", "1400", "live"]])
        entries = json.loads(both(berth, "drift", "--format", "json", f"network/{BRIDGE}", status=2))["objects"]
        tap.equal(columns(field(entries, "link/mtu")), (1500, 1500, 1400, "drift"))
        tap.equal((entries[0]["mode"], entries[0]["since"] > 0), ("warn", True))
        both(berth, "drift", "pool/pool", status=0)
        text = both(berth, "plan", "--refresh-only", "--detailed-exitcode", status=2)
        tap.equal(rows(text), [["FIELD", "STORED", "RUNNING"], ["link.mtu", "1500", "1400"]])
        tap.contains(text, "Nothing is proposed")
        both(berth, "plan", "--refresh-only", status=0)
        shown = json.loads(both(berth, "plan", "--refresh-only", "--format", "json", status=0))
        tap.equal((shown["objects"], shown["steps"], "plan_hash" in shown), ([], [], False))
        tap.equal(columns(field(shown["drift"], "link/mtu"))[1:3], (1500, 1400))
        tap.equal(both(berth, "plan", "--refresh-only", "--format", "patch", status=0).splitlines(),
                  [f"--- stored/network/{BRIDGE}", f"+++ running/network/{BRIDGE}", "-link.mtu: 1500", "+link.mtu: 1400"])
        tap.contains(both(berth, "plan", status=0), "link.mtu: ")  # an ordinary plan proposes the repair
        berth.run("apply", "-y").expect(0)
        both(berth, "drift", status=0)


def test_refresh_only_and_files(berth):
    """edits of the files are no drift; other sets' objects are left out; without files all that is stored"""
    berth.write("berth.yaml", FILE)
    berth.run("apply", "-y").expect(0)
    berth.write("berth.yaml", FILE.replace("64MiB", "80MiB"))
    berth.write("other.yaml", "profiles: [{name: other}]\n")
    tap.contains(berth.run("plan", "--refresh-only", "--detailed-exitcode").expect(0).out, "No drift: ")
    subprocess.run(["ip", "link", "set", BRIDGE, "mtu", "1400"], check=True)
    berth.run("plan", "--refresh-only", "--detailed-exitcode", "other.yaml").expect(0)
    berth.run("plan", "--refresh-only", "--detailed-exitcode", "--exclude", "network").expect(0)
    tap.absent(berth.run("plan", "--refresh-only").expect(0).out, "80MiB")
    os.remove(berth.path("berth.yaml"))
    berth.run("plan", "--refresh-only", "--detailed-exitcode").expect(2)
    berth.run("plan", "--refresh-only", "--rehearse").expect(64)
    berth.run("plan", "--refresh-only", "--out", "x").expect(64)
    subprocess.run(["ip", "link", "del", BRIDGE], check=True)
    text = berth.run("drift", "network").expect(2).out
    tap.equal([row[0] for row in rows(text)][:2], ["FIELD", "link"])
    tap.contains(text, "(unset)")
    berth.run("destroy", "--all", "-y").expect(0)


def test_pending_is_no_drift(berth):
    """what waits for a restart that was not allowed is shown as that, and is no drift (EN-22)"""
    berth.write("berth.yaml", FILE)
    berth.run("apply", "-y").expect(0)
    berth.write("berth.yaml", FILE.replace('limits.processes: "100"', 'limits.processes: "100", linux.sysctl.net.ipv4.ip_forward: "1"'))
    berth.run("apply", "-y", "--allow-restart", "none").expect(10)
    text = berth.run("drift").expect(0).out
    tap.contains(text, "(pending)")
    tap.contains(text, "in force after a restart")
    tap.contains(text, "No drift: ")
    berth.run("plan", "--refresh-only", "--detailed-exitcode").expect(0)
    berth.run("destroy", "--all", "-y").expect(0)


def test_edited_over_the_api(berth):
    """an edit of what a source owns: the source's value is desired, the edit stored and running; then the host differs as well"""
    berth.write("src/berth.yaml", FILE)
    with Daemon(berth) as daemon:
        berth.run("source", "add", "s", "--directory", berth.path("src"), "--row", "on_edit=adopt", "--mode", "warn").expect(0)
        berth.run("source", "sync", "s").expect(0)
        tap.contains(both(berth, "drift", status=0), "No drift: ")
        daemon.ask("PATCH", f"/1.0/networks/{BRIDGE}", {"config": {"bridge.mtu": "1450"}}).expect(200)
        text = both(berth, "drift", status=2)
        tap.equal(rows(text), [["FIELD", "DESIRED", "STORED", "RUNNING", "COST"],
                               ["config.bridge.mtu", "(edited)", "1500", "1450", "1450", "live"]])
        tap.contains(text, f"! network/{BRIDGE}  mode warn: held, or taken back by the next round of its source")
        tap.contains(both(berth, "plan", "--refresh-only", "--detailed-exitcode", status=0), "No drift: ")
        subprocess.run(["ip", "link", "set", BRIDGE, "mtu", "1400"], check=True)
        noticed(daemon)
        entries = json.loads(both(berth, "drift", "--format", "json", status=2))["objects"]
        tap.equal(columns(field(entries, "link/mtu")), (1500, 1450, 1400, "drift"))
        tap.equal(columns(field(entries, "config/bridge.mtu")), ("1500", "1450", None, "edited"))
        tap.contains(field(entries, "config/bridge.mtu")["source"], "berth.yaml:5:")
        patch = both(berth, "drift", "--as-patch", status=2)
        tap.contains(patch, '+  config: {ipv4.address: 10.77.1.1/24, ipv6.address: none, bridge.mtu: 1450}')
        tap.equal(both(berth, "drift", "--as-patch", "pool", status=0), "")
        berth.run("destroy", "--all", "-y").expect(0)


def test_held(berth):
    """a held field: what the files want is desired, what is held stored; then the host differs as well (EN-22, EN-40, EN-47)"""
    berth.write("berth.yaml", FILE)
    with Daemon(berth) as daemon:
        berth.run("apply", "-y").expect(0)
        berth.run("hold", f"network/{BRIDGE}.config.bridge.mtu", "--for", "1h", "--reason", "a test").expect(0)
        berth.run("hold", "profile/small.limits.memory", "--for", "1h", "--reason", "a test").expect(0)
        both(berth, "drift", status=0)
        berth.write("berth.yaml", FILE.replace("1500", "1450"))
        tap.contains(berth.run("apply", "-y").expect(0).out, "Nothing to do")
        entries = json.loads(both(berth, "drift", "--format", "json", status=2))["objects"]
        tap.equal([columns(found) for entry in entries for found in entry["fields"]], [("1450", "1500", "1500", "edited")])
        tap.contains(field(entries, "config/bridge.mtu")["source"], "berth.yaml:5:")
        for where in ((), ("--local",)):
            shown = json.loads(berth.run("explain", f"network/{BRIDGE}.bridge.mtu", "--format", "json", *where).expect(0).out)
            tap.equal((shown["value"], shown["wanted"]["value"], shown["held"]["reason"]), ("1500", "1450", "a test"))
        subprocess.run(["ip", "link", "set", BRIDGE, "mtu", "1400"], check=True)
        noticed(daemon)
        entries = json.loads(both(berth, "drift", "--format", "json", status=2))["objects"]
        tap.equal(columns(field(entries, "link/mtu")), (1450, 1500, 1400, "drift"))
        berth.run("unhold", f"network/{BRIDGE}").expect(0)
        entries = json.loads(both(berth, "drift", "--format", "json", status=2))["objects"]
        tap.equal(columns(field(entries, "link/mtu")), (1500, 1500, 1400, "drift"))
        berth.run("apply", "-y").expect(0)
        both(berth, "drift", status=0)
        berth.run("destroy", "--all", "-y").expect(0)


host.main(globals())
