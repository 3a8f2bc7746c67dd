#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""creel-helper --listen: who may come, what each process still holds, what the
death of each takes along, and what makes it refuse to start.
"""
import contextlib
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

from harness import (OTHER_UID, done, family, modes, ok, parents, processes_with,
                     skip, wait_for)

HELPER = os.environ["CREEL_HELPER"]
CREELD = os.environ["CREELD"]
# What system mode's listener and spawner keep: SYS_ADMIN SETUID SETGID KILL.
FOUR_CAPS = 1 << 21 | 1 << 7 | 1 << 6 | 1 << 5
THREE_CAPS = 1 << 7 | 1 << 6 | 1 << 5


def status_of(pid):
    """Field -> value of /proc/PID/status."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return dict(line.split(":\t", 1) for line in
                    file.read().splitlines() if ":\t" in line)


def name_of(pid):
    """The name that a process gave itself."""
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/comm", encoding="ascii") as file:
            return file.read().strip()
    return ""


class Listener:
    """A listener of one's own, in a directory of its own."""

    def __init__(self, mode, *options, uid=None, directory_mode=0o700):
        self.mode = mode
        self.uid = uid
        # Not below /tmp's sticky directories of others: root opens it.
        self.top = tempfile.mkdtemp(prefix="creel-listen-")
        os.chmod(self.top, 0o755)
        self.dir = os.path.join(self.top, "run")
        helper = HELPER
        if uid is not None:
            # The build tree may be closed to that user.
            for part, program in (("helper", HELPER), ("controller", CREELD)):
                os.mkdir(os.path.join(self.top, part))
                shutil.copy(program, os.path.join(self.top, part))
            helper = os.path.join(self.top, "helper", "creel-helper")
            os.mkdir(self.dir, directory_mode)
            os.chown(self.dir, uid, uid)
        elif directory_mode != 0o700:
            os.mkdir(self.dir)
            os.chmod(self.dir, directory_mode)
        ready, told = os.pipe()
        self.process = subprocess.Popen(
            [helper, "--listen", "--" + mode, "--runtime-dir", self.dir,
             "--ready-fd", str(told), "--idle-timeout", "100", *options],
            pass_fds=[told], stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={"SECRET": "canary", "LD_LIBRARY_PATH": "/nonexistent"},
            **({} if uid is None else
               {"user": uid, "group": uid, "extra_groups": []}))
        os.close(told)
        select.select([ready], [], [], 20)
        self.ready = os.read(ready, 1) == b"\n"
        os.close(ready)

    def connect(self, uid=None):
        """A connection of the listener's own user, or another."""
        uid = self.uid if uid is None else uid
        client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        client.settimeout(20)
        if uid:
            os.setegid(uid)
            os.seteuid(uid)
        try:
            client.connect(os.path.join(self.dir, "creel.sock"))
        finally:
            if uid:
                os.seteuid(0)
                os.setegid(0)
        return client

    def answer(self, request, uid=None):
        """What comes back; b"" is the end."""
        with self.connect(uid) as client:
            with contextlib.suppress(BrokenPipeError):
                client.send(request)
            return client.recv(65536)

    def child(self, name, above=None):
        """The pid of the one process of that name below the listener."""
        found = [pid for pid in family([above or self.process.pid])
                 if name_of(pid) == name and
                 (name != "creel-spawner" or
                  name_of(parents().get(pid, 0)) == "creel-user")]
        return found[0] if found else 0

    def close(self):
        """Ends it and all that is below; returns what it logged."""
        below = family([self.process.pid])
        self.process.terminate()
        self.process.wait(20)
        # In system mode users' helpers outlive the listener.
        for pid in below:
            if name_of(pid) == "creel-user":
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        log = self.process.communicate(timeout=20)[1].decode()
        gone = wait_for(lambda: not family(below), 10)
        shutil.rmtree(self.top)
        return gone, log


# Ctl.Request{seq 1, version {}}
VERSION = b"\x08\x01\x52\x00"


def start(mode, *options, **more):
    """As the modes of the harness: rootless is another user for root."""
    if mode == "rootless" and os.geteuid() == 0:
        more.setdefault("uid", OTHER_UID)
    return Listener(mode, *options, **more)


def alive(pid):
    """Whether a process is there, zombies aside."""
    return pid in parents()


def test_serves(mode):
    """The way of a request, and the rights of what it passes."""
    one = start(mode)
    ok(one.ready, f"{mode}: listens")
    info = os.stat(os.path.join(one.dir, "creel.sock"))
    ok((info.st_mode & 0o777) == (0o666 if mode == "system" else 0o600),
       f"{mode}: mode of the socket", oct(info.st_mode))
    answer = one.answer(VERSION)
    ok(answer[:2] == b"\x08\x01" and len(answer) > 8,
       f"{mode}: a client is answered", answer)
    user = one.child("creel-user")
    dispatcher = one.child("creel-dispatch")
    spawner = one.child("creel-spawner")
    creeld = one.child("creeld")
    ok(user and dispatcher and spawner and creeld,
       f"{mode}: one process of each kind", (user, dispatcher, spawner, creeld))
    want = {
        "listener": (one.process.pid, FOUR_CAPS, mode == "system", False),
        "user": (user, THREE_CAPS, True, False),
        "dispatcher": (dispatcher, 0, True, True),
        "creeld": (creeld, 0, True, False),
    }
    if mode == "system":
        want["spawner"] = (spawner, FOUR_CAPS, True, False)
    for name, (pid, caps, nnp, filtered) in want.items():
        status = status_of(pid)
        caps = caps if mode == "system" else 0
        ok(int(status["CapPrm"], 16) == caps and
           int(status["CapEff"], 16) == caps and
           int(status["CapInh"], 16) == 0 and
           int(status["CapAmb"], 16) == 0 and
           (mode != "system" or int(status["CapBnd"], 16) == 0) and
           status["NoNewPrivs"] == str(int(nnp)) and
           status["Seccomp"] == ("2" if filtered else "0"),
           f"SB-05 {mode}: rights of the {name}", status)
    uids = status_of(creeld)["Uid"].split()
    caller = os.geteuid() if one.uid is None else one.uid
    ok(set(uids) == {str(caller)}, f"{mode}: creeld runs as the caller", uids)
    if os.geteuid() == 0:
        ok(status_of(dispatcher)["Uid"].split()[0] != "0",
           f"{mode}: the dispatcher is not uid 0")
        with open(f"/proc/{creeld}/environ", "rb") as file:
            names = [v.split(b"=")[0] for v in file.read().split(b"\0") if v]
        ok(names == [b"PATH"], f"SB-28 {mode}: creeld's environment", names)
    return one, user, dispatcher, creeld


