internal import Foundation
internal import TestSupport
internal import Testing

/// Whether this process may mount an overlay.
private let hasOverlay: Bool = {
    let known = try? String(contentsOfFile: "/proc/filesystems", encoding: .utf8)
    return geteuid() == 0 && known?.contains("\toverlay\n") == true
}()

/// A volume as the upper layer of overlayfs, which asks for more than programs do: RENAME_WHITEOUT,
/// devices 0, 0, `trusted.` attributes, files without names.
@Suite(
    .enabled(if: Mounted.isPossible && hasOverlay, "needs /dev/fuse, root and overlayfs"),
    .serialized
)
struct OverlayTests {
    @Test func aVolumeIsTheUpperLayerOfAnOverlay() throws {
        try Mounted.with(.volume) { mounted in
            let merged = try mounted.scratch.folder("merged")
            let lower = try mounted.scratch.folder("lower")
            try Tool.script(
                "mkdir -p d/e; echo low > f; echo a > gone; echo in > d/in; echo b > d/e/deep",
                in: lower
            )
            try mounted.script("mkdir upper work")
            let mount = """
                mount -t overlay none '\(merged)' \
                    -o lowerdir='\(lower)',upperdir=$PWD/upper,workdir=$PWD/work
                """
            let look = "find . -printf '%p %y %m\\n' | sort; cat f d/new d2/in"
            try mounted.script(mount)
            let before = try Tool.script(
                """
                echo more >> f; rm gone; mv d d2; mkdir d; echo new > d/new; chmod 700 d2/in
                rm -r d2/e; \(look)
                """,
                in: merged
            )
            let wanted = """
                . d 755
                ./d d 755
                ./d/new f 644
                ./d2 d 755
                ./d2/in f 700
                ./f f 644
                low
                more
                new
                in

                """
            #expect(before == wanted)
            try Tool.succeed("umount", [merged])
            #expect(
                try mounted.script("stat -c '%F %t %T' upper/gone")
                    == "character special file 0 0\n"
            )
            try mounted.remount()
            try mounted.script(mount)
            #expect(try Tool.script(look, in: merged) == wanted)
            try Tool.succeed("umount", [merged])
        }
    }
}
