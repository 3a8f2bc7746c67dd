#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tool calls, creeld's side: what is refused, written down, waited for, ended.

Spoken over the wire by a client of the test's own (tools_wire.py), so that
what creel's client never sends is tried as well.
"""
import contextlib
import os
import signal
import threading
import time

from harness import done, family, modes, ok, sanitized, wait_for
from sessions_box import SessionBox
from tools_wire import Client, pack, sealed

SCALE = int(os.environ.get("CREEL_TEST_SCALE", "100"))
MANY = max(100, 10000 // SCALE)
ARGS_MAX = 8 << 20


def last(box, tool):
    """What the log has of a tool's last call."""
    rows = box.logs("--tool", tool)
    return rows[-1] if rows else {}


def wrong(answer, code, *words):
    """Is it that error, and does it say so?"""
    return (answer.kind == "result" and answer.error and answer.code == code
            and all(word in answer.text for word in words))


def refused(answer, *words):
    """Is it no call at all?"""
    return (answer.kind == "error"
            and all(word in answer.text for word in words))


BAD_ARGS = [
    ("not an object", b"[1]", ("arguments: expected an object",)),
    ("no JSON", b"{x", ("arguments: line 1, column 2",)),
    ("cut off", b'{"path":"a', ("arguments: line 1",)),
    ("a key twice", b'{"path":"a","path":"b"}', ("duplicate", "path")),
    ("a key twice, within", b'{"path":{"a":1,"a":2}}', ("duplicate",)),
    ("100 levels", b'{"path":' + b"[" * 99 + b"]" * 99 + b"}",
     ("more than 64 deep",)),
    ("20,000 levels", b"[" * 20000, ("more than 64 deep",)),
    ("20,000 times [] in an array", b'{"path":[' + b"[]," * 20000 + b"1]}",
     ("more than 10000 values",)),
    ("no UTF-8", b'{"path":"\xff"}', ("arguments: line 1",)),
    ("half a surrogate", b'{"path":"\\ud800"}', ("arguments: line 1",)),
    ("trailing text", b'{"path":"a"} x', ("arguments: line 1",)),
    ("a number for a string", {"path": 5}, ("path", "a string", "a number")),
    ("nothing for a string", {}, ("path", "expected a string")),
    ("null for a string", {"path": None}, ("path", "expected a string")),
    ("an unknown name", {"path": "a", "cwd": "/"}, ("cwd",)),
    ("a string for a number", {"path": "a", "offset": "1"},
     ("offset", "got a string")),
    ("a number beyond", {"path": "a", "offset": 0}, ("offset",)),
    ("a number beyond all", b'{"path":"a","offset":1e308}', ("offset",)),
    ("a huge integer", b'{"path":"a","offset":99999999999999999999999}',
     ("arguments: line 1",)),
    ("NUL in a path", {"path": "a\0b"}, ("path", "NUL")),
]


def check_args(box):
    """Each wrong argument is named, with what was expected and what came."""
    before = len(box.items())
    with Client(box) as client:
        tools = client.open("args")
        for name, args, words in BAD_ARGS:
            answer = client.call(tools, "read", args)
            ok(wrong(answer, "invalid_argument", *words),
               f"{box.mode}: arguments: {name}", answer)
        answer = client.call(tools, "read", None)
        ok(wrong(answer, "invalid_argument", "path"),
           f"{box.mode}: no arguments at all are an empty object", answer)
    ok(len(box.items()) == before,
       f"{box.mode}: no sandbox is made for them", box.items())


