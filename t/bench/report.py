#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""report.py - one table, one JSON document and one plot of what t/bench/memory.sh measured.

    report.py DIRECTORY

Reads gsession-RECORDS-SIZE-KEYS.json, PEER-RECORDS-SIZE.json and, when it is
there, versions, prints the tables, and writes bench.json and bench.svg beside
them.
"""
import glob
import json
import math
import os
import platform
import sys

OPS = ('get_hit', 'get_miss', 'multi_get', 'put', 'update', 'delete', 'touch')
PEERS = ('lmdb', 'lfht', 'redis', 'memcached')
# Columns: what a mode is called, and its colour in the plot (Okabe and Ito's, told apart by everybody).
COLUMNS = (
    ('memory', 'gsession', '#0072b2'),
    ('calls', 'its calls', '#56b4e9'),
    ('free', 'copies', '#999999'),
    ('lfht', 'lfht', '#009e73'),
    ('lmdb', 'LMDB', '#e69f00'),
    ('lmdb_txn', 'LMDB txn', '#f0e442'),
    ('redis', 'Redis', '#d55e00'),
    ('memcached', 'memcached', '#cc79a7'),
)
LEGEND = """\
gsession    lock-free in shared memory; survives kill -9 of any process; decay, lifetimes, interest and counters kept on
            each access; its operations on the memory, and (its calls) gs_get() and so on of gsession.h
copies      of the same bytes from known places that may overlap; the dependent copy, 1, has to wait for the one before
lfht        liburcu's hash table, QSBR, of its final size; one process's memory, shared with nobody, gone with it; no
            expiry; freed by another thread, outside of what is measured; 2 processes: forked, reading
LMDB        file on a tmpfs, MDB_NOSYNC and MDB_WRITEMAP; many processes, one writer at a time; ordered, transactions,
            no expiry; values copied out; 1024 gets in one read transaction, each write in one of its own
LMDB txn    the same with one renewed read transaction for each get
Redis       Unix socket, nothing saved, hiredis; one command at a time, multi_get 16 GETs in one write; the value is
            left in hiredis' reply; touch is EXPIRE, no lifetime otherwise
memcached   Unix socket, nothing evicted, 2 threads, libmemcached; one command at a time, multi_get one get of 16 keys
multi_get is 16 keys at a time where there is such a call, and gets that need not wait for one another where there is none.
Ours has an index that is as full as it may be; the daemon's default is a quarter larger, some 4 bytes a session.
Copies of every program are from the same slots, in huge pages where ours were. A server takes caches from the copies
beside it, which flatters its ratios; by the clock is the plain quotient of two times, minutes apart.
All values are zeros, all keys the same 32 bytes, SipHash with a secret for ours and lfht; clients on one core at a time,
servers where the kernel puts them. Memory: blocks of the files on tmpfs (gsession, LMDB), resident pages after filling
minus before (the others); none counts the programs themselves."""


def load(path):
    with open(path, encoding='utf-8') as f:
        return json.load(f)


def read_versions(directory):
    """Names and versions of what was measured, and the load before; empty without the file."""
    path = os.path.join(directory, 'versions')
    if not os.path.exists(path):
        return {}
    with open(path, encoding='utf-8') as f:
        pairs = dict(line.rstrip('\n').split('=', 1) for line in f)
    return {name: value for name, value in pairs.items() if value}


def read_runs(directory):
    """One run for each store size and kind of keys: ours, and the modes of the peers that were measured."""
    runs = []
    for path in glob.glob(os.path.join(directory, 'gsession-*.json')):
        ours = load(path)
        run = {'records': ours['records'], 'size': ours['size'], 'keys': ours['keys'], 'procs': ours['procs'],
               'gsession': ours, 'peers': {}}
        for peer in PEERS:
            other = os.path.join(directory, '%s-%d-%d.json' % (peer, ours['records'], ours['size']))
            if os.path.exists(other):
                run['peers'][peer] = next(r for r in load(other) if r['keys'] == ours['keys'])
        runs.append(run)
    return sorted(runs, key=lambda r: (r['size'], r['records'], r['keys']))


def ratios(run):
    """By column, by operation: time over that of a dependent copy."""
    ours = run['gsession']
    out = {'memory': ours['ratios'], 'calls': ours['call_ratios'],
           'free': {op: ours['ratios'][op] / ours['free_ratios'][op] for op in OPS if ours['free_ratios'][op] > 0}}
    for peer in run['peers'].values():
        for mode, figures in peer['modes'].items():
            out[mode] = figures['ratios']
    return out


def nanoseconds(run, mode):
    """By operation, of a peer's mode."""
    return next(peer['modes'][mode]['ns'] for peer in run['peers'].values() if mode in peer['modes'])


def source(run, column):
    """The document that a column comes from, where it says something of the store as a whole."""
    if column == 'memory':
        return run['gsession']
    return run['peers'].get(column)


