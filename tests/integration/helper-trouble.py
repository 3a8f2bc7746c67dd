#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""creel-helper when something is wrong: users' helpers that cannot start, and
a log that nobody reads.
"""
import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from harness import OTHER_UID, done, family, modes, ok, parents, skip, wait_for

HELPER = os.environ["CREEL_HELPER"]
CREELD = os.environ["CREELD"]
ROOTS = ("/sys/fs/cgroup/unified", "/sys/fs/cgroup")
USER = 61298  # who has no other helper
# Ctl.Request{seq 1, version {}}
VERSION = b"\x08\x01\x52\x00"


class Listener:
    """One that stays, and its log, which may be a pipe."""

    def __init__(self, mode, stderr, policy=""):
        self.uid = OTHER_UID if mode == "rootless" and \
            os.geteuid() == 0 else os.geteuid()
        self.top = tempfile.mkdtemp(prefix="creel-trouble-")
        os.chmod(self.top, 0o755)
        for part, program in (("helper", HELPER), ("controller", CREELD)):
            os.mkdir(os.path.join(self.top, part))
            shutil.copy(program, os.path.join(self.top, part))
        self.dir = os.path.join(self.top, "run")
        os.mkdir(self.dir, 0o755 if mode == "system" else 0o700)
        if self.uid != os.geteuid():
            os.chown(self.dir, self.uid, self.uid)
        args = [os.path.join(self.top, "helper", "creel-helper"), "--listen",
                "--" + mode, "--runtime-dir", self.dir, "--pool", "0",
                "--state-dir", os.path.join(self.dir, "state")]
        if policy:
            args += ["--policy", os.path.join(self.top, "policy")]
            with open(args[-1], "w", encoding="ascii") as file:
                file.write(policy)
        self.process = subprocess.Popen(
            args, stdin=subprocess.DEVNULL, stderr=stderr,
            **({} if self.uid == os.geteuid() else
               {"user": self.uid, "group": self.uid, "extra_groups": []}))
        self.ready = wait_for(self.listens, 20)

    def listens(self):
        """Whether it does; a client that says nothing is nobody's."""
        path = os.path.join(self.dir, "creel.sock")
        mode = 0o666 if self.uid == 0 else 0o600
        if not os.path.exists(path) or os.stat(path).st_mode & 0o777 != mode:
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
            return client.connect_ex(path) == 0

    def answer(self, uid=None):
        """What a client of that user gets; b"" is the end."""
        uid = self.uid if uid is None else uid
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
            client.settimeout(20)
            if uid != os.geteuid():
                os.setegid(uid)
                os.seteuid(uid)
            try:
                client.connect(os.path.join(self.dir, "creel.sock"))
            finally:
                if os.getuid() != os.geteuid():
                    os.seteuid(os.getuid())
                    os.setegid(os.getgid())
            # Who is refused may find the other end closed, and an answer.
            with contextlib.suppress(OSError):
                client.send(VERSION)
            with contextlib.suppress(OSError):
                return client.recv(65536)
        return b""

    def users(self):
        """Users' helpers of this program."""
        found = []
        below = family([self.process.pid])
        for pid in parents():
            with contextlib.suppress(OSError):
                with open(f"/proc/{pid}/comm", encoding="ascii") as file:
                    name = file.read()
                # Whose program it is only root can see, once it has started.
                if name == "creel-user\n" and (pid in below or os.readlink(
                        f"/proc/{pid}/exe").startswith(self.top)):
                    found.append(pid)
        return found

    def close(self):
        """Ends it and all that is below."""
        below = family([self.process.pid, *self.users()])
        self.process.kill()
        self.process.wait(20)
        for pid in self.users():
            os.kill(pid, signal.SIGKILL)
        gone = wait_for(lambda: not family(below), 10)
        shutil.rmtree(self.top)
        return gone


def users_group():
    """The user's control group, which is nobody's but his helper's."""
    for root in ROOTS:
        top = os.path.join(root, "creel", "sandboxes")
        if os.path.isdir(top):
            return os.path.join(top, f"u-{USER}")
    return ""


