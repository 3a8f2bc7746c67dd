#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""agents.defaults.sandbox.docker, row by row: what a configuration says of a
sandbox's limits and identity is what its commands find."""
import json
import os
import re
import shutil
import signal
import time

from harness import OTHER_UID, Box, command_lines, done, modes, ok, wait_for

DOCKER = os.path.join(os.environ["top_srcdir"], "tests", "integration",
                      "seccomp-docker.json")
KEY = "agents.defaults.sandbox.docker."


class Rows(Box):
    """A box whose sessions are configured by one docker section each."""

    def __init__(self, mode):
        super().__init__(mode)
        self.count = 0
        self.say = f"{mode}: "
        self.last = ""

    def own(self, path):
        if self.drop:
            os.chown(path, OTHER_UID, OTHER_UID)
        return path

    def file(self, name, text):
        path = self.path("home", name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return self.own(path)

    def docker(self, docker, *argv, flags=(), more=None):
        """A command in a new sandbox made of this docker section."""
        self.count += 1
        root = self.path("home", f"sbx{self.count}")
        config = {"agents": {"defaults": {"sandbox": dict(
            {"mode": "all", "scope": "session", "workspaceRoot": root,
             "docker": docker}, **(more or {}))}}}
        self.last = self.file(f"c{self.count}.json5", json.dumps(config))
        return self.again(*argv, flags=flags)

    def again(self, *argv, flags=()):
        """One more in the sandbox that was made last."""
        return self.run("exec", "--config", self.last, *flags,
                        f"agent:main:r{self.count}", "--", *argv)

    def sh(self, docker, script, **more):
        return self.docker(docker, "sh", "-c", script, **more)

    def creelds(self):
        mine = self.helpers()
        return [pid for pid, line in command_lines().items()
                if pid in mine and b"creeld" in line.split(b" ")[0]]

    def has(self, controller):
        info = json.loads(self.run("version", "--json").out)
        return controller in info["controllers"].split()

    def is_error(self, result, key, *words):
        """An error that names the key and what is wrong."""
        return result.status == 125 and (KEY + key).encode() in result.err \
            and b"\x1b" not in result.err \
            and all(word.encode() in result.err for word in words)


def check_workdir(box):
    say = box.say + "docker.workdir: "
    result = box.sh({"workdir": "/srv/box//"},
                    "pwd; echo x > here; grep -c ' /srv/box ' /proc/mounts")
    ok(result.out == b"/srv/box\n1\n",
       say + "the workspace is there, and commands start in it", result)
    old = box.creelds()
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: box.creelds() and not set(old) & set(box.creelds()))
    result = box.again("sh", "-c", "pwd; cat here")
    ok(result.out == b"/srv/box\nx\n",
       say + "and after another creeld came", result)
    for path, word in (("work", "absolute"), ("/proc/x", "/proc"),
                       ("/a/../b", ".."), ("/", "/"),
                       ("/" + "d" * 300, "longer")):
        result = box.docker({"workdir": path}, "true")
        ok(result.status == 125 and b"docker.workdir" in result.err and
           word.encode() in result.err, say + f"refused: {path[:12]}", result)


def check_root(box):
    say = box.say + "docker.readOnlyRoot: "
    result = box.sh({}, "touch /etc/x 2>&1; touch /workspace/x && echo ok")
    ok(b"Read-only" in result.out and b"ok" in result.out,
       say + "true is the default", result)
    result = box.docker({"readOnlyRoot": False}, "true")
    ok(box.is_error(result, "readOnlyRoot", "host image"),
       say + "false without an image says why", result)


def check_tmpfs(box):
    say = box.say + "docker.tmpfs: "
    result = box.sh({}, "grep -E ' (/tmp|/var/tmp|/run) ' /proc/mounts | "
                    "wc -l")
    ok(result.out.strip() == b"3", say + "/tmp, /var/tmp and /run", result)
    result = box.sh({"tmpfs": ["/tmp:size=8m,mode=1770", "/x:noexec"]},
                    "stat -c %a /tmp; grep ' /tmp ' /proc/mounts; "
                    "grep ' /x ' /proc/mounts")
    ok(b"1770\n" in result.out and b"size=8192k" in result.out and
       re.search(rb" /x tmpfs \S*noexec", result.out) is not None,
       say + "with size, mode and noexec", result)
    result = box.docker({"tmpfs": ["/tmp:size=1"]}, "true")
    ok(result.status == 125 and b"tmpfs" in result.err,
       say + "a size that cannot be is refused", result)
    result = box.docker({"tmpfs": ["/proc/x"]}, "true")
    ok(result.status == 125 and b"tmpfs" in result.err,
       say + "a reserved place is refused", result)


