#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rows that need a hand outside: what is asked for (SB-01, 04, 05, 09..11,
32), images (SB-06, 07), what host and neighbours see (SB-03, 12, 13, 16, 18,
19, 20, 25, 28, 31) and a terminal (SB-21)."""
import os
import pty
import re
import select
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import sec  # noqa: E402

SH = ("--", "/bin/sh", "-c")


def refused(got):
    return got.returncode == 125 and got.stderr.startswith("creel: ")


def say(got):
    return f"exit {got.returncode} out={got.stdout[-300:]!r} " \
           f"err={got.stderr[-300:]!r}"


def workdirs(lab, d):
    """SB-01: a working directory that is not one of the sandbox's."""
    bad = [f"/proc/self/fd/{n}" for n in range(3, 40)] + [
        "/proc/self/cwd", "/proc/1/cwd", "/proc/1/root", "/proc/self/root",
        "/proc/thread-self/fd/3", "/proc/self/fd/../../1/root", "relative",
        "", "/nonexistent", "/proc/self/task/1/cwd", "/dev/fd/3"]
    work = d.folder("work")
    os.symlink("/proc/self/fd/3", os.path.join(work, "fd"))
    os.symlink("/proc/1/root", os.path.join(work, "root"))
    bad += ["/workspace/fd", "/workspace/root"]
    wrong = []
    d.call("exec", "--workspace", work, "wd", "--", "true")
    for path in bad:
        got = d.call("exec", "--workdir", path, "wd", "--", "pwd")
        if got.returncode != 125 and not (path == "" and
                                          got.returncode == 0):
            wrong.append(f"{path}: {say(got)}")
    lab.tap.ok(not wrong, f"sb-01-workdir {d.mode}", "\n".join(wrong))
    got = d.call("exec", "--workdir", "/usr/bin", "wd", "--", "pwd")
    lab.tap.ok(got.stdout == "/usr/bin\n", f"sb-01-workdir-control {d.mode}",
               say(got))
    got = d.call("exec", "wd", *SH, "mkdir -p d/e && rmdir d/e")
    got = d.call("exec", "--workdir", "/workspace/d/e", "wd", "--", "pwd")
    lab.tap.ok(got.returncode == 125, f"sb-01-workdir-deleted {d.mode}",
               say(got))
    d.call("rm", "wd")


def users(lab, d):
    """SB-05: a user is a number in range or a name, else refused."""
    wrong = []
    for text in ("0x0", "+0", "-1", "4294967295", "4294967296",
                 "18446744073709551616", "1000:", ":1000", "1000 ", " 0",
                 "01000", "1000:0x0", "", "root\n", "0:0:0", "0,0", "%s",
                 "1e3", "１", "99999", "1000:-1", "nosuchuser"):
        got = d.call("run", "--user", text, "--", "id", "-u")
        out = got.stdout.strip()
        if got.returncode == 0 and out == "0":
            wrong.append(f"{text!r} became root")
        elif got.returncode == 0 and not (text.strip() == out or
                                          (text == "" and out == "1000")):
            wrong.append(f"{text!r}: {say(got)}")
        elif got.returncode not in (0, 125, 2):
            wrong.append(f"{text!r}: {say(got)}")
    lab.tap.ok(not wrong, f"sb-05-user-parser {d.mode}", "\n".join(wrong))
    got = d.call("run", "--user", "0:0", "--", "id", "-u")
    lab.tap.ok(got.stdout == "0\n", f"sb-05-user-control {d.mode}", say(got))
    for cap in ("sys_admin", "sys_ptrace", "sys_resource", "sys_module",
                "net_admin", "mknod", "bpf", "perfmon", "CAP_SYS_ADMIN",
                "all"):
        got = d.call("run", "--cap-keep", cap, *SH,
                     "grep CapEff /proc/self/status")
        lab.tap.ok(got.returncode != 0, f"sb-05-cap-keep-{cap} {d.mode}",
                   say(got))


def rewritten(lab, d):
    """SB-04: files that a sandbox can reach do not decide over its next
    command; ids of others and of the dead are nobody's."""
    d.call("exec", "--user", "0:0", "rw", *SH,
           "for f in /run /tmp /var/tmp /dev/shm /etc /dev; do "
           "rm -rf $f/* ; : > $f/filter; done 2>/dev/null; "
           "echo junk > /run/creel; true")
    got = d.call("exec", "rw", *SH, "grep -E 'Seccomp|NoNew|^Cap' "
                 "/proc/self/status")
    text = re.sub(r"[ \t]+", " ", got.stdout)
    lab.tap.ok("Seccomp: 2" in text and "NoNewPrivs: 1" in text and
               text.count("0000000000000000") == 5,
               f"sb-04-next-command {d.mode}", say(got))
    d.call("rm", "rw")
    wrong = []
    for name in ("../x", "..", "a/b", "rw", "0" * 32, "%n", "-rf", "a\nb",
                 "é", "x" * 300, "", "."):
        for verb in ("kill", "rm", "stats"):
            got = d.call(verb, "--", name) if name.startswith("-") else \
                d.call(verb, name)
            if got.returncode == 0 and not (verb == "stats" and not name):
                wrong.append(f"{verb} {name!r}: {say(got)}")
    lab.tap.ok(not wrong, f"sb-04-dead-and-forged-names {d.mode}",
               "\n".join(wrong))


