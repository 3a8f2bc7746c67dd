#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sessions over time: setup, changes, restarts, losses, pruning, races."""
import contextlib
import json
import os
import re
import select
import signal
import sys
import time

from harness import done, family, modes, ok, parents, wait_for
from sessions_box import SessionBox

KEY = "agent:main:one"
SCALE = int(os.environ.get("CREEL_TEST_SCALE", "1"))
CLIENTS = 50 if SCALE == 1 else 20
MANY = 1 << 30 if SCALE == 1 else 100 << 20
HOUR = 3600


def set_up(box, command, more=""):
    box.sandbox("mode: 'all', scope: 'session', docker: { setupCommand: "
                f"\"{command}\", env: {{FOO: 'bar'}}, {more} }}")


def all_of(box, count, key, script="readlink /proc/self/ns/mnt"):
    """So many clients at the same time: their statuses and their outputs."""
    clients = [box.start("exec", key, "--", "sh", "-c", script)
               for _ in range(count)]
    ends = [client.communicate(timeout=60) for client in clients]
    return ([client.returncode for client in clients],
            {out for out, _ in ends}, [err for _, err in ends])


def check_setup(box):
    """setupCommand: once, before any other command, as the sandbox's user."""
    say = f"{box.mode}: "
    set_up(box, "id -u >>ran; echo $FOO >>ran; sleep 0.3; echo end >>ran")
    statuses, outs, errs = all_of(box, 5, KEY, "cat ran")
    ok(statuses == [0] * 5 and outs == {b"0\nbar\nend\n"},
       say + "setupCommand runs once, and everybody waits for it",
       (statuses, outs, errs))
    result = box.sh(KEY, "cat ran")
    ok(result.out == b"0\nbar\nend\n", say + "and never again", result)
    box.forget()
    set_up(box, "echo first; echo trouble >&2; exit 3")
    statuses, _, errs = all_of(box, 5, KEY)
    want = (b"creel: setupCommand (agents.defaults.sandbox.docker."
            b"setupCommand): exit 3: trouble\n")
    ok(statuses == [125] * 5 and all(want in err for err in errs),
       say + "a setupCommand that fails: all who wait are told",
       (statuses, errs))
    ok(not box.items(), say + "and nothing is left of it", box.items())
    set_up(box, "sleep 60", "setupTimeout: '1s'")
    start = time.monotonic()
    result = box.sh(KEY, "true")
    ok(result.status == 125 and b"timed out" in result.err and
       time.monotonic() - start < 20 and not box.items(),
       say + "one that hangs is ended by setupTimeout", result)
    set_up(box, f"head -c {MANY} /dev/zero; echo; echo last words; exit 4")
    result = box.sh(KEY, "true")
    ok(result.status == 125 and b"exit 4: last words" in result.err,
       say + "one that prints much costs nothing", result)
    pid = box.creeld()[0]
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        peak = int(re.search(r"VmHWM:\s+(\d+)", file.read())[1])
    ok(peak < 64 << 10, say + "not even memory", f"{peak} KiB")
    set_up(box, r"printf 'a\\033[31m\\n'; exit 5")
    result = box.sh(KEY, "true")
    ok(re.fullmatch(rb"[\x20-\x7e\n]*", result.err),
       say + "what it printed garbles no terminal", result)


def check_setup_killed(box):
    """creeld dies while a setup runs: the sandbox is not taken for ready."""
    say = f"{box.mode}: "
    set_up(box, "echo begun >>ran; sleep 1; echo end >>ran")
    client = box.start("exec", KEY, "--", "cat", "ran")
    folder = lambda: [name for name in os.listdir(box.root)
                      if os.path.exists(f"{box.root}/{name}/ran")]
    wait_for(folder, 30)
    box.kill_creeld()
    out, err = client.communicate(timeout=30)
    ok(client.returncode == 0 and out.endswith(b"begun\nend\n"),
       say + "creeld dies during setup: it is made anew, for the same client",
       (client.returncode, out, err))
    ok(len(box.items()) == 1, say + "and there is one sandbox", box.items())
    box.forget()
    for name in folder():
        os.unlink(f"{box.root}/{name}/ran")


