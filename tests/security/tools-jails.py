#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Jails against who runs in them: what a jail may write to is no way by which
the next one, or the session's sandbox, shows more of the host."""
import json
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "integration"))
from harness import OTHER_UID, done, modes  # noqa: E402
from minibot_box import KEY, Tools  # noqa: E402

PYTHON = "tools.python_exec."
LOOK = "import os; print(os.listdir({!r}))"
PLANT = """
import os
os.path.lexists({0!r}) and os.rename({0!r}, {0!r} + '-old')
os.symlink({1!r}, {0!r})
print(os.readlink({0!r}))
"""


class Jails(Tools):
    """One folder of the host that jails may write to, and one that is no
    business of anybody's."""

    def __init__(self, mode, where):
        super().__init__(mode, where)
        self.data = self.path("data")
        self.away = self.path("away")
        for path in (self.data, self.away):
            self._own(path, os.mkdir)
        with open(os.path.join(self.away, "canary-7"), "wb"):
            pass

    def jail(self, *flags, python="", tables=""):
        words = ["firejail", f"--read-write={self.data}", *flags]
        self.toml("sandbox_mode = 'jail'\n" + python,
                  "[tools.python_exec.jail]\nenabled = true\n"
                  f"command_prefix = {json.dumps(words)}\n{tables}")

    def renewed(self):
        """The place as its owner had it."""
        for name in os.listdir(self.data):
            path = os.path.join(self.data, name)
            if os.path.islink(path):
                os.unlink(path)
            else:
                shutil.rmtree(path)
        path = os.path.join(self.data, "place")
        self._own(path, os.mkdir)
        return path

    def plant(self, place):
        """A jail puts a link to where it cannot look itself."""
        self.jail()
        got = self.py(PLANT.format(place, self.away))
        seen = self.py(LOOK.format(self.away))
        self.same(got.get("stdout") == self.away + "\n" and
                  not seen.get("ok"), "control: the link is there, and leads "
                  "nowhere in that jail", (got, seen))

    def led(self, what, use):
        """use(): what it comes to, with the place and then with the link."""
        place = self.renewed()
        good = use(place)
        self.same(good[0], f"control: {what}: a folder is used", good)
        self.plant(place)
        good = use(place)
        self.same(not good[0] and "canary-7" not in str(good) and
                  os.listdir(self.away) == ["canary-7"],
                  f"sb-09 {what}: a link that a jail has made is not followed",
                  good)


def places(box):
    """A folder below the one that jails write to."""
    def flag(name):
        def use(place):
            box.jail(f"{name}={place}")
            got = box.py(LOOK.format(place))
            return got.get("ok"), got
        return use

    def home(place):
        box.jail(f"--private={place}")
        got = box.py("import os; print(os.listdir(os.path.expanduser('~')))")
        return got.get("ok"), got

    def shared(place):
        box.jail(python="artifacts_allow_in_jail = true\n"
                 f"artifacts_jail_shared_dir = '{place}'")
        got = box.py("import os; open('x.txt', 'w'); print(os.listdir('..'))",
                     save_artifacts=True)
        return got.get("ok"), got

    box.led("--whitelist", flag("--whitelist"))
    box.led("--read-only", flag("--read-only"))
    box.led("--private", home)
    box.led("artifacts_jail_shared_dir", shared)


def binds(box):
    """What of it the session's sandbox has."""
    def venv(place):
        box.jail(python=f"venv_path = '{place}'")
        box.renew()
        got = box.run("exec", KEY, "--", "ls", place)
        return got.status == 0, got

    box.led("venv_path", venv)
    box.jail()
    box.renew()


def stored(box):
    """Where the host keeps files of a session without a sandbox."""
    def store(place):
        box.jail(python="artifacts_allow_in_jail = true\n"
                 f"artifacts_jail_shared_dir = '{box.data}'",
                 tables=f"[tools.file_storage]\nroot_dir = '{place}'")
        got = box.py("open('x.txt', 'w').write('x')", save_artifacts=True)
        return got.get("artifacts_saved"), got

    box.led("file_storage.root_dir", store)


for mode in modes():
    for where in ("sandbox", "host"):
        with Jails(mode, where) as BOX:
            places(BOX)
            if BOX.inside:
                binds(BOX)
            else:
                stored(BOX)
done()
