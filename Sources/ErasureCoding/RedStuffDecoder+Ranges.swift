package import BlobModel

// Reading a few bytes needs no whole blob: source rows are slices of it, and a missing row can be
// computed for just the bytes wanted, from the same bytes of enough other rows. "The same bytes"
// are whole 64-byte blocks of symbols, because the halves of an element lie 32 bytes apart.

/// Why bytes of a row could not be computed.
package enum RangeDecodingError: Error, Equatable, Sendable {
    /// The range is outside the blob or sliver, or is not one that ``codingRange(covering:)`` gave.
    case invalidRange
    /// A part has another length than the range, or an index that no sliver has.
    case invalidPart(SliverIndex)
    /// Too few distinct rows.
    case notEnoughSlivers(Int, needed: Int)
}

extension RedStuffDecoder {
    /// The smallest range of a primary sliver's bytes that contains `range` and can be computed
    /// from the same range of other primary slivers.
    package func codingRange(
        covering range: Range<Int>
    ) throws(RangeDecodingError) -> Range<Int> {
        let size = metadata.symbolSize
        guard range.lowerBound >= 0, range.upperBound <= metadata.sliverLength(.primary),
            !range.isEmpty
        else { throw .invalidRange }
        let first = range.lowerBound
        let last = range.upperBound - 1
        let lower = first - first % size % 64
        let symbolEnd = (last / size + 1) * size
        let upper = min(last - last % size % 64 + 64, symbolEnd)
        return lower..<upper
    }

    /// Computes `range` of primary sliver `target` from the same range of others.
    ///
    /// The result is as right as the parts are: those of verified slivers give a right one, others
    /// are for callers that authenticate what they read. Of more parts than needed the first are
    /// taken.
    package func reconstruct(
        _ target: SliverIndex,
        range: Range<Int>,
        from parts: [(sliver: SliverIndex, bytes: [UInt8])]
    ) throws(RangeDecodingError) -> [UInt8] {
        guard try codingRange(covering: range) == range, parameters.contains(target) else {
            throw .invalidRange
        }
        var chosen: [(sliver: SliverIndex, bytes: [UInt8])] = []
        var seen: Set<SliverIndex> = []
        for part in parts where chosen.count < parameters.sourceRows {
            guard parameters.contains(part.sliver), part.bytes.count == range.count else {
                throw .invalidPart(part.sliver)
            }
            if part.sliver == target { return part.bytes }
            if seen.insert(part.sliver).inserted { chosen.append(part) }
        }
        guard chosen.count == parameters.sourceRows else {
            throw .notEnoughSlivers(chosen.count, needed: parameters.sourceRows)
        }
        return compute(target, range, chosen)
    }

    /// Computes whole primary slivers from others, all of them at once.
    ///
    /// What holds for one (``reconstruct(_:range:from:)``) holds for them; none of them may be
    /// among the parts.
    package func reconstructRows(
        _ targets: [SliverIndex],
        from parts: [(sliver: SliverIndex, bytes: [UInt8])]
    ) throws(RangeDecodingError) -> [[UInt8]] {
        let length = metadata.sliverLength(.primary)
        let size = metadata.symbolSize
        var given: [Int] = []
        let input = AlignedBuffer(count: parameters.sourceRows * length)
        for part in parts where given.count < parameters.sourceRows {
            guard parameters.contains(part.sliver), part.bytes.count == length,
                !targets.contains(part.sliver)
            else { throw .invalidPart(part.sliver) }
            guard !given.contains(part.sliver.value) else { continue }
            input.write(part.bytes, at: given.count * length)
            given.append(part.sliver.value)
        }
        guard given.count == parameters.sourceRows else {
            throw .notEnoughSlivers(given.count, needed: parameters.sourceRows)
        }
        guard !targets.isEmpty, targets.allSatisfy({ parameters.contains($0) }) else {
            throw .invalidRange
        }
        let output = AlignedBuffer(count: targets.count * length)
        codec.columnCode.decodePlan(given: given, wanted: targets.map(\.value)).apply(
            inputs: SymbolRuns(
                buffer: input,
                offsets: given.indices.map { $0 * length },
                stride: size
            ),
            outputs: SymbolRuns(
                buffer: output,
                offsets: targets.indices.map { $0 * length },
                stride: size
            ),
            size: size,
            count: parameters.sourceColumns,
            workers: workers
        )
        return targets.indices.map { output.bytes(at: $0 * length, count: length) }
    }

    private func compute(
        _ target: SliverIndex,
        _ range: Range<Int>,
        _ parts: [(sliver: SliverIndex, bytes: [UInt8])]
    ) -> [UInt8] {
        let input = AlignedBuffer(count: parts.count * range.count)
        for (place, part) in parts.enumerated() { input.write(part.bytes, at: place * range.count) }
        let output = AlignedBuffer(count: range.count)
        let plan = codec.columnCode.decodePlan(
            given: parts.map(\.sliver.value),
            wanted: [target.value]
        )
        let area = WorkArea(codec)
        for piece in symbolPieces(of: range) {
            let offset = piece.lowerBound - range.lowerBound
            plan.apply(
                inputs: SymbolRuns(
                    buffer: input,
                    offsets: parts.indices.map { $0 * range.count + offset },
                    stride: piece.count
                ),
                outputs: SymbolRuns(buffer: output, offsets: [offset], stride: piece.count),
                size: piece.count,
                count: 1,
                in: area
            )
        }
        return output.bytes(at: 0, count: output.count)
    }

    /// The parts of `range` that lie in one symbol each.
    private func symbolPieces(of range: Range<Int>) -> [Range<Int>] {
        let size = metadata.symbolSize
        var pieces: [Range<Int>] = []
        var at = range.lowerBound
        while at < range.upperBound {
            let end = min((at / size + 1) * size, range.upperBound)
            pieces.append(at..<end)
            at = end
        }
        return pieces
    }

    /// Bytes `range` of the blob, from primary slivers.
    ///
    /// Rows that are there are copied; only missing ones take `k_p` others.
    package func read(
        _ range: Range<UInt64>,
        from slivers: [VerifiedSliver]
    ) throws(RangeDecodingError) -> [UInt8] {
        guard range.upperBound <= metadata.unencodedLength else { throw .invalidRange }
        let rows = usable(slivers, .primary)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(range.count)
        let parts = parameters.sourceParts(of: range, symbolSize: metadata.symbolSize)
        for part in parts {
            if let row = rows.first(where: { $0.index == part.sliver }) {
                bytes.append(contentsOf: row.bytes[part.range])
                continue
            }
            let coding = try codingRange(covering: part.range)
            let computed = try reconstruct(
                part.sliver,
                range: coding,
                from: rows.prefix(parameters.sourceRows).map { row in
                    (sliver: row.index, bytes: Array(row.bytes[coding]))
                }
            )
            let start = part.range.lowerBound - coding.lowerBound
            bytes.append(contentsOf: computed[start..<start + part.range.count])
        }
        return bytes
    }
}
