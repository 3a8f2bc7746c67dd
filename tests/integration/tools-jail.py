#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Jails of python_execute: each flag of firejail's, beside what is so without
it, in sessions with a sandbox and without; how they end; MiniBot's example."""
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading

from harness import (OTHER_UID, done, family, modes, processes_with,
                     wait_for)
from minibot_box import KEY, Tools
from tools_wire import Client

PREFIX = "tools.python_exec.jail.command_prefix"
STATUS = ("import json; print(json.dumps(dict(line[:-1].split(':\\t', 1) "
          "for line in open('/proc/self/status') if ':\\t' in line)))")
TRY = """
import os, sys
def look(path):
    try:
        return sorted(os.listdir(path)) if os.path.isdir(path) \
            else open(path).read()
    except OSError as error:
        return error.strerror
def put(path):
    try:
        open(path, 'w').write('put')
        return 'put'
    except OSError as error:
        return error.strerror
home = os.path.expanduser('~')
"""
CGROUPS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
PATIENT = "default_timeout_seconds = 20"
GONE = "No such file or directory"
DENIED = "Permission denied"
READ_ONLY = "Read-only file system"


def own(name):
    """A line of this process's own status."""
    with open("/proc/self/status", encoding="ascii") as file:
        for line in file:
            if line.startswith(name + ":"):
                return line.split(":", 1)[1].strip()
    return ""


class Jails(Tools):
    """Calls that are jailed."""

    def prefix(self, words, python="", docker=""):
        self.toml("sandbox_mode = 'jail'\n" + python,
                  "[tools.python_exec.jail]\nenabled = true\n"
                  f"command_prefix = {json.dumps(words)}", docker)

    def jail(self, flags, code, python="", **args):
        """What the code says under these flags."""
        self.prefix(["firejail", *flags], python)
        return self.py(code, **args)

    def says(self, flags, expression, **more):
        """What an expression comes to, or what went wrong."""
        got = self.jail(flags, TRY + f"print(repr(({expression})))", **more)
        return got["stdout"].strip() if got.get("ok") else got

    def refuses(self, flags, words, name, **more):
        got = self.jail(flags, "print(1)", **more)
        self.same(got.get("error_code") == "sandbox_mode_unavailable" and
                  got["error"].startswith(PREFIX) and
                  all(word in got["error"] for word in words), name, got)

    def as_user(self, do, *args):
        """Something that the box's user does."""
        if self.drop:
            os.setegid(OTHER_UID)
            os.seteuid(OTHER_UID)
        try:
            return do(*args)
        finally:
            if self.drop:
                os.seteuid(0)
                os.setegid(0)

    def venv(self):
        """A virtual environment of the user's."""
        path = self.path("home", "tools_venv")
        if not os.path.exists(path):
            self.as_user(lambda: subprocess.run(
                ["/usr/bin/python3", "-m", "venv", "--without-pip", path],
                check=True, cwd="/"))
        return path

    def file(self, *names):
        """One of the user's, with its name in it."""
        self.make(*names[:-1])
        path = self.path("home", *names)
        with open(path, "w", encoding="ascii") as file:
            file.write(names[-1])
        if self.drop:
            os.chown(path, OTHER_UID, OTHER_UID)
        return path

    def cgroups(self):
        """What its sandboxes are in, as far as this machine has cgroups."""
        found = set()
        for pid in family(self.helpers()):
            with contextlib.suppress(OSError), \
                    open(f"/proc/{pid}/cgroup", encoding="latin-1") as file:
                path = file.read().rpartition("0::")[2].rstrip("\n")
                found |= {top + path for top in CGROUPS if path != "/" and
                          os.path.isdir(top + path)}
        return found

    def descriptors(self):
        """How many creeld has."""
        with contextlib.suppress(OSError):
            return [len(os.listdir(f"/proc/{pid}/fd"))
                    for pid in self.creeld()]
        return []

    def jails(self):
        """That are there now."""
        return [item["name"] for item in
                json.loads(self.run("list", "--json").out or b"[]")
                if item["name"].startswith("jail-")]


