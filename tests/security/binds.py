#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What may be mounted (SB-10): every form of a path, by every way in, with one
verdict."""
import json
import os
import re
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import sec  # noqa: E402

POLICY = re.compile("is protected|no sandbox gets|creel itself|creel's own|"
                    "is a socket|the sandbox could write|"
                    "configuration directory")


def say(got):
    return f"exit {got.returncode} out={got.stdout[-200:]!r} " \
           f"err={got.stderr[-300:]!r}"


class Host:
    """A home with what homes have, and the ways to it."""

    def __init__(self, d):
        self.d = d
        self.mounts = []
        self.count = 0
        home = d.home
        for path in (".ssh/keys", ".sshx", ".aws", ".config/other",
                     ".config/creel", ".gnupg/private", ".kube", "project/in",
                     ".openclaw/credentials", ".openclaw/agents/main/agent",
                     ".openclaw/workspace", ".openclaw/workspace-work",
                     ".openclaw/sandboxes/x", ".openclaw/media",
                     ".moltbot/workspace", ".moltbot/credentials",
                     ".moltbot/sandboxes", "bot/data/files", ".local/share",
                     ".local/state/creel", ".cache"):
            os.makedirs(os.path.join(home, path), exist_ok=True)
        for path in (".ssh/id", ".netrc", ".npmrc", ".openclaw/openclaw.json",
                     "project/file", ".git-credentials"):
            with open(os.path.join(home, path), "w",
                      encoding="utf-8") as file:
                file.write("{}\n")
        os.symlink(home + "/.ssh", home + "/project/link")
        os.symlink("link", home + "/project/link2")
        os.symlink("../.netrc", home + "/project/netrc")
        os.symlink(".openclaw/workspace", home + "/ws")
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.bind(home + "/project/docker.sock")
        for path, folders, files in os.walk(home):
            for name in folders + files + ["."]:
                if sec.ROOT:
                    os.lchown(os.path.join(path, name), d.uid, d.uid)

    def alias(self, source):
        """A second mount of a directory, where we may make one."""
        self.count += 1
        where = self.d.folder(f"alias-{self.count}")
        subprocess.run(["mount", "--bind", source, where], check=True)
        self.mounts.append(where)
        return where

    def close(self):
        self.sock.close()
        for where in reversed(self.mounts):
            subprocess.run(["umount", where], check=True)


def state_dir(d):
    """creeld's: of the system's helper it has the account's home."""
    home = sec.home(os.path.join(d.lab.dir, "etc"), d.uid) \
        if d.mode == "system" else d.home
    return home + "/.local/state/creel"


def refused_paths(host):
    d, home = host.d, host.d.home
    paths = ["/", "/etc", "/etc/passwd", "/etc/ssl", "/proc", "/proc/self",
             "/proc/1", "/sys", "/sys/kernel", "/dev", "/dev/shm", "/run",
             d.runtime, home, os.path.dirname(home), home + "/.ssh",
             home + "/.ssh/id", home + "/.ssh/keys", home + "/.aws",
             home + "/.gnupg/private", home + "/.kube", home + "/.config",
             home + "/.config/creel", home + "/.local",
             home + "/.local/share", state_dir(d),
             home + "/.netrc", home + "/.npmrc", home + "/.git-credentials",
             home + "/.openclaw", home + "/.openclaw/credentials",
             home + "/.openclaw/agents/main/agent",
             home + "/.openclaw/openclaw.json", home + "/.moltbot",
             home + "/.moltbot/credentials", home + "/project/link",
             home + "/project/link2", home + "/project/link2/keys",
             home + "/project/netrc"]
    if sec.ROOT:
        account = sec.home(os.path.join(d.lab.dir, "etc"), d.uid)
        paths.append(account)
        paths += [host.alias(p) for p in
                  ("/etc", "/etc/ssl", home + "/.ssh", home + "/.ssh/keys",
                   home, os.path.dirname(home), home + "/.openclaw",
                   os.path.dirname(state_dir(d)))]
        outer = host.d.folder("outer")
        os.mkdir(outer + "/in")
        subprocess.run(["mount", "--bind", home + "/.aws", outer + "/in"],
                       check=True)
        host.mounts.append(outer + "/in")
        paths.append(outer)
    return paths


