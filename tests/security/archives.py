#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SB-37: archives that try to get out of the directory that they are unpacked
to.  Each is given to creel-unpack alone, outside of any sandbox: it must hold
by itself; some are given to `creel image import' as well."""
import json
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import sec  # noqa: E402
import tars  # noqa: E402

UNPACK = os.path.join(sec.TOP, "controller", "creel-unpack")
MEMORY_KIB = 64 * 1024
END = re.compile(rb"(p \d+ \d+\n)*(d \d+ \d+ \d+ \d+ \d+\n|"
                 rb"e [\x20-\x7e]+\n(h [\x20-\x7e]+\n)?)")


class Room:
    """A canary, and beside it the directory that is unpacked to."""

    def __init__(self, lab):
        self.uid = sec.UIDS["single"] if sec.ROOT else os.getuid()
        # In memory, where there is: it is about hundreds of thousands of files.
        shm = "/dev/shm" if os.access("/dev/shm", os.W_OK) else lab.dir
        self.dir = tempfile.mkdtemp(prefix="creel-room-", dir=shm)
        os.chmod(self.dir, 0o755)
        self.root = os.path.join(self.dir, "root")
        self.canary = os.path.join(self.dir, "canary")
        for path in (self.canary, self.root):
            os.mkdir(path, 0o755)
            self.give(path)
        self.give(self.dir)
        for name in ("a", "b"):
            with open(os.path.join(self.canary, name), "w",
                      encoding="utf-8") as file:
                file.write(lab.token)
            self.give(file.name)
        self.archive = os.path.join(lab.dir, "archive")
        self.before = self.state()
        self.start()

    def give(self, path):
        if sec.ROOT:
            os.chown(path, self.uid, self.uid)

    def state(self):
        """All but what is unpacked."""
        st = os.stat(self.canary + "/a")
        return (sorted(os.listdir(self.dir)), sorted(os.listdir(self.canary)),
                sec.tree_hash(self.canary), st.st_nlink, st.st_mtime_ns)

    def close(self):
        self.wire.close()
        shutil.rmtree(self.dir)

    def clear(self):
        shutil.rmtree(self.root)
        os.mkdir(self.root, 0o755)
        self.give(self.root)

    def user(self):
        if not sec.ROOT:
            return {}
        return {"user": self.uid, "group": self.uid, "extra_groups": []}

    def start(self):
        """A process that is small, for what it starts to be measured: a child
        has its parent's memory until it becomes another program."""
        ours, theirs = socket.socketpair()
        if os.fork() == 0:
            ours.close()
            with theirs.makefile("rw", encoding="ascii") as wire:
                for line in wire:
                    wire.write(json.dumps(self.serve(json.loads(line))) + "\n")
                    wire.flush()
            os._exit(0)
        theirs.close()
        self.wire = ours.makefile("rw", encoding="ascii")
        ours.close()

    def serve(self, flags):
        with open(self.archive, "rb") as file, subprocess.Popen(
                [UNPACK, *flags, self.root], stdin=file, cwd="/",
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                **self.user()) as process:
            out = process.stdout.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = 0
        return (os.waitstatus_to_exitcode(status), out.decode("latin-1"),
                usage.ru_maxrss)

    def unpack(self, data, *flags):
        """(status, output, kilobytes)"""
        with open(self.archive, "wb") as file:
            file.write(data)
        self.wire.write(json.dumps(flags) + "\n")
        self.wire.flush()
        status, out, memory = json.loads(self.wire.readline())
        return status, out.encode("latin-1"), memory

    def found(self):
        """What is wrong with what has been unpacked."""
        for base, dirs, files in os.walk(self.root):
            for name in dirs + files:
                path = os.path.join(base, name)
                st = os.lstat(path)
                kind = stat.S_IFMT(st.st_mode)
                if kind not in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
                    yield f"{path!r} is a special file"
                if kind != stat.S_IFLNK and st.st_mode & 0o6000:
                    yield f"{path!r} has set-id bits"
                if kind == stat.S_IFDIR and st.st_mode & 0o700 != 0o700:
                    yield f"{path!r} is closed"
                if st.st_uid != self.uid:
                    yield f"{path!r} belongs to {st.st_uid}"
                if os.listxattr(path, follow_symlinks=False):
                    yield f"{path!r} has extended attributes"


def judge(room, name, data, expected, limit):
    """What is wrong with how one archive was taken."""
    began = time.monotonic()
    status, out, memory = room.unpack(data)
    wrong = list(room.found())
    if room.state() != room.before:
        wrong.append("something outside has changed")
    if status not in (0, 1) or not END.fullmatch(out):
        wrong.append(f"status {status}, {out[-300:]!r}")
    if expected and status != (expected == "error"):
        wrong.append(f"is no {expected}: {out[-300:]!r}")
    if limit and memory > limit:
        wrong.append(f"took {memory} KiB")
    if time.monotonic() - began > (60 if limit else 200):
        wrong.append("took too long")
    room.clear()
    return [f"{name}: {x}" for x in wrong], memory


def alone(lab):
    """SB-37, each archive."""
    room = Room(lab)
    limit = 0 if sec.sanitized() else MEMORY_KIB
    wrong, count, most = [], 0, 0
    for name, data, expected in tars.everything(room.canary, sec.SCALE):
        if name == "xz-9" and not limit:
            expected = None  # sanitizers cannot be limited
        bad, memory = judge(room, name, data, expected, limit)
        wrong += bad
        count += 1
        most = max(most, memory)
    lab.tap.ok(count >= 300 and not wrong,
               f"sb-37-archives ({count}, at most {most // 1024} MiB)",
               "\n".join(wrong[:12]))
    return room


def entries(lab, room):
    """SB-37: a million entries, or a part of it."""
    count = sec.rounds(1000000)
    data = b"".join(tars.head(b"%d/%d" % (i % 1000, i))
                    for i in range(count)) + tars.END
    status, out, memory = room.unpack(data)
    ok = status == 0 and f"d {count} 0 0 0 0\n".encode() in out
    lab.tap.ok(ok and (sec.sanitized() or memory < MEMORY_KIB),
               f"sb-37-entries ({count})", f"{status} {out!r} {memory} KiB")
    room.clear()
    status, out, memory = room.unpack(data, "--max-entries", str(count - 1))
    lab.tap.ok(status == 1 and b"too many entries" in out,
               "sb-37-too-many-entries", out)
    room.clear()
    data = tars.file(b"a", b"x" * 600) + tars.file(b"b", b"y" * 600) + \
        tars.END
    status, out, _ = room.unpack(data, "--max-bytes", "1199")
    lab.tap.ok(status == 1 and b"b: with it there are too many bytes" in out,
               "sb-37-too-many-bytes", out)
    room.clear()
    status, out, _ = room.unpack(data, "--max-bytes", "1200")
    lab.tap.ok(status == 0, "sb-37-bytes-control", out)
    room.clear()


def contents(lab, room):
    """SB-37: what is taken over, and what is not."""
    data = tars.file(b"s", mode=0o4755) + tars.folder(b"t/", mode=0o1777) + \
        tars.symlink(b"l", b"/etc/passwd") + tars.hardlink(b"h", b"s") + \
        tars.head(b"null", kind=b"3") + tars.head(b"pipe", kind=b"6") + \
        tars.file(b"/abs", b"1", mtime=1000000000) + tars.END
    status, out, _ = room.unpack(data)
    top = room.root
    lab.tap.ok(status == 0 and out.endswith(b"d 7 23 2 1 0\n"),
               "sb-37-counted", out)
    lab.tap.ok(sorted(os.listdir(top)) == ["abs", "h", "l", "s", "t"] and
               os.stat(top + "/s").st_mode & 0o7777 == 0o755 and
               os.stat(top + "/s").st_nlink == 2 and
               os.stat(top + "/t").st_mode & 0o7777 == 0o1777 and
               os.readlink(top + "/l") == "/etc/passwd" and
               os.stat(top + "/abs").st_mtime == 1000000000,
               "sb-37-contents", os.listdir(top))
    room.clear()


def flag(d):
    return "--system" if d.mode == "system" else "--rootless"


def run(d, *words, **more):
    return subprocess.run(d.as_user([d.creel, "image", *words]), env=d.env(),
                          capture_output=True, timeout=60, check=False,
                          cwd="/", **more)


def imported(lab, room, d):
    """SB-37: the same by way of the command line."""
    store = os.path.join(d.home, ".local", "state", "creel")
    wrong, count = [], 0
    every = 1 if sec.SCALE == 1 else 97
    for at, (name, data, expected) in enumerate(
            tars.everything(room.canary, 100)):
        if at % every or name.startswith("bomb"):
            continue
        count += 1
        got = run(d, "import", f"x:{count}", "-", flag(d), input=data)
        if got.returncode not in (0, 1) or (
                expected and got.returncode != (expected == "error")):
            wrong.append(f"{name}: {got.returncode} {got.stderr!r}")
        if not re.fullmatch(rb"((creel|hint): [\x20-\x7e]+\n)*", got.stderr):
            wrong.append(f"{name}: says {got.stderr!r}")
        if os.listdir(store + "/staging"):
            wrong.append(f"{name}: {os.listdir(store + '/staging')} is left")
        there = os.path.exists(f"{store}/images/x@{count}/manifest.json")
        if there != (got.returncode == 0) or \
                len(os.listdir(store + "/images")) != there:
            wrong.append(f"{name}: is it there? {there}")
        if room.state() != room.before:
            wrong.append(f"{name}: something outside has changed")
        if there:
            run(d, "rm", f"x:{count}")
    lab.tap.ok(not wrong, f"sb-37-import {d.mode} ({count})",
               "\n".join(wrong[:12]))


def main():
    lab = sec.Lab()
    room = alone(lab)
    entries(lab, room)
    contents(lab, room)
    for mode in lab.modes:
        d = lab.daemon(mode)
        imported(lab, room, d)
        lab.tap.row("SB-37", mode, "archives", None, "held")
        d.stop()
    room.close()
    lab.missing("archives")
    lab.finish("archives")


main()
