#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bash, and the options of apply_patch and file_storage that a TOML file has."""
import os

from harness import OTHER_UID, done, modes, processes_with, wait_for
from minibot_box import Tools

ON = "[tools.bash]\nenabled = true\n"
MEMBERS = {"ok", "exit_code", "stdout", "stderr", "timed_out", "truncated",
           "duration_ms", "cwd", "command"}
COMMON = {"sandboxed", "durationMs", "memoryPeak", "cpuUsec", "isError", "text"}


def sh(box, command, **args):
    return box.call("bash", command=command, **args)


def results(box):
    box.toml()
    got = sh(box, "true")
    box.same(got["isError"] and "bash" in got["text"],
             "bash is there only where it is enabled", got)
    box.toml("", ON)
    got = sh(box, "tr '\\0' '\\n' </proc/$$/cmdline; shopt -q login_shell; "
             "echo $?; echo e >&2; pwd")
    root = "/workspace" if box.inside else box.ws
    lines = got["stdout"].splitlines()
    box.same(lines[:2] == ["/bin/bash", "-lc"] and lines[-2:] == ["0", root] and
             got["stderr"] == "e\n",
             "/bin/bash -lc COMMAND, from the workspace", got)
    box.same(MEMBERS <= set(got) and set(got) <= MEMBERS | COMMON and
             got["ok"] is True and got["exit_code"] == 0 and
             got["cwd"] == root and got["command"].startswith("tr ") and
             got["sandboxed"] == box.inside,
             "a result has the members that it should have", got)
    got = sh(box, "exit 7")
    box.same(got["ok"] is False and got["exit_code"] == 7 and
             not got["isError"], "a status that is not 0 is no ok", got)
    got = sh(box, "kill -9 $$")
    box.same(got["exit_code"] == 137, "nor a signal", got)
    got = sh(box, "nonesuch-program")
    box.same(got["exit_code"] == 127 and "not found" in got["stderr"],
             "nor a command that is not there", got)
    got = sh(box, "printf 'a\\377\\0b'; cat")
    box.same(got["stdout"] == "a\ufffd\0b", "what is no UTF-8 is replaced, and "
             "there is nothing to read", got)
    for command, name in (("", "command"), ("a\0b", "command")):
        box.fails(sh(box, command), "invalid_argument", name,
                  f"a command {command!r} is refused")
    box.fails(box.call("bash"), "invalid_argument", "command",
              "and none at all")


def bounds(box):
    keys = "default_timeout_seconds = 1\nmax_output_bytes = '1KB'\n"
    box.toml("", ON + keys)
    nap = 60000 + os.getpid()
    got = sh(box, f"sleep {nap} & sleep {nap}")
    box.same(got["timed_out"] and got["exit_code"] == 124 and not got["ok"] and
             950 <= got["duration_ms"] < 30000, "default_timeout_seconds", got)
    box.same(wait_for(lambda: not processes_with(f"sleep {nap}"), 30),
             "ends all that it has started")
    box.toml("", ON + keys + "max_timeout_seconds = 2\n")
    got = sh(box, f"sleep {nap}", timeout_seconds=50)
    box.same(got["timed_out"] and got["duration_ms"] >= 1950,
             "more than max_timeout_seconds counts as that", got)
    box.toml("", ON + keys)
    got = sh(box, "sleep 1.2; echo x", timeout_seconds=60)
    box.same(got["stdout"] == "x\n", "control: enough is enough", got)
    for value in (0, -3, "1", 1e308):
        box.fails(sh(box, "true", timeout_seconds=value), "invalid_argument",
                  "timeout_seconds", f"a timeout of {value!r} is refused")
    got = sh(box, "head -c 600 /dev/zero | tr '\\0' e >&2; "
             "head -c 600 /dev/zero | tr '\\0' o", timeout_seconds=60)
    box.same(len(got["stdout"]) == 600 and len(got["stderr"]) == 400 and
             got["truncated"], "max_output_bytes, stdout first", got)
    got = sh(box, "head -c 500 /dev/zero | tr '\\0' e >&2; "
             "head -c 500 /dev/zero | tr '\\0' o", timeout_seconds=60)
    box.same(not got["truncated"], "control: 1000 are not cut", got)


