# SPDX-License-Identifier: Apache-2.0
"""What the security drivers share: TAP, modes, daemons, host snapshots.

Modes: "single" is an ordinary user with one id, "range" one with a line in
/etc/subuid, "system" an ordinary user of a listener that root started.  A
driver that runs as root has all three, in a mount namespace of its own where
/etc/passwd and /etc/subuid name its users; one that runs as somebody else has
that user's one rootless mode.
"""
import ctypes
import glob
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TOP = os.environ.get("top_builddir", os.getcwd())
SRC = os.environ.get("top_srcdir",
                     os.path.dirname(os.path.dirname(os.path.dirname(
                         os.path.abspath(__file__)))))
KNOCKOUT_TOP = os.environ.get("CREEL_KNOCKOUT_BUILD", TOP)
PROGRAMS = os.path.join(TOP, "tests", "security")
PROBE = os.environ.get("CREEL_PROBE", os.path.join(PROGRAMS, "probe"))
SCALE = int(os.environ.get("CREEL_TEST_SCALE", "100"))
ROOT = os.geteuid() == 0
UIDS = {"single": 61234, "range": 61235, "system": 61234, "other": 61236}
SUB_BASE, SUB_COUNT = 300000000, 65536
KNOCKOUTS = ("seal", "seccomp", "caps", "landlock", "max_userns", "masks",
             "cgroupns", "netns", "nnp", "dumpable", "fds")
OUR_NAMES = ("creel-store", "creel-listener", "creel-user", "creel-spawner",
             "creel-dispatch", "creeld", "creel-init", "creel-helper")


def sanitized():
    """Are the programs built with sanitizers?"""
    with open(os.path.join(TOP, "controller", "creel"), "rb") as file:
        return b"__asan_init" in file.read()


