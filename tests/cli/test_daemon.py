#!/usr/bin/python3
"""The command as a client of the daemon: the same output and exit statuses as in-process, other users, interruptions, programs with
a terminal, waiting and events. Real berthd, real containers."""
import difflib
import json
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon  # noqa: E402
from gitrepo import Repository, profiles  # noqa: E402

NET = f"b{host.NAME}"[:12]

FILE = f"""\
config:
  user.site: north
storage_pools:
- name: p
  driver: dir
networks:
- name: {NET}
  type: bridge
  config: {{ipv4.address: 10.77.1.1/24, ipv4.nat: "false", ipv6.address: none}}
images:
- name: busybox
  source: builtin:busybox
projects:
- name: other
profiles:
- name: web
  description: hello
  config: {{limits.memory: 64MiB}}
  devices:
    root: {{type: disk, path: /, pool: p}}
    eth0: {{type: nic, network: {NET}}}
instances:
- name: {host.NAME}
  image: busybox
  profiles: [web]
  state: running
"""

MANY = """\
storage_pools:
- name: p
  driver: dir
images:
- name: busybox
  source: builtin:busybox
profiles:
- name: web
  devices:
    root: {type: disk, path: /, pool: p}
instances:
""" + "".join(f"- {{name: {host.NAME}{n}, image: busybox, profiles: [web], state: running}}\n" for n in range(14))

BROKEN = "profiles:\n- name: web\n  confg: {}\n"


def scenario(berth):
    """Commands one after the other, with exit status and output; what no two runs share is taken out."""
    found = []

    def run(*args, stdin=None):
        result = berth.run(*args, stdin=stdin)
        text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME", result.out)
        text = re.sub(r" +\d+\.\d{3} ms", " N ms", text)
        text = re.sub(r'"(milliseconds|microseconds|time|since|until|pid|init|started|start|pid_start)": \d+', r'"\1": N', text)
        # A daemon looks again by itself and says so.
        text = text.replace('"reason": "as stored"', '"reason": "applied"').replace("as stored", "applied")
        found.append((" ".join(args), result.status, text))
        return result

    berth.write("berth.yaml", FILE)
    berth.write("broken.yaml", BROKEN)
    run("plan")
    run("plan", "--format", "json", "--detailed-exitcode")
    run("plan", "--rehearse", "--detailed-exitcode")
    run("plan", "--rehearse", "--format", "json")
    run("apply", "--dry-run")
    run("plan", "-f", "broken.yaml")
    run("apply", "-y", "-f", "broken.yaml")
    run("plan", "--out", "saved")
    run("apply", "-y", "saved")
    run("apply", "-y", "saved")
    run("apply", "-y")
    run("apply", "-y", "--format", "json")
    run("plan", "--detailed-exitcode")
    run("get")
    run("get", "--format", "csv")
    run("get", "instance", "--format", "csv")
    run("get", "profile/web")
    run("get", "profile/none")
    run("get", "nonsense")
    run("status")
    run("status", "--format", "json")
    run("explain", f"instance/{host.NAME}.limits.memory")
    run("explain", "profile/web.config.limits.memory", "--format", "json")
    run("dump")
    run("dump", "profile/web")
    run("drift")
    run("validate", "--stored")
    berth.write("berth.yaml", FILE.replace("64MiB", "80MiB").replace("hello", "bye"))
    run("apply", "-y")
    run("history", "--format", "csv")
    run("show", "2")
    run("show", "2", "--format", "json")
    run("diff", "1", "2")
    run("show", "99")
    run("rollback", "-y")
    run("rollback", "-y", "2")
    run("rollback", "-y", "--dry-run", "1")
    run("apply", "-y", "-f", "-", stdin="profiles:\n- name: web\n")
    run("adopt", "--set", "mine", "profile/web")
    run("get", "profile", "--format", "csv")
    run("release", "profile/web")
    run("init", "--preseed", stdin="profiles:\n- name: seed\n  config: {user.a: b}\n")
    run("init", "--dump")
    run("exec", host.NAME, "--", "sh", "-c", "echo out; exit 3")
    run("exec", host.NAME, "--", "cat", stdin="words\n" * 3000)
    run("exec", host.NAME, "--", "/nothing")
    run("exec", "--env", "A=b c", "--cwd", "/tmp", host.NAME, "--", "sh", "-c", "pwd; echo $A; kill -9 $$")
    run("exec", "none", "--", "true")
    run("wait", f"instance/{host.NAME}", "--timeout", "30s")
    run("wait", "profile/web", "--for", "converged", "--timeout", "30s")
    run("wait", "profile/none", "--for", "absent", "--timeout", "5s")
    run("wait", "profile/none", "--for", "ready", "--timeout", "1s")
    run("wait", "profile/web", "--for", "nonsense")
    berth.write("gone.yaml", f"instances:\n- name: {host.NAME}\n  image: busybox\n")
    run("destroy", "-y", "-f", "gone.yaml", "--adopt", "--park-for", "1h")
    run("parked", "--format", "csv")
    run("undelete", "-y", f"instance/{host.NAME}")
    run("destroy", "-y", "--all", "--park-for", "1h")
    run("purge", "--all")
    run("parked", "--format", "json")
    run("get", "--format", "json")
    return found