def joins(lab, d):
    """SB-04: nobody joins a sandbox, from its making to its end."""
    strace = shutil.which("strace")
    if d.mode == "system" or not strace:
        return
    argv = d.argv("run", ["--", "true"], embedded=True)
    at = argv.index(d.creel)
    argv[at:at] = [strace, "-f", "-qq", "-e", "trace=setns,execve"]
    got = subprocess.run(argv, env=d.env(), capture_output=True, text=True,
                         timeout=30, check=False, cwd="/")
    lab.tap.ok(got.returncode == 0 and "execve(" in got.stderr and
               "setns(" not in got.stderr, f"sb-04-no-setns {d.mode}",
               say(got))


def names(lab, d):
    """SB-32: names are checked as bytes, and nothing is made for bad ones."""
    wrong = []
    bad = ["../x", "a/b", "/", ".", "..", "%n%n", "a b", "a\nb", "a\tb",
           "\x1b[31m", "x" * 256, "é", "a\u202eb", "-x", ";id", "$(id)",
           "`id`", "a\\b", "\x7f", "*", "?", "|", "&", "'", '"']
    bad += [chr(c) + "x" for c in range(1, 48) if chr(c) not in "-._"]
    for name in bad:
        got = d.call("run", "--name=" + name, "--", "true")
        if got.returncode == 0:
            wrong.append(f"--name {name!r} accepted")
        if re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e]", got.stderr):
            wrong.append(f"--name {name!r}: raw bytes in the message")
    for host in ["-x", "a b", "a/b", "x" * 65, "é", "a\nb", "", ".", "%s"]:
        got = d.call("run", "--hostname=" + host, "--", "hostname")
        if got.returncode == 0 and got.stdout.strip() != host and host:
            wrong.append(f"--hostname {host!r}: {say(got)}")
    for value in ["=x", "=", "A B", "A"]:
        got = d.call("run", "--env", value, "--", "true")
        if value.startswith("=") and got.returncode == 0:
            wrong.append(f"--env {value!r} accepted")
    for flag in ("--memory", "--cpus", "--pids", "--timeout", "--ulimit"):
        for value in ("-1", "1x", "0x10", "99999999999999999999", "", "nan",
                      "1e99", " 1", "%n"):
            got = d.call("run", f"{flag}={value}", "--", "true")
            if got.returncode == 0:
                wrong.append(f"{flag}={value!r} accepted")
    lab.tap.ok(not wrong, f"sb-32-names-and-numbers {d.mode}",
               "\n".join(wrong))
    got = d.call("list", "--json")
    lab.tap.ok(got.returncode == 0 and "x" * 64 not in got.stdout,
               f"sb-32-nothing-made {d.mode}", say(got))
    got = d.call("run", "--name", "a-good.name_1", "--", "true")
    lab.tap.ok(got.returncode == 0, f"sb-32-control {d.mode}", say(got))