def private(box):
    """--private, --private=DIR."""
    kept = box.file("kept", "seen")
    own_home = box.path("home")
    box.same(box.says([], "home, look(home)") == f"('{own_home}', [])",
             "the home folder is where it is, and empty", box.says([], "home"))
    got = box.says([f"--private={box.path('home', 'kept')}"],
                   "home, look(home), put(home + '/new')")
    box.same(got == f"('{own_home}', ['seen'], 'put')" and
             os.path.exists(box.path("home", "kept", "new")),
             "--private=DIR: DIR is the home folder, and can be written", got)
    os.unlink(box.path("home", "kept", "new"))
    got = box.says([f"--whitelist={kept}"], f"look('{kept}')")
    box.same(got == "'seen'", "a flag names something in it", got)
    box.refuses(["--private", f"--whitelist={kept}"], ["--private", kept[:30]],
                "--private: no flag may")
    got = box.says(["--private"], "look(home), put(home + '/new')")
    box.same(got == "([], 'put')" and
             not os.path.exists(box.path("home", "new")),
             "--private: it is empty, and what is put there goes", got)
    box.refuses([f"--private={box.path('home', 'none')}"],
                ["--private=", GONE], "--private=DIR: DIR must be there")


def places(box):
    """--whitelist, --read-only, --read-write, --blacklist."""
    box.file("data", "sub", "deep")
    box.file("data", "plain")
    box.file("data", "hidden")
    data = box.path("home", "data")
    got = box.says([], f"look('{data}')")
    box.same(got == repr(GONE), "what no flag names is not there", got)
    got = box.says([f"--whitelist={data}"],
                   f"look('{data}/plain'), put('{data}/plain')")
    box.same(got == f"('plain', '{READ_ONLY}')",
             "--whitelist: it is there, to be read", got)
    got = box.says(["--whitelist=~/data"], f"look('{data}/sub')")
    box.same(got == "['deep']", "--whitelist: ~ is the home folder", got)
    got = box.says([f"--read-write={data}"],
                   f"look('{data}/plain'), put('{data}/new'), "
                   f"put('{data}/sub/new')")
    box.same(got == "('plain', 'put', 'put')" and
             os.path.exists(data + "/new"),
             "--read-write: it is there, to be written", got)
    box.same(os.stat(data + "/new").st_uid ==
             (OTHER_UID if box.drop else os.geteuid()),
             "--read-write: its files are the caller's",
             os.stat(data + "/new"))
    got = box.says([f"--whitelist={data}", f"--read-write={data}"],
                   f"put('{data}/new')")
    box.same(got == "'put'", "--whitelist and --read-write of one path", got)
    got = box.says([f"--read-write={data}", f"--read-only={data}/sub"],
                   f"put('{data}/new'), put('{data}/sub/new'), "
                   f"look('{data}/sub/deep')")
    box.same(got == f"('put', '{READ_ONLY}', 'deep')",
             "--read-only: in what can be written, too", got)
    os.unlink(data + "/new")
    os.unlink(data + "/sub/new")
    blacklist(box, data)


def blacklist(box, data):
    """Hidden in what another flag shows, and in the image."""
    got = box.says([f"--whitelist={data}", f"--blacklist={data}/sub",
                    f"--blacklist={data}/hidden"],
                   f"look('{data}'), look('{data}/sub'), "
                   f"look('{data}/sub/deep'), look('{data}/hidden'), "
                   f"look('{data}/plain')")
    box.same(got == f"(['hidden', 'plain', 'sub'], '{DENIED}', '{DENIED}', "
             f"'{DENIED}', 'plain')",
             "--blacklist: a folder and a file are hidden", got)
    got = box.says([f"--read-write={data}", f"--blacklist={data}/hidden",
                    f"--blacklist={data}/none"],
                   f"put('{data}/hidden'), "
                   f"os.rename('{data}/plain', '{data}/other'), "
                   f"os.rename('{data}/other', '{data}/plain')")
    box.same(got == f"('{READ_ONLY}', None, None)" and
             open(data + "/hidden", encoding="ascii").read() == "hidden",
             "--blacklist: nor can it be written", got)
    where = "/usr/share/misc" if os.path.isdir("/usr/share/misc") \
        else "/usr/share"
    got = (box.says([], f"len(look('{where}')) > 0"),
           box.says([f"--blacklist={where}"], f"look('{where}')"))
    box.same(got == ("True", repr(DENIED)),
             "--blacklist: a folder of the image", got)
    got = (box.says([], "type(look('/usr/bin/env')) is str, "
                        "os.path.getsize('/usr/bin/env') > 0",),
           box.says(["--blacklist=/bin/env"],
                    "os.path.getsize('/usr/bin/env')"))
    box.same(got[1] == "0", "--blacklist: a file of it, by a link", got)
    link = box.path("home", "data", "link")
    if not os.path.islink(link):
        box.link("plain", link)
    box.refuses([f"--whitelist={data}", f"--blacklist={link}"],
                ["--blacklist=", "symbolic link"],
                "--blacklist: what a link leads to is to be named")
    os.unlink(link)


