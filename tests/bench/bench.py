#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Takes the figures that creel is measured by, beside its peers.

usage: bench.py BUILDDIR

Whole processes are timed one of each kind in each round, in changing order and
10 ms apart, so that a busy moment of the machine, and what the one before left
to clean up, meets all of them alike.  Samples stay in
BUILDDIR/tests/bench/samples.csv.

BENCH_RUNS       samples of each series (200)
BENCH_SANDBOXES  how many live at once for the figures that say so (1000)
BENCH_SESSIONS   how many are known for the figure that says so (10000)
BENCH_ONLY       tools: the figures of tools alone
BENCH_PROFILE    1: after the table, where the time of missed figures goes
"""

import csv
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

RUNS = int(os.environ.get("BENCH_RUNS", "200"))
WARMUP = max(RUNS // 10, 5)
SANDBOXES = int(os.environ.get("BENCH_SANDBOXES", "1000"))
SESSIONS = int(os.environ.get("BENCH_SESSIONS", "10000"))
INSIDE = "/workspace/ref-true"


class Setup:
    """Where everything is: the built programs, a private runtime directory."""

    def __init__(self, build):
        self.here = os.path.join(build, "tests/bench")
        self.creel = os.path.join(build, "controller/creel")
        self.helper = os.path.join(build, "helper/creel-helper")
        self.measure = os.path.join(self.here, "measure")
        self.tools = os.path.join(self.here, "tools")
        self.csv = os.path.join(self.here, "samples.csv")
        # On a path that every uid may walk, and short enough for a socket.
        self.dir = tempfile.mkdtemp(prefix="creel-bench-", dir="/tmp")
        self.workspace = os.path.join(self.dir, "workspace")
        self.true = os.path.join(self.workspace, "ref-true")
        self.socket = os.path.join(self.dir, "run/creel.sock")
        os.mkdir(self.workspace)
        shutil.copy(os.path.join(self.here, "ref-true"), self.true)
        os.mkdir(os.path.join(self.dir, "run"), 0o700)
        os.environ["CREEL_RUNTIME_DIR"] = os.path.join(self.dir, "run")
        os.environ["XDG_STATE_HOME"] = os.path.join(self.dir, "state")
        with open(self.csv, "w", encoding="ascii") as samples:
            samples.write("series,run,usec\n")

    def take(self, mode, *args, warmup=WARMUP, runs=RUNS):
        """Lets measure(.c) append samples; its own words are shown."""
        subprocess.run([self.measure, mode, str(warmup), str(runs), self.csv,
                        *args], check=True)

    def samples(self):
        series = {}
        with open(self.csv, encoding="ascii") as samples:
            for row in csv.DictReader(samples):
                series.setdefault(row["series"], []).append(float(row["usec"]))
        return series

    def medians(self):
        return {name: statistics.median(s)
                for name, s in self.samples().items()}


class Crun:
    """A container of crun's with the same binds, where crun works here."""

    def __init__(self, setup):
        self.why = None
        self.path = shutil.which("crun")
        self.bundle = os.path.join(setup.dir, "bundle")
        self.name = "creel-bench-%d" % os.getpid()
        self.args = [self.path, "--root", os.path.join(setup.dir, "crun")]
        self.holder = None
        self.enter = []
        if not self.path:
            self.why = "crun is not installed"
            return
        self.hold_namespace()
        root = os.path.join(self.bundle, "rootfs")
        for name in ("usr", "proc", "dev", "sys", "tmp", "workspace"):
            os.makedirs(os.path.join(root, name))
        for name in ("bin", "lib", "lib64"):
            os.symlink("usr/" + name, os.path.join(root, name))
        rootless = [] if os.getuid() == 0 else ["--rootless"]
        spec = [self.path, "spec", *rootless]
        subprocess.run(spec, cwd=self.bundle, check=True)
        path = os.path.join(self.bundle, "config.json")
        with open(path, encoding="utf-8") as file:
            config = json.load(file)
        config["process"]["terminal"] = False
        # Device rules need eBPF and a right that root may lack in a container.
        config["linux"].pop("resources", None)
        config["process"]["args"] = ["/usr/bin/sleep", "infinity"]
        for source, target in (("/usr", "/usr"),
                               (setup.workspace, "/workspace")):
            config["mounts"].append({
                "destination": target, "source": source, "type": "bind",
                "options": ["bind", "ro"]})
        with open(path, "w", encoding="utf-8") as file:
            json.dump(config, file)
        # A file, not a pipe: the container keeps it open.
        with open(os.path.join(setup.dir, "crun.log"), "w+",
                  encoding="utf-8") as log:
            done = subprocess.run(
                [*self.enter, *self.args, "run", "--detach", "--bundle",
                 self.bundle, self.name],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=log, check=False)
            log.seek(0)
            if done.returncode != 0:
                self.why = "crun: " + " ".join(log.read().split())

    def hold_namespace(self):
        """crun wants cgroup2 on /sys/fs/cgroup: where root has it elsewhere,
        crun has a mount namespace of its own."""
        with open("/proc/self/mounts", encoding="utf-8") as file:
            pure = any(line.split()[1:3] == ["/sys/fs/cgroup", "cgroup2"]
                       for line in file)
        if pure or os.getuid() != 0:
            return
        self.holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c",
             "mount -t cgroup2 cgroup2 /sys/fs/cgroup && echo ready && "
             "exec sleep infinity"], stdout=subprocess.PIPE)
        if self.holder.stdout.readline() == b"ready\n":
            self.enter = ["nsenter", "--mount=" + self.namespace(), "--"]

    def namespace(self):
        return "/proc/%d/ns/mnt" % self.holder.pid

    def series(self):
        if self.why:
            return []
        name = "crun-exec" + ("@" + self.namespace() if self.enter else "")
        return ["++", name, *self.args, "exec", self.name, INSIDE]

    def end(self):
        if self.path:
            subprocess.run(
                self.enter + self.args + ["delete", "--force", self.name],
                stderr=subprocess.DEVNULL, check=False)
        if self.holder:
            self.holder.kill()
            self.holder.wait()


