#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SB-45: kill -9 of creeld, of the helper's processes and of creel-init, at
random moments and once in every phase.  $CREEL_SEED repeats a run."""
import os
import random
import select
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import sec  # noqa: E402

HELPERS = ("creel-user", "creel-spawner", "creel-dispatch")


def kill(daemon, name):
    """SIGKILL to one process of that name; False where there is none."""
    for pid in daemon.pids(name):
        try:
            os.kill(pid, signal.SIGKILL)
            return True
        except ProcessLookupError:
            continue
    return False


def usable(daemon):
    """A new command runs, at most 20 seconds later on a busy machine."""
    end = time.monotonic() + 20
    got = None
    while time.monotonic() < end:
        sec.reap()
        try:
            got = daemon.call("run", "--", "sh", "-c", "exit 7", timeout=15)
        except subprocess.TimeoutExpired:
            return "a run hangs"
        if got.returncode == 7:
            return ""
        time.sleep(0.1)
    return f"exit {got.returncode}: {got.stderr}"


def creeld_dies(lab, daemon, delay):
    """Commands go on, clients learn the true status."""
    clients = []
    daemon.call("exec", "stay", "--", "true")
    for i in range(4):
        target = ("run",) if i % 2 else ("exec", "stay")
        clients.append((40 + i, daemon.popen(
            *target, "--", "sh", "-c", f"sleep 0.9; exit {40 + i}",
            text=True)))
    time.sleep(delay)
    killed = kill(daemon, "creeld")
    wrong = []
    for want, client in clients:
        try:
            out, err = client.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            client.kill()
            client.communicate()
            wrong.append(f"a client hangs (wanted {want})")
            continue
        if client.returncode != want:
            wrong.append(f"status {client.returncode} not {want}: {err}")
    got = daemon.call("exec", "stay", "--", "echo", "alive")
    if got.stdout != "alive\n":
        wrong.append(f"the named sandbox is lost: {got.stderr}")
    got = daemon.call("list", "--json")
    if '"stay"' not in got.stdout:
        wrong.append(f"not listed: {got.stdout} {got.stderr}")
    if not killed:
        wrong.append("there was no creeld to kill")
    return wrong


def helper_dies(lab, daemon, name, delay):
    """The sandboxes are gone whole; the next call makes new ones."""
    daemon.call("exec", "stay", "--", "sh", "-c", "echo old > /tmp/mark")
    client = daemon.popen("run", "--", "sh", "-c",
                          "echo up; sleep 5; exit 9", text=True)
    time.sleep(delay)
    before = daemon.pids("creel-init")
    came = select.select([client.stdout], [], [], 0)[0]
    killed = kill(daemon, name)
    wrong = [] if killed else [f"there was no {name} to kill"]
    try:
        _, err = client.communicate(timeout=60)
        # Who had not come yet when it died is the next one's client.
        if client.returncode != 125 and \
                (came or client.returncode != 9):
            wrong.append(f"status {client.returncode}, not 125: {err}")
    except subprocess.TimeoutExpired:
        client.kill()
        client.communicate()
        wrong.append("the client hangs")
    if not sec.wait_until(lambda: sec.reap() or not any(
            os.path.exists(f"/proc/{p}/ns/pid") and
            p in sec.descendants() for p in before), 20):
        wrong.append("a sandbox outlives its helper")
    why = usable(daemon)
    if why:
        wrong.append("afterwards: " + why)
    got = daemon.call("exec", "stay", "--", "cat", "/tmp/mark")
    if "old" in got.stdout:
        wrong.append("an old sandbox is still there")
    return wrong


def init_dies(lab, daemon, delay):
    """One sandbox is gone whole and said to be; others notice nothing."""
    daemon.call("exec", "other", "--", "sh", "-c", "echo x > /tmp/mark")
    daemon.call("rm", "stay")
    daemon.call("exec", "stay", "--", "sh", "-c", "echo old > /tmp/mark")
    client = daemon.popen("exec", "stay", "--", "sleep", "30", text=True)
    sec.wait_until(lambda: any(tree_has(p, "sleep")
                               for p in daemon.pids("creel-init")), 20)
    time.sleep(delay)
    mine = [p for p in daemon.pids("creel-init")
            if tree_has(p, "sleep")]
    wrong = [] if mine else ["there was no creel-init to kill"]
    for pid in mine[:1]:
        os.kill(pid, signal.SIGKILL)
    try:
        _, err = client.communicate(timeout=20)
        if mine and client.returncode not in (125, 137):
            wrong.append(f"status {client.returncode}: {err}")
    except subprocess.TimeoutExpired:
        client.kill()
        client.communicate()
        wrong.append("the client hangs")
    got = daemon.call("exec", "other", "--", "cat", "/tmp/mark")
    if got.stdout != "x\n":
        wrong.append(f"another sandbox noticed: {got.stderr}")
    got = daemon.call("exec", "stay", "--", "sh", "-c",
                      "cat /tmp/mark 2>/dev/null; echo new")
    if got.stdout != "new\n":
        wrong.append(f"not a new one: {got.stdout!r} {got.stderr}")
    return wrong


def tree_has(pid, name):
    return any(e[1] == name for e in sec.descendants(pid).values())


def phases(lab, daemon, pick):
    """Random kills while sandboxes are made, run and removed."""
    names = ["creeld", "creel-init"] + list(HELPERS)
    wrong, hit = [], dict.fromkeys(names, 0)
    for i in range(sec.rounds(3000, 25)):
        name = names[i % len(names)]
        clients = [daemon.popen("run", "--", "true") for _ in range(2)]
        clients.append(daemon.popen("exec", "p", "--", "true"))
        clients.append(daemon.popen("rm", "p"))
        time.sleep(pick.uniform(0, 0.04))
        hit[name] += kill(daemon, name)
        for client in clients:
            try:
                client.communicate(timeout=30)
            except subprocess.TimeoutExpired:
                client.kill()
                client.communicate()
                wrong.append(f"round {i} ({name}): a client hangs")
                continue
            if client.returncode not in (0, 1, 125, 137):
                wrong.append(f"round {i} ({name}): status "
                             f"{client.returncode}")
        # A controller that keeps dying young is given up; so let it live.
        if name == "creeld" and i % 3 == 0:
            time.sleep(1.3)
    lab.tap.note(f"{daemon.mode}: killed {hit}")
    if not all(hit.values()):
        wrong.append(f"not all were hit: {hit}")
    why = usable(daemon)
    return wrong + (["afterwards: " + why] if why else [])


def runtime_gone(lab, daemon):
    """A runtime folder that was removed is made again."""
    daemon.stop()
    if daemon.mode == "system":
        return []
    for name in os.listdir(daemon.runtime):
        os.unlink(os.path.join(daemon.runtime, name))
    why = usable(daemon)
    return [why] if why else []


def main():
    lab = sec.Lab()
    seed = int(os.environ.get("CREEL_SEED", str(int(time.time()))))
    lab.tap.note(f"seed {seed} (CREEL_SEED repeats it)")
    pick = random.Random(seed)
    for mode in lab.modes:
        daemon = lab.daemon(mode)

        def check(name, part, *args):
            try:
                wrong = part(lab, daemon, *args)
            except subprocess.TimeoutExpired as late:
                wrong = [str(late)[:200]]
            sec.reap()
            lab.tap.ok(not wrong, f"sb-45-{name} {mode}", "\n".join(wrong))
            lab.tap.row("SB-45", mode, name, None,
                        "breach" if wrong else "held")

        check("control", lambda *_: [usable(daemon)] if usable(daemon)
              else [])
        for delay in (0.0, 0.02, pick.uniform(0.1, 0.8)):
            check(f"creeld-after-{delay:.2f}", creeld_dies, delay)
            time.sleep(1.2)
        for name in HELPERS:
            for delay in (0.01, pick.uniform(0.1, 0.5)):
                check(f"{name}-after-{delay:.2f}", helper_dies, name, delay)
        check("init", init_dies, pick.uniform(0, 0.4))
        check("phases", phases, pick)
        check("runtime-folder", runtime_gone)
        stuck = daemon.stop()
        lab.tap.ok(not stuck, f"sb-45-teardown {mode}", stuck)
    lab.missing("sb-45")
    lab.finish("sb-45")


main()