def judged(box):
    """The same is refused as of a bind."""
    box.make(".ssh")
    for flag in ("--whitelist", "--read-only", "--read-write"):
        box.refuses([f"{flag}=~/.ssh"], [flag + "="],
                    f"{flag}: what is protected")
    box.refuses([f"--private={box.path('home', '.ssh')}"], ["--private="],
                "--private=DIR: what is protected")
    box.refuses(["--read-write=~"], ["--read-write="],
                "--read-write: with the configuration in it")
    box.refuses(["--whitelist=~/nothing"], ["--whitelist=", GONE],
                "--whitelist: what is not there")
    path = box.path("run", "creel.sock")
    box.refuses([f"--whitelist={path}"], ["--whitelist="],
                "--whitelist: creel's socket")
    for flag in ("--profile=x", "--x11", "--net=eth0", "--caps.drop=chown",
                 "--seccomp=chmod", "--quiet=1", "--overlay-tmpfs"):
        box.refuses([flag], [flag], f"{flag}: it is named")


def processes(box):
    """What a process may do: flags that hold anyhow, and those that do not."""
    got = box.jail(["--caps.drop=all", "--seccomp", "--nonewprivs",
                    "--noprofile", "--quiet"], STATUS)
    about = json.loads(got["stdout"]) if got.get("stdout") else {}
    box.same(got["stderr"] == "" and set(got["stdout"][:1]) == {"{"},
             "--quiet, --noprofile: nothing but the program's output", got)
    box.same(about.get("NoNewPrivs") == "1" and own("NoNewPrivs") == "0",
             "--nonewprivs: it has, and this test has not", about)
    box.same(about.get("Seccomp") == "2" and
             int(about["Seccomp_filters"]) >
             int(own("Seccomp_filters") or "0"),
             "--seccomp: it has a filter that this test has not", about)
    box.same(all(int(about[f"Cap{which}"], 16) == 0 for which in
                 ("Inh", "Prm", "Eff", "Bnd", "Amb")),
             "--caps.drop=all: it has none", about)
    dev = json.loads(box.jail(["--private-dev"], "import os, json; "
                              "print(json.dumps(os.listdir('/dev')))")
                     ["stdout"])
    box.same("null" in dev and len(dev) < 20 and
             set(os.listdir("/dev")) - set(dev),
             "--private-dev: few devices, and the host has more", dev)
    roots(box)


def roots(box):
    """--caps.drop=all and --noroot, where the configuration says otherwise."""
    docker = "docker = { user = '0:0', capDrop = ['NET_RAW'] }"

    def status(*flags):
        box.prefix(["firejail", *flags], docker=docker)
        return json.loads(box.py(STATUS).get("stdout") or "{}")

    plain, dropped = status(), status("--caps.drop=all")
    box.same(int(plain.get("CapEff", "0"), 16) != 0 and
             plain["Uid"].split()[0] == "0",
             "without: docker.user and docker.capDrop are obeyed", plain)
    box.same(int(dropped.get("CapEff", "1"), 16) == 0 and
             int(dropped["CapBnd"], 16) == 0 and
             dropped["Uid"].split()[0] == "0",
             "--caps.drop=all: none of them, and root still", dropped)
    rootless = status("--noroot")
    box.same(rootless.get("Uid", "0").split()[0] == "1000",
             "--noroot: not root", rootless)
    box.renew()


