/// A part of a blob, and where it lies in a systematic primary sliver.
package struct SourcePart: Hashable, Sendable {
    package let sliver: SliverIndex
    /// Bytes of the sliver.
    package let range: Range<Int>

    package init(sliver: SliverIndex, range: Range<Int>) {
        self.sliver = sliver
        self.range = range
    }
}

extension EncodingParameters {
    /// Where the bytes `range` of a blob lie, in order: its first slivers are slices of it.
    ///
    /// - Precondition: The range is within the blob.
    package func sourceParts(of range: Range<UInt64>, symbolSize: Int) -> [SourcePart] {
        let length = UInt64(sliverLength(.primary, symbolSize: symbolSize))
        precondition(range.upperBound <= length * UInt64(sourceRows))
        var parts: [SourcePart] = []
        var at = range.lowerBound
        while at < range.upperBound {
            let row = at / length
            let end = min(range.upperBound, (row + 1) * length)
            parts.append(
                SourcePart(
                    sliver: SliverIndex(UInt16(row)),
                    range: Int(at - row * length)..<Int(end - row * length)
                )
            )
            at = end
        }
        return parts
    }
}