def allowed_paths(host):
    home = host.d.home
    return [home + "/project", home + "/project/in", home + "/.sshx",
            home + "/.config/other", home + "/.cache",
            home + "/.openclaw/workspace", home + "/.openclaw/workspace-work",
            home + "/.openclaw/sandboxes/x", home + "/.openclaw/media",
            home + "/.openclaw/sandboxes", home + "/.moltbot/workspace",
            home + "/.moltbot/sandboxes", home + "/bot/data/files",
            home + "/ws", home + "/project/link/../.sshx",
            host.d.folder("plain"), "/usr/share"]


FORMS = (lambda p: p, lambda p: p + "/.", lambda p: "/usr/.." + p,
         lambda p: p.replace("/", "//"))


def config(d, text, name="openclaw.json"):
    folder = os.path.join(d.dir, "settings")
    if not os.path.isdir(folder):
        d.folder("settings")
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(text, file)
    if sec.ROOT:
        os.chown(path, d.uid, d.uid)
    return path


def session(d, defaults, **agent):
    """One command in a session of such a configuration, and no more of it."""
    root = os.path.join(d.home, ".cache", "roots")
    path = config(d, {"agents": {
        "defaults": {"sandbox": {"mode": "all", "workspaceRoot": root,
                                 **defaults}},
        "list": [{"id": "main", **agent}]}})
    got = d.call("exec", "--config", path, "agent:main:main", "--", "true")
    d.call("recreate", "--config", path, "--all", "--force")
    return got


def by_flags(d, path):
    yield "bind", d.call("run", "--bind", path + ":/mnt", "--", "true")
    yield "bind :ro", d.call("run", "--bind", path + ":/mnt:ro", "--", "true")
    yield "workspace", d.call("run", "--workspace", path, "--", "true")
    yield "workspace :ro", d.call("run", "--workspace", path + ":ro", "--",
                                  "true")
    yield "image", d.call("run", "--image", path, "--", "true")
    yield "no daemon", d.call("run", "--bind", path + ":/mnt", "--", "true",
                              embedded=True) if d.mode != "system" else \
        d.call("exec", "--bind", path + ":/mnt", "named", "--", "true")
    d.call("rm", "named")


def by_config(d, path):
    yield "docker.binds", session(
        d, {"docker": {"binds": [path + ":/mnt:ro"]}})
    yield "docker.binds of the agent", session(
        d, {}, sandbox={"docker": {"binds": ["/usr/share:/a:ro",
                                             path + ":/mnt"]}})
    yield "workspace rw", session(d, {"workspaceAccess": "rw"},
                                  workspace=path)
    yield "workspace ro", session(d, {"workspaceAccess": "ro"},
                                  workspace=path)


def judge(got, path, way, protected):
    """What is wrong with this verdict, if anything."""
    told = bool(POLICY.search(got.stderr))
    file = not os.path.isdir(path)
    if not protected:
        # An image that is none fails later, and for another reason.
        bad = told or (got.returncode and way != "image" and
                       not (way == "workspace" and
                            path.startswith("/usr")) and
                       not (path.startswith("/usr") and
                            "another user" in got.stderr))
    elif file or path.startswith(("/proc", "/sys", "/dev")):
        bad = got.returncode == 0
    else:
        bad = got.returncode == 0 or not told
    return f"{way} {path}: {say(got)}" if bad else None


def table(lab, d):
    """SB-10: the whole table."""
    d.call("run", "--", "true")
    host = Host(d)
    try:
        rows, wrong = 0, []
        paths = [(p, True) for p in refused_paths(host)] + \
            [(p, False) for p in allowed_paths(host)]
        for number, (path, protected) in enumerate(paths):
            forms = FORMS if number % 4 == 0 or sec.SCALE == 1 else FORMS[:1]
            for form in forms:
                for way, got in by_flags(d, form(path)):
                    rows += 1
                    wrong.append(judge(got, path, way, protected))
            for way, got in by_config(d, path):
                rows += 1
                wrong.append(judge(got, path, way, protected))
        wrong = [w for w in wrong if w]
        lab.tap.ok(not wrong and rows >= 200,
                   f"sb-10-table {d.mode} ({rows} rows)", "\n".join(wrong))
        opened(lab, d)
        sockets(lab, d)
        keys(lab, d)
        configurations(lab, d)
    finally:
        host.close()


