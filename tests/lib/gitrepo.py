"""A git repository for tests: a bare one that sources are pointed at, and a work tree that commits go through."""
import os
import subprocess


class Repository:
    def __init__(self, berth, name="origin"):
        self.bare = berth.path(f"{name}.git")
        self.work = berth.path(f"{name}.work")
        self.env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "GIT_AUTHOR_NAME": "Ada",
                    "GIT_AUTHOR_EMAIL": "ada@example.com", "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.com"}
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", self.bare], check=True, env=self.env)
        subprocess.run(["git", "init", "-q", "-b", "main", self.work], check=True, env=self.env)
        self.git("remote", "add", "origin", self.bare)

    def git(self, *args):
        done = subprocess.run(["git", "-C", self.work, *args], env=self.env, text=True, capture_output=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"git {' '.join(args)}: {done.stderr}")
        return done.stdout.strip()

    def write(self, files):
        """Files by path; None deletes."""
        for name, text in files.items():
            path = os.path.join(self.work, name)
            if text is None:
                os.unlink(path)
                continue
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)

    def commit(self, files=None, message="change", config=(), branch="main"):
        """Commits and pushes; the new commit."""
        self.write(files or {})
        self.git("add", "-A")
        options = [word for item in config for word in ("-c", item)]
        sign = ["-S"] if config else []
        self.git(*options, "commit", "-q", "--allow-empty", *sign, "-m", message)
        self.git("push", "-q", "-f", "origin", f"HEAD:{branch}")
        return self.git("rev-parse", "HEAD")


def profiles(*names, **config):
    """A state file with profiles."""
    lines = ["profiles:"]
    for name in names:
        lines += [f"- name: {name}", "  config:"]
        lines += [f"    {key.replace('_', '.')}: \"{value}\"" for key, value in (config or {"user.a": "1"}).items()]
    return "\n".join(lines) + "\n"
