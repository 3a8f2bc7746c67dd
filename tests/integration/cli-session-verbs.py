#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The verbs about sessions: list, recreate, prune, logs, events."""
import json
import os
import re
import time

from harness import done, modes, ok, wait_for
from sessions_box import SessionBox

SCOPED = "mode: 'all', scope: 'session'"
AGENTS = "{id: 'main', default: true}, {id: 'work', sandbox: {scope: 'agent'}}"


def item_of(box, session, *args):
    found = [item for item in box.items(*args) if item["session"] == session]
    return found[0] if found else {}


def names(box):
    return {item["session"] for item in box.items()}


def check_list(box, one, two):
    say = f"{box.mode}: list: "
    ok(box.run("exec", one, "--", "true").status == 0 and
       box.run("exec", two, "--", "true").status == 0 and
       box.run("exec", "agent:work:x", "--", "true").status == 0,
       say + "three sessions are used")
    result = box.run("list")
    lines = result.out.decode().splitlines()
    ok(result.status == 0 and lines[0].split() ==
       ["NAME", "SESSION", "SCOPE", "IMAGE", "STATE", "AGE", "IDLE",
        "CONFIG"], say + "the columns have their titles", lines[:1])
    line = next((line for line in lines if one in line), "")
    ok(re.search(r"\S+ +" + re.escape(one) +
                 r" +session +host +idle +\d+s +\d+s +current$", line),
       say + "a session's line says what it has", line)
    ok(any(re.search(r" agent:work +agent +host ", line) for line in lines),
       say + "sessions of one agent's scope are one line", lines)
    item = item_of(box, one)
    ok(item.get("agent") == "main" and item.get("scope") == "session" and
       item.get("config") == box.config and item["config_match"] is True and
       item["kind"] == "session" and item["appeared"] == [],
       say + "JSON has session, agent, scope, configuration and match", item)
    ok(box.run("sandbox", "list").out.split(b"\n")[0] ==
       result.out.split(b"\n")[0], say + "sandbox list is the same")
    result = box.run("sandbox", "explain", "--session", one)
    ok(result.status == 0 and
       result.out == box.run("explain", "--session", one).out,
       say + "and sandbox explain is explain", result)


def check_list_kinds(box):
    say = f"{box.mode}: list: "
    box.unconfigure()
    box.run("exec", "plain", "--", "true")
    lines = box.run("list").out.decode().splitlines()
    ok(any(re.match(r"plain +- +named +host +idle .* -$", line)
           for line in lines), say + "a named sandbox has no session", lines)
    box.run("rm", "plain")


def check_list_all(box, one):
    say = f"{box.mode}: list --all: "
    box.run("rm", one)
    wait_for(lambda: not item_of(box, one))
    item = item_of(box, one, "--all")
    ok(item.get("state") == "none" and item["id"] == "" and
       not item_of(box, one),
       say + "a session without a sandbox is there with --all alone", item)
    line = next((line for line in box.run("list", "--all").out.decode()
                 .splitlines() if one in line), "")
    ok(re.search(r" none +- +- +-$", line), say + "and has no age", line)
    box.run("exec", one, "--", "true")


def check_terminal(box, one):
    say = f"{box.mode}: list: "
    for width in (60, 80, 200):
        result = box.tty([box.creel, "list"], [], size=(24, width))
        lines = result.out.decode().replace("\r", "").splitlines()
        longest = max(map(len, lines), default=0)
        ok(result.status == 0 and 0 < longest <= width and
           all(line.split()[-1] in ("CONFIG", "current", "-")
               for line in lines),
           say + f"it fits a terminal of {width} columns", lines)
    ok(any("~" in line for line in
           box.tty([box.creel, "list"], [], size=(24, 60)).out.decode()
           .splitlines()) and one in box.run("list").out.decode(),
       say + "what is cut is marked, and whole elsewhere")


