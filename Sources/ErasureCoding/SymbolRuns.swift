internal import CKernels

// Applies a plan to symbols where they lie. The symbols of one position of the code that are
// encoded side by side, such as those of a whole row of the matrix, are a run; a run is copied
// piece by piece into a work area that fits the cache, laid out for the kernels on the way.

/// Symbols at equal distances, to be read.
@unsafe struct SymbolSource {
    let start: UnsafePointer<UInt8>
    let stride: Int
}

/// Symbols at equal distances, to be written.
@unsafe struct SymbolTarget {
    let start: UnsafeMutablePointer<UInt8>
    let stride: Int
}

extension CodePlan {
    /// What the work area may take: about what a core's second-level cache holds.
    private static let workLengthMax = 512 << 10
    /// Shorter pieces spend their time on calls.
    private static let pieceLengths = 512...8192

    /// Computes the runs `outputs` from the runs `inputs`, of `count` symbols of `size` bytes each.
    ///
    /// - Precondition: `size` is even and positive; the runs are as many as the plan's.
    func apply(
        inputs: [SymbolSource],
        outputs: [SymbolTarget],
        size: Int,
        count: Int
    ) {
        precondition(size > 0 && size.isMultiple(of: 2) && count > 0)
        let width = walrus_wide_length(size, count)
        let share = Self.workLengthMax / rowCount / 64 * 64
        let pieces = Self.pieceLengths
        let piece = min(width, max(pieces.lowerBound, min(share, pieces.upperBound)))
        let work = AlignedBuffer(count: rowCount * piece)
        for from in stride(from: 0, to: width, by: piece) {
            let to = min(from + piece, width)
            let rows = unsafe WorkRows(start: work.start, rowLength: to - from)
            unsafe clear(rows)
            for index in unsafe inputs.indices {
                let source = unsafe inputs[index]
                unsafe walrus_wide_gather(
                    rows.row(inputRow(index)),
                    source.start,
                    source.stride,
                    size,
                    count,
                    from,
                    to
                )
            }
            unsafe run(rows)
            for index in unsafe outputs.indices {
                let target = unsafe outputs[index]
                unsafe walrus_wide_scatter(
                    target.start,
                    target.stride,
                    size,
                    count,
                    rows.row(outputRow(index)),
                    from,
                    to
                )
            }
        }
    }
}