def bind_table(lab, d):
    """SB-10, SB-11: sources and targets; one verdict in each spelling."""
    area = d.folder("binds", 0o755)
    good = os.path.join(area, "good")
    os.mkdir(good)
    with open(os.path.join(good, "f"), "w", encoding="utf-8") as file:
        file.write("here")
    os.mkfifo(os.path.join(area, "fifo"))
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(os.path.join(area, "sock"))
    os.symlink(os.path.join(area, "sock"), os.path.join(area, "sock-link"))
    os.symlink("loop", os.path.join(area, "loop"))
    for path in (good, area + "/fifo", area + "/sock", good + "/f"):
        if sec.ROOT:
            os.chown(path, d.uid, d.uid)
    sources = ["/proc", "/sys", "/proc/self", "/proc/1", "/proc/self/ns/net",
               "/proc/self/fd", "/proc/1/root", "/sys/fs/cgroup",
               "/sys/kernel", "/dev/null", "/dev/zero", "/dev/tty",
               "/dev/pts", "/dev/ptmx", "/dev/vda", "/dev", "/",
               area + "/fifo", area + "/sock", area + "/sock-link",
               area + "/loop", area + "/nothing", "/" + "x" * 4096,
               d.runtime, os.path.join(d.runtime, "creel.sock")]
    spellings = [lambda s: s, lambda s: s + "/", lambda s: "/" + s,
                 lambda s: s + "/.", lambda s: "/usr/.." + s,
                 lambda s: s.replace("/", "//")]
    wrong, count = [], 0
    for source in sources:
        for spell in spellings:
            for mode in ("", ":ro"):
                count += 1
                got = d.call("run", "--bind", f"{spell(source)}:/mnt{mode}",
                             "--", "true")
                if got.returncode != 125:
                    wrong.append(f"{spell(source)}{mode}: {say(got)}")
    lab.tap.ok(not wrong, f"sb-10-sources {d.mode} ({count} forms)",
               "\n".join(wrong))
    wrong = []
    targets = ["relative", "", "/a/../b", "..", "/..", "/mnt/..", "/proc",
               "/proc/x", "/proc/self/fd", "/sys", "/dev", "/dev/null",
               "/dev/pts", "/", "//", "/.", "/" + "y" * 5000]
    for target in targets:
        got = d.call("run", "--bind", f"{good}:{target}", *SH,
                     "cat /proc/1/comm; ls /dev/null")
        if got.returncode != 125:
            wrong.append(f"target {target[:40]}: {say(got)}")
    for pair in (("/mnt", "/mnt"), ("/mnt", "/mnt/"), ("/mnt", "//mnt")):
        got = d.call("run", "--bind", f"{good}:{pair[0]}", "--bind",
                     f"{area}:{pair[1]}", "--", "true")
        if got.returncode != 125:
            wrong.append(f"equal targets {pair}: {say(got)}")
    lab.tap.ok(not wrong, f"sb-10-targets {d.mode}", "\n".join(wrong))
    got = d.call("run", "--bind", f"{good}:/mnt", "--", "cat", "/mnt/f")
    lab.tap.ok(got.stdout == "here", f"sb-10-control {d.mode}", say(got))
    got = d.call("run", "--bind", f"{area}:/mnt:ro", "--bind",
                 f"{good}:/mnt/good", *SH, "echo x > /mnt/good/n && "
                 "! echo x > /mnt/n")
    lab.tap.ok(got.returncode == 0, f"sb-10-nested {d.mode}", say(got))
    sock.close()


def image_tree(d, name):
    """A root of our own that has what a command needs."""
    top = d.folder(name, 0o755)
    for sub in ("usr", "proc", "dev", "etc", "tmp", "run", "var", "home",
                "root", "sys", "bin", "lib64"):
        os.mkdir(os.path.join(top, sub))
    shutil.copy(sec.PROBE, os.path.join(top, "bin", "probe"))
    return top


def images(lab, d):
    """SB-06, SB-07: every place where something is mounted, and its parents,
    as a link, a file or a fifo of the image."""
    outs = [lab.canary, "../" * 20 + lab.canary.lstrip("/"),
            "/proc/self/root" + lab.canary, "nowhere", "self"]
    places = ["proc", "dev", "tmp", "run", "etc", "home", "sys", "var",
              "workspace", "usr", "dev/pts", "dev/shm", "dev/null",
              "dev/console", "etc/resolv.conf", "etc/hosts", "var/tmp",
              "home/creel", "proc/sys"]
    control = image_tree(d, "image-control")
    work = d.folder("image-work")
    got = d.call("run", "--image", control, "--workspace", work, "--",
                 "/bin/probe", "status", "masks", "mounts")
    if not lab.tap.ok(got.returncode == 0, f"sb-06-control {d.mode}",
                      say(got)):
        return
    before = len(os.listdir(lab.canary)), sec.tree_hash(lab.canary)
    wrong, count = [], 0
    if d.mode == "range" and sec.SCALE > 1:
        places = places[::3]
    for place in places:
        for kind in outs + ["FIFO", "FILE"]:
            top = os.path.join(d.dir, "image")
            shutil.rmtree(top, ignore_errors=True)
            image_tree(d, "image")
            full = os.path.join(top, place)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            if os.path.isdir(full):
                shutil.rmtree(full)
            if kind == "FIFO":
                os.mkfifo(full)
            elif kind == "FILE":
                open(full, "w", encoding="utf-8").close()
            else:
                target = os.path.basename(place) if kind == "self" else kind
                os.symlink(target, full)
            count += 1
            try:
                got = d.call("run", "--image", top, "--workspace", work,
                             "--", "/bin/probe", "status", "masks", "mounts",
                             timeout=20)
            except subprocess.TimeoutExpired:
                wrong.append(f"{place} as {kind}: hangs")
                continue
            found = sec.parse(got.stdout)
            if got.returncode not in (0, 125, 126, 127):
                wrong.append(f"{place} as {kind}: {say(got)}")
            if got.returncode == 0:
                wrong += [f"{place} as {kind}: {x}"
                          for x in image_breaches(found)]
            if lab.token in got.stdout:
                wrong.append(f"{place} as {kind}: the canary is seen")
    lab.tap.ok(not wrong, f"sb-06-image-fixtures {d.mode} ({count})",
               "\n".join(wrong))
    lab.tap.ok(before == (len(os.listdir(lab.canary)),
                          sec.tree_hash(lab.canary)),
               f"sb-06-canary-untouched {d.mode}")


