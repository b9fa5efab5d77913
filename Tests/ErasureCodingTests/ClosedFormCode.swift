/// The same code from its closed form, element by element, with nothing of the fast engine in it:
/// a scaled Cauchy matrix, products by shifting, and Gaussian elimination.
struct ClosedFormCode {
    let originals: Int
    let recoveries: Int

    private static let cantor: [UInt16] = [
        0x0001, 0xACCA, 0x3C0E, 0x163E, 0xC582, 0xED2E, 0x914C, 0x4012,
        0x6C98, 0x10D8, 0x6A72, 0xB900, 0xFDB8, 0xFB34, 0xFF38, 0x991E,
    ]

    /// From coordinates to polynomials.
    private static let polynomials: [UInt16] = (0..<65_536).map { vector in
        (0..<16).reduce(0) { vector >> $1 & 1 == 1 ? $0 ^ cantor[$1] : $0 }
    }

    private static let coordinates: [UInt16] = {
        var table = [UInt16](repeating: 0, count: 65_536)
        for (vector, polynomial) in polynomials.enumerated() {
            table[Int(polynomial)] = UInt16(vector)
        }
        return table
    }()

    static func multiply(_ left: UInt16, _ right: UInt16) -> UInt16 {
        var a = UInt32(polynomials[Int(left)])
        var b = UInt32(polynomials[Int(right)])
        var product: UInt32 = 0
        while b > 0 {
            if b & 1 == 1 { product ^= a }
            a <<= 1
            if a > 0xFFFF { a ^= 0x1002D }
            b >>= 1
        }
        return coordinates[Int(product)]
    }

    /// `value` to the power 65,534.
    static func invert(_ value: UInt16) -> UInt16 {
        var result: UInt16 = 1
        var square = value
        for _ in 1..<16 {
            square = multiply(square, square)
            result = multiply(result, square)
        }
        return result
    }

    private static func ceilPower(_ value: Int) -> Int {
        var power = 1
        while power < value { power *= 2 }
        return power
    }

    /// Row by row, what each original contributes to each recovery symbol.
    var generator: [[UInt16]] {
        let powers = (Self.ceilPower(originals), Self.ceilPower(recoveries))
        let chunk = min(powers.0, powers.1)
        return (0..<recoveries).map { row in
            (0..<originals).map { column in
                let isLow = powers.0 <= powers.1
                let p = chunk + (isLow ? row : column)
                let q = isLow ? column : row
                return Self.multiply(UInt16(p / chunk), Self.invert(UInt16(p ^ q)))
            }
        }
    }

    func encode(_ symbols: [[UInt8]]) -> [[UInt8]] {
        let elements = symbols.map { Self.elements($0) }
        return generator.map { row in Self.bytes(Self.combine(row, elements)) }
    }

    /// All originals, from exactly as many symbols as there are.
    func decode(_ given: [(index: Int, bytes: [UInt8])]) -> [[UInt8]] {
        let generator = self.generator
        var rows = given.map { symbol -> (factors: [UInt16], values: [UInt16]) in
            var factors = [UInt16](repeating: 0, count: originals)
            if symbol.index < originals {
                factors[symbol.index] = 1
            } else {
                factors = generator[symbol.index - originals]
            }
            return (factors, Self.elements(symbol.bytes))
        }
        for column in 0..<originals {
            guard let pivot = (column..<originals).first(where: { rows[$0].factors[column] != 0 })
            else { return [] }
            rows.swapAt(column, pivot)
            let inverse = Self.invert(rows[column].factors[column])
            rows[column].factors = rows[column].factors.map { Self.multiply($0, inverse) }
            rows[column].values = rows[column].values.map { Self.multiply($0, inverse) }
            for row in 0..<originals where row != column {
                let factor = rows[row].factors[column]
                guard factor != 0 else { continue }
                rows[row].factors = Self.combine(
                    [1, factor],
                    [rows[row].factors, rows[column].factors]
                )
                rows[row].values = Self.combine(
                    [1, factor],
                    [rows[row].values, rows[column].values]
                )
            }
        }
        return rows.map { Self.bytes($0.values) }
    }

    private static func combine(_ factors: [UInt16], _ vectors: [[UInt16]]) -> [UInt16] {
        var sum = [UInt16](repeating: 0, count: vectors[0].count)
        for (factor, vector) in zip(factors, vectors) where factor != 0 {
            for index in sum.indices { sum[index] ^= multiply(factor, vector[index]) }
        }
        return sum
    }

    /// Blocks of 64 bytes are low halves and then high halves; so is a shorter last one.
    static func elements(_ bytes: [UInt8]) -> [UInt16] {
        stride(from: 0, to: bytes.count, by: 64).flatMap { start -> [UInt16] in
            let half = min(64, bytes.count - start) / 2
            return (start..<start + half).map { UInt16(bytes[$0]) | UInt16(bytes[$0 + half]) << 8 }
        }
    }

    static func bytes(_ elements: [UInt16]) -> [UInt8] {
        stride(from: 0, to: elements.count, by: 32).flatMap { start -> [UInt8] in
            let block = elements[start..<min(start + 32, elements.count)]
            return block.map { UInt8(truncatingIfNeeded: $0) }
                + block.map { UInt8(truncatingIfNeeded: $0 >> 8) }
        }
    }
}
