internal import BlobModel
internal import SystemIO

/// Rows that can not be had are computed from any k_p other primary slivers.
extension BlobClient {
    private typealias Source = (sliver: SliverIndex, bytes: [UInt8])

    /// Rebuilds the bytes of one row.
    ///
    /// For a caller that authenticates, only the blocks of the code around the piece are fetched;
    /// otherwise whole verified slivers, and the rebuilt row is compared with the metadata: if
    /// it differs although its sources were right, the blob was encoded inconsistently.
    func rebuild(
        _ piece: SourcePart,
        _ metadata: VerifiedBlobMetadata,
        _ authentication: ReadAuthentication,
        _ peers: NodePeers
    ) async -> Result<[UInt8], BlobStoreError> {
        let range =
            switch authentication {
            case .caller: coding.codingRange(covering: piece.range, metadata)
            case .store: 0..<metadata.sliverLength(.primary)
            }
        guard
            let sources = await sources(
                for: piece.sliver,
                range: range,
                metadata,
                authentication,
                peers
            )
        else {
            if Task.isCancelled { return .failure(.cancelled) }
            return .failure(
                .unavailable("Too few slivers of blob \(metadata.blobID) can be reached.")
            )
        }
        guard
            let row = await coding.rebuild(
                piece.sliver,
                range: range,
                from: sources,
                metadata
            )
        else {
            return .failure(.corrupt(metadata.blobID, "Its slivers do not decode."))
        }
        if authentication == .store {
            // Its sources are verified, so whoever encoded them is to blame.
            guard await coding.isRow(row, piece.sliver, of: metadata) else {
                return .failure(.inconsistent(metadata.blobID))
            }
        }
        let start = piece.range.lowerBound - range.lowerBound
        return .success(Array(row[start..<start + piece.range.count]))
    }

    /// The same range of k_p primary slivers other than `row`; nil when so many can not be had.
    private func sources(
        for row: SliverIndex,
        range: Range<Int>,
        _ metadata: VerifiedBlobMetadata,
        _ authentication: ReadAuthentication,
        _ peers: NodePeers
    ) async -> [(sliver: SliverIndex, bytes: [UInt8])]? {
        let needed = parameters.sourceRows
        let candidates = candidates(besides: [row], blob: metadata.blobID, peers)
        func holder(of sliver: SliverIndex) -> Int {
            peers.holder(of: sliver, .primary, blob: metadata.blobID).member
        }
        return await withTaskGroup(of: SourceEvent.self) { group in
            var found: [Source] = []
            var waiting: Set<Int> = []
            // Those that were asked before the timer rang last.
            var late: Set<Int> = []
            var next = 0
            func askNext() {
                guard next < candidates.count else { return }
                let place = next
                next += 1
                waiting.insert(place)
                group.addTask {
                    let bytes = await self.source(
                        candidates[place],
                        range: range,
                        metadata,
                        authentication,
                        peers
                    )
                    return .answer(place, bytes)
                }
            }
            func setTimer() {
                group.addTask {
                    // Cancelled when enough have answered.
                    try? await self.environment.time.sleep(for: PeerHealth.latencyDefault)
                    return .timer
                }
            }
            defer { group.cancelAll() }
            // One more than needed, so that a single slow node does not hold everything up.
            for _ in 0...needed { askNext() }
            setTimer()
            while !waiting.isEmpty, let event = await group.next() {
                switch event {
                case .answer(let place, let bytes?):
                    waiting.remove(place)
                    found.append((candidates[place], bytes))
                    guard found.count == needed else { continue }
                    for place in waiting.intersection(late) {
                        peers.isSlow(holder(of: candidates[place]))
                    }
                    return found
                case .answer(let place, nil):
                    waiting.remove(place)
                    askNext()
                case .timer:
                    if Task.isCancelled { return nil }
                    late = waiting
                    for _ in late { askNext() }
                    setTimer()
                }
            }
            return nil
        }
    }

    private enum SourceEvent: Sendable {
        case answer(Int, [UInt8]?)
        /// Others are asked besides those that have not answered.
        case timer
    }

    /// Primary slivers in the order in which their holders should be asked.
    func candidates(
        besides rows: Set<SliverIndex>,
        blob: BlobID,
        _ peers: NodePeers
    ) -> [SliverIndex] {
        var slivers = [[SliverIndex]](repeating: [], count: peers.memberCount)
        for index in 0..<parameters.shardCount {
            let sliver = SliverIndex(UInt16(index))
            guard !rows.contains(sliver) else { continue }
            slivers[peers.holder(of: sliver, .primary, blob: blob).member].append(sliver)
        }
        return peers.order(environment.entropy).flatMap { slivers[$0] }
    }

    private func source(
        _ index: SliverIndex,
        range: Range<Int>,
        _ metadata: VerifiedBlobMetadata,
        _ authentication: ReadAuthentication,
        _ peers: NodePeers
    ) async -> [UInt8]? {
        do throws(NodeError) {
            switch authentication {
            case .caller: return try await symbolBytes(range, of: index, metadata, peers)
            case .store: return try await verifiedSliver(index, metadata, peers).bytes
            }
        } catch {
            // `ask` has told of it; another sliver takes its place.
            return nil
        }
    }
}
