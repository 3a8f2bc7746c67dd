#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""process: background commands, what they print and read, and how long they
are known; also when creeld is killed under them."""
import os
import time

from harness import done, modes, ok, wait_for
from sessions_box import SessionBox
from tools_wire import Client

SCALE = int(os.environ.get("CREEL_TEST_SCALE", "100"))
CAP = 65536
DEFAULT_CAP = 8 << 20
FLOOD = max(12 << 20, (1 << 30) // SCALE) // 10 * 10  # 1 GiB in check-long
FIRST = 100000000  # lines of ten bytes
MANY = max(300, 10000 // SCALE)


class Agent:
    """A session with its two tools."""

    def __init__(self, client, session):
        self.client = client
        self.tools = client.open(session)

    def exec(self, command, **more):
        return self.client.call(self.tools, "exec",
                                dict(command=command, **more))

    def begin(self, command, **more):
        """In the background: its id."""
        return self.exec(command, background=True,
                         **more).more.get("sessionId", "")

    def process(self, action, one="", **more):
        if one:
            more["sessionId"] = one
        return self.client.call(self.tools, "process",
                                dict(action=action, **more))

    def read(self, one, until="exited", seconds=120):
        """All that poll gives, until its text has that."""
        output, end = "", time.monotonic() + seconds
        while time.monotonic() < end:
            got = self.process("poll", one)
            output += got.more.get("output", "")
            if until in output or "Process exited" in got.text:
                break
            time.sleep(0.02)
        return output


def check_actions(box, agent):
    """The ten actions."""
    one = agent.begin("cat; echo over")
    got = agent.process("list")
    ok([s["sessionId"] for s in got.more["sessions"]] == [one]
       and got.more["sessions"][0]["status"] == "running"
       and "cat; echo over" in got.text, f"{box.mode}: list", got)
    ok("Process still running." in agent.process("poll", one).text,
       f"{box.mode}: poll")
    agent.process("write", one, data="one\ntwo\n")
    ok(agent.read(one, "two\n") == "one\ntwo\n", f"{box.mode}: write")
    agent.process("submit", one)
    ok(agent.read(one, "\n") == "\n", f"{box.mode}: submit ends a line")
    agent.process("paste", one, text="p\n")
    ok(agent.read(one, "p\n") == "p\n", f"{box.mode}: paste to a pipe")
    agent.process("write", one, data="last", eof=True)
    ok(agent.read(one) == "lastover\n", f"{box.mode}: write with eof")
    got = agent.process("log", one, offset=1, limit=2)
    ok(got.more["output"] == "two\n\n" and got.more["totalLines"] == 5,
       f"{box.mode}: log with offset and limit", got)
    got = agent.process("log", one, limit=1)
    ok(got.more["output"] == "lastover\n", f"{box.mode}: log's last line", got)
    ok(agent.process("write", one, data="x").code == "bad_state",
       f"{box.mode}: stdin of one that is over")
    got = agent.process("kill", one)
    ok(got.code == "bad_state" and "over" in got.text,
       f"{box.mode}: kill of one that is over", got)
    ok("Cleared" in agent.process("clear", one).text
       and agent.process("poll", one).code == "not_found",
       f"{box.mode}: clear forgets it")
    one = agent.begin("sleep 700 & sleep 700")
    ok(agent.process("clear", one).code == "bad_state",
       f"{box.mode}: clear of one that runs")
    agent.process("kill", one)
    agent.read(one)
    got = agent.process("list").more["sessions"][0]
    ok(got["status"] == "killed" and got["exitCode"] == 137,
       f"{box.mode}: kill", got)
    agent.process("clear", one)
    one = agent.begin("sleep 700")
    agent.process("remove", one)
    ok(agent.process("log", one).code == "not_found",
       f"{box.mode}: remove forgets it")
    probe = ("cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' |"
             " grep -c 'sleep[ ]700' || true")
    ok(wait_for(lambda: agent.exec(probe).more["output"] == "0\n", 30),
       f"{box.mode}: and nothing of them is left")


def check_terminal(box, agent):
    one = agent.begin("trap 'echo INT' INT; stty -echo; echo ready;"
                      " while :; do read -r x || sleep 0.1;"
                      " echo \"[$x]\"; done", pty=True)
    agent.read(one, "ready")
    agent.process("send-keys", one, keys=["ab", "Enter"])
    ok("[ab]" in agent.read(one, "[ab]"), f"{box.mode}: keys and Enter")
    agent.process("send-keys", one, literal="cd", hex=["0x0d"])
    ok("[cd]" in agent.read(one, "[cd]"), f"{box.mode}: text and hex")
    agent.process("send-keys", one, keys=["C-c"])
    ok("INT" in agent.read(one, "INT"), f"{box.mode}: C-c interrupts")
    agent.process("paste", one, text="pp")
    agent.process("submit", one)
    ok("\x1b[200~pp\x1b[201~" in agent.read(one, "pp").replace("^[", "\x1b"),
       f"{box.mode}: paste is marked")
    got = agent.process("send-keys", one, keys=["C-nokey"])
    ok(got.code == "invalid_argument" and "C-nokey" in got.text,
       f"{box.mode}: a key that is none is named", got)
    got = agent.process("send-keys", one, hex=["zz"])
    ok(got.code == "invalid_argument" and "zz" in got.text,
       f"{box.mode}: a byte that is none is named", got)
    agent.process("remove", one)


def check_wrong(box, agent, other):
    one = agent.begin("sleep 700")
    for action in ("poll", "log", "write", "kill", "clear", "remove",
                   "submit", "send-keys", "paste"):
        got = other.process(action, one, data="x", keys=["a"], text="x")
        ok(got.error and got.code == "not_found",
           f"{box.mode}: {action} of another session's is refused", got)
        got = agent.process(action)
        ok(got.code == "invalid_argument" and "sessionId" in got.text,
           f"{box.mode}: {action} without sessionId", got)
    ok(other.process("list").more["sessions"] == [],
       f"{box.mode}: list shows none of another session's")
    ok(agent.process("dance", one).code == "invalid_argument",
       f"{box.mode}: an action that there is not")
    agent.process("remove", one)


def lines(output):
    return [int(line) for line in output.split()]


def check_cap(box, agent):
    one = agent.begin("seq 1000000 1050000; sleep 700")
    wait_for(lambda: agent.process("list").more["sessions"][0]["totalBytes"]
             == 50001 * 8, 60)
    about = agent.process("list").more["sessions"][0]
    got = agent.process("log", one, offset=0, limit=1000000)
    kept = about["totalBytes"] - about["droppedBytes"]
    ok(0 < kept <= CAP and len(got.more["output"]) == kept
       and str(about["droppedBytes"]) in got.text,
       f"{box.mode}: of output at most the cap is kept, and that is said",
       about)
    ok(lines(got.more["output"]) == list(range(1050001 - kept // 8, 1050001)),
       f"{box.mode}: the newest of it, to the byte")
    got = agent.process("poll", one)
    ok(got.more["missedBytes"] == about["droppedBytes"],
       f"{box.mode}: poll says what it has missed", got.text[:80])
    agent.process("remove", one)


def files(box):
    """Of output, and their modes."""
    top = os.path.join(box.state(), "output")
    return [os.path.join(at, name) for at, _, names in os.walk(top)
            for name in names]


def check_killed(box):
    """kill -9 of creeld: no line is lost, none is told twice."""
    with Client(box) as client:
        agent = Agent(client, "agent:main:a")
        one = agent.begin("i=0; while [ $i -lt 400 ]; do echo $i;"
                          " i=$((i+1)); sleep 0.01; done")
        fast = agent.begin("seq 1 5000; echo end; exit 4")
        reader = agent.begin("while read x; do echo \"<$x>\"; done")
        time.sleep(0.3)
        output = agent.process("poll", one).more["output"]
    for path in files(box):
        ok(os.stat(path).st_mode & 0o777 == 0o600,
           f"{box.mode}: output is the user's alone", path)
    for _ in range(3):
        box.kill_creeld()
        with Client(box) as client:
            agent = Agent(client, "agent:main:a")
            output += agent.process("poll", one).more.get("output", "")
            time.sleep(0.2)
    with Client(box) as client:
        agent = Agent(client, "agent:main:a")
        output += agent.read(one)
        ok(lines(output) == list(range(400)),
           f"{box.mode}: kill -9 of creeld loses no line and doubles none",
           output[-100:])
        got = agent.process("log", fast, offset=0, limit=10000)
        ok(got.more["output"].split() == [str(i) for i in range(1, 5001)]
           + ["end"] and got.more["exitCode"] == 4,
           f"{box.mode}: one that ended before is known still", got.more)
        agent.process("write", reader, data="hi\n")
        ok(agent.read(reader, "<hi>") == "<hi>\n",
           f"{box.mode}: one that reads is written to afterwards")
        agent.process("write", reader, data="", eof=True)
        agent.read(reader)
        ok(agent.process("list").more["sessions"][-1]["status"] ==
           "completed", f"{box.mode}: and its stdin is closed")
        for item in (one, fast, reader):
            agent.process("remove", item)
    ok(files(box) == [], f"{box.mode}: what is forgotten leaves no file",
       files(box))


def memory_of(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


def check_default_cap(box):
    """Without a key 8 MiB are kept of a command's output, the newest."""
    with Client(box) as client:
        agent = Agent(client, "agent:main:a")
        agent.exec("true")
        before, top = memory_of(box.creeld()[0]), 0
        one = agent.begin(f"seq {FIRST} 999999999 | head -c {FLOOD}; sleep 700")
        end = time.monotonic() + 600
        about = {"totalBytes": 0}
        while about["totalBytes"] < FLOOD and time.monotonic() < end:
            about = agent.process("list").more["sessions"][0]
            top = max(top, memory_of(box.creeld()[0]))
            time.sleep(0.02)
        kept = about["totalBytes"] - about["droppedBytes"]
        ok(about["totalBytes"] == FLOOD and about["truncated"]
           and DEFAULT_CAP * 3 // 4 < kept <= DEFAULT_CAP,
           f"{box.mode}: of {FLOOD} bytes the last 8 MiB are kept, which is"
           " the default", about)
        blocks = sum(os.stat(path).st_blocks * 512 for path in files(box))
        ok(0 < blocks <= DEFAULT_CAP + (1 << 20),
           f"{box.mode}: no more of them is on the disk", blocks)
        ok(top - before < DEFAULT_CAP,
           f"{box.mode}: nor in creeld's memory", (before, top))
        got = agent.process("log", one, offset=0, limit=2)
        ok(f"the oldest {about['droppedBytes']} of {FLOOD} bytes of output are"
           " gone" in got.text and got.more["droppedBytes"] ==
           about["droppedBytes"], f"{box.mode}: log says what was dropped",
           got)
        check_rest(box, agent, one, about)
        agent.process("remove", one)