def check_memfd(box):
    """Arguments in a memfd: sealed, 8 MiB and no more."""
    head = b'{"path":"big","content":"'
    whole = head + b"x" * (ARGS_MAX - len(head) - 2) + b'"}'
    with Client(box) as client:
        tools = client.open("memfd")

        def with_fd(fd, args=None, name="write"):
            answer = client.call(tools, name, args, fds=[fd])
            os.close(fd)
            return answer

        answer = with_fd(sealed(whole))
        ok(not answer.error, f"{box.mode}: 8 MiB of arguments", answer)
        answer = with_fd(sealed(whole + b" "))
        ok(wrong(answer, "invalid_argument", "at most 8388608"),
           f"{box.mode}: a byte more is too much", answer)
        for name, fd in (("not sealed", sealed(b'{"path":"a"}', 0)),
                         ("a directory", os.open("/", os.O_RDONLY)),
                         ("a pipe", os.pipe()[0])):
            answer = with_fd(fd, name="read")
            ok(wrong(answer, "invalid_argument", "memfd"),
               f"{box.mode}: a descriptor that is {name}", answer)
        answer = with_fd(sealed(b"{}"), {"path": "a"}, "read")
        ok(wrong(answer, "invalid_argument", "twice"),
           f"{box.mode}: bytes and a descriptor", answer)
        seq = client.send("tool_call", {1: tools.box, 2: "read", 4: 3,
                                        5: os.urandom(16)})
        ok(wrong(client.get(seq), "invalid_argument", "descriptor"),
           f"{box.mode}: a descriptor that did not come")


def check_requests(box):
    """What is no call: it has an error, and the connection goes on."""
    with Client(box) as client, Client(box) as other:
        tools = client.open("requests")
        token = os.urandom(16)
        for name, answer, words in (
                ("no toolbox of that number", client.call(77, "read", {}),
                 ("toolbox 77",)),
                ("another client's toolbox", other.call(tools, "read", {}),
                 ("toolbox",)),
                ("an unknown tool", client.call(tools, "reed", {}),
                 ("tool reed",)),
                ("a tool's name in capitals", client.call(tools, "READ", {}),
                 ("tool READ",)),
                ("a tool's name with controls",
                 client.call(tools, "\x1b[2J\n", {}), ("tool ?[2J?",)),
                ("a short token",
                 client.call(tools, "read", {"path": "a"}, token=b"x"),
                 ("token",)),
                ("a cancel of nothing", client.ask("tool_cancel", {1: token}),
                 ("call",)),
                ("a close of nothing", client.ask("toolbox_close", {1: 9}),
                 ("toolbox 9",)),
                ("a session key of 600 bytes", client.open("x" * 600),
                 ("session key",)),
                ("a provider of 600 bytes",
                 client.open("x", provider="y" * 600), ("--provider",)),
                ("no configuration", client.ask("toolbox_open", {2: "x"}),
                 ("configuration",))):
            ok(refused(answer, *words), f"{box.mode}: {name} is refused",
               answer)
        boxes = [tools.box]
        while (answer := client.open("more")).kind == "toolbox":
            boxes.append(answer.box)
        ok(len(boxes) == 64 and len(set(boxes)) == 64
           and refused(answer, "64"),
           f"{box.mode}: 64 toolboxes of a connection", (len(boxes), answer))
        ok(client.ask("toolbox_close", {1: boxes[5]}).kind == "done"
           and client.open("more").kind == "toolbox",
           f"{box.mode}: one that is closed makes room")
    with Client(box) as client:
        ok(client.open("").key == "agent:main:main",
           f"{box.mode}: no key is the main session")