def check_recreate_asks(box, one):
    say = f"{box.mode}: recreate: "
    before = box.id_of(one)
    result = box.run("recreate", "--all")
    ok(result.status == 2 and b"no terminal" in result.err and
       b"hint: --force" in result.err and box.id_of(one) == before,
       say + "nobody can be asked: refused", result)
    result = box.tty([box.creel, "recreate", "--session", one],
                     [(b"[y/N] ", b"n\n")])
    ok(result.status == 1 and one.encode() in result.out and
       b"Remove 1 sandbox?" in result.out and
       b"nothing was removed" in result.out and box.id_of(one) == before,
       say + "it asks, and no is no", result)
    result = box.tty([box.creel, "recreate", "--session", one],
                     [(b"[y/N] ", b"\n")])
    ok(result.status == 1 and box.id_of(one) == before,
       say + "an empty answer is no", result)
    result = box.tty([box.creel, "recreate", "--session", one],
                     [(b"[y/N] ", b"y\n")])
    ok(result.status == 0 and b"\nremoved " in result.out and
       box.id_of(one) not in (before, None, "", b""), say + "and yes is yes", result)


def check_recreate(box, one, two):
    say = f"{box.mode}: recreate: "
    for args in ((), ("--all", "--agent", "main"),
                 ("--session", one, "--agent", "main"), ("--force",)):
        result = box.run("recreate", *args)
        ok(result.status == 2 and b"expected one of" in result.err,
           say + f"{' '.join(args[::2]) or 'nothing'}: what is meant?", result)
    box.sandbox(SCOPED + ", docker: {env: {X: 'new'}}", AGENTS)
    ok(wait_for(lambda: item_of(box, one).get("config_match") is False) and
       any(one in line and line.endswith("changed") for line in
           box.run("list").out.decode().splitlines()),
       say + "list says that the configuration has changed", box.items())
    result = box.run("recreate", "--session", one, "--force")
    ok(result.status == 0 and result.out.startswith(b"removed ") and
       f"({one})".encode() in result.out and result.out.count(b"\n") == 1,
       say + "it says what was removed", result)
    result = box.sh(one, "echo $X")
    ok(result.out == b"new\n" and item_of(box, one)["config_match"] is True and
       item_of(box, two)["config_match"] is False,
       say + "the next use has the configuration of now", result)
    result = box.run("recreate", "--agent=work", "--force", "--json")
    told = json.loads(result.out)
    ok([item["session"] for item in told] == ["agent:work"] and
       wait_for(lambda: names(box) == {one, two}),
       say + "--agent: that agent's alone, as JSON", result)
    result = box.run("sandbox", "recreate", "--all", "--force")
    ok(result.status == 0 and result.out.count(b"removed ") == 2 and
       wait_for(lambda: not names(box)), say + "--all: every one", result)
    result = box.run("recreate", "--all", "--force")
    ok(result.status == 0 and result.out == b"nothing to remove\n",
       say + "none is left", result)


def check_prune(box, one, two):
    say = f"{box.mode}: prune: "
    idle = 2
    box.sandbox(SCOPED, "{id: 'main', sandbox: {prune: {idleHours: %f}}},"
                "{id: 'work', sandbox: {prune: {idleHours: 0,"
                " maxAgeDays: 0}}}" % (idle / 3600))
    # A creeld prunes when it begins, and then for a minute not by itself.
    box.kill_creeld()
    box.run("exec", one, "--", "true")
    time.sleep(idle + 1)
    box.run("exec", one, "--", "true")
    box.run("exec", "agent:work:y", "--", "true")
    busy = box.start("exec", two, "--", "sh", "-c", "echo up; cat")
    busy.stdout.read(1)
    for _ in range(20):
        used = time.monotonic()
        box.run("exec", one, "--", "true")
        result = box.run("prune", "--dry-run")
        # Not where the machine was so slow that it is idle by now.
        if time.monotonic() - used < idle:
            break
    ok(result.status == 0 and one.encode() not in result.out,
       say + "what was just used is not due", result)
    time.sleep(idle + 0.5)
    result = box.run("prune", "--dry-run")
    ok(result.status == 0 and f"({one})".encode() in result.out and
       b"would remove " in result.out and two.encode() not in result.out and
       b"agent:work" not in result.out and item_of(box, one),
       say + "--dry-run names what is due and removes nothing", result)
    result = box.run("prune", "--json")
    told = [item["session"] for item in json.loads(result.out)]
    ok(result.status == 0 and one in told and two not in told and
       wait_for(lambda: not item_of(box, one)) and
       item_of(box, "agent:work:y"), say + "then it is gone", result)
    busy.communicate(b"", 30)
    box.forget()


