#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Signals, the client's death, the controller's death."""
import contextlib
import os
import signal
import time

from harness import (Box, command_lines, done, family, modes, ok,
                     processes_with, took, wait_for)


def started(box, *args, script, trap="true"):
    """A client whose command has said that it runs."""
    process = box.start(*args, "--", "sh", "-c", f"{trap}; echo up; {script}")
    process.stdout.readline()
    return process


def check_forwarded(box):
    for name, status in (("INT", 71), ("TERM", 72), ("HUP", 73),
                         ("QUIT", 74), ("USR1", 75), ("USR2", 76)):
        process = started(box, "run", trap=f"trap 'exit {status}' {name}",
                          script="while :; do sleep 0.05; done")
        process.send_signal(getattr(signal, "SIG" + name))
        ok(process.wait(30) == status,
           f"{box.mode}: SIG{name} reaches the command", process.returncode)
        process.communicate()


def check_twice(box):
    say = f"{box.mode}: "
    process = started(box, "run", trap="trap '' INT",
                      script="sleep 6161 & while :; do sleep 0.05; done")
    process.send_signal(signal.SIGINT)
    took(process.pid, signal.SIGINT)
    time.sleep(0.1)
    ok(process.poll() is None, say + "an ignored SIGINT is ignored")
    process.send_signal(signal.SIGINT)
    ok(process.wait(30) == 130, say + "the second within a second ends creel",
       process.returncode)
    process.communicate()
    ok(wait_for(lambda: not processes_with("sleep 6161")),
       say + "and everything that the command started")
    process = box.start("run", "--", "sh", "-c", "trap '' INT; echo up; "
                        "sleep 3; echo end")
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    took(process.pid, signal.SIGINT)
    time.sleep(1.4)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    ok(out == b"end\n", say + "two that are further apart do not", out)


def check_client_killed(box):
    say = f"{box.mode}: "
    tree = "sleep 5151 & (setsid sleep 5151 &) ; sleep 5151"
    for args in (("run",), ("exec", box.key("killed"))):
        process = started(box, *args, script=tree)
        ok(wait_for(lambda: len(processes_with("sleep 5151")) >= 3),
           say + f"{args[0]}: the tree is there")
        process.kill()
        process.wait()
        ok(wait_for(lambda: not processes_with("sleep 5151")),
           say + f"{args[0]}: SIGKILL of the client kills the whole tree")
        process.communicate()
    result = box.run("exec", box.key("killed"), "--", "echo", "alive")
    ok(result.out == b"alive\n", say + "and the session lives on", result)
    result = box.run("exec", "--detach", box.key("killed"), "--", "sleep", "5252")
    ok(result.status == 0 and processes_with("sleep 5252"),
       say + "--detach outlives its client", result)
    box.run("rm", box.key("killed"))


def check_timeout_tree(box):
    result = box.run("run", "--timeout", "300ms", "--", "sh", "-c",
                     "trap '' TERM; setsid sleep 4141 & sleep 4141")
    ok(result.status == 124 and wait_for(
        lambda: not processes_with("sleep 4141")),
       f"{box.mode}: a timeout kills the whole tree", result)


def kill_all(pids):
    """SIGKILL; the death of one may be the death of the next."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def creeld_of(box):
    lines = command_lines()
    return [pid for pid in family(box.helpers())
            if lines.get(pid, b"").startswith(b"creeld")]


def check_controller_killed(box):
    say = f"{box.mode}: "
    process = started(box, "exec", box.key("kept"), script="sleep 1; echo end; exit 5")
    kill_all(creeld_of(box))
    out, err = process.communicate(timeout=15)
    ok(process.returncode == 5 and out == b"end\n" and not err,
       say + "creeld's death is not noticed by a client",
       (process.returncode, out, err))
    before = creeld_of(box)
    process = box.start("run", "--", "sh", "-c", "echo x >>/tmp/n; cat /tmp/n")
    kill_all(creeld_of(box))
    out, err = process.communicate(timeout=15)
    ok(process.returncode == 0 and out == b"x\n",
       say + "nor is it run twice when it dies at the start",
       (before, process.returncode, out, err))
    result = box.run("list")
    ok(b"-kept" in result.out, say + "the next one knows the sandboxes",
       result)


def check_helper_killed(box):
    say = f"{box.mode}: "
    process = started(box, "exec", box.key("lost"), script="sleep 3131")
    lines = command_lines()
    kill_all(pid for pid in family(box.helpers())
             if b"creel-helper" in lines.get(pid, b""))
    _, err = process.communicate(timeout=15)
    ok(process.returncode == 125 and err.startswith(b"creel: "),
       say + "the helper's death ends the command, and is told",
       (process.returncode, err))
    ok(wait_for(lambda: not processes_with("sleep 3131")),
       say + "the sandbox is gone whole")
    result = box.run("exec", box.key("lost"), "--", "echo", "new")
    ok(result.out == b"new\n" and b"was lost" in result.err,
       say + "the next call says so and makes a new one", result)


def main():
    for mode in modes():
        with Box(mode) as box:
            for check in (check_forwarded, check_twice, check_client_killed,
                          check_timeout_tree, check_controller_killed,
                          check_helper_killed):
                check(box)
    done()


if __name__ == "__main__":
    main()
