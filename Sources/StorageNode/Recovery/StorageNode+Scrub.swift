// Disks forget: bits turn, sectors go. A node reads over all that it stores, slowly, holds it
// against checksums and against the hashes in the metadata, drops what is not right any more, and
// has it recovered while others still have theirs.

internal import BlobModel
internal import ErasureCoding
internal import Synchronization
internal import SystemIO

/// How a node reads over what it stores.
package struct ScrubSettings: Sendable {
    /// Bytes per second.
    package var rate = 4 << 20
    /// From the start of the node, or from the end of a pass, to the next one.
    package var firstPause = Duration.seconds(600)
    package var pause = Duration.seconds(86_400)

    package init() {}
}

/// What reading over has found since the node started.
package struct ScrubStatus: Sendable, Equatable {
    package var passes = 0
    package var sliversChecked = 0
    package var bytesChecked = 0
    /// Slivers and metadata that were not as they were written.
    package var damaged = 0
}

/// What the scrub of a node remembers while it runs.
final class Scrubbing: Sendable {
    // Guards the counters.
    let status = Mutex(ScrubStatus())
}

extension StorageNode {
    package var scrubStatus: ScrubStatus { scrubbing.status.withLock { $0 } }

    private static let scrubPage = 64

    func scrubForEver() async {
        var pause = configuration.scrub.firstPause
        while !Task.isCancelled {
            do {
                try await time.sleep(for: pause)
                try await scrub()
                pause = configuration.scrub.pause
            } catch {
                // A disk that failed was noticed; the next pass begins as late as the first.
                pause = configuration.scrub.firstPause
            }
        }
    }

    /// Reads over everything once, at the rate of the configuration.
    package func scrub() async throws {
        var position: BlobID?
        repeat {
            let after = position
            let page = try await reading { store throws(NodeStoreError) in
                try store.blobs(after: after, limit: Self.scrubPage).map(\.blob)
            }
            for blob in page {
                let bytes = try await scrub(blob)
                try await time.sleep(for: .seconds(1) * bytes / max(1, configuration.scrub.rate))
            }
            position = page.count < Self.scrubPage ? nil : page.last
        } while position != nil
        scrubbing.status.withLock { $0.passes += 1 }
    }

    /// Reads over what is here of a blob, and says how many bytes that was.
    private func scrub(_ blob: BlobID) async throws(NodeError) -> Int {
        let metadata = try await reading { [self] store throws(NodeStoreError) in
            do throws(NodeStoreError) {
                return try store.verifiedMetadata(of: blob, parameters)
            } catch {
                guard case .damaged(let what) = error else { throw error }
                try dropMetadata(of: blob, what, store)
                return nil
            }
        }
        // Without metadata there is nothing to hold the slivers against; it is recovered first.
        guard let metadata else { return 0 }
        var bytes = parameters.shardCount * 66
        for axis in SliverAxis.allCases {
            for name in names(of: blob, axis) {
                bytes += try await reading { [self] store throws(NodeStoreError) in
                    try scrub(name, metadata, store)
                }
            }
        }
        return bytes
    }

    private func scrub(
        _ name: SliverName,
        _ metadata: VerifiedBlobMetadata,
        _ store: any NodeStore
    ) throws(NodeStoreError) -> Int {
        do throws(NodeStoreError) {
            guard let sliver = try store.sliver(name) else { return 0 }
            do throws(SliverVerificationError) {
                _ = try SliverVerifier(codec, metadata).verify(sliver.sliver)
            } catch {
                throw .damaged("\(error)")
            }
            scrubbing.status.withLock { status in
                status.sliversChecked += 1
                status.bytesChecked += sliver.bytes.count
            }
            return sliver.bytes.count
        } catch {
            guard case .damaged(let what) = error else { throw error }
            notice(.damagedSliver(name, what))
            try store.forget(name)
            scrubbing.status.withLock { $0.damaged += 1 }
            wasDamaged(name.blob)
            return metadata.sliverLength(name.axis)
        }
    }

    /// Drops metadata that is not as it was written, and has it recovered.
    func dropMetadata(
        of blob: BlobID,
        _ what: String,
        _ store: any NodeStore
    ) throws(NodeStoreError) {
        notice(.damagedMetadata(blob, what))
        try store.forgetMetadata(of: blob)
        scrubbing.status.withLock { $0.damaged += 1 }
        wasDamaged(blob)
    }
}
