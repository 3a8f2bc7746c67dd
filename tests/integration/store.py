#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sessions on a disk that is full, that cannot be written, or that holds what
this creel cannot read: clear words, nothing damaged, and what needs no store
goes on."""
import contextlib
import os
import shutil
import signal
import subprocess

from database import database, query
from harness import OTHER_UID, Box, done, family, modes, ok, skip, wait_for

KEY = "agent:main:store"


class Disk:
    """A shell in a mount namespace of its own, where state is on a tmpfs.

    The helper that it starts lives there, too.
    """

    def __init__(self, box, prepare):
        self.box = box
        self.state = box.path("home", "state", "creel")
        uid = OTHER_UID if box.drop else os.geteuid()
        os.makedirs(self.state, mode=0o700)
        for path in (self.state, os.path.dirname(self.state)):
            if box.drop:
                os.chown(path, OTHER_UID, OTHER_UID)
        alone = ["unshare", "--mount", "--propagation", "private"]
        if os.geteuid() != 0:
            alone = ["unshare", "--user", "--map-current-user", "--keep-caps",
                     "--mount", "--propagation", "private"]
        drop = ""
        if box.drop:
            drop = (f"setpriv --reuid {uid} --regid {uid} --clear-groups "
                    "--inh-caps=-all ")
        script = (
            f'mount -t tmpfs -o size=1m,mode=0700 tmpfs "{self.state}" && '
            f'chown {uid} "{self.state}" && {prepare} && '
            f'{drop}"{box.creel}" version >/dev/null && echo ready; '
            'while read -r line; do eval "$line"; echo done; done')
        self.shell = subprocess.Popen(
            [*alone, "sh", "-c", script], env=box.env, cwd=box.path("work"),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        self.ready = self.shell.stdout.readline() == b"ready\n"

    def do(self, line):
        self.shell.stdin.write(line.encode() + b"\n")
        self.shell.stdin.flush()
        return self.shell.stdout.readline()

    def end(self):
        return self.shell.communicate(timeout=20)[1]


def session(box):
    return box.run("exec", KEY, "--", "sh", "-c", "exit 7")


def refused(box, why, name):
    result = session(box)
    ok(result.status == 125 and b"creel.db" in result.err and
       why in result.err, f"{box.mode}: {name}: a session is refused and why "
       "is said", result)


def goes_on(box, name):
    """What needs no store."""
    result = box.run("run", "--", "sh", "-c", "exit 9")
    ok(result.status == 9 and b"not in the audit log" in result.err,
       f"{box.mode}: {name}: run works and says that it is not in the log",
       result)
    result = box.run("doctor")
    ok(b"creel.db" in result.out, f"{box.mode}: {name}: doctor says it",
       result)


def check_full(box):
    say = f"{box.mode}: full disk"
    disk = Disk(box, "true")
    if not disk.ready:
        skip(say, "no mount namespace of one's own")
        disk.end()
        return
    result = session(box)
    ok(result.status == 7, f"{say}: works before", result)
    disk.do(f'dd if=/dev/zero of="{disk.state}/fill" bs=4k 2>/dev/null')
    # What is allocated already may still take some.
    told = 1
    for _ in range(200):
        result = session(box)
        if result.status != 7:
            break
        told += 1
    ok(result.status == 125 and b"No space left on device" in result.err and
       b"creel.db" in result.err,
       f"{say}: a session is refused and why is said", result)
    result = box.run("run", "--", "sh", "-c", "exit 9")
    ok(result.status == 9, f"{say}: run works", result)
    disk.do(f'rm "{disk.state}/fill"')
    result = session(box)
    ok(result.status == 7, f"{say}: goes on when there is room", result)
    result = box.run("logs", "--session", KEY, "--json")
    ok(result.out.count(b'"status":7,') == told + 1,
       f"{say}: all that was told is in the log", f"{told} {result}")
    disk.end()


def check_read_only(box):
    say = f"{box.mode}: read-only state"
    disk = Disk(box, 'mount -o remount,ro "$XDG_STATE_HOME/creel"')
    if not disk.ready:
        skip(say, "no mount namespace of one's own")
        disk.end()
        return
    result = session(box)
    ok(result.status == 125 and b"Read-only file system" in result.err,
       f"{say}: a session is refused and why is said", result)
    result = box.run("run", "--", "sh", "-c", "exit 9")
    ok(result.status == 9 and b"Read-only file system" in result.err,
       f"{say}: run works and says that it is not in the log", result)
    disk.end()


def kill_creeld(box):
    """The next one opens the database anew."""
    def find():
        found = []
        for pid in family(box.helpers()):
            with contextlib.suppress(OSError):
                with open(f"/proc/{pid}/comm", encoding="latin-1") as file:
                    if file.read() == "creeld\n":
                        found.append(pid)
        return found
    for pid in find():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda pid=pid: pid not in find(), 30)


def check_file(box, name, why, spoil):
    """A database that is not for this creel."""
    path = database(box)
    # What waits in the log beside the file goes into it.
    query(box, "PRAGMA wal_checkpoint(TRUNCATE)")
    kill_creeld(box)
    shutil.copy2(path, box.path("home", "kept"))
    spoil(path)
    with open(path, "rb") as file:
        before = file.read()
    kill_creeld(box)
    refused(box, why, name)
    goes_on(box, name)
    with open(path, "rb") as file:
        ok(file.read() == before, f"{box.mode}: {name}: the file is as it was")
    with open(box.path("home", "kept"), "rb") as kept, \
            open(path, "r+b") as file:
        file.write(kept.read())
        file.truncate()
    kill_creeld(box)
    result = session(box)
    ok(result.status == 7, f"{box.mode}: {name}: it works when that is mended",
       result)


def write_at(path, at, data):
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(data)


def check_foreign(box):
    result = session(box)
    ok(result.status == 7, f"{box.mode}: works before", result)
    check_file(box, "newer database", b"a newer creel has made it",
               lambda path: write_at(path, 60, b"\0\0\1\0"))
    check_file(box, "database of another program", b"no database of creel's",
               lambda path: write_at(path, 68, b"else"))
    check_file(box, "no database", b"it is no database, or damaged",
               lambda path: write_at(path, 0, b"words, words, words"))


def check_shared(box):
    """Two creels of one user: sandboxes of their own, one log."""
    say = f"{box.mode}: a second runtime directory: "
    other = box.path("run-2")
    os.mkdir(other, 0o755 if box.mode == "system" else 0o700)
    if box.drop:
        os.chown(other, OTHER_UID, OTHER_UID)
    env = {"CREEL_RUNTIME_DIR": other}
    where = ("exec", KEY, "--", "readlink", "/proc/self/ns/mnt")
    homes = [box.run(*where).out, box.run(*where, env=env).out]
    ok(homes[0] and homes[1] and homes[0] != homes[1],
       say + "each has a sandbox for a session", homes)
    kill_creeld(box)
    again = [box.run(*where).out, box.run(*where, env=env).out]
    ok(again == homes, say + "and knows it after a restart", again)
    logs = [box.run("logs", "--json").out, box.run("logs", "--json",
                                                   env=env).out]
    ok(logs[0] == logs[1] and logs[0].count(b"readlink") == 4,
       say + "the log is the same", logs)
    box.run("rm", KEY, env=env)
    result = box.run(*where)
    ok(result.out == homes[0], say + "what one removes, the other keeps",
       result)


def main():
    for mode in modes():
        for check in (check_full, check_read_only, check_foreign,
                      check_shared):
            with Box(mode) as box:
                check(box)
    done()


main()
