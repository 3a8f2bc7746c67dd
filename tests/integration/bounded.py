#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/bounded: a test that hangs or leaves something fails, and no more; and
tests/failures, which says why.
"""
import os
import signal
import subprocess
import sys
import tempfile

from harness import done, ok, processes_with

TESTS = os.path.join(os.environ["top_srcdir"], "tests")
BOUNDED = os.path.join(TESTS, "bounded")
# A number that no other process has in its command line.
LONG = f"4242{os.getpid()}"


def bounded(seconds, script):
    """Until nobody holds the pipe, as a TAP driver waits."""
    return subprocess.run([sys.executable, BOUNDED, str(seconds), "sh", "-c",
                           script], capture_output=True, text=True,
                          timeout=60, check=False)


end = bounded(50, "echo ok 1; exit 3")
ok(end.returncode == 3 and end.stdout == "ok 1\n" and not end.stderr,
   "what a test says and its exit status are passed on", end)
ok(bounded(50, "kill -9 $$").returncode == 137, "a signal is told as a shell does")
signal.signal(signal.SIGHUP, signal.SIG_IGN)
ok(bounded(50, "kill -HUP $$; sleep 1").returncode == 129,
   "what is ignored by who runs the tests is not by a test")
signal.signal(signal.SIGHUP, signal.SIG_DFL)
ok(bounded(50, "sleep 0.3 &").returncode == 0,
   "what ends by itself soon after the test is waited for")
end = bounded(50, f"setsid sleep {LONG} & exit 0")
ok(end.returncode == 1 and f"sleep {LONG}" in end.stderr and
   not processes_with(f"sleep {LONG}"),
   "a process that is left behind fails the test, and is ended", end)
end = bounded(0.5, f"setsid sleep {LONG} & trap '' TERM; while :; do :; done")
ok(end.returncode == 124 and "did not end" in end.stderr and
   not processes_with(LONG), "a test that hangs fails, and is ended", end)


def failures(log, trs):
    """What is said of a test part/x with such a log and results."""
    with tempfile.TemporaryDirectory() as top:
        os.mkdir(os.path.join(top, "part"))
        for end_of_name, text in (("log", log), ("trs", trs)):
            with open(os.path.join(top, "part", "x." + end_of_name), "w",
                      encoding="ascii") as file:
                file.write(text)
        return subprocess.run(
            ["sh", os.path.join(TESTS, "failures"), top, "."], text=True,
            capture_output=True, timeout=60, check=False)


said = failures("ok 1 - a\nPASS: part/x 1 - a\nTraceback\n"
                "not ok 2 - b\n# why\nFAIL: part/x.py 2 - b\n"
                "ok 3 - c\nPASS: part/x 3 - c\n1..4\n"
                "ERROR: part/x.py - exited with status 1\n",
                ":test-result: PASS a\n:test-result: FAIL b\n")
ok(said.stdout == "== part/x:\nTraceback\nnot ok 2 - b\n# why\n"
   "FAIL: part/x.py 2 - b\nERROR: part/x.py - exited with status 1\n",
   "why a test failed is taken from its log", said)
said = failures("ok 1 - a\nPASS: part/x 1 - a\n", ":test-result: PASS a\n")
ok(said.stdout == "" and said.returncode == 0,
   "of a test that passed nothing is said", said)
done()
