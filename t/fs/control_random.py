#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# control_random.py - random writes to every control file of a mount, by a process for each table, each answer and each value held against a model.
#
#	control_random.py write CONTROL SOURCE SEED WRITES STATE
#	control_random.py compare CONTROL SOURCE STATE
#
# The files are found by walking CONTROL; the settings of SOURCE/src/conf/options.def
# say what each takes, see control_model.py, and a file that can be written and has
# no model is an error.  One process writes to the files of its table, the first also
# to those of no table, and all of them to those that cannot be written.  After each write
# that file and another are read, and now and then all.  STATE is what the model says at the end,
# with which `compare` compares a mount.  Ends with 1 and what was written at the first difference.
import errno
import os
import pickle
import random
import re
import sys
import time

sys.dont_write_bytecode = True
from control_model import WRITE_BYTES, Model, Refused, lines_of, print_duration, read_options  # noqa: E402

PIECES = 256				# of a writev that reach the mount together
ALL_EVERY, SHOWN, PATIENCE_S = 400, 5, 60
# What nobody can foretell, though it cannot be written: but it can be read.
MOVING = re.compile(r"(.*/)?(stats|metrics|uptime|events|events\.counts|last_error|count|suspects|mine|lease|mount)|node/pid")
STREAM = "events_pipe"			# who reads it waits
VERBS = re.compile(r"(?:.*\n){4}(job [0-9]+ (snapshot|restore) .*\n)?")
BUSY = {errno.EBUSY}
NAMES = ["one", "two", "a.b-c"]		# of snapshots


def name_of(number):
    return errno.errorcode.get(number, "0") if number else "accepted"


class Ctl:
    """What control/ctl answers."""

    def __init__(self, listing):
        self.listing = listing.split("\n")[:4]
        self.may = set()

    def line(self, text):
        """None: it does nothing; else the verb and what follows."""
        if text in self.listing or re.match(r"job [0-9]+ (snapshot|restore) ", text):
            return None
        m = re.fullmatch(r"(reload|audit|snapshot|restore)([ \t]+.*)?", text)
        if not m or (m[2] and m[1] in ("reload", "audit")):
            raise Refused(errno.EINVAL)
        return m[1], (m[2] or "").strip(" \t")

    def write(self, data):
        self.may = set()
        if len(data) > WRITE_BYTES:
            return errno.E2BIG
        try:
            lines = [self.line(text) for text in lines_of(data)]
        except Refused as e:
            return e.number
        verbs = [line for line in lines if line]
        if not lines:
            return errno.EINVAL
        if sum(verb != "audit" for verb, _ in verbs) > 1:
            return errno.EBUSY
        for verb, name in verbs:
            if verb != "audit":
                self.may = set(BUSY)
            if verb in ("snapshot", "restore") and not re.fullmatch(r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,63}", name):
                return errno.EINVAL
            if verb == "restore" and name not in NAMES:
                return errno.ENOENT
            if verb == "restore":
                self.may.add(errno.ENOENT)	# whether the job of that snapshot has ended, nobody knows
        return 0


# ---- what is written ----

