#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""exec in a sandbox: what a command gets, what is said of it, how it ends.

SB-39: whatever a command holds, it is one argument of sh, byte for byte.
"""
import json
import os
import threading
import time

from harness import done, modes, ok, wait_for
from sessions_box import SessionBox
from tools_wire import Client, sealed

HEX = "printf %s \"$1\" | od -An -v -tx1 | tr -d ' \\n'"
# How many processes there are that sleep so long.
RUNS = ("cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' |"
        " grep -A1 '^sleep$' | grep -c '^{}$' || true")
ODD = ["--bind", "-c", "--", "''", "\"$(id)\"", "a\nb", "\t \r",
       "`touch /tmp/x`", "é\u202e\U0001f600", "\\", "%s%n", "$0 $1 $@",
       "\x01\x1b[31m\x7f"]


def check_results(box, call):
    one = call(command="echo out; echo err >&2; pwd")
    ok(not one.error and one.text == "out\nerr\n/workspace\n",
       f"{box.mode}: both streams, in order, from the workspace", one)
    ok(one.more["sandboxed"] and one.more["exitCode"] == 0
       and one.more["status"] == "completed" and one.more["durationMs"] > 0,
       f"{box.mode}: what is known of it is told", one)
    one = call(command="echo oh; exit 3")
    ok(one.error and one.code == "exit_status" and one.more["exitCode"] == 3
       and one.text == "oh\n\nCommand exited with code 3",
       f"{box.mode}: another status is an error with the output", one)
    ok(call(command="true").text == "(no output)",
       f"{box.mode}: no output is said")
    one = call(command="printf 'a\\377b\\0c'")
    ok(one.more["output"] == "a\ufffdb\0c",
       f"{box.mode}: what is no UTF-8 is replaced", one)
    one = call(command="nonesuch-command")
    ok(one.error and one.more["exitCode"] == 127,
       f"{box.mode}: a command that is not there", one)
    one = call(command="kill -9 $$")
    ok(one.error and one.more["exitCode"] == 137,
       f"{box.mode}: a command that is killed", one)


def check_environment(box, call):
    one = call(command="echo $PATH; echo $#; env | grep -c CREEL_",
               env={"PATH": "/first dir:/x'y"})
    lines = one.more["output"].split("\n")
    ok(lines[0].startswith("/first dir:/x'y:/") and lines[1:3] == ["0", "0"],
       f"{box.mode}: PATH comes before the login shell's, and nothing else",
       one)
    one = call(command="printf %s \"$A\"", env={"A": "b=c\n'\"$(id)", "B": ""})
    ok(one.more["output"] == "b=c\n'\"$(id)", f"{box.mode}: a variable", one)
    call(command="mkdir -p 'sub dir'")
    one = call(command="pwd", workdir="sub dir")
    ok(one.text == "/workspace/sub dir\n", f"{box.mode}: workdir", one)
    one = call(command="pwd", workdir="/none/such")
    ok(one.error and "workdir" in one.text and "--" not in one.text,
       f"{box.mode}: a workdir that is not there is named", one)


def check_exact(box, call):
    """SB-39, as far as JSON can carry it."""
    for text in ODD:
        one = call(command="f() { " + HEX + "; }; f \"$A\"", env={"A": text})
        ok(one.more["output"] == text.encode().hex(),
           f"{box.mode}: SB-39: {text!r} comes as it is", one)
    one = call(command="tr '\\0' '\\n' </proc/$$/cmdline | head -3")
    ok(one.more["output"].startswith("sh\n-lc\ntr "),
       f"{box.mode}: SB-39: the command is one argument of sh -lc", one)
    one = call(command="tr '\\0' '\\n' </proc/$$/cmdline | tail -1",
               env={"PATH": "/bin"})
    ok("tail -1" in one.more["output"],
       f"{box.mode}: SB-39: and so it is with a PATH", one)
    long = "x" * (128 * 1024 - 1 - 8)
    one = call(command=": " + long + "; echo")
    ok(not one.error, f"{box.mode}: SB-39: 128 KiB of it", one.text[:100])
    one = call(command="x" * (128 * 1024))
    ok(one.code == "invalid_argument" and "command" in one.text,
       f"{box.mode}: SB-39: more is refused", one.text[:100])
    one = call(command="a\0b")
    ok(one.code == "invalid_argument" and "command" in one.text,
       f"{box.mode}: SB-39: NUL is refused", one)


def check_ends(box, call):
    begin = time.monotonic()
    one = call(command="echo begun; sleep 60 & sleep 60", timeout=1.3)
    ok(one.more["status"] == "timeout" and time.monotonic() - begin < 30
       and "Command timed out after 1.3 seconds" in one.text
       and one.more["output"] == "begun\n",
       f"{box.mode}: a timeout in fractions, with the output", one)
    ok(wait_for(lambda: call(command=RUNS.format("60")).text == "0\n", 30),
       f"{box.mode}: it ends the whole tree")
    begin = time.monotonic()
    one = call(command="sleep 62 & echo left")
    ok(not one.error and one.text == "left\n"
       and time.monotonic() - begin < 30 and wait_for(
           lambda: call(command=RUNS.format("62")).text == "1\n", 20),
       f"{box.mode}: what a command leaves behind does not hold it up", one)
    call(command="pkill sleep || true")


def check_output(box, call):
    one = call(command="i=0; seq 1 300000")
    text = one.more["output"]
    ok(one.more["truncated"] and one.more["totalBytes"] == 1988895
       and len(text) == 200000 and text.endswith("299999\n300000\n"),
       f"{box.mode}: the last 200,000 bytes, and how many there were",
       one.text[:100])
    ok(one.text.startswith("(the last 200000 of 1988895 bytes of output)"),
       f"{box.mode}: the text says so", one.text[:100])
    one = call(command="head -c 200000 /dev/zero | tr '\\0' x")
    ok(not one.more["truncated"] and len(one.more["output"]) == 200000,
       f"{box.mode}: 200,000 are not cut")


def check_terminal(box, call):
    one = call(command="test -t 0 && test -t 1 && stty size", pty=True)
    ok(one.text == "24 80\r\n", f"{box.mode}: pty is a terminal", one)
    ok(call(command="test -t 1").error, f"{box.mode}: else there is none")


def check_cancel(box, client, tools):
    seq, token = client.begin(tools, "exec", {
        "command": "sleep 61 & sleep 61"})
    # Some are gone before cat comes to them.
    probe = {"command": RUNS.format("61")}

    def runs(count):
        return wait_for(lambda: client.call(tools, "exec", probe).more[
            "output"] == f"{count}\n", 30)
    begun = runs(2)
    client.ask("tool_cancel", {1: token})
    one = client.get(seq)
    ok(begun and one.error and one.code == "cancelled",
       f"{box.mode}: a call that is cancelled says so", one)
    # What is killed may be seen for a moment where the machine is busy.
    ok(runs(0), f"{box.mode}: and ends its tree")
    with Client(box) as other:
        again = other.open("agent:main:a")
        other.begin(again, "exec", {"command": "sleep 61"})
        begun = runs(1)
    ok(begun and runs(0),
       f"{box.mode}: a client that goes takes its command with it")


def check_again(box):
    """creeld is killed under a call: the client comes back for the end."""
    with Client(box) as client:
        tools = client.open("agent:main:a")
        token = os.urandom(16)
        args = {"command": "echo early; touch up; sleep 3; echo late"}
        client.begin(tools, "exec", args, token=token)
        up = os.path.join(box.items()[0]["workspace"], "up")
        wait_for(lambda: os.path.exists(up), 30)
        box.kill_creeld()
    with Client(box) as client:
        tools = client.open("agent:main:a")
        one = client.call(tools, "exec", args, token=token, again=True)
        ok(not one.error and "late\n" in one.more["output"]
           and "lost" in one.text,
           f"{box.mode}: after a kill -9 of creeld it is waited for", one)


def check_flood(box):
    """A flood of 256 MiB never holds up another session's exec for long."""
    with Client(box) as client, Client(box) as other:
        flood = client.open("agent:main:a")
        tools = other.open("agent:main:b")
        other.call(tools, "exec", {"command": "true"})

        def beside(command):
            """How it ended, and how long others wait meanwhile."""
            seq, _ = client.begin(flood, "exec", {"command": command,
                                                  "yieldMs": 600000})
            stop, slow = threading.Event(), []

            def measure():
                while not stop.is_set():
                    begin = time.monotonic()
                    other.call(tools, "process", {"action": "list"})
                    slow.append(time.monotonic() - begin)
                    time.sleep(0.002)
            thread = threading.Thread(target=measure)
            thread.start()
            one = client.get(seq, 120)
            stop.set()
            thread.join()
            return one, sorted(slow)[int(len(slow) * 0.99)] if slow else 0
        # What a machine that is as busy makes of it by itself.
        _, plain = beside("head -c 268435456 /dev/zero | tr '\\0' x | wc -c")
        one, p99 = beside("head -c 268435456 /dev/zero")
    ok(one.more["totalBytes"] == 268435456,
       f"{box.mode}: every byte of a flood is counted", one.text[:80])
    ok(p99 < 0.1 + 5 * plain, f"{box.mode}: it holds up nobody else",
       (p99, plain))


def main():
    for mode in modes():
        with SessionBox(mode) as box:
            box.sandbox("mode: 'all', scope: 'session'")
            with Client(box) as client:
                tools = client.open("agent:main:a")

                def call(**args):
                    text = json.dumps(args).encode()
                    if len(text) < 32768:
                        return client.call(tools, "exec", text)
                    fd = sealed(text)
                    one = client.call(tools, "exec", fds=[fd])
                    os.close(fd)
                    return one
                check_results(box, call)
                check_environment(box, call)
                check_exact(box, call)
                check_ends(box, call)
                check_output(box, call)
                check_terminal(box, call)
                check_cancel(box, client, tools)
            check_again(box)
            check_flood(box)
            box.forget()
    done()


if __name__ == "__main__":
    main()
