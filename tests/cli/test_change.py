#!/usr/bin/python3
"""plan, apply, destroy, history and the exit statuses, on objects that need nothing of the host."""
import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import image_archive  # noqa: E402
import tap  # noqa: E402

FILE = """\
config:
  user.site: north
projects:
- name: p
profiles:
- name: web
  description: hello
  config:
    limits.memory: 64MiB
"""


def store_files(berth):
    """names and contents of the store, but not its write-ahead files and lock"""
    found = {}
    for name in sorted(os.listdir(berth.state)):
        path = os.path.join(berth.state, name)
        if os.path.isfile(path) and not name.endswith(("-wal", "-shm")) and name != "lock":
            with open(path, "rb") as file:
                found[name] = (os.stat(path).st_mtime_ns, file.read())
    return found


def test_plan_changes_nothing(berth):
    """plan prints and leaves no trace; --detailed-exitcode tells"""
    berth.write("berth.yaml", FILE)
    result = berth.run("plan").expect(0)
    tap.contains(result.out, "profile/web")
    tap.contains(result.out, "64MiB")
    tap.contains(result.out, "berth.yaml:9")
    rehearsed = berth.run("plan", "--rehearse").expect(0)
    tap.contains(rehearsed.out, "a plan made afterwards is empty")
    tap.equal(os.path.exists(berth.state), False, "state directory made")
    tap.contains(berth.run("plan", "--rehearse", "--format", "patch").expect(64).err, "rehearsed")
    berth.run("plan", "--rehearse", "--detailed-exitcode").expect(2)
    berth.run("plan", "--detailed-exitcode").expect(2)
    berth.run("apply", "-y").expect(0)
    berth.run("plan", "--detailed-exitcode").expect(0)


POLICY = """\
policies:
- name: memory-limit
  description: profiles say how much memory
  effect: require
  objects: [profile]
  where: config.limits.memory ne ""
"""


def test_policies(berth):
    """policies hold by --policy and by the model; what they refuse exits 8 and changes nothing (EN-26)"""
    berth.write("berth.yaml", FILE)
    berth.write("rules.yaml", POLICY)
    berth.write("bad.yaml", FILE.replace("limits.memory: 64MiB", "user.x: y"))
    berth.run("plan", "--policy", "rules.yaml").expect(0)
    refused = berth.run("plan", "-f", "bad.yaml", "--policy", "rules.yaml").expect(8)
    tap.contains(refused.err, 'policy "memory-limit"')
    tap.contains(refused.err, "profiles say how much memory")
    berth.run("apply", "-y", "--policy", "rules.yaml").expect(0)
    before = store_files(berth)
    berth.run("apply", "-y", "-f", "bad.yaml", "--set", "berth.yaml", "--adopt", "--policy", "rules.yaml").expect(8)
    tap.equal(store_files(berth), before)
    tap.contains(berth.run("plan", "--policy", "berth.yaml").expect(65).err, "nothing but policies")
    berth.run("apply", "-y", "-f", "rules.yaml").expect(0)
    berth.run("apply", "-y", "-f", "bad.yaml", "--set", "berth.yaml", "--adopt").expect(8)
    tap.contains(berth.run("get", "policy").expect(0).out, "memory-limit")


def test_plan_json(berth):
    """the JSON plan has the members of EN-21 and is the same each time"""
    berth.write("berth.yaml", FILE)
    first = berth.run("plan", "--format", "json").expect(0).out
    tap.equal(berth.run("plan", "--format", "json").expect(0).out, first)
    plan = json.loads(first)
    for member in ("format_version", "plan_hash", "objects", "warnings", "irreversible"):
        if member not in plan:
            raise AssertionError(f"no {member}")
    text = json.dumps(plan["objects"])
    tap.contains(text, "limits.memory")
    for item in plan["objects"]:
        for field in item["fields"]:
            for member in ("path", "label"):
                if member not in field:
                    raise AssertionError(f"no {member} in {field}")


