#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The worked examples of other programs' manuals, and what they come to."""
import json
import os

from explainer import DATA, Home, too_wide
from harness import done, ok

SANDBOX_ROOT = ".openclaw/sandboxes"
DEFAULT_ALLOW = ["exec", "process", "read", "write", "edit", "apply_patch",
                 "image", "sessions_list", "sessions_history",
                 "sessions_send", "sessions_spawn", "session_status"]


def allowed(said):
    return [name for name, good in said["tools"].items() if good]


def family(home):
    config = ("--config", home.example("family.json5"))
    said = home.explain(*config)
    ok(said["agentId"] == "main" and
       said["sandbox"]["sessionIsSandboxed"] is False,
       "family: main is on the host", said)
    ok(all(said["tools"].values()), "family: main has all tools",
       said["tools"])
    ok(said["workspaces"]["agent"] == home.path(".openclaw/workspace"),
       "family: main has the workspace that it names", said["workspaces"])
    for key in ("agent:family:main", "agent:family:whatsapp:group:1"):
        said = home.explain(*config, "--session", key)
        ok(said["sandbox"]["sessionIsSandboxed"] is True and
           said["scopeKey"] == "agent:family" and
           said["name"].startswith("openclaw-sbx-agent-family-"),
           f"family: {key} is in the agent's one sandbox", said)
        ok(allowed(said) == ["read"], f"family: {key} has read alone",
           said["tools"])


def work(home):
    config = ("--config", home.example("work.json5"))
    said = home.explain(*config, "--agent", "personal")
    ok(said["sandbox"]["sessionIsSandboxed"] is False,
       "work: personal is on the host", said)
    for key in ("agent:work:main", "agent:work:telegram:dm:1"):
        said = home.explain(*config, "--session", key)
        ok(said["sandbox"]["sessionIsSandboxed"] is True and
           said["scopeKey"] == "shared" and
           said["name"] == "openclaw-sbx-shared",
           f"work: {key} is in the sandbox that is named with shared", said)
        ok(said["workspaces"]["sandbox"] == "/tmp/work-sandboxes" and
           said["sandbox"]["workspaceRoot"] == "/tmp/work-sandboxes",
           f"work: {key} has the workspace root itself", said["workspaces"])
        ok(allowed(said) == ["exec", "read", "write", "apply_patch"],
           f"work: {key} has the four tools", said["tools"])


def support(home):
    config = ("--config", home.example("support.json5"))
    said = home.explain(*config, "--session", "agent:other:main")
    ok(allowed(said) == [
        "exec", "process", "read", "write", "edit", "apply_patch", "image",
        "sessions_list", "sessions_history", "sessions_send",
        "sessions_spawn", "session_status", "memory_search", "memory_get"],
       "support: other agents have the coding tools", said["tools"])
    said = home.explain(*config, "--agent", "support")
    ok(allowed(said) == [], "support: what messaging and slack both let "
       "through is nothing", said["tools"])
    for tool, stages in (
            ("slack", ["tool profile"]),
            ("message", ["agent's tool policy"]),
            ("session_status", ["agent's tool policy"]),
            ("exec", ["tool profile", "agent's tool policy"])):
        tool_said = home.explain(*config, "--agent", "support", "--tool",
                                 tool)["tool"]
        ok(not tool_said["allowed"] and
           [r["stage"] for r in tool_said["reasons"]] == stages,
           f"support: {tool} is refused by {' and '.join(stages)}",
           tool_said)


def public(home):
    config = ("--config", home.example("public.json5"))
    for key in ("agent:main:main", "agent:main:whatsapp:group:1"):
        said = home.explain(*config, "--session", key)
        ok(said["sandbox"]["sessionIsSandboxed"] is False,
           f"public: {key} is never sandboxed", said["sandbox"])
    names = set()
    for key in ("agent:public:main", "agent:public:whatsapp:group:1"):
        said = home.explain(*config, "--session", key)
        names.add(said["name"])
        ok(said["sandbox"]["sessionIsSandboxed"] is True and
           allowed(said) == ["read"],
           f"public: {key} is always sandboxed, with read", said)
    ok(len(names) == 1, "public: it has one sandbox", names)
    said = home.explain(*config, "--session", "agent:other:main")
    ok(said["sandbox"]["sessionIsSandboxed"] is False,
       "public: another agent's main session is on the host",
       said["sandbox"])
    names = set()
    for key in ("agent:other:x", "agent:other:whatsapp:group:1"):
        said = home.explain(*config, "--session", key)
        names.add(said["name"])
        ok(said["sandbox"]["sessionIsSandboxed"] is True and
           said["scopeKey"] == key,
           f"public: {key} has a sandbox of its own", said)
    ok(len(names) == 2, "public: each of its sessions has one", names)