def logs(box, *args):
    return json.loads(box.run("logs", "--json", *args).out)


def check_logs(box, one, two):
    say = f"{box.mode}: logs: "
    box.sandbox(SCOPED, AGENTS)
    time.sleep(1.1)  # moments are given in seconds
    begin = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    box.sh(one, "exit 7")
    box.sh(two, "echo '\033[31m\u202e'; exit 1")
    records = logs(box, "--session", one, "--since", begin)
    ok([record["status"] for record in records] == [7] and
       records[0]["tool"] == "exec" and records[0]["over"] and
       records[0]["decision"] == "allowed" and records[0]["sandboxed"] and
       "exit 7" in records[0]["command"] and records[0]["agent"] == "main" and
       records[0]["time"].endswith("Z"),
       say + "a command is there with its end", records)
    lines = box.run("logs", "--session", one, "--since", begin).out.decode()
    ok(re.search(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  .*  exec +7 +\S+s +\S+ +"
                 r"sh -c exit 7$", lines, re.M), say + "and as a line", lines)
    ok(re.fullmatch(r"[\x20-\x7e\n]*", box.run(
        "logs", "--session", two, "--since", begin).out.decode()),
       say + "what could steer a terminal is escaped")
    ok(len(logs(box, "--session", one[:-1] + "*", "--since", begin)) >= 1,
       say + "a star is any end of a key")
    ok(not logs(box, "--session", one, "--since", begin, "--tool", "shell") and
       logs(box, "--session", one, "--since", begin, "--tool", "exec"),
       say + "--tool")
    ok(not logs(box, "--session", one, "--since", begin, "--agent", "work") and
       logs(box, "--session", one, "--since", begin, "--agent", "main"),
       say + "--agent")
    ok(not logs(box, "--session", one, "--until", begin, "--since",
                "@" + str(int(records[0]["time_ms"] / 1000) - 1)) or
       not [record for record in logs(box, "--session", one, "--until", begin)
            if record["id"] == records[0]["id"]], say + "--until")
    ok([record["status"] for record in
        logs(box, "--session", one, "--limit", "1")] == [7],
       say + "--limit: the last ones")
    ok(not logs(box, "--session", "nobody:at:all"), say + "none: no record")
    box.sh(one, f"exit 7; {'long ' * 60}")
    for width in (72, 80, 140):
        result = box.tty([box.creel, "logs", "--session", one], [],
                         size=(24, width))
        lines = result.out.decode().replace("\r", "").splitlines()
        longest = max(map(len, lines), default=0)
        ok(result.status == 0 and longest == width and
           lines[-1].endswith("~") and " exec " in lines[-1] and
           re.search(r" 7 +\S+s ", lines[-1]),
           say + f"it fits a terminal of {width} columns", lines[-3:])
    text = box.run("logs", "--session", one).out.decode()
    ok(one in text and "long " * 10 in text, say + "elsewhere it is whole")


def check_logs_denied(box):
    say = f"{box.mode}: logs: "
    box.sandbox("mode: 'non-main'", AGENTS)
    box.run("exec", "main", "--", "true")
    found = logs(box, "--session", "main", "--limit", "1")
    ok(found and found[0]["session"] == "agent:main:main" and
       found[0]["decision"] == "denied" and "non-main" in found[0]["reason"],
       say + "main is the main session, and why it was denied is told", found)
    ok(" denied " in box.run("logs", "--session=main", "--limit=1")
       .out.decode(), say + "as a line, too")
    for args in (("--since", "yesterday"), ("--since", "2026-02-30"),
                 ("--until", "12:00"), ("--limit", "0"), ("--limit", "x"),
                 ("--since", "2026-01-01T00:00:00+9"), ("word",)):
        result = box.run("logs", *args)
        ok(result.status == 2 and args[-1].encode() in result.err,
           say + f"{' '.join(args)} is no use", result)
    for when in ("10m", "3d", "2026-01-01", "2026-01-01 10:00",
                 "2026-01-01T10:00:00Z", "2026-01-01T10:00:00+02:00",
                 "@1700000000"):
        result = box.run("logs", "--since", when, "--limit", "1")
        ok(result.status == 0, say + f"--since {when}", result)