def test_apply_twice(berth):
    """a second apply changes nothing and writes nothing (LAW-1, LAW-2)"""
    berth.write("berth.yaml", FILE)
    berth.run("apply", "-y").expect(0)
    before = store_files(berth)
    tap.contains(berth.run("apply", "-y").expect(0).out, "Nothing to do")
    tap.equal(store_files(berth), before, "store")
    tap.equal(len(json.loads(berth.run("history", "--format", "json").out)), 1, "generations")


def test_nobody_to_ask(berth):
    """without -y and without a terminal: the plan, the advice, exit 1, nothing changed"""
    berth.write("berth.yaml", FILE)
    for args in (("apply",), ("apply", "--no-input")):
        result = berth.run(*args).expect(1)
        tap.contains(result.out, "profile/web")
        tap.contains(result.err, "-y")
    tap.equal(json.loads(berth.run("history", "--format", "json").out), [])


def ask(berth, answer):
    """runs apply on a terminal and types an answer"""
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(berth.work)
        os.execve(berth.program, [berth.program, "apply"], berth.environment({"NO_COLOR": "1"}))
    text = b""
    try:
        while b"[y/N]" not in text:
            text += os.read(fd, 4096)
        os.write(fd, answer)
        while True:
            text += os.read(fd, 4096)
    except OSError:
        pass
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text.decode()


def test_question(berth):
    """no is exit 1 and changes nothing; yes applies"""
    berth.write("berth.yaml", FILE)
    for answer in (b"n\n", b"\n", b"maybe\n", b"\x04"):
        tap.equal(ask(berth, answer)[0], 1, repr(answer))
    tap.equal(json.loads(berth.run("history", "--format", "json").out), [])
    status, text = ask(berth, b"y\n")
    tap.equal(status, 0, text)
    tap.equal(len(json.loads(berth.run("history", "--format", "json").out)), 1)


def test_dry_run(berth):
    """--dry-run shows the plan and changes nothing"""
    berth.write("berth.yaml", FILE)
    tap.contains(berth.run("apply", "-y", "--dry-run").expect(0).out, "profile/web")
    tap.equal(os.path.exists(berth.state), False, "state directory made")


def test_result_json(berth):
    """--format json and jsonl print one result"""
    berth.write("berth.yaml", FILE)
    result = json.loads(berth.run("apply", "-y", "--format", "json").expect(0).out)
    tap.equal((result["type"], result["generation"], result["failed"]), ("result", 1, []))
    berth.write("berth.yaml", FILE.replace("64", "65"))
    lines = berth.run("apply", "-y", "--format", "jsonl").expect(0).out.splitlines()
    tap.equal((len(lines), json.loads(lines[-1])["generation"]), (1, 2))


def test_invalid(berth):
    """invalid input is 65 and leaves nothing behind"""
    berth.write("berth.yaml", "profiles:\n- name: web\n  config: {limits.memory: lots}\n")
    tap.contains(berth.run("apply", "-y").expect(65).err, "limits.memory")
    tap.equal(berth.run("get", "profile", "--format", "csv").out.count("web"), 0)


def test_image_file_elsewhere(berth):
    """an image that names another file, which is not there, is an error with object, field and place; the old one is not meant"""
    image_archive.write(berth, "a.tar.gz", image_archive.unified())
    berth.write("berth.yaml", "images:\n- name: img\n  source: {file: a.tar.gz}\n")
    berth.run("apply", "-y").expect(0)
    berth.write("berth.yaml", "images:\n- name: img\n  source: {file: b.tar.gz}\n")
    for command in (["plan"], ["apply", "-y"]):
        error = berth.run(*command).expect(1).err
        for part in ("image/img", "berth.yaml:3:1", "source.file", "b.tar.gz: no such file"):
            tap.contains(error, part)
    os.unlink(berth.path("a.tar.gz"))
    berth.write("berth.yaml", "images:\n- name: img\n  source: {file: a.tar.gz}\n")
    tap.contains(berth.run("apply", "-y").expect(0).out, "Nothing to do")


