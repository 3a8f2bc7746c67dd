#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""creel explain: its members and their order, its text, its errors."""
import json
import os
import re
import subprocess

from explainer import Home, too_wide
from harness import done, ok

TOP = ["agentId", "sessionKey", "mainSessionKey", "sandbox", "elevated",
       "fixIt"]
SANDBOX = ["mode", "scope", "perSession", "workspaceAccess", "workspaceRoot",
           "sessionIsSandboxed", "tools"]
FIXES = ["tools.sandbox.tools.allow", "tools.sandbox.tools.deny",
         "agents.list[].tools.sandbox.tools.allow",
         "agents.list[].tools.sandbox.tools.deny", "tools.elevated.enabled"]
OFF = ["agents.defaults.sandbox.mode=off", "agents.list[].sandbox.mode=off"]
TOOLS = ["exec", "process", "read", "write", "edit", "apply_patch", "image",
         "browser", "canvas", "nodes", "cron", "message", "gateway",
         "agents_list", "sessions_list", "sessions_history", "sessions_send",
         "sessions_spawn", "session_status", "memory_search", "memory_get",
         "web_search", "web_fetch"]

FULL = """\
{
  session: { mainKey: "Home" },
  agents: {
    defaults: {
      sandbox: {
        mode: "non-main",
        docker: { memory: "512m", env: { TOKEN: "hush" } },
      },
    },
    list: [
      { id: "main" },
      { id: "work",
        sandbox: { scope: "session", docker: { cpus: 2 } },
        tools: { elevated: { allowFrom: { whatsapp: [" +1 ", 17] } } } },
    ],
  },
  tools: {
    elevated: { allowFrom: { whatsapp: ["*"] } },
    sandbox: { tools: { deny: ["group:web", "exec"] } },
  },
}
"""
GROUP = "agent:work:whatsapp:group:1"


def check_members(home):
    config = ("--config", home.file("full.json5", FULL))
    said = home.explain(*config, "--session", GROUP, "--tool", "exec")
    ok(list(said)[:6] == TOP, "the common members come first, in order",
       list(said))
    ok(list(said["sandbox"]) == SANDBOX, "and so in sandbox",
       list(said["sandbox"]))
    ok(said["sandbox"]["tools"] == {
        "allow": ["exec", "process", "read", "write", "edit", "apply_patch",
                  "image", "sessions_list", "sessions_history",
                  "sessions_send", "sessions_spawn", "session_status"],
        "deny": ["web_search", "web_fetch", "exec"],
        "sources": {
            "allow": {"source": "default",
                      "key": "tools.sandbox.tools.allow"},
            "deny": {"source": "global", "key": "tools.sandbox.tools.deny"},
        }} and list(said["sandbox"]["tools"]) == ["allow", "deny", "sources"],
       "the sandbox policy has its sources", said["sandbox"]["tools"])
    ok(list(said["elevated"]) == ["enabled", "channel", "allowedByConfig",
                                  "alwaysAllowedByConfig", "allowFrom",
                                  "failures"] and
       said["elevated"] == {
           "enabled": True, "channel": "whatsapp", "allowedByConfig": True,
           "alwaysAllowedByConfig": False,
           "allowFrom": {"global": ["*"], "agent": ["+1", "17"]},
           "failures": []},
       "elevated has its gates", said["elevated"])
    ok(said["fixIt"] == OFF + FIXES + ["tools.elevated.allowFrom.whatsapp"],
       "fixIt lists the keys in order", said["fixIt"])
    ok(said["agentId"] == "work" and said["sessionKey"] == GROUP and
       said["mainSessionKey"] == "agent:work:home",
       "whose session it is", said)
    origins = said["origins"]
    path = config[1]
    for key, want in (
            ("mode", {"value": "non-main", "source": "global",
                      "key": "agents.defaults.sandbox.mode", "file": path,
                      "line": 6, "column": 9}),
            ("docker.memory",
             {"value": "512m", "source": "global",
              "key": "agents.defaults.sandbox.docker.memory", "file": path,
              "line": 7, "column": 19}),
            ("docker.cpus",
             {"value": 2, "source": "agent",
              "key": "agents.list[1].sandbox.docker.cpus", "file": path,
              "line": 13, "column": 48}),
            ("docker.network",
             {"value": "none", "source": "default",
              "key": "agents.defaults.sandbox.docker.network"})):
        ok(origins.get(key) == want, f"the origin of {key}",
           origins.get(key))
    ok(all(o["source"] in ("default", "global", "agent") and
           ("line" in o) == (o["source"] != "default")
           for o in origins.values()) and len(origins) == 47,
       "every value has an origin", origins)
    ok(said["tool"] == {
        "name": "exec", "allowed": False, "stage": "sandbox tool policy",
        "reasons": [{"stage": "sandbox tool policy", "reason": "deny list",
                     "key": "tools.sandbox.tools.deny", "file": path,
                     "line": 19, "column": 25}],
        "fixes": [{"key": "agents.defaults.sandbox.mode",
                   "how": "off (no sandbox)", "file": path, "line": 6,
                   "column": 9},
                  {"key": "tools.sandbox.tools.deny",
                   "how": "take the tool off", "file": path, "line": 19,
                   "column": 25}]},
       "--tool says which stage decided, and what changes it", said["tool"])