def text(value, form='%.2f'):
    if value is None:
        return '-'
    return form % value if value < 100 or form != '%.2f' else '%.0f' % value


def print_row(name, cells):
    print('%-16s' % name + ''.join('%11s' % c for c in cells))


def print_table(run):
    table = ratios(run)
    print('\n%d records of %d bytes, %s keys' % (run['records'], run['size'], run['keys']))
    print_row('', [title for _, title, _ in COLUMNS])
    for op in OPS:
        print_row(op, [text(table.get(column, {}).get(op)) for column, _, _ in COLUMNS])
    documents = [source(run, column) for column, _, _ in COLUMNS]

    def member(name, form):
        return [text(d.get(name) if d else None, form) for d in documents]

    print_row('copy, ns', member('copy_ns', '%.0f'))
    print_row('reads by %d' % run['procs'], member('reads_scale', '%.2fx'))
    print_row('updates by %d' % run['procs'], member('writes_scale', '%.2fx'))
    print_row('bytes a session', [text(d['memory']['per_session'] if d else None, '%.0f') for d in documents])


def at_most(name, got, accept, stretch):
    verdict = 'stretch' if stretch is not None and got <= stretch else 'met' if got <= accept else 'not met'
    return {'what': name, 'accept': '<= %g' % accept, 'stretch': '' if stretch is None else '<= %g' % stretch,
            'got': got, 'verdict': verdict}


def at_least(name, got, accept, stretch):
    verdict = 'stretch' if got >= stretch else 'met' if got >= accept else 'not met'
    return {'what': name, 'accept': '>= %g' % accept, 'stretch': '>= %g' % stretch, 'got': got, 'verdict': verdict}


# Accept and stretch, for stores of up to a million, and larger ones: times over that of a dependent copy.
LIMITS = {
    'get_hit': ((1.9, 1.6), (1.9, 1.6)),
    'get_miss': ((0.6, 0.4), (1.0, None)),
    'multi_get': ((0.7, 0.5), (0.8, None)),
    'put': ((1.8, 1.4), (2.3, None)),
    'update': ((2.0, 1.6), (2.6, None)),
    'delete': ((1.6, 1.3), (2.1, None)),
}


def figures_of(run):
    """What the project set itself, for values of 512 bytes and uniform keys."""
    name = '%d records: ' % run['records']
    ours, table, rows = run['gsession'], ratios(run), []
    for op, limits in LIMITS.items():
        accept, stretch = limits[run['records'] > 1000000]
        rows.append(at_most(name + op + ' over a copy', table['memory'][op], accept, stretch))
    for mode, title, accept, stretch in (('lmdb', 'LMDB read', 3, 4), ('lmdb_txn', 'LMDB read transaction', 3, 4),
                                         ('redis', 'Redis get', 50, 100), ('memcached', 'memcached get', 50, 100)):
        if mode in table:
            rows.append(at_least(name + title + ' over gs_get', table[mode]['get_hit'] / table['calls']['get_hit'],
                                 accept, stretch))
            rows[-1]['by_the_clock'] = nanoseconds(run, mode)['get_hit'] / ours['call_ns']['get_hit']
    for member, how in (('reads_scale', ''), ('reads_cpu_scale', ', processor time')):
        rows.append(at_least(name + 'reads by %d over by 1%s' % (run['procs'], how), ours[member], 0.9 * run['procs'],
                             0.95 * run['procs']))
    rows.append(at_most(name + 'bytes of a session', ours['memory']['per_session'], 800, 740))
    return rows


def print_figures(rows):
    print('\nFigures to reach, uniform keys, values of 512 bytes')
    print('%-56s%10s%10s%10s  %s' % ('', 'accept', 'stretch', 'got', ''))
    for row in rows:
        clock = ', by the clock ' + text(row['by_the_clock']) if 'by_the_clock' in row else ''
        print('%-56s%10s%10s%10s  %s%s' % (row['what'], row['accept'], row['stretch'], text(row['got']), row['verdict'], clock))


def print_huge(most):
    """What the stores had of huge pages; memory of no file system gets them as one setting of the kernel says."""
    setting = '/sys/kernel/mm/transparent_hugepage/shmem_enabled'
    why = ''
    if os.path.exists(setting):
        with open(setting, encoding='utf-8') as f:
            why = ' (%s: %s)' % (setting, f.read().strip())
    print('\nhuge pages: %s%s' % ('up to %d MB of a store' % (most >> 20) if most else 'none', why))


# ---- the plot ----

WIDTH, PANEL_W, PANEL_H, LEFT, TOP = 1560, 740, 300, 56, 96
LOWEST, HIGHEST = 0.1, 1000.0


