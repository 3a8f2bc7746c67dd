#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""creel tool: lists and calls tools, in every form of arguments and output."""
import json
import os
import re
import signal
import threading
import time

from harness import done, modes, ok, wait_for
from sessions_box import SessionBox

MAIN = "agent:main:main"
HARMLESS = rb"[\x20-\x7e\t\r\n]*"


def call(box, name, args=None, *more, **how):
    """creel tool call; args is JSON, or a word as it is."""
    words = [] if args is None else [
        args if isinstance(args, str) else json.dumps(args)]
    return box.run("tool", "call", *more, name, *words, **how)


def result_of(result):
    """The CallToolResult that --json printed, None where it is none."""
    try:
        return json.loads(result.out)
    except ValueError:
        return None


def text_of(result):
    content = (result_of(result) or {}).get("content") or [{}]
    return content[0].get("text", "")


def names(box, *args):
    out = box.run("tool", "list", "--json", *args).out
    return {tool["name"] for tool in json.loads(out or b"[]")}


def check_list(box):
    say = f"{box.mode}: list: "
    result = box.run("tool", "list")
    found = set(re.findall(r"^(\w+)$", result.out.decode(), re.M))
    ok(result.status == 0 and
       {"read", "write", "edit", "apply_patch", "exec", "process"} <= found,
       say + "the tools for people", result)
    ok(re.search(r"^agent:main:main: in a sandbox, in /workspace$",
                 result.out.decode(), re.M) and
       re.search(r"^  path +string, required\. ", result.out.decode(), re.M),
       say + "where they are, and their arguments", result)
    ok(all(len(line) <= 80 for line in result.out.decode().splitlines()),
       say + "in 80 columns")
    result = box.run("tool", "list", "--json")
    tools = json.loads(result.out)
    ok(result.out.count(b"\n") == 1 and result.out.endswith(b"]\n") and
       {tool["name"] for tool in tools} == found,
       say + "--json: one line, the same tools", result)
    ok(all(tool["inputSchema"]["type"] == "object" and
           tool["description"] and "annotations" in tool for tool in tools),
       say + "--json: with schemas and annotations", result)
    ok(not any("." in name for name in found),
       say + "what is for programs alone is in no list", found)


def check_policy(box):
    say = f"{box.mode}: policy: "
    box.sandbox("mode: 'all', scope: 'session'", "",
                "tools: {deny: ['write'], byProvider: {acme: "
                "{deny: ['exec']}}}")
    found = names(box)
    ok("write" not in found and {"read", "exec"} <= found,
       say + "a denied tool is not listed", found)
    ok("exec" not in names(box, "--provider", "acme") and
       "exec" not in names(box, "--provider", "acme/large"),
       say + "--provider: what that provider of models is denied")
    result = call(box, "write", {"path": "a", "content": "x"}, "--json")
    ok(result.status == 1 and result_of(result)["isError"] and
       result_of(result)["structuredContent"]["error"]["code"] == "denied",
       say + "--json: a denied tool is an error, exit 1", result)
    text = text_of(result)
    ok("write" in text and "tools.deny" in text,
       say + "that names the tool and the key", text)
    human = call(box, "write", {"path": "a", "content": "x"})
    ok(human.status == 1 and human.out.decode().strip() == text.strip(),
       say + "the same text for people, exit 1", human)
    ok("a" not in call(box, "exec", {"command": "ls"}).out.decode().split(),
       say + "and nothing was written")
    last = json.loads(box.run("logs", "--json", "--tool", "write").out)[-1]
    ok(last["decision"] == "denied" and last["session"] == MAIN,
       say + "and the audit log has it", last)
    box.sandbox("mode: 'all', scope: 'session'")


