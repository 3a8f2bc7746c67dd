#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""creel mcp, line by line: the protocol, its errors, and what ends a call."""
import json
import os
import signal
import time

from harness import Box, command_lines, done, modes, ok, sanitized, wait_for
from mcp_client import VERSION, Client, text_of

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
NAMES = {"apply_patch", "bash", "edit", "exec", "process",
         "python_environment_info", "python_execute", "read", "write"}

LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert",
          "emergency")

# What is said, and the id and code of the answer.
WRONG = (
    (b"{\n", None, -32700),
    (b"nonsense\n", None, -32700),
    (b'{"jsonrpc":"2.0","id":1,"method":"p\xff"}\n', None, -32700),
    (b'{"jsonrpc":"2.0","id":1,"id":1,"method":"ping"}\n', None, -32700),
    (b"[" * 100000 + b"\n", None, -32700),
    (b"[" + b"1," * 300000 + b"1]\n", None, -32700),
    (b'"' + b"x" * 10_000_000 + b"\n", None, -32700),
    (b'"' + b"x" * 10_000_000 + b'"\n', None, -32600),
    (b"[]\n", None, -32600),
    (json.dumps([PING, PING]).encode() + b"\n", None, -32600),
    (b"5\n", None, -32600),
    (b"x" * (17 << 20) + b"\n", None, -32600),
    (b'{"jsonrpc":"1.0","id":1,"method":"ping"}\n', 1, -32600),
    (b'{"id":1,"method":"ping"}\n', 1, -32600),
    (b'{"jsonrpc":"2.0","id":1}\n', 1, -32600),
    (b'{"jsonrpc":"2.0","id":null,"method":"ping"}\n', None, -32600),
    (b'{"jsonrpc":"2.0","id":false,"method":"ping"}\n', None, -32600),
    (b'{"jsonrpc":"2.0","id":{},"method":"ping"}\n', None, -32600),
    (b'{"jsonrpc":"2.0","id":[1],"method":"ping"}\n', None, -32600),
    (b'{"jsonrpc":"2.0","id":1,"method":"no/such"}\n', 1, -32601),
    (b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":[]}\n', 1,
     -32602),
    (b'{"jsonrpc":"2.0","id":1,"method":"tools/list",'
     b'"params":{"cursor":"2"}}\n', 1, -32602),
    (b'{"jsonrpc":"2.0","id":1,"method":"tools/call"}\n', 1, -32602),
    (b'{"jsonrpc":"2.0","id":1,"method":"tools/call",'
     b'"params":{"name":"no_such"}}\n', 1, -32602),
    (b'{"jsonrpc":"2.0","id":1,"method":"tools/call",'
     b'"params":{"name":"resources.list"}}\n', 1, -32602),
    (b'{"jsonrpc":"2.0","id":1,"method":"tools/call",'
     b'"params":{"name":"exec","arguments":"true"}}\n', 1, -32602),
    (b'{"jsonrpc":"2.0","id":1,"method":"tools/call",'
     b'"params":{"name":"write","arguments":{"path":"x","content":"'
     + b"x" * 10_000_000 + b'"}}}\n', 1, -32602),
    (b'{"jsonrpc":"2.0","id":1,"method":"resources/read"}\n', 1, -32602),
    (b'{"jsonrpc":"2.0","id":1,"method":"resources/read",'
     b'"params":{"uri":"file:///etc/passwd"}}\n', 1, -32602),
    (b'{"jsonrpc":"2.0","id":1,"method":"resources/read",'
     b'"params":{"uri":"creel://workspace/none"}}\n', 1, -32002),
    (b'{"jsonrpc":"2.0","id":1,"method":"logging/setLevel",'
     b'"params":{"level":"loud"}}\n', 1, -32602),
    (b'{"jsonrpc":"2.0","id":1,"method":"initialize",'
     b'"params":{"protocolVersion":"2025-11-25"}}\n', 1, -32600),
)