def check_network(box):
    say = box.say + "docker.network: "
    result = box.sh({}, "tail -n +3 /proc/net/dev | cut -d: -f1")
    ok(result.out.split() == [b"lo"], say + "none is the default", result)
    result = box.sh({"network": "host"}, "readlink /proc/self/ns/net")
    mine = os.readlink("/proc/self/ns/net").encode()
    good = result.out.strip() == mine if box.mode == "rootless" else \
        box.is_error(result, "network", "policy")
    ok(good, say + "host, where the policy allows it", result)
    for name in ("bridge", "pasta", "proxy", "container:abc", "mynet"):
        result = box.docker({"network": name}, "true")
        ok(box.is_error(result, "network", "none", "host"),
           say + f"{name} is refused, and what exists is named", result)


def check_user(box):
    say = box.say + "docker.user: "
    single = box.mode == "rootless"
    result = box.sh({"user": "0:0"}, "id -u; id -g; echo $HOME")
    ok(result.out == b"0\n0\n/root\n", say + "0:0", result)
    result = box.sh({"user": "1234:56"}, "id -u; id -g; touch /workspace/x")
    ok(result.out == b"1234\n56\n" and result.status == 0,
       say + "uid:gid owns the workspace", result)
    result = box.sh({"user": "77"}, "id -u; id -g")
    ok(result.out == b"77\n77\n", say + "uid alone", result)
    result = box.sh({"user": "nobody"}, "id -u")
    ok(result.out == b"65534\n", say + "a name", result)
    result = box.docker({"user": "mallory"}, "true")
    ok(box.is_error(result, "user", "mallory"),
       say + "a name that is not there is refused", result)
    result = box.docker({"user": "70000"}, "true")
    ok(result.status == 125 and b"docker.user" in result.err,
       say + "an id beyond the sandbox's is refused", result)
    result = box.docker({"user": "0:0"}, "id", "-u", flags=("--user", "5"))
    ok(result.out == b"5\n" or (single and b"--user: only uid" in result.err),
       say + "a flag of the command comes first", result)


def caps_of(result):
    return dict(re.findall(r"(Cap\w+):\t(\w+)", result.out.decode()))


def check_caps(box):
    say = box.say + "docker.capDrop: "
    status = ("grep", "Cap", "/proc/self/status")
    result = box.docker({"user": "0:0"}, *status)
    ok(set(caps_of(result).values()) == {"0" * 16} and
       len(caps_of(result)) == 5, say + "ALL is the default", result)
    result = box.docker({"user": "0:0", "capDrop": ["ALL"]}, *status)
    ok(set(caps_of(result).values()) == {"0" * 16}, say + "ALL", result)
    # Golden: Docker's a80425fb less MKNOD.
    for drop, want in (([], "00000000a00425fb"),
                       (["NET_RAW"], "00000000a00405fb"),
                       (["CAP_CHOWN", "kill", "MKNOD"], "00000000a00425da")):
        result = box.docker({"user": "0:0", "capDrop": drop}, *status)
        ok(set(caps_of(result).values()) == {want} and
           len(caps_of(result)) == 5, say + f"{drop} as uid 0", result)
        result = box.docker({"user": "1000:1000", "capDrop": drop}, *status)
        empty = "0" * 16
        ok(caps_of(result) == {"CapInh": empty, "CapPrm": empty,
                               "CapEff": empty, "CapBnd": want,
                               "CapAmb": empty},
           say + f"{drop} as uid 1000 bounds alone", result)
    result = box.sh({"user": "0:0", "capDrop": []},
                    "touch /tmp/f && chown 33:33 /tmp/f && "
                    "stat -c %u:%g /tmp/f")
    ok(result.out == b"33:33\n" or box.mode == "rootless",
       say + "CHOWN does what it says", result)
    for drop in ([], ["ALL"]):
        result = box.docker(
            {"user": "1000:1000", "capDrop": drop}, "python3", "-c",
            "import socket as s\n"
            "s.socket().bind(('127.0.0.1', 80))\n"
            "print('80')\n"
            "try: s.socket(s.AF_INET, s.SOCK_RAW, 1)\n"
            "except OSError as e: print('raw', e.errno)")
        ok(result.out.startswith(b"80\nraw "),
           say + f"{drop}: low ports are everybody's, raw sockets nobody's",
           result)
    result = box.docker({"capDrop": ["SYS_FLY"]}, "true")
    ok(result.status == 125 and b"capDrop" in result.err,
       say + "a capability that is none is refused", result)


