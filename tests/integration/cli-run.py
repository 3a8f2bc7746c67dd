#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""creel run: exit status, standard streams, environment, arguments."""
import contextlib
import hashlib
import os
import re
import socket
import subprocess

from harness import BUILD, Box, done, family, modes, ok


def check_status(box):
    say = f"{box.mode}: "
    for script, status in (("exit 0", 0), ("exit 3", 3), ("exit 255", 255),
                           ("kill -9 $$", 137), ("kill -TERM $$", 143)):
        result = box.shell(script)
        ok(result.status == status, say + f"{script} gives {status}", result)
    result = box.run("run", "--", "no-such-command")
    ok(result.status == 127 and b"no-such-command" in result.err,
       say + "a command that is not found gives 127", result)
    ok(b"hint:" not in result.err, say + "and no hint", result)
    result = box.run("run", "--", os.path.relpath(
        os.path.join(BUILD, "controller/creel"), box.path("work")))
    ok(result.status == 127 and b"\nhint: --workspace . " in result.err,
       say + "one that is here alone is hinted at", result)
    result = box.run("run", "--", "/etc/passwd")
    ok(result.status == 126 and b"/etc/passwd" in result.err,
       say + "a file that is not executable gives 126", result)
    result = box.run("run", "--timeout", "200ms", "--", "sleep", "60")
    ok(result.status == 124 and b"timed out after 200ms" in result.err,
       say + "a timeout gives 124", result)
    result = box.run("run", "--timeout", "1", "--", "sleep", "60")
    ok(b"timed out after 1s\n" in result.err, say + "and names the unit",
       result)
    result = box.run("run", "--workdir", "/nowhere", "--", "true")
    ok(result.status == 125 and result.err.startswith(b"creel: "),
       say + "a missing workdir gives 125", result)


def check_streams(box):
    say = f"{box.mode}: "
    result = box.shell("cat; echo problem >&2", data=b"through a pipe")
    ok(result.out == b"through a pipe" and result.err == b"problem\n",
       say + "pipes are connected", result)
    blob = os.urandom(3 * 1024 * 1024)
    source = box.write("in", blob)
    target = box.write("out", b"old content that is longer than nothing")
    with open(source, "rb") as stdin, open(target, "r+b") as stdout:
        stdout.truncate()
        result = box.run("run", "--", "cat", stdin=stdin, stdout=stdout)
    with open(target, "rb") as file:
        ok(hashlib.sha256(file.read()).digest() ==
           hashlib.sha256(blob).digest(), say + "files are relayed", result)
    with open(source, "rb") as stdin, open(target, "ab") as stdout:
        stdout.write(b"first ")
        stdout.flush()
        stdin.seek(len(blob) - 4)
        box.run("run", "--", "cat", stdin=stdin, stdout=stdout)
    with open(target, "rb") as file:
        ok(file.read()[-10:] == b"first " + blob[-4:],
           say + "a file is read from where it stands, and appended to")
    kinds = "for i in 0 1 2; do readlink /proc/self/fd/$i; done >&2"
    with open(source, "rb") as stdin:
        result = box.shell(kinds, stdin=stdin)
    ok(b"/in" not in result.err and result.err.count(b"pipe:") == 3,
       say + "the sandbox holds no descriptor of a file", result)
    result = box.shell(kinds, stdin=subprocess.DEVNULL)
    ok(b"/dev/null" in result.err, say + "/dev/null is passed", result)
    ours, theirs = socket.socketpair()
    process = box.start("run", "--", "sh", "-c", "head -n 1; echo answer >&0",
                        stdin=theirs, stdout=theirs)
    theirs.close()
    ours.sendall(b"question\n")
    process.wait(20)
    try:
        got = ours.recv(100)
    except ConnectionResetError as problem:
        got = problem
    ok(got == b"question\nanswer\n", say + "a socket is passed", got)
    process.stderr.close()
    ours.close()
    check_sockets(box, say)


def check_sockets(box, say):
    """Of the host's network nothing is passed: it could be connected anew."""
    server = socket.create_server(("127.0.0.1", 0))
    ours = socket.create_connection(server.getsockname())
    theirs, _ = server.accept()
    ours.sendall(b"question\n")
    ours.shutdown(socket.SHUT_WR)
    result = box.run("run", "--", "sh", "-c", "cat; readlink /proc/self/fd/0",
                     stdin=theirs)
    ok(b"question" in result.out and b"pipe:" in result.out,
       say + "a TCP socket is relayed", result)
    got = box.start("run", "--", "sh", "-c", "echo answer; echo -n more",
                    stdin=subprocess.DEVNULL, stdout=theirs)
    got.wait(20)
    got.stderr.close()
    theirs.close()
    ok(ours.makefile("rb").read() == b"answer\nmore",
       say + "to a TCP socket, too")
    ours.close()
    server.close()
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    pair[0].send(b"one")
    pair[0].send(b"")
    result = box.run("run", "--", "sh", "-c", "cat; readlink /proc/self/fd/0",
                     stdin=pair[1])
    ok(b"pipe:" in result.out, say + "a datagram socket is relayed", result)
    for end in pair:
        end.close()