# Arguments that a schema refuses, and what is said of them.
HOURS = "expected a number from 0.001 to 604800, got"
NUL = "expected text without NUL, got one"
ARGUMENTS = (
    ("exec", {}, "command: expected a string, got nothing"),
    ("exec", {"command": 5}, "command: expected a string, got a number"),
    ("exec", {"command": ""}, "command: expected at least 1 bytes, got 0"),
    ("exec", {"command": "true", "what": 1},
     "what: there is no such argument"),
    ("exec", {"command": "true", "timeout": 0}, f"timeout: {HOURS} 0"),
    ("exec", {"command": "true", "timeout": -1}, f"timeout: {HOURS} -1"),
    ("exec", {"command": "true", "timeout": 1e308},
     f"timeout: {HOURS} 1e+308"),
    ("exec", {"command": "true", "timeout": "5"},
     "timeout: expected a number, got a string"),
    ("exec", {"command": "true", "timeout": [1]},
     "timeout: expected a number, got an array"),
    ("exec", {"command": "true", "yieldMs": -1},
     "yieldMs: expected a whole number from 0 to 86400000, got -1"),
    ("exec", {"command": "true", "background": "yes"},
     "background: expected true or false, got a string"),
    ("exec", {"command": "true", "env": {"A": 5}},
     "env: expected an object of strings, got a number"),
    ("exec", {"command": "true", "env": {"A=B": "x"}},
     'env: expected the name of a variable, got "A=B"'),
    ("exec", {"command": "true", "env": {"A": "x\0"}}, f"env: {NUL}"),
    ("exec", {"command": "a\0b"}, f"command: {NUL}"),
    ("exec", {"command": "true", "workdir": "a\0b"}, f"workdir: {NUL}"),
    ("read", {"path": "a\0b"}, f"path: {NUL}"),
    ("read", {"path": "x", "offset": 0},
     "offset: expected a whole number from 1 to 1e+12, got 0"),
    ("write", {"path": "a\0b", "content": ""}, f"path: {NUL}"),
    ("write", {"path": "a"}, "content: expected a string, got nothing"),
    ("edit", {"path": "a\0b", "oldText": "a", "newText": "b"},
     f"path: {NUL}"),
    ("apply_patch", {"input": 5}, "input: expected a string, got a number"),
    ("process", {"action": "fly"}, 'remove, got "fly"'),
    ("process", {"action": "poll", "sessionId": "a\0"},
     f"sessionId: {NUL}"),
    ("bash", {"command": "a\0b"}, f"command: {NUL}"),
    ("bash", {"command": "true", "timeout_seconds": 0},
     "timeout_seconds: expected a whole number from 1 to 86400, got 0"),
    ("python_execute", {"code": "a\0b"}, f"code: {NUL}"),
    ("python_execute", {"code": "1", "timeout_seconds": -1},
     "timeout_seconds: expected a whole number from 1 to 86400, got -1"),
)

# Ids that come back as they were written.
IDS = (b"0", b"-7", b"9007199254740993", b"-9223372036854775809",
       b"123456789012345678901234567890", b"1.50", b"1e400", b'""', b'"a"',
       b'"\\u0061\\""', "\"\u00e9\"".encode(), b'"\\u0000"')


def name_of(said):
    return said[:60].decode("ascii", "backslashreplace").strip()


def check_wrong(client, mode):
    for said, wanted, code in WRONG:
        client.say(said)
        message = client.hear() or {}
        ok(message.get("id", 0) == wanted and
           message.get("error", {}).get("code") == code and
           message["error"].get("message") and "result" not in message,
           f"{mode}: {name_of(said)} is answered {code}", message)
    with open(f"/proc/{client.process.pid}/status", encoding="ascii") as file:
        peak = [line for line in file if line.startswith("VmHWM")][0]
    ok(sanitized() or int(peak.split()[1]) < 200_000,
       f"{mode}: long lines are not kept", peak)
    client.say(b"\n  \r\n"
               b'{"jsonrpc":"2.0","method":"no/such"}\n'
               b'{"jsonrpc":"2.0","method":"tools/call","params":7}\n'
               b'{"jsonrpc":"2.0","id":99,"result":{}}\n')
    client.say(PING)
    message = client.hear()
    ok(message == {"jsonrpc": "2.0", "id": 1, "result": {}},
       f"{mode}: notifications and answers are not answered", message)


