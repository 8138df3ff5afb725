#!/usr/bin/python3
"""terraform#9556: a state file that somebody copied or published gave all secrets away."""
import hashlib
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap  # noqa: E402

SECRET = "hunter2"


def test_a_copy_tells_nothing(berth):
    """a copy of the store has neither the secret nor a digest by which it could be guessed"""
    path = berth.write("token", SECRET)
    os.chmod(path, 0o600)
    berth.write("berth.yaml", f"profiles:\n- name: a\n  config:\n    environment.TOKEN: ${{secret:file:{path}}}\n")
    berth.run("apply", "-y").expect(0)
    names = [name for name in os.listdir(berth.state) if name.startswith("berth.db")]
    tap.equal("berth.db" in names, True)
    guesses = [SECRET.encode()] + [text for kind in ("md5", "sha1", "sha256", "sha512") for digest in [hashlib.new(kind, SECRET.encode())]
                                   for text in (digest.digest(), digest.hexdigest().encode())]
    for name in names:
        with open(os.path.join(berth.state, name), "rb") as file:
            content = file.read()
        for guess in guesses:
            tap.equal(guess in content, False, name)
    # Two stores with the same secret have nothing in common that says so.
    tap.equal(os.stat(os.path.join(berth.state, "berth.db")).st_mode & 0o077, 0)


if __name__ == "__main__":
    tap.main(globals())
