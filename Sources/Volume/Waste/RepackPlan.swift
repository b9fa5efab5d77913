// Which packs are worth emptying: what is needed of them goes to new packs, which are published
// first, and what is left of them is retired then
// (`Docs/Decisions/0210-sparse-packs-are-emptied.md`). A value that knows numbers only.
//
// A pack is a candidate when more of it is dead than is needed, or when it is so short that
// metadata is most of what is paid for it. Emptying must halve what is paid. Nothing is moved for
// ever: each round uses up dead bytes, or leaves fewer short packs.

/// Packs whose live chunks are to be moved together, the sparsest first.
struct RepackPlan: Hashable {
    /// What is known of a pack of which something is needed.
    struct Pack: Hashable, Sendable {
        let id: UInt64
        /// Of its blob, in bytes.
        let length: UInt64
        /// What chunks that some file has would take in another pack.
        let live: UInt64
        /// Stored bytes of chunks that only kept checkpoints need: they stay.
        let held: UInt64
        /// Stored bytes of chunks that nothing needs.
        let dead: UInt64
        /// A pinned checkpoint reads it, for as long as the pin is there.
        let isPinned: Bool
        /// Some of its chunks are elsewhere by now.
        let hasDepartures: Bool
    }

    /// What bytes cost on a network.
    struct Costs {
        /// The length at which packs are full.
        let packLength: UInt64
        /// What is paid for a pack of so many bytes; nil when the network takes none.
        let paid: (UInt64) -> UInt64?

        /// What is paid for bytes as a part of a full pack.
        func fair(_ length: UInt64) -> UInt64 {
            let full = paid(packLength) ?? packLength
            return length * (full / packLength) + length * (full % packLength) / packLength
        }

        /// What is paid for bytes in packs of their own.
        func total(_ length: UInt64) -> UInt64 {
            let full = length / packLength * (paid(packLength) ?? packLength)
            let rest = length % packLength
            return rest == 0 ? full : full + (paid(rest + 128) ?? fair(rest))
        }

        func isShort(_ pack: Pack) -> Bool {
            paid(pack.length) ?? 0 > 2 * fair(pack.length)
        }
    }

    /// Bytes of a trailer for a chunk of so many frames that one stretch of a slice has.
    static func trailerBytes(frames: Int) -> UInt64 { UInt64(38 + 4 * frames + 56) }

    /// In the order in which they are to be emptied.
    let packs: [UInt64]
    /// What is paid for new packs, at most about.
    let cost: UInt64

    /// `bytesMax` bounds what is moved at a time, one pack at least; `room` what may be paid.
    init(
        _ packs: [Pack],
        _ costs: Costs,
        bytesMax: UInt64,
        room: UInt64
    ) {
        let candidates = packs.filter { Self.isCandidate($0, costs) }
            .map { (pack: $0, share: Double($0.live) / Double(costs.paid($0.length) ?? $0.length)) }
            .sorted { ($0.share, $0.pack.id) < ($1.share, $1.pack.id) }
        var (live, before, best, cost): (UInt64, UInt64, Int, UInt64) = (0, 0, 0, 0)
        for (index, candidate) in candidates.enumerated() {
            live += candidate.pack.live
            before += costs.paid(candidate.pack.length) ?? 0
            let after = costs.total(live)
            guard index == 0 || live <= bytesMax, after <= room else { break }
            if 2 * after <= before { (best, cost) = (index + 1, after) }
        }
        self.packs = candidates.prefix(best).map(\.pack.id)
        self.cost = cost
    }

    private static func isCandidate(_ pack: Pack, _ costs: Costs) -> Bool {
        guard !pack.isPinned, pack.live > 0 else { return false }
        let needed = pack.live + pack.held
        // Rows tell what is dead, as long as none has left.
        if pack.dead > needed || pack.hasDepartures && pack.length > 2 * needed { return true }
        return costs.isShort(pack)
    }
}