def image_breaches(found):
    if found.get("sb-07-proc-is-proc", [("", "")])[0][1] != "yes":
        yield "/proc is not proc"
    for name in ("sb-07-read:/proc/keys", "sb-07-read:/proc/timer_list",
                 "sb-07-read:/proc/kcore"):
        if found.get(name, [("", "")])[0][0] != "refused":
            yield f"{name} {found.get(name)}"
    for name, results in found.items():
        if name.startswith("sb-07-write:") and results[0][0] == "allowed":
            yield f"{name} {results[0]}"


def swap(lab, d):
    """SB-06, SB-09: a source and a target's parent exchanged in mid-way."""
    area = d.folder("swap")
    for name in ("a", "b"):
        os.mkdir(os.path.join(area, name))
        with open(os.path.join(area, name, "who"), "w",
                  encoding="utf-8") as file:
            file.write(name)
    os.mkdir(os.path.join(area, "work"))
    os.makedirs(os.path.join(area, "work", "in", "deep"))
    os.symlink(lab.canary, os.path.join(area, "work", "out"))
    os.symlink("a", os.path.join(area, "source"))
    if sec.ROOT:
        subprocess.run(["chown", "-hR", str(d.uid), area], check=True)
    stop = threading.Event()

    def exchange():
        turn = 0
        work = os.path.join(area, "work")
        while not stop.is_set():
            turn ^= 1
            os.symlink("ab"[turn], area + "/tmp-link")
            os.rename(area + "/tmp-link", area + "/source")
            os.rename(work + "/in", work + "/third")
            os.rename(work + "/out", work + "/in")
            os.rename(work + "/third", work + "/out")

    thread = threading.Thread(target=exchange)
    thread.start()
    wrong, started = [], 0
    for _ in range(sec.rounds(10000, 40)):
        got = d.call("run", "--workspace", area + "/work", "--bind",
                     area + "/source:/workspace/in/deep:ro", *SH,
                     "cat /workspace/in/deep/who; "
                     "grep -c canary /proc/self/mountinfo")
        if got.returncode == 125:
            continue
        started += 1
        if not re.fullmatch(r"([ab]?)0\n", got.stdout):
            wrong.append(say(got))
    stop.set()
    thread.join()
    lab.tap.ok(not wrong and started, f"sb-09-swapped-source {d.mode} "
               f"({started} started)", "\n".join(wrong[:5]))
    lab.tap.ok(sorted(os.listdir(lab.canary)) == ["a", "b"],
               f"sb-06-swapped-target {d.mode}", os.listdir(lab.canary))


def propagation(lab, d):
    """SB-12: what is mounted later on the host does not come in."""
    if not sec.ROOT:
        lab.tap.skip(f"sb-12-host-mount {d.mode}", "needs root")
        return
    area = d.folder("late", 0o755)
    os.mkdir(area + "/below")
    p = d.popen("run", "--bind", area + ":/mnt:ro", *SH,
                "echo up; read x; ls /mnt/below", stdin=subprocess.PIPE,
                text=True)
    p.stdout.readline()
    subprocess.run(["mount", "-t", "tmpfs", "none", area + "/below"],
                   check=True)
    open(area + "/below/late", "w", encoding="utf-8").close()
    out, err = p.communicate("\n", timeout=20)
    seen = os.listdir(area + "/below")
    subprocess.run(["umount", area + "/below"], check=True)
    lab.tap.ok(p.returncode == 0 and "late" not in out,
               f"sb-12-host-mount {d.mode}", out + err)
    lab.tap.ok(seen == ["late"], f"sb-12-control {d.mode}", seen)


