#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Completion: what creel offers, and what bash makes of it."""
import os
import re
import shutil
import signal

from harness import done, modes, ok, skip, wait_for
from sessions_box import SessionBox

SOURCE = os.environ["top_srcdir"]
SCRIPT = os.path.join(SOURCE, "completions", "creel")


def offers(box, *words):
    result = box.run("help", "--complete", "--", *words)
    return set(result.out.decode().splitlines())


def check_tables(box):
    say = "complete: "
    table = {}
    for line in box.run("help", "--dump-options").out.decode().splitlines():
        verb, _, name, _ = line.split("\t")
        table.setdefault(verb, set()).add("--" + name)
    ok(offers(box, "") == set(table) | {"sandbox"}, say + "the verbs",
       offers(box, "") ^ set(table))
    hidden = {"--dump-options", "--complete"}
    for verb, names in sorted(table.items()):
        found = offers(box, verb, "--")
        ok(found == names - hidden, say + f"the options of {verb}",
           found ^ names)
    for words, want in (
            (("run", "--network", ""), {"none", "host"}),
            (("run", "--network=h"), {"--network=host"}),
            (("run", "--seccomp", ""), {"agent", "strict", "baseline",
                                        "\tfiles"}),
            (("kill", "-s", "TER"), {"TERM"}),
            (("run", "--cap-keep", "net_b"), {"net_bind_service",
                                              "net_broadcast"}),
            (("run", "--ulimit", "nof"), {"nofile"}),
            (("run", "--workspace", "x"), {"\tdirs"}),
            (("run", "--memory", "1"), set()),
            (("run", ""), {"\tcommands"}),
            (("run", "--tty", "--", "ls", ""), {"\tfiles"}),
            (("run", "ls", "--mem"), {"\tfiles"}),
            (("exec", "t", ""), {"\tcommands"}),
            (("media", "add", "--session", "k", ""), {"\tfiles"}),
            (("media", "add", ""), {"\tfiles"}),
            (("image", "rm", "x", ""), set()),
            (("exec", "t", "--", ""), {"\tcommands"}),
            (("exec", "t", "--", "ls", ""), {"\tfiles"}),
            (("run", "--env", "SECRET_C"), {"SECRET_CANARY"}),
            (("config", ""), {"check", "show"}),
            (("config", "check", "x"), {"\tfiles"}),
            (("config", "--js"), {"--json"}),
            (("tool", ""), {"list", "call"}),
            (("tool", "call", "apply"), {"apply_patch"}),
            (("explain", "--tool", "apply"), {"apply_patch"}),
            (("logs", "--tool", "rec"), {"recreate"}),
            (("logs", "--tool", "apply"), {"apply_patch"}),
            (("sandbox", "rec"), {"recreate"}),
            (("sandbox", "recreate", "--al"), {"--all"}),
            (("help", "recr"), {"recreate"}),
            (("nothing", ""), set()),
            (("list", "--config", ""), {"\tfiles"}),
            (("stats", ""), set())):
        found = offers(box, *words)
        ok(found == want, say + " ".join(words), found)