def rounds(full, least=1):
    """A loop's length: all of it in check-long, a part in check."""
    return max(least, full // SCALE)


class Tap:
    def __init__(self):
        self.count = 0
        self.failed = 0
        path = os.environ.get("CREEL_SECURITY_TSV",
                              os.path.join(TOP, "tests", "security",
                                           "results.tsv"))
        try:
            self.tsv = open(path, "a", encoding="utf-8")
        except OSError:
            self.tsv = open(os.devnull, "w", encoding="utf-8")

    def ok(self, good, name, detail=""):
        self.count += 1
        print(f"{'' if good else 'not '}ok {self.count} - {name}")
        if not good:
            self.failed += 1
            for line in str(detail).splitlines()[:12]:
                print("#   " + line[:300])
        sys.stdout.flush()
        return good

    def skip(self, name, why):
        self.count += 1
        print(f"ok {self.count} - {name} # SKIP {why}", flush=True)

    def note(self, text):
        for line in str(text).splitlines():
            print("# " + line, flush=True)

    def row(self, row, mode, user, knockout, verdict):
        """One line of the machine-readable matrix."""
        self.tsv.write("\t".join((row, mode, str(user), knockout or "-",
                                  verdict)) + "\n")
        self.tsv.flush()

    def done(self):
        print(f"1..{self.count}", flush=True)
        sys.exit(1 if self.failed else 0)


def private_namespace():
    """As root: go on in a mount namespace whose /etc/passwd has our users."""
    if not ROOT or os.environ.get("CREEL_SEC_NS"):
        return
    os.environ["CREEL_SEC_NS"] = "1"
    os.execvp("unshare", ["unshare", "-m", "--propagation", "private",
                          sys.executable] + sys.argv)


def home(where, uid):
    """A home of that user's, made if need be."""
    path = os.path.join(os.path.dirname(where), f"home-{uid}")
    if not os.path.isdir(path):
        os.mkdir(path, 0o700)
        os.chown(path, uid, uid)
    return path


def bind_users(where):
    lines = {
        "passwd": "".join(f"creel-{n}:x:{u}:{u}::{home(where, u)}:/bin/sh\n"
                          for n, u in (("single", 61234), ("range", 61235),
                                       ("other", 61236))),
        "group": "".join(f"creel-{n}:x:{u}:\n"
                         for n, u in (("single", 61234), ("range", 61235),
                                      ("other", 61236))),
        "subuid": f"creel-range:{SUB_BASE}:{SUB_COUNT}\n",
        "subgid": f"creel-range:{SUB_BASE}:{SUB_COUNT}\n",
    }
    for name, text in lines.items():
        path, host = os.path.join(where, name), "/etc/" + name
        if not os.path.exists(host):
            continue
        with open(host, encoding="utf-8", errors="replace") as old, \
                open(path, "w", encoding="utf-8") as new:
            new.write(old.read() + text)
        subprocess.run(["mount", "--bind", path, host], check=True)


def modes():
    if ROOT:
        found = ["single"]
        if shutil.which("newuidmap") and os.path.exists("/etc/subuid"):
            found.append("range")
        return found + ["system"]
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
        with open("/etc/subuid", encoding="utf-8") as file:
            ranged = any(line.startswith(name + ":") for line in file)
    except (KeyError, OSError):
        ranged = False
    return ["range" if ranged and shutil.which("newuidmap") else "single"]


def processes():
    """pid -> (ppid, comm, uid) of everything in sight."""
    found = {}
    for path in glob.glob("/proc/[0-9]*"):
        try:
            with open(path + "/stat", encoding="utf-8",
                      errors="replace") as file:
                text = file.read()
            uid = os.stat(path).st_uid
        except OSError:
            continue
        name = text[text.index("(") + 1:text.rindex(")")]
        rest = text[text.rindex(")") + 2:].split()
        found[int(path[6:])] = (int(rest[1]), name, uid, rest[0])
    return found


def descendants(of=None):
    """Our children and theirs; we are the subreaper of all daemons."""
    table = processes()
    top = of or os.getpid()
    members = {top}
    grew = True
    while grew:
        grew = False
        for pid, entry in table.items():
            if pid not in members and entry[0] in members:
                members.add(pid)
                grew = True
    members.discard(top)
    return {pid: table[pid] for pid in members if table[pid][3] != "Z"}


def asleep(pids):
    """Whether none of them would do something if only it had a processor."""
    table = processes()
    return not any(table[pid][3] in "RD" for pid in pids if pid in table)


def reap():
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return
        except ChildProcessError:
            return


def wait_until(what, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.02)
    return bool(what())


def namespaces():
    """How many distinct namespaces our processes are in."""
    found = set()
    for pid in list(descendants()) + [os.getpid()]:
        for path in glob.glob(f"/proc/{pid}/ns/*"):
            try:
                found.add(os.readlink(path))
            except OSError:
                pass
    return len(found)


def is_empty_leaf(path):
    """Where a user's helper was: it stays, as u-UID does, for the next one."""
    try:
        with open(path + "/cgroup.procs", encoding="ascii") as file:
            return os.path.basename(path) == "helper" and not file.read()
    except OSError:
        return False


def cgroups():
    found = []
    for top in ("/sys/fs/cgroup/unified/creel", "/sys/fs/cgroup/creel"):
        for path, dirs, _ in os.walk(top):
            found += [os.path.join(path, d) for d in dirs]
    # Ours alone: the machine may run other sandboxes meanwhile.
    mine = {f"/u-{uid}" for uid in UIDS.values()}
    return sorted(f for f in found if any(m + "/" in f for m in mine) and
                  not is_empty_leaf(f))


def tree_hash(top):
    digest = hashlib.sha256()
    for path, dirs, files in os.walk(top):
        dirs.sort()
        for name in sorted(files):
            full = os.path.join(path, name)
            st = os.lstat(full)
            digest.update(f"{full} {st.st_mode} {st.st_uid} "
                          f"{st.st_size}".encode())
            try:
                with open(full, "rb") as file:
                    digest.update(file.read(1 << 16))
            except OSError:
                pass
    return digest.hexdigest()


def sysctls():
    found = {}
    # Counters and random numbers change by themselves.
    moving = ("random/", "fs/dentry", "fs/inode", "fs/quota", "fs/file-nr",
              "fs/aio-nr",
              "ns_last_pid", "kernel/pty/nr", "net/netfilter", "fs/nfs",
              "sched_domain", "cad_pid", "init_private", "unix/")
    for path, dirs, files in os.walk("/proc/sys"):
        dirs.sort()
        for name in sorted(files):
            full = os.path.join(path, name)
            if any(word in full for word in moving):
                continue
            try:
                fd = os.open(full, os.O_RDONLY | os.O_NONBLOCK)
            except OSError:
                continue
            try:
                found[full] = os.read(fd, 4096).decode(errors="replace")
            except OSError:
                pass
            finally:
                os.close(fd)
    return found


def difference(key, old, new):
    if old == new:
        return []
    if isinstance(old, dict):
        return [f"{key}: {k}: {old.get(k)!r} -> {new.get(k)!r}"
                for k in sorted(set(old) | set(new))
                if old.get(k) != new.get(k)]
    if key in ("cgroups", "mounts"):
        # What an earlier listener left, a later one removes; and others of
        # this machine may unmount what is theirs.
        return [f"{key}: new {x}" for x in new if x not in old]
    if isinstance(old, list):
        return [f"{key}: gone {x}" for x in old if x not in new] + \
            [f"{key}: new {x}" for x in new if x not in old] or \
            [f"{key}: {len(old)} -> {len(new)}"]
    return [f"{key}: {old} -> {new}"]


class Daemon:
    """A listener with its own runtime and state folder, and its caller."""

    def __init__(self, lab, mode, knockout=None, uid=None):
        self.lab, self.mode, self.knockout = lab, mode, knockout
        self.uid = UIDS[mode] if ROOT else os.getuid()
        if uid is not None:
            self.uid = uid
        self.top = KNOCKOUT_TOP if knockout else TOP
        self.creel = os.path.join(self.top, "controller", "creel")
        self.helper = os.path.join(self.top, "helper", "creel-helper")
        self.dir = tempfile.mkdtemp(prefix=mode[:3] + "-", dir=lab.dir)
        os.chmod(self.dir, 0o755)
        self.home = self.folder("home")
        self.runtime = os.path.join(self.dir, "run")
        if mode == "system":
            os.mkdir(self.runtime, 0o755)
            self.start_system()
        elif ROOT:
            self.runtime = self.folder("run")

    def folder(self, name, mode=0o700):
        path = os.path.join(self.dir, name)
        os.makedirs(path, mode)
        if ROOT:
            os.chown(path, self.uid, self.uid)
        return path

    def env(self, **more):
        env = {"PATH": os.environ["PATH"], "HOME": self.home,
               "CREEL_RUNTIME_DIR": self.runtime, "LANG": "C.UTF-8"}
        if self.knockout:
            env["CREEL_KNOCKOUT"] = self.knockout
        env.update(more)
        return env

    def as_user(self, argv, uid=None, groups=None):
        uid = self.uid if uid is None else uid
        if not ROOT or uid == 0:
            return argv
        how = ["--groups", groups] if groups else ["--clear-groups"]
        return ["setpriv", "--reuid", str(uid), "--regid", str(uid)] + \
            how + argv

    def start_system(self):
        policy = os.path.join(self.dir, "helper.conf")
        with open(policy, "w", encoding="utf-8") as file:
            allowed = " ".join(map(str, sorted(set(UIDS.values()))))
            file.write(f"users 8\nallow {allowed}\n")
        os.chmod(policy, 0o644)
        with open(os.path.join(self.dir, "log"), "wb") as log:
            subprocess.Popen(
                [self.helper, "--listen", "--system", "--runtime-dir",
                 self.runtime, "--policy", policy],
                env=self.env(), stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, cwd="/", start_new_session=True)
        if not wait_until(lambda: os.path.exists(
                os.path.join(self.runtime, "creel.sock")), 20):
            raise SystemExit("Bail out! the system listener did not start: " +
                             open(self.dir + "/log", encoding="utf-8").read())

    def argv(self, verb, args, embedded=False, uid=None):
        flags = ["--system"] if self.mode == "system" else ["--rootless"]
        if verb in ("help", "doctor"):
            flags = []
        if embedded:
            flags.append("--no-daemon")
        return self.as_user([self.creel, verb] + flags + list(args), uid)

    def call(self, verb, *args, timeout=30, uid=None, text=True, cwd="/",
             embedded=False, env=None, **more):
        more.setdefault("stdin", subprocess.DEVNULL)
        if "input" in more:
            del more["stdin"]
        return subprocess.run(
            self.argv(verb, args, embedded, uid), env=env or self.env(),
            capture_output=True, timeout=timeout, text=text, cwd=cwd,
            errors="replace" if text else None, check=False, **more)

    def popen(self, verb, *args, uid=None, embedded=False, **more):
        more.setdefault("stdin", subprocess.DEVNULL)
        more.setdefault("stdout", subprocess.PIPE)
        more.setdefault("stderr", subprocess.PIPE)
        return subprocess.Popen(self.argv(verb, args, embedded, uid),
                                env=more.pop("env", None) or self.env(),
                                cwd="/", **more)

    def probe(self, groups, *flags, timeout=60, **more):
        """Run the probe inside: name -> [(verdict, detail)]."""
        got = self.call("run", "--bind", f"{PROBE}:/probe:ro", *flags, "--",
                        "/probe", *groups, timeout=timeout, **more)
        return parse(got.stdout), got

    def pids(self, name=None):
        """Our processes of this daemon, by their names."""
        mine = {}
        tops = [p for p, e in descendants().items()
                if e[1] in OUR_NAMES and self.owns(p)]
        for top in tops:
            mine[top] = processes().get(top)
            mine.update(descendants(top))
        return sorted(p for p, e in mine.items()
                      if e and (name is None or e[1] == name))

    def owns(self, pid):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                return self.runtime.encode() in file.read()
        except OSError:
            return False

    def clean(self):
        return not self.pids("creel-init") and \
            set(cgroups()) <= set(self.lab.before["cgroups"])

    def stop(self):
        """Kill what is left; returns the names that would not go."""
        for name in ("creel-user", "creel-store", "creel-listener"):
            for pid in self.pids(name):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            wait_until(lambda: reap() or not self.pids(name), 20)
            if self.mode == "system":
                # The listener removes what a user's helper left.
                wait_until(lambda: reap() or self.clean(), 2)
        if not wait_until(lambda: reap() or not self.pids(), 20):
            return [e[1] for e in (processes().get(p) for p in self.pids())
                    if e]
        return []


def parse(text):
    found = {}
    for line in text.splitlines():
        words = line.split("\t")
        if len(words) == 3:
            found.setdefault(words[0], []).append((words[1], words[2]))
    return found


class Lab:
    """A driver's room: a folder, canaries, and the host's state before."""

    def __init__(self):
        private_namespace()
        self.tap = Tap()
        libc = ctypes.CDLL(None)
        libc.prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
        self.dir = tempfile.mkdtemp(prefix="creel-sec-", dir="/tmp")
        os.chmod(self.dir, 0o755)
        if ROOT:
            os.mkdir(os.path.join(self.dir, "etc"))
            bind_users(os.path.join(self.dir, "etc"))
        self.modes = modes()
        self.daemons = []
        self.canary = os.path.join(self.dir, "canary")
        os.mkdir(self.canary, 0o755)
        self.token = os.urandom(16).hex()
        for name in ("a", "b"):
            with open(os.path.join(self.canary, name), "w",
                      encoding="utf-8") as file:
                file.write(self.token)
        self.before = self.state()

    def state(self):
        # Without a mount namespace of one's own there are others' mounts.
        with open("/proc/self/mountinfo", encoding="utf-8") as file:
            mounts = sorted(line.split(" ", 2)[2] for line in file
                            if ROOT or self.dir in line or "creel" in line)
        return {
            "mounts": mounts,
            "sysctl": sysctls(),
            "canary": tree_hash(self.canary),
            "cgroups": cgroups(),
            "programs": [hashlib.sha256(open(p, "rb").read()).hexdigest()
                         for p in glob.glob(TOP + "/helper/creel-helper") +
                         glob.glob(TOP + "/controller/creel*[dl]")],
            "processes": sorted(e[1] for e in descendants().values()),
            "namespaces": namespaces(),
            "fds": len(os.listdir("/proc/self/fd")),
        }

    def daemon(self, mode, knockout=None, **more):
        made = Daemon(self, mode, knockout, **more)
        self.daemons.append(made)
        return made

    def missing(self, name):
        """Say which modes this caller does not have."""
        for mode in ("single", "range", "system"):
            if mode not in self.modes:
                self.tap.skip(f"{name} {mode}",
                              "needs root" if not ROOT else
                              "needs newuidmap and /etc/subuid")

    def finish(self, what):
        stuck = []
        for daemon in self.daemons:
            stuck += daemon.stop()
        wait_until(lambda: reap() or not descendants(), 20)
        wait_until(lambda: set(cgroups()) <= set(self.before["cgroups"]), 20)
        after = self.state()
        wrong = [text for key in after
                 for text in difference(key, self.before[key], after[key])]
        self.tap.ok(not wrong and not stuck, f"{what}: nothing left behind",
                    "\n".join(wrong + stuck))
        for path in glob.glob(self.dir + "/etc/*"):
            subprocess.run(["umount", "-q", "/etc/" + os.path.basename(path)],
                           check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.dir, ignore_errors=True)
        self.tap.done()
