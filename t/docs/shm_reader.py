#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""shm_reader.py - read a session out of a table's files, knowing nothing but gsession-shm(7).

usage: shm_reader.py MANUAL DIRECTORY TABLE KEY [NAMESPACE]	print the value; exit 1 when there is none

Offsets and constants are those of the manual's tables; the steps are those of READING WITHOUT THE LIBRARY.
"""
import mmap
import os
import struct
import sys
import time

from shm_manual import Manual

U64 = (1 << 64) - 1
CODES = {"u8": "B", "u16": "H", "u32": "I", "u64": "Q", "i64": "q"}


class Damaged(Exception):
    """What is there is not as the manual says."""


class Format:
    """The manual's tables, to be asked by name."""

    def __init__(self, path):
        manual = Manual(path)
        self.members = {s: {m.name.split("[")[0]: m for m in members} for s, (_, members) in manual.structs.items()}
        self.sizes = {s: size for s, (size, _) in manual.structs.items()}
        self.const = {name: int(text, 0) for name, text in manual.constants.items()}
        self.fields = manual.fields

    def get(self, memory, base, name, member, index=0):
        """One number (or the bytes of a text) of a structure that begins at base."""
        m = self.members[name][member]
        at = base + m.offset
        if m.type == "char":
            return bytes(memory[at:at + m.size]).split(b"\0")[0]
        code = CODES[m.type.removeprefix("a")]
        return struct.unpack_from("<" + code, memory, at + index * struct.calcsize("<" + code))[0]

    def bits(self, word, field, value):
        high, low = self.fields[(word, field)]
        return value >> low & ((1 << (high - low + 1)) - 1)


