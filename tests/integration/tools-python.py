#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""python_execute and python_environment_info from end to end, option by option,
in a sandbox and on the host."""
import json
import os
import shutil
import signal
import subprocess
import sys
import time

from harness import OTHER_UID, done, modes, processes_with, wait_for
from minibot_box import KEY, Tools

TELL = ("import json, os, sys; print(json.dumps({'argv': sys.orig_argv, "
        "'cwd': os.getcwd(), 'ls': os.listdir(), 'prefix': sys.prefix, "
        "'mode': os.stat('.').st_mode & 511, 'env': dict(os.environ)}))")
MEMBERS = {"ok", "exit_code", "stdout", "stderr", "timed_out", "truncated",
           "sandbox_mode", "artifacts_saved", "artifacts_skipped",
           "duration_ms", "python_executable"}
COMMON = {"sandboxed", "durationMs", "memoryPeak", "cpuUsec"}
SYSTEM_PYTHON = "/usr/bin/python3"


def told(got):
    """What TELL has printed."""
    try:
        return json.loads(got["stdout"])
    except (KeyError, ValueError):
        return {"argv": [], "cwd": "", "ls": None, "env": {}, "mode": 0,
                "prefix": ""}


def start(box):
    """PYTHON -u -B -I -c in a fresh folder."""
    box.toml()
    got = box.py(TELL)
    about = told(got)
    box.same(about["argv"][1:5] == ["-u", "-B", "-I", "-c"] and
             about["env"].get("PYTHONUNBUFFERED") == "1",
             "python -u -B -I -c, with PYTHONUNBUFFERED=1", got)
    box.same(about["cwd"].startswith("/tmp/creel-python-") and
             about["ls"] == [] and about["mode"] == 0o700,
             "in a fresh folder that is nobody else's", got)
    again = told(box.py(TELL))
    box.same(again["cwd"] != about["cwd"] and not box.left(),
             "which is another one each time, and does not stay", again)
    more = set(got) - {"isError", "text"}
    box.same(MEMBERS <= more and more <= MEMBERS | COMMON and got["ok"] is True
             and got["exit_code"] == 0 and got["python_executable"] == "python3"
             and got["sandbox_mode"] == "basic" and not got["isError"]
             and got["sandboxed"] == box.inside and got["duration_ms"] >= 0
             and got["artifacts_saved"] == [] == got["artifacts_skipped"],
             "a result has the members that it should have", got)
    got = box.py("import sys; print('o'); print('e', file=sys.stderr); "
                 "sys.exit(3)")
    box.same(got["ok"] is False and got["exit_code"] == 3 and
             got["stdout"] == "o\n" and got["stderr"] == "e\n" and
             not got["isError"], "a status that is not 0 is no ok", got)
    got = box.py("import os; os.kill(os.getpid(), 9)")
    box.same(got["exit_code"] == 137 and got["ok"] is False,
             "a signal is 128 and its number", got)
    got = box.py("import os; os.mkdir('d'); os.mkdir('d/e'); "
                 "os.chmod('d', 0); os.chmod('.', 0)")
    box.same(got["ok"] and not box.left(),
             "a folder that was made unwritable does not stay either", got)
    got = box.py("import os; os.write(1, b'a\\xff\\x00b')")
    box.same(got["stdout"] == "a\ufffd\0b", "what is no UTF-8 is replaced", got)


# What could tell where its code came from.
ODD = (
    "import sys; print(sys.argv, sorted(globals()), __name__)",
    "print(__file__)",
    "def f():\n  raise ValueError('x')\ntry:\n  f()\n"
    "except ValueError as e:\n  raise KeyError('y') from e",
    "x = = 1",
    "import sys; print(sys.stdin.read()); sys.exit(4)",
    "print(input(), input())\ninput()",
    "raise SystemExit('bye')",
    "from __future__ import annotations\nprint(__annotations__, '\u00e9')",
    "raise KeyboardInterrupt",
)


def by_stdin(box):
    """The code is in no list of processes, and does not know it."""
    got = box.py("print(open('/proc/self/cmdline').read()) # a secret")
    box.same(got["ok"] and "secret" not in got["stdout"],
             "the code is no argument", got)
    for code in ODD:
        got = box.py(code, stdin="one\ntwo")
        want = subprocess.run(
            [SYSTEM_PYTHON, "-u", "-B", "-I", "-c", code], input=b"one\ntwo",
            capture_output=True, check=False)
        status = want.returncode if want.returncode >= 0 else \
            128 - want.returncode
        box.same((got["exit_code"], got["stdout"], got["stderr"]) ==
                 (status, want.stdout.decode(), want.stderr.decode()),
                 f"it runs as if it were: {code!r:.40}", (got, want))


def bounds(box):
    """Timeouts, output and code."""
    keys = ("default_timeout_seconds = 1\nmax_output_bytes = 100\n"
            "max_code_bytes = '1KB'\n")
    box.toml(keys)
    nap = 40000 + os.getpid()
    code = f"import subprocess; subprocess.run(['sleep', '{nap}'])"
    got = box.py(code)
    box.same(got["timed_out"] and got["ok"] is False and
             got["exit_code"] == 124 and 950 <= got["duration_ms"] < 30000,
             "default_timeout_seconds ends it", got)
    box.same(wait_for(lambda: not processes_with(f"sleep\0{nap}")
                      and not processes_with(f"sleep {nap}"), 30) and
             not box.left(), "with all that it has started")
    box.toml(keys + "max_timeout_seconds = 2")
    got = box.py(code, timeout_seconds=60)
    box.same(got["timed_out"] and 1950 <= got["duration_ms"] < 40000,
             "more than max_timeout_seconds counts as that", got)
    box.toml(keys)
    got = box.py("import time; time.sleep(1.2); print('x')",
                 timeout_seconds=20)
    box.same(got["ok"] and got["stdout"] == "x\n",
             "control: what asks for enough time has it", got)
    for value in (0, -1, 1e308, "5", 1.5):
        got = box.py("1", timeout_seconds=value)
        box.fails(got, "invalid_argument", "timeout_seconds",
                  f"a timeout of {value!r} is refused")
    both = "import sys; sys.stdout.write('o'*{}); sys.stderr.write('e'*{})"
    for out, err, want in ((60, 60, (60, 40, True)), (150, 5, (100, 0, True)),
                           (50, 50, (50, 50, False)), (0, 101, (0, 100, True)),
                           (100, 0, (100, 0, False))):
        got = box.py(both.format(out, err), timeout_seconds=20)
        box.same((got["stdout"], got["stderr"], got["truncated"]) ==
                 ("o" * want[0], "e" * want[1], want[2]),
                 f"max_output_bytes: stdout first, of {out} and {err}", got)
    for size, text, key in ((1000, "'1KB'", 1000), (2048, "'2KiB'", 2048),
                            (50, "50", 50)):
        box.toml(f"max_code_bytes = {text}\nmax_output_bytes = {text}")
        fits = "1 #" + "x" * (size - 3)
        box.same(box.py(fits).get("ok"), f"{text} of code is {key} bytes")
        box.fails(box.py(fits + "x"), "code_too_large", "max_code_bytes",
                  f"and one more than {text} is refused, by the key's name")
        got = box.py("print('x'*5000)")
        box.same(len(got["stdout"]) == size and got["truncated"],
                 f"{text} of output is {key} bytes", got)
    for code in ("", "  \n\t"):
        box.fails(box.py(code), "invalid_argument", "code",
                  f"code {code!r} is refused")
    box.fails(box.py("print(1)\0"), "invalid_argument", "code",
              "and one with NUL")
    box.fails(box.call("python_execute", code="1", none=1), "invalid_argument",
              "none", "and an argument that there is not")


def environment(box):
    """pass_parent_env, env_allowlist, stdin."""
    own = "[agents.defaults.sandbox.docker.env]\nFOO = 'bar'\nBAZ = '1'"
    seen = {"SECRET_CANARY": "tweety-4711"}
    box.toml(docker=own)
    env = told(box.py(TELL))["env"]
    allowed = {"PATH", "LANG", "LC_ALL", "PYTHONUTF8", "PYTHONUNBUFFERED",
               "LC_CTYPE"}
    box.same("PATH" in env and set(env) <= allowed,
             "without pass_parent_env only env_allowlist is seen", env)
    box.toml("pass_parent_env = true", docker=own)
    env = told(box.py(TELL))["env"]
    box.same(env.get("FOO") == "bar" and "HOME" in env and
             "SECRET_CANARY" not in env if box.inside else
             seen.items() <= env.items(),
             "pass_parent_env: the caller's on the host, docker.env inside",
             env)
    box.toml("env_allowlist = ['FOO', 'SECRET_CANARY']", docker=own)
    env = told(box.py(TELL))["env"]
    box.same(set(env) - {"LC_CTYPE", "PYTHONUNBUFFERED"} ==
             ({"FOO"} if box.inside else {"SECRET_CANARY"}),
             "env_allowlist is another one", env)
    box.toml()
    copy = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())"
    for text in ("", "a\0b\r\n\u00e9", "x" * 60000):
        got = box.py(copy, stdin=text)
        box.same(got.get("stdout") == text,
                 f"stdin of {len(text)} characters", str(got)[:300])
    box.same(box.py(copy).get("stdout") == "" ,
             "without it there is nothing to read")


LIMITS = ("import json, resource as r; print(json.dumps({n: r.getrlimit("
          "getattr(r, 'RLIMIT_' + n.upper())) for n in "
          "('cpu', 'as', 'fsize', 'nproc', 'nofile')}))")


def rlimits(box):
    box.toml("sandbox_mode = 'rlimit'")
    box.fails(box.py("1"), "sandbox_mode_unavailable",
              "tools.python_exec.rlimit.enabled",
              "rlimit without .enabled names the key")
    table = "[tools.python_exec.rlimit]\nenabled = true\n"
    box.toml("sandbox_mode = 'rlimit'", table)
    got = box.py(LIMITS)
    box.same(got["sandbox_mode"] == "rlimit" and json.loads(got["stdout"]) ==
             {"cpu": [2, 2], "as": [256 << 20] * 2, "fsize": [16 << 20] * 2,
              "nproc": [64, 64], "nofile": [256, 256]},
             "rlimits are what the table says by default", got)
    box.toml("sandbox_mode = 'rlimit'", table +
             "cpu_seconds = 1\nmemory_mb = 200\nfsize_mb = 1\nnproc = 1\n"
             "nofile = 20")
    got = box.py("while True: pass", timeout_seconds=20)
    box.same(got["exit_code"] in (137, 152) and not got["timed_out"],
             "cpu_seconds bites", got)
    got = box.py("x = bytearray(300 << 20)")
    box.same("MemoryError" in got["stderr"], "memory_mb bites", got)
    got = box.py("open('f', 'wb').write(bytes(2 << 20))")
    box.same(not got["ok"] and "File too large" in got["stderr"] or
             got["exit_code"] == 153, "fsize_mb bites", got)
    got = box.py("x = [open('/dev/null') for _ in range(30)]")
    box.same("Too many open files" in got["stderr"], "nofile bites", got)
    if box.inside or box.drop or os.geteuid() != 0:
        got = box.py("import os; os.fork()")
        box.same("unavailable" in got["stderr"], "nproc bites", got)
    box.toml("sandbox_mode = 'none'")
    got = box.py("x = [open('/dev/null') for _ in range(30)]; "
                 "x = bytearray(300 << 20); "
                 "open('f', 'wb').write(bytes(2 << 20)); print('all')")
    box.same(got["stdout"] == "all\n" and got["sandbox_mode"] == "none",
             "control: none of them does in mode none", got)


def cgroups(box):
    box.toml("sandbox_mode = 'cgroup'")
    box.fails(box.py("1"), "sandbox_mode_unavailable",
              "tools.python_exec.cgroup.enabled",
              "cgroup without .enabled names the key")
    box.toml("sandbox_mode = 'cgroup'", "[tools.python_exec.cgroup]\n"
             "enabled = true\nmemory_max_mb = 64\ncpu_quota_percent = 50")
    got = box.py("x = bytearray(200 << 20); print('all')")
    if got.get("error_code"):
        box.fails(got, "sandbox_mode_unavailable", "tools.python_exec.cgroup",
                  "a cgroup that cannot be had is an error with the key")
    else:
        box.same(got["exit_code"] == 137 and "all" not in got["stdout"] and
                 "tools.python_exec.cgroup" in got["text"],
                 "memory_max_mb bites, and the text names the key", got)
    box.same(not box.left(), "either leaves nothing", box.left())


def prefixes(box):
    """sandbox_mode jail with what is not firejail."""
    table = "[tools.python_exec.jail]\n"
    box.toml("sandbox_mode = 'jail'")
    box.fails(box.py("1"), "sandbox_mode_unavailable",
              "tools.python_exec.jail.enabled", "jail without .enabled")
    box.toml("sandbox_mode = 'jail'", table + "enabled = true")
    box.fails(box.py("1"), "sandbox_mode_unavailable",
              "tools.python_exec.jail.command_prefix", "without a prefix")
    box.toml("sandbox_mode = 'jail'", table + "enabled = true\n"
             "command_prefix = ['nonesuch-jail', '--x']")
    box.fails(box.py("1"), "interpreter_not_found",
              "tools.python_exec.jail.command_prefix",
              "a program that is not there is an error with the key")
    box.same(not box.left(), "and leaves nothing", box.left())
    box.toml("sandbox_mode = 'jail'", table + "enabled = true\n"
             "command_prefix = ['env', 'MARK=a b']")
    got = box.py(TELL)
    box.same(told(got)["env"].get("MARK") == "a b" and
             got["sandbox_mode"] == "jail", "another prefix is run as it is",
             got)
    box.fails(box.py("1", save_artifacts=True),
              "artifacts_not_supported_in_jail",
              "tools.python_exec.artifacts_allow_in_jail",
              "files of a jail are kept only where that is allowed")
    allow = "sandbox_mode = 'jail'\nartifacts_allow_in_jail = true\n"
    prefix = table + "enabled = true\ncommand_prefix = ['env']"
    box.toml(allow, prefix)
    box.fails(box.py("1", save_artifacts=True), "artifact_export_unreachable",
              "tools.python_exec.artifacts_jail_shared_dir",
              "and where the shared folder is named")
    shared = box.make("shared")
    box.toml(allow + f"artifacts_jail_shared_dir = '{shared}/none'", prefix)
    box.fails(box.py("1", save_artifacts=True), "artifact_export_unreachable",
              "tools.python_exec.artifacts_jail_shared_dir", "and is there")
    if not box.inside:
        box.toml(allow + f"artifacts_jail_shared_dir = '{shared}'", prefix)
        got = box.py("import os; print(os.getcwd()); "
                     "open('j.txt', 'w').write('x')", save_artifacts=True)
        box.same(got["stdout"].startswith(shared) and
                 [a["name"] for a in got["artifacts_saved"]] == ["j.txt"] and
                 not os.listdir(shared), "there it is where code runs, and "
                 "files are collected from", got)
    box.toml("enabled = false")
    got = box.py("1")
    box.same(got.get("isError") and "python_execute" in got["text"],
             "enabled = false: there is no such tool", got)


def information(box):
    box.toml()
    got = box.call("python_environment_info")
    box.same(got["ok"] and got["package_count"] >= len(got["packages"]) > 0
             and got["limit"] == 100 and got["include_packages"] is True and
             got["python_version"].startswith("3.") and
             got["runtime_executable"].startswith("/") and
             got["sandbox_mode"] == "basic",
             "python_environment_info tells of Python", got)
    names = [name.split("==")[0] for name in got["packages"]]
    box.same(names == sorted(names, key=str.lower), "in order", names)
    few = box.call("python_environment_info", limit=1)
    box.same(few["packages"] == got["packages"][:1] and few["limit"] == 1 and
             few["truncated_packages"] == (got["package_count"] > 1) and
             few["package_count"] == got["package_count"], "limit", few)
    head = names[0][:2].upper()
    some = box.call("python_environment_info", name_prefix=head)
    box.same(some["packages"] and some["name_prefix"] == head and all(
        name.lower().startswith(head.lower()) for name in some["packages"]),
             "name_prefix, in either case", some)
    none = box.call("python_environment_info", include_packages=False)
    box.same(none["packages"] == [] and none["package_count"] == 0 and
             none["include_packages"] is False, "include_packages", none)
    shown = box.run("tool", "list", "--session", KEY)
    box.same(b"\n  include_packages\n" in shown.out,
             "tool list parts a long name from its type", shown)
    got = box.call("python_environment_info", limit=0)
    box.fails(got, "invalid_argument", "limit", "a limit of 0 is refused")
    box.same(not box.left(), "nothing is left of it", box.left())


def venvs(box):
    """python_path and venv_path."""
    home = box.path("home")
    venv = os.path.join(home, "tools_venv")
    subprocess.run([SYSTEM_PYTHON, "-m", "venv", "--without-pip", venv],
                   check=True)
    with open(os.path.join(venv, "mark"), "w", encoding="ascii") as file:
        file.write("x")
    if box.drop:
        subprocess.run(["chown", "-hR", f"{OTHER_UID}:{OTHER_UID}", venv],
                       check=True)
    look = TELL + f"; open('{venv}/new', 'w')"
    for lines, python, name in (
            (f"venv_path = '{venv}'", venv + "/bin/python", "venv_path"),
            (f"python_path = '{venv}/bin/python3'", venv + "/bin/python3",
             "python_path"),
            ("venv_path = '~/tools_venv'", venv + "/bin/python", "venv_path"),
            (f"python_path = '{SYSTEM_PYTHON}'\nvenv_path = '{venv}'",
             SYSTEM_PYTHON, "python_path, before venv_path,")):
        box.toml(lines)
        box.renew()
        got = box.py(look)
        own = python.startswith(venv)
        box.same(told(got)["prefix"] == (venv if own else "/usr") and
                 got["python_executable"] == python,
                 f"{name} is run", got)
        if box.inside:
            box.same("Read-only file system" in got["stderr"],
                     "and is seen there read-only", got)
        else:
            os.unlink(os.path.join(venv, "new"))
    box.toml("python_path = 'python3'")
    got = box.py("print(1)")
    box.same(got["ok"] and got["python_executable"] == "python3",
             "python_path without a slash is looked for as commands are", got)
    box.toml("python_path = '/usr/bin/nonesuch'")
    where = "sandbox" if box.inside else "host"
    for tool in ("python_execute", "python_environment_info"):
        got = box.call(tool, **({"code": "1"} if "exec" in tool else {}))
        box.fails(got, "interpreter_not_found", "tools.python_exec.python_path",
                  f"{tool}: one that is not there is named by its key")
        box.same(where in got["error"], "and where that was looked for", got)
    if box.inside:
        bound(box, venv)


def bound(box, venv):
    """What the sandbox sees of the host's Python."""
    box.toml()
    box.renew()
    before = box.id_of(KEY)
    text = box.run("explain", "--json", "--session", KEY).out.decode()
    old = json.loads(text)
    box.toml(f"venv_path = '{venv}'")
    text = box.run("explain", "--json", "--session", KEY).out.decode()
    new = json.loads(text)
    box.same(old["hash"] != new["hash"],
             "what is bound is a part of the sandbox's configuration")
    page = " ".join(box.run("explain", "--session", KEY).out.decode().split())
    note = f"tools.python_exec.venv_path: {venv} is seen"
    box.same(note in " ".join(new["notes"]) and note in page,
             "and explain tells it", page)
    box.same(before and not box.sh(KEY, f"test -e {venv}/mark").status == 0,
             "a sandbox in use stays as it was")
    box.renew()
    box.same(box.sh(KEY, f"test -e {venv}/mark").status == 0 and
             box.sh(KEY, f"ls {box.path('home')}").out.split() ==
             [b"tools_venv"], "one made anew has it, and nothing beside it",
             box.sh(KEY, f"ls {box.path('home')}"))
    far = os.path.join(box.path("home"), "far_venv")
    shutil.copytree(venv, far, symlinks=True)
    os.unlink(far + "/bin/python3")
    shutil.copy2(SYSTEM_PYTHON, box.path("home", "python3.far"))
    box.link(box.path("home", "python3.far"), far + "/bin/python3")
    box.toml(f"venv_path = '{far}'")
    box.renew()
    box.fails(box.py("1"), "interpreter_not_found",
              "tools.python_exec.venv_path",
              "an interpreter that is not seen inside is named by its key")
    box.toml(f"venv_path = '{box.make('gone')}/none'")
    box.renew()
    box.same(box.sh(KEY, "true").status == 0 and "does not exist" in
             box.run("explain", "--session", KEY).out.decode(),
             "what is not there is not bound, and explain says so")
    box.toml(f"venv_path = '{box.make('.ssh')}'")
    box.renew()
    got = box.sh(KEY, "true")
    box.same(got.status != 0 and b"tools.python_exec.venv_path" in got.err,
             "what docker.binds may not have is refused, with the key", got)
    box.toml()