def check_ids(client, mode):
    for text in IDS:
        client.say(b'{"method":"ping","id":' + text + b',"jsonrpc":"2.0"}\n')
        line = client.line()
        ok(line == b'{"jsonrpc":"2.0","id":' + text + b',"result":{}}',
           f"{mode}: the id {name_of(text)} comes back", line)


def check_opening(box, mode):
    for asked, wanted in ((VERSION, VERSION), ("2025-06-18", "2025-06-18"),
                          ("2024-11-05", VERSION), ("soon", VERSION)):
        with Client(box, hello=False) as client:
            client.say(PING)
            early = client.hear()
            refused = client.ask("tools/list")
            answer = client.ask("initialize", **Client.opening(asked))
        ok(answer.get("result", {}).get("protocolVersion") == wanted and
           early == {"jsonrpc": "2.0", "id": 1, "result": {}} and
           refused.get("error", {}).get("code") == -32600,
           f"{mode}: {asked} is answered {wanted}, before it only ping is",
           (early, refused, answer))
    result = answer["result"]
    ok(result["serverInfo"]["name"] == "creel" and
       result["serverInfo"]["version"] and
       result["capabilities"] == {"tools": {"listChanged": True},
                                  "resources": {}, "logging": {}} and
       "sandbox" in result["instructions"] and
       "no network" in result["instructions"],
       f"{mode}: the model is told where it is", result)


def check_list(client, mode):
    tools = client.ask("tools/list")["result"]["tools"]
    ok({tool["name"] for tool in tools} == NAMES,
       f"{mode}: the tools are listed", [tool["name"] for tool in tools])
    ok(all(tool["description"] and tool["title"] and
           tool["inputSchema"]["type"] == "object" and
           isinstance(tool["annotations"]["readOnlyHint"], bool)
           for tool in tools), f"{mode}: each says what it is and takes",
       tools)


def check_calls(client, mode):
    result = client.call("exec", command="echo to $((6 * 7)); exit 3")
    more = result.get("structuredContent", {})
    ok("to 42" in text_of(result) and more.get("sandboxed") is True and
       more.get("durationMs", -1) >= 0, f"{mode}: exec has its output",
       result)
    result = client.call("write", path="a b.txt", content="one\ntwo\n")
    ok(not result.get("isError", True), f"{mode}: write writes", result)
    result = client.call("read", path="a b.txt")
    ok("two" in text_of(result) and not result.get("isError"),
       f"{mode}: read reads it", result)


def check_arguments(client, mode):
    """What is wrong is told the model, in the result."""
    for tool, args, wanted in ARGUMENTS:
        result = client.call(tool, **args)
        said = result.get("structuredContent", {})
        code = said.get("error_code") or said.get("error", {}).get("code")
        ok(result.get("isError") is True and code == "invalid_argument" and
           text_of(result).startswith(f"{tool}: ") and
           text_of(result).endswith(wanted),
           f"{mode}: {tool} {args} is refused, and which argument is said",
           result)
    message = client.answer(client.start("exec", command="true",
                                         env={"A\0": "x"}))
    ok(message.get("error", {}).get("code") == -32600 and
       "U+0000" in message["error"]["message"],
       f"{mode}: a NUL in the name of a variable is refused", message)


