#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a user of the system's helper cannot do to the others, with a controller
that is his own program, or none at all.
"""
import contextlib
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from harness import (OTHER_UID, done, family, ok, parents, skip,
                     wait_for)
import unanswered

HELPER = os.environ["CREEL_HELPER"]
CREELD = os.environ["CREELD"]
ALICE, BOB, STRANGER = range(OTHER_UID + 100, OTHER_UID + 103)
# Ctl.Request{seq 1, version {}}
VERSION = b"\x08\x01\x52\x00"
SERVED = b"\x08\x01"
DENIED = b"not admitted"
# Alice's controller; everybody else's is the real one.
HOSTILE = f"""#!/usr/bin/python3 -I
import fcntl, os, sys, time
if os.getuid() != {ALICE}:
    os.execv(sys.argv[0] + ".real", sys.argv)
for fd in (1, 2):
    try:
        fcntl.fcntl(fd, fcntl.F_SETFL, 0)
        os.ftruncate(fd, 0)
        os.pwrite(fd, b"forged at the top", 0)
    except OSError:
        pass
os.write(2, b"alice's own\\x1b[2J word\\nhlp[1] a second one\\n")
os.write(1, b"standard output\\n")
for n in range(3000):
    os.write(2, b"flood\\n")
time.sleep(1000)
"""


def become(uid):
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


class Service:
    """The system's listener, and what it logs to: one file, as without systemd."""

    def __init__(self):
        self.top = tempfile.mkdtemp(prefix="creel-users-")
        os.chmod(self.top, 0o755)
        for part, program in (("helper", HELPER), ("controller", CREELD)):
            os.mkdir(os.path.join(self.top, part))
            shutil.copy(program, os.path.join(self.top, part))
        self.creeld = os.path.join(self.top, "controller", "creeld")
        self.dir = os.path.join(self.top, "run")
        policy = os.path.join(self.top, "helper.conf")
        with open(policy, "w", encoding="ascii") as file:
            file.write(f"allow {ALICE} {BOB}\n")
        os.chmod(policy, 0o644)
        self.log = os.path.join(self.top, "log")
        ready, told = os.pipe()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [os.path.join(self.top, "helper", "creel-helper"), "--listen",
                 "--system", "--runtime-dir", self.dir, "--policy", policy,
                 "--pool", "0", "--ready-fd", str(told)],
                pass_fds=[told], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log)
        os.close(told)
        ok(os.read(ready, 1) == b"\n", "the listener listens")
        os.close(ready)

    def hostile(self):
        """From now on alice's controller is her own."""
        os.rename(self.creeld, self.creeld + ".real")
        with open(self.creeld, "w", encoding="ascii") as file:
            file.write(HOSTILE.replace("sys.argv[0] + \".real\"",
                                       repr(self.creeld + ".real")))
        os.chmod(self.creeld, 0o755)

    def connect(self, uid, seconds=10):
        client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        client.settimeout(seconds)
        os.setegid(uid)
        os.seteuid(uid)
        try:
            client.connect(os.path.join(self.dir, "creel.sock"))
        finally:
            os.seteuid(0)
            os.setegid(0)
        return client

    def answer(self, uid, seconds=10):
        """What a user gets, b"" where it is nothing in time."""
        with self.connect(uid, seconds) as client, \
                contextlib.suppress(TimeoutError):
            with contextlib.suppress(BrokenPipeError):
                client.send(VERSION)
            return client.recv(65536)
        return b""

    def logged(self):
        with open(self.log, encoding="ascii", errors="surrogateescape") as file:
            return file.read()

    def named(self, name, uid=None):
        """Pids of that name, of that user's where it is a controller."""
        found = []
        for pid in family([self.process.pid]):
            with contextlib.suppress(OSError), \
                    open(f"/proc/{pid}/comm", encoding="ascii") as file:
                if file.read().strip() == name and \
                        uid in (None, os.stat(f"/proc/{pid}").st_uid):
                    found.append(pid)
        return found

    def close(self):
        below = family([self.process.pid])
        for pid in below:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(20)
        ok(wait_for(lambda: not below & set(parents()), 20), "nothing is left",
           below & set(parents()))
        shutil.rmtree(self.top)


