/// System calls that the usual tools make seldom.
extension Workload {
    static let calls: [Workload] = [
        .python(
            "a file without a name gets one",
            """
            fd = os.open('.', os.O_TMPFILE | os.O_RDWR, 0o640)
            os.write(fd, b'hello'); print(os.fstat(fd).st_nlink, os.listdir('.'))
            path = ('/proc/self/fd/%d' % fd).encode()
            print(raw(libc.linkat, AT_FDCWD, path, AT_FDCWD, b'named', 0x400))
            print(read('named'), os.fstat(fd).st_nlink, oct(os.stat('named').st_mode))
            lost = os.open('.', os.O_TMPFILE | os.O_WRONLY | os.O_EXCL, 0o600)
            path = ('/proc/self/fd/%d' % lost).encode()
            print(raw(libc.linkat, AT_FDCWD, path, AT_FDCWD, b'other', 0x400))
            """
        ),
        .python(
            "extended attributes",
            """
            write('f', b''); os.setxattr('f', 'user.a', b'1')
            os.setxattr('f', 'user.b', b'x' * 3000)
            os.setxattr('f', 'trusted.t', bytes(range(256)))
            print(sorted(os.listxattr('f')), os.getxattr('f', 'user.b') == b'x' * 3000)
            print(name_of(os.setxattr, 'f', 'user.a', b'2', os.XATTR_CREATE))
            print(name_of(os.setxattr, 'f', 'user.c', b'2', os.XATTR_REPLACE))
            os.setxattr('f', 'user.a', b'', os.XATTR_REPLACE); print(os.getxattr('f', 'user.a'))
            print(name_of(os.getxattr, 'f', 'user.no'), name_of(os.removexattr, 'f', 'user.no'))
            os.removexattr('f', 'user.a'); print(sorted(os.listxattr('f')))
            print(name_of(os.getxattr, 'f', 'security.capability'))
            os.symlink('f', 'l'); print(name_of(os.getxattr, 'l', 'user.b') == b'x' * 3000)
            small = ctypes.create_string_buffer(10)
            print(raw(libc.getxattr, b'f', b'user.b', small, 10))
            """
        ),
        .python(
            "rename with flags",
            """
            def rename(a, b, flags): return raw(libc.renameat2, AT_FDCWD, a, AT_FDCWD, b, flags)
            write('a', b'A'); write('b', b'B'); os.mkdir('d'); write('d/x', b'')
            print(rename(b'a', b'b', 1), read('a'), read('b'))
            print(rename(b'a', b'c', 1), sorted(os.listdir('.')))
            print(rename(b'c', b'b', 2), read('c'), read('b'))
            print(rename(b'c', b'd', 2), os.path.isdir('c'), read('d'), os.listdir('c'))
            print(rename(b'c', b'none', 2), rename(b'c', b'b', 3), rename(b'none', b'b', 0))
            print(name_of(os.rename, 'c', 'b'), name_of(os.rename, 'b', 'c'))
            os.mkdir('e'); print(name_of(os.rename, 'e', 'c'), name_of(os.rename, 'c', 'e'))
            print(name_of(os.rename, 'e', 'e/below'), sorted(os.listdir('.')), os.listdir('e'))
            print(os.stat('.').st_nlink)
            """
        ),
        .python(
            "set-id bits go when others write",
            """
            os.chmod('.', 0o777)
            def mode(path): return oct(os.stat(path).st_mode)
            write('f', b'x' * 10); os.chmod('f', 0o6777); as_nobody(lambda: write('f', b'y', 'r+b'))
            print(mode('f'))
            os.chmod('f', 0o6777); as_nobody(lambda: os.truncate('f', 1)); print(mode('f'))
            os.chmod('f', 0o6777); as_nobody(lambda: write('f', b'z', 'wb')); print(mode('f'))
            os.chmod('f', 0o6777); write('f', b'root', 'r+b'); print(mode('f'))
            os.chmod('f', 0o6777); os.chown('f', 1, 2); print(mode('f'))
            os.chmod('f', 0o2644); os.chown('f', 3, 3); print(mode('f'))
            os.mkdir('d'); os.chmod('d', 0o2755); os.chown('d', -1, 7); print(mode('d'))
            write('d/in', b''); os.mkdir('d/sub'); print(os.stat('d/in').st_gid, mode('d/sub'))
            os.chown('f', 65534, 5); os.chmod('f', 0o644)
            as_nobody(lambda: (os.chmod('f', 0o2755), mode('f')))
            """
        ),
        .python(
            "permissions are enforced",
            """
            os.chmod('.', 0o755); write('secret', b's'); os.chmod('secret', 0o600)
            os.mkdir('open'); os.chmod('open', 0o1777); write('open/mine', b''); os.mkdir('shut')
            os.chmod('shut', 0o711); write('shut/in', b'in')
            as_nobody(lambda: [name_of(read, 'secret'), name_of(write, 'new', b''),
                name_of(os.unlink, 'open/mine'), name_of(os.listdir, 'shut'), name_of(read,
                    'shut/in'),
                name_of(os.chmod, 'secret', 0o777), name_of(os.chown, 'secret', 65534, -1),
                name_of(os.rename, 'open/mine', 'open/yours'), name_of(os.utime, 'secret')])
            as_nobody(lambda: (write('open/theirs', b't'), os.stat('open/theirs').st_uid))
            os.umask(0o027); os.close(os.open('masked', os.O_CREAT, 0o777)); os.mkdir('md', 0o777)
            print(oct(os.stat('masked').st_mode), oct(os.stat('md').st_mode))
            """
        ),
        .python(
            "mapped files",
            """
            write('f', bytes(100_000)); fd = os.open('f', os.O_RDWR)
            with mmap.mmap(fd, 100_000) as m:
                m[5000:5005] = b'hello'; m[99_990:] = b'0123456789'; m.flush()
                os.pwrite(fd, b'written', 20_000); print(m[20_000:20_007])
            print(read('f')[5000:5005], read('f')[-10:], os.fstat(fd).st_size)
            with mmap.mmap(fd, 100_000, mmap.MAP_PRIVATE) as m: m[0:3] = b'not'
            print(read('f')[:3], sum(read('f')))
            """
        ),
        .python(
            "a listing under change",
            """
            os.mkdir('d')
            for i in range(700): write('d/keep-%03d' % i, b''); write('d/go-%03d' % i, b'')
            seen = []
            with os.scandir('d') as entries:
                for number, entry in enumerate(entries):
                    seen.append(entry.name)
                    if number < 700: os.unlink('d/go-%03d' % number); write('d/new-%03d' % number,
                        b'')
            kept = [name for name in seen if name.startswith('keep')]
            print(len(kept), len(set(kept)), len(seen) == len(set(seen)), len(os.listdir('d')))
            fd = os.open('d', os.O_RDONLY); print(sorted(os.listdir(fd)) == sorted(os.listdir('d')))
            os.mkdir('gone'); fd = os.open('gone', os.O_RDONLY); os.rmdir('gone')
            print(os.listdir(fd), name_of(os.open, 'gone/x', os.O_CREAT))
            """
        ),
        .python(
            "names of all lengths and bytes",
            """
            for length in [1, 254, 255, 256]: print(length, name_of(write, b'n' * length, b''))
            print(name_of(os.mkdir, 'm' * 256), name_of(os.stat, 's' * 256), name_of(os.unlink,
                'u' * 300))
            every = bytes(b for b in range(1, 256) if b != 47); os.mkdir(every[:200])
            write(every[200:], b'')
            print(len(os.listdir(b'.')), every[:200] in os.listdir(b'.'),
                every[200:] in os.listdir(b'.'))
            os.symlink('t' * 4000, 'long')
            print(len(os.readlink('long')), name_of(os.stat, 'none/x'))
            write('file', b''); print(name_of(os.stat, 'file/x'), name_of(os.mkdir, 'file'))
            print(name_of(os.rmdir, 'file'), name_of(os.unlink, b'n'), name_of(os.link, 'long',
                'long2'))
            """
        ),
        .python(
            "times to the nanosecond",
            """
            write('f', b'')
            for a, m in [(1, 2), (981173106_123456789, 4102444800_000000001), (-1_000000001, 0)]:
                os.utime('f', ns=(a, m)); s = os.stat('f'); print(s.st_atime_ns, s.st_mtime_ns)
            before = os.stat('f'); os.chmod('f', 0o600); after = os.stat('f')
            print(after.st_mtime_ns == before.st_mtime_ns, after.st_ctime_ns >= before.st_ctime_ns)
            write('f', b'more', 'ab'); s = os.stat('f'); print(s.st_mtime_ns > after.st_mtime_ns)
            os.mkdir('d'); os.utime('d', ns=(5, 6)); write('d/x', b'')
            print(os.stat('d').st_mtime_ns > 6)
            os.utime('d', ns=(5, 6)); os.unlink('d/x'); print(os.stat('d').st_mtime_ns > 6)
            os.symlink('f', 'l'); os.utime('l', ns=(7, 8), follow_symlinks=False)
            print(os.lstat('l').st_mtime_ns)
            """
        ),
    ]
}
