#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""creeld's socket under bad clients: each is dropped, alone.

Prints its seed; CREEL_TEST_SEED repeats it, CREEL_TEST_SCALE=1 does it all.
"""
import array
import collections
import contextlib
import glob
import os
import random
import re
import socket
import time

from harness import Box, asleep, done, family, modes, ok, wait_for

SCALE = int(os.environ.get("CREEL_TEST_SCALE", "100"))
SEED = int(os.environ.get("CREEL_TEST_SEED",
                          random.SystemRandom().randrange(1 << 32)))
RANDOM = random.Random(SEED)
ROUNDS = max(300, 30000 // SCALE)
CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                      "../fuzz/corpus/control")
SLOW_SECONDS = 1.0
VERSION = b"\x08\x01\x52\x00"  # seq 1, version


def creeld(box):
    for pid in family(box.helpers()):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/comm", encoding="latin-1") as file:
                if file.read() == "creeld\n":
                    return pid
    return 0


def open_fds(pid):
    """How many of each kind; only root may look into creeld, which is
    undumpable."""
    found = collections.Counter()
    with contextlib.suppress(PermissionError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                link = os.readlink(f"/proc/{pid}/fd/{name}")
                found[re.sub(r"\d+", "N", link)] += 1
    return found


def settled(pid):
    """The same for half a second: creeld may not have seen yet that the
    clients of an earlier check are gone."""
    found, since = open_fds(pid), time.monotonic()
    end = since + 10
    while since + 0.5 > time.monotonic() < end:
        time.sleep(0.02)
        now = open_fds(pid)
        if now != found or not asleep([pid]):
            found, since = now, time.monotonic()
    return found


def connect(box):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sock.connect(box.path("run", "creel.sock"))
    sock.settimeout(5)
    return sock


def send(sock, data, fds=()):
    rights = []
    if fds:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                   array.array("i", fds).tobytes())]
    sock.sendmsg([data], rights)


def served(box):
    """Whether a good client gets an answer, and in which time."""
    start = time.monotonic()
    with connect(box) as sock:
        send(sock, VERSION)
        good = len(sock.recv(65536)) > 4
    return good and time.monotonic() - start < SLOW_SECONDS


def reaction(sock):
    """Dropped, answered, or nothing."""
    sock.settimeout(10)
    try:
        return "answered" if sock.recv(65536) else "dropped"
    except ConnectionResetError:
        return "dropped"
    except TimeoutError:
        return "silent"


def many_kinds():
    """Descriptors of every kind that is to be had."""
    pipe = os.pipe()
    pair = socket.socketpair()
    kinds = [os.open("/", os.O_RDONLY), os.open("/dev/null", os.O_RDWR),
             os.open("/etc/passwd", os.O_PATH), os.open("/proc", os.O_PATH),
             os.memfd_create("x"), os.eventfd(0), os.pidfd_open(os.getpid()),
             os.open("/proc/self/ns/mnt", os.O_RDONLY), os.dup(0), *pipe,
             *(os.dup(end.fileno()) for end in pair)]
    for end in pair:
        end.close()
    return kinds


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def nested(depth):
    data = b""
    for _ in range(depth):
        data = b"\x12" + varint(len(data)) + data
        if len(data) > 60000:
            break
    return data


FIXED = [
    ("an unknown member", b"\x08\x01\x52\x00\x9a\x3f\x01x"),
    ("two members of a oneof", b"\x08\x01\x52\x00\x32\x00"),
    ("a member that comes twice", b"\x08\x01\x08\x02\x52\x00"),
    ("an over-long number", b"\x08\x81\x80\x00\x52\x00"),
    ("a length beyond the end", b"\x08\x01\x52\xff\xff\xff\xff\x0f"),
    ("10,000 nested levels", nested(10000)),
    ("30,000 empty messages", b"\x08\x01\x12\x04" + b"\x3a\x00" * 30000),
    ("a NUL in a name", b"\x08\x01\x3a\x05\x0a\x03a\x00b"),
    ("one byte", b"\x08"),
    ("more than 64 KiB", b"\x08\x01" * 40000),
]


def check_fixed(box):
    pid = creeld(box)
    for name, data in FIXED:
        with connect(box) as sock:
            with contextlib.suppress(OSError):
                send(sock, data)
            got = reaction(sock)
        ok(got == "dropped" and creeld(box) == pid and served(box),
           f"{box.mode}: {name}: dropped, others are served", got)


def check_descriptors(box):
    """Each kind where it does not belong, and more than there may be."""
    pid = creeld(box)
    before = settled(pid)
    kinds = many_kinds()
    for fds in [[fd] for fd in kinds] + [kinds * 4, [kinds[0]] * 253]:
        for data in (VERSION, b"\x08\x01", b"\xff"):
            with connect(box) as sock:
                with contextlib.suppress(OSError):
                    send(sock, data, fds)
                reaction(sock)
    with connect(box) as sock:
        send(sock, VERSION, [sock.fileno()])
        got = reaction(sock)
    for fd in kinds:
        os.close(fd)
    ok(got == "answered" and creeld(box) == pid and served(box),
       f"{box.mode}: descriptors where they do not belong", got)
    ok(wait_for(lambda: open_fds(pid) <= before),
       f"{box.mode}: none of them stays open", (open_fds(pid) - before, before))


def change(data):
    data = bytearray(data)
    for _ in range(RANDOM.randrange(1, 4)):
        what = RANDOM.randrange(4)
        at = RANDOM.randrange(len(data)) if data else 0
        if what == 0 and data:
            data[at] ^= 1 << RANDOM.randrange(8)
        elif what == 1:
            del data[at:]
        elif what == 2:
            data[at:at] = bytes([RANDOM.randrange(256)])
        elif data:
            data[at] = RANDOM.choice((0, 1, 127, 128, 255))
    return bytes(data) or b"\0"


def check_changed(box):
    """Golden messages, changed, with and without descriptors."""
    seeds = []
    for path in sorted(glob.glob(CORPUS + "/*")):
        with open(path, "rb") as file:
            seeds.append(file.read())
    pid = creeld(box)
    before = settled(pid)
    kinds = many_kinds()
    sock = connect(box)
    for _ in range(ROUNDS):
        fds = RANDOM.sample(kinds, RANDOM.randrange(6))
        try:
            send(sock, change(RANDOM.choice(seeds)), fds)
            sock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while sock.recv(65536):
                    pass
                sock.close()
                sock = connect(box)
        except OSError:
            sock.close()
            sock = connect(box)
        sock.settimeout(5)
    sock.close()
    for fd in kinds:
        os.close(fd)
    ok(seeds and creeld(box) == pid and served(box),
       f"{box.mode}: {ROUNDS} changed messages, others are served",
       f"seed {SEED}")
    for line in box.run("list").out.decode().splitlines()[1:]:
        box.run("rm", line.split()[0])
    ok(wait_for(lambda: open_fds(pid) <= before),
       f"{box.mode}: no descriptor of theirs stays open",
       (open_fds(pid) - before, before))


def check_crowd(box):
    """Clients that send nothing, and half a thousand of them."""
    pid = creeld(box)
    before = settled(pid)
    crowd = [connect(box) for _ in range(500)]
    good = served(box)
    for sock in crowd:
        sock.close()
    ok(good and creeld(box) == pid, f"{box.mode}: 500 silent clients")
    ok(wait_for(lambda: open_fds(pid) <= before),
       f"{box.mode}: which leave nothing", (open_fds(pid) - before, before))


def main():
    print("# seed", SEED)
    # Root cannot be another user here: the other mode's listener admits one.
    for mode in modes()[:1]:
        with Box(mode) as box:
            box.run("run", "--", "true")
            # Its sandbox keeps the controller from being idle.
            box.run("exec", box.key("wire"), "--", "true")
            check_fixed(box)
            check_descriptors(box)
            check_changed(box)
            check_crowd(box)
    done()


main()