def check_rest(box, agent, one, about):
    """poll gives all that is kept, in parts that say that there is more."""
    got = agent.process("poll", one)
    missed, output, said = got.more["missedBytes"], "", 0
    while got.more["output"]:
        output += got.more["output"]
        said += got.more["more"] and "poll again" in got.text
        got = agent.process("poll", one)
    kept = FLOOD - about["droppedBytes"]
    end = FIRST + FLOOD // 10
    want = "".join(f"{n}\n" for n in range(end - kept // 10 - 1, end))
    ok(missed == about["droppedBytes"] and said == kept // 200000
       and output == want[-kept:],
       f"{box.mode}: poll gives the rest to the byte, in parts",
       (missed, about, said, len(output), output[:20], output[-20:]))


def check_many(box, agent):
    """10,000 asked for: 256, and a clear error."""
    refused, count = [], 0
    for _ in range(MANY):
        got = agent.exec("exec sleep 700", background=True)
        if got.error:
            refused.append(got)
        else:
            count += 1
    ok(count == 256 and len(refused) == MANY - 256
       and all(got.code == "limit" and "256" in got.text for got in refused),
       f"{box.mode}: {MANY} background commands: 256 of a session, then an"
       " error that says so", (count, refused[-1:]))
    ok(agent.exec("echo still").text == "still\n",
       f"{box.mode}: what is waited for runs all the same")
    ok(len(agent.process("list").more["sessions"]) == 256,
       f"{box.mode}: the list has them all")


def main():
    for mode in modes():
        with SessionBox(mode) as box:
            box.sandbox("mode: 'all', scope: 'session'",
                        more="tools: { exec: { maxOutputBytes: 65536 } }")
            with Client(box) as client:
                agent = Agent(client, "agent:main:a")
                check_actions(box, agent)
                check_terminal(box, agent)
                check_wrong(box, agent, Agent(client, "agent:main:b"))
                check_cap(box, agent)
            check_killed(box)
            with Client(box) as client:
                check_many(box, Agent(client, "agent:main:a"))
            box.forget()
            wait_for(lambda box=box: not files(box), 30)
            ok(files(box) == [],
               f"{mode}: output goes with its sandbox", files(box))
            box.sandbox("mode: 'all', scope: 'session'")
            check_default_cap(box)
            box.forget()
    done()


if __name__ == "__main__":
    main()
