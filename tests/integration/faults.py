#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What happens to commands when a process of creel's is killed.

Prints its seed; CREEL_TEST_SEED repeats it, CREEL_TEST_SCALE=1 does it all.
"""
import contextlib
import os
import random
import signal
import subprocess
import time

from harness import Box, done, family, modes, ok, wait_for

SCALE = int(os.environ.get("CREEL_TEST_SCALE", "100"))
SEED = int(os.environ.get("CREEL_TEST_SEED", random.SystemRandom().randrange(1 << 32)))
ROUNDS = max(3, 300 // SCALE)
RANDOM = random.Random(SEED)
# A helper gives a controller up that lives shorter again and again.
LIVES_SECONDS = 1.2
SCRIPT = "echo go; read line; exit 42"


def comm(pid):
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/comm", encoding="latin-1") as file:
            return file.read().strip()
    return ""


def named(box, name):
    """The processes of the box that are called so."""
    return [pid for pid in family(box.helpers()) if comm(pid) == name]


def kill_all(box, name):
    pids = named(box, name)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return len(pids)


def kill_in_phase(box, phase, argv):
    """One command, and creeld killed once; (killed, status, stderr)."""
    process = box.start(*argv, "sh", "-c", SCRIPT)
    killed = 0
    if phase == "start":
        time.sleep(RANDOM.uniform(0, 0.006))
        killed = kill_all(box, "creeld")
    go = process.stdout.readline()
    if phase == "running":
        killed = kill_all(box, "creeld")
        time.sleep(RANDOM.uniform(0, 0.05))
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(b"\n")
        process.stdin.flush()
    if phase == "end":
        time.sleep(RANDOM.uniform(0, 0.004))
        killed = kill_all(box, "creeld")
    try:
        _, err = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return killed, "hangs", b""
    return killed, process.returncode, err if go == b"go\n" else b"no output"


def no_run(box):
    """Where creeld died at the end of one its client has half a minute."""
    return wait_for(lambda: b"run-" not in box.run("list").out, 60)


def check_creeld(box):
    """Commands survive it, clients come back and get the true status."""
    key = box.key("kept")
    box.run("exec", key, "--", "true")
    for phase in ("start", "running", "end"):
        for verb in (["run", "--"], ["exec", key, "--"]):
            bad, kills = [], 0
            for i in range(ROUNDS):
                killed, status, err = kill_in_phase(box, phase, verb)
                kills += killed
                if status != 42 or err:
                    bad.append((i, status, err))
                if i % 3 == 2:
                    time.sleep(LIVES_SECONDS)
            ok(not bad and kills > 0,
               f"{box.mode}: creeld killed in phase {phase} of {verb[0]}, "
               f"the status is true", f"seed {SEED}, {kills} kills: {bad}")
    result = box.run("list")
    ok(key.encode() in result.out, f"{box.mode}: the next creeld knows the "
       "sandbox", result)
    ok(no_run(box), f"{box.mode}: and no sandbox of a run is left",
       box.run("list"))
    box.run("rm", key)


def background(box, key):
    process = box.start("exec", key, "--", "sh", "-c",
                        "echo go; exec sleep 60", stdin=subprocess.DEVNULL)
    return process, process.stdout.readline() == b"go\n"


def check_lost(box, name, what):
    """All of the sandbox is gone, the next call says so and makes it anew."""
    say = f"{box.mode}: {what} killed: "
    key = box.key("lost")
    process, went = background(box, key)
    # The shell says go before it becomes the sleep.
    wait_for(lambda: named(box, "sleep"))
    inside = named(box, "sleep")
    ok(went and inside, say + "the command ran before", inside)
    kill_all(box, name)
    try:
        _, err = process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        _, err = process.communicate()
    ok(process.returncode == 125 and b" gone" in err,
       say + "its client is told", f"{process.returncode} {err}")
    ok(wait_for(lambda: not any(os.path.exists(f"/proc/{pid}")
                                for pid in inside)),
       say + "nothing of the sandbox runs on", inside)
    result = box.run("exec", key, "--", "echo", "new")
    ok(result.status == 0 and result.out == b"new\n" and b"lost" in result.err,
       say + "the next exec says so and makes it anew", result)
    result = box.run("exec", key, "--", "echo", "same")
    ok(result.status == 0 and not result.err,
       say + "and the one after says nothing", result)
    box.run("rm", key)


def check_client(box):
    """kill -9 of a client takes its command's whole tree along."""
    say = f"{box.mode}: client killed: "
    key = box.key("client")
    for argv in (["run", "--"], ["exec", key, "--"]):
        process = box.start(*argv, "sh", "-c",
                            "sleep 61 & (setsid sleep 61 &) ; echo go; sleep 61",
                            stdin=subprocess.DEVNULL)
        process.stdout.readline()
        wait_for(lambda: len(named(box, "sleep")) == 3)
        before = len(named(box, "sleep"))
        process.kill()
        process.communicate()
        ok(before == 3 and wait_for(lambda: not named(box, "sleep")),
           say + f"the tree of {argv[0]} dies", named(box, "sleep"))
    ok(no_run(box), say + "the sandbox of run is removed", box.run("list"))
    box.run("rm", key)


def check_names(box):
    """One name is one sandbox."""
    say = f"{box.mode}: "
    key = box.key("race")
    starts = [box.start("exec", key, "--", "readlink", "/proc/self/ns/mnt")
              for _ in range(8)]
    outs = {process.communicate(timeout=30)[0] for process in starts}
    ok(len(outs) == 1 and outs != {b""},
       say + "eight first uses of a name make one sandbox", outs)
    process = box.start("run", "--name", "twice", "--", "sh", "-c",
                        "echo go; read line")
    process.stdout.readline()
    result = box.run("run", "--name", "twice", "--", "true")
    ok(result.status == 125 and b"twice" in result.err,
       say + "a second run of a name is refused", result)
    process.communicate(b"\n", timeout=20)
    result = box.run("run", "--name", "twice", "--", "true")
    ok(result.status == 0, say + "and may have it afterwards", result)
    result = box.run("exec", "--hostname", "other", key, "--", "true")
    ok(result.status == 125 and b"--hostname" in result.err,
       say + "another flag than it was made with is refused", result)
    process, _ = background(box, key)
    box.run("kill", key)
    process.communicate(timeout=20)
    ok(process.returncode == 137, say + "kill ends its commands",
       process.returncode)
    result = box.run("exec", key, "--", "true")
    ok(result.status == 0 and b"lost" not in result.err,
       say + "which is no loss", result)
    box.run("rm", key)


def main():
    print("# seed", SEED)
    for mode in modes():
        with Box(mode) as box:
            result = box.run("run", "--", "true")
            if not ok(result.status == 0, f"{mode}: works", result):
                continue
            check_creeld(box)
            check_client(box)
            check_names(box)
            check_lost(box, "creel-init", "pid 1")
            check_lost(box, "creel-spawner", "the spawner")
            check_lost(box, "creel-dispatch", "the dispatcher")
            check_lost(box, "creel-user", "the user's helper")
    done()


main()