def places(box):
    """cwd, env."""
    box.toml("", ON)
    sh(box, "mkdir -p 'sub dir'")
    got = sh(box, "pwd", cwd="sub dir")
    box.same(got["stdout"].endswith("/sub dir\n") and
             got["cwd"] == got["stdout"][:-1], "cwd below the workspace", got)
    got = sh(box, "pwd", cwd="/usr")
    box.same(got["stdout"] == "/usr\n", "an absolute one", got)
    got = sh(box, "pwd", cwd="/none/such")
    box.fails(got, "not_started", "/none/such",
              "one that is not there is an error")
    if not box.inside:
        got = sh(box, "pwd", cwd="~/media")
        box.same(got["stdout"] == box.path("home", "media") + "\n",
                 "one below the home", got)
    got = sh(box, "printf '%s|' \"$A\" \"$B\"", env={"A": "b=c\n'$(id)", "B": ""})
    box.same(got["stdout"] == "b=c\n'$(id)||", "env, as it is", got)
    for env in ({"A=B": "c"}, {"": "c"}, {"A": "b\0"}):
        got = sh(box, "true", env=env)
        box.fails(got, "invalid_argument", "env", f"env {env} is refused")
    own = "[agents.defaults.sandbox.docker.env]\nFOO = 'bar'\nBAZ = '1'"
    see = "echo \"${FOO-}${SECRET_CANARY-}${HOME-}\"; env"
    box.toml("", ON, docker=own)
    got = sh(box, see)
    box.same(("bar" in got["stdout"] and "tweety" not in got["stdout"])
             if box.inside else "tweety" in got["stdout"],
             "pass_parent_env: the caller's on the host, docker.env inside",
             got)
    box.toml("", ON + "pass_parent_env = false\nenv_allowlist = ['BAZ', "
             "'TERM']", docker=own)
    got = sh(box, see)
    names = {line.split("=")[0] for line in got["stdout"].splitlines()[1:]}
    box.same("tweety" not in got["stdout"] and "bar" not in got["stdout"] and
             ("BAZ" if box.inside else "TERM") in names,
             "without, only env_allowlist", got)


def spills(box):
    """Long output goes into a file."""
    keys = ("spill_to_managed_file = true\nspill_after_chars = 100\n"
            "spill_preview_chars = 10\n")
    box.toml("", ON + keys)
    got = sh(box, "printf '\\303\\251%.0s' $(seq 100)")
    box.same("spilled" not in got and len(got["stdout"]) == 100 and
             not got["truncated"], "100 characters are not too long", got)
    got = sh(box, "printf '\\303\\251%.0s' $(seq 90); printf e%.0s $(seq 20) >&2")
    box.same(got.get("spilled") is True and got["stdout"] == "\u00e9" * 10 and
             got["stderr"] == "" and got["truncated"] and
             got["spill_path"].startswith("bash/") and
             box.get("data/files", got["spill_path"]) ==
             "\u00e9".encode() * 90 + b"e" * 20 and
             got["spill_path"] in got["text"],
             "110 are: all of it in a file, 10 in the answer", got)
    box.toml("", ON + keys + "spill_subdir = 'long/out'\n"
             "max_output_bytes = 50\n")
    got = sh(box, "head -c 100000 /dev/zero | tr '\\0' x; exit 3")
    box.same(got["exit_code"] == 3 and
             got.get("spill_path", "").startswith("long/out/") and
             len(box.get("data/files", got["spill_path"]) or b"") == 100000,
             "spill_subdir, and more than max_output_bytes", got)
    box.toml("", ON + keys + "[tools.file_storage]\nenabled = false\n")
    box.fails(sh(box, "true"), "file_storage_unavailable",
              "tools.file_storage.enabled", "without storage it is an error")
    box.toml("", ON)
    got = sh(box, "head -c 9000 /dev/zero | tr '\\0' x")
    box.same("spilled" not in got and len(got["stdout"]) == 9000,
             "spill_to_managed_file is off by default", got)


def patch(box, *lines, key="patch_text"):
    return box.call("apply_patch", **{key: "\n".join(
        ("*** Begin Patch",) + lines + ("*** End Patch",))})


def put(box, name, data):
    path = os.path.join(box.ws, name)
    box._own(os.path.dirname(path),
             lambda folder: os.makedirs(folder, exist_ok=True))
    with open(path, "wb") as file:
        file.write(data)
    if box.drop:
        os.chown(path, OTHER_UID, OTHER_UID)


