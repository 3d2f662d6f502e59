# SPDX-License-Identifier: BSD-2-Clause
# control_model.py - what the settings of a daemon would be after each write to its control files; control_random.py holds the daemon against it.
#
# Which settings there are, of which type and from where to where, is read from
# options.def; which of them a directory has, and how they depend on one
# another, is said here once more, from gsession-fs(8) and gsession.conf(5).
import errno
import grp
import pwd
import re

LINE_BYTES, WRITE_BYTES, OVERRIDES, NAME_BYTES, PATTERNS, PATTERN_BYTES, LIST_BYTES = 4096, 16384, 32, 96, 8, 63, 160
MAX = 2 ** 64 - 1
NAME = r"[a-z0-9_][a-z0-9_.-]{0,30}"
DIRECTORIES = {
    "DAEMON": "node",
    "TABLE": "(?P<table>[^/]+)",
    "RING": "(?P<table>[^/]+)/rings/(?P<of>[^/]+)",
    "QUOTA": "(?P<table>[^/]+)/quota",
    "ROLES": "(?P<table>[^/]+)/roles",
    "CLASS": "(?P<table>[^/]+)/classes/(?P<of>[^/]+)",
    "NAMESPACE": "(?P<table>[^/]+)/namespaces/(?P<of>[^/]+)",
}
DURATION = [("d", 86400000), ("h", 3600000), ("m", 60000), ("s", 1000), ("ms", 1)]
RATE = [("/s", 3600), ("/m", 60), ("/h", 1)]
RATE_MAX, BURST_MAX = 36000000, 100000


class Refused(Exception):
    def __init__(self, number):
        self.number = number


class Option:
    def __init__(self, section, key, kind, least, most, words, can_change):
        self.section, self.key, self.kind, self.least, self.most = section, key, kind, least, most
        self.words, self.can_change = words, can_change


def read_options(source):
    """The rows of options.def, with the numbers that its names stand for."""
    names = {"UINT64_MAX": MAX}
    for header in "conf.h", "conf_impl.h":
        text = open(f"{source}/src/conf/{header}").read()
        for name, value in re.findall(r"^(?:#define|\t)\s*(GS_CONF_[A-Z0-9_]+)(?: =)? ([^,\n/]+?),?(?:\s*/\*.*)?$", text, re.M):
            value = re.sub(r"\(int\)sizeof\(\"(.*)\"\)", lambda m: str(len(m[1]) + 1), re.sub(r"UINT64_C\((\d+)\)", r"\1", value))
            try:
                names[name] = eval(value, {}, names)
            except (NameError, SyntaxError):
                pass
    rows = re.findall(r"^OPTION\((\w+),\s*(\w+),\s*\w+,\s*(\w+),\s*([^,]+), ([^,]+),\s*\"[^\"]*\",\s*(NULL|\"[^\"]*\"),\s*(true|false),",
                      open(f"{source}/src/conf/options.def").read(), re.M)
    def number(text):
        return eval(re.sub(r"\b0([0-7]+)\b", r"0o\1", text), {}, names)
    return [Option(section, key, kind, number(least), number(most), words.strip('"').split("|"), can == "true")
            for section, key, kind, least, most, words, can in rows]


# ---- one value ----

def quantity(text, units):
    m = re.fullmatch(r"([0-9]+)(.*)", text)
    factor = dict(units).get(m[2]) if m else None
    if factor is None:
        raise Refused(errno.EINVAL)
    if int(m[1]) * factor > MAX:
        raise Refused(errno.ERANGE)
    return int(m[1]) * factor


def print_quantity(n, units):
    for unit, factor in units:
        if n % factor == 0:
            return f"{n // factor}{unit}"


def duration(text):
    if text in ("max", "0"):
        return MAX if text == "max" else 0
    ms = quantity(text, DURATION)
    if ms > 100000 * 86400000:
        raise Refused(errno.ERANGE)
    return ms


def print_duration(ms):
    return "max" if ms == MAX else "0" if ms == 0 else print_quantity(ms, DURATION)


def rate(text):
    if text == "none":
        return 0
    per_h = quantity(text, RATE)
    if per_h == 0:
        raise Refused(errno.ERANGE)
    return per_h


