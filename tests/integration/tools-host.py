#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tools on the host: of a session that is not sandboxed, and elevated ones.

What they run is looked after by keepers, which any later client finds again
and which leave nothing behind.
"""
import base64
import contextlib
import json
import os
import signal
import subprocess
import time

from harness import OTHER_UID, done, modes, ok, parents, processes_with
from harness import wait_for
from sessions_box import SessionBox

MIB = 1 << 20
FLOOD = 1 << 30
CAP = 8 * MIB
ROOM = 24 * MIB  # of a keeper: what is kept, a copy for an answer, itself
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAC"
    "hwGA60e6kgAAAABJRU5ErkJggg==")


class Answer:
    """A CallToolResult, and how creel ended."""

    def __init__(self, result):
        self.status = result.status
        self.err = result.err
        self.json = json.loads(result.out or b'{"content": []}')
        self.more = self.json.get("structuredContent", {})
        self.error = self.json.get("isError")
        error = self.more.get("error") or {}
        self.code = (error.get("code", "") if isinstance(error, dict)
                     else self.more.get("error_code", ""))
        self.text = "\n".join(item.get("text", "")
                              for item in self.json["content"])

    def __repr__(self):
        return f"status {self.status} {self.json} {self.err!r}"[:3000]


class Agent:
    """Each call is a client of its own."""

    def __init__(self, box, session="agent:main:main", *more):
        self.box = box
        self.words = ("tool", "call", "--json", "--session", session, *more)
        self.env = {}

    def call(self, name, **args):
        return Answer(self.box.run(*self.words, name, "-", env=self.env,
                                   data=json.dumps(args).encode()))

    def start(self, name, **args):
        """A client that runs."""
        return self.box.start(*self.words, name, json.dumps(args))

    def exec(self, command, **more):
        return self.call("exec", command=command, **more)

    def begin(self, command, **more):
        """In the background: its id."""
        return self.exec(command, background=True,
                         **more).more.get("sessionId", "")

    def process(self, action, one="", **more):
        if one:
            more["sessionId"] = one
        return self.call("process", action=action, **more)

    def list(self):
        return self.process("list").more["sessions"]

    def read(self, one, until="", seconds=60):
        """What poll gives until that is in it, or it is over."""
        output, end = "", time.monotonic() + seconds
        while time.monotonic() < end:
            got = self.process("poll", one)
            output += got.more.get("output", "")
            if until and until in output or "endedAt" in got.more:
                break
            time.sleep(0.05)
        return output


class Mark:
    """A length of sleep that nobody else sleeps."""
    serial = 0

    def __init__(self):
        Mark.serial += 1
        self.text = f"{51000 + os.getpid() % 9000}.{Mark.serial}"

    def count(self):
        live = parents()
        return len([pid for pid in processes_with(f"sleep {self.text}")
                    if pid in live and self.is_sleep(pid)])

    @staticmethod
    def is_sleep(pid):
        try:
            with open(f"/proc/{pid}/comm", encoding="latin-1") as file:
                return file.read() == "sleep\n"
        except OSError:
            return False

    def tree(self):
        """Three processes that go out of the way of everything."""
        return (f"trap '' TERM HUP INT QUIT; sleep {self.text} &"
                f" setsid sh -c 'trap \"\" TERM HUP; setsid sleep {self.text}"
                f" & wait' & (nohup sleep {self.text} >/dev/null 2>&1 &);"
                " echo begun; wait")

    def grown(self, count=3):
        return wait_for(lambda: self.count() == count, 30)

    def gone(self, seconds=30):
        return wait_for(lambda: self.count() == 0, seconds)


def keepers(box):
    """Keepers of this box's commands."""
    want = b"CREEL_RUNTIME_DIR=" + box.path("run").encode() + b"\0"
    found = []
    for pid in parents():
        try:
            with open(f"/proc/{pid}/comm", "rb") as file:
                named = file.read() == b"creel-keeper\n"
            with open(f"/proc/{pid}/environ", "rb") as file:
                if named and want in file.read():
                    found.append(pid)
        except OSError:
            continue
    return found


def folder(box):
    return box.path("run", "host")


def left(box):
    """What is in the keepers' folder."""
    return [os.path.join(at, name) for at, names, files in
            os.walk(folder(box)) for name in names + files]


