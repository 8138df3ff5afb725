#!/usr/bin/python3
"""Help, usage errors, streams (engine.md, 'Command line')."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap  # noqa: E402

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
REQUIRED = ("validate fmt plan apply destroy status get dump adopt release history show diff rollback parked "
            "undelete purge schema doc explain doctor init exec bundle").split()
LATER = "launch list".split()


def commands(berth):
    text = berth.run("help").expect(0).out
    return re.findall(r"^  ([a-z]+) +[A-Z]", text, re.MULTILINE)


def test_help_lists_commands(berth):
    """help names every command of this build"""
    names = commands(berth)
    for name in REQUIRED:
        if name not in names:
            raise AssertionError(f"{name} is not in 'berth help'")


def test_help_of_each_command(berth):
    """each command explains itself, in lines that fit a terminal"""
    for name in commands(berth):
        first = berth.run("help", name).expect(0).out
        second = berth.run(name, "--help").expect(0).out
        tap.equal(second, first, f"{name} --help")
        tap.contains(first, f"Usage: berth {name}")
        tap.contains(first, "--help")
        for line in first.splitlines():
            if len(line) > 80:
                raise AssertionError(f"{name}: too long: {line}")


def test_no_command(berth):
    """no command is a usage error, --help is none"""
    tap.contains(berth.run().expect(64).err, "berth help")
    tap.contains(berth.run("--help").expect(0).out, "Usage: berth COMMAND")


def test_typo(berth):
    """a typo names the nearest command"""
    tap.contains(berth.run("aply").expect(64).err, "did you mean 'apply'")
    tap.contains(berth.run("xyzzy").expect(64).err, "berth help")


def test_later_commands(berth):
    """commands of later builds are refused by name"""
    for name in LATER:
        tap.contains(berth.run(name).expect(64).err, f"'{name}' is not in this build")


def test_unknown_option(berth):
    """unknown options, missing and surplus arguments are usage errors"""
    tap.contains(berth.run("plan", "--frobnicate").expect(64).err, "--frobnicate")
    tap.contains(berth.run("show").expect(64).err, "berth show N")
    tap.contains(berth.run("show", "1", "2").expect(64).err, "one argument too many")
    tap.contains(berth.run("plan", "--format", "xml").expect(64).err, "text, json")
    tap.contains(berth.run("show", "one").expect(64).err, "no generation")
    tap.contains(berth.run("completion", "fish").expect(64).err, "bash and zsh")
    tap.contains(berth.run("apply", "--timeout", "soon", stdin="").expect(64).err, "nothing to read")


def test_bad_durations(berth):
    """a wrong duration or number is a usage error that names the option"""
    berth.write("berth.yaml", "profiles: []\n")
    tap.contains(berth.run("apply", "-y", "--timeout", "soon").expect(64).err, "--timeout soon")
    tap.contains(berth.run("apply", "-y", "--park-for", "-1h").expect(64).err, "--park-for")
    tap.contains(berth.run("apply", "-y", "--parallel", "-3").expect(64).err, "--parallel -3")


def test_common_options_first(berth):
    """common options may stand before the command"""
    other = berth.path("other")
    berth.run("--dir", other, "history").expect(0)
    tap.contains(berth.run("-q", "version").expect(0).out, "berth ")


def test_version(berth):
    """version"""
    if not re.fullmatch(r"berth \d+\.\d+\.\d+\n", berth.run("version").expect(0).out):
        raise AssertionError("unexpected version")


def test_man_page(berth):
    """docs/berth.1 is what the program prints"""
    printed = berth.run("help", "--man").expect(0).out
    with open(os.path.join(ROOT, "docs", "berth.1"), encoding="utf-8") as file:
        if file.read() != printed:
            raise AssertionError("docs/berth.1 is out of date: berth help --man > docs/berth.1")
    for name in commands(berth):
        tap.contains(printed, f".SS {name}")
    for status in ("3", "7", "10", "64", "130, 143"):
        tap.contains(printed, "\\fB" + status + "\\fR")


def test_man_page_renders(berth):
    """the manual page has no roff errors"""
    if shutil.which("groff") is None:
        raise tap.Skip("groff is not installed")
    page = berth.run("help", "--man").expect(0).out
    done = subprocess.run(["groff", "-man", "-Tutf8", "-ww"], input=page, text=True, capture_output=True, check=False)
    tap.equal((done.returncode, done.stderr), (0, ""), "groff")


def test_bash_completion(berth):
    """bash completion offers commands, options, formats and kinds"""
    script = berth.write("berth.bash", berth.run("completion", "bash").expect(0).out)

    def complete(*words):
        code = (f"source {script}; COMP_WORDS=({' '.join(repr(word) for word in words)}); "
                f"COMP_CWORD={len(words) - 1}; _berth; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
        done = subprocess.run(["bash", "--norc", "-c", code], text=True, capture_output=True, check=True)
        tap.equal(done.stderr, "")
        return done.stdout.split()

    tap.equal(complete("berth", "appl"), ["apply"])
    tap.equal(complete("berth", "apply", "--keep"), ["--keep-going"])
    tap.equal(complete("berth", "get", "--format", "j"), ["json"])
    tap.equal(complete("berth", "get", "inst"), ["instance"])
    tap.equal(complete("berth", "--dir", "x", "destr"), ["destroy"])


def test_zsh_completion(berth):
    """zsh completion parses"""
    if shutil.which("zsh") is None:
        tap.contains(berth.run("completion", "zsh").expect(0).out, "#compdef berth")
        raise tap.Skip("zsh is not installed: printed, but not parsed")
    script = berth.write("_berth", berth.run("completion", "zsh").expect(0).out)
    subprocess.run(["zsh", "-n", script], check=True)


def test_unreadable_remotes(berth):
    """a list of remotes that cannot be read is an error of the commands that ask a server, and of no other"""
    conf = berth.path("conf")
    berth.write("conf/remotes.json", "{")
    berth.write("lab:a.yaml", "profiles:\n- name:   a\n")

    def run(*args, **options):
        process = subprocess.run([berth.program, *args], cwd=berth.work, text=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
                                 check=False, **options)
        return tap.Result(args, process)

    def check(status, text, **options):
        for args in (("fmt", "lab:a.yaml"), ("validate", "-f", "lab:a.yaml"), ("schema", "profile"), ("doc", "profile"), ("version",),
                     ("help",), ("get", "--local"), ("completion", "bash")):
            run(*args, **options).expect(0)
        for args in (("get",), ("get", "lab:profile"), ("events",), ("waitready", "--timeout", "1s")):
            tap.contains(run(*args, **options).expect(status).err, text)

    check(65, f"{conf}/remotes.json:1:1: this is no list of remotes", env=berth.environment({"BERTH_CONF": conf}))
    run("get", "local:", env=berth.environment({"BERTH_CONF": conf})).expect(65)
    os.remove(os.path.join(conf, "remotes.json"))
    tap.contains(run("get", "local:", env=berth.environment({"BERTH_CONF": conf})).expect(69).err, "no daemon listens")
    if os.geteuid() == 0:
        home = berth.path("home")
        os.makedirs(os.path.join(home, ".config", "berth"), mode=0o700)
        os.chmod(home, 0o700)
        os.makedirs(berth.state)
        os.chown(berth.state, 65534, 65534)
        check(77, f"open {home}/.config/berth/remotes.json: Permission denied", env=berth.environment({"HOME": home, "XDG_CONFIG_HOME": ""}),
              user=65534, group=65534, extra_groups=[])


def test_no_home(berth):
    """without HOME, or with one that is no path, the remotes are those of the user's entry in the password file"""
    if os.geteuid() != 0:
        raise tap.Skip("needs root to be somebody without an entry")
    berth.write(".config/berth/remotes.json", "not to be read")
    berth.write("relative/.config/berth/remotes.json", "not to be read")
    for home in (None, "", "relative"):
        env = {k: v for k, v in berth.environment().items() if k not in ("HOME", "XDG_CONFIG_HOME", "BERTH_CONF")}
        env |= {"HOME": home} if home is not None else {}
        process = subprocess.run(["setpriv", "--reuid=4242", "--regid=4242", "--clear-groups", berth.program, "remote", "list"], cwd=berth.work,
                                 env=env, text=True, capture_output=True, check=False)
        tap.contains(tap.Result(("remote", "list"), process).expect(0).out, "local")


