#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SB-33: file tools work inside; nothing of creel's outside opens a path there.

Every system call with a path, of creeld and of the helper's processes, is
traced while file tools are called; those of pid 1 in the sandbox are its own.
Needs root and strace.
"""
import os
import re
import shutil
import signal
import subprocess

from harness import done, family, modes, ok, skip, wait_for
from sessions_box import SessionBox
from tools_wire import Client

SCALE = int(os.environ.get("CREEL_TEST_SCALE", "100"))
ROUNDS = max(20, 1000 // SCALE)  # of five calls and more each
# What is looked at on the host after a change, by fixed names: never opened
# to be read or written, no link followed.
LOOK = re.compile(r'O_PATH.*RESOLVE_NO_SYMLINKS|statx\(.*AT_SYMLINK_NOFOLLOW'
                  r'|O_PATH\|O_CLOEXEC\|O_DIRECTORY|O_DIRECTORY.*O_PATH'
                  r'|O_PATH.*O_DIRECTORY|AT_EMPTY_PATH')


def comm(pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="latin-1") as file:
            return file.read().strip()
    except OSError:
        return ""


class Trace:
    """Of everything of creel's that is not in the sandbox."""

    def __init__(self, box):
        inside = family([pid for pid in family(box.helpers())
                         if comm(pid) == "creel-init"])
        self.pids = sorted(family(box.helpers()) - inside)
        self.path = box.path("trace")
        argv = ["strace", "-f", "-y", "-s", "4096", "-qq", "-o", self.path,
                "-e", "trace=%file"]
        for pid in self.pids:
            argv += ["-p", str(pid)]
        self.process = subprocess.Popen(argv, stderr=subprocess.PIPE)

    def attached(self):
        def traced(pid):
            with open(f"/proc/{pid}/status", encoding="ascii") as file:
                return "TracerPid:\t0" not in file.read()
        return wait_for(lambda: all(traced(pid) for pid in self.pids))

    def lines(self, words):
        """The calls whose path has one of these in it."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        with open(self.path, encoding="latin-1") as file:
            return [line.strip() for line in file
                    if any(word in line for word in words)
                    or re.search(r"/proc/\d+/(root|cwd|fd)", line)]


def work(client, tools, number):
    """Each file tool, on files and on things that are none."""
    name = f"dir/f{number % 7}"
    calls = (
        ("write", {"path": name, "content": "one\ntwo\n"}),
        ("read", {"path": name}),
        ("edit", {"path": name, "oldText": "two", "newText": "three"}),
        ("apply_patch", {"input": "*** Begin Patch\n*** Update File: "
                         f"{name}\n@@\n-one\n+four\n*** End Patch\n"}),
        ("read", {"path": "none"}), ("read", {"path": "link"}),
        ("read", {"path": "fifo"}), ("read", {"path": "dir"}),
        ("write", {"path": "link", "content": "x"}))
    return [client.call(tools, tool, args).error for tool, args in calls]


def trace(box, protect):
    """The calls below a workspace, and whether the tools worked."""
    box.sandbox("mode: 'all'" + protect)
    key = "trace"
    box.sh(key, "ln -s /etc/passwd link; mkfifo fifo; mkdir dir")
    workspace = box.items()[0]["workspace"]
    with Client(box) as client:
        tools = client.open(key)
        want = [False] * 4 + [True] * 5
        good = work(client, tools, 0) == want
        tracer = Trace(box)
        good &= tracer.attached()
        for number in range(ROUNDS):
            good &= work(client, tools, number) == want
        return tracer.lines([workspace, box.root]), good, workspace


def check(box):
    lines, good, _ = trace(box, ", protectPaths: ['!*']")
    ok(good, f"SB-33 {box.mode}: the file tools work while they are traced")
    ok(not lines, f"SB-33 {box.mode}: no path below a workspace is looked up"
       f" outside in {ROUNDS * 9} calls", "\n".join(lines[:20]))
    box.forget()
    lines, good, _ = trace(box, "")
    other = [line for line in lines if not LOOK.search(line)]
    ok(good and lines and not other,
       f"SB-33 {box.mode}: protected paths are looked at without opening them"
       " and without following a link", "\n".join(other[:20]))
    # What does work there from outside is seen: the test can fail.
    media = box.path("home", "media")
    box.sandbox("mode: 'all'", more=f"media: {{ root: '{media}' }}")
    with open(os.path.join(media, "m"), "w", encoding="ascii") as file:
        file.write("x")
    os.chown(file.name, os.stat(media).st_uid, os.stat(media).st_gid)
    tracer = Trace(box)
    tracer.attached()
    added = box.run("media", "add", "--session", "trace", file.name)
    lines = tracer.lines([box.root])
    ok(any("O_CREAT" in line or "O_TMPFILE" in line for line in lines),
       f"SB-33 {box.mode}: a file that is copied in is seen by the trace",
       (added, lines[:5]))
    box.forget()


def main():
    if os.geteuid() != 0 or not shutil.which("strace"):
        skip("SB-33", "needs root and strace")
        done()
    for mode in modes():
        with SessionBox(mode) as box:
            check(box)
    done()


main()