def check_env(box):
    say = box.say + "docker.env: "
    script = "echo $LANG-$A-$B-$PATH-$SECRET_CANARY"
    result = box.sh({}, script)
    ok(result.out.startswith(b"C.UTF-8---/usr/local/sbin"),
       say + "LANG is the default, nothing of the host comes", result)
    result = box.sh({"env": {"A": "x y", "PATH": "/usr/bin:/bin"}}, script)
    ok(result.out == b"C.UTF-8-x y--/usr/bin:/bin-\n",
       say + "as it says, PATH too", result)
    result = box.again("sh", "-c", script, flags=("--env", "A=mine"))
    ok(b"-mine--" in result.out, say + "a flag of the command wins", result)
    for pid in box.creelds():
        os.kill(pid, signal.SIGKILL)
    result = box.again("sh", "-c", script)
    ok(b"-x y--" in result.out, say + "and after another creeld came", result)


def check_cgroup_limits(box):
    rows = (("memory", {"memory": "64m"}, "memory", "memory.max",
             str(64 << 20)),
            ("pidsLimit", {"pidsLimit": 33}, "pids", "pids.max", "33"),
            ("cpus", {"cpus": 0.25}, "cpu", "cpu.max", "25000 100000"))
    for key, docker, controller, _, _ in rows:
        say = box.say + f"docker.{key}: "
        result = box.docker(docker, "echo", "ran")
        if box.has(controller):
            ok(result.out == b"ran\n", say + "is taken", result)
            continue
        ok(box.is_error(result, key, controller, "controller"),
           say + "what cannot be set is an error that says why", result)
        result = box.docker(docker, "echo", "ran", more={
            "limits": {"enforcement": "best-effort"}})
        ok(result.out == b"ran\n" and (KEY + key).encode() in result.err and
           b"warning" in result.err and b"not enforced" in result.err,
           say + "and with best effort a warning", result)
    say = box.say + "docker.memorySwap: "
    for docker, good in (({"memory": "64m", "memorySwap": "32m"}, False),
                         ({"memorySwap": "64m"}, False),
                         ({"memory": "64m", "memorySwap": "64m"}, True),
                         ({"memory": "64m", "memorySwap": -1}, True),
                         ({"memorySwap": -1}, True)):
        result = box.docker(docker, "echo", "ran", more={
            "limits": {"enforcement": "best-effort"}})
        ok((result.out == b"ran\n") == good and
           (good or b"memorySwap" in result.err),
           say + json.dumps(docker), result)
    say = box.say + "docker.memory: "
    for text in ("12 bananas", "", "-5m", "1e9", "512q", "9" * 30, True):
        result = box.docker({"memory": text}, "true")
        ok(result.status == 125 and b"docker.memory" in result.err,
           say + f"refused: {json.dumps(text)[:20]}", result)


def check_best_effort(box):
    """It is for limits alone."""
    say = box.say + "limits.enforcement: "
    more = {"limits": {"enforcement": "best-effort"}}
    for key, docker in (("network", {"network": "bridge"}),
                        ("apparmorProfile", {"apparmorProfile": "no-such"}),
                        ("user", {"user": "mallory"}),
                        ("seccompProfile", {"seccompProfile": "/nowhere"})):
        result = box.docker(docker, "echo", "ran", more=more)
        ok(result.status == 125 and result.out == b"" and
           key.encode() in result.err, say + f"not for {key}", result)