def check_forms(box):
    say = f"{box.mode}: arguments: "
    box.write("args.json", json.dumps({"path": "file", "content": "one\n"}))
    result = call(box, "write", "@args.json")
    ok(result.status == 0, say + "@FILE", result)
    result = call(box, "read", "-", data=b' {"path": "file"}\n')
    ok(result.status == 0 and result.out == b"one\n", say + "-, from standard "
       "input; the text as it is", result)
    result = call(box, "read", {"path": "file"})
    ok(result.out == b"one\n", say + "JSON", result)
    long = "x" * 3000000
    result = call(box, "write", "-", data=json.dumps(
        {"path": "long", "content": long}).encode())
    size = call(box, "exec", {"command": "wc -c <long"}).out
    ok(result.status == 0 and b"3000000" in size, say + "3 MB of them",
       result)
    result = call(box, "read")
    ok(result.status == 1 and b"path" in result.out,
       say + "none: the tool says what is missing", result)
    result = box.run("tool", "call", "exec", "--json", "--session", MAIN,
                     '{"command": "true"}')
    ok(result.status == 0 and result_of(result),
       say + "options may stand behind the name", result)
    for word, place in (('{"path": "a",,}', b"arguments:1:14: "),
                        ('{\n "path" 1}', b"arguments:2:9: "),
                        ("[]", b"arguments:1:1: expected an object"),
                        ("path", b"arguments:1:"),
                        ("", b"arguments:1:0: ")):
        result = call(box, "read", word)
        ok(result.status == 2 and not result.out and
           result.err.startswith(b"creel: " + place),
           say + f"{word!r} is told with its place, exit 2", result)
    result = call(box, "read", "-", data=b'{"a": \xff}')
    ok(result.status == 2 and b"creel: standard input:1:" in result.err,
       say + "of standard input, too", result)
    result = call(box, "read", "@nothing")
    ok(result.status == 1 and b"nothing: No such file" in result.err,
       say + "a file that is missing", result)
    ok(call(box, "read", "{}", "--no-such").status == 2 and
       box.run("tool", "call").status == 2 and
       box.run("tool", "call", "read", "{}", "x").status == 2 and
       box.run("tool", "list", "x").status == 2 and
       box.run("tool").status == 2 and box.run("tool", "x").status == 2,
       say + "wrong usage is exit 2")


def check_unknown(box):
    say = f"{box.mode}: unknown: "
    result = call(box, "raed", {})
    ok(result.status == 1 and not result.out and
       b"hint: did you mean read?" in result.err,
       say + "the nearest name is a hint", result)
    result = call(box, "browse\x1b[31m", {})
    ok(result.status == 1 and b"hint" not in result.err and
       re.fullmatch(HARMLESS, result.err), say + "none is near: none", result)
    result = call(box, "read", {"path": "a", "off": 1}, "--json")
    ok(result.status == 1 and "off" in text_of(result),
       say + "an argument, by its name", result)
    result = call(box, "read", {"path": 7}, "--json")
    ok(result.status == 1 and
       "path: expected" in text_of(result) and "got a number" in
       text_of(result), say + "what was expected and what came", result)


def check_json(box):
    say = f"{box.mode}: --json: "
    tricky = "a\tb\u2028\u202e\u009b\x1b[31m\\\"\n\u00e9\U0001f600"
    call(box, "write", {"path": "t", "content": tricky})
    result = call(box, "read", {"path": "t"}, "--json")
    found = result_of(result)
    ok(result.out.count(b"\n") == 1 and result.out.endswith(b"}\n") and
       tricky.strip("\n") in text_of(result),
       say + "one line, and every character of it", result)
    ok(found["isError"] is False and
       found["structuredContent"]["sandboxed"] is True and
       isinstance(found["structuredContent"]["durationMs"], (int, float)),
       say + "what each result has", found)
    found = result_of(call(box, "exec", {"command": "exit 3"}, "--json"))
    ok(found and found["structuredContent"].get("exitCode") == 3 and
       found["structuredContent"].get("cpuUsec", 0) > 0,
       say + "exit code and processor time of a command", found)