def check_audit(box):
    """Every call is a line of the log, without what is in files."""
    with Client(box) as client:
        tools = client.open("agent:main:audit")
        good = client.call(tools, "write", {"path": "f", "content": "canary"})
        row = last(box, "write")
        ok(not good.error and row.get("session") == "agent:main:audit"
           and row.get("agent") == "main" and row.get("command") == "f"
           and row.get("sandboxed") and row.get("status") == 0
           and row.get("decision") == "allowed" and row.get("sandbox"),
           f"{box.mode}: a call is in the log when its result comes", row)
        bad = client.call(tools, "read", {"path": "none"})
        row = last(box, "read")
        ok(bad.error and row.get("status") == 1 and "none" in row["command"],
           f"{box.mode}: so is one that failed, with its status", row)
        client.call(tools, "edit", {"path": "f", "oldText": "canary",
                                    "newText": "canary-2"})
        client.call(tools, "apply_patch", {"input": "*** Begin Patch\n"
                    "*** Add File: g\n+canary-3\n*** End Patch\n"})
        row = last(box, "apply_patch")
        ok("A g" in row.get("command", ""),
           f"{box.mode}: of a patch its files", row)
        client.call(tools, "apply_patch", {"input": "*** Begin Patch\n"
                    "*** Add File:h\n+\0canary-4\n *** Add File:\ti\n+x\n"
                    "*** End Patch\n"})
        row = last(box, "apply_patch")
        ok("A h" in row.get("command", "") and "A i" in row["command"],
           f"{box.mode}: and all of them, however they are written", row)
    out = box.run("logs", "--json").out
    ok(b"canary" not in out, f"{box.mode}: nothing of a file is in the log",
       out)


DENY = "tools: { sandbox: { tools: { deny: ['write'] } } }"


def check_policy(box):
    """What policy denies is not listed, and refused with how to change it."""
    box.sandbox("mode: 'all'", more=DENY)
    with Client(box) as client:
        tools = client.open("policy")
        ok("read" in tools.names and "write" not in tools.names,
           f"{box.mode}: a denied tool is not listed", tools.names)
        answer = client.call(tools, "write", {"path": "a", "content": "b"})
        ok(wrong(answer, "denied", 'Tool "write" blocked by sandbox tool policy'
                 " (mode=all).", "Session: agent:main:policy",
                 "Reason: deny list", "Fix:", "tools.sandbox.tools.deny"),
           f"{box.mode}: its refusal says what, why and how", answer)
        row = last(box, "write")
        ok(row.get("decision") == "denied" and row.get("command") == "a"
           and "deny list" in row.get("reason", ""),
           f"{box.mode}: a refusal is in the log", row)
        answer = client.call(tools, "write", b"{")
        ok(wrong(answer, "denied"),
           f"{box.mode}: policy comes before arguments", answer)
        answer = client.call(tools, "python_execute", {"code": "1"})
        ok(wrong(answer, "denied", "python_execute")
           and answer.more["ok"] is False,
           f"{box.mode}: one of MiniBot's is refused in its own words", answer)
        ok(not box.items(), f"{box.mode}: no sandbox for a refusal",
           box.items())
    box.sandbox("mode: 'all', workspaceAccess: 'ro'")
    with Client(box) as client:
        tools = client.open("policy")
        names = {"write", "edit", "apply_patch"}
        answer = client.call(tools, "edit", {"path": "a", "oldText": "a",
                                             "newText": "b"})
        ok(not names & set(tools.names) and wrong(answer, "denied"),
           f"{box.mode}: workspaceAccess ro has nothing that writes",
           (tools.names, answer))
    box.sandbox("mode: 'all'", more="tools: { byProvider: { evil:"
                " { deny: ['read'] } }, subagents: { tools: {"
                " deny: ['read'] } } }")
    with Client(box) as client:
        ok("read" in client.open("p").names
           and "read" not in client.open("p", provider="evil/x").names
           and "read" not in client.open("p", subagent=True).names,
           f"{box.mode}: of a provider, of a subagent")


