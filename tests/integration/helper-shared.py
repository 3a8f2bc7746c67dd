#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two system listeners that share control groups and nothing else: each has a
/run of its own, and so leases that the other does not see.  In a control group
namespace, so that they are no other test's.
"""
import os
import subprocess
import sys

from harness import Box, done, ok, processes_with, skip, wait_for

HELPER = os.environ["CREEL_HELPER"]
ROOTS = ("/sys/fs/cgroup/unified", "/sys/fs/cgroup")
# Both take the lowest of the same blocks, which are no other test's.
POLICY = "range 0x50000000 8\npool 0\n"
# The rest of the arguments, in a mount namespace whose /run is new.
APART = 'mount -t tmpfs none /run && exec "$@"'
ALONE = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'


def find_root():
    """Where cgroup2 is."""
    for root in ROOTS:
        if os.path.exists(os.path.join(root, "cgroup.procs")):
            return root
    return None


def outside():
    """Runs this program again, where it has the hierarchy for itself."""
    root = find_root()
    if os.geteuid() != 0 or not root:
        skip("two listeners, one tree", "needs root" if root else
             "no cgroup2 file system")
        return
    top = os.path.join(root, f"creel-shared-{os.getpid()}")
    os.mkdir(top)

    def enter():
        with open(os.path.join(top, "cgroup.procs"), "w",
                  encoding="ascii") as file:
            file.write("0")

    run = subprocess.run(
        ["unshare", "-m", "-C", "sh", "-c", ALONE, "sh", top, root,
         sys.executable, *sys.argv, "inside"], preexec_fn=enter, check=False)
    for path, _, _ in os.walk(top, topdown=False):
        wait_for(lambda p=path: not os.path.exists(p) or not remove(p))
    if os.path.exists(top):
        print("# left:", top)
        sys.exit(1)
    sys.exit(run.returncode)


def remove(path):
    """False where it is gone."""
    try:
        os.rmdir(path)
    except OSError:
        return True
    return False


def listen(box, name, *before):
    """A listener on a directory of its own."""
    run = box.path(name)
    os.makedirs(run, exist_ok=True)
    os.chmod(run, 0o755)
    with open(os.path.join(box.top, name + ".log"), "wb") as log:
        process = subprocess.Popen(
            [*before, HELPER, "--listen", "--system", "--runtime-dir", run,
             "--policy", box.path("policy"), "--state-dir",
             box.path(name + "-state")], stdin=subprocess.DEVNULL, stderr=log)
    wait_for(lambda: os.path.exists(os.path.join(run, "creel.sock")), 20)
    return process



WORK = "echo begun; read line; echo whole $line; exit 7"


def begin(box, tag, **more):
    """A command that waits for a line, and its id on the host."""
    work = box.start("run", "--", "sh", "-c", WORK, tag, **more)
    said = work.stdout.readline()
    uids = {os.stat(f"/proc/{pid}").st_uid for pid in processes_with(tag)}
    return work, said == b"begun\n" and max(uids)


def end(work):
    """Whether it goes on to its end."""
    running = work.poll() is None
    out, err = work.communicate(b"line\n", 30)
    good = running and work.returncode == 7 and out == b"whole line\n"
    return good or print("#", work.returncode, out, err)


def inside():
    """One works while the other begins, works, and ends."""
    with Box("system") as box:
        with open(box.path("policy"), "w", encoding="ascii") as file:
            file.write(POLICY)
        first = listen(box, "run")
        work, uid = begin(box, "tag-first")
        ok(uid and uid >= 0x50000000, "a command of the first runs", uid)
        second = listen(box, "run-2", "unshare", "-m", "sh", "-c", APART, "sh")
        for turn in ("first", "second"):
            other, other_uid = begin(
                box, "tag-second",
                env={"CREEL_RUNTIME_DIR": box.path("run-2")})
            ok(other_uid and end(other),
               f"the second has a sandbox, the {turn} time")
            ok(other_uid not in (False, uid),
               f"of other ids than the first's, the {turn} time", other_uid)
        second.terminate()
        second.wait(20)
        ok(end(work), "the first's command runs on, to its end")
        # What is nobody's any more is taken still.
        work, again = begin(box, "tag-again")
        ok(end(work) and again == uid,
           "a block that was left is leased again", again)
        first.terminate()
        first.wait(20)


if sys.argv[1:] == ["inside"]:
    inside()
else:
    outside()
done()
