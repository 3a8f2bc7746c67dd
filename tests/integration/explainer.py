# SPDX-License-Identifier: Apache-2.0
"""creel explain with a home of its own: it needs no daemon."""
import json
import os
import shutil
import subprocess
import tempfile
import unicodedata

CREEL = os.environ["CREEL"]
DATA = os.path.join(os.environ["top_srcdir"], "tests", "data", "examples")


class Home:
    """A home directory, removed at the end."""

    def __init__(self):
        self.top = os.path.realpath(tempfile.mkdtemp(prefix="e-"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.top)

    def path(self, *names):
        return os.path.join(self.top, *names)

    def file(self, name, text):
        """A file of the configuration, not writable by others."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o600)
        return path

    def example(self, name):
        """One of tests/data/examples, in this home."""
        with open(os.path.join(DATA, name), encoding="utf-8") as file:
            return self.file(name, file.read())

    def run(self, *args, env=None):
        """(status, out, err) of creel, as bytes."""
        full = {"HOME": self.top, "PATH": os.environ["PATH"],
                "LC_ALL": "C.UTF-8", "CREEL_RUNTIME_DIR": self.path("run")}
        full.update(env or {})
        done = subprocess.run([CREEL, *args], env=full, check=False,
                              stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=60)
        return done.returncode, done.stdout, done.stderr

    def explain(self, *args, env=None):
        """What --json says."""
        status, out, err = self.run("explain", "--rootless", "--json", *args,
                                    env=env)
        if status:
            raise AssertionError(f"status {status}: {err!r}")
        return json.loads(out)

    def text(self, *args, env=None):
        """What people read."""
        status, out, err = self.run("explain", "--rootless", *args, env=env)
        if status:
            raise AssertionError(f"status {status}: {err!r}")
        return out.decode()


def columns(line):
    """What a terminal shows of it."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else
               0 if unicodedata.combining(c) else 1 for c in line)


def too_wide(text):
    """The lines that 80 columns do not hold."""
    return [line for line in text.split("\n") if columns(line) > 80]