def check_change(box):
    """A changed configuration rebuilds it, but not within five minutes."""
    say = f"{box.mode}: "
    conf = "mode: 'all', scope: 'session', docker: { env: {FOO: '%s'} }"
    box.sandbox(conf % "old")
    first = box.id_of(KEY)
    box.sandbox(conf % "new")
    result = box.sh(KEY, "echo $FOO")
    ok(result.out == b"old\n" and box.id_of(KEY) == first and
       f"`creel recreate --session {KEY}' applies it".encode() in result.err,
       say + "used within 5 minutes: the old one stays, and that is told",
       result)
    ok(box.items()[0].get("config_match") is False,
       say + "list says that the configuration has changed", box.items())
    busy = box.start("exec", KEY, "--", "sleep", "300")
    wait_for(lambda: box.items()[0]["commands"] == 1, 20)
    box.age(400)
    result = box.sh(KEY, "echo $FOO")
    ok(result.out == b"old\n" and b"applies it" in result.err,
       say + "not while a command runs", result)
    busy.kill()
    busy.communicate()
    wait_for(lambda: box.items()[0]["commands"] == 0, 30)
    box.age(400)
    result = box.sh(KEY, "echo $FOO")
    ok(result.out == b"new\n" and box.id_of(KEY) != first and
       b"made anew" in result.err,
       say + "unused for 5 minutes: it is made anew", result)
    ok(box.items()[0].get("config_match") is True and
       not box.run("exec", KEY, "--", "true").err,
       say + "and then it is what the configuration says")
    box.forget()


def check_recreate(box):
    """recreate: --session, --agent, --all; the workspace stays."""
    say = f"{box.mode}: "
    box.sandbox("mode: 'all', scope: 'session'", "{id: 'a'}, {id: 'b'}")
    keys = ("agent:a:1", "agent:a:2", "agent:b:1")
    seen = {key: box.id_of(key) for key in keys}
    box.sh("agent:a:1", "echo kept >file")
    for args, want in ((("--session", "agent:a:1"), {"agent:a:1"}),
                       (("--agent", "a"), {"agent:a:1", "agent:a:2"}),
                       (("--all",), set(keys))):
        result = box.run("recreate", "--force", *args)
        now = {key: box.id_of(key) for key in keys}
        changed = {key for key in keys if now[key] != seen[key]}
        ok(result.status == 0 and changed == want,
           say + "recreate " + args[0], (result, changed))
        seen = now
    ok(box.sh("agent:a:1", "cat file").out == b"kept\n",
       say + "the workspace stays")
    box.forget()


def check_prune(box):
    """prune.idleHours and maxAgeDays; 0 and 0 are off; never a busy one."""
    say = f"{box.mode}: "
    conf = "mode: 'all', scope: 'session', prune: { idleHours: %s, " \
           "maxAgeDays: %s }"
    for idle, age, hours, gone in ((1, 0, 2, True), (1, 0, 0.5, False),
                                   (0, 1, 30, True), (0, 1, 20, False),
                                   (0, 0, 1000, False)):
        box.sandbox(conf % (idle, age))
        box.sh(KEY, "echo kept >file")
        box.age(hours * HOUR)
        dry = box.run("prune", "--dry-run")
        still = len(box.items())
        result = box.run("prune")
        ok(still == 1 and len(box.items()) == (0 if gone else 1) and
           (b"agent-main-one" in dry.out) == gone and result.status == 0,
           say + f"idleHours {idle}, maxAgeDays {age}, unused for {hours} h",
           (dry, result, box.items()))
        box.forget()
    box.sandbox(conf % (0, 0))
    box.sh(KEY, "true")
    box.age(2 * HOUR)
    box.sandbox(conf % (1, 0))
    box.run("prune")
    ok(not box.items(), say + "what the configuration says now counts",
       box.items())
    box.sandbox(conf % (1, 1))
    result = box.sh(KEY, "cat file")
    ok(result.out == b"kept\n" and b"lost" not in result.err,
       say + "the workspace stays, and nobody is told of a loss", result)
    busy = box.start("exec", KEY, "--", "sleep", "300")
    wait_for(lambda: box.items()[0]["commands"] == 1, 20)
    box.age(100 * HOUR)
    box.run("prune")
    ok(len(box.items()) == 1, say + "one that works is never pruned")
    busy.kill()
    busy.communicate()
    box.forget()


