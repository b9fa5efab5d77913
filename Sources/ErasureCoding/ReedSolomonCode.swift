// The Reed-Solomon code of the reference network, the "Leopard" family: systematic, over GF(2^16),
// with FFTs. `Docs/Formats/reed-solomon.md` describes the code that this computes.
//
// Symbols 0 ..< originals are the originals, the rest the recovery symbols. They are values at
// points of the field: with `m` the power of two at or above the smaller count, originals are at
// 0... and recoveries at m... when there are fewer originals (low rate), else the other way round.

/// Why symbols could not be coded.
package enum ReedSolomonError: Error, Equatable, Sendable {
    /// The field has too few points, or there are no originals or no recoveries.
    case unsupportedCounts(originals: Int, recoveries: Int)
    case wrongSymbolCount(Int, expected: Int)
    /// A size that is zero, odd, or not that of the first symbol.
    case wrongSymbolSize(Int)
    case indexOutOfRange(Int)
    case duplicateIndex(Int)
    case notEnoughSymbols(Int, needed: Int)
}

/// The code of `originals` symbols and `recoveries` more, any `originals` of which give the others.
package struct ReedSolomonCode: Sendable {
    package let originals: Int
    package let recoveries: Int
    private let isLowRate: Bool
    private let chunk: Int
    private let transform: AdditiveTransform
    private let locator: ErasureLocator
    private let plans = PlanCache()

    package init(originals: Int, recoveries: Int) throws(ReedSolomonError) {
        guard originals > 0, recoveries > 0, originals <= 65_536, recoveries <= 65_536,
            min(Self.ceilPower(originals), Self.ceilPower(recoveries))
                + max(originals, recoveries) <= 65_536
        else { throw .unsupportedCounts(originals: originals, recoveries: recoveries) }
        self.originals = originals
        self.recoveries = recoveries
        let powers = (Self.ceilPower(originals), Self.ceilPower(recoveries))
        isLowRate = powers.0 < powers.1 || (powers.0 == powers.1 && originals > recoveries)
        chunk = min(powers.0, powers.1)
        let size = Self.ceilPower(chunk + max(originals, recoveries))
        transform = AdditiveTransform(size: size)
        locator = ErasureLocator(size: size)
    }

    /// Originals and recoveries together.
    package var symbolCount: Int { originals + recoveries }

    private static func ceilPower(_ value: Int) -> Int {
        value <= 1 ? 1 : 1 << (Int.bitWidth - (value - 1).leadingZeroBitCount)
    }

    private func point(of symbol: Int) -> Int {
        if isLowRate { return symbol < originals ? symbol : chunk + symbol - originals }
        return symbol < originals ? chunk + symbol : symbol - originals
    }

    var encodePlan: CodePlan {
        .encode(
            EncodePlan(
                transform: transform,
                originals: originals,
                recoveries: recoveries,
                isLowRate: isLowRate,
                chunk: chunk
            )
        )
    }

    /// Which computation to use when decoding; tests ask for each.
    package enum Method: Sendable { case automatic, matrix, transform }

    /// The plan that computes the symbols `wanted` from the symbols `given`.
    ///
    /// - Precondition: As many are given as there are originals, all different, none of them
    /// wanted.
    func decodePlan(given: [Int], wanted: [Int], method: Method = .automatic) -> CodePlan {
        let key = PlanCache.Key(given: given, wanted: wanted, method: method)
        return plans.plan(key) { makeDecodePlan(given: given, wanted: wanted, method: method) }
    }

    /// How many decode plans are kept, for tests.
    var plansKept: Int { plans.count }

    private func makeDecodePlan(given: [Int], wanted: [Int], method: Method) -> CodePlan {
        precondition(given.count == originals)
        let inputs = given.map { point(of: $0) }
        let outputs = wanted.map { point(of: $0) }
        let size = transform.size
        // Everything is erased but what is given and what is known to be zero: in low rate the
        // originals' chunk past them, in high rate all that follows the originals.
        var erased = [Bool](repeating: true, count: size)
        for known in isLowRate ? originals..<chunk : chunk + originals..<size {
            erased[known] = false
        }
        for input in inputs {
            precondition(erased[input])
            erased[input] = false
        }
        let locations = locator.logarithms(erased: erased)
        let products = given.count * wanted.count
        let isMatrix = products <= size * size.trailingZeroBitCount
        if method == .matrix || (method == .automatic && isMatrix) {
            return matrixPlan(inputs, outputs, locations)
        }
        return .transform(
            TransformDecodePlan(
                transform: transform,
                size: size,
                inputs: inputs,
                outputs: outputs,
                inputFactors: Multipliers(logarithms: inputs.map { locations[$0] }),
                outputFactors: Multipliers(
                    logarithms: outputs.map { GaloisField.order - locations[$0] }
                )
            )
        )
    }

    /// Lagrange's interpolation, written with the erased points.
    private func matrixPlan(_ inputs: [Int], _ outputs: [Int], _ locations: [Int]) -> CodePlan {
        let field = GaloisField.shared
        var logarithms: [Int] = []
        logarithms.reserveCapacity(inputs.count * outputs.count)
        for output in outputs {
            precondition(!inputs.contains(output))
            for input in inputs {
                let distance = Int(field.logarithms[input ^ output])
                logarithms.append(
                    (locations[input] - locations[output] - distance + 2 * GaloisField.order)
                        % GaloisField.order
                )
            }
        }
        return .matrix(
            MatrixPlan(
                inputs: inputs.count,
                outputs: outputs.count,
                factors: Multipliers(logarithms: logarithms)
            )
        )
    }
}
