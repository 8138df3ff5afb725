#!/usr/bin/python3
"""Variables, foreach, include and overlays, as the command has them (EN-04)."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap  # noqa: E402

FILE = """\
vars:
  memory: {type: string, default: 64MiB}
  site:
profiles:
- foreach: [a, b, c]
  name: p-${each.key}
  description: at ${site}
  config:
    limits.memory: ${memory}
"""


def names(berth):
    return sorted(item["name"] for item in json.loads(berth.run("get", "profile", "--format", "json").expect(0).out)
                  if item["name"].startswith("p-"))


def test_values_are_given(berth):
    """--var and --var-file; a second apply has nothing to do; a value that is not given is an error before anything is looked at"""
    berth.write("berth.yaml", FILE)
    berth.write("prod.yaml", "site: there\nmemory: 1GiB\n")
    result = berth.run("apply", "-y").expect(65)
    tap.contains(result.err, "berth.yaml:7:16: variable site has no value: it is declared at berth.yaml:3:3")
    tap.equal(os.path.exists(berth.state), False, "state directory made")
    berth.run("apply", "-y", "--var-file", "prod.yaml", "--var", "memory=2GiB").expect(0)
    tap.contains(berth.run("get", "profile/p-b").expect(0).out, "2GiB")
    result = berth.run("apply", "-y", "--var-file", "prod.yaml", "--var", "memory=2048MiB").expect(0)
    tap.contains(result.out, "Nothing to do")


def test_unused_variables_are_named(berth):
    """a --var that nothing declares"""
    berth.write("berth.yaml", FILE)
    for command in ("validate", "plan", "apply", "destroy"):
        result = berth.run(command, "--var", "site=x", "--var", "memmory=1").expect(65)
        tap.contains(result.err, "no file declares a variable memmory under vars:; did you mean memory?")
    tap.contains(berth.run("plan", "--var", "site").expect(64).err, "write NAME=VALUE")
    tap.contains(berth.run("plan", "--var-file", "missing.yaml").err, "missing.yaml")


def test_the_middle_one_goes(berth):
    """foreach: taking out the middle item deletes that one and renames none"""
    berth.write("berth.yaml", FILE)
    berth.run("apply", "-y", "--var", "site=x").expect(0)
    berth.write("berth.yaml", FILE.replace("[a, b, c]", "[a, c]"))
    plan = json.loads(berth.run("plan", "--prune", "--var", "site=x", "--format", "json").expect(0).out)
    tap.equal([(item["key"], item["actions"]) for item in plan["objects"]], [("profile/default//p-b", ["delete"])])
    berth.run("apply", "-y", "--prune", "--var", "site=x").expect(0)
    tap.equal(names(berth), ["p-a", "p-c"])
    berth.run("destroy", "-y", "--var", "site=x").expect(0)
    tap.equal(names(berth), [])


def test_saved_plans_keep_variables(berth):
    """a saved plan has its variables with it, and is stale when a file of them changed"""
    berth.write("berth.yaml", FILE)
    berth.write("prod.yaml", "site: there\n")
    berth.run("plan", "--out", "saved", "--var-file", "prod.yaml", "--var", "memory=1GiB").expect(0)
    tap.contains(berth.run("apply", "-y", "saved", "--var", "memory=3GiB").expect(64).err, "a saved plan has its variables")
    berth.write("prod.yaml", "site: elsewhere\n")
    berth.run("apply", "-y", "saved").expect(7)
    berth.write("prod.yaml", "site: there\n")
    berth.run("apply", "-y", "saved").expect(0)
    tap.contains(berth.run("get", "profile/p-a").expect(0).out, "at there")


def test_explain(berth):
    """explain names the place of the use, the variable, and the overlaid file"""
    berth.write("berth.yaml", FILE.replace("vars:", "overlays: [over.yaml]\nvars:"))
    berth.write("over.yaml", "profiles: [{name: p-b, description: patched}]\n")
    berth.run("apply", "-y", "--var", "site=x", "--set", "s").expect(0)
    berth.run("apply", "-y", "--var", "site=x", "--adopt").expect(0)
    out = berth.run("explain", "profile/p-a.limits.memory").expect(0).out
    tap.contains(out, "berth.yaml:10:5")
    tap.contains(out, "variable memory, declared at ")
    tap.contains(out, "berth.yaml:3:3")
    out = berth.run("explain", "profile/p-b.description").expect(0).out
    tap.contains(out, "over.yaml:1:24")
    tap.contains(out, "laid over ")


def test_preseeds_stay_what_they_are(berth):
    """a preseed with ${ in a shell script is taken as it is, by apply and by init --preseed, and comes back by dump"""
    preseed = "profiles:\n- name: p-x\n  config:\n    user.user-data: |\n      #!/bin/sh\n      echo ${HOME} $${A:-b}\n"
    berth.run("init", "--preseed", stdin=preseed).expect(0)
    berth.write("berth.yaml", preseed)
    tap.absent(berth.run("plan").expect(0).out, "user-data")
    berth.write("dump.yaml", berth.run("dump").expect(0).out)
    tap.contains(berth.read("dump.yaml"), "echo ${HOME} $${A:-b}")
    tap.absent(berth.run("plan", "dump.yaml").expect(0).out, "user-data")


def test_fmt(berth):
    """fmt lays out templates and changes nothing of them"""
    text = "vars:   {a: b}\nprofiles:\n  -   foreach: [x]\n      name: ${each.key}${a}   # why\n"
    out = berth.run("fmt", stdin=text).expect(0).out
    tap.contains(out, "${each.key}${a}")
    tap.contains(out, "# why")
    tap.equal(berth.run("fmt", stdin=out).expect(0).out, out)


def test_schema(berth):
    """the schema of files knows the language"""
    properties = json.loads(berth.run("schema").expect(0).out)["properties"]
    for word in ("vars", "include", "overlays"):
        if word not in properties:
            raise AssertionError(f"no {word}")


tap.main(globals())
