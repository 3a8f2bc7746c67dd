#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Calls that make work (SB-43): names, patterns and texts that cost much to go
through hold up the session that sent them, and no other."""
import json
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "integration"))
from harness import done, modes, ok  # noqa: E402
from sessions_box import SessionBox  # noqa: E402
from tools_wire import Client, sealed  # noqa: E402

SECONDS = 2   # for a call that has nothing to do with it, at the worst
LONGEST = 60  # for one that is given up

# 2,000 files below folders whose paths have as many parts as they can.
DEEP = """
import os
for _ in range(400):
    os.mkdir('a')
    os.chdir('a')
for i in range(2000):
    open('%03d' % i + 200 * 'a', 'w').close()
"""


class Bench(SessionBox):
    """Two sessions: one that makes work, one that only wants to read."""

    def __init__(self, mode):
        super().__init__(mode)
        self.sandbox(
            "mode: 'all', scope: 'session', workspaceAccess: 'none'", more=
            "tools: { sandbox: { tools: { allow: ['exec', 'process', 'read',"
            " 'write', 'edit', 'apply_patch', 'python_execute'] } } }")
        self.client = Client(self)
        self.other = Client(self)
        self.bad = self.client.open("agent:main:bad")
        self.good = self.other.open("agent:main:good")
        self.longest = 0
        self.wrong = []
        self.over = threading.Event()

    def close(self):
        self.client.close()
        self.other.close()
        super().close()

    def watch(self):
        """Calls of the other session, one after the other."""
        while not self.over.is_set():
            begin = time.monotonic()
            answer = self.other.call(self.good, "read", {"path": "file"})
            self.longest = max(self.longest, time.monotonic() - begin)
            if answer.error:
                self.wrong.append(answer)
            time.sleep(0.01)

    def beside(self, name, args):
        """A call, and how long the other session's took meanwhile."""
        self.longest = 0
        self.over.clear()
        thread = threading.Thread(target=self.watch)
        thread.start()
        begin = time.monotonic()
        seq, _ = self.client.begin(self.bad, name, args)
        try:
            answer = self.client.get(seq, LONGEST)
        except TimeoutError:
            answer = None
        took = time.monotonic() - begin
        self.over.set()
        thread.join()
        return answer, took


def work(bench):
    """Patterns against paths."""
    wrote = bench.other.call(bench.good, "write", {"path": "file",
                                                   "content": "here\n"})
    ok(not wrote.error, f"{bench.mode}: control: the other session works",
       wrote)
    answer, took = bench.beside("python_execute", {
        "code": DEEP, "save_artifacts": True, "artifact_globs":
        [i * "?" + 80 * "*a" + "b" for i in range(64)]})
    ok(answer and bench.longest < SECONDS and not bench.wrong,
       f"{bench.mode}: sb-43 patterns of artifacts: others are served",
       (bench.longest, took, bench.wrong, answer))
    answer, took = bench.beside("python_execute", {
        "code": DEEP, "save_artifacts": True, "artifact_globs": ["*a"]})
    ok(answer and bench.longest < SECONDS and not bench.wrong,
       f"{bench.mode}: sb-43 names of artifacts: others are served",
       (bench.longest, took, bench.wrong, str(answer)[:500]))
    answer, _ = bench.beside("python_execute", {
        "code": "open('one.txt', 'w').write('x')", "save_artifacts": True})
    saved = answer.more.get("artifacts_saved", []) if answer else []
    ok([item["name"] for item in saved] == ["one.txt"],
       f"{bench.mode}: control: an artifact is kept", answer)


def foreign(bench):
    """A command is taken up again by the session that it is of."""
    seq, token = bench.client.begin(bench.bad, "exec", {
        "command": "echo canary-7; sleep 60", "background": True})
    begun = bench.client.get(seq)
    other = bench.other.call(bench.good, "exec", {"command": "true"},
                             token=token, again=True)
    ok(not begun.error and other.error and "canary-7" not in other.text,
       f"{bench.mode}: sb-04 a call of another session is not taken up",
       (begun, other))
    own = bench.client.call(bench.bad, "exec", {"command": "true"},
                            token=token, again=True)
    ok(not own.error and begun.more["sessionId"] == own.more["sessionId"],
       f"{bench.mode}: control: by its own it is", (begun, own))
    bench.client.call(bench.bad, "process", {
        "action": "remove", "sessionId": begun.more["sessionId"]})


def unread(bench):
    """What nobody reads does not fill creeld's memory."""
    idents = [bench.client.call(bench.bad, "exec", {
        "command": "sleep 60", "background": True}).more["sessionId"]
        for _ in range(8)]
    codes = []
    for ident in idents * 16:
        fd = sealed(json.dumps({"action": "write", "sessionId": ident,
                                "data": "x" * 1000000}).encode())
        codes.append(bench.client.call(bench.bad, "process",
                                       fds=[fd]).code)
        os.close(fd)
    ok(codes[0] == "" and codes[-1] == "limit",
       f"{bench.mode}: sb-43 input that is not read is bounded", codes)
    for ident in idents:
        bench.client.call(bench.bad, "process", {
            "action": "remove", "sessionId": ident})


for mode in modes():
    with Bench(mode) as BENCH:
        work(BENCH)
        unread(BENCH)
        foreign(BENCH)
done()
