internal import Foundation
internal import TestSupport
internal import Testing

/// What `-o` changes.
@Suite(.enabled(if: Mounted.isPossible, "needs /dev/fuse: nothing is mounted here"), .serialized)
struct MountOptionTests {
    @Test func readOnlyMountsChangeNothing() throws {
        try Mounted.with(.volume) { mounted in
            try mounted.script("echo a > f; touch -ad 2001-01-01 f; mkdir d")
            try mounted.remount(["ro"])
            let output = try mounted.script(
                """
                for command in 'touch f' 'touch new' 'rm f' 'mkdir e' 'rmdir d' 'mv f g' 'ln f g' \
                    'ln -s f l' 'chmod 600 f' 'chown 1 f' 'truncate -s 0 f' 'mkfifo p' \
                    'setfattr -n user.a -v b f' 'setfacl -m u:1:r f'; do
                    if [[ "$($command 2>&1)" == *Read-only* ]]; then echo refused; fi
                done; cat f; ls; stat -c %x f
                """
            )
            let lines = output.split(separator: "\n")
            #expect(lines.filter { $0 == "refused" }.count == 14, "\(output)")
            #expect(lines.suffix(4).prefix(3) == ["a", "d", "f"], "\(output)")
            #expect(lines.last?.hasPrefix("2001-01-01") == true, "reading is no change: \(output)")
        }
    }

    @Test func accessTimesAreLeftWhenAskedTo() throws {
        let read =
            "touch -ad 2001-01-01 f; dd if=f iflag=direct of=/dev/null 2> /dev/null; "
            + "stat -c %x f"
        for (options, changes) in [(["noatime"], false), (["relatime"], true), ([], true)] {
            try Mounted.with(.volume, options: options) { mounted in
                let time = try mounted.script("head -c 8192 /dev/zero > f; " + read)
                #expect(time.hasPrefix("2001-01-01") != changes, "\(options): \(time)")
            }
        }
    }

    @Test func devicesAndSetIDProgramsCountOnlyWhenAllowed() throws {
        let use = """
            mknod null c 1 3; chmod 666 null; cp /usr/bin/id id; chmod 4755 id
            if echo x > null; then echo device; fi 2> /dev/null || true
            setpriv --reuid 1001 --regid 1001 --clear-groups ./id -u
            """
        try Mounted.with(.volume, options: ["allow_other", "dev", "suid"]) { mounted in
            let output = try mounted.script(use)
            #expect(output == "device\n0\n")
        }
        try Mounted.with(.volume, options: ["allow_other", "nodev", "nosuid"]) { mounted in
            let output = try mounted.script(use)
            #expect(output == "1001\n")
        }
    }

    @Test func programsAreNotRunWhenForbidden() throws {
        try Mounted.with(.volume, options: ["noexec"]) { mounted in
            try mounted.script("cp /usr/bin/true t")
            let result = try Tool.run("bash", ["-c", "./t"], in: mounted.mountpoint)
            #expect(result.errors.contains("Permission denied"), "\(result)")
        }
    }
}
