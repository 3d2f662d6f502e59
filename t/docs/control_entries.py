#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# control_entries.py - hold what gsession-fs(8) says of each control file against a mount: control_entries.py CHECK MANUAL CONTROL
#
#	names		every file has an entry, and every entry a file; what can be written is marked
#	formats		each file can be read, and is of the format of its entry
#	examples	the commands of the examples, one after the other, print what stands below them
#	writes		what may be written is what the daemon itself says when it refuses something
#	errors		each line behind an errno is refused with that, and changes nothing
#
# Says what does not hold.  In what an example prints, ... stands for anything.
import errno
import os
import re
import subprocess
import sys

check, manual, control = sys.argv[1:4]
# The object of an entry in whose place another may stand.
STANDS_FOR = {"TABLE": "sessions", "RING": "active", "CLASS": "authenticated", "NAMESPACE": "app"}
FORMATS = {
    "a duration": "(0|max|[0-9]+(ms|s|m|h|d))\n",
    "a number": "[0-9]+\n",
    "a number, or none": "([0-9]+|none)\n",
    "a number with points": "[0-9]+([.][0-9]+)+.*\n",
    "a rate": "[0-9]+/[smh]\n",
    "a size": "[0-9]+[KMG]?\n",
    "sizes, ascending": "[0-9]+[KMG]?( [0-9]+[KMG]?)*\n",
    "a word": "[a-z]+\n",
    "words": "[a-z ]+\n",
    "a word, and behind draining a number": "(on|off|draining [0-9]+)\n",
    "a name": "[^ ]+\n",
    "a name, or none": "[a-z0-9_.-]+\n",
    "a name, or an empty line": "[^ ]*\n",
    "a path": "/.*\n",
    "a path, or an empty line": "(/.*)?\n",
    "a line, or nothing: pid PID: PATH: sentence": "(pid [0-9]+: [^:]+: .*\n)?",
    "text": "(.*\n)+",
    "patterns, or none": "[^ ]+( [^ ]+)*\n",
    "octal digits": "[0-7]{4}\n",
    "two numbers with a colon between them": "[0-9]+:[0-9]+\n",
    "any, none, or users and groups": "(any|none|((user|group):[^ ]+ ?)+)\n",
    "shm or file:PATH": "(shm|file:/.*)\n",
    "RATE BURST, none or default": "(default|none|[0-9]+/[smh] [0-9]+)\n",
    "OpenMetrics text": "((# (TYPE|UNIT|HELP) .*|[a-z_]+({.*})? [0-9]+)\n)+# EOF\n",
    "lines of name value": "([a-z0-9_.]+ [^ ]+\n)+",
    "lines of REVISION TIME EVENT key=value ...": r"([0-9]+ [^ ]+ [a-z_]+( .*)?\n)*",
    "as events": None,			# whoever reads it waits
    "lines of a verb and what it does, then that of the job": "([a-z]+( NAME)? .*\n){4}(job [0-9]+ .*\n)?",
    "lines of key rate offences held_ms state": r"([^ ]+ [0-9.]+/s [0-9]+ [0-9]+ [a-z]+\n)*",
    "lines of key|owner|namespace NAME RATE BURST, or of NAME none": r"((key|owner|namespace) [^ ]+ (none|[0-9]+/[smh] [0-9]+)\n)*\n?",
}


class Entry:
    def __init__(self, path, text):
        self.path, self.is_writable = path, text.startswith("(w)")
        display = re.findall(r"^\.Bd -literal -compact\n(.*?)^\.Ed$", text, re.M | re.S)
        lines = display[-1].replace("\\&", "").replace("\\e", "\\").split("\n")[:-1] if display else []
        self.format = self.writes = None
        self.errors, self.example = [], []
        head = None
        for line in lines:
            m = re.match(r"(format  |writes  |errors  |        )(.*)", line) if not self.example else None
            if m is None:
                self.example.append(line)
                continue
            head = m[1].strip() or head
            if head == "errors":
                self.errors.append(re.fullmatch(r"(E[A-Z0-9]+) +(.*)", m[2]).groups())
            else:
                setattr(self, head, m[2] if m[1].strip() else f"{getattr(self, head)} {m[2]}")

    def file(self):
        return os.path.join(control, *(STANDS_FOR.get(word, word) for word in self.path.split("/")))


