#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SB-06, SB-07: images whose every place is a link, a FIFO or a file, as they
are and while they change; SB-36: images that bring a policy of their own."""
import ctypes
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import sec  # noqa: E402

# What is mounted or made in each sandbox, and all that leads there.
PLACES = ("proc", "sys", "dev", "dev/pts", "dev/shm", "dev/mqueue",
          "dev/null", "dev/console", "dev/ptmx", "dev/fd", "tmp", "var",
          "var/tmp", "run", "run/in", "etc", "etc/resolv.conf", "etc/hosts",
          "etc/hostname", "etc/passwd", "home", "home/creel", "root",
          "workspace", "srv", "srv/deep", "srv/deep/target", "proc/sys",
          "proc/self")
# Of each: what it is, where it lies, what file system that is.
SCRIPT = """
for p in /dev/null /dev/zero /dev/full /dev/tty /dev/ptmx /dev/pts /dev/shm \
/dev/fd /proc /proc/self /proc/1 /proc/sys /proc/kcore /proc/keys \
/proc/timer_list /proc/sysrq-trigger /proc/acpi /proc/scsi /proc/irq \
/proc/bus /proc/fs /sys/firmware /sys/fs /tmp /run; do
stat -c '%n %F %t:%T' $p 2>/dev/null && stat -f -c '%n %T' $p || echo $p none
done
for p in kcore keys timer_list; do head -c1 /proc/$p | wc -c; done 2>&1
for p in sysrq-trigger sys/kernel/core_pattern sys/kernel/modprobe; do
(echo x >/proc/$p) && echo "/proc/$p written"; done 2>/dev/null
cat /srv/deep/target/a /home/creel/a /workspace/a /etc/a /run/a 2>/dev/null
grep -c canary /proc/self/mountinfo
"""


def say(got):
    return f"exit {got.returncode} out={got.stdout[-300:]!r} " \
           f"err={got.stderr[-200:]!r}"


def kinds(lab):
    """name -> what a link leads to; None for what is no link."""
    out = lab.canary
    return {"absolute": out, "parents": "../" * 20 + out.lstrip("/"),
            "proc-root": "/proc/self/root" + out,
            "pid-root": "/proc/1/root" + out, "fd": "/proc/self/fd/3",
            "dangling": "nowhere/at/all", "loop": "@self", "up": "..",
            "root": "/", "FIFO": None, "FILE": None}


class Rig:
    count = 0

    def __init__(self, lab, d):
        Rig.count += 1
        self.lab, self.d = lab, d
        self.work = d.folder(f"img-work-{Rig.count}")
        self.target = d.folder(f"img-target-{Rig.count}")
        self.top = os.path.join(d.dir, f"img-{Rig.count}")
        self.before = sec.tree_hash(lab.canary), os.listdir(lab.canary)

    def tree(self):
        shutil.rmtree(self.top, ignore_errors=True)
        for sub in ("usr", "proc", "dev", "etc", "tmp", "run", "var", "home",
                    "root", "sys", "srv/deep/target", "workspace"):
            os.makedirs(os.path.join(self.top, sub))
        for name in ("bin", "lib", "lib64"):
            os.symlink("usr/" + name, os.path.join(self.top, name))

    def spoil(self, place, kind, to):
        full = os.path.join(self.top, place)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        if os.path.isdir(full):
            shutil.rmtree(full)
        if kind == "FIFO":
            os.mkfifo(full)
        elif kind == "FILE":
            with open(full, "w", encoding="ascii") as file:
                file.write("x")
        else:
            os.symlink(os.path.basename(place) if to == "@self" else to, full)

    def give(self):
        if sec.ROOT:
            subprocess.run(["chown", "-hR", f"{self.d.uid}:{self.d.uid}",
                            self.top], check=True)

    def run(self, *more, image=None, script=SCRIPT):
        return self.d.call(
            "run", "--image", image or self.top, "--workspace", self.work,
            "--bind", "/usr:/usr:ro", "--bind",
            self.target + ":/srv/deep/target:ro", "--tmpfs", "/run/in", *more,
            "--", "/usr/bin/sh", "-c", script, timeout=30)

    def untouched(self):
        return (sec.tree_hash(self.lab.canary),
                os.listdir(self.lab.canary)) == self.before


def judge(rig, what, got, control):
    """What is wrong with how one sandbox came out."""
    if got.returncode not in (0, 1, 125, 126, 127):
        yield f"{what}: {say(got)}"
    if rig.lab.token in got.stdout:
        yield f"{what}: the canary is seen"
    if "written" in got.stdout:
        yield f"{what}: {got.stdout}"
    # It ran: then it is as it should be, or could not run to its end.
    if got.returncode in (0, 1) and got.stdout != control:
        ours, theirs = set(got.stdout.split("\n")), set(control.split("\n"))
        yield f"{what}: {sorted(ours ^ theirs)[:6]}"
    if got.returncode == 125 and not got.stderr.startswith("creel: "):
        yield f"{what}: {say(got)}"


def fixtures(lab, d):
    """SB-06, each place as each kind, read-only and writable."""
    rig = Rig(lab, d)
    rig.tree()
    rig.give()
    control = rig.run()
    if not lab.tap.ok(control.returncode == 1 and
                      "/dev/null character special file 1:3" in control.stdout
                      and "/proc proc" in control.stdout and
                      control.stdout.endswith("\n0\n"),
                      f"sb-07-control {d.mode}", say(control)):
        return
    wrong, count, ran = [], 0, 0
    for at, place in enumerate(PLACES):
        for kind, to in kinds(lab).items():
            # All of them by check-long.
            if sec.SCALE > 1 and (at + len(kind) + ord(d.mode[1])) % 5:
                continue
            rig.tree()
            rig.spoil(place, kind, to)
            rig.give()
            for more in ((), ("--writable",)):
                count += 1
                what = f"{place} as {kind} {' '.join(more)}"
                try:
                    got = rig.run(*more)
                except subprocess.TimeoutExpired:
                    wrong.append(f"{what}: hangs")
                    continue
                ran += got.returncode == 1
                wrong += judge(rig, what, got, control.stdout)
            if not rig.untouched():
                wrong.append(f"{place} as {kind}: the canary has changed")
    lab.tap.ok(not wrong and ran > 10,
               f"sb-06-fixtures {d.mode} ({count}, {ran} ran)",
               "\n".join(wrong[:12]))


def pack(rig):
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        tar.add(rig.top, ".")
    return raw.getvalue()


def image(rig, *words, **more):
    """creel image, as the daemon's user."""
    if words[0] == "import":
        words += ("--system" if rig.d.mode == "system" else "--rootless",)
    return subprocess.run(rig.d.as_user([rig.d.creel, "image", *words]),
                          env=rig.d.env(), capture_output=True, timeout=60,
                          check=False, cwd="/", **more)