def as_user(box, *argv):
    """Something that the box's user does."""
    user = {"user": OTHER_UID, "group": OTHER_UID,
            "extra_groups": []} if box.drop else {}
    return subprocess.run(argv, check=True, capture_output=True, **user)


def check_exec(box, agent):
    say = f"{box.mode}: exec: "
    uid = OTHER_UID if box.drop else os.geteuid()
    got = agent.exec("id -u; pwd; echo err >&2")
    ok(got.text == f"{uid}\n{box.path('home', 'ws')}\nerr\n"
       and got.more["exitCode"] == 0 and got.more["status"] == "completed",
       say + "as the caller, in the agent's workspace", got)
    ok(got.more["sandboxed"] is False and got.more["durationMs"] > 0
       and got.more["cpuUsec"] > 0, say + "the result says where it ran", got)
    got = agent.exec("echo oh; exit 3")
    ok(got.error and got.code == "exit_status" and got.more["exitCode"] == 3
       and got.text == "oh\n\nCommand exited with code 3"
       and got.more["sandboxed"] is False, say + "another status", got)
    got = agent.exec("exec nonesuch-command")
    ok(got.more["exitCode"] == 127, say + "a command that is not there", got)
    got = agent.exec("kill -9 $$")
    ok(got.more["exitCode"] == 137, say + "one that is killed", got)
    got = agent.exec("echo $PATH; echo $#; env | grep -c '^CREEL_PATH'; "
                     "echo $SECRET_CANARY; printf %s \"$A\"",
                     env={"PATH": "/first dir:/x'y", "A": "b=c\n'\"$(id)"})
    lines = got.more["output"].split("\n", 4)
    ok(lines[0].startswith("/first dir:/x'y:/") and lines[1:3] == ["0", "0"],
       say + "PATH comes before the login shell's", got)
    ok(lines[3:] == ["tweety-4711", "b=c\n'\"$(id)"],
       say + "variables are the client's and those that are given", got)
    got = agent.exec("pwd", workdir="/")
    ok(got.text == "/\n", say + "workdir", got)
    got = agent.exec("pwd", workdir="/none/such")
    ok(got.code == "invalid_argument" and "workdir" in got.text,
       say + "a workdir that is not there is named", got)
    got = agent.exec("test -t 0 && test -t 1 && stty size", pty=True)
    ok(got.text == "24 80\r\n", say + "pty is a terminal", got)
    ok(agent.exec("test -t 1").error, say + "else there is none")
    got = agent.exec("ls -l /proc/self/fd | grep -c ' [0-9]* ->'")
    ok(int(got.more["output"]) <= 4, say + "it has no descriptor of creel's",
       got)
    got = agent.exec("seq 1 300000")
    ok(got.more["truncated"] and got.more["totalBytes"] == 1988895
       and len(got.more["output"]) == 200000
       and got.text.startswith("(the last 200000 of 1988895 bytes of output)"),
       say + "the last 200,000 bytes, and how many there were",
       got.text[:80])
    got = agent.exec("true", host="sandbox")
    ok(got.error and "not sandboxed" in got.text,
       say + "host: sandbox is refused where there is none", got)
    got = agent.exec("id -u", elevated=True)
    ok(got.text == f"{uid}\n" and got.more["sandboxed"] is False,
       say + "elevated is nothing new there", got)


def check_files(box, agent):
    """read, write, edit, apply_patch."""
    say = f"{box.mode}: files: "
    got = agent.call("write", path="a/b.txt", content="one\r\ntwo")
    path = box.path("home", "ws", "a", "b.txt")
    with open(path, "rb") as file:
        ok(not got.error and file.read() == b"one\r\ntwo"
           and got.more["sandboxed"] is False, say + "write", got)
    os.chmod(path, 0o751)
    got = agent.call("edit", path="a/b.txt", oldText="two", newText="three")
    with open(path, "rb") as file:
        ok(not got.error and file.read() == b"one\r\nthree"
           and os.stat(path).st_mode & 0o777 == 0o751
           and got.more["sandboxed"] is False, say + "edit keeps the rest",
           got)
    got = agent.call("read", path="a/b.txt", offset=2, limit=1)
    ok("three" in got.text and "one" not in got.text
       and got.more["sandboxed"] is False, say + "read", got)
    box.write("dot.png", PIXEL)
    got = agent.call("read", path=box.path("work", "dot.png"))
    ok([item["mimeType"] for item in got.json["content"]
        if item["type"] == "image"] == ["image/png"],
       say + "an image, outside of the workspace", got)
    got = agent.call("apply_patch", input=(
        "*** Begin Patch\n*** Update File: a/b.txt\n@@\n-three\n+four\n"
        "*** Add File: new.txt\n+new\n*** End Patch\n"))
    with open(box.path("home", "ws", "new.txt"), "rb") as file:
        ok(not got.error and file.read() == b"new\n"
           and got.more["sandboxed"] is False, say + "apply_patch", got)
    got = agent.call("apply_patch", input=(
        "*** Begin Patch\n*** Delete File: new.txt\n*** Update File: none\n"
        "@@\n-a\n+b\n*** End Patch\n"))
    ok(got.error and os.path.exists(box.path("home", "ws", "new.txt")),
       say + "a patch that does not fit changes nothing", got)
    got = agent.call("read", path="none")
    ok(got.code == "not_found" and got.more["sandboxed"] is False,
       say + "a file that is not there", got)