def read_manual():
    text = re.search(r"^\.Sh CONTROL FILES\n(.*?)^\.Ss Counters", open(manual).read(), re.M | re.S)[1]
    parts = re.split(r"^\.It Pa (.*)\n", text, flags=re.M)
    return [Entry(path, body) for path, body in zip(parts[1::2], parts[2::2])]


def pattern_of(path):
    """The entry that a file is of: the names of things are those of their kinds."""
    path = re.sub("^(?!node/)[^/]+/", "TABLE/", path)
    for directory, kind in ("rings", "RING"), ("classes", "CLASS"), ("namespaces", "NAMESPACE"):
        path = re.sub(f"/{directory}/[^/]+/", f"/{directory}/{kind}/", path)
    return path


def read(path):
    with open(path, encoding="latin-1") as f:
        return f.read()


def names(entries):
    found = {}
    for at, _, files in os.walk(control):
        for name in files:
            path = os.path.join(at, name)
            can_write = os.stat(path).st_mode & 0o200 and not name.startswith("events")
            found[pattern_of(os.path.relpath(path, control))] = bool(can_write)
    written = {e.path: e.is_writable for e in entries}
    for path in sorted(set(found) | set(written)):
        if found.get(path) != written.get(path):
            print(f"{path}: of the mount {found.get(path)}, in the manual {written.get(path)}")
    for e in entries:
        if not e.format or not e.writes or not e.errors or not any(line.startswith("$ ") for line in e.example):
            print(f"{e.path}: its entry is not whole")
        if e.is_writable == (e.writes == "none"):
            print(f"{e.path}: writes {e.writes}")
    print(f"{len(entries)} entries")


def formats(entries):
    for e in entries:
        if e.format not in FORMATS:
            print(f"{e.path}: a format that is not known: {e.format}")
        elif FORMATS[e.format] is not None and not re.fullmatch(FORMATS[e.format], read(e.file())):
            print(f"{e.path}: no {e.format}: {read(e.file())[:200]!r}")


def commands_of(example):
    """Pairs of the commands up to one that prints, and what that prints."""
    commands, printed = [], []
    for line in example + ["$ "]:
        if line.startswith("$ ") and printed:
            yield "\n".join(commands), printed
            commands, printed = [], []
        if line.startswith("$ "):
            commands.append(line[2:])
        else:
            printed.append(line)
    yield "\n".join(commands).rstrip("\n"), printed


def examples(entries):
    for e in entries:
        for command, want in commands_of(e.example):
            got = subprocess.run(["bash", "-c", command], cwd=control, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                 timeout=30).stdout.decode()
            of_want = "".join(re.escape(line).replace(r"\.\.\.", ".*") + "\n" for line in want)
            if not re.fullmatch(of_want, got):
                print(f"{e.path}: {command!r} prints {got!r}")


def write(path, line):
    """The name of the errno, or accepted."""
    fd = None
    try:
        fd = os.open(path, os.O_WRONLY)
        os.write(fd, line.replace("\\n", "\n").encode() + b"\n")
    except OSError as e:
        return errno.errorcode[e.errno]
    finally:
        if fd is not None:
            os.close(fd)
    return "accepted"


def writes(entries):
    for e in entries:
        if not e.is_writable:
            continue
        refused = next(line for number, line in e.errors if number == "EINVAL")
        write(e.file(), refused)
        sentence = read(os.path.join(control, "last_error"))
        m = re.search(rf"\"{re.escape(refused)}\": (?:{os.path.basename(e.path)} is )?(.*)\n", sentence)
        if not m or (e.writes != m[1] and not e.writes.startswith(m[1] + "; ")):
            print(f"{e.path}: writes {e.writes}, but the daemon says: {sentence}")



def errors(entries):
    for e in entries:
        for number, line in e.errors:
            before = read(e.file()) if e.format != "as events" else None
            got = write(e.file(), line)
            if got != number:
                print(f"{e.path}: {line!r} is {got}, not {number}")
            if e.is_writable and read(e.file()) != before and e.path != "ctl" and not e.path.endswith("/preview"):
                print(f"{e.path}: {line!r} has changed it")


{"names": names, "formats": formats, "examples": examples, "writes": writes, "errors": errors}[check](read_manual())
