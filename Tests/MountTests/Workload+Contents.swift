/// Bytes of files: holes, ranges, order.
extension Workload {
    static let contents: [Workload] = [
        .python(
            "holes are found and kept",
            """
            def seek(fd, at, whence): return name_of(os.lseek, fd, at, whence)
            fd = os.open('f', os.O_RDWR | os.O_CREAT, 0o600); M = 1 << 20
            os.pwrite(fd, b'd' * 65536, 4 * M); os.ftruncate(fd, 10 * M)
            print(seek(fd, 0, os.SEEK_DATA), seek(fd, 0, os.SEEK_HOLE), seek(fd, 4 * M,
                os.SEEK_HOLE))
            print(seek(fd, 5 * M, os.SEEK_DATA), seek(fd, 10 * M, os.SEEK_DATA), seek(fd, 11 * M,
                3))
            print(os.fstat(fd).st_blocks * 512 < 2 * M, os.fstat(fd).st_size)
            print(raw(libc.fallocate, fd, 3, ctypes.c_long(4 * M), ctypes.c_long(32768)))
            data = os.pread(fd, 65536, 4 * M); print(data.count(b'\\0'), data.count(b'd'))
            print(seek(fd, 0, os.SEEK_DATA) == 4 * M + 32768)
            print(raw(libc.fallocate, fd, 0x10, ctypes.c_long(4 * M), ctypes.c_long(40000)))
            print(os.pread(fd, 65536, 4 * M).count(b'd'))
            print(raw(libc.fallocate, fd, 0, ctypes.c_long(10 * M), ctypes.c_long(M)),
                os.fstat(fd).st_size)
            print(raw(libc.fallocate, fd, 1, ctypes.c_long(12 * M), ctypes.c_long(M)),
                os.fstat(fd).st_size)
            os.system('cp --sparse=always f g && cmp f g')
            print(os.stat('g').st_blocks * 512 < 3 * M)
            """
        ),
        .python(
            "random reads and writes agree with memory",
            """
            seed = 20261123; r = random.Random(seed); model = bytearray()
            fd = os.open('f', os.O_RDWR | os.O_CREAT, 0o600); top = 600_000
            for step in range(1500):
                at, n = r.randrange(top), r.choice([1, 7, 512, 4096, 5000, 70_000, 200_000])
                n = min(n, top - at); kind = r.randrange(10)
                if kind < 4:
                    data = r.randbytes(n); os.pwrite(fd, data, at)
                    if len(model) < at: model.extend(bytes(at - len(model)))
                    model[at:at + n] = data
                elif kind < 7:
                    assert os.pread(fd, n, at) == bytes(model[at:at + n]), (seed, step)
                elif kind == 7:
                    os.ftruncate(fd, at)
                    model = model[:at] + bytes(max(0, at - len(model)))
                elif kind == 8:
                    libc.fallocate(fd, 3, ctypes.c_long(at), ctypes.c_long(n)) if n else None
                    end = min(at + n, len(model)); model[at:end] = bytes(max(0, end - at))
                else:
                    to = r.randrange(top); n = min(n, max(0, len(model) - at), abs(to - at))
                    if n > 0:
                        c = os.copy_file_range(fd, fd, n, at, to); assert c == n, (c, n, seed, step)
                        if len(model) < to: model.extend(bytes(to - len(model)))
                        model[to:to + n] = model[at:at + n]
                assert os.fstat(fd).st_size == len(model), (seed, step)
            os.fsync(fd); os.close(fd); print(read('f') == bytes(model), len(model))
            """
        ),
        .python(
            "an unlinked file lives while it is open",
            """
            fd = os.open('f', os.O_RDWR | os.O_CREAT, 0o600); os.write(fd, b'x' * 100_000)
            os.unlink('f')
            print(os.fstat(fd).st_nlink, len(os.pread(fd, 200_000, 0)), os.listdir('.'))
            write('f', b'new'); os.pwrite(fd, b'old', 0); print(read('f'), os.pread(fd, 3, 0))
            write('g', b'g'); fd2 = os.open('g', os.O_RDONLY); os.rename('f', 'g')
            print(os.read(fd2, 9))
            """
        ),
        .python(
            "appends of many processes do not mix",
            """
            children = []
            for letter in b'abcd':
                child = os.fork()
                if child == 0:
                    fd = os.open('f', os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
                    for _ in range(200): os.write(fd, bytes([letter]) * 99 + b'\\n')
                    os._exit(0)
                children.append(child)
            for child in children: os.waitpid(child, 0)
            lines = read('f').splitlines(); print(len(lines), all(len(set(l)) == 1 for l in lines))
            print(sorted({l[:1] for l in lines}))
            """
        ),
        .python(
            "open flags",
            """
            write('f', b'12345'); os.close(os.open('f', os.O_WRONLY | os.O_TRUNC)); print(read('f'))
            print(name_of(os.open, 'f', os.O_CREAT | os.O_EXCL), name_of(os.open, 'no',
                os.O_RDONLY))
            print(name_of(os.open, '.', os.O_WRONLY), name_of(os.open, 'f', os.O_DIRECTORY))
            os.symlink('f', 'l'); print(name_of(os.open, 'l', os.O_NOFOLLOW))
            fd = os.open('s', os.O_CREAT | os.O_WRONLY | os.O_SYNC, 0o600)
            print(os.write(fd, b'now'))
            fd = os.open('f', os.O_RDONLY); print(name_of(os.write, fd, b'x'))
            fd = os.open('f', os.O_RDWR)
            print(name_of(os.lseek, fd, -1, 0), os.pread(fd, 10, 1 << 40))
            print(name_of(os.ftruncate, fd, (1 << 32) + 5), os.fstat(fd).st_size)
            """
        ),
        .python(
            "locks",
            """
            fd = os.open('f', os.O_RDWR | os.O_CREAT, 0o600); fcntl.flock(fd, fcntl.LOCK_EX)
            other = os.open('f', os.O_RDWR)
            print(name_of(fcntl.flock, other, fcntl.LOCK_EX | fcntl.LOCK_NB))
            fcntl.flock(fd, fcntl.LOCK_UN)
            print(name_of(fcntl.flock, other, fcntl.LOCK_EX | fcntl.LOCK_NB))
            fcntl.lockf(fd, fcntl.LOCK_EX, 10, 0)
            sys.stdout.flush(); child = os.fork()
            if child == 0:
                print(name_of(fcntl.lockf, other, fcntl.LOCK_EX | fcntl.LOCK_NB, 5,
                    0) in ('EAGAIN', 'EACCES'))
                print(name_of(fcntl.lockf, other, fcntl.LOCK_EX | fcntl.LOCK_NB, 5, 10))
                sys.stdout.flush(); os._exit(0)
            os.waitpid(child, 0)
            """
        ),
        .python(
            "large files in large steps",
            """
            block = bytes(range(256)) * 4096
            with open('f', 'wb', buffering=0) as file:
                for i in range(24): file.write(bytes([i]) + block[1:])
            with open('f', 'rb', buffering=0) as file:
                print([file.read(1 << 20)[0] for _ in range(24)], file.read(1))
            fd = os.open('f', os.O_RDONLY | os.O_DIRECT)
            buffer = mmap.mmap(-1, 1 << 20)
            print(os.preadv(fd, [buffer], 5 << 20), buffer[0], buffer[1])
            """
        ),
    ]
}