def shared(lab, d):
    """SB-12: a shared mount of the host has no peer in a sandbox: nothing that
    is mounted in either is mounted in the other."""
    if not sec.ROOT:
        lab.tap.skip(f"sb-12-shared {d.mode}", "needs root")
        return
    area = d.folder("shared")
    subprocess.run(["mount", "--bind", area, area], check=True)
    subprocess.run(["mount", "--make-shared", area], check=True)
    for sub in ("in", "file", "late"):
        d.folder("shared/" + sub)
    p = d.popen("run", "--bind", area + ":/mnt:ro", "--tmpfs", "/mnt/in",
                "--bind", area + "/file:/mnt/file:ro", *SH,
                "echo up; read x; ls /mnt/late", stdin=subprocess.PIPE,
                text=True)
    up = p.stdout.readline()
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        out = [line for line in file if area + "/" in line.split()[4]]
    subprocess.run(["mount", "-t", "tmpfs", "none", area + "/late"],
                   check=True)
    open(area + "/late/seen", "w", encoding="utf-8").close()
    text, err = p.communicate("\n", timeout=20)
    subprocess.run(["umount", "-R", area], check=True)
    lab.tap.ok(up == "up\n" and not out, f"sb-12-shared-out {d.mode}",
               up + err + "".join(out))
    lab.tap.ok(p.returncode == 0 and "seen" not in text,
               f"sb-12-shared-in {d.mode}", text + err)


def send_lingering(path, told):
    """A TCP socket whose last close waits, left to whoever listens."""
    server = socket.create_server(("127.0.0.1", 0), backlog=64)
    peers = []
    for _ in range(12):
        tcp = socket.create_connection(server.getsockname())
        peers.append(server.accept()[0])
        tcp.setblocking(False)
        try:
            while True:
                tcp.send(bytes(65536))
        except BlockingIOError:
            pass
        tcp.setblocking(True)
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                       struct.pack("ii", 1, 30))
        # The listener may be quicker, and hang up before this is sent.
        for _ in range(50):
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            sock.connect(path)
            try:
                socket.send_fds(sock, [b"x"], [tcp.fileno()])
                break
            except OSError:
                sock.close()
        peers.append(sock)
        threading.Thread(target=tcp.close, daemon=True).start()
    os.write(told, b"x")
    time.sleep(60)
    os._exit(0)


def lingering(lab, d):
    """SB-20: nobody who is turned away holds up the listener."""
    if d.mode != "system":
        return
    d.call("run", "--", "true")
    read_end, write_end = os.pipe()
    "now".encode("idna")  # its module may lie where the other cannot read
    pid = os.fork()
    if pid == 0:
        os.setgroups([])
        os.setresgid(61299, 61299, 61299)
        os.setresuid(61299, 61299, 61299)
        send_lingering(d.runtime + "/creel.sock", write_end)
    os.close(write_end)
    sent = os.read(read_end, 1)
    start = time.monotonic()
    got = d.call("run", "--", "true")
    took = time.monotonic() - start
    os.close(read_end)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    lab.tap.ok(sent == b"x" and got.returncode == 0 and took < 3,
               f"sb-20-lingering {d.mode}", f"{took:.1f} s {say(got)}")


def hidden(lab, d):
    """SB-11: files hidden under a mount of the host stay hidden."""
    if not sec.ROOT:
        lab.tap.skip(f"sb-11-hidden {d.mode}", "needs root")
        return
    area = d.folder("over", 0o755)
    os.mkdir(area + "/sub")
    open(area + "/sub/hidden", "w", encoding="utf-8").close()
    subprocess.run(["mount", "-t", "tmpfs", "none", area + "/sub"],
                   check=True)
    got = d.call("run", "--bind", area + ":/mnt:ro", "--", "ls", "/mnt/sub")
    subprocess.run(["umount", area + "/sub"], check=True)
    lab.tap.ok("hidden" not in got.stdout, f"sb-11-hidden {d.mode}",
               say(got))
    image = image_tree(d, "image-over")
    subprocess.run(["mount", "-t", "tmpfs", "none", image + "/home"],
                   check=True)
    got = d.call("run", "--image", image, "--", "/bin/probe", "status")
    subprocess.run(["umount", image + "/home"], check=True)
    lab.tap.ok(refused(got) and "mounted in the image" in got.stderr,
               f"sb-11-hidden-image {d.mode}", say(got))


def groups(lab, d):
    """SB-16: a file that its group may not read is not read."""
    area = d.folder("neg", 0o755)
    path = area + "/negative"
    with open(path, "w", encoding="utf-8") as file:
        file.write("all but the group")
    os.chmod(path, 0o604)
    if not sec.ROOT:
        lab.tap.skip(f"sb-16-negative-group {d.mode}", "needs root")
        return
    os.chown(path, 0, d.uid)
    got = d.call("run", "--bind", area + ":/mnt:ro", "--", "cat",
                 "/mnt/negative")
    control = subprocess.run(d.as_user(["cat", path], uid=61236),
                             capture_output=True, check=False)
    lab.tap.ok(got.returncode != 0, f"sb-16-negative-group {d.mode}",
               say(got))
    lab.tap.ok(control.returncode == 0, f"sb-16-control {d.mode}")
    got = d.call("run", "--", "id", "-G")
    want = {"1000"} if d.mode != "single" else {"1000", "65534"}
    lab.tap.ok(set(got.stdout.split()) <= want, f"sb-16-groups {d.mode}",
               say(got))