def check_ulimits(box):
    say = box.say + "docker.ulimits: "
    result = box.sh({"ulimits": {"nofile": "100:200", "stack": 4194304,
                                 "fsize": {"soft": 1 << 20, "hard": 1 << 21},
                                 "core": 0, "cpu": "60:120"}},
                    "ulimit -Sn; ulimit -Hn; cat /proc/self/limits")
    limits = {line[:26].strip(): line[26:].split()[:2]
              for line in result.out.decode().splitlines()[2:]}
    want = {"Max open files": ["100", "200"],
            "Max stack size": ["4194304", "4194304"],
            "Max file size": ["1048576", "2097152"],
            "Max core file size": ["0", "0"],
            "Max cpu time": ["60", "120"]}
    ok(all(limits.get(name) == value for name, value in want.items()),
       say + "number, \"soft:hard\" and {soft, hard}", result)
    names = ("as", "core", "cpu", "data", "fsize", "locks", "memlock",
             "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio", "rttime",
             "sigpending", "stack")
    # Enough to start a command with, or no more than there is.
    values = {"as": 1 << 33, "data": 1 << 33, "stack": 1 << 23, "cpu": 1000,
              "fsize": 1 << 30, "locks": 100, "rss": 1 << 33, "nofile": 256,
              "nproc": 1000, "rttime": 1000000}
    result = box.docker({"ulimits": {n: values.get(n, 0) for n in names}},
                        "cat", "/proc/self/limits")
    ok(result.status == 0 and b"Max realtime timeout      1000000" in
       result.out, say + "every name of Docker's", result)
    result = box.docker({"ulimits": {"nofile": 1 << 20}}, "true")
    ok(box.is_error(result, "ulimits", "nofile", "hard limit"),
       say + "more than there is is an error", result)
    result = box.docker({"ulimits": {"nofile": 1 << 20}}, "sh", "-c",
                        "ulimit -Hn", more={"limits": {
                            "enforcement": "best-effort"}})
    ok(result.status == 0 and 1000 < int(result.out) <= 65536 and
       b"nofile" in result.err, say + "or, with best effort, what there is",
       result)
    for bad in ({"nofile": "5:4"}, {"files": 5}, {"nofile": "many"}):
        result = box.docker({"ulimits": bad}, "true")
        ok(result.status == 125 and b"ulimits" in result.err,
           say + f"refused: {bad}", result)


def check_dns(box):
    say = box.say + "docker.dns: "
    result = box.docker({"dns": ["192.0.2.1", "2001:db8::1"]}, "cat",
                        "/etc/resolv.conf")
    ok(result.out == b"nameserver 192.0.2.1\nnameserver 2001:db8::1\n",
       say + "with the host image", result)
    if box.mode == "rootless":
        result = box.docker({"dns": ["192.0.2.1"], "network": "host"}, "cat",
                            "/etc/resolv.conf")
        ok(re.findall(rb"nameserver (\S+)", result.out) == [b"192.0.2.1"],
           say + "in place of the host's with its network", result)
    for bad in ("dns.example", "1.2.3", "1.1.1.1\nx", "::g", ""):
        result = box.docker({"dns": [bad]}, "true")
        ok(result.status == 125 and b"docker.dns" in result.err,
           say + f"refused: {bad!r}", result)
    say = box.say + "docker.extraHosts: "
    result = box.docker({"extraHosts": ["db:192.0.2.7", "six:2001:db8::2",
                                        "under_score:10.1.1.1"]}, "getent",
                        "hosts", "db", "six", "under_score")
    ok([line.split() for line in result.out.splitlines()] == [
        [b"192.0.2.7", b"db"], [b"2001:db8::2", b"six"],
        [b"10.1.1.1", b"under_score"]], say + "names are found", result)
    for bad in ("db", "db:", ":1.2.3.4", "d b:1.2.3.4", "db:1.2.3",
                "db\n:1.2.3.4"):
        result = box.docker({"extraHosts": [bad]}, "true")
        ok(result.status == 125 and b"extraHosts" in result.err,
           say + f"refused: {bad!r}", result)
    result = box.docker({"extraHosts": ["gw:host-gateway"]}, "true")
    ok(result.status == 125 and b"host-gateway" in result.err,
       say + "host-gateway is refused, and that says what to do", result)


def check_dns_of_images(box):
    """Whatever the image has in these places."""
    say = box.say + "docker.dns, docker.extraHosts: "
    flags = ("--dns", "192.0.2.1", "--add-host", "db:192.0.2.7")
    for name, make in (
            ("missing", lambda etc: None),
            ("a file", lambda etc: open(etc + "/hosts", "w",
                                        encoding="ascii").close()),
            ("a link that leads nowhere",
             lambda etc: (os.symlink("/nowhere", etc + "/resolv.conf"),
                          os.symlink("../../../etc/hosts", etc + "/hosts"))),
            ("a directory", lambda etc: os.mkdir(etc + "/resolv.conf")),
            ("no /etc", os.rmdir),
            ("/etc a link", lambda etc: (os.rmdir(etc),
                                         os.symlink("/usr", etc)))):
        top = box.path("work", "image")
        os.makedirs(top + "/etc")
        os.mkdir(top + "/usr")
        for path in ("bin", "lib", "lib64"):
            os.symlink("usr/" + path, os.path.join(top, path))
        make(top + "/etc")
        for base, dirs, files in os.walk(top):
            for path in (".", *dirs, *files):
                if box.drop:
                    os.chown(os.path.join(base, path), OTHER_UID, OTHER_UID,
                             follow_symlinks=False)
        before = sorted(os.walk(top))
        result = box.run("run", "--image", top, "--bind", "/usr:/usr:ro",
                         *flags, "--", "cat", "/etc/resolv.conf",
                         "/etc/hosts")
        ok(result.out.startswith(b"nameserver 192.0.2.1\n127.0.0.1") and
           result.out.endswith(b"192.0.2.7\tdb\n") and
           sorted(os.walk(top)) == before,
           say + f"an image with {name}", result)
        shutil.rmtree(top)


