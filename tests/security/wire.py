#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SB-09, 11, 18, 29, 30, 40: a hostile client on the control socket.  It
speaks the protocol by hand, so that nothing of creel's own checks stands
between it and creeld."""
import array
import os
import random
import select
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import sec  # noqa: E402

ERROR, STARTED, EXITED, ITEMS, INFO, DONE = 2, 3, 4, 5, 6, 7
RECORDS = 8  # of the log; nothing comes after the last one but what is new


def varint(n):
    out = b""
    while n > 0x7f:
        out += bytes([n & 0x7f | 0x80])
        n >>= 7
    return out + bytes([n])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


def command(*argv, **more):
    text = b"".join(a.encode() + b"\0" for a in argv)
    token = more.get("token", os.urandom(16))
    return field(1, len(argv)) + field(3, text) + field(17, token)


def run(spec=b"", *argv, **more):
    body = field(1, spec) + field(2, command(*(argv or ("true",)), **more))
    return field(1, 1) + field(2, body)


def bind(source, target, fd, readonly=False):
    # Only what is not zero: a zero that is spelled out is refused.
    return field(7, field(1, source) + field(2, target) +
                 (field(3, 1) if readonly else b"") +
                 (field(4, fd) if fd else b""))


def parse(data):
    """number -> last value, of one message."""
    found, at = {}, 0
    while at < len(data):
        key, at = read_varint(data, at)
        if key & 7 == 0:
            found[key >> 3], at = read_varint(data, at)
        else:
            size, at = read_varint(data, at)
            found[key >> 3] = data[at:at + size]
            at += size
    return found


def read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7f) << shift
        if byte < 0x80:
            return value, at
        shift += 7


class Client:
    def __init__(self, daemon):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.settimeout(5)
        self.sock.connect(os.path.join(daemon.runtime, "creel.sock"))

    def send(self, data, fds=()):
        extra = []
        if fds:
            extra = [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                      array.array("i", fds))]
        self.sock.sendmsg([data], extra)

    def reply(self, seconds=5):
        """(kind, message) of the next reply, ("eof", {}) or ("none", {})."""
        ready, _, _ = select.select([self.sock], [], [], seconds)
        if not ready:
            return "none", {}
        try:
            data = self.sock.recv(1 << 17)
        except OSError:
            return "eof", {}
        if not data:
            return "eof", {}
        message = parse(data)
        for kind in (ERROR, STARTED, EXITED, ITEMS, INFO, DONE, RECORDS):
            if kind in message:
                return kind, parse(message[kind])
        return "odd", message

    def status(self, data, fds=(), seconds=10):
        """What becomes of a Run: an error's text or an exit status."""
        self.send(data, fds)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            kind, message = self.reply(seconds)
            if kind == ERROR:
                return "error " + message.get(3, b"").decode()
            if kind == EXITED and not message.get(11):
                return f"exit {message.get(2, 0)}"
            if kind in ("eof", "none"):
                return str(kind)
        return "none"

    def close(self):
        self.sock.close()


def as_uid(daemon, what, uid=None):
    """Run what() as the daemon's user, in a child; its text or trouble."""
    uid = daemon.uid if uid is None else uid
    source, end = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(source)
        try:
            if sec.ROOT and uid != 0:
                os.setgroups([])
                os.setresgid(uid, uid, uid)
                os.setresuid(uid, uid, uid)
            text = str(what())
        except Exception as why:  # pylint: disable=broad-except
            text = f"{type(why).__name__}: {why}"
        os.write(end, text.encode(errors="replace")[:60000])
        os._exit(0)
    os.close(end)
    out = b""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        ready, _, _ = select.select([source], [], [], 1)
        if ready:
            data = os.read(source, 65536)
            if not data:
                break
            out += data
    else:
        os.kill(pid, 9)
        out += b" (hangs)"
    os.close(source)
    os.waitpid(pid, 0)
    return out.decode(errors="replace")


def vitals(daemon):
    """pids, descriptors and resident KiB of creeld and the helper."""
    found = {}
    for name in ("creeld", "creel-user", "creel-dispatch", "creel-listener"):
        for pid in daemon.pids(name):
            with open(f"/proc/{pid}/status", encoding="utf-8") as file:
                rss = [int(line.split()[1]) for line in file
                       if line.startswith("VmRSS")]
            # Undumpable: its descriptors are for root alone to count.
            fds = len(os.listdir(f"/proc/{pid}/fd")) if os.getuid() == 0 \
                else 0
            found[name] = (pid, fds, rss[0] if rss else 0)
    return found


