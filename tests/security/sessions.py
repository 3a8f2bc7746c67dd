#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clients and sandboxes that make a session's life hard (SB-29, SB-38, SB-42,
SB-45): what is killed half-way, what is printed, what is asked for too often."""
import json
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


def pipes(box):
    """How many pipes creeld has open."""
    count = 0
    for pid in box.creeld():
        for name in os.listdir(f"/proc/{pid}/fd"):
            try:
                link = os.readlink(f"/proc/{pid}/fd/{name}")
            except OSError:
                continue
            count += link.startswith("pipe:")
    return count


def killed_clients(box):
    """SB-29: of clients that die while a sandbox is made nothing is left."""
    box.sandbox("mode: 'all', scope: 'session', "
                "docker: { setupCommand: 'sleep 0.4' }")
    box.run("exec", "agent:main:warm", "--", "true")
    for what, args in (("nothing else", None),
                       ("recreate", ("recreate", "--all", "--force")),
                       ("kill", ("kill", KEY)), ("rm", ("rm", KEY))):
        before = pipes(box)
        clients = [box.start("exec", KEY, "--", "sleep", "0.1")
                   for _ in range(3)]
        time.sleep(0.15)
        if args:
            box.run(*args)
        for client in clients:
            client.kill()
            client.stdin.close()
            client.wait()
        wait_for(lambda: pipes(box) <= before, 3)
        ok(pipes(box) <= before, f"{box.mode}: sb-29 clients killed while a "
           f"sandbox is set up, and {what}: no pipe is left",
           (before, pipes(box)))
        box.forget()


for mode in modes():
    with SessionBox(mode) as BOX:
        killed_clients(BOX)
done()