def print_rate(per_h):
    return "none" if per_h == 0 else print_quantity(per_h, RATE)


def count(text):
    return quantity(text, [("", 1)])


def unescape(text, most):
    """The bytes that stand for a name, at most so many."""
    out = ""
    while text:
        m = re.match(r"\\([0-3][0-7][0-7])|[^\\]", text)
        if not m:
            raise Refused(errno.EINVAL)
        if len(out) == most:
            raise Refused(errno.ERANGE)
        out += chr(int(m[1], 8)) if m[1] else m[0]
        text = text[m.end():]
    if out == "":
        raise Refused(errno.EINVAL)
    return out


def escape(name):
    return "".join(c if " " < c < "\x7f" and c not in "\\#;\"'" else f"\\{ord(c):03o}" for c in name)


def normalize(text, most, kept_most):
    """A name in the one form in which it is kept, at most so many bytes, and so many as they are written."""
    kept = escape(unescape(text, most))
    if len(kept) > kept_most:
        raise Refused(errno.ERANGE)
    return kept


def words_of(text):
    return re.findall(r"[^ \t]+", text)


def who(o, text):
    if text in ("any", "none"):
        return text
    out = []
    for word in words_of(text) or [""]:
        m = re.fullmatch(r"(?:user|group):(.{1,31})", word)
        if not m or not re.fullmatch(r"[a-zA-Z0-9_.][a-zA-Z0-9_.-]*", m[1]):
            raise Refused(errno.EINVAL)
        out.append(word)
        if len(" ".join(out)) > o.most or len(out) > 16:
            raise Refused(errno.ERANGE)
    return " ".join(out)


def pattern(text):
    if "\0" in unescape(text, PATTERN_BYTES):
        raise Refused(errno.EINVAL)
    kept = normalize(text, PATTERN_BYTES, LIST_BYTES - 1)
    if kept == "none":
        raise Refused(errno.EINVAL)
    if kept[0] in "+-" and len(kept) + 4 > LIST_BYTES:
        raise Refused(errno.ERANGE)
    return f"\\{ord(kept[0]):03o}{kept[1:]}" if kept[0] in "+-" else kept


def patterns(before, text):
    words = words_of(text)
    if not words:
        raise Refused(errno.EINVAL)
    if text == "none":
        return "none"
    is_change = words[0][0] in "+-"
    now = before.split(" ") if is_change and before != "none" else []
    for word in words:
        if len(word) >= LIST_BYTES:
            raise Refused(errno.ERANGE)
        if (word[0] in "+-") != is_change:
            raise Refused(errno.EINVAL)
        one = pattern(word[1:] if is_change else word)
        if is_change and word[0] == "-":
            if one not in now:
                raise Refused(errno.EINVAL)
            now.remove(one)
        elif one not in now:
            if len(now) >= PATTERNS or len(" ".join(now + [one])) + 1 + (0 if now else 1) > LIST_BYTES:
                raise Refused(errno.ERANGE)
            now.append(one)
    return " ".join(now) or "none"


def number_of(name, find):
    if re.fullmatch("[0-9]+", name):
        if int(name) >= 2 ** 32 - 1:
            raise Refused(errno.ERANGE)
        return int(name)
    try:
        return find(name)
    except (KeyError, UnicodeError):
        raise Refused(errno.EINVAL) from None


def owner(text):
    user, colon, group = text.partition(":")
    if colon == "" or len(user) >= 192:
        raise Refused(errno.EINVAL)
    uid = number_of(user, lambda n: pwd.getpwnam(n).pw_uid)
    return f"{uid}:{number_of(group, lambda n: grp.getgrnam(n).gr_gid)}"


def within(o, n):
    if not o.least <= n <= o.most:
        raise Refused(errno.ERANGE)
    return n