def check_live(box):
    say = f"{box.mode}: complete: "
    ok(not offers(box, "rm", "") and not box.helpers(),
       say + "no helper is started for it", box.helpers())
    mark = box.key("x").split(":")[0]
    key = f"agent:main:{mark}:one"
    box.sandbox("mode: 'all', scope: 'session'", "{id: 'main'}, {id: 'w-2'}")
    ok(offers(box, "recreate", "--agent", "") == {"main", "w-2"},
       say + "agents of the configuration", offers(box, "recreate",
                                                   "--agent", ""))
    box.run("exec", key, "--", "true")
    name = box.items()[0]["name"]
    # Nobody waits long for creeld with a finger on the key.
    ok(wait_for(lambda: {key, name} <= offers(box, "exec", "")),
       say + "a sandbox and its session", offers(box, "exec", ""))
    ok(wait_for(lambda: offers(box, "exec", key[:-2]) == {key}),
       say + "by its beginning")
    ok(wait_for(lambda: key in offers(box, "logs", "--session", "agent:")) and
       name not in offers(box, "logs", "--session", "agent:"),
       say + "--session: keys alone", offers(box, "logs", "--session", ""))
    box.run("rm", key)
    ok(wait_for(lambda: key in offers(box, "exec", "")),
       say + "a session that has none now")
    if box.mode == "rootless":
        os.makedirs(os.path.join(box.state(), "images", "my+base@1"))
        ok(offers(box, "run", "--image", "my/") ==
           {"my/base:1", "\tdirs"} and
           offers(box, "image", "rm", "m") == {"my/base:1"},
           say + "images of the store")
    box.configure("{ tools: { deny: ['exec'] } }")
    found = offers(box, "tool", "call", "--session", key, "")
    ok("read" in found and "exec" not in found,
       say + "tools that the session may use", found)
    box.sandbox("mode: 'all', scope: 'session'", "{id: 'main'}, {id: 'w-2'}")
    bad = f"agent:main:{mark}:$(touch pwned);'x"
    box.run("exec", bad, "--", "true")
    ok(not any("pwned" in line for line in offers(box, "exec", "")),
       say + "what is no plain word is not offered")
    for pid in box.creeld():
        os.kill(pid, signal.SIGSTOP)
    found = offers(box, "rm", "")
    for pid in box.creeld():
        os.kill(pid, signal.SIGCONT)
    ok(not found, say + "a creeld that does not answer is not waited for")
    return key


def bash(box, typed, wanted):
    """What bash shows when this is typed, with its tabs."""
    rc = box.write("rc", f"PS1='> '\nPATH={os.path.dirname(box.creel)}:$PATH\n"
                   f"bind 'set bell-style none'\nsource {box.script}\n")
    return box.tty([shutil.which("bash"), "--noprofile", "--rcfile", rc, "-i"],
                   [(b"> ", typed), (wanted, b"\x15exit\n")],
                   timeout=60).out


def check_bash(box, key):
    say = f"{box.mode}: bash: "
    box.script = box.write("script", open(SCRIPT, "rb").read())
    box.write("a file.json5", "{}")
    for typed, wanted, name in (
            (b"creel recr\t", b"creel recreate ", "a verb"),
            (b"creel run --netw\t", b"--network ", "an option"),
            (b"creel run --network=h\t", b"--network=host ",
             "a value behind ="),
            (f"creel rm {key[:-2]}\t".encode(), key.encode() + b" ",
             "a session's key, with its colons"),
            (b"creel config check a\t", b"check a\\ file.json5 ",
             "a file whose name has a space"),
            (b"creel list --config=a\t", b"--config=a\\ file.json5 ",
             "a file behind =")):
        out = bash(box, typed, wanted)
        ok(wanted in out, say + name, out)


def check_bash_quotes(box):
    """Nothing that is offered can be more than one word."""
    script = (f"source {box.script}\n"
              "creel() { :; }\n"
              "command() { printf '%s\\n' 'a b' '$(x)' 'c;d'; }\n"
              "COMP_LINE='creel rm '; COMP_POINT=9\n"
              "COMP_WORDS=(creel rm ''); COMP_CWORD=2\n"
              "_creel; printf '%s\\n' \"${COMPREPLY[@]}\"\n")
    path = box.write("quotes", script)
    out = os.popen(f"bash --norc {path}").read().split("\n")
    ok(out == ["a\\ b", "\\$\\(x\\)", "c\\;d", ""],
       "bash: what is offered is quoted", out)


def main():
    with open(SCRIPT, encoding="ascii") as file:
        text = file.read()
    ok(not re.search(r"--(memory|network|json)\b", text),
       "the script has no table of its own")
    for mode in modes():
        with SessionBox(mode) as box:
            if mode == modes()[0]:
                check_tables(box)
            key = check_live(box)
            if not shutil.which("bash"):
                skip(f"{mode}: bash", "no bash")
                continue
            check_bash(box, key)
            check_bash_quotes(box)
            box.forget()
    done()


if __name__ == "__main__":
    main()
