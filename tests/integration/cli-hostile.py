#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""creel and a controller that lies: nothing reaches the terminal unescaped,
and no answer makes it crash or wait for ever."""
import array
import json
import os
import re
import socket
import subprocess
import tempfile
import threading
import time

from harness import CREEL, Result, done, ok

PLAIN = re.compile(rb"[\x20-\x7e\t\n]*")
NASTY = "\x1b]0;x\x07\x1b[2J\u202e\u0085\x9b\x7f\r\n\t\u200bé\\\"<"


def varint(value):
    out = b""
    while value > 0x7f:
        out += bytes([value & 0x7f | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number, value):
    """One protobuf field: a number, text, or bytes."""
    if isinstance(value, bool) or isinstance(value, int):
        return varint(number << 3) + varint(int(value)) if value else b""
    if isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


def reply(number, body, seq=1):
    return field(1, seq) + field(number, body)


def error(text, hint="", status=0):
    return reply(2, field(1, 1) + field(2, status) + field(3, text) +
                 (field(4, hint) if hint else b""))


STARTED = reply(3, field(1, "s") + field(6, "ab" * 16))
EXITED = reply(4, field(2, 7) + field(8, 1))


class Liar:
    """Answers each connection with the same datagrams, then hangs up."""

    def __init__(self, top, answers, fds=(), hold=0.0):
        self.path = os.path.join(top, "creel.sock")
        self.answers, self.fds, self.hold = answers, fds, hold
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.bind(self.path)
        self.sock.listen(64)
        self.seen = 0
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                peer, _ = self.sock.accept()
            except OSError:
                return
            self.seen += 1
            with peer:
                try:
                    peer.recv(65536)
                    for data in self.answers:
                        peer.sendmsg([data], [(
                            socket.SOL_SOCKET, socket.SCM_RIGHTS,
                            array.array("i", self.fds))] if self.fds else [])
                    time.sleep(self.hold)
                except OSError:
                    pass

    def close(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        os.unlink(self.path)


def ask(answers, *args, fds=(), hold=0.0, timeout=20, env=None):
    with tempfile.TemporaryDirectory(prefix="creel-test-") as top:
        os.chmod(top, 0o700)
        liar = Liar(top, answers, fds, hold)
        env = {"PATH": os.environ["PATH"], "HOME": top, "LC_ALL": "C",
               "CREEL_RUNTIME_DIR": top, **(env or {})}
        try:
            run = subprocess.run([CREEL, *args], env=env, timeout=timeout,
                                 stdin=subprocess.DEVNULL, check=False,
                                 stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE)
            return Result(run.returncode, run.stdout, run.stderr)
        except subprocess.TimeoutExpired as late:
            return Result("hangs", late.stdout, late.stderr)
        finally:
            liar.close()


def check_escaped():
    result = ask([error(NASTY + ": " + NASTY, NASTY)], "run", "--", "true")
    ok(result.status == 125 and PLAIN.fullmatch(result.err) and
       result.err.count(b"\n") == 2, "an error and its hint", result)
    item = b"".join(field(number, NASTY) for number in (1, 2, 3, 4, 5, 6, 9))
    items = reply(5, field(1, item) + field(1, item))
    for verb in ("list", "stats"):
        result = ask([items], verb)
        ok(result.status == 0 and PLAIN.fullmatch(result.out) and
           result.out.count(b"\n") == 3, f"the table of {verb}", result)
        result = ask([items], verb, "--json")
        told = json.loads(result.out)
        ok(len(told) == 2 and "\\x1b" in told[0]["name"] and
           b"\x1b" not in result.out and b"\x9b" not in result.out,
           f"the JSON of {verb}", result)
    info = reply(6, field(1, NASTY) + field(7, NASTY) + field(8, NASTY))
    result = ask([info], "version")
    ok(result.status == 0 and PLAIN.fullmatch(result.out), "version", result)
    started = reply(3, field(1, NASTY) + field(3, True) +
                    field(5, NASTY) + field(6, NASTY))
    exited = reply(4, field(2, 3) + field(5, NASTY) + field(8, 1))
    result = ask([started, exited], "exec", "t", "--", "true")
    ok(result.status == 3 and PLAIN.fullmatch(result.err) and
       result.err.count(b"\n") == 3, "warnings and the reason of an end",
       result)
    result = ask([started, exited], "exec", "--json", "t", "--", "true")
    ok(json.loads(result.err.splitlines()[-1])["status"] == 3,
       "the JSON of a command", result)
    result = ask([error("é" + NASTY)], "run", "--", "true",
                 env={"LC_ALL": "C.UTF-8"})
    ok("é".encode() in result.err and b"\x1b" not in result.err and
       "\u202e".encode() not in result.err and b"\xc2\x85" not in result.err,
       "letters pass where the terminal knows them", result)


def check_broken():
    for name, answers in (
            ("garbage", [b"\xff" * 40]),
            ("a reply without content", [field(1, 1)]),
            ("two contents", [reply(2, field(3, "x")) + field(7, b"")]),
            ("an unknown content", [field(1, 1) + field(99, b"x")]),
            ("a long datagram", [b"\x0a" * 65536]),
            ("deep nesting", [b"\x12\x7f" * 10000])):
        for args in (("run", "--", "true"), ("list",)):
            result = ask(answers, *args)
            ok(result.status in (125, 1) and
               result.err.startswith(b"creel: ") and
               PLAIN.fullmatch(result.err),
               f"{args[0]}: {name} is an error", result)
    result = ask([EXITED], "run", "--", "true")
    ok(result.status == 7, "an end without a beginning", result)
    null = os.open("/dev/null", os.O_RDWR)
    result = ask([STARTED, EXITED], "run", "--", "true", fds=[null] * 60)
    ok(result.status == 7, "descriptors that nobody asked for", result)
    os.close(null)


def check_gone():
    begin = time.monotonic()
    result = ask([], "run", "--", "true")
    took = time.monotonic() - begin
    ok(result.status == 125 and b"creeld: closed the connection" in
       result.err and 4 < took < 10, "it hangs up: five seconds' patience",
       (took, result))
    begin = time.monotonic()
    result = ask([STARTED], "run", "--", "true")
    took = time.monotonic() - begin
    ok(result.status == 125 and 4 < took < 10,
       "it hangs up after the start: the same", (took, result))


def main():
    check_escaped()
    check_broken()
    check_gone()
    done()


if __name__ == "__main__":
    main()