def bwrap_series(setup):
    """bwrap with the same binds: no limits, no filter, no seal, no pid 1."""
    bwrap = shutil.which("bwrap")
    if not bwrap:
        return []
    return ["++", "bwrap", bwrap, "--unshare-all", "--die-with-parent",
            "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin",
            "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64",
            "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp",
            "--ro-bind", setup.workspace, "/workspace",
            "--chdir", "/workspace", INSIDE]


def processes():
    """pid -> (parent, name) of everything alive."""
    alive = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % pid, encoding="utf-8") as file:
                head, _, tail = file.read().rpartition(")")
        except OSError:
            continue
        alive[int(pid)] = (int(tail.split()[1]), head.split("(", 1)[1])
    return alive


def daemons(setup, name=""):
    """pids of this run's helper processes and of its creeld."""
    alive = processes()
    helpers, controllers = [], []
    for pid in alive:
        try:
            with open("/proc/%d/cmdline" % pid, encoding="utf-8") as file:
                words = file.read().split("\0")
        except OSError:
            continue
        if "--listen" in words and any(os.path.join(setup.dir, name) in w
                                       for w in words):
            helpers.append(pid)
    for pid in helpers:
        for child, (parent, name) in alive.items():
            if parent != pid:
                continue
            if name.startswith("creeld"):
                controllers.append(child)
            elif not name.startswith("creel-init"):
                if child not in helpers:
                    helpers.append(child)
    return helpers, controllers


def status_kib(pid, key):
    with open("/proc/%d/status" % pid, encoding="utf-8") as file:
        for line in file:
            if line.startswith(key + ":"):
                return int(line.split()[1])
    return 0


def resident_kib(pids):
    """Resident memory of all; pages of files, which they share, once."""
    return (sum(status_kib(p, "RssAnon") for p in pids) +
            max((status_kib(p, "RssFile") for p in pids), default=0))


