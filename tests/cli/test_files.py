#!/usr/bin/python3
"""validate, fmt, schema, doc: what needs no host."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap  # noqa: E402

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")

GOOD = """\
networks:
- name: lan0
  config:
    ipv4.address: 10.1.1.1/24
profiles:
- name: web
  devices:
    eth0: {type: nic, network: lan0}
"""

BAD = """\
networks:
- name: lan0
  config:
    ipv4.adress: 10.1.1.1/24
profiles:
- name: web
  config:
    limits.memory: lots
  devices:
    eth0: {type: nic, network: lan1}
"""


def test_valid(berth):
    """a good file: the number of objects, exit 0, no state directory"""
    berth.write("berth.yaml", GOOD)
    result = berth.run("validate").expect(0)
    tap.equal((result.out, result.err), ("OK: 2 objects\n", ""))
    tap.equal(os.path.exists(berth.state), False, "state directory made")
    tap.equal(berth.run("validate", "-q", "-f", "berth.yaml").expect(0).out, "")


def test_all_mistakes(berth):
    """all mistakes at once, each with file, line, column and the nearest name (EN-03)"""
    berth.write("berth.yaml", BAD)
    err = berth.run("validate").expect(65).err
    tap.contains(err, "berth.yaml:4:5")
    tap.contains(err, "ipv4.address")
    tap.contains(err, "berth.yaml:8:")
    tap.contains(err, "lan1")


def test_json_report(berth):
    """--format json lists the problems"""
    berth.write("berth.yaml", BAD)
    report = json.loads(berth.run("validate", "--format", "json").expect(65).out)
    tap.equal(report["ok"], False)
    if len([item for item in report["problems"] if item["severity"] == "error"]) < 3:
        raise AssertionError(report)
    berth.write("berth.yaml", GOOD)
    report = json.loads(berth.run("validate", "--format", "json").expect(0).out)
    tap.equal((report["ok"], report["objects"]), (True, 2))


def test_sources(berth):
    """standard input, several files, a directory"""
    tap.equal(berth.run("validate", "-", stdin=GOOD).expect(0).out, "OK: 2 objects\n")
    berth.write("d/a.yaml", GOOD.split("profiles:")[0])
    berth.write("d/sub/b.yml", "profiles:" + GOOD.split("profiles:")[1])
    berth.write("d/c.txt", "not: [a, state, file")
    tap.equal(berth.run("validate", "-f", "d").expect(0).out, "OK: 2 objects\n")
    tap.equal(berth.run("validate", "d/a.yaml", "-f", "d/sub/b.yml").expect(0).out, "OK: 2 objects\n")
    tap.contains(berth.run("validate", "-f", "d", "-f", "d/a.yaml").expect(65).err, "d/a.yaml")


def test_nothing_to_read(berth):
    """no file, a file that is not there"""
    tap.contains(berth.run("validate").expect(64).err, "berth.yaml")
    tap.contains(berth.run("validate", "nowhere.yaml").expect(64).err, "nowhere.yaml")
    result = berth.run("validate", "-f", "nowhere.yaml")
    if result.status not in (1, 64, 65):
        raise AssertionError(result.status)
    tap.contains(result.err, "nowhere.yaml")


def test_unsupported_is_a_remark(berth):
    """what this build cannot do is a remark of validate and refused by plan, by name"""
    berth.write("berth.yaml", "networks:\n- name: lan0\n  config:\n    bgp.peers.a.address: 10.0.0.1\n")
    tap.contains(berth.run("validate").expect(0).err, "bgp.peers.a.address")
    tap.contains(berth.run("plan").expect(65).err, "bgp.peers.a.address")


def test_quickstart_is_valid(berth):
    """the quickstart's file is valid and laid out"""
    path = os.path.join(ROOT, "examples", "quickstart", "berth.yaml")
    berth.run("validate", "-f", path).expect(0)
    berth.run("fmt", "--check", path).expect(0)


def test_fmt(berth):
    """fmt keeps comments and values, -w writes, --check tells, twice is once"""
    ugly = "# top\nprofiles:\n    -   name:   web   # the web\n        config: \n            user.a:    \"b\"\n"
    path = berth.write("ugly.yaml", ugly)
    tap.equal(berth.run("fmt", "--check", "ugly.yaml").expect(1).out, "ugly.yaml\n")
    printed = berth.run("fmt", "ugly.yaml").expect(0).out
    tap.contains(printed, "# top")
    tap.contains(printed, "# the web")
    tap.equal(berth.read("ugly.yaml"), ugly, "not written")
    tap.equal(berth.run("fmt", stdin=ugly).expect(0).out, printed, "from standard input")
    os.chmod(path, 0o640)
    berth.run("fmt", "-w", "ugly.yaml").expect(0)
    tap.equal(berth.read("ugly.yaml"), printed)
    tap.equal(os.stat(path).st_mode & 0o777, 0o640, "mode")
    berth.run("fmt", "--check", "ugly.yaml").expect(0)
    stamp = os.stat(path).st_mtime_ns
    berth.run("fmt", "-w", "ugly.yaml").expect(0)
    tap.equal(os.stat(path).st_mtime_ns, stamp, "written again")


def test_fmt_errors(berth):
    """fmt refuses what does not parse, and -w on standard input"""
    berth.write("bad.yaml", "a: [1,\n")
    tap.contains(berth.run("fmt", "-w", "bad.yaml").expect(65).err, "bad.yaml")
    tap.equal(berth.read("bad.yaml"), "a: [1,\n")
    berth.run("fmt", "-w", stdin="a: 1\n").expect(64)


def test_schema(berth):
    """schema of a state file and of each kind is JSON Schema 2020-12"""
    whole = json.loads(berth.run("schema").expect(0).out)
    tap.contains(whole["$schema"], "2020-12")
    for kind in ("server", "project", "pool", "network", "profile", "image", "instance"):
        json.loads(berth.run("schema", kind).expect(0).out)
    tap.contains(berth.run("schema", "nonsense").expect(64).err, "instance")


def test_doc(berth):
    """doc of a kind and of a key; a wrong key names the nearest"""
    tap.contains(berth.run("doc").expect(0).out, "storage_pools")
    tap.contains(berth.run("doc", "network").expect(0).out, "ipv4.address")
    tap.contains(berth.run("doc", "instance.limits.memory").expect(0).out, "limits.memory")
    tap.contains(berth.run("doc", "instance.limits.memry").expect(1).err, "limits.memory")
    berth.run("doc", "nonsense").expect(64)


tap.main(globals())
