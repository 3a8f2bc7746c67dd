#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The demo says yes to this build, and no to one with a layer switched off."""
import os
import subprocess
import sys

BUILD = os.environ["top_builddir"]
KNOCKOUT = os.environ["CREEL_KNOCKOUT_BUILD"]
DEMO = os.path.join(BUILD, "creel-demo")

# Layers whose lack the demo must notice by itself, one at a time.
NOTICED = ("seccomp", "netns", "nnp", "caps")

# Of the calls over MCP: every tool, and what is refused.
SHOWN = ("> tools/list", "< apply_patch edit exec process read write",
         '> exec {"command"', '> process {"action"', '> read {"path"',
         '> write {"path"', '> edit {"path"', '> apply_patch {"input"',
         '< Tool "exec" blocked', '< Elevated "exec" is not allowed',
         "< read: Path escapes sandbox root", "> notifications/cancelled")


def demo(creel, layer):
    env = dict(os.environ, CREEL=creel)
    env.pop("CREEL_KNOCKOUT", None)
    if layer:
        env["CREEL_KNOCKOUT"] = layer
    return subprocess.run([DEMO, "--runs", "1"], env=env, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=300, check=False)


def report(number, good, name, run):
    if not good:
        print("\n".join("# " + line for line in run.stdout.splitlines()))
    print(f"{'ok' if good else 'not ok'} {number} - {name}", flush=True)
    return good


def main():
    print(f"1..{3 + len(NOTICED)}")
    run = demo(os.path.join(BUILD, "controller/creel"), None)
    knocked_out = KNOCKOUT == BUILD
    good = report(1, run.returncode == 0, "test_demo_passes", run)
    good &= report(2, all(text in run.stdout for text in SHOWN),
                   "test_demo_shows_what_is_sent_and_what_comes_back", run)
    creel = os.path.join(KNOCKOUT, "controller/creel")
    if not os.path.exists(creel):
        for number, layer in enumerate(("nothing",) + NOTICED, 3):
            print(f"ok {number} - test_demo_{layer}_out # SKIP no knock-outs "
                  "in a build within the source folder")
        return 0 if good else 1
    # The control: what the others find is not the test build itself.
    if not knocked_out:
        run = demo(creel, None)
    good &= report(3, run.returncode == 0,
                   "test_demo_with_nothing_switched_off_passes", run)
    for number, layer in enumerate(NOTICED, 4):
        run = demo(creel, layer)
        good &= report(number, run.returncode == 1 and "FAIL" in run.stdout,
                       f"test_demo_without_{layer}_fails", run)
    return 0 if good else 1


sys.exit(main())
