# SPDX-License-Identifier: BSD-2-Clause
"""litmus.py SHAPES SRC - hold that each access of t/litmus/shapes stands in SRC with at least its order, and each order has a shape."""
import re
import sys

STRENGTH = {"relaxed": 0, "acquire": 1, "release": 2, "acq_rel": 3, "seq_cst": 7}
FENCES = {"gs_fence_acquire()": "acquire", "gs_fence_release()": "release", "gs_fence_full()": "seq_cst"}


def functions(path):
    """The statements of each function of a file of the tree."""
    found, name, body = {}, None, []
    for line in open(path, encoding="utf-8"):
        begin = re.match(r"(?:static inline [a-z_0-9 *]+ \*?)?([a-z_0-9]+)\(.*(?<!;)$", line)
        if name is None and begin:
            name, body = begin.group(1), []
        elif name and line.startswith("}"):
            text = re.sub(r"/\*.*?\*/", " ", "".join(body), flags=re.S)
            # A condition and a declaration with several values are statements of their own.
            text = re.sub(r"(memory_order_[a-z_]+|GS_WORD_[A-Z]+)\)", r"\1);", text)
            found[name] = [" ".join(s.split()) for s in re.split(r"[;{}]", text)]
            name = None
        elif name:
            body.append(line)
    return found


def order_in(statement):
    """The order of the access of a statement; of two, that of success."""
    for fence, order in FENCES.items():
        if fence in statement:
            return order
    named = re.search(r"memory_order_([a-z_]+)", statement)
    return named.group(1) if named else "relaxed"


def weaker(shapes, src):
    """Say which access is not in the source, or with less than its shape has."""
    files, n = {}, 0
    for number, line in enumerate(open(shapes, encoding="utf-8"), 1):
        match = re.match(r"(load|store|cas|swap|fence)\s.*?\b(relaxed|acquire|release|acq_rel|seq_cst)\b[^:]*(?::\s*(\S+) (\S+) (.*))?$",
                         line.rstrip())
        if not match:
            continue
        n += 1
        kind, order, file, function, pattern = match.groups()
        if file is None:
            yield f"shapes:{number}: it does not say where it stands"
            continue
        try:
            functions_of = files.setdefault(file, functions(f"{src}/{file}"))
        except OSError:
            yield f"shapes:{number}: there is no {file}"
            continue
        if function not in functions_of:
            yield f"shapes:{number}: there is no {function} in {file}"
            continue
        wants = {"load": ("load", "LOAD", "match_words"), "fence": ("fence",)}.get(kind)
        there = [s for s in functions_of[function] if pattern in s and
                 (wants is None or any(w in s for w in wants))]
        if not there:
            yield f"shapes:{number}: {function} of {file} has no {kind} with {pattern}"
        elif not any(STRENGTH[order] & STRENGTH[order_in(s)] == STRENGTH[order] for s in there):
            yield f"shapes:{number}: {function} of {file}: {there[0]}: {order} is needed"
    if n < 100:
        yield f"only {n} accesses"


def without_shape(shapes, src):
    """Say which row of ORDERS no shape stands for, and which shape has none."""
    text = open(f"{src}/shm/layout.h", encoding="utf-8").read()
    text = text[text.index("* ORDERS"):text.index("* Source of the shape")]
    rows = set()
    for line in text.splitlines():
        match = re.match(r" \*   ([^ \t].*?)\t", line)
        if match:
            rows.update(re.findall(r"[A-Za-z_.]+", match.group(1)))
    used = set()
    for line in open(shapes, encoding="utf-8"):
        if line.startswith("orders "):
            used.update(line.split()[1:])
    yield from (f"ORDERS has {row}, and no shape stands for it" for row in sorted(rows - used))
    yield from (f"a shape stands for {row}, and ORDERS does not have it" for row in sorted(used - rows))


for sentence in (*weaker(*sys.argv[1:]), *without_shape(*sys.argv[1:])):
    print(sentence)
