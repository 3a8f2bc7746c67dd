#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sessions: which are sandboxed, which share a sandbox, what each one sees."""
import os
import re
import stat

from harness import done, modes, ok
from sessions_box import SessionBox

MAIN = "agent:main:main"
GROUP = "agent:main:whatsapp:group:1"


def refused(box, name, result, *want):
    """125, one line and perhaps a hint, and nothing to garble a terminal."""
    lines = result.err.split(b"\n")
    ok(result.status == 125 and lines[0].startswith(b"creel: ") and
       all(text in result.err for text in want) and len(lines) <= 3 and
       re.fullmatch(rb"[\x20-\x7e\n]*", result.err),
       f"{box.mode}: {name}", result)


def works(box, key, *args):
    return box.run("exec", *args, key, "--", "true").status == 0


def check_mode(box):
    """mode: off, non-main, all; the default with a JSON5 file is off."""
    say = f"{box.mode}: "
    box.configure("{}")
    refused(box, "a JSON5 file that sets no mode: off",
            box.run("exec", GROUP, "--", "true"),
            GROUP.encode(), b"is not sandboxed", b"mode is off",
            b"hint: --host")
    box.sandbox("mode: 'off'")
    refused(box, "mode off, with the place of the key",
            box.run("exec", MAIN, "--", "true"),
            b"agents.defaults.sandbox.mode is off", b"creel.json5:1")
    box.sandbox("mode: 'non-main', scope: 'session'")
    for alias in (MAIN, "main"):
        refused(box, f"mode non-main: {alias} is the main session",
                box.run("exec", alias, "--", "true"), b"non-main")
    ok(works(box, GROUP), say + "mode non-main: a group is sandboxed")
    ok(works(box, "word"), say + "and so is a plain word, a session's name")
    box.sandbox("mode: 'all'")
    ok(works(box, MAIN), say + "mode all: the main session, too")
    box.sandbox("mode: 'all'", "{id: 'main', sandbox: {mode: 'off'}},"
                "{id: 'work'}")
    refused(box, "an agent's own mode wins",
            box.run("exec", MAIN, "--", "true"),
            b"agents.list[0].sandbox.mode is off")
    ok(works(box, "agent:work:x"), say + "for that agent alone")
    box.sandbox("mode: 'non-main', scope: 'session'", "",
                "session: {scope: 'global', mainKey: 'home'}")
    refused(box, "session.scope global: the main session is global",
            box.run("exec", "global", "--", "true"), b"global", b"non-main")
    box.forget()


def check_no_file(box):
    """Without a configuration file the mode is all, with TOML too."""
    say = f"{box.mode}: "
    box.unconfigure()
    toml = box.path("home", ".config", "creel", "creel.toml")
    with open(toml, "w", encoding="ascii") as file:
        file.write("[agents.defaults.sandbox]\nworkspaceRoot = '%s'\n"
                   % box.root)
    ok(works(box, MAIN), say + "TOML that sets no mode: all")
    box.forget()
    os.unlink(toml)
    result = box.sh(MAIN, "pwd; echo kept >file")
    ok(result.out == b"/workspace\n" and result.status == 0,
       say + "no configuration file: all", result)
    folders = os.listdir(os.path.join(box.state(), "sandboxes"))
    ok(any(name.startswith("agent-main-") for name in folders),
       say + "its workspace is below the state directory", folders)
    first = box.id_of("plain")
    ok(first and first != box.id_of(MAIN) and
       b"plain" in box.run("list").out,
       say + "a plain word is a sandbox of its own there")
    for name in ("plain", MAIN):
        box.run("rm", name)


