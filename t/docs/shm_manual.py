#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""shm_manual.py - the tables of gsession-shm(7) as data: what is in it can be used without the headers."""
import collections
import re

Member = collections.namedtuple("Member", "offset size type name")

ROW = re.compile(r'^\.It Li "([^"]*)"$')
STRUCT = re.compile(r"^\.Ss struct (\w+), (\d+) bytes$")
MEMBER = re.compile(r"^(0x[0-9a-f]{3,}) (\d+) (\w+) (\w+(?:\[\d*\])?)$")
CONSTANT = re.compile(r"^(GS_\w+) (0x[0-9a-f]+|\d+)$")
FIELD = re.compile(r"^(\d+):(\d+) (\w+) (\w+)$")
COUNTER = re.compile(r"^(\d+) (\w+)$")


class Manual:
    """structs {name: (size, [Member])}, constants {name: text}, fields {(word, field): (high, low)}, counters [name]"""

    def __init__(self, path):
        self.structs = {}
        self.constants = {}
        self.fields = {}
        self.counters = []
        self.odd = []  # rows that are none of these
        self.words = collections.defaultdict(list)  # other tags, by section
        section, struct = "", None
        with open(path, encoding="utf-8") as f:
            for line in f:
                line = line.rstrip("\n")
                if line.startswith(".Sh ") or line.startswith(".Ss "):
                    found = STRUCT.match(line)
                    struct = found.group(1) if found else None
                    if found:
                        self.structs[struct] = (int(found.group(2)), [])
                    section = line[4:]
                elif line.startswith(".It Li "):
                    self.row(line, section, struct)

    def row(self, line, section, struct):
        """One tag of a list."""
        found = ROW.match(line)
        if not found:
            self.words[section].append(line[7:])
            return
        text = found.group(1)
        for pattern, take in ((MEMBER, self.member), (CONSTANT, self.constant), (FIELD, self.field), (COUNTER, self.counter)):
            hit = pattern.match(text)
            if hit:
                take(struct, hit.groups())
                return
        self.odd.append(text)

    def member(self, struct, g):
        if struct is None:
            self.odd.append(" ".join(g))
        else:
            self.structs[struct][1].append(Member(int(g[0], 16), int(g[1]), g[2], g[3]))

    def constant(self, _, g):
        self.constants[g[0]] = g[1]

    def field(self, _, g):
        self.fields[(g[2], g[3])] = (int(g[0]), int(g[1]))

    def counter(self, _, g):
        if int(g[0]) != len(self.counters):
            self.odd.append(" ".join(g))
        self.counters.append(g[1])
