#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# survive_load.py - what applications do with files, each step checked, until a file appears: survive_load.py KIND DIRECTORY STOP
#
# Prints how often it went round. Any error, and any content that is not what was written, ends it with a sentence.
import fcntl
import os
import sys

kind, directory, stop = sys.argv[1:4]
me = os.getpid()
rounds = 0


def path(name):
    return os.path.join(directory, name)


def expect(what, got, want):
    if got != want:
        sys.exit(f"{kind}: round {rounds}: {what}: {got!r}, not {want!r}")


def put(name, value, flags=os.O_WRONLY | os.O_CREAT | os.O_TRUNC):
    fd = os.open(path(name), flags, 0o600)
    expect("write", os.write(fd, value), len(value))
    os.close(fd)


def get(name):
    fd = os.open(path(name), os.O_RDONLY)
    value = os.read(fd, 65536)
    os.close(fd)
    return value


def php():
    """A counter that several of us raise, as PHP does with a session: locked throughout, truncated, written anew."""
    fd = os.open(path("sess_shared"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    fcntl.flock(fd, fcntl.LOCK_EX)
    value = os.pread(fd, os.fstat(fd).st_size, 0)
    new = b"count|i:%d;" % (int(value[8:-1] or 0) + 1)
    os.ftruncate(fd, 0)
    expect("write", os.pwrite(fd, new, 0), len(new))
    os.close(fd)


def append():
    """One open file, two hundred appends: each is there once, in order."""
    name = f"log{me}"
    fd = os.open(path(name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for _ in range(200):
        expect("append", os.write(fd, b"same line\n"), 10)
    os.close(fd)
    expect("appended", get(name), b"same line\n" * 200)
    os.unlink(path(name))


def excl():
    """What did not exist is created, and what exists is removed, once."""
    name = f"new{me}.{rounds}"
    put(name, b"created", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    expect("created", get(name), b"created")
    os.unlink(path(name))
    expect("is removed", os.path.exists(path(name)), False)


def rename():
    """Written beside, and renamed over."""
    value = b"round %d" % rounds
    put(f"side{me}", value)
    os.rename(path(f"side{me}"), path(f"over{me}"))
    expect("renamed", get(f"over{me}"), value)


def temporary():
    """Under a temporary name, in pieces, and renamed onto a session."""
    value = b"round %d" % rounds
    fd = os.open(path(f"t{me}.tmp"), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
    for i in range(20):
        expect("write", os.write(fd, value), len(value))
    os.close(fd)
    os.rename(path(f"t{me}.tmp"), path(f"t{me}"))
    expect("published", get(f"t{me}"), value * 20)
    expect("temporary", os.path.exists(path(f"t{me}.tmp")), False)


def overwrite():
    """As dd does, at an offset, by a file that stays open."""
    fd = os.open(path(f"dd{me}"), os.O_RDWR | os.O_CREAT, 0o600)
    for i in range(50):
        block = bytes([65 + i % 26]) * 512
        expect("write", os.pwrite(fd, block, 512 * (i % 4)), 512)
        expect("read", os.pread(fd, 512, 0) != b"", True)
    expect("size", os.fstat(fd).st_size, 2048)
    os.close(fd)


def move():
    """To another ring and back."""
    put(f"m{me}", b"moves")
    os.rename(path(f"m{me}"), path(f"../warm/m{me}"))
    os.rename(path(f"../warm/m{me}"), path(f"m{me}"))
    expect("moved", get(f"m{me}"), b"moves")
    os.unlink(path(f"m{me}"))


step = {"php": php, "append": append, "excl": excl, "rename": rename, "temporary": temporary, "overwrite": overwrite, "move": move}[kind]
while not os.path.exists(stop):
    try:
        step()
    except OSError as e:
        sys.exit(f"{kind}: round {rounds}: {e}")
    rounds += 1
print(rounds)