def check_scope(box):
    """scope: session, agent, shared give that many sandboxes."""
    say = f"{box.mode}: "
    keys = ("agent:a:one", "agent:a:two", "agent:b:one")
    agents = "{id: 'a'}, {id: 'b'}"
    for scope, want, name in (
            ("scope: 'session',", 3, r"openclaw-sbx-agent-a-one-[0-9a-f]{8}"),
            ("scope: 'agent',", 2, r"openclaw-sbx-agent-a-[0-9a-f]{8}"),
            ("scope: 'shared',", 1, r"openclaw-sbx-shared"),
            ("", 2, r"openclaw-sbx-agent-a-[0-9a-f]{8}"),
            ("perSession: true,", 3, r"openclaw-sbx-agent-a-one-[0-9a-f]{8}"),
            ("perSession: false,", 1, r"openclaw-sbx-shared")):
        box.sandbox(scope + "mode: 'all'", agents)
        seen = {box.id_of(key) for key in keys}
        names = {item["name"] for item in box.items()}
        ok(len(seen) == want and "" not in seen and len(names) == want and
           any(re.fullmatch(name, text) for text in names),
           say + (scope or "no scope") + f" gives {want} sandboxes",
           (seen, names))
        box.forget()
    box.sandbox("mode: 'all', scope: 'session'",
                "{id: 'a', sandbox: {scope: 'shared'}}, {id: 'b'}")
    ok(box.id_of("agent:a:1") == box.id_of("agent:a:2") != box.id_of("agent:b:1"),
       say + "an agent's own scope")
    box.forget()


def check_names(box):
    """The folder and the name of a session, from SEEDS' rules."""
    say = f"{box.mode}: "
    box.sandbox("mode: 'all', scope: 'session',"
                " docker: {containerPrefix: 'mine-'}")
    box.run("exec", "agent:main:whatsapp:group:1", "--", "touch", "here")
    want = "agent-main-whatsapp-group-1-"
    folders = [name for name in os.listdir(box.root)
               if name.startswith(want)]
    ok(len(folders) == 1 and re.fullmatch(want + "[0-9a-f]{8}", folders[0]) and
       os.path.exists(os.path.join(box.root, folders[0], "here")),
       say + "workspaceRoot/<slug> is what the session sees", folders)
    ok([item["name"] for item in box.items()] == ["mine-" + folders[0]],
       say + "containerPrefix and the slug are the sandbox's name",
       box.items())
    box.forget()


def check_access(box):
    """workspaceAccess: none, ro, rw."""
    say = f"{box.mode}: "
    ws = box.path("home", "ws")
    with open(os.path.join(ws, "AGENTS.md"), "w", encoding="ascii") as file:
        file.write("be good\n")
    box.sandbox("mode: 'all', scope: 'session'")
    result = box.sh(MAIN, "cat AGENTS.md; ls -d /agent; echo x >made")
    ok(result.out == b"be good\n" and not os.path.exists(f"{ws}/made"),
       say + "none: a workspace of its own, seeded; no /agent", result)
    box.forget()
    box.sandbox("mode: 'all', scope: 'session', workspaceAccess: 'ro'")
    result = box.sh(MAIN, "cat /agent/AGENTS.md; echo x >/agent/made || "
                          "echo x >own; pwd")
    ok(result.out == b"be good\n/workspace\n" and
       b"Read-only" in result.err and not os.path.exists(f"{ws}/made"),
       say + "ro: the agent's workspace at /agent, read-only", result)
    box.forget()
    box.sandbox("mode: 'all', scope: 'session', workspaceAccess: 'rw'")
    result = box.sh(MAIN, "cat AGENTS.md; echo x >made; ls -d /agent")
    ok(result.out == b"be good\n" and os.path.exists(f"{ws}/made") and
       os.stat(f"{ws}/made").st_uid == os.stat(ws).st_uid,
       say + "rw: the agent's workspace itself", result)
    box.forget()
    box.sandbox("mode: 'all', docker: {workdir: '/srv/here'}")
    result = box.sh(MAIN, "pwd; cat AGENTS.md")
    ok(result.out == b"/srv/here\nbe good\n", say + "docker.workdir", result)
    box.forget()