def check_first_use(box):
    """Many at first use get one sandbox; all wait for its setup."""
    box.sandbox("mode: 'all', docker: { setupCommand:"
                " 'sleep 0.5; echo made >> $HOME/log;"
                " echo once >> /workspace/setup' }")
    clients = [Client(box) for _ in range(8)]
    boxes = [client.open("first") for client in clients]
    seqs = [client.begin(tools, "read", {"path": "setup"})[0]
            for client, tools in zip(clients, boxes)]
    answers = [client.get(seq) for client, seq in zip(clients, seqs)]
    ok(all(answer.text == "once\n" for answer in answers)
       and len(box.items()) == 1,
       f"{box.mode}: eight calls at first use make one sandbox", answers)
    for client in clients:
        client.close()
    box.forget()
    box.sandbox("mode: 'all', docker: { setupCommand: 'echo no >&2; exit 3' }")
    with Client(box) as client:
        tools = client.open("first")
        seqs = [client.begin(tools, "read", {"path": "x"})[0]
                for _ in range(3)]
        answers = [client.get(seq) for seq in seqs]
        ok(all(wrong(answer, "unavailable", "setupCommand", "no")
               for answer in answers) and not box.items(),
           f"{box.mode}: a failed setup is told to all who wait", answers)
        row = last(box, "read")
        ok(row.get("status") == 1 and "setupCommand" in row.get("reason", ""),
           f"{box.mode}: and is in the log", row)
    box.sandbox("mode: 'all', docker: { image: '/nowhere' }")
    with Client(box) as client:
        answer = client.call(client.open("first"), "read", {"path": "x"})
        ok(answer.error and "image" in answer.text,
           f"{box.mode}: so is a sandbox that cannot be built", answer)


def check_waiting(box):
    """Calls that wait: bounded, cancelled, gone with their client."""
    box.sandbox("mode: 'all', docker: { setupCommand:"
                " 'while ! [ -e /workspace/go ]; do sleep 0.05; done' }")
    with Client(box) as client:
        tools = client.open("waits")
        token = os.urandom(16)
        first, _ = client.begin(tools, "read", {"path": "go"}, token=token)
        again = client.call(tools, "read", {"path": "go"}, token=token)
        ok(refused(again, "token", "in use"),
           f"{box.mode}: a token is good for one call", again)
        with Client(box) as other:
            answer = other.ask("tool_cancel", {1: token})
            ok(refused(answer), f"{box.mode}: another client cannot cancel it",
               answer)
        seq = client.send("tool_cancel", {1: token})
        ok(client.get(seq).kind == "done"
           and wrong(client.get(first), "cancelled"),
           f"{box.mode}: its own can, before it begins")
        seqs = [client.begin(tools, "read", {"path": "go"})[0]
                for _ in range(257)]
        ok(refused(client.get(seqs[-1]), "256"),
           f"{box.mode}: 256 calls of a connection at once")
        with Client(box) as gone:
            gone.begin(gone.open("waits"), "read", {"path": "go"})
            time.sleep(0.1)
        ok(wait_for(lambda: any(row.get("status") == 1 for row in
                                box.logs("--session", "agent:main:waits")
                                if "cancelled" in (row.get("reason") or "")),
                    30),
           f"{box.mode}: a call of a client that goes is over")
        ok(client.quiet(seqs[0], 0.1), f"{box.mode}: others wait on")
        workspace = box.items()[0]["workspace"]
        with open(os.path.join(workspace, "go"), "w", encoding="utf-8"):
            pass
        answers = [client.get(seq) for seq in seqs[:-1]]
        ok(all(not answer.error for answer in answers),
           f"{box.mode}: and begin when the setup is done", answers[:1])


def check_changed(box):
    """A changed configuration is in force at the next call."""
    box.sandbox("mode: 'all'")
    with Client(box) as client:
        tools = client.open("changed")
        args = {"path": "a", "content": "b"}
        answer = client.call(tools, "write", args)
        ok(not answer.error and not answer.changed,
           f"{box.mode}: nothing has changed yet", answer)
        box.sandbox("mode: 'all'", more=DENY)
        answer = client.call(tools, "write", args)
        ok(wrong(answer, "denied") and answer.changed,
           f"{box.mode}: a tool that is denied now is refused, and the client"
           " hears that its list is old", answer)
        answer = client.call(tools, "read", {"path": "a"})
        ok(not answer.error and answer.changed,
           f"{box.mode}: it hears so with every result", answer)
        again = client.open("changed")
        answer = client.call(again, "read", {"path": "a"})
        ok("write" not in again.names and not answer.changed,
           f"{box.mode}: a toolbox that is opened now is right", answer)
        box.sandbox("mode: 'all', docker: { env: { A: 'b' } }")
        answer = client.call(again, "read", {"path": "a"})
        ok(not answer.error and "creel recreate" in answer.text
           and "creel recreate" in answer.more["warnings"][0],
           f"{box.mode}: a sandbox in use stays, and that is said", answer)
        box.configure("{ agents: ")
        answer = client.call(again, "read", {"path": "a"})
        ok(not answer.error, f"{box.mode}: what cannot be read changes nothing",
           answer)
    box.forget()


