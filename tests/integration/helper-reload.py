#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""creel-helper without a service manager: SIGHUP replaces the listener by the
program that is installed by then, and what runs in sandboxes goes on.
"""
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess

from harness import Box, done, family, ok, parents, skip, wait_for

HELPER = os.environ["CREEL_HELPER"]
CREELD = os.environ["CREELD"]
USER = 61297  # who has no other helper
# Ctl.Request{seq 1, version {}}
VERSION = b"\x08\x01\x52\x00"
WORK = "echo begun; read line; echo whole $line; exit 7"
ROOTS = ("/sys/fs/cgroup/unified", "/sys/fs/cgroup")


class Service:
    """The system's helper, as a script starts it: files of its own."""

    def __init__(self, box):
        self.box = box
        os.chmod(box.top, 0o755)
        self.program = box.path("lib", "helper", "creel-helper")
        for part, program in (("helper", HELPER), ("controller", CREELD)):
            os.makedirs(box.path("lib", part))
            shutil.copy(program, box.path("lib", part))
        os.chmod(self.program, 0o755)
        self.policy("allow 0\n")
        with open(box.path("log"), "wb") as log:
            self.process = subprocess.Popen(
                [self.program, "--listen", "--system", "--runtime-dir",
                 box.path("run"), "--policy", box.path("policy"),
                 "--state-dir", box.path("home", "state")], stderr=log,
                stdin=subprocess.DEVNULL)
        self.ready = wait_for(lambda: "listening, system" in self.log(), 20)

    def policy(self, text):
        """What is read at the next start."""
        with open(self.box.path("policy"), "w", encoding="ascii") as file:
            file.write(text + "pool 0\n")

    def log(self):
        """All that was said."""
        with open(self.box.path("log"), encoding="latin-1") as file:
            return file.read()

    def install(self, data=None, mode=0o755):
        """Another file in the program's place, as dpkg does."""
        with open(self.program + ".new", "wb") as file:
            if data is None:
                with open(HELPER, "rb") as good:
                    data = good.read()
            file.write(data)
        os.chmod(self.program + ".new", mode)
        os.rename(self.program + ".new", self.program)

    def named(self, name):
        """The processes of this program that have the name."""
        found = []
        for pid in parents():
            with contextlib.suppress(OSError):
                with open(f"/proc/{pid}/comm", encoding="ascii") as file:
                    if file.read() == name + "\n" and os.readlink(
                            f"/proc/{pid}/exe").startswith(self.box.top):
                        found.append(pid)
        return found

    def listener(self):
        """The one that is the child of the process that was started."""
        found = [pid for pid in self.named("creel-listener")
                 if parents().get(pid) == self.process.pid]
        return found[0] if len(found) == 1 else 0

    def replaced(self, how=signal.SIGHUP, whom=None):
        """Whether there is another listener, that listens."""
        old, said = self.listener(), self.log().count("listening, system")
        os.kill(whom or self.process.pid, how)
        return wait_for(
            lambda: self.listener() not in (0, old) and
            self.log().count("listening, system") == said + 1, 20)

    def stays(self):
        """Whether a reload is refused, with a word, and nothing changes."""
        old, said = self.listener(), self.log().count("reload: ")
        os.kill(self.process.pid, signal.SIGHUP)
        return wait_for(lambda: self.log().count("reload: ") > said, 20) and \
            not wait_for(lambda: self.listener() != old, 0.3) and old

    def answer(self, uid):
        """What a client of that user gets."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
            client.settimeout(20)
            os.setegid(uid)
            os.seteuid(uid)
            try:
                client.connect(self.box.path("run", "creel.sock"))
            finally:
                os.seteuid(0)
                os.setegid(0)
            with contextlib.suppress(OSError):
                client.send(VERSION)
            return client.recv(65536)


def sockets(pids):
    """The sockets that the processes hold."""
    found = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            for fd in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    found.add(os.readlink(f"/proc/{pid}/fd/{fd}"))
    return {name for name in found if name.startswith("socket:")}


def test_replaced(one, box, user):
    """What is there by then is what runs, and the same helper serves."""
    ok(one.replaced(), "SIGHUP: there is another listener", one.log())
    got = box.run("run", "--", "echo", "ran")
    ok(got.out == b"ran\n" and one.named("creel-user") == user,
       "which hands clients to the same user's helper", got)
    one.install()
    ok(one.replaced(), "a replaced program: there is another listener",
       one.log())
    want = os.stat(one.program).st_ino
    ok(os.stat(f"/proc/{one.listener()}/exe").st_ino == want and
       os.stat(f"/proc/{one.process.pid}/exe").st_ino == want,
       "both processes are the new program")
    ok(os.stat(f"/proc/{user[0]}/exe").st_ino != want,
       "control: the user's helper is the old one")
    got = box.run("run", "--", "echo", "ran")
    ok(got.out == b"ran\n" and one.named("creel-user") == user,
       "which hands clients to the same user's helper", got)


def test_broken(one, box):
    """What cannot start, or is not root's alone, is not tried on clients."""
    with open(HELPER, "rb") as file:
        good = file.read()
    for what, data, mode in (
            ("not executable", good, 0o644), ("no program", b"nothing", 0o755),
            ("cut off", good[:5000], 0o755),
            ("one that fails", b"#!/bin/sh\nexit 1\n", 0o755),
            ("writable by its group", good, 0o775),
            ("writable by all", good, 0o757)):
        one.install(data, mode)
        ok(one.stays(), f"{what}: all stays as it was", one.log())
    os.unlink(one.program)
    ok(one.stays(), "no file: all stays as it was", one.log())
    one.install()
    os.chown(one.program, USER, USER)
    ok(one.stays(), "of another owner: all stays as it was", one.log())
    one.install()
    one.policy("nonsense 1\n")
    ok(one.stays() and "unknown key nonsense" in one.log(),
       "a wrong policy: all stays as it was", one.log())
    got = box.run("run", "--", "echo", "ran")
    ok(got.out == b"ran\n", "clients are served all the while", got)
    one.policy("allow 0\n")
    ok(one.replaced(), "mended, it is replaced")