def stored(lab, d):
    """SB-06: the same from an archive, by name."""
    rig, wrong, count = Rig(lab, d), [], 0
    rig.tree()
    rig.give()
    image(rig, "import", "fix", "-", input=pack(rig))
    control = rig.run(image="fix")
    lab.tap.ok(control.returncode == 1, f"sb-06-stored-control {d.mode}",
               say(control))
    every = 1 if sec.SCALE == 1 else 29
    for place in PLACES:
        for kind, to in kinds(lab).items():
            count += 1
            if count % every or kind == "FIFO":
                continue
            rig.tree()
            rig.spoil(place, kind, to)
            made = image(rig, "import", "--replace", "fix", "-",
                         input=pack(rig))
            if made.returncode:
                wrong.append(f"{place} as {kind}: {made.stderr!r}")
                continue
            for more in ((), ("--writable",)):
                got = rig.run(*more, image="fix")
                wrong += judge(rig, f"{place} as {kind}", got, control.stdout)
    lab.tap.ok(not wrong and rig.untouched(), f"sb-06-stored {d.mode}",
               "\n".join(wrong[:12]))


def swapped(lab, d):
    """SB-06: directories of an image become links while it is mounted."""
    rig = Rig(lab, d)
    rig.tree()
    for name in ("etc", "run", "srv", "home", "dev", "proc", "tmp"):
        os.symlink(lab.canary, os.path.join(rig.top, "x-" + name))
    os.symlink(lab.canary, os.path.join(rig.top, "srv/x-deep"))
    rig.give()
    libc = ctypes.CDLL(None, use_errno=True)
    stop, turns = threading.Event(), [0]
    pairs = [(f"{rig.top}/{n}".encode(), f"{rig.top}/x-{n}".encode())
             for n in ("etc", "run", "srv", "home", "dev", "proc", "tmp")]
    pairs.append((f"{rig.top}/srv/deep".encode(),
                  f"{rig.top}/srv/x-deep".encode()))

    def exchange():
        while not stop.is_set():
            for one, two in pairs:
                turns[0] += libc.renameat2(-100, one, -100, two, 2) == 0

    thread = threading.Thread(target=exchange)
    thread.start()
    wrong, ran = [], 0
    script = "cat /srv/deep/target/a /etc/a /run/a /home/a /tmp/a 2>/dev/null; " \
             "grep -c canary /proc/self/mountinfo"
    for at in range(sec.rounds(10000, 60)):
        got = rig.run(*(("--writable",) if at % 2 else ()), script=script)
        # A canary that a link of the image leads to is not there, inside.
        if got.returncode in (0, 1):
            ran += 1
        elif got.returncode not in (125, 126, 127):
            wrong.append(say(got))
        if lab.token in got.stdout or \
                (got.returncode in (0, 1) and got.stdout != "0\n"):
            wrong.append(say(got))
    stop.set()
    thread.join()
    lab.tap.ok(not wrong and ran and turns[0] > 100 and rig.untouched(),
               f"sb-06-swapped-image {d.mode} ({ran} ran, {turns[0]} turns)",
               "\n".join(wrong[:5]))


