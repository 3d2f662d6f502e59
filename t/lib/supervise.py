# SPDX-License-Identifier: BSD-2-Clause
"""supervise.py - what systemd does with a service of Type=notify, as far as our units use it.

	supervise.py SOCKET LOG WATCHDOG-SECONDS COMMAND...

Runs the command with NOTIFY_SOCKET and WATCHDOG_USEC, and appends to LOG a line
for each thing that happens: `started PID', each NAME=VALUE that the command
says, `late PID' when it has said nothing for longer than the watchdog allows,
`ended PID STATUS'. A command that was late, killed, or failed is started again;
one that ended well is not. One that is late is aborted, and killed when that
does not end it in a second. SIGTERM is passed on.
"""
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
is_stopping = False


def run():
    """Once; the exit status."""
    environment = dict(os.environ, NOTIFY_SOCKET=path, WATCHDOG_USEC=str(int(watchdog_s * 1e6)))
    child = subprocess.Popen(command, env=environment)
    log.write(f"started {child.pid}\n")

    def pass_on(number, _frame):
        global is_stopping
        is_stopping = True
        child.send_signal(number)

    signal.signal(signal.SIGTERM, pass_on)
    is_ready, heard, aborted = False, time.monotonic(), None
    inbox.settimeout(0.05)
    while child.poll() is None:
        try:
            said = inbox.recv(4096).decode()
        except TimeoutError:
            said = ""
        now = time.monotonic()
        for word in said.splitlines():
            log.write(word + "\n")
            is_ready = is_ready or word == "READY=1"
            if word in ("READY=1", "WATCHDOG=1"):
                heard = now
        if aborted is None and is_ready and now - heard > watchdog_s:
            log.write(f"late {child.pid}\n")
            child.send_signal(signal.SIGABRT)
            aborted = now
        if aborted is not None and now - aborted > 1:
            child.kill()
    log.write(f"ended {child.pid} {child.returncode}\n")
    return child.returncode


while run() != 0 and not is_stopping:
    pass
