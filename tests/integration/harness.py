# SPDX-License-Identifier: Apache-2.0
"""What the scripts of this folder share: TAP, and a creel of one's own.

A Box is a runtime directory, a home and a state directory that belong to one
test program and to one mode.  Its end stops the helper and checks that no
process, mount or file of it is left.
"""
import contextlib
import fcntl
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

OTHER_UID = 4242  # of no user, for the rootless mode when root runs the tests
CREEL = os.environ["CREEL"]
BUILD = os.path.dirname(os.path.dirname(os.path.abspath(CREEL)))
PROGRAMS = ("controller/creel", "controller/creeld", "helper/creel-helper",
            "controller/creel-seccomp-compile", "controller/creel-unpack")

_count = 0
_failed = False


def ok(good, name, note=""):
    """One TAP line; the note is shown where the test failed."""
    global _count, _failed
    _count += 1
    print(("ok" if good else "not ok"), _count, "-", name)
    if not good:
        _failed = True
        for line in str(note).splitlines():
            print("#", line.encode("ascii", "backslashreplace").decode())
    sys.stdout.flush()
    return bool(good)


def skip(name, why):
    """A test that this machine cannot run."""
    global _count
    _count += 1
    print("ok", _count, "-", name, "# SKIP", why)


def done():
    """The plan, at the end."""
    print(f"1..{_count}")
    sys.exit(1 if _failed else 0)


def wait_for(check, seconds=30.0):
    """Whether check() becomes true in time, on a busy machine too."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if check():
            return True
        time.sleep(0.01)
    return bool(check())


def command_lines():
    """pid -> command line of every process."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                with open(f"/proc/{entry}/cmdline", "rb") as file:
                    found[int(entry)] = file.read().replace(b"\0", b" ")
    return found


def processes_with(text):
    """Processes that have the text in their command line."""
    want = text.encode()
    return [pid for pid, line in command_lines().items()
            if want in line and pid != os.getpid()]


