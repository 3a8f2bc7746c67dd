#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The file tools against a sandbox that prepares its workspace for them (SB-34,
SB-35, SB-36): links, special files, huge files, odd names, and all of it while
names are being exchanged.  What lies outside is neither shown nor changed."""
import contextlib
import ctypes
import multiprocessing
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "integration"))
from harness import OTHER_UID, done, modes, ok, wait_for  # noqa: E402
from sessions_box import SessionBox  # noqa: E402
from tools_wire import Client  # noqa: E402

SCALE = int(os.environ.get("CREEL_TEST_SCALE", "100"))
KEY = "agent:main:files"
TOKEN = "tweety-3434"
INSIDE = "lives inside\n"
SECONDS = 5  # for one call, on a machine that does other things
CAP = 60000  # of text: 51,200 bytes and what is said about them
RENAME_EXCHANGE = 2


class Yard(SessionBox):
    """A box with a workspace, and a folder that is next to it inside."""

    def __init__(self, mode):
        super().__init__(mode)
        self.ws = self.path("home", "ws")
        self.out = self.path("home", "out")
        self._own(self.out, os.mkdir)
        self.put(os.path.join(self.out, "token"), TOKEN + "\n")
        self.sandbox("mode: 'all', scope: 'session', workspaceAccess: 'rw', "
                     f"docker: {{ binds: ['{self.out}:/out:rw'] }}")
        self.client = Client(self)
        self.tools = self.client.open(KEY)

    def put(self, path, data):
        with open(path, "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
        if self.drop:
            os.chown(path, OTHER_UID, OTHER_UID)

    def call(self, name, args):
        """An answer, and how long it took."""
        begin = time.monotonic()
        answer = self.client.call(self.tools, name, args)
        return answer, time.monotonic() - begin

    def inside(self, script):
        """Whatever a command of the sandbox does."""
        return self.sh(KEY, "cd /workspace && " + script)

    def outside(self):
        """What is next to the workspace: names and contents."""
        found = {}
        for name in sorted(os.listdir(self.out)):
            with open(os.path.join(self.out, name), encoding="utf-8") as file:
                found[name] = file.read()
        return found

    def clean(self):
        for name in os.listdir(self.ws):
            path = os.path.join(self.ws, name)
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path, ignore_errors=True)
            else:
                os.unlink(path)

    def close(self):
        self.client.close()
        super().close()


def patch(text):
    return {"input": f"*** Begin Patch\n{text}\n*** End Patch\n"}


def ways(path):
    """Every tool that could be led by a path."""
    return [
        ("read", {"path": path}),
        ("write", {"path": path, "content": "planted\n"}),
        ("edit", {"path": path, "oldText": TOKEN, "newText": "planted"}),
        ("apply_patch", patch(f"*** Update File: {path}\n@@\n-{TOKEN}\n"
                              "+planted")),
        ("apply_patch", patch(f"*** Delete File: {path}")),
        ("apply_patch", patch(f"*** Update File: real\n*** Move to: {path}\n"
                              "@@\n+planted")),
        ("apply_patch", patch(f"*** Add File: {path}/new\n+planted")),
    ]


def led_nowhere(yard, name, path, codes):
    """No tool reads, writes or makes anything where a path leads."""
    before = yard.outside()
    wrong = []
    for tool, args in ways(path):
        answer, took = yard.call(tool, args)
        if answer.kind != "result" or not answer.error or \
                answer.code not in codes or TOKEN in answer.text.replace(
                    str(args), "") and tool == "read" or took > SECONDS:
            wrong.append((tool, args, took, answer))
    with open(os.path.join(yard.ws, "real"), encoding="utf-8") as file:
        if file.read() != INSIDE:
            wrong.append("the file to be moved has changed")
    ok(not wrong and yard.outside() == before,
       f"{yard.mode}: sb-34 {name}: {', '.join(codes)}", wrong)


def links(yard):
    """SB-34: what a sandbox plants where a tool is going to look."""
    yard.put(os.path.join(yard.ws, "real"), INSIDE)
    planted = yard.inside(
        "ln -s /out/token last && ln -s /out middle && ln -s real near && "
        "ln -s /out/none dangling && ln -s loop loop && ln -s /proc/self/root "
        "magic && ln -s /proc/1/root/out pid1 && ln -s . here && mkdir d && "
        "ln -s ../../out d/up && "
        "ln -s /out/token c0 && i=0 && while [ $i -lt 40 ]; do "
        "ln -s c$i c$((i+1)); i=$((i+1)); done")
    ok(planted.status == 0, f"{yard.mode}: links can be planted", planted)
    shown = yard.inside("cat last middle/token c38 d/up/token")
    ok(shown.out.count(TOKEN.encode()) == 4,
       f"{yard.mode}: control: a command follows them", shown)
    link, way = ("symbolic_link",), ("symbolic_link", "not_a_directory",
                                     "exists")
    led_nowhere(yard, "a link at the end", "last", way)
    led_nowhere(yard, "a link on the way", "middle/token", link)
    led_nowhere(yard, "a link to a file inside", "near", way)
    led_nowhere(yard, "a link that leads nowhere", "dangling", way)
    led_nowhere(yard, "a link to itself", "loop", way)
    led_nowhere(yard, "a link on the way to itself", "loop/x", link)
    led_nowhere(yard, "a chain of 40 links", "c40", way)
    led_nowhere(yard, "/proc/self/root by a link", "magic/out/token", link)
    led_nowhere(yard, "/proc/1/root by a link", "pid1/token", link)
    led_nowhere(yard, "a link to its own folder", "here/here/real", link)
    led_nowhere(yard, "a link upwards", "d/up/token", link)
    for path in ("../out/token", "../" * 64 + "out/token", "/out/token",
                 "/proc/self/root/out/token", "/proc/self/cwd/real",
                 "/proc/self/fd/3", "d/../../out/token", "~/out/token",
                 "/workspace/../out/token", yard.out + "/token"):
        led_nowhere(yard, path[:24], path, ("denied",))
    yard.clean()


def link_by_patch(yard):
    """SB-34: nor can a patch make one."""
    yard.put(os.path.join(yard.ws, "real"), INSIDE)
    for text in ("*** Add File: l\nnew file mode 120000\n+/out/token",
                 "*** Update File: real\nold mode 100644\nnew mode 120000\n"
                 "@@\n-lives inside\n+/out/token"):
        answer, _ = yard.call("apply_patch", patch("*** Add File: other\n+x\n"
                                                   + text))
        ok(answer.code == "invalid_patch" and os.listdir(yard.ws) == ["real"],
           f"{yard.mode}: sb-34 a patch with mode 120000 is refused whole",
           answer)
    yard.clean()


def hard_link(yard):
    """SB-34: a file with another name is replaced, not written through."""
    yard.inside("echo keep >ro && chmod 444 ro && ln ro other && "
                "echo keep >rw && ln rw second && ln rw third")
    for tool, path, args in (
            ("write", "second", {"content": "new\n"}),
            ("edit", "third", {"oldText": "keep", "newText": "new"})):
        answer, _ = yard.call(tool, dict(args, path=path))
        kept = yard.inside(f"cat rw {path}")
        ok(kept.out == b"keep\nnew\n" and not answer.error,
           f"{yard.mode}: sb-34 {tool} by a second name leaves the first",
           (answer, kept))
        answer, _ = yard.call(tool, dict(args, path="other"))
        kept = yard.inside("cat ro other")
        ok(kept.out == b"keep\nkeep\n" and answer.code == "denied",
           f"{yard.mode}: sb-34 {tool} of a read-only file's second name",
           (answer, kept))
    yard.clean()


def exchange(folder, pairs, stop):
    """Exchanges names, as fast as can be."""
    libc = ctypes.CDLL(None, use_errno=True)
    base = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    while not stop.value:
        for one, two in pairs:
            libc.renameat2(base, one, base, two, RENAME_EXCHANGE)


@contextlib.contextmanager
def exchanging(yard, *pairs):
    stop = multiprocessing.Value("i", 0)

    def work():
        if yard.drop:
            os.setgroups([])
            os.setresgid(OTHER_UID, OTHER_UID, OTHER_UID)
            os.setresuid(OTHER_UID, OTHER_UID, OTHER_UID)
        exchange(yard.ws, pairs, stop)

    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    try:
        yield
    finally:
        stop.value = 1
        process.join(10)


def renew(yard):
    """The prey, whatever became of it."""
    if not os.path.exists(os.path.join(yard.ws, "f")):
        with contextlib.suppress(OSError):
            yard.put(os.path.join(yard.ws, "f.new"), INSIDE)
            os.rename(os.path.join(yard.ws, "f.new"),
                      os.path.join(yard.ws, "f"))


def races(yard):
    """SB-34: names that change between any look and any use."""
    yard.inside("mkdir d && echo lives inside >f && echo lives inside >d/token"
                " && ln -s /out/token g && ln -s /out e")
    calls = [
        ("read", {"path": "f"}), ("read", {"path": "d/token"}),
        ("write", {"path": "f", "content": INSIDE}),
        ("write", {"path": "d/token", "content": INSIDE}),
        ("write", {"path": "d/new", "content": INSIDE}),
        ("edit", {"path": "d/token", "oldText": "lives inside\n",
                  "newText": "lives  inside\n"}),
        ("edit", {"path": "d/token", "oldText": "lives  inside\n",
                  "newText": "lives inside\n"}),
        ("edit", {"path": "f", "oldText": TOKEN, "newText": "planted"}),
        ("apply_patch", patch(f"*** Update File: d/token\n@@\n-{TOKEN}\n"
                              "+planted")),
        ("apply_patch", patch("*** Add File: d/made\n+planted")),
        ("apply_patch", patch("*** Delete File: d/made")),
        ("resources.read", {"uri": "creel://workspace/d/token"}),
    ]
    before, seen, wrong = yard.outside(), set(), []
    with exchanging(yard, (b"f", b"g"), (b"d", b"e")):
        for _ in range(max(12, 10000 // SCALE)):
            for tool, args in calls:
                answer, took = yard.call(tool, args)
                seen.add(answer.code or "done")
                if answer.kind != "result" or took > SECONDS or \
                        not answer.error and TOKEN in repr(answer.json):
                    wrong.append((tool, args, took, answer))
            renew(yard)
    ok(not wrong and yard.outside() == before,
       f"{yard.mode}: sb-34 names that are exchanged meanwhile",
       (wrong[:5], yard.outside()))
    ok({"done", "symbolic_link"} <= seen,
       f"{yard.mode}: control: some calls met the link, some the file", seen)
    yard.clean()


def bounded(yard, name, path, codes, which=slice(0, 5)):
    """SB-35: an answer in time, which is one of these errors."""
    wrong = []
    for tool, args in ways(path)[which]:
        answer, took = yard.call(tool, args)
        if answer.kind != "result" or answer.code not in codes or \
                took > SECONDS:
            wrong.append((tool, took, answer))
    ok(not wrong, f"{yard.mode}: sb-35 {name}: {', '.join(codes)}", wrong)


def special(yard):
    """SB-35: what has a name and is no file."""
    yard.inside("mkfifo silent fed && mkdir folder && chmod 755 folder")
    with socket.socket(socket.AF_UNIX) as sock:
        # Names of sockets are short.
        here = os.open(yard.ws, os.O_PATH)
        sock.bind(f"/proc/self/fd/{here}/sock")
        os.close(here)
        feeder = subprocess.Popen(
            ["sh", "-c", "while :; do echo " + TOKEN + "; done >fed"],
            cwd=yard.ws, start_new_session=True)
        try:
            bounded(yard, "a FIFO without a writer", "silent",
                    ("not_regular",))
            bounded(yard, "a FIFO with a writer", "fed", ("not_regular",))
            bounded(yard, "a socket", "sock", ("not_regular",))
        finally:
            os.killpg(feeder.pid, 9)
            feeder.wait()
    bounded(yard, "a folder", "folder", ("is_directory",))
    bounded(yard, "the workspace itself", ".", ("is_directory", "denied",
                                                "invalid_argument"))
    yard.inside("ln -s /proc/kmsg kmsg.l && ln -s /proc/self/environ env.l")
    bounded(yard, "/proc/kmsg", "/proc/kmsg", ("denied",))
    bounded(yard, "a link to /proc/kmsg", "kmsg.l", ("symbolic_link",))
    bounded(yard, "a link to a file of /proc", "env.l", ("symbolic_link",))
    bounded(yard, "a file as a folder", "folder/../silent/x",
            ("not_a_directory", "not_regular"))
    if os.geteuid() == 0:
        for name, number in (("null", 3), ("zero", 5), ("kmsg", 11)):
            path = os.path.join(yard.ws, name)
            os.mknod(path, 0o20666, os.makedev(1, number))
            os.chmod(path, 0o666)
            bounded(yard, f"device {name}", name, ("not_regular", "denied"))
    left = yard.inside("ls -A | sort | tr '\\n' ' '; test -p silent && test "
                       "-p fed && test -S sock && test -d folder && echo well")
    ok(left.out.endswith(b"well\n") and b".tmp" not in left.out,
       f"{yard.mode}: sb-35 all of it is as it was", left)
    yard.clean()


def huge(yard):
    """SB-35: more than anybody can read."""
    yard.put(os.path.join(yard.ws, "lines"), "0123456789\n" * 10000)
    yard.inside("truncate -s 1T sparse && cp lines text && truncate -s 10G "
                "text")
    answer, took = yard.call("read", {"path": "sparse"})
    ok(answer.code == "binary" and "1099511627776 bytes" in answer.text and
       took < SECONDS, f"{yard.mode}: sb-35 read of 1 TiB of nothing", answer)
    answer, took = yard.call("read", {"path": "text"})
    ok(not answer.error and len(answer.text) <= CAP and
       answer.more["truncated"] and answer.more["size"] == 10 << 30 and
       took < SECONDS, f"{yard.mode}: sb-35 read of 10 GiB", answer)
    for path in ("sparse", "text"):
        bounded(yard, f"changes of {path}", path, ("too_large",), slice(2, 4))
    answer, took = yard.call("read", {"path": "sparse", "offset": 1000})
    ok(answer.error and answer.code in ("timeout", "invalid_argument",
                                        "too_large") and took < 40,
       f"{yard.mode}: sb-35 line 1000 of 1 TiB is an error in time",
       (took, answer))
    yard.clean()


def growing(yard):
    """SB-35: and a file that never ends."""
    yard.put(os.path.join(yard.ws, "lines"), "0123456789\n" * 10000)
    writer = yard.start("exec", KEY, "--", "sh", "-c", "cd /workspace; while "
                        "test ! -e stop; do cat lines; sleep 0.01; done "
                        ">>grows")
    wait_for(lambda: os.path.exists(os.path.join(yard.ws, "grows")))
    sizes, wrong = [], []
    for _ in range(10):
        answer, took = yard.call("read", {"path": "grows"})
        sizes.append(answer.more.get("size", -1))
        if answer.error or len(answer.text) > CAP or took > SECONDS:
            wrong.append((took, answer))
        answer, took = yard.call("edit", {"path": "grows", "newText": "x",
                                          "oldText": "nowhere"})
        if not answer.error or took > SECONDS:
            wrong.append((took, answer))
        time.sleep(0.05)
    yard.put(os.path.join(yard.ws, "stop"), "")
    writer.communicate(timeout=20)
    ok(not wrong, f"{yard.mode}: sb-35 a file that grows", wrong)
    ok(0 <= sizes[0] < sizes[-1], f"{yard.mode}: control: it grew", sizes)
    yard.clean()


def names(yard):
    """SB-35: names that are bytes."""
    for name in ("new\nline", "\x1b[31mred\x1b]0;x\x07", "\u202eevil", "-rf",
                 " lead", "\\x00", "a'b\"c", "x" * 255, "%s%n", "\x7f\x01"):
        answer, took = yard.call("write", {"path": name, "content": "x\n"})
        again, _ = yard.call("read", {"path": name})
        ok(not answer.error and again.text == "x\n" and took < SECONDS and
           os.path.exists(os.path.join(yard.ws, name)),
           f"{yard.mode}: sb-35 the name {name[:16]!a}", (answer, again))
        os.unlink(os.path.join(yard.ws, name))
    bounded(yard, "a name of 256 bytes", "x" * 256, ("invalid_argument",))
    bounded(yard, "a path of 4096 bytes", "x/" * 2048, ("invalid_argument",))
    bounded(yard, "2000 folders deep", "a/" * 2000 + "f",
            ("not_found", "invalid_argument"), slice(2, 5))
    yard.inside("mkdir b && printf 1 >b/\"$(printf '\\377\\033')\"")
    listed, _ = yard.call("resources.list", {})
    uris = [item["uri"] for item in listed.more.get("resources", [])]
    answer, _ = yard.call("resources.read",
                          {"uri": "creel://workspace/b/%FF%1B"})
    ok(uris == ["creel://workspace/b/%FF%1B"] and not answer.error and
       answer.more["contents"][0]["text"] == "1",
       f"{yard.mode}: sb-35 a name that is no UTF-8, as a resource",
       (listed, answer))
    yard.clean()


def shown(yard):
    """SB-34, SB-38: the same by the command, which prints what it may."""
    yard.inside("ln -s /out/token l && printf 'a\\033]0;x\\007b\\n' >esc")
    result = yard.run("tool", "call", "--session", KEY, "read",
                      '{"path": "l"}')
    ok(result.status == 1 and TOKEN.encode() not in result.out + result.err and
       b"symbolic link" in result.out + result.err,
       f"{yard.mode}: sb-34 creel tool call", result)
    result = yard.run("tool", "call", "--session", KEY, "read",
                      '{"path": "../\\u001b]0;x\\u0007"}')
    ok(result.status == 1 and b"Path escapes sandbox root" in
       result.out + result.err and b"\x1b" not in result.err,
       f"{yard.mode}: sb-38 an error with what could steer a terminal",
       result)
    yard.clean()


def logged(yard):
    """SB-38: whatever a call says, in the log it is one line of plain text."""
    dice = random.Random(38)
    pieces = ["\x1b[2J", "\x1b]0;x\x07", "\n", "\r", "\t", "\x7f", "\x9b",
              "\u202e", "\u2066", "\u200b", "\ufeff", "\x85", "\u2028", "a",
              "\\", "%s", "\U0001f600", " ", "\x01", "\x08"]
    before = len(yard.run("logs", "--limit", "100000").out.splitlines())
    calls = max(60, 100000 // SCALE)
    for _ in range(calls):
        text = "x" + "".join(dice.choice(pieces) for _ in
                             range(dice.randrange(1, 30)))
        tool, args = dice.choice((
            ("read", {"path": text}), ("exec", {"command": ": " + text}),
            ("process", {"action": "poll", "sessionId": text[:8]}),
            ("edit", {"path": text, "oldText": "a", "newText": "b"}),
            ("apply_patch", patch(f"*** Delete File: {text}"))))
        yard.call(tool, args)
    out = yard.run("logs", "--limit", "100000").out
    now = len(out.splitlines())
    ok(re.fullmatch(rb"[\x20-\x7e\t\n]*", out) and
       now - before >= calls // 2 and
       all(re.match(rb"[0-9]{4}-|TIME", line) for line in out.split(b"\n")
           if line),
       f"{yard.mode}: sb-38 {calls} calls with odd texts are a line of plain "
       "text each in the log", (before, now, out[-2000:]))


def handoff(yard):
    """SB-36: what the host trusts in a workspace is not the tools' either."""
    yard.client.close()
    yard.forget()
    for name in (".git", ".git/hooks"):
        yard._own(os.path.join(yard.ws, name), os.mkdir)
    kept = {".git/config": "[core]\n", ".git/hooks/pre-commit": "#!/bin/sh\n",
            ".mcp.json": "{}\n"}
    for name, text in kept.items():
        yard.put(os.path.join(yard.ws, name), text)
    yard.client = Client(yard)
    yard.tools = yard.client.open(KEY)
    yard.put(os.path.join(yard.ws, "real"), INSIDE)
    wrong = []
    for name, text in kept.items():
        for tool, args in (
                ("write", {"path": name, "content": "planted\n"}),
                ("edit", {"path": name, "oldText": text,
                          "newText": "planted\n"}),
                ("apply_patch", patch(f"*** Delete File: {name}")),
                ("apply_patch", patch(f"*** Update File: {name}\n@@\n-"
                                      f"{text}+planted")),
                ("apply_patch", patch(f"*** Add File: {name}\n+planted"))):
            answer, _ = yard.call(tool, args)
            if not answer.error:
                wrong.append((tool, name, answer))
        with open(os.path.join(yard.ws, name), encoding="utf-8") as file:
            if file.read() != text:
                wrong.append(name + " has changed")
    answer, _ = yard.call("write", {"path": ".git/hooks/post-merge",
                                    "content": "#!/bin/sh\n"})
    if not answer.error or os.listdir(yard.ws + "/.git/hooks") != [
            "pre-commit"]:
        wrong.append(answer)
    ok(not wrong, f"{yard.mode}: sb-36 protected paths, by every tool", wrong)
    answer, _ = yard.call("write", {"path": "free", "content": "x"})
    ok(not answer.error, f"{yard.mode}: control: other paths can be written",
       answer)


for mode in modes():
    with Yard(mode) as YARD:
        links(YARD)
        link_by_patch(YARD)
        hard_link(YARD)
        races(YARD)
        special(YARD)
        huge(YARD)
        growing(YARD)
        names(YARD)
        shown(YARD)
        logged(YARD)
        handoff(YARD)
done()
