#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Images of the store: how they come in, are used, are replaced and go."""
import contextlib
import gzip
import hashlib
import io
import json
import os
import random
import shutil
import signal
import stat
import tarfile
import time

from harness import Box, done, modes, ok, wait_for

SCALE = int(os.environ.get("CREEL_TEST_SCALE", "100"))
DEFAULTS = [f"{maker}-sandbox{kind}:bookworm-slim"
            for maker in ("openclaw", "moltbot", "clawdbot")
            for kind in ("", "-browser")]


def archive(entries=(), filler=0):
    """A root whose programs come by a bind of /usr."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
        def add(name, kind, mode=0o755, data=b"", to=""):
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.size = kind, mode, len(data)
            info.linkname, info.uid, info.mtime = to, 12345, 1000000000
            tar.addfile(info, io.BytesIO(data))
        for name in ("", "usr", "opt", "etc", "tmp", "var", "home"):
            add("./" + name, tarfile.DIRTYPE)
        for name in ("bin", "lib", "lib64"):
            add(name, tarfile.SYMTYPE, 0o777, to="usr/" + name)
        add("opt/su", tarfile.REGTYPE, 0o6755, b"#!/bin/sh\nid -u\n")
        add("opt/secret", tarfile.REGTYPE, 0o600, b"mine\n")
        add("opt/hard", tarfile.LNKTYPE, to="opt/secret")
        add("opt/null", tarfile.CHRTYPE)
        add("var/passwd", tarfile.SYMTYPE, to="/etc/passwd")
        for name, data in entries:
            add(name, tarfile.REGTYPE, 0o644, data)
        for at in range(filler):
            add(f"opt/fill/{at // 100}/{at}", tarfile.REGTYPE, 0o644,
                b"%d" % at * 50)
    return raw.getvalue()


class Case:
    """A box, and what it has in its store."""

    def __init__(self, box):
        self.box = box
        self.say = f"{box.mode}: "
        self.state = os.path.join(box.env["XDG_STATE_HOME"], "creel")
        self.user = "0" if box.mode == "system" else "1000"

    def image(self, *words, **more):
        return self.box.run("image", *words, **more)

    def add(self, name, *flags, data=None, **more):
        return self.image("import", name, "-", *flags,
                          data=archive(**more) if data is None else data)

    def run(self, name, script, *more):
        return self.box.run("run", "--image", name, "--bind", "/usr:/usr:ro",
                            "--user", self.user, *more, "--", "sh", "-c",
                            script)

    def names(self):
        return [row["name"] for row in
                json.loads(self.image("list", "--json").out)]

    def staged(self):
        with contextlib.suppress(FileNotFoundError):
            return os.listdir(self.state + "/staging")
        return []

    def check(self, good, name, note=""):
        return ok(good, self.say + name, note)


def check_import(case):
    box, data = case.box, archive([("etc/creel/helper.conf", b"allow all\n")])
    result = case.image("list")
    case.check(result.status == 0 and not result.out,
               "there is no image at first", result)
    path = box.write("root.tar", data)
    result = case.image("import", "Some/where", path)
    case.check(result.status == 2 and b"name of an image" in result.err,
               "a name that is none", result)
    result = case.image("import", "tools", path)
    case.check(result.status == 0 and b"1 devices" in result.err and
               b"1 files have lost" in result.err and
               b"no effect" in result.err, "import of a file", result)
    info = json.loads(case.image("inspect", "tools", "--json").out)
    case.check(info["name"] == "tools:latest" and info["source"] == path and
               info["digest"] == "sha256:" + hashlib.sha256(data).hexdigest()
               and info["devices"] == 1 and info["stripped"] == 1 and
               info["entries"] == 16 and
               info["path"] == case.state + "/images/tools@latest/rootfs",
               "inspect --json says where it came from", info)
    result = case.image("inspect", "tools:latest")
    case.check(result.status == 0 and info["digest"].encode() in result.out,
               "inspect says so, too", result)
    root = info["path"]
    owner = os.stat(box.path("work"))
    wrong = [name for name in os.listdir(root + "/opt")
             if os.lstat(f"{root}/opt/{name}").st_uid != owner.st_uid or
             os.lstat(f"{root}/opt/{name}").st_mode & 0o6000]
    case.check(not wrong and sorted(os.listdir(root + "/opt")) ==
               ["hard", "secret", "su"], "files are the caller's", wrong)
    case.check(stat.S_IMODE(os.stat(case.state + "/images").st_mode) == 0o700,
               "nobody else can look at images")
    for zipped in (gzip.compress(data), archive()):
        result = case.image("import", "--replace", "tools", "-", data=zipped)
        case.check(result.status == 0, "import of a stream", result)
    result = case.image("import", "tools", path)
    case.check(result.status == 1 and b"--replace" in result.err,
               "a name that is taken", result)
    case.check(not case.staged(), "nothing is left in staging", case.staged())


def check_use(case):
    box = case.box
    for name in ("tools", "tools:latest"):
        result = case.run(name, "cat /opt/secret /opt/hard; ls /opt; "
                          "readlink /var/passwd; echo x >/opt/new || echo no")
        case.check(result.out == b"mine\nmine\nhard\nsecret\nsu\n/etc/passwd\n"
                   b"no\n", f"--image {name}, only to be read", result)
    result = case.run("tools", "echo new >/opt/new && rm /opt/hard && "
                      "echo x >>/opt/secret && cat /opt/new /opt/secret",
                      "--writable")
    case.check(result.out == b"new\nmine\nx\n", "and to be written", result)
    result = case.run("tools", "cat /opt/secret; ls /opt/new")
    case.check(result.out == b"mine\n", "which the image never is", result)
    result = box.run("run", "--no-daemon", "--image", "tools", "--bind",
                     "/usr:/usr:ro", "--", "true")
    case.check(result.status == 0, "--no-daemon", result)
    for name in DEFAULTS:
        result = box.run("run", "--image", name, "--", "cat", "/etc/hostname")
        case.check(result.out == b"creel\n", f"{name} is the host image",
                   result)
    result = box.run("run", "--image", DEFAULTS[0], "--writable", "--", "true")
    case.check(result.status == 125 and b"image import" in result.err,
               "which has no writable form", result)
    case.add(DEFAULTS[0])
    result = case.run(DEFAULTS[0], "cat /opt/secret")
    case.check(result.out == b"mine\n", "until one of that name is imported",
               result)
    for name in ("nothing", "nothing:here", "a/b", "openclaw-sandbox:other"):
        result = box.run("run", "--image", name, "--", "true")
        case.check(result.status == 125 and
                   f"{case.state}/images"[:60].encode() in result.err and
                   b"creel image import" in result.err,
                   f"{name} is an error that says where images are", result)
    result = box.run("run", "--image", "No Such", "--", "true")
    case.check(result.status == 125, "so is what is no name", result)


def check_paths(case):
    """Directories are still named, by paths."""
    box = case.box
    os.makedirs(box.path("work", "sub", "tree"))
    shutil.copytree(case.state + "/images/tools@latest/rootfs",
                    box.path("work", "sub", "tree"), symlinks=True,
                    dirs_exist_ok=True)
    os.makedirs(box.path("work", "plain"))
    if box.drop:
        for base, dirs, files in os.walk(box.path("work")):
            for name in dirs + files:
                os.chown(os.path.join(base, name), 4242, 4242,
                         follow_symlinks=False)
    for path in ("sub/tree", "./sub/tree", box.path("work", "sub", "tree")):
        result = case.run(path, "cat /opt/secret")
        case.check(result.out == b"mine\n", f"--image {path[:10]}", result)
    result = case.run("plain", "true")
    case.check(result.status == 125 and b"./NAME" in result.err,
               "a directory without a slash is no image", result)
    result = case.run(case.state + "/images", "true")
    case.check(result.status == 125 and b"creel itself" in result.err,
               "the store is no image", result)
    result = box.run("run", "--bind", case.state +
                     "/images/tools@latest/rootfs:/mnt", "--", "true")
    case.check(result.status == 125, "and an image is nothing to bind", result)
    result = case.image("import", "copied", "sub/tree")
    info = json.loads(case.image("inspect", "copied", "--json").out)
    case.check(result.status == 0 and info["digest"] is None and
               info["source"] == box.path("work", "sub", "tree"),
               "import of a directory", (result, info))
    result = case.run("copied", "cat /opt/hard; stat -c %h /opt/hard; "
                      "readlink /var/passwd")
    case.check(result.out.endswith(b"/etc/passwd\n") and
               result.out.startswith(b"mine\n"), "is used like any", result)
    os.chmod(box.path("work", "sub", "tree", "opt"), 0)
    result = case.image("import", "closed", "sub/tree")
    case.check(os.geteuid() == 0 and box.mode == "system" or
               (result.status == 1 and b"Permission denied" in result.err),
               "a directory that cannot be read", result)
    os.chmod(box.path("work", "sub", "tree", "opt"), 0o755)
    result = case.image("import", "own", case.state)
    case.check(result.status == 1 and b"creel itself" in result.err,
               "creel's own directory", result)


def check_broken(case):
    """What an interrupted import could leave, is no image."""
    images = case.state + "/images"
    before = case.names()
    owner = os.stat(images)
    os.mkdir(images + "/half@1")
    os.makedirs(images + "/odd:name/rootfs")
    os.makedirs(images + "/bad@1/rootfs")
    with open(images + "/bad@1/manifest.json", "wb") as file:
        file.write(b'{"name": "\xff')
    os.symlink("tools@latest", images + "/link@1")
    os.makedirs(case.state + "/staging/12345678/rootfs/closed/in")
    os.chmod(case.state + "/staging/12345678/rootfs/closed/in", 0)
    os.chmod(case.state + "/staging/12345678/rootfs/closed", 0)
    if case.box.drop:
        for top in (images, case.state + "/staging"):
            for base, dirs, files in os.walk(top):
                for name in dirs + files:
                    os.chown(os.path.join(base, name), owner.st_uid,
                             owner.st_gid, follow_symlinks=False)
    case.check(case.names() == before, "what is not whole is not listed",
               case.names())
    for name in ("half:1", "link:1"):
        result = case.run(name, "true")
        case.check(result.status == 125, f"{name} is not used", result)
    result = case.image("rm", "half:1", "bad:1")
    case.check(result.status == 0 and
               not os.path.exists(images + "/half@1"),
               "it can be removed", result)
    case.check(not case.staged(), "what was left in staging is gone",
               case.staged())
    os.unlink(images + "/link@1")
    shutil.rmtree(images + "/odd:name")


def check_replace(case):
    """Whoever has an image keeps it."""
    box, key = case.box, case.box.key("r")
    case.add("moving", entries=[("opt/version", b"1")])
    args = ("--image", "moving", "--bind", "/usr:/usr:ro", "--writable",
            "--user", case.user)
    result = box.run("exec", *args, key, "--", "cat", "/opt/version")
    case.check(result.out == b"1", "a sandbox lives", result)
    result = case.image("rm", "moving")
    case.check(result.status == 1 and b"a sandbox uses it" in result.err,
               "its image is not removed", result)
    for pid in box.helpers():
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if b"creeld" in file.read().split(b"\0")[0]:
                    os.kill(pid, signal.SIGKILL)
    result = case.image("rm", "moving")
    case.check(result.status == 1, "nor while no creeld runs", result)
    result = case.add("moving", "--replace",
                      entries=[("opt/version", b"2")])
    case.check(result.status == 0, "but another takes its place", result)
    result = box.run("exec", key, "--", "sh", "-c",
                     "cat /opt/version; cat /opt/secret")
    case.check(result.out == b"1mine\n", "and the sandbox has the old one",
               result)
    result = case.run("moving", "cat /opt/version")
    case.check(result.out == b"2" and len(case.staged()) == 1,
               "the next has the new one", (result, case.staged()))
    box.run("rm", key)
    wait_for(lambda: not case.image("rm", "moving").status, 5)
    case.check("moving:latest" not in case.names() and not case.staged(),
               "in the end both are gone", (case.names(), case.staged()))


def check_together(case):
    """Of several at the same time each is whole."""
    one, two = (archive(entries=[("opt/who", who * 100)], filler=300)
                for who in (b"1", b"2"))
    paths = [case.box.write(f"{at}.tar", data)
             for at, data in enumerate((one, two))]
    for at in range(max(2, 100 // SCALE)):
        both = [case.box.start("image", "import", f"race:{at}", path)
                for path in paths]
        ended = [(p.communicate(timeout=60), p.returncode) for p in both]
        statuses = sorted(status for _, status in ended)
        result = case.run(f"race:{at}", "cat /opt/who; ls /opt/fill/2 | wc -l")
        case.check(statuses == [0, 1] and result.out in
                   (b"1" * 100 + b"100\n", b"2" * 100 + b"100\n"),
                   f"one of two wins ({at})", (ended, result))
    both = [case.box.start("image", "import", "--replace", "race:r", path)
            for path in paths * 2]
    ended = [(p.communicate(timeout=60), p.returncode) for p in both]
    case.check(all(status == 0 for _, status in ended),
               "with --replace all do", ended)
    case.check(not case.staged(), "and nothing is left", case.staged())
    result = case.image("rm", *[n for n in case.names() if "race" in n])
    case.check(result.status == 0, "rm of several", result)


def check_interrupted(case):
    """Killed at any moment, it leaves nothing that counts."""
    path = case.box.write("long.tar", archive(filler=3000))
    rng, before = random.Random(7), case.names()
    for at in range(max(6, 300 // SCALE)):
        # What a SIGKILL has left is there until somebody begins.
        left = set(case.staged())
        process = case.box.start("image", "import", f"cut:{at}", path)
        time.sleep(rng.random() * 0.25)
        number = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM)[at % 3]
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
        if process.returncode == 0:
            # It was faster.
            case.image("rm", f"cut:{at}")
            continue
        if number != signal.SIGKILL:
            case.check(process.returncode == -number and
                       not set(case.staged()) - left,
                       f"signal {number} removes what was begun ({at})",
                       (process.returncode, err, case.staged()))
        case.check(case.names() == before, f"there is no image ({at})",
                   case.names())
    result = case.image("rm", "nothing:here")
    case.check(result.status == 1, "rm of nothing", result)
    # One whose unpacker still runs is not taken for a left-over.
    case.check(wait_for(lambda: case.image("rm", "nothing:here") and
                        not case.staged(), 10),
               "and removes what was left", case.staged())


def check_terminal(case):
    box = case.box
    path = box.write("tty.tar", archive(filler=3000))
    result = box.tty([box.creel, "image", "import", "tty", path], ())
    case.check(result.status == 0 and b"importing tty:latest: " in result.out,
               "progress on a terminal", result)
    fifo = box.path("work", "fifo")
    os.mkfifo(fifo)
    os.chmod(fifo, 0o666)
    feeder = os.open(fifo, os.O_RDWR)
    os.write(feeder, archive()[:2000])
    result = box.tty([box.creel, "image", "import", "--replace", "tty", fifo],
                     [(b"importing", b"\x03")])
    case.check(result.status == 128 + signal.SIGINT and not case.staged(),
               "Ctrl-C", (result, case.staged()))
    os.close(feeder)
    os.unlink(fifo)
    case.check("tty:latest" in case.names(), "leaves the old one",
               case.names())


def check_usage(case):
    for words, status in (((), 2), (("word",), 2), (("import",), 2),
                          (("import", "a"), 2), (("import", "a", "b", "c"), 2),
                          (("import", "host", "-"), 2),
                          (("import", "host:x", "-"), 2),
                          (("import", "x", "/nowhere"), 1),
                          (("import", "x", "/dev/null"), 1),
                          (("import", "--json", "x", "-"), 2),
                          (("list", "x"), 2), (("list", "--replace"), 2),
                          (("inspect",), 2), (("inspect", "no"), 1),
                          (("inspect", "No"), 2), (("rm",), 2),
                          (("rm", "No"), 1), (("rm", "no"), 1),
                          (("rm", "../live"), 1), (("rm", "."), 1)):
        result = case.image(*words)
        case.check(result.status == status and not result.out and
                   result.err.startswith(b"creel: "),
                   "image " + " ".join(words), result)


def check(box):
    with box:
        case = Case(box)
        check_import(case)
        check_use(case)
        check_paths(case)
        check_broken(case)
        check_replace(case)
        check_together(case)
        check_interrupted(case)
        check_terminal(case)
        check_usage(case)


def main():
    for mode in modes():
        check(Box(mode))
    done()


main()