def check_resources(client, mode):
    client.call("exec", command="mkdir many; cd many; "
                "for i in $(seq 300); do echo $i >$i; done; "
                "printf '\\0\\377' >bytes")
    found = {}
    cursor = {}
    pages = 0
    while pages < 100:
        result = client.ask("resources/list", **cursor).get("result", {})
        pages += 1
        found.update({item["uri"]: item
                      for item in result.get("resources", [])})
        if "nextCursor" not in result:
            break
        cursor = {"cursor": result["nextCursor"]}
    ok("creel://workspace/a%20b.txt" in found and pages > 1 and
       sum("many" in uri for uri in found) >= 300,
       f"{mode}: files are resources, page by page",
       (pages, len(found), list(found)[:5]))
    result = client.ask("resources/read", uri="creel://workspace/a%20b.txt")
    contents = result.get("result", {}).get("contents", [{}])
    ok(contents[0].get("text") == "one\ntwo\n" and
       contents[0]["uri"] == "creel://workspace/a%20b.txt",
       f"{mode}: text is read", result)
    result = client.ask("resources/read",
                        uri="creel://workspace/many/bytes")
    contents = result.get("result", {}).get("contents", [{}])
    ok(contents[0].get("blob") == "AP8=", f"{mode}: bytes are read", result)
    result = client.ask("resources/list", cursor="nonsense")
    ok(result.get("error", {}).get("code") == -32602,
       f"{mode}: there is no such page", result)
    result = client.ask("resources/templates/list").get("result", {})
    ok([item["uriTemplate"] for item in result["resourceTemplates"]] ==
       ["creel://workspace/{+path}"], f"{mode}: there is a template", result)


def sleeper():
    """A command whose processes can be told from all others."""
    number = f"{300 + os.getpid() % 100}.{time.monotonic_ns()}"
    return number, f"(setsid sleep {number} &) ; echo begun; sleep {number}"


def asleep(number):
    return [pid for pid, line in command_lines().items()
            if line == f"sleep {number} ".encode()]


def check_long(client, mode):
    number, command = sleeper()
    wanted = client.start("exec", meta={"progressToken": "p-1"},
                          command=command, yieldMs=60000)
    ok(wait_for(lambda: len(asleep(number)) == 2, 30),
       f"{mode}: a long command runs")
    start = time.monotonic()
    answer = client.ask("ping")
    other = client.call("exec", command="echo aside")
    took = time.monotonic() - start
    ok(answer.get("result") == {} and "aside" in text_of(other) and took < 20,
       f"{mode}: others are served meanwhile", (took, other))

    def steps():
        client.ask("ping")
        return [note["params"] for note in client.told
                if note["method"] == "notifications/progress"]
    ok(wait_for(lambda: len(steps()) >= 2, 40),
       f"{mode}: it says how far it is", client.told)
    values = [step["progress"] for step in steps()]
    ok(all(step["progressToken"] == "p-1" for step in steps()) and
       values == sorted(set(values)) and
       any(step.get("message") == "begun" for step in steps()),
       f"{mode}: progress rises and has the last line", steps())
    client.cancel(wanted)
    ok(wait_for(lambda: not asleep(number), 30),
       f"{mode}: cancelling kills the tree", asleep(number))
    client.ask("ping")
    message = client.answer(wanted, 0.5)
    ok(message == {"none": True}, f"{mode}: and is not answered", message)


def check_ends(box, mode):
    for how in ("end of input", "SIGTERM", "SIGKILL"):
        client = Client(box)
        number, command = sleeper()
        client.start("exec", command=command, yieldMs=60000)
        ok(wait_for(lambda n=number: len(asleep(n)) == 2, 30),
           f"{mode}: a command runs before {how}")
        if how != "end of input":
            client.process.send_signal(getattr(signal, how))
        status, left = client.end()
        wanted = -signal.SIGKILL if how == "SIGKILL" else 0
        ok(status == wanted and
           wait_for(lambda n=number: not asleep(n), 30),
           f"{mode}: {how} ends the server and what it ran",
           (status, left, asleep(number)))


def controllers(box):
    return [pid for pid, line in command_lines().items()
            if line.startswith(b"creeld ") and
            box.path("run").encode() in line]