class Creeld:
    """One with a state of its own and some sessions in it."""

    KEY = "agent:main:bench"
    FILL = """
import sqlite3, sys
path, config, runtime, count = sys.argv[1:4] + [int(sys.argv[4])]
db = sqlite3.connect(path, timeout=20)
owner = db.execute("SELECT id FROM owner WHERE runtime = ?",
                   [runtime]).fetchone()[0]
for i in range(count):
    key = "agent:main:other-%d" % i
    db.execute("INSERT INTO session VALUES (NULL, ?, ?, 'main', ?, ?, 1, 1)",
               [config, key, key, "box-%d" % i])
    db.execute("INSERT INTO sandbox VALUES (NULL, ?, ?, ?, 'main', 'session',"
               " ?, randomblob(16), zeroblob(32), '/w', '/workspace', 'host',"
               " 1, x'', 24, 7, unixepoch() * 1000, unixepoch() * 1000)",
               [owner, config, key, "box-%d" % i])
db.execute("INSERT INTO audit SELECT NULL, ?, 1, 'exec', 'agent:main:other',"
           " 'main', 'box', 'true', 'allowed', '', 'pid 1 (creel)',"
           " randomblob(16), 1, 1, 0, 500, NULL, 400 FROM (WITH RECURSIVE"
           " n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
           " SELECT i FROM n)", [owner, count * 9])
db.commit()
"""

    def __init__(self, setup, name, count):
        self.setup = setup
        self.name = name
        self.dir = os.path.join(setup.dir, name)
        self.config = os.path.join(self.dir, "creel.json5")
        self.env = dict(
            os.environ, HOME=self.dir, CREEL_CONFIG=self.config,
            CREEL_RUNTIME_DIR=os.path.join(self.dir, "run"),
            XDG_STATE_HOME=os.path.join(self.dir, "state"))
        for path in (self.dir, self.env["CREEL_RUNTIME_DIR"]):
            os.mkdir(path, 0o700)
        with open(self.config, "w", encoding="ascii") as file:
            json.dump({"agents": {"defaults": {"sandbox": {
                "mode": "all", "scope": "session",
                "workspaceRoot": os.path.join(self.dir, "boxes")}}}}, file)
        self.exec()
        self.run(sys.executable, "-c", self.FILL,
                 os.path.join(self.dir, "state/creel/creel.db"), self.config,
                 self.env["CREEL_RUNTIME_DIR"], str(count))
        # The next one begins with all of them.
        for pid in self.pids()[1]:
            os.kill(pid, 9)
        self.exec()

    def run(self, *args):
        subprocess.run(args, check=True, env=self.env, cwd="/")

    def exec(self):
        self.run(self.setup.creel, "exec", self.KEY, "--", "true")

    def pids(self):
        return daemons(self.setup, self.name)

    def place(self):
        return [os.path.join(self.dir, "run/creel.sock"), self.dir,
                "/usr/bin/true", self.config, self.name]


def with_sessions(setup):
    """Commands in a session of few and in one of many."""
    ends = [Creeld(setup, "sessions-few", 10),
            Creeld(setup, "sessions-many", SESSIONS)]
    setup.take("sessions", Creeld.KEY, ends[0].dir, *ends[0].place(),
               *ends[1].place(), runs=5 * RUNS)
    for end in ends:
        for pid in end.pids()[0]:
            try:
                os.kill(pid, 15)
            except ProcessLookupError:
                pass


