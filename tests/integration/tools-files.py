#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""read, write, edit and apply_patch from end to end: in a sandbox, on the host,
and there with MiniBot's options.  What a call does not change stays as it was,
byte for byte, and what fails leaves nothing behind."""
import difflib
import json
import os
import random
import stat
import time

from harness import OTHER_UID, done, modes, ok
from sessions_box import SessionBox
from tools_wire import Client

SCALE = int(os.environ.get("CREEL_TEST_SCALE", "100"))
KEY = "agent:main:x"
CRLF = b"one\r\ntwo\r\nthree\r\n"
BARE = b"one\ntwo"
BOM = b"\xef\xbb\xbfone\ntwo\n"
BYTES = b"one\n\xff\xfe\xc3\ntwo\n\r\r\n"


class Tools(SessionBox):
    """A box whose calls are creel's own."""

    def __init__(self, mode):
        super().__init__(mode)
        self.ws = self.path("home", "ws")
        self.where = ""

    def call(self, name, **args):
        """The result: its error's code ("" none), and all of it."""
        got = self.run("tool", "call", "--json", "--session", KEY, name,
                       json.dumps(args))
        try:
            result = json.loads(got.out)
        except ValueError:
            return "no result", got
        if got.status != (1 if result["isError"] else 0):
            return f"status {got.status}", result
        return (result["structuredContent"]["error"]["code"]
                if result["isError"] else ""), result

    def patch(self, *lines):
        return self.call("apply_patch", input="\n".join(
            ("*** Begin Patch",) + lines + ("*** End Patch",)))

    def put(self, name, data, bits=0o644):
        path = os.path.join(self.ws, name)
        if os.path.dirname(name):
            self._own(os.path.dirname(path),
                      lambda folder: os.makedirs(folder, exist_ok=True))
        with open(path, "wb") as file:
            file.write(data)
        os.chmod(path, bits)
        if self.drop:
            os.chown(path, OTHER_UID, OTHER_UID)

    def get(self, name):
        with open(os.path.join(self.ws, name), "rb") as file:
            return file.read()

    def tree(self):
        """Everything in the workspace: type, inode, mode and content."""
        found = {}
        for top, folders, files in os.walk(self.ws):
            for name in folders + files:
                path = os.path.join(top, name)
                about = os.lstat(path)
                data = None
                if stat.S_ISREG(about.st_mode):
                    with open(path, "rb") as file:
                        data = file.read()
                found[os.path.relpath(path, self.ws)] = (
                    about.st_ino if data is not None else 0,
                    about.st_mode, data)
        return found

    def same(self, good, name, note=""):
        ok(good, f"{self.mode}, {self.where}: {name}", note)


def reading(box):
    """A part of a file, and how to go on."""
    box.put("long", b"".join(b"%d\n" % n for n in range(1, 5001)))
    code, got = box.call("read", path="long")
    box.same(not code and got["content"][0]["text"].endswith(
        "\n2000\n\n[Showing lines 1-2000. Use offset=2001 to continue.]"),
        "read ends with how to go on", got)
    code, got = box.call("read", path="long", offset=4999, limit=9)
    box.same(not code and got["content"][0]["text"] == "4999\n5000\n",
             "read by offset and limit", got)
    code, got = box.call("read", path="long", offset=5001)
    box.same(code == "invalid_argument" and
             "(5000 lines in all)" in str(got), "read beyond the end", got)
    png = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 400
    box.put("p.png", png)
    code, got = box.call("read", path="p.png")
    box.same(not code and got["content"][1]["mimeType"] == "image/png" and
             len(got["content"][1]["data"]) == (len(png) + 2) // 3 * 4,
             "read of an image", str(got)[:300])
    common = got["structuredContent"]
    box.same(common["sandboxed"] == (box.where == "sandbox") and
             0 < common["durationMs"] < 30000,
             "a result says where it was done and how long it took", common)


def bytes_stay(box):
    """CR LF, no final newline, BOM and bytes that are no text; modes."""
    for name, before, want in (("crlf", CRLF, b"ONE\r\ntwo\r\nthree\r\n"),
                               ("bare", BARE, b"ONE\ntwo"),
                               ("bom", BOM, b"\xef\xbb\xbfONE\ntwo\n"),
                               ("bytes", BYTES, b"ONE" + BYTES[3:])):
        box.put(name, before, 0o755)
        code, got = box.call("edit", path=name, oldText="one\n",
                             newText="ONE\n")
        box.same(not code and box.get(name) == want and
                 os.stat(os.path.join(box.ws, name)).st_mode & 0o777 == 0o755,
                 f"edit of {name} keeps the rest, and the mode",
                 (got, box.get(name)))
        box.put(name, before, 0o751)
        code, got = box.patch(f"*** Update File: {name}", "@@", "-one",
                              "+ONE", f"*** Move to: {name}.x")
        box.same(code == "invalid_patch" and box.get(name) == before,
                 f"a header in a hunk of {name} is an error", got)
        code, got = box.patch(f"*** Update File: {name}",
                              f"*** Move to: sub/{name}", "@@", "-one", "+ONE")
        box.same(not code and box.get("sub/" + name) == want and
                 os.stat(os.path.join(box.ws, "sub", name)).st_mode & 0o777 ==
                 0o751 and not os.path.exists(os.path.join(box.ws, name)),
                 f"apply_patch of {name}, moved, keeps the rest, and the mode",
                 (got, box.get("sub/" + name)))