def check_lost(box, mode):
    with Client(box) as client:
        client.call("write", path="kept", content="kept")
        wanted = client.start("exec", command="sleep 2; echo late",
                              yieldMs=60000)
        time.sleep(0.5)
        for pid in controllers(box):
            os.kill(pid, signal.SIGKILL)
        result = client.answer(wanted).get("result", {})
        ok("late" in text_of(result) or result.get("isError"),
           f"{mode}: a call outlives the controller, or says that it is lost",
           result)
        result = client.call("read", path="kept")
        ok("kept" in text_of(result),
           f"{mode}: the next one is served by the next controller", result)
        notes = [note["params"] for note in client.told
                 if note["method"] == "notifications/message"]
        ok(notes and all(note["level"] in LEVELS and note["data"] and
                         note["logger"] == "creel" for note in notes),
           f"{mode}: and the client is told", client.told)
        client.ask("logging/setLevel", level="emergency")
        client.told.clear()
        for pid in controllers(box):
            os.kill(pid, signal.SIGKILL)
        result = client.call("read", path="kept")
        ok("kept" in text_of(result) and not client.told,
           f"{mode}: unless it asks for less", (result, client.told))


def check_many(box, mode):
    clients = [Client(box) for _ in range(4)]
    clients[0].call("write", path="shared", content="by all\n")
    wanted = {client: [client.start("read", path="shared")
                       for _ in range(50)] for client in clients}
    good = [[text_of(client.answer(one).get("result", {}))
             for one in wanted[client]] for client in clients]
    ok(all("by all" in text for texts in good for text in texts),
       f"{mode}: clients of one session work at once",
       [texts for texts in good if not all(texts)][:1])
    for client in clients:
        client.end()


def check_silent(box, mode):
    """A client that asks and does not read."""
    with Client(box) as client:
        client.call("exec", command="head -c 40000 /dev/zero | tr '\\0' x >x")
        wanted = [client.start("read", path="x") for _ in range(300)]
        time.sleep(0.5)
        good = [client.answer(one).get("result", {}).get("isError", True)
                for one in wanted]
        ok(not any(good), f"{mode}: who reads late misses no answer",
           good.count(True))


def check_policy(box, mode):
    config = box.write("creel.json5", json.dumps({
        "agents": {"list": [{"id": "main", "default": True,
                             "sandbox": {"mode": "all"},
                             "tools": {"allow": ["read", "write"]}}]}}))
    with Client(box, "--config", config, "--session", "agent:main:p") as client:
        tools = client.ask("tools/list")["result"]["tools"]
        ok({tool["name"] for tool in tools} == {"read", "write"},
           f"{mode}: only what policy allows is listed", tools)
        result = client.call("exec", command="true")
        ok(result.get("isError") and "exec" in text_of(result) and
           result["structuredContent"]["error"]["code"] == "denied",
           f"{mode}: what it denies is refused in the result", result)
    with Client(box, "--config", config, "--session", "agent:main:p",
                "--tools", "read,exec") as client:
        tools = client.ask("tools/list")["result"]["tools"]
        result = client.ask("tools/call", name="write",
                            arguments={"path": "x", "content": ""})
        ok([tool["name"] for tool in tools] == ["read"] and
           result.get("error", {}).get("code") == -32602,
           f"{mode}: --tools takes away and never gives", (tools, result))


def check_failing(box, mode):
    config = box.write("broken.json5", "{ tools: 5 }")
    client = Client(box, "--config", config, hello=False)
    answer = client.ask("initialize", **Client.opening())
    error = client.process.stderr.read()
    status, _ = client.end()
    ok(answer.get("error", {}).get("message") and error and status == 1,
       f"{mode}: without a toolbox the first answer says why",
       (answer, error, status))
    result = box.run("mcp", "--tools", "read,nothing")
    ok(result.status == 2 and b"--tools: nothing:" in result.err and
       not result.out, f"{mode}: --tools has names of tools", result)


def main():
    for mode in modes():
        with Box(mode) as box:
            check_opening(box, mode)
            with Client(box) as client:
                check_list(client, mode)
                check_wrong(client, mode)
                check_ids(client, mode)
                check_calls(client, mode)
                check_arguments(client, mode)
                check_resources(client, mode)
                check_long(client, mode)
            check_ends(box, mode)
            check_lost(box, mode)
            check_many(box, mode)
            check_silent(box, mode)
            check_policy(box, mode)
            check_failing(box, mode)
    done()


if __name__ == "__main__":
    main()
