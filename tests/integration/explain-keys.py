#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each key of a sandbox as other programs have it: default, values, merge.

One row a key, in the order of their manual; then sessions, workspaces, tools.
"""
import hashlib
import json
import re

from explainer import Home
from harness import done, ok

UNSET = "unset"

# key: default, another value, what an agent says instead
KEYS = {
    "mode": ("off", "non-main", "all"),
    "scope": ("agent", "session", "shared"),
    "workspaceAccess": ("none", "ro", "rw"),
    "workspaceRoot": ("~/.openclaw/sandboxes", "/srv/a", "~/b"),
    "docker.image": ("openclaw-sandbox:bookworm-slim", "a:1", "b:2"),
    "docker.containerPrefix": ("openclaw-sbx-", "a-", "b-"),
    "docker.workdir": ("/workspace", "/work", "/w"),
    "docker.readOnlyRoot": (True, False, True),
    "docker.tmpfs": (["/tmp", "/var/tmp", "/run"],
                     ["/tmp:size=64m,mode=1777"], ["/a", "/b"]),
    "docker.network": ("none", "bridge", "host"),
    "docker.user": ("0:0", "1000:1000", "node"),
    "docker.capDrop": (["ALL"], ["NET_RAW"], []),
    "docker.env": ({"LANG": "C.UTF-8"}, {"A": "1", "B": "2"},
                   {"B": "3", "C": "4"}),
    "docker.setupCommand": (UNSET, "true", "apt-get update"),
    "docker.pidsLimit": (UNSET, 64, 100),
    "docker.memory": (UNSET, "512m", "1g"),
    "docker.memorySwap": (UNSET, "1g", 2147483648),
    "docker.cpus": (UNSET, 0.5, 2),
    "docker.ulimits": (UNSET, {"nofile": 1024, "nproc": "1024:2048"},
                       {"nproc": {"soft": 1, "hard": 2}}),
    "docker.seccompProfile": (UNSET, "/etc/a.json", "/etc/b.json"),
    "docker.apparmorProfile": (UNSET, "a", "b"),
    "docker.dns": (UNSET, ["1.1.1.1"], ["9.9.9.9", "8.8.8.8"]),
    "docker.extraHosts": (UNSET, ["a:10.0.0.1"], ["b:10.0.0.2"]),
    "docker.binds": (UNSET, ["/a:/a:ro"], ["/b:/b", "/c:/c:rw"]),
    "browser.enabled": (False, True, False),
    "browser.image": ("openclaw-sandbox-browser:bookworm-slim", "a", "b"),
    "browser.containerPrefix": ("openclaw-sbx-browser-", "a-", "b-"),
    "browser.cdpPort": (9222, 1, 2),
    "browser.vncPort": (5900, 1, 2),
    "browser.noVncPort": (6080, 1, 2),
    "browser.headless": (False, True, False),
    "browser.enableNoVnc": (True, False, True),
    "browser.allowHostControl": (False, True, False),
    "browser.autoStart": (True, False, True),
    "browser.autoStartTimeoutMs": (12000, 1, 2),
    "browser.allowedControlUrls": (UNSET, ["http://a"], ["http://b"]),
    "browser.allowedControlHosts": (UNSET, ["a"], ["b"]),
    "browser.allowedControlPorts": (UNSET, [1], [2, 3]),
    "prune.idleHours": (24, 0, 1.5),
    "prune.maxAgeDays": (7, 0, 30),
}
# What comes of both levels, where the agent's does not simply win.
MERGED = {
    "docker.env": {"A": "1", "B": "3", "C": "4"},
    "docker.ulimits": {"nofile": 1024, "nproc": {"soft": 1, "hard": 2}},
    "docker.binds": ["/a:/a:ro", "/b:/b", "/c:/c:rw"],
}
# What must stand beside a key.
BESIDE = {"docker.memorySwap": {"docker": {"memory": "64m"}}}


def tree(key, value):
    """{"docker": {"image": value}} of docker.image."""
    for part in reversed(key.split(".")):
        value = {part: value}
    return value


def joined(one, other):
    """Both trees in one."""
    for key, value in other.items():
        if isinstance(one.get(key), dict) and isinstance(value, dict):
            joined(one[key], value)
        else:
            one[key] = value
    return one


def config(home, defaults, agent=None):
    return ("--config", home.file("creel.json5", json.dumps({"agents": {
        "defaults": {"sandbox": defaults},
        "list": [{"id": "main", "sandbox": agent or {}}]}}, indent=1)))


def value_of(said, key, home):
    value = said["origins"][key].get("value", UNSET)
    if isinstance(value, str) and value.startswith(home.top):
        value = "~" + value[len(home.top):]
    return value


def one_key(home, key, default, other, agent):
    said = home.explain(*config(home, {}))
    ok(value_of(said, key, home) == default and
       said["origins"][key]["source"] == "default",
       f"{key}: the default is {default}", said["origins"][key])
    defaults = joined(tree(key, other), BESIDE.get(key, {}))
    said = home.explain(*config(home, defaults))
    ok(value_of(said, key, home) == other and
       said["origins"][key]["source"] == "global",
       f"{key}: agents.defaults says {other}", said["origins"][key])
    said = home.explain(*config(home, defaults, tree(key, agent)))
    want = MERGED.get(key, agent)
    ok(value_of(said, key, home) == want and
       said["origins"][key]["source"] == "agent",
       f"{key}: with an agent's own it is {want}", said["origins"][key])
    if "." not in key:
        return
    joined(defaults, {"scope": "shared"})
    said = home.explain(*config(home, defaults, tree(key, agent)))
    ok(value_of(said, key, home) == other and
       said["origins"][key]["source"] == "global" and
       "scope shared" in said["origins"][key]["note"],
       f"{key}: the agent's is ignored under scope shared",
       said["origins"][key])


def scopes(home):
    for sandbox, scope, source in (
            ({}, "agent", "default"), ({"perSession": True}, "session",
                                       "global"),
            ({"perSession": False}, "shared", "global"),
            ({"perSession": True, "scope": "agent"}, "agent", "global")):
        said = home.explain(*config(home, sandbox))
        ok(said["sandbox"]["scope"] == scope and
           said["sandbox"]["perSession"] == (scope == "session") and
           said["origins"]["scope"]["source"] == source and
           (scope != "agent" or sandbox or
            "neither scope nor perSession" in
            said["origins"]["scope"]["note"]),
           f"scope: {sandbox} is {scope}", said["origins"]["scope"])


def env(home):
    said = home.explain(*config(home, {}, tree("docker.env", {"A": "1"})))
    ok(said["docker"]["env"] == {"A": "1"},
       "docker.env: the default counts where neither level sets env",
       said["docker"]["env"])


def modes(home):
    for mode, key, want in (
            ("off", "agent:main:main", False),
            ("off", "agent:main:x", False),
            ("non-main", "agent:main:main", False),
            ("non-main", "agent:main:x", True),
            ("non-main", "agent:main:whatsapp:group:1", True),
            ("all", "agent:main:main", True), ("all", "agent:main:x", True)):
        said = home.explain(*config(home, {"mode": mode}), "--session", key)
        ok(said["sandbox"]["sessionIsSandboxed"] is want,
           f"mode {mode}: {key} is {'' if want else 'not '}sandboxed",
           said["sandbox"])


def slug(key):
    """As other programs name a folder."""
    key = key.strip() or "session"
    safe = re.sub(r"[^a-z0-9._-]+", "-", key.lower()).strip("-")
    return (safe[:32] or "session") + "-" + \
        hashlib.sha1(key.encode()).hexdigest()[:8]


def names(home):
    for scope, key, scope_key in (
            ("session", "agent:main:main", "agent:main:main"),
            ("session", "agent:main:whatsapp:group:1",
             "agent:main:whatsapp:group:1"),
            ("session", "telegram:1", "telegram:1"),
            ("session", "agent:main:" + "x" * 99, "agent:main:" + "x" * 99),
            ("session", "agent:main:\u65e5\u672c/\u8a9e!x",
             "agent:main:\u65e5\u672c/\u8a9e!x"),
            ("agent", "agent:main:x", "agent:main"),
            ("agent", "agent:My Agent:x", "agent:my-agent"),
            ("shared", "agent:main:x", "shared")):
        said = home.explain(*config(home, {"scope": scope}), "--session", key)
        want = "shared" if scope == "shared" else slug(scope_key)
        root = home.path(".openclaw/sandboxes")
        ok(said["scopeKey"] == scope_key and said["slug"] == want and
           said["name"] == ("openclaw-sbx-" + want)[:63] and
           said["workspaces"]["sandbox"] ==
           (root if scope == "shared" else f"{root}/{want}"),
           f"scope {scope}: the name and workspace of {key[:40]}", said)


def agents(home):
    def default_of(entries):
        path = home.file("creel.json5", json.dumps({"agents": {
            "list": entries}}))
        return home.explain("--config", path)["agentId"]

    for entries, want in (
            ([], "main"), ([{"id": "b"}, {"id": "a"}], "b"),
            ([{"id": "b"}, {"id": "a", "default": True}], "a"),
            ([{"id": "Team One"}], "team-one"),
            ([{"id": "--X--"}], "x"), ([{"id": "!"}], "main"),
            ([{"id": "y" * 70}], "y" * 64)):
        got = default_of(entries)
        ok(got == want, f"the default agent of {json.dumps(entries)[:60]} "
           f"is {want[:20]}", got)


def workspaces(home):
    path = home.file("creel.json5", json.dumps({"agents": {
        "defaults": {"workspace": "~/all", "sandbox": {"mode": "all"}},
        "list": [{"id": "main"}, {"id": "own", "workspace": "~/own"},
                 {"id": "rw", "sandbox": {"workspaceAccess": "rw"}}]}}))
    for agent, want in (("main", "all"), ("own", "own"), ("rw", "all")):
        said = home.explain("--config", path, "--agent", agent)
        ok(said["workspaces"]["agent"] == home.path(want),
           f"workspace: {agent} has ~/{want}", said["workspaces"])
        ok((said["workspaces"]["sandbox"] == home.path(want)) ==
           (agent == "rw"),
           f"workspace: only rw shows the agent's own ({agent})",
           said["workspaces"])


def main():
    with Home() as home:
        for key, (default, other, agent) in KEYS.items():
            one_key(home, key, default, other, agent)
        for rows in (scopes, env, modes, names, agents, workspaces):
            rows(home)
    done()


if __name__ == "__main__":
    main()
