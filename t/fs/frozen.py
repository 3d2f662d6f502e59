# SPDX-License-Identifier: BSD-2-Clause
"""frozen.py - while the daemon is stopped some requests of a mount wait for it: do others go on meanwhile?

usage: frozen.py MOUNT NAME PID	of the daemon

Prints `NAME: yes` when another request came back while every one of those that wait still did, else why not.  How
long a machine takes is none of its business: it tries again while the daemon stays stopped, and where one waiting
request keeps a thread of the mount, no try can succeed.
"""
import os
import signal
import subprocess
import sys
import threading
import time

WAITERS, ROUNDS = 12, 8        # more at once than the mount has threads

mount, name, manager = sys.argv[1], sys.argv[2], int(sys.argv[3])
control = mount + '/control/'
active, warm, named = (mount + '/sessions/' + d for d in ('active', 'warm', 'active/named'))


class Waiter(threading.Thread):
    def __init__(self, work):
        super().__init__(daemon=True)
        self.work, self.error = work, None
        self.start()

    def run(self):
        try:
            self.work()
        except OSError as e:
            self.error = e

    # In the kernel, for an answer of the mount.
    def waits(self):
        try:
            with open('/proc/self/task/%d/wchan' % self.native_id) as f:
                return self.is_alive() and ('fuse' in (w := f.read()) or 'request_wait' in w)
        except OSError:
            return False


def as_user(uid, gid, groups, work):
    """Do it in a process of that user; the errno with which it ended, or 0."""
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups(groups)
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
            work()
            os._exit(0)
        except OSError as e:
            os._exit(e.errno)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def use_sessions(ring, key):
    path = ring + '/' + key
    with open(path, 'x') as f:
        f.write('value')
    with open(path) as f:
        if f.read() != 'value':
            raise OSError(5, 'another value')
    os.utime(path)
    os.rename(path, path + '.b')
    os.stat(path + '.b')
    os.unlink(path + '.b')


def all_users():
    """root, a starter that was seen, one that was not, by a group; and one who may nothing, who is told so."""
    use_sessions(active, 'root')
    for who in ((1009, 1009, []), (1777, 1777, [2009])):
        e = as_user(*who, lambda: use_sessions(active, 'user%d' % who[0]))
        if e != 0:
            return 'uid %d: %s' % (who[0], os.strerror(e))
    e = as_user(1666, 1666, [], lambda: open(active + '/none', 'x'))
    return None if e == 1 else 'uid 1666: %s' % os.strerror(e)


def in_warm():
    use_sessions(warm, 'other')


def attributes():
    os.stat(active)
    os.stat(mount)
    os.stat(control)


def reads():
    fds = [os.open(control + 'sessions/record_size', os.O_RDONLY) for _ in range(WAITERS)]
    return lambda: [lambda fd=fd: os.pread(fd, 100, 0) for fd in fds]


# What waits, and what goes on meanwhile.
CASES = {
    'reads of control files': (reads, all_users),
    'look-ups in control': (lambda: lambda: [lambda i=i: os.stat(control + 'sessions/none%d' % i) for i in range(WAITERS)], all_users),
    'one look-up': (lambda: lambda: [lambda: os.stat(control + 'sessions/none')], attributes),
    'the making of a namespace': (lambda: lambda: [lambda: os.mkdir(active + '/made')], in_warm),
    'the removal of a namespace': (lambda: lambda: [lambda: os.rmdir(active + '/named')], in_warm),
    'a namespace that gets another mode': (lambda: lambda: [lambda: os.chmod(named, 0o711)], in_warm),
    'a session that takes the lease': (lambda: lambda: [lambda: open(mount + '/leased/active/k', 'x')], all_users),
    'a rename that takes the lease': (lambda: lambda: [lambda: os.rename(mount + '/leased/warm/there', mount + '/leased/warm/to')], all_users),
}


def others_go_on(make, others):
    waiters = [Waiter(w) for w in make()]
    until = time.monotonic() + 10
    while not all(w.waits() for w in waiters):
        if time.monotonic() > until or not any(w.is_alive() for w in waiters):
            return 'not all %d wait at once' % len(waiters), waiters
        time.sleep(0.001)
    why = others()
    if why is None and not all(w.is_alive() for w in waiters):
        why = 'nothing came back before those that wait'
    return why, waiters


def show(prepare, others):
    make, why = prepare(), None
    for _ in range(ROUNDS):
        os.kill(manager, signal.SIGSTOP)
        why, waiters = others_go_on(make, others)
        os.kill(manager, signal.SIGCONT)
        for w in waiters:
            w.join()
        # Whatever was made is taken back, and the daemon hears again.
        tidy()
        if why is None:
            return None
    return why


def tidy():
    for undo in (lambda: os.rmdir(active + '/made'), lambda: os.mkdir(named), lambda: os.chmod(named, 0o755),
                 lambda: os.unlink(mount + '/leased/active/k')):
        try:
            undo()
        except OSError:
            pass


def sleeps_in_mount(pid):
    with open('/proc/%d/wchan' % pid) as f:
        return 'fuse' in (w := f.read()) or 'request_wait' in w


def interrupted():
    """Two wait; the second is interrupted."""
    os.kill(manager, signal.SIGSTOP)
    cats = []
    try:
        for _ in range(2):
            cats.append(subprocess.Popen(['cat', control + 'sessions/record_size'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            while not sleeps_in_mount(cats[-1].pid):
                if cats[-1].poll() is not None:
                    return 'it did not wait'
        cats[1].send_signal(signal.SIGTERM)
        cats[1].wait()
        return None if cats[0].poll() is None else 'the first had its answer before'
    finally:
        os.kill(manager, signal.SIGCONT)
        for cat in cats:
            cat.wait()


why = None
if name == 'interrupted':
    for _ in range(ROUNDS):
        why = interrupted()
        if why is None:
            break
else:
    why = show(*CASES[name])
print('%s: %s' % (name, 'yes' if why is None else why))
