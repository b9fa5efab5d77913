package import BlobModel
internal import SystemIO
internal import Telemetry

/// Reads come from systematic rows where these can be had, and else from any k_p others.
extension BlobClient {
    /// Rows under way at one time within one read.
    private static let piecesMax = 16

    /// Reads `range` of a blob, all of it or nothing.
    package func read(
        _ blob: BlobID,
        range: Range<UInt64>,
        authentication: ReadAuthentication
    ) async throws(BlobStoreError) -> [UInt8] {
        do throws(BlobStoreError) {
            return try await readAnywhere(blob, range, authentication)
        } catch {
            guard error.mayBeOfCommittee, !Task.isCancelled, await isRefusedAsInvalid(blob) else {
                throw error
            }
            forget(blob)
            throw .inconsistent(blob)
        }
    }

    private func readAnywhere(
        _ blob: BlobID,
        _ range: Range<UInt64>,
        _ authentication: ReadAuthentication
    ) async throws(BlobStoreError) -> [UInt8] {
        // The failure to report is that of the read.
        if peers.takeDoubt() { try? await refreshCommittee() }
        var tried: [Committee] = []
        var failure = BlobStoreError.cancelled
        while true {
            for peers in readers where !tried.contains(peers.committee) {
                tried.append(peers.committee)
                do throws(BlobStoreError) {
                    let bytes = try await readOnce(blob, range, authentication, peers)
                    environment.counters.readBytes.add(UInt64(bytes.count))
                    return bytes
                } catch {
                    guard error.mayBeOfCommittee else { throw error }
                    // What the current committee says counts, and it is the last to be asked.
                    failure = error
                }
            }
            // Nodes, addresses or shards may have moved since they were asked for.
            try? await refreshCommittee()
            let isNew = readers.contains { !tried.contains($0.committee) }
            guard isNew, !Task.isCancelled else { throw failure }
        }
    }

    private func readOnce(
        _ blob: BlobID,
        _ range: Range<UInt64>,
        _ authentication: ReadAuthentication,
        _ peers: NodePeers
    ) async throws(BlobStoreError) -> [UInt8] {
        let metadata = try await metadata(of: blob, from: peers)
        guard range.upperBound <= metadata.unencodedLength else {
            throw .invalidRequest(
                "Bytes \(range) of a blob of \(metadata.unencodedLength) bytes."
            )
        }
        guard !range.isEmpty else { return [] }
        let pieces = parameters.sourceParts(of: range, symbolSize: metadata.symbolSize)
        if pieces.count == 1 {
            return try await piece(pieces[0], metadata, authentication, peers).get()
        }
        if authentication == .store { return try await rows(pieces, metadata, peers) }
        let results = await read(pieces, metadata, authentication, peers)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(range.count)
        for result in results { bytes.append(contentsOf: try result.get()) }
        return bytes
    }

    private func read(
        _ pieces: [SourcePart],
        _ metadata: VerifiedBlobMetadata,
        _ authentication: ReadAuthentication,
        _ peers: NodePeers
    ) async -> [Result<[UInt8], BlobStoreError>] {
        var results = [Result<[UInt8], BlobStoreError>](
            repeating: .failure(.cancelled),
            count: pieces.count
        )
        await withTaskGroup(of: (Int, Result<[UInt8], BlobStoreError>).self) { group in
            var next = 0
            func startNext() {
                guard next < pieces.count else { return }
                let index = next
                next += 1
                group.addTask {
                    (index, await self.piece(pieces[index], metadata, authentication, peers))
                }
            }
            for _ in 0..<Self.piecesMax { startNext() }
            while let (index, result) = await group.next() {
                results[index] = result
                if case .failure = result {
                    group.cancelAll()
                    // The reason is at `index`; those before it may only have been cancelled.
                    results[0] = result
                    return
                }
                startNext()
            }
        }
        return results
    }

    private enum PieceEvent: Sendable {
        case direct(Result<[UInt8], NodeError>)
        case hedge
        case rebuilt(Result<[UInt8], BlobStoreError>)
    }

