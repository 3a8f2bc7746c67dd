# SPDX-License-Identifier: Apache-2.0
"""Tool calls as they are on the wire: a client of creeld of a test's own.

It says what creel's own client never would: wrong tokens, descriptors that
are not sealed, arguments that are no JSON.
"""
import array
import contextlib
import fcntl
import json
import mmap
import os
import socket
import time

from harness import OTHER_UID, wait_for

OPS = {"version": 10, "host_done": 18, "toolbox_open": 19,
       "toolbox_close": 20, "tool_call": 21, "tool_cancel": 22}
REPLIES = {2: "error", 3: "started", 4: "exited", 6: "info", 7: "done",
           11: "toolbox", 12: "progress", 13: "host", 14: "result"}
SEALS = (fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW
         | fcntl.F_SEAL_SEAL)


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


class Message(bytes):
    """One that is there even where nothing is in it."""


def pack(members):
    """{number: int, bool, str, bytes or a list of them} as a message."""
    out = b""
    for number, value in sorted(members.items()):
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str):
                one = one.encode()
            if isinstance(one, Message) or isinstance(one, bytes) and one:
                out += varint(number << 3 | 2) + varint(len(one)) + one
            elif one and not isinstance(one, bytes):
                out += varint(number << 3) + varint(int(one))
    return Message(out)


def unpack(data):
    """A message as {number: [values]}."""
    found, at = {}, 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        tag = number()
        if tag & 7 == 0:
            value = number()
        else:
            size = number()
            value = data[at:at + size]
            at += size
        found.setdefault(tag >> 3, []).append(value)
    return found


def sealed(data, seals=SEALS):
    """A memfd with these bytes."""
    fd = os.memfd_create("args", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.truncate(fd, len(data))
    if data:
        with mmap.mmap(fd, len(data)) as view:
            view[:] = data
    if seals:
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    return fd


class Answer:
    """What creeld said to one request."""

    def __init__(self, kind, msg, fds):
        self.kind = kind
        self.msg = msg
        self.fds = fds
        self.json = None
        if kind == "result":
            self.json = json.loads(self._bytes(1, 2))
            self.changed = bool(msg.get(4))
            self.error = bool(msg.get(3))
        elif kind == "toolbox":
            self.box = msg[1][0]
            self.key = msg.get(2, [b""])[0].decode()
            self.sandboxed = bool(msg.get(4))
            self.workdir = msg.get(5, [b""])[0].decode()
            self.tools = json.loads(self._bytes(6, 7))
            self.names = [tool["name"] for tool in self.tools]
        for fd in fds:
            os.close(fd)

    def _bytes(self, inline, in_fd):
        if not self.msg.get(in_fd):
            return self.msg[inline][0]
        return os.pread(self.fds[0], os.fstat(self.fds[0]).st_size, 0)

    @property
    def text(self):
        """What a person or a model reads."""
        if self.kind == "error":
            return self.msg.get(3, [b""])[0].decode()
        return "\n".join(item.get("text", "") for item in
                         self.json["content"])

    @property
    def code(self):
        """The word for what went wrong, "" nothing."""
        about = self.json["structuredContent"]
        return (about.get("error", {}).get("code", "")
                if isinstance(about.get("error", {}), dict)
                else about.get("error_code", ""))

    @property
    def more(self):
        return self.json["structuredContent"]

    def __repr__(self):
        return f"{self.kind} {self.json or self.msg}"


class Client:
    """One connection, which may have many calls in flight."""

    def __init__(self, box):
        # The first one has the helper started.
        if not os.path.exists(box.path("run", "creel.sock")):
            box.run("version")
        self.box = box
        self.seq = 0
        self.came = {}
        # A creeld that has just died may have got the first connection.
        wait_for(self._connect, 20)
        if not self.sock:
            raise ConnectionError("creeld does not answer")

    def _connect(self):
        """As the user of the box, and creeld has said a word."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        uid = os.geteuid()
        if self.box.drop:
            os.seteuid(OTHER_UID)
        try:
            self.sock.connect(self.box.path("run", "creel.sock"))
            os.seteuid(uid)
            self.ask("version", {})
        except OSError:
            self.sock.close()
            self.sock = None
        finally:
            os.seteuid(uid)
        return self.sock

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, name, members, fds=()):
        """Sends a request; its number."""
        self.seq += 1
        rights = []
        if fds:
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                       array.array("i", fds).tobytes())]
        self.sock.sendmsg(
            [pack({1: self.seq}) + pack({OPS[name]: pack(members)})], rights)
        return self.seq

    def _receive(self):
        data, rights, _, _ = self.sock.recvmsg(65536, 4096)
        fds = array.array("i")
        for level, kind, some in rights:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds.frombytes(some[:len(some) - len(some) % 4])
        if not data:
            raise ConnectionError("creeld closed the connection")
        reply = unpack(data)
        seq = reply.pop(1, [0])[0]
        number, value = next(iter(reply.items()))
        self.came.setdefault(seq, []).append(
            Answer(REPLIES.get(number, str(number)), unpack(value[0]),
                   list(fds)))

    def get(self, seq, seconds=40):
        """The next answer to a request."""
        end = time.monotonic() + seconds
        while not self.came.get(seq):
            self.sock.settimeout(max(0.01, end - time.monotonic()))
            self._receive()
        return self.came[seq].pop(0)

    def quiet(self, seq, seconds):
        """Whether no answer comes for so long."""
        with contextlib.suppress(TimeoutError):
            self.get(seq, seconds)
            return False
        return True

    def ask(self, name, members, fds=()):
        return self.get(self.send(name, members, fds))

    def config(self):
        """Of this box: its configuration, if it has one."""
        path = getattr(self.box, "config", "")
        return pack({1: path if path and os.path.exists(path) else "",
                     2: self.box.path("home")})

    def open(self, session="", fds=(), spec=None, given=(), **more):
        """A toolbox."""
        return self.ask("toolbox_open", {
            1: self.config(), 2: session, 3: [] if spec is None else spec,
            4: list(given), 5: more.get("provider", ""),
            6: more.get("channel", ""), 7: more.get("sender", ""),
            8: more.get("subagent", False)}, fds)

    def begin(self, box, name, args=None, token=None, fds=(), **more):
        """Sends a call; its number and token."""
        token = os.urandom(16) if token is None else token
        members = {1: getattr(box, "box", box), 2: name, 5: token,
                   6: more.get("progress", False),
                   7: more.get("again", False)}
        if fds:
            members[4] = 1
        if isinstance(args, bytes):
            members[3] = args
        elif args is not None:
            members[3] = json.dumps(args)
        return self.send("tool_call", members, fds), token

    def call(self, box, name, args=None, **more):
        """Calls and waits."""
        return self.get(self.begin(box, name, args, **more)[0])
