# SPDX-License-Identifier: BSD-2-Clause
# posix.py - what POSIX says of files, checked call by call on the mount, and where the mount deviates from it.
#
#	posix.py SESSIONS CONTROL RECORD_SIZE		run all checks, TAP on standard output
#	posix.py --deviations				the ids of the deviations that are checked
#
# A check is a function; its docstring is the law that it holds. One that holds a deviation names its id, which
# gsession-fs(8) explains.
import ctypes, errno, fcntl, mmap, os, select, stat, struct, sys, threading, time

CHECKS = []
NOBODY = 65534
libc = ctypes.CDLL(None, use_errno=True)


def check(f=None, deviation=None):
    if f is None:
        return lambda g: check(g, deviation)
    CHECKS.append((f, deviation))
    return f


class Different(Exception):
    pass


def same(got, want, what='result'):
    if got != want:
        raise Different('%s: got %r, want %r' % (what, got, want))


def true(condition, what):
    if not condition:
        raise Different(what)


def refused(code, f, *args, **kw):
    """f(*args) fails with that errno."""
    try:
        result = f(*args, **kw)
    except OSError as e:
        same(errno.errorcode.get(e.errno), errno.errorcode[code], 'errno')
        return
    raise Different('succeeded with %r, want %s' % (result, errno.errorcode[code]))


def path(name):
    return os.path.join(ACTIVE, name)


