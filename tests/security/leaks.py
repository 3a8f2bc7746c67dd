#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts before and after: sandboxes made and removed, many live at once,
10,000 and 1,000 of them in check-long."""
import glob
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import sec  # noqa: E402


def counts(daemon):
    """What may not grow: processes, fds, mounts, namespaces, cgroups."""
    pids = [p for p in daemon.pids()]
    table = sec.processes()
    named = {}
    fds = kept = mounts = 0
    spaces = set()
    for pid in pids:
        name = table.get(pid, (0, "gone"))[1]
        named[name] = named.get(name, 0) + 1
        try:
            n = len(os.listdir(f"/proc/{pid}/fd"))
            if name == "creel-spawner":
                kept += n
            else:
                fds += n
            with open(f"/proc/{pid}/mountinfo", encoding="utf-8") as file:
                mounts += len(file.readlines())
        except OSError:
            pass
        for path in glob.glob(f"/proc/{pid}/ns/*"):
            try:
                spaces.add(os.readlink(path))
            except OSError:
                pass
    return {"processes": named, "fds": fds, "mounts": mounts,
            "namespaces": len(spaces), "spawner fds": kept,
            "cgroups": len([g for g in sec.cgroups() if populated(g)]),
            "empty cgroups": [g for g in sec.cgroups() if not populated(g)],
            "files": sum(len(f) for _, _, f in os.walk(daemon.runtime)),
            "leases": leases(daemon)}


def populated(group):
    try:
        with open(group + "/cgroup.events", encoding="utf-8") as file:
            return "populated 1" in file.read()
    except OSError:
        return False


def leases(daemon):
    """Locks on bytes of the lease file."""
    path = os.path.join(daemon.runtime, "blocks")
    if not os.path.exists(path):
        return 0
    inode = f":{os.stat(path).st_ino} "
    with open("/proc/locks", encoding="utf-8") as file:
        return sum(inode in line for line in file)


def settled(daemon, want=None):
    """The same counts twice, the pool full again; at most twenty seconds.

    Without @want they are what others are compared with, and a sandbox of the
    pool that is being built has more mounts than one that waits: the same for
    a second in which nobody waits for a processor.
    """
    last, end = None, time.monotonic() + 20
    same_since = time.monotonic()
    while time.monotonic() < end:
        sec.reap()
        now = counts(daemon)
        if now != last or (want is None and not sec.asleep(daemon.pids())):
            same_since = time.monotonic()
        elif now == want or (want is None and
                             time.monotonic() - same_since >= 1):
            return now
        last = now
        time.sleep(0.15)
    return last


def same(lab, name, before, after):
    # The spawner keeps the id shifts of up to sixteen blocks; an earlier
    # listener's empty groups go when their block is used again.
    wrong = [f"{k}: {before[k]} -> {after[k]}" for k in before
             if before[k] != after[k] and k not in ("spawner fds",
                                                    "empty cgroups")]
    if after["spawner fds"] > before["spawner fds"] + 16:
        wrong.append(f"spawner fds: {before['spawner fds']} -> "
                     f"{after['spawner fds']}")
    wrong += [f"new {g}" for g in after["empty cgroups"]
              if g not in before["empty cgroups"]]
    lab.tap.ok(not wrong, name, "\n".join(wrong))
    lab.tap.row("SB-45", name.split()[-1], name.split()[0], None,
                "breach" if wrong else "held")


def churn(lab, daemon):
    full = sec.rounds(10000, 60)
    failed = 0
    for i in range(full):
        if i % 5 == 4:
            failed += daemon.call("exec", f"c{i}", "--", "true").returncode
            failed += daemon.call("rm", f"c{i}").returncode
        else:
            failed += daemon.call("run", "--", "true").returncode
    lab.tap.ok(failed == 0, f"leak-churn-{full} {daemon.mode}: all ran",
               f"{failed} failed")


def failing(lab, daemon):
    """Sandboxes that fail in each step of being built."""
    for args in (("--bind", "/proc:/mnt"), ("--workdir", "/none"),
                 ("--bind", "/usr:/proc/x"), ("--hostname", "-"),
                 ("--tmpfs", "/mnt:size=1"), ("--user", "70000:70000"),
                 ("--bind", "/usr/share:/usr/nothing/here"),
                 ("--ulimit", "nofile=0"), ("--memory", "16m")):
        for _ in range(sec.rounds(1000, 3)):
            daemon.call("run", *args, "--", "true")
    for command in ("/nothing", "/etc/passwd", "/"):
        daemon.call("run", "--", command)
    for _ in range(sec.rounds(1000, 5)):
        client = daemon.popen("run", "--", "sleep", "100")
        time.sleep(0.05)
        client.kill()
        client.communicate()


def crowd(lab, daemon):
    """Many at once, each answers, all go."""
    full = sec.rounds(1000, 20)
    failed = []
    for i in range(full):
        got = daemon.call("run", "--detach", "--name", f"n{i}", "--",
                          "sleep", "1000", timeout=60)
        if got.returncode != 0:
            failed.append(got.stderr)
    alive = sum(e[1] == "sleep" for e in sec.descendants().values())
    lab.tap.ok(not failed and alive == full,
               f"live-at-once-{full} {daemon.mode}",
               f"{alive} alive; {failed[:3]}")
    got = daemon.call("exec", f"n{full - 1}", "--", "echo", "here")
    lab.tap.ok(got.stdout == "here\n",
               f"live-at-once-answers {daemon.mode}", got.stderr)
    for i in range(full):
        daemon.call("rm", f"n{i}", timeout=60)


def warm(daemon):
    """Fill what is kept on purpose: the id shifts of sixteen blocks."""
    bind = ("--bind", f"{daemon.home}:/mnt")
    for i in range(20):
        daemon.call("run", "--detach", "--name", f"w{i}", *bind, "--",
                    "sleep", "1000")
    for i in range(20):
        daemon.call("rm", f"w{i}")


def main():
    lab = sec.Lab()
    for mode in lab.modes:
        daemon = lab.daemon(mode)
        warm(daemon)
        before = settled(daemon)
        churn(lab, daemon)
        same(lab, f"leak-churn {mode}", before, settled(daemon, before))
        failing(lab, daemon)
        same(lab, f"leak-failures {mode}", before, settled(daemon, before))
        crowd(lab, daemon)
        same(lab, f"leak-crowd {mode}", before, settled(daemon, before))
        stuck = daemon.stop()
        lab.tap.ok(not stuck, f"leak-teardown {mode}", stuck)
    lab.missing("leaks")
    lab.finish("leaks")


main()
