#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""creel pause and resume: a sandbox stands still, whatever happens around it,
and can always be ended."""
import contextlib
import json
import os
import signal
import time

from harness import (Box, command_lines, done, family, modes, ok, parents,
                     wait_for)

CLOCK = "while :; do echo $((i += 1)) >/workspace/t; sleep 0.01; done"


class Paused(Box):
    """A box with a sandbox that counts."""

    def __init__(self, mode):
        super().__init__(mode)
        self.say = f"{mode}: "

    def begin(self, name):
        result = self.run("run", "--detach", "--name", name, "--workspace",
                          self.shared(name), "--", "sh", "-c", CLOCK)
        ok(result.status == 0 and wait_for(lambda: self.count(name) > 0),
           self.say + f"{name} counts", result)

    def shared(self, name):
        path = self.path("work", name)
        os.makedirs(path, exist_ok=True)
        if self.drop:
            os.chown(path, *os.stat(self.path("work"))[4:6])
        return path

    def count(self, name):
        try:
            with open(self.path("work", name, "t"), encoding="ascii") as file:
                return int(file.read() or 0)
        except OSError:
            return 0

    def stands(self, name):
        before = self.count(name)
        time.sleep(0.2)
        return self.count(name) == before

    def goes(self, name):
        before = self.count(name)
        return wait_for(lambda: self.count(name) > before)

    def state(self, name):
        items = json.loads(self.run("list", "--json").out or b"[]")
        return next((i["state"] for i in items if i["name"] == name), None)

    def named(self, word):
        mine = family(self.helpers())
        return [pid for pid, line in command_lines().items()
                if pid in mine and word in line]


def has_cgroups(box):
    return json.loads(box.run("version", "--json").out)["cgroup"]


def check_refused(box):
    say = box.say
    result = box.run("pause", "nobody")
    ok(result.status == 1 and b"nobody" in result.err,
       say + "a sandbox that is not there", result)
    result = box.run("pause")
    ok(result.status == 2 and b"TARGET" in result.err,
       say + "no sandbox at all", result)
    if has_cgroups(box):
        return True
    box.begin("none")
    for verb in ("pause", "resume"):
        result = box.run(verb, "none")
        ok(result.status == 1 and b"no cgroup" in result.err and
           b"hint" in result.err, say + f"{verb} without a cgroup says why",
           result)
    ok(box.goes("none") and box.state("none") == "running",
       say + "and nothing else is tried")
    return False


def check_stands(box):
    say = box.say
    box.begin("one")
    result = box.run("pause", "one")
    ok(result.status == 0 and box.stands("one"), say + "pause stops it",
       result)
    ok(box.state("one") == "paused", say + "list says so")
    result = box.run("exec", "one", "--", "true")
    ok(result.status == 125 and b"one is paused" in result.err and
       b"hint: creel resume one" in result.err,
       say + "exec in it says what to do", result)
    ok(box.run("pause", "one").status == 0, say + "twice is once")
    result = box.run("resume", "one")
    ok(result.status == 0 and box.goes("one") and
       box.state("one") == "running", say + "resume lets it go on", result)
    ok(box.run("resume", "one").status == 0, say + "twice is once, again")
    result = box.run("exec", "one", "--", "echo", "ran")
    ok(result.out == b"ran\n", say + "and exec works again", result)


def check_creeld(box):
    say = box.say
    ok(box.run("pause", "one").status == 0, say + "paused for a restart")
    for pid in box.named(b"creeld"):
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: box.named(b"creeld"))
    start = time.monotonic()
    state = box.state("one")
    ok(state == "paused" and time.monotonic() - start < 1.5,
       say + "another creeld knows, and waits for no answer", state)
    ok(box.stands("one"), say + "it stands still through that")
    result = box.run("exec", "one", "--", "true")
    ok(result.status == 125 and b"creel resume one" in result.err,
       say + "exec is refused by that one too", result)
    ok(box.run("resume", "one").status == 0 and box.goes("one") and
       box.state("one") == "running", say + "which can resume it")
    result = box.run("exec", "one", "--", "echo", "ran")
    ok(result.out == b"ran\n", say + "and use it", result)


def check_waiting(box):
    """A client that waits for its command hears how it ended all the same."""
    process = box.start("run", "--name", "wait", "--", "sh", "-c",
                        "echo up; read line; exit 7")
    process.stdout.readline()
    second = box.start("exec", "wait", "--", "sh", "-c",
                       "echo up; sleep 2; exit 8")
    second.stdout.readline()
    ok(box.run("pause", "wait").status == 0, box.say + "two clients wait")
    time.sleep(2.2)
    for pid in box.named(b"creeld"):
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.3)
    ok(process.poll() is None and second.poll() is None,
       box.say + "through another creeld")
    result = box.run("resume", "wait")
    statuses = [second.wait(30)]
    # With the command of run all of its sandbox ends.
    process.communicate(b"\n", timeout=30)
    statuses.append(process.returncode)
    ok(statuses == [8, 7], box.say + "and get their statuses",
       (statuses, result))


def check_ends(box):
    say = box.say
    for verb in ("kill", "rm"):
        box.begin(verb)
        box.run("pause", verb)
        start = time.monotonic()
        result = box.run(verb, verb)
        ok(result.status == 0 and box.state(verb) is None and
           time.monotonic() - start < 3, say + f"{verb} ends a paused one",
           result)
    box.begin("stopped")
    box.run("exec", "stopped", "--", "sh", "-c", "kill -STOP -1 2>/dev/null")
    box.run("pause", "stopped")
    result = box.run("kill", "stopped")
    ok(result.status == 0 and box.state("stopped") is None,
       say + "also one whose processes were stopped inside", result)
    box.begin("timed")
    process = box.start("exec", "--timeout", "2s", "timed", "--", "sh", "-c",
                        "echo up; exec sleep 60")
    process.stdout.readline()
    box.run("pause", "timed")
    time.sleep(2.2)
    ok(process.poll() is None, say + "what stands still does not end")
    box.run("resume", "timed")
    ok(process.wait(30) == 124, say + "what is overdue ends on resume")
    box.run("kill", "timed")


def check_helper_dies(box):
    box.begin("last")
    box.run("pause", "last")
    everyone = family(box.helpers())
    inside = box.named(b"sh\0-c") or box.named(CLOCK.encode()[:10])
    for pid in box.named(b"creel-spawner") or box.helpers():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    ok(inside and wait_for(lambda: not (everyone & set(parents())) -
                           set(box.helpers()), 10),
       box.say + "the end of the helper is the end of a paused sandbox",
       inside)


def main():
    for mode in modes():
        with Paused(mode) as box:
            # Without a cgroup of its own there is no more to see.
            if not check_refused(box):
                continue
            check_stands(box)
            check_creeld(box)
            check_waiting(box)
            check_ends(box)
            check_helper_dies(box)
    done()


if __name__ == "__main__":
    main()
