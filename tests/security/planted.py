#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Links that a sandbox, or another user, leaves where a configuration names a
path (SB-06, SB-09, SB-36): the next sandbox must not be led out by them."""
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "integration"))
from harness import OTHER_UID, done, modes, ok  # noqa: E402
from sessions_box import SessionBox  # noqa: E402

TOKEN = b"tweety-0815"
LINK = b"a symbolic link"


class Trap(SessionBox):
    """A box with a folder that no configuration names."""

    def __init__(self, mode):
        super().__init__(mode)
        self.secret = self.path("home", "private")
        self.folder(self.secret)
        self._write(self.secret + "/token", TOKEN.decode() + "\n")

    def folder(self, *paths):
        for path in paths:
            self._own(path, lambda where: os.makedirs(where, exist_ok=True))

    def agents(self, defaults, *agents):
        """agents.defaults.sandbox, and agents.list."""
        self.sandbox("mode: 'all', " + defaults, ",".join(agents))

    def clean(self):
        self.forget()
        for path in (self.root, self.path("home", "ws")):
            shutil.rmtree(path, ignore_errors=True)
            self.folder(path)


def led(box, name, result, way="cat"):
    """Refused, naming what is wrong, and the secret has not come out."""
    ok(result.status == 125 and TOKEN not in result.out and
       LINK in result.err, f"{box.mode}: {name}", (way, result))


def bind_source(box):
    """A bind whose source lies in a workspace that the sandbox writes."""
    ws = box.path("home", "ws")
    for access, where, target in (
            ("rw", ws, ""), ("none", box.root, "")):
        box.folder(where, where + "/cache", where + "/cache/sub")
        box.agents(f"scope: 'shared', workspaceAccess: '{access}', "
                   f"docker: {{ binds: ['{where}/cache/sub:/c:rw'] }}")
        good = box.sh("agent:main:x", "touch /c/in && echo fine")
        ok(good.out == b"fine\n",
           f"{box.mode}: a bind below the workspace can be ({access})", good)
        for what, plant in (
                ("itself", f"rm -rf cache/sub && ln -s {box.secret} "
                           "cache/sub"),
                ("above it", f"rm -rf cache && ln -s {box.secret} other && "
                             "ln -s other cache && true")):
            if what == "above it":
                box.folder(box.secret + "/sub")
            box.sh("agent:main:x", plant)
            box.run("recreate", "--all", "--force")
            led(box, f"sb-06 a bind's source, a link {what} ({access})",
                box.sh("agent:main:x", "cat /c/token; ls /c"))
            box.forget()
            for path in ("/cache", "/other"):
                if os.path.islink(where + path):
                    os.unlink(where + path)
            shutil.rmtree(where + "/cache", ignore_errors=True)
            box.folder(where + "/cache/sub")
            for path in (where + "/cache", where + "/cache/sub"):
                if box.drop:
                    os.chown(path, OTHER_UID, OTHER_UID)
            box.sh("agent:main:x", "true")
        box.clean()


def other_agent(box):
    """One agent's workspace below another's, which is read-write."""
    ws = box.path("home", "ws")
    box.folder(ws + "/b", ws + "/root")
    box.agents("workspaceAccess: 'rw'", "{id: 'main'}",
               f"{{id: 'b', workspace: '{ws}/b'}}",
               f"{{id: 'r', workspace: '{box.path('home', 'r')}', sandbox: "
               f"{{ workspaceRoot: '{ws}/root', workspaceAccess: 'none' }} }}",
               f"{{id: 'o', workspace: '{ws}/b', sandbox: "
               "{ workspaceAccess: 'ro' } }")
    ok(box.sh("agent:b:x", "echo in").out == b"in\n" and
       box.sh("agent:r:x", "echo in").out == b"in\n",
       f"{box.mode}: workspaces within others can be")
    box.forget()
    box.sh("agent:main:x", f"rmdir b; rm -rf root; ln -s {box.secret} b; "
                           f"ln -s {box.secret} root")
    led(box, "sb-36 an agent's workspace that another one has made a link",
        box.sh("agent:b:x", "cat token"))
    led(box, "sb-36 the same, read-only", box.sh("agent:o:x",
                                                 "cat /agent/token"))
    led(box, "sb-36 a workspaceRoot that another one has made a link",
        box.sh("agent:r:x", "ls; cat token"))
    ok(sorted(os.listdir(box.secret)) in (["token"], ["sub", "token"]),
       f"{box.mode}: nothing has been made where it leads",
       os.listdir(box.secret))
    box.clean()


def image_and_filter(box):
    """What else a configuration names: a root, a filter."""
    ws = box.path("home", "ws")
    box.folder(ws + "/image")
    box.agents("workspaceAccess: 'rw', docker: { image: '" + ws + "/image' }")
    os.rmdir(ws + "/image")
    os.symlink(box.secret, ws + "/image")
    led(box, "sb-36 an image that a sandbox has made a link",
        box.sh("agent:main:x", "cat /token"))
    os.unlink(ws + "/image")
    with open(ws + "/profile.json", "w", encoding="utf-8") as file:
        file.write('{"defaultAction": "SCMP_ACT_ALLOW"}')
    box.agents("workspaceAccess: 'rw', docker: { seccompProfile: '" + ws +
               "/profile.json' }")
    result = box.sh("agent:main:x", "true")
    ok(result.status == 125 and b"could write" in result.err,
       f"{box.mode}: sb-36 a filter that the sandbox itself could write",
       result)
    box.clean()


def own_links(box):
    """Control: links of the user's own lead where they lead."""
    ws = box.path("home", "ws")
    real = box.path("home", "real")
    box.folder(real)
    os.rmdir(ws)
    os.symlink(real, ws)
    box.agents("workspaceAccess: 'rw', "
               f"docker: {{ binds: ['{ws}:/c:rw'] }}")
    result = box.sh("agent:main:x", "touch in && ls /c")
    ok(result.out == b"in\n", f"{box.mode}: the user's own links are followed",
       result)
    box.forget()
    os.unlink(ws)
    box.clean()