def no_nulls(value):
    if isinstance(value, dict):
        return all(no_nulls(v) for v in value.values())
    if isinstance(value, list):
        return all(no_nulls(v) for v in value)
    return value is not None


def check_form(home):
    config = ("--config", home.file("full.json5", FULL))
    _, out, _ = home.run("explain", "--json", *config, "--session", GROUP)
    again = json.dumps(json.loads(out), indent=2, ensure_ascii=False)
    ok(out.decode() == again + "\n", "JSON is indented by two blanks",
       subprocess.list2cmdline(["diff"]))
    ok(no_nulls(json.loads(out)), "what has no value is absent", out)
    said = home.explain(*config)
    ok("channel" not in said["elevated"] and
       said["elevated"]["allowFrom"] == {},
       "a channel that is not known is absent", said["elevated"])
    ok("tool" not in said, "and so is a tool that nobody asked for",
       list(said))
    said = home.explain("--config", home.file("off.json5", "{}"))
    ok(said["fixIt"] == FIXES, "with mode off no key turns it off",
       said["fixIt"])


def check_sessions(home):
    config = ("--config", home.file("full.json5", FULL))
    for args, key, sandboxed in (
            ((), "agent:main:home", False),
            (("--agent", "work"), "agent:work:home", False),
            (("--agent", " WORK "), "agent:work:home", False),
            (("--session", "home"), "agent:main:home", False),
            (("--session", "build"), "agent:main:build", True),
            (("--agent", "work", "--session", "build"), "agent:work:build",
             True),
            # compared literally: an alias is not followed
            (("--session", "main"), "agent:main:main", True),
            (("--session", "agent:main:main"), "agent:main:main", True),
            (("--session", GROUP), GROUP, True),
            (("--session", "telegram:1"), "telegram:1", True),
            (("--session", "agent:main:\u0434\u043e\u043c"),
             "agent:main:\u0434\u043e\u043c", True),
            (("--session", "agent:main:a/../../b"), "agent:main:a/../../b",
             True)):
        said = home.explain(*config, *args)
        ok(said["sessionKey"] == key and
           said["sandbox"]["sessionIsSandboxed"] is sandboxed,
           f"explain {' '.join(args)} names {key}", said["sessionKey"])
    said = home.explain(*config, "--session", "main")
    ok(said["canonicalKey"] == "agent:main:home" and
       any("creel exec" in note for note in said["notes"]),
       "an alias of the main session is told of", said["notes"])
    config = ("--config", home.file(
        "global.json5", "{session: {scope: 'global'}, agents: {defaults: "
        "{sandbox: {mode: 'non-main'}}}}"))
    for args in ((), ("--session", "global")):
        said = home.explain(*config, *args)
        ok(said["sessionKey"] == said["mainSessionKey"] == "global" and
           said["sandbox"]["sessionIsSandboxed"] is False,
           f"explain {' '.join(args)} with session.scope global", said)


