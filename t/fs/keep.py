# SPDX-License-Identifier: BSD-2-Clause
"""keep.py - a program for gsession-keep: keep.py LOG READY SIGNAL: notes when it began, says that it is ready, but only
the first READY times, and dies of a signal."""
import os
import signal
import socket
import sys
import time

log, n_ready, name = sys.argv[1:4]
with open(log, "a+") as f:
    f.write(f"{time.monotonic():.3f}\n")
    f.seek(0)
    n = len(f.readlines())
if n <= int(n_ready):
    to = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    to.sendto(b"READY=1\n", "\0" + os.environ["NOTIFY_SOCKET"][1:])
os.kill(os.getpid(), getattr(signal, name))
