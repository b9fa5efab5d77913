internal import BlobModel
internal import Codec
internal import Transport

/// Slivers, whole and in part, and those that come before their blob's registration.
extension StorageNodeAPI {
    @Sendable func getSliver(_ request: ServerRequest) async throws -> ServerResponse {
        let name = try request.sliver(parameters)
        if let wanted = request.headers["range"].flatMap(ByteRange.init(header:)) {
            return try await part(of: name, wanted)
        }
        return .binary(try await sliverBody(name), headers: ["accept-ranges": "bytes"])
    }

    private func sliverBody(_ name: SliverName) async throws -> [UInt8] {
        switch try await node.sliver(name) {
        case .bytes(let bytes): bytes
        case .verified(let sliver): sliver.sliver.dataBytes
        }
    }

    /// Answers a range of the body; the disk is asked for no more than that, if it lies within
    /// the symbols.
    private func part(of name: SliverName, _ wanted: ByteRange) async throws -> ServerResponse {
        // Says so if the sliver is not here, or not this node's.
        guard try await node.sliverStatus(name) == .stored else {
            throw NodeError.refused(.sliverNotFound, "There is no sliver \(name).")
        }
        let body = SliverBody(symbols: try await metadata(of: name.blob).sliverLength(name.axis))
        guard let range = wanted.resolved(in: body.count) else {
            let message = "The sliver has \(body.count) bytes."
            var response = ServerResponse.failure(
                APIError(.refused(.rangeNotSatisfiable, message), isStoring: false)
            )
            response.headers["content-range"] = "bytes */\(body.count)"
            return response
        }
        let bytes: [UInt8]
        if let symbols = body.symbols(of: range) {
            bytes = try await node.sliverBytes(name, range: symbols, of: body.symbols)
        } else {
            let whole = try await sliverBody(name)
            guard whole.count == body.count else {
                throw NodeError.refused(.internalError, "\(name) has \(whole.count) bytes.")
            }
            bytes = Array(whole[range])
        }
        let place = "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(body.count)"
        return .binary(
            bytes,
            code: 206,
            headers: ["accept-ranges": "bytes", "content-range": place]
        )
    }

    @Sendable func putSliver(_ request: ServerRequest) async throws -> ServerResponse {
        let name = try request.sliver(parameters)
        let height = try request.height()
        let mayWait = try request.flag("pending")
        if try await node.sliverStatus(name) == .stored { return try .success("stored") }
        let admission = try await admit(name.blob, height: height, orBuffer: mayWait)
        if admission == .pending { return try await buffer(name, request) }
        if pending[name.blob] != nil {
            // Who names a block of the far future makes nobody wait once the blob is registered.
            try await storePending(of: name.blob, height: admission == .expected ? height : nil)
        }
        let metadata = try await metadata(of: name.blob)
        let sliver = try await receive(name, metadata.sliverLength(name.axis), request)
        let verified: VerifiedSliver
        do {
            verified = try await verify(sliver, metadata)
        } catch {
            throw NodeError.refused(.invalidSliver, "The sliver is not \(name): \(error).")
        }
        return try .outcome(try await node.store(verified, as: name, height: height))
    }

    /// Reads a body that has the form of the sliver `name`, of `length` bytes of symbols.
    private func receive(
        _ name: SliverName,
        _ length: Int,
        _ request: ServerRequest
    ) async throws -> Sliver {
        let limit = SliverBody(symbols: length).countMax
        let bytes = try await request.body(upTo: limit, orRefuse: .sliverTooLarge)
        let sliver: Sliver
        do {
            sliver = try Sliver(axis: name.axis, dataBytes: bytes)
        } catch {
            throw NodeError.refused(.invalidSliver, "The body is no sliver: \(error).")
        }
        let expected = parameters.sliver(of: name.pair, name.axis)
        guard sliver.index == expected else {
            throw NodeError.refused(
                .sliverIndexMismatch,
                "Pair \(name.pair) has the \(name.axis.name) sliver \(expected), "
                    + "not \(sliver.index)."
            )
        }
        return sliver
    }

    /// The metadata of a blob that slivers are put for or read from; read from the node once.
    private func metadata(of blob: BlobID) async throws -> VerifiedBlobMetadata {
        if let metadata = cache[blob] { return metadata }
        let bytes = try await node.metadata(of: blob)
        do {
            let metadata = try BlobMetadataWithID(bcsBytes: bytes).verify(parameters)
            cache.insert(metadata)
            return metadata
        } catch {
            throw NodeError.refused(.internalError, "The stored metadata is damaged: \(error).")
        }
    }

    @Sendable func sliverStatus(_ request: ServerRequest) async throws -> ServerResponse {
        let name = try request.sliver(parameters)
        var status = try await node.sliverStatus(name)
        if status == .nonexistent, pending[name.blob]?[name] != nil { status = .buffered }
        return try .success(status.rawValue)
    }

    // MARK: Before registration

    private func buffer(
        _ name: SliverName,
        _ request: ServerRequest
    ) async throws -> ServerResponse {
        let length: Int
        if let buffered = pending[name.blob]?.metadata {
            length = buffered.sliverLength(name.axis)
        } else {
            length = try await metadata(of: name.blob).sliverLength(name.axis)
        }
        guard length <= pending.limits.sliverBytesMax else {
            throw NodeError.refused(
                .sliverTooLarge,
                "Before registration a sliver may have \(pending.limits.sliverBytesMax) bytes."
            )
        }
        try await pending.keep(SliverBody(symbols: length).countMax, of: name.blob, as: name) {
            let sliver = try await receive(name, length, request)
            guard sliver.bytes.count == length else {
                throw NodeError.refused(
                    .invalidSliver,
                    "The sliver has \(sliver.bytes.count) bytes and not \(length)."
                )
            }
            return .sliver(sliver)
        }
        return try .success("buffered", code: 202)
    }

    /// Verifies and stores what is buffered of a blob that is registered now, or may be at
    /// `height`.
    ///
    /// What is not what it says it is goes, as if it had never come.
    func storePending(of blob: BlobID, height: UInt64?) async throws {
        try await pending.flush(blob) { upload in
            if let buffered = upload.metadata {
                let metadata = try Self.parseMetadata(buffered.bytes, of: blob, parameters)
                _ = try await node.store(metadata, height: height)
                cache.insert(metadata)
                upload.remove(nil)
            }
            let names = upload.sliverNames
            if names.isEmpty { return }
            let metadata = try await metadata(of: blob)
            for name in names {
                guard let sliver = upload[name] else { continue }
                // Its sender learns from the confirmation that it is missing.
                if let verified = try? await verify(sliver, metadata) {
                    _ = try await node.store(verified, as: name, height: nil)
                }
                upload.remove(name)
            }
        }
    }
}