class Svg:
    def __init__(self, width, height):
        self.lines = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" '
                      'font-family="DejaVu Sans, Arial, sans-serif" font-size="12">' % (width, height, width, height),
                      '<rect width="100%" height="100%" fill="white"/>']

    def rect(self, x, y, w, h, fill):
        self.lines.append('<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>' % (x, y, w, h, fill))

    def line(self, x1, y1, x2, y2, stroke, width=1.0):
        self.lines.append('<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="%.1f"/>' %
                          (x1, y1, x2, y2, stroke, width))

    def text(self, x, y, words, anchor='start', size=12, turn=None, weight='normal'):
        turned = '' if turn is None else ' transform="rotate(%d %.1f %.1f)"' % (turn, x, y)
        words = words.replace('&', '&amp;').replace('<', '&lt;')
        self.lines.append('<text x="%.1f" y="%.1f" text-anchor="%s" font-size="%d" font-weight="%s"%s>%s</text>' %
                          (x, y, anchor, size, weight, turned, words))

    def write(self, path):
        with open(path, 'w', encoding='utf-8') as f:
            f.write('\n'.join(self.lines + ['</svg>', '']))


def height_of(value):
    """From the bottom of a panel, on a logarithmic scale."""
    value = min(max(value, LOWEST), HIGHEST)
    return PANEL_H * math.log(value / LOWEST) / math.log(HIGHEST / LOWEST)


def draw_panel(svg, run, left, bottom):
    table = ratios(run)
    svg.text(left, bottom - PANEL_H - 10, '%s records of %d bytes, %s keys' % (format(run['records'], ','), run['size'],
                                                                              run['keys']), size=14, weight='bold')
    for exponent in range(-1, 4):
        y = bottom - height_of(10.0 ** exponent)
        svg.line(left, y, left + PANEL_W - LEFT, y, '#dddddd')
        svg.text(left - 6, y + 4, '%g' % 10.0 ** exponent, anchor='end', size=11)
    group = (PANEL_W - LEFT) / len(OPS)
    bar = group * 0.86 / len(COLUMNS)
    for i, op in enumerate(OPS):
        x = left + group * i + group * 0.07
        for column, _, colour in COLUMNS:
            value = table.get(column, {}).get(op)
            if value is not None:
                top, one = bottom - height_of(value), bottom - height_of(1)
                svg.rect(x, min(top, one), bar - 1, max(abs(top - one), 0.8), colour)
                # Bars from 1 on grow upwards and have their figure on top, the others downwards.
                if value >= 1:
                    svg.text(x + bar / 2 + 3, top - 4, text(value), size=9, turn=-90)
                else:
                    svg.text(x + bar / 2 + 3, top + 4, text(value), anchor='end', size=9, turn=-90)
            x += bar
        svg.text(left + group * (i + 0.5), bottom + 16, op, anchor='middle')
    one = bottom - height_of(1)
    svg.line(left, one, left + PANEL_W - LEFT, one, '#000000', 1.2)


def draw(runs, path):
    n_rows = (len(runs) + 1) // 2
    svg = Svg(WIDTH, TOP + n_rows * (PANEL_H + 76) + 10)
    svg.text(LEFT, 30, 'Time of an operation over the time of a dependent copy of the value in the same run', size=18,
             weight='bold')
    x = LEFT
    for _, title, colour in COLUMNS:
        svg.rect(x, 46, 14, 14, colour)
        svg.text(x + 20, 58, title if title != 'copies' else 'overlapping copies', size=13)
        x += 44 + 7.5 * len(title if title != 'copies' else 'overlapping copies')
    for i, run in enumerate(runs):
        draw_panel(svg, run, LEFT + i % 2 * (PANEL_W + 24), TOP + i // 2 * (PANEL_H + 76) + PANEL_H + 28)
    svg.write(path)


def main():
    if len(sys.argv) != 2:
        sys.exit('usage: report.py DIRECTORY')
    directory = sys.argv[1]
    runs = read_runs(directory)
    if not runs:
        sys.exit('report.py: nothing was measured in ' + directory)
    for run in runs:
        print_table(run)
    print('\n' + LEGEND)
    versions = read_versions(directory)
    load_before = float(versions.pop('load', 0))
    if versions:
        print('Versions: ' + ', '.join('%s %s' % pair for pair in sorted(versions.items())))
    if load_before > 0.5:
        print('The load was %.1f before anything was measured: something else runs. Ratios of one program are medians of\n'
              'neighbours and bear it; those of many processes, and answers of servers, do not.' % load_before)
    rows = [row for run in runs if run['keys'] == 'uniform' and run['size'] == 512 for row in figures_of(run)]
    print_figures(rows)
    print_huge(max(r['gsession']['memory']['huge'] for r in runs))
    with open(os.path.join(directory, 'bench.json'), 'w', encoding='utf-8') as f:
        json.dump({'machine': {'cpus': os.cpu_count(), 'system': platform.platform(), 'load_before': load_before},
                   'versions': versions, 'runs': runs, 'figures': rows}, f, indent='\t')
        f.write('\n')
    draw(runs, os.path.join(directory, 'bench.svg'))
    print('written: %s/bench.json, bench.svg' % os.path.relpath(directory))


main()