def parse(o, before, text):
    """The value that a line gives to a setting."""
    if o.kind == "DURATION":
        return within(o, duration(text))
    if o.kind == "COUNT":
        return within(o, count(text))
    if o.kind == "RATE":
        if text == "none":
            raise Refused(errno.EINVAL)
        return within(o, rate(text))
    if o.kind in ("WORD", "BOOL"):
        if text not in o.words:
            raise Refused(errno.EINVAL)
        return text
    if o.kind == "RING_NAME":
        if not re.fullmatch(NAME, text):
            raise Refused(errno.EINVAL)
        return text
    if o.kind == "WHO":
        return who(o, text)
    if o.kind == "PATTERNS":
        return patterns(before, text)
    if o.kind == "OWNER":
        return owner(text)
    if o.kind == "MODE":
        if not re.fullmatch("[0-7]{1,8}", text):
            raise Refused(errno.EINVAL)
        return within(o, int(text, 8))
    raise AssertionError(f"{o.key}: no model of the type {o.kind}")


def show(o, value):
    """As reading the file prints it."""
    if o.kind == "DURATION":
        return print_duration(value)
    if o.kind == "RATE":
        return print_rate(value)
    if o.kind == "MODE":
        return f"{value:04o}"
    return str(value)


# ---- lines of overrides ----

def limits(words):
    per_h = rate(words[0])
    if per_h == 0:
        if len(words) != 1:
            raise Refused(errno.EINVAL)
        return 0, 0
    if len(words) != 2:
        raise Refused(errno.EINVAL)
    burst = count(words[1])
    if per_h > RATE_MAX or not 1 <= burst <= BURST_MAX:
        raise Refused(errno.ERANGE)
    return per_h, burst


def override(all_of, text):
    """The overrides after one line more: a dict of (kind, name) to limits, in order."""
    if len(text) >= 161:
        raise Refused(errno.ERANGE)
    words = words_of(text)
    if text == "-":
        return {}
    if not words:
        return all_of
    is_removal = words[0][0] == "-"
    kind = words[0][1:] if is_removal else words[0]
    if len(words) > 4 or kind not in ("key", "owner", "namespace") or (len(words) != 2 if is_removal else len(words) < 3):
        raise Refused(errno.EINVAL)
    at = kind, normalize(words[1], NAME_BYTES + 1, NAME_BYTES)
    out = dict(all_of)
    if is_removal:
        if at not in out:
            raise Refused(errno.ENOENT)
        del out[at]
        return out
    given = limits(words[2:])
    if at not in out and len(out) == OVERRIDES:
        raise Refused(errno.ERANGE)
    out[at] = given
    return out


def show_override(at, given):
    return f"{at[0]} {at[1]} {print_rate(given[0])}" + (f" {given[1]}" if given[0] else "")


# ---- lines of a write ----

def lines_of(data):
    """The lines, without blanks around them; raises where one is none, when it is its turn."""
    pieces = data.split(b"\n")
    for piece in pieces[:-1] + ([pieces[-1]] if pieces[-1] else []):
        if len(piece) > LINE_BYTES:
            raise Refused(errno.E2BIG)
        line = piece.strip(b" \t").decode("latin-1")
        if re.search(r"[\x00-\x1f\x7f]", line):
            raise Refused(errno.EINVAL)
        yield line