    /// One row's bytes, from its holder or rebuilt, whichever comes first.
    ///
    /// Rebuilding begins when the holder fails or is slower than it usually is.
    private func piece(
        _ piece: SourcePart,
        _ metadata: VerifiedBlobMetadata,
        _ authentication: ReadAuthentication,
        _ peers: NodePeers
    ) async -> Result<[UInt8], BlobStoreError> {
        let holder = peers.holder(of: piece.sliver, .primary, blob: metadata.blobID)
        guard peers.isUsable(holder.member) else {
            let rebuilt = await rebuild(piece, metadata, authentication, peers)
            if case .success = rebuilt { return rebuilt }
            // The circuit is only a guess; the holder is the last to be asked.
            return await direct(piece, metadata, authentication, peers)
                .flatMapError { _ in rebuilt }
        }
        return await withTaskGroup(of: PieceEvent.self) { group in
            group.addTask {
                .direct(await self.direct(piece, metadata, authentication, peers))
            }
            group.addTask {
                // Cancelled when the answer came; waking early then does nothing.
                try? await self.environment.time.sleep(
                    for: peers.hedgeDelay(for: holder.member)
                )
                return .hedge
            }
            defer { group.cancelAll() }
            var isRebuilding = false
            var directFailed = false
            var failure: BlobStoreError?
            while let event = await group.next() {
                switch event {
                case .direct(.success(let bytes)): return .success(bytes)
                case .rebuilt(.success(let bytes)):
                    if !directFailed { peers.isSlow(holder.member) }
                    return .success(bytes)
                case .direct(.failure): directFailed = true
                case .rebuilt(.failure(let error)): failure = error
                case .hedge: break
                }
                if Task.isCancelled { return .failure(.cancelled) }
                if directFailed, let failure { return .failure(failure) }
                if !isRebuilding {
                    isRebuilding = true
                    group.addTask {
                        .rebuilt(await self.rebuild(piece, metadata, authentication, peers))
                    }
                }
            }
            return .failure(failure ?? .cancelled)
        }
    }

    private func direct(
        _ piece: SourcePart,
        _ metadata: VerifiedBlobMetadata,
        _ authentication: ReadAuthentication,
        _ peers: NodePeers
    ) async -> Result<[UInt8], NodeError> {
        do throws(NodeError) {
            switch authentication {
            case .caller:
                return .success(
                    try await symbolBytes(piece.range, of: piece.sliver, metadata, peers)
                )
            case .store:
                let sliver = try await verifiedSliver(piece.sliver, metadata, peers)
                return .success(Array(sliver.bytes[piece.range]))
            }
        } catch {
            return .failure(error)
        }
    }

    /// Bytes of a primary sliver as its holder says they are.
    func symbolBytes(
        _ range: Range<Int>,
        of row: SliverIndex,
        _ metadata: VerifiedBlobMetadata,
        _ peers: NodePeers
    ) async throws(NodeError) -> [UInt8] {
        let holder = peers.holder(of: row, .primary, blob: metadata.blobID)
        return try await peers.ask(holder.member) { (node) throws(NodeError) in
            let bytes = try await node.sliverBytes(
                holder.name,
                range: range,
                of: metadata.sliverLength(.primary)
            )
            guard bytes.count == range.count else {
                throw .malformed("\(bytes.count) of \(range.count) bytes of \(holder.name)")
            }
            return bytes
        }
    }

    /// A primary sliver that hashes to what the metadata says.
    func verifiedSliver(
        _ row: SliverIndex,
        _ metadata: VerifiedBlobMetadata,
        _ peers: NodePeers
    ) async throws(NodeError) -> VerifiedSliver {
        let holder = peers.holder(of: row, .primary, blob: metadata.blobID)
        let coding = coding
        return try await peers.ask(holder.member) { (node) throws(NodeError) in
            switch try await node.sliver(holder.name) {
            case .verified(let sliver):
                guard sliver.blobID == metadata.blobID, sliver.axis == .primary,
                    sliver.index == row,
                    sliver.bytes.count == metadata.sliverLength(.primary)
                else { throw .malformed("another sliver than \(holder.name)") }
                return sliver
            case .bytes(let bytes):
                guard let sliver = await coding.verify(bytes, .primary, row, metadata) else {
                    throw .malformed("bytes that are not sliver \(holder.name)")
                }
                return sliver
            }
        }
    }
}

extension BlobStoreError {
    /// Whether it may be for asking the wrong committee, so that another one is worth asking.
    fileprivate var mayBeOfCommittee: Bool {
        if case .notFound = self { true } else { isTransient }
    }
}
