#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""creel config check and show, and creel.conf(5)."""
import json
import os
import re
import shutil
import subprocess

from harness import BUILD, Box, done, modes, ok, skip

MOLTBOT = b"""{
  // as the gateway has it
  channels: { telegram: { botToken: "secret-token" } },
  gateway: { port: 18789 },
  agents: {
    defaults: {
      model: { primary: "x" },
      sandbox: {
        mode: "non-main",
        scope: "session",
        docker: { memory: "1g", env: { "A": "caf\xc3\xa9\\n\\u202ex" } },
      },
    },
    list: [
      { id: "main", default: true, identity: { name: "secret-name" } },
      { id: "Family Bot", sandbox: { mode: "all", docker: {
        binds: ["/srv:/srv:ro"], env: { B: 2 } } },
        tools: { allow: ["read"], byProvider: { "a/b": { deny: ["x"] } } } },
    ],
  },
}
"""

MINIBOT = b"""[llm]
api_key = "secret-key"
[tools.python_exec]
sandbox_mode = "jail"
max_output_bytes = "128KB"
[tools.python_exec.jail]
enabled = true
command_prefix = ["firejail", "--quiet"]
"""

WRONG = b"""{
  agents: {
    defaults: { sandbox: { docker: { memory: "12 bananas", memroy: 1 } } },
    lst: [],
  },
  tools: { alow: [], deny: "exec" },
}
"""

TOLD = """\
creel: FILE:3:46: agents.defaults.sandbox.docker.memory: expected a size such \
as 512m, 1g or a number of bytes, not "12 bananas"
creel: FILE:3:60: agents.defaults.sandbox.docker.memroy: unknown key
hint: did you mean "memory"?
creel: warning: FILE:4:5: agents.lst: not a key of creel's, passed over
hint: did you mean "list"?
creel: warning: FILE:6:12: tools.alow: not a key of creel's, passed over
hint: did you mean "allow"?
creel: FILE:6:28: tools.deny: expected an array of strings, not "exec"
"""


def check_check(box):
    good = box.write("openclaw.json", MOLTBOT)
    toml = box.write("config.toml", MINIBOT)
    wrong = box.write("wrong.json5", WRONG)
    loose = box.write("loose.json5", b"{ tools: { alow: [] } }")
    result = box.run("config", "check", good, toml)
    ok(result.status == 0 and not result.err and
       result.out.decode() == f"{good}: valid\n{toml}: valid\n",
       f"{box.mode}: valid files of both syntaxes are valid", result)
    result = box.run("config", "check", wrong, good)
    ok(result.status == 1 and
       result.err.decode() == TOLD.replace("FILE", wrong) and
       result.out.decode() == f"{good}: valid\n",
       f"{box.mode}: every problem is told, by its place", result)
    result = box.run("config", "check", "wrong.json5")
    ok(result.err.decode() == TOLD.replace("FILE", "wrong.json5"),
       f"{box.mode}: a file is named as it was given", result)
    result = box.run("config", "check", loose)
    ok(result.status == 0 and b"warning: " in result.err,
       f"{box.mode}: a file with warnings is valid", result)
    result = box.run("config", "check", "nothing.json5")
    ok(result.status == 1 and result.err ==
       b"creel: nothing.json5: No such file or directory\n",
       f"{box.mode}: a file that is not there is named", result)


def check_json(box):
    good = box.write("openclaw.json", MOLTBOT)
    wrong = box.write("wrong.json5", WRONG)
    result = box.run("config", "check", "--json", wrong, good)
    files = json.loads(result.out)
    problems = files[0]["problems"]
    ok(result.status == 1 and not result.err and
       [f["file"] for f in files] == [wrong, good] and
       [f["valid"] for f in files] == [False, True] and
       [p["level"] for p in problems] ==
       ["error", "error", "warning", "warning", "error"] and
       problems[1] == {"file": wrong, "line": 3, "column": 60,
                       "level": "error", "hint": 'did you mean "memory"?',
                       "text": "agents.defaults.sandbox.docker.memroy: "
                               "unknown key"},
       f"{box.mode}: --json has each file and its problems", result)