def check_odd_streams(box):
    say = f"{box.mode}: "
    with open("/dev/full", "wb") as full:
        result = box.run("run", "--", "echo", "x", stdout=full)
    ok(b"standard output: No space left on device" in result.err,
       say + "a full disk is told", result)
    with open("/dev/zero", "rb") as zero:
        result = box.run("run", "--", "head", "-c", "100000", stdin=zero)
    ok(result.out == bytes(100000), say + "a device is relayed", result.err)
    folder = os.open("/", os.O_RDONLY)
    for name, more in (("input", {"stdin": folder}),
                       ("output", {"stdout": folder}),
                       ("error", {"stderr": folder})):
        result = box.run("run", "--", "true", **more)
        ok(result.status == 125 and (name == "error" or
           f"standard {name}: is a directory".encode() in result.err),
           say + f"a directory as standard {name} is refused", result)
    os.close(folder)
    for script, want in (("0<&-", b""), ("0<&- 1>&- 2>&-", b"")):
        status = subprocess.run(
            ["sh", "-c", f'"$0" run -- sh -c "cat; exit 7" {script}',
             box.creel], env=box.env, check=False, stdout=subprocess.PIPE,
            **box._user())
        ok(status.returncode == 7 and status.stdout == want,
           say + f"closed streams are empty: {script}", status)
    process = box.start("run", "--", "sh", "-c", "cat >/dev/null; echo end")
    process.stdin.close()
    ok(process.stdout.read() == b"end\n",
       say + "the end of standard input is seen")
    process.wait()
    process = box.start("run", "--", "sh", "-c", "yes | head -n 5000000")
    process.stdout.read(10)
    process.stdout.close()
    ok(process.wait(20) in (0, 141, 1), say + "a reader that goes away")
    process.stderr.close()
    process.stdin.close()


def check_environment(box):
    say = f"{box.mode}: "
    result = box.shell("env; cat /proc/[0-9]*/environ; cat /proc/1/cmdline")
    ok(b"tweety" not in result.out, say + "no variable of the caller's",
       result.out)
    held = b""
    for pid in family(box.helpers()):
        # One that others may not look into tells nobody.
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/environ", "rb") as file:
                held += file.read()
    ok(b"tweety" not in held,
       say + "nor in any process that serves the sandbox", held)
    names = {line.split(b"=")[0] for line in box.run("run", "--", "env")
             .out.splitlines()}
    ok(names <= {b"PATH", b"HOME", b"USER", b"LOGNAME", b"LANG", b"PWD",
                 b"SHELL", b"TZ", b"HOSTNAME"},
       say + "a short list of defaults", names)
    listed = box.write("env", "# list\n\nFROM_FILE=a b\nSECRET_CANARY\n")
    result = box.run("run", "--env", "A=1", "--env", "A=2", "--env-file",
                     listed, "--env=HOME=/x", "--env", "NOT_SET", "--", "env")
    lines = result.out.splitlines()
    ok({b"A=2", b"FROM_FILE=a b", b"SECRET_CANARY=tweety-4711",
        b"HOME=/x"} <= set(lines) and b"A=1" not in lines and
       b"NOT_SET" not in result.out, say + "--env and --env-file", result)
    many = []
    for i in range(10000):
        many += ["--env", f"V{i}=1"]
    result = box.run("run", *many, "--", "true")
    ok(result.status == 125 and b"--env: more than 4096" in result.err,
       say + "10,000 variables are refused", result)
    result = box.run("run", *many[:8000], "--", "sh", "-c", "env | grep -c ^V")
    ok(result.out == b"4000\n", say + "4,000 variables arrive", result)


def check_arguments(box):
    say = f"{box.mode}: "
    words = [b"", b"--bind", b"-c", b"a b", b"\n", b"\xff\xfe", b"$(id)", b"%n",
             b"'\"\\"]
    result = box.run("run", "--", "sh", "-c",
                     'for a; do printf %s "$a" | od -An -tx1 -v | '
                     'tr -d " \\n"; echo; done', "sh", *words)
    ok(result.out.split(b"\n")[:-1] == [w.hex().encode() for w in words],
       say + "arguments arrive byte by byte", result)
    result = box.run("run", "--", "sh", "-c", "echo $#", "sh",
                     *["x"] * 10000)
    ok(result.out == b"10000\n", say + "10,000 arguments arrive", result)
    result = box.run("run", "--", "sh", "-c", "echo ${#1}", "sh",
                     "x" * 131000)
    ok(result.out == b"131000\n", say + "an argument of 131,000 bytes",
       result)
    many = ["y" * 100000] * 16
    result = box.run("run", "--", "true", *many)
    ok(result.status == 125 and b"larger than" in result.err,
       say + "arguments over the limit are refused", result)


def check_json(box):
    import json
    say = f"{box.mode}: "
    result = box.run("run", "--json", "--", "sh", "-c", "echo out; exit 4")
    told = json.loads(result.err)
    ok(result.status == 4 and result.out == b"out\n" and
       told["status"] == 4 and re.fullmatch("[0-9a-f]{32}", told["id"]) and
       told["wall_usec"] > 0 and told["timed_out"] is False,
       say + "--json tells the result", result)


def main():
    for mode in modes():
        with Box(mode) as box:
            for check in (check_status, check_streams, check_odd_streams,
                          check_environment, check_arguments, check_json):
                check(box)
    done()


if __name__ == "__main__":
    main()
