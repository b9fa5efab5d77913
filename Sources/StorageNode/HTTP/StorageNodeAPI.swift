package import BlobModel
internal import Codec
internal import ErasureCoding
package import SystemIO
package import Transport

/// The routes of a storage node, with the reference's paths, bodies and reasons
/// (`Docs/Formats/node-api.md`).
///
/// What comes from a socket is verified here, before the node sees it: a node takes verified
/// slivers and metadata only. Whether something is wanted at all is decided before its body is
/// read.
package struct StorageNodeAPI: Sendable {
    /// Compares a sliver with its blob's metadata; throws when it is another's, or nobody's.
    package typealias Verification =
        @Sendable (Sliver, VerifiedBlobMetadata) async throws -> VerifiedSliver

    let node: any StorageNodeConnection
    /// Where the shards are that move away from here; nil where none ever do.
    let shards: (any ShardSource)?
    let parameters: EncodingParameters
    let verify: Verification
    let cache = MetadataCache()
    let pending: PendingUploads

    package init(
        node: any StorageNodeConnection,
        shards: (any ShardSource)? = nil,
        parameters: EncodingParameters,
        pending limits: PendingLimits = PendingLimits(),
        time: any TimeSource,
        verify: @escaping Verification
    ) {
        self.node = node
        self.shards = shards
        self.parameters = parameters
        self.verify = verify
        pending = PendingUploads(limits: limits, time: time)
    }

    /// Verifies on `pool`, because expanding and hashing a sliver takes milliseconds.
    package init(
        node: any StorageNodeConnection,
        shards: (any ShardSource)? = nil,
        parameters: EncodingParameters,
        pending limits: PendingLimits = PendingLimits(),
        time: any TimeSource,
        pool: BlockingPool
    ) {
        let codec = RedStuffCodec(parameters)
        self.init(
            node: node,
            shards: shards,
            parameters: parameters,
            pending: limits,
            time: time
        ) { sliver, metadata in
            try await pool.run { () throws(SliverVerificationError) in
                try SliverVerifier(codec, metadata).verify(sliver)
            }
        }
    }

    /// What the dearer requests cost their peers, in reads of a sliver: hashing and expanding one,
    /// a signature with a flush of the disk, a page of a shard.
    private enum Cost {
        static let sliver = 4
        static let symbols = 20
        static let confirmation = 4
        static let shard = 50
    }

    package var routes: [Route] {
        let blob = "/v1/blobs/{blob}"
        let sliver = blob + "/slivers/{pair}/{axis}"
        return [
            Route(.get, blob + "/metadata", handler: handle(getMetadata)),
            Route(.put, blob + "/metadata", cost: Cost.sliver, handler: handle(putMetadata)),
            Route(.get, blob + "/metadata/status", handler: handle(metadataStatus)),
            Route(.get, sliver, handler: handle(getSliver)),
            Route(.put, sliver, cost: Cost.sliver, handler: handle(putSliver)),
            Route(.get, sliver + "/status", handler: handle(sliverStatus)),
            Route(
                .get,
                sliver + "/{target}",
                cost: Cost.symbols,
                handler: handle(symbolOfPairs)
            ),
            Route(
                .get,
                blob + "/recoverySymbols",
                cost: Cost.symbols,
                handler: handle(recoverySymbols)
            ),
            Route(
                .get,
                blob + "/recoverySymbols/{symbol}",
                cost: Cost.symbols,
                handler: handle(recoverySymbol)
            ),
            Route(
                .get,
                blob + "/decodingSymbols",
                cost: Cost.symbols,
                handler: handle(decodingSymbols)
            ),
            Route(
                .get,
                blob + "/confirmation/permanent",
                cost: Cost.confirmation,
                handler: handle(confirmPermanent)
            ),
            Route(
                .get,
                blob + "/confirmation/deletable/{object}",
                cost: Cost.confirmation,
                handler: handle(confirmDeletable)
            ),
            Route(.post, blob + "/inconsistencyProof/{axis}", handler: handle(attestInvalid)),
            Route(.get, blob + "/status", handler: handle(blobStatus)),
            Route(.get, "/v1/health", handler: handle(health)),
            Route(
                .post,
                "/v1/migrate/sync_shard",
                cost: Cost.shard,
                handler: handle(syncShard)
            ),
            Route(.get, "/v1/ready", handler: handle(readiness)),
            Route(.get, "/v1/ledger/blocks", handler: handle(blocks)),
            Route(.get, "/v1/version") { _ in try .success(WireVersion(role: "node")) },
        ]
    }

    /// A handler whose node errors become the API's refusals.
    private func handle(
        _ handler: @escaping @Sendable (ServerRequest) async throws -> ServerResponse
    ) -> Route.Handler {
        { request in
            do {
                return try await handler(request)
            } catch let error as NodeError {
                throw APIError(error, isStoring: request.method == .put)
            }
        }
    }

    // MARK: Metadata

    @Sendable private func getMetadata(_ request: ServerRequest) async throws -> ServerResponse {
        .binary(try await node.metadata(of: try request.blob()))
    }

    @Sendable private func putMetadata(_ request: ServerRequest) async throws -> ServerResponse {
        let blob = try request.blob()
        let height = try request.height()
        let mayWait = try request.flag("pending")
        if try await node.metadataStatus(of: blob) == .stored { return try .success("stored") }
        // Two bytes of tags, the length, a count of up to 3 bytes, and two nodes for each pair.
        let limit = 13 + 66 * parameters.shardCount
        if try await admit(blob, height: height, orBuffer: mayWait) == .pending {
            let count = min(request.body.announcedLength ?? limit, limit)
            try await pending.keep(count, of: blob, as: nil) {
                let bytes = try await request.body(upTo: limit, orRefuse: .invalidMetadata)
                let metadata = try Self.parseMetadata(bytes, of: blob, parameters)
                return .metadata(PendingMetadata(metadata, bytes: bytes))
            }
            return try .success("buffered", code: 202)
        }
        let bytes = try await request.body(upTo: limit, orRefuse: .invalidMetadata)
        let metadata = try Self.parseMetadata(bytes, of: blob, parameters)
        let outcome = try await node.store(metadata, height: height)
        cache.insert(metadata)
        return try .outcome(outcome)
    }

    static func parseMetadata(
        _ bytes: [UInt8],
        of blob: BlobID,
        _ parameters: EncodingParameters
    ) throws(NodeError) -> VerifiedBlobMetadata {
        do {
            return try BlobMetadata(bcsBytes: bytes).verify(as: blob, parameters)
        } catch CodecError.unknownTag(let tag, of: "encoding type") {
            throw .refused(.unsupportedEncodingType, "There is no encoding type \(tag) here.")
        } catch {
            throw .refused(.invalidMetadata, "The metadata is not that of \(blob): \(error).")
        }
    }

    @Sendable private func metadataStatus(
        _ request: ServerRequest
    ) async throws -> ServerResponse {
        let blob = try request.blob()
        var status = try await node.metadataStatus(of: blob)
        if status == .nonexistent, pending[blob]?.metadata != nil { status = .buffered }
        return try .success(status.rawValue)
    }

    /// How far the ledger is with a blob that something is put for.
    enum Admission {
        /// It has a live registration here.
        case registered
        /// It has none here yet, but the request depends on a block that may bring it.
        case expected
        /// It has none, and the request may be buffered.
        case pending
    }

    /// Throws unless the ledger knows a live registration, or may know one at `height`, or the
    /// request may be buffered.
    func admit(
        _ blob: BlobID,
        height: UInt64?,
        orBuffer mayWait: Bool
    ) async throws(NodeError) -> Admission {
        switch try await node.status(of: blob) {
        case .invalid:
            throw .invalid(blob)
        case .nonexistent where mayWait: return .pending
        case .nonexistent where height == nil:
            throw .refused(.notRegistered, "No live registration of \(blob) is known here.")
        case .nonexistent: return .expected
        case .deletable, .permanent: return .registered
        }
    }

    // MARK: Confirmations and the rest

    @Sendable private func confirmPermanent(
        _ request: ServerRequest
    ) async throws -> ServerResponse {
        try await confirm(request, .permanent)
    }

    @Sendable private func confirmDeletable(
        _ request: ServerRequest
    ) async throws -> ServerResponse {
        let text = request.parameter("object")
        // Any other text is refused with one message.
        guard text.hasPrefix("0x"), let bytes = try? Hex.decode(String(text.dropFirst(2))),
            bytes.count == 32
        else { throw NodeError.refused(.invalidRequest, "\(text) is no object id.") }
        return try await confirm(request, .deletable(ObjectID(bytes: bytes)))
    }

    private func confirm(
        _ request: ServerRequest,
        _ persistence: BlobPersistence
    ) async throws -> ServerResponse {
        let blob = try request.blob()
        let height = try request.height()
        let patience = try request.patience()
        let signed: SignedMessage
        do {
            signed = try await node.confirmation(
                of: blob,
                persistence: persistence,
                height: height,
                patience: patience
            )
        } catch NodeError.refused(.missingSlivers, _) {
            try await storePending(of: blob, height: nil)
            // Asked again also if nothing was pending: another request may have stored it since.
            signed = try await node.confirmation(
                of: blob,
                persistence: persistence,
                height: nil
            )
        }
        return try .success(WireConfirmation(signed))
    }

    @Sendable private func blobStatus(_ request: ServerRequest) async throws -> ServerResponse {
        try .success(WireBlobStatus(try await node.status(of: try request.blob())))
    }

    @Sendable private func blocks(_ request: ServerRequest) async throws -> ServerResponse {
        let from = try request.number("from", in: 1...Int.max)
        let limit = try request.number("limit", in: 1...NodeWire.blocksMax, orElse: 64)
        let blocks = try await node.blocks(from: UInt64(from), limit: limit)
        var count = 0
        var size = 0
        while count < blocks.count, count == 0 || size < NodeWire.blockBytesMax {
            size += blocks[count].count
            count += 1
        }
        return .binary(BlockList.encode(blocks.prefix(count)))
    }
}
