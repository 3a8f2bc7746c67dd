# SPDX-License-Identifier: Apache-2.0
"""What the tests of sessions share: a box with a configuration of its own."""
import contextlib
import json
import os
import signal
import sqlite3

from harness import OTHER_UID, Box, command_lines, wait_for


class SessionBox(Box):
    """A box whose sessions leave nothing in its caller's own state."""

    def __init__(self, mode):
        super().__init__(mode)
        self.root = self.path("home", "sandboxes")
        self.config = self.path("home", ".config", "creel", "creel.json5")
        for name in (".config", ".config/creel", "ws", "media"):
            self._own(self.path("home", name), os.mkdir)

    def _own(self, path, make):
        make(path)
        if self.drop:
            os.chown(path, OTHER_UID, OTHER_UID)

    def state(self):
        """creel's state directory."""
        return self.path("home", "state", "creel")

    def _write(self, path, text):
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        if self.drop:
            os.chown(path + ".new", OTHER_UID, OTHER_UID)
        os.rename(path + ".new", path)

    def configure(self, text):
        """The configuration, as it is written."""
        self._write(self.config, text)

    def sandbox(self, keys, agents="", more=""):
        """agents.defaults.sandbox has these keys, and workspaceRoot."""
        self.configure(
            "{ agents: { defaults: { workspace: '%s', sandbox: {"
            " workspaceRoot: '%s', %s } }, list: [%s] }, %s }"
            % (self.path("home", "ws"), self.root, keys, agents, more))

    def unconfigure(self):
        """No configuration at all."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.config)

    def sh(self, key, script, *args, **more):
        """exec KEY -- sh -c SCRIPT"""
        return self.run("exec", *args, key, "--", "sh", "-c", script, **more)

    def id_of(self, key, *args):
        """Which sandbox serves a session: its id, "" where it is refused."""
        result = self.run("exec", "--json", *args, key, "--", "true")
        if result.status != 0:
            return ""
        return json.loads(result.err.splitlines()[-1])["id"]

    def items(self, *args):
        """creel list, of this box's configurations."""
        return [item for item in
                json.loads(self.run("list", "--json", *args).out or b"[]")
                if self.top in (item.get("config") or "")]

    def logs(self, *args):
        """The audit log, oldest first."""
        return json.loads(self.run("logs", "--json", *args).out or b"[]")

    def forget(self):
        """Removes every sandbox of this box's sessions."""
        for item in self.items():
            self.run("rm", item["name"])

    def creeld(self):
        """The controller that serves this box."""
        want = self.path("run").encode()
        return [pid for pid, line in command_lines().items()
                if want in line and b"creeld" in line]

    def kill_creeld(self):
        """kill -9, and the helper starts another one."""
        for pid in self.creeld():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            wait_for(lambda pid=pid: pid not in self.creeld(), 30)

    def database(self, *statement):
        """One statement on the store, while no creeld has it in memory."""
        with contextlib.closing(sqlite3.connect(
                os.path.join(self.state(), "creel.db"), timeout=5)) as store:
            rows = store.execute(*statement).fetchall()
            store.commit()
        return rows

    def age(self, seconds):
        """As if every sandbox of this box had been used so long ago."""
        like = f"%{os.path.basename(self.top)}%"
        stat = os.stat(os.path.join(self.state(), "creel.db"))
        helpers = set(self.helpers()) - set(self.creeld())
        for pid in helpers:
            os.kill(pid, signal.SIGSTOP)
        self.kill_creeld()
        self.database("UPDATE sandbox SET used_ms = used_ms - ?,"
                      " created_ms = created_ms - ? WHERE config LIKE ?",
                      (seconds * 1000, seconds * 1000, like))
        for name in ("creel.db-wal", "creel.db-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.chown(os.path.join(self.state(), name), stat.st_uid,
                         stat.st_gid)
        for pid in helpers:
            os.kill(pid, signal.SIGCONT)