def test_full_disk(berth):
    """data that cannot be written is an error"""
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([berth.program, "help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    tap.equal(done.returncode, 1)
    tap.contains(done.stderr, "standard output")


def test_reader_leaves(berth):
    """a reader that closes early is no error"""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([berth.program, "help", "--man"], stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    tap.equal((done.returncode, done.stderr), (0, ""))


def on_terminal(berth, env, *args):
    """stdout of a command that has a terminal"""
    with tempfile.NamedTemporaryFile() as file:
        line = " ".join([berth.program, *args])
        subprocess.run(["script", "-qec", line, file.name], env=berth.environment({"TERM": "xterm", **env}),
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False, cwd=berth.work)
        return file.read().decode()


def test_colour(berth):
    """colour only on a terminal, never with NO_COLOR"""
    if shutil.which("script") is None:
        raise tap.Skip("script (bsdutils) is not installed")
    tap.contains(on_terminal(berth, {}, "doctor"), "\033[")
    tap.absent(on_terminal(berth, {"NO_COLOR": "1"}, "doctor"), "\033[")
    tap.absent(on_terminal(berth, {"TERM": "dumb"}, "doctor"), "\033[")
    tap.absent(berth.run("doctor").out, "\033[")


def test_doctor(berth):
    """doctor gives one result for each check, and fails when one does"""
    result = berth.run("doctor", "--format", "json")
    checks = json.loads(result.out)
    names = [check["check"] for check in checks]
    for name in ("root", "cgroups", "liblxc", "nftables", "dnsmasq", "subordinate ids", "btrfs", "idmapped mounts"):
        if name not in names:
            raise AssertionError(f"no check {name}")
    failed = [check for check in checks if check["result"] == "fail"]
    tap.equal(result.status, 1 if failed else 0)
    broken = berth.run("doctor", env={"BERTH_LIBEXEC": berth.path("nowhere")}).expect(1)
    tap.contains(broken.out, "fail")
    tap.contains(broken.err, "failed")


tap.main(globals())
