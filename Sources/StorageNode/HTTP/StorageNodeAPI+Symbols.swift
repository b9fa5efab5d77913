internal import BlobModel
internal import Codec
internal import Transport

/// Symbols of the node's slivers, for those that have lost theirs.
extension StorageNodeAPI {
    @Sendable func recoverySymbols(_ request: ServerRequest) async throws -> ServerResponse {
        let wanted: RecoverySymbolsRequest.Wanted
        let ids = request.query.all("id")
        if !ids.isEmpty {
            wanted = .symbols(try ids.map { text throws(NodeError) in try Self.symbol(text) })
        } else if request.query["targetSliver"] != nil || request.query["targetType"] != nil {
            wanted = .target(try request.targetAxis(), try request.targetSliver())
        } else {
            throw NodeError.refused(.noSymbolsSpecified, "Name symbols, or a target.")
        }
        let symbols = try await node.recoverySymbols(
            of: try request.blob(),
            RecoverySymbolsRequest(wanted, proofAxis: try request.axis("proofAxis"))
        )
        var writer = ByteWriter()
        writer.write(vector: symbols)
        return .binary(writer.bytes)
    }

    /// One symbol: the reference's form before there was a list.
    @Sendable func recoverySymbol(_ request: ServerRequest) async throws -> ServerResponse {
        let id = try Self.symbol(request.parameter("symbol"))
        let symbols = try await node.recoverySymbols(
            of: try request.blob(),
            RecoverySymbolsRequest(
                .symbols([id]),
                proofAxis: try request.axis("proofAxis")
            )
        )
        return .binary(try Self.only(symbols).bcsBytes)
    }

    /// One symbol by pairs, without its target: the reference's oldest form.
    ///
    /// The axis is the target's, so that the source is the pair's sliver of the other one.
    @Sendable func symbolOfPairs(_ request: ServerRequest) async throws -> ServerResponse {
        let name = try request.sliver(parameters)
        guard let number = UInt16(request.parameter("target")) else {
            throw NodeError.refused(.invalidRequest, "The target pair is no number.")
        }
        let pair = SliverPairIndex(number)
        guard parameters.contains(pair) else {
            throw NodeError.refused(.indexOutOfRange, "There are \(parameters.shardCount) pairs.")
        }
        let source = parameters.sliver(of: name.pair, name.axis.orthogonal)
        let symbols = try await node.recoverySymbols(
            of: name.blob,
            RecoverySymbolsRequest(
                target: parameters.sliver(of: pair, name.axis),
                name.axis,
                from: [source]
            )
        )
        return .binary(try Self.only(symbols).recoverySymbol.bcsBytes)
    }

    @Sendable func decodingSymbols(_ request: ServerRequest) async throws -> ServerResponse {
        let texts = request.query.all("targetSlivers")
        guard !texts.isEmpty else {
            throw NodeError.refused(.noSymbolsSpecified, "Name the target slivers.")
        }
        let targets = try texts.map { text throws(NodeError) in try Self.sliver(text) }
        let answer = try await node.decodingSymbols(
            of: try request.blob(),
            for: targets,
            try request.targetAxis()
        )
        return .binary(answer.bcsBytes)
    }

    private static func only(
        _ symbols: [GeneralRecoverySymbol]
    ) throws(NodeError) -> GeneralRecoverySymbol {
        guard let symbol = symbols.first, symbols.count == 1 else {
            throw .refused(.internalError, "One symbol has become \(symbols.count).")
        }
        return symbol
    }

    private static func symbol(_ text: String) throws(NodeError) -> SymbolID {
        do throws(CodecError) {
            return try SymbolID(text: text)
        } catch {
            throw .refused(.invalidRequest, "\(text.prefix(20)) is no symbol id.")
        }
    }

    fileprivate static func sliver(_ text: String) throws(NodeError) -> SliverIndex {
        guard let number = UInt16(text) else {
            throw .refused(.invalidRequest, "\(text.prefix(20)) is no number of a sliver.")
        }
        return SliverIndex(number)
    }
}

extension ServerRequest {
    /// A parameter that is `primary`, `secondary` or not there.
    fileprivate func axis(_ name: String) throws(NodeError) -> SliverAxis? {
        guard let text = query[name] else { return nil }
        guard let axis = SliverAxis(name: text) else {
            throw .refused(.invalidRequest, "\(name)=\(text.prefix(20)) is no sliver type.")
        }
        return axis
    }

    fileprivate func targetAxis() throws(NodeError) -> SliverAxis {
        guard let axis = try axis("targetType") else {
            throw .refused(.invalidRequest, "targetType is missing.")
        }
        return axis
    }

    fileprivate func targetSliver() throws(NodeError) -> SliverIndex {
        guard let text = query["targetSliver"] else {
            throw .refused(.invalidRequest, "targetSliver is missing.")
        }
        return try StorageNodeAPI.sliver(text)
    }
}
