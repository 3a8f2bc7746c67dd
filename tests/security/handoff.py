#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trust hand-off (SB-36): what a sandbox writes in a workspace and the host
takes for its own afterwards."""
import json
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import sec  # noqa: E402

FILES = (".git/config", ".git/config.worktree", ".git/commondir",
         ".gitmodules", ".envrc", ".mcp.json")
FOLDERS = (".git/hooks", ".claude", ".codex", ".cursor", ".vscode", ".idea")
SH = ("--", "/bin/sh", "-c")

# Each way to change a path; $1 is the path, $2 a name beside the top.
ATTACKS = {
    "write": 'if [ -d "$1" ]; then echo bad >"$1/in"; else echo bad >"$1"; fi',
    "append": 'if [ -d "$1" ]; then echo bad >>"$1/old"; '
              'else echo bad >>"$1"; fi',
    "remove": 'rm -rf "$1"',
    "rename away": 'mv "$1" "$2"',
    "rename over": 'if [ -d "$1" ]; then mkdir n; mv -T n "$1"; '
                   'else echo bad >n; mv -f n "$1"; fi',
    "exchange": 'mkdir n; python3 -c "import ctypes, sys; '
                'sys.exit(ctypes.CDLL(None).renameat2(-100, '
                "sys.argv[1].encode(), -100, b'n', 2) == 0)\" \"$1\"; false",
    "hard link": 'ln "$1" n && echo bad >>n',
    "link over": 'ln -sfT /tmp "$1"',
    "chmod": 'chmod 0777 "$1" && false',
    "truncate": 'python3 -c "import os, sys; '
                "os.truncate(sys.argv[1] + ('/old' if "
                "os.path.isdir(sys.argv[1]) else ''), 0)\" \"$1\"",
}


def say(got):
    return f"exit {got.returncode} out={got.stdout[-300:]!r} " \
           f"err={got.stderr[-300:]!r}"


def own(d, *paths):
    for path in paths:
        if sec.ROOT:
            os.lchown(path, d.uid, d.uid)


def write(d, top, name, text="good\n"):
    path = os.path.join(top, name)
    made = []
    folder = os.path.dirname(path)
    while not os.path.isdir(folder):
        made.append(folder)
        folder = os.path.dirname(folder)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    own(d, path, *made)
    return path


def full_workspace(d, name):
    """Every path of the default list is there."""
    top = d.folder(name)
    for path in FILES:
        write(d, top, path)
    for path in FOLDERS:
        write(d, top, path + "/old")
    return top


def git(d, top, *args):
    env = d.env(GIT_CONFIG_NOSYSTEM="1", GIT_AUTHOR_NAME="n",
                GIT_AUTHOR_EMAIL="e", GIT_COMMITTER_NAME="n",
                GIT_COMMITTER_EMAIL="e", GIT_TERMINAL_PROMPT="0")
    return subprocess.run(
        d.as_user(["git", "-c", "protocol.file.allow=always", *args]),
        cwd=top, env=env, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL, timeout=60)


def existing(lab, d):
    """SB-36: each path that exists cannot be changed, by no way."""
    top = full_workspace(d, "full")
    wrong = []
    before = sec.tree_hash(top)
    for how, script in ATTACKS.items():
        lines = [f'attack() {{ {script}; }}']
        for path in FILES + FOLDERS:
            lines.append(f'if attack "{path}" moved 2>/dev/null; then '
                         f'echo "{how}: {path}"; fi; rm -rf n moved')
        got = d.call("run", "--workspace", top, *SH, "\n".join(lines))
        if got.returncode or got.stdout:
            wrong.append(say(got))
        if sec.tree_hash(top) != before:
            wrong.append(f"{how}: the tree has changed")
            before = sec.tree_hash(top)
    lab.tap.ok(not wrong, f"sb-36-existing {d.mode} "
               f"({len(ATTACKS)} ways, {len(FILES + FOLDERS)} paths)",
               "\n".join(wrong))
    got = d.call("run", "--workspace", top, *SH,
                 "mv .git g; mv .git/hooks .git/h; rmdir .git; "
                 "echo x >.git/other && echo y >top && cat .git/config")
    lab.tap.ok(got.returncode == 0 and got.stdout == "good\n" and
               got.stderr.count("busy") >= 2 and
               os.path.isdir(top + "/.git/hooks") and
               os.path.exists(top + "/.git/other"),
               f"sb-36-parents {d.mode}", say(got))


def opened(lab, d):
    """SB-36: control: what is opened can be written, and only that."""
    top = full_workspace(d, "opened")
    got = d.call("run", "--workspace", top, "--protect", "!.git/config",
                 *SH, "echo mine >.git/config && ! echo x >.envrc")
    with open(top + "/.git/config", encoding="utf-8") as file:
        text = file.read()
    lab.tap.ok(got.returncode == 0 and text == "mine\n",
               f"sb-36-control-opened {d.mode}", say(got))
    got = d.call("run", "--workspace", top, "--protect", "!*", *SH,
                 "rm -rf .git .claude && echo x >.envrc")
    lab.tap.ok(got.returncode == 0 and not os.path.exists(top + "/.git"),
               f"sb-36-control-all-opened {d.mode}", say(got))
    write(d, top, "Makefile")
    got = d.call("run", "--workspace", top, "--protect", "./Makefile", *SH,
                 "echo x >Makefile")
    lab.tap.ok(got.returncode != 0 and "Read-only" in got.stderr,
               f"sb-36-added {d.mode}", say(got))
    wrong = []
    for word in ("", "/etc", "..", "a/../b", "!", "!nothing/of/it", "a\nb",
                 "x" * 300):
        got = d.call("run", "--workspace", top, "--protect", word, "--",
                     "true")
        if got.returncode != 125 or "--protect" not in got.stderr:
            wrong.append(f"{word[:20]!r}: {say(got)}")
    lab.tap.ok(not wrong, f"sb-36-wrong-words {d.mode}", "\n".join(wrong))


def missing(lab, d):
    """SB-36: what does not exist is not made, and told when it appears."""
    top = d.folder("empty")
    got = d.call("run", "--workspace", top, "--", "true")
    lab.tap.ok(got.returncode == 0 and not got.stderr and
               os.listdir(top) == [], f"sb-36-no-placeholder {d.mode}",
               f"{say(got)} {os.listdir(top)}")
    wrong = []
    for number, path in enumerate(FILES + FOLDERS):
        top = d.folder(f"missing-{number}")
        make = f"mkdir -p {path}" if path in FOLDERS else \
            f"mkdir -p $(dirname {path}); echo x >{path}"
        got = d.call("run", "--workspace", top, *SH, f"{make}; exit 7")
        if got.returncode != 7 or f"{path} has appeared" not in got.stderr:
            wrong.append(f"{path}: {say(got)}")
    top = d.folder("gitfile")
    got = d.call("run", "--workspace", top, *SH, "echo gitdir: evil >.git")
    if ".git/hooks has appeared" not in got.stderr:
        wrong.append(f".git as a file: {say(got)}")
    top = d.folder("link")
    got = d.call("run", "--workspace", top, *SH, "ln -s nowhere .vscode")
    if ".vscode has appeared" not in got.stderr:
        wrong.append(f"a dangling link: {say(got)}")
    lab.tap.ok(not wrong, f"sb-36-appeared {d.mode}", "\n".join(wrong))
    top = d.folder("json")
    got = d.call("run", "--json", "--workspace", top, *SH, "mkdir .idea")
    told = json.loads(got.stderr)
    lab.tap.ok(told["status"] == 0 and ".idea" in told["warnings"][0],
               f"sb-36-appeared-json {d.mode}", say(got))


def sessions(lab, d):
    """SB-36: in a sandbox that stays, told once and kept in the list."""
    top = d.folder("stays")
    d.call("exec", "--workspace", top, "trust", "--", "true")
    got = d.call("exec", "trust", *SH, "mkdir .git; echo x >.git/config")
    again = d.call("exec", "trust", "--", "true")
    items = json.loads(d.call("list", "--json").stdout)
    lab.tap.ok("has appeared" in got.stderr and not again.stderr and
               items[0]["appeared"] == [".git/config"],
               f"sb-36-told-once {d.mode}", f"{say(got)} {say(again)} {items}")
    for pid in d.pids("creeld"):
        os.kill(pid, signal.SIGKILL)
    got = d.call("exec", "trust", *SH, "mkdir .claude")
    lab.tap.ok(got.returncode == 0 and ".claude has appeared" in got.stderr,
               f"sb-36-told-after-restart {d.mode}", say(got))
    d.call("rm", "trust")
    got = d.call("exec", "--workspace", top, "trust", *SH,
                 "echo y >.git/config")
    lab.tap.ok(got.returncode != 0 and "Read-only" in got.stderr,
               f"sb-36-protected-next-time {d.mode}", say(got))
    path = write(d, top, "new")
    os.replace(path, top + "/.git/config")
    got = d.call("exec", "trust", *SH, "echo begun >&2")
    again = d.call("exec", "trust", "--", "true")
    lab.tap.ok(got.returncode == 0 and not again.stderr and
               ".git/config was replaced on the host" in got.stderr,
               f"sb-36-replaced-is-told {d.mode}", f"{say(got)} {say(again)}")
    d.call("rm", "trust")


def refusals(lab, d):
    """SB-36: what cannot be protected is not opened in silence."""
    wrong = []

    def expect(name, make, want):
        top = d.folder(name)
        make(top)
        for path, folders, files in os.walk(top):
            own(d, *(os.path.join(path, n) for n in folders + files))
        before = sorted(os.listdir(top))
        got = d.call("run", "--workspace", top, "--", "true")
        if got.returncode != 125 or want not in got.stderr or \
                "--protect '!" not in got.stderr:
            wrong.append(f"{name}: {say(got)}")
        if sorted(os.listdir(top)) != before:
            wrong.append(f"{name}: something was made")
        ro = d.call("run", "--workspace", top + ":ro", "--", "true")
        if ro.returncode:
            wrong.append(f"{name}, read-only: {say(ro)}")

    def hooks_link(top):
        os.mkdir(top + "/.git")
        os.symlink("../mine", top + "/.git/hooks")

    def hard_link(top):
        write(d, top, "other")
        os.link(top + "/other", top + "/.envrc")

    expect("w-link", lambda t: os.symlink("git", t + "/.git"),
           ".git is a symbolic link")
    expect("w-hooks", hooks_link, ".git/hooks is a symbolic link")
    expect("w-out", lambda t: os.symlink("/etc", t + "/.claude"),
           ".claude is a symbolic link")
    expect("w-hard", hard_link, ".envrc has another name")
    expect("w-fifo", lambda t: os.mkfifo(t + "/.mcp.json"),
           ".mcp.json is neither")
    lab.tap.ok(not wrong, f"sb-36-refused {d.mode}", "\n".join(wrong))
    top = d.folder("many")
    write(d, top, ".git/config")
    binds = []
    for number in range(60):
        binds += ["--tmpfs", f"/many/{number}"]
    got = d.call("run", "--workspace", top, *binds, "--", "true")
    lab.tap.ok(got.returncode == 125 and "64 mounts" in got.stderr,
               f"sb-36-too-many {d.mode}", say(got))


def canary(lab, d):
    """SB-36: git on the host runs nothing that was planted inside."""
    mark = os.path.join(d.folder("mark"), "ran")
    evil = f"touch {mark}"
    plant = (
        "git config core.fsmonitor 'sh -c \"%s\"';"
        "git config core.hooksPath /workspace/evil;"
        "mkdir -p .git/hooks evil;"
        "for h in pre-commit post-commit post-checkout post-index-change "
        "reference-transaction; do for t in .git/hooks evil; do "
        "printf '#!/bin/sh\\n%s\\n' >$t/$h; chmod +x $t/$h; done; done;"
        "mv .git .old; cp -r .old .git; mv .git/hooks .git/h;"
        "echo x >file; git add file; git -c user.name=a -c user.email=b "
        "commit -qm inside; true") % (evil, evil)

    def attack(name, *flags):
        top = d.folder(name)
        made = git(d, top, "init", "-q", ".")
        if made.returncode:
            return made, made
        os.makedirs(top + "/.git/hooks", exist_ok=True)
        own(d, top + "/.git/hooks")
        inside = d.call("run", "--workspace", top, *flags, *SH, plant)
        for args in (("status",), ("commit", "-q", "--allow-empty", "-m",
                                   "outside"), ("checkout", "-q", "-b", "n")):
            last = git(d, top, *args)
        return inside, last

    inside, last = attack("control", "--protect", "!*")
    lab.tap.ok(os.path.exists(mark), f"sb-36-canary-control {d.mode}: "
               "opened, it does run", f"{say(inside)} {say(last)}")
    if os.path.exists(mark):
        os.unlink(mark)
    inside, last = attack("attacked")
    lab.tap.ok(not os.path.exists(mark) and last.returncode == 0 and
               "inside" in git(d, os.path.join(d.dir, "attacked"), "log",
                               "--format=%s").stdout,
               f"sb-36-canary {d.mode}: git works inside and is safe outside",
               f"{say(inside)} {say(last)}")
    top = d.folder("tree")
    main, side = top + "/main", top + "/side"
    os.mkdir(main)
    own(d, main)
    git(d, main, "init", "-q", ".")
    git(d, main, "commit", "-q", "--allow-empty", "-m", "x")
    git(d, main, "worktree", "add", "-q", side)
    got = d.call("run", "--workspace", side, *SH,
                 "echo gitdir: /workspace/g >.git; rm .git; mv .git g")
    lab.tap.ok("Read-only" in got.stderr and
               git(d, side, "status").returncode == 0,
               f"sb-36-git-file {d.mode}", say(got))


def binds(lab, d):
    """SB-36: writable directories of --bind likewise."""
    top = full_workspace(d, "bound")
    got = d.call("run", "--bind", top + ":/mnt/deep", *SH,
                 "cd /mnt/deep; echo x >.envrc; mv .git g; echo y >fine")
    lab.tap.ok("Read-only" in got.stderr and "busy" in got.stderr and
               os.path.exists(top + "/fine"), f"sb-36-bind {d.mode}",
               say(got))
    other = d.folder("other")
    got = d.call("run", "--workspace", top, "--bind",
                 other + ":/workspace/.git", *SH, "echo x >.git/config")
    lab.tap.ok(got.returncode == 0 and
               os.listdir(other) == ["config"],
               f"sb-36-covered {d.mode}: what is bound over it is judged "
               "by itself", say(got))


PARTS = (existing, opened, missing, sessions, refusals, canary, binds)


def main():
    lab = sec.Lab()
    wanted = sys.argv[1:]
    for mode in lab.modes:
        d = lab.daemon(mode)
        for part in PARTS:
            if wanted and part.__name__ not in wanted:
                continue
            failed = lab.tap.failed
            try:
                part(lab, d)
            except subprocess.TimeoutExpired as late:
                lab.tap.ok(False, f"{part.__name__} {mode} in time",
                           str(late)[:200])
            lab.tap.row("SB-36", mode, part.__name__, None,
                        "held" if lab.tap.failed == failed else "breach")
        d.stop()
    lab.missing("hand-off")
    lab.finish("handoff")


main()