def test_leaks(one):
    """A user's helper has nothing of the listener's, nor of other users'."""
    ok(b"not admitted" in one.answer(USER), "control: another user is refused")
    one.policy(f"allow 0 {USER}\n")
    ok(one.replaced() and one.answer(USER)[:2] == b"\x08\x01",
       "the policy is read again")
    ok(one.replaced(), "and there is another listener")
    users = one.named("creel-user")
    held = sockets([one.process.pid, one.listener()])
    ok(len(users) == 2 and len(held) > 3, "control: two users, and sockets",
       (users, held))
    for user in users:
        shared = sockets(family([user])) & held
        ok(not shared, "a user's helper shares no socket with the listener",
           shared)
    first, second = (sockets(family([user])) for user in users)
    ok(first and second and not first & second, "nor with another user's")


def test_all():
    """One service, one command that runs through it all."""
    with Box("system") as box:
        one = Service(box)
        ok(one.ready, "the helper listens", one.log())
        work = box.start("run", "--", "sh", "-c", WORK)
        ok(work.stdout.readline() == b"begun\n", "a command runs")
        user = one.named("creel-user")
        test_replaced(one, box, user)
        test_broken(one, box)
        test_leaks(one)
        ok(one.replaced(signal.SIGSEGV, one.listener()),
           "a listener that crashes is replaced", one.log())
        for _ in range(5):
            os.kill(one.process.pid, signal.SIGHUP)
        ok(wait_for(one.listener, 20) and one.process.poll() is None,
           "a burst of signals ends nothing")
        ok(work.poll() is None, "the command runs still")
        out, err = work.communicate(b"line\n", 60)
        ok(work.returncode == 7 and out == b"whole line\n",
           "and ends as it would alone", (work.returncode, out, err))
        ok(user[0] in one.named("creel-user"), "by the helper that began it")
        one.process.terminate()
        status = one.process.wait(20)
        ok(status == 0 and wait_for(
            lambda: not one.named("creel-listener"), 5),
           "SIGTERM ends the listener with it", status)
        ok(not re.search("died of", one.log().replace("signal 11", "", 1)) or
           one.log().count("died of") == 1, "nothing else crashed", one.log())
    for root in ROOTS:
        for path in (f"{root}/creel/sandboxes/u-{USER}/helper",
                     f"{root}/creel/sandboxes/u-{USER}"):
            with contextlib.suppress(OSError):
                os.rmdir(path)


if os.geteuid() == 0:
    test_all()
else:
    skip("SIGHUP", "needs root")
done()