def minimal(home):
    config = ("--config", home.example("minimal.json5"))
    said = home.explain(*config)
    ok(said["sessionKey"] == "agent:main:main" and
       said["sandbox"]["sessionIsSandboxed"] is False,
       "minimal: agent:main:main is on the host", said)
    said = home.explain(*config, "--session", "agent:main:whatsapp:group:1")
    ok(said["sandbox"]["sessionIsSandboxed"] is True and
       said["scopeKey"] == "agent:main:whatsapp:group:1" and
       said["name"] == "openclaw-sbx-agent-main-whatsapp-group-1-b6fd968a",
       "minimal: the group is in a sandbox of its own", said)
    ok(said["workspaces"]["sandbox"] == home.path(
        SANDBOX_ROOT, "agent-main-whatsapp-group-1-b6fd968a") and
       said["sandbox"]["workspaceRoot"] == home.path(SANDBOX_ROOT),
       "minimal: its workspace is under the workspace root",
       said["workspaces"])
    ok(said["docker"]["network"] == "none" and
       said["docker"]["readOnlyRoot"] is True,
       "minimal: no network, a read-only root", said["docker"])
    ok(said["sandbox"]["tools"]["allow"] == DEFAULT_ALLOW,
       "minimal: the default tools of a sandbox", said["sandbox"]["tools"])


def binds(home):
    both = ["/home/user/source:/source:ro",
            "/var/run/docker.sock:/var/run/docker.sock"]
    cache = ["/mnt/cache:/cache:rw"]
    path = home.example("binds.json5")
    said = home.explain("--config", path, "--agent", "build")
    ok(said["docker"]["binds"] == both + cache,
       "binds: build has all three, in that order", said["docker"])
    said = home.explain("--config", path, "--agent", "other")
    ok(said["docker"]["binds"] == both, "binds: others have the first two",
       said["docker"])
    with open(path, encoding="utf-8") as file:
        text = file.read()
    shared = home.file("shared.json5", text.replace(
        "sandbox: {", 'sandbox: {scope: "shared", mode: "all", ', 1))
    said = home.explain("--config", shared, "--agent", "build")
    ok(said["docker"]["binds"] == both,
       "binds: under scope shared build has the first two alone",
       said["docker"])
    ok("passed over" in said["origins"]["docker.binds"]["note"],
       "binds: and explain says why", said["origins"]["docker.binds"])
    notes = [n for n in said["notes"] if "docker.sock" in n]
    ok(len(notes) == 1 and "allowSocketBinds" in notes[0],
       "binds: the socket is refused, and the key that allows it is named",
       said["notes"])
    listed = home.file("listed.json5", text.replace(
        "sandbox: {",
        'sandbox: {allowSocketBinds: ["/var/run/docker.sock"], ', 1))
    said = home.explain("--config", listed, "--agent", "build")
    ok(not [n for n in said["notes"] if "allowSocketBinds" in n],
       "binds: it is not refused once it is listed", said["notes"])


def tools(home):
    config = ("--config", home.example("tools.json5"))
    said = home.explain(*config)
    ok(said["sandbox"]["sessionIsSandboxed"] is False and
       all(said["tools"].values()), "tools: main is on the host", said)
    said = home.explain(*config, "--agent", "other")
    ok(said["sandbox"]["tools"]["allow"] ==
       ["read", "write", "apply_patch", "exec", "image"] and
       said["sandbox"]["tools"]["deny"] == [],
       "tools: sandboxed sessions of another agent have those four and "
       "image", said["sandbox"]["tools"])
    with open(os.path.join(DATA, "tools.json5"), encoding="utf-8") as file:
        text = file.read()
    config = ("--config", home.file("tools-all.json5", text.replace(
        "agents: {", 'agents: { defaults: { sandbox: { mode: "all" } },', 1)))
    said = home.explain(*config, "--agent", "other")
    ok(said["sandbox"]["sessionIsSandboxed"] is True and allowed(said) ==
       ["exec", "read", "write", "apply_patch", "image"],
       "tools: and can use no others", said["tools"])


def minibot(home):
    config = ("--config", home.example("minibot.toml"))
    said = home.explain(*config)
    ok(said["sandbox"]["mode"] == "all" and
       said["sandbox"]["sessionIsSandboxed"] is True,
       "minibot: everything is sandboxed", said["sandbox"])
    ok(said["docker"]["user"] == "1000:1000", "minibot: as user 1000:1000",
       said["docker"])


def widths(home):
    for name in sorted(os.listdir(DATA)):
        path = home.example(name)
        wide = []
        for args in ((), ("--agent", "work"), ("--agent", "build"),
                     ("--agent", "family"), ("--tool", "exec"),
                     ("--session", "agent:public:whatsapp:group:" + "9" * 99,
                      "--tool", "browser")):
            wide += too_wide(home.text("--config", path, *args))
        ok(not wide, f"{name} is explained in 80 columns", wide)
        status, out, err = home.run("config", "check", path)
        ok(status == 0, f"{name} is valid", (out, err))


def main():
    with Home() as home:
        for example in (family, work, support, public, minimal, binds, tools,
                        minibot, widths):
            try:
                example(home)
            except (AssertionError, KeyError, json.JSONDecodeError) as error:
                ok(False, example.__name__, repr(error))
    done()


if __name__ == "__main__":
    main()
