#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a sandbox is made of, and bad input, which leaves nothing half done."""
import json
import os
import re
import socket

from harness import OTHER_UID, Box, done, modes, ok, processes_with, wait_for


def refused(box, name, want, *args, **more):
    """Exit status 125 and a message of one line, with or without a hint."""
    result = box.run(*args, **more)
    lines = result.err.split(b"\n")
    ok(result.status == 125 and lines[0].startswith(b"creel: ") and
       want in result.err and len(lines) <= 3 and
       re.fullmatch(rb"[\x20-\x7e\n]*", result.err),
       f"{box.mode}: {name}", result)


def check_values(box):
    for args, want in (
            (("--no-such",), b"--no-such: unknown option of run"),
            (("--memory", "lots"), b"--memory lots: not a size"),
            (("--timeout", "0"), b"--timeout 0: "),
            (("--cpus", "0"), b"--cpus 0: "),
            (("--pids", "0"), b"--pids 0: "),
            (("--user", "x:y"), b"--user x:y: "),
            (("--network", "wifi"), b"--network wifi: neither"),
            (("--ulimit", "nofile"), b"--ulimit nofile: "),
            (("--cap-keep", "fly"), b"fly: not a capability"),
            (("--cap-keep", "sys_admin"), b"SYS_ADMIN"),
            (("--seccomp", "tight"), b"--seccomp"),
            (("--env", "=x"), b"--env: no name"),
            (("--env-file", "/nowhere"), b"--env-file /nowhere: "),
            (("--hostname", "a/b"), b"--hostname a/b: "),
            (("--name", "../x"), b"--name ../x: "),
            (("--tmpfs", "x"), b"--tmpfs x: "),
            (("--workdir", "here"), b"--workdir here: not an absolute"),
            (("--writable",), b"--writable: the host image"),
            (("--image", "/nowhere"), b"--image: /nowhere: "),
            (("--tty",), b"--tty: neither"),
            (("--no-daemon", "--detach"), b"--no-daemon: cannot be given"),
            (("--name", "\x1b[31m\u202e"), b"\\x1b[31m\\xe2\\x80\\xae")):
        refused(box, "refused: " + " ".join(args).encode(
            "unicode_escape").decode(), want, "run", *args, "--", "true")
    refused(box, "refused: no command", b"command: missing", "run")
    refused(box, "refused: no target", b"TARGET: missing", "exec")
    refused(box, "refused: an option behind the target",
            b"options stand before", "exec", "t", "--json", "true")


def check_binds(box):
    path = box.path("work")
    box.write("file", "content\n")
    closed = box.write("closed", "secret\n", 0)
    for source, target, want in (
            ("/nowhere", "/x", b"/nowhere: No such file"),
            (path, "x", b"not absolute"),
            (path, "/x/../y", b'has a ".."'),
            (path, "/", b"the root itself"),
            (path, "/proc/x", b"/proc"),
            ("/dev/null", "/x", b"neither a directory nor a regular file"),
            ("/proc/self", "/x", b"")):
        refused(box, f"refused: --bind {source}:{target}", want, "run",
                "--bind", f"{source}:{target}", "--", "true")
    if box.mode == "rootless":
        refused(box, "refused: a file that cannot be read", b"Permission",
                "run", "--bind", f"{closed}:/x", "--", "cat", "/x")
    refused(box, "refused: equal targets", b"/x", "run", "--bind",
            f"{path}:/x", "--bind", f"{path}:/x/", "--", "true")
    refused(box, "refused: a socket", b"socket", "run", "--bind",
            f"{make_socket(box)}:/x", "--", "true")
    result = box.run("run", "--bind", f"{path}:/a/b", "--tmpfs", "/a:mode=755",
                     "--bind", f"{path}/file:/a/f:ro", "--", "sh", "-c",
                     "cat /a/b/file /a/f; echo x >/a/f; echo y >/a/b/new")
    ok(result.out == b"content\n" * 2 and b"Read-only" in result.err,
       f"{box.mode}: nested targets, whatever their order", result)
    with open(os.path.join(path, "new"), encoding="ascii") as file:
        owner = os.fstat(file.fileno()).st_uid
        ok(file.read() == "y\n" and owner == os.stat(path).st_uid,
           f"{box.mode}: what is written through a bind is the caller's",
           owner)
    os.symlink("file", os.path.join(path, "link"))
    result = box.run("run", "--bind", f"{path}/link:/x", "--", "cat", "/x")
    ok(result.out == b"content\n", f"{box.mode}: a link is followed", result)


