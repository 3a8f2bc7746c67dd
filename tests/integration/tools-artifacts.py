#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Files that python_execute keeps: each option, each reason, each error, and
names that lead nowhere."""
import os
import stat

from harness import OTHER_UID, done, modes
from minibot_box import Tools

PUT = ("import os\n"
       "def put(name, size=1):\n"
       "    if os.path.dirname(name):\n"
       "        os.makedirs(os.path.dirname(name), exist_ok=True)\n"
       "    with open(name, 'wb') as file:\n"
       "        file.write(b'x' * size)\n")


def saved(got):
    return [item["path"] for item in got.get("artifacts_saved", [])]


def skipped(got):
    return {item["name"]: item["reason"]
            for item in got.get("artifacts_skipped", [])}


def keep(box, *lines, **args):
    return box.py(PUT + "\n".join(lines), save_artifacts=True, **args)


def wanted(box):
    """save_artifacts, artifact_globs, artifact_subdir, names."""
    box.toml()
    got = box.py(PUT + "put('a.txt')")
    box.same(saved(got) == [] and skipped(got) == {} and
             box.get("data/files/generated/a.txt") is None,
             "without save_artifacts nothing is kept", got)
    got = keep(box, "put('a.txt', 7)", "put('b.py')", "put('sub/c.png', 3)",
               "put('d.PDF')", "put('e.bin')")
    box.same(saved(got) == ["generated/c.png", "generated/a.txt"] and
             got["artifacts_saved"][0] == {
                 "path": "generated/c.png", "name": "c.png", "size_bytes": 3,
                 "mime": "image/png"} and
             skipped(got) == {} and
             box.get("data/files/generated/a.txt") == b"x" * 7,
             "by default the usual kinds are, below generated, at any depth",
             got)
    box.same(got["text"] == "saved generated/c.png\nsaved generated/a.txt",
             "and the text says so", got)
    got = keep(box, "put('a.txt')", "put('sub/x.csv')", "put('sub/y/z.json')",
               "put('b.bin')", artifact_globs=["sub/**", "*.bin"],
               artifact_subdir="mine/of/it")
    box.same(saved(got) == ["mine/of/it/x.csv", "mine/of/it/z.json"] and
             skipped(got) == {"b.bin": "extension_not_allowed"} and
             box.get("data/files/mine/of/it/z.json") == b"x",
             "artifact_globs, artifact_subdir, extension_not_allowed", got)
    for number in range(3):
        got = keep(box, "put('n.tar.csv', %d)" % (number + 1),
                   "put('.json')", artifact_globs=["*.csv", ".json"],
                   artifact_subdir="clash")
    box.same(saved(got) == ["clash/n.tar-2.csv"] and
             skipped(got) == {".json": "extension_not_allowed"} and
             [box.get("data/files/clash", name) for name in
              ("n.tar.csv", "n.tar-1.csv", "n.tar-2.csv")] ==
             [b"x", b"xx", b"xxx"], "names that are there get -1, -2", got)
    got = keep(box, "put('s/a.txt', 1)", "put('t/a.txt', 2)",
               artifact_subdir="same")
    box.same(saved(got) == ["same/a.txt", "same/a-1.txt"] and
             box.get("data/files/same/a-1.txt") == b"xx",
             "also two of one call", got)
    got = keep(box, "put('a\\nb.txt')", "open(b'\\xff.txt', 'w')",
               "put('\\u00e9 \\u202e.txt')", artifact_subdir="odd")
    box.same(len(saved(got)) == 3 and "odd/a\nb.txt" in saved(got) and
             box.get("data/files/odd", "\u00e9 \u202e.txt") == b"x",
             "odd names are kept, and told as UTF-8", got)
    box.same(not box.left(), "nothing is left in /tmp", box.left())


def bounds(box):
    """Numbers and sizes."""
    box.toml()
    many = "[put('f%d.txt' % i) for i in range(7)]"
    got = keep(box, many, artifact_subdir="five")
    box.same(len(saved(got)) == 5 and skipped(got) ==
             {f"f{i}.txt": "max_artifacts_reached" for i in (5, 6)},
             "five at most by default: max_artifacts_reached", got)
    got = keep(box, many, max_artifacts=2, artifact_subdir="two")
    box.same(len(saved(got)) == 2 and len(skipped(got)) == 5,
             "max_artifacts is less", got)
    box.toml("artifacts_max_files = 3\nartifacts_max_file_bytes = '1KB'\n"
             "artifacts_max_total_bytes = '1.5KB'\n"
             "artifacts_default_subdir = 'here'\n"
             "artifacts_allowed_extensions = ['.bin', '.TXT']")
    got = keep(box, many, max_artifacts=6)
    box.same(saved(got) == [f"here/f{i}.txt" for i in range(3)],
             "artifacts_max_files, artifacts_default_subdir; more counts as "
             "that", got)
    got = keep(box, "put('a.bin', 1000)", "put('b.bin', 1001)",
               "put('c.bin', 501)", "put('d.bin', 500)", "put('e.png')",
               artifact_globs=["*"])
    box.same(saved(got) == ["here/a.bin", "here/d.bin"] and skipped(got) ==
             {"b.bin": "file_too_large", "c.bin": "total_size_limit",
              "e.png": "extension_not_allowed"},
             "file_too_large, total_size_limit, artifacts_allowed_extensions",
             got)
    box.toml("artifacts_allowed_extensions = []")
    got = keep(box, "put('x.exe')", artifact_globs=["x.*"])
    box.same(saved(got) == ["generated/x.exe"], "no list: any of them", got)
    got = keep(box, "[put('m%d.txt' % i) for i in range(2100)]",
               artifact_globs=["none"])
    box.same(skipped(got) == {"*": "too_many_files"},
             "too many files to look at is said", got)
    got = keep(box, "os.truncate(os.open('big.txt', 66, 384), 10 << 30)")
    box.same(skipped(got) == {"big.txt": "file_too_large"},
             "a file of 10 GB is not read", got)


def errors(box):
    box.toml()
    for args in ({"artifact_subdir": "../x"}, {"artifact_subdir": "a/../../b"},
                 {"max_artifacts": 0}, {"max_artifacts": -1},
                 {"artifact_globs": []}, {"artifact_globs": [" "]},
                 {"artifact_globs": ["x" * 600]},
                 {"artifact_globs": ["*"] * 65}):
        name = next(iter(args))
        got = keep(box, "print('ran')", **args)
        box.fails(got, "invalid_artifact_options", name,
                  f"{name}: {str(args[name])[:20]} is refused")
    box.same(not box.left(), "before anything is run", box.left())
    box.toml("artifacts_enabled = false")
    box.fails(keep(box, "1"), "artifacts_disabled",
              "tools.python_exec.artifacts_enabled", "artifacts_enabled")
    box.same(box.py("print(1)").get("ok"), "without files it runs")
    box.toml("", "[tools.file_storage]\nenabled = false")
    box.fails(keep(box, "1"), "file_storage_unavailable",
              "tools.file_storage.enabled", "file_storage.enabled")
    box.toml("", f"[tools.file_storage]\nroot_dir = '{box.make('far')}'")
    got = keep(box, "put('a.txt')")
    if box.inside:
        box.fails(got, "file_storage_unavailable",
                  "tools.file_storage.root_dir",
                  "a storage that is not in the workspace cannot be had")
    else:
        box.same(saved(got) == ["generated/a.txt"] and os.path.exists(
            box.path("home", "far", "generated", "a.txt")),
                 "an absolute root_dir", got)
    box.toml("", "[tools.file_storage]\nroot_dir = 'store'")
    got = keep(box, "put('a.txt')")
    box.same(saved(got) == ["generated/a.txt"] and
             box.get("store/generated/a.txt") == b"x",
             "a relative one is in the workspace", got)


def hostile(box):
    """What code leaves, and where it is kept, leads nowhere."""
    box.toml()
    secret = os.path.join(box.ws, "secret.txt")
    box.call("bash", command="true")
    with open(secret, "w", encoding="ascii") as file:
        file.write("s")
    if box.drop:
        os.chown(secret, OTHER_UID, OTHER_UID)
    target = "/workspace/secret.txt" if box.inside else secret
    got = keep(box, f"os.symlink('{target}', 'l.txt')",
               f"os.symlink('{os.path.dirname(target)}', 'd')",
               "os.mkfifo('f.txt')", "os.mkdir('dir.txt')", "put('ok.txt')",
               artifact_subdir="links")
    box.same(saved(got) == ["links/ok.txt"] and
             os.listdir(os.path.join(box.ws, "data/files/links")) ==
             ["ok.txt"], "links, FIFOs and folders are not kept", got)
    if box.inside or box.drop or os.geteuid() != 0:
        got = keep(box, "put('a.txt')", "os.chmod('a.txt', 0)",
                   artifact_subdir="shut")
        box.same(skipped(got) == {"a.txt": "unreadable"},
                 "what cannot be read is unreadable", got)
    out = os.path.join(box.ws, "out")
    os.mkdir(out)
    os.chmod(out, 0o777)
    store = os.path.join(box.ws, "data/files")
    for name, path in (("the folder", "away"), ("the file", "in/a.txt"),
                       ("one on the way", "on/the/way")):
        if name == "the file":
            box._own(os.path.join(store, "in"), os.mkdir)
            box.link("../../../out/a.txt", os.path.join(store, path))
            sub = "in"
        else:
            sub = path
            box.link("../../out", os.path.join(store, path.split("/")[0]))
        got = keep(box, "put('a.txt')", artifact_subdir=sub)
        box.same(os.listdir(out) == [] and
                 (skipped(got) == {"a.txt": "write_failed"} or
                  saved(got) == ["in/a-1.txt"]),
                 f"{name} of the storage is a link: it is not followed", got)
    os.unlink(os.path.join(store, "in/a-1.txt"))
    os.unlink(os.path.join(store, "in/a.txt"))
    got = keep(box, "put('a.txt')", artifact_subdir="in")
    box.same(saved(got) == ["in/a.txt"] and stat.S_ISREG(
        os.lstat(os.path.join(store, "in/a.txt")).st_mode),
             "control: without the link it is kept", got)
    deep = "/".join(["d" * 60] * 40)
    got = keep(box, f"os.makedirs('{deep}')", f"put('{deep}/x.txt')",
               artifact_subdir="deep")
    box.same(saved(got) == ["deep/x.txt"] and not box.left(),
             "deep folders are looked through, and removed", got)


for each in modes():
    for place in ("sandbox", "host"):
        with Tools(each, place) as BOX:
            for part in (wanted, bounds, errors, hostile):
                part(BOX)
            BOX.forget()
done()
