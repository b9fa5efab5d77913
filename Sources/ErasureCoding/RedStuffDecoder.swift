package import BlobModel

/// What is compared with the metadata after decoding.
package enum ConsistencyCheck: Hashable, Sendable {
    /// Nothing.
    case skip
    /// Every source row: all that the blob's bytes depend on.
    case standard
    /// The whole encoding, so that every set of slivers is known to give these bytes.
    case strict
}

/// Why slivers did not give a blob.
package enum BlobDecodingError: Error, Equatable, Sendable {
    /// Neither axis has enough distinct slivers of this blob with the right size.
    case notEnoughSlivers(primary: Int, primaryNeeded: Int, secondary: Int, secondaryNeeded: Int)
    /// The slivers are the blob's and do not fit together: whoever encoded it did so wrongly.
    case inconsistent(BlobID)
}

/// Decodes one blob from slivers that are verified.
package struct RedStuffDecoder: Sendable {
    package let metadata: VerifiedBlobMetadata
    let codec: RedStuffCodec

    var parameters: EncodingParameters { codec.parameters }

    /// - Precondition: Codec and metadata are of the same committee.
    package init(_ codec: RedStuffCodec, _ metadata: VerifiedBlobMetadata) {
        precondition(codec.parameters == metadata.parameters)
        self.codec = codec
        self.metadata = metadata
    }

    /// The blob, from `k_p` primary or `k_s` secondary slivers.
    ///
    /// Slivers of other blobs, of wrong size and double ones are left out, and so are more than are
    /// needed; their order does not matter.
    package func decode(
        _ slivers: [VerifiedSliver],
        check: ConsistencyCheck = .standard
    ) throws(BlobDecodingError) -> [UInt8] {
        let primary = usable(slivers, .primary)
        let secondary = usable(slivers, .secondary)
        let rows = parameters.sourceRows
        let columns = parameters.sourceColumns
        let matrix: AlignedBuffer
        if primary.count >= rows {
            matrix = decodeRows(Array(primary.prefix(rows)))
        } else if secondary.count >= columns {
            matrix = decodeColumns(Array(secondary.prefix(columns)))
        } else {
            throw .notEnoughSlivers(
                primary: primary.count,
                primaryNeeded: rows,
                secondary: secondary.count,
                secondaryNeeded: columns
            )
        }
        // The slivers are there, so their metadata's length is one that memory holds.
        let length = Int(metadata.unencodedLength)
        switch check {
        case .skip:
            return matrix.bytes(at: 0, count: length)
        case .standard:
            matrix.zero(at: length, count: matrix.count - length)
            try checkRows(of: matrix, received: primary.count >= rows ? primary : [])
            return matrix.bytes(at: 0, count: length)
        case .strict:
            let blob = matrix.bytes(at: 0, count: length)
            let computed = try? RedStuffEncoder(codec).metadata(of: blob)
            // The only error is a length that the metadata could not have.
            guard computed?.blobID == metadata.blobID else { throw .inconsistent(metadata.blobID) }
            return blob
        }
    }

    /// Distinct slivers of this axis that can be decoded, systematic ones first.
    func usable(_ slivers: [VerifiedSliver], _ axis: SliverAxis) -> [Sliver] {
        let length = metadata.sliverLength(axis)
        var byIndex: [SliverIndex: Sliver] = [:]
        for verified in slivers where verified.axis == axis && verified.blobID == metadata.blobID {
            let sliver = verified.sliver
            guard parameters.contains(sliver.index), sliver.bytes.count == length,
                Int(sliver.symbolSize) == metadata.symbolSize
            else { continue }
            byIndex[sliver.index] = sliver
        }
        return byIndex.values.sorted { $0.index < $1.index }
    }

    private func decodeRows(_ slivers: [Sliver]) -> AlignedBuffer {
        let size = metadata.symbolSize
        let length = metadata.sliverLength(.primary)
        let matrix = AlignedBuffer(count: parameters.sourceRows * length)
        let given = Self.joined(slivers, length: length)
        let present = Set(slivers.map(\.index.value))
        for (place, sliver) in slivers.enumerated() where sliver.index.value < parameters.sourceRows
        {
            unsafe (matrix.start + sliver.index.value * length).update(
                from: given.start + place * length,
                count: length
            )
        }
        let missing = (0..<parameters.sourceRows).filter { !present.contains($0) }
        guard !missing.isEmpty else { return matrix }
        let plan = codec.columnCode.decodePlan(
            given: slivers.map(\.index.value),
            wanted: missing
        )
        unsafe plan.apply(
            inputs: slivers.indices.map { place in
                unsafe SymbolSource(start: given.start + place * length, stride: size)
            },
            outputs: missing.map { row in
                unsafe SymbolTarget(start: matrix.start + row * length, stride: size)
            },
            size: size,
            count: parameters.sourceColumns
        )
        return matrix
    }

    private func decodeColumns(_ slivers: [Sliver]) -> AlignedBuffer {
        let size = metadata.symbolSize
        let length = metadata.sliverLength(.secondary)
        let pitch = metadata.sliverLength(.primary)
        let matrix = AlignedBuffer(count: parameters.sourceRows * pitch)
        let given = Self.joined(slivers, length: length)
        let present = Set(slivers.map(\.index.value))
        for (place, sliver) in slivers.enumerated()
        where sliver.index.value < parameters.sourceColumns {
            for row in 0..<parameters.sourceRows {
                unsafe (matrix.start + row * pitch + sliver.index.value * size).update(
                    from: given.start + place * length + row * size,
                    count: size
                )
            }
        }
        let missing = (0..<parameters.sourceColumns).filter { !present.contains($0) }
        guard !missing.isEmpty else { return matrix }
        let plan = codec.rowCode.decodePlan(given: slivers.map(\.index.value), wanted: missing)
        unsafe plan.apply(
            inputs: slivers.indices.map { place in
                unsafe SymbolSource(start: given.start + place * length, stride: size)
            },
            outputs: missing.map { column in
                unsafe SymbolTarget(start: matrix.start + column * size, stride: pitch)
            },
            size: size,
            count: parameters.sourceRows
        )
        return matrix
    }

    private static func joined(_ slivers: [Sliver], length: Int) -> AlignedBuffer {
        let buffer = AlignedBuffer(count: slivers.count * length)
        for (place, sliver) in slivers.enumerated() {
            buffer.write(sliver.bytes, at: place * length)
        }
        return buffer
    }

    /// Compares every source row with its hash, but for those that came in as they are now.
    private func checkRows(
        of matrix: AlignedBuffer,
        received: [Sliver]
    ) throws(BlobDecodingError) {
        let length = metadata.sliverLength(.primary)
        let verified = Dictionary(uniqueKeysWithValues: received.map { ($0.index.value, $0.bytes) })
        let verifier = SliverVerifier(codec, metadata)
        for row in 0..<parameters.sourceRows {
            let bytes = matrix.bytes(at: row * length, count: length)
            if let known = verified[row], known == bytes { continue }
            let sliver = Sliver(
                axis: .primary,
                index: SliverIndex(UInt16(row)),
                symbolSize: UInt16(metadata.symbolSize),
                bytes: bytes
            )
            do {
                _ = try verifier.verify(sliver)
            } catch {
                throw .inconsistent(metadata.blobID)
            }
        }
    }
}