def all_or_nothing(box):
    """Whatever fails, no file has changed, and none is left over."""
    box.put("u", b"one\n")
    box.put("d", b"gone\n")
    box.put("m", b"move\n")
    good = ("*** Update File: u", "@@", "-one", "+1", "*** Delete File: d",
            "*** Update File: m", "*** Move to: n/e/w", "@@", "-move", "+x",
            "*** Add File: deep/er/new", "+n")
    before = box.tree()
    for what, bad in (
            ("a missing file", ("*** Update File: none", "@@", "-x")),
            ("a hunk that fits nowhere",
             ("*** Update File: long", "@@", "-nowhere", "+x")),
            ("a hunk that fits twice",
             ("*** Update File: twice", "@@", "-same", "+x")),
            ("an existing file", ("*** Add File: long", "+x")),
            ("a move onto a file", ("*** Update File: twice",
                                    "*** Move to: long")),
            ("a file as a folder", ("*** Add File: long/x", "+x")),
            ("a folder as a file", ("*** Add File: sub", "+x")),
            ("a deletion of a folder", ("*** Delete File: sub",)),
            ("a name that is too long", ("*** Add File: " + "x" * 256, "+")),
            ("a path that escapes", ("*** Add File: ../x", "+x")),
            ("a link", ("*** Update File: link", "@@", "-x", "+y"))):
        if what == "a path that escapes" and box.where == "host":
            continue
        for lines in (good + bad, bad + good):
            if what == "a link" and box.where == "host":
                continue
            code, got = box.patch(*lines)
            now = box.tree()
            box.same(code and now == before, f"apply_patch with {what} "
                     f"changes nothing: {code}",
                     (got, {k: v for k, v in now.items()
                            if before.get(k) != v}))
    code, got = box.patch(*good)
    want = ("Success. Updated the following files:\nA deep/er/new\nM u\n"
            "M n/e/w\nD d")
    box.same(not code and got["content"][0]["text"] == want and
             box.get("u") == b"1\n" and box.get("n/e/w") == b"x\n" and
             box.get("deep/er/new") == b"n\n" and
             not os.path.exists(os.path.join(box.ws, "d")),
             "control: without it all of them change", got)


def too_long(box):
    """A patch that takes too long is given up, and holds nobody up."""
    box.put("many", b"a\n" * 2000000)
    lines = [" a"] * 150000
    begin = time.monotonic()
    box.call("read", path="twice")
    alone = time.monotonic() - begin
    begin = time.monotonic()
    slow = box.start("tool", "call", "--json", "--session", KEY,
                     "apply_patch", "-")
    slow.stdin.write(json.dumps({"input": "\n".join(
        ["*** Begin Patch", "*** Update File: many", "@@"] + lines +
        ["-b", "*** End Patch"])}).encode())
    slow.stdin.close()
    slow.stdin = None
    waits = []
    while time.monotonic() < begin + 3:
        at = time.monotonic()
        code, _ = box.call("read", path="twice")
        waits.append(time.monotonic() - at if not code else 99)
    out, _ = slow.communicate(timeout=60)
    took = time.monotonic() - begin
    box.same(b'"timeout"' in out and 9 < took < 30,
             "a patch that takes too long is given up", (took, out[:300]))
    box.same(max(waits) < 2 + 5 * alone, "and others do not wait for it",
             (max(waits), alone))