def settled(daemon):
    """Descriptors that are the same for half a second: those of an earlier
    attack's clients may not be closed yet, nor the pool be full again."""
    found, since = vitals(daemon), time.monotonic()
    end = since + 10
    while since + 0.5 > time.monotonic() < end:
        time.sleep(0.05)
        now = vitals(daemon)
        if [v[:2] for v in now.values()] != [v[:2] for v in found.values()] \
                or not sec.asleep(daemon.pids()):
            since = time.monotonic()
        found = now
    return found


def unharmed(lab, daemon, name, before):
    """The same processes, no more descriptors, little more memory."""
    wrong = []

    def look():
        wrong.clear()
        after = vitals(daemon)
        for who, (pid, fds, rss) in before.items():
            now = after.get(who)
            if not now or now[0] != pid:
                wrong.append(f"{who} died")
            elif now[1] > fds:
                wrong.append(f"{who}: {fds} -> {now[1]} descriptors")
            elif now[2] > rss + 4096:
                wrong.append(f"{who}: {rss} -> {now[2]} KiB")
        return not wrong

    sec.wait_until(look, 20)
    start = time.monotonic()
    got = daemon.call("run", "--", "true")
    took = time.monotonic() - start
    if got.returncode != 0:
        wrong.append(f"a good client: {got.stderr}")
    if took > 1:
        wrong.append(f"a good client took {took:.2f} s")
    lab.tap.ok(not wrong, f"{name}-unharmed {daemon.mode}", "\n".join(wrong))
    lab.tap.row(name[:5].upper(), daemon.mode, "wire", None,
                "breach" if wrong else "held")


def hostile_frames(golden):
    """Frames that are no proper request; golden is one that is."""
    deep = b""
    for _ in range(5000):
        deep = field(2, deep)[-60000:]
    yield from (b"\0", b"\xff", b"x" * 65536, b"\x08", deep)
    yield field(1, 1)
    yield field(1, 1) + field(99, b"unknown")
    yield field(1, 1) + b"".join(field(n, b"") for n in range(2, 11))
    yield field(1, 1) + field(2, field(1, b"\x3a\0" * 30000))
    yield field(1, 1) + field(2, field(1, field(99, b"") * 8000))
    yield field(1, 1) + b"\x12" + b"\xff" * 9 + b"\x01"
    yield field(1, 1) + b"\x12\xff\xff\xff\xff\x07"
    yield b"\x08" + b"\x80" * 20 + b"\x01"
    yield field(1, 1) + field(2, field(1, field(10, 99)))
    yield field(1, 1) + field(2, field(2, field(1, 1 << 31) +
                                       field(3, b"x\0")))
    yield field(1, 1) + field(2, field(2, field(1, 1) + field(3, b"x")))
    yield run(b"", "true", token=b"short")
    yield run(b"", "true", token=b"y" * 4096)
    yield run(field(9, "a\0b"))
    yield run(field(1, "a\0b"))
    yield run(field(16, "0\0"))
    yield run(bind("/x", "/mnt", 63))
    yield run(bind("/x", "/mnt", 0))
    yield run(field(17, (1 << 64) - 1))
    for at in range(len(golden)):
        yield golden[:at]
    for at in range(len(golden)):
        for bit in range(8):
            yield golden[:at] + bytes([golden[at] ^ 1 << bit]) + \
                golden[at + 1:]


def frames(lab, daemon):
    """SB-30."""
    golden = run(field(9, "host") + field(10, 1) + field(16, "1000"))
    seed = int(os.environ.get("CREEL_SEED", str(int(time.time()))))
    lab.tap.note(f"seed {seed}")
    pick = random.Random(seed)
    before = settled(daemon)

    def attack():
        asked = dead = silent = 0
        every = list(hostile_frames(golden))
        for _ in range(sec.rounds(100000, 300)):
            data = bytearray(golden)
            for _ in range(pick.randint(1, 6)):
                data[pick.randrange(len(data))] = pick.randrange(256)
            every.append(bytes(data))
        client = Client(daemon)
        for data in every:
            asked += 1
            try:
                client.send(data)
            except OSError:
                client.close()
                client = Client(daemon)
                continue
            kind, _ = client.reply(10)
            while kind in (STARTED, "odd"):
                kind, _ = client.reply(10)
            silent += kind == "none"
            if kind in ("eof", "none"):
                dead += 1
                client.close()
                client = Client(daemon)
        client.close()
        return f"frames={asked} dropped={dead} silent={silent}"

    text = as_uid(daemon, attack)
    forget(daemon)
    lab.tap.ok("silent=0" in text, f"sb-30-frames {daemon.mode}", text)
    unharmed(lab, daemon, "sb-30", before)


