#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The manual and the program agree: options, exit statuses, messages."""
import os
import re

from harness import Box, done, ok

SOURCE = os.environ["top_srcdir"]
RUNS = ("run", "exec", "shell")
VERBS = RUNS + ("list", "kill", "rm", "stats", "pause", "resume", "recreate",
                "prune", "logs", "events", "doctor", "config", "explain",
                "image", "media", "tool", "mcp", "version", "help")


def page_of(verb):
    path = os.path.join(SOURCE, "man", f"creel-{verb}.1")
    with open(path, encoding="ascii") as file:
        return file.read()


def section(page, name):
    found = re.search(rf"^\.Sh {name}\n(.*?)(?=^\.Sh |\Z)", page,
                      re.M | re.S)
    return found.group(1) if found else ""


def options_of(page):
    """(letter, name, takes a value) of every .It that begins with a flag."""
    found = set()
    for line in re.findall(r"^\.It (Fl .*)$", section(page, "DESCRIPTION"),
                           re.M):
        match = re.match(r"(?:Fl (\S) , )?Fl Fl (\S+)(?: (.*))?$", line)
        if match:
            found.add((match[1] or "-", match[2], bool(match[3])))
    return found


def check_options(box):
    table = {}
    for line in box.run("help", "--dump-options").out.decode().splitlines():
        verb, letter, name, value = line.split("\t")
        table.setdefault(verb, set()).add((letter, name, value != "-"))
    ok(set(table) == set(VERBS), "the program lists its verbs",
       set(table) ^ set(VERBS))
    for verb, options in sorted(table.items()):
        page = options_of(page_of(verb))
        ok(page == options, f"creel-{verb}(1) has the options of {verb}",
           f"only in the manual: {sorted(page - options)}\n"
           f"only in the program: {sorted(options - page)}")
    with open(os.path.join(SOURCE, "man", "creel.1"),
              encoding="ascii") as file:
        verbs = set(re.findall(r"^\.It Ic (\S+)", file.read(), re.M))
    ok(verbs == set(table), "creel(1) has the verbs", verbs ^ set(table))
    summary = box.run("help").out.decode()
    ok(all(re.search(rf"^  {verb} ", summary, re.M) for verb in table),
       "and so has `creel help'", summary)
    return sorted(table)


def statuses_of(page):
    return set(re.findall(r"^\.It (\d+(?:\+N)?)$",
                          section(page, "EXIT STATUS"), re.M))


def check_statuses(verbs):
    with open(os.path.join(SOURCE, "proto", "exit-codes.h"),
              encoding="ascii") as file:
        codes = dict(re.findall(r"CREEL_EXIT_(\w+) = (\d+)", file.read()))
    runs = {codes[name] for name in ("TIMEOUT", "FAILED", "NOT_EXECUTABLE",
                                     "NOT_FOUND")}
    runs.add(codes["SIGNAL"] + "+N")
    others = {codes[name] for name in ("OK", "REFUSED", "USAGE")}
    for verb in verbs:
        want = others
        if verb in RUNS:
            want = runs | ({codes["OK"]} if verb != "shell" else set())
        found = statuses_of(page_of(verb))
        ok(found == want, f"creel-{verb}(1) has the exit statuses",
           f"{sorted(found)} instead of {sorted(want)}")


def classes_of(page):
    """A pattern for each class of messages."""
    found = []
    for line in re.findall(r"^\.It (.*)$", section(page, "DIAGNOSTICS"),
                           re.M):
        text = re.sub(r'^Li "(.*)"$', r"\1", line)
        text = text.replace("Fl Fl Ns Ar ", "--").replace(" :", ":")
        pattern = re.escape(text)
        for word, value in (("WHY", ".+"), ("TEXT", ".+"),
                            ("OPTION\\ VALUE", r"\S+.*?"),
                            ("OPTION", r"\S+"), ("VERB", r"\S+"),
                            ("LINE:COLUMN", r"\d+:\d+"),
                            ("NAME", r"\S+"), ("WORD", r"\S+"),
                            ("argument\\ N", r"argument \d+"),
                            ("standard\\ input", "standard [a-z]+")):
            pattern = pattern.replace(word, value)
        found.append(pattern)
    return found


def provocations(box, verb):
    """Command lines of a verb that must fail, and why they do."""
    yield ("--no-such-option",)
    if verb in RUNS:
        target = () if verb == "run" else ("t",)
        command = () if verb == "shell" else ("true",)
        for option, value in (("memory", "x"), ("timeout", "x"),
                              ("bind", "/nowhere:/x"), ("env", "="),
                              ("user", "x y"), ("tty", None)):
            given = (f"--{option}={value}",) if value else (f"--{option}",)
            yield given + target + command
        if verb != "shell":
            yield ("--no-tty", *target, "true", *["x" * 100000] * 16)
        yield ()
        yield target
        yield ("--image", "/", *target, *command)
    elif verb in ("kill", "rm", "pause", "resume"):
        yield ()
        yield ("nobody",)
    elif verb == "stats":
        yield ("nobody",)
        yield ("a", "b")
    elif verb == "help":
        yield ("nothing",)
    elif verb == "recreate":
        yield ()
        yield ("--all", "--agent=x")
        yield ("--all",)
        yield ("word",)
    elif verb == "mcp":
        yield ("word",)
        yield ("--tools=read,nothing",)
        yield ("--memory=x",)
    elif verb == "tool":
        yield ()
        yield ("word",)
        yield ("call",)
        yield ("list", "word")
        yield ("call", "read", "{}", "word")
        yield ("call", "read", "{")
        yield ("call", "read", "@/nowhere")
        yield ("list", "--memory=x")
    elif verb == "logs":
        yield ("--since=yesterday",)
        yield ("--limit=0",)
        yield ("--tool",)
        yield ("word",)
    else:
        yield ("word",)
    if verb not in ("help", "doctor"):
        # A runtime directory that is not the caller's.
        yield ("--rootless", *(("t",) if verb in RUNS + ("kill", "rm", "pause", "resume")
                               else ()), *(("true",) if verb == "exec"
                                           else ("list",) if verb == "tool"
                                           else ()))


def check_messages(box, verbs):
    for verb in verbs:
        classes = classes_of(page_of(verb))
        unknown = []
        seen = 0
        for args in provocations(box, verb):
            env = {}
            if args and args[0] == "--rootless":
                env = {"CREEL_RUNTIME_DIR": "/usr"}
            elif verb == "shell" and args in ((), ("t",)):
                continue
            result = box.run(verb, *args, env=env)
            for line in result.err.decode("ascii").splitlines():
                if line.startswith("hint: "):
                    continue
                seen += 1
                text = line.removeprefix("creel: ")
                if text == line or not any(
                        re.fullmatch(c, text) for c in classes):
                    unknown.append(line)
        ok(seen > 0 and not unknown,
           f"creel-{verb}(1) has the messages that {verb} prints",
           "\n".join(unknown))


def check_help(box):
    for page in ("run", "creel", "security", "tools", "creel.conf"):
        result = box.run("help", page, env={"MANPAGER": "cat", "PAGER": "cat"})
        ok(result.status == 0 and b"creel" in result.out,
           f"creel help {page} opens the page", result)


def main():
    with Box("system" if os.geteuid() == 0 else "rootless") as box:
        check_options(box)
        check_statuses(VERBS)
        check_messages(box, VERBS)
        check_help(box)
    done()


if __name__ == "__main__":
    main()