def python_agrees(box):
    """What Python's difflib takes apart, apply_patch puts together."""
    wrong, dice = [], random.Random(20261123)
    with Client(box) as client:
        tools = client.open(KEY)
        for _ in range(max(200, 20000 // SCALE)):
            words = ["a", "b", "c", " d", "", "@@", "-x", "+y", "*** z",
                     "\\ e", "\u2014"]
            old = [dice.choice(words) + "\n" for _ in range(dice.randrange(30))]
            new = list(old)
            for _ in range(dice.randrange(1, 6)):
                at = dice.randrange(len(new) + 1)
                new[at:at + dice.randrange(3)] = [
                    dice.choice(words) + "\n" for _ in range(dice.randrange(3))]
            diff = list(difflib.unified_diff(old, new, n=dice.choice(
                (0, 1, 3, 99))))[2:]
            if not diff:
                continue
            box.put("both", "".join(old).encode())
            answer = client.call(tools, "apply_patch", {
                "input": "*** Begin Patch\n*** Update File: both\n" +
                         "".join(diff) + "*** End Patch\n"})
            if answer.error or box.get("both") != "".join(new).encode():
                wrong.append((old, diff, answer, box.get("both")))
    box.same(not wrong, "apply_patch undoes what difflib does", wrong[:2])


def sandboxed(box):
    box.where = "sandbox"
    box.sandbox("mode: 'all', workspaceAccess: 'rw'")
    box.put("twice", b"same\nother\nsame\n")
    box._own(os.path.join(box.ws, "link"),
             lambda path: os.symlink("twice", path))
    if box.drop:
        os.lchown(os.path.join(box.ws, "link"), OTHER_UID, OTHER_UID)
    reading(box)
    bytes_stay(box)
    all_or_nothing(box)
    python_agrees(box)
    too_long(box)
    box.forget()


def on_host(box):
    box.where = "host"
    box.ws = box.path("home", "ws2")
    box._own(box.ws, os.mkdir)
    box.configure("{ agents: { defaults: { workspace: '%s', sandbox: "
                  "{ mode: 'off' } } } }" % box.ws)
    box.put("twice", b"same\nother\nsame\n")
    reading(box)
    bytes_stay(box)
    all_or_nothing(box)
    too_long(box)
    code, got = box.call("read", path=box.config)
    box.same(not code and "sandbox" in str(got),
             "the gateway's tools read any path", got)


def minibot(box, mode):
    """root_dir, workspace_root and what they hold, in either place."""
    box.where = f"MiniBot, {mode}"
    box.ws = box.path("home", "ws3-" + mode)
    box._own(box.ws, os.mkdir)
    box.unconfigure()
    box.config = box.config.replace(".json5", ".toml")
    box.configure(
        f"[agents.defaults]\nworkspace = '{box.ws}'\n[agents.defaults.sandbox]"
        f"\nmode = '{mode}'\nworkspaceAccess = 'rw'\n"
        "[tools.file_storage]\nenabled = true\nroot_dir = './data/files'\n"
        "max_write_bytes = '1KB'\n"
        "[tools.apply_patch]\nenabled = true\nworkspace_root = 'code'\n"
        "max_patch_bytes = 300\n")
    code, got = box.call("write", path="a", content="x")
    box.same(not code and box.get("data/files/a") == b"x",
             "write goes below root_dir, which is made", got)
    for path in ("../x", "/etc/passwd", box.ws + "/x", "~/x"):
        code, got = box.call("write", path=path, content="x")
        box.same(code == "denied" and "root_dir" in str(got),
                 f"write of {path[:12]} is refused", got)
    box._own(os.path.join(box.ws, "data/files/out"),
             lambda path: os.symlink("../..", path))
    code, got = box.call("write", path="out/x", content="x")
    box.same(code == "symbolic_link" and
             not os.path.exists(os.path.join(box.ws, "x")),
             "so is one through a link", got)
    code, got = box.call("write", path="b", content="x" * 1001)
    box.same(code == "too_large" and "max_write_bytes" in str(got),
             "and one of too much", got)
    box._own(os.path.join(box.ws, "code"), os.mkdir)
    code, got = box.call("apply_patch", patch_text="apply_patch <<'EOF'\n"
                         "*** Begin Patch\n*** Add File: f\n+1\n"
                         "*** End Patch\nEOF\n")
    box.same(not code and box.get("code/f") == b"1\n",
             "apply_patch with a here-document, below workspace_root", got)
    code, got = box.call("apply_patch", patch_text="*** Begin Patch\n"
                         "*** Update File: f\n@@ -1,1 +1,1 @@\n-1\n+2\n"
                         "*** End Patch\n")
    box.same(not code and box.get("code/f") == b"2\n",
             "apply_patch with unified headers", got)
    code, got = box.patch("*** Add File: ../g", "+x")
    box.same(code == "denied" and "workspace_root" in str(got),
             "a patch does not leave workspace_root", got)
    code, got = box.patch("*** Add File: g", "+" + "x" * 300)
    box.same(code == "too_large" and "max_patch_bytes" in str(got),
             "nor is it longer than max_patch_bytes", got)
    box.forget()


for each in modes():
    with Tools(each) as BOX:
        sandboxed(BOX)
        on_host(BOX)
    for kind in ("all", "off"):
        with Tools(each) as BOX:
            minibot(BOX, kind)
done()
