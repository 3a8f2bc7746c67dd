#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many sandboxes at once and one after the other; what is left of them.

CREEL_TEST_SCALE=1: 1,000 live at once, 10,000 made and removed.
"""
import concurrent.futures
import contextlib
import os
import time

from harness import Box, asleep, done, family, modes, ok, wait_for

SCALE = int(os.environ.get("CREEL_TEST_SCALE", "100"))
LIVE = max(20, 1000 // SCALE)
CHURN = max(100, 10000 // SCALE)
JOBS = 4
WARM = 24
CREELD_KIB = 32 * 1024
TOPS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")


def comm(pid):
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/comm", encoding="latin-1") as file:
            return file.read().strip()
    return ""


def rss_kib(pid):
    with open(f"/proc/{pid}/status", encoding="latin-1") as file:
        for line in file:
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    return 0


def inode(path):
    with contextlib.suppress(OSError):
        return os.stat(path).st_ino
    return 0


def cgroups(box):
    """Directory -> inode of the cgroups that the box's sandboxes are in."""
    found = {}
    for pid in family(box.helpers()):
        if comm(pid) != "creel-init":
            continue
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/cgroup", encoding="latin-1") as file:
                for line in file:
                    number, _, path = line.rstrip("\n").split(":", 2)
                    if number == "0" and path != "/":
                        found.update((top + path, inode(top + path))
                                     for top in TOPS if inode(top + path))
    return found


def namespaces(box):
    """How many the box's processes are in."""
    found = set()
    for pid in family(box.helpers()):
        for kind in ("mnt", "user", "net", "pid", "ipc", "uts", "cgroup"):
            with contextlib.suppress(OSError):
                found.add(os.readlink(f"/proc/{pid}/ns/{kind}"))
    return len(found)


def snapshot(box):
    """What must be as before: processes by name, descriptors, mounts."""
    found = {}
    for pid in family(box.helpers()):
        name = comm(pid)
        found["process " + name] = found.get("process " + name, 0) + 1
        if name.startswith("creel") and name != "creel-init":
            with contextlib.suppress(OSError):
                key = "descriptors " + name
                found[key] = found.get(key, 0) + len(
                    os.listdir(f"/proc/{pid}/fd"))
    found["namespaces"] = namespaces(box)
    with open("/proc/self/mountinfo", encoding="latin-1") as file:
        found["mounts"] = sum(1 for line in file if box.top in line)
    return found


def surplus(box, before):
    """What there is more of than before; less is a cache that was emptied."""
    return {key: (before.get(key, 0), count)
            for key, count in snapshot(box).items()
            if count > before.get(key, 0)}


def settled(box):
    """What is the same for a second: the pool is full again."""
    found, since = snapshot(box), time.monotonic()
    end = since + 20
    while since + 1 > time.monotonic() < end:
        time.sleep(0.05)
        now = snapshot(box)
        if now != found or not asleep(family(box.helpers())):
            found, since = now, time.monotonic()
    return found


def settle(box, before):
    """The surplus after a while."""
    wait_for(lambda: not surplus(box, before))
    return surplus(box, before)


def warm_up(box):
    keys = [box.key(f"warm{i}") for i in range(WARM)]
    for verb in (["exec"], ["rm"]):
        starts = [box.start(*verb, key, *(["--", "true"] if verb[0] == "exec"
                                          else [])) for key in keys]
        for process in starts:
            process.communicate(timeout=60)


def check_live(box, before):
    keys = [box.key(f"live{i}") for i in range(LIVE)]
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        results = list(pool.map(
            lambda key: box.run("exec", key, "--", "echo", key), keys))
        bad = [result for key, result in zip(keys, results)
               if result.status != 0 or result.out != key.encode() + b"\n"]
        ok(not bad, f"{box.mode}: {LIVE} sandboxes live at once", bad[:3])
        result = box.run("list")
        ok(all(key.encode() in result.out for key in keys),
           f"{box.mode}: list has them all", result)
        groups = cgroups(box)
        for pid in family(box.helpers()):
            if comm(pid) == "creeld":
                ok(rss_kib(pid) <= CREELD_KIB,
                   f"{box.mode}: creeld needs at most 32 MiB", rss_kib(pid))
        results = list(pool.map(lambda key: box.run("rm", key), keys))
    bad = [result for result in results if result.status != 0]
    ok(not bad, f"{box.mode}: all can be removed", bad[:3])
    differs = settle(box, before)
    ok(not differs, f"{box.mode}: nothing of them is left", differs)
    # One that is being prefabricated may have got the name of one of theirs.
    gone = wait_for(lambda: not any(inode(path) == number
                                    for path, number in groups.items()))
    ok(gone, f"{box.mode}: no cgroup of theirs is left", groups)


def check_churn(box, before):
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        results = list(pool.map(
            lambda i: (i, box.run("run", "--", "sh", "-c",
                                  f"sleep 100 & exit {i % 100}")),
            range(CHURN)))
    bad = [(i, result) for i, result in results if result.status != i % 100]
    ok(not bad, f"{box.mode}: {CHURN} made and removed", bad[:3])
    differs = settle(box, before)
    ok(not differs, f"{box.mode}: nothing of them is left", differs)


def main():
    for mode in modes():
        with Box(mode) as box:
            # The pool fills; a few id blocks keep what idmaps their binds.
            warm_up(box)
            before = settled(box)
            check_live(box, before)
            check_churn(box, before)
    done()


main()