def read_until(process, wanted, seconds=20):
    """Lines of a process, until wanted(line) was true of one.  Half a line is
    kept for the next time."""
    lines = []
    end = time.monotonic() + seconds
    os.set_blocking(process.stdout.fileno(), False)
    rest = getattr(process, "rest", b"")
    while time.monotonic() < end:
        data = process.stdout.read() or b""
        rest += data
        *whole, rest = rest.split(b"\n")
        process.rest = rest
        lines += [line.decode() for line in whole]
        if any(map(wanted, lines)):
            return lines
        time.sleep(0.02)
    return lines + ["<timed out>"]


def check_follow(box, one):
    say = f"{box.mode}: logs --follow: "
    box.sandbox(SCOPED, AGENTS)
    box.sh(one, "exit 0")
    process = box.start("logs", "-f", "--json", "--session", one, "--limit",
                        "1")
    read_until(process, lambda line: '"status":0' in line)
    box.sh(one, "exit 21")
    lines = read_until(process, lambda line: '"status":21' in line)
    records = [json.loads(line) for line in lines if "exit 21" in line]
    ok([record["over"] for record in records] == [False, True] and
       records[0]["status"] is None,
       say + "a command is told when it begins and when it ends", lines)
    box.kill_creeld()
    box.sh(one, "exit 22")
    box.sh(one, "exit 23")
    lines = read_until(process, lambda line: '"status":23' in line)
    ok(sum('"status":22' in line for line in lines) == 1 and
       not any("exit 21" in line or "<timed" in line for line in lines),
       say + "it goes on after creeld was killed, and tells nothing twice",
       lines)
    process.terminate()
    process.communicate()


def check_events(box, one):
    say = f"{box.mode}: events: "
    process = box.start("events", "--follow", "--json")
    wait_for(lambda: box.creeld())
    lines = []
    # Who begins to listen in the midst of a command hears its end alone.
    for i in range(50):
        box.sh(one, "exit 9")
        lines += read_until(process, lambda line: '"exited"' in line, 0.2)
        if all(any(f'"{name}"' in line for line in lines)
               for name in ("exec", "exited")):
            break
    events = [json.loads(line) for line in lines if line.startswith("{")]
    ok(any(event["event"] == "exec" for event in events) and
       any(event["event"] == "exited" and event["session"] for event in
           events) and all(event["time"].endswith("Z") for event in events),
       say + "a command's begin and end", lines)
    box.run("rm", one)
    lines = read_until(process, lambda line: '"removed"' in line)
    ok(lines[-1] != "<timed out>", say + "a sandbox's end", lines)
    process.terminate()
    process.communicate()
    process = box.start("events")
    for i in range(50):
        box.sh(one, "exit 9")
        lines = read_until(process, lambda line: " exited " in line, 0.2)
        if lines[-1] != "<timed out>":
            break
    ok(any(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  exited \S+ \(.*\)",
                    line) for line in lines), say + "as lines", lines)
    process.stdout.close()
    ended = False
    for i in range(50):
        box.sh(one, "true")
        ended = wait_for(lambda: process.poll() is not None, 0.2)
        if ended:
            break
    ok(ended and process.returncode == 1 and not process.stderr.read(),
       say + "it ends with its reader, without a word", process.returncode)
    process.kill()


def check_mode(mode):
    with SessionBox(mode) as box:
        mark = box.key("x").split(":")[0]
        one, two = f"agent:main:{mark}:one", f"agent:main:{mark}:two"
        box.sandbox(SCOPED, AGENTS)
        check_list(box, one, two)
        check_list_all(box, one)
        check_terminal(box, one)
        check_recreate_asks(box, one)
        check_recreate(box, one, two)
        check_prune(box, one, two)
        check_logs(box, one, two)
        check_logs_denied(box)
        check_follow(box, one)
        check_events(box, one)
        box.forget()
        check_list_kinds(box)


def main():
    for mode in modes():
        check_mode(mode)
    done()


if __name__ == "__main__":
    main()