def test_same_as_in_process(berth):
    """every command prints the same and exits the same, in-process and by the daemon"""
    alone = scenario(berth)
    shutil.rmtree(berth.state)
    with Daemon(berth):
        asked = scenario(berth)
    tap.equal(len(alone), len(asked))
    differences = []
    for a, b in zip(alone, asked):
        lines = list(difflib.unified_diff(a[2].splitlines(), b[2].splitlines(), "in-process", "daemon", lineterm=""))
        if a != b:
            differences += [f"berth {a[0]}: exit {a[1]} in-process, {b[1]} by the daemon", *lines]
    if differences:
        raise AssertionError("\n".join(differences)[:12000])
    tap.equal(sum(status == 0 for _, status, _ in alone) > 30, True, "most of it works")


def by_user(berth, *args, groups=()):
    process = subprocess.run([berth.program, *args], cwd=berth.work, env=berth.environment({"HOME": "/nonexistent"}), user=65534,
                             group=65534, extra_groups=list(groups), text=True, stdin=subprocess.DEVNULL, capture_output=True,
                             timeout=60, check=False)
    return tap.Result(args, process)


def test_other_users(berth):
    """who is in the socket's group may do everything, who is not is told so"""
    berth.write("berth.yaml", "profiles:\n- name: a\n")
    with Daemon(berth, "--group", "adm"):
        group = int(host.output("getent", "group", "adm").split(":")[2])
        by_user(berth, "apply", "-y", groups=[group]).expect(0)
        tap.contains(by_user(berth, "get", "profile", groups=[group]).expect(0).out, "a ")
        tap.contains(by_user(berth, "get").expect(77).err, "unix.socket")


def running(daemon):
    return daemon.ask("GET", "/1.0/operations").metadata.get("running", [])


def begin_many(berth, daemon):
    berth.write("many.yaml", MANY)
    process = berth.start("apply", "-y", "--parallel", "1", "-f", "many.yaml")
    host.wait_for(lambda: running(daemon), "an operation", 30)
    host.wait_for(lambda: host.cgroups(host.NAME), "the first container", 60)
    return process


def test_interrupted_once(berth):
    """Ctrl-C asks the daemon to undo, and waits for that: exit 130, the host is as before"""
    with Daemon(berth) as daemon:
        before = host.fingerprint(berth.state, host.NAME)
        process = begin_many(berth, daemon)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
        tap.equal(process.returncode, 130, err)
        tap.contains(err, "interrupted")
        tap.equal(running(daemon), [])
        tap.equal(berth.run("history", "--format", "json").out.strip(), "[]")
        host.same(before, host.fingerprint(berth.state, host.NAME), ignore=("files",))


def test_interrupted_twice(berth):
    """a second Ctrl-C leaves the daemon to it, names the operation, and exits 130"""
    with Daemon(berth) as daemon:
        process = begin_many(berth, daemon)
        # Both before the daemon can have undone it all.
        daemon.process.send_signal(signal.SIGSTOP)
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        daemon.process.send_signal(signal.SIGCONT)
        _, err = process.communicate(timeout=120)
        tap.equal(process.returncode, 130, err)
        if "goes on without" in err:
            tap.contains(err, "/1.0/operations/")
        host.wait_for(lambda: not running(daemon), "the end of the operation", 120)
        tap.equal(berth.run("history", "--format", "json").out.strip(), "[]")