def parents():
    """pid -> parent of every process."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                with open(f"/proc/{entry}/stat", encoding="latin-1") as file:
                    rest = file.read().rsplit(")", 1)[1].split()
                if rest[0] not in "ZX":
                    found[int(entry)] = int(rest[1])
    return found


def family(roots):
    """The processes and all their descendants."""
    tree = parents()
    found = set(pid for pid in roots if pid in tree)
    size = -1
    while size != len(found):
        size = len(found)
        found |= {pid for pid, up in tree.items() if up in found}
    return found


def took(pid, number):
    """Waits until a process has taken a signal: another one of the same number
    would be lost before."""
    def is_taken():
        try:
            with open(f"/proc/{pid}/status", encoding="latin-1") as file:
                lines = [line for line in file if "Pnd:" in line]
        except OSError:
            return True
        return not any(int(line.split()[1], 16) >> number - 1 & 1
                       for line in lines)
    return wait_for(is_taken)


def asleep(pids):
    """Whether none of them would do something if only it had a processor."""
    for pid in pids:
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/stat", encoding="latin-1") as file:
                if file.read().rsplit(")", 1)[1].split()[0] in "RD":
                    return False
    return True


def sanitized():
    """Built with a sanitizer, which keeps what is freed for a while?"""
    with open(CREEL, "rb") as file:
        return b"__asan_init" in file.read()


def modes():
    """What this caller can test."""
    return ["system", "rootless"] if os.geteuid() == 0 else ["rootless"]


class Result:
    """How a command ended."""

    def __init__(self, status, out, err):
        self.status = status
        self.out = out
        self.err = err

    def __repr__(self):
        return f"status {self.status}\nout: {self.out!r}\nerr: {self.err!r}"


class Box:
    """A creel that shares nothing with any other."""

    def __init__(self, mode):
        self.mode = mode
        self.drop = mode == "rootless" and os.geteuid() == 0
        self.top = tempfile.mkdtemp(prefix="t-")
        # What root lets be written must be closed to others.
        os.chmod(self.top, 0o700 if mode == "system" else 0o755)
        self.creel = CREEL
        if self.drop:
            # The build tree may be closed to others.
            for name in PROGRAMS:
                target = os.path.join(self.top, "build", name)
                os.makedirs(os.path.dirname(target), exist_ok=True)
                if os.path.exists(os.path.join(BUILD, name)):
                    shutil.copy2(os.path.join(BUILD, name), target)
            self.creel = os.path.join(self.top, "build", PROGRAMS[0])
        for name, bits in (("run", 0o700), ("home", 0o755), ("work", 0o755)):
            os.mkdir(self.path(name), bits)
            if self.drop:
                os.chown(self.path(name), OTHER_UID, OTHER_UID)
        if mode == "system":
            os.chmod(self.path("run"), 0o755)
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": self.path("home"),
            "XDG_STATE_HOME": self.path("home", "state"),
            "CREEL_RUNTIME_DIR": self.path("run"),
            "LC_ALL": "C",
            "TERM": "xterm",
            "SECRET_CANARY": "tweety-4711",
        }
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "CREEL_KNOCKOUT"):
            if name in os.environ:
                self.env[name] = os.environ[name]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def key(self, name):
        """A sandbox's name that no other caller uses."""
        return f"{os.path.basename(self.top)}-{name}"

    def path(self, *names):
        """A path below the box."""
        return os.path.join(self.top, *names)

    def write(self, name, data, bits=0o644):
        """A file in the working directory, which is the caller's."""
        path = self.path("work", name)
        with open(path, "wb") as file:
            file.write(data if isinstance(data, bytes) else data.encode())
        os.chmod(path, bits)
        if self.drop:
            os.chown(path, OTHER_UID, OTHER_UID)
        return path

    def _user(self):
        if not self.drop:
            return {}
        return {"user": OTHER_UID, "group": OTHER_UID, "extra_groups": []}

    def start(self, *args, **more):
        """A running creel."""
        more.setdefault("stdin", subprocess.PIPE)
        more.setdefault("stdout", subprocess.PIPE)
        more.setdefault("stderr", subprocess.PIPE)
        env = dict(self.env, **more.pop("env", {}))
        return subprocess.Popen([self.creel, *args], env=env,
                                cwd=more.pop("cwd", self.path("work")),
                                **self._user(), **more)

    def run(self, *args, data=b"", timeout=60, **more):
        """A creel that has ended."""
        process = self.start(*args, **more)
        try:
            out, err = process.communicate(
                data if process.stdin else None, timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            return Result("hangs", out, err)
        status = process.returncode
        return Result(128 - status if status < 0 else status, out, err)

    def shell(self, script, **more):
        """run -- sh -c SCRIPT"""
        return self.run("run", "--", "sh", "-c", script, **more)

    def tty(self, argv, steps, timeout=60, size=(24, 80)):
        """Runs argv on a terminal.

        Each step is a text to wait for and bytes to type, or a function that
        gets the terminal and the process's id.
        """
        pid, master = pty.fork()
        if pid == 0:
            if self.drop:
                os.setgroups([])
                os.setresgid(OTHER_UID, OTHER_UID, OTHER_UID)
                os.setresuid(OTHER_UID, OTHER_UID, OTHER_UID)
            os.chdir(self.path("work"))
            while os.get_terminal_size(0) != (size[1], size[0]):
                time.sleep(0.001)
            os.execve(argv[0], argv, self.env)
        fcntl.ioctl(master, termios.TIOCSWINSZ,
                    struct.pack("HHHH", *size, 0, 0))
        out = b""
        steps = list(steps)
        end = time.monotonic() + timeout
        while True:
            if time.monotonic() > end:
                os.kill(pid, signal.SIGKILL)
                out += b"<timed out>"
                end += 5
            readable, _, _ = select.select([master], [], [], 0.05)
            if readable:
                try:
                    data = os.read(master, 65536)
                except OSError:
                    break
                out += data
            if steps and steps[0][0] in out:
                act = steps.pop(0)[1]
                if callable(act):
                    act(master, pid)
                else:
                    os.write(master, act)
        os.close(master)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        return Result(128 - status if status < 0 else status, out, b"")

    def helpers(self):
        """The processes that serve this box."""
        return processes_with(self.path("run"))

    def stop(self):
        """Ends the helper; returns the processes that do not go."""
        roots = self.helpers()
        everyone = family(roots)
        for pid in roots:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        if not wait_for(lambda: not everyone & set(parents())):
            left = everyone & set(parents())
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return left
        return set()

    def close(self):
        """Stops everything and checks that nothing is left."""
        lines = command_lines()
        left = self.stop()
        ok(not left, f"{self.mode}: no process is left",
           "\n".join(f"{pid} {lines.get(pid)}" for pid in left))
        with open("/proc/self/mountinfo", encoding="latin-1") as file:
            mounts = [line for line in file if self.top in line]
        ok(not mounts, f"{self.mode}: no mount is left", "".join(mounts))
        shutil.rmtree(self.top, ignore_errors=True)