def policies(lab, d):
    """SB-36: what an image says of policy is not read."""
    rig = Rig(lab, d)
    rig.tree()
    os.makedirs(rig.top + "/etc/creel/conf.d")
    loose = {"agents": {"defaults": {"sandbox": {
        "mode": "off", "docker": {"network": "host", "binds": ["/:/host"],
                                  "capDrop": [], "user": "0:0"}}}}}
    texts = {"etc/creel/helper.conf": "cap-keep all\nhost-network yes\n",
             "etc/creel/creel.json5": json.dumps(loose),
             "etc/creel/conf.d/x.json5": json.dumps(loose),
             "creel.json5": json.dumps(loose), "manifest.json": json.dumps(
                 {"config": {"User": "0"}, "network": "host",
                  "binds": ["/:/host"]}), "lock": "", "rootfs": "",
             ".dockerenv": "", ".config": ""}
    for name, text in texts.items():
        with open(os.path.join(rig.top, name), "w",
                  encoding="ascii") as file:
            file.write(text)
    made = image(rig, "import", "policy", "-", input=pack(rig))
    lab.tap.ok(made.returncode == 0 and b"have no effect" in made.stderr,
               f"sb-36-image-told {d.mode}", made.stderr)
    path = json.loads(image(rig, "inspect", "policy", "--json").stdout)["path"]
    with open(os.path.join(os.path.dirname(path), "manifest.json"),
              encoding="ascii") as file:
        manifest = json.load(file)
    manifest.update(loose, network="host", binds=["/:/host"], user="0:0",
                    cap_keep=(1 << 40) - 1, writable=True, env=["A=b"])
    with open(file.name, "w", encoding="ascii") as file:
        json.dump(manifest, file)
    script = "id -u; ls /host; echo $A; touch /x; grep -c : /proc/net/dev; " \
             "grep -E 'Cap(Eff|Bnd)' /proc/self/status"
    got = rig.run(image="policy", script=script)
    lab.tap.ok(got.stdout == "1000\n\n1\nCapEff:\t0000000000000000\n"
               "CapBnd:\t0000000000000000\n" and
               "Read-only" in got.stderr, f"sb-36-image-policy {d.mode}",
               say(got))
    shutil.move(path, path + ".away")
    for to in ("/", lab.canary, "../other@1/rootfs"):
        os.symlink(to, path)
        got = rig.run(image="policy", script="echo ran")
        lab.tap.ok(got.returncode == 125 and "ran" not in got.stdout,
                   f"sb-06-rootfs-is-a-link {d.mode}", say(got))
        os.unlink(path)


def main():
    lab = sec.Lab()
    wanted = sys.argv[1:]
    for mode in lab.modes:
        d = lab.daemon(mode)
        for part in (fixtures, stored, swapped, policies):
            if wanted and part.__name__ not in wanted:
                continue
            failed = lab.tap.failed
            part(lab, d)
            lab.tap.row(part.__doc__[:5], mode, part.__name__, None,
                        "held" if lab.tap.failed == failed else "breach")
        d.stop()
    lab.missing("images")
    lab.finish("images")


main()