def patches(box):
    """What tools-files.py does not have of apply_patch's options."""
    far = box.make("far")
    table = "[tools.apply_patch]\nenabled = true\nworkspace_root = 'code'\n"
    for lines, name in (("restrict_to_workspace = false\n",
                         "restrict_to_workspace = false"),
                        ("allow_outside_workspace = true\n",
                         "allow_outside_workspace")):
        box.toml("", table + lines)
        box.make("ws", "code")
        got = patch(box, "*** Add File: ../beside", "+1")
        box.same(not got["isError"] and box.get("beside") == b"1\n",
                 f"{name}: workspace_root can be left", got)
        os.unlink(os.path.join(box.ws, "beside"))
        got = patch(box, f"*** Add File: {far}/f", "+1")
        box.same(got["isError"] == box.inside and
                 os.path.exists(far + "/f") == (not box.inside),
                 "on the host for any place, inside for none but the "
                 "workspace", got)
        if not box.inside:
            os.unlink(far + "/f")
    box.toml("", table)
    got = patch(box, f"*** Add File: {far}/f", "+1")
    box.same(got["isError"] and not os.listdir(far),
             "control: without them it cannot", got)
    put(box, "code/open", b"a\nb")
    got = patch(box, "*** Update File: open", "@@ -1,2 +1,2 @@", " a", "-b",
                "+c", key="input")
    box.same(not got["isError"] and box.get("code/open") == b"a\nc",
             "a last line without an end stays so", got)
    box.toml("", table + "preserve_trailing_newline = false\n")
    got = patch(box, "*** Update File: open", "@@", "-c", "+d")
    box.same(not got["isError"] and box.get("code/open") == b"a\nd\n",
             "preserve_trailing_newline = false gives it one", got)
    put(box, "code/far", b"".join(b"%d\n" % (i % 10) for i in range(40)))
    got = patch(box, "*** Update File: far", "@@ -22,2 +22,2 @@", " 0", "-1",
                "+one")
    lines = (box.get("code/far") or b"").split(b"\n")
    box.same(not got["isError"] and lines[21] == b"one" and
             lines.count(b"one") == 1,
             "unified headers: the lines anchor the search", got)
    box.toml("", table + "max_patch_bytes = '1KiB'\n")
    head = len("*** Begin Patch\n*** Add File: n\n+\n*** End Patch")
    got = patch(box, "*** Add File: n", "+" + "x" * (1024 - head))
    box.same(not got["isError"], "1KiB of a patch is 1024 bytes", got)
    got = patch(box, "*** Add File: m", "+" + "x" * (1025 - head))
    box.same(got["isError"] and "max_patch_bytes" in got["text"],
             "and one more is too long", got)


def storage(box):
    """What tools-files.py does not have of file_storage's options."""
    far = box.make("far2")
    table = "[tools.file_storage]\nenabled = true\n"
    box.toml("", table + "allow_outside_root = true\nmax_write_bytes = '1KiB'\n")
    got = box.call("write", path="../../beside", content="x")
    box.same(not got["isError"] and box.get("beside") == b"x",
             "allow_outside_root: root_dir can be left", got)
    got = box.call("write", path=far + "/f", content="x")
    box.same(got["isError"] == box.inside and
             bool(os.listdir(far)) == (not box.inside),
             "on the host for any place, inside for none but the workspace",
             got)
    got = box.call("write", path="k", content="x" * 1024)
    box.same(not got["isError"], "max_write_bytes = 1KiB is 1024 bytes", got)
    got = box.call("write", path="k2", content="x" * 1025)
    box.same(got["isError"] and "max_write_bytes" in got["text"],
             "and one more is too much", got)
    box.toml("", table + "root_dir = 'deep/er'\n")
    got = box.call("write", path="sub/a", content="x")
    more = box.call("read", path="sub/a")
    edit = box.call("edit", path="sub/a", oldText="x", newText="y")
    box.same(not got["isError"] and more["text"] == "x" and
             not edit["isError"] and box.get("deep/er/sub/a") == b"y",
             "every file tool's paths are below root_dir", (got, more, edit))
    for tool, args in (("read", {}), ("edit", {"oldText": "x",
                                               "newText": "y"})):
        got = box.call(tool, path="../../beside", **args)
        box.same(got["isError"] and "root_dir" in got["text"],
                 f"{tool} does not leave it", got)


for each in modes():
    for place in ("sandbox", "host"):
        with Tools(each, place) as BOX:
            for part in (results, bounds, places, spills, patches, storage):
                part(BOX)
            BOX.forget()
done()