def check_actions(box, agent):
    """process: the ten actions, each by another client."""
    say = f"{box.mode}: process: "
    one = agent.begin("cat; echo over")
    ok(one.startswith("host-"), say + "its id says where it is", one)
    got = agent.process("list")
    ok([item["sessionId"] for item in got.more["sessions"]] == [one]
       and got.more["sessions"][0]["status"] == "running"
       and "cat; echo over" in got.text and got.more["sandboxed"] is False,
       say + "list", got)
    ok("Process still running." in agent.process("poll", one).text,
       say + "poll")
    agent.process("write", one, data="one\ntwo\n")
    ok(agent.read(one, "two\n") == "one\ntwo\n", say + "write")
    agent.process("submit", one)
    ok(agent.read(one, "\n") == "\n", say + "submit ends a line")
    agent.process("paste", one, text="p\n")
    ok(agent.read(one, "p\n") == "p\n", say + "paste to a pipe")
    agent.process("write", one, data="last", eof=True)
    ok(agent.read(one) == "lastover\n", say + "write with eof")
    got = agent.process("log", one, offset=1, limit=2)
    ok(got.more["output"] == "two\n\n" and got.more["totalLines"] == 5,
       say + "log with offset and limit", got)
    got = agent.process("write", one, data="x")
    ok(got.code == "bad_state" and "over" in got.text
       and got.text.count(one) == 1, say + "stdin of one that is over", got)
    got = agent.process("kill", one)
    ok(got.code == "bad_state" and "over" in got.text,
       say + "kill of one that is over", got)
    ok("Cleared" in agent.process("clear", one).text
       and agent.process("poll", one).code == "not_found",
       say + "clear forgets it")
    mark = Mark()
    one = agent.begin(mark.tree())
    ok(mark.grown() and agent.process("clear", one).code == "bad_state",
       say + "clear of one that runs")
    agent.process("kill", one)
    ok(mark.gone(), say + "kill ends the whole tree", mark.count())
    got = agent.list()[0]
    ok(got["status"] == "killed" and got["exitCode"] == 137,
       say + "and it is known as killed", got)
    agent.process("clear", one)
    one = agent.begin(mark.tree())
    mark.grown()
    got = agent.process("remove", one)
    ok("Removed" in got.text and mark.gone()
       and agent.process("log", one).code == "not_found",
       say + "remove ends and forgets it",
       (got, mark.count(), agent.process("log", one)))
    check_terminal(box, agent)


def check_terminal(box, agent):
    say = f"{box.mode}: process: "
    one = agent.begin("trap 'echo INT' INT; stty -echo; echo ready;"
                      " while :; do read -r x || sleep 0.1;"
                      " echo \"[$x]\"; done", pty=True)
    agent.read(one, "ready")
    agent.process("send-keys", one, keys=["ab", "Enter"])
    ok("[ab]" in agent.read(one, "[ab]"), say + "send-keys")
    agent.process("send-keys", one, literal="cd", hex=["0x0d"])
    ok("[cd]" in agent.read(one, "[cd]"), say + "text and hex")
    agent.process("send-keys", one, keys=["C-c"])
    ok("INT" in agent.read(one, "INT"), say + "C-c interrupts")
    got = agent.process("send-keys", one, keys=["C-nokey"])
    ok(got.code == "invalid_argument" and "C-nokey" in got.text,
       say + "a key that is none is named", got)
    agent.process("remove", one)


