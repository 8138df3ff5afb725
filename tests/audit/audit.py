#!/usr/bin/python3
"""Each key that is honoured has a test that sees it at work (honoured.txt), each that is stored only a reason there, each that is refused
one in docs/keys/support.md.

usage: audit.py PRINT_KEYS. What is held against the tables: every honoured key has its line and no other has; the test is there, in
a program that makes namespaces of its own if the key is a driver's; and it, or something of the same file that it uses, spells the
key; what has a reason instead says in its summary that it is stored only, and only that. Whether the test would notice is for
effects.py.
"""
import ast
import functools
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.join(HERE, "..")
sys.path.insert(0, os.path.join(TESTS, "lib"))
import tap  # noqa: E402

# What makes a test program one of the real host: namespaces, and the drivers behind them.
REAL = {".py": ("host.main(globals())", "drift.main(globals())"), ".c": ('#include "scene.h"', '#include "world.h"', '#include "rig.h"')}
# What these are about is decided before any driver sees it.
WITHOUT_HOST = ("any", "project", "certificate", "source", "policy", "environment")


def read(*parts):
    with open(os.path.join(*parts), encoding="utf-8") as file:
        return file.read()


def keys():
    """{(table, key): "refused", "stored" or ""}"""
    lines = subprocess.run([sys.argv[1]], check=True, capture_output=True, text=True).stdout.splitlines()
    return {tuple(line.split()[:2]): " ".join(line.split()[2:]) for line in lines}


def table():
    """{(table, key): (file, test, how it is spelled there)}, {(table, key): reason}, reasons"""
    tests, stored, reasons = {}, {}, set()
    for line in read(HERE, "honoured.txt").splitlines():
        if not line or line.startswith("#"):
            continue
        kind, key, file, test, *spelled = line.split()
        if kind == "=":
            reasons.add(key)
            continue
        assert (kind, key) not in {**tests, **stored}, f"{kind} {key} is there twice"
        if file == "-":
            stored[kind, key] = test
        else:
            tests[kind, key] = (file, test, spelled[0] if spelled else None)
    return tests, stored, reasons


def parts_of_python(text):
    """{name: text} of what a file defines"""
    found = {}
    for node in ast.parse(text).body:
        names = [node.name] if isinstance(node, (ast.FunctionDef, ast.ClassDef)) else \
            [target.id for target in getattr(node, "targets", []) if isinstance(target, ast.Name)]
        # A keyword argument cannot have a dot: two underscores stand for it.
        found.update({name: re.sub(r"(?<=\w)__(?=\w)", ".", ast.get_source_segment(text, node)) for name in names})
    return found


def parts_of_c(text):
    found = {}
    for piece in re.split(r"\n(?=[A-Za-z#])", text):
        name = re.match(r"Test\(\w+, (\w+)\)|#define (\w+)|[^(=;{]*?(\w+)(?:\[[^\]]*\])*(?: = |\()", piece)
        if name:
            word = name[1] and f"Test {name[1]}" or name[2] or name[3]
            # Text that goes on in the next line is one.
            found[word] = found.get(word, "") + re.sub(r'"\s*\n\s*"', "", piece)
    return found


@functools.cache
def parts(file, real=True):
    text = read(TESTS, file)
    marks = REAL[os.path.splitext(file)[1]] + (() if real else ("tap.main(globals())",))
    assert any(mark in text for mark in marks), f"{file} is no test of the real host"
    return parts_of_python(text) if file.endswith(".py") else parts_of_c(text)


def text_of(file, test, real=True):
    """a test with everything of its file that it uses"""
    defined = parts(file, real)
    todo = [test if file.endswith(".py") else f"Test {test}"]
    assert todo[0] in defined, f"{file} has no test {test}"
    done, text = set(), ""
    while todo:
        name = todo.pop()
        done.add(name)
        text += defined[name] + "\n"
        todo += [word for word in set(re.findall(r"\w+", defined[name])) if word in defined and word not in done and word not in todo]
    return text


def spells(text, key):
    """whether a key is written there, as a word of its own; of nested ones and of fields, what stands before the value"""
    word = re.escape(key.rpartition("source.")[2]).replace(r"\*", r"[\w.-]+")
    after = r"(?![\w.-])" if "." in key and not key.startswith("source.") else r"""["']?(?:\]| *[:=,]|, )"""
    return re.search(rf"(?<![\w.-]){word}{after}", text) is not None


def test_honoured():
    """each key that is honoured has a test that sets it"""
    known, (tests, stored, _), problems = keys(), table(), []
    problems += [f"{kind} {key}: no test" for (kind, key), what in known.items() if what == "" and (kind, key) not in tests]
    problems += [f"{kind} {key}: is not honoured" for kind, key in tests if known.get((kind, key)) != ""]
    for (kind, key), (file, test, spelled) in tests.items():
        try:
            text = text_of(file, test, kind not in WITHOUT_HOST)
            if not (spelled in text if spelled else spells(text, key)):
                problems.append(f"{kind} {key}: {test} of {file} does not set it")
        except (AssertionError, OSError) as error:
            problems.append(f"{kind} {key}: {error}")
    tap.equal(problems, [])


def test_stored():
    """each key that is stored only says so and has a reason, and no other has one"""
    known, (_, stored, reasons) = keys(), table()
    tap.equal(sorted(stored), sorted(key for key, what in known.items() if what == "stored"))
    tap.equal(sorted(set(stored.values())), sorted(reasons))


def test_can_fail():
    """a key without a test, one that no row has, a test that is gone, one that does not set it: each is told by name"""
    good = text_of("instance/test_syscalls.c", "raw")
    tap.equal((spells(good, "raw.seccomp"), spells(good, "raw.lxc"), spells(good, "seccomp"), spells(good, "security.syscalls.allow")),
              (True, False, False, False))
    for file, test in (("instance/test_syscalls.c", "nosuch"), ("instance/test_facts.c", "raw_apparmor"), ("cli/test_usage.py", "test_x")):
        try:
            text_of(file, test)
        except AssertionError:
            continue
        raise AssertionError(f"{file} {test}")


def test_refused():
    """each refused key has a reason that is written down, and no reason is left without a key"""
    page = read(TESTS, "..", "docs", "keys", "support.md")
    tap.absent(page, "| ? |")
    listed = re.findall(r"(?m)^\| `([^`]+)` \| (.+) \|$", page)
    refused = {key for (_, key), what in keys().items() if what == "refused"}
    tap.equal(sorted(refused - {key for key, _ in listed}), [])
    reasons = {reason for _, reason in listed}
    written = re.findall(r'\{"\w+", "[^"]+",\s*"([^"]+)"\}', read(TESTS, "..", "model", "schema_support.c"))
    tap.equal(sorted(set(written) - reasons), [])


tap.main(globals())
