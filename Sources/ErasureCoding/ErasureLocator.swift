/// For every point `x`, the logarithm of the product of `x ^ e` over all erased points `e` but `x`.
///
/// Sums over all `e` are a convolution over exclusive or, which a Walsh-Hadamard transform makes
/// pointwise. Erased points past `size` are left out: their sum is the same for every `x`, and
/// decoding uses only differences.
struct ErasureLocator: Sendable {
    private let size: Int
    /// The transform of the field's logarithms, that of zero taken as 0.
    private let kernel: [Int]

    /// - Precondition: `size` is a power of two, at most 65,536.
    init(size: Int) {
        precondition(size > 0 && size & (size - 1) == 0 && size <= 65_536)
        self.size = size
        var logarithms = GaloisField.shared.logarithms.prefix(size).map { Int($0) }
        logarithms[0] = 0
        kernel = Self.transform(logarithms)
    }

    func logarithms(erased: [Bool]) -> [Int] {
        precondition(erased.count == size)
        let values = Self.transform(erased.map { $0 ? 1 : 0 })
        let products = zip(values, kernel).map { $0 * $1 % GaloisField.order }
        // Twice the transform is multiplication by `size`, and 2^16 is 1 modulo 65,535.
        let inverse = 1 << (16 - size.trailingZeroBitCount)
        return Self.transform(products).map { $0 * inverse % GaloisField.order }
    }

    private static func transform(_ input: [Int]) -> [Int] {
        var values = input
        unsafe values.withUnsafeMutableBufferPointer { values in
            var half = 1
            while half < input.count {
                for start in stride(from: 0, to: input.count, by: 2 * half) {
                    for index in start..<start + half {
                        let left = unsafe values[index]
                        let right = unsafe values[index + half]
                        unsafe values[index] = (left + right) % GaloisField.order
                        unsafe values[index + half] =
                            (left - right + GaloisField.order) % GaloisField.order
                    }
                }
                half *= 2
            }
        }
        return values
    }
}
