#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Workspaces of sessions, through the program: seeds, skills, media, and what
the host trusts in them."""
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import OTHER_UID, done, ok  # noqa: E402
from sessions_box import SessionBox  # noqa: E402

KEY = "agent:main:main"
SEEDS = ("AGENTS.md", "SOUL.md", "TOOLS.md", "IDENTITY.md", "USER.md",
         "BOOTSTRAP.md", "HEARTBEAT.md")


def give(box, top):
    """What a test has made as root belongs to the box's user."""
    for path, folders, files in os.walk(top):
        for name in folders + files + ["."]:
            if box.drop:
                os.lchown(os.path.join(path, name), OTHER_UID, OTHER_UID)


def put(box, *where, text="x\n"):
    path = box.path(*where)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    give(box, os.path.dirname(path))
    return path


def again(box):
    """The next command finds a sandbox that is made anew."""
    box.run("recreate", "--all", "--force")


def workspace_of(box):
    names = [n for n in os.listdir(box.root) if n.startswith("agent-main")]
    return os.path.join(box.root, names[0])


def check_seeds(box):
    for name in SEEDS + ("other.md",):
        put(box, "home", "ws", name, text=name)
    box.sandbox("mode: 'all', workspaceAccess: 'none'")
    result = box.sh(KEY, "ls; cat USER.md; echo mine >SOUL.md; rm TOOLS.md")
    ok(result.out.decode().split() == sorted(SEEDS) + ["USER.md"],
       f"{box.mode}: the seven files of the agent, and no others", result)
    ok(os.stat(workspace_of(box)).st_mode & 0o777 == 0o700 and
       os.stat(box.root).st_mode & 0o777 == 0o700,
       f"{box.mode}: nobody else can enter")
    put(box, "home", "ws", "SOUL.md", text="newer")
    again(box)
    result = box.sh(KEY, "cat SOUL.md TOOLS.md")
    ok(result.out == b"mine\nTOOLS.md",
       f"{box.mode}: only what is missing is made again", result)


def check_skills(box):
    put(box, "home", "ws", "skills", "weather", "SKILL.md", text="sun\n")
    put(box, "home", "ws", "skills", "notes", "README.md")
    for access in ("none", "ro"):
        box.sandbox(f"mode: 'all', workspaceAccess: '{access}'")
        again(box)
        result = box.sh(KEY, "ls skills; cat /workspace/skills/*/SKILL.md")
        ok(result.out == b"weather\nsun\n",
           f"{box.mode}: skills under {access}", result)
    put(box, "home", "ws", "skills", "weather", "SKILL.md", text="rain\n")
    put(box, "home", "ws", "skills", "news", "SKILL.md", text="news\n")
    again(box)
    result = box.sh(KEY, "cat skills/*/SKILL.md; rm -rf skills; "
                         "ln -s /etc skills")
    ok(result.out == b"news\nrain\n",
       f"{box.mode}: changed and new skills are followed", result)
    shutil.rmtree(box.path("home", "ws", "skills", "news"))
    again(box)
    result = box.sh(KEY, "ls skills")
    ok(result.out == b"weather\n",
       f"{box.mode}: removed ones too, and a planted link goes", result)
    box.sandbox("mode: 'all', workspaceAccess: 'rw'")
    again(box)
    result = box.sh(KEY, "ls skills; ls -d /agent")
    ok(result.out == b"notes\nweather\n",
       f"{box.mode}: rw has the agent's own folder, whole", result)


def check_media(box):
    say = f"{box.mode}: media: "
    picture = put(box, "home", "media", "cat.jpg", text="meow")
    box.sandbox("mode: 'non-main', workspaceAccess: 'none'",
                more=f"media: {{ root: '{box.path('home', 'media')}' }}")
    key = "agent:main:whatsapp:group:1"

    def add(*files, session=key, more=()):
        return box.run("media", "add", "--session", session, *more, *files)

    result = add(picture)
    ok(result.out == b"/workspace/media/inbound/cat.jpg\n",
       say + "the path inside is told", result)
    result = add(picture, picture, more=("--json",))
    ok(json.loads(result.out) == ["/workspace/media/inbound/cat-1.jpg",
                                  "/workspace/media/inbound/cat-2.jpg"],
       say + "a name in use gets a number", result)
    result = box.sh(key, "cat media/inbound/cat-2.jpg; cd media; rm -r inbound;"
                         "ln -s /tmp inbound")
    ok(result.out == b"meow", say + "commands find it", result)
    result = add(picture)
    ok(result.status == 1 and b"media/inbound of the workspace" in result.err,
       say + "a planted link is refused", result)
    box.sh(key, "rm media/inbound")
    secret = put(box, "home", "secret.txt", text="secret")
    os.symlink(secret, box.path("home", "media", "link.txt"))
    result = add(secret, box.path("home", "media", "link.txt"), picture)
    ok(result.status == 1 and result.out == b"/workspace/media/inbound/"
       b"cat.jpg\n" and b"not in the folder of media" in result.err and
       b"symbolic link" in result.err,
       say + "what is elsewhere is refused, the rest copied", result)
    result = add(picture, session="main")
    ok(result.status == 1 and b"not sandboxed" in result.err,
       say + "a session on the host has no use for it", result)
    result = box.run("media", "add", "--session", key)
    ok(result.status == 2, say + "wrong usage gives 2", result)


def check_trust(box):
    say = f"{box.mode}: hand-off: "
    top = box.path("home", "ws")
    subprocess.run(["git", "init", "-q", top], check=True)
    give(box, top)
    attack = "echo x >.git/config; mkdir .claude; mv .git g; ls .git/config"
    box.sandbox("mode: 'all', workspaceAccess: 'rw'")
    again(box)
    result = box.sh(KEY, attack)
    ok(b"Read-only" in result.err and b"busy" in result.err and
       b".claude has appeared" in result.err,
       say + "masked and told in a session", result)
    items = box.items()
    ok([i["appeared"] for i in items] == [[".claude"]],
       say + "and in the list", items)
    logs = box.run("logs", "--json")
    ok(b".claude" in logs.out, say + "and in the audit log", logs)
    os.rmdir(os.path.join(top, ".claude"))
    box.sandbox("mode: 'all', workspaceAccess: 'rw', "
                "protectPaths: ['!.git/config', 'AGENTS.md']")
    again(box)
    result = box.sh(KEY, "git config a.b c && echo x >>AGENTS.md")
    ok(b"AGENTS.md: Read-only" in result.err and b"git" not in result.err and
       "b = c" in open(top + "/.git/config", encoding="utf-8").read(),
       say + "protectPaths opens and adds", result)
    os.symlink("/tmp", top + "/.vscode")
    again(box)
    result = box.sh(KEY, "true")
    ok(result.status == 125 and b".vscode is a symbolic link" in result.err and
       b'hint: protectPaths: ["!.vscode"]' in result.err,
       say + "what cannot be protected is refused, with the key that opens",
       result)
    os.unlink(top + "/.vscode")


def main():
    modes = ("rootless", "system") if os.geteuid() == 0 else ("rootless",)
    for mode in modes:
        with SessionBox(mode) as box:
            try:
                for check in (check_seeds, check_skills, check_media,
                              check_trust):
                    check(box)
                    again(box)
            finally:
                box.forget()
    done()


if __name__ == "__main__":
    main()