def opened(lab, d):
    """SB-10: what is opened path by path, and what never is."""
    home, wrong = d.home, []
    for path, allow, good in (
            ("/.ssh", "/.ssh", True), ("/.ssh/id", "/.ssh", True),
            ("/.ssh", "/.ssh/id", False), ("/.aws", "/.ssh", False),
            ("/.openclaw", "/.openclaw", True),
            ("/.openclaw/agents", "/.openclaw", True),
            ("/project/link", "/.ssh", True),
            ("/.ssh", "/project/link2", True),
            ("/.config", "/.config", False),
            ("/.config/creel", "/.config/creel", False),
            ("/.ssh", "/nothing", False), ("", "", False)):
        got = d.call("run", "--bind", home + path + ":/mnt:ro",
                     "--allow-bind", home + allow, "--", "true")
        if (got.returncode == 0) != good:
            wrong.append(f"{path} by {allow}: {say(got)}")
        got = session(d, {"docker": {"binds": [home + path + ":/mnt:ro"]},
                          "allowProtectedBinds": ["~" + allow]})
        if (got.returncode == 0) != good:
            wrong.append(f"{path} by key {allow}: {say(got)}")
    for path in ("/proc", "/sys", "/dev", d.runtime, state_dir(d), "/etc"):
        got = d.call("run", "--bind", path + ":/mnt", "--allow-bind", path,
                     "--", "true")
        if got.returncode != 125:
            wrong.append(f"{path}: {say(got)}")
    got = d.call("run", "--bind", "/etc/hostname:/mnt:ro", "--allow-bind",
                 "/etc/hostname", "--", "cat", "/mnt")
    if got.returncode:
        wrong.append(say(got))
    lab.tap.ok(not wrong, f"sb-10-opened {d.mode}", "\n".join(wrong))


def sockets(lab, d):
    """SB-10: sockets, until they are listed."""
    path, wrong = d.home + "/project/docker.sock", []
    got = d.call("run", "--bind", path + ":/s", "--", "true")
    if got.returncode != 125 or "root on this machine" not in got.stderr:
        wrong.append(say(got))
    got = d.call("run", "--bind", path + ":/s", "--allow-bind", path, "--",
                 "test", "-S", "/s")
    if got.returncode:
        wrong.append(f"listed: {say(got)}")
    binds = {"docker": {"binds": [path + ":/s"]}}
    got = session(d, binds)
    if got.returncode != 125 or "docker.binds[0] at openclaw.json:1" not in \
            got.stderr or "allowSocketBinds" not in got.stderr:
        wrong.append(f"key: {say(got)}")
    got = session(d, {**binds, "allowSocketBinds": [path]})
    if got.returncode:
        wrong.append(f"key, listed: {say(got)}")
    own_socket = os.path.join(d.runtime, "creel.sock")
    got = d.call("run", "--bind", own_socket + ":/s", "--allow-bind",
                 own_socket, "--", "true")
    if got.returncode != 125 or "creel itself" not in got.stderr:
        wrong.append(f"creel's own: {say(got)}")
    lab.tap.ok(not wrong, f"sb-10-sockets {d.mode}", "\n".join(wrong))


def keys(lab, d):
    """SB-10: what is wrong with a bind is told by its key."""
    wrong = []
    for number, bind in enumerate(("relative:/x", "/a:/b:ro:x", "/a", "")):
        # A file of its own: an older one would stay in force.
        path = config(d, {"agents": {"defaults": {"sandbox": {
            "mode": "all", "docker": {"binds": ["/usr/share:/a:ro",
                                                bind]}}}}},
                      f"wrong-{number}.json5")
        got = d.call("exec", "--config", path, "agent:main:main", "--",
                     "true")
        if got.returncode != 125 or "docker.binds[1]" not in got.stderr:
            wrong.append(f"{bind!r}: {say(got)}")
    for binds, want in (
            (["/nowhere/at/all:/x"], "docker.binds[0]"),
            (["/usr/share:/x", d.home + "/.aws:/y"], "docker.binds[1]")):
        got = session(d, {"docker": {"binds": binds}})
        if got.returncode != 125 or want not in got.stderr:
            wrong.append(f"{binds}: {say(got)}")
    got = session(d, {"docker": {"binds": ["/usr/share:/x:ro"]}},
                  sandbox={"docker": {"binds": [d.home + "/.aws:/y"]}})
    if "agents.list[0].sandbox.docker.binds[0]" not in got.stderr:
        wrong.append(f"the agent's: {say(got)}")
    lab.tap.ok(not wrong, f"sb-10-keys {d.mode}", "\n".join(wrong))
    made = os.path.join(d.home, ".gnupg", "made")
    got = session(d, {"workspaceAccess": "rw"}, workspace=made)
    lab.tap.ok(got.returncode == 125 and not os.path.exists(made),
               f"sb-10-nothing-made {d.mode}", say(got))