def check_others(box, agent):
    """Another session's."""
    say = f"{box.mode}: "
    other = Agent(box, "agent:main:other")
    one = agent.begin("sleep 700")
    for action in ("poll", "log", "write", "kill", "clear", "remove",
                   "submit", "send-keys", "paste"):
        got = other.process(action, one, data="x", keys=["a"], text="x")
        ok(got.error and got.code == "not_found",
           say + f"{action} of another session's is refused", got)
    ok(other.list() == [], say + "list shows none of another session's")
    for bad in ("host-", "host-../x", "host-0/../" + one, "../x", "x" * 64,
                ".new-1", "host-zz\n"):
        ok(agent.process("poll", bad).code == "not_found",
           say + f"the id {bad!r} is refused")
    ok([item["sessionId"] for item in agent.list()] == [one],
       say + "its own has it still")
    agent.process("remove", one)


def check_survives(box, agent):
    """kill -9 of creeld, and of the client that began it."""
    say = f"{box.mode}: "
    one = agent.begin("i=0; while [ $i -lt 100 ]; do echo $i; i=$((i+1));"
                      " sleep 0.02; done; exit 4")
    box.kill_creeld()
    output = agent.process("poll", one).more["output"]
    mark = Mark()
    client = agent.start("exec", command=f"echo early; sleep {mark.text} &"
                         f" sleep 3; echo late; sleep {mark.text}",
                         yieldMs=1500)
    ok(wait_for(lambda: len(agent.list()) == 2, 30),
       say + "both are in the list")
    client.kill()
    client.wait()
    two = [item["sessionId"] for item in agent.list()
           if item["sessionId"] != one]
    ok(len(two) == 1 and "late" in agent.read(two[0], "late")
       and mark.grown(2),
       say + "a background command outlives a client that is killed", two)
    agent.process("remove", two[0])
    ok(mark.gone(), say + "and is ended by a later one")
    box.kill_creeld()
    output += agent.read(one)
    ok([int(line) for line in output.split()] == list(range(100)),
       say + "kill -9 of creeld loses no line of it and doubles none",
       output)
    got = agent.process("poll", one)
    ok(got.more["exitCode"] == 4 and got.more["status"] == "failed",
       say + "how it ended is known", got)
    agent.process("clear", one)