def images(box):
    """In an image that has less than the host, and a user's home nowhere."""
    top = box.make("image")
    for name in ("usr", "etc", "opt", "opt/dir"):
        box.make("image", name)
    for name in ("bin", "lib", "lib64"):
        box.link("usr/" + name, os.path.join(top, name))
    box.link("dir", os.path.join(top, "opt", "link"))
    kept = box.file("data", "plain")
    box.file("image", "opt", "dir", "file")
    docker = f"docker = {{ image = '{top}' }}"
    show = TRY + """
print(repr((look('/opt/dir/file'), look('/opt/link'), look(%r),
            look(home) if %r else home == '/', os.path.exists('/etc/passwd'),
            put('/opt/new'), put(home + '/x'))))
"""
    for flags, want in (
            ([], f"('file', ['file'], 'plain', ['data'], False, "
                 f"'{READ_ONLY}', 'put')"),
            (["--blacklist=/opt/link"],
             f"('{DENIED}', '{DENIED}', 'plain', ['data'], False, "
             f"'{READ_ONLY}', 'put')"),
            (["--blacklist=/opt/link/file", "--blacklist=/opt/none"],
             f"('{DENIED}', ['file'], 'plain', ['data'], False, "
             f"'{READ_ONLY}', 'put')")):
        box.prefix(["firejail", "--whitelist=/usr", f"--whitelist={kept}",
                    *flags], docker=docker)
        got = box.py(show % (kept, True))
        box.same(got.get("stdout") == want + "\n",
                 f"docker.image: the image, and what flags name: {flags}",
                 got)
    box.prefix(["firejail"], docker=docker)
    got = box.py("print(1)")
    box.same(got.get("error_code") == "interpreter_not_found" and
             "python3" in got["error"],
             "docker.image: one without an interpreter", got)
    box.prefix(["firejail"], docker="docker = { image = 'nonesuch:1' }")
    got = box.py("print(1)")
    box.same("docker.image" in got.get("error", ""),
             "docker.image: one that is not there is named", got)
    box.prefix(["firejail"])
    box.renew()


def network(box):
    """--net=none, and without."""
    show = ("import os; print(os.readlink('/proc/self/ns/net'), "
            "open('/proc/net/dev').read().count(':'))")
    host = os.readlink("/proc/self/ns/net")
    got = box.jail(["--net=none"], show)
    box.same(got["stdout"].split()[1:] == ["1"] and host not in got["stdout"],
             "--net=none: its own, with nothing but lo", got)
    got = box.jail([], show)
    box.same(got["stdout"].split()[1:] == ["1"],
             "without: what docker.network says, none by default", got)
    docker = "docker = { network = 'host' }"
    box.prefix(["firejail"], docker=docker)
    got = box.py(show)
    box.same(host in got.get("stdout", "") or
             (got.get("error_code") == "sandbox_mode_unavailable" and
              "docker.network" in got["error"] and
              "policy does not allow" in got["error"]),
             "without, and docker.network host: the host's, or an error where"
             " the administrator does not allow it", got)
    box.prefix(["firejail", "--net=none"], docker=docker)
    got = box.py(show)
    box.same(got.get("stdout", host).split()[1:] == ["1"],
             "--net=none, and docker.network host: none", got)
    if not box.inside:
        docker = "docker = { network = 'bridge' }"
        box.prefix(["firejail"], docker=docker)
        got = box.py(show)
        box.same(got.get("error_code") == "sandbox_mode_unavailable" and
                 "docker.network" in got["error"] and "bridge" in got["error"],
                 "without, and one that cannot be had: an error", got)
        box.prefix(["firejail", "--net=none"], docker=docker)
        box.same(box.py(show).get("ok"),
                 "--net=none: it is not asked for then")
    box.prefix(["firejail"])
    box.renew()


def temporary(box):
    """--private-tmp."""
    path = f"/tmp/creel-jail-{os.getpid()}"
    with open(path, "w", encoding="ascii") as file:
        file.write("tmp")
    os.chmod(path, 0o644)
    got = box.says([f"--whitelist={path}"], f"look('{path}')")
    box.same(got == "'tmp'", "without: a flag shows a file of /tmp", got)
    got = box.says(["--private-tmp"], f"look('{path}'), put('{path}')")
    with open(path, encoding="ascii") as file:
        left = file.read()
    box.same(got == f"('{GONE}', 'put')" and left == "tmp",
             "--private-tmp: a /tmp of its own", got)
    box.refuses(["--private-tmp", "--whitelist=/tmp"], ["--private-tmp"],
                "--private-tmp: not beside the host's")
    os.unlink(path)


