#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clients and sandboxes that make a session's life hard (SB-29, SB-38, SB-42,
SB-45): what is killed half-way, what is printed, what is asked for too often."""
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "integration"))
from harness import done, modes, ok, wait_for  # noqa: E402
from sessions_box import SessionBox  # noqa: E402

KEY = "agent:main:x"
SAFE = re.compile(rb"[\x20-\x7e\n]*")


def ends(client):
    """Does whoever reads a client's output see its end?"""
    os.set_blocking(client.stdout.fileno(), False)

    def is_over():
        try:
            while os.read(client.stdout.fileno(), 4096):
                pass
            return True
        except BlockingIOError:
            return False

    return wait_for(is_over)


def killed_clients(box):
    """SB-29: of clients that die while a sandbox is made nothing is left."""
    box.sandbox("mode: 'all', scope: 'session', "
                "docker: { setupCommand: 'sleep 0.4' }")
    box.run("exec", "agent:main:warm", "--", "true")
    for what, args in (("nothing else", None),
                       ("recreate", ("recreate", "--all", "--force")),
                       ("kill", ("kill", KEY)), ("rm", ("rm", KEY))):
        clients = [box.start("exec", KEY, "--", "sleep", "0.1")
                   for _ in range(3)]
        time.sleep(0.15)
        if args:
            box.run(*args)
        for client in clients:
            client.kill()
            client.stdin.close()
            client.wait()
        over = [ends(client) for client in clients]
        ok(all(over), f"{box.mode}: sb-29 clients killed while a sandbox is "
           f"set up, and {what}: their output ends", over)
        box.forget()


# Two keys whose folders have one name: 32 characters and 32 bits are equal.
TWINS = ["agent:main:" + "a" * 40 + end for end in ("76879", "84314")]


def twins(box):
    """SB-40: a key that was looked for leads to no other session's folder."""
    box.sandbox("mode: 'all', scope: 'session'")
    ok(box.sh(TWINS[0], "echo tweety >token; cat token").out == b"tweety\n",
       f"{box.mode}: a session and its folder")
    with open(box.path("home", "media", "f"), "w", encoding="utf-8") as file:
        file.write("f")
    box.sandbox("mode: 'all', scope: 'session'", "",
                f"media: {{ root: '{box.path('home', 'media')}' }}")
    result = box.run("media", "add", "--session", TWINS[1],
                     box.path("home", "media", "f"))
    ok(result.status != 0 and b"another session" in result.err,
       f"{box.mode}: sb-40 nor a file into it", result)
    for when in ("while it has a sandbox", "when that is gone"):
        result = box.sh(TWINS[1], "cat token")
        ok(result.status == 125 and b"another session" in result.err and
           b"tweety" not in result.out,
           f"{box.mode}: sb-40 the folder of another session, {when}", result)
        box.forget()
    ok(box.sh(TWINS[0], "cat token").out == b"tweety\n",
       f"{box.mode}: its own session has it still")
    box.forget()


def printed(box):
    """SB-38: what a key, a command or its output holds stays on its line."""
    evil = "\x1b]0;x\x07\n2026-01-01 00:00:00  agent:main:x  exec  0\r" \
           "\u202e\x9b31m%s%n"
    key = "agent:main:%s%n$(id)`id`;'\""
    box.sandbox("mode: 'all', scope: 'session'")
    box.run("exec", key, "--", "echo", evil)
    box.run("exec", "--host", key, "--", "echo", evil)
    wrong = []
    for verb in (["logs"], ["logs", "--json"], ["list"], ["list", "--json"],
                 ["stats"], ["explain", "--session", key],
                 ["recreate", "--all", "--dry-run"]):
        result = box.run(*verb)
        if not SAFE.fullmatch(result.out + result.err):
            wrong.append(result)
    lines = box.run("logs").out.splitlines()
    if len(lines) != 1 + box.run("logs", "--json").out.count(b'"decision"'):
        wrong.append(lines)
    offered = box.run("help", "--complete", "--", "exec", "").out
    if re.search(rb"[$`;'\"]", offered):
        wrong.append(offered)
    ok(not wrong, f"{box.mode}: sb-38 logs, lists and completion",
       "\n".join(map(str, wrong)))
    box.sandbox("mode: 'all', scope: 'session', docker: { setupCommand: "
                "'printf \"\\\\033]0;x\\\\007\\\\233m\\\\r\\\\n\"; exit 3' }")
    result = box.run("exec", "agent:main:s", "--", "true")
    ok(result.status == 125 and b"exit 3" in result.err and
       SAFE.fullmatch(result.err), f"{box.mode}: sb-38 setupCommand's output",
       result)
    box.forget()


for mode in modes():
    with SessionBox(mode) as BOX:
        killed_clients(BOX)
        twins(BOX)
        printed(BOX)
done()
