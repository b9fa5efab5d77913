internal import Foundation
internal import TestSupport
internal import Testing

/// `-o writeback_cache`: what the kernel holds back is never taken for a hole
/// (`Docs/Decisions/0100-writeback-cache.md`).
@Suite(.enabled(if: Mounted.isPossible, "needs /dev/fuse: nothing is mounted here"), .serialized)
struct WritebackTests {
    static let options = ["allow_other", "suid", "dev", "writeback_cache"]

    /// One process holds 300 KB that were not written back, another copies the file.
    @Test(
        arguments: [
            "cp f g", "cp --sparse=always f g", "tar -S -cf t f && tar -xOf t f > g",
            "tar -cf t f && tar -xOf t f > g", "rsync -S f g",
        ]
    )
    func copiesOfAFileThatIsBeingWrittenAreWhole(_ command: String) throws {
        try Mounted.with(.volume, options: Self.options) { mounted in
            for before in ["", "printf '' > f", "printf 0123456789 > f; stat f > /dev/null"] {
                let output = try mounted.script(
                    """
                    rm -f f g t; \(before)
                    python3 - <<'END'
                    import os, subprocess
                    fd = os.open('f', os.O_RDWR | os.O_CREAT, 0o644)
                    data = os.urandom(300_000); os.write(fd, data)
                    print(os.stat('f').st_blocks >= 1)
                    subprocess.run('\(command)', shell=True, check=True)
                    print(open('g', 'rb').read() == data)
                    try: print(os.lseek(fd, 0, os.SEEK_DATA))
                    except OSError as error: print(os.strerror(error.errno))
                    END
                    """
                )
                #expect(output == "True\nTrue\nInvalid argument\n", "after '\(before)'")
            }
        }
    }

    @Test func timesThatWereSetSurviveLateWrites() throws {
        try Mounted.with(.volume, options: Self.options) { mounted in
            try mounted.script(
                """
                head -c 200000 /dev/urandom > a; touch -d '2001-02-03 04:05:06.789 UTC' a
                cp -p a b; rsync -t a c; cp -a a d
                """
            )
            let look = "stat -c '%n %Y %s' a b c d; cmp a b; cmp a c; cmp a d"
            let wanted = "abcd".map { "\($0) 981173106 200000\n" }.joined()
            #expect(try mounted.script(look) == wanted)
            try mounted.remount()
            #expect(try mounted.script(look) == wanted)
        }
    }

    @Test func holesAreFoundAgainWhenTheWriterIsGone() throws {
        try Mounted.with(.volume, options: Self.options) { mounted in
            let output = try mounted.script(
                """
                truncate -s 1M f; dd if=/dev/urandom of=f bs=4096 count=1 seek=10 conv=notrunc \
                    2> /dev/null; sync f
                python3 -c "import os; f = os.open('f', 0); print(os.lseek(f, 0, 3))"
                """
            )
            #expect(output == "40960\n")
        }
    }

    /// The same work as on a mount that writes through, but for holes of open files.
    @Test(
        arguments: (Workload.tools + Workload.contents).filter {
            $0.name != "holes are found and kept"
        }
    )
    func programsSeeNoDifference(_ workload: Workload) throws {
        let wanted = try Scratch.with { scratch in
            try Tool.script(workload.script, in: scratch.folder("reference"))
        }
        try Mounted.with(.volume, options: Self.options) { mounted in
            let output = try mounted.script(workload.script)
            #expect(output == wanted)
        }
    }
}