def make_socket(box):
    path = box.path("work", "socket")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)
    os.chmod(path, 0o777)
    return path


def check_workspace(box):
    path = box.path("work")
    say = f"{box.mode}: "
    result = box.run("run", "--workspace", path, "--", "sh", "-c",
                     "pwd; id -u; echo a >made; stat -c %u made")
    ok(result.out == b"/workspace\n1000\n1000\n" and
       os.stat(os.path.join(path, "made")).st_uid == os.stat(path).st_uid,
       say + "a workspace is the caller's, inside and outside", result)
    result = box.run("run", "--workspace", path + ":ro", "--", "sh", "-c",
                     "cat made; echo b >made")
    ok(result.out == b"a\n" and result.status != 0,
       say + "a read-only workspace", result)
    refused(box, "refused: a file as workspace", b"Not a directory", "run",
            "--workspace", os.path.join(path, "made"), "--", "true")
    result = box.run("run", "--workspace", ".", "--user", "0", "--", "sh",
                     "-c", "id -u; stat -c %u made")
    ok(result.out == b"0\n0\n", say + "--user 0 owns the workspace", result)


def check_names(box):
    say = f"{box.mode}: "
    first = box.start("run", "--name", "one", "--", "cat")
    ok(wait_for(lambda: b"one" in box.run("list").out), say + "list has it")
    refused(box, "refused: two of one name", b"one", "run", "--name", "one",
            "--", "true")
    first.stdin.close()
    ok(first.wait(20) == 0, say + "and the first is not disturbed")
    ok(wait_for(lambda: not box.run("list").out), say + "it goes with it")
    result = box.run("run", "--detach", "--", "sleep", "7171")
    ident = result.out.strip().decode()
    listed = json.loads(box.run("list", "--json").out)
    ok(re.fullmatch("[0-9a-f]{32}", ident) and [i["id"] for i in listed] ==
       [ident] and listed[0]["kind"] == "run",
       say + "--detach prints the id of what is listed", result)
    result = box.run("kill", ident)
    ok(result.status == 0 and wait_for(
        lambda: not processes_with("sleep 7171")), say + "kill", result)
    for verb in ("kill", "rm", "stats"):
        result = box.run(verb, "nobody")
        ok(result.status == 1 and result.err.startswith(b"creel: "),
           say + f"{verb} of what is not there gives 1", result)
    ok(box.run("kill").status == 2 and box.run("list", "x").status == 2 and
       box.run("nonsense").status == 2 and box.run().status == 2,
       say + "wrong usage gives 2")