def check_restart(box):
    """kill -9 of creeld: the sandbox stays, with what it was made with."""
    say = f"{box.mode}: "
    profile = box.path("home", "profile.json")
    with open(profile, "w", encoding="ascii") as file:
        file.write('{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names":'
                   ' ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}')
    box.sandbox("mode: 'all', scope: 'session', docker: "
                "{ env: {FOO: 'bar'}, workdir: '/here', user: '1234:1234',"
                f" seccompProfile: '{profile}' }}")
    script = ("readlink /proc/self/ns/mnt; echo $FOO; pwd; id -u;"
              " mkdir /tmp/d 2>/dev/null || echo denied")
    first = box.sh(KEY, script)
    ok(b"bar\n/here\n1234\ndenied\n" in first.out, say + "as configured",
       first)
    box.kill_creeld()
    again = box.sh(KEY, script)
    ok(again.out == first.out and not again.err,
       say + "the next creeld runs commands in the same sandbox", again)
    box.unconfigure()
    box.kill_creeld()
    name = [line for line in box.run("list").out.split()
            if b"agent-main-one" in line][0].decode()
    again = box.sh(name, script)
    ok(again.out == first.out,
       say + "as it was made, whatever the configuration says now", again)
    ok(box.run("rm", name).status == 0, say + "rm by its name")


def lose(box):
    """The helper dies, and every sandbox with it."""
    roots = box.helpers()
    everyone = family(roots)
    for pid in roots:
        # Some of them end with another.
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not everyone & set(parents()), 30)


def check_used(box):
    """When a session and its sandbox were used last, in the store."""
    like = f"%{os.path.basename(box.top)}%"
    box.sandbox("mode: 'all', scope: 'agent'")
    for key in (KEY, "agent:main:two"):
        box.sh(key, "true")
    before = int(time.time() * 1000)
    box.sh("agent:main:two", "true")
    for pid in box.creeld():
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda pid=pid: pid not in box.creeld(), 30)
    used = dict(box.database("SELECT key, used_ms FROM session"
                             " WHERE config LIKE ?", (like,)))
    boxes = box.database("SELECT used_ms FROM sandbox WHERE config LIKE ?",
                         (like,))
    ok(used.get(KEY, before) < before <= used.get("agent:main:two", 0) and
       [row[0] >= before for row in boxes] == [True],
       f"{box.mode}: a use that was not written yet is when creeld ends",
       (before, used, boxes))
    box.forget()


def check_lost(box):
    """A loss is told once; an end that somebody asked for never."""
    say = f"{box.mode}: "
    box.sandbox("mode: 'all', scope: 'session'")
    first = box.id_of(KEY)
    lose(box)
    box.run("list")
    box.kill_creeld()
    result = box.sh(KEY, "true")
    ok(result.status == 0 and b"was lost" in result.err and
       box.id_of(KEY) not in ("", first), say + "a sandbox that was lost is told of", result)
    result = box.sh(KEY, "true")
    ok(not result.err, say + "once", result)
    lose(box)
    ok(box.run("rm", KEY).status == 0 and
       b"lost" not in box.sh(KEY, "true").err,
       say + "rm of a lost one forgets it")
    for verb in ("kill", "rm"):
        box.run(verb, KEY)
        box.kill_creeld()
        result = box.sh(KEY, "true")
        ok(result.status == 0 and not result.err,
           say + f"creel {verb} loses nothing", result)
    box.forget()


