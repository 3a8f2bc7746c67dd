#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What nobody has used for long goes by itself, and leaves its workspace."""
from database import query
from harness import done, modes, ok, wait_for
from sessions_box import SessionBox

IDLE = "agent:main:idle"
BUSY = "agent:main:busy"
LOST = "agent:main:lost"
HOUR = 3600
# The first look is at a controller's first tick.
SECONDS = 20


def sessions(box):
    return sorted(item["session"] for item in box.items())


def check(box):
    say = f"{box.mode}: "
    box.sandbox("mode: 'all', scope: 'session', "
                "prune: { idleHours: 1, maxAgeDays: 0 }")
    box.sh(IDLE, "echo kept >file")
    result = box.sh(LOST, "true")
    if not ok(result.status == 0, say + "works", result):
        return
    # All go with the helper; the next creeld remembers what was lost.
    box.stop()
    box.sh(IDLE, "true")
    busy = box.start("exec", BUSY, "--", "sh", "-c", "echo go; sleep 60")
    busy.stdout.readline()
    ok(sessions(box) == [BUSY, IDLE] and
       query(box, "SELECT count(*) FROM sandbox") == [[3]],
       say + "two sandboxes live, a lost one is remembered", sessions(box))
    box.age(2 * HOUR)
    ok(wait_for(lambda: sessions(box) == [BUSY], SECONDS),
       say + "the idle one goes, the busy one stays", sessions(box))
    ok(wait_for(lambda: query(box, "SELECT scope_key FROM sandbox") ==
                [[BUSY]], SECONDS), say + "the lost one is forgotten",
       query(box, "SELECT scope_key FROM sandbox"))
    rows = query(box, "SELECT session, client FROM audit WHERE tool = 'prune'")
    ok(rows == [[IDLE, "creeld"]], say + "the log says that creeld did it",
       rows)
    result = box.sh(IDLE, "cat file")
    ok(result.out == b"kept\n" and b"lost" not in result.err,
       say + "its workspace has stayed, and nobody is told of a loss", result)
    busy.kill()
    busy.communicate()


def main():
    for mode in modes():
        with SessionBox(mode) as box:
            check(box)
    done()


main()
