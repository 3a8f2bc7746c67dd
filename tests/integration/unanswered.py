# SPDX-License-Identifier: Apache-2.0
"""A file system of an ordinary user's own (fuse(4)) that does not answer.

It has one file of one page, "f".  Once a trap is set it takes no page back, and
who is the last to have a descriptor of a file whose page was changed waits for
it, in the kernel, where no signal is heard.
"""
import ctypes
import mmap
import os
import signal
import socket
import struct
import time

LIBC = ctypes.CDLL(None, use_errno=True)
NEWUSER, NEWNS = 0x10000000, 0x20000
NOSUID_NODEV = 6
PDEATHSIG = 1
(LOOKUP, FORGET, GETATTR, SETATTR, OPEN, READ, WRITE, RELEASE, FLUSH, INIT,
 OPENDIR, FORGETS) = (1, 2, 3, 4, 14, 15, 16, 18, 25, 26, 27, 42)
RELEASEDIR = 29
WRITEBACK_CACHE = 1 << 16
PAGE = 4096


def call(name, *args):
    if getattr(LIBC, name)(*args) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


class FileSystem:
    """Mounted on a directory, in a user and mount namespace of its own."""

    def __init__(self, where, device, seconds=1000):
        self.seconds = seconds
        uid, gid = os.getuid(), os.getgid()
        call("unshare", NEWUSER | NEWNS)
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"),
                           ("gid_map", f"0 {gid} 1")):
            with open("/proc/self/" + name, "w", encoding="ascii") as file:
                file.write(text)
        self.fd = os.open(device, os.O_RDWR)
        call("mount", b"x", where.encode(), b"fuse", NOSUID_NODEV,
             f"fd={self.fd},rootmode=40000,user_id=0,group_id=0".encode())
        self.silent = mmap.mmap(-1, PAGE)
        self.server = os.fork()
        if self.server == 0:
            LIBC.prctl(PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            try:
                self.serve()
            finally:
                os._exit(0)
        # Who waits for an answer must not keep the connection there is.
        os.close(self.fd)
        self.file = os.path.join(where, "f")
        self.page = mmap.mmap(os.open(self.file, os.O_RDWR), PAGE)

    def serve(self):
        while True:
            request = os.read(self.fd, 1 << 17)
            _, kind, unique, node = struct.unpack("<IIQQ", request[:24])
            answer = self.answer(kind, node, request[40:])
            if answer is not None:
                error = answer if isinstance(answer, int) else 0
                data = b"" if isinstance(answer, int) else answer
                os.write(self.fd, struct.pack("<IiQ", 16 + len(data), error,
                                              unique) + data)

    def answer(self, kind, node, body):
        attr = struct.pack("<QII6Q10I", 1000, 0, 0, node, PAGE, 8, 0, 0, 0, 0,
                           0, 0, 0o40755 if node == 1 else 0o100666, 1, 0, 0,
                           0, PAGE, 0)
        if kind in (FORGET, FORGETS):
            return None
        end = time.monotonic() + self.seconds
        while kind == WRITE and self.silent[0] and time.monotonic() < end:
            time.sleep(0.001)
        if kind == INIT:
            flags = struct.unpack("<4I", body[:16])[3] & WRITEBACK_CACHE
            return struct.pack("<4I2H2I2H", 7, 31, PAGE, flags, 12, 9, PAGE,
                               1, 1, 0) + bytes(28)
        if kind == LOOKUP:
            return struct.pack("<QQQQII", 2, 0, 1000, 1000, 0, 0) + \
                struct.pack("<6Q10I", 2, PAGE, 8, 0, 0, 0, 0, 0, 0, 0o100666,
                            1, 0, 0, 0, PAGE, 0)
        if kind == WRITE:
            return struct.pack("<II", struct.unpack("<QQI", body[:20])[2], 0)
        return {GETATTR: attr, SETATTR: attr,
                OPEN: struct.pack("<QII", 1, 0, 0),
                OPENDIR: struct.pack("<QII", 1, 0, 0), READ: bytes(PAGE),
                RELEASE: b"", RELEASEDIR: b"", FLUSH: b""}.get(kind, -38)

    def trap(self):
        """A descriptor whose last close waits for release(), or long."""
        return self.traps(1)[0]

    def traps(self, count):
        """As many, each with a file of its own."""
        held = []
        for _ in range(count):
            fd = os.open(self.file, os.O_RDWR)
            # In a socket that nobody reads: close(2) alone asks the server.
            one, other = socket.socketpair()
            socket.send_fds(one, [b"x"], [fd])
            os.close(fd)
            one.close()
            held.append(other.detach())
        self.page[0] = 1
        self.silent[0] = 1
        self.page[0] = 2
        return held

    def release(self):
        """The page is taken."""
        self.silent[0] = 0