def test_reconciling(berth):
    """what a transaction works on has the condition Reconciling until it ends, by the daemon and without one (EN-48)"""
    def conditions(text):
        return {item["object"]: item["reason"] for item in json.loads(text) if item["type"] == "Reconciling"}

    def check(process, end):
        berth.run("wait", f"instance/{host.NAME}13", "--for", "condition=Reconciling", "--timeout", "30s").expect(0)
        shown = conditions(berth.run("status", "--format", "json").expect(0).out)
        tap.equal(shown, {}, "what is not stored yet is no object of status")
        end(process)
        process.communicate(timeout=120)
        tap.equal("Reconciling" in berth.run("status").expect(0).out, False)

    key = f"instance/default//{host.NAME}0"
    for daemon in (True, False):
        if daemon:
            with Daemon(berth) as asked:
                process = begin_many(berth, asked)
                tap.equal(conditions(json.dumps(asked.ask("GET", "/1.0/conditions").metadata)).get(key), "cli apply")
                check(process, lambda process: None)
                tap.equal(process.returncode, 0)
                tap.equal(conditions(json.dumps(asked.ask("GET", "/1.0/conditions").metadata)), {})
                berth.write("many.yaml", MANY.replace("running", "stopped"))
                process = berth.start("apply", "-y", "--parallel", "1", "-f", "many.yaml")
                host.wait_for(lambda: "Reconciling" in berth.run("status", "instance").out, "the condition", 30)
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=120)
                tap.equal("Reconciling" in berth.run("status").expect(0).out, False)
                berth.run("destroy", "--all", "-y").expect(0)
        else:
            berth.write("many.yaml", MANY)
            process = berth.start("apply", "-y", "--parallel", "1", "-f", "many.yaml")
            host.wait_for(lambda: host.cgroups(host.NAME), "the first container", 60)
            # Held in the middle, however quick it is.
            process.send_signal(signal.SIGSTOP)

            def interrupt(process):
                process.send_signal(signal.SIGINT)
                process.send_signal(signal.SIGCONT)

            check(process, interrupt)
            tap.equal(process.returncode, 130)


def test_purge_when_due(berth):
    """an idle daemon deletes parked data when its time is over, and the next daemon what became due meanwhile (EN-31)"""
    def park(*args):
        host.apply(berth, FILE).expect(0)
        berth.write("gone.yaml", f"instances:\n- name: {host.NAME}\n  image: busybox\n")
        berth.run("destroy", "-y", "-f", "gone.yaml", "--adopt", *args).expect(0)

    def parked(daemon):
        return daemon.ask("GET", "/1.0/parked").expect(200).metadata

    def on_disk():
        return [name for folder, names, _ in os.walk(os.path.join(berth.state, "storage-pools")) for name in names if ".parked-" in name]

    with Daemon(berth, "--verbose") as daemon:
        park("--park-for", "1h")
        tap.equal((len(parked(daemon)) > 0, len(on_disk())), (True, 1))
        park("--park-for", "3s")
        tap.equal(len(on_disk()), 2)
        host.wait_for(lambda: len(on_disk()) == 1, "the purge", 10)
        host.wait_for(lambda: "is deleted" in daemon.log_text(), "that it is told", 10)
        tap.equal(len({entry["tx"] for entry in parked(daemon)}), 1)
        berth.run("purge", "--all").expect(0)
        park("--park-for", "3s")
    time.sleep(4)
    tap.equal(len(on_disk()), 1)
    with Daemon(berth) as daemon:
        host.wait_for(lambda: not on_disk(), "the purge", 10)
        tap.equal(parked(daemon), [])
        park("--local", "--park-for", "4s")
        host.wait_for(lambda: not on_disk(), "the purge of what another program parked", 10)
        berth.run("destroy", "--all", "-y").expect(0)


def test_daemon_killed(berth):
    """a daemon that dies in the middle: exit 69, and its next start undoes what it had begun"""
    daemon = Daemon(berth)
    with daemon:
        process = begin_many(berth, daemon)
        daemon.process.kill()
        daemon.process.wait()
        _, err = process.communicate(timeout=60)
        tap.equal(process.returncode, 69, err)
        tap.contains(err, "when it starts again")
        daemon.start()
        tap.equal(berth.run("history", "--format", "json").out.strip(), "[]")
        tap.equal(berth.run("get", "instance", "--format", "json").out.strip(), "[]")