def check_found(box):
    """Which file it is that is checked and shown."""
    folder = box.path("home", ".config", "creel")
    result = box.run("config", "check")
    ok(result.status == 0 and
       result.out == b"no file: defaults are in force\n",
       f"{box.mode}: without a file the defaults are in force", result)

    def mode(*args, **more):
        out = box.run("config", "show", *args, **more).out.decode()
        return re.search(r"^agents\.defaults\.sandbox\.mode = (.*)$", out,
                         re.M)[1]
    ok(mode() == '"all"  # default', f"{box.mode}: and the mode is all")
    os.makedirs(folder)
    box.write("openclaw.json", MOLTBOT)
    with open(f"{folder}/creel.json5", "w", encoding="ascii") as file:
        file.write("{}")
    ok(mode() == '"off"  # default',
       f"{box.mode}: ~/.config/creel/creel.json5 is found")
    env = {"CREEL_CONFIG": box.path("work", "openclaw.json")}
    ok(mode(env=env) == '"non-main"  # openclaw.json:9',
       f"{box.mode}: CREEL_CONFIG goes before it")
    box.write("config.toml", MINIBOT)
    ok(mode("--config", "config.toml", env=env) == '"all"  # default',
       f"{box.mode}: and --config before that")
    with open(f"{folder}/creel.toml", "w", encoding="ascii") as file:
        file.write("")
    result = box.run("config", "show")
    ok(result.status == 1 and result.err.decode() ==
       f"creel: {folder}/creel.json5: creel.toml is beside it, and one of "
       "them must go\nhint: what belongs to both goes into conf.d, in either "
       "syntax\n", f"{box.mode}: two syntaxes at one level are refused",
       result)
    shutil.rmtree(box.path("home", ".config"))


def check_show(box):
    good = box.write("openclaw.json", MOLTBOT)
    result = box.run("config", "show", "--config", good)
    lines = result.out.decode("ascii").splitlines()
    ok(result.status == 0 and len(lines) > 80 and
       all(re.match(r"\S+ = .+  # (default|openclaw\.json:\d+)$", line)
           for line in lines),
       f"{box.mode}: show prints a line for each key", result)
    ok(not re.search(rb"secret|channels|identity|gateway\.", result.out),
       f"{box.mode}: what is the gateway's is not shown", result)
    ok('agents.defaults.sandbox.docker.env.A = "caf\\u00e9\\n\\u202ex"  '
       "# openclaw.json:11" in lines and
       "agents.list[1].sandbox.docker.env.B = 2  # openclaw.json:17" in lines
       and 'agents.list[1].tools.byProvider["a/b"].deny = ["x"]  '
       "# openclaw.json:18" in lines,
       f"{box.mode}: a value is JSON, with its place", result)
    utf8 = box.run("config", "show", "--config", good,
                   env={"LC_ALL": "C.UTF-8"}).out
    ok("caf\u00e9\\n\\u202ex".encode() in utf8,
       f"{box.mode}: harmless characters are shown where they can be", utf8)
    result = box.run("config", "show", "--config", good, "--origin")
    ok(f'mode = "non-main"  # {good}:9:15' in result.out.decode(),
       f"{box.mode}: --origin has the whole place", result)
    result = box.run("config", "show", "--config", good, "--origin", "--json")
    tree = json.loads(result.out)
    ok(tree["agents.defaults.sandbox.mode"] ==
       {"value": "non-main", "origin": "file", "file": good, "line": 9,
        "column": 15} and
       tree["agents.defaults.sandbox.docker.workdir"] ==
       {"value": "/workspace", "origin": "default"},
       f"{box.mode}: and so has --origin --json", result)


def check_round_trip(box):
    """What --json prints is a configuration that says the same."""
    for name, data in (("openclaw.json", MOLTBOT), ("config.toml", MINIBOT),
                       (None, None)):
        given = ("--config", box.write(name, data)) if name else ()
        first = box.run("config", "show", "--json", *given)
        again = box.write("again.json5", first.out)
        second = box.run("config", "show", "--json", "--config", again)
        check = box.run("config", "check", again)
        ok(first.status == 0 and first.out == second.out and
           check.status == 0 and not check.err,
           f"{box.mode}: what is shown of {name} can be used again", check)
    tree = json.loads(box.run("config", "show", "--json", "--config",
                              box.write("config.toml", MINIBOT)).out)
    python = tree["tools"]["python_exec"]
    ok(tree["agents"]["defaults"]["sandbox"]["mode"] == "all" and
       python["max_output_bytes"] == "128KB" and
       python["jail"]["command_prefix"] == ["firejail", "--quiet"],
       f"{box.mode}: and means the same under another name", tree)


