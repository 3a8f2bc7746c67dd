#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tool calls that run commands: how they are ended, and what outlives whom."""
import hashlib
import json
import os
import time

from harness import done, modes, ok, parents, processes_with, wait_for
from sessions_box import SessionBox
from tools_wire import Client, sealed

SCALE = int(os.environ.get("CREEL_TEST_SCALE", "100"))
RECLAIM_SECONDS = 30
TREE = ("setsid sleep {0}.1 & (sleep {0}.2 & sleep {0}.3) & nohup sleep {0}.4"
        " >/dev/null 2>&1 & echo begun; sleep {0}.5")


class Tree:
    """A command whose processes are told from all others."""
    serial = 0

    def __init__(self):
        Tree.serial += 1
        self.mark = f"{40000 + os.getpid() % 10000 + Tree.serial * 10000}"
        self.script = TREE.format(self.mark)

    def count(self):
        return len([pid for number in range(1, 6)
                    for pid in processes_with(f"sleep {self.mark}.{number}")
                    if comm(pid) == "sleep"])

    def inits(self):
        """pid 1 of its sandbox, as it is seen outside."""
        tree, found = parents(), set()
        for pid in processes_with(f"sleep {self.mark}."):
            while pid in tree and comm(pid) != "creel-init":
                pid = tree[pid]
            found |= {pid} & set(tree)
        return {pid for pid in found if comm(tree[pid]) != "creel-init"}

    def grown(self):
        return wait_for(lambda: self.count() == 5, 30)

    def gone(self, seconds=30.0):
        return wait_for(lambda: self.count() == 0, seconds)


def comm(pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="latin-1") as file:
            return file.read().strip()
    except OSError:
        return ""


def begin(client, tools, tree, **more):
    return client.begin(tools, "exec", {"command": tree.script,
                                        "yieldMs": 100000}, **more)


def check_cancel(box):
    """A cancelled call, a client that goes: all that it runs is killed."""
    with Client(box) as client:
        tools = client.open("cancel")
        tree, other = Tree(), Tree()
        seq, token = begin(client, tools, tree)
        kept, _ = begin(client, tools, other)
        ok(tree.grown() and other.grown(), f"{box.mode}: two commands run",
           (tree.count(), other.count()))
        start = time.monotonic()
        answer = client.ask("tool_cancel", {1: token})
        result = client.get(seq)
        ok(answer.kind == "done" and result.error and tree.gone()
           and time.monotonic() - start < 30,
           f"{box.mode}: a cancelled one ends with all that it has started",
           (result, tree.count()))
        ok(other.count() == 5, f"{box.mode}: another one goes on",
           other.count())
        again = client.ask("tool_cancel", {1: token})
        ok(again.kind == "error", f"{box.mode}: it is cancelled once", again)
        client.send("toolbox_close", {1: tools.box})
        ok(client.quiet(kept, 0.3) and other.count() == 5,
           f"{box.mode}: a toolbox that is closed ends no call")
    ok(other.gone(), f"{box.mode}: a client that goes ends what it waits for",
       other.count())
    wait_for(lambda: all(row["over"] for row in box.logs("--tool", "exec")),
             30)
    rows = [row for row in box.logs("--tool", "exec") if row["over"]]
    ok(len(rows) == 2 and all(row["status"] != 0 for row in rows),
       f"{box.mode}: both are in the log, with their ends", rows)


def check_background(box):
    """What is in the background belongs to the sandbox."""
    tree = Tree()
    with Client(box) as client:
        tools = client.open("background")
        answer = client.call(tools, "exec", {"command": tree.script,
                                             "background": True})
        ok(not answer.error and tree.grown(),
           f"{box.mode}: a command in the background", answer)
    time.sleep(0.3)
    ok(tree.count() == 5, f"{box.mode}: outlives its client", tree.count())
    box.kill_creeld()
    with Client(box) as client:
        answer = client.call(client.open("background"), "process",
                             {"action": "list"})
        ok(tree.count() == 5 and not answer.error,
           f"{box.mode}: and creeld", answer)
    box.run("rm", "background")
    ok(tree.gone(), f"{box.mode}: and goes with its sandbox", tree.count())


def check_sandbox(box):
    """A sandbox that goes takes its calls with it, with an answer."""
    with Client(box) as client:
        tools = client.open("gone")
        tree = Tree()
        seq, _ = begin(client, tools, tree)
        tree.grown()
        box.run("rm", "gone")
        answer = client.get(seq)
        ok(answer.kind == "result" and answer.error and tree.gone(),
           f"{box.mode}: a sandbox is removed while a command runs", answer)
        answer = client.call(tools, "exec", {"command": "echo again"})
        ok("again" in answer.text, f"{box.mode}: the next call makes a new one",
           answer)
        tree = Tree()
        seq, _ = begin(client, tools, tree)
        tree.grown()
        box.run("kill", "gone")
        answer = client.get(seq)
        ok(answer.error and tree.gone(),
           f"{box.mode}: so it is where it is killed", answer)
        tree = Tree()
        seq, _ = begin(client, tools, tree)
        tree.grown()
        for pid in tree.inits():
            os.kill(pid, 9)
        answer = client.get(seq)
        ok(answer.error and "gone" in answer.text and tree.gone(),
           f"{box.mode}: and where its pid 1 dies", answer)
        answer = client.call(tools, "read", {"path": "none"})
        ok(answer.code == "not_found"
           and "lost" in answer.more["warnings"][0],
           f"{box.mode}: the next call says that it was lost", answer)