def test_saved_plan(berth):
    """a saved plan is carried out; a changed file or a changed store is 7"""
    berth.write("berth.yaml", FILE)
    berth.run("plan", "--out", "plan.json").expect(0)
    tap.equal(os.stat(berth.path("plan.json")).st_mode & 0o777, 0o600, "mode")
    berth.write("berth.yaml", FILE.replace("hello", "bye"))
    tap.contains(berth.run("apply", "-y", "plan.json").expect(7).err, "changed")
    berth.write("berth.yaml", "profiles: [oops\n")
    berth.run("apply", "-y", "plan.json").expect(7)
    os.unlink(berth.path("berth.yaml"))
    berth.run("apply", "-y", "plan.json").expect(7)
    berth.write("berth.yaml", FILE)
    berth.run("apply", "-y", "--dir", berth.path("elsewhere"), "plan.json").expect(7)
    berth.run("apply", "-y", "plan.json").expect(0)
    tap.contains(berth.run("get", "profile/web").out, "hello")
    berth.run("apply", "-y", "plan.json").expect(7)


def test_saved_plan_elsewhere(berth):
    """a saved plan does not depend on the working directory"""
    berth.write("sub/berth.yaml", FILE)
    berth.run("plan", "-f", "sub/berth.yaml", "--out", "plan.json").expect(0)
    done = subprocess.run([berth.program, "apply", "-y", berth.path("plan.json")], cwd="/", env=berth.environment(),
                          capture_output=True, text=True, check=False)
    tap.equal(done.returncode, 0, done.stderr)
    berth.run("plan", "-f", "-", "--out", "x", stdin=FILE).expect(64)


def test_broken_saved_plan(berth):
    """a saved plan that was cut or is of another version is refused"""
    berth.write("plan.json", '{"format": "berth-plan", "format_version": 99}\n')
    tap.contains(berth.run("apply", "-y", "plan.json").expect(65).err, "plan again")


def test_two_owners(berth):
    """an object of another set is a conflict (7) unless adopted (EN-43)"""
    berth.write("berth.yaml", FILE)
    berth.run("apply", "-y", "--set", "one").expect(0)
    berth.write("berth.yaml", FILE.replace("hello", "bye"))
    tap.contains(berth.run("apply", "-y", "--set", "two").expect(7).err, "file:one")
    tap.contains(berth.run("destroy", "-y", "--set", "two").expect(7).err, "file:one")
    berth.run("apply", "-y", "--set", "two", "--adopt").expect(0)
    tap.contains(berth.run("get", "profile/web").out, "file:two")


def test_adopt_release(berth):
    """adopt and release change the owner and nothing else (EN-50)"""
    berth.write("berth.yaml", FILE)
    berth.run("apply", "-y", "--set", "one").expect(0)
    berth.run("adopt", "profile/web").expect(64)
    berth.run("adopt", "profile/nobody", "--set", "x").expect(1)
    berth.run("adopt", "profile/web", "--set", "other").expect(0)
    tap.contains(berth.run("get", "profile/web").out, "file:other")
    berth.run("release", "profile/web").expect(0)
    tap.contains(berth.run("get", "profile/web").out, "owner: api")
    berth.run("adopt", "-f", "berth.yaml", "--set", "one").expect(0)
    tap.contains(berth.run("get", "profile/web").out, "file:one")
    tap.contains(berth.run("apply", "-y", "--set", "one").expect(0).out, "Nothing to do")


def test_prune(berth):
    """--prune deletes what the set no longer declares, and only that"""
    berth.write("berth.yaml", FILE)
    berth.write("other.yaml", "profiles:\n- name: other\n")
    berth.run("apply", "-y", "--set", "one").expect(0)
    berth.run("apply", "-y", "-f", "other.yaml", "--set", "two").expect(0)
    berth.write("berth.yaml", "projects:\n- name: p\n")
    berth.run("apply", "-y", "--set", "one").expect(0)
    tap.contains(berth.run("get", "profile", "--format", "csv").out, "web,")
    berth.run("apply", "-y", "--set", "one", "--prune").expect(0)
    names = berth.run("get", "profile", "--format", "csv").out
    tap.absent(names, "web,")
    tap.contains(names, "other,")
    berth.run("apply", "-y", "-f", "-", "--prune", stdin="").expect(64)


