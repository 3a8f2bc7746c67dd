#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Terminals: given where there is one, followed in size, always given back."""
import fcntl
import os
import signal
import struct
import termios
import time

from harness import Box, done, modes, ok, took, wait_for

# Run creel between two looks at the terminal.
AROUND = ('stty -a >"$HOME/before"; "$@"; status=$?; stty -a >"$HOME/after"; '
          'cmp "$HOME/before" "$HOME/after" && echo restored; exit $status')


def around(box, *args):
    return ["/bin/sh", "-c", AROUND, "sh", box.creel, *args]


def resize(rows, cols):
    def act(master, _):
        fcntl.ioctl(master, termios.TIOCSWINSZ,
                    struct.pack("HHHH", rows, cols, 0, 0))
    return act


def client_of(pid):
    """creel, the child of the shell that was started."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return int(file.read().split()[0])


def is_stopped(pid):
    with open(f"/proc/{pid}/stat", encoding="latin-1") as file:
        return file.read().rsplit(")", 1)[1].split()[0] == "T"


def check_given(box):
    say = f"{box.mode}: "
    result = box.tty([box.creel, "run", "--", "sh", "-c",
                      "tty; stty size; echo $TERM; read x; echo got $x"],
                     [(b"xterm", b"hello\r")])
    ok(b"/dev/pts/0\r\n24 80\r\nxterm" in result.out and
       b"got hello" in result.out, say + "a terminal of its size", result)
    result = box.tty([box.creel, "run", "-T", "--", "sh", "-c",
                      "tty; test -t 1 || echo none"], [])
    ok(b"none" in result.out and b"pts" not in result.out,
       say + "-T prevents it", result)
    result = box.tty(["/bin/sh", "-c", '"$0" run -- tty </dev/null; '
                      '"$0" run -- tty | cat', box.creel], [])
    ok(result.out.count(b"not a tty") == 2,
       say + "none where one end is no terminal", result)
    result = box.tty(["/bin/sh", "-c", '"$0" run -- cat | cat; echo $?',
                      box.creel], [(b"", b"typed\n\x04")])
    ok(result.out.count(b"typed") == 2 and result.out.endswith(b"0\r\n"),
       say + "what is typed is relayed to a command without one", result)
    result = box.tty(["/bin/sh", "-c", 'echo "tty; exit 6" | "$0" run -t -- sh',
                      box.creel], [])
    ok(b"/dev/pts/0" in result.out and result.status == 6,
       say + "-t forces it, and the end of input is seen", result)
    result = box.run("run", "-it", "--", "true")
    ok(result.status == 125 and b"--tty" in result.err,
       say + "-t without any terminal is an error", result)


def check_raw(box):
    say = f"{box.mode}: "
    result = box.tty(around(box, "run", "--", "sh", "-c",
                            "trap 'echo caught' INT; echo up; read x || "
                            "read x; exit 8"),
                     [(b"up", b"\x03"), (b"caught", b"\r")])
    ok(result.status == 8 and b"restored" in result.out,
       say + "Ctrl-C goes to the command; the terminal is given back", result)
    result = box.tty([box.creel, "run", "--", "sh", "-c",
                      "stty size; while [ \"$(stty size)\" = '24 80' ]; do "
                      "sleep 0.05; done; stty size"],
                     [(b"24 80", resize(50, 132))])
    ok(b"50 132" in result.out, say + "a new size arrives", result)
    result = box.tty([box.creel, "run", "--", "sh", "-c",
                      "stty raw -echo; echo up; head -c 6 | od -An -tx1"],
                     [(b"up", b"\x01\x1a\x1c\x7f\x00\xff")])
    ok(b"01 1a 1c 7f 00 ff" in result.out, say + "every key arrives", result)
    lots = box.tty([box.creel, "run", "--", "sh", "-c",
                    "stty -opost; head -c 300000 /dev/zero | tr '\\0' x; "
                    "echo; echo end"], [])
    ok(lots.out.count(b"x") == 300000 and lots.out.endswith(b"end\n"),
       say + "all output arrives", len(lots.out))


def check_restored(box):
    say = f"{box.mode}: "
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGSEGV,
                   signal.SIGABRT):
        def kill(_, pid, number=number):
            client = client_of(pid)
            os.kill(client, number)
            took(client, number)
            time.sleep(0.2)
            try:
                os.kill(client, number)
            except ProcessLookupError:
                pass
        result = box.tty(around(box, "run", "--", "sh", "-c",
                                "trap '' TERM HUP; echo up; sleep 30"),
                         [(b"up", kill)])
        ok(b"restored" in result.out and result.status == 128 + number,
           say + f"restored after {number.name}", result)
    result = box.tty(around(box, "run", "--", "no-such-command"), [])
    ok(b"restored" in result.out and result.status == 127,
       say + "restored after a failure", result)

    def stop(master, pid):
        def is_cooked():
            return bool(termios.tcgetattr(master)[3] & termios.ICANON)
        client = client_of(pid)
        os.kill(client, signal.SIGTSTP)
        cooked = wait_for(is_cooked)
        wait_for(lambda: is_stopped(client))
        os.kill(client, signal.SIGCONT)
        raw = wait_for(lambda: not is_cooked())
        os.write(master, b"%d %d\r" % (cooked, raw))
    result = box.tty([*around(box, "run", "--", "sh", "-c",
                              "stty -echo; echo up; read x; echo got $x")],
                     [(b"up", stop)])
    ok(b"got 1 1" in result.out, say + "given back while stopped", result)


def check_shell(box):
    say = f"{box.mode}: "
    result = box.tty(around(box, "shell", box.key("s")),
                     [(b"$ ", b"echo $0 $((6*7)); exit 3\r")])
    ok(b"42" in result.out and result.status == 3 and
       b"new sandbox" in result.out and b"restored" in result.out,
       say + "a shell, and the new sandbox is announced", result)
    result = box.tty([box.creel, "exec", box.key("s"), "--", "true"], [])
    ok(b"new sandbox" not in result.out, say + "an old one is not", result)


def main():
    for mode in modes():
        with Box(mode) as box:
            for check in (check_given, check_raw, check_restored,
                          check_shell):
                check(box)
    done()


if __name__ == "__main__":
    main()