def check_flags(box):
    """Flags of a toolbox make its sandbox; another one's is compared."""
    box.sandbox("mode: 'all'")

    def nofile(number):
        return {"spec": pack({15: pack({1: "nofile", 2: number, 3: number})}),
                "given": ["ulimit"]}

    with Client(box) as client:
        tools = client.open("flags", **nofile(99))
        first = client.call(tools, "read", {"path": "x"})
        second = client.call(tools, "read", {"path": "x"})
        limit = box.run("exec", "flags", "--", "sh", "-c", "ulimit -n").out
        ok(first.code == second.code == "not_found" and limit == b"99\n",
           f"{box.mode}: flags make the sandbox", (first, limit))
        other = client.open("flags", **nofile(98))
        answer = client.call(other, "read", {"path": "x"})
        exec_text = box.run("exec", "--ulimit", "nofile=98", "flags", "--",
                            "true").err
        ok(answer.error and "--ulimit" in answer.text
           and answer.text.splitlines()[0].encode() in exec_text,
           f"{box.mode}: other flags are refused as exec refuses them",
           (answer, exec_text))
        plain = client.open("flags")
        ok(client.call(plain, "read", {"path": "x"}).code == "not_found",
           f"{box.mode}: no flags agree with any")
        ok(refused(client.open("flags", given=["ulimit"]), "flags"),
           f"{box.mode}: flags that are named and not given")
    box.forget()


def check_pause(box):
    """A sandbox that stands still, or goes."""
    box.sandbox("mode: 'all'")
    with Client(box) as client:
        tools = client.open("pause")
        client.call(tools, "write", {"path": "a", "content": "b"})
        paused = box.run("pause", "pause")
        answer = client.call(tools, "read", {"path": "a"})
        if paused.status == 0:
            exec_text = box.run("exec", "pause", "true").err
            ok(wrong(answer, "unavailable", "is paused", "creel resume")
               and answer.text.splitlines()[0].encode() in exec_text,
               f"{box.mode}: a paused sandbox is refused as exec refuses it",
               (answer, exec_text))
            box.run("resume", "pause")
        box.run("rm", "pause")
        answer = client.call(tools, "read", {"path": "a"})
        ok(answer.text == "b", f"{box.mode}: one that is gone is made anew",
           answer)
    box.forget()


def check_restart(box):
    """kill -9 of creeld while calls are on their way."""
    box.sandbox("mode: 'all'")
    with Client(box) as client:
        client.call(client.open("restart"), "write",
                    {"path": "a", "content": "b"})
        before = box.creeld()
        tools = client.open("restart")
        for _ in range(20):
            client.begin(tools, "read", {"path": "a"})
        box.kill_creeld()
    with Client(box) as client:
        tools = client.open("restart")
        answer = client.call(tools, "read", {"path": "a"})
        ok(box.creeld() != before and answer.text == "b",
           f"{box.mode}: after a kill -9 calls go on in the same sandbox",
           answer)
        answer = client.call(tools, "write", {"path": "a", "content": "c"},
                             again=True)
        ok(wrong(answer, "lost", "restarted", "not known"),
           f"{box.mode}: what nobody knows of is not done again", answer)
        answer = client.call(tools, "read", {"path": "a"})
        ok(answer.text == "b", f"{box.mode}: indeed", answer)
    rows = box.logs("--session", "agent:main:restart")
    ok(len(rows) >= 3, f"{box.mode}: the log has them all", rows[-3:])
    box.forget()


