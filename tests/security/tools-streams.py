#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a command of a tool can do with the streams that creeld reads and
writes (SB-43): none of it keeps creeld from anybody else."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "integration"))
from harness import done, modes, ok, wait_for  # noqa: E402
from sessions_box import SessionBox  # noqa: E402
from tools_wire import Client  # noqa: E402

SECONDS = 3  # for a call that has nothing to do with it
HELD = 8     # seconds that a command tries to hold its pipe

# Whoever moves bytes to or from a pipe has its lock, and waits with it for a
# socket, or a terminal, that gives or takes none.
HOLD = """
import os, pty, signal, socket, sys
signal.alarm({held})
one, two = socket.socketpair()
two.setblocking(True)
way = sys.argv[1]
try:
    if way == 'splice out of a socket':
        os.write(1, b'x'); os.splice(one.fileno(), 1, 4096)
    if way == 'sendfile out of a socket':
        os.write(1, b'x'); os.sendfile(1, one.fileno(), None, 4096)
    if way == 'splice out of a terminal':
        tty = pty.openpty()[1]
        os.write(1, b'x'); os.splice(tty, 1, 4096)
    if way == 'splice into a socket':
        one.setblocking(False)
        try:
            while True:
                one.send(bytes(4096))
        except BlockingIOError:
            one.setblocking(True)
        os.write(1, b'ready\\n'); os.splice(0, one.fileno(), 4096)
except OSError as err:
    os.write(1, b'refused: %d\\n' % err.errno)
signal.pause()
"""
WAYS = ("splice out of a socket", "sendfile out of a socket",
        "splice out of a terminal", "splice into a socket")


class Bench(SessionBox):
    """Two sessions: one that attacks, one that only wants to read."""

    def __init__(self, mode):
        super().__init__(mode)
        self.sandbox("mode: 'all', scope: 'session', workspaceAccess: 'none'")
        self.client = Client(self)
        self.bad = self.client.open("agent:main:bad")
        self.good = self.client.open("agent:main:good")

    def close(self):
        self.client.close()
        super().close()

    def read(self):
        """A call of the other session, and how long it took."""
        begin = time.monotonic()
        answer = self.client.call(self.good, "read", {"path": "file"})
        return answer, time.monotonic() - begin


def hold(bench, way):
    """A pipe's lock stays with nobody who waits."""
    begun = bench.client.call(bench.bad, "exec", {
        "command": "exec python3 hold.py '" + way + "'", "background": True})
    ident = begun.more.get("sessionId")

    slowest = 0
    answer = log = None

    def says(word):
        """Whether the command has said so by now; meanwhile all is well."""
        nonlocal slowest, answer, log
        begin = time.monotonic()
        answer, _ = bench.read()
        log = bench.client.call(bench.bad, "process", {
            "action": "log", "sessionId": ident})
        slowest = max(slowest, time.monotonic() - begin)
        return answer.error or word in log.text

    if way == "splice into a socket":
        wait_for(lambda: says("ready"))
        begin = time.monotonic()
        for _ in range(6):
            bench.client.call(bench.bad, "process", {
                "action": "write", "sessionId": ident, "data": "x" * 30000})
        slowest = max(slowest, time.monotonic() - begin)
    wait_for(lambda: says("refused"))
    ok(not answer.error and slowest < SECONDS and "refused: 22" in log.text,
       f"{bench.mode}: sb-43 {way}: creeld answers others",
       (slowest, answer, begun, log))
    bench.client.call(bench.bad, "process", {
        "action": "remove", "sessionId": ident})


def streams(bench):
    """Each of the ways, beside a session that has nothing to do with it."""
    wrote = bench.client.call(bench.good, "write", {"path": "file",
                                                    "content": "here\n"})
    ok(not wrote.error, f"{bench.mode}: control: the other session works",
       wrote)
    wrote = bench.client.call(bench.bad, "write", {
        "path": "hold.py", "content": HOLD.format(held=HELD)})
    ok(not wrote.error, f"{bench.mode}: the program is there", wrote)
    for way in WAYS:
        hold(bench, way)
    copied = bench.client.call(bench.bad, "exec", {
        "command": "python3 -c \"import os; f = open('hold.py'); "
                   "print(os.sendfile(1, f.fileno(), 0, 10), "
                   "os.splice(f.fileno(), 1, 10, offset_src=0))\""})
    ok("10 10" in copied.text,
       f"{bench.mode}: control: a file goes through a pipe", copied)


for mode in modes():
    with Bench(mode) as BENCH:
        streams(BENCH)
done()
