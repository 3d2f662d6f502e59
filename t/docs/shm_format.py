#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""shm_format.py - hold gsession-shm(7) against shm/layout.h.

usage: shm_format.py probe HEADER		print a C program that prints what the compiler makes of the header
       shm_format.py compare MANUAL FACTS	a sentence for each difference; none: nothing
       shm_format.py words MANUAL HEADER COUNTERS	the same of invariants, orders and counters
"""
import re
import sys

from shm_manual import Manual

TYPES = {"uint8_t": "u8", "uint16_t": "u16", "uint32_t": "u32", "uint64_t": "u64", "int64_t": "i64", "int32_t": "i32", "char": "char"}


def source(path):
    """The header without comments and assertions."""
    with open(path, encoding="utf-8") as f:
        text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
    return re.sub(r"^_Static_assert\(.*?\);", "", text, flags=re.S | re.M)


def structs(text):
    """(name, [(type, member, is_array, is_flexible)]) of each structure."""
    found = re.findall(r"^struct (\w+) \{[ \t]*\n(.*?)^\}[^;]*;", text, flags=re.S | re.M)
    if len(found) != len(re.findall(r"\bstruct \w+\s*\{", text)):
        sys.exit("a structure is written in another way than the others; this script cannot read it")
    for name, body in found:
        members = []
        for declaration in filter(None, (d.strip() for d in body.split(";"))):
            found = re.fullmatch(r"(_Atomic )?(struct )?(\w+)\s+(.*)", declaration, flags=re.S)
            if not found:
                sys.exit(f"struct {name}: what is `{declaration}`?")
            kind = found.group(3) if found.group(2) else TYPES.get(found.group(3))
            if kind is None:
                sys.exit(f"struct {name}: {found.group(3)} is no type for shared memory")
            for one in found.group(4).split(","):
                member, dims = re.fullmatch(r"(\w+)\s*(\[.*\])?", one.strip(), flags=re.S).groups()
                members.append((("a" if found.group(1) else "") + kind, member, dims is not None, dims == "[]"))
        yield name, members


def constants(text):
    """Names of the macros without arguments and of the enumerators."""
    for name in re.findall(r"^#define (GS_\w+)[ \t]+\S", text, flags=re.M):
        yield name
    for body in re.findall(r"\benum\b[^{;()]*\{(.*?)\}", text, flags=re.S):
        for one in filter(None, (e.strip() for e in body.split(","))):
            yield re.match(r"\w+", one).group(0)


def accessors(text):
    """(word, field) of the functions that take a field out of a word."""
    return re.findall(r"^static inline uint\d+_t\s+gs_(\w+?)_(\w+)\(uint64_t \w+\)", text, flags=re.M)


def probe(header):
    text = source(header)
    print('#include <inttypes.h>\n#include <stdio.h>\n\n#include "shm/layout.h"\n')
    print("static void\nbits(const char *word, const char *field, uint64_t (*of)(uint64_t))\n{")
    print("\tuint64_t mask = 0;\n\n\tfor (int i = 0; i < 64; i++)\n\t\tif (of(UINT64_C(1) << i) != 0)\n\t\t\tmask |= UINT64_C(1) << i;")
    print('\tprintf("field %s %s %d %d %d\\n", word, field, 63 - __builtin_clzll(mask), __builtin_ctzll(mask), __builtin_popcountll(mask));\n}\n')
    for word, field in accessors(text):
        print(f"static uint64_t bits_{word}_{field}(uint64_t x) {{ return gs_{word}_{field}(x); }}")
    print("\nint\nmain(void)\n{")
    for name, members in structs(text):
        print(f'\tprintf("struct {name} %zu\\n", sizeof(struct {name}));')
        for kind, member, is_array, is_flexible in members:
            at = f"((struct {name} *)0)->{member}"
            size = "(size_t)0" if is_flexible else f"sizeof({at})"
            dims = '"[]"' if is_flexible else '""'
            print(f'\tprintf("member {name} 0x%03zx %zu {kind} {member}", offsetof(struct {name}, {member}), {size});')
            if is_array and not is_flexible:
                print(f'\tprintf("[%zu]", sizeof({at}) / sizeof({at}[0]));')
            print(f'\tprintf("%s\\n", {dims});')
    for name in constants(text):
        print(f'\tprintf("constant {name} %llu\\n", (unsigned long long){name});')
    for word, field in accessors(text):
        print(f'\tbits("{word}", "{field}", bits_{word}_{field});')
    print("\treturn 0;\n}")


def facts_of(path):
    """What the program printed: (structs, constants, fields) like those of the manual."""
    sizes, members, consts, fields = {}, {}, {}, {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            what, *rest = line.split()
            if what == "struct":
                sizes[rest[0]] = int(rest[1])
                members[rest[0]] = []
            elif what == "member":
                members[rest[0]].append((int(rest[1], 16), int(rest[2]), rest[3], rest[4]))
            elif what == "constant":
                consts[rest[0]] = int(rest[1])
            else:
                high, low, n = map(int, rest[2:])
                if high - low + 1 != n:
                    print(f"gs_{rest[0]}_{rest[1]}: its bits do not lie side by side")
                fields[(rest[0], rest[1])] = (high, low)
    return sizes, members, consts, fields


def untiled(name, size, members):
    """Every byte of a structure belongs to a member: no padding that nobody wrote down, no member overlooked."""
    at = 0
    for offset, n, _, member in members:
        if offset != at:
            yield f"struct {name}: {offset - at} bytes before {member} belong to no member; give them a name (pad)"
        at = offset + n
    if at != size:
        yield f"struct {name}: {size - at} bytes at its end belong to no member; give them a name (pad)"


def row(m):
    return '.It Li "0x%03x %d %s %s"' % tuple(m)


def compare_structs(manual, sizes, members):
    for name, size in sizes.items():
        yield from untiled(name, size, members[name])
        if name not in manual.structs:
            rows = "\n".join(row(m) for m in members[name])
            yield f"struct {name} is not in the manual: add the section\n.Ss struct {name}, {size} bytes\n{rows}"
            continue
        listed_size, listed = manual.structs[name]
        if listed_size != size:
            yield f"struct {name} has {size} bytes: write `.Ss struct {name}, {size} bytes`"
        for m in members[name]:
            if m not in listed:
                yield f"struct {name}: add or correct the row {row(m)}"
        for m in listed:
            if m not in members[name]:
                yield f"struct {name} has no such member (any more): remove or correct the row {row(m)}"
        if sorted(listed) != list(listed):
            yield f"struct {name}: the rows are not in the order of the offsets"
    for name in manual.structs:
        if name not in sizes:
            yield f"there is no struct {name} (any more): remove its section"


def compare_rest(manual, consts, fields):
    for name, value in consts.items():
        listed = manual.constants.get(name)
        if listed is None:
            yield f'{name} is not in the manual: add the row .It Li "{name} {value}"'
        elif int(listed, 0) != value:
            yield f'{name} is {value} ({value:#x}), the manual has {listed}'
    for name in manual.constants:
        if name not in consts:
            yield f"there is no {name} (any more): remove its row"
    for (word, field), (high, low) in fields.items():
        if manual.fields.get((word, field)) != (high, low):
            yield f'gs_{word}_{field}: add or correct the row .It Li "{high}:{low} {word} {field}"'
    for word, field in manual.fields:
        if (word, field) not in fields:
            yield f"there is no gs_{word}_{field} (any more): remove its row"
    for text in manual.odd:
        yield f"the row `{text}` is no member, constant, field or counter, or stands in the wrong place"


def compare(path, facts):
    manual = Manual(path)
    sizes, members, consts, fields = facts_of(facts)
    for sentence in list(compare_structs(manual, sizes, members)) + list(compare_rest(manual, consts, fields)):
        print(sentence)


def labels(header, title):
    """What the block `title` in the header's first comment lists: the words at the left, before a tab."""
    with open(header, encoding="utf-8") as f:
        comment = f.read().split("*/")[1]
    block = re.search(r"^ \* " + title + r".*?\n \*\n(.*?)\n \*\n \* \S", comment, flags=re.S | re.M).group(1)
    for line in re.findall(r"^ \*   (\S[^\t]*)\t", block, flags=re.M):
        yield from re.split(r",\s*", line)


def words(path, header, counters):
    manual = Manual(path)
    for title, section in (("INVARIANTS", "INVARIANTS"), ("ORDERS", "ORDERS")):
        want, have = list(labels(header, title)), manual.words[section]
        for w in want:
            if w not in have:
                print(f"{section}: `{w}` is in the header: describe it in the manual, behind `.It Li {w}`")
        for w in have:
            if w not in want:
                print(f"{section}: `{w}` is not in the header (any more)")
    with open(counters, encoding="utf-8") as f:
        want = re.findall(r"^COUNTER\(\w+,\s*(\w+)", f.read(), flags=re.M)
    for i, name in enumerate(want):
        if manual.counters[i:i + 1] != [name]:
            print(f'counters: add or correct the row .It Li "{i} {name}"')
    for name in manual.counters[len(want):]:
        print(f"counters: there is no {name} (any more)")


def main(argv):
    commands = {"probe": (probe, 1), "compare": (compare, 2), "words": (words, 3)}
    if len(argv) < 2 or argv[1] not in commands or len(argv) != 2 + commands[argv[1]][1]:
        sys.exit(__doc__)
    commands[argv[1]][0](*argv[2:])


main(sys.argv)
