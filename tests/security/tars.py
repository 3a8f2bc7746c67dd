# SPDX-License-Identifier: Apache-2.0
"""Archives that nobody should have made.

Each is (name, bytes, expected): "ok" where it is an archive as any other, else
"error", or None where either will do as long as nothing gets out.  The same
each time.
"""
import bz2
import gzip
import io
import lzma
import random
import struct
import subprocess
import tarfile

BLOCK = 512
END = bytes(2 * BLOCK)
WHO = b"written by an archive\n"


def octal(value, width):
    if value < 0 or value >= 8 ** (width - 1):
        sign = b"\xff" if value < 0 else b"\x80"
        return sign + (value % 256 ** (width - 1)).to_bytes(width - 1, "big")
    return b"%0*o\0" % (width - 1, value)


def head(name, size=0, kind=b"0", link=b"", mode=0o644, mtime=0, prefix=b"",
         magic=b"ustar\x0000", extra=b""):
    """One header, whatever it says."""
    raw = bytearray(BLOCK)
    raw[0:100] = name[:100].ljust(100, b"\0")
    raw[100:108] = octal(mode, 8)
    raw[108:116] = raw[116:124] = octal(0, 8)
    raw[124:136] = size if isinstance(size, bytes) else octal(size, 12)
    raw[136:148] = mtime if isinstance(mtime, bytes) else octal(mtime, 12)
    raw[156:157] = kind
    raw[157:257] = link[:100].ljust(100, b"\0")
    raw[257:265] = magic
    raw[345:500] = prefix[:155].ljust(155, b"\0")
    if extra:
        raw[345:345 + len(extra)] = extra
    return seal(raw)


def seal(raw):
    raw[148:156] = b" " * 8
    raw[148:156] = b"%06o\0 " % sum(raw)
    return bytes(raw)


def pad(data):
    return data + bytes(-len(data) % BLOCK)


def file(name, data=WHO, **more):
    return head(name, len(data), **more) + pad(data)


def folder(name, **more):
    return head(name, kind=b"5", **dict({"mode": 0o755}, **more))


def symlink(name, to):
    return head(name, kind=b"2", link=to, mode=0o777)


def hardlink(name, to):
    return head(name, kind=b"1", link=to)


def record(key, value):
    """LENGTH KEY=VALUE, as pax(1) has it."""
    body = b" " + key + b"=" + value + b"\n"
    size = len(body)
    while size != len(body) + len(b"%d" % size):
        size = len(body) + len(b"%d" % size)
    return b"%d" % size + body


def pax(*pairs, kind=b"x"):
    return file(b"PaxHeader/x", b"".join(record(*p) for p in pairs),
                kind=kind)


def gnu_long(name, kind=b"L"):
    return file(b"././@LongLink", name + b"\0", kind=kind,
                magic=b"ustar  \0")


def names(canary):
    """".." and absolute names, of each type of entry."""
    out = canary.encode()
    bad = [b"../x", b"../../x", b"a/../../x", b"a/../b", b"..", b"./..",
           b"a/..", b"a/../..", b"./../x", b"../" * 12 + out.lstrip(b"/"),
           b"a/b/c/../../../../x", b"/../x", b"//../x", b"x/..//y"]
    good = [b"/x", b"//x", b"///a//b", b"/etc/passwd", out[:90] + b"/x",
            b".../x", b"..x", b"x..", b"./x", b".//./x", b"-rf", b"~/x"]
    kinds = {"file": file, "folder": folder,
             "symlink": lambda n: symlink(n, b"t"),
             "fifo": lambda n: head(n, kind=b"6"),
             "hardlink": lambda n: file(b"t") + hardlink(n, b"t")}
    for kind, make in kinds.items():
        for at, name in enumerate(bad):
            yield f"dotdot-{kind}-{at}", make(name) + END, "error"
        for at, name in enumerate(good):
            yield f"absolute-{kind}-{at}", make(name) + END, "ok"