class Model:
    """The settings of all tables that one process writes to. v: path to value."""

    def __init__(self, options):
        self.options = options
        self.of_path, self.shape = {}, {}
        self.v = {}
        self.slots = {}			# of a ring: what its memory was made for
        self.previews = {}		# of a ring: what was asked for
        self.may = set()		# errors that what nobody can know from outside would explain

    def copy(self):
        m = Model(self.options)
        m.of_path, m.shape, m.slots = self.of_path, self.shape, self.slots
        m.v, m.previews = dict(self.v), dict(self.previews)
        return m

    def option(self, path):
        """The row of a setting and the ring, class or namespace that it is of; None: it is none."""
        if path not in self.of_path:
            self.of_path[path] = None
            directory, _, key = path.rpartition("/")
            for o in self.options:
                m = re.fullmatch(DIRECTORIES[o.section], directory) if o.key == key else None
                if m:
                    self.of_path[path] = o, m.groupdict().get("table"), m.groupdict().get("of")
        return self.of_path[path]

    def load(self, path, text):
        """What a setting is at the beginning."""
        o, table, _ = self.option(path)
        if o.kind == "OVERRIDES_LIST":
            self.v[path] = {}
            for line in lines_of(text.encode("latin-1")):
                self.v[path] = override(self.v[path], line)
        elif o.section == "RING" and o.key == "state":
            self.v[path] = text.split()[0]
        elif o.can_change:
            self.v[path] = parse(o, "none", text)
        elif o.kind in ("COUNT", "DURATION"):
            self.v[path] = count(text) if o.kind == "COUNT" else duration(text)
        else:
            self.v[path] = text

    # -- what is derived --

    def those_in(self, directory):
        """The rings, classes or namespaces of a table: none comes or goes meanwhile."""
        if directory not in self.shape:
            at = len(directory.split("/"))
            self.shape[directory] = list(dict.fromkeys(p.split("/")[at] for p in self.v if p.startswith(directory + "/")))
        return self.shape[directory]

    def rings(self, t):
        return self.those_in(f"{t}/rings")

    def ring(self, t, r, key):
        return self.v[f"{t}/rings/{r}/{key}"]

    def set_ring(self, t, r, key, value):
        self.v[f"{t}/rings/{r}/{key}"] = value

    def chain(self, t):
        out, at = [], "active"
        while at in self.rings(t) and at not in out and self.ring(t, at, "state") == "on":
            out.append(at)
            at = self.ring(t, at, "decay_to")
        return out

    # -- what has to fit --

    def check_off(self, t):
        rings = self.rings(t)
        for r in rings:
            if r == "suspect" or self.ring(t, r, "state") == "on":
                continue
            at = r
            for _ in rings:
                at = self.ring(t, at, "decay_to")
                if at == "none":
                    break
                if at not in rings or at in ("suspect", r):
                    raise Refused(errno.EINVAL)

    def check_sum(self, t):
        def of(states):
            return sum(self.ring(t, r, "capacity") + self.ring(t, r, "reserve") for r in self.rings(t) if self.ring(t, r, "state") in states)
        most = self.v[f"{t}/max_sessions"]
        if of({"on"}) > most:
            raise Refused(errno.ERANGE)
        # One that drains is off at some moment.
        if of({"on", "draining"}) > most:
            self.may.add(errno.ERANGE)

    def check(self, t):
        if self.ring(t, "suspect", "ttl") != MAX:
            raise Refused(errno.ERANGE)
        for c in self.those_in(f"{t}/classes"):
            idle = self.v[f"{t}/classes/{c}/idle"]
            if idle != MAX and idle > self.v[f"{t}/classes/{c}/ttl"]:
                raise Refused(errno.ERANGE)
        for kind, name in self.v[f"{t}/quota/overrides"]:
            if kind == "namespace" and name not in self.those_in(f"{t}/namespaces"):
                raise Refused(errno.ENOENT)
        self.check_off(t)
        chain = self.chain(t)
        for inner, outer in zip(chain, chain[1:]):
            for key in "ttl", "half_life":
                if self.ring(t, outer, key) < self.ring(t, inner, key):
                    raise Refused(errno.ERANGE)
        self.check_sum(t)

    # -- one line --

    def set_state(self, t, r, text):
        m = re.fullmatch("(draining) [0-9]+", text)
        text = m[1] if m else text
        now = self.ring(t, r, "state")
        if text not in ("on", "off", "draining"):
            raise Refused(errno.EINVAL)
        if text == "off":
            self.may.add(errno.EBUSY)		# there may be sessions in it
        if text == now:
            return
        if r in ("active", "suspect"):
            raise Refused(errno.EPERM)
        to = self.ring(t, r, "decay_to")
        chain = self.chain(t)
        if text == "on":
            inner = [x for x in chain if self.ring(t, x, "decay_to") == to]
            if not inner:
                raise Refused(errno.EINVAL)
            self.set_ring(t, inner[0], "decay_to", r)
        elif now == "on":
            inner = chain[chain.index(r) - 1]
            if to == "none" and text == "draining" and any(self.ring(t, inner, k) < self.ring(t, r, k) for k in ("ttl", "half_life")):
                raise Refused(errno.ERANGE)
            self.set_ring(t, inner, "decay_to", to)
        self.set_ring(t, r, "state", text)

    def set_decay_to(self, path, t, r, value):
        # Where a ring that is on decays to goes with the states.
        if (r == "suspect" or self.ring(t, r, "state") == "on") and value != self.v[path]:
            raise Refused(errno.EINVAL)
        self.v[path] = value

    def set_option(self, path, text):
        o, t, of = self.option(path)
        if o.section == "RING" and o.key == "state":
            self.set_state(t, of, text)
        elif o.section == "RING" and o.key == "decay_to":
            self.set_decay_to(path, t, of, parse(o, None, text))
        elif o.kind == "OVERRIDES_LIST":
            self.v[path] = override(self.v[path], text)
        else:
            self.v[path] = parse(o, self.v[path], text)
        if o.section not in ("RING", "CLASS", "QUOTA"):
            return
        self.check(t)
        if o.section == "RING" and self.ring(t, of, "capacity") + self.ring(t, of, "reserve") > self.slots[t, of]:
            raise Refused(errno.ERANGE)

    def set_namespace_quota(self, path, text):
        t, _, name, _ = path.split("/")
        overrides = f"{t}/quota/overrides"
        if text == "default":
            self.v[overrides] = {at: given for at, given in self.v[overrides].items() if at != ("namespace", name)}
            return
        if text == "" or len(text) >= 192:
            raise Refused(errno.EINVAL)
        self.v[overrides] = override(self.v[overrides], f"namespace {name} {text}")

    def set_preview(self, law, text):
        """A line of a preview; how many words it had."""
        words = words_of(text)
        for key, value in zip(words[::2], words[1::2] + [None]):
            if value is None or key not in ("ttl", "half_life", "sessions", "moving", "to", "looked_at"):
                raise Refused(errno.EINVAL)
            if key in ("ttl", "half_life"):
                o = next(o for o in self.options if o.section == "RING" and o.key == key)
                law[key] = parse(o, None, value)
        return len(words)

    # -- one write --

    def write(self, path, data):
        """The error of a write, or 0 and the settings after it; self.may: errors that would be as right."""
        after = self.copy()
        try:
            if len(data) > WRITE_BYTES:
                raise Refused(errno.E2BIG)
            after.write_lines(path, data)
        except Refused as e:
            self.may = after.may
            return e.number, self
        self.may, after.may = after.may, set()
        return 0, after

    def write_lines(self, path, data):
        said = 0
        if self.option(path):
            for line in lines_of(data):
                self.set_option(path, line)
                said += 1
            is_list = self.option(path)[0].kind == "OVERRIDES_LIST"
        elif path.endswith("/quota"):
            is_list = False
            for line in lines_of(data):
                self.set_namespace_quota(path, line)
                said += 1
        else:
            assert path.endswith("/preview"), f"no model of {path}"
            is_list = False
            t, _, r, _ = path.split("/")
            law = {key: self.ring(t, r, key) for key in ("ttl", "half_life")}
            for line in lines_of(data):
                said += self.set_preview(law, line)
            self.previews[t, r] = law
        if said == 0 and not is_list:
            raise Refused(errno.EINVAL)

    # -- one read --

    def differs(self, path, text):
        """What reading the file should have said, or None; learns from it what only time tells."""
        if path.endswith("/preview"):
            t, _, r, _ = path.split("/")
            law = self.previews.get((t, r))
            want = law and f"ttl {print_duration(law['ttl'])}\nhalf_life {print_duration(law['half_life'])}\n"
            return want if law and not text.startswith(want) else None
        if path.endswith("/quota"):
            t, _, name, _ = path.split("/")
            given = self.v[f"{t}/quota/overrides"].get(("namespace", name))
            want = "default" if given is None else show_override(("", ""), given).strip()
        else:
            o, t, of = self.option(path)
            value = self.v[path]
            if o.kind == "OVERRIDES_LIST":
                want = "\n".join(show_override(*one) for one in value.items())
            elif o.section == "RING" and o.key == "state" and value == "draining":
                if text == "off\n":
                    self.v[path] = "off"
                return None if text == "off\n" or re.fullmatch("draining [0-9]+\n", text) else "draining N\n"
            else:
                want = show(o, value) if o.can_change else value
                if not o.can_change:
                    return None		# whoever reads it compares it with what it was
        return None if text == want + "\n" else want + "\n"
