// Decides when the log is compacted, and which segments; knows neither disk nor database.

/// Which segments are worth being written again in short.
enum CompactionPlan {
    /// A closed segment that may not go, because it has bytes that are nowhere else.
    struct Segment: Equatable {
        let number: UInt64
        let bytes: UInt64
        /// Bytes in it that some file has.
        let live: UInt64
    }

    /// Bytes that one compaction copies, at most.
    static let budget: UInt64 = 64 << 20

    /// Those of `segments` of which less than `quarters` quarters live, as many as the budget
    /// allows, the oldest first.
    static func victims(_ segments: [Segment], quarters: UInt64 = 1) -> [UInt64] {
        var left = budget
        var victims: [UInt64] = []
        for segment in segments where segment.live * 4 < segment.bytes * quarters {
            guard segment.live <= left else { break }
            left -= segment.live
            victims.append(segment.number)
        }
        return victims
    }

    /// What counts as the cap of a log that has none but the disk, as without a network.
    static let capWithoutCap: UInt64 = 4 << 30

    /// Whether it is time to look for what lives: from a quarter of the log's cap on, when there is
    /// an eighth more than at the last look, or every few seconds while the log is full.
    static func isDue(
        segments: Int,
        atLastLook: Int,
        sinceLook: Duration,
        segmentBytes: UInt64,
        cap: UInt64
    ) -> Bool {
        let bytes = UInt64(segments) * segmentBytes
        guard segments >= 2, bytes >= min(cap, capWithoutCap) / 4 else { return false }
        if bytes + segmentBytes > cap { return sinceLook >= .seconds(5) }
        return segments > atLastLook + atLastLook / 8
    }
}
