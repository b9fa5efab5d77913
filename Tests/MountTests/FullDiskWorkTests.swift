internal import Foundation
internal import TestSupport
internal import Testing

/// A mount whose local disk is full: a small filesystem in memory that another program fills.
@Suite(
    .enabled(if: Mounted.isPossible && geteuid() == 0, "needs /dev/fuse and root"),
    .serialized
)
struct FullDiskWorkTests {
    @Test func aFullDiskRefusesWritesLosesNothingAndIsForgottenWhenThereIsRoom() throws {
        try Scratch.with { scratch in
            let home = try scratch.folder("home")
            try Tool.succeed("mount", ["-t", "tmpfs", "-o", "size=640m", "small", home])
            let environment = ["WALRUSFS_HOME": home]
            func walrusfs(_ arguments: String...) throws {
                try Tool.succeed("walrusfs", arguments, environment: environment)
            }
            let mountpoint = try scratch.folder("mnt")
            try walrusfs("create", "--network", "none", "test")
            try walrusfs("mount", "test", mountpoint)
            let tree = try scratch.folder("tree")
            try Tool.script(
                """
                mkdir a b; head -c 40000000 /dev/urandom > a/big
                for i in $(seq 500); do echo "$i" > b/$i; done; ln -s b/1 link
                """,
                in: tree
            )
            func script(_ text: String) throws {
                try Tool.script(
                    text,
                    in: mountpoint,
                    environment: ["TREE": tree, "HOMES": home]
                )
            }
            try script("cp -a $TREE before; sync before/a/big")
            try script(
                """
                if dd if=/dev/zero of=$HOMES/filler bs=1M 2> /dev/null; then exit 1; fi
                [ "$(stat -f -c %a $HOMES)" = 0 ]
                if LC_ALL=C cp -a $TREE copy 2> error.txt; then exit 2; fi
                """
            )
            // The error's own file had no room either, or just enough.
            let refused = try Tool.run("cp", ["-a", tree, mountpoint + "/more"])
            #expect(refused.status != 0 && refused.errors.contains("No space left"), "\(refused)")
            try script(
                """
                diff -r $TREE before
                rm -r before/b; [ ! -e before/b ]; rm -rf copy more error.txt
                truncate -s 0 before/a/big; [ ! -s before/a/big ]
                sync before/a/big
                if mkdir new 2> /dev/null; then exit 1; fi
                rm $HOMES/filler
                """
            )
            try script("cp -a $TREE after; diff -r $TREE after; sync after/a/big; mkdir new")
            try walrusfs("umount", mountpoint)
            try walrusfs("fsck", "test")
            try walrusfs("mount", "test", mountpoint)
            try script("diff -r $TREE after; [ ! -e before/b ]; [ -d new ]")
            try walrusfs("umount", mountpoint)
        }
    }

    /// The process is killed while the disk is full, and comes back on the full disk.
    @Test func aKillOnAFullDiskLosesNothing() throws {
        try Scratch.with { scratch in
            let home = try scratch.folder("home")
            try Tool.succeed("mount", ["-t", "tmpfs", "-o", "size=448m", "small", home])
            let environment = ["WALRUSFS_HOME": home]
            let mountpoint = try scratch.folder("mnt")
            func walrusfs(_ arguments: String...) throws -> String {
                try Tool.succeed("walrusfs", arguments, environment: environment)
            }
            _ = try walrusfs("create", "--network", "none", "test")
            _ = try walrusfs("mount", "test", mountpoint)
            try Tool.script(
                """
                mkdir d; cd d; for i in $(seq 2000); do echo $i > $i; done
                dd if=/dev/zero of=\(home)/filler bs=1M 2> /dev/null || true
                rm 1 2 3
                (set +e; for i in $(seq 5000); do echo $i > more-$i || break; done) 2> /dev/null
                ls | sort > \(scratch.path)/names
                """,
                in: mountpoint
            )
            struct Status: Decodable { let pid: Int32 }
            let text = try walrusfs("status", "--json", "test")
            let status = try JSONDecoder().decode(Status.self, from: Data(text.utf8))
            #expect(kill(status.pid, SIGKILL) == 0)
            _ = try walrusfs("mount", "test", mountpoint)
            try Tool.script(
                """
                ls | sort | cmp - \(scratch.path)/names; [ "$(cat 77)" = 77 ]; [ ! -e 2 ]
                rm \(home)/filler; echo new > new
                """,
                in: mountpoint + "/d"
            )
            _ = try walrusfs("umount", mountpoint)
            _ = try walrusfs("fsck", "test")
        }
    }
}