def test_terminal(berth):
    """exec with a terminal: its size, what is typed, signals, exit status"""
    with Daemon(berth):
        host.apply(berth, FILE).expect(0)
        pid, fd = pty.fork()
        if pid == 0:
            os.chdir(berth.work)
            os.execve(berth.program, [berth.program, "exec", host.NAME, "--", "sh", "-c", "tty; stty size; read x; echo got $x; exit 7"],
                      berth.environment({"TERM": "xterm"}))
        text = b""
        deadline = time.monotonic() + 60
        typed = False
        while time.monotonic() < deadline:
            try:
                chunk = os.read(fd, 4096)
            except OSError:
                break
            if not chunk:
                break
            text += chunk
            if not typed and b"/dev/" in text:
                os.write(fd, b"words\r")
                typed = True
        _, status = os.waitpid(pid, 0)
        tap.equal(os.waitstatus_to_exitcode(status), 7, text.decode(errors="replace"))
        tap.contains(text.decode(errors="replace"), "got words")
        process = berth.start("exec", "-T", host.NAME, "--", "sh", "-c", "trap 'exit 9' TERM; echo up; while :; do sleep 0.1; done")
        tap.equal(process.stdout.readline(), "up\n")
        process.terminate()
        tap.equal(process.wait(timeout=30), 9, "a signal that is passed on")
        process.communicate()
        berth.run("destroy", "--all", "-y").expect(0)


def test_wait_and_events(berth):
    """wait returns with the change; events tell of it"""
    with Daemon(berth):
        berth.run("waitready", "--timeout", "30s").expect(0)
        listener = berth.start("events", "-f", "--type", "lifecycle", "--format", "json")
        waiter = berth.start("wait", "profile/a", "--for", "ready", "--timeout", "30s")
        time.sleep(1)
        tap.equal(waiter.poll(), None, "waits")
        berth.write("berth.yaml", "profiles:\n- name: a\n")
        begun = time.monotonic()
        berth.run("apply", "-y").expect(0)
        tap.equal(waiter.wait(timeout=30), 0)
        waiter.communicate()
        tap.equal(time.monotonic() - begun < 5, True, "in time")
        event = json.loads(listener.stdout.readline())
        tap.equal((event["type"], event["metadata"]["action"]), ("lifecycle", "profile-created"))
        listener.kill()
        listener.communicate()


def test_no_daemon(berth):
    """what only a daemon can do is exit 69 without one; --local asks nobody"""
    berth.run("events").expect(69)
    berth.run("waitready", "--timeout", "1s").expect(6)
    with Daemon(berth):
        berth.write("berth.yaml", "profiles:\n- name: a\n")
        berth.run("apply", "-y", "--local").expect(0)
        tap.contains(berth.run("get", "profile").expect(0).out, "a ")


def test_other_machines(berth):
    """HTTPS: in by token and by password, objects by NAME:, refused with another certificate and after removal"""
    def lab(conf, *args):
        return berth.run(*args, env={"BERTH_CONF": berth.path(conf)})

    with Daemon(berth) as daemon:
        config = {"core.https_address": "127.0.0.1:18444", "core.trust_password": "secret"}
        daemon.ask("PATCH", "/1.0", {"config": config}).expect(200)
        token = berth.run("trust", "add", "--name", "laptop").expect(0).out.strip()
        lab("one", "remote", "add", "lab", token).expect(0)
        tap.equal(os.stat(berth.path("one/client.key")).st_mode & 0o777, 0o600)
        berth.write("berth.yaml", "profiles:\n- name: a\n")
        lab("one", "apply", "-y", "lab:").expect(0)
        tap.contains(lab("one", "get", "lab:profile").expect(0).out, "a ")
        tap.contains(berth.run("trust", "list").expect(0).out, "laptop")
        lab("one", "waitready", "lab:", "--timeout", "10s").expect(0)
        lab("one", "waitready", "local:", "--dir", "/nonexistent", "--timeout", "1s").expect(6)
        lab("one", "remote", "add", "again", token, "--accept-certificate").expect(0)  # known by now: no token is needed
        lab("two", "remote", "add", "lab", "127.0.0.1:18444").expect(1)  # nobody says that the certificate is right
        lab("two", "remote", "add", "lab", "127.0.0.1:18444", "--accept-certificate").expect(77)
        lab("two", "remote", "add", "lab", "127.0.0.1:18444", "--accept-certificate", "--password", "wrong").expect(77)
        lab("two", "remote", "add", "lab", "127.0.0.1:18444", "--accept-certificate", "--password", "secret").expect(0)
        lab("two", "remote", "switch", "lab").expect(0)
        tap.contains(lab("two", "get", "profile").expect(0).out, "a ")
        tap.contains(lab("two", "remote", "list").expect(0).out, "https://127.0.0.1:18444")
        lab("two", "remote", "remove", "lab").expect(8)
        shutil.copy(berth.path("one/client.crt"), berth.path("two/servercerts/lab.crt"))
        tap.contains(lab("two", "get").expect(77).err, "not the one that was accepted")
        fingerprint = berth.run("trust", "list", "--format", "json").out
        entry = [e for e in json.loads(fingerprint) if e["name"] == "laptop"][0]
        berth.run("trust", "remove", entry["fingerprint"][:12]).expect(0)
        lab("one", "get", "lab:").expect(77)
    lab("one", "get", "lab:").expect(69)
    lab("one", "get", "nowhere:profile").expect(64)


