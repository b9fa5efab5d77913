// Which checkpoints are kept, and so which slices, packs and blobs are needed. Whatever is in doubt
// is needed (`Docs/Decisions/0195-waste-is-found-by-looking.md`).

internal import BlobModel
internal import VolumeFormat

/// The checkpoints whose contents stay.
struct KeptCheckpoints: Hashable {
    /// Those from here on are kept, those to come among them.
    let oldest: UInt64
    /// Older ones that are kept too.
    let pins: [UInt64]

    /// The `count` newest up to `newest`, and those that are pinned.
    init(newest: UInt64, count: UInt64, pins: [UInt64]) {
        precondition(count > 0, "the newest checkpoint is always kept")
        oldest = newest >= count ? newest - count + 1 : 1
        self.pins = pins
    }

    func keeps(_ sequence: UInt64) -> Bool { sequence >= oldest || pins.contains(sequence) }

    /// Whether any of `readers` is kept, or may be.
    func keepsAny(of readers: Range<UInt64>) -> Bool {
        oldest < readers.upperBound && !readers.isEmpty || pins.contains(where: readers.contains)
    }

    /// Whether a pinned checkpoint has bytes of a slice.
    func pin(_ slice: SliceRow) -> Bool {
        pins.contains { slice.born <= $0 && (slice.died == 0 || $0 < slice.died) }
    }

    /// Whether a kept checkpoint, or the volume as it is, has bytes of a slice.
    func need(_ slice: SliceRow) -> Bool {
        guard slice.refs == 0, slice.died > 0 else { return true }
        return slice.died > oldest || pins.contains { slice.born <= $0 && $0 < slice.died }
    }
}

extension RetiredBlob {
    /// Whether the ledger would let it go, with this head, these pins and this time (ms).
    func isDeletable(head: UInt64, pins: [UInt64], at time: UInt64) -> Bool {
        deletableFrom <= time && !mayBeNeeded(by: head) && !pins.contains(where: mayBeNeeded)
    }
}