def check_exec(box):
    say = f"{box.mode}: "
    key = box.key("main")
    result = box.run("exec", key, "--", "sh", "-c",
                     "echo x >kept; echo t >/tmp/t; sleep 8181 >/dev/null 2>&1 &")
    ok(result.status == 0 and not result.err, say + "exec makes a session",
       result)
    result = box.run("exec", key, "cat", "kept", "/tmp/t")
    ok(result.out == b"x\nt\n", say + "files stay", result)
    ok(processes_with("sleep 8181"), say + "background processes stay")
    refused(box, "refused: another value for a live sandbox",
            b"--hostname: ", "exec", "--hostname", "other", key, "--", "true")
    item = json.loads(box.run("list", "--json").out)[0]
    result = box.run("exec", item["id"][:12], "--", "cat", "/tmp/t")
    ok(item["kind"] == "session" and result.out == b"t\n",
       say + "an id's beginning names it too", result)
    result = box.run("kill", "--signal", "TERM", key)
    ok(result.status == 0, say + "kill --signal", result)
    stats = json.loads(box.run("stats", "--json", key).out)
    ok(len(stats) == 1 and stats[0]["name"] == key, say + "stats", stats)
    result = box.run("rm", key)
    ok(result.status == 0 and not box.run("list").out and wait_for(
        lambda: not processes_with("sleep 8181")), say + "rm", result)
    result = box.run("exec", key, "--", "cat", "kept")
    ok(result.out == b"x\n", say + "a session's workspace stays", result)
    box.run("rm", key)
    result = box.run("shell", "--tmpfs", "/scratch", box.key("sh"), data=b"echo $0\n")
    ok(result.status == 0 and b"sh" in result.out,
       say + "shell reads standard input", result)
    box.run("rm", box.key("sh"))
    result = box.run("exec", "--user", "0", box.key("root"), "--", "id", "-u")
    again = box.run("exec", box.key("root"), "--", "id", "-u")
    ok(result.out == again.out == b"0\n",
       say + "a session is made for the user of its first command", result)
    box.run("rm", box.key("root"))
    result = box.run("version", "--json")
    ok(json.loads(result.out)["mode"] == box.mode, say + "version", result)


def check_no_daemon(box):
    say = f"{box.mode}: "
    box.stop()
    result = box.run("run", "--no-daemon", "--workspace", ".", "--", "sh",
                     "-c", "echo y >embedded; exit 9")
    ok(result.status == 9 and os.path.exists(box.path("work", "embedded")),
       say + "--no-daemon", result)
    ok(not box.helpers(), say + "and no process stays")


def check_idle(box):
    say = f"{box.mode}: "
    box.stop()
    idle = {"CREEL_IDLE_TIMEOUT": "1s"}
    result = box.run("run", "--", "true", env=idle)
    ok(result.status == 0 and box.helpers() and
       wait_for(lambda: not box.helpers(), 10),
       say + "the helper goes when it is idle", result)
    result = box.run("run", "--", "true",
                     env={"CREEL_IDLE_TIMEOUT": "soon"})
    ok(result.status == 125 and b"CREEL_IDLE_TIMEOUT soon: not a time" in
       result.err, say + "after a time that is one", result)


def check_runtime_dir(box):
    say = f"{box.mode}: "
    if box.mode == "system":
        path = box.path("theirs")
        os.mkdir(path, 0o755)
        os.chown(path, OTHER_UID, OTHER_UID)
        result = box.run("list", env={"CREEL_RUNTIME_DIR": path})
        ok(result.status == 1 and b"does not belong to root" in result.err,
           say + "a runtime directory of another user's is refused", result)
        os.chown(path, 0, 0)
        os.chmod(path, 0o777)
        result = box.run("list", env={"CREEL_RUNTIME_DIR": path})
        ok(result.status == 1 and b"written by others" in result.err,
           say + "and one that others can write", result)
        return
    for name, prepare in (("open", lambda p: os.mkdir(p) or os.chmod(p, 0o755)),
                          ("link", lambda p: os.symlink(box.path("run"), p))):
        path = box.path("work", "runtime-" + name)
        prepare(path)
        if box.drop:
            os.chown(path, OTHER_UID, OTHER_UID, follow_symlinks=False)
        result = box.run("run", "--rootless", "--", "true",
                         env={"CREEL_RUNTIME_DIR": path})
        ok(result.status == 125 and b"creel: helper: " in result.err,
           say + f"a runtime directory that is {name} is refused", result)


def main():
    for mode in modes():
        with Box(mode) as box:
            for check in (check_values, check_binds, check_workspace,
                          check_names, check_exec, check_no_daemon,
                          check_idle, check_runtime_dir):
                check(box)
    done()


if __name__ == "__main__":
    main()