def test_only_exclude(berth):
    """--only and --exclude leave the rest alone (EN-24)"""
    berth.write("berth.yaml", FILE + "- name: db\n")
    berth.run("apply", "-y", "--only", "profile/db").expect(0)
    names = berth.run("get", "--format", "csv").out
    tap.contains(names, "profile,db")
    tap.absent(names, "profile,web")
    berth.run("apply", "-y", "--exclude", "profile/*").expect(0)
    names = berth.run("get", "--format", "csv").out
    tap.contains(names, "project,p")
    tap.absent(names, "profile,web")


def test_history(berth):
    """history, show, diff, rollback, rollback --to (EN-46)"""
    berth.write("berth.yaml", FILE)
    berth.run("apply", "-y").expect(0)
    berth.write("berth.yaml", FILE.replace("64MiB", "128MiB"))
    berth.run("apply", "-y").expect(0)
    tap.equal([item["generation"] for item in json.loads(berth.run("history", "--format", "json").out)], [2, 1])
    tap.equal(len(berth.run("history", "-n", "1", "--format", "csv").out.splitlines()), 2)
    tap.contains(berth.run("show", "2").expect(0).out, "config.limits.memory: 64MiB -> 128MiB")
    tap.contains(berth.run("diff", "2", "1").expect(0).out, "128MiB -> 64MiB")
    tap.contains(berth.run("show", "9").expect(1).err, "generation 9")
    tap.contains(berth.run("rollback", "-y", "1").expect(7).err, "--force")
    berth.run("rollback", "-y").expect(0)
    tap.contains(berth.run("get", "profile/web").out, "64MiB")
    tap.equal(berth.run("diff", "1", "3").expect(0).out, "")
    berth.write("berth.yaml", FILE.replace("hello", "bye"))
    berth.run("apply", "-y").expect(0)
    berth.run("rollback", "-y", "--to", "2").expect(0)
    tap.contains(berth.run("get", "profile/web").out, "128MiB")
    berth.run("rollback", "-y", "--to").expect(64)


def test_destroy(berth):
    """destroy -f, twice; destroy --all; nothing left but the defaults"""
    berth.write("berth.yaml", FILE)
    berth.run("apply", "-y").expect(0)
    berth.run("destroy").expect(1)
    berth.run("destroy", "-y").expect(0)
    berth.run("destroy", "-y").expect(0)
    names = berth.run("get", "--format", "csv").out.split()
    tap.equal(names, ["KIND,NAME,PROJECT,OWNER,DESCRIPTION", "profile,default,default,api,", "project,default,,api,"])
    berth.run("apply", "-y").expect(0)
    berth.run("destroy", "--all", "-f", "berth.yaml").expect(64)
    berth.run("destroy", "--all", "-y").expect(0)
    tap.equal(berth.run("get", "--format", "csv").out.split(), names)


def test_protect(berth):
    """a protected object is skipped by a delete (EN-49)"""
    berth.write("berth.yaml", "profiles:\n- name: web\n  protect: true\n")
    berth.run("apply", "-y").expect(0)
    tap.contains(berth.run("destroy", "-y").expect(0).out, "protect")
    tap.contains(berth.run("get", "profile", "--format", "csv").out, "web,")


def test_project_limit(berth):
    """what a project's limits do not allow is refused"""
    berth.write("berth.yaml", "projects:\n- name: p\n  config:\n    restricted: true\n    features.profiles: true\n"
                              "profiles:\n- name: bad\n  project: p\n  config: {security.privileged: true}\n")
    result = berth.run("apply", "-y")
    if result.status not in (8, 65):
        raise AssertionError(f"expected 8 or 65, got {result.status}: {result.err}")
    tap.contains(result.err, "p")