def check_tools(home):
    config = ("--config", home.file(
        "tools.json5", "{agents: {defaults: {sandbox: {mode: 'all', "
        "workspaceAccess: 'ro'}}}, tools: {deny: ['read']}}"))
    good = {"exec", "process", "image", "sessions_list", "sessions_history",
            "sessions_send", "sessions_spawn", "session_status"}
    for tool in TOOLS:
        said = home.explain(*config, "--tool", tool)
        answer = said["tool"]
        text = home.text(*config, "--tool", tool)
        ok(answer["allowed"] == (tool in good) == said["tools"][tool] and
           (f"{tool} is allowed" in text) == (tool in good) and
           (answer["allowed"] or
            (answer["stage"] in text and
             all(fix["key"] in text for fix in answer["fixes"]) and
             answer["fixes"])),
           f"--tool {tool} says whether, why and what to change",
           f"{answer}\n{text}")
    ok(list(home.explain(*config)["tools"]) == TOOLS,
       "every tool has an answer")
    said = home.explain(*config, "--tool", " BASH ")["tool"]
    ok(said["name"] == "exec" and said["allowed"],
       "bash is another name of exec", said)
    said = home.explain(*config, "--tool", "x" * 200)["tool"]
    ok(not said["allowed"] and said["reasons"] == [],
       "what is too long is no tool", said)
    config = ("--config", home.file(
        "provider.json5", "{tools: {byProvider: {openai: {profile: "
        "'minimal'}, 'openai/gpt-5': {deny: ['cron']}}}}"))
    for provider, tool, stage in (
            ("openai", "exec", "provider's tool profile"),
            ("openai/gpt-5", "cron", "provider's tool policy")):
        said = home.explain(*config, "--provider", provider, "--tool", tool)
        ok(said["tool"].get("stage") == stage,
           f"--provider {provider} --tool {tool}", said["tool"])
    said = home.explain(*config, "--tool", "exec")
    ok(said["tool"]["allowed"], "without a provider its lists do not count",
       said["tool"])


def check_configurations(home):
    said = home.explain()
    ok(said["sandbox"]["mode"] == "all" and "configuration" not in said and
       said["docker"]["user"] == "1000:1000",
       "no configuration file: mode all, user 1000:1000", said["sandbox"])
    ok("no configuration file" in home.text(), "which the text says, too")
    status, out, err = home.run("explain", "--config", home.path("gone"))
    ok(status == 1 and not out and b"gone" in err,
       "a file that is missing is refused", (status, out, err))
    bad = home.file("bad.json5", "{agents: {defaults: {sandbox: {\n"
                    "mode: 'sometimes',\ndocker: {memory: '12 bananas'},\n"
                    "scoop: 'agent'}}}}\n")
    status, out, err = home.run("explain", "--config", bad)
    lines = [line for line in err.decode().splitlines()
             if line.startswith("creel: ")]
    ok(status == 1 and not out and len(lines) == 3 and
       all(f"{bad}:{n}:" in err.decode() for n in (2, 3, 4)),
       "an invalid file is refused with all its problems", err)
    status, out, err = home.run("explain", "--json", "--config", bad)
    ok(status == 1 and not out, "with --json, too", (status, out, err))
    path = home.file(".config/creel/creel.toml",
                     "[agents.defaults.sandbox]\nscope = \"session\"\n")
    said = home.explain()
    ok(said["configuration"] == path and
       said["sandbox"]["scope"] == "session" and
       said["origins"]["scope"]["line"] == 2,
       "a file is found where it is looked for", said)
    drop = home.file(".config/creel/conf.d/10-work.toml",
                     "[agents.defaults.sandbox]\n\nscope = \"shared\"\n")
    said = home.explain()
    ok(said["origins"]["scope"]["file"] == drop and
       said["origins"]["scope"]["line"] == 3,
       "a value of a drop-in is told to be from there",
       said["origins"]["scope"])
    ok("10-work.toml:3" in home.text(), "in the text, too", home.text())
    os.unlink(drop)
    os.unlink(path)
    for prefix in ("a b", "-x", "\u00e9", "a/b"):
        bad = home.file("prefix.json5", json.dumps({"agents": {"defaults": {
            "sandbox": {"docker": {"containerPrefix": prefix}}}}}))
        status, out, err = home.run("explain", "--config", bad)
        ok(status == 1 and not out and b"docker.containerPrefix" in err and
           b"prefix.json5:1" in err,
           f"no sandbox can be called {prefix!a}", (status, out, err))