def check_ends(box, agent):
    """What ends a command that is waited for."""
    say = f"{box.mode}: "
    for name, number in (("kill -9 of", signal.SIGKILL),
                         ("SIGHUP to", signal.SIGHUP),
                         ("SIGINT to", signal.SIGINT)):
        mark = Mark()
        client = agent.start("exec", command=mark.tree(), yieldMs=600000)
        ok(mark.grown(), say + "a tree that hides", mark.count())
        client.send_signal(number)
        out, err = client.communicate(timeout=20)
        ok(mark.gone(), say + f"{name} the client ends it all",
           (mark.count(), out, err))
    ok(json.loads(out)["structuredContent"]["error"]["code"] == "cancelled",
       say + "and one that is told can say so", (out, err))
    mark = Mark()
    begin = time.monotonic()
    got = agent.exec(mark.tree(), timeout=1.5)
    ok(got.more["status"] == "timeout" and got.more["output"] == "begun\n"
       and "timed out after 1.5 seconds" in got.text
       and time.monotonic() - begin < 30 and mark.gone(),
       say + "a timeout ends it all", got)
    one = agent.begin(mark.tree(), timeout=1.5)
    agent.read(one)
    ok(agent.process("poll", one).more["status"] == "timeout" and mark.gone(),
       say + "in the background, too")
    agent.process("clear", one)
    begin = time.monotonic()
    got = agent.exec(f"sleep {mark.text} & echo left")
    ok(got.text == "left\n" and time.monotonic() - begin < 30,
       say + "what a command leaves does not hold it up", got)
    for pid in processes_with(f"sleep {mark.text}"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def peak(pids):
    """The most memory that one of them has had."""
    most = 0
    for pid in pids:
        # That of a command before may be ending.
        with contextlib.suppress(OSError), \
                open(f"/proc/{pid}/status", encoding="latin-1") as file:
            for line in file:
                if line.startswith("VmHWM:"):
                    most = max(most, int(line.split()[1]) * 1024)
    return most


def check_flood(box, agent):
    say = f"{box.mode}: 1 GiB of output: "
    one = agent.begin(f"head -c {FLOOD} /dev/zero; echo; echo end;"
                      " exec sleep 700")
    ok(wait_for(lambda: agent.list()[0]["totalBytes"] == FLOOD + 5, 200),
       say + "all of it is taken", agent.list())
    about = agent.list()[0]
    ok(about["droppedBytes"] == FLOOD + 5 - CAP,
       say + "8 MiB of it are kept", about)
    got = agent.process("log", one, offset=1)
    ok(got.more["output"] == "end\n" and
       f"(the oldest {FLOOD + 5 - CAP} of {FLOOD + 5} bytes" in got.text,
       say + "log says what is gone", got)
    got = agent.process("poll", one)
    ok(got.more["missedBytes"] == FLOOD + 5 - CAP
       and f"({FLOOD + 5 - CAP} bytes of output are gone)" in got.text,
       say + "and so does poll", got.text[:80])
    ok(0 < peak(keepers(box)) < ROOM, say + "its keeper's memory is bounded",
       peak(keepers(box)))
    agent.process("remove", one)


def check_many(box, agent):
    say = f"{box.mode}: "
    want = 300
    mark = Mark()
    nap = f"exec sleep {mark.text}"
    got = agent.exec(
        f"i=0; while [ $i -lt {want} ]; do i=$((i+1)); \"$CREEL\" tool call"
        f" exec '{{\"command\": \"{nap}\", \"background\": true}}'"
        " 2>&1 | grep -o -e 'still running' -e 'already'; done"
        " | sort | uniq -c",
        env={"CREEL": box.creel}, yieldMs=600000)
    ok("256 still running" in got.text and "44 already" in got.text,
       say + "256 of a session, then an error", got)
    got = agent.exec("true", background=True)
    ok(got.code == "limit" and "256" in got.text and "remove" in got.text,
       say + "that says so, and what makes room", got)
    ok(len(agent.list()) == 256, say + "all of them are in the list")
    got = agent.exec("sleep 0.5; echo still", yieldMs=100)
    ok(got.text == "still\n" and got.more["status"] == "completed",
       say + "what is waited for runs all the same, and is waited for", got)
    one = Agent(box, "agent:main:other").begin("true")
    ok(one and "Removed" in Agent(box, "agent:main:other").process(
        "remove", one).text, say + "another session has room")
    one = agent.list()[7]["sessionId"]
    agent.process("kill", one)
    two = agent.begin(nap)
    now = [item["sessionId"] for item in agent.list()]
    ok(two in now and one not in now and len(now) == 256,
       say + "one that is over makes room for another", (one, two))
    for pid in keepers(box):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not keepers(box), 30)
    ok(agent.list() == [] and left(box) == [],
       say + "keepers that are killed leave nothing that stays", left(box))
    ok(mark.gone(), say + "nor do their commands", mark.count())


def check_left(box, agent):
    """What is forgotten leaves no file and no process."""
    say = f"{box.mode}: "
    mark = Mark()
    ids = [agent.begin("true"), agent.begin("true"),
           agent.begin(f"exec sleep {mark.text}")]
    box_of = os.path.join(folder(box), os.listdir(folder(box))[0])
    ok(sorted(os.listdir(box_of)) == sorted(ids)
       and all(os.stat(at).st_mode & 0o077 == 0
               for at in (folder(box), box_of)),
       say + "a folder for the user alone has the ids", left(box))
    agent.read(ids[0])
    agent.process("clear", ids[0])
    agent.process("remove", ids[1])
    ok(sorted(os.listdir(box_of)) == [ids[2]], say + "clear and remove",
       left(box))
    agent.process("remove", ids[2])
    ok(not os.path.exists(folder(box)) and wait_for(
        lambda: not keepers(box), 30),
       say + "with the last one the folders go", left(box))
    ids = [agent.begin(f"exec sleep {mark.text}")]
    mark.grown(1)
    for pid in keepers(box):
        os.kill(pid, signal.SIGTERM)
    ok(mark.gone() and wait_for(lambda: not os.path.exists(folder(box)), 30),
       say + "a keeper that is told to go takes all with it", left(box))
    box.sandbox("mode: 'off'", more="tools: { exec: { cleanupMs: 60000 } }")
    agent.begin("true")
    ok(len(agent.list()) == 1, say + "what is over is known for a while")
    for one in agent.list():
        agent.process("remove", one["sessionId"])
    box.sandbox("mode: 'off'")