def another_user(box):
    """Where everybody can write, another user waits with a link."""
    if os.geteuid() != 0:
        print("# another user's link: needs root to make it")
        return
    shared = box.path("shared")
    os.mkdir(shared)
    os.chmod(shared, 0o1777)
    os.symlink(box.secret, shared + "/sandboxes")
    os.lchown(shared + "/sandboxes", 61299, 61299)
    box.configure("{ agents: { defaults: { workspace: '%s', sandbox: {"
                  " mode: 'all', scope: 'shared', workspaceRoot: '%s' } } } }"
                  % (box.path("home", "ws"), shared + "/sandboxes"))
    led(box, "sb-36 a workspaceRoot that another user has made a link",
        box.sh("agent:main:x", "cat token"))
    shutil.rmtree(shared)
    box.clean()


def flags(box):
    """The configuration, by a flag of the command and not by a key."""
    folder = box.path("home", "conf")
    box.folder(folder)
    old, box.config = box.config, folder + "/creel.json5"
    box.env["CREEL_CONFIG"] = box.config
    box.agents("scope: 'session'")
    for flag in (("--workspace", folder), ("--bind", folder + ":/c:rw")):
        result = box.sh("agent:main:x", "true", *flag)
        ok(result.status == 125 and b"could write" in result.err,
           f"{box.mode}: sb-36 the configuration by {flag[0]}", result)
        box.forget()
    result = box.sh("agent:main:x", "echo fine", "--bind", folder + ":/c:ro")
    ok(result.out == b"fine\n", f"{box.mode}: to be read it can be", result)
    box.forget()
    box.config = old
    del box.env["CREEL_CONFIG"]


def command_line(box):
    """Directories by flags: a sandbox has been in the first of them before."""
    ws = box.path("home", "ws")
    box.folder(ws + "/cache", box.secret + "/sub")
    first = ("--workspace", ws)
    result = box.run("run", *first, "--bind", ws + "/cache:/c", "--", "sh",
                     "-c", f"rmdir cache; ln -s {box.secret} cache; echo in")
    ok(result.out == b"in\n", f"{box.mode}: control: a sandbox makes a link",
       result)
    for what, flags in (
            ("a bind", (*first, "--bind", ws + "/cache:/c")),
            ("before it", ("--bind", ws + "/cache:/c", *first)),
            ("above it, read-only", (*first, "--bind",
                                     ws + "/cache/token:/c/token:ro")),
            ("the workspace", ("--bind", ws + ":/c", "--workspace",
                               ws + "/cache"))):
        led(box, f"sb-36 a link that the last one left: {what}",
            box.run("run", *flags, "--", "cat", "/c/token", "token"))
    result = box.run("run", "--bind", ws + "/cache:/c:ro", "--workspace",
                     ws + ":ro", "--", "cat", "/c/token")
    ok(result.out.strip() == TOKEN,
       f"{box.mode}: control: where the sandbox writes nothing it is followed",
       result)
    real, way = box.path("home", "real"), box.path("home", "way")
    box.folder(real)
    os.symlink(real, way)
    result = box.run("run", *first, "--bind", way + ":/c", "--", "ls", "/c")
    ok(result.status == 0, f"{box.mode}: and so are links that lie elsewhere",
       result)
    os.unlink(way)
    box.clean()


for mode in modes():
    with Trap(mode) as BOX:
        own_links(BOX)
        bind_source(BOX)
        other_agent(BOX)
        image_and_filter(BOX)
        another_user(BOX)
        flags(BOX)
        command_line(BOX)
done()