def is_init(pid):
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/comm", encoding="latin-1") as file:
            return file.read() == "creel-init\n"
    return False


def check_lost(box):
    """kill -9 of creeld in the middle of a change: nobody can tell."""
    box.sandbox("mode: 'all'")
    args = {"path": "a", "content": "new"}
    with Client(box) as client:
        tools = client.open("lost")
        client.call(tools, "write", {"path": "a", "content": "old"})
        inits = [pid for pid in family(box.helpers()) if is_init(pid)]
        for pid in inits:
            os.kill(pid, signal.SIGSTOP)
        token = client.begin(tools, "write", args)[1]
        begun = wait_for(lambda: last(box, "write").get("status") is None, 30)
        box.kill_creeld()
        for pid in inits:
            os.kill(pid, signal.SIGCONT)
    with Client(box) as client:
        answer = client.call(client.open("lost"), "write", args, token=token,
                             again=True)
        row = last(box, "write")
        ok(inits and begun and wrong(answer, "lost", "not known")
           and row["status"] == 125 and "not known" in row["reason"],
           f"{box.mode}: a change that was lost is not said to be done, nor"
           " its sandbox lost", (begun, answer, row))
    box.forget()


def check_host(box):
    """A session that is not sandboxed is left to the client, and logged."""
    box.sandbox("mode: 'off'")
    with Client(box) as client, Client(box) as other:
        tools = client.open("host")
        ok(not tools.sandboxed and tools.workdir == box.path("home", "ws"),
           f"{box.mode}: mode off: its tools are the host's", tools.msg)
        token = os.urandom(16)
        answer = client.call(tools, "write", {"path": "a", "content": "x"},
                             token=token)
        row = last(box, "write")
        ok(answer.kind == "host" and answer.msg[1][0] == token
           and 2 not in answer.msg and not row["sandboxed"]
           and row.get("status") is None,
           f"{box.mode}: the client runs it, and it is in the log", row)
        answer = other.ask("host_done", {1: token, 2: 0})
        ok(refused(answer, "another"),
           f"{box.mode}: no other client says how it went", answer)
        ok(client.ask("host_done", {1: token, 2: 7, 3: 5000}).kind == "done"
           and last(box, "write").get("status") == 7,
           f"{box.mode}: its own does", last(box, "write"))
        answer = client.call(tools, "read", {"path": 1})
        ok(wrong(answer, "invalid_argument", "path"),
           f"{box.mode}: arguments are checked all the same", answer)
    box.sandbox("mode: 'off'", more="tools: { deny: ['read'] }")
    with Client(box) as client:
        answer = client.call(client.open("host"), "read", {"path": "a"})
        ok(wrong(answer, "denied"), f"{box.mode}: so is policy", answer)


def elevated(every="", agent=""):
    """tools.elevated for all, and the agent's."""
    return {"agents": "{ id: 'main', tools: { elevated: { %s } } }" % agent,
            "more": "tools: { elevated: { %s } }" % every}


