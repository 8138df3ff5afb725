#!/usr/bin/python3
"""The same requests to berthd and to the real LXD: status, headers, and the keys and types of all JSON are the same, but for what
docs/differences.md lists with its reason. A difference that is not listed fails; so does a listed one that is none any more.

Needs root and Debian's lxd. `test_differences.py -v` prints each difference as it is."""
import fnmatch
import json
import os
import re
import subprocess
import sys
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from lxd import SERVERS  # noqa: E402
from requests import GROUPS  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
LIST = os.path.join(HERE, "..", "..", "docs", "differences.md")
MAKE_IMAGE = os.path.join(HERE, "..", "lib", "make_image.py")
# What each connection or moment has of its own, and not the API.
PLAIN_HEADERS = {"Date", "Connection", "Content-Length", "Transfer-Encoding", "Keep-Alive"}
# Pieces of hardware have what the host has, such as a disk a serial number; tests/resources compares them with LXD by value.
HARDWARE = ("GET /1.0/resources", "metadata.*[[]]*")


# ---- asking ----

def title_of(request):
    method, path, *rest = request
    body = rest[0] if rest else ""
    text = body.decode() if isinstance(body, bytes) else json.dumps(body) if body != "" else ""
    return f"{method} {path} {text}".strip() + (f" {json.dumps(rest[1])}" if len(rest) > 1 and len(text) < 80 else "")


def shape(value, path="", found=None):
    """{path: type} of all that is in a JSON value; the elements of a list share a path."""
    found = {} if found is None else found
    kinds = {dict: "object", list: "list", str: "text", bool: "boolean", int: "number", float: "number", type(None): "null"}
    found.setdefault(path, kinds[type(value)])
    for key, inner in value.items() if isinstance(value, dict) else ():
        shape(inner, f"{path}.{key}" if path else key, found)
    for inner in value if isinstance(value, list) else ():
        shape(inner, path + "[]", found)
    return found


def without_progress(operation):
    """How far it is when it is answered is a matter of the moment; its end is compared whole."""
    told = {name: value for name, value in (operation["metadata"] or {}).items() if not name.endswith("_progress")}
    operation["metadata"] = told or None


class Asker:
    def __init__(self, berth, server):
        self.server = server
        with open(self.file(berth, [sys.executable, MAKE_IMAGE], "image.tar.gz"), "rb") as file:
            self.image = file.read()
        key, certificate = berth.path("key"), berth.path("certificate")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
                        "-out", certificate, "-days", "9", "-subj", "/CN=c"], check=True, stderr=subprocess.DEVNULL)
        text = host.output("openssl", "x509", "-in", certificate, "-outform", "PEM")
        words = host.output("openssl", "x509", "-in", certificate, "-noout", "-fingerprint", "-sha256")
        self.words = {"c": host.NAME, "certificate": "".join(text.splitlines()[1:-1]),
                      "fingerprint": words.strip().split("=")[1].replace(":", "").lower(), "image": "unknown",
                      "operation": "unknown", "etag": "unknown", "bare": "unknown"}

    @staticmethod
    def file(berth, command, name):
        subprocess.run([*command, berth.path(name)], check=True)
        return berth.path(name)

    def fill(self, text):
        for word, value in self.words.items():
            text = text.replace("{%s}" % word, value)
        return text

    def plain(self, text):
        """Without what differs from run to run."""
        for word, value in self.words.items():
            text = text.replace(value, "{%s}" % word)
        return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID", text)

    def ask(self, request):
        method, path, *rest = request
        body, headers = (rest + [None, None])[:2]
        if body == "IMAGE":
            body = self.image
        elif isinstance(body, (dict, list)):
            body = self.fill(json.dumps(body)).encode()
        headers = {name: self.fill(value) for name, value in (headers or {}).items()}
        answer = self.server.ask(method, self.fill(path), body, headers)
        if method == "GET" and answer.etag:
            self.words.update(etag=answer.etag, bare=answer.etag.strip('"'))
        seen = {"status": answer.status, "headers": {}, "body": {}}
        for name, value in answer.headers.items():
            if name.title() not in PLAIN_HEADERS:
                seen["headers"][name.title()] = self.plain(value) if name in ("Location", "Content-Type") else ""
        if answer.status == 202:
            without_progress(answer.json["metadata"])
        if answer.json is not None:
            seen["body"] = shape(json.loads(self.plain(json.dumps(answer.json))))
            seen["error"] = answer.json.get("error", "")
        if answer.status == 202:
            seen["operation"] = self.operation(answer.json)
        return seen

    def operation(self, answer):
        path = urllib.parse.urlsplit(answer["operation"]).path
        self.words["operation"] = path.split("/")[-1]
        if answer["metadata"]["class"] == "token":
            return {}
        final = self.server.ask("GET", path + "/wait?timeout=30").expect(200).metadata
        if final["metadata"] and "fingerprint" in final["metadata"]:
            self.words["image"] = final["metadata"]["fingerprint"]
        found = shape(json.loads(self.plain(json.dumps(final))))
        return {**found, "status": final["status"], "err": "set" if final["err"] else "empty", "class": final["class"],
                "description": final["description"], "may_cancel": str(final["may_cancel"])}