def check_seccomp(box):
    say = box.say + "docker.seccompProfile: "
    profile = box.file("p.json", json.dumps({
        "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
            {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO",
             "errnoRet": 28}]}))
    result = box.sh({"seccompProfile": profile}, "mkdir /tmp/x; echo $?")
    ok(b"No space left" in result.err and result.out == b"1\n",
       say + "holds for every command", result)
    for pid in box.creelds():
        os.kill(pid, signal.SIGKILL)
    result = box.again("sh", "-c", "mkdir /tmp/x; echo $?")
    ok(result.out == b"1\n", say + "and after another creeld came", result)
    with open(DOCKER, encoding="utf-8") as file:
        docker = box.file("docker.json", file.read())
    result = box.docker({"seccompProfile": docker}, "python3", "-c",
                        "import subprocess, threading; "
                        "t = threading.Thread(target=print); t.start(); "
                        "t.join(); print(subprocess.check_output(['id']))")
    ok(result.status == 0 and b"uid=" in result.out and
       b"warning" not in result.err, say + "one like Docker's own", result)
    typo = box.file("typo.json", json.dumps({
        "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
            {"names": ["mkdirr"], "action": "SCMP_ACT_ERRNO"}]}))
    result = box.docker({"seccompProfile": typo}, "echo", "ran")
    ok(result.out == b"ran\n" and b"mkdirr" in result.err and
       b"warning" in result.err, say + "an unknown call is told", result)
    many = [{"name": "mkdir", "action": "SCMP_ACT_KILL"}] * 100000
    for name, text in (
            ("100,000 rules", json.dumps({"defaultAction": "SCMP_ACT_ALLOW",
                                          "syscalls": many})),
            ("5000 rules", json.dumps({"defaultAction": "SCMP_ACT_ALLOW",
                                       "syscalls": many[:5000]})),
            ("no JSON", "{"), ("nothing", ""), ("a list", "[]"),
            ("a wrong action", '{"defaultAction": "ALLOW"}')):
        bad = box.file("bad.json", text)
        start = time.monotonic()
        result = box.docker({"seccompProfile": bad}, "true")
        ok(result.status == 125 and b"seccompProfile" in result.err and
           time.monotonic() - start < 5, say + f"refused: {name}", result)
    for bad in ("/nowhere/p.json", "/dev/zero", box.path("home")):
        result = box.docker({"seccompProfile": bad}, "true")
        ok(result.status == 125 and b"seccompProfile" in result.err,
           say + f"refused: {os.path.basename(bad)}", result)


def check_apparmor(box):
    say = box.say + "docker.apparmorProfile: "
    enabled = "/sys/module/apparmor/parameters/enabled"
    result = box.docker({"apparmorProfile": "creel-no-such"}, "true")
    if os.path.exists(enabled) and open(enabled,
                                        encoding="ascii").read() == "Y\n":
        ok(box.is_error(result, "apparmorProfile", "creel-no-such"),
           say + "a profile that is not loaded is an error", result)
    else:
        ok(box.is_error(result, "apparmorProfile", "not enabled"),
           say + "without AppArmor it is an error that says so", result)
    result = box.docker({"apparmorProfile": "unconfined"}, "echo", "ran")
    ok(result.out == b"ran\n", say + "unconfined changes nothing", result)
    result = box.docker({}, "echo", "ran")
    ok(result.out == b"ran\n", say + "and none is none", result)


def check_prefix(box):
    say = box.say + "docker.containerPrefix: "
    result = box.docker({"containerPrefix": "my-box-"}, "hostname")
    names = [item["name"] for item in
             json.loads(box.run("list", "--json", "--config", box.last).out)]
    ok(result.out == b"creel\n" and
       any(name.startswith("my-box-agent-main-r") for name in names),
       say + "begins the name, not the host name", names)


def main():
    for mode in modes():
        with Rows(mode) as box:
            for check in (check_workdir, check_root, check_tmpfs,
                          check_network, check_user, check_caps, check_env,
                          check_cgroup_limits, check_best_effort,
                          check_ulimits, check_dns, check_dns_of_images,
                          check_seccomp, check_apparmor, check_prefix):
                check(box)
    done()


if __name__ == "__main__":
    main()
