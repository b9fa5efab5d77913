internal import Foundation
internal import TestSupport
internal import Testing

/// What programs see when the disk that the volume's state lies on has no room.
@Suite(
    .enabled(if: Mounted.isPossible && geteuid() == 0, "needs /dev/fuse, and root for a disk"),
    .serialized
)
struct FullDiskTests {
    /// Less than what stays free for the database and for removals, more than these need.
    private static let tooLittle = 100 << 20

    private static let prelude = """
        import errno, mmap, os, sys
        def answer(name, call, *arguments, **named):
            "Prints the name of a call's error, or nothing wrong."
            try: call(*arguments, **named); print(name, 'ok')
            except OSError as error: print(name, errno.errorcode[error.errno])
        def block(index): return (b'block %d ' % index).ljust(1 << 20, b'#')
        """

    private func python(_ mounted: Mounted, _ script: String) throws -> String {
        try mounted.script("python3 - <<'END'\n\(Self.prelude)\n\(script)\nEND")
    }

    @Test func aFullDiskTakesNothingNewKeepsAllAndGoesOn() throws {
        // Reading changes nothing here, so that only what is asked for needs room.
        let options = ["allow_other", "noatime"]
        try Mounted.with(.volume, options: options, diskSize: "600m") { mounted in
            try mounted.script(
                """
                echo kept > f; head -c 1000000 /dev/zero > cut; head -c 1000000 /dev/zero > punched
                mkdir full empty; echo a > full/a; : > grows; setfattr -n user.a -v b f; sync f
                """
            )
            try mounted.leaveFree(Self.tooLittle)
            // The disk is looked at again after some megabytes; what was taken until then counts.
            let taken = try python(
                mounted,
                """
                fd = os.open("grows", os.O_RDWR)
                for index in range(200):
                    try: os.pwrite(fd, block(index), index << 20)
                    except OSError as error: print(errno.errorcode[error.errno]); break
                print(os.fstat(fd).st_size >> 20)
                """
            ).split(separator: "\n")
            #expect(taken.first == "ENOSPC", "\(taken)")
            let blocks = try #require(taken.last.flatMap { Int($0) })
            let answers = try python(mounted, Self.calls)
            #expect(answers == Self.answers)
            func check() throws {
                let output = try python(
                    mounted,
                    """
                    with open('grows', 'rb') as file:
                        same = all(file.read(1 << 20) == block(i) for i in range(\(blocks)))
                        print(same, file.read())
                    print(open('f').read(), os.listdir('full'), os.getxattr('f', 'user.a'))
                    """
                )
                #expect(output == "True b''\nkept\n [] b'b'\n")
            }
            try check()
            // A mount that finds its disk full still shows what there is.
            try mounted.remount()
            try check()
            try mounted.leaveFree(500 << 20)
            let after = try python(
                mounted,
                """
                answer('write', os.pwrite, os.open('f2', os.O_CREAT | os.O_WRONLY), block(1), 0)
                answer('mkdir', os.mkdir, 'new')
                fd = os.open('f2', os.O_RDWR)
                answer('fsync', os.fsync, fd)
                print(os.pread(fd, 1 << 20, 0) == block(1))
                """
            )
            #expect(after == "write ok\nmkdir ok\nfsync ok\nTrue\n")
            try check()
        }
    }

    private static let calls = """
        fd = os.open('f', os.O_RDWR); cut = os.open('cut', os.O_RDWR)
        answer('write', os.pwrite, fd, b'x', 100)
        answer('create', os.open, 'new', os.O_CREAT)
        answer('tmpfile', os.open, '.', os.O_TMPFILE | os.O_RDWR)
        answer('mkdir', os.mkdir, 'new')
        answer('mknod', os.mkfifo, 'new')
        answer('symlink', os.symlink, 'f', 'new')
        answer('link', os.link, 'f', 'new')
        answer('rename', os.rename, 'f', 'new')
        answer('setxattr', os.setxattr, 'f', 'user.c', b'd' * 4000)
        answer('fallocate', os.posix_fallocate, fd, 0, 10 << 20)
        answer('copy_file_range', os.copy_file_range, cut, fd, 4096, 0, 0)
        answer('append', open('f', 'ab', buffering=0).write, b'x')
        with mmap.mmap(cut, 4096) as mapping:
            mapping[0] = 1
            answer('msync', mapping.flush)
        print(sorted(os.listdir('.')), open('f').read(), os.stat('f').st_size)
        answer('read', os.pread, fd, 10, 0)
        answer('fsync', os.fsync, fd)
        answer('unlink', os.unlink, 'full/a')
        answer('rmdir', os.rmdir, 'empty')
        answer('ftruncate', os.ftruncate, cut, 4096)
        answer('truncate', os.truncate, 'cut', 0)
        answer('open', os.open, 'punched', os.O_TRUNC | os.O_WRONLY)
        """

    private static let answers =
        [
            "write", "create", "tmpfile", "mkdir", "mknod", "symlink", "link", "rename", "setxattr",
            "fallocate", "copy_file_range", "append", "msync",
        ].map { "\($0) ENOSPC\n" }.joined()
        + "['cut', 'empty', 'f', 'full', 'grows', 'punched'] kept\n 5\n"
        + ["read", "fsync", "unlink", "rmdir", "ftruncate", "truncate", "open"]
        .map { "\($0) ok\n" }.joined()
}