def sources(berth, run, remote=""):
    """Everything that `source` and `hold` can do; `run` asks as somebody who cannot do it alone."""
    repo = Repository(berth, "origin")
    first = repo.commit({"a.yaml": profiles("a", user_a="1")})
    run("source", "list", remote + "x").expect(64)
    run("source", "show", f"{remote}s").expect(1)
    run("source", "add", f"{remote}s", "--git", repo.bare, "--interval", "1h", "--row", "mode=off", "--row", "on_edit=revert").expect(0)
    run("source", "add", f"{remote}s", "--git", repo.bare).expect(1)
    result = run("source", "sync", f"{remote}s", "--force").expect(0)
    tap.contains(result.err, f"{first[:12]} is in force")
    shown = json.loads(run("source", "show", f"{remote}s", "--format", "json").expect(0).out)
    tap.equal((shown["spec"]["url"], shown["state"], shown["status"]["in_force"]["id"]), (repo.bare, "ready", first))
    tap.contains(run("source", "list", remote or "--format=table").expect(0).out, first[:12])
    run("source", "suspend", f"{remote}s").expect(0)
    tap.contains(run("source", "list", remote or "--format=table").expect(0).out, "suspended")
    run("source", "sync", f"{remote}s").expect(8)
    run("source", "resume", f"{remote}s").expect(0)
    second = repo.commit({"a.yaml": profiles("a", user_a="2")})
    run("hold", f"{remote}profile/a.config.user.a", "--for", "1h", "--reason", "load").expect(0)
    tap.contains(run("holds", remote or "--format=table").expect(0).out, "load")
    result = run("source", "sync", f"{remote}s").expect(0)
    tap.contains(result.err, f"{second[:12]} is in force")
    tap.contains(run("get", f"{remote}profile/a").expect(0).out, 'user.a: "1"')
    tap.contains(" ".join(run("drift", f"{remote}profile/a").expect(2).out.split()), "config.user.a (edited) 2 1 1")
    tap.contains(run("drift", f"{remote}profile", "--as-patch").expect(2).out, "user.a")
    run("unhold", f"{remote}profile/a").expect(0)
    run("unhold", f"{remote}profile/a").expect(1)
    tap.contains(run("source", "sync", f"{remote}s").expect(0).err, "as before")
    tap.contains(run("get", f"{remote}profile/a").expect(0).out, 'user.a: "2"')
    repo.commit({"a.yaml": "profiles: ["})
    tap.contains(run("source", "sync", f"{remote}s").expect(65).err, "a.yaml:2:1")
    run("source", "remove", f"{remote}s").expect(0)
    run("source", "remove", f"{remote}s").expect(1)
    tap.equal(os.path.exists(os.path.join(berth.state, "sources", "s", "tree")), False)


def test_sources(berth):
    """sources and holds by way of the daemon: by who may not touch the state directory, and of another machine by NAME:"""
    with Daemon(berth, "--group", "adm") as daemon:
        group = int(host.output("getent", "group", "adm").split(":")[2])
        sources(berth, lambda *args: by_user(berth, *args, groups=[group]))
        tap.contains(json.dumps(daemon.ask("GET", "/1.0/generations?recursion=1").metadata), "sources/s")
        daemon.ask("DELETE", "/1.0/profiles/a").expect(200)
        daemon.ask("PATCH", "/1.0", {"config": {"core.https_address": "127.0.0.1:18445"}}).expect(200)
        token = berth.run("trust", "add", "--name", "laptop").expect(0).out.strip()
        env = {"BERTH_CONF": berth.path("conf"), "BERTH_DIR": berth.path("nothing")}
        berth.run("remote", "add", "lab", token, env=env).expect(0)
        shutil.rmtree(berth.path("origin.git"))
        shutil.rmtree(berth.path("origin.work"))
        sources(berth, lambda *args: berth.run(*args, env=env), "lab:")
        result = berth.run("source", "add", "lab:d", "--directory", "etc", env=env).expect(64)
        tap.contains(result.err, "absolute path")
        tap.contains(berth.run("revert", "lab:", "--when-due", env=env).expect(64).err, "cannot ask lab:")
        tap.equal(os.path.exists(berth.path("nothing")), False)