def limits(box):
    """--rlimit-*, --timeout."""
    rows = (("as", "512m", 512 << 20), ("cpu", "7", 7),
            ("fsize", "64k", 64 << 10), ("nofile", "77", 77),
            ("nproc", "31", 31), ("sigpending", "55", 55))
    show = ("import json, resource as r; print(json.dumps({name: "
            "r.getrlimit(getattr(r, 'RLIMIT_' + name.upper(), 11)) "
            "for name in %r}))" % [row[0] for row in rows])
    plain = json.loads(box.jail([], show)["stdout"])
    some = box.jail([f"--rlimit-{name}={text}" for name, text, _ in rows],
                    show)
    some = json.loads(some.get("stdout") or "{}")
    for name, text, value in rows:
        box.same(some.get(name) == [value, value] and plain[name] !=
                 [value, value], f"--rlimit-{name}={text}",
                 (plain[name], some))
    got = box.jail(["--rlimit-fsize=1k"], "import signal; "
                   "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
                   "file = open('big', 'wb', 0); file.write(b'x' * 4096); "
                   "file.write(b'x')")
    box.same(got["ok"] is False and "File too large" in got["stderr"],
             "--rlimit-fsize: it is enforced", got)
    nap = "import time; time.sleep(2)"
    got = box.jail(["--timeout=00:00:01"], "import time; time.sleep(19)",
                   timeout_seconds=20)
    box.same(got["timed_out"] and 950 <= got["duration_ms"] < 18000,
             "--timeout: it ends then", got)
    got = box.jail([], nap, timeout_seconds=20)
    box.same(got["ok"], "without: it goes on", got)
    got = box.jail(["--timeout=01:00:00"], nap, timeout_seconds=1)
    box.same(got["timed_out"], "--timeout: it makes none longer", got)


def variables(box):
    """--env, --rmenv, --hostname, --shell=none, --."""
    show = "os.environ.get('PYTHONUNBUFFERED'), os.environ.get('A')"
    got = box.says([], show)
    box.same(got == "('1', None)", "without: no more variables, no less", got)
    got = box.says(["--env=A=b=c d", "--rmenv=PYTHONUNBUFFERED"], show)
    box.same(got == "(None, 'b=c d')", "--env, --rmenv", got)
    for python in ("", "pass_parent_env = true"):
        got = box.says(["--rmenv=LANG", "--rmenv=PATH"],
                       "'LANG' in os.environ, 'PATH' in os.environ",
                       python=python)
        box.same(got == "(False, False)",
                 f"--rmenv: what each command has, {python or 'listed'}", got)
    name = "__import__('socket').gethostname()"
    got = (box.says([], name), box.says(["--hostname=box-7.x"], name))
    box.same(got == ("'creel'", "'box-7.x'"), "--hostname", got)
    box.refuses(["--hostname=-x"], ["--hostname"], "--hostname: a wrong one")
    odd = "print('$(id) `id` ; \\\\ \" *')"
    for flags in ([], ["--shell=none"]):
        got = box.jail(flags, odd)
        box.same(got["stdout"] == "$(id) `id` ; \\ \" *\n",
                 f"no shell reads the code: {flags}", got)
    got = box.says(["--quiet", "--", "/usr/bin/env", "A=--net=x"], show)
    box.same(got == "('1', '--net=x')", "--: what follows is a program", got)
    got = box.jail(["--", "/none/such"], "print(1)")
    box.same(got.get("error_code") == "interpreter_not_found" and
             PREFIX in got["error"], "--: one that is not there", got)


class Long(threading.Thread):
    """A call that waits in its jail until it is let go."""

    def __init__(self, box, gate, *lines):
        super().__init__()
        self.box, self.got = box, None
        self.code = "\n".join((
            "import os, time", *lines, f"open('{gate}/up', 'w').close()",
            f"while not os.path.exists('{gate}/go'): time.sleep(0.02)",
            "print('over')"))
        self.up, self.go = gate + "/up", gate + "/go"
        for path in (self.up, self.go):
            if os.path.exists(path):
                os.unlink(path)

    def run(self):
        self.got = self.box.py(self.code)

    def begin(self):
        self.start()
        wait_for(lambda: os.path.exists(self.up) or self.got, 30)
        return self

    def end(self):
        with open(self.go, "w", encoding="ascii"):
            pass
        self.join()
        return self.got