def make(name, value=b'value', mode=0o600):
    fd = os.open(path(name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    os.write(fd, value)
    os.close(fd)
    return path(name)


def value_of(name):
    with open(path(name), 'rb') as f:
        return f.read()


def soon(f, what):
    end = time.monotonic() + 5
    while not f():
        true(time.monotonic() < end, what)
        time.sleep(0.005)


def as_user(f, uid=NOBODY, gid=NOBODY):
    """The errno of f() as another user, 0 when it succeeds."""
    pid = os.fork()
    if pid == 0:
        code = 0
        try:
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)
            f()
        except OSError as e:
            code = e.errno
        except BaseException:
            code = 255
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def renameat2(old, new, flags):
    if libc.renameat2(-100, old.encode(), -100, new.encode(), flags) != 0:
        raise OSError(ctypes.get_errno(), 'renameat2')


# ---- open, create ----

@check
def open_missing():
    """open of a name that is not there is ENOENT"""
    refused(errno.ENOENT, os.open, path('none'), os.O_RDONLY)
    refused(errno.ENOENT, os.open, path('none'), os.O_RDWR | os.O_TRUNC)
    refused(errno.ENOENT, os.stat, path('none'))


@check
def create_exclusive():
    """O_CREAT|O_EXCL makes a file once, then is EEXIST and changes nothing"""
    os.close(os.open(path('excl'), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o640))
    make('excl', b'kept')
    refused(errno.EEXIST, os.open, path('excl'), os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_TRUNC)
    same(value_of('excl'), b'kept')


@check
def create_mode_and_owner():
    """a new file has the mode given, less umask, the caller's uid and gid, and no bytes"""
    old = os.umask(0o027)
    os.close(os.open(path('fresh'), os.O_CREAT | os.O_WRONLY, 0o666))
    os.umask(old)
    st = os.stat(path('fresh'))
    same((stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid, st.st_size, st.st_nlink), (0o640, os.getuid(), os.getgid(), 0, 1))


@check
def open_existing_changes_nothing():
    """O_CREAT of a name that is there opens it; mode, value and times stay"""
    make('there', b'abc', 0o600)
    before = os.stat(path('there'))
    os.close(os.open(path('there'), os.O_CREAT | os.O_WRONLY, 0o777))
    after = os.stat(path('there'))
    same((after.st_mode, after.st_size, after.st_mtime_ns, after.st_ctime_ns), (before.st_mode, before.st_size, before.st_mtime_ns, before.st_ctime_ns))


@check
def open_directory_flags():
    """O_DIRECTORY of a file is ENOTDIR; writing a directory EISDIR; a file is no directory of a path; O_NOFOLLOW opens a file"""
    make('plain')
    refused(errno.ENOTDIR, os.open, path('plain'), os.O_RDONLY | os.O_DIRECTORY)
    refused(errno.EISDIR, os.open, ACTIVE, os.O_WRONLY)
    refused(errno.ENOTDIR, os.stat, path('plain') + '/x')
    refused(errno.ENOTDIR, os.open, path('plain') + '/x', os.O_CREAT | os.O_WRONLY)
    os.close(os.open(path('plain'), os.O_RDONLY | os.O_NOFOLLOW))


@check
def access_modes_are_kept():
    """a descriptor for reading does not write, one for writing does not read: EBADF; ftruncate of one for reading is EINVAL"""
    make('modes', b'abc')
    r, w = os.open(path('modes'), os.O_RDONLY), os.open(path('modes'), os.O_WRONLY)
    refused(errno.EBADF, os.write, r, b'x')
    refused(errno.EBADF, os.read, w, 1)
    refused(errno.EINVAL, os.ftruncate, r, 0)
    os.close(r)
    os.close(w)
    same(value_of('modes'), b'abc')


# ---- names ----

@check
def long_names():
    """a name of 255 bytes is one, of 256 and of 4,000 ENAMETOOLONG, of none ENOENT"""
    make('n' * 255, b'long')
    same(value_of('n' * 255), b'long')
    os.unlink(path('n' * 255))
    for n in 256, 3900:
        for f in (lambda p: os.open(p, os.O_CREAT | os.O_WRONLY), os.stat, os.unlink, lambda p: os.rename(make('src'), p)):
            refused(errno.ENAMETOOLONG, f, path('n' * n))
    refused(errno.ENAMETOOLONG, os.stat, path('n' * 5000))
    refused(errno.ENOENT, os.stat, '')


@check
def odd_names():
    """any bytes but / and NUL make a name, which a listing gives back as they are; . and .. are the directories"""
    for name in b'\xff\xfe', b'\x01\n\t ', b'...', b'.hidden', b' ', b'-rf', b'*', bytes(range(1, 47)), 'ü'.encode():
        p = os.path.join(ACTIVE.encode(), name)
        os.close(os.open(p, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        true(name in os.listdir(ACTIVE.encode()), 'listed: %r' % name)
        os.unlink(p)
    same(os.stat(path('.')).st_ino, os.stat(ACTIVE).st_ino)
    same(os.stat(path('..')).st_ino, os.stat(os.path.dirname(ACTIVE)).st_ino)
    refused(errno.EEXIST, os.mkdir, path('.'))


# ---- read, write, seek ----

@check
def write_and_read_anywhere():
    """write, pwrite, read, pread and lseek keep one offset; pwrite and pread do not move it"""
    fd = os.open(path('rw'), os.O_RDWR | os.O_CREAT, 0o600)
    same(os.write(fd, b'hello world'), 11)
    same(os.pwrite(fd, b'W', 6), 1)
    same(os.lseek(fd, 0, os.SEEK_CUR), 11)
    same(os.lseek(fd, -5, os.SEEK_END), 6)
    same(os.read(fd, 3), b'Wor')
    same(os.pread(fd, 5, 0), b'hello')
    same(os.read(fd, 10), b'ld')
    same(os.read(fd, 10), b'')
    refused(errno.EINVAL, os.lseek, fd, -1, os.SEEK_SET)
    os.close(fd)


@check
def write_behind_the_end():
    """a write behind the end fills the gap with zeros"""
    fd = os.open(path('gap'), os.O_RDWR | os.O_CREAT, 0o600)
    os.write(fd, b'ab')
    os.pwrite(fd, b'z', 100)
    same(os.pread(fd, 200, 0), b'ab' + bytes(98) + b'z')
    same(os.fstat(fd).st_size, 101)
    os.close(fd)


@check
def vectors():
    """readv and writev are one write and one read"""
    fd = os.open(path('vec'), os.O_RDWR | os.O_CREAT, 0o600)
    same(os.writev(fd, [b'one', b'', b'two']), 6)
    parts = [bytearray(2), bytearray(10)]
    same(os.preadv(fd, parts, 0), 6)
    same(bytes(parts[0] + parts[1][:4]), b'onetwo')
    os.close(fd)


@check
def append():
    """O_APPEND writes at the end, wherever others have put it, and so does a pwrite"""
    make('app', b'one')
    a, b = (os.open(path('app'), os.O_WRONLY | os.O_APPEND) for i in range(2))
    os.write(a, b'two')
    os.write(b, b'three')
    os.pwrite(a, b'!', 0)
    os.close(a)
    os.close(b)
    same(value_of('app'), b'onetwothree!')


@check
def append_by_many():
    """appended lines of four processes are all there, whole"""
    make('lines', b'')
    pids = []
    for who in range(4):
        pid = os.fork()
        if pid == 0:
            fd = os.open(path('lines'), os.O_WRONLY | os.O_APPEND)
            for i in range(40):
                os.write(fd, b'%d-%03d\n' % (who, i))
            os._exit(0)
        pids.append(pid)
    for pid in pids:
        same(os.waitpid(pid, 0)[1], 0)
    same(sorted(value_of('lines').split()), sorted(b'%d-%03d' % (w, i) for w in range(4) for i in range(40)))


@check
def offsets_are_shared():
    """dup and fork share the offset, a second open does not"""
    make('shared', b'0123456789')
    fd = os.open(path('shared'), os.O_RDONLY)
    twin, other = os.dup(fd), os.open(path('shared'), os.O_RDONLY)
    same(os.read(fd, 2), b'01')
    same(os.read(twin, 2), b'23')
    pid = os.fork()
    if pid == 0:
        os._exit(os.read(fd, 2) != b'45')
    same(os.waitpid(pid, 0)[1], 0)
    same(os.read(fd, 2), b'67')
    same(os.read(other, 2), b'01')
    for f in fd, twin, other:
        os.close(f)


@check
def truncate_by_name():
    """truncate makes a file shorter, or longer with zeros, and moves mtime and ctime"""
    make('trunc', b'0123456789')
    before = os.stat(path('trunc'))
    time.sleep(0.01)
    os.truncate(path('trunc'), 4)
    same(value_of('trunc'), b'0123')
    os.truncate(path('trunc'), 6)
    same(value_of('trunc'), b'0123\0\0')
    after = os.stat(path('trunc'))
    true(after.st_mtime_ns > before.st_mtime_ns and after.st_ctime_ns > before.st_ctime_ns, 'times moved')
    os.truncate(path('trunc'), 0)
    same(os.stat(path('trunc')).st_size, 0)
    refused(errno.ENOENT, os.truncate, path('none'), 0)
    refused(errno.EISDIR, os.truncate, ACTIVE, 0)
    refused(errno.EINVAL, os.truncate, path('trunc'), -1)


@check
def poll_is_ready():
    """poll says that a file can be read and written"""
    fd = os.open(make('poll'), os.O_RDWR)
    p = select.poll()
    p.register(fd, select.POLLIN | select.POLLOUT)
    same(p.poll(0), [(fd, select.POLLIN | select.POLLOUT)])
    os.close(fd)


# ---- unlink, rename ----

@check
def unlink():
    """unlink takes the name away, of none is ENOENT, of a ring's directory refused"""
    make('gone')
    os.unlink(path('gone'))
    refused(errno.ENOENT, os.stat, path('gone'))
    refused(errno.ENOENT, os.unlink, path('gone'))
    refused(errno.EISDIR, os.unlink, ACTIVE)
    refused(errno.ENOTDIR, os.rmdir, make('file'))


@check
def rename():
    """rename moves value, mode and mtime, replaces what is there, and is ENOENT of none"""
    make('from', b'new', 0o640)
    os.utime(path('from'), ns=(10**18, 10**18))
    make('to', b'old')
    os.rename(path('from'), path('to'))
    refused(errno.ENOENT, os.stat, path('from'))
    st = os.stat(path('to'))
    same((value_of('to'), stat.S_IMODE(st.st_mode), st.st_mtime_ns), (b'new', 0o640, 10**18))
    refused(errno.ENOENT, os.rename, path('from'), path('to'))
    os.rename(path('to'), path('to'))
    same(value_of('to'), b'new')


@check
def rename_noreplace():
    """RENAME_NOREPLACE is EEXIST where there is one, and replaces nothing"""
    make('a', b'a')
    make('b', b'b')
    refused(errno.EEXIST, renameat2, path('a'), path('b'), 1)
    same((value_of('a'), value_of('b')), (b'a', b'b'))
    os.unlink(path('b'))
    renameat2(path('a'), path('b'), 1)
    same(value_of('b'), b'a')


@check
def rename_elsewhere():
    """a rename out of the mount is EXDEV, into the control tree or the table's directory refused"""
    make('r')
    refused(errno.EXDEV, os.rename, path('r'), '/tmp/gs-posix-elsewhere')
    refused(errno.EPERM, os.rename, path('r'), os.path.join(SESSIONS, 'r'))
    refused(errno.EPERM, os.rename, path('r'), os.path.join(CONTROL, 'r'))
    same(value_of('r'), b'value')


@check
def rename_follows():
    """an open descriptor follows its file through a rename, reading and writing"""
    fd = os.open(make('f1', b'one'), os.O_RDWR)
    os.rename(path('f1'), path('f2'))
    os.pwrite(fd, b'ONE', 0)
    same(os.pread(fd, 10, 0), b'ONE')
    os.close(fd)
    same(value_of('f2'), b'ONE')


# ---- attributes ----

@check
def sizes_and_blocks():
    """st_size is exact, st_blocks counts 512 bytes, st_blksize holds a whole value, st_dev and st_ino name one file"""
    for n in 0, 1, 511, 512, 513, RECORD:
        make('size', b'x' * n)
        st = os.stat(path('size'))
        same((st.st_size, st.st_blocks), (n, (n + 511) // 512))
        true(st.st_blksize >= RECORD, 'st_blksize')
    fd = os.open(path('size'), os.O_RDONLY)
    same((os.fstat(fd).st_dev, os.fstat(fd).st_ino), (st.st_dev, st.st_ino))
    os.close(fd)


@check
def times_of_changes():
    """a write moves mtime and ctime; chmod and chown move ctime alone; reading moves neither"""
    make('times')
    t0 = os.stat(path('times'))
    time.sleep(0.01)
    value_of('times')
    t1 = os.stat(path('times'))
    same((t1.st_mtime_ns, t1.st_ctime_ns), (t0.st_mtime_ns, t0.st_ctime_ns))
    os.chmod(path('times'), 0o644)
    t2 = os.stat(path('times'))
    true(t2.st_mtime_ns == t0.st_mtime_ns and t2.st_ctime_ns > t0.st_ctime_ns, 'chmod: ctime alone')
    time.sleep(0.01)
    os.chown(path('times'), 1, 1)
    t3 = os.stat(path('times'))
    true(t3.st_mtime_ns == t0.st_mtime_ns and t3.st_ctime_ns > t2.st_ctime_ns, 'chown: ctime alone')
    time.sleep(0.01)
    make('times', b'again')
    t4 = os.stat(path('times'))
    true(t4.st_mtime_ns > t3.st_ctime_ns and t4.st_ctime_ns > t3.st_ctime_ns, 'write: both')
    os.chown(path('times'), 0, 0)


@check
def set_times():
    """utimensat: now, given, one of both, neither; to the nanosecond"""
    p = make('utime')
    os.utime(p, ns=(10**18 + 1, 10**18 + 123456789))
    same(os.stat(p).st_mtime_ns, 10**18 + 123456789)
    before = time.time_ns()
    os.utime(p)
    true(before - 10**8 < os.stat(p).st_mtime_ns < time.time_ns() + 10**8, 'now')
    now, omit = (1 << 30) - 1, (1 << 30) - 2
    kept = os.stat(p)
    utimens(p, (0, omit), (0, omit))
    same(os.stat(p).st_mtime_ns, kept.st_mtime_ns)
    utimens(p, (0, omit), (1500000000, 5))
    same(os.stat(p).st_mtime_ns, 1500000000 * 10**9 + 5)
    utimens(p, (0, now), (0, omit))
    same(os.stat(p).st_mtime_ns, 1500000000 * 10**9 + 5)
    utimens(p, (0, omit), (0, now))
    true(before - 10**8 < os.stat(p).st_mtime_ns, 'mtime alone to now')
    refused(errno.ENOENT, os.utime, path('none'))
    refused(errno.EINVAL, utimens, p, (0, 10**9 + 5), (0, 0))


def utimens(p, atime, mtime):
    buf = struct.pack('qqqq', *atime, *mtime)
    if libc.utimensat(-100, p.encode(), buf, 0) != 0:
        raise OSError(ctypes.get_errno(), 'utimensat')


@check
def chmod_chown_rights():
    """only the owner and root change the mode, only root the owner; what changes nothing is for everybody"""
    p = make('perm', mode=0o644)
    os.chown(p, NOBODY, NOBODY)
    same(as_user(lambda: os.chmod(p, 0o600)), 0)
    same(as_user(lambda: os.chmod(p, 0o644), 1000), errno.EPERM)
    same(as_user(lambda: os.chown(p, 1000, -1)), errno.EPERM)
    same(as_user(lambda: os.chown(p, NOBODY, NOBODY)), 0)
    same(as_user(lambda: os.utime(p), 1000), errno.EACCES)
    same(as_user(lambda: os.utime(p, (1, 1)), 1000), errno.EPERM)
    same(stat.S_IMODE(os.stat(p).st_mode), 0o600)


@check
def permission_bits():
    """owner, group and others are let in by their bits, root by none of them; access says the same"""
    p = make('bits', b'v')
    os.chown(p, NOBODY, 1000)
    read, write = (lambda: os.close(os.open(p, os.O_RDONLY))), (lambda: os.close(os.open(p, os.O_WRONLY)))
    for mode, who, can_read, can_write in ((0o400, (NOBODY, 1), 1, 0), (0o200, (NOBODY, 1), 0, 1), (0o040, (1, 1000), 1, 0),
            (0o020, (1, 1000), 0, 1), (0o004, (1, 1), 1, 0), (0o002, (1, 1), 0, 1), (0o066, (NOBODY, 1), 0, 0), (0o006, (1, 1000), 0, 0)):
        os.chmod(p, mode)
        same((as_user(read, *who), as_user(write, *who)), (0 if can_read else errno.EACCES, 0 if can_write else errno.EACCES), '%o' % mode)
        same(as_user(lambda: refuse(not os.access(p, os.R_OK)), *who), 0 if can_read else errno.EACCES, 'access, %o' % mode)
    os.chmod(p, 0)
    same(value_of('bits'), b'v')


def refuse(condition):
    if condition:
        raise OSError(errno.EACCES, 'access')


@check
def statfs():
    """statvfs counts sessions as files, and its longest name is 255"""
    v = os.statvfs(ACTIVE)
    same(v.f_namemax, 255)
    true(0 < v.f_ffree <= v.f_files and 0 < v.f_bfree <= v.f_blocks, 'counts')
    make('one-more-file')
    same(os.statvfs(ACTIVE).f_ffree, v.f_ffree - 1)
    os.unlink(path('one-more-file'))


@check
def readdir():
    """a listing has each name once, . and .., and kinds and inodes as stat; rewinddir sees what is new"""
    for i in range(300):
        make('dir%d' % i, b'')
    with os.scandir(ACTIVE) as it:
        seen = {e.name: (e.inode(), e.is_file(follow_symlinks=False)) for e in it}
    for i in range(300):
        same(seen.get('dir%d' % i), (os.stat(path('dir%d' % i)).st_ino, True))
    same(len(os.listdir(ACTIVE)), len(set(os.listdir(ACTIVE))))
    fd = os.open(ACTIVE, os.O_RDONLY)
    before = len(os.listdir(fd))
    make('dir-new')
    same(len(os.listdir(fd)), before + 1)
    os.close(fd)
    for i in range(300):
        os.unlink(path('dir%d' % i))


@check
def locks():
    """flock and fcntl locks exclude, shared ones share, and end with their holder"""
    p = make('lock')
    fd = os.open(p, os.O_RDWR)
    for lock, code in (fcntl.flock, errno.EAGAIN), (fcntl.lockf, errno.EAGAIN):
        lock(fd, fcntl.LOCK_EX)
        same(as_user(lambda: lock(os.open(p, os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB), 0, 0), code)
        lock(fd, fcntl.LOCK_UN)
        same(as_user(lambda: lock(os.open(p, os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB), 0, 0), 0)
        lock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        lock(fd, fcntl.LOCK_UN)
    fcntl.flock(fd, fcntl.LOCK_SH)
    same(as_user(lambda: fcntl.flock(os.open(p, os.O_RDWR), fcntl.LOCK_SH | fcntl.LOCK_NB), 0, 0), 0)
    os.close(fd)


@check
def private_mapping():
    """mmap MAP_PRIVATE reads the value"""
    fd = os.open(make('map', b'mapped'), os.O_RDWR)
    with mmap.mmap(fd, 6, mmap.MAP_PRIVATE, mmap.PROT_READ) as m:
        same(m[:], b'mapped')
    os.close(fd)


@check
def no_descriptor_of_a_directory_reads():
    """read of a directory is EISDIR"""
    fd = os.open(ACTIVE, os.O_RDONLY)
    refused(errno.EISDIR, os.read, fd, 10)
    os.close(fd)


@check
def copies():
    """copy_file_range and sendfile copy a value"""
    make('src-copy', b'x' * 1000)
    src, dst = os.open(path('src-copy'), os.O_RDONLY), os.open(path('dst-copy'), os.O_WRONLY | os.O_CREAT, 0o600)
    same(os.copy_file_range(src, dst, 1000), 1000)
    same(os.sendfile(dst, src, 0, 500), 500)
    os.close(src)
    os.close(dst)
    same(value_of('dst-copy'), b'x' * 1500)


# ---- where it deviates ----

@check(deviation='P1')
def writes_are_whole():
    """of two values that are written again and again, a reader sees the one or the other, whole"""
    make('whole', b'a' * 3000)
    stop = threading.Event()

    def write():
        fd = os.open(path('whole'), os.O_WRONLY)
        while not stop.is_set():
            os.pwrite(fd, b'b' * 3000, 0)
            os.pwrite(fd, b'a' * 3000, 0)
        os.close(fd)
    t = threading.Thread(target=write)
    t.start()
    try:
        for i in range(500):
            true(value_of('whole') in (b'a' * 3000, b'b' * 3000), 'a torn value was read')
    finally:
        stop.set()
        t.join()


@check(deviation='P1')
def many_pieces_are_several_writes():
    """a writev of up to 256 pieces is one write, of more it is several, and the answer counts those that were taken"""
    make('pieces', b'')
    fd = os.open(path('pieces'), os.O_WRONLY)
    refused(errno.EFBIG, os.pwritev, fd, [b'x'] * 256, RECORD - 255)
    same(value_of('pieces'), b'')
    same(os.pwritev(fd, [b'x'] * 257, RECORD - 256), 256)
    same(len(value_of('pieces')), RECORD)
    os.close(fd)


@check(deviation='P2')
def truncation_waits():
    """a truncation to 0 is seen with the next write, else soon after the close"""
    make('staged', b'old')
    fd = os.open(path('staged'), os.O_WRONLY | os.O_TRUNC)
    same((value_of('staged'), os.stat(path('staged')).st_size), (b'old', 3))
    os.write(fd, b'new')
    same(value_of('staged'), b'new')
    os.ftruncate(fd, 0)
    same(value_of('staged'), b'new')
    os.close(fd)
    soon(lambda: value_of('staged') == b'', 'an empty value, soon')


@check(deviation='P3')
def too_long():
    """what would be longer than record_size is EFBIG, a byte more or a gigabyte, and takes earlier pieces back"""
    make('long', b'kept')
    for f in (lambda fd: os.pwrite(fd, b'x', RECORD), lambda fd: os.pwrite(fd, b'x' * (RECORD + 1), 0), lambda fd: os.pwrite(fd, b'x', 10**9),
            lambda fd: os.ftruncate(fd, RECORD + 1)):
        fd = os.open(path('long'), os.O_WRONLY)
        refused(errno.EFBIG, f, fd)
        os.close(fd)
        same(value_of('long'), b'kept')
    fd = os.open(path('long'), os.O_WRONLY | os.O_TRUNC)
    os.write(fd, b'x' * RECORD)
    refused(errno.EFBIG, os.write, fd, b'y')
    same(value_of('long'), b'kept')
    refused(errno.EFBIG, os.pwrite, fd, b'z', 0)
    os.ftruncate(fd, 0)
    os.pwrite(fd, b'fits', 0)
    os.close(fd)
    same(value_of('long'), b'fits')


@check(deviation='P4')
def ended_while_open():
    """of a session that ended while it is open, readers read on; writes go nowhere, also when its key was started anew"""
    fd = os.open(make('ended', b'last words'), os.O_RDWR)
    same(os.read(fd, 4), b'last')
    os.unlink(path('ended'))
    same(os.fstat(fd).st_nlink, 0)
    same(os.read(fd, 10), b' words')
    make('ended', b'another')
    same(os.pwrite(fd, b'ghost', 0), 5)
    same(os.pread(fd, 10, 0), b'last words')
    os.close(fd)
    same(value_of('ended'), b'another')


@check(deviation='P5')
def inodes():
    """the inode stays through writes, differs by the ring looked through, and a replaced name keeps its own"""
    make('ino', b'1')
    ino = os.stat(path('ino')).st_ino
    make('ino', b'2' * 2000)
    same(os.stat(path('ino')).st_ino, ino)
    cold = os.path.join(SESSIONS, 'cold')
    os.rename(path('ino'), os.path.join(cold, 'ino'))
    true(os.stat(os.path.join(cold, 'ino')).st_ino != ino, 'another through another ring')
    same(os.stat(path('ino')).st_ino, ino)
    os.rename(make('ino2'), path('ino'))
    same(os.stat(path('ino')).st_ino, ino)


@check(deviation='P6')
def nothing_but_files():
    """links, devices, fifos and sockets are EPERM; directories cannot be made beside the rings"""
    make('target')
    refused(errno.EPERM, os.link, path('target'), path('link'))
    refused(errno.EPERM, os.symlink, 'target', path('link'))
    refused(errno.EPERM, os.mkfifo, path('fifo'))
    refused(errno.EPERM, os.mknod, path('dev'), stat.S_IFCHR | 0o600, os.makedev(1, 3))
    refused(errno.EPERM, os.mkdir, os.path.join(SESSIONS, 'dir'))
    refused(errno.EPERM, os.rmdir, os.path.join(SESSIONS, 'warm'))


@check(deviation='P8')
def no_shared_mapping():
    """mmap MAP_SHARED is ENODEV"""
    fd = os.open(make('map'), os.O_RDWR)
    refused(errno.ENODEV, mmap.mmap, fd, 5, mmap.MAP_SHARED)
    os.close(fd)


@check(deviation='P9')
def directories():
    """times of directories can be set and are not; their mode and owner cannot be changed; they have no size, and two links"""
    before = os.stat(ACTIVE)
    os.utime(ACTIVE, (1, 1))
    same(os.stat(ACTIVE).st_mtime_ns, before.st_mtime_ns)
    refused(errno.EPERM, os.chmod, ACTIVE, 0o700)
    refused(errno.EPERM, os.chown, ACTIVE, 1, 1)
    same((before.st_nlink, before.st_size, stat.S_IMODE(before.st_mode)), (2, 0, 0o733))


@check(deviation='P10')
def reads_go_on():
    """who reads on reads of the value that his first read found; from the beginning, of the present one"""
    make('go-on', b'0123456789')
    fd = os.open(path('go-on'), os.O_RDONLY)
    same(os.read(fd, 5), b'01234')
    make('go-on', b'abcdefghij')
    same(os.read(fd, 5), b'56789')
    same(os.pread(fd, 5, 0), b'abcde')
    os.close(fd)


@check(deviation='P11')
def only_owners_remove():
    """in a ring only the owner of a file and root remove, move, rename and replace it, and only root lists"""
    p = make('sticky', mode=0o666)
    for f in (lambda: os.unlink(p), lambda: os.rename(p, path('stolen')), lambda: os.rename(p, os.path.join(SESSIONS, 'cold', 'sticky'))):
        same(as_user(f), errno.EPERM)
    same(as_user(lambda: os.rename(make('own'), p)), errno.EPERM)
    same(as_user(lambda: os.listdir(ACTIVE)), errno.EACCES)
    same(as_user(lambda: os.unlink(make('own2'))), 0)
    os.unlink(path('own'))
    os.chown(p, NOBODY, NOBODY)
    same(as_user(lambda: os.unlink(p)), 0)


@check(deviation='P12')
def no_exchange():
    """RENAME_EXCHANGE and RENAME_WHITEOUT are EINVAL, and change nothing"""
    make('x', b'x')
    make('y', b'y')
    refused(errno.EINVAL, renameat2, path('x'), path('y'), 2)
    refused(errno.EINVAL, renameat2, path('x'), path('y'), 4)
    same((value_of('x'), value_of('y')), (b'x', b'y'))


@check(deviation='P13')
def no_holes():
    """zeros take room: SEEK_HOLE is the end, fallocate and O_TMPFILE are not supported"""
    fd = os.open(path('holes'), os.O_RDWR | os.O_CREAT, 0o600)
    os.pwrite(fd, b'x', 4000)
    same(os.fstat(fd).st_blocks, 8)
    same((os.lseek(fd, 0, os.SEEK_DATA), os.lseek(fd, 0, os.SEEK_HOLE)), (0, 4001))
    true(libc.fallocate(fd, 0, ctypes.c_int64(0), ctypes.c_int64(5000)) == -1 and ctypes.get_errno() == errno.EOPNOTSUPP, 'fallocate')
    os.close(fd)
    refused(errno.EOPNOTSUPP, os.open, ACTIVE, os.O_TMPFILE | os.O_RDWR, 0o600)


@check(deviation='P14')
def look_up_goes_outwards():
    """a name is found through every ring inside its own, and listed in its own alone"""
    make('outer', b'v')
    os.rename(path('outer'), os.path.join(SESSIONS, 'cold', 'outer'))
    same(os.stat(os.path.join(SESSIONS, 'warm', 'outer')).st_size, 1)
    true('outer' not in os.listdir(ACTIVE), 'not listed in active')
    true('outer' in os.listdir(os.path.join(SESSIONS, 'cold')), 'listed in cold')
    make('inner')
    refused(errno.ENOENT, os.stat, os.path.join(SESSIONS, 'cold', 'inner'))
    refused(errno.EEXIST, os.open, os.path.join(SESSIONS, 'cold', 'inner'), os.O_CREAT | os.O_WRONLY)


@check(deviation='P15')
def attributes_of_ours_only():
    """of extended attributes there are ours: others are EOPNOTSUPP, and ENODATA where the name could be ours"""
    p = make('xattr')
    true('user.gsession.ring' in os.listxattr(p), 'listed')
    same(os.getxattr(p, 'user.gsession.ring'), b'active')
    refused(errno.ENODATA, os.getxattr, p, 'user.gsession.nothing')
    refused(errno.EOPNOTSUPP, os.setxattr, p, 'security.x', b'1')
    refused(errno.EOPNOTSUPP, os.setxattr, p, 'user.gsession.ring', b'cold')


@check(deviation='P16')
def fsync_is_nothing():
    """fsync and fdatasync succeed: what was written is in the store already"""
    fd = os.open(make('sync'), os.O_RDWR)
    os.fsync(fd)
    os.fdatasync(fd)
    os.close(fd)


@check(deviation='P7')
def locks_outlast_writes():
    """a lock still excludes when another process writes the session, whose record is another one then"""
    p = make('lock2', b'1')
    fd = os.open(p, os.O_RDWR)
    fcntl.flock(fd, fcntl.LOCK_EX)
    same(as_user(lambda: open(p, 'wb').write(b'2' * 3000), 0, 0), 0)
    same(as_user(lambda: fcntl.flock(os.open(p, os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB), 0, 0), errno.EAGAIN)
    os.close(fd)


def main():
    if sys.argv[1:] == ['--deviations']:
        print('\n'.join(sorted((d for f, d in CHECKS if d is not None), key=lambda d: int(d[1:]))))
        return 0
    bad = 0
    print('1..%d' % len(CHECKS))
    for i, (f, deviation) in enumerate(CHECKS, 1):
        what = '%s%s' % (f.__doc__, '' if deviation is None else ' (%s)' % deviation)
        try:
            f()
            print('ok %d - %s' % (i, what))
        except (Different, OSError) as e:
            bad += 1
            print('not ok %d - %s\n# %s: %s' % (i, what, f.__name__, e))
    return bad != 0


if len(sys.argv) == 4:
    SESSIONS, CONTROL, RECORD = sys.argv[1], sys.argv[2], int(sys.argv[3])
    ACTIVE = os.path.join(SESSIONS, 'active')
sys.exit(main())
