#!/usr/bin/python3
"""The examples run: applied twice, changed, taken down, in namespaces of their own."""
import concurrent.futures
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon  # noqa: E402

EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples")


def names(berth, kind):
    return sorted(item["name"] for item in json.loads(berth.run("get", kind, "--format", "json").expect(0).out))


def test_variables(berth):
    """examples/variables: more sites, and one less in the middle"""
    path = os.path.join(EXAMPLES, "variables")
    before = host.fingerprint(berth.state, host.NAME)
    berth.run("apply", "-y", path).expect(0)
    tap.equal(names(berth, "instance"), ["site-blog", "site-shop"])
    tap.contains(berth.run("apply", "-y", path).expect(0).out, "Nothing to do")
    more = "sites={shop: {cpus: 2}, wiki: {cpus: 1}, blog: {cpus: 1}}"
    berth.run("apply", "-y", path, "--var", more).expect(0)
    tap.equal(names(berth, "instance"), ["site-blog", "site-shop", "site-wiki"])
    berth.run("apply", "-y", "--prune", path).expect(0)
    tap.equal(names(berth, "instance"), ["site-blog", "site-shop"])
    tap.contains(berth.run("get", "instance/site-blog").expect(0).out, "welcome to blog, ${USER}")
    berth.run("destroy", "-y", path).expect(0)
    tap.equal(host.fingerprint(berth.state, host.NAME), before)


def test_two_hosts(berth):
    """examples/two-hosts: the same base, two hosts"""
    for name, instances in (("alder", ["db", "monitor", "web"]), ("birch", ["web"])):
        path = os.path.join(EXAMPLES, "two-hosts", "overlays", name)
        berth.run("apply", "-y", path).expect(0)
        tap.equal(names(berth, "instance"), instances, name)
        tap.contains(berth.run("get", "network/lanbr0").expect(0).out, f"LAN of {name}")
        tap.contains(berth.run("apply", "-y", path).expect(0).out, "Nothing to do")
        berth.run("destroy", "-y", path).expect(0)
    result = berth.run("validate", os.path.join(EXAMPLES, "two-hosts")).expect(65)
    tap.contains(result.err, "name the one of overlays/ that is meant")


def test_gitops(berth):
    """examples/gitops: each of two hosts follows its overlay of one repository"""
    bare = berth.path("hosts.git")
    subprocess.run(["git", "init", "-q", "-b", "main", berth.path("work")], check=True)
    shutil.copytree(EXAMPLES, berth.path("work/examples"))
    git = ["git", "-C", berth.path("work"), "-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "hosts"], check=True)
    subprocess.run(["git", "clone", "-q", "--bare", berth.path("work"), bare], check=True)
    for name, instances in (("alder", ["db", "monitor", "web"]), ("birch", ["web"])):
        with open(os.path.join(EXAMPLES, "gitops", f"{name}.yaml"), encoding="utf-8") as file:
            berth.write(f"{name}.yaml", file.read().replace("/srv/git/hosts.git", bare))
        berth.run("apply", "-y", f"{name}.yaml").expect(0)
        berth.run("source", "sync", "hosts").expect(0)
        tap.equal(names(berth, "instance"), instances, name)
        berth.run("drift").expect(0)
        berth.run("destroy", "-y", "--all").expect(0)


def steps_of(kind):
    """The commands of a job as its definition has them: [(command, runs after a failure too)], and what the runner sets."""
    try:
        import yaml
    except ImportError:
        raise tap.Skip("no python3-yaml") from None
    file = {"gitlab": ".gitlab-ci.yml", "github": ".github/workflows/test.yml"}[kind]
    with open(os.path.join(EXAMPLES, "ci", file), encoding="utf-8") as text:
        job = yaml.safe_load(text)
    if kind == "gitlab":
        return [(line, False) for line in job["test"]["script"]] + [(line, True) for line in job["test"]["after_script"]]
    return [(step["run"], step.get("if") == "always()") for step in job["jobs"]["test"]["steps"] if "run" in step]


def run_job(berth, kind, number, killed=False, **more):
    """What a runner does with a job: each command by a shell; after a failure only those that always run. Statuses and what was said."""
    told, failed = "", []
    variables = {"CI_JOB_ID": number} if kind == "gitlab" else {"GITHUB_RUN_ID": number, "GITHUB_RUN_ATTEMPT": "1"}
    for command, always in steps_of(kind):
        if (failed and not always) or (killed and always):
            continue
        env = berth.environment({"PATH": f"{berth.path('bin')}:{os.environ['PATH']}", **variables, **more})
        done = subprocess.run(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", command], cwd=berth.path("project"), env=env, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False)
        told += done.stdout
        if done.returncode != 0:
            failed.append(command)
    return failed, told


def prepare_project(berth):
    shutil.copytree(os.path.join(EXAMPLES, "ci"), berth.path("project"))
    os.makedirs(berth.path("bin"))
    os.symlink(berth.program, berth.path("bin/berth"))
    berth.run("env", "leaks", "--save").expect(0)
    return host.fingerprint(berth.state, host.NAME)


def test_ci(berth):
    """examples/ci: jobs as GitLab and GitHub runners run them, that pass, fail, are killed, and are side by side; nothing is left"""
    before = prepare_project(berth)
    for kind, number in (("gitlab", "41"), ("github", "42")):
        failed, told = run_job(berth, kind, number)
        tap.equal(failed, [], told)
        tap.contains(told, "web says: hello")
        failed, told = run_job(berth, kind, number, CI_GREETING="nonsense")
        tap.equal(failed, ["ci/test"], told)
        host.same(before, host.fingerprint(berth.state, host.NAME), ignore=("files",))
    failed, told = run_job(berth, "gitlab", "43", killed=True, CI_LEASE="15s")
    tap.equal(failed, [], told)
    tap.contains(berth.run("env", "list").expect(0).out, "ci-43")
    host.wait_for(lambda: "ci-43" not in berth.run("env", "list").expect(0).out, "the lease of the one that was killed ends", 60)
    failed, told = run_job(berth, "github", "44")
    tap.equal(failed, [], told)
    tap.equal(berth.run("env", "list", "--format", "json").expect(0).out.strip(), "[]")
    berth.run("env", "leaks").expect(0)
    host.same(before, host.fingerprint(berth.state, host.NAME), ignore=("files",))


def test_ci_side_by_side(berth):
    """examples/ci with the daemon: two jobs at the same time, one of which leaves something behind, which the last one finds"""
    before = prepare_project(berth)
    with Daemon(berth) as daemon, concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(run_job, berth, kind, number) for kind, number in (("gitlab", "51"), ("github", "52"))]
        for job in jobs:
            failed, told = job.result()
            tap.equal(failed, [], told)
        daemon.ask("POST", "/1.0/profiles", {"name": "forgotten"}).expect(201)
        failed, told = run_job(berth, "gitlab", "53")
        tap.equal(failed, ["ci/down"], told)
        tap.contains(told, "forgotten")
        daemon.ask("DELETE", "/1.0/profiles/forgotten").expect(200)
    host.same(before, host.fingerprint(berth.state, host.NAME), ignore=("files",))


host.main(globals())