FROM = "allowFrom: { telegram: ['42', ' 43 '] }"
GATES = [
    ("no list", elevated(), {}, ("allowFrom: tools.elevated.allowFrom."
                                 "telegram",)),
    ("a list of blanks", elevated("allowFrom: { telegram: [' '] }"), {},
     ("allowFrom: tools.elevated.allowFrom.telegram",)),
    ("no channel", elevated(FROM), {"channel": ""}, ("channel:",)),
    ("another channel", elevated(FROM), {"channel": "slack"},
     ("allowFrom: tools.elevated.allowFrom.slack",)),
    ("no sender", elevated(FROM), {"sender": ""},
     ("sender: (unknown) is not in tools.elevated.allowFrom.telegram",)),
    ("another sender", elevated(FROM), {"sender": "4"},
     ("sender: 4 is not in tools.elevated.allowFrom.telegram",)),
    ("not enabled", elevated("enabled: false, " + FROM), {},
     ("enabled: tools.elevated.enabled",)),
    ("not enabled for the agent", elevated(FROM, "enabled: false"), {},
     ("enabled: agents.list[].tools.elevated.enabled",)),
    ("an agent's list without the channel",
     elevated(FROM, "allowFrom: { slack: ['*'] }"), {},
     ("allowFrom: agents.list[].tools.elevated.allowFrom.telegram",)),
    ("an agent's list without the sender",
     elevated(FROM, "allowFrom: { telegram: ['7'] }"), {},
     ("sender: 42 is not in agents.list[].tools.elevated.allowFrom."
      "telegram",)),
]
OPEN = [
    ("the sender is in the list", elevated(FROM), {}),
    ("blanks around a sender do not count", elevated(FROM), {"sender": "43"}),
    ("everybody is", elevated("allowFrom: { telegram: ['*'] }"),
     {"sender": ""}),
    ("it is in the agent's list too",
     elevated(FROM, "enabled: true, allowFrom: { telegram: [42] }"), {}),
]


def check_elevated(box):
    """Each gate in front of the host."""
    args = {"command": "id", "elevated": True}
    about = {"channel": "telegram", "sender": "42"}
    with Client(box) as client:
        for name, config, more, words in GATES:
            box.sandbox("mode: 'all'", **config)
            tools = client.open("elevated", **dict(about, **more))
            answer = client.call(tools, "exec", args)
            row = last(box, "exec")
            ok(wrong(answer, "denied", "Failed gates:", *words)
               and row["decision"] == "denied" and "id" in row["command"]
               and "elevated" in row["reason"],
               f"{box.mode}: elevated: {name}", (answer, row))
            client.ask("toolbox_close", {1: tools.box})
        for name, config, more in OPEN:
            box.sandbox("mode: 'all'", **config)
            tools = client.open("elevated", **dict(about, **more))
            for call in (args, {"command": "id", "host": "gateway"}):
                answer = client.call(tools, "exec", call)
                row = last(box, "exec")
                ok(answer.kind == "host" and answer.msg.get(2) == [1]
                   and not row["sandboxed"] and row["reason"] == "elevated",
                   f"{box.mode}: elevated: {name}", (answer, row))
        box.sandbox("mode: 'all'", agents=elevated()["agents"],
                    more="tools: { deny: ['exec'], elevated: { %s } }" % FROM)
        answer = client.call(client.open("elevated", **about), "exec", args)
        ok(wrong(answer, "denied", "Fix:"),
           f"{box.mode}: elevated is no way around policy", answer)
        answer = client.call(client.open("elevated"), "exec",
                             {"command": "id", "host": "node"})
        ok(wrong(answer, "denied"), f"{box.mode}: nor is a node", answer)
        box.sandbox("mode: 'all'")
        tools = client.open("elevated")
        answer = client.call(tools, "exec", {"command": "id", "host": "node"})
        ok(wrong(answer, "invalid_argument", "host"),
           f"{box.mode}: there is no node", answer)
        ok(not box.items(), f"{box.mode}: all that without a sandbox")
        box.sandbox("mode: 'off'")
        tools = client.open("elevated")
        answer = client.call(tools, "exec", args)
        ok(answer.kind == "host" and 2 not in answer.msg,
           f"{box.mode}: without sandboxes elevated changes nothing", answer)
        answer = client.call(tools, "exec", {"command": "id",
                                             "host": "sandbox"})
        ok(wrong(answer, "unavailable", "not sandboxed", "mode"),
           f"{box.mode}: nor is there a sandbox to ask for", answer)