def test_dump_round_trip(berth):
    """dump, then plan on it: empty; destroy, apply, dump: the same bytes (LAW-5)"""
    berth.write("berth.yaml", FILE)
    berth.run("apply", "-y", "--set", "one").expect(0)
    dumped = berth.run("dump").expect(0).out
    berth.write("dump.yaml", dumped)
    berth.run("plan", "-f", "dump.yaml", "--set", "one", "--detailed-exitcode").expect(0)
    berth.run("dump", "-o", "out").expect(0)
    berth.run("plan", "-f", "out", "--set", "one", "--detailed-exitcode").expect(0)
    berth.run("destroy", "--all", "-y").expect(0)
    berth.run("apply", "-y", "-f", "out", "--set", "one").expect(0)
    tap.equal(berth.run("dump").expect(0).out, dumped)
    berth.run("destroy", "-y", "--only", "profile/web", "-f", "out", "--set", "one").expect(0)
    berth.run("dump", "-o", "out").expect(0)
    tap.equal("profiles.yaml" in os.listdir(berth.path("out")), False, "file of a kind without objects")


def test_preseed(berth):
    """init --preseed replaces what it names, leaves the rest, never asks (PS-01, PS-12, PS-13)"""
    berth.run("init").expect(64)
    berth.run("init", "--preseed", "--dump", stdin="").expect(64)
    tap.contains(berth.run("init", "--auto").expect(64).err, "not in this build")
    tap.contains(berth.run("init", "--preseed", "--plan", stdin=FILE).expect(0).out, "profile/web")
    tap.equal(os.path.exists(berth.state), False, "state directory made")
    berth.run("init", "--preseed", stdin=FILE).expect(0)
    berth.run("init", "--preseed", stdin="profiles:\n- name: web\n  description: new\n").expect(0)
    shown = berth.run("get", "profile/web").out
    tap.absent(shown, "64MiB")
    tap.contains(shown, "new")
    tap.contains(berth.run("get", "--format", "csv").out, "project,p")
    berth.run("init", "--preseed", stdin="").expect(0)
    dumped = berth.run("init", "--dump").expect(0).out
    tap.contains(dumped, "user.site")
    tap.contains(berth.run("init", "--preseed", "--plan", stdin=dumped).expect(0).out, "Nothing to do")
    tap.contains(berth.run("init", "--preseed", stdin="profiles: [\n").expect(65).err, "2:")


def test_explain(berth):
    """explain names the value, the place, the line, the last change"""
    path = berth.write("berth.yaml", FILE)
    berth.run("apply", "-y").expect(0)
    text = berth.run("explain", "profile/web.limits.memory").expect(0).out
    for part in ("64MiB", f"{path}:9:", "generation 1", "cli apply"):
        tap.contains(text, part)
    tap.contains(berth.run("explain", "profile/web.config.limits.memry").expect(1).err, "limits.memory")
    berth.run("explain", "profile/none.description").expect(1)
    berth.run("explain", "profile").expect(64)
    value = json.loads(berth.run("explain", "profile/web.description", "--format", "json").expect(0).out)
    tap.equal(value["value"], "hello")


def test_explain_keeps_places(berth):
    """places are those of the apply that set the value, whatever happened to the file since (EN-25)"""
    path = berth.write("berth.yaml", FILE)
    berth.run("apply", "-y").expect(0)
    os.remove(path)
    value = json.loads(berth.run("explain", "profile/web.limits.memory", "--format", "json").expect(0).out)
    tap.equal([(place["place"], place["where"]) for place in value["chain"]], [("profile/web", f"{path}:9:5")])
    # Edited and taken back: the field that came back is by who rolled back, the others are where they were.
    berth.write("berth.yaml", "\n" + FILE.replace("64MiB", "65MiB"))
    berth.run("apply", "-y").expect(0)
    tap.contains(berth.run("explain", "profile/web.limits.memory").expect(0).out, f"{path}:10:5")
    berth.run("rollback", "-y").expect(0)
    text = berth.run("explain", "profile/web.limits.memory").expect(0).out
    for part in ("* profile/web", "64MiB", "cli rollback", "last change: generation 3"):
        tap.contains(text, part)
    tap.contains(berth.run("explain", "profile/web.description").expect(0).out, f"{path}:8:")


