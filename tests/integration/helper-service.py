#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""creel-helper below a service manager: a socket that is handed over, what is
told, what is kept, and that the next listener finds the users of the last.
"""
import array
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from harness import OTHER_UID, done, family, modes, ok, parents, wait_for

HELPER = os.environ["CREEL_HELPER"]
CREELD = os.environ["CREELD"]
# Ctl.Request{seq 1, version {}}
VERSION = b"\x08\x01\x52\x00"
# What is handed over begins here; the shell then is the program itself.
START = 'LISTEN_PID=$$ WATCHDOG_PID=$$ exec "$0" "$@"'


class Manager:
    """Listens, is told, and keeps descriptors, as a service manager does."""

    def __init__(self, mode):
        self.mode = mode
        self.uid = OTHER_UID if mode == "rootless" and \
            os.geteuid() == 0 else os.geteuid()
        self.top = tempfile.mkdtemp(prefix="creel-service-")
        self.dir = os.path.join(self.top, "run")
        os.mkdir(self.dir, 0o755 if mode == "system" else 0o700)
        self.helper = HELPER
        for part, program in (("helper", HELPER), ("controller", CREELD)):
            # The build tree may be closed to that user.
            os.mkdir(os.path.join(self.top, part))
            shutil.copy(program, os.path.join(self.top, part))
        self.helper = os.path.join(self.top, "helper", "creel-helper")
        os.chmod(self.top, 0o755)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.bind(os.path.join(self.dir, "creel.sock"))
        self.socket.listen(16)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(os.path.join(self.top, "notify"))
        for path in (self.dir, os.path.join(self.dir, "creel.sock"),
                     os.path.join(self.top, "notify")):
            os.chown(path, self.uid, self.uid)
        self.notify.settimeout(20)
        self.kept = {}
        self.process = None

    def start(self, watchdog_usec=0):
        """One more listener, with all that is kept."""
        fds = [self.socket.fileno(), *self.kept.values()]
        names = ["listen", *self.kept]
        env = {"NOTIFY_SOCKET": os.path.join(self.top, "notify"),
               "LISTEN_FDS": str(len(fds)), "LISTEN_FDNAMES": ":".join(names),
               "WATCHDOG_USEC": str(watchdog_usec)}

        def place():
            held = [os.dup(fd) for fd in fds]
            high = [os.dup2(fd, 200 + n) for n, fd in enumerate(held)]
            for n, fd in enumerate(high):
                os.dup2(fd, 3 + n)
            if os.geteuid() != self.uid:
                os.setgroups([])
                os.setgid(self.uid)
                os.setuid(self.uid)

        self.process = subprocess.Popen(
            ["/bin/sh", "-c", START, self.helper, "--listen",
             "--" + self.mode, "--runtime-dir", self.dir, "--pool", "0"],
            close_fds=False, preexec_fn=place, env=env,
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        return self.told("READY=1")

    def told(self, want, seconds=20):
        """Whether it says so; what comes meanwhile is kept."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(TimeoutError):
                text, more, _, _ = self.notify.recvmsg(4096, 256)
                fds = array.array("i")
                for _, kind, data in more:
                    if kind == socket.SCM_RIGHTS:
                        fds.frombytes(data)
                lines = text.decode().split("\n")
                if lines[0] == "FDSTORE=1" and len(fds) == 1:
                    self.kept[lines[1].removeprefix("FDNAME=")] = fds[0]
                if want in lines:
                    return True
        return False

    def answer(self):
        """What a client of the listener's own user gets."""
        client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        client.settimeout(30)
        other = self.uid != os.geteuid()
        if other:
            os.setegid(self.uid)
            os.seteuid(self.uid)
        try:
            client.connect(os.path.join(self.dir, "creel.sock"))
        finally:
            if other:
                os.seteuid(0)
                os.setegid(0)
        with client:
            client.send(VERSION)
            return client.recv(65536)

    def user(self):
        """The pid of the user's helper, whoever its parent is by now."""
        for pid in parents():
            with contextlib.suppress(OSError), \
                    open(f"/proc/{pid}/comm", encoding="ascii") as file:
                if file.read() == "creel-user\n" and os.readlink(
                        f"/proc/{pid}/exe").startswith(self.top):
                    return pid
        return 0

    def end(self, how=signal.SIGTERM):
        """What the listener logged."""
        self.process.send_signal(how)
        self.process.wait(20)

    def close(self):
        """Ends what is left."""
        user = self.user()
        below = family([user] if user else [])
        if user:
            os.kill(user, signal.SIGKILL)
        gone = wait_for(lambda: not family(below), 10)
        shutil.rmtree(self.top)
        return gone


def test_manager(mode):
    """The whole of it, in one mode."""
    one = Manager(mode)
    ok(one.start(watchdog_usec=400000), f"{mode}: says that it is ready")
    ok(all(one.told("WATCHDOG=1") for _ in range(3)),
       f"{mode}: says again and again that it is alive")
    ok(one.answer()[:2] == b"\x08\x01", f"{mode}: serves the socket it was given")
    first = one.user()
    if mode == "rootless":
        one.end()
        ok(wait_for(lambda: not one.user(), 10) and not one.kept,
           "rootless: nothing is kept, and all ends with the listener")
        ok(one.close(), "rootless: nothing is left")
        return
    ok(one.told("FDSTORE=1") and list(one.kept) == [f"u-{one.uid}"],
       "system: the link to the user's helper is kept", one.kept)
    for how in (signal.SIGTERM, signal.SIGKILL):
        one.end(how)
        ok(one.user() == first, f"system: his helper outlives signal {how.name}")
        ok(one.start() and one.answer()[:2] == b"\x08\x01" and
           one.user() == first,
           "system: the next listener passes clients to the same helper")
    # A link whose other end is gone is of no use.  The dispatcher has that end,
    # and ends a moment later: until then clients go there.
    below = family([first])
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: not family(below))
    ok(one.answer()[:2] == b"\x08\x01" and one.user() not in (0, first) and
       one.told("FDSTORE=1"),
       "system: a kept link of a helper that ended is replaced")
    one.end()
    # Before the true link, so that a listener that took them would use them.
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    one.kept = {"u-": theirs.fileno(), "u-0x": theirs.fileno(), **one.kept}
    with ours, theirs:
        ok(one.start() and one.answer()[:2] == b"\x08\x01",
           "system: half a number is no user's name")
    one.end()
    ok(one.close(), "system: nothing is left")


def test_strangers():
    """What is meant for another process is not looked at, nor is it told."""
    here = tempfile.mkdtemp(prefix="creel-service-")
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(os.path.join(here, "notify"))
    top = tempfile.mkdtemp(prefix="creel-service-")
    os.chmod(top, 0o700)
    end = subprocess.run(
        [HELPER, "--listen", "--rootless", "--runtime-dir", top,
         "--ready-fd", "1"],
        env={"LISTEN_PID": "1", "LISTEN_FDS": "3",
             "LISTEN_FDNAMES": "u-0:u-1:x",
             "NOTIFY_SOCKET": os.path.join(here, "notify")},
        stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    ok(end.returncode != 0 or b"users with a helper: 0" in end.stderr,
       "what is for another process is not taken", end)
    notify.setblocking(False)
    try:
        said = notify.recv(4096)
    except BlockingIOError:
        said = b""
    ok(not said, "a client's own service is told nothing", said)
    shutil.rmtree(here)
    shutil.rmtree(top)


for each in modes():
    test_manager(each)
test_strangers()
done()
