internal import Foundation
internal import TestSupport
internal import Testing

/// State directories that were copied, under real mounts.
@Suite(.enabled(if: Fixture.canMount, "needs /dev/fuse: nothing is mounted here"), .serialized)
struct AdoptTests {
    /// The original is gone with its process; the copy has work that nobody published.
    @Test func aCopyGoesOnWhereTheOriginalIsGone() throws {
        try Scratch.with { scratch in
            let fixture = try Fixture(scratch)
            let devnet = try Devnet.startSmall(fixture, leasePatience: "1s")
            try fixture.walrusfs("create", "--network", devnet.network, "volume")
            let own = try fixture.failing("walrusfs", "adopt", "volume")
            #expect(own.status == 64 && own.errors.contains("no copy"), "\(own)")
            try fixture.walrusfs("mount", "volume", fixture.mountpoint)
            let busy = try fixture.failing("walrusfs", "adopt", "volume")
            #expect(busy.status == 75, "\(busy)")
            try Tool.script("echo published > both", in: fixture.mountpoint)
            try fixture.walrusfs("sync", fixture.mountpoint)
            // Nothing is published while the ledger stands still.
            devnet.signalLedger(SIGSTOP)
            try Tool.script("seq 1 40000 > mine; sync mine", in: fixture.mountpoint)
            try Killing.now(fixture.mountPID())
            devnet.signalLedger(SIGCONT)
            let copy = try Machine(fixture, "copy")
            try Tool.succeed("cp", ["-a", scratch.path + "/home/volumes", copy.home + "/volumes"])
            _ = try Tool.run("umount", ["-l", fixture.mountpoint])

            let refused = try copy.run("mount", "volume", copy.mountpoint)
            #expect(refused.status == 76 && refused.errors.contains("adopt"), "\(refused)")
            try copy.walrusfs("adopt", "volume")
            // The original has the lease still, as far as anybody knows.
            let held = try copy.run("mount", "volume", copy.mountpoint)
            #expect(held.status == 75, "\(held)")
            let taken = try copy.run("mount", "--take-over", "volume", copy.mountpoint)
            #expect(taken.status == 0, "\(taken)")
            try copy.script("seq 1 40000 | cmp - mine; echo more > theirs")
            try copy.walrusfs("sync", copy.mountpoint)
            // Should it come back after all, the original does no harm.
            let back = try fixture.failing("walrusfs", "mount", "volume", fixture.mountpoint)
            #expect(back.status == 75, "\(back)")
            let third = try Machine(fixture, "third")
            try third.attach(devnet.network)
            try third.walrusfs("mount", "--follow", "volume", third.mountpoint)
            try third.script(
                "seq 1 40000 | cmp - mine; [ \"$(cat both theirs)\" = 'published\nmore' ]"
            )
            try third.walrusfs("umount", third.mountpoint)
            try copy.walrusfs("umount", copy.mountpoint)
            let again = try copy.run("adopt", "volume")
            #expect(again.status == 64, "\(again)")
        }
    }
}