def test_explain_chain(berth):
    """an instance's chain: itself, its profiles from the last, each with its place; defaults have none"""
    path = berth.write("berth.yaml", """\
profiles:
- name: one
  config: {boot.autostart.priority: 1}
- name: two
  config: {boot.autostart.priority: 2}
""")
    berth.run("apply", "-y").expect(0)
    text = berth.run("explain", "profile/two.boot.autostart.priority").expect(0).out
    tap.contains(text, f"{path}:5:")
    chain = json.loads(berth.run("explain", "profile/two.boot.autostart.priority", "--format", "json").expect(0).out)["chain"]
    tap.equal([(place["place"], place["in_force"], "where" in place) for place in chain],
              [("profile/two", True, True), ("default", False, False)])


def test_explain_hold(berth):
    """a held field is explained as held: by whom, until when, why; its value's place stays where that was written (EN-25, EN-47)"""
    path = berth.write("berth.yaml", FILE)
    berth.run("apply", "-y").expect(0)
    berth.run("hold", "profile/web.config.limits.memory", "--for", "2h", "--reason", "a load test").expect(0)
    berth.write("berth.yaml", "\n" + FILE.replace("64MiB", "65MiB").replace("hello", "bye"))
    tap.contains(berth.run("apply", "-y").expect(0).out, "stays as it is (a load test)")
    value = json.loads(berth.run("explain", "profile/web.limits.memory", "--format", "json").expect(0).out)
    tap.equal((value["value"], value["where"], value["held"]["reason"], value["held"]["path"]),
              ("64MiB", f"{path}:9:5", "a load test", "config/limits.memory"))
    tap.contains(berth.run("explain", "profile/web.description").expect(0).out, f"{path}:8:3")
    text = berth.run("explain", "profile/web.limits.memory").expect(0).out
    tap.contains(text, "\nheld: profile/web config.limits.memory since ")
    tap.contains(text, "whatever files and sources say (a load test)\n")
    tap.contains(text, "\nin force: 64MiB; wanted when files or sources were last applied: 65MiB  berth.yaml:10:5\n")
    tap.equal(value["wanted"], {"value": "65MiB", "where": "berth.yaml:10:5"})
    tap.absent(berth.run("explain", "profile/web.description").expect(0).out, "held")
    # What is held is all that differs: nothing else is done, no generation made.
    generations = berth.run("history").expect(0).out
    berth.write("berth.yaml", FILE.replace("64MiB", "66MiB").replace("hello", "bye"))
    wanted = lambda field: json.loads(berth.run("explain", f"profile/web.{field}", "--format", "json").expect(0).out).get("wanted")  # noqa: E731
    berth.run("apply", "-y", "--dry-run").expect(0)
    tap.equal(wanted("limits.memory")["value"], "65MiB", "a dry run remembers nothing")
    tap.contains(berth.run("apply", "-y").expect(0).out, "Nothing to do")
    tap.equal((wanted("limits.memory")["value"], berth.run("history").expect(0).out), ("66MiB", generations))
    # Drift has three values of it (EN-22).
    entry = json.loads(berth.run("drift", "--format", "json").expect(2).out)["objects"][0]
    tap.equal([(one["path"], one["desired"], one["stored"], one["running"], one["state"], one["source"]) for one in entry["fields"]],
              [("config/limits.memory", "66MiB", "64MiB", "64MiB", "edited", "berth.yaml:9:5")])
    # The file says what is stored again, or nothing at all.
    berth.write("berth.yaml", FILE.replace("hello", "bye"))
    berth.run("apply", "-y").expect(0)
    tap.equal(wanted("limits.memory"), None)
    tap.contains(berth.run("drift").expect(0).out, "No drift")
    berth.write("berth.yaml", FILE.replace("    limits.memory: 64MiB\n", "    user.a: b\n"))
    berth.run("apply", "-y").expect(0)
    tap.equal((wanted("limits.memory"), wanted("user.a")), ({"value": None, "where": "berth.yaml:6:3"}, None))
    tap.contains(berth.run("explain", "profile/web.limits.memory").expect(0).out, "last applied: (unset)  berth.yaml:6:3\n")
    berth.write("berth.yaml", "\n" + FILE.replace("64MiB", "65MiB").replace("hello", "bye"))
    # Free again, it is where the file has it.
    berth.run("unhold", "profile/web.config.limits.memory").expect(0)
    berth.run("apply", "-y").expect(0)
    value = json.loads(berth.run("explain", "profile/web.limits.memory", "--format", "json").expect(0).out)
    tap.equal((value["value"], value["where"], "held" in value), ("65MiB", f"{path}:10:5", False))
    # The whole object.
    berth.run("hold", "profile/web", "--for", "2h", "--reason", "all").expect(0)
    tap.contains(berth.run("explain", "profile/web.description").expect(0).out, "\nheld: profile/web since ")
    tap.equal(wanted("description"), None, "what an earlier hold kept is forgotten")
    berth.write("berth.yaml", FILE.replace("hello", "hi"))
    berth.run("apply", "-y").expect(0)
    tap.equal((wanted("description")["value"], wanted("limits.memory")["value"]), ("hi", "64MiB"))
    berth.write("berth.yaml", "projects:\n- name: p\n")
    berth.run("apply", "-y", "--prune").expect(0)
    tap.equal(wanted("description"), {"value": None})