def with_tools(setup):
    """Tool calls over creel mcp, which a creeld of its own answers."""
    end = Creeld(setup, "tools", 10)

    def take(mode, warmup, runs, *more):
        end.run(setup.tools, mode, str(warmup), str(runs), setup.csv,
                setup.creel, Creeld.KEY, *more)

    take("calls", WARMUP, RUNS)
    take("sessions", 1, max(RUNS // 20, 3))
    take("flood", 1, max(RUNS // 50, 2), str(end.pids()[1][0]))
    for pid in end.pids()[0]:
        try:
            os.kill(pid, 15)
        except ProcessLookupError:
            pass


def big_config(setup):
    """1,000 agents in 1 MiB, as a gateway has them."""
    agents = [{
        "id": "agent-%d" % i, "name": "Agent number %d" % i,
        "workspace": "~/agents/agent-%d" % i,
        "identity": {"name": "n" * 60, "theme": "t" * 100},
        "sandbox": {
            "mode": "all", "scope": "session", "workspaceAccess": "rw",
            "docker": {
                "memory": "512m", "cpus": 1, "pidsLimit": 200,
                "env": {"K%d" % j: "value %d" % j for j in range(6)},
                "binds": ["/srv/data/%d:/data:ro" % i,
                          "/srv/cache/%d:/cache:rw" % i]}},
        "tools": {
            "allow": ["read", "write", "edit", "exec", "group:fs"],
            "deny": ["browser", "canvas", "nodes", "cron", "gateway"],
            "sandbox": {"tools": {"allow": ["exec", "read"]}}},
    } for i in range(1000)]
    path = os.path.join(setup.dir, "big.json")
    text = json.dumps({"agents": {"list": agents}}, indent=1)
    with open(path, "w", encoding="ascii") as file:
        file.write(text + " " * max(0, (1 << 20) - len(text)))
    return path


def with_config(setup):
    """Configurations: loading, and commands that only read one."""
    subprocess.run([os.path.join(setup.here, "config"), str(WARMUP), str(RUNS),
                    setup.csv, big_config(setup)], check=True)
    small = os.path.join(setup.dir, "creel.json5")
    with open(small, "w", encoding="ascii") as file:
        json.dump({"agents": {"defaults": {"sandbox": {
            "mode": "non-main"}}}}, file)
    setup.take("spawn",
               "++", "explain", setup.creel, "explain", "--json", "--config",
               small,
               "++", "config-show", setup.creel, "config", "show", "--config",
               small)


def mem_available_kib():
    time.sleep(3)
    with open("/proc/meminfo", encoding="ascii") as file:
        for line in file:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1])
    return 0


def with_many(setup):
    """What 1,000 live sandboxes cost, in KiB."""
    connection = [setup.socket, setup.workspace, INSIDE]
    setup.take("create", *connection, "create-none")
    before = mem_available_kib()
    setup.take("fill", *connection, warmup=0, runs=SANDBOXES)
    cost = {"idle": (before - mem_available_kib()) / SANDBOXES}
    setup.take("create", *connection, "create-many")
    helpers, controllers = daemons(setup)
    cost["helper"] = resident_kib(helpers)
    cost["creeld"] = resident_kib(controllers)
    setup.take("empty", *connection, warmup=0, runs=SANDBOXES)
    return cost


def row(what, value, peer, limit, unit="ms", missing=None):
    """One line of the table; returns whether the figure was met."""
    def show(number):
        return "-" if number is None else "%.3f %s" % (number, unit)
    if value is None or (missing and peer is None):
        print("%-44s %12s %12s %7s %7s  %s" % (
            what, show(value), "-", "-", limit, missing or "not measured"))
        return True
    if missing is None and peer is None:
        met = value <= limit
        ratio = "-"
        shown_limit = "%g" % limit
    else:
        met = value / peer <= limit
        ratio = "%.2f" % (value / peer)
        shown_limit = "%gx" % limit
    print("%-44s %12s %12s %7s %7s  %s" % (
        what, show(value), show(peer), ratio, shown_limit,
        "met" if met else "MISSED"))
    return met


def heads():
    print("%-44s %12s %12s %7s %7s" % (
        "figure", "median", "peer", "ratio", "at most"))


def tools_table(setup):
    """The figures of tools."""
    series = setup.samples()
    ms = {name: statistics.median(usec) / 1000
          for name, usec in series.items()}
    beside = sorted(series["mcp-flood-read"])
    return [
        row("read of 4 KiB over creel mcp", ms["mcp-read"], None, 0.3),
        row("the first after a process of another kind",
            ms["mcp-read-first"], None, "-", missing="for comparison"),
        row("exec true over creel mcp / sh -lc true", ms["mcp-exec"],
            ms["spawn-login"], 2),
        row("8 sessions, 200 reads each, at once", ms["mcp-many"], None,
            1000),
        row("creeld's growth by 1 GiB of output",
            max(series["mcp-flood-growth"]) / (1 << 20), None, 8, "MiB"),
        row("read beside that, 99 of 100 (n = %d)" % len(beside),
            beside[len(beside) * 99 // 100] / 1000, None, 20),
    ]


def table(medians, cost, crun):
    ms = {name: usec / 1000 for name, usec in medians.items()}.get
    bwrap = "bwrap is not installed" if ms("bwrap") is None else None
    heads()
    met = [
        row("creel exec S -- true / crun exec", ms("creel-exec"),
            ms("crun-exec"), 0.5, missing=crun.why),
        row("exec, open connection / posix_spawn", ms("connection-exec"),
            ms("posix_spawn"), 1.5),
        row("creel run -- true / bwrap --unshare-all", ms("creel-run"),
            ms("bwrap"), 0.8, missing=bwrap),
        row("creel run --no-daemon / bwrap", ms("creel-no-daemon"),
            ms("bwrap"), 1.3, missing=bwrap),
        row("sandbox created, %d others live / none" % SANDBOXES,
            ms("create-many-started"), ms("create-none-started"), 1.5),
        row("the same until its command is over",
            ms("create-many-exited"), ms("create-none-exited"), 1.5),
        row("exec in a session, %d others / 10" % SESSIONS,
            ms("sessions-many"), ms("sessions-few"), 1.1),
        row("configuration, 1 MiB, 1000 agents: loaded", ms("config-load"),
            None, 50),
        row("the same: what applies to one session", ms("config-resolve"),
            None, 0.05),
        row("creel explain --json, whole process", ms("explain"), None, 5),
        row("creel config show, whole process", ms("config-show"), None, 5),
        row("idle sandbox, kernel memory included", cost["idle"], None, 512,
            "KiB"),
        row("creeld resident, %d sandboxes" % SANDBOXES,
            cost["creeld"] / 1024, None, 32, "MiB"),
        row("helper resident, %d sandboxes" % SANDBOXES,
            cost["helper"] / 1024, None, 6, "MiB"),
    ]
    return met


def profile(setup):
    """Where the time goes, by system call: of the client's processes by strace;
    with a daemon of the whole machine's by perf, where root has it."""
    workspace = ["--workspace", setup.workspace + ":ro"]
    for args in (["run", *workspace], ["run", "--no-daemon", *workspace],
                 ["exec", *workspace, "bench"]):
        command = [setup.creel, *args, "--", INSIDE]
        print("\n# profile: " + " ".join(command), flush=True)
        perf = shutil.which("perf")
        if perf and os.getuid() == 0 and "--no-daemon" not in args:
            subprocess.run([perf, "trace", "-a", "-s", *command], check=False,
                           stdin=subprocess.DEVNULL)
        elif shutil.which("strace"):
            subprocess.run(["strace", "-f", "-c", "-w", "-S", "time", *command],
                           check=False, stdin=subprocess.DEVNULL)
        else:
            print("# neither perf (as root) nor strace is there")


def header(setup):
    print("# %s, Linux %s, %d processors, %d runs after %d" % (
        time.strftime("%Y-%m-%d"), platform.release(), os.cpu_count(), RUNS,
        WARMUP))
    said = subprocess.run([setup.creel, "version"], check=False, text=True,
                          stdout=subprocess.PIPE).stdout
    for line in said.splitlines():
        print("# " + line)
    print("# uid %d; binds: /usr and a workspace with the static reference "
          "program, read-only" % os.getuid())
    print("# peers: bwrap --unshare-all and crun's default spec, the same "
          "binds, no seccomp filter", flush=True)


def measure_tools(setup):
    header(setup)
    with_tools(setup)
    heads()
    met = all(tools_table(setup))
    print("# samples: " + setup.csv, flush=True)
    return met


def measure(setup, crun):
    workspace = ["--workspace", setup.workspace + ":ro"]
    subprocess.run([setup.creel, "exec", *workspace, "bench", "--", INSIDE],
                   check=True)
    header(setup)
    setup.take("spawn",
               "++", "creel-exec", setup.creel, "exec", "bench", "--", INSIDE,
               *crun.series(),
               "++", "creel-run", setup.creel, "run", *workspace, "--", INSIDE,
               *bwrap_series(setup),
               "++", "creel-no-daemon", setup.creel, "run", "--no-daemon",
               *workspace, "--", INSIDE)
    setup.take("exec", setup.socket, setup.workspace, INSIDE, "bench",
               setup.true)
    cost = with_many(setup)
    with_sessions(setup)
    with_config(setup)
    with_tools(setup)
    subprocess.run([setup.creel, "rm", "bench"], check=True)
    met = all(table(setup.medians(), cost, crun) + tools_table(setup))
    print("# samples: " + setup.csv, flush=True)
    if not met and os.environ.get("BENCH_PROFILE") == "1":
        profile(setup)
    elif not met:
        print("# BENCH_PROFILE=1 shows where the time of missed figures goes")


def main():
    setup = Setup(os.path.abspath(sys.argv[1]))
    only = os.environ.get("BENCH_ONLY") == "tools"
    crun = None if only else Crun(setup)
    try:
        if only:
            measure_tools(setup)
        else:
            measure(setup, crun)
    finally:
        if crun:
            crun.end()
        helpers, _ = daemons(setup)
        for pid in helpers:
            try:
                os.kill(pid, 15)
            except ProcessLookupError:
                pass
        shutil.rmtree(setup.dir, ignore_errors=True)


if __name__ == "__main__":
    main()