def test_output():
    """Standard error of a controller is nobody else's."""
    service = Service()
    ok(service.answer(BOB)[:2] == SERVED, "bob is served")
    first = service.logged()
    service.hostile()
    service.connect(ALICE).close()
    ok(wait_for(lambda: "too many lines" in service.logged(), 20),
       "a controller that says too much is told of", service.logged()[:2000])
    log = service.logged()
    ok(log.startswith(first) and "forged" not in log,
       "the log is not the controller's to cut or rewrite", log[:500])
    ok(re.search(rf"^hlp\[\d+\] user={ALICE}: alice's own\\x1b\[2J word$", log,
                 re.M), "what it says is there, escaped, with its user",
       log[:2000])
    ok(not re.search(r"^hlp\[1\]", log, re.M) and "a second one" in log,
       "it cannot begin a line of its own")
    ok(0 < log.count("flood") <= 500, "its lines are counted",
       log.count("flood"))
    ok("standard output" not in log, "its standard output is nobody's")
    fds = {os.readlink(f"/proc/{pid}/fd/{fd}")
           for pid in service.named("creeld") for fd in (0, 1, 2)}
    ok(not [fd for fd in fds if fd.startswith(service.top)],
       "nor has another user's controller the log", fds)
    ok(service.answer(BOB)[:2] == SERVED, "bob is served as before")
    service.close()


@contextlib.contextmanager
def file_system(service, uid, work, seconds=1000):
    """Has work(file system, socket) done by that user; None where it cannot."""
    where = tempfile.mkdtemp(prefix="fuse-", dir=service.top)
    device = where + ".device"
    os.chown(where, uid, uid)
    os.mknod(device, 0o020666, os.makedev(10, 229))
    os.chmod(device, 0o666)
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(OSError):
            ours.close()
            os.setsid()
            become(uid)
            unanswered.LIBC.prctl(4, 1, 0, 0, 0)
            system = unanswered.FileSystem(where, device, seconds)
            theirs.send(b"1")
            work(system, theirs)
            time.sleep(1000)
        os._exit(0)
    theirs.close()
    # Who cannot have one ends, and so does the socket.
    yield ours if ours.recv(1) else None
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def test_refused(service):
    """A client who is turned away, and what he leaves behind."""
    with contextlib.ExitStack() as stack:
        with unheard(service):
            there = stack.enter_context(file_system(
                service, STRANGER, lambda system, told:
                leave(service, system, told)))
            if not there:
                skip("a refused client's descriptors",
                     "no file system of a user's own")
                return
            there.recv(1)
        hangs = wait_for(lambda: service.named("creel-refuse"))
        ok(hangs, "who lets go of them hangs, and is not the listener",
           hangs or service.logged())
        ok(service.answer(BOB, 5)[:2] == SERVED,
           "bob is served while they are waited for")
        ok(DENIED in service.answer(STRANGER, 5), "others are still refused")
    ok(wait_for(lambda: not service.named("creel-refuse"), 20),
       "it ends with the file system")


MANY = range(STRANGER + 2, STRANGER + 22)
MINE, EACH, ALICES = 40, 5, 10
HANG, HANG_STRANGERS = 4, 64  # processes for one's own, for all strangers'


def hand_traps(system, told):
    """To the test, which can connect as whom it likes."""
    traps = system.traps(MINE + EACH * len(MANY) + ALICES)
    while traps:
        socket.send_fds(told, [b"x"], traps[:100])
        for trap in traps[:100]:
            os.close(trap)
        del traps[:100]
        told.recv(1)


def take_traps(there):
    traps = []
    while len(traps) < MINE + EACH * len(MANY) + ALICES:
        traps += socket.recv_fds(there, 1, 100)[1]
        there.send(b"1")
    return traps


@contextlib.contextmanager
def more_groups_than(count):
    """As which users are refused though they are admitted."""
    before = os.getgroups()
    os.setgroups(range(90000, 90001 + count))
    try:
        yield
    finally:
        os.setgroups(before)