def setid(lab, d):
    """SB-19: no set-id file or file capability in a shared folder."""
    work = d.folder("setid")
    found, got = d.probe(["setid", "/workspace"], "--workspace", work)
    wrong = [f"{n} {v}" for n, v in found.items()
             if n.startswith("sb-19") and v[0][0] == "allowed"]
    left = subprocess.run(["find", work, "-perm", "/6000"],
                          capture_output=True, text=True, check=False).stdout
    lab.tap.ok(not wrong and not left and "sb-19-chmod" in found,
               f"sb-19-set-id {d.mode}", "\n".join(wrong) + left + say(got))
    if d.mode == "system":
        d.call("exec", "--workspace", work, "sg", "--", "true")
        got = d.call("exec", "--seccomp", "baseline", "--user", "1000:0", "sg",
                     *SH, "cp /usr/bin/id /workspace/g; "
                     "chmod 2755 /workspace/g; id")
        d.call("rm", "sg")
        left = subprocess.run(["find", work, "!", "-gid", str(d.uid)],
                              capture_output=True, text=True,
                              check=False).stdout
        lab.tap.ok("gid=0" in got.stdout and not left,
                   f"sb-19-group-of-a-block {d.mode}", left + say(got))
    control = sec.parse(subprocess.run(
        d.as_user([sec.PROBE, "setid", work]), capture_output=True,
        text=True, check=False).stdout)
    lab.tap.ok(control.get("sb-19-chmod", [("", "")])[0][0] == "allowed",
               f"sb-19-control {d.mode}", control)


def secrets(lab, d):
    """SB-28: nothing of any environment around comes in."""
    token = "canary" + lab.token
    env = d.env(SECRET_TOKEN=token, AWS_SECRET_ACCESS_KEY=token,
                LD_LIBRARY_PATH="/" + token)
    argv = ["run", "--bind", f"{sec.PROBE}:/probe:ro", "--", "/probe",
            "secret", token[::-1]]
    for embedded in (False, True):
        if embedded and d.mode == "system":
            continue
        got = d.call(*argv, env=env, embedded=embedded)
        found = sec.parse(got.stdout)
        lab.tap.ok(found.get("sb-28-secret", [("", "")])[0][0] == "refused",
                   f"sb-28-secrets {d.mode} embedded={embedded}", say(got))
    got = d.call("run", "--env", "GIVEN=" + token, "--bind",
                 f"{sec.PROBE}:/probe:ro", "--", "/probe", "secret",
                 token[::-1])
    lab.tap.ok("allowed" in got.stdout, f"sb-28-control {d.mode}", say(got))
    got = d.call("run", "--", "env", env=env)
    have = {line.split("=")[0] for line in got.stdout.splitlines()}
    lab.tap.ok(have <= {"PATH", "HOME", "USER", "LANG", "TERM", "TZ",
                        "LOGNAME", "SHELL", "PWD", "HOSTNAME"},
               f"sb-28-environment {d.mode}", have)


def reach(lab, d):
    """SB-25: no listener of the host answers."""
    abstract = socket.socket(socket.AF_UNIX)
    name = "creel-canary-" + lab.token
    abstract.bind("\0" + name)
    abstract.listen()
    tcp = socket.socket()
    tcp.bind(("0.0.0.0", 0))
    tcp.listen()
    tcp6 = socket.socket(socket.AF_INET6)
    tcp6.bind(("::1", 0))
    tcp6.listen()
    port, port6 = tcp.getsockname()[1], tcp6.getsockname()[1]
    targets = ["@" + name, f"127.0.0.1,{port}", f"::1,{port6}",
               f"0.0.0.0,{port}", f"169.254.169.254,{port}"]
    host = subprocess.run(["hostname", "-I"], capture_output=True,
                          text=True, check=False).stdout.split()
    targets += [f"{a},{port}" for a in host if ":" not in a]
    targets.append(os.path.join(d.runtime, "creel.sock"))
    found, got = d.probe(["reach"] + targets)
    wrong = [f"{n} {v}" for n, v in found.items()
             if n.startswith("sb-25") and v[0][0] == "allowed"]
    lab.tap.ok(not wrong and len(found) > len(targets),
               f"sb-25-reach {d.mode}", "\n".join(wrong) + say(got))
    control = sec.parse(subprocess.run(
        [sec.PROBE, "reach"] + targets[:3], capture_output=True, text=True,
        check=False).stdout)
    ok = [n for n, v in control.items() if v[0][0] == "allowed"]
    lab.tap.ok(len(ok) == 3, f"sb-25-control {d.mode}", control)
    got = d.call("run", *SH, "cat /proc/net/unix | tail -n +2 | wc -l; "
                 "tail -n +2 /proc/net/tcp | wc -l; ls /sys/class/net "
                 "2>/dev/null; cut -d: -f1 /proc/net/dev | tail -n +3")
    lines = got.stdout.split()
    lab.tap.ok(lines[-1:] == ["lo"] and lines[1:2] == ["0"],
               f"sb-25-own-network {d.mode}", say(got))
    for s in (abstract, tcp, tcp6):
        s.close()


