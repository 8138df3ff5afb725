"""The real LXD (package lxd) in the place of berthd, to compare with: same state directory, same questions, same namespaces."""
import os
import shutil

import host
import tap
from daemon import Daemon


class Lxd(Daemon):
    title = "lxd"

    def __init__(self, berth):
        super().__init__(berth, "--group", "root", "--logfile", berth.path("lxd.log"))
        self.program = shutil.which("lxd")
        if self.program is None:
            raise tap.Skip("the real LXD is not installed (package lxd)")
        os.makedirs(berth.state, exist_ok=True)

    def environment(self):
        # It writes to the home of its user.
        return {**os.environ, "LXD_DIR": self.berth.state, "HOME": self.berth.work}

    def start(self):
        try:
            super().start()
        except AssertionError as error:
            raise tap.Skip(f"the real LXD does not start here: {str(error).splitlines()[-1]}") from error
        # It begins with operations of its own.
        host.wait_for(lambda: self.ask("GET", "/1.0/operations").expect(200).metadata == {}, "no operations")


SERVERS = {"berthd": Daemon, "lxd": Lxd}
