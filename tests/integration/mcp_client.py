# SPDX-License-Identifier: Apache-2.0
"""A client of MCP that says what it is told to, right or wrong."""
import json
import os
import select
import signal
import subprocess
import time

VERSION = "2025-11-25"


class Client:
    """One `creel mcp'."""

    def __init__(self, box, *args, hello=True, **more):
        self.process = box.start("mcp", *args, **more)
        self.rest = b""
        self.told = []  # notifications
        self.answers = {}  # to what was not asked for yet, by id
        self.ids = 0
        if hello:
            self.hello = self.ask("initialize", **self.opening())
            self.say({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    @staticmethod
    def opening(version=VERSION):
        """The params of the first request."""
        return {"protocolVersion": version, "capabilities": {},
                "clientInfo": {"name": "test", "version": "1"}}

    def say(self, message):
        """Sends a message, or bytes as they are."""
        if not isinstance(message, bytes):
            message = json.dumps(message).encode() + b"\n"
        # Not to wait for each other where neither reads.
        fd = self.process.stdin.fileno()
        os.set_blocking(fd, False)
        while message:
            ready = select.select([self.process.stdout], [fd], [], 20)
            if self.process.stdout in ready[0]:
                self.read()
            if fd in ready[1]:
                message = message[os.write(fd, message[:1 << 16]):]
            if not any(ready):
                raise TimeoutError("nobody reads what is said")

    def read(self):
        """Takes what is there. Return: whether there was anything."""
        data = os.read(self.process.stdout.fileno(), 1 << 16)
        self.rest += data
        return bool(data)

    def line(self, seconds=60):
        """The next line, or None at the end or when the time is over."""
        end = time.monotonic() + seconds
        while b"\n" not in self.rest:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [],
                                              left)[0] or not self.read():
                return None
        line, self.rest = self.rest.split(b"\n", 1)
        return line

    def hear(self, seconds=60):
        """The next message, or None."""
        line = self.line(seconds)
        return None if line is None else json.loads(line)

    def begin(self, method, params=None):
        """Sends a request. Return: its id."""
        self.ids += 1
        message = {"jsonrpc": "2.0", "id": self.ids, "method": method}
        if params is not None:
            message["params"] = params
        self.say(message)
        return self.ids

    def answer(self, wanted, seconds=60):
        """The answer to a request; what comes before it is put aside."""
        end = time.monotonic() + seconds
        while wanted not in self.answers:
            message = self.hear(max(0, end - time.monotonic()))
            if message is None:
                return {"none": True}
            if "method" in message:
                self.told.append(message)
            else:
                self.answers[message.get("id")] = message
        return self.answers.pop(wanted)

    def ask(self, method, **params):
        """A request and its answer."""
        return self.answer(self.begin(method, params))

    def start(self, tool, meta=None, **args):
        """Begins a call of a tool. Return: its id."""
        params = {"name": tool, "arguments": args}
        if meta:
            params["_meta"] = meta
        return self.begin("tools/call", params)

    def call(self, tool, **args):
        """A call of a tool and its result; an error where there is none."""
        answer = self.answer(self.start(tool, **args))
        return answer.get("result", answer)

    def cancel(self, wanted):
        """No longer wants an answer."""
        self.say({"jsonrpc": "2.0", "method": "notifications/cancelled",
                  "params": {"requestId": wanted, "reason": "test"}})

    def end(self, seconds=30):
        """Closes the input. Return: (exit status, what was left to read)."""
        self.process.stdin.close()
        left = []
        while (message := self.hear(seconds)) is not None:
            left.append(message)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            status = self.process.wait()
        self.process.stdout.close()
        if self.process.stderr:
            self.process.stderr.close()
        return status, left


def text_of(result):
    """What a model reads."""
    return "".join(part.get("text", "") for part in result.get("content", []))
