internal import BlobModel
internal import SystemIO

/// Reads of several rows: what is missing of them is computed together, from one set of others.
extension BlobClient {
    /// Rows under way at one time within one read.
    private static let rowsMax = 16

    private enum RowEvent: Sendable {
        case came(SliverIndex, [UInt8])
        case failed(SliverIndex)
        /// It takes longer than it usually does.
        case late(SliverIndex)
    }

    /// The bytes of these parts of rows, in order; every row is verified.
    func rows(
        _ pieces: [SourcePart],
        _ metadata: VerifiedBlobMetadata,
        _ peers: NodePeers
    ) async throws(BlobStoreError) -> [UInt8] {
        var rows = try await gather(pieces.map(\.sliver), metadata, peers)
        let missing = pieces.map(\.sliver).filter { rows[$0] == nil }
        if !missing.isEmpty {
            let sources = rows.keys.sorted().prefix(parameters.sourceRows).compactMap { row in
                rows[row].map { (sliver: row, bytes: $0) }
            }
            for (row, bytes) in try await compute(missing, from: sources, metadata) {
                rows[row] = bytes
            }
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(pieces.reduce(0) { $0 + $1.range.count })
        for piece in pieces {
            guard let row = rows[piece.sliver] else {
                preconditionFailure("Row \(piece.sliver) was fetched or computed.")
            }
            bytes.append(contentsOf: row[piece.range])
        }
        return bytes
    }

    /// All of these rows, or as many others as they can be computed from.
    private func gather(
        _ wanted: [SliverIndex],
        _ metadata: VerifiedBlobMetadata,
        _ peers: NodePeers
    ) async throws(BlobStoreError) -> [SliverIndex: [UInt8]] {
        func holder(of row: SliverIndex) -> Int {
            peers.holder(of: row, .primary, blob: metadata.blobID).member
        }
        var gathering = RowGathering(
            needed: parameters.sourceRows,
            wanted: wanted,
            others: candidates(besides: Set(wanted), blob: metadata.blobID, peers)
        ) { peers.isUsable(holder(of: $0)) }
        var rows: [SliverIndex: [UInt8]] = [:]
        await withTaskGroup(of: RowEvent.self) { group in
            func ask() {
                for row in gathering.requests(limit: Self.rowsMax) {
                    group.addTask { await self.row(row, metadata, peers) }
                    let delay = peers.hedgeDelay(for: holder(of: row))
                    group.addTask {
                        // Cancelled when enough has come; waking early then does nothing.
                        try? await self.environment.time.sleep(for: delay)
                        return .late(row)
                    }
                }
            }
            ask()
            while !gathering.isComplete, !gathering.isHopeless, !Task.isCancelled,
                let event = await group.next()
            {
                switch event {
                case .came(let row, let bytes):
                    rows[row] = bytes
                    gathering.came(row)
                case .failed(let row): gathering.failed(row)
                case .late(let row): gathering.isLate(row)
                }
                ask()
            }
            group.cancelAll()
        }
        guard gathering.isComplete else {
            if Task.isCancelled { throw .cancelled }
            throw .unavailable("Too few slivers of blob \(metadata.blobID) can be reached.")
        }
        for row in gathering.late { peers.isSlow(holder(of: row)) }
        return rows
    }

    private func row(
        _ row: SliverIndex,
        _ metadata: VerifiedBlobMetadata,
        _ peers: NodePeers
    ) async -> RowEvent {
        do throws(NodeError) {
            return .came(row, try await verifiedSliver(row, metadata, peers).bytes)
        } catch {
            // `ask` has told of it; other rows take its place.
            return .failed(row)
        }
    }

    /// Rows that nobody gave, each compared with the metadata: if one differs although its sources
    /// were right, the blob was encoded inconsistently.
    private func compute(
        _ missing: [SliverIndex],
        from sources: [(sliver: SliverIndex, bytes: [UInt8])],
        _ metadata: VerifiedBlobMetadata
    ) async throws(BlobStoreError) -> [(SliverIndex, [UInt8])] {
        guard let computed = await coding.rebuild(missing, from: sources, metadata) else {
            throw .corrupt(metadata.blobID, "Its slivers do not decode.")
        }
        let rows = Array(zip(missing, computed))
        let areRight = await withTaskGroup(of: Bool.self) { group in
            for (row, bytes) in rows {
                group.addTask { await self.coding.isRow(bytes, row, of: metadata) }
            }
            return await group.reduce(true) { $0 && $1 }
        }
        guard areRight else { throw .inconsistent(metadata.blobID) }
        return rows
    }
}