def check_docker(box):
    """What the docker section gives a session's commands."""
    say = f"{box.mode}: "
    source = box.path("home", "source")
    os.mkdir(source)
    box.sandbox("mode: 'all', docker: {env: {FOO: 'bar', PATH: '/bin'},"
                " tmpfs: ['/tmp:size=1m', '/scratch'],"
                f" binds: ['{source}:/source:ro'] }}",
                "{id: 'main', sandbox: {docker: {env: {BAR: 'baz'}}}}")
    result = box.sh(MAIN, "echo $FOO $BAR $PATH $LANG; id -u;"
                          " df -k /tmp | tail -1; ls -d /scratch /source;"
                          " touch /source/x /etc/x; env | grep -c CANARY")
    lines = result.out.split(b"\n")
    ok(lines[0] == b"bar baz /bin" + b" C.UTF-8" and lines[1] == b"0" and
       b" 1024 " in lines[2] and b"/scratch" in result.out and
       b"/source" in result.out and result.err.count(b"Read-only") == 2 and
       lines[-2] == b"0",
       say + "env, user, tmpfs, binds; nothing of the caller's", result)
    result = box.sh(MAIN, "echo $FOO; id -u; pwd", "--env", "FOO=flag",
                    "--workdir", "/tmp")
    ok(result.out == b"flag\n0\n/tmp\n", say + "a flag comes first", result)
    refused(box, "flags that differ from what it was made with",
            box.run("exec", "--tmpfs", "/other", MAIN, "--", "true"),
            b"--tmpfs", b"made with another value")
    box.forget()
    result = box.sh(MAIN, "ls -d /other /scratch", "--tmpfs", "/other")
    again = box.sh(MAIN, "echo same", "--tmpfs", "/other")
    ok(result.out == b"/other\n/scratch\n" and again.out == b"same\n",
       say + "flags add to the configuration where it is made",
       (result, again))
    box.forget()
    for keys, want in (
            ("network: 'bridge'", b"docker.network"),
            ("image: 'no-such:image'", b"docker.image"),
            ("binds: ['/nowhere:/x']", b"docker.binds"),
            ("tmpfs: ['/proc/x']", b"docker.tmpfs"),
            ("user: 'nobody-knows'", b"docker.user")):
        box.sandbox(f"mode: 'all', docker: {{ {keys} }}")
        refused(box, f"an error names the key: {keys}",
                box.run("exec", MAIN, "--", "true"), want)
    ok(not box.items(), say + "and nothing is left of it", box.items())


def check_host(box):
    """--host: a session that is not sandboxed, run by the client itself."""
    say = f"{box.mode}: "
    box.sandbox("mode: 'non-main', scope: 'session'")
    result = box.run("exec", "--host", "--env", "MORE=1", "main", "--", "sh",
                     "-c", "echo $SECRET_CANARY $MORE; pwd; cat; exit 7",
                     data=b"input")
    ok(result.status == 7 and result.out == b"tweety-4711 1\n%s\ninput" %
       os.fsencode(os.path.realpath(box.path("work"))),
       say + "--host: the caller's environment, directory and streams", result)
    result = box.run("exec", "--host", "main", "--", "sh", "-c", "kill -9 $$")
    ok(result.status == 137, say + "a signal is 128+N", result)
    result = box.run("exec", "--host", "main", "--", "no-such-command",
                     env={"PATH": "/usr/bin:/bin"})
    ok(result.status == 127 and b"command not found" in result.err,
       say + "127 where there is none", result)
    result = box.run("exec", "--host", "main", "--", "/etc/passwd")
    ok(result.status == 126, say + "126 where it cannot be run", result)
    result = box.run("shell", "--host", "main", data=b"echo $0 $-\n",
                     env={"SHELL": "/bin/sh"})
    ok(result.status == 0 and b"/bin/sh" in result.out,
       say + "shell --host: the caller's shell", result)
    process = box.start("exec", "--host", "main", "--", "sh", "-c",
                        "trap 'exit 9' TERM; echo up; while :; do sleep 0.05;"
                        " done")
    process.stdout.readline()
    process.terminate()
    process.communicate()
    ok(process.returncode == 9, say + "a signal to creel is the command's",
       process.returncode)
    refused(box, "--host for a session that is sandboxed",
            box.run("exec", "--host", GROUP, "--", "true"),
            b"is sandboxed", b"agents.defaults.sandbox.mode is non-main")
    refused(box, "--host with what only a sandbox can follow",
            box.run("exec", "--host", "--memory", "1g", "main", "--", "true"),
            b"--memory: cannot be given with --host")
    box.id_of(GROUP)
    name = box.items()[0]["name"]
    refused(box, "--host for a sandbox",
            box.run("exec", "--host", name, "--", "true"), b"--host")
    box.forget()
    logs = box.run("logs", "--session", MAIN).out
    ok(b"7 host" in logs, say + "the log says that it ran on the host", logs)