def joined(box):
    """--name, --join."""
    gate = box.make("gate")
    share = f"--read-write={gate}"
    box.refuses(["--join=one"], ["--join=one", "no jail of that name"],
                "--join: there is none")
    box.prefix(["firejail", "--name=one", share], PATIENT)
    first = Long(box, gate, "open('/tmp/mark', 'w').write('mine')").begin()
    got = box.says([], "look('/tmp/mark')")
    box.same(got == repr(GONE), "without: a call has a jail of its own", got)
    got = box.says(["--join=one", "--env=A=b", "--rlimit-cpu=3"],
                   "look('/tmp/mark'), os.environ['A'], "
                   "__import__('resource').getrlimit(0), "
                   "len(look(os.getcwd()))")
    box.same(got == "('mine', 'b', (3, 3), 0)",
             "--join: in the jail of that name, with a folder", got)
    got = box.says(["--join=one"],
                   "[n for n in look('/tmp') if 'python' in n]")
    box.same(got.count("creel-python-") == 2,
             "--join: the folder of the call before is gone", got)
    got = box.jail(["--join=one"], "print(1)", python=PATIENT)
    box.same(len(box.jails()) == 1 and got["ok"],
             "--join: no sandbox is made", box.jails())
    other = box.run("tool", "call", "--json", "--session", KEY + "2",
                    "python_execute", json.dumps({"code": "print(1)"}))
    box.same(b"no jail of that name" in other.out,
             "--join: not the one of another session", other)
    ends = threading.Timer(0.5, first.end)
    ends.start()
    got = box.py("import time; time.sleep(15)")
    ends.join()
    box.same(first.got["stdout"] == "over\n" and not got["ok"] and
             not got.get("timed_out"),
             "--join: it ends with the call that it was made for", got)
    docker = "docker = { user = '0:0', capDrop = ['NET_RAW'] }"
    box.prefix(["firejail", "--name=two", share], PATIENT, docker)
    first = Long(box, gate).begin()
    for flag in ("--noroot", "--caps.drop=all"):
        box.prefix(["firejail", "--join=two", flag], docker=docker)
        got = box.py("print(1)")
        box.same(got.get("error_code") == "sandbox_mode_unavailable" and
                 flag in got["error"],
                 f"--join and {flag}: not where the other has it not", got)
    first.end()
    box.prefix(["firejail"])
    box.renew()
    shutil.rmtree(gate)


def interpreter(box):
    """python_path and venv_path: only what the jail shows."""
    venv = box.venv()
    show = "import sys; print(sys.prefix)"
    for key, value in (("venv_path", venv),
                       ("python_path", venv + "/bin/python")):
        python = f"{key} = '{value}'"
        got = box.jail([f"--whitelist={venv}"], show, python=python)
        box.same(got.get("stdout") == venv + "\n" and
                 got["python_executable"] == venv + "/bin/python",
                 f"{key}: visible by a flag", got)
        got = box.jail(["--rmenv=PATH"], show, python=python)
        box.same(got.get("error_code") == "interpreter_not_found" and
                 f"tools.python_exec.{key}" in got["error"] and
                 PREFIX in got["error"], f"{key}: not visible without", got)