def record(name):
    """All answers of one server, in namespaces of its own."""
    with tap.Berth() as berth, SERVERS[name](berth) as server:
        asker = Asker(berth, server)
        answers = {}
        for requests in GROUPS.values():
            for request in requests:
                title = title_of(request)
                assert title not in answers, f"twice: {title}"
                try:
                    answers[title] = asker.ask(request)
                except ConnectionResetError:  # it fell over; of berthd this is a difference whatever LXD does
                    answers[title] = {"status": "no answer"}
        return answers


# ---- comparing ----

def compare_shapes(what, ours, theirs):
    for path in sorted({**ours, **theirs}):
        parent = re.sub(r"(\.[^.\[\]]+|\[\])$", "", path)
        if path not in ours:
            if parent in ours or parent == path:
                yield f"{what}{path}: only LXD"
        elif path not in theirs:
            if parent in theirs or parent == path:
                yield f"{what}{path}: only berth"
        elif ours[path] != theirs[path]:
            yield f"{what}{path}: {ours[path]}, LXD {theirs[path]}"


def compare(ours, theirs):
    if ours["status"] == "no answer" or ours["status"] != theirs["status"]:
        yield f"status: {ours['status']}, LXD {theirs['status']}"
        return
    yield from compare_shapes("header ", ours["headers"], theirs["headers"])
    yield from compare_shapes("", ours["body"], theirs["body"])
    if "operation" in ours:
        yield from compare_shapes("operation ", ours["operation"], theirs["operation"])


def listed():
    """[(pattern of the request, pattern of the difference, reason)] of the table in the page."""
    with open(LIST, encoding="utf-8") as file:
        rows = re.findall(r"^\| `(.+?)` \| `(.+?)` \| (.+?) \|$", file.read(), re.MULTILINE)
    return [(pattern(request), pattern(difference), why) for request, difference, why in rows]


def pattern(text):
    """Only '*' is special."""
    return re.sub(r"[\[?]", lambda found: f"[{found.group()}]", text)


def main():
    if os.environ.get(host.INSIDE):
        host.prepare_namespaces()
        try:
            print(json.dumps(record(os.environ[host.INSIDE])))
        except tap.Skip as reason:
            print(reason)
            sys.exit(host.SKIPPED)
        sys.exit(0)
    if os.geteuid() != 0:
        print("1..0 # SKIP needs root")
        return
    answers = {name: answers_of(name) for name in SERVERS}
    known = listed()
    ours, theirs = answers["berthd"], answers["lxd"]
    # LXD tries again what its database was too busy for, and then finds what it has done itself: what only one of two runs shows is no
    # difference. berthd is not asked again.
    unlisted = [title for title in ours if any(not rows for _, rows in differences(title, ours, theirs, known))]
    if unlisted:
        again = answers_of("lxd")
        theirs.update({title: again[title] for title in unlisted})
    report(ours, theirs, known, "-v" in sys.argv)


def answers_of(name):
    """What a server answers, asked in a process with namespaces of its own. Ends this program when it cannot be asked."""
    status, text = host.run_outside(os.path.abspath(__file__), name)
    if status == host.SKIPPED:
        print(f"1..0 # SKIP {text.strip()}")
        sys.exit(0)
    if status != 0:
        print(f"1..1\nnot ok 1 - {name} answers all requests")
        tap.diagnose(text)
        sys.exit(1)
    return json.loads(text.splitlines()[-1])


def differences(title, ours, theirs, known):
    """Of one request: (difference, the rows of the list that name it)."""
    for difference in compare(ours[title], theirs[title]):
        if title == HARDWARE[0] and fnmatch.fnmatchcase(difference, HARDWARE[1]):
            continue
        yield difference, [i for i, (request, what, _) in enumerate(known)
                           if fnmatch.fnmatchcase(title, request) and fnmatch.fnmatchcase(difference, what)]


def report(ours, theirs, known, verbose):
    print(f"1..{len(ours) + len(known)}")
    used = set()
    failed = False
    total = 0
    for number, title in enumerate(ours, 1):
        new = []
        for difference, rows in differences(title, ours, theirs, known):
            total += 1
            used.update(rows)
            if not rows:
                new.append(difference)
            if verbose:
                print(f"#   {title}: {difference}{' (listed)' if rows else ''}")
        print(f"{'not ok' if new else 'ok'} {number} - {title.replace('#', '')}")
        for difference in new:
            tap.diagnose(difference)
        if new:
            failed = True
            tap.diagnose(f"  berthd: {ours[title].get('error', '')!r}; LXD: {theirs[title].get('error', '')!r}")
    for number, (request, what, why) in enumerate(known, len(ours) + 1):
        failed = failed or number - len(ours) - 1 not in used
        print(f"{'ok' if number - len(ours) - 1 in used else 'not ok'} {number} - listed and still so: {request}: {what}: {why}")
    print(f"# {len(ours)} requests, {total} differences, {len(known)} reasons listed")
    sys.exit(1 if failed else 0)


main()
