#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""creel doctor, on this machine and on ones that lack something."""
import ctypes
import json
import os
import subprocess

from harness import OTHER_UID, Box, Result, done, ok, skip

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
MS_BIND = 4096
MS_REC_PRIVATE = 0x44000
LIBC = ctypes.CDLL(None, use_errno=True)


def unshare(flag):
    """unshare(2), which this Python may lack."""
    if LIBC.unshare(flag):
        raise OSError(ctypes.get_errno(), "unshare")


def no_user_namespaces():
    """None below this one, as a sysctl has it."""
    pid = os.getpid()
    ready, go = os.pipe()
    if os.fork() == 0:
        # Of the parent namespace: writes the map, once there is one.
        os.close(go)
        os.read(ready, 1)
        for name in ("uid_map", "gid_map"):
            with open(f"/proc/{pid}/{name}", "w", encoding="ascii") as file:
                file.write("0 0 65536")
        os._exit(0)
    unshare(CLONE_NEWUSER)
    os.close(go)
    os.wait()
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    with open("/proc/sys/user/max_user_namespaces", "w",
              encoding="ascii") as file:
        file.write("0")


def over_mounted():
    """Something lies over a file of /proc, as in a container."""
    unshare(CLONE_NEWNS)
    if (LIBC.mount(None, b"/", None, MS_REC_PRIVATE, None) or
            LIBC.mount(b"/dev/null", b"/proc/version", None, MS_BIND, None)):
        raise OSError(ctypes.get_errno(), "mount")


def inside(box, prepare, *args):
    """creel on a machine that a function has taken something from."""
    def enter():
        prepare()
        os.setgroups([])
        os.setresgid(OTHER_UID, OTHER_UID, OTHER_UID)
        os.setresuid(OTHER_UID, OTHER_UID, OTHER_UID)

    # One thread, and the child does little.
    run = subprocess.run(  # pylint: disable=subprocess-popen-preexec-fn
        [box.creel, *args], env=box.env, cwd="/", preexec_fn=enter,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, timeout=60, check=False)
    return Result(run.returncode, run.stdout, run.stderr)


def check_here(box):
    result = box.run("doctor", "--json")
    checks = json.loads(result.out)
    levels = {item["level"] for item in checks}
    ok(levels <= {"ok", "warning", "failed"} and {"kernel", "user namespaces",
       "seccomp", "landlock", "cgroup", "programs"} <=
       {item["check"] for item in checks}, "the checks", result)
    ok(result.status == (1 if "failed" in levels else 0),
       "the exit status says whether one failed", result)
    ok(all(item["hint"] or item["level"] == "ok" for item in checks),
       "all that is not well has a hint", checks)
    text = box.run("doctor").out
    ok(text.count(b"hint: ") == sum(bool(i["hint"]) for i in checks) and
       b"\x1b" not in text, "the same as text, without colour", text)
    result = box.tty([box.creel, "doctor"], [])
    ok(b"\x1b[32m" in result.out, "on a terminal, with colour", result)
    box.env["NO_COLOR"] = "1"
    result = box.tty([box.creel, "doctor"], [])
    ok(b"\x1b" not in result.out, "but not with NO_COLOR", result)


def check_without_userns(box):
    result = inside(box, no_user_namespaces, "doctor")
    ok(result.status == 1 and b"user.max_user_namespaces is 0" in result.out
       and b"sysctl -w user.max_user_namespaces=" in result.out,
       "no user namespaces: the sysctl is named", result)
    result = inside(box, no_user_namespaces, "run", "--no-daemon", "--",
                    "true")
    ok(result.status == 125 and b"\ncreel: " in b"\n" + result.err and
       b"user.max_user_namespaces is 0" in result.err, "and told by run",
       result)


def check_over_mounted(box):
    result = inside(box, over_mounted, "doctor")
    ok(result.status == 1 and b"/proc/version is mounted over" in result.out,
       "an over-mounted /proc: the mount is named", result)
    result = inside(box, over_mounted, "run", "--no-daemon", "--", "true")
    ok(result.status == 125 and result.err.startswith(b"creel: ") and
       b"/proc" in result.err, "and told by run", result)


def main():
    with Box("rootless") as box:
        check_here(box)
        if os.geteuid() == 0:
            check_without_userns(box)
            check_over_mounted(box)
        else:
            skip("doctor elsewhere", "needs root")
    done()


if __name__ == "__main__":
    main()
