internal import Foundation
internal import TestSupport
internal import Testing

/// What a comparison with the local filesystem can not show: remounts, options, and what is larger
/// here than there.
@Suite(.enabled(if: Mounted.isPossible, "needs /dev/fuse: nothing is mounted here"), .serialized)
struct FileLifeTests {
    /// Performs one case of `posix-calls` on the mount and returns the answers to its lines.
    private func perform(_ lines: [String], _ mounted: Mounted) throws -> [String] {
        let item = PosixCase("case", lines)
        let run = try PosixRun.perform([item], in: mounted.mountpoint, as: "0:0", mounted.scratch)
        return (run.answers["case"] ?? []).filter { !$0.hasPrefix("=") }
            .map { String($0.drop { $0 != " " }.dropFirst()) }
    }

    @Test(arguments: [1, 2, 3, 20_261_125] as [UInt64])
    func randomWorkOnOneFileAgreesWithMemoryAlsoAfterARemount(_ seed: UInt64) throws {
        let factor = PosixTests.isFull ? 20 : 1
        let words = "\(seed) \(4000 * factor) 1500000 ../../fsx"
        try Mounted.with(.volume) { mounted in
            let first = try perform(["fsx run \(words)"], mounted)
            #expect(first.first?.hasPrefix("same ") == true, "seed \(seed): \(first)")
            try mounted.remount()
            #expect(try perform(["fsx check \(words)"], mounted) == first, "seed \(seed)")
        }
    }

    @Test func attributesTakeSixtyFourKilobytes() throws {
        try Mounted.with(.volume) { mounted in
            let names = (0..<270).map { "user." + String(repeating: "x", count: 245) + "\($0)" }
            let answers = try perform(
                [
                    "put a f", "setxattr create user.v *65536 f", "sizexattr user.v 0 f",
                    "sizexattr user.v 65535 f", "sizexattr user.v 65536 f",
                    "setxattr any trusted.v *65536 f", "setxattr any security.v *65536 f",
                    "removexattr user.v f",
                ] + names.map { "setxattr create \($0) v f" }
                    + ["setxattr create user.\(String(repeating: "y", count: 250)) v f"],
                mounted
            )
            #expect(
                answers.prefix(8) == ["1", "0", "65536", "ERANGE", "65536", "0", "0", "0"],
                "\(answers.prefix(8))"
            )
            #expect(answers.contains("ENOSPC"), "a list of names has 64 KiB too")
        }
    }

    @Test func inodeNumbersAndTimesStayOverRemounts() throws {
        try Mounted.with(.volume) { mounted in
            try mounted.script(
                """
                mkdir d; echo a > d/f; ln d/f g; ln -s f d/l; mknod n c 1 3; mkfifo p
                setfacl -m u:1001:rw d/f; setfacl -d -m g:1001:rx d; setfattr -n user.a -v b d/f
                touch -d '1901-12-14 00:00:00.000000001 UTC' d/f; touch -hd '2446-01-01 UTC' d/l
                truncate -s 1G sparse
                """
            )
            let look =
                "find . -printf '%p %i %n %m %U:%G %s %A@ %T@ %C@ %y\\n' | sort; "
                + "getfacl -R . ; getfattr -Rd -m - ."
            // Looking is an access, which counts the first time.
            try mounted.script(look)
            let before = try mounted.script(look)
            try mounted.remount()
            #expect(try mounted.script(look) == before)
        }
    }

    /// An NFS server keeps handles of files and opens them by these, also when the kernel has
    /// forgotten the inode: those of files, not only of directories, were stale then.
    @Test func fileHandlesOpenTheSameFilesAfterARemount() throws {
        let handles = """
            import ctypes, os, sys
            libc = ctypes.CDLL(None, use_errno=True)
            class Handle(ctypes.Structure):
                _fields_ = [('size', ctypes.c_uint), ('kind', ctypes.c_int),
                    ('bytes', ctypes.c_ubyte * 128)]
            def make(path):
                handle, mount = Handle(size=128), ctypes.c_int()
                if libc.name_to_handle_at(-100, path.encode(), ctypes.byref(handle),
                        ctypes.byref(mount), 0) != 0: return os.strerror(ctypes.get_errno())
                return '%d:%s' % (handle.kind, bytes(handle.bytes)[:handle.size].hex())
            def find(text):
                "What is in the file that a handle is of."
                kind, data = text.split(':')
                handle = Handle(size=len(data) // 2, kind=int(kind))
                ctypes.memmove(handle.bytes, bytes.fromhex(data), handle.size)
                top = os.open('.', os.O_RDONLY)
                file = libc.open_by_handle_at(top, ctypes.byref(handle), os.O_RDONLY)
                if file < 0: return os.strerror(ctypes.get_errno())
                try: return os.read(file, 100).decode().strip()
                except IsADirectoryError: return sorted(os.listdir(file))
            """
        try Mounted.with(.volume) { mounted in
            func python(_ line: String) throws -> String {
                try mounted.script("python3 - <<'END'\n\(handles)\n\(line)\nEND")
            }
            try mounted.script("echo a > f; mkdir -p d/e; echo b > d/e/g; echo c > gone")
            let names = ["f", "d", "d/e", "d/e/g", "gone"]
            let make = "print([make(name) for name in \(names)])"
            let before = try python(make)
            try mounted.script("rm gone")
            try mounted.remount()
            let found = try python("print([find(handle) for handle in \(before)])")
            #expect(found == "['a', ['e'], ['g'], 'b', 'Stale file handle']\n")
            // A later file has neither that number nor that generation.
            try mounted.script("echo d > gone")
            let after = try python(make).split(separator: ",")
            let wanted = before.split(separator: ",")
            #expect(after.count == 5 && after.dropLast() == wanted.dropLast())
            #expect(after.last != wanted.last)
        }
    }

    @Test func statfsTellsWhatIsThere() throws {
        try Mounted.with(.volume) { mounted in
            func used() throws -> Int {
                let text = try mounted.script("df --output=used -B1 . | tail -1")
                return Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) ?? -1
            }
            func inodes() throws -> Int {
                let text = try mounted.script("df --output=iused . | tail -1")
                return Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) ?? -1
            }
            let before = (try used(), try inodes())
            try mounted.script("head -c 1048576 /dev/zero > f; truncate -s 1T hole; mkdir d")
            #expect(try used() == before.0 + 1_048_576, "bytes that are not holes")
            #expect(try inodes() == before.1 + 3)
            try mounted.script("rm f hole; rmdir d")
            #expect(try used() == before.0)
            #expect(try inodes() == before.1)
        }
    }

    @Test func aFilesStatusIsTold() throws {
        try Mounted.with(.volume) { mounted in
            let text = try mounted.script(
                "echo abc > f; getfattr --only-values -n walrusfs.status f; getfattr -d -m - f"
            )
            #expect(text == "dirty dirty=4 uploading=0 certified=0")
            let refused = try Tool.run(
                "setfattr",
                ["-n", "walrusfs.status", "-v", "x", mounted.mountpoint + "/f"]
            )
            #expect(refused.errors.contains("not permitted"), "\(refused)")
        }
    }
}
