internal import BlobModel
internal import ErasureCoding
internal import Simulation
internal import SystemIO
internal import TestNetwork

/// Nodes that lie and clients that encode wrongly: chosen apart from the rest of the plan.
struct LiarPlan {
    /// Nodes that lie, by number: among the unlucky ones, so that with those that lose something
    /// they are at most f.
    let kinds: [Int: LyingKind]
    /// Blobs that a malicious client stores, with the nodes that it brings nothing to.
    let misencoded: [(blob: MisencodedBlob, kind: MisencodedBlob.Kind, skipped: Set<Int>)]

    init(
        seed: UInt64,
        nodes: Int,
        unlucky: [Int],
        _ sabotage: Plan.Sabotage
    ) throws {
        var random = SplitMix64(seed: seed &* 0xD1B5_4A33 &+ 29)
        var kinds: [Int: LyingKind] = [:]
        for node in unlucky where random.below(2) == 0 {
            let all = LyingKind.allCases
            kinds[node] = all[Int(random.below(UInt64(all.count)))]
        }
        if sabotage == .tooManyLiars {
            for node in 1..<nodes { kinds[node] = .equivocating }
        }
        self.kinds = kinds
        var misencoded: [(blob: MisencodedBlob, kind: MisencodedBlob.Kind, skipped: Set<Int>)] = []
        let count = sabotage == .noInvalidation ? 2 : random.below(3)
        for number in 0..<count {
            let all = MisencodedBlob.Kind.allCases
            var kind = all[Int(random.below(UInt64(all.count)))]
            let bytes = SeededEntropy(seed: seed ^ number << 48 ^ 0xBAD)
                .bytes(count: 1 + Int(random.below(1500)))
            // So many confirmations may be missing; one is, of a row that nobody has.
            var mute = kinds.values.count { $0 != .equivocating }
            if kind == .noRow, mute == (nodes - 1) / 3 { kind = .crossed }
            if kind == .noRow { mute += 1 }
            var skipped: Set<Int> = []
            for node in 0..<nodes
            where kinds[node] == nil && skipped.count + mute < (nodes - 1) / 3 {
                if random.below(2) == 0 { skipped.insert(node) }
            }
            let blob = try MisencodedBlob(bytes, kind, shards: nodes)
            misencoded.append((blob, kind, skipped))
        }
        self.misencoded = misencoded
    }
}
