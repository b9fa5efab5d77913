internal import Foundation
internal import TestSupport
internal import Testing

/// What a mount tells Prometheus.
@Suite(.enabled(if: Fixture.canMount, "needs /dev/fuse: nothing is mounted here"), .serialized)
struct MetricsTests {
    @Test func aMountTellsOfItselfItsClientAndItsNetwork() throws {
        try Scratch.with { scratch in
            let fixture = try Fixture(scratch)
            let (mountpoint, volume) = (fixture.mountpoint, "photos")
            try fixture.walrusfs("create", "--network", fixture.networkURL, volume)
            try fixture.walrusfs("mount", "-o", "metrics=127.0.0.1:0", volume, mountpoint)
            try Tool.script("head -c 200000 /dev/urandom > file", in: mountpoint)
            try fixture.walrusfs("sync", mountpoint)
            let home = try #require(fixture.environment["WALRUSFS_HOME"])
            let log = try Tool.succeed("find", [home, "-name", "mount.log"])
            let page = try MetricsReader.page(log: String(log.dropLast()))
            func value(_ sample: String) -> Double {
                MetricsReader.value(sample, in: page) ?? -1
            }
            #expect(value("walrusfs_mount_info{volume=\"\(volume)\"}") == 1, "\(page)")
            #expect(value("walrusfs_requests_total{request=\"WRITE\"}") >= 1)
            #expect(value("walrusfs_dirty_bytes") == 0)
            #expect(value("walrusfs_checkpoint_sequence") >= 1)
            #expect(value("walrusfs_checkpoint_age_seconds") >= 0)
            #expect(value("walrusfs_lease_token") >= 1)
            #expect(value("walrusfs_stopped") == 0)
            #expect(value("walrusfs_sparse_bytes") == 0)
            #expect(value("walrusfs_moved_bytes_total") == 0)
            #expect(value("walrusfs_log_limit_bytes") == Double(4 << 30))
            #expect(value("walrus_client_blobs_certified_total") >= 1)
            #expect(value("walrus_client_uploaded_bytes_total") >= 200_000)
            #expect(value("walrus_client_node_requests_total{outcome=\"lie\"}") == 0)
            #expect(value("walrus_ledger_height") >= 1)
            for number in 0..<10 {
                let node = "node=\"node-0\(number)\""
                #expect(value("walrus_node_up{\(node)}") == 1)
                #expect(value("walrus_node_ready{\(node)}") == 1)
            }
            try fixture.walrusfs("umount", mountpoint)

            let wrong = try fixture.failing(
                "walrusfs",
                "mount",
                "-o",
                "metrics=nonsense",
                volume,
                mountpoint
            )
            #expect(wrong.status == 64, "\(wrong)")
            // An address that is taken is told, and nothing is mounted.
            let taken = try fixture.failing(
                "walrusfs",
                "mount",
                "-o",
                "metrics=unix:/nonexistent/socket",
                volume,
                mountpoint
            )
            #expect(taken.errors.contains("metrics can not be served"), "\(taken)")
            #expect(scratch.mounts.isEmpty)
        }
    }
}