def test_deaths(mode):
    """creeld is started again; anything else takes its user's helper along."""
    one, user, dispatcher, creeld = test_serves(mode)
    os.kill(creeld, signal.SIGKILL)
    ok(wait_for(lambda: one.child("creeld") not in (0, creeld)),
       f"SB-45 {mode}: creeld is started again")
    ok(one.answer(VERSION) and one.child("creel-user") == user and
       one.child("creel-dispatch") == dispatcher,
       f"SB-45 {mode}: by the same helper")
    for _ in range(12):
        creeld = one.child("creeld")
        if creeld:
            os.kill(creeld, signal.SIGKILL)
        wait_for(lambda c=creeld: one.child("creeld") not in (0, c), 10)
    ok(alive(user) and one.answer(VERSION),
       f"SB-45 {mode}: as often as it is killed")
    below = family([user])
    os.kill(dispatcher, signal.SIGKILL)
    ok(wait_for(lambda: not family(below), 10),
       f"SB-45 {mode}: with the dispatcher all goes")
    gone, log = one.close()
    ok(gone and "dispatcher" in log and "signal 9" in log,
       f"{mode}: a crash is logged, nothing is left", log)


def test_idle(mode):
    """A listener that a client started goes with its last user."""
    one = start(mode)
    with one.connect() as client:
        client.send(VERSION)
        client.recv(65536)
        user = one.child("creel-user")
        os.kill(one.child("creel-spawner"), signal.SIGKILL)
        ok(wait_for(lambda: not alive(user), 10),
           f"SB-45 {mode}: with the spawner all goes")
    try:
        status = one.process.wait(10)
    except subprocess.TimeoutExpired:
        status = None
    ok(status == 0, f"{mode}: an idle listener ends", status)
    one.close()
    one = start(mode, "--idle-timeout", "1")
    one.answer(VERSION)
    below = family([one.process.pid])
    ok(wait_for(lambda: not family(below), 15) and one.process.wait(5) == 0,
       f"{mode}: an idle controller ends all, prefabricated sandboxes too",
       family(below))
    one.close()


def test_refusals():
    """SB-40: others are turned away, with an answer."""
    if os.geteuid() != 0:
        skip("SB-40 another user is refused", "needs root")
        return
    one = start("rootless")
    answer = one.answer(VERSION, 0)
    ok(b"not admitted" in answer and not one.child("creel-user"),
       "SB-40 rootless: another user, root too, is refused", answer)
    one.close()
    one = start("system")
    answer = one.answer(b"x" * 60000, OTHER_UID)
    ok(b"not admitted" in answer and not one.child("creel-user"),
       "SB-40 system: who is not allowed is refused, nothing is started",
       answer)
    one.close()


def test_policy():
    """SB-27: a wrong or foreign policy stops the program and says where."""
    if os.geteuid() != 0:
        skip("SB-27 policy", "needs root")
        return
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        file.write(f"allow 0 {OTHER_UID}\nusers 2\n")
        file.flush()
        one = Listener("system", "--policy", file.name)
        answer = one.answer(VERSION)
        ok(one.ready and answer, "a good policy is read", answer)
        one.close()
        os.chmod(file.name, 0o666)
        one = Listener("system", "--policy", file.name)
        _, log = one.close()
        ok(not one.ready and one.process.returncode == 1 and "writable" in log,
           "SB-27 a policy that others can write is refused", log)
        os.chmod(file.name, 0o600)
        file.write("frobnicate yes\n")
        file.flush()
        one = Listener("system", "--policy", file.name)
        _, log = one.close()
        ok(not one.ready and one.process.returncode == 1 and
           ":3: unknown key frobnicate" in log,
           "a wrong policy is refused with its line", log)


def test_directory(mode):
    """SB-40: the way to the socket is closed to others."""
    if mode == "rootless":
        one = start(mode, directory_mode=0o755)
        _, log = one.close()
        ok(not one.ready and one.process.returncode == 1 and
           "open to others" in log,
           "SB-40 rootless: an open runtime directory is refused", log)
    one = start(mode)
    run = subprocess.run(
        [HELPER if one.uid is None else
         os.path.join(one.top, "helper", "creel-helper"), "--listen",
         "--" + mode, "--runtime-dir", one.dir], capture_output=True,
        timeout=30, check=False,
        **({} if one.uid is None else
           {"user": one.uid, "group": one.uid, "extra_groups": []}))
    ok(run.returncode == 1 and b"another listener" in run.stderr,
       f"{mode}: one listener a directory", run)
    gone, _ = one.close()
    ok(gone and not processes_with(one.dir), f"{mode}: nothing is left")


def main():
    """All of it, in each mode."""
    for mode in modes():
        test_deaths(mode)
        test_idle(mode)
        test_directory(mode)
    test_refusals()
    test_policy()
    done()


sys.exit(main())