def check_hostile(home):
    for key, why in (("", "empty"), ("a\nb", "byte 2 is a control"),
                     ("\x1b[2J", "byte 1 is a control"),
                     ("agent:main:\x7f", "byte 12 is a control"),
                     (b"agent:main:\xff", "byte 12 is no UTF-8"),
                     ("agent:main:" + "k" * 10229, "longer than 512")):
        status, out, err = home.run("explain", "--session", key)
        ok(status == 1 and not out and why in err.decode("ascii"),
           f"a session key that is none is refused: {why}",
           (status, out, err))
    status, out, err = home.run("explain", "--session", "agent:a:x",
                                "--agent", "b")
    ok(status == 1 and b"of agent a, not of b" in err,
       "--agent and --session must agree", (status, out, err))
    for args in (("word",), ("--no-such-option",)):
        status, out, err = home.run("explain", *args)
        ok(status == 2 and not out, f"explain {args[0]} is wrong usage",
           (status, out, err))


def check_text(home):
    config = ("--config", home.file("full.json5", FULL))
    text = home.text(*config, "--session", GROUP, "--tool", "exec")
    head = text.split("\n\n", 1)[0]
    ok("exec is blocked by the sandbox tool policy (deny list)" in head and
       "tools.sandbox.tools.deny: take the tool off" in head and
       "agents.defaults.sandbox.mode: off" in head,
       "why it is blocked and what changes it stands at the top", text)
    ok("hush" not in text and "TOKEN" in text,
       "values of the environment, which may be secret, are not shown",
       text)
    ok("\033" not in text, "no colour where nobody looks at a terminal")
    wide = []
    for key in ("agent:main:" + "x" * 500, "agent:main:" + "x y " * 120,
                "agent:main:" + "\u65e5\u672c" * 80,
                "agent:main:" + "\u0434\u043e\u043c" * 80,
                "agent:" + "long-" * 40 + ":x", "x:" * 250):
        for locale in ("C", "C.UTF-8"):
            for tool in ("exec", "browser", "t" * 63):
                wide += too_wide(home.text(
                    *config, "--session", key, "--tool", tool,
                    env={"LC_ALL": locale}))
    ok(not wide, "no line is wider than 80 columns", wide)
    long = home.file("d" * 100 + "/" + "f" * 100 + ".json5", FULL.replace(
        "/*", "/*").replace("cpus: 2", "cpus: 2, image: '/" + "i" * 200 +
                            "', binds: ['/" + "b" * 150 + ":/x']"))
    wide = too_wide(home.text("--config", long, "--session", GROUP))
    ok(not wide, "nor where paths are long", wide)


def check_odd_values(home):
    """Values that terminals would obey come out escaped."""
    config = ("--config", home.file(
        "odd.json5", '{agents: {defaults: {sandbox: {mode: "all", docker: '
        '{setupCommand: "echo \\u001b[31m\\u202e"}}}}}'))
    for args in ((), ("--json",)):
        status, out, _ = home.run("explain", *config, *args)
        ok(status == 0 and b"\033" not in out and
           "\u202e".encode() not in out and b"x1b" in out,
           f"a value with controls is escaped {' '.join(args)}", out)
    said = home.explain("--config", home.file(
        "empty.json5", "{tools: {sandbox: {tools: {allow: []}}}}"))
    ok(said["sandbox"]["tools"]["allow"] == ["image"] and
       any(re.search("empty list does not mean all", n)
           for n in said["notes"]),
       "an explicit empty allow leaves image, and explain says so",
       said["notes"])
    said = home.explain("--config", home.file(
        "image.json5", "{agents: {defaults: {sandbox: {mode: 'all', docker: "
        "{image: 'acme/tool:1'}}}}}"))
    ok(any("acme/tool:1" in n and "creel image import" in n
           for n in said["notes"]),
       "an image that is not in the store is told of", said["notes"])
    said = home.explain("--config", home.file(
        "default.json5", "{agents: {defaults: {sandbox: {mode: 'all'}}}}"))
    ok(said["root"] == "host" and
       any("host's /usr" in n for n in said["notes"]),
       "a default image that is not in the store is the host", said["notes"])
    said = home.explain("--config", home.file(
        "ghost.json5", "{agents: {list: [{id: 'a'}]}}"), "--agent", "Ghost")
    ok(said["agentId"] == "ghost" and
       any("no agent ghost" in n for n in said["notes"]),
       "an agent that the list has not is told of", said["notes"])


def main():
    with Home() as home:
        for check in (check_members, check_form, check_sessions, check_tools,
                      check_configurations, check_hostile, check_text,
                      check_odd_values):
            try:
                check(home)
            except (AssertionError, KeyError, json.JSONDecodeError) as error:
                ok(False, check.__name__, repr(error))
    done()


if __name__ == "__main__":
    main()
