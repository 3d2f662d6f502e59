#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""replay_model.py - an independent calculation of what `gsession replay` reports.

Reads the log with a regular expression and applies the decay law as it is
written down, with interest as a number.  Knows nothing of the store: rings are
counters.  Shares no code and no table with the C.

	replay_model.py expect REPORT.json LOG [--key K] [--half-life MS] [--rings R] [--max-lifetime MS] [--quota Q]
	    print every difference; exit 1 when there is one
	replay_model.py generate SEED LINES
	    print a log with odd lines in it
	replay_model.py counts REPORT.json NAME...
	    print figures of a report on one line

Rings are NAME:TTL_MS:CAPACITY, from the innermost outwards, with commas between.
A quota is INTERVAL_MS:BURST:ACTION:HOLD_MS:RELEASE_MS:SUSPECTS, the last the capacity of suspect.
"""

import argparse
import datetime
import heapq
import json
import math
import random
import re
import sys

LINE = re.compile(
    rb'([^ ]+) +[^ ]+ +[^ ]+ +'
    rb'\[([0-9]{2})/([A-Za-z]{3})/([0-9]{4}):([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-])([0-9]{2})([0-9]{2})\] +'
    rb'"(?:[^"\\]|\\.)*" +(?:[0-9]{3}|-) +(?:[0-9]+|-)(?= |\Z)', re.DOTALL)
AGENT = re.compile(rb' +"(?:[^"\\]|\\.)*" +"((?:[^"\\]|\\.)*)"', re.DOTALL)
MONTHS = [b'Jan', b'Feb', b'Mar', b'Apr', b'May', b'Jun', b'Jul', b'Aug', b'Sep', b'Oct', b'Nov', b'Dec']
LINE_BYTES = 65536
SPAN_MS = 4000 * 366 * 86400 * 1000
SECOND, MINUTE, HOUR, DAY = 1000, 60000, 3600000, 86400000
STEPS = [SECOND, 5 * SECOND, 10 * SECOND, 30 * SECOND, MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE,
         HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY] + [DAY * 10 ** i for i in range(1, 6)]
BUILT_IN = 'active:300000:8192,warm:1800000:16384,cold:1209600000:32768'
NEVER = math.inf
QUOTA = '20:200:report:10000:60000:1024'
CLOCK_MS = 10


def time_of(m):
    day, month, year, hour, minute, second = m[2], m[3], m[4], m[5], m[6], m[7]
    if month not in MONTHS or int(second) > 60 or int(m[9]) > 23 or int(m[10]) > 59:
        return None
    try:
        at = datetime.datetime(int(year), MONTHS.index(month) + 1, int(day), int(hour), int(minute))
    except ValueError:
        return None
    zone = (int(m[9]) * 60 + int(m[10])) * 60 * (1 if m[8] == b'+' else -1)
    days = at.toordinal() - datetime.date(1970, 1, 1).toordinal()
    return (days * 86400 + at.hour * 3600 + at.minute * 60 + int(second) - zone) * 1000


def read_log(path, key):
    """(key, time) of each readable line, None for others."""
    with open(path, 'rb') as f:
        data = f.read()
    lines = data.split(b'\n')
    if lines[-1] == b'':
        lines.pop()
    for line in lines:
        line = line[:LINE_BYTES]
        if line.endswith(b'\r'):
            line = line[:-1]
        m = LINE.match(line)
        at = time_of(m) if m else None
        if at is None:
            yield None
            continue
        who = m[1]
        if key == 'ip+agent':
            agent = AGENT.match(line, m.end())
            if agent is None:
                yield None
                continue
            who = (who, agent[1])
        yield who, at


class Session:
    def __init__(self, number):
        self.number = number
        self.ring = None                # index; None: there is none
        self.due = NEVER
        self.since = None               # waiting for room since
        self.arrival = 0                # when the last of the accesses that were charged would be due, ms
        self.offences = 0
        self.counted = 0                # of them in this life, as far as a record counts
        self.accused = None             # since when
        self.half_octaves = 0           # of the rate of its attempts


class Store:
    def __init__(self, rings, half_life, max_lifetime, quota, promote, on_full):
        self.interval, self.burst, self.action, self.hold, self.release, self.suspects = quota
        self.in_suspect = 0
        self.promote, self.on_full = promote, on_full
        self.names = [r[0] for r in rings]
        self.ttl = [r[1] for r in rings]
        self.capacity = [r[2] for r in rings]
        self.half_life = half_life
        self.max_lifetime = max_lifetime
        self.count = [0] * len(rings)
        self.heap = []
        self.waiting = [[] for _ in rings]  # [(since, number, session)] for room in that ring
        self.started = self.gets = self.refused = self.expired = self.stuck = self.evicted = self.dropped = 0
        self.there = [[] for _ in rings]
        self.moves = {}
        self.now = 0

    def is_suspect(self, s):
        return s.ring == -1

    def name(self, ring):
        return 'suspect' if ring == -1 else self.names[ring]

    def pardoned(self, s):
        if s.accused is None:
            return NEVER
        return max(s.accused + self.hold, s.soon + self.release)

    def accuse(self, s):
        s.accused = s.soon = s.attempt = s.served = self.now
        s.attempts = 1
        s.offences += 1
        s.counted = min(s.counted + 1, 63)
        s.half_octaves = math.floor(2 * math.log2(1000 / self.interval))

    def attempted(self, s):
        gap = self.now - s.attempt
        if gap < 2 * self.interval:
            s.soon = self.now
        if gap == 0:
            s.attempts = min(s.attempts + 1, 63)
            return
        code = min(max(math.floor(2 * math.log2(1000 * s.attempts / gap)), -24), 39)
        s.half_octaves += (code > s.half_octaves) - (code < s.half_octaves)
        again = max(self.hold, 1000)
        limit = math.floor(2 * math.log2(1000 / self.interval))
        if (gap < 2 * self.interval and s.half_octaves >= limit + 4
                and (self.now - s.accused) // again > (s.attempt - s.accused) // again and s.counted < 63):
            s.offences += 1
            s.counted += 1
        s.attempts = 1
        s.attempt = self.now

    def is_served(self, s):
        """Judge an access to a session that is there."""
        if s.accused is None:
            arrival = max(s.arrival, self.now) + self.interval
            if arrival <= self.now + self.burst * self.interval + CLOCK_MS:
                s.arrival = arrival
                return True
            self.accuse(s)
            if self.action == 'report':
                return True
            if self.action == 'quarantine' and self.in_suspect < self.suspects:
                self.move(s, -1)
            return False
        if self.is_suspect(s):
            served = self.now >= max(s.accused + self.hold, s.served + self.interval)
        elif self.action == 'report':
            served = True
        else:
            served = self.now >= s.served + max(self.interval, min((s.soon - s.accused) // 8, 1000))
        self.attempted(s)
        if served:
            s.served = self.now
        return served

    def next_look(self, s):
        leaves = NEVER if self.is_suspect(s) else self.leaves(s)
        return min(leaves + 1, s.end + 1, self.pardoned(s))

    def leaves(self, s):
        bonus = self.half_life * math.log2(s.interest) if self.half_life else 0
        return math.floor(s.last + self.ttl[s.ring] + bonus)

    def arm(self, s, when):
        s.due = when
        if when != NEVER:
            heapq.heappush(self.heap, (when, s.number, s))

    def move(self, s, to):
        name = '%s>%s' % (self.name(s.ring), self.name(to))
        self.moves[name] = self.moves.get(name, 0) + 1
        for ring, by in ((s.ring, -1), (to, 1)):
            if ring == -1:
                self.in_suspect += by
            else:
                self.count[ring] += by
                (self.there[ring].append if by > 0 else self.there[ring].remove)(s)
        s.ring = to

    def end(self, s):
        self.there[s.ring].remove(s)
        self.count[s.ring] -= 1
        s.ring = None
        s.due = NEVER

    def score(self, s):
        """The greater, the sooner it makes room for another."""
        if self.now > s.end:
            return 1 << 64
        idle = self.now - s.last
        if s.hits <= 1:
            idle *= 2
        else:
            whole = s.hits.bit_length() - 1
            steps = min(16 * whole + ((s.hits << 4) >> whole) - 16, 80)
            idle = idle * 64 // (64 + steps)
        return idle - (math.floor(self.half_life * math.log2(s.interest)) if self.half_life else 0)

    def make_room(self, ring, spared):
        """Whether there is a place in a ring, with one session of it moved outwards or dropped if need be."""
        if self.count[ring] < self.capacity[ring]:
            return True
        outer, last = ring + 1, len(self.names) - 1
        there = sorted((s for s in self.there[ring] if s is not spared), key=lambda s: (-self.score(s), s.version))
        if ring < last and there and self.make_room(outer, spared):
            s = there[0]
            if self.now > s.end:
                self.expired += 1
                self.end(s)
                return True
            self.evicted += 1
            s.since = None
            self.move(s, outer)
            self.arm(s, min(self.leaves(s), s.end) + 1)
            return True
        # of the rings that are built in, the last one alone drops any
        there = [s for s in there if ring == last and self.on_full == 'oneshot' and (self.now > s.end or s.hits <= 1)]
        if not there:
            return False
        if self.now > there[0].end:
            self.expired += 1
        else:
            self.dropped += 1
        there[0].since = None
        self.end(there[0])
        return True

    def settle(self, s):
        """Returns the ring that has room now, or None."""
        s.since = None
        left = s.ring
        outer = s.ring + 1
        if self.is_suspect(s) and self.now > s.end:
            self.expired += 1
            self.in_suspect -= 1
            s.ring = None
            s.due = NEVER
            return None
        if self.is_suspect(s):
            if self.now < self.pardoned(s):
                self.arm(s, self.next_look(s))
                return None
            if self.count[0] >= self.capacity[0]:
                self.stuck += 1
                s.since = self.now
                heapq.heappush(self.waiting[0], (s.since, s.number, s))
                self.arm(s, s.end + 1)
                return None
            self.move(s, 0)
            s.accused, s.arrival = None, 0
            self.count_access(s)
            self.arm(s, self.next_look(s))
            return None
        if self.now > s.end or (self.now > self.leaves(s) and outer == len(self.names)):
            self.expired += 1
            self.end(s)
            return left
        if self.now >= self.pardoned(s):
            s.accused, s.arrival = None, 0
            self.arm(s, max(self.next_look(s), self.now + 1))
            return None
        if self.now <= self.leaves(s):
            self.arm(s, self.next_look(s))
            return None
        if not self.make_room(outer, s):
            self.stuck += 1
            s.since = self.now
            heapq.heappush(self.waiting[outer], (s.since, s.number, s))
            self.arm(s, s.end + 1)
            return None
        self.move(s, outer)
        self.arm(s, self.next_look(s))
        return left

    def let_in(self, ring):
        while ring is not None and self.count[ring] < self.capacity[ring] and self.waiting[ring]:
            since, _, s = heapq.heappop(self.waiting[ring])
            if s.since == since and s.ring == ring - 1:  # suspect is -1, and its way out is 0
                self.let_in(self.settle(s))

    def run_until(self, until):
        while self.heap and self.heap[0][0] <= until:
            when, _, s = heapq.heappop(self.heap)
            if s.due != when or s.ring is None:
                continue
            s.due = NEVER
            self.now = max(self.now, when)
            self.let_in(self.settle(s))
        self.now = until

    def count_access(self, s):
        faded = s.interest * 2 ** (-(self.now - s.last) / self.half_life) if self.half_life else 0
        s.interest = 1 + faded
        s.last = self.now
        s.hits += 1

    def access(self, s):
        now, left, ring = self.now, None, s.ring
        if s.ring is None:
            if not self.make_room(0, None):
                self.refused += 1
                return
            self.started += 1
            self.count[0] += 1
            self.there[0].append(s)
            s.ring, s.interest, s.last, s.hits, s.version = 0, 1, now, 1, self.started
            s.end = now + self.max_lifetime
            s.accused, s.arrival, s.counted = None, now + self.interval, 0
        elif not self.is_served(s):
            self.refused += 1
            left = ring if s.ring != ring else None
            s.since = None
            self.arm(s, self.next_look(s))
            self.let_in(left)
            return
        else:
            self.gets += 1
            bonus = self.half_life * math.log2(s.interest) if self.half_life else 0
            is_second = math.floor(s.last + self.ttl[0] + bonus) >= now
            if s.ring > 0 and (self.promote == 'access' or is_second) and self.make_room(0, s):
                left = s.ring
                self.move(s, 0)
            self.count_access(s)
        s.since = None
        self.arm(s, self.next_look(s))
        self.let_in(left)

    def populations(self):
        rings = dict(zip(self.names, self.count))
        rings['suspect'] = self.in_suspect
        return rings


def replay(args):
    rings = [(n, int(t), int(c)) for n, t, c in (r.split(':') for r in args.rings.split(','))]
    lines = list(read_log(args.log, args.key))
    quota = args.quota.split(':')
    quota = float(quota[0]), int(quota[1]), quota[2], int(quota[3]), int(quota[4]), int(quota[5])
    store = Store(rings, args.half_life, args.max_lifetime, quota, args.promote, args.on_full)
    sessions, accesses, first, at = {}, [], None, 0
    for line in lines:
        if line is None:
            continue
        first = line[1] if first is None else first
        at = max(at, min(line[1] - first, SPAN_MS))
        accesses.append((at, line[0]))
    step = next(s for s in STEPS if at // s <= 60)
    series, point = [], 0
    for when, who in accesses:
        while point < when:
            store.run_until(point)
            series.append({'t': first + point, 'rings': store.populations()})
            point += step
        store.run_until(when)
        store.access(sessions.setdefault(who, Session(len(sessions))))
    if accesses:
        series.append({'t': first + at, 'rings': store.populations()})
    return {
        'requests': len(accesses), 'keys': len(sessions), 'unreadable': len(lines) - len(accesses),
        'started': store.started, 'gets': store.gets, 'refused': store.refused, 'expired': store.expired,
        'stuck': store.stuck, 'evicted': store.evicted, 'dropped': store.dropped, 'moves': store.moves, 'rings': store.populations(), 'series': series,
        'suspects': [{'key': who.decode(), 'rate': 2 ** (s.half_octaves / 2), 'offences': s.offences}
                     for who, s in sessions.items() if s.offences > 0],
    }


def expect(args):
    with open(args.report) as f:
        got = json.load(f)
    want = replay(args)
    same = True
    for name in sorted(set(got) | set(want)):
        if got.get(name) != want.get(name):
            same = False
            print('%s: reported %s, calculated %s' % (name, got.get(name), want.get(name)))
    if same:
        print(json.dumps({n: v for n, v in want.items() if n != 'series'}))
    return 0 if same else 1


ODD = [
    '', ' ', 'nonsense', '\x00\x01\x02\xff\xfe binary \x80',
    'h - - [10/Oct/2000:13:55:36] "no zone" 200 1',
    'h - - [31/Jun/2020:13:55:36 +0000] "no such day" 200 1',
    'h - - [10/Jun/2020:13:55:36 +0000] "unterminated 200 1',
    'h - - [10/Jun/2020:13:55:36 +0000] "GET /" 200',
]


def generate(args):
    """Bursts of visitors, zones, escapes, lines out of order, and lines that nobody can read."""
    rng = random.Random(args.seed)
    at = 1600000000
    for _ in range(args.lines):
        at += rng.choice([0, 0, 0, 1, 2, 7, 30, 60, 200, 300, 900, rng.randrange(4000)])
        if rng.random() < 0.03:
            out = rng.choice(ODD)
        else:
            zone = rng.choice([0, 0, 0, 2 * 60, -8 * 60, 5 * 60 + 30])
            shown = at - rng.choice([0] * 20 + [5, 100, 86400])
            when = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=shown + zone * 60)
            host = 'host%d.example' % min(int(rng.expovariate(0.15)), 40)
            if rng.random() < 0.02:
                host = 'long' * 70 + host
            agent = rng.choice(['a', 'a b', 'say \\"hi\\"', 'x' * 300, '\xe9', ''])
            out = '%s - %s [%02d/%s/%04d:%s %s%02d%02d] "GET /%s HTTP/1.1" %s %s' % (
                host, rng.choice(['-', 'frank']), when.day, MONTHS[when.month - 1].decode(), when.year,
                when.strftime('%H:%M:%S'), '-' if zone < 0 else '+', abs(zone) // 60, abs(zone) % 60,
                rng.choice(['', '\\"', 'a b', '\\\\']), rng.choice(['200', '304', '-']), rng.choice(['0', '-', '77777']))
            out += rng.choice(['', ' "-" "%s"' % agent, ' "http://x/\\"" "%s"' % agent, ' "-" "cut', ' junk', ' "-"'])
        sys.stdout.buffer.write(out.encode('latin-1') + rng.choice([b'\n', b'\n', b'\n', b'\r\n']))
    return 0


def counts(args):
    with open(args.report) as f:
        got = json.load(f)
    print(*[got[n] for n in args.name])
    return 0


def main():
    p = argparse.ArgumentParser()
    verbs = p.add_subparsers(dest='verb', required=True)
    v = verbs.add_parser('expect')
    v.add_argument('report')
    v.add_argument('log')
    v.add_argument('--key', choices=['ip', 'ip+agent'], default='ip')
    v.add_argument('--half-life', type=int, default=300000)
    v.add_argument('--rings', default=BUILT_IN)
    v.add_argument('--max-lifetime', type=int, default=30 * DAY)
    v.add_argument('--quota', default=QUOTA)
    v.add_argument('--on-full', choices=['refuse', 'oneshot'], default='oneshot')
    v.add_argument('--promote', choices=['access', 'second'], default='access')
    v.set_defaults(run=expect)
    v = verbs.add_parser('generate')
    v.add_argument('seed', type=int)
    v.add_argument('lines', type=int)
    v.set_defaults(run=generate)
    v = verbs.add_parser('counts')
    v.add_argument('report')
    v.add_argument('name', nargs='+')
    v.set_defaults(run=counts)
    args = p.parse_args()
    return args.run(args)


if __name__ == '__main__':
    sys.exit(main())
