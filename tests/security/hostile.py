#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SB-27 (environment of the privileged side), SB-42 (a layer that is not to
be had), SB-43 (bombs that tmpfs and rlimits bound; the cgroup ones need the
VM), SB-44 (what will not end)."""
import ctypes
import os
import re
import resource
import select
import signal
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import sec  # noqa: E402

SH = ("--", "/bin/sh", "-c")
ENOSYS, EPERM = 38, 1
# x86_64 numbers; what the refusal must name; may it run all the same?
LAYERS = (
    ("clone3", 435, ENOSYS, "clone|namespace|fork", False),
    ("openat2", 437, ENOSYS, "openat2|look up|resolve", False),
    ("open_tree", 428, ENOSYS, "open_tree|mount|/usr", False),
    ("move_mount", 429, ENOSYS, "move_mount|attach|mount", False),
    ("fsopen", 430, ENOSYS, "fsopen|mount|proc|tmpfs|create", False),
    ("fsmount", 432, ENOSYS, "fsmount|mount|proc|tmpfs|create", False),
    ("mount_setattr", 442, ENOSYS, "mount_setattr|mount|attribute|read-only",
     False),
    ("pivot_root", 155, EPERM, "pivot_root", False),
    ("unshare", 272, EPERM, "unshare|namespace|seal", False),
    ("seccomp", 317, EPERM, "seccomp|filter", False),
    ("prctl-seccomp", 157, EPERM, ".", False),
    ("capset", 126, EPERM, "capab|capset|privilege", False),
    ("close_range", 436, ENOSYS, ".", False),
    ("keyctl", 250, ENOSYS, "key", True),
    ("landlock", 444, ENOSYS, "landlock", True),
    ("pidfd_send_signal", 424, ENOSYS, ".", True),
)


def say(got):
    return f"exit {got.returncode} out={got.stdout[-200:]!r} " \
           f"err={got.stderr[-300:]!r}"


def deny(number, error):
    """In a child: from now on that call fails; inherited by all."""
    ld, jeq, ret = 0x20, 0x15, 0x06
    code = b"".join(struct.pack("<HBBI", *i) for i in (
        (ld, 0, 0, 0), (jeq, 0, 1, number),
        (ret, 0, 0, 0x50000 | error), (ret, 0, 0, 0x7fff0000)))
    text = ctypes.create_string_buffer(code, len(code))
    prog = struct.pack("<HxxxxxxQ", len(code) // 8, ctypes.addressof(text))
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() != 0:
        libc.prctl(38, 1, 0, 0, 0)
    if libc.prctl(22, 2, ctypes.create_string_buffer(prog, 16), 0, 0) != 0:
        os._exit(99)


def denied(argv, env):
    """This program again, as the wrapper of argv."""
    return subprocess.run(argv, env=env, capture_output=True, text=True,
                          timeout=30, check=False, cwd="/",
                          stdin=subprocess.DEVNULL)


def layers(lab, d):
    """SB-42."""
    me = [sys.executable, os.path.abspath(__file__)]
    for name, number, error, words, optional in LAYERS:
        argv = [d.creel, "run", "--rootless", "--no-daemon", "--", "echo",
                "ran"]
        if d.mode == "system":
            argv[2] = "--system"
        argv = me + ["--deny", str(number), str(error)] + argv
        if d.mode != "system":
            argv = d.as_user(argv)
        try:
            got = denied(argv, d.env())
        except subprocess.TimeoutExpired:
            lab.tap.ok(False, f"sb-42-{name} {d.mode}", "hangs")
            continue
        ran = "ran" in got.stdout
        named = re.search(words, got.stderr, re.I) is not None
        good = (ran and got.returncode == 0) if optional and ran else \
            (not ran and got.returncode == 125 and named)
        lab.tap.ok(good, f"sb-42-{name} {d.mode}", say(got))
        lab.tap.row("SB-42", d.mode, name, None,
                    "runs without" if ran else "refused")
    if d.mode != "system":
        got = subprocess.run(
            d.as_user(["unshare", "-Ur", "sh", "-c",
                       "echo 1 > /proc/sys/user/max_user_namespaces && "
                       "exec unshare -U --map-user=1000 --map-group=1000 "
                       f"{d.creel} run --rootless --no-daemon -- echo ran"]),
            env=d.env(), capture_output=True, text=True, timeout=30,
            check=False, cwd="/")
        lab.tap.ok("ran" not in got.stdout and "amespace" in got.stderr,
                   f"sb-42-no-user-namespaces {d.mode}", say(got))
        got = d.call("run", "--memory", "64m", "--", "echo", "ran")
        lab.tap.ok("ran" not in got.stdout and "memory" in got.stderr and
                   "hint:" in got.stderr, f"sb-42-no-memory-controller "
                   f"{d.mode}", say(got))
    got = d.call("run", "--", "echo", "ran")
    lab.tap.ok(got.stdout == "ran\n", f"sb-42-control {d.mode}", say(got))


def environment(lab, d):
    """SB-27."""
    foreign = "/lib/x86_64-linux-gnu/libutil.so.1"
    hostile = {f"V{i}": "x" * 100 for i in range(200)}
    hostile.update(LD_PRELOAD=foreign, LD_LIBRARY_PATH="/tmp",
                   LD_AUDIT=foreign, GCONV_PATH="/tmp", LOCPATH="/tmp",
                   MALLOC_CHECK_="3", TMPDIR="/nonexistent",
                   GLIBC_TUNABLES="glibc.malloc.check=3", IFS="/",
                   NOTIFY_SOCKET="/tmp/x", LISTEN_FDS="5", LISTEN_PID="1",
                   PATH="/nonexistent:/tmp", ENV="/tmp/x", BASH_ENV="/tmp/x",
                   SECRET_TOKEN=lab.token)
    if sec.sanitized():
        del hostile["LD_PRELOAD"]  # ends such a program before it begins
    fresh = lab.daemon(d.mode)

    def inherit():
        os.umask(0)
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))
        for i in range(20):
            os.dup2(1, 100 + i, inheritable=True)

    def squeeze(which, value):
        def go():
            resource.setrlimit(which, (value, value))
        return go

    cases = [("environment", hostile, None),
             ("inherited", {}, inherit),
             ("closed-stdin", {}, lambda: os.close(0)),
             ("closed-stdio", {}, lambda: os.closerange(0, 3)),
             ("fsize", {}, squeeze(resource.RLIMIT_FSIZE, 0)),
             ("nofile", {}, squeeze(resource.RLIMIT_NOFILE, 12)),
             ("stack", {}, squeeze(resource.RLIMIT_STACK, 65536)),
             ("as", {}, squeeze(resource.RLIMIT_AS, 1 << 20)),
             ("core", {}, squeeze(resource.RLIMIT_CORE, 1 << 30))]
    for name, more, prepare in cases:
        argv = fresh.argv("run", ["--", "/bin/sh", "-c", "echo ran; exit 5"])
        argv[argv.index(fresh.creel)] = os.path.abspath(fresh.creel)
        env = fresh.env(**more)
        if argv[0] == "setpriv":
            argv[0] = "/usr/bin/setpriv"
        p = subprocess.Popen(argv, env=env, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, cwd="/", text=True,
                             stdin=subprocess.DEVNULL, close_fds=False,
                             preexec_fn=prepare)
        try:
            out, err = p.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            p.kill()
            out, err = p.communicate()
            err += " (hangs)"
        same = p.returncode == 5 and (out == "ran\n" or
                                      name == "closed-stdio")
        # A refusal: by creel, or by the kernel before creel runs at all.
        clean = p.returncode in (125, 127, -11, -9) and out == "" and \
            "hangs" not in err
        lab.tap.ok(same or clean, f"sb-27-{name} {d.mode}",
                   f"exit {p.returncode} {out!r} {err!r}")
    wrong = []
    fresh.call("run", "--", "true")
    if os.getuid() != 0:
        lab.tap.skip(f"sb-27-helper-is-clean {d.mode}",
                     "needs root: nobody else may look into them")
        fresh.stop()
        return
    for pid in fresh.pids():
        comm = sec.processes().get(pid, (0, "?"))[1]
        if not comm.startswith("creel") or comm == "creel-init":
            continue
        with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
            if "libutil" in file.read():
                wrong.append(f"{comm} has mapped a foreign library")
        with open(f"/proc/{pid}/environ", "rb") as file:
            text = file.read()
            if b"LD_PRELOAD" in text or lab.token.encode() in text:
                wrong.append(f"{comm}: environment {text[:200]}")
        for fd in os.listdir(f"/proc/{pid}/fd"):
            if int(fd) >= 100 and int(fd) < 120 and "pipe:" in \
                    os.readlink(f"/proc/{pid}/fd/{fd}"):
                wrong.append(f"{comm}: inherited descriptor {fd}")
    lab.tap.ok(not wrong, f"sb-27-helper-is-clean {d.mode}",
               "\n".join(wrong))
    fresh.stop()


def policy(lab, d):
    """SB-27: a policy that others can change is none."""
    if d.mode != "system":
        return
    base = d.folder("policy", 0o755)

    def start(path):
        p = subprocess.Popen(
            [d.helper, "--listen", "--system", "--runtime-dir",
             base + "/run", "--policy", path], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        sock = base + "/run/creel.sock"
        sec.wait_until(lambda: p.poll() is not None or os.path.exists(sock),
                       20)
        if p.poll() is None:
            p.kill()
        out, err = p.communicate()
        return p.returncode, out + err

    def write(name, mode=0o644, uid=0, text="users 4\n"):
        path = os.path.join(base, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)
        os.chown(path, uid, 0)
        return path

    os.symlink(write("target"), base + "/symlink")
    os.link(write("linked"), base + "/second")
    for name, path in (("group-writable", write("g", 0o664)),
                       ("other-writable", write("o", 0o646)),
                       ("foreign-owner", write("f", uid=61234)),
                       ("symlink", base + "/symlink"),
                       ("two-names", base + "/second"),
                       ("directory", base),
                       ("unknown-key", write("k", text="nonsense 1\n")),
                       ("bad-number", write("n", text="users -1\n"))):
        code, text = start(path)
        lab.tap.ok(code not in (0, -9) and code > 0, f"sb-27-policy-{name}",
                   f"{code} {text}")
    code, text = start(write("good"))
    lab.tap.ok(code == -9, "sb-27-policy-control", f"{code} {text}")


SHAPES = {
    "stops-itself": "kill -STOP $$",
    "stops-all": "sleep 50 & kill -STOP $! $$",
    "ignores-all": "trap '' HUP INT TERM QUIT USR1 USR2 PIPE ALRM; "
                   "while :; do sleep 1; done",
    "daemons": "(setsid sh -c 'sleep 500 & sleep 500' &) ; "
               "setsid setsid sleep 500 & sleep 500",
    "zombies": "i=0; while [ $i -lt 200 ]; do (exit 0) & i=$((i+1)); done; "
               "exec sleep 500",
    "fork-bomb": "ulimit -u 100 2>/dev/null; f() { f 2>/dev/null & f "
                 "2>/dev/null & sleep 20; }; (f) & exec sleep 500",
    "fifo": "mkfifo /tmp/p; cat /tmp/p",
    "grandchild-holds-pipe": "sleep 500 & sleep 500",
    "unread-output": "yes",
    "spins": "while :; do :; done",
    "vfork-stuck": "exec 9<>/dev/null; sh -c 'kill -STOP $$' ; sleep 500",
    "ptrace": "python3 -c \"import ctypes,os,time\n"
              "l=ctypes.CDLL(None)\npid=os.fork()\n"
              "if pid==0:\n l.ptrace(0,0,0,0); os.kill(os.getpid(),19)\n"
              "time.sleep(500)\" || sleep 500",
}


def deadlines(lab, d):
    """SB-44."""
    slow, running, took = [], {}, {}
    for name, script in SHAPES.items():
        quiet = {} if name == "unread-output" else {
            "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        running[name] = (time.monotonic(), d.popen(
            "run", "--timeout", "1s", "--ulimit", "nproc=300", *SH, script,
            **quiet))
    end = time.monotonic() + 20
    while len(took) < len(running) and time.monotonic() < end:
        for name, (start, p) in running.items():
            if name not in took and p.poll() is not None:
                took[name] = time.monotonic() - start
        time.sleep(0.01)
    for name, (start, p) in running.items():
        p.kill()
        p.communicate()
        spent = took.get(name, 99)
        slow.append(spent - 1)
        lab.tap.ok(p.returncode == 124 and spent < 4,
                   f"sb-44-{name} {d.mode}",
                   f"exit {p.returncode} after {spent:.2f} s")
    left = [e[1] for e in sec.descendants().values()
            if e[1] in ("sleep", "yes", "cat", "python3")]
    lab.tap.ok(not left, f"sb-44-nothing-left {d.mode}", left)
    lab.tap.note(f"sb-44 {d.mode}: at most {max(slow):.3f} s over")
    start = time.monotonic()
    got = d.call("run", "--timeout", "1s", "--", "sleep", "0.2")
    lab.tap.ok(got.returncode == 0, f"sb-44-control {d.mode}", say(got))
    d.call("run", "--detach", "--name", "stopped", *SH, SHAPES["stops-all"])
    time.sleep(0.2)
    start = time.monotonic()
    got = d.call("kill", "stopped")
    lab.tap.ok(got.returncode == 0 and time.monotonic() - start < 2,
               f"sb-44-kill-stopped {d.mode}", say(got))


def bombs(lab, d):
    """SB-43."""
    for where in ("/tmp", "/dev/shm", "/run", "/var/tmp", "/home/creel"):
        got = d.call("run", *SH, f"dd if=/dev/zero of={where}/f bs=1M "
                     "count=2000 2>/dev/null; stat -c %s "
                     f"{where}/f", timeout=60)
        size = int(got.stdout.split()[-1]) if got.stdout.split() else 0
        lab.tap.ok(0 < size <= 1 << 30, f"sb-43-bytes:{where} {d.mode}",
                   f"{size} {say(got)}")
    # The loop must end by the limit, not by its own.
    script = "import os\nn=0\n" \
        "try:\n while n<300000:\n  os.close(os.open('%s/%%d'%%n," \
        "os.O_CREAT|os.O_WRONLY)); n+=1\nexcept OSError as e: " \
        "print(n, e.errno)\nelse: print(n, 0)"
    for where in ("/tmp", "/dev/shm"):
        got = d.call("run", "--", "/usr/bin/python3", "-c", script % where,
                     timeout=60)
        lab.tap.ok(got.stdout.split()[-1:] == ["28"],
                   f"sb-43-inodes:{where} {d.mode}", say(got))
    got = d.call("run", *SH, "ulimit -n; ulimit -c; ulimit -l")
    limits = got.stdout.split()
    lab.tap.ok(len(limits) == 3 and limits[0].isdigit() and
               limits[1] == "0" and limits[2] != "unlimited",
               f"sb-43-rlimits {d.mode}", say(got))
    # A flood that nobody reads does not grow creeld.
    d.call("run", "--", "true")

    def rss():
        total = 0
        for pid in d.pids("creeld"):
            with open(f"/proc/{pid}/status", encoding="utf-8") as file:
                total += sum(int(line.split()[1]) for line in file
                             if line.startswith("VmRSS"))
        return total

    before = rss()
    p = d.popen("run", "--timeout", "20s", "--", "yes")
    select.select([p.stdout], [], [], 10)
    peer = d.call("run", "--", "echo", "peer")
    grown = rss() - before
    p.kill()
    p.communicate()
    lab.tap.ok(grown <= 2048 and peer.stdout == "peer\n",
               f"sb-43-flood {d.mode}", f"{grown} KiB {say(peer)}")


def main():
    if sys.argv[1:2] == ["--deny"]:
        deny(int(sys.argv[2]), int(sys.argv[3]))
        os.execv(sys.argv[4], sys.argv[4:])
    lab = sec.Lab()
    wanted = sys.argv[1:]
    for mode in lab.modes:
        d = lab.daemon(mode)
        for part in (environment, policy, layers, deadlines, bombs):
            if wanted and part.__name__ not in wanted:
                continue
            if part is layers and mode == "range":
                continue  # newuidmap cannot work below no_new_privs
            start = time.monotonic()
            part(lab, d)
            lab.tap.note(f"{part.__name__} {mode}: "
                         f"{time.monotonic() - start:.1f} s")
        lab.tap.ok(not d.stop(), f"hostile-teardown {mode}")
    lab.missing("hostile")
    lab.finish("hostile")


main()