class Values:
    """Random bytes, as a file of some kind may be given them."""

    def __init__(self, rng, model, ctl):
        self.rng, self.model, self.ctl = rng, model, ctl

    def choose(self, *from_these):
        return self.rng.choice(from_these)

    def number(self, least, most):
        """Boundaries, what is just outside, and anything between."""
        r = self.rng
        return r.choice([least, least + 1, max(0, least - 1), most, most - 1, most + 1, r.randint(least, min(most, least + 20)),
                         r.randint(least, min(most, least + 2000)), int(2 ** r.uniform(0, 66))])

    def duration(self, o):
        r = self.rng
        return r.choice([lambda: print_duration(min(self.number(o.least, o.most), 2 ** 64)), lambda: f"{r.randint(0, 400)}{r.choice(['ms', 's', 'm', 'h', 'd'])}",
                         lambda: self.choose("0", "max", "1ms", "100000d", "100001d", "0s", "05m", "5 m", "5M", "5", "1.5h", "-1s", "5s5m", "1w", "99999999999d"),
                         lambda: f"{r.choice([5, 10, 30, 60])}m"])()

    def who(self):
        r = self.rng
        some = [self.choose("user:root", "group:root", "user:0", "group:65534", "user:nobody", "user:" + "u" * 31, "group:" + "g" * 32,
                            "user:-x", "user:", "uid:0", "root") for _ in range(r.choice([1, 1, 1, 2, 3, 16, 17]))]
        return self.choose("any", "none", r.choice([" ", "  ", "\t"]).join(some))

    def patterns(self):
        r = self.rng
        sign = r.choice(["", "", "+", "-"])
        some = [r.choice([sign] * 9 + ["+"]) + self.choose("a*", "b?", "[a-z]", "k" * 63, "k" * 64, "\\052x", "\\101", "\\400", "\\+x", "\xe4\xf6", "none",
                                                            "#;", "\\055x", "\\053y", f"p{r.randint(0, 30)}", "", "\\000") for _ in range(r.choice([1, 1, 2, 3, 8, 9]))]
        return r.choice(["none", " ".join(some), " ".join(some)])

    def override(self):
        r = self.rng
        names = ["a", "b", "app", "shop", f"k{r.randint(0, 60)}", "n" * 96, "n" * 97, "n" * 93, "\\040\\377", "x\\", "\xff", "\\134"]
        kind, name = self.choose("key", "key", "owner", "namespace", "group"), r.choice(names)
        quota = r.choice([f"{r.randint(0, 12000)}/{r.choice('smhd')} {r.choice([0, 1, r.randint(1, 100000), 100000, 100001])}", "none", "none 5", "5/s", "5 5", "max 1"])
        return r.choice([f"{kind} {name} {quota}", f"{kind} {name} {quota}", f"{kind}\t {name}  {quota}", f"-{kind} {name}", f"-{kind} {name}", "-", f"{kind} {name}",
                         f"{kind} {name} {quota} more"])

    def setting(self, o):
        r = self.rng
        if o.kind == "DURATION":
            return self.duration(o)
        if o.kind == "COUNT":
            return r.choice([str(self.number(o.least, o.most)), str(r.randint(1, 400)), self.choose("007", "+1", "-1", "1K", "max", "0x10", "1 2", "1e3", "9" * 30)])
        if o.kind == "RATE":
            return r.choice([f"{self.number(0, 12000)}/{r.choice('smhd')}", self.choose("none", "50", "50/ s", "max", "0/s", "1/h", "36000001/h", "10000/s", "10001/s")])
        if o.kind in ("WORD", "BOOL"):
            left = r.choice(["draining 0", "draining 17", "draining xyz", "draining ", "draining 1 2", "draining -1", "draining"]) if o.key == "state" else r.choice(o.words).upper()
            return r.choice([r.choice(o.words), r.choice(o.words), r.choice(o.words), left, o.words[0] + "|" + o.words[-1], o.words[-1] + "x"])
        if o.kind == "RING_NAME":
            return self.choose("none", "active", "warm", "cold", "suspect", "spare", "made", "nowhere", "x" * 31, "x" * 32, "UP", ".x", "-x")
        if o.kind == "WHO":
            return self.who()
        if o.kind == "PATTERNS":
            return self.patterns()
        if o.kind == "OWNER":
            return self.choose("0:0", "root:root", "65534:33", "4294967294:0", "4294967295:0", "0:4294967294", "0:99999999999999999999", "nobody:", ":", "root", "0:0:0", "no-such:0",
                               f"{r.randint(0, 2000)}:{r.randint(0, 2000)}")
        if o.kind == "MODE":
            return self.choose("0700", "750", "0", "0777", "01000", "00000777", "000000777", "8", "0x1", "u+x", f"{r.randint(0, 511):o}")
        return self.override()

    def line(self, path):
        """One that may well be right."""
        found = self.model.option(path) if path else None
        if found:
            return self.setting(found[0])
        if path.endswith("ctl"):
            return self.choose("audit", "reload", "reload now", f"snapshot {self.rng.choice(NAMES)}", f"restore {self.rng.choice(NAMES)}", "restore nothing",
                               "snapshot", "snapshot ../x", "drain", self.rng.choice(self.ctl.listing), "job 1 snapshot one done", "job x", "job")
        if path.endswith("/quota"):
            return self.choose("default", "none", "5/s 10", "10000/s 100000", "10001/s 1", "5/s", "x", f"{self.rng.randint(1, 99)}/m {self.rng.randint(1, 99)}")
        ttl = next(o for o in self.model.options if o.section == "RING" and o.key == "ttl")
        return self.rng.choice([f"ttl {self.duration(ttl)}", f"half_life {self.duration(ttl)}", f"ttl {self.duration(ttl)} half_life {self.duration(ttl)}",
                                "ttl", "sessions 5", "moving 1\nto none", "looked_at 100%", "ttl 1m ttl 2m", "what 5m"])

    def bytes(self, path, others):
        """What one write has."""
        r = self.rng
        end = r.choice(["\n", "\n", "\n", "", " \n", "\t"])
        text = r.choice(["", "", "", " ", "\t "]) + self.line(path) + end
        data = text.encode("latin-1")
        how = r.random()
        if how < 0.62:
            return data
        if how < 0.72:				# several lines
            return "\n".join(self.line(path) for _ in range(r.choice([2, 2, 3, 5, 20]))).encode("latin-1") + b"\n"
        if how < 0.78:				# of another file
            return self.line(r.choice(others)).encode("latin-1")
        if how < 0.82:				# some byte of it is another one
            at = r.randrange(len(data) + 1)
            return data[:at] + bytes([r.randrange(256)]) + data[at:]
        if how < 0.86:				# anything
            return r.randbytes(r.choice([1, 2, 10, 100, 5000]))
        if how < 0.90:				# blank lines
            return self.choose(b"\n", b" \t\n", b"\n\n" + data, data + b"\n", b" ")
        if how < 0.94:				# a long line, at its boundary
            return data.rstrip(b"\n")[:100] + b" " * (4096 - len(data.rstrip(b"\n")[:100]) + r.choice([-1, 0, 1, 500])) + r.choice([b"\n", b""])
        if how < 0.97:				# a long write, at its boundary
            whole = data if data.endswith(b"\n") else data + b"\n"
            n = r.choice([WRITE_BYTES - 1, WRITE_BYTES, WRITE_BYTES + 1, 70000, 1100000])
            return (whole * (n // len(whole) + 1))[:n] if r.random() < 0.5 else (b" " * 999 + b"\n") * (n // 1000) + b" " * (n % 1000)
        return b""


# ---- writing and reading ----

class Writer:
    def __init__(self, control, options, seed):
        self.control, self.rng = control, random.Random(seed)
        self.model = Model(options)
        self.seed, self.n, self.late = seed, 0, 0
        self.accepted = self.refused = 0
        self.fixed = {}			# of what cannot be written: what it says
        self.ctl = None
        self.log = []

    def path(self, path):
        return os.path.join(self.control, path)

    def fail(self, sentence):
        print(f"seed {self.seed}, write {self.n}: {sentence}")
        for one in self.log:
            print("    " + one)
        sys.stdout.flush()
        os._exit(1)

    def patiently(self, call):
        """What changes nothing is asked again when the daemon was too busy to answer."""
        end = time.monotonic() + PATIENCE_S
        while True:
            got, error = self.answer(call)
            if error != errno.ETIMEDOUT or time.monotonic() > end:
                return got, error
            self.late += 1

    def read(self, path):
        fd, error = self.patiently(lambda: os.open(self.path(path), os.O_RDONLY))
        if not error:
            text, error = (b"", 0) if path == STREAM else self.patiently(lambda: os.read(fd, 1 << 17))
            os.close(fd)
        if error:
            self.fail(f"{path} cannot be read: {name_of(error)}")
        return text

    def begin(self, paths, can_write):
        self.readable = paths
        for path in paths:
            text = self.read(path).decode("latin-1")
            if path == "ctl":
                self.ctl = Ctl(text)
            elif self.model.option(path):
                self.model.load(path, text.rstrip("\n"))
                if not self.model.option(path)[0].can_change:
                    self.fixed[path] = text
            elif path not in can_write and not MOVING.fullmatch(path):
                self.fixed[path] = text
            if re.fullmatch("[^/]+/rings/[^/]+/stats", path):
                t, _, r, _ = path.split("/")
                self.model.slots[t, r] = int(re.search(r"^slots_[0-9]+ ([0-9]+)", text, re.M)[1])
        self.values = Values(self.rng, self.model, self.ctl)

    # -- reading --

    def compare(self, path):
        text = self.read(path).decode("latin-1")
        if path in self.fixed:
            want = None if text == self.fixed[path] else self.fixed[path]
        elif path == "last_error":
            want = None if text == "" or re.fullmatch(r"pid [0-9]+: .*\n", text) else "pid N: sentence\n"
        elif path == "ctl":
            want = None if text.split("\n")[:4] == self.ctl.listing and VERBS.fullmatch(text) else "\n".join(self.ctl.listing)
        elif path == STREAM or MOVING.fullmatch(path):
            want = None
        else:
            want = self.model.differs(path, text)
        if want is not None:
            self.fail(f"{path} says {text!r}, not {want!r}")

    def compare_all(self):
        for path in self.readable:
            self.compare(path)

    # -- writing --

    def answer(self, call):
        """Its number of bytes and 0, or 0 and an error."""
        try:
            return call(), 0
        except OSError as e:
            return 0, e.errno

    def settle(self, path, before, after):
        """The daemon did not answer in time: it did all of it or nothing."""
        self.late += 1
        text = self.read(path).decode("latin-1")
        if after.differs(path, text) is None:
            self.model = after
        elif before.differs(path, text) is not None:
            self.fail(f"{path} says {text!r} after a write that was not answered")

    def expect(self, path, data, got, error):
        """One write was answered."""
        if data == b"" and error == 0 and got == 0:
            return
        if path == "ctl":
            want, may, after = self.ctl.write(data), self.ctl.may, self.model
        else:
            want, after = self.model.write(path, data)
            may = self.model.may
        if error == errno.ETIMEDOUT:
            if path != "ctl":
                self.settle(path, self.model, after)
            return
        if error != want and error not in may:
            self.fail(f"{path}: {data[:300]!r}, {len(data)} bytes: {name_of(error)}, not {' or '.join(map(name_of, [want, *may]))}")
        if error == 0 and got != len(data):
            self.fail(f"{path}: {data[:300]!r}: {got} of {len(data)} bytes")
        if error == 0 and want == 0:
            self.model = after
            self.values.model = after
        self.accepted += error == 0
        self.refused += error != 0

    def one_write(self, fd, path, data):
        r = self.rng
        how = r.random()
        if how < 0.7:
            got, error = self.answer(lambda: os.write(fd, data))
        elif how < 0.82:
            got, error = self.answer(lambda: os.pwrite(fd, data, r.choice([0, 1, 4095, 4096, 12345, 2 ** 31, 2 ** 40])))
        elif how < 0.94:
            cuts = sorted(r.randrange(len(data) + 1) for _ in range(r.choice([1, 3, 20, 100])))
            pieces = [data[a:b] for a, b in zip([0] + cuts, cuts + [len(data)])]
            got, error = self.answer(lambda: os.writev(fd, pieces))
        else:
            self.many_pieces(fd, path, data[:1000])
            return
        self.expect(path, data, got, error)

    def many_pieces(self, fd, path, data):
        """A piece is a byte: of so many, 256 reach the mount at once, and the answer is how many bytes were taken."""
        got, error = self.answer(lambda: os.writev(fd, [data[i:i + 1] for i in range(len(data))]))
        for at in range(0, len(data), PIECES):
            part = data[at:at + PIECES]
            if at > got or (at == got and at > 0 and error == 0):
                # The kernel says how many were taken, not why no more.
                want = self.ctl.write(part) if path == "ctl" else self.model.write(path, part)[0]
                may = self.ctl.may if path == "ctl" else self.model.may
                if at == got and want == 0 and not may:
                    self.fail(f"{path}: {data!r} in pieces of a byte: {got} taken, and the next {PIECES} would be right")
                return
            self.expect(path, part, min(len(part), got - at), error)

    def write(self, path):
        r = self.rng
        flags = r.choice([os.O_WRONLY] * 5 + [os.O_WRONLY | os.O_TRUNC, os.O_WRONLY | os.O_APPEND, os.O_RDWR])
        fd, error = self.patiently(lambda: os.open(self.path(path), flags))
        if error:
            self.fail(f"{path} cannot be opened: {name_of(error)}")
        how = r.random()
        for _ in range(0 if how < 0.03 else 2 if how < 0.12 else 1):
            if r.random() < 0.03:
                length = r.choice([0, 1, 5000])
                self.patiently(lambda: os.ftruncate(fd, length))
            data = self.values.bytes(path, self.writable)
            self.log.append(f"{path} {data[:200]!r} {len(data)} bytes, flags {flags:o}")
            self.one_write(fd, path, data)
        os.close(fd)

    def write_fixed(self, path):
        """What cannot be written: when it is opened, or when it is written to."""
        data = self.rng.choice([b"1\n", b"on\n", b"x", bytes(5000), bytes(20000)])
        flags = os.O_WRONLY | self.rng.choice([0, os.O_TRUNC, os.O_APPEND])
        fd, error = self.patiently(lambda: os.open(self.path(path), flags))
        if not error:
            _, error = self.patiently(lambda: os.write(fd, data))
            os.close(fd)
        if error != errno.EPERM and not (error == errno.E2BIG and len(data) > WRITE_BYTES):
            self.fail(f"{path}, which cannot be written: {name_of(error)}")
        self.refused += 1

    def run(self, writable, fixed, n_writes):
        self.writable = writable
        self.compare_all()
        for self.n in range(1, n_writes + 1):
            if self.rng.random() < 0.04:
                path = self.rng.choice(fixed)
                self.write_fixed(path)
            else:
                path = self.rng.choice(writable)
                # Verbs are work: each is one in a few hundred writes.
                if path == "ctl" and self.rng.random() < 0.8:
                    path = self.rng.choice(writable)
                self.write(path)
            del self.log[:-SHOWN]
            self.compare(path)
            self.compare(self.rng.choice(self.readable))
            if self.n % ALL_EVERY == 0:
                self.compare_all()
        self.compare_all()


# ---- the tree ----

def walk(control):
    """All files, and which of them can be written by the modes that they have."""
    every, can_write = [], set()
    for at, _, files in os.walk(control):
        for name in files:
            path = os.path.relpath(os.path.join(at, name), control)
            every.append(path)
            if os.stat(os.path.join(at, name)).st_mode & 0o200 and not name.startswith("events"):
                can_write.add(path)
    return sorted(every), can_write


def tables_of(every):
    return sorted(p.split("/")[0] for p in every if re.fullmatch("[^/]+/record_size", p))


def part_of(every, tables, i):
    """The files of a process: those of its table, what cannot be written of no table, and all else of that kind if it is the first."""
    others = [p for p in every if p.split("/")[0] not in tables]
    return [p for p in every if p.split("/")[0] == tables[i]], others


def run_one(control, options, seed, n_writes, i, state):
    every, can_write = walk(control)
    own, others = part_of(every, tables_of(every), i)
    w = Writer(control, options, f"{seed}.{i}")
    mine = own + (others if i == 0 else [p for p in others if p not in can_write])
    w.begin(mine, can_write)
    unknown = [p for p in mine if p in can_write and p != "ctl" and not w.model.option(p) and not re.search("/(preview|quota)$", p)]
    if unknown:
        w.fail(f"no model of {' '.join(unknown)}")
    w.run([p for p in mine if p in can_write], [p for p in mine if p not in can_write], n_writes)
    with open(f"{state}.{i}", "wb") as f:
        pickle.dump((w.model.v, w.model.slots, w.fixed, mine), f)
    print(f"process {i}: {n_writes} times, {len(mine)} files, {w.accepted} writes accepted, {w.refused} refused, {w.late} not answered in time")
    sys.stdout.flush()


def write(control, source, seed, n_writes, state):
    options, every = read_options(source), walk(control)[0]
    tables, bad = tables_of(every), 0
    children = []
    for i in range(len(tables)):
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            run_one(control, options, seed, int(n_writes) // len(tables), i, state)
            os._exit(0)
        children.append(pid)
    for pid in children:
        bad += os.waitpid(pid, 0)[1] != 0
    print(f"{len(tables)} processes, {len(every)} files")
    return bad


def compare(control, source, state):
    options, every = read_options(source), walk(control)[0]
    for i in range(len(tables_of(every))):
        w = Writer(control, options, "after the kill")
        with open(f"{state}.{i}", "rb") as f:
            w.model.v, w.model.slots, w.fixed, w.readable = pickle.load(f)
        if "ctl" in w.readable:
            w.ctl = Ctl(w.read("ctl").decode())
        w.compare_all()
    return 0


sys.exit({"write": write, "compare": compare}[sys.argv[1]](*sys.argv[2:]))