def test_leaks(berth):
    """env leaks compares the host of the server that is asked"""
    with Daemon(berth, "--group", "adm") as daemon:
        group = int(host.output("getent", "group", "adm").split(":")[2])
        daemon.ask("PATCH", "/1.0", {"config": {"core.https_address": "127.0.0.1:18446"}}).expect(200)
        token = berth.run("trust", "add", "--name", "laptop").expect(0).out.strip()
        env = {"BERTH_CONF": berth.path("conf"), "BERTH_DIR": berth.path("nothing")}
        berth.run("remote", "add", "lab", token, env=env).expect(0)
        tap.contains(berth.run("env", "leaks", "lab:", "--save", env=env).expect(64).err, "--baseline")
        file = berth.path("lab.json")
        berth.run("env", "leaks", "lab:", "--save", "--baseline", file, env=env).expect(0)
        os.chmod(file, 0o644)
        berth.run("env", "leaks", "lab:", "--baseline", file, env=env).expect(0)
        daemon.ask("POST", "/1.0/profiles", {"name": "left"}).expect(201)
        tap.contains(berth.run("env", "leaks", "lab:", "--baseline", file, env=env).expect(2).out, "left")
        tap.contains(by_user(berth, "env", "leaks", "--baseline", file, groups=[group]).expect(2).out, "left")


def test_large(berth):
    """a preseed of 10,000 objects goes through the daemon as in-process; what is too long for it is refused, from strangers too"""
    text = "profiles:\n" + "".join(f"- name: p{n}\n  description: number {n}\n  config:\n    user.note: {'x' * 200}\n    limits.memory: 64MiB\n"
                                   for n in range(10000))

    def run():
        tap.contains(berth.run("init", "--preseed", stdin=text, timeout=300).expect(0).out, "10000")
        return berth.run("get", "profile", "--format", "csv", timeout=300).expect(0).out

    alone = run()
    shutil.rmtree(berth.state)
    with Daemon(berth) as daemon:
        tap.equal(run() == alone, True, "the same objects")
        daemon.ask("PATCH", "/1.0", {"config": {"core.https_address": "127.0.0.1:18446"}}).expect(200)
        # Only the length is sent: a refused body is not waited for.
        for path, length, status in (("/1.0/apply", (256 << 20) + 1, 413), ("/1.0/profiles", (4 << 20) + 1, 413)):
            tap.equal(status_of(daemon, path, length), status, f"{path} {length}")
        # Who sends at once is told too, and not cut off.
        for _ in range(10):
            process = subprocess.run(["curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Expect:", "--data-binary", "@-",
                                      "https://127.0.0.1:18446/1.0/apply"], input=b"x" * (3 << 20), capture_output=True, check=False)
            tap.equal(process.stdout, b"413", "a stranger's")


def status_of(daemon, path, length):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(daemon.socket)
        client.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode())
        return int(client.makefile("rb").readline().split()[1])


def test_latency(berth):
    """get through the socket costs at most 20 ms more than in-process"""
    if "libasan" in host.output("ldd", berth.program):
        raise tap.Skip("sanitizers make everything slower")

    def fastest(*args):
        best = 10.0
        for _ in range(15):
            begun = time.monotonic()
            berth.run("get", "profile", *args).expect(0)
            best = min(best, time.monotonic() - begun)
        return best

    with Daemon(berth):
        berth.write("berth.yaml", "profiles:\n- name: a\n")
        berth.run("apply", "-y").expect(0)
        asked, alone = fastest(), fastest("--local")
        print(f"# in-process {alone * 1000:.1f} ms, by the daemon {asked * 1000:.1f} ms")
        tap.equal(asked - alone < 0.020, True, f"{asked} against {alone}")


host.main(globals())