def check_dropins(box):
    folder = box.path("work", "conf.d")
    os.mkdir(folder)
    main = box.write("creel.json5", b"{ tools: { deny: ['a'] } }")
    box.write("conf.d/20.toml", b"[agents.defaults.sandbox]\nmode = 'all'\n")
    box.write("conf.d/10.json5",
              b"{ agents: { defaults: { sandbox: { mode: 'off' } } } }")
    result = box.run("config", "show", "--config", main)
    ok(b'sandbox.mode = "all"  # 20.toml:2\n' in result.out and
       b'tools.deny = ["a"]  # creel.json5:1\n' in result.out,
       f"{box.mode}: drop-ins of both syntaxes are laid over", result)
    box.write("conf.d/30.toml", b"[agents.defaults.sandbox]\nmode = 'on'\n")
    result = box.run("config", "check", main)
    ok(result.status == 1 and result.err.decode() ==
       f"creel: {folder}/30.toml:2:8: agents.defaults.sandbox.mode: expected "
       'off, non-main or all, not "on"\n',
       f"{box.mode}: a problem of a drop-in has its place", result)
    shutil.rmtree(folder)


def check_hostile(box):
    path = box.write("creel.json5", b"{}")
    os.chmod(path, 0o666)
    result = box.run("config", "show", "--config", path)
    ok(result.status == 1 and result.err.decode() ==
       f"creel: {path}: others can write it (mode 0666)\n"
       f"hint: chmod go-w {path}\n",
       f"{box.mode}: a file that others can write is refused", result)
    os.unlink(path)
    os.mkfifo(path)
    result = box.run("config", "check", path, timeout=10)
    ok(result.status == 1 and result.err.decode() ==
       f"creel: {path}: a named pipe, not a file\n",
       f"{box.mode}: a named pipe is refused at once", result)
    os.unlink(path)
    path = box.write("creel.json5", b'{ agents: { "\\u001b[31m\\nsandbox": 1,'
                     b' defaults: { sandbox: { "\\u202e\\u001b]0;x": 1,'
                     b' mode: "\\u001b[2J" } } } }')
    result = box.run("config", "check", path, env={"LC_ALL": "C.UTF-8"})
    ok(result.status == 1 and
       not re.search(rb"[\x00-\x09\x0b-\x1f]", result.err) and
       "\u202e".encode() not in result.err,
       f"{box.mode}: names of keys cannot steer the terminal", result)
    deep = b"{a:" * 100000
    result = box.run("config", "check", box.write("deep.json5", deep))
    ok(result.status == 1 and len(result.err) < 1000,
       f"{box.mode}: a file that is too deep is refused", result)
    many = b"{ agents: { defaults: { sandbox: {" + b"".join(
        b"k%d: 1," % n for n in range(5000)) + b"} } } }"
    result = box.run("config", "check", box.write("many.json5", many))
    ok(result.status == 1 and result.err.count(b"unknown key") == 200 and
       result.err.endswith(b"creel: and 4800 more\n"),
       f"{box.mode}: of very many problems the first are told",
       result.err[-200:])


def check_usage(box):
    for args in ((), ("chekc",), ("show", "x"), ("check", "--origin"),
                 ("check", "--config", "a", "b"), ("show", "--memory=1")):
        result = box.run("config", *args)
        ok(result.status == 2 and result.err.startswith(b"creel: ") and
           b"\nhint: " in result.err,
           f"{box.mode}: creel config {' '.join(args)} is wrong usage", result)
    ok(not box.helpers(), f"{box.mode}: config talks to nobody")


def check_manual(box):
    with open(f"{BUILD}/man/creel.conf.5", encoding="ascii") as file:
        page = file.read()
    everything = b"{ agents: { list: [{ id: 'x', name: 'y' }] } }"
    given = json.loads(box.run(
        "config", "show", "--json", "--origin", "--config",
        box.write("openclaw.json", everything)).out)
    missing = []
    for key in given:
        key = re.sub(r"\[\d+\]", "[]", key)
        key = re.sub(r"(docker\.env)\.\w+$", r"\1", key)
        key = key.removeprefix("agents.defaults.sandbox.")
        if f"\n.It Va {key}\n" not in page:
            missing.append(key)
    ok(len(given) > 80 and not missing,
       "creel.conf(5) has every key that is shown", missing)
    if not shutil.which("mandoc"):
        skip("mandoc has no complaint about creel.conf(5)",
             "mandoc is not installed")
        return
    lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning",
                           f"{BUILD}/man/creel.conf.5"],
                          capture_output=True, text=True, check=False)
    ok(not lint.stdout, "mandoc has no complaint about creel.conf(5)",
       lint.stdout)


def main():
    for mode in modes():
        with Box(mode) as box:
            check_check(box)
            check_json(box)
            check_found(box)
            check_show(box)
            check_round_trip(box)
            check_dropins(box)
            check_hostile(box)
            check_usage(box)
            check_manual(box)
    done()


if __name__ == "__main__":
    main()
