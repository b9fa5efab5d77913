internal import Foundation
internal import TestSupport
internal import Testing

/// Directories of many entries and files of many extents; `make stress` has larger ones.
@Suite(.enabled(if: Mounted.isPossible, "needs /dev/fuse: nothing is mounted here"), .serialized)
struct SizeTests {
    private static let many = PosixTests.isFull ? 200_000 : 10_000

    @Test func aDirectoryOfManyEntriesIsListedWholeAndEmptied() throws {
        try Mounted.with(.volume) { mounted in
            try mounted.script(
                """
                python3 - <<'END'
                import os
                os.mkdir('d')
                for i in range(\(Self.many)): os.close(os.open('d/%d' % i, os.O_CREAT))
                for i in range(0, \(Self.many), 3): os.unlink('d/%d' % i)
                END
                """
            )
            try mounted.remount()
            let output = try mounted.script(
                """
                python3 - <<'END'
                import os
                names = os.listdir('d')
                print(sorted(names) == sorted(str(i) for i in range(\(Self.many)) if i % 3))
                for name in names: os.unlink('d/' + name)
                os.rmdir('d'); print(os.listdir('.'))
                END
                """
            )
            #expect(output == "True\n[]\n")
        }
    }

    @Test func aFileOfManyExtentsIsReadCutAndFreed() throws {
        try Mounted.with(.volume) { mounted in
            try mounted.script(
                """
                python3 - <<'END'
                import os
                with open('f', 'wb') as f:
                    for i in range(\(Self.many)): os.pwrite(f.fileno(), b'%08d' % i, i * 8192)
                END
                """
            )
            try mounted.remount()
            let output = try mounted.script(
                """
                python3 - <<'END'
                import os
                with open('f', 'rb') as f:
                    fd = f.fileno()
                    print(all(os.pread(fd, 12, i * 8192) == b'%08d' % i + bytes(4)
                        for i in range(0, \(Self.many) - 1, 7)))
                    print(os.lseek(fd, 8192 * 77 + 8, os.SEEK_DATA) == 8192 * 78)
                os.truncate('f', 8192 * 100); print(os.stat('f').st_blocks)
                with open('f', 'r+b') as f:
                    os.pwrite(f.fileno(), bytes(8192 * 100), 0); print(os.stat('f').st_blocks)
                os.unlink('f')
                END
                """
            )
            #expect(output == "True\nTrue\n2\n1600\n")
            let used = try mounted.script("df --output=used -B1 . | tail -1")
            #expect(used.trimmingCharacters(in: .whitespacesAndNewlines) == "0")
        }
    }
}