def quotas(lab, d):
    """SB-20: what one sandbox uses up, its neighbour and the host have."""
    resources = ["inotify", "watch", "fd", "pipe", "mqueue", "memlock",
                 "signal", "inflight", "shm", "lock", "pty", "key",
                 "process"]
    bind = ("--bind", f"{sec.PROBE}:/probe:ro")
    for resource in resources:
        if resource == "key":
            continue  # keys are denied whole: SB-24
        limit = ("--ulimit", "nproc=200") if resource == "process" else ()
        p = d.popen("run", *bind, *limit, "--", "/probe", "quota", resource,
                    "hold", stdin=subprocess.PIPE, text=True)
        ready, _, _ = select.select([p.stdout], [], [], 60)
        first = p.stdout.readline() if ready else ""
        got = d.call("run", *bind, "--", "/probe", "quota", resource)
        host = subprocess.run([sec.PROBE, "quota", resource], text=True,
                              capture_output=True, check=False).stdout
        p.stdin.close()
        try:
            p.wait(10)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()
        p.stdout.close()
        p.stderr.close()
        exhausted = "\trefused\t" in first
        shared = d.mode != "system" and resource in SHARED_ROOTLESS
        peer = "\tallowed\t1" in got.stdout
        if shared and not peer and os.getuid() == d.uid:
            lab.tap.skip(f"sb-20-{resource} {d.mode}",
                         "needs root: another user must have some left")
            continue
        lab.tap.ok("\tallowed\t1" in host and (peer or shared),
                   f"sb-20-{resource} {d.mode}",
                   f"{first!r} peer {say(got)} host {host!r}")
        if shared and not peer:
            lab.tap.note(f"{resource}: a user's rootless sandboxes share it")
        lab.tap.row("SB-20", d.mode, resource, None,
                    ("exhausted" if exhausted else "not exhausted") +
                    (", peer has it" if peer else ", peer has none"))


# Counted for the host user, who is one and the same in rootless mode, with no
# bound of a namespace's own; the host's other users have theirs.
SHARED_ROOTLESS = ("pipe", "inflight", "process")


def ranges(lab, d):
    """SB-18: sandboxes that live at once have disjoint ids."""
    if d.mode != "system":
        return  # a user's rootless sandboxes share his ids
    count = sec.rounds(256, 12)
    for i in range(count):
        d.call("run", "--detach", "--name", f"r{i}", "--", "sleep", "100")
    seen = {}
    for pid in d.pids("creel-init"):
        try:
            with open(f"/proc/{pid}/uid_map", encoding="utf-8") as file:
                for line in file:
                    inside, outside, length = map(int, line.split())
                    for base in range(outside, outside + length, 65536):
                        if length >= 65536:
                            seen.setdefault(base, set()).add(
                                os.readlink(f"/proc/{pid}/ns/pid"))
                    if outside == 0 or outside == d.uid and length > 1:
                        seen.setdefault("bad", set()).add(line)
        except OSError:
            continue
    shared = {b: v for b, v in seen.items() if len(v) > 1}
    lab.tap.ok(not shared and "bad" not in seen and len(seen) >= count,
               f"sb-18-disjoint {d.mode} ({len(seen)} blocks)", shared)
    for i in range(count):
        d.call("rm", f"r{i}")


def one_storm(d, name):
    """What it came to, and how many commands there were meanwhile."""
    p = d.popen("exec", name, "--", "/probe", "storm", "2", text=True)
    time.sleep(0.3)
    end = time.monotonic() + 1.3
    n = 0
    while time.monotonic() < end:
        got = d.call("exec", "--seccomp", "strict", name, "--", "true")
        n += got.returncode == 0
    out, err = p.communicate(timeout=60)
    return sec.parse(out).get("sb-03-storm", [("", out + err)])[0], n


