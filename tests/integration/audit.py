#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The audit log: a record for whatever was asked, true, and nothing in it that
is nobody's business."""
import contextlib
import glob
import json
import os
import re
import signal

from harness import done, family, modes, ok, wait_for
from sessions_box import SessionBox

KEY = "agent:main:telegram:1"
SECRET = "tweety-0815"


def records(box, *args):
    return json.loads(box.run("logs", "--json", *args).out)


def last(box):
    found = records(box, "--limit", "1")
    return found[0] if found else {}


def check_record(box, args, want, status=0, name=None):
    """What one call leaves in the log."""
    result = box.run(*args)
    record = last(box)
    wrong = {key: (record.get(key), value) for key, value in want.items()
             if record.get(key) != value}
    who = re.fullmatch(r"pid \d+ \(creel\)", record.get("client", ""))
    return ok(result.status == status and not wrong and who and
              record.get("over"),
              f"{box.mode}: {name or ' '.join(args)}: is in the log",
              f"{wrong} {record} {result}")


def check_verbs(box):
    check_record(box, ("run", "--", "sh", "-c", "exit 3"),
                 {"tool": "run", "session": "", "status": 3,
                  "command": "sh -c exit 3", "decision": "allowed",
                  "sandboxed": True}, 3)
    check_record(box, ("exec", KEY, "--", "sh", "-c", "kill -9 $$"),
                 {"tool": "exec", "session": KEY, "agent": "main",
                  "status": 137, "decision": "allowed", "sandboxed": True},
                 137)
    check_record(box, ("exec", KEY, "--", "nothere"),
                 {"tool": "exec", "session": KEY, "status": 127}, 127)
    check_record(box, ("exec", "--timeout", "1", KEY, "--", "sleep", "30"),
                 {"tool": "exec", "status": 124}, 124)
    check_record(box, ("exec", "main", "--", "true"),
                 {"tool": "exec", "session": "agent:main:main",
                  "decision": "denied", "sandboxed": False, "status": 125,
                  "command": "true"}, 125, "exec of what is not sandboxed")
    ok("agents.defaults.sandbox.mode" in last(box).get("reason", ""),
       f"{box.mode}: and which key has decided", last(box))
    check_record(box, ("exec", "--host", "main", "--", "sh", "-c", "exit 5"),
                 {"tool": "exec", "session": "agent:main:main",
                  "decision": "allowed", "sandboxed": False, "status": 5}, 5)
    check_record(box, ("run", "--bind", "/etc:/x", "--", "ls", "/x"),
                 {"tool": "run", "decision": "denied", "status": 125,
                  "command": "ls /x"}, 125)
    for verb in ("pause", "resume"):
        # Without a cgroup it cannot be, which the log has to say, too.
        status = box.run(verb, KEY).status
        check_record(box, (verb, KEY), {"tool": verb, "session": KEY,
                                        "status": status}, status)
    check_record(box, ("media", "add", "--session", KEY, box.path("nothere")),
                 {"tool": "media", "session": KEY, "status": 1,
                  "command": box.path("nothere")}, 1, "media add")
    check_record(box, ("kill", KEY), {"tool": "kill", "session": KEY,
                                      "decision": "allowed", "status": 0})
    box.run("exec", KEY, "--", "true")
    check_record(box, ("recreate", "--session", KEY, "--force"),
                 {"tool": "recreate", "session": KEY})
    box.run("exec", KEY, "--", "true")
    check_record(box, ("rm", KEY), {"tool": "rm", "session": KEY})


def check_secrets(box):
    """Arguments are kept, the environment and what is printed are not."""
    say = f"{box.mode}: "
    box.run("exec", "--env", "TOKEN=" + SECRET, KEY, "--", "sh", "-c",
            "echo $TOKEN-printed; exit 0", "word-in-sight")
    record = last(box)
    ok(record["command"].endswith("word-in-sight"),
       say + "arguments are in the log", record)
    leaks = []
    for path in glob.glob(box.path("home", "state", "creel", "creel.db*")):
        with open(path, "rb") as file:
            if SECRET.encode() in file.read():
                leaks.append(path)
    ok(not leaks, say + "no value of the environment and no output is", leaks)
    box.run("exec", KEY, "--", "true", "x" * 5000)
    ok(len(last(box)["command"]) == 1024,
       say + "a long command is cut", len(last(box)["command"]))


def kill_creeld(box):
    killed = 0
    for pid in family(box.helpers()):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/comm", encoding="latin-1") as file:
                if file.read() == "creeld\n":
                    os.kill(pid, signal.SIGKILL)
                    killed += 1
    return killed


def check_restart(box):
    """Commands that outlive a creeld, inside and outside of sandboxes."""
    say = f"{box.mode}: creeld killed meanwhile: "
    for args in (("exec", KEY), ("exec", "--host", "main"), ("run",)):
        process = box.start(*args, "--", "sh", "-c",
                            "echo go; read line; exit 42")
        process.stdout.readline()
        running = [r for r in records(box) if not r["over"]]
        killed = kill_creeld(box)
        process.communicate(b"\n", timeout=30)
        found = records(box, "--limit", "1")
        ok(killed == 1 and process.returncode == 42 and
           len(running) == 1 and len(found) == 1 and
           found[0]["id"] == running[0]["id"] and found[0]["over"] and
           found[0]["status"] == 42,
           say + f"{' '.join(args)} has one record, which is true",
           f"{killed} {process.returncode} {running} {found}")
    ok(wait_for(lambda: all(r["over"] for r in records(box))),
       say + "nothing is left open")


def main():
    for mode in modes():
        with SessionBox(mode) as box:
            box.sandbox("mode: 'non-main', scope: 'session'")
            result = box.run("exec", KEY, "--", "true")
            if not ok(result.status == 0, f"{mode}: works", result):
                continue
            check_verbs(box)
            check_secrets(box)
            check_restart(box)
    done()


main()