def example(box):
    """MiniBot's: a shared directory, a venv, no capabilities, a filter."""
    shared = box.make("mybot", "data", "files", "jail-shared")
    os.chmod(shared, 0o700)
    venv = box.venv()
    python = (f"venv_path = '{venv}'\nartifacts_allow_in_jail = true\n"
              f"artifacts_jail_shared_dir = '{shared}'")
    storage = os.path.join(box.ws, "stored")
    tables = (f"[tools.file_storage]\nroot_dir = "
              f"'{'stored' if box.inside else storage}'\n")
    box.toml("sandbox_mode = 'jail'\n" + python,
             tables + "[tools.python_exec.jail]\nenabled = true\n"
             "command_prefix = " + json.dumps([
                 "firejail", "--quiet", "--noprofile", "--caps.drop=all",
                 "--seccomp", f"--whitelist={shared}",
                 f"--read-write={shared}", f"--whitelist={venv}"]))
    code = TRY + f"""
import json
status = dict(l[:-1].split(':\\t', 1)
              for l in open('/proc/self/status') if ':\\t' in l)
open('plot.svg', 'w').write('<svg/>')
os.mkdir('deep'); open('deep/a.csv', 'w').write('1')
open('no.exe', 'w').write('MZ')
print(json.dumps([os.getcwd(), sys.prefix, put({shared!r} + '/new'),
    put({venv!r} + '/new'), status['CapBnd'], status['Seccomp'],
    status['NoNewPrivs'], look({box.ws!r}),
    open('/proc/net/dev').read().count(':')]))
"""
    got = box.py(code, save_artifacts=True,
                 artifact_globs=["*.svg", "**/*.csv", "*.exe"])
    out = json.loads(got["stdout"]) if got.get("stdout") else [""] * 9
    box.same(got.get("ok") and got["sandbox_mode"] == "jail" and
             got["sandboxed"] is True, "the example: it runs in a sandbox",
             got)
    box.same(out[0].startswith(shared + "/creel-python-") and
             out[2] == "put" and os.path.exists(shared + "/new"),
             "the example: the directory is there, read-write", out)
    box.same(out[1] == venv and out[3] == READ_ONLY,
             "the example: the venv is there, read-only", out)
    box.same(int(out[4] or "1", 16) == 0 and out[5:7] == ["2", "1"],
             "the example: no capabilities, seccomp on", out)
    box.same(out[7] == GONE and out[8] == 1,
             "the example: nothing else, and the network of the policy", out)
    box.same(sorted(one["path"] for one in got.get("artifacts_saved", [])) ==
             ["generated/a.csv", "generated/plot.svg"] and
             [one["reason"] for one in got["artifacts_skipped"]] ==
             ["extension_not_allowed"],
             "the example: artifacts are collected from it", got)
    box.same(box.get("stored", "generated", "plot.svg") == b"<svg/>" and
             os.stat(os.path.join(storage, "generated")).st_uid ==
             (OTHER_UID if box.drop else os.geteuid()),
             "the example: and are in the storage", got)
    got = box.py("open('plot.svg', 'w').write('2')", save_artifacts=True)
    box.same([one["name"] for one in got["artifacts_saved"]] ==
             ["plot-1.svg"] and
             box.get("stored", "generated", "plot-1.svg") == b"2" and
             box.get("stored", "generated", "plot.svg") == b"<svg/>",
             "a name that is there already gets a number", got)
    os.unlink(shared + "/new")
    box.same(wait_for(lambda: not os.listdir(shared), 30),
             "the example: no folder is left in it", os.listdir(shared))
    storages(box, storage, python)


def storages(box, storage, python):
    """What a call could be led to by links in the storage."""
    away = box.make("away")
    shutil.rmtree(storage)
    box.make("ws", "stored")
    box.link(away, os.path.join(storage, "generated"))
    got = box.py("open('plot.svg', 'w').write('2')", save_artifacts=True)
    box.same(got["artifacts_saved"] == [] and not os.listdir(away) and
             got["artifacts_skipped"][0]["reason"] == "write_failed",
             "no link below the storage is followed", got)
    shutil.rmtree(storage)
    gone = box.path("home", "mybot", "data", "files", "none")
    box.prefix(["firejail"], python.replace(
        box.path("home", "mybot", "data", "files", "jail-shared"), gone))
    got = box.py("print(1)", save_artifacts=True)
    box.same(got.get("error_code") == "artifact_export_unreachable" and
             "tools.python_exec.artifacts_jail_shared_dir" in got["error"],
             "a shared directory that is not there is named", got)


def first_of(pid):
    """pid 1 of the sandbox that a process is in, as the host sees it."""
    while True:
        with open(f"/proc/{pid}/status", encoding="utf-8") as status:
            lines = dict(line.split(":", 1) for line in status)
        if lines["NSpid"].split()[-1] == "1":
            return pid
        pid = int(lines["PPid"])


