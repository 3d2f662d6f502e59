# SPDX-License-Identifier: BSD-2-Clause
"""supervise.py - what systemd does with a service of Type=notify, as far as our units use it.

	supervise.py SOCKET LOG WATCHDOG-SECONDS COMMAND...

Runs the command with NOTIFY_SOCKET and WATCHDOG_USEC, and appends to LOG a line
for each thing that happens: `started PID', each NAME=VALUE that the command
says, `late PID' when it has said nothing for longer than the watchdog allows,
`ended PID STATUS'.  Descriptors that it gives are kept by name, and given to the
next one.  A command that was late, killed, or failed is started again; one that
ended well is not.  One that is late is aborted, and killed when that does not
end it in a second.  SIGTERM is passed on; SIGHUP is `systemctl restart'.
"""
import array
import os
import signal
import socket
import subprocess
import sys
import time

path, log_path, watchdog_s, command = sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4:]
log = open(log_path, "a", buffering=1)
inbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
inbox.bind(path)
inbox.settimeout(0.05)
store = {}
wish = None                             # what was asked of us: to end, or to restart it
child = None


def end_child(number, _frame):
    global wish
    wish = "restart" if number == signal.SIGHUP else "end"
    child.send_signal(signal.SIGTERM)


def forget(name):
    if name in store:
        os.close(store.pop(name))


def keep(said, fds):
    """The file descriptor store: what has no name in it is closed, as that of a barrier is, which says that we came so far."""
    words = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    if "FDSTOREREMOVE" in words:
        forget(words["FDNAME"])
    for fd in fds:
        if "FDSTORE" in words:
            forget(words["FDNAME"])
            store[words["FDNAME"]] = fd
        else:
            os.close(fd)


def hear():
    """What was said, a line each; nothing when nothing was for a moment."""
    try:
        said, control, _flags, _from = inbox.recvmsg(4096, socket.CMSG_SPACE(64))
    except TimeoutError:
        return []
    fds = array.array("i")
    for _level, _kind, data in control:
        fds.frombytes(data)
    keep(said.decode(), fds)
    return said.decode().splitlines()


def start():
    # FDSTORE: that what is given is kept, as systemd says from 254 on.
    environment = dict(os.environ, NOTIFY_SOCKET=path, WATCHDOG_USEC=str(int(watchdog_s * 1e6)), FDSTORE="16")
    if not store:
        return subprocess.Popen(command, env=environment)
    environment.update(LISTEN_FDS=str(len(store)), LISTEN_FDNAMES=":".join(store))
    # From 3 on, in order; through numbers that none of them has.
    high = [os.dup2(fd, 100 + i, inheritable=True) for i, fd in enumerate(store.values())]
    moves = " ".join(f"{3 + i}<&{fd} {fd}<&-" for i, fd in enumerate(high))
    shell = f'exec {moves}; export LISTEN_PID=$$; exec "$@"'
    process = subprocess.Popen(["bash", "-c", shell, "-", *command], env=environment, pass_fds=high)
    for fd in high:
        os.close(fd)
    return process


def run():
    """Once; the exit status."""
    global child
    child = start()
    log.write(f"started {child.pid}\n")
    is_ready, heard, aborted = False, time.monotonic(), None
    while child.poll() is None:
        words = hear()
        log.writelines(word + "\n" for word in words)
        now = time.monotonic()
        is_ready = is_ready or "READY=1" in words
        if "READY=1" in words or "WATCHDOG=1" in words:
            heard = now
        if aborted is None and is_ready and now - heard > watchdog_s:
            log.write(f"late {child.pid}\n")
            child.send_signal(signal.SIGABRT)
            aborted = now
        if aborted is not None and now - aborted > 1:
            child.kill()
    # What it said last.
    while words := hear():
        log.writelines(word + "\n" for word in words)
    log.write(f"ended {child.pid} {child.returncode}\n")
    return child.returncode


signal.signal(signal.SIGTERM, end_child)
signal.signal(signal.SIGHUP, end_child)
while True:
    wish = None
    status = run()
    if wish == "end" or (status == 0 and wish != "restart"):
        break
