#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""openmetrics.py - a strict reader of OpenMetrics text, from standard input, for tests.

Prints `name labels value` of each sample, or ends with 1 and the first line that is wrong.  It reads less than the
standard allows: counters and gauges, each with its sentence, without timestamps and exemplars, all samples of a family
with the same labels.  Source: OpenMetrics 1.0, https://openmetrics.io.
"""
import re
import sys

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")
SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{([^{}]*)\})? (\S+)\Z")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,(?!\Z)|\Z)')
NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?\Z")
ESCAPED = re.compile(r"(?:[^\\]|\\[\\n])*\Z")
RESERVED = ("_total", "_created", "_bucket", "_count", "_sum", "_info", "_gcount", "_gsum")


class Family:
    def __init__(self, name):
        self.name, self.said, self.labels, self.seen = name, {}, None, set()

    def say(self, what, text):
        if self.seen:
            raise ValueError(f"{what} behind samples")
        if what in self.said:
            raise ValueError(f"a second {what}")
        self.said[what] = text

    def check(self):
        """Is what was said of it enough, and true?"""
        if self.said.get("TYPE") not in ("counter", "gauge"):
            raise ValueError(f"{self.name} is neither counter nor gauge")
        if not self.said.get("HELP"):
            raise ValueError(f"{self.name} has no sentence")
        if "UNIT" in self.said and not self.name.endswith("_" + self.said["UNIT"]):
            raise ValueError(f"{self.name} does not end with its unit")

    def take(self, name, labels, value):
        self.check()
        if name != self.name + ("_total" if self.said["TYPE"] == "counter" else ""):
            raise ValueError(f"{name} is no sample of {self.name}")
        keys = [key for key, _ in labels]
        if len(set(keys)) != len(keys) or (self.labels is not None and keys != self.labels):
            raise ValueError("other labels than before, or one twice")
        if tuple(labels) in self.seen:
            raise ValueError("the same sample again")
        if self.said["TYPE"] == "counter" and float(value) < 0:
            raise ValueError("a counter below 0")
        self.labels = keys
        self.seen.add(tuple(labels))


def read_comment(line, families, current):
    words = line.split(" ", 3)
    if len(words) != 4 or words[0] != "#" or words[1] not in ("TYPE", "HELP", "UNIT"):
        raise ValueError("neither TYPE, HELP nor UNIT")
    _, what, name, text = words
    if not NAME.match(name) or name.endswith(RESERVED) or not ESCAPED.match(text):
        raise ValueError("a bad name or text")
    if current is None or current.name != name:
        if name in families:
            raise ValueError(f"{name} was there before")
        if current is not None:
            current.check()
        current = families[name] = Family(name)
    current.say(what, text)
    return current


def read_labels(text):
    labels, at = [], 0
    while at < len(text):
        match = LABEL.match(text, at)
        if not match:
            raise ValueError("bad labels")
        labels.append((match[1], match[2]))
        at = match.end()
    return labels


def read(text):
    """Yields (name, labels, value); ValueError with the line that is wrong."""
    if not text.endswith("\n# EOF\n"):
        raise ValueError("does not end with # EOF")
    families, current = {}, None
    for number, line in enumerate(text[:-len("# EOF\n")].split("\n")[:-1], 1):
        try:
            if line.startswith("#"):
                current = read_comment(line, families, current)
                continue
            match = SAMPLE.match(line)
            if not match or not NUMBER.match(match[3]) or current is None:
                raise ValueError("no sample")
            labels = read_labels(match[2] or "")
            current.take(match[1], labels, match[3])
        except ValueError as error:
            raise ValueError(f"line {number}: {line}: {error}") from None
        yield match[1], labels, match[3]
    if current is None:
        raise ValueError("nothing is in it")
    current.check()


def main():
    try:
        for name, labels, value in read(sys.stdin.buffer.read().decode("utf-8")):
            print(name, ",".join(f"{key}={text}" for key, text in labels) or "-", value)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
