internal import CKernels

// Applies a plan to symbols where they lie. The symbols of one position of the code that are
// encoded side by side, such as those of a whole row of the matrix, are a run; a run is copied
// piece by piece into a work area that fits the cache, laid out for the kernels on the way.
//
// A piece is some short symbols or a part of a long one, so that what is read and written at a time
// lies close together.

/// The runs of all inputs, or outputs, of a plan.
struct SymbolRuns: Sendable {
    let buffer: AlignedBuffer
    /// Where each run begins.
    let offsets: [Int]
    /// From one symbol of a run to the next.
    let stride: Int
}

/// How runs of `count` symbols of `size` bytes are cut into pieces.
private struct Pieces {
    let size: Int
    let count: Int
    /// Symbols of a piece.
    let group: Int
    /// Bytes of a piece as a row, and of a group.
    let length: Int
    let width: Int

    /// What the work area may take: about half of what a core's second-level cache holds.
    private static let workLengthMax = 512 << 10
    /// Shorter pieces spend their time on calls; longer ones leave the first-level cache.
    private static let lengths = 704...2048

    init(size: Int, count: Int, rowCount: Int) {
        precondition(size > 0 && size.isMultiple(of: 2) && count > 0)
        self.size = size
        self.count = count
        let share = Self.workLengthMax / rowCount
        let wanted = max(Self.lengths.lowerBound, min(share, Self.lengths.upperBound))
        let groups = Self.quotient(count, max(1, wanted / size))
        group = Self.quotient(count, groups)
        width = walrus_wide_length(size, group)
        let blocks = width / 64
        length = Self.quotient(blocks, Self.quotient(width, wanted)) * 64
    }

    private static func quotient(_ value: Int, _ divisor: Int) -> Int {
        (value + divisor - 1) / divisor
    }

    private var perGroup: Int { Self.quotient(width, length) }
    var number: Int { Self.quotient(count, group) * perGroup }

    /// The symbols of a piece, and its part of the row that they make.
    subscript(piece: Int) -> (symbols: Range<Int>, bytes: Range<Int>) {
        let first = piece / perGroup * group
        let symbols = first..<min(first + group, count)
        let end = min(width, walrus_wide_length(size, symbols.count))
        let from = min(piece % perGroup * length, end)
        return (symbols, from..<min(from + length, end))
    }
}

extension CodePlan {
    /// Computes the runs `outputs` from the runs `inputs`, of `count` symbols of `size` bytes each.
    ///
    /// - Precondition: `size` is even and positive; the runs are as many as the plan's.
    func apply(
        inputs: SymbolRuns,
        outputs: SymbolRuns,
        size: Int,
        count: Int,
        workers: Workers = .none
    ) {
        let pieces = Pieces(size: size, count: count, rowCount: rowCount)
        let workLength = rowCount * pieces.length
        workers.forEach(
            pieces.number,
            scratch: { AlignedBuffer(count: workLength) },
            body: { piece, work in
                let (symbols, bytes) = pieces[piece]
                guard !bytes.isEmpty else { return }
                run(inputs, outputs, size, symbols, bytes, work)
            }
        )
    }

    /// The same, all by this thread, in a work area that grows as needed.
    func apply(
        inputs: SymbolRuns,
        outputs: SymbolRuns,
        size: Int,
        count: Int,
        in area: WorkArea
    ) {
        let pieces = Pieces(size: size, count: count, rowCount: rowCount)
        let work = area.buffer(count: rowCount * pieces.length)
        for piece in 0..<pieces.number {
            let (symbols, bytes) = pieces[piece]
            guard !bytes.isEmpty else { continue }
            run(inputs, outputs, size, symbols, bytes, work)
        }
    }

    /// Runs `body`, which fills the rows of inputs, runs the plan and takes those of outputs, for
    /// each piece of symbols that are by themselves.
    func forEachPiece(ofSize size: Int, _ body: (WorkRows, Range<Int>) -> Void) {
        let pieces = Pieces(size: size, count: 1, rowCount: rowCount)
        let work = AlignedBuffer(count: rowCount * pieces.length)
        for piece in 0..<pieces.number {
            let bytes = pieces[piece].bytes
            guard !bytes.isEmpty else { continue }
            let rows = unsafe WorkRows(start: work.start, rowLength: bytes.count)
            unsafe clear(rows)
            unsafe body(rows, bytes)
        }
    }

    private func run(
        _ inputs: SymbolRuns,
        _ outputs: SymbolRuns,
        _ size: Int,
        _ symbols: Range<Int>,
        _ bytes: Range<Int>,
        _ work: AlignedBuffer
    ) {
        let rows = unsafe WorkRows(start: work.start, rowLength: bytes.count)
        unsafe clear(rows)
        let source = unsafe inputs.buffer.start + symbols.lowerBound * inputs.stride
        for (index, offset) in inputs.offsets.enumerated() {
            unsafe walrus_wide_gather(
                rows.row(inputRow(index)),
                source + offset,
                inputs.stride,
                size,
                symbols.count,
                bytes.lowerBound,
                bytes.upperBound
            )
        }
        unsafe run(rows)
        let target = unsafe outputs.buffer.start + symbols.lowerBound * outputs.stride
        for (index, offset) in outputs.offsets.enumerated() {
            unsafe walrus_wide_scatter(
                target + offset,
                outputs.stride,
                size,
                symbols.count,
                rows.row(outputRow(index)),
                bytes.lowerBound,
                bytes.upperBound
            )
        }
    }
}

/// Memory that one thread uses again and again.
final class WorkArea {
    private var buffers: [Int: AlignedBuffer] = [:]
    private let pool: BufferPool

    init(_ codec: RedStuffCodec) { pool = codec.buffers }

    /// At least `count` bytes, not those of another `use`, and the same as last time if they were
    /// enough.
    func buffer(count: Int, use: Int = 0) -> AlignedBuffer {
        if let buffer = buffers[use], buffer.count >= count { return buffer }
        let buffer = AlignedBuffer(count: count, pool: pool)
        buffers[use] = buffer
        return buffer
    }
}