def check_planted(box, agent):
    """In the keepers' folder: what is not the user's own is refused."""
    say = f"{box.mode}: "
    away = box.path("home", "away")
    as_user(box, "mkdir", "-m", "700", away)
    as_user(box, "ln", "-s", away, folder(box))
    got = agent.exec("sleep 700", background=True)
    ok(got.error and os.listdir(away) == []
       and wait_for(lambda: not keepers(box), 30),
       say + "a symbolic link in place of the folder", got)
    ok(agent.process("list").error, say + "is not listed either")
    os.unlink(folder(box))
    as_user(box, "mkdir", "-m", "777", folder(box))
    os.chmod(folder(box), 0o777)
    got = agent.exec("sleep 700", background=True)
    ok(got.error and "open to others" in got.text and left(box) == []
       and wait_for(lambda: not keepers(box), 30),
       say + "a folder that others can write to", got)
    os.rmdir(folder(box))
    if os.geteuid() == 0:
        os.mkdir(folder(box), 0o700)
        os.chown(folder(box), 61239, 61239)
        got = agent.exec("sleep 700", background=True)
        ok(got.error and left(box) == [] and wait_for(
            lambda: not keepers(box), 30),
           say + "a folder of somebody else's", got)
        os.rmdir(folder(box))
    one = agent.begin("sleep 700")
    inside = os.path.join(folder(box), os.listdir(folder(box))[0])
    as_user(box, "ln", "-s", one, os.path.join(inside, "host-00000000"))
    as_user(box, "ln", "-s", "/dev/null", os.path.join(inside, "host-1"))
    ok([item["sessionId"] for item in agent.list()] == [one]
       and agent.process("poll", "host-00000000").error
       and agent.process("poll", "host-1").error,
       say + "a symbolic link in place of a socket", agent.list())
    for name in ("host-00000000", "host-1"):
        if os.path.lexists(os.path.join(inside, name)):
            os.unlink(os.path.join(inside, name))
    agent.process("remove", one)
    ok(not os.path.exists(folder(box)), say + "and nothing is left",
       left(box))


SCOPE = """#!/bin/sh
printf '%s\\n' "$@" >{0}/args
{1}
while [ "$1" != -- ]; do shift; done
shift
exec "$@"
"""


def check_limits(box, _):
    """A command's own limits: of a scope that systemd makes, or none."""
    say = f"{box.mode}: limits: "
    box.sandbox("mode: 'off'", more=(
        "tools: { python_exec: { sandbox_mode: 'cgroup', cgroup: { enabled:"
        " true, memory_max_mb: 64, cpu_quota_percent: 50 } },"
        " sandbox: { tools: { allow: ['python_execute'] } } }"))
    agent = Agent(box)
    fake = box.write("systemd-run", "", 0o755)
    place = os.path.dirname(fake)
    agent.env = {"PATH": f"{place}:{box.env['PATH']}"}
    for there in (False, True):
        box.write("systemd-run", SCOPE.format(
            place, "" if there else "exit 1"), 0o755)
        ran = box.path("home", "ws", "ran")
        got = agent.call("python_execute",
                         code=f"open('{ran}', 'w')\nprint(7)")
        with open(os.path.join(place, "args"), encoding="utf-8") as file:
            args = file.read().split("\n")
        if not there:
            ok(got.error and "tools.python_exec.cgroup" in got.text
               and not os.path.exists(ran), say + "where there is no systemd"
               " of the user's nothing runs, and the key is named", got)
    ok(got.more["exit_code"] == 0 and got.more["stdout"] == "7\n"
       and os.path.exists(ran) and got.more["sandboxed"] is False,
       say + "else it runs", got)
    ok({"--scope", "MemoryMax=67108864", "MemorySwapMax=0", "CPUQuota=50%",
        "--collect", "--description=creel"} <= set(args)
       and ("--user" in args) == (box.drop or os.geteuid() != 0),
       say + "systemd is asked for them", args)
    ok(not any("tweety" in word or "CREEL_" in word for word in args),
       say + "no variable of the command is an argument", args)
    box.sandbox("mode: 'off'")


def last(box, tool):
    """The log's last row of a tool."""
    rows = [row for row in box.logs() if row["tool"] == tool]
    return rows[-1] if rows else {}


