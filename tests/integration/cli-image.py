#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Images: read-only ones, and what is written to writable ones and goes."""
import contextlib
import hashlib
import os
import pwd
import shutil
import signal

from harness import Box, command_lines, done, modes, ok, wait_for

HOSTILE = (("etc", "/proc/self/root/etc"), ("var/run", "/run"),
           ("workspace", "../../canary"), ("run", "/proc/1/root/tmp"),
           ("home", ".."))


class RangeBox(Box):
    """Rootless, of a user that has subordinate ids."""

    def __init__(self, uid, gid):
        self.ids = (uid, gid)
        super().__init__("rootless")
        self.mode = "range"
        for name in ("run", "home", "work"):
            os.chown(self.path(name), uid, gid)

    def _user(self):
        return {"user": self.ids[0], "group": self.ids[1], "extra_groups": []}


def range_user():
    """The first user of the system with subordinate ids."""
    if os.geteuid() != 0 or not shutil.which("newuidmap"):
        return None
    with contextlib.suppress(OSError), open("/etc/subuid",
                                            encoding="utf-8") as file:
        for line in file:
            with contextlib.suppress(KeyError):
                entry = pwd.getpwnam(line.split(":")[0])
                return entry.pw_uid, entry.pw_gid
    return None


def make_image(box, name, links=()):
    """Links and empty directories; programs come by a bind of /usr."""
    top = box.path("work", name)
    for path in ("", "usr", "opt", "opt/dir", "var", "etc", "srv"):
        os.mkdir(os.path.join(top, path), 0o755)
    for path in ("bin", "lib", "lib64"):
        os.symlink("usr/" + path, os.path.join(top, path))
    for path in ("opt/file", "opt/gone", "etc/old"):
        with open(os.path.join(top, path), "w", encoding="ascii") as file:
            file.write(path)
    for path, target in links:
        if os.path.isdir(os.path.join(top, path)):
            shutil.rmtree(os.path.join(top, path))
        os.symlink(target, os.path.join(top, path))
    if box.drop:
        owner = os.stat(box.path("work"))
        for base, dirs, files in os.walk(top):
            for path in (".", *dirs, *files):
                os.chown(os.path.join(base, path), owner.st_uid, owner.st_gid,
                         follow_symlinks=False)
    return top


def digest(top):
    """One number for all that there is in a directory."""
    total = hashlib.sha256()
    for base, dirs, files in os.walk(top):
        dirs.sort()
        for name in sorted(dirs + files):
            path = os.path.join(base, name)
            st = os.lstat(path)
            total.update(repr((path, st.st_mode, st.st_uid, st.st_gid,
                               st.st_mtime_ns)).encode())
            if os.path.islink(path):
                total.update(os.readlink(path).encode())
            elif os.path.isfile(path):
                with open(path, "rb") as file:
                    total.update(file.read())
    return total.hexdigest()


def overlays(box):
    """What is there of overlays of this box."""
    with contextlib.suppress(OSError):
        return set(os.listdir(box.path("home", "state", "creel", "overlays")))
    return set()


def controllers(box):
    """The box's creeld."""
    mine = box.helpers()
    return [pid for pid, line in command_lines().items()
            if pid in mine and b"creeld" in line.split(b" ")[0]]


class Case:
    """One image in one mode, and how it is asked for."""

    def __init__(self, box):
        self.box = box
        self.say = f"{box.mode}: "
        self.before = overlays(box)
        self.image = make_image(box, "image")
        self.sum = digest(self.image)
        self.id = "0" if box.mode == "system" else "1000"
        self.args = ("--image", self.image, "--bind", "/usr:/usr:ro",
                     "--user", self.id)

    def new(self):
        """Overlays that this test has made."""
        return overlays(self.box) - self.before

    def run(self, script, *more):
        """run -- sh -c SCRIPT"""
        return self.box.run("run", *self.args, *more, "--", "sh", "-c", script)

    def gone(self, name):
        """Nothing is left, and the image is what it was."""
        ok(wait_for(lambda: not self.new(), 10), self.say + name +
           ": no overlay is left", self.new())
        ok(digest(self.image) == self.sum, self.say + name +
           ": the image is as it was")


def check_readonly(case):
    for more in ((), ("--read-only",)):
        result = case.run("cat /opt/file; echo x >/opt/file || echo x >/new ||"
                          " mkdir /opt/dir/d || rm /opt/gone || echo no",
                          *more)
        ok(result.out == b"opt/fileno\n" and
           result.err.count(b"Read-only") == 4,
           case.say + "an image is read-only " + " ".join(more), result)
    case.gone("read-only")


def check_run(case):
    result = case.run("echo a >/new && echo b >>/opt/file && rm /opt/gone && "
                      "mkdir -p /opt/dir/d/e && mv /opt/file /opt/dir/moved "
                      "&& rm -r /srv && mkdir /srv && echo c >/etc/old && "
                      "cat /new /opt/dir/moved /etc/old && ls /opt /srv",
                      "--writable")
    ok(result.status == 0 and
       result.out == b"a\nopt/fileb\nc\n/opt:\ndir\n\n/srv:\n",
       case.say + "--writable: files are made, changed and removed", result)
    case.gone("run")
    result = case.run("echo a >/new && echo $(cat /new)", "--writable",
                      "--no-daemon")
    ok(result.out == b"a\n", case.say + "--no-daemon --writable", result)
    case.gone("--no-daemon")
    for more in ((), ("--no-daemon",)):
        result = case.run("mkdir /many && cd /many && seq 9000 | xargs touch",
                          "--writable", *more)
        ok(result.status == 0, case.say + "many files " + " ".join(more),
           result)
        case.gone("many")
    result = case.run("true", "--writable", "--bind", "/usr:/proc/x")
    ok(result.status == 125, case.say + "a sandbox that is not built", result)
    case.gone("not built")


