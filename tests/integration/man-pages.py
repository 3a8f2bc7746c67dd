#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The manual is whole, and names what is there: sections, links both ways, the
options, keys, checks and exit statuses of creel-helper, creeld, helper.conf and
doctor, and every command that an example gives."""
import glob
import os
import re

from harness import Box, done, ok

SOURCE = os.environ["top_srcdir"]
SECTIONS = {
    "1": ("NAME", "SYNOPSIS", "DESCRIPTION", "ENVIRONMENT", "FILES",
          "EXIT STATUS", "EXAMPLES", "DIAGNOSTICS", "SEE ALSO",
          "SECURITY CONSIDERATIONS"),
    "5": ("NAME", "DESCRIPTION", "FILES", "EXAMPLES", "DIAGNOSTICS",
          "SEE ALSO", "SECURITY CONSIDERATIONS"),
    "7": ("NAME", "DESCRIPTION", "SEE ALSO", "SECURITY CONSIDERATIONS"),
    "8": ("NAME", "SYNOPSIS", "DESCRIPTION", "ENVIRONMENT", "FILES",
          "EXIT STATUS", "EXAMPLES", "DIAGNOSTICS", "SEE ALSO",
          "SECURITY CONSIDERATIONS"),
}
# Where there is nothing to say: nobody starts creeld.
NOT_IN = {("creel-help.1", "FILES"), ("creel-media.1", "FILES"),
          ("creeld.8", "EXAMPLES")}


def read(*names):
    with open(os.path.join(SOURCE, *names), encoding="utf-8") as file:
        return file.read()


def section(page, name):
    found = re.search(rf"^\.Sh {name}\n(.*?)(?=^\.Sh |\Z)", page, re.M | re.S)
    return found.group(1) if found else ""


def all_pages():
    """ "creel-run.1" -> its text."""
    found = {}
    for path in glob.glob(os.path.join(SOURCE, "man", "*.[1-8]*")):
        name = os.path.basename(path).removesuffix(".in")
        found[name] = read("man", os.path.basename(path))
    return found


def links(text):
    return {f"{name}.{number}" for name, number in
            re.findall(r"^\.Xr (\S+) (\d)", text, re.M)}


def check_shape(pages):
    for name, page in sorted(pages.items()):
        want = tuple(one for one in SECTIONS[name[-1]]
                     if (name, one) not in NOT_IN)
        have = re.findall(r"^\.Sh (.*)$", page, re.M)
        inner = [one for one in have if one in want]
        ok(set(want) <= set(have) and inner == list(want),
           f"{name} has its sections, in their order", have)


def check_links(pages):
    see = {name: links(section(page, "SEE ALSO"))
           for name, page in pages.items()}
    for name, page in sorted(pages.items()):
        used = links(page) - {name}
        lost = {one for one in used
                if re.match(r"(creel|helper\.conf)", one) and
                one not in pages}
        ok(not lost, f"{name} names pages that there are", lost)
        ok(used == see[name], f"{name}: what it names is in SEE ALSO",
           used ^ see[name])
        alone = {one for one in see[name] & set(pages)
                 if name not in see[one]}
        ok(not alone, f"{name} is named where it names", alone)


def options(page):
    return set(re.findall(r"^\.It Fl (?:Fl |\\-)([a-z-]+)",
                          section(page, "DESCRIPTION"), re.M))


def statuses(page):
    return set(re.findall(r"^\.It (\d+)$", section(page, "EXIT STATUS"),
                          re.M))


def same(manual, program, what):
    ok(program and manual == program, what,
       f"only in the manual: {sorted(manual - program)}\n"
       f"only in the program: {sorted(program - manual)}")


def check_daemons(pages):
    given = r'\{ "([a-z-]+)", (?:no|required)_argument'
    same(options(pages["creel-helper.8"]),
         set(re.findall(given, read("helper", "main.c"))),
         "creel-helper(8) has the program's options")
    same(options(pages["creeld.8"]),
         set(re.findall(given, read("controller", "creeld.c"))),
         "creeld(8) has the program's options")
    same(set(re.findall(r"^\.It Ic ([a-z-]+)", pages["helper.conf.5"], re.M)),
         set(re.findall(r'^\t\{ "([a-z-]+)", KIND_',
                        read("helper", "policy.c"), re.M)),
         "helper.conf(5) has the keys that the helper reads")
    codes = dict(re.findall(r"CREEL_EXIT_(\w+) = (\d+)",
                            read("proto", "exit-codes.h")))
    both = {codes["STOPPED"], codes["CONFIG"], codes["VIOLATION"]}
    same(statuses(pages["creeld.8"]), both, "creeld(8) has its exit statuses")
    same(statuses(pages["creel-helper.8"]),
         both | {codes["PRIVILEGE"], codes["KERNEL"]},
         "creel-helper(8) has its exit statuses")
    units = {os.path.basename(path).removesuffix(".in") for path in glob.glob(
        os.path.join(SOURCE, "dist", "systemd", "system", "*"))}
    missing = {unit for unit in units
               if f".It Pa {unit}\n" not in pages["creel-helper.8"]}
    ok(units and not missing, "creel-helper(8) has the units", missing)


def check_environment(pages):
    program = set()
    for path in glob.glob(os.path.join(SOURCE, "controller/cli/*.c")):
        program |= set(re.findall(r'getenv\("(\w+)"\)', read(path)))
    program -= {"SHELL"}  # shell --host alone
    page = section(pages["creel.1"], "ENVIRONMENT")
    manual = set(re.findall(r"\bEv (\w+)", page))
    ok(program and not program - manual,
       "creel(1) has the variables that creel looks at", program - manual)


def check_doctor(pages):
    program = set()
    for path in glob.glob(os.path.join(SOURCE, "controller/cli/doctor*.c")):
        program |= set(re.findall(
            r'doctor_say\(\s*doctor,[^"]*?"([a-z ]+)",', read(path)))
    page = section(pages["creel-doctor.1"], "DESCRIPTION")
    same(set(re.findall(r"^\.It Li (.*)$", page, re.M)), program,
         "creel-doctor(1) has its checks")


def examples(text, roff):
    """The command lines of a page's examples, or of README's."""
    if not roff:
        blocks = re.findall(r"(?:^    .*\n)+", text, re.M)
        return "".join(blocks).replace("\\\n", " ").splitlines()
    lines = re.findall(r"^\.Dl (.*)$", text, re.M)
    for block in re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", text,
                            re.M | re.S):
        lines += block.replace("\\e\n", " ").splitlines()
    return [line.replace("\\&", "").replace("\\(dq", '"') for line in lines]


def wrong_commands(lines, table):
    """(those that no program would take, how many there are)"""
    wrong, seen = [], 0
    for line in lines:
        for rest in re.findall(r"(?<![\w./@-])creel ((?!:)[a-z].*)", line):
            words = rest.split(" -- ")[0].split("#")[0].split("|")[0].split()
            verb = words[0].rstrip(";")
            if verb not in table and verb != "sandbox":
                if re.match(r"\s*(?:[#$] )?(?:\w+=\S+ )?creel ", line):
                    wrong.append(line)
                continue
            seen += 1
            unknown = [word for word in words[1:]
                       if re.match(r"--[a-z]", word) and
                       word[2:].split("=")[0] not in
                       table.get(verb, ()) and "npx" not in line]
            if unknown:
                wrong.append(f"{line}: {unknown}")
    return wrong, seen


def check_examples(box, pages):
    table = {}
    for line in box.run("help", "--dump-options").out.decode().splitlines():
        verb, _, name, _ = line.split("\t")
        table.setdefault(verb, {"help"}).add(name)
    for name, page in sorted(pages.items()):
        wrong, seen = wrong_commands(examples(page, True), table)
        if seen or wrong:
            ok(not wrong, f"{name}: its {seen} commands are creel's",
               "\n".join(wrong))
    wrong, seen = wrong_commands(examples(read("README.md"), False), table)
    ok(seen > 15 and not wrong, f"README.md: its {seen} commands are creel's",
       "\n".join(wrong))
    wrong, _ = wrong_commands(["$ creel run --no-such -- true",
                               "creel walk"], table)
    ok(len(wrong) == 2, "control: a wrong command is seen", wrong)


def main():
    pages = all_pages()
    check_shape(pages)
    check_links(pages)
    check_daemons(pages)
    check_environment(pages)
    check_doctor(pages)
    with Box("system" if os.geteuid() == 0 else "rootless") as box:
        check_examples(box, pages)
    done()


if __name__ == "__main__":
    main()
