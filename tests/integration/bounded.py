#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/bounded: a test that hangs or leaves something fails, and no more."""
import os
import subprocess
import sys

from harness import done, ok, processes_with

BOUNDED = os.path.join(os.environ["top_srcdir"], "tests", "bounded")
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
ok(bounded(50, "sleep 0.3 &").returncode == 0,
   "what ends by itself soon after the test is waited for")
end = bounded(50, f"setsid sleep {LONG} & exit 0")
ok(end.returncode == 1 and f"sleep {LONG}" in end.stderr and
   not processes_with(f"sleep {LONG}"),
   "a process that is left behind fails the test, and is ended", end)
end = bounded(0.5, f"setsid sleep {LONG} & trap '' TERM; while :; do :; done")
ok(end.returncode == 124 and "did not end" in end.stderr and
   not processes_with(LONG), "a test that hangs fails, and is ended", end)
done()
