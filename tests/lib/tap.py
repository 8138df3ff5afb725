"""A small TAP producer for tests of whole programs, and a way to run berth.

A test file defines functions test_* and ends with tap.main(globals()). A test that raises Skip is skipped
with its reason; any other exception fails it, with the traceback as diagnosis.
"""
import inspect
import os
import shutil
import subprocess
import sys
import tempfile
import traceback


class Skip(Exception):
    """Raised by a test that cannot run here; the text is the reason."""


def equal(actual, expected, what=""):
    if actual != expected:
        raise AssertionError(f"{what}{': ' if what else ''}expected {expected!r}, got {actual!r}")


def contains(text, part):
    if part not in text:
        raise AssertionError(f"expected {part!r} in:\n{text}")


def absent(text, part):
    if part in text:
        raise AssertionError(f"did not expect {part!r} in:\n{text}")


class Result:
    def __init__(self, args, process):
        self.args = args
        self.status = process.returncode
        self.out = process.stdout
        self.err = process.stderr

    def expect(self, status):
        if self.status != status:
            raise AssertionError(f"berth {' '.join(self.args)}: expected exit status {status}, got {self.status}\n"
                                 f"stdout:\n{self.out}\nstderr:\n{self.err}")
        return self


class Berth:
    """The program with a state directory and a working directory of its own; use it in a with statement."""

    def __init__(self):
        self.program = os.path.abspath(os.environ["BERTH"])
        # Whoever made the folder for us removes it.
        self.owned = "BERTH_TEST_WORK" not in os.environ
        self.work = tempfile.mkdtemp(prefix="berth-test-") if self.owned else os.environ["BERTH_TEST_WORK"]
        os.chmod(self.work, 0o755)  # containers without privileges must find their roots below it
        self.state = os.path.join(self.work, "state")

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.owned:
            shutil.rmtree(self.work, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.work, name)

    def write(self, name, text):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def environment(self, extra=None):
        env = {key: value for key, value in os.environ.items() if key not in ("BERTH_DIR", "NO_COLOR")}
        env["BERTH_DIR"] = self.state
        env.update(extra or {})
        return env

    def start(self, *args, env=None, **options):
        """A new session, so that there is no terminal to ask on."""
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen([self.program, *args], cwd=self.work, env=self.environment(env), text=True,
                                start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)

    def run(self, *args, stdin=None, env=None, timeout=120):
        options = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
        process = subprocess.run([self.program, *args], cwd=self.work, env=self.environment(env), text=True,
                                 start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 timeout=timeout, check=False, **options)
        return Result(args, process)


def diagnose(text):
    """Under meson on both outputs: of a test that failed, it prints the error output, and keeps the other in its log."""
    for line in text.rstrip().splitlines():
        print(f"# {line}", flush=True)
        if "MESON_TEST_ITERATION" in os.environ:
            print(f"# {line}", file=sys.stderr)


def main(namespace):
    """All tests of a program, or those that its arguments name."""
    tests = [value for name, value in namespace.items() if name.startswith("test_") and inspect.isfunction(value)]
    tests = [test for test in tests if test.__name__ in sys.argv[1:]] or tests
    failed = False
    print(f"1..{len(tests)}", flush=True)
    for number, test in enumerate(tests, 1):
        title = (inspect.getdoc(test) or test.__name__).splitlines()[0].replace("#", "")
        try:
            if "berth" in inspect.signature(test).parameters:
                with Berth() as berth:
                    test(berth)
            else:
                test()
            print(f"ok {number} - {title}")
        except Skip as reason:
            print(f"ok {number} - {title} # SKIP {reason}")
        except Exception:  # a test may fail in any way
            failed = True
            print(f"not ok {number} - {title}")
            diagnose(traceback.format_exc())
        sys.stdout.flush()
    sys.exit(1 if failed else 0)
