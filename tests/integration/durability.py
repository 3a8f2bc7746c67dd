#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of creeld at random moments while twenty sessions are in use.

Whatever a client was told is in the audit log, once and with its status; each
session has one sandbox, the same before and after, and no command runs in one
that is not set up; the database always opens.
Prints its seed; CREEL_TEST_SEED repeats it, CREEL_TEST_SCALE=1 does it all.
"""
import contextlib
import json
import os
import random
import signal
import threading
import time

from database import query
from harness import Box, done, family, modes, ok, wait_for

SCALE = int(os.environ.get("CREEL_TEST_SCALE", "100"))
SEED = int(os.environ.get("CREEL_TEST_SEED",
                          random.SystemRandom().randrange(1 << 32)))
KILLS = max(10, 200 // SCALE)
SESSIONS = 20
WORKERS = 4


def comm(pid):
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/comm", encoding="latin-1") as file:
            return file.read().strip()
    return ""


def named(box, name):
    """The processes of the box that are called so."""
    return [pid for pid in family(box.helpers()) if comm(pid) == name]


class Script:
    """What the clients do, and what each of them was told."""

    def __init__(self, box):
        self.box = box
        self.random = random.Random(SEED)
        self.keys = [f"agent:main:{box.key(i)}" for i in range(SESSIONS)]
        self.busy = [threading.Lock() for _ in self.keys]
        self.homes = [None] * SESSIONS  # the sandbox that a session has
        self.told = {}
        self.bad = []
        self.count = 0
        self.lock = threading.Lock()
        self.stop = threading.Event()

    def pick(self):
        """Something to do, in this order whatever the threads do."""
        with self.lock:
            self.count += 1
            return (f"m{self.count}-{os.path.basename(self.box.top)}-",
                    self.random.randrange(SESSIONS),
                    self.random.randrange(100), self.random.random())

    def work(self):
        while not self.stop.is_set():
            mark, index, status, dice = self.pick()
            with self.busy[index]:
                if dice < 0.05:
                    self.remove(index)
                else:
                    self.command(mark, index, status)

    def command(self, mark, index, status):
        script = ('[ -e /tmp/set-up ] || exit 111; '
                  'readlink /proc/self/ns/mnt; exit "$1"')
        result = self.box.run("exec", self.keys[index], "--", "sh", "-c",
                              script, mark, str(status))
        where = result.out.strip()
        if result.status != status or not where:
            self.bad.append((mark, status, result))
            return
        self.told[mark] = status
        if self.homes[index] not in (None, where):
            self.bad.append((mark, "another sandbox", result))
        self.homes[index] = where

    def remove(self, index):
        """May be told twice, the second time that there is none."""
        result = self.box.run("rm", self.keys[index])
        if result.status not in (0, 1):
            self.bad.append(("rm", result))
        self.homes[index] = None


def kill_creeld(box, script, bad):
    """At random moments; after each the database is looked at."""
    chance = random.Random(SEED + 1)
    kills = 0
    while kills < KILLS:
        time.sleep(chance.uniform(0, 0.3))
        for pid in named(box, "creeld"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                kills += 1
        rows = query(box, "PRAGMA integrity_check")
        if rows != [["ok"]]:
            bad.append(rows)
        if script.bad:
            break
    return kills


def check_log(box, script):
    say = f"{box.mode}: "
    rows = query(box, "SELECT command, over, status FROM audit WHERE"
                 " instr(command, ?)", f"-{os.path.basename(box.top)}- ")
    seen = {}
    for command, over, status in rows:
        mark = command.split()[-2]
        seen.setdefault(mark, []).append((over, status))
    wrong = [(mark, status, seen.get(mark))
             for mark, status in script.told.items()
             if seen.get(mark) != [(1, status)]]
    ok(not wrong, say + "all that clients were told is in the log, once and "
       "true", f"seed {SEED}, {len(wrong)}: {wrong[:20]}")
    rest = [mark for mark in seen if mark not in script.told]
    ok(not rest, say + "and nothing that nobody was told", rest[:20])


def items(box):
    return json.loads(box.run("list", "--json").out)


def owned(box):
    return [row[0] for row in query(
        box, "SELECT name FROM sandbox JOIN owner ON owner.id = owner"
        " WHERE runtime = ?", box.path("run"))]


def check_sandboxes(box, script, inits):
    say = f"{box.mode}: "
    used = {key for key, home in zip(script.keys, script.homes) if home}
    listed = items(box)
    sessions = [item["session"] for item in listed]
    ok(len(sessions) == len(set(sessions)) and used <= set(sessions),
       say + "each session that is in use has one sandbox",
       f"seed {SEED}: {used} {listed}")
    names = sorted(item["name"] for item in listed)
    rows = owned(box)
    ok(sorted(rows) == names, say + "the database knows these and no others",
       f"{rows} {names}")
    # One that was removed may still be ending.
    ok(wait_for(lambda: len(named(box, "creel-init")) - inits == len(listed),
                30), say + "and so does the kernel",
       f"{named(box, 'creel-init')} {inits} {len(listed)}")
    moved = []
    for key, home in zip(script.keys, script.homes):
        result = box.run("exec", key, "--", "readlink", "/proc/self/ns/mnt")
        if home and result.out.strip() != home:
            moved.append((key, home, result))
    ok(not moved, say + "they are the same as before", moved)


def check_end(box, script, inits):
    say = f"{box.mode}: "
    for key in script.keys:
        box.run("rm", key)
    ok(items(box) == [] and owned(box) == [],
       say + "removed, they are forgotten", f"{items(box)} {owned(box)}")
    ok(wait_for(lambda: len(named(box, "creel-init")) == inits, 30),
       say + "and none is left", named(box, "creel-init"))


def check(box):
    say = f"{box.mode}: "
    config = {"agents": {"defaults": {"sandbox": {
        "mode": "all", "scope": "session",
        "workspaceRoot": box.path("work", "boxes"),
        "docker": {"setupCommand": ": >/tmp/set-up"}}}}}
    box.env["CREEL_CONFIG"] = box.path("work", "creel.json5")
    box.write("creel.json5", json.dumps(config))
    result = box.run("exec", f"agent:main:{box.key('first')}", "--", "true")
    if not ok(result.status == 0, say + "works", result):
        return
    box.run("rm", f"agent:main:{box.key('first')}")
    inits = len(named(box, "creel-init"))
    script = Script(box)
    bad = []
    workers = [threading.Thread(target=script.work) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    try:
        kills = kill_creeld(box, script, bad)
    finally:
        script.stop.set()
        for worker in workers:
            worker.join()
    ok(kills >= KILLS and not script.bad and len(script.told) > KILLS,
       say + f"creeld killed {KILLS} times, every command has its status",
       f"seed {SEED}, {kills} kills, {len(script.told)} commands:\n" +
       "\n".join(str(entry) for entry in script.bad))
    ok(not bad, say + "the database is whole after each", bad)
    check_log(box, script)
    check_sandboxes(box, script, inits)
    check_end(box, script, inits)


def main():
    print("# seed", SEED)
    for mode in modes():
        with Box(mode) as box:
            check(box)
    done()


main()