def check_verbs(box):
    """kill, rm and stats take session keys, --config another file."""
    say = f"{box.mode}: "
    box.sandbox("mode: 'all', scope: 'session'")
    first = box.id_of("main")
    ok(first == box.id_of(MAIN), say + "main is an alias of the main session")
    name = box.items()[0]["name"]
    ok(box.id_of(name) == first, say + "the sandbox's name works, too")
    result = box.run("stats", "main")
    ok(result.status == 0 and name.encode() in result.out,
       say + "stats main", result)
    ok(box.run("kill", "main").status == 0 and box.id_of(MAIN) != first,
       say + "kill main")
    ok(box.run("rm", MAIN).status == 0 and not box.items(), say + "rm KEY")
    result = box.run("rm", MAIN)
    ok(result.status == 1 and b"has no sandbox" in result.err,
       say + "a session without sandbox", result)
    other = box.write("other.json5", "{ agents: { defaults: { sandbox: {"
                      "mode: 'all', scope: 'session', workspaceRoot: '%s' } }"
                      " } }" % box.path("home", "elsewhere"))
    first, second = box.id_of(MAIN), box.id_of(MAIN, "--config", other)
    names = sorted(item["name"] for item in box.items())
    ok(first and second and first != second and len(names) == 2 and
       re.fullmatch(re.escape(names[0]) + "-[0-9a-f]{6}", names[1]),
       say + "a session is of one configuration, and so is its sandbox",
       (first, second, names))
    ok(box.run("rm", "--config", other, MAIN).status == 0 and
       box.id_of(MAIN) == first, say + "rm --config is about that one")
    box.forget()


def check_hostile_keys(box):
    """Nothing that a key holds leads out of workspaceRoot."""
    say = f"{box.mode}: "
    box.sandbox("mode: 'all', scope: 'session'")
    for key in ("agent:main:../../../../tmp/x", "agent:main:/etc",
                "agent:../..:x", ":", "::::", "agent:", "agent::",
                "agent:main:" + "x" * 400, "agent:main:\u0434\u043e\u043c",
                "agent:main:a b", "agent:main:%s%n$(id)`id`;'\""):
        result = box.sh(key, "echo in")
        ok(result.out == b"in\n" or result.status == 125,
           say + "a key is text: " + ascii(key)[:40], result)
    for key in ("agent:main:\x1b[31m", "agent:main:a\nb", "agent:\x7f:x",
                b"agent:main:\xff\xfe", "agent:main:" + "x" * 10240):
        refused(box, "refused: " + ascii(key)[:40],
                box.run("exec", key, "--", "true"))
    odd = [name for name in os.listdir(box.root)
           if not re.fullmatch(r"[a-z0-9._-]{1,32}-[0-9a-f]{8}", name)]
    ok(not odd and not os.path.exists("/tmp/x"),
       say + "workspaceRoot has slugs alone", odd)
    ok(all(stat.S_ISDIR(os.lstat(os.path.join(box.root, name)).st_mode)
           for name in os.listdir(box.root)), say + "each a directory")
    box.forget()


for mode in modes():
    with SessionBox(mode) as BOX:
        check_mode(BOX)
        check_no_file(BOX)
        check_scope(BOX)
        check_names(BOX)
        check_access(BOX)
        check_docker(BOX)
        check_host(BOX)
        check_verbs(BOX)
        check_hostile_keys(BOX)
done()