def check_terminal(box):
    say = f"{box.mode}: terminal: "
    steer = "\x1b]0;owned\x07\x1b[2J\u009b1m\u202e\u2066\r\x00\x7fend"
    script = "printf '" + "".join(
        f"\\{byte:03o}" for byte in steer.encode()) + "'"
    args = json.dumps({"command": script})
    result = box.tty([box.creel, "tool", "call", "exec", args], [])
    ok(result.status == 0 and b"end" in result.out and
       re.fullmatch(HARMLESS, result.out) and b"\\x1b]0;owned" in result.out,
       say + "ESC, C1 and bidi marks cannot steer it (SB-38)", result)
    ok(re.search(rb"creel: exec: \d+ ms in the sandbox", result.out),
       say + "how long it took, and where", result)
    result = box.tty([box.creel, "tool", "call", "--json", "exec", args], [])
    line = result.out.replace(b"\r\n", b"\n").split(b"\n")[0]
    ok(re.fullmatch(HARMLESS, result.out) and
       "\u202e" in json.dumps(json.loads(line), ensure_ascii=False),
       say + "--json: the same, and still JSON", result)
    box.run("exec", MAIN, "--", "sh", "-c",
            "printf 'x' >'/workspace/a\033[31mb'")
    result = box.tty([box.creel, "tool", "call", "read",
                      json.dumps({"path": "a\x1b[31mc"})], [])
    ok(result.status == 1 and re.fullmatch(HARMLESS, result.out),
       say + "errors neither", result)
    piped = call(box, "exec", {"command": script})
    ok(b"\x1b]0;owned" in piped.out, say + "a pipe gets the bytes", piped)
    slow = box.tty([box.creel, "tool", "call", "exec", json.dumps(
        {"command": "for i in 1 2 3 4; do echo line-$i; sleep 1; done"})], [])
    ok(re.search(rb"exec: \d+ s, .*line-\d", slow.out),
       say + "the progress of a call that takes long", slow)


def check_sessions(box):
    say = f"{box.mode}: session: "
    call(box, "write", {"path": "mark", "content": "main"})
    for alias in (MAIN, "main"):
        result = call(box, "read", {"path": "mark"}, "--session", alias)
        ok(result.out.strip() == b"main", say + f"{alias} is the default",
           result)
    other = call(box, "read", {"path": "mark"}, "--session",
                 "agent:main:other")
    ok(other.status == 1, say + "another one has other files", other)
    result = call(box, "exec", {"command": "id -u"}, "--session", "word")
    live = {item["session"] for item in box.items()}
    ok(result.status == 0 and "agent:main:word" in live,
       say + "a word is the rest of a key", live)
    result = call(box, "read", {"path": "a"}, "--session", "bad\x01key")
    ok(result.status == 1 and result.err.startswith(b"creel: ") and
       re.fullmatch(HARMLESS, result.err), say + "a bad key", result)
    result = call(box, "exec", {"command": "cat /workspace/f"}, "--session",
                  "agent:main:flags", "--workspace", box.path("work"),
                  "--memory=64m")
    ok(result.status == 1 or b"f" not in result.out,
       say + "flags of the sandbox are taken", result)


