# SPDX-License-Identifier: Apache-2.0
"""What the tests of MiniBot's tools share: a box whose configuration is TOML,
and calls as creel's own client makes them, in a sandbox or on the host."""
import contextlib
import json
import os

from harness import OTHER_UID, ok, wait_for
from sessions_box import SessionBox

KEY = "agent:main:x"


class Tools(SessionBox):
    """@where: sandbox or host."""

    def __init__(self, mode, where):
        super().__init__(mode)
        self.config = self.path("home", ".config", "creel", "creel.toml")
        self.ws = self.path("home", "ws")
        self.where = where
        # Not one of whoever runs the tests.
        self.env["PATH"] = "/usr/local/bin:/usr/bin:/bin"

    @property
    def inside(self):
        return self.where == "sandbox"

    def toml(self, python="", tables="", docker=""):
        """python: lines of tools.python_exec; tables: what comes behind."""
        self.configure(
            f"[agents.defaults]\nworkspace = '{self.ws}'\n"
            f"[agents.defaults.sandbox]\n"
            f"mode = '{'all' if self.inside else 'off'}'\n"
            f"workspaceAccess = 'rw'\nworkspaceRoot = '{self.root}'\n"
            f"{docker}\n[tools.python_exec]\n{python}\n{tables}\n")

    def call(self, name, **args):
        """structuredContent, with isError and text."""
        got = self.run("tool", "call", "--json", "--session", KEY, name, "-",
                       data=json.dumps(args).encode())
        try:
            result = json.loads(got.out)
        except ValueError:
            return {"broken": got}
        more = result["structuredContent"]
        more["isError"] = result["isError"]
        more["text"] = result["content"][0]["text"]
        return more

    def py(self, code, **args):
        return self.call("python_execute", code=code, **args)

    def fails(self, got, code, text, name):
        """An error of that code, whose words name something."""
        self.same(got.get("isError") and got.get("ok") is False and
                  got.get("error_code") == code and text in got["error"],
                  name, got)

    def make(self, *names):
        """A folder of the box's user, below his home."""
        path = self.path("home", *names)
        self._own(path, lambda folder: os.makedirs(folder, exist_ok=True))
        return path

    def link(self, target, path):
        os.symlink(target, path)
        if self.drop:
            os.lchown(path, OTHER_UID, OTHER_UID)

    def get(self, *names):
        """A file of the workspace; None: there is none."""
        try:
            with open(os.path.join(self.ws, *names), "rb") as file:
                return file.read()
        except OSError:
            return None

    def renew(self):
        """The next use makes the sandbox anew."""
        if self.inside:
            self.run("recreate", "--force", "--session", KEY)

    def folders(self):
        """What is left of calls, wherever that would be."""
        if self.inside:
            left = self.run("exec", KEY, "--", "sh", "-c",
                            "ls -d /tmp/creel-python-* 2>/dev/null")
            return left.out.decode().split()
        found, own = [], OTHER_UID if self.drop else os.geteuid()
        for name in os.listdir("/tmp"):
            # It may go just now.
            with contextlib.suppress(FileNotFoundError):
                if name.startswith("creel-python-") and \
                        os.lstat("/tmp/" + name).st_uid == own:
                    found.append("/tmp/" + name)
        return found

    def left(self):
        """Those of them that stay; another test's calls end by themselves."""
        seen = set(self.folders())
        wait_for(lambda: not seen & set(self.folders()), 30)
        return sorted(seen & set(self.folders()))

    def same(self, good, name, note=""):
        return ok(good, f"{self.mode}, {self.where}: {name}", note)