def endings(box):
    """Cancelled, timed out, its client gone, creeld killed: nothing left."""
    shared = box.make("ends")
    nap = 50000 + os.getpid()
    python = ("artifacts_allow_in_jail = true\n"
              f"artifacts_jail_shared_dir = '{shared}'")
    code = ("import os, subprocess; os.mkdir('d'); open('d/f', 'w'); "
            f"os.chmod('d', 0); subprocess.Popen(['setsid', 'sleep', '{nap}'"
            f"]); subprocess.run(['sleep', '{nap}'])")
    args = {"code": code, "save_artifacts": True, "timeout_seconds": 20}
    box.prefix(["firejail", "--name=x"], python)

    def runs():
        # A jail of before may still be ending.
        return len(processes_with(str(nap))) >= 2 and \
            len(box.jails()) == 1 and len(os.listdir(shared)) == 1

    def clean():
        return not processes_with(str(nap)) and not box.jails() and \
            not os.listdir(shared)

    def left():
        return processes_with(str(nap)), box.jails(), os.listdir(shared)

    with Client(box) as client:
        tools = client.open(KEY)
        seq, token = client.begin(tools, "python_execute", args)
        box.same(wait_for(runs, 15), "it runs", left())
        cgroups, before = box.cgroups(), box.descriptors()
        client.ask("tool_cancel", {1: token})
        answer = client.get(seq)
        box.same(answer.more.get("error_code") == "cancelled" and
                 wait_for(clean, 30), "cancelled: nothing is left",
                 (answer, left()))
        box.same(wait_for(lambda: not any(
            os.path.isdir(path) for path in cgroups - box.cgroups()), 30),
                 "nor a cgroup of it", (cgroups, box.cgroups()))
        for _ in range(8):
            seq, token = client.begin(tools, "python_execute", args)
            client.ask("tool_cancel", {1: token})
            answer = client.get(seq)
        box.same(answer.more.get("error_code") == "cancelled" and
                 wait_for(clean, 30), "cancelled at once: nothing is left",
                 (answer, left()))
        box.same(wait_for(lambda: box.descriptors() <= before, 30),
                 "nor a descriptor of creeld's", (before, box.descriptors()))
        got = client.call(tools, "python_execute",
                          dict(args, timeout_seconds=1)).more
        box.same(got.get("timed_out") and wait_for(clean, 30),
                 "timed out: nothing is left", (got, left()))
        client.begin(tools, "python_execute", args)
        wait_for(runs, 15)
    box.same(wait_for(clean, 30), "its client gone: nothing is left", left())
    client = Client(box)
    client.begin(client.open(KEY), "python_execute", args)
    wait_for(runs, 15)
    jails = box.jails()
    box.kill_creeld()
    client.close()
    box.run("list")
    box.same(jails and wait_for(clean, 30),
             "creeld killed: nothing is left with the next one",
             (jails, left()))
    client = Client(box)
    client.begin(client.open(KEY), "python_execute", args)
    wait_for(runs, 15)
    cgroups = box.cgroups()
    for pid in box.creeld():
        os.kill(pid, signal.SIGSTOP)
    for pid in {first_of(pid) for pid in processes_with(str(nap))}:
        os.kill(pid, signal.SIGKILL)
    ended = wait_for(lambda: not processes_with(str(nap)) and
                     box.cgroups() < cgroups, 10)
    rest = os.listdir(shared)
    box.kill_creeld()
    client.close()
    box.run("list")
    box.same(len(rest) == 1 and wait_for(clean, 30),
             "creeld killed after the jail: nothing is left either",
             (ended, rest, left()))
    got = box.py("print(1)")
    box.same(got.get("ok"), "and others run", got)


def log(box):
    """A jailed call is written down as sandboxed; its sandbox has no other."""
    box.jail([], "print('for the log')")
    rows = [row for row in box.logs("--tool", "python_execute")
            if "for the log" in row["command"]]
    box.same(len(rows) == 1 and rows[0]["sandboxed"] is True and
             rows[0]["session"] == KEY and rows[0]["status"] == 0,
             "it is in the log", rows)
    got = box.call("python_environment_info", include_packages=False)
    box.same(got.get("ok") and got["sandbox_mode"] == "jail" and
             got["sandboxed"] is True,
             "python_environment_info looks into a jail too", got)


PARTS = (private, places, judged, processes, images, network, temporary, limits,
         variables, joined, interpreter, example, endings, log)


def main():
    """All of them, or those that are named."""
    wanted = sys.argv[1:]
    for mode in modes():
        for where in ("sandbox", "host"):
            with Jails(mode, where) as box:
                for part in PARTS:
                    if not wanted or part.__name__ in wanted:
                        part(box)
                box.forget()
    done()


main()
