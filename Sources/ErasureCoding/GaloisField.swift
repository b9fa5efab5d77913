internal import CKernels

// GF(2^16) with the polynomial 0x1002D. All elements, data and positions alike, are coordinates in
// a Cantor basis, in which the polynomials that vanish on 0 ..< 2^i are plain shifts; multiplying
// them as polynomials passes every round trip and gives other bytes than the reference's.

/// Logarithms and powers of the field.
struct GaloisField: Sendable {
    /// The order of the multiplicative group, by which logarithms are reduced.
    ///
    /// It is also the marker that stands for the logarithm of zero.
    static let order = 65_535
    static let shared = GaloisField()

    /// Of 65,536 elements; that of zero is ``order``.
    let logarithms: [UInt16]
    /// Of 65,536 exponents.
    let powers: [UInt16]

    private init() {
        var logarithms = [UInt16](repeating: 0, count: 65_536)
        var powers = [UInt16](repeating: 0, count: 65_536)
        unsafe walrus_gf_fill(&logarithms, &powers)
        self.logarithms = logarithms
        self.powers = powers
    }

    func multiply(_ left: UInt16, _ right: UInt16) -> UInt16 {
        guard left != 0, right != 0 else { return 0 }
        let sum = Int(logarithms[Int(left)]) + Int(logarithms[Int(right)])
        return powers[sum % Self.order]
    }
}

// Threads that fill a buffer together write to places of their own, and nobody reads what is not
// written yet.
extension AlignedBuffer: @unchecked Sendable {}

/// Multipliers of many constants, in one piece of memory.
struct Multipliers: Sendable {
    private let memory: AlignedBuffer

    /// The multipliers of constants with these logarithms, at most ``GaloisField/order``.
    init(logarithms: [Int]) {
        memory = AlignedBuffer(count: logarithms.count * Int(WALRUS_GF_TABLE))
        let field = GaloisField.shared
        unsafe walrus_gf_tables(
            field.logarithms,
            field.powers,
            logarithms.map { UInt32($0) },
            logarithms.count,
            memory.start
        )
    }

    /// Bytes that the multipliers take.
    var length: Int { memory.count }

    func table(_ index: Int) -> UnsafePointer<UInt8> {
        precondition(index >= 0 && index * Int(WALRUS_GF_TABLE) < memory.count)
        return unsafe UnsafePointer(memory.start + index * Int(WALRUS_GF_TABLE))
    }
}