def through_links(canary):
    out = canary.encode()
    targets = {"absolute": out, "parents": b"../" * 12 + out.lstrip(b"/"),
               "self": b"l", "here": b".", "root": b"/",
               "proc-root": b"/proc/self/root" + out,
               "proc-cwd": b"/proc/self/cwd", "fd": b"/proc/self/fd/3",
               "dangling": b"nowhere", "up": b".."}
    for name, to in targets.items():
        link = symlink(b"l", to)
        yield f"through-{name}-file", link + file(b"l/x") + END, "error"
        yield f"through-{name}-folder", link + folder(b"l/d/") + END, "error"
        yield f"through-{name}-deep", (link + file(b"l/a/b/c/x") + END), \
            "error"
        yield f"through-{name}-symlink", \
            link + symlink(b"l/s", b"t") + END, "error"
        yield f"through-{name}-hardlink", \
            file(b"f") + link + hardlink(b"l/h", b"f") + END, "error"
        yield f"through-{name}-from", \
            link + hardlink(b"h", b"l/a") + END, "error"
        # What has the link's name takes its place.
        yield f"over-{name}-file", link + file(b"l") + END, "ok"
        yield f"over-{name}-folder", \
            link + folder(b"l/") + file(b"l/x") + END, "ok"
        yield f"twice-{name}", \
            link + hardlink(b"h", b"l") + file(b"h") + END, "ok"
        yield f"below-{name}", folder(b"a/") + symlink(b"a/l", to) + \
            file(b"a/l/x") + END, "error"


def hardlinks(canary):
    out = canary.encode()
    outside = [out + b"/a", b"../" * 12 + out.lstrip(b"/") + b"/a",
               b"/etc/passwd", b"/proc/self/exe", b"../a", b"nowhere",
               b"a/../../b", b"", b".", b"/", b"h", b"./h", b"d", b"d/",
               b"later"]
    for at, to in enumerate(outside):
        yield f"hardlink-{at}", folder(b"d/") + hardlink(b"h", to) + \
            file(b"later") + END, "error" if to else None
    yield "hardlink-over", file(b"a") + file(b"b") + hardlink(b"b", b"a") + \
        END, "ok"
    yield "hardlink-chain", file(b"0") + b"".join(
        hardlink(b"%d" % (i + 1), b"%d" % i) for i in range(200)) + END, "ok"
    yield "hardlink-data", file(b"a") + file(b"b", kind=b"1", link=b"a") + \
        END, None
    yield "hardlink-write", file(b"a") + hardlink(b"b", b"a") + \
        file(b"b", b"new") + END, "ok"


def swaps(canary):
    out = canary.encode()
    d, x, link = folder(b"d/"), file(b"d/x"), symlink(b"d", out)
    yield "swap-full", d + x + link + END, "error"
    yield "swap-empty", d + link + x + END, "error"
    yield "swap-and-back", d + link + d + x + END, "ok"
    yield "swap-file", d + file(b"d") + x + END, "error"
    yield "swap-file-full", d + x + file(b"d") + END, "error"
    yield "swap-parent", folder(b"p/") + folder(b"p/d/") + \
        symlink(b"p/d", b"..") + file(b"p/d/x") + END, "error"
    yield "swap-cached", d + x + file(b"d/y") + hardlink(b"d", b"d/x") + \
        END, "error"
    yield "swap-many", b"".join(d + link for _ in range(500)) + END, "ok"


def twice():
    makers = {"file": file, "folder": folder, "symlink":
              lambda n: symlink(n, b"t"), "fifo": lambda n: head(n, kind=b"6")}
    for a, first in makers.items():
        for b, second in makers.items():
            yield f"twice-{a}-{b}", first(b"x") + second(b"x") + END, "ok"


