#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which helper a caller gets: the system's, where it admits him, or his own.

Runs in a mount namespace of its own, with a /run that nobody else sees.
"""
import contextlib
import glob
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

from harness import (BUILD, OTHER_UID, PROGRAMS, Result, done, family, ok,
                     parents, skip, wait_for)

REFUSED_UID = OTHER_UID + 1


class Machine:
    """A /run with the system's helper, and two users."""

    def __init__(self, top):
        self.top = top
        self.creel = os.path.join(top, "build", PROGRAMS[0])
        for name in PROGRAMS:
            target = os.path.join(top, "build", name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy2(os.path.join(BUILD, name), target)
        for uid in (OTHER_UID, REFUSED_UID):
            os.makedirs(self.home(uid))
            os.chown(self.home(uid), uid, uid)
            os.mkdir(self.runtime(uid), 0o700)
            os.chown(self.runtime(uid), uid, uid)
        policy = os.path.join(top, "helper.conf")
        with open(policy, "w", encoding="ascii") as file:
            file.write(f"allow {OTHER_UID}\n")
        os.chmod(policy, 0o644)
        os.mkdir("/run/creel", 0o755)
        ready, theirs = os.pipe()
        self.helper = subprocess.Popen(
            [os.path.join(top, "build", PROGRAMS[2]), "--listen", "--system",
             "--runtime-dir", "/run/creel", "--policy", policy,
             "--ready-fd", str(theirs)],
            pass_fds=[theirs], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(theirs)
        self.ready = os.read(ready, 1)

    def home(self, uid):
        return os.path.join(self.top, "home", str(uid))

    def runtime(self, uid):
        return os.path.join(self.home(uid), "run")

    def run(self, uid, *args, **env):
        env = {"PATH": os.environ["PATH"], "HOME": self.home(uid),
               "XDG_RUNTIME_DIR": self.runtime(uid), "LC_ALL": "C", **env}
        done_ = subprocess.run(
            [self.creel, *args], env=env, cwd=self.home(uid), user=uid,
            group=uid, extra_groups=[], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
            check=False)
        return Result(done_.returncode, done_.stdout, done_.stderr)

    def close(self):
        own = [pid for pid in parents() if self.is_ours(pid)]
        everyone = family(own + [self.helper.pid])
        # The first of each family removes the control groups of the others.
        for pid in [p for p, parent in parents().items()
                    if p in everyone and parent not in everyone]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        self.helper.wait()
        ok(wait_for(lambda: not everyone & set(parents())),
           "no process is left")
        left = [path for path in glob.glob(
            f"/sys/fs/cgroup/**/creel/sandboxes/u-{OTHER_UID}/*",
            recursive=True) if os.path.isdir(path) and
            os.path.basename(path) != "helper"]
        ok(not left, "no control group of a sandbox is left", left)

    def is_ours(self, pid):
        try:
            return os.readlink(f"/proc/{pid}/exe").startswith(self.top)
        except OSError:
            return False


def check(machine):
    ok(machine.ready == b"\n", "the system's helper listens")

    def mode(uid, *args):
        result = machine.run(uid, "version", "--json", *args)
        return json.loads(result.out)["mode"] if result.out else result

    ok(mode(OTHER_UID) == "system", "a user who is admitted gets it",
       mode(OTHER_UID))
    ok(mode(OTHER_UID, "--rootless") == "rootless",
       "--rootless gives him his own")
    ok(mode(REFUSED_UID) == "rootless", "one who is not gets his own",
       mode(REFUSED_UID))
    result = machine.run(REFUSED_UID, "run", "--", "id", "-u")
    ok(result.status == 0 and result.out == b"1000\n",
       "and his commands run there", result)
    result = machine.run(REFUSED_UID, "run", "--system", "--", "true")
    ok(result.status == 125 and result.err.startswith(b"creel: "),
       "--system then says that he is refused", result)
    ok(b"\nhint: `creel doctor' says who" in result.err,
       "and who knows more", result)
    result = machine.run(REFUSED_UID, "list", "--system")
    ok(result.status == 1 and result.err.startswith(b"creel: "),
       "and so do the other verbs", result)
    hint = f"put `allow {REFUSED_UID}' into".encode()
    result = machine.run(REFUSED_UID, "doctor")
    ok(hint in result.out, "doctor says who must admit him", result)
    result = machine.run(OTHER_UID, "doctor")
    ok(b"`allow" not in result.out, "control: not to who is", result)
    bounds = [pathlib.Path(path).read_text() for path in glob.glob(
        f"/sys/fs/cgroup/**/creel/sandboxes/u-{OTHER_UID}/"
        "cgroup.max.descendants", recursive=True)]
    ok(bounds == [f"{1280 * 4 + 4096}\n"],
       "the machine's control groups are not all his", bounds)
    work = os.path.join(machine.home(OTHER_UID), "work")
    os.mkdir(work)
    os.chown(work, OTHER_UID, OTHER_UID)
    result = machine.run(OTHER_UID, "run", "--workspace", "work", "--", "sh",
                         "-c", "echo a >made; stat -c %u made")
    made = os.path.join(work, "made")
    ok(result.out == b"1000\n" and os.stat(made).st_uid == OTHER_UID,
       "a workspace is mapped to its owner", result)
    # Without a line in the passwd file the system knows no home of his.
    result = machine.run(OTHER_UID, "exec", "--workspace", "work", "x-y",
                         "--", "pwd")
    ok(result.status == 0, "he has sandboxes with names", result)
    ok(b"x-y" not in machine.run(REFUSED_UID, "list").out,
       "that no other user sees")
    result = machine.run(OTHER_UID, "exec", "agent:x:y", "--", "pwd")
    ok(result.status == 125 and b"no state directory" in result.err,
       "but no sessions, which must be kept somewhere", result)
    result = machine.run(REFUSED_UID, "run", "--no-daemon", "--system", "--",
                         "true")
    ok(result.status == 125 and b"--no-daemon" in result.err,
       "--no-daemon with --system is refused", result)
    os.kill(machine.helper.pid, signal.SIGTERM)
    machine.helper.wait()
    result = machine.run(OTHER_UID, "run", "--system", "--", "true")
    ok(result.status == 125 and b"hint: start the creel service" in result.err,
       "without it --system says what to do", result)
    # Whoever stops the service removes it.
    os.unlink("/run/creel/creel.sock")
    state = os.path.join(machine.home(OTHER_UID), "state")
    result = machine.run(OTHER_UID, "doctor", XDG_STATE_HOME=state)
    ok(f"{state}/creel".encode() in result.out,
       "and doctor names the state directory of his own", result)
    ok(mode(OTHER_UID) == "rootless", "and he gets his own instead")


def main():
    if os.geteuid() != 0:
        skip("the system's helper", "needs root")
        done()
    if "CREEL_TEST_RUN" not in os.environ:
        os.environ["CREEL_TEST_RUN"] = "private"
        os.execvp("unshare", ["unshare", "-m", "--propagation", "private",
                              "sh", "-c", 'mount -t tmpfs run /run && '
                              'exec "$@"', "sh", sys.executable, __file__])
    os.environ.pop("CREEL_RUNTIME_DIR", None)
    top = tempfile.mkdtemp(prefix="creel-test-")
    os.chmod(top, 0o755)
    machine = Machine(top)
    try:
        check(machine)
    finally:
        machine.close()
        shutil.rmtree(top, ignore_errors=True)
    done()


if __name__ == "__main__":
    main()