def check_sb42(box):
    """SB-42: nothing in a call makes more possible than policy says."""
    box.sandbox("mode: 'all'", more=DENY)
    with Client(box) as client:
        tools = client.open("sb42")
        for name in ("cwd", "root", "roots", "below", "binds", "workspace",
                     "sandbox", "session", "elevated", "host", "policy",
                     "channel", "sender", "user", "network"):
            answer = client.call(tools, "read", {"path": "a", name: "/"})
            ok(wrong(answer, "invalid_argument", name),
               f"SB-42 {box.mode}: a call cannot say its {name}", answer)
        for path in ("/etc/passwd", "../../etc/passwd", "/workspace/../etc",
                     "a/../../etc/passwd", "~root/x", "/proc/self/root/etc"):
            answer = client.call(tools, "read", {"path": path})
            ok(answer.error and "root:" not in answer.text,
               f"SB-42 {box.mode}: {path} stays outside", answer)
        for name in ("Write", " write", "write ", "group:fs", "*", "wri*"):
            answer = client.call(tools, name, {"path": "a", "content": "b"})
            ok(answer.kind == "error" or wrong(answer, "denied"),
               f"SB-42 {box.mode}: {name!r} is no way to a denied tool",
               answer)
        # More than the configuration allows is refused where it is asked for.
        flags = client.open("sb42-flags", spec=pack({2: 1, 1: "/etc"}),
                            given=["image"])
        answer = client.call(flags, "read", {"path": "passwd"})
        ok(answer.error and "root:" not in answer.text,
           f"SB-42 {box.mode}: a descriptor that did not come", answer)
        ok("write" not in client.open("sb42").names
           and wrong(client.call(tools, "write",
                                 {"path": "a", "content": "b"}), "denied"),
           f"SB-42 {box.mode}: policy is as it was")
    box.forget()


def check_slow(box):
    """A client that asks for much and reads late loses nothing."""
    box.sandbox("mode: 'all'")
    with Client(box) as client:
        tools = client.open("slow")
        client.call(tools, "write", {"path": "a", "content": "x" * 20000})
        seqs = [client.begin(tools, "read", {"path": "a"})[0]
                for _ in range(250)]
        time.sleep(0.5)
        with Client(box) as other:
            answer = other.call(other.open("slow"), "read", {"path": "a"})
            ok(not answer.error, f"{box.mode}: others are served meanwhile",
               answer)
        answers = [client.get(seq) for seq in seqs]
        ok(all(answer.text == "x" * 20000 for answer in answers),
           f"{box.mode}: 10 MB of results for a client that reads late")
    box.forget()


def memory_of(pid):
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * 4096
    return 0


def check_many(box):
    """Many calls, from several clients at once, leave nothing behind."""
    box.sandbox("mode: 'all'")

    def work(client, count, wrongs):
        tools = client.open("many")
        for _ in range(count):
            if client.call(tools, "read", {"path": "a"}).text != "x" * 99:
                wrongs.append(1)
        client.close()

    with Client(box) as client:
        client.call(client.open("many"), "write",
                    {"path": "a", "content": "x" * 99})
    wrongs = []
    work(Client(box), 100, wrongs)
    before = memory_of(box.creeld()[0])
    threads = [threading.Thread(target=work,
                                args=(Client(box), MANY // 4, wrongs))
               for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = memory_of(box.creeld()[0])
    most = (64 if sanitized() else 2) << 20
    ok(not wrongs and after - before < most,
       f"{box.mode}: {MANY} calls leave no memory behind", (before, after))
    ok(len(box.logs("--session", "agent:main:many", "--limit", "1000"))
       >= 100, f"{box.mode}: each is in the log")
    box.forget()


CHECKS = (check_args, check_memfd, check_requests, check_audit, check_policy,
          check_first_use, check_waiting, check_changed, check_flags,
          check_pause, check_restart, check_lost, check_host, check_elevated,
          check_sb42, check_slow, check_many)


def main():
    for mode in modes():
        with SessionBox(mode) as box:
            for check in CHECKS:
                check(box)
    done()


main()
