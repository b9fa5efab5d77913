internal import CKernels

// The additive FFT: rows of elements are the values, or the coefficients in a basis made for it, of
// one polynomial per element column, at the points `delta ..< delta + size`. Both sizes and deltas
// are powers of two and multiples of them. Rows lie one after another, so a butterfly between
// groups of rows is one between runs of memory; two layers are done at once, so that rows are read
// and written half as often, and one by itself, the outermost, when their number is odd.

/// The rows that a transform works on.
@unsafe struct WorkRows {
    let start: UnsafeMutablePointer<UInt8>
    /// Bytes of a row, a multiple of 64.
    let rowLength: Int

    func row(_ index: Int) -> UnsafeMutablePointer<UInt8> {
        unsafe start + index * rowLength
    }

    func zero(_ rows: Range<Int>) {
        unsafe row(rows.lowerBound).update(repeating: 0, count: rows.count * rowLength)
    }
}

/// Transforms on up to `size` points.
struct AdditiveTransform: Sendable {
    let size: Int
    /// The multiplier of an odd number `o` is number `o / 2`; that of 1 is zero and never asked
    /// for.
    private let multipliers: Multipliers

    /// - Precondition: `size` is a power of two, at most 65,536.
    init(size: Int) {
        precondition(size > 0 && size & (size - 1) == 0 && size <= 65_536)
        self.size = size
        let field = GaloisField.shared
        let odd = stride(from: 1, to: max(size, 2), by: 2)
        multipliers = Multipliers(
            logarithms: odd.map { $0 == 1 ? 0 : Int(field.logarithms[$0 - 1]) }
        )
    }

    /// The multiplier of a butterfly whose second half starts at `point`; nil when it is zero.
    private func multiplier(at point: Int) -> UnsafePointer<UInt8>? {
        let odd = point >> point.trailingZeroBitCount
        return odd == 1 ? nil : unsafe multipliers.table(odd / 2)
    }

    /// Turns the `count` coefficients at row `source` into values at row `first`.
    ///
    /// The two are the same rows, or have none in common. Only the rows below `needed` come out
    /// right.
    func forward(
        _ rows: WorkRows,
        from source: Int,
        to first: Int,
        count: Int,
        delta: Int,
        needed: Int
    ) {
        if count == 1 {
            guard source != first else { return }
            unsafe rows.row(first).update(from: rows.row(source), count: rows.rowLength)
        }
        var source = source
        var half = count / 2
        if count.trailingZeroBitCount % 2 == 1 {
            let length = unsafe half * rows.rowLength
            unsafe walrus_gf_butterfly(
                rows.row(first),
                rows.row(source),
                length,
                length,
                multiplier(at: half + delta)
            )
            source = first
            half /= 2
        }
        while half > 0 {
            let quarter = half / 2
            let length = unsafe quarter * rows.rowLength
            for start in stride(from: 0, to: min(needed, count), by: 2 * half) {
                unsafe walrus_gf_butterfly4(
                    rows.row(first + start),
                    rows.row(source + start),
                    length,
                    length,
                    multiplier(at: start + half + delta),
                    multiplier(at: start + quarter + delta),
                    multiplier(at: start + half + quarter + delta)
                )
            }
            source = first
            half /= 4
        }
    }

    /// Turns values into coefficients, in place.
    ///
    /// The rows from `nonzero` on are zero.
    func inverse(
        _ rows: WorkRows,
        first: Int,
        count: Int,
        delta: Int,
        nonzero: Int
    ) {
        var half = 1
        while 4 * half <= count {
            let length = unsafe half * rows.rowLength
            for start in stride(from: 0, to: min(nonzero, count), by: 4 * half) {
                unsafe walrus_gf_inverse_butterfly4(
                    rows.row(first + start),
                    length,
                    length,
                    multiplier(at: start + 2 * half + delta),
                    multiplier(at: start + half + delta),
                    multiplier(at: start + 3 * half + delta)
                )
            }
            half *= 4
        }
        guard half < count else { return }
        let length = unsafe half * rows.rowLength
        unsafe walrus_gf_inverse_butterfly(
            rows.row(first),
            length,
            length,
            multiplier(at: half + delta)
        )
    }

    /// The formal derivative of polynomials given by `count` coefficients.
    func differentiate(_ rows: WorkRows, count: Int) {
        for index in stride(from: 1, to: count, by: 1) {
            let width = 1 << index.trailingZeroBitCount
            unsafe walrus_gf_add(
                rows.row(index - width),
                rows.row(index),
                width * rows.rowLength
            )
        }
    }
}