def configurations(lab, d):
    """SB-10, SB-36: a configuration that its own sandbox could write."""
    wrong = []
    folder = d.folder("both")
    text = {"agents": {"defaults": {"sandbox": {"mode": "all"}},
                       "list": [{"id": "main"}]}}

    def use(name, sandbox, expect, linked=None, **agent):
        text["agents"]["defaults"]["sandbox"] = {"mode": "all", **sandbox}
        text["agents"]["list"][0] = {"id": "main", **agent}
        path = os.path.join(folder, "settings", "c.json5")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(text, file)
        for made in (folder + "/settings", path):
            if sec.ROOT:
                os.chown(made, d.uid, d.uid)
        link = os.path.join(folder, "link.json5")
        for given, expect in ((path, expect),
                              (link, expect if linked is None else linked)):
            got = d.call("exec", "--config", given, "agent:main:main", "--",
                         "true")
            told = "could write" in got.stderr
            if told != expect or (got.returncode == 0) == expect:
                wrong.append(f"{name}, {os.path.basename(given)}: {say(got)}")
            d.call("recreate", "--config", given, "--all", "--force")

    os.makedirs(folder + "/settings/conf.d")
    os.mkdir(folder + "/beside")
    os.symlink("settings/c.json5", folder + "/link.json5")
    for path, folders, files in os.walk(folder):
        for name in folders + files:
            if sec.ROOT:
                os.lchown(os.path.join(path, name), d.uid, d.uid)
    root = {"workspaceRoot": os.path.join(d.home, ".cache", "r2")}
    use("agent workspace above", {"workspaceAccess": "rw"}, True,
        workspace=folder)
    use("agent workspace is its folder", {"workspaceAccess": "rw"}, True,
        workspace=folder + "/settings")
    use("read-only", {"workspaceAccess": "ro", **root}, False,
        workspace=folder)
    use("bind above", {"docker": {"binds": [folder + ":/x"]}, **root}, True)
    use("bind above, read-only",
        {"docker": {"binds": [folder + ":/x:ro"]}, **root}, False)
    use("bind of the file",
        {"docker": {"binds": [folder + "/settings/c.json5:/x"]}, **root},
        True)
    use("bind of the drop-ins",
        {"docker": {"binds": [folder + "/settings/conf.d:/x"]}, **root}, True,
        linked=False)
    use("bind of the drop-ins to be",
        {"docker": {"binds": [folder + ":/x"]}, **root}, True)
    use("bind beside", {"docker": {"binds": [folder + "/beside:/x"]}, **root},
        False)
    if sec.ROOT:
        # Seen by two names: the file's own folder, and what it is a part of.
        whole = d.folder("whole")
        os.mkdir(whole + "/part")
        os.chown(whole + "/part", d.uid, d.uid)
        subprocess.run(["mount", "--bind", whole + "/part",
                        folder + "/settings"], check=True)
        try:
            use("bind of what it is mounted from",
                {"docker": {"binds": [whole + ":/x"]}, **root}, True)
        finally:
            subprocess.run(["umount", folder + "/settings"], check=True)
    lab.tap.ok(not wrong, f"sb-36-configuration {d.mode}", "\n".join(wrong))


def main():
    lab = sec.Lab()
    for mode in lab.modes:
        d = lab.daemon(mode)
        failed = lab.tap.failed
        try:
            table(lab, d)
        except subprocess.TimeoutExpired as late:
            lab.tap.ok(False, f"binds {mode} in time", str(late)[:200])
        lab.tap.row("SB-10", mode, "table", None,
                    "held" if lab.tap.failed == failed else "breach")
        d.stop()
    lab.missing("binds")
    lab.finish("binds")


main()