def children_of(box, text):
    """Processes with that text that live, wherever they are."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                line = file.read()
        except OSError:
            continue
        if text.encode() in line and b"tool" not in line:
            found.append(int(pid))
    return found


def is_caught(pid, number):
    """Has the process a handler for a signal?"""
    with open(f"/proc/{pid}/status", encoding="latin-1") as file:
        masks = [int(line.split()[1], 16) for line in file
                 if line.startswith("SigCgt:")]
    return any(mask & 1 << number - 1 for mask in masks)


def check_signals(box):
    say = f"{box.mode}: signal: "
    mark = f"7{os.getpid()}"
    command = json.dumps({"command": f"sleep {mark} & sleep {mark}; true",
                          "yieldMs": 100000})
    for number in (signal.SIGINT, signal.SIGTERM):
        process = box.start("tool", "call", "exec", command)
        ok(wait_for(lambda: len(children_of(box, mark)) >= 2, 30),
           say + "the command runs")
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
        ok(process.returncode == 1 and (out or err),
           say + f"{number.name} ends the call: exit 1",
           (process.returncode, out, err))
        ok(wait_for(lambda: not children_of(box, mark), 30),
           say + "and all that it started")
    process = box.start("tool", "call", "exec", command)
    wait_for(lambda: len(children_of(box, mark)) >= 2, 30)
    creeld = box.creeld()
    for pid in creeld:
        os.kill(pid, signal.SIGSTOP)
    process.send_signal(signal.SIGINT)
    # Two that came before it has looked would be one.
    wait_for(lambda: not is_caught(process.pid, signal.SIGINT), 30)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    for pid in creeld:
        os.kill(pid, signal.SIGCONT)
    ok(process.returncode == -signal.SIGINT,
       say + "the second SIGINT ends creel", process.returncode)
    ok(wait_for(lambda: not children_of(box, mark), 30),
       say + "and with it what it ran")


def check_two_clients(box):
    say = f"{box.mode}: two clients: "
    results = {}

    def use(name):
        for i in range(5):
            call(box, "write", {"path": name, "content": f"{name} {i}\n"})
            results[name] = call(box, "read", {"path": name})

    users = [threading.Thread(target=use, args=(name,))
             for name in ("first", "second")]
    for user in users:
        user.start()
    for user in users:
        user.join()
    ok(all(results[name].out.decode() == f"{name} 4\n"
           for name in ("first", "second")),
       say + "of one session, at once", results)


def check_killed(box):
    say = f"{box.mode}: kill -9 of creeld: "
    mark = box.path("work", "go")
    process = box.start("tool", "call", "--json", "exec", json.dumps(
        {"command": "echo before; while ! [ -e go ]; do sleep 0.05; done; "
                    "echo after >done; echo after", "yieldMs": 60000}))
    ok(wait_for(lambda: children_of(box, "while ! [ -e go ]"), 30),
       say + "a command runs")
    box.kill_creeld()
    call(box, "write", {"path": "go", "content": ""})
    out, err = process.communicate(timeout=30)
    found = json.loads(out or b"{}")
    ok(process.returncode == 0 and found.get("isError") is False and
       found["structuredContent"].get("exitCode") == 0,
       say + "it is taken up again, and its end is known",
       (process.returncode, out, err, mark))
    ok(call(box, "read", {"path": "done"}).out.strip() == b"after",
       say + "it ran once")
    failed = []
    stop = threading.Event()

    def read():
        while not stop.is_set():
            result = call(box, "read", {"path": "done"})
            if result.status != 0:
                failed.append(result)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(5):
        time.sleep(0.15)
        box.kill_creeld()
    stop.set()
    reader.join()
    ok(not failed, say + "reads are made again", failed[:2])


def check_host(box):
    """Not sandboxed: they act here, as the caller."""
    say = f"{box.mode}: not sandboxed: "
    box.sandbox("mode: 'off'")
    result = box.run("tool", "list")
    ok(re.search(rb"^agent:main:main: on the host, in ", result.out, re.M),
       say + "the list says so", result)
    found = result_of(call(box, "exec", {"command": "id -u; pwd"}, "--json"))
    ok(found and found["structuredContent"]["sandboxed"] is False and
       "not" not in str(found["isError"]), say + "and each result", found)
    box.sandbox("mode: 'all', scope: 'session'")


def main():
    for mode in modes():
        with SessionBox(mode) as box:
            box.sandbox("mode: 'all', scope: 'session'")
            check_list(box)
            check_policy(box)
            check_forms(box)
            check_unknown(box)
            check_json(box)
            check_terminal(box)
            check_sessions(box)
            check_signals(box)
            check_two_clients(box)
            check_killed(box)
            check_host(box)
            box.forget()
    done()


if __name__ == "__main__":
    main()