def check_elevated(box, _):
    """Of a sandboxed session, what left its sandbox."""
    say = f"{box.mode}: elevated: "
    gates = "tools: { elevated: { allowFrom: { telegram: ['42'] } } }"
    box.sandbox("mode: 'all', scope: 'session'", more=gates)
    agent = Agent(box, "agent:main:main", "--channel", "telegram",
                  "--sender", "42")
    other = Agent(box, "agent:main:main", "--channel", "telegram",
                  "--sender", "7")
    uid = OTHER_UID if box.drop else os.geteuid()
    for words in ({"elevated": True}, {"host": "gateway"}):
        got = agent.exec("id -u; pwd", **words)
        row = last(box, "exec")
        ok(got.text == f"{uid}\n{box.path('home', 'ws')}\n"
           and got.more["sandboxed"] is False
           and (row["decision"], row["reason"], row["status"],
                row["sandboxed"]) == ("allowed", "elevated", 0, False),
           say + f"{words} runs on the host, and is written down",
           (got, row))
        got = other.exec("id -u", **words)
        row = last(box, "exec")
        ok(got.code == "denied" and "Failed gates:" in got.text
           and "tools.elevated.allowFrom.telegram" in got.text
           and row["decision"] == "denied" and "elevated" in row["reason"],
           say + f"{words} of another sender is refused, by key",
           (got, row))
    check_elevated_process(box, agent, other)
    box.forget()
    box.sandbox("mode: 'off'")


def check_elevated_process(box, agent, other):
    say = f"{box.mode}: elevated: "
    mark = Mark()
    one = agent.begin(f"read x; echo \"<$x>\"; {mark.tree()}", elevated=True)
    two = agent.begin("echo inside; exec sleep 700")
    ok(one.startswith("host-") and two and not two.startswith("host-"),
       say + "in the background", (one, two))
    got = agent.process("list")
    ok([item["sessionId"] for item in got.more["sessions"]] == [two, one]
       and one in got.text and two in got.text,
       say + "a list shows what is inside, and what is not", got)
    got = other.process("list")
    ok([item["sessionId"] for item in got.more["sessions"]] == [two]
       and one not in got.text,
       say + "where a gate is shut it shows what is inside", got)
    for action in ("poll", "log", "write", "kill", "clear", "remove",
                   "submit", "send-keys", "paste"):
        got = other.process(action, one, data="x", keys=["a"], text="x")
        row = last(box, "process")
        ok(got.code == "denied" and "Failed gates:" in got.text
           and "tools.elevated.allowFrom.telegram" in got.text
           and row["decision"] == "denied" and one in row["command"],
           say + f"{action} through a shut gate is refused, by key",
           (got, row))
    agent.process("write", one, data="hi")
    got = agent.process("submit", one)
    row = last(box, "process")
    ok(not got.error and got.more["sandboxed"] is False
       and (row["decision"], row["reason"], row["sandboxed"])
       == ("allowed", "elevated", False) and one in row["command"],
       say + "the others reach it, and are written down", (got, row))
    ok("<hi>" in agent.read(one, "<hi>") and mark.grown(),
       say + "it reads, and is polled")
    box.kill_creeld()
    got = agent.process("log", one)
    ok("begun" in got.text, say + "kill -9 of creeld is nothing to it", got)
    agent.process("kill", one)
    ok(mark.gone(), say + "kill ends its tree", mark.count())
    agent.process("remove", one)
    ok([item["sessionId"] for item in agent.list()] == [two]
       and agent.process("poll", one).code == "not_found"
       and not os.path.exists(folder(box)),
       say + "remove forgets it, and leaves nothing", left(box))
    ok(agent.process("poll", two).more["sandboxed"] is True,
       say + "what is inside is polled there")
    agent.process("remove", two)
    ok(agent.process("list").text == "No running or recent sessions.",
       say + "and then there is none")


CHECKS = (check_exec, check_files, check_actions, check_others,
          check_survives, check_ends, check_flood, check_many, check_left,
          check_planted, check_limits, check_elevated)


def main():
    for mode in modes():
        with SessionBox(mode) as box:
            box.sandbox("mode: 'off'")
            agent = Agent(box)
            for check in CHECKS:
                check(box, agent)
            ok(wait_for(lambda box=box: not keepers(box), 30),
               f"{mode}: no keeper is left", keepers(box))
    done()


if __name__ == "__main__":
    main()