@contextlib.contextmanager
def unheard(service):
    """What is sent meanwhile waits for the listener."""
    listener = service.named("creel-listener")[0]
    os.kill(listener, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(listener, signal.SIGCONT)


def leave_all(service, left):
    """(uid, trap): none is let go of before the test has closed its own."""
    while left:
        with unheard(service):
            for uid, trap in left[:50]:
                with service.connect(uid) as client:
                    socket.send_fds(client, [b"x"], [trap])
                os.close(trap)
        del left[:50]
        # Who comes later is heard later.
        ok(service.answer(BOB), "bob is heard")


def let_go(service, uid):
    """Whether what a client sent who is refused is closed soon."""
    there, sent = os.pipe()
    with unheard(service):
        client = service.connect(uid, 30)
        socket.send_fds(client, [b"x"], [sent])
        os.close(sent)
    with client:
        refused = client.recv(65536)
    closed = select.select([there], [], [], 30)[0]
    os.close(there)
    return refused[:2] != SERVED and bool(closed)


def test_shares(service):
    """Clients who are turned away and leave what nobody can let go of."""
    listener = service.named("creel-listener")[0]
    before = len(os.listdir(f"/proc/{listener}/fd"))

    def hang():
        return len(service.named("creel-refuse"))
    with file_system(service, STRANGER, lambda system, told:
                     hand_traps(system, told)) as there:
        if not there:
            skip("clients who leave much behind",
                 "no file system of a user's own")
            return
        traps = take_traps(there)
        leave_all(service, [(STRANGER, traps.pop()) for _ in range(MINE)])
        ok(wait_for(lambda: hang() == HANG + 1, 30),
           "one user has few processes that hang", hang())
        ok(let_go(service, STRANGER + 1),
           "what others send who are refused is let go of")
        leave_all(service, [(uid, traps.pop()) for _ in range(EACH)
                            for uid in MANY])
        ok(wait_for(lambda: hang() == HANG_STRANGERS + 1, 30),
           "as have all users together who are not admitted", hang())
        with more_groups_than(1024):
            ok(let_go(service, BOB), "what an admitted user sends is let go of")
            leave_all(service, [(ALICE, trap) for trap in traps])
            ok(wait_for(lambda: hang() == HANG_STRANGERS + HANG + 2, 30),
               "and each who is admitted", hang())
            ok(let_go(service, BOB), "another's still is")
        ok(service.answer(ALICE)[:2] == SERVED, "she is served")
        after = len(os.listdir(f"/proc/{listener}/fd"))
        ok(after <= before + 4, "the listener has none of their connections",
           f"{before} descriptors before, {after} after")
    ok(wait_for(lambda: not hang(), 20), "they end with the file system",
       hang())


ROUNDS = 100


def leave_often(service, system, told):
    """In connections that the controller ends at once."""
    for _ in range(ROUNDS):
        trap = system.trap()
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
            client.connect(os.path.join(service.dir, "creel.sock"))
            try:
                client.send(b"\xff\xff\xff")
                socket.send_fds(client, [b"x"], [trap])
            except OSError:
                system.release()
            os.close(trap)
            told.send(b"1")
            told.recv(1)
        system.release()


def stack_of(pid):
    with contextlib.suppress(OSError), \
            open(f"/proc/{pid}/stack", encoding="ascii") as file:
        return file.read()
    return ""


def test_passed_on(service):
    """A client whose controller lets go of him sooner than the listener."""
    everyone = os.sched_getaffinity(0)
    hung = 0
    ok(service.answer(ALICE)[:2] == SERVED, "alice is served")
    # On one processor it is more likely.
    for pid in family([service.process.pid]):
        os.sched_setaffinity(pid, {min(everyone)})
    with file_system(service, ALICE, lambda system, told:
                     leave_often(service, system, told), 2) as there:
        if not there:
            skip("a served client's descriptors",
                 "no file system of a user's own")
            return
        for _ in range(ROUNDS):
            there.recv(1)
            time.sleep(0.01)
            hung += "fuse_release" in stack_of(service.process.pid)
            there.send(b"1")
    for pid in family([service.process.pid]):
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(pid, everyone)
    ok(not hung, "the listener is never the last to have a connection",
       f"{hung} of {ROUNDS} times")
    ok(service.answer(BOB)[:2] == SERVED, "bob is served")


def leave(service, system, told):
    """A trap, in a connection that nobody reads."""
    trap = system.trap()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
        client.connect(os.path.join(service.dir, "creel.sock"))
        socket.send_fds(client, [b"x"], [trap])
        os.close(trap)
    told.send(b"1")


def name_of(pid):
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/comm", encoding="ascii") as file:
            return file.read().strip()
    return ""


def test_ending(service):
    """Helpers that take for ever to end, as those of hung sandboxes do."""
    stopped = []
    for _ in range(20):
        if service.answer(ALICE)[:2] != SERVED:
            break
        user = parents()[service.named("creeld", ALICE)[0]]
        below = {name_of(pid): pid for pid in family([user])}
        os.kill(below["creel-spawner"], signal.SIGSTOP)
        os.kill(below["creel-dispatch"], signal.SIGKILL)
        stopped.append(user)
        wait_for(lambda: not service.named("creeld", ALICE))
    ok(2 <= len(stopped) <= 10, "a user has few helpers that are ending",
       len(stopped))
    ok(service.answer(BOB)[:2] == SERVED, "bob is served")
    for pid in family(stopped):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    ok(wait_for(lambda: service.answer(ALICE)[:2] == SERVED, 60),
       "and alice, once they have ended")


def main():
    if os.geteuid() != 0:
        skip("users of the system's helper", "needs root")
        done()
    test_output()
    service = Service()
    test_refused(service)
    test_shares(service)
    test_passed_on(service)
    test_ending(service)
    service.close()
    done()


if __name__ == "__main__":
    main()