def killed(one):
    """What the next client hears."""
    old = one.users()
    below = family(old)
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    # Until all of it has ended, a client may be lost with the helper.
    wait_for(lambda: not family(below))
    return one.answer(USER)


def test_cannot_start():
    """A control group of another owner: told to clients, and to the log once."""
    if os.geteuid() != 0:
        skip("a helper that cannot start", "needs root")
        return
    with tempfile.TemporaryFile("w+") as log:
        one = Listener("system", log, f"allow 0 {USER}\n")
        group = users_group()
        if not group:
            skip("a helper that cannot start", "no cgroup2 file system")
            one.close()
            return
        os.mkdir(group)
        answers = []
        begin = time.monotonic()
        while time.monotonic() < begin + 4 or \
                len(answers) <= 110 and time.monotonic() < begin + 28:
            answers.append(one.answer(USER))
            time.sleep(0.01)
        refused = [text for text in answers if text]
        ok(len(refused) > 100 and all(
            b"enter a cgroup: Permission denied" in text and b"doctor" in text
            for text in refused), "clients are told what, why and a hint",
           refused[:1])
        ok(len(answers) - len(refused) < 6, "all but the first of each pause",
           (len(answers), len(refused)))
        log.seek(0)
        lines = [line for line in log if f"user={USER}" in line]
        ok(len(lines) == 2 and "Permission denied" in lines[1],
           "the log is told once", "".join(lines[:9]))
        ok(one.answer() != b"", "another user is served meanwhile")
        os.rmdir(group)
        ok(wait_for(lambda: one.answer(USER)[:2] == b"\x08\x01", 20),
           "when it is mended he is served")
        time.sleep(1.1)  # then it counts as one that works
        said = [killed(one) for _ in range(20)]
        ok(all(text[:2] == b"\x08\x01" for text in said[:10]),
           "a helper that is killed is replaced at once, ten times", said)
        ok(any(b"signal 9" in text for text in said),
           "and then it is one that cannot start", said)
        ok(one.close(), "no process is left")
    for path in (os.path.join(group, "helper"), group):
        wait_for(lambda p=path: not os.path.exists(p) or not try_rmdir(p))


def try_rmdir(path):
    """False where it is gone."""
    try:
        os.rmdir(path)
    except OSError:
        return True
    return False


def test_full_log(mode):
    """Nobody reads: no process waits for it, and what was lost is counted."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.write(writer, b"x" * 4096)
    if mode == "rootless" and os.geteuid() == 0:
        os.fchown(writer, OTHER_UID, OTHER_UID)
    one = Listener(mode, writer)
    ok(one.ready, f"{mode}: a full log does not keep it from listening")
    ok(one.answer()[:2] == b"\x08\x01", f"{mode}: nor from serving")
    ok(os.read(reader, 65536) == b"x" * 4096, f"{mode}: control: it was full")
    flags = fcntl.fcntl(writer, fcntl.F_GETFL)
    ok(not flags & os.O_NONBLOCK, f"{mode}: the caller's own end is as it was")
    user = one.users()[0]
    os.kill(user, signal.SIGKILL)
    ok(wait_for(lambda: user not in parents(), 10), f"{mode}: control: it ends")
    os.set_blocking(reader, False)
    said = b""

    def heard():
        nonlocal said
        with contextlib.suppress(BlockingIOError):
            said += os.read(reader, 65536)
        return b"lines lost)" in said
    ok(wait_for(heard) and b"hlp[" in said,
       f"{mode}: the next line says how many were lost", said)
    os.close(reader)
    ok(wait_for(lambda: one.answer()[:2] == b"\x08\x01", 10),
       f"{mode}: it serves when the reader is gone")
    os.close(writer)
    ok(one.close(), f"{mode}: no process is left")


for each in modes():
    test_full_log(each)
test_cannot_start()
done()