def storm(lab, d):
    """SB-03: while 200 commands start, no other can take pid 1's image."""
    bind = ("--bind", f"{sec.PROBE}:/probe:ro")
    for user in ("1000:1000", "0:0"):
        name = "storm" + user[0]
        d.call("run", "--detach", "--name", name, "--user", user, *bind,
               "--", "sleep", "100")
        n = taken = 0
        # A busy machine needs more than one for as many commands.
        for _ in range(20):
            found, execs = one_storm(d, name)
            n += execs
            taken = taken or re.search(r"taken=([1-9]\d*)", found[1])
            if found[0] != "refused" or (taken and n > 20):
                break
        lab.tap.ok(found[0] == "refused", f"sb-03-storm {d.mode} {user} "
                   f"({n} execs)", found)
        lab.tap.ok(taken and n > 20,
                   f"sb-03-storm-control {d.mode} {user}: commands that run "
                   "are taken", f"{found} {n}")
        d.call("rm", name)


def terminal(lab, d):
    """SB-21: a command's terminal is the sandbox's own."""
    master, slave = pty.openpty()
    argv = d.argv("run", ["-t", "--bind", f"{sec.PROBE}:/probe:ro", "--",
                          "/probe", "tty"])
    p = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave,
                         env=d.env(TERM="xterm"), cwd="/")
    out, over, end = b"", False, time.monotonic() + 60
    while time.monotonic() < end:
        ready, _, _ = select.select([master], [], [], 0.2)
        if ready:
            try:
                out += os.read(master, 65536)
            except OSError:
                break
        elif over:
            break
        # What was written before its end is read after it.
        over = p.poll() is not None
    p.wait(10)
    # What TIOCSTI pushed onto the caller's terminal would be readable here.
    os.set_blocking(slave, False)
    try:
        pushed = os.read(slave, 100)
    except OSError:
        pushed = b""
    os.close(master)
    os.close(slave)
    found = sec.parse(out.decode(errors="replace").replace("\r\n", "\n"))
    wrong = [f"{n} {v}" for n, v in found.items()
             if n.startswith("sb-21-tio") and v[0][0] == "allowed"]
    stdin = found.get("sb-21-stdin", [("", "")])[0][1]
    lab.tap.ok(not wrong and not pushed and len(found) >= 9,
               f"sb-21-terminal {d.mode}",
               "\n".join(wrong) + repr(pushed) + repr(out[-300:]))
    lab.tap.ok(re.match(r"/dev/pts/\d+ tty=1", stdin) is not None,
               f"sb-21-own-pty {d.mode}", stdin)


def core(lab, d):
    """SB-13: a crash leaves nothing on the host."""
    pattern = open("/proc/sys/kernel/core_pattern", encoding="utf-8").read()
    got = d.call("run", *SH, "ulimit -c; kill -SEGV $$")
    lab.tap.ok(got.returncode == 128 + 11 and got.stdout == "0\n" and
               pattern == open("/proc/sys/kernel/core_pattern",
                               encoding="utf-8").read(),
               f"sb-13-core {d.mode}", say(got))


def recycled(lab, d):
    """SB-31: what is gone stays gone, whoever has its number now."""
    got = d.call("run", "--detach", "--name", "old", "--", "sleep", "100")
    ident = got.stdout.strip()
    d.call("rm", "old")
    decoy = subprocess.Popen(["sleep", "100"])
    wrong = []
    for target in ("old", ident, str(decoy.pid)):
        for verb in ("kill", "rm"):
            if d.call(verb, target).returncode == 0:
                wrong.append(f"{verb} {target}")
    lab.tap.ok(ident and not wrong and decoy.poll() is None,
               f"sb-31-stale-handles {d.mode}", wrong)
    decoy.kill()
    decoy.wait()
    d.call("run", "--detach", "--name", "new", "--", "sleep", "100")
    got = d.call("kill", "new")
    lab.tap.ok(got.returncode == 0, f"sb-31-control {d.mode}", say(got))


ALL = (workdirs, users, rewritten, joins, names, bind_table, images, swap,
       propagation, shared, lingering, hidden, groups, setid, secrets, reach,
       quotas, ranges,
       storm, terminal, core, recycled)


def main():
    lab = sec.Lab()
    wanted = sys.argv[1:]
    for mode in lab.modes:
        d = lab.daemon(mode)
        for part in ALL:
            if wanted and part.__name__ not in wanted:
                continue
            start, failed = time.monotonic(), lab.tap.failed
            try:
                part(lab, d)
            except subprocess.TimeoutExpired as late:
                lab.tap.ok(False, f"{part.__name__} {mode} in time",
                           str(late)[:200])
            lab.tap.row((part.__doc__ or "")[:5], mode, part.__name__, None,
                        "held" if lab.tap.failed == failed else "breach")
            lab.tap.note(f"{part.__name__} {mode}: "
                         f"{time.monotonic() - start:.1f} s")
        d.stop()
    lab.missing("all")
    lab.finish("outside")


main()