def cancelled(box):
    """Nothing is left of a call that does not end by itself."""
    box.toml()
    nap = 50000 + os.getpid()
    code = (f"import os, subprocess; os.mkdir('d'); "
            f"subprocess.run(['sleep', '{nap}'])")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        call = box.start("tool", "call", "--json", "--session", KEY,
                         "python_execute",
                         json.dumps({"code": code, "timeout_seconds": 20}))
        box.same(wait_for(box.folders, 15) and wait_for(
            lambda: processes_with(f"sleep {nap}"), 15),
                 "control: a call has its folder")
        call.send_signal(number)
        call.communicate(timeout=30)
        box.same(wait_for(lambda: not box.left() and
                          not processes_with(f"sleep {nap}"), 30),
                 f"after {number.name} neither folder nor process stays",
                 box.folders())


def again(box):
    """creeld is killed, and the client comes back."""
    box.toml()
    call = box.start("tool", "call", "--json", "--session", KEY,
                     "python_execute", json.dumps({
                         "code": "import time; open('a.txt', 'w').write('1'); "
                         "time.sleep(4); print('whole')",
                         "timeout_seconds": 20,
                         "save_artifacts": True, "artifact_subdir": "again"}))
    # What was not begun before is not begun by another creeld.
    wait_for(lambda: box.sh(KEY, "ls /tmp/creel-python-*/a.txt").status == 0,
             20)
    box.kill_creeld()
    out, err = call.communicate(timeout=60)
    got = json.loads(out)["structuredContent"] if out else {}
    box.same(got.get("ok") and got["stdout"] == "whole\n" and
             [a["name"] for a in got["artifacts_saved"]] == ["a.txt"],
             "creeld killed: the client comes back for code and files",
             (out, err))
    box.same("is lost" in got.get("text", str(out)),
             "and is told that it may have missed something", got)
    box.same(not box.left(), "and nothing is left", box.left())


def forsaken(box):
    """creeld is killed, and nobody comes back: begun here, looked at later."""
    box.toml()
    call = box.start("tool", "call", "--session", KEY, "python_execute",
                     json.dumps({"code": "import time; time.sleep(60)",
                                 "timeout_seconds": 20}))
    wait_for(box.folders, 15)
    # Whoever is killed first: the call must not be over before.
    call.send_signal(signal.SIGSTOP)
    box.kill_creeld()
    call.kill()
    call.communicate()
    return box


def here(mode, where):
    box = Tools(mode, where)
    for part in (start, by_stdin, bounds, environment, rlimits, cgroups, prefixes,
                 information, venvs, cancelled):
        if not sys.argv[1:] or part.__name__ in sys.argv[1:]:
            part(box)
    if box.inside:
        again(box)
    box.forget()
    box.close()


LEFT = [forsaken(Tools(each, "sandbox")) for each in modes()]
for each in modes():
    for place in ("sandbox", "host"):
        here(each, place)
for BOX in LEFT:
    BOX.same(wait_for(lambda box=BOX: not box.folders(), 60),
             "creeld and client killed: the next creeld removes the folder",
             BOX.folders())
    BOX.forget()
    BOX.close()
done()