def test_held_secret(berth):
    """of a held secret the reference that files want is told, and of the content nothing (EN-05, EN-47)"""
    text = "profiles:\n- name: web\n  description: %s\n  config: {environment.T: \"${secret:env:%s}\"}\n"
    secrets = {"T_A": "first-secret", "T_B": "second-secret"}

    def told(*args):
        return "".join(berth.run(*args, *form).expect(2 if args == ("drift",) else 0).out for form in ((), ("--format", "json")))

    berth.write("berth.yaml", text % ("a", "T_A"))
    berth.run("apply", "-y", env=secrets).expect(0)
    berth.run("hold", "profile/web", "--for", "2h", "--reason", "keep").expect(0)
    berth.write("berth.yaml", text % ("b", "T_A"))
    berth.run("apply", "-y", env=secrets).expect(0)
    tap.absent(told("explain", "profile/web.environment.T"), "wanted")
    tap.equal([one["path"] for one in json.loads(berth.run("holds", "--format", "json").out)[0]["wants"]], ["description"])
    berth.write("berth.yaml", text % ("b", "T_B"))
    berth.run("apply", "-y", env=secrets).expect(0)
    tap.contains(told("explain", "profile/web.environment.T"), 'last applied: "${secret:env:T_B}"')
    tap.contains(" ".join(told("drift").split()), "config.environment.T (edited) ${secret:env:T_B} ${secret:env:T_A} ${secret:env:T_A}")
    everything = told("holds") + told("drift") + told("explain", "profile/web.environment.T")
    for name in sorted(os.listdir(berth.state)):
        path = os.path.join(berth.state, name)
        if os.path.isfile(path):
            with open(path, "rb") as file:
                everything += file.read().decode("latin-1")
    tap.contains(everything, "T_B")
    for secret in secrets.values():
        tap.absent(everything, secret)


def test_get_formats(berth):
    """get as table, csv, json, yaml; kinds, objects, patterns"""
    berth.write("berth.yaml", FILE.replace("hello", "'a, \"b\"'"))
    berth.run("apply", "-y").expect(0)
    tap.contains(berth.run("get", "profile", "--format", "csv").expect(0).out, '"a, ""b"""')
    items = json.loads(berth.run("get", "profile", "--format", "json").expect(0).out)
    tap.equal(sorted(item["name"] for item in items), ["default", "web"])
    one = json.loads(berth.run("get", "profile/web", "--format", "json").expect(0).out)
    tap.equal(one["spec"]["config"], {"limits.memory": "64MiB"})
    tap.contains(berth.run("get", "profiles", "--format", "yaml").expect(0).out, "limits.memory: 64MiB")
    tap.equal(len(berth.run("get", "profile/w*").expect(0).out.splitlines()), 2)
    berth.run("get", "profile/none").expect(1)
    berth.run("get", "nonsense").expect(64)