def floods(lab, daemon):
    """SB-29."""
    before = settled(daemon)

    def attack():
        null = os.open("/dev/null", os.O_RDONLY)
        sent = 0
        for i in range(sec.rounds(10000, 100)):
            client = Client(daemon)
            try:
                many = [null] * (253, 65, 64, 63)[i % 4]
                client.send((b"x", run(), b"\0" * 100)[i % 3], many)
                client.send(b"\1", [client.sock.fileno()] * 8)
                client.send(run(), [client.sock.fileno()])
                sent += 1
            except OSError:
                pass
            if i % 2:
                client.reply(0.2)
            client.close()
        idle = [Client(daemon) for _ in range(40)]
        for client in idle:
            client.close()
        return f"sent={sent}"

    text = as_uid(daemon, attack)
    forget(daemon)
    lab.tap.ok("sent=" in text, f"sb-29-floods {daemon.mode}", text)
    unharmed(lab, daemon, "sb-29", before)


def open_kinds(area):
    """(name, descriptor) of everything that is no bind source."""
    yield "socket", socket.socket(socket.AF_UNIX).detach()
    yield "pipe", os.pipe()[0]
    yield "memfd", os.memfd_create("x")
    yield "epoll", select.epoll().fileno()
    yield "pidfd", os.pidfd_open(os.getpid())
    for name in ("mnt", "user", "net", "pid"):
        yield "ns-" + name, os.open("/proc/self/ns/" + name, os.O_RDONLY)
        yield "ns-path-" + name, os.open("/proc/self/ns/" + name, os.O_PATH)
    for path in ("/proc", "/proc/self", "/sys", "/sys/fs/cgroup", "/dev/pts",
                 "/dev/null", "/dev/vda", "/dev/ptmx", "/dev/tty"):
        try:
            yield path, os.open(path, os.O_PATH)
        except OSError:
            continue
    os.symlink("/etc", area + "/link")
    yield "symlink", os.open(area + "/link", os.O_PATH | os.O_NOFOLLOW)
    os.mkfifo(area + "/fifo")
    yield "fifo", os.open(area + "/fifo", os.O_PATH)
    os.mkdir(area + "/gone")
    fd = os.open(area + "/gone", os.O_PATH)
    os.rmdir(area + "/gone")
    yield "unlinked", fd
    with open(area + "/file", "w", encoding="utf-8") as file:
        file.write("x")
    fd = os.open(area + "/file", os.O_PATH)
    os.unlink(area + "/file")
    yield "unlinked-file", fd


def sources(lab, daemon):
    """SB-11, SB-09."""
    area = daemon.folder("wire")
    before = settled(daemon)

    def attack():
        wrong = []
        for name, fd in list(open_kinds(area)):
            client = Client(daemon)
            got = client.status(run(bind("/etc", "/mnt", 1)), [fd])
            if not got.startswith("error ") and got != "eof":
                wrong.append(f"{name}: {got}")
            client.close()
        return "\n".join(wrong) or "all refused"

    text = as_uid(daemon, attack)
    lab.tap.ok(text == "all refused", f"sb-11-kinds {daemon.mode}", text)

    def honest():
        os.mkdir(area + "/dir")
        with open(area + "/dir/mark", "w", encoding="utf-8") as file:
            file.write("x")
        fd = os.open(area + "/dir", os.O_PATH)
        client = Client(daemon)
        return client.status(run(bind("/etc", "/mnt", 1), "test", "-e",
                                 "/mnt/mark"), [fd])

    text = as_uid(daemon, honest)
    lab.tap.ok(text == "exit 0", f"sb-09-the-descriptor-counts "
               f"{daemon.mode}", text)

    def elsewhere():
        """A directory of another mount namespace."""
        child = subprocess.Popen(
            ["unshare", "-Urm", "sh", "-c",
             "mount -t tmpfs none /mnt && echo ok && exec sleep 20"],
            stdout=subprocess.PIPE)
        child.stdout.readline()
        fd = os.open(f"/proc/{child.pid}/root/mnt", os.O_PATH)
        client = Client(daemon)
        got = client.status(run(bind("/mnt", "/mnt", 1)), [fd])
        child.kill()
        child.wait()
        return got

    text = as_uid(daemon, elsewhere)
    lab.tap.ok(text.startswith("error "), f"sb-11-other-namespace "
               f"{daemon.mode}", text)
    unharmed(lab, daemon, "sb-11", before)