def check_session(case):
    box, key = case.box, case.box.key("w")
    result = box.run("exec", *case.args, "--writable", key, "--", "sh", "-c",
                     "echo kept >/kept; mkdir -p /deep/closed/dir; "
                     "cd /deep; for i in $(seq 200); do mkdir d; cd d; done; "
                     "echo x >x; ln -s /etc/passwd /out; ln -s / /deep/root; "
                     "chmod 0 /deep/closed")
    ok(result.status == 0, case.say + "a session writes", result)
    result = box.run("exec", key, "--", "cat", "/kept")
    ok(result.out == b"kept\n", case.say + "and the next command reads it",
       result)
    old = controllers(box)
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    ok(old and wait_for(lambda: set(controllers(box)) - set(old), 10),
       case.say + "creeld is killed and comes again", old)
    result = box.run("exec", key, "--", "cat", "/kept")
    ok(result.out == b"kept\n" and len(case.new()) == 2,
       case.say + "what was written is still there", (result, case.new()))
    ok(box.run("rm", key).status == 0, case.say + "rm")
    case.gone("rm")


def check_flags(case):
    """The root of a sandbox that lives does not become another."""
    box, key = case.box, case.box.key("f")
    first = box.run("exec", *case.args, key, "--", "true")
    result = box.run("exec", *case.args, "--writable", key, "--", "true")
    ok(first.status == 0 and result.status == 125 and
       b"writable" in result.err, case.say + "no change of mind", result)
    ok(box.run("rm", key).status == 0 and not case.new(),
       case.say + "and no overlay for it", case.new())
    result = box.run("run", "--writable", "--", "true")
    ok(result.status == 125 and b"--image" in result.err,
       case.say + "the host image has no writable form", result)


def check_root(case):
    """What other ids write belongs to nobody that creeld could be."""
    box, key = case.box, case.box.key("r")
    script = ("mkdir -p /tmp/x /own/a/b && echo 1 >/own/a/b/c && "
              "chmod 700 /own/a /own && id -u")
    other = "1000" if box.mode == "system" else "0"
    result = box.run("exec", *case.args, "--writable", key, "--", "sh", "-c",
                     "mkdir -m 777 /open && ls -d /open")
    ok(result.out == b"/open\n", case.say + "a directory for all", result)
    result = box.run("exec", "--user", other, key, "--", "sh", "-c",
                     script.replace("/own", "/open/own"))
    if b"a range for" not in box.run("version").out:
        ok(result.status == 125 and b"only uid" in result.err,
           case.say + "there is one id alone", result)
    else:
        ok(result.out == other.encode() + b"\n",
           case.say + f"id {other} writes too", result)
    ok(box.run("rm", key).status == 0, case.say + "rm")
    case.gone("other ids")


def check_lost(case):
    """A helper that is killed leaves an overlay, the next removes it."""
    box = case.box
    result = box.run("exec", *case.args, "--writable", box.key("l"), "--",
                     "sh", "-c", "echo 1 >/1")
    ok(result.status == 0 and case.new(), case.say + "a session lives", result)
    for pid in box.helpers():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    ok(wait_for(lambda: not box.helpers()), case.say + "its helper is killed")
    result = box.run("list")
    ok(result.status == 0, case.say + "the next helper starts", result)
    case.gone("lost")


def check_links(case):
    box = case.box
    canary = box.path("canary")
    os.mkdir(canary, 0o777)
    hostile = make_image(box, "hostile", HOSTILE)
    before = digest(canary)
    args = ("--image", hostile, "--bind", "/usr:/usr:ro", "--user", case.id)
    for more in ((), ("--writable",)):
        result = box.run("run", *args, *more, "--", "/usr/bin/sh", "-c",
                         "for d in /etc /run /workspace /var/run /home; do "
                         "echo x >$d/escaped; done 2>/dev/null; ls /; "
                         "cat /etc/shadow /etc/machine-id 2>/dev/null")
        ok(result.status in (1, 125) and b":" not in result.out and
           not os.path.exists("/etc/escaped") and
           not os.path.exists("/run/escaped") and
           not os.path.exists("/tmp/escaped") and digest(canary) == before,
           case.say + "links lead nowhere outside " + " ".join(more), result)
    shutil.rmtree(hostile)
    case.gone("links")


def check(box):
    with box:
        case = Case(box)
        check_readonly(case)
        check_run(case)
        check_session(case)
        check_flags(case)
        check_root(case)
        check_links(case)
        check_lost(case)


def main():
    for mode in modes():
        check(Box(mode))
    user = range_user()
    if user:
        check(RangeBox(*user))
    done()


main()