def test_status(berth):
    """status says what is ready, and the last generation"""
    berth.run("status").expect(0)
    berth.write("berth.yaml", FILE)
    berth.run("apply", "-y").expect(0)
    text = berth.run("status").expect(0).out
    tap.contains(text, "Generation 1")
    tap.contains(text, "profile/web")
    rows = json.loads(berth.run("status", "profile/web", "--format", "json").expect(0).out)
    tap.equal([(row["type"], row["status"]) for row in rows if row["type"] == "Ready"], [("Ready", True)])


def test_secrets(berth):
    """secrets are not printed (EN-05)"""
    berth.write("berth.yaml", "config:\n  core.trust_password: swordfish\n")
    for args in (("plan",), ("plan", "--format", "json"), ("apply", "-y"), ("get", "server"), ("dump",),
                 ("get", "--format", "json"), ("show", "1"), ("show", "1", "--format", "json"),
                 ("explain", "server.core.trust_password")):
        result = berth.run(*args)
        tap.absent(result.out + result.err, "swordfish")


def test_nothing_parked(berth):
    """parked, undelete and purge when there is nothing"""
    tap.equal(json.loads(berth.run("parked", "--format", "json").expect(0).out), [])
    berth.run("undelete", "instance/none", "-y").expect(1)
    berth.run("purge").expect(0)
    berth.run("purge", "--all").expect(0)


def test_lock(berth):
    """a second berth waits, or fails with 9 when asked (engine.md exit 9)"""
    berth.write("berth.yaml", FILE)
    berth.run("apply", "-y").expect(0)
    with open(os.path.join(berth.state, "lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        berth.run("apply", "-y", "--no-wait-lock").expect(9)
        berth.run("plan").expect(0)
        waiting = berth.start("apply", "-y")
        time.sleep(0.3)
        tap.equal(waiting.poll(), None, "did not wait")
        fcntl.flock(lock, fcntl.LOCK_UN)
        waiting.communicate(timeout=60)
        tap.equal(waiting.returncode, 0)


def test_not_permitted(berth):
    """a state directory that may not be written is 77"""
    if os.geteuid() != 0:
        raise tap.Skip("needs root, to become somebody else")
    berth.write("berth.yaml", FILE)
    os.chmod(berth.work, 0o755)
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", berth.program, "apply", "-y"],
                          cwd=berth.work, env=berth.environment({"ASAN_OPTIONS": "detect_leaks=0"}), text=True,
                          capture_output=True, check=False)
    tap.equal(done.returncode, 77, done.stderr)


def test_reader_of_apply_leaves(berth):
    """an apply whose output nobody reads is done all the same"""
    berth.write("berth.yaml", FILE)
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([berth.program, "apply", "-y"], cwd=berth.work, env=berth.environment(), stdout=write,
                          stderr=write, check=False)
    os.close(write)
    tap.equal(done.returncode, 0)
    tap.contains(berth.run("get", "profile", "--format", "csv").out, "web,")


def test_interrupt_while_waiting(berth):
    """Ctrl-C while waiting for the lock ends at once and changes nothing"""
    berth.write("berth.yaml", FILE)
    berth.run("apply", "-y").expect(0)
    with open(os.path.join(berth.state, "lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = berth.start("apply", "-y")
        time.sleep(0.3)
        waiting.send_signal(signal.SIGINT)
        waiting.communicate(timeout=10)
        tap.equal(waiting.returncode in (130, -signal.SIGINT), True, f"status {waiting.returncode}")


tap.main(globals())
