#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""--seccomp: the named profiles, and one of Docker's kind in a file."""
import json

from harness import Box, done, modes, ok

ALLOW = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": []}


def profile(box, value):
    text = value if isinstance(value, (str, bytes)) else json.dumps(value)
    return box.write("profile.json", text)


def rule(names, action="SCMP_ACT_ERRNO", **more):
    return {"names": names, "action": action, **more}


def with_rules(*rules, **more):
    return dict(ALLOW, syscalls=list(rules), **more)


def check_effect(box):
    say = f"{box.mode}: "
    script = "mkdir /tmp/d; echo made $?; mkdir /tmp/d 2>/dev/null"
    for name in ("agent", "strict", "baseline"):
        result = box.run("run", "--seccomp", name, "--", "sh", "-c", script)
        ok(b"made 0" in result.out, say + f"--seccomp {name} runs a command",
           result)
    path = profile(box, with_rules(
        rule(["mkdir", "mkdirat", "no_such_call"], errnoRet=28)))
    result = box.run("run", "--seccomp", path, "--", "sh", "-c", script)
    ok(b"No space left" in result.err and b"made 1" in result.out,
       say + "a call is refused with the file's errno", result)
    path = profile(box, with_rules(rule(
        ["prctl"], args=[{"index": 0, "value": 15, "op": "SCMP_CMP_EQ"}])))
    probe = ("import ctypes; c = ctypes.CDLL(None); "
             "print(c.prctl(15, b'x', 0, 0, 0), c.prctl(3, 0, 0, 0, 0) >= 0)")
    result = box.run("run", "--seccomp", path, "--", "python3", "-c", probe)
    ok(result.out == b"-1 True\n", say + "arguments are compared", result)
    path = profile(box, with_rules(
        rule(["mkdir", "mkdirat"], includes={"caps": ["CAP_SYS_ADMIN"]}),
        rule(["getcwd"], includes={"arches": ["nosuch"]}),
        rule(["getcwd"], excludes={"arches": ["amd64", "arm64"]})))
    result = box.run("run", "--seccomp", path, "--", "sh", "-c", script)
    ok(b"made 0" in result.out, say + "conditions that do not hold", result)
    deny = {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38,
            "syscalls": [rule(["exit_group", "execve"], "SCMP_ACT_ALLOW")]}
    result = box.run("run", "--seccomp", profile(box, deny), "--", "true")
    ok(result.status not in (0, "hangs"),
       say + "a profile that allows nothing lets nothing run", result)
    allow = dict(ALLOW)
    result = box.run("run", "--seccomp", profile(box, allow), "--", "unshare",
                     "-U", "true")
    ok(result.status != 0, say + "a profile cannot allow more", result)


def check_refused(box):
    say = f"{box.mode}: "
    deep = "[" * 5000 + "]" * 5000
    for name, value, want in (
            ("no JSON", "{", b"line 1"),
            ("an empty file", "", b"line 1"),
            ("a list", "[]", b"no object"),
            ("no action", "{}", b"defaultAction"),
            ("an unknown action", {"defaultAction": "SCMP_ACT_X"},
             b"SCMP_ACT_X"),
            ("a notifier", {"defaultAction": "SCMP_ACT_NOTIFY"},
             b"SCMP_ACT_NOTIFY"),
            ("rules that are none", dict(ALLOW, syscalls={"a": 1}),
             b"not a list"),
            ("a rule without names", with_rules({"action": "SCMP_ACT_ALLOW"}),
             b"names"),
            ("a name that is a number", with_rules(rule([5])), b"names"),
            ("an errno that is none", with_rules(
                rule(["mkdir"], errnoRet=99999)), b"errnoRet"),
            ("an operator that is none", with_rules(
                rule(["mkdir"], args=[{"index": 0, "value": 1, "op": "~"}])),
             b"args"),
            ("a seventh argument", with_rules(
                rule(["mkdir"], args=[{"index": 6, "value": 1,
                                       "op": "SCMP_CMP_EQ"}])), b"args"),
            ("a key twice", '{"defaultAction":"SCMP_ACT_ALLOW",'
             '"defaultAction":"SCMP_ACT_KILL"}', b"line 1"),
            ("deep nesting", deep, b"line 1"),
            ("a control character", b'{"\x1b[31m', b"line 1"),
            ("more than a megabyte", " " * (1 << 20) + "{}",
             b"larger than 1 MiB")):
        result = box.run("run", "--seccomp", profile(box, value), "--", "true")
        ok(result.status == 125 and b"--seccomp: " in result.err and
           want in result.err and b"\x1b" not in result.err,
           say + "refused: " + name, result)
    result = box.run("run", "--seccomp", "/dev/zero", "--", "true")
    ok(result.status == 125 and b"not a regular file" in result.err,
       say + "refused: a device", result)


def main():
    for mode in modes():
        with Box(mode) as box:
            check_effect(box)
            check_refused(box)
    done()


if __name__ == "__main__":
    main()
