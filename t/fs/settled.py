# SPDX-License-Identifier: BSD-2-Clause
"""settled.py - who is told that a setting was changed finds it changed, however many read it meanwhile.

usage: settled.py FILE PATH GSESSION INSTANCE TIMES

One process counts a setting up, by writes to FILE of the mount and, of each ten, one by `gsession set PATH`, and says
in shared memory which was answered last.  Two others look there, read FILE, one anew and one by a descriptor that it
keeps, and must never find less.  Prints `TIMES seen` or what was wrong.
"""
import ctypes
import mmap
import os
import subprocess
import sys

READERS = 2

file, path, gsession, instance, times = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5])
shared = mmap.mmap(-1, 4096)
answered, reads = (ctypes.c_uint64.from_buffer(shared, 8 * i) for i in range(2))


def write(n):
    if n % 10 == 0:
        subprocess.run([gsession, '-i', instance, 'set', path, str(n)], check=True, stdout=subprocess.DEVNULL)
        return
    fd = os.open(file, os.O_WRONLY)
    os.write(fd, b'%d\n' % n)
    os.close(fd)


def read(fd):
    if fd is not None:
        return int(os.pread(fd, 64, 0))
    with open(file) as f:
        return int(f.read())


def read_on(fd):
    while answered.value < times:
        least = answered.value
        found = read(fd)
        if found < least:
            print('%d is read after %d was answered' % (found, least))
            os._exit(1)
        if fd is None:
            reads.value += 1
    os._exit(0)


def start(work):
    pid = os.fork()
    if pid != 0:
        return pid
    try:
        work()
    except Exception as e:
        print(e)
    os._exit(1)


write(0)
readers = [start(lambda: read_on(None if i == 0 else os.open(file, os.O_RDONLY))) for i in range(READERS)]
for n in range(1, times + 1):
    write(n)
    answered.value = n
ends = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in readers]
if any(ends) or read(None) != times or reads.value == 0:
    print('ends %s, %d at last, %d reads' % (ends, read(None), reads.value))
else:
    print('%d seen' % times)