def pax_headers(canary):
    out = canary.encode()
    plain = file(b"x")
    keys = {
        "path-up": (b"path", b"../x"), "path-absolute": (b"path", b"/a/b"),
        "path-canary": (b"path", b"../" * 12 + out.lstrip(b"/") + b"/x"),
        "path-empty": (b"path", b""), "path-nul": (b"path", b"a\0/../../b"),
        "path-long": (b"path", b"n" * 256), "path-255": (b"path", b"n" * 255),
        "path-huge": (b"path", b"a/" * 40000), "path-utf8":
        (b"path", "gr\u00fc\u00df/\u202egnp".encode()),
        "path-latin1": (b"path", b"gr\xfc\xdf"),
        "path-escape": (b"path", b"\x1b]0;x\x07\r\n"),
        "size-more": (b"size", b"1000000"), "size-less": (b"size", b"1"),
        "size-negative": (b"size", b"-1"), "size-huge":
        (b"size", b"9223372036854775807"), "size-over":
        (b"size", b"99999999999999999999999"), "size-text": (b"size", b"x"),
        "mtime-negative": (b"mtime", b"-99999999.5"),
        "mtime-huge": (b"mtime", b"9" * 40), "mtime-nan": (b"mtime", b"nan"),
        "uid": (b"uid", b"0"), "uname": (b"uname", b"root"),
        "capability": (b"SCHILY.xattr.security.capability",
                       b"\1\0\0\2\xff\xff\xff\xff" + bytes(12)),
        "overlay": (b"SCHILY.xattr.trusted.overlay.redirect", b"/etc"),
        "user-overlay": (b"SCHILY.xattr.user.overlay.redirect", b"/etc"),
        "opaque": (b"SCHILY.xattr.user.overlay.opaque", b"y"),
        "libarchive-xattr": (b"LIBARCHIVE.xattr.user.x", b"eHg="),
        "acl": (b"SCHILY.acl.access", b"user::rwx,user:0:rwx,group::r--"),
        "device": (b"SCHILY.dev", b"1"), "realsize":
        (b"SCHILY.realsize", b"99999999999"),
        "comment": (b"comment", b"x" * 5000),
        "charset": (b"hdrcharset", b"BINARY"), "key-empty": (b"", b"x"),
    }
    for name, pair in keys.items():
        yield f"pax-{name}", pax(pair) + plain + END, None
        yield f"pax-global-{name}", pax(pair, kind=b"g") + plain + END, None
    for key in (b"path", b"linkpath"):
        yield f"pax-link-{key.decode()}", pax((key, b"../../x")) + \
            hardlink(b"x", b"y") + END, "error"
    yield "pax-xattr-stripped", pax(keys["capability"], keys["overlay"]) + \
        plain + END, "ok"
    for at, body in enumerate((b"", b"x", b"9", b"99999 path=x\n", b"0 \n",
                               b"-5 path=x\n", b"12 path=../x", b"7 path\n",
                               b"\0" * 600, b"11 path=ab\n" * 3000)):
        yield f"pax-damaged-{at}", file(b"h", body, kind=b"x") + plain + \
            END, None
    yield "pax-alone", pax((b"path", b"x")) + END, None
    yield "pax-many", pax((b"path", b"x")) * 300 + plain + END, None


def long_names():
    for at, name in enumerate((b"../x", b"/" + b"a/" * 40 + b"x", b"",
                               b"n" * 254, b"n" * 255, b"n" * 256,
                               b"a/" * 99 + b"x", b"a/" * 101 + b"x",
                               b"/".join([b"p" * 200] * 20),
                               b"/".join([b"p" * 200] * 25),
                               b"x" * 100000, b".." + b"/.." * 2000)):
        yield f"longname-{at}", gnu_long(name) + file(b"s") + END, None
        yield f"longlink-{at}", file(b"a") + gnu_long(name, b"K") + \
            hardlink(b"s", b"s") + END, None
    yield "longname-up", gnu_long(b"../" * 50 + b"x") + file(b"s") + END, \
        "error"
    yield "name-255", gnu_long(b"n" * 255) + file(b"s") + END, "ok"
    yield "name-256", gnu_long(b"n" * 256) + file(b"s") + END, "error"
    yield "depth-100", gnu_long(b"d/" * 99 + b"x") + file(b"s") + END, "ok"
    yield "depth-101", gnu_long(b"d/" * 100 + b"x") + file(b"s") + END, \
        "error"
    yield "longname-chain", gnu_long(b"x") * 200 + file(b"s") + END, None
    yield "longname-alone", gnu_long(b"x") + END, None
    yield "longname-huge", head(b"././@LongLink", 1 << 33, kind=b"L",
                                magic=b"ustar  \0") + bytes(4096), "error"
    for at, name in enumerate((b"\n", b"\x1b[2J", b"\xff\xfe", b"a\tb", b" ",
                               b"\\x41", b"C:\\x", b"con", b"%s%n", b"$(id)",
                               b"\x7f", "\u202e".encode(), b"*", b"-")):
        yield f"odd-name-{at}", file(name) + END, "ok"
        yield f"odd-refused-{at}", file(name + b"/../..") + END, "error"