def siphash13(k0, k1, data, ns=0):
    def rotl(x, n):
        return (x << n | x >> (64 - n)) & U64

    v0, v1, v2, v3 = k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573

    def rounds(n):
        nonlocal v0, v1, v2, v3
        for _ in range(n):
            v0 = (v0 + v1) & U64
            v1 = rotl(v1, 13) ^ v0
            v0 = rotl(v0, 32)
            v2 = (v2 + v3) & U64
            v3 = rotl(v3, 16) ^ v2
            v0 = (v0 + v3) & U64
            v3 = rotl(v3, 21) ^ v0
            v2 = (v2 + v1) & U64
            v1 = rotl(v1, 17) ^ v2
            v2 = rotl(v2, 32)

    padded = data + b"\0" * (7 - len(data) % 8) + bytes([len(data) & 0xFF])
    for (m,) in struct.iter_unpack("<Q", padded):
        v3 ^= m
        rounds(1)
        v0 ^= m
    v2 ^= 0xFF + 256 * ns
    rounds(3)
    return v0 ^ v1 ^ v2 ^ v3


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def map_file(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        return mmap.mmap(fd, 0, prot=mmap.PROT_READ)
    finally:
        os.close(fd)


class Table:
    def __init__(self, fmt, directory, name):
        self.f = fmt
        self.prefix = os.path.join(directory, name)
        self.ctl = map_file(self.prefix + ".ctl")
        self.check_ctl()
        self.idx = map_file(self.prefix + ".idx")
        if self.f.get(self.idx, 0, "gs_idx_hdr", "magic") != fmt.const["GS_IDX_MAGIC"]:
            raise Damaged("T.idx: magic")
        self.arenas = {}
        for ring in range(self.c("n_rings")):
            for size_class in range(self.c("n_classes")):
                self.arenas[ring, size_class] = map_file(f"{self.prefix}.{ring}.{size_class}")
                if self.a(ring, size_class, "magic") != fmt.const["GS_ARENA_MAGIC"]:
                    raise Damaged("arena: magic")

    def c(self, member, index=0):
        return self.f.get(self.ctl, 0, "gs_ctl_hdr", member, index)

    def a(self, ring, size_class, member):
        return self.f.get(self.arenas[ring, size_class], 0, "gs_arena_hdr", member)

    def check_ctl(self):
        const, crc = self.f.const, self.f.members["gs_ctl_hdr"]["crc"]
        if len(self.ctl) != self.f.sizes["gs_ctl_hdr"] or self.c("magic") != const["GS_CTL_MAGIC"]:
            raise Damaged("T.ctl: size or magic")
        if self.c("endian") != const["GS_ENDIAN_MARK"] or self.c("abi_major") != const["GS_ABI_MAJOR"]:
            raise Damaged("T.ctl: another version")
        if self.c("crc") != crc32c(self.ctl[:crc.offset]):
            raise Damaged("T.ctl: crc")

    def places(self, h):
        """Buckets in which the key may be, those that are used."""
        const, groups = self.f.const, self.c("n_groups")
        homes, size = const["GS_GROUP_HOMES"], const["GS_GROUP_BUCKETS"]
        x = h * (homes * groups) >> 64
        g = x // homes
        buckets = [size * g + x % homes, size * g + homes, size * ((g + 1) % groups) + homes,
                   size * groups + (h >> 19) % const["GS_LAST_RESORTS"]]
        header = self.f.get(self.idx, self.bucket_at(buckets[0]), "gs_bucket", "H")
        for place, bucket in enumerate(buckets):
            if place == 0 or (self.f.bits("header", "count", header) > 0 and self.f.bits("header", "filter", header) >> (h >> 14) % 16 & 1
                              and place <= self.f.bits("header", "kmax", header)):
                yield bucket

    def bucket_at(self, bucket):
        return self.f.sizes["gs_idx_hdr"] + bucket * self.f.sizes["gs_bucket"]

    def read(self, e, h, key):
        """(value, is the session over) of the slot that an entry names if it is the key's; None if it is another's; EAGAIN."""
        f, ring, size_class, slot = self.f, self.f.bits("entry", "ring", e), self.f.bits("entry", "class", e), self.f.bits("entry", "slot", e)
        if (ring, size_class) not in self.arenas or slot >= self.a(ring, size_class, "n_slots"):
            raise Damaged("an entry that names no slot")
        size, memory = self.a(ring, size_class, "slot_size"), self.arenas[ring, size_class]
        at = self.a(ring, size_class, "slots_off") + slot * size
        head = bytes(memory[at:at + size])
        w = f.get(head, 0, "gs_slot", "W")
        if f.bits("word", "state", w) != f.const["GS_SLOT_READY"] or f.bits("word", "gen", w) & f.const["GS_GEN_MASK"] != f.bits("entry", "gen", e):
            raise BlockingIOError
        lengths = [f.get(head, 0, "gs_slot", n) for n in ("key_len", "owner_len", "val_len")]
        key_at = f.sizes["gs_slot"]
        value_at = key_at + -(-lengths[0] // 8) * 8 + -(-lengths[1] // 8) * 8
        if lengths[0] == 0 or value_at + lengths[2] > size:
            raise Damaged("lengths that do not fit")
        if f.get(memory, at, "gs_slot", "W") != w:
            raise BlockingIOError
        if f.get(head, 0, "gs_slot", "hash") != h or head[key_at:key_at + lengths[0]] != key:
            return None
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000000 + self.c("clock_add_ms") & U64
        return head[value_at:value_at + lengths[2]], self.ends_ms(head) < now

    def ends_ms(self, head):
        """The last instant of a session: X, or what its class and its namespace allow."""
        f = self.f
        x, touched, accessed = (f.bits("timed", "value", f.get(head, 0, "gs_slot", word)) for word in "XTA")
        if f.get(head, 0, "gs_slot", "flags") & f.const["GS_FLAG_PARKED"]:
            return x
        at = f.members["gs_ctl_hdr"]["session_class"].offset + f.get(head, 0, "gs_slot", "class_id") * f.sizes["gs_class_cfg"]
        limits = [f.get(self.ctl, at, "gs_class_cfg", limit) for limit in ("ttl_ms", "idle_ms")]
        at = f.members["gs_ctl_hdr"]["ns"].offset + f.get(head, 0, "gs_slot", "ns") * f.sizes["gs_namespace_cfg"]
        return min(x, touched + limits[0], accessed + min(limits[1], f.get(self.ctl, at, "gs_namespace_cfg", "idle_ms")))

    def namespace(self, name):
        """The number of a namespace that is there, by its name."""
        f = self.f
        for number in range(1, f.const["GS_NAMESPACES"]):
            at = f.members["gs_ctl_hdr"]["ns"].offset + number * f.sizes["gs_namespace_cfg"]
            if f.get(self.ctl, at, "gs_namespace_cfg", "state") == f.const["GS_NAMESPACE_ON"] and f.get(self.ctl, at, "gs_namespace_cfg", "name") == name:
                return number
        raise Damaged("no such namespace")

    def get(self, key, ns=0):
        h = siphash13(self.c("sip_k0"), self.c("sip_k1"), key, ns)
        tag = h & (1 << 14) - 1 or 1
        for _ in range(100):
            try:
                return self.get_once(h, tag, key)
            except BlockingIOError:
                continue
        raise Damaged("an entry whose slot is not ready")

    def get_once(self, h, tag, key):
        for bucket in self.places(h):
            for i in range(self.f.const["GS_BUCKET_ENTRIES"]):
                e = self.f.get(self.idx, self.bucket_at(bucket), "gs_bucket", "e", i)
                if self.f.bits("entry", "tag", e) != tag or e & self.f.const["GS_ENTRY_TENT"]:
                    continue
                found = self.read(e, h, key)
                if found is not None:
                    return None if found[1] else found[0]
        return None


def main(argv):
    if len(argv) not in (5, 6):
        sys.exit(__doc__)
    table = Table(Format(argv[1]), argv[2], argv[3])
    value = table.get(os.fsencode(argv[4]), table.namespace(os.fsencode(argv[5])) if len(argv) == 6 else 0)
    if value is None:
        sys.exit(1)
    sys.stdout.buffer.write(value)


main(sys.argv)