def check_progress(box):
    """Progress: asked for, after a second, twice a second at most."""
    script = "for i in 1 2 3 4 5 6 7 8 9 10; do echo line-$i; sleep 0.2; done"
    with Client(box) as client:
        tools = client.open("progress")
        start = time.monotonic()
        seq, _ = client.begin(tools, "exec", {"command": script},
                              progress=True)
        times, texts = [], []
        while (answer := client.get(seq)).kind == "progress":
            times.append(time.monotonic() - start)
            texts.append(answer.msg.get(3, [b""])[0].decode())
        # They may be sent and read late, and never before it is time.
        ok(times and not answer.error
           and all(at >= 0.95 + number * 0.49
                   for number, at in enumerate(times)),
           f"{box.mode}: progress after a second, then twice a second",
           (times, answer))
        ok(any("line-" in text for text in texts),
           f"{box.mode}: with the last line of output", texts)
        seq, _ = client.begin(tools, "exec", {"command": "sleep 1.2"})
        ok(client.get(seq).kind == "result",
           f"{box.mode}: nobody hears what he has not asked for")


def check_restart(box):
    """kill -9 of creeld: a call is taken up again, or its command killed."""
    first, second = Tree(), Tree()
    with Client(box) as client:
        tools = client.open("restart")
        script = "until [ -e go ]; do sleep 0.1; done; echo after; exit 7"
        token = client.begin(tools, "exec", {"command": script,
                                             "yieldMs": 60000})[1]
        begin(client, tools, first)
        begin(client, tools, second)
        first.grown(), second.grown()
        box.kill_creeld()
    killed = time.monotonic()
    with Client(box) as client:
        tools = client.open("restart")
        seq = client.begin(tools, "exec", {"command": script,
                                           "yieldMs": 60000},
                           token=token, again=True)[0]
        client.call(tools, "write", {"path": "go", "content": ""})
        answer = client.get(seq)
        ok("after" in answer.text and answer.more.get("exitCode") == 7
           and "lost" in answer.text,
           f"{box.mode}: a command is taken up again by its token", answer)
        answer = client.call(tools, "exec", {"command": script}, again=True)
        ok(answer.code == "lost", f"{box.mode}: an unknown one is not begun",
           answer)
        if SCALE > 1 and box.mode != "rootless":
            return
        ok(first.count() == 5, f"{box.mode}: the others are waited for")
        ok(first.gone(RECLAIM_SECONDS + 15)
           and second.gone()
           and time.monotonic() - killed > RECLAIM_SECONDS - 2,
           f"{box.mode}: what nobody comes back for is killed",
           (first.count(), time.monotonic() - killed))


def check_trust(box):
    """What is written may be trusted outside: the result says so."""
    with Client(box) as client:
        tools = client.open("trust")
        answer = client.call(tools, "write", {"path": ".envrc",
                                              "content": "x"})
        ok(not answer.error and ".envrc" in answer.text
           and any(".envrc" in text for text in answer.more["warnings"]),
           f"{box.mode}: a protected path that write makes", answer)
        answer = client.call(tools, "exec", {"command": "mkdir -p .vscode"})
        ok(any(".vscode" in text
               for text in answer.more.get("warnings", [])),
           f"{box.mode}: and one that a command makes", answer)
        answer = client.call(tools, "write", {"path": ".envrc",
                                              "content": "y"})
        ok("warnings" not in answer.more, f"{box.mode}: once each", answer)


def check_compute(box):
    """A patch of a large file is worked out beside creeld."""
    with Client(box) as client, Client(box) as other:
        tools = client.open("compute")
        lines = [f"line {number} of a large file" for number in range(150000)]
        made = client.call(tools, "write", fds=[sealed(json.dumps(
            {"path": "big", "content": "\n".join(lines) + "\n"}).encode())])
        beside = other.open("beside")
        start = time.monotonic()
        other.call(beside, "read", {"path": "none"})
        alone = time.monotonic() - start
        seq, _ = client.begin(tools, "apply_patch", {
            "input": "*** Begin Patch\n*** Update File: big\n@@\n"
            " line 149000 of a large file\n-line 149001 of a large file\n"
            "+changed\n*** End Patch\n"})
        start = time.monotonic()
        beside = other.call(beside, "read", {"path": "none"})
        took = time.monotonic() - start
        answer = client.get(seq)
        ok(not made.error and not answer.error
           and beside.code == "not_found" and took < 0.5 + 5 * alone,
           f"{box.mode}: a patch of a large file",
           (made, answer, took, alone))
        lines[149001] = "changed"
        answer = client.call(tools, "exec", {"command": "sha256sum < big"})
        want = hashlib.sha256(("\n".join(lines) + "\n").encode()).hexdigest()
        ok(want in answer.text, f"{box.mode}: changes that and nothing else",
           answer)


CHECKS = (check_cancel, check_background, check_sandbox, check_progress,
          check_restart, check_trust, check_compute)


def main():
    for mode in modes():
        with SessionBox(mode) as box:
            box.sandbox("mode: 'all'")
            for check in CHECKS:
                check(box)
                box.forget()
    done()


main()