def sparse():
    def old(name, real, parts, more=b"\0"):
        extra = bytearray(155)
        for at, (offset, size) in enumerate(parts[:4]):
            extra[41 + 24 * at:53 + 24 * at] = octal(offset, 12)
            extra[53 + 24 * at:65 + 24 * at] = octal(size, 12)
        extra[137:138] = more
        extra[138:150] = octal(real, 12)
        data = sum(size for _, size in parts)
        return head(name, data if 0 <= data < 1 << 20 else 512, kind=b"S",
                    magic=b"ustar  \0", extra=bytes(extra)) + \
            pad(b"d" * (data if 0 <= data < 1 << 20 else 512))
    big = 1 << 32
    maps = {"4g": (big, [(big - 512, 512)]), "start": (big, [(0, 512)]),
            "none": (big, []), "1t": (1 << 40, [(0, 1)]),
            "8e": ((1 << 63) - 1, [(0, 1)]), "beyond": (10, [(1000, 512)]),
            "overlap": (4096, [(0, 512), (256, 512)]),
            "backwards": (4096, [(2048, 512), (0, 512)]),
            "negative": (4096, [(-512, 512)]), "less": (4096, [(0, -1)]),
            "wrap": (4096, [((1 << 63) - 1, 512)])}
    for name, (real, parts) in maps.items():
        yield f"sparse-old-{name}", old(b"s", real, parts) + END, \
            "ok" if name in ("4g", "start") else None
        text = b",".join(b"%d,%d" % p for p in parts)
        keys = [(b"GNU.sparse.size", b"%d" % real),
                (b"GNU.sparse.numblocks", b"%d" % len(parts)),
                (b"GNU.sparse.map", text)]
        yield f"sparse-pax01-{name}", pax(*keys) + file(b"s", b"d" * 512) + \
            END, None
        body = pad(b"%d\n" % len(parts) + b"".join(
            b"%d\n%d\n" % p for p in parts))
        keys = [(b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"),
                (b"GNU.sparse.name", b"../s"),
                (b"GNU.sparse.realsize", b"%d" % real)]
        yield f"sparse-pax10-{name}", pax(*keys) + \
            file(b"s", body + b"d" * 512) + END, None
    yield "sparse-endless", old(b"s", big, [(0, 512)], b"\1") + \
        b"\1" * BLOCK * 40, None
    yield "sparse-count", pax(
        (b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"),
        (b"GNU.sparse.realsize", b"1")) + \
        file(b"s", b"99999999999999\n" + b"1\n" * 4000) + END, None


def nested():
    inner = file(b"x") + END
    zips = {"gz": lambda d: gzip.compress(d, mtime=0), "bz2": bz2.compress,
            "xz": lzma.compress}
    yield "tar-in-tar", file(b"in.tar", inner) + END, "ok"
    for a, first in zips.items():
        yield f"plain-{a}", first(inner), "ok"
        yield f"junk-{a}", first(inner) + b"junk junk", "error"
        yield f"cut-{a}", first(inner)[:-9], "error"
        yield f"two-{a}", first(inner) + first(file(b"y") + END), "ok"
        for b, second in zips.items():
            yield f"nested-{a}-{b}", second(first(inner)), "error"
    deep = inner
    for _ in range(30):
        deep = gzip.compress(deep, mtime=0)
    yield "nested-30", deep, "error"
    # A dictionary of 1.5 GiB, in fourteen bytes.
    raw = bytearray(lzma.compress(inner, preset=9 | lzma.PRESET_EXTREME))
    yield "xz-9", bytes(raw), "error"


def bombs(size):
    body = head(b"zeros", size) + bytes(size)
    whole = body + bytes(-size % BLOCK) + END
    yield "bomb-gz", gzip.compress(whole, 9, mtime=0), "error"
    yield "bomb-xz", lzma.compress(whole, preset=1), "error"
    yield "bomb-bz2", bz2.compress(whole, 9), "error"
    entries = b"".join(head(b"%d" % i) for i in range(size // BLOCK))
    yield "bomb-entries", lzma.compress(entries + END, preset=1), "error"


def endings():
    one = file(b"x")
    yield "no-end", one, "error"
    yield "half-end", one + bytes(BLOCK), "error"
    yield "only-end", END, "error"
    yield "empty", b"", "error"
    yield "one-byte", b"x", "error"
    yield "zeros", bytes(1 << 20), "error"
    yield "padded", one + bytes(20 * BLOCK), "ok"
    yield "garbage", one + END + b"garbage" * 100, "error"
    yield "second", one + END + file(b"y") + END, "ok"
    yield "second-bad", one + END + file(b"../y") + END, "error"
    yield "short-garbage", one + END + b"g", "error"
    cpio = b"070701" + b"0" * 104 + b"x\0"
    for name, data in (("cpio", cpio), ("zip", b"PK\3\4" + bytes(60)),
                       ("ar", b"!<arch>\n" + b"x" * 60), ("elf", b"\x7fELF"),
                       ("7z", b"7z\xbc\xaf\x27\x1c" + bytes(60)),
                       ("text", b"hello\n" * 1000),
                       ("mtree", b"#mtree\n./x type=file\n"),
                       ("noise", random.Random(1).randbytes(100000))):
        yield f"no-tar-{name}", data, "error"


def fields():
    for value in (-1, -(1 << 40), 1 << 33, (1 << 62), -(1 << 62), 0):
        yield f"mtime-{value}", file(b"x", mtime=value) + END, "ok"
    for at, text in enumerate((b"99999999999\0", b"            ", b"-1\0",
                               b"\xff" * 12, b"\x80" + b"\xff" * 11,
                               b"77777777777\0", b"\0" * 12,
                               b"\xff" + b"\0" * 11)):
        yield f"size-{at}", head(b"x", text) + pad(WHO) + END, None
        yield f"size-folder-{at}", head(b"x", text, kind=b"5") + END, None
        yield f"mtime-text-{at}", file(b"x", mtime=text) + END, None
    for mode in (0, 0o777, 0o1777, 0o2755, 0o4755, 0o6777, 0o7777, 0o107777):
        yield f"mode-file-{mode:o}", file(b"x", mode=mode) + END, "ok"
        yield f"mode-folder-{mode:o}", folder(b"d/", mode=mode) + \
            file(b"d/x") + END, "ok"
    for kind in range(256):
        yield f"type-{kind}", head(b"x", kind=bytes([kind]), link=b"y") + \
            file(b"z") + END, None
        if kind in b"346":
            yield f"device-{kind}", head(b"x", kind=bytes([kind])) + END, "ok"
    for name in (b".wh.x", b".wh..wh..opq", b"d/.wh.x", b".wh.", b".wh.d/x"):
        yield f"whiteout-{name.decode()}", file(name) + END, "error"
    for name in (b"oci-layout", b"blobs/sha256/" + b"a" * 64,
                 b"a" * 64 + b"/layer.tar", b"0" * 64 + b"/VERSION"):
        yield f"layers-{name[:12].decode()}", file(name) + END, "error"
    yield "root-file", file(b"./") + END, None
    yield "root-symlink", symlink(b".", b"/etc") + END, "error"
    yield "root-folder", folder(b"./", mode=0) + file(b"x") + END, "ok"
    yield "prefix-up", file(b"x", prefix=b"..") + END, "error"
    yield "prefix", file(b"x", prefix=b"a/b") + END, "ok"


def usual():
    """What tar(1) and others write."""
    tree = [("d", tarfile.DIRTYPE, b""), ("d/f", tarfile.REGTYPE, b"x" * 5000),
            ("d/l", tarfile.SYMTYPE, b""), ("d/h", tarfile.LNKTYPE, b""),
            ("n" * 120 + "/f", tarfile.REGTYPE, b""),
            ("\u00fc", tarfile.REGTYPE, b"1")]
    for name, form in (("gnu", tarfile.GNU_FORMAT), ("pax",
                                                    tarfile.PAX_FORMAT)):
        for zipped in ("", "gz", "bz2", "xz"):
            raw = io.BytesIO()
            with tarfile.open(fileobj=raw, mode="w:" + zipped,
                              format=form) as tar:
                for path, kind, data in tree:
                    info = tarfile.TarInfo(path)
                    info.type, info.size = kind, len(data)
                    info.linkname = "/etc/x" if kind == tarfile.SYMTYPE \
                        else "d/f"
                    tar.addfile(info, io.BytesIO(data))
            yield f"usual-{name}-{zipped}", raw.getvalue(), "ok"
    plain = b"".join(file(b"f%d" % i, b"y" * 700) for i in range(4)) + END
    try:
        yield "usual-zstd", subprocess.run(
            ["zstd", "-q", "-c"], input=plain, check=True,
            stdout=subprocess.PIPE).stdout, "ok"
    except OSError:
        pass
    yield "usual-v7", plain.replace(b"ustar\x0000", bytes(8)), None


def cut_and_flipped(step):
    """An archive with everything in it, cut and changed everywhere."""
    data = folder(b"d/") + gnu_long(b"long" * 40) + file(b"s", b"1" * 900) + \
        pax((b"path", b"p" * 150), (b"mtime", b"1.5")) + file(b"q") + \
        symlink(b"d/l", b"/etc") + hardlink(b"h", b"q" * 1) + \
        file(b"z", b"2" * 1500)
    data = data.replace(b"h" + bytes(99), b"h" + bytes(99)) + END
    for at in range(0, len(data) - len(END) + 1, BLOCK):
        yield f"cut-{at // BLOCK}", data[:at], "error"
        yield f"cut-{at // BLOCK}-half", data[:at + 100], "error"
        yield f"cut-{at // BLOCK}-ended", data[:at] + END, None
    one = bytearray(file(b"name", b"3" * 700, prefix=b"pre") + END)
    flips = (0xff, 0x01, 0x80, 0x20, 0x10, 0x40, 0x08, 0x02)
    for mask in flips[:max(1, len(flips) // step)]:
        for at in range(BLOCK):
            raw = bytearray(one)
            raw[at] ^= mask
            yield f"flip-{mask:x}-{at}", bytes(raw), None
            yield f"flip-sealed-{mask:x}-{at}", \
                seal(raw[:BLOCK]) + bytes(raw[BLOCK:]), None
    for seed in range(400 // step):
        rng = random.Random(seed)
        raw = bytearray(data)
        for _ in range(rng.randrange(1, 20)):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
        yield f"noise-{seed}", bytes(raw), None


def struct_noise():
    """Compressed streams with a byte changed."""
    inner = file(b"x", b"4" * 3000) + END
    for name, pack in (("gz", lambda d: gzip.compress(d, mtime=0)),
                       ("bz2", bz2.compress), ("xz", lzma.compress)):
        whole = pack(inner)
        for at in range(0, len(whole), max(1, len(whole) // 24)):
            raw = bytearray(whole)
            raw[at] ^= 0x55
            yield f"changed-{name}-{at}", bytes(raw), None
    yield "gz-name", struct.pack("<BBBBIBB", 31, 139, 8, 8, 0, 0, 3) + \
        b"n" * 70000, "error"


def everything(canary, scale):
    """All of them; the fewer the greater @scale is."""
    yield from names(canary)
    yield from through_links(canary)
    yield from hardlinks(canary)
    yield from swaps(canary)
    yield from twice()
    yield from pax_headers(canary)
    yield from long_names()
    yield from sparse()
    yield from nested()
    yield from bombs(80 << 20)
    yield from endings()
    yield from fields()
    yield from usual()
    yield from struct_noise()
    yield from cut_and_flipped(min(scale, 8))