def check_broken(box):
    """A configuration that becomes invalid: the old one stays in force."""
    say = f"{box.mode}: "
    box.configure("{ agents: { list: [ {id: 'a'}, {id: 'a'} ] },")
    box.kill_creeld()
    result = box.sh(KEY, "true")
    ok(result.status == 125 and
       re.search(rb"creel\.json5:\d+:\d+: ", result.err) and
       b"hint: creel config check" in result.err,
       say + "invalid from the start: file, line, column", result)
    box.sandbox("mode: 'all', scope: 'session', docker: {env: {FOO: 'bar'}}")
    ok(box.sh(KEY, "echo $FOO").out == b"bar\n",
       say + "repaired: it is used at once")
    box.configure("{ agents: nonsense }")
    result = box.sh(KEY, "echo $FOO")
    ok(result.out == b"bar\n" and not result.err,
       say + "broken again: the old one stays in force", result)
    result = box.sh("agent:main:fresh", "echo $FOO")
    ok(result.out == b"bar\n", say + "also for new sandboxes", result)
    result = box.run("doctor")
    ok(b"the one before is in force" in result.out and
       b"creel.json5:1:" in result.out, say + "doctor says so", result)
    box.sandbox("mode: 'off'")
    ok(b"the one before" not in box.run("doctor").out,
       say + "mended: doctor is content again")
    ok(b"is not sandboxed" in box.sh(KEY, "true").err,
       say + "a valid change counts at once")
    box.forget()


def check_race(box):
    """Concurrent first uses of one session make one sandbox."""
    say = f"{box.mode}: "
    box.sandbox("mode: 'all', scope: 'agent'")
    statuses, outs, errs = all_of(box, CLIENTS, KEY)
    ok(statuses == [0] * CLIENTS and len(outs) == 1 and len(box.items()) == 1,
       say + f"{CLIENTS} clients, one fresh session: one sandbox",
       (statuses, outs, errs))
    box.forget()
    clients = [box.start("exec", "--tmpfs", f"/{name}", KEY, "--", "true")
               for name in ("x", "y", "x", "y")]
    errs = [client.communicate(timeout=60)[1] for client in clients]
    good = [client.returncode == 0 for client in clients]
    ok(good[0] == good[2] != good[1] == good[3] and
       any(b"--tmpfs" in err for err in errs),
       say + "flags of those who wait are compared, too", errs)
    killed = box.run("kill", KEY)
    ok(killed.status == 0 and not box.items(), say + "killed", killed)
    set_up(box, "sleep 5")
    client = box.start("exec", KEY, "--", "true")
    wait_for(box.items, 30)
    box.run("kill", KEY)
    out, err = client.communicate(timeout=20)
    ok(client.returncode == 137 and not box.items(),
       say + "killed while its setup runs", (client.returncode, out, err))


def check_events(box):
    """creel events: what happens, in its order."""
    say = f"{box.mode}: "
    box.unconfigure()
    events = box.start("events", "--json")
    # Until it is heard: nothing else says that somebody listens.
    while not select.select([events.stdout], [], [], 0.1)[0]:
        box.run("run", "--", "true")
    set_up(box, "true")
    box.sh(KEY, "true")
    # Only where there are control groups.
    paused = box.run("pause", KEY).status == 0 and \
        box.run("resume", KEY).status == 0
    set_up(box, "exit 4")
    box.sh("agent:main:two", "true")
    box.configure("{")
    box.sh(KEY, "true")
    box.run("recreate", "--all", "--force")
    box.run("run", "--name", "last", "--", "true")
    out = []
    for line in events.stdout:
        event = json.loads(line)
        out.append(event["event"])
        if event["event"] == "removed" and event["sandbox"] == "last":
            break
    events.kill()
    events.communicate()
    out = out[out.index("config"):]
    want = ["config", "created", "exec", "ready", "exited"]
    want += ["paused", "resumed"] if paused else []
    want += ["config", "created", "exec", "exited", "removed",
             "config", "exec", "exited", "recreated", "removed",
             "created", "exec", "ready", "exited", "removed"]
    ok(out == want, say + "events are told in their order", out)


CHECKS = (check_setup, check_setup_killed, check_change, check_recreate,
          check_prune, check_restart, check_used, check_lost, check_broken,
          check_race, check_events)

for mode in modes():
    with SessionBox(mode) as BOX:
        for check in CHECKS:
            if len(sys.argv) < 2 or check.__name__ in sys.argv:
                check(BOX)
done()