def forget(daemon):
    """Remove what the attack made: it may make sandboxes of its own."""
    for line in daemon.call("list").stdout.splitlines()[1:]:
        name = line.split()[0]
        if name != "anchor":
            daemon.call("rm", name)


def drop(daemon):
    """Runs whose client does not wait for the end."""
    def attack():
        for i in range(20):
            client = Client(daemon)
            client.send(run())
            if i % 2:
                client.reply()
            client.close()

    as_uid(daemon, attack)


def dropped(lab, daemon):
    """SB-45: their sandboxes go all the same, when nobody has come back."""
    left = []

    def look():
        left[:] = [line for line in daemon.call("list").stdout.splitlines()
                   if line.startswith("run-")]
        return not left

    sec.wait_until(look, 50)
    lab.tap.ok(not left, f"sb-45-dropped-run {daemon.mode}",
               f"{len(left)} are left: {left[:1]}")


def widening(lab, daemon):
    """SB-40: what a field says cannot widen what the caller may do."""
    wrong = []

    def ask(spec, *argv):
        def go():
            return Client(daemon).status(run(spec, *argv))
        return as_uid(daemon, go)

    for number, value, what in ((17, (1 << 41) - 1, "all capabilities"),
                                (17, 1 << 21, "CAP_SYS_ADMIN"),
                                (10, 3, "an unknown network"),
                                (16, "4294967295", "no user"),
                                (14, 0xffffffffffffffff, "pids"),
                                (11, 1, "a byte of memory")):
        got = ask(field(number, value))
        if got == "exit 0" and number != 14:
            wrong.append(f"{what}: {got}")
    lab.tap.ok(not wrong, f"sb-40-fields {daemon.mode}", "\n".join(wrong))
    got = ask(b"", "sh", "-c", "exit 3")
    lab.tap.ok(got == "exit 3", f"sb-40-control {daemon.mode}", got)


def strangers(lab, daemon):
    """SB-18, SB-40: a second uid; a token that is not one's own."""
    if not sec.ROOT:
        lab.tap.skip(f"sb-40-second-uid {daemon.mode}", "needs root")
        return
    token = os.urandom(16)
    held = as_uid(daemon, lambda: start_long(daemon, token))

    def other():
        client = Client(daemon)
        client.send(field(1, 1) + field(5, field(1, token) + field(2, 9)))
        text = str(client.reply())
        client.send(field(1, 2) + field(7, field(1, "mine")))
        text += str(client.reply())
        client.send(field(1, 3) + field(6, b""))
        return text + str(client.reply())

    text = as_uid(daemon, other, sec.UIDS["other"])
    if daemon.mode == "system":
        good = text.count("(2,") >= 2 and "mine" not in \
            text.split("(5,")[-1]
    else:
        good = "PermissionError" in text
    lab.tap.ok(good, f"sb-40-second-uid {daemon.mode}", text)
    if daemon.mode != "system":
        text = as_uid(daemon, other, 0)
        lab.tap.ok("mine" not in text.split("(5,")[-1] and
                   "(7," not in text, f"sb-40-root-is-a-stranger "
                   f"{daemon.mode}", text)
    got = daemon.call("list")
    lab.tap.ok("mine" in got.stdout, f"sb-18-control {daemon.mode}",
               f"{held} {got.stdout} {got.stderr}")
    mode = os.stat(os.path.join(daemon.runtime, "creel.sock")).st_mode
    folder = os.stat(daemon.runtime).st_mode
    lab.tap.ok(daemon.mode == "system" or
               (mode & 0o077 == 0 and folder & 0o077 == 0),
               f"sb-40-socket-mode {daemon.mode}", f"{mode:o} {folder:o}")
    daemon.call("rm", "mine")


def start_long(daemon, token):
    client = Client(daemon)
    body = field(2, command("sleep", "100", token=token)) + \
        field(3, "mine") + field(4, 1)
    client.send(field(1, 1) + field(2, body))
    return client.reply()


def main():
    lab = sec.Lab()
    for mode in lab.modes:
        daemon = lab.daemon(mode)
        daemon.call("run", "--detach", "--name", "anchor", "--", "sleep",
                    "1000")
        daemon.call("run", "--", "true")
        for part in (widening, sources, frames, floods, strangers):
            part(lab, daemon)
        # Such sandboxes are kept for half a minute: a client may come back.
        if sec.SCALE == 1:
            drop(daemon)
    for daemon in lab.daemons:
        if sec.SCALE == 1:
            dropped(lab, daemon)
        lab.tap.ok(not daemon.stop(), f"wire-teardown {daemon.mode}")
    lab.missing("wire")
    lab.finish("wire")


main()
