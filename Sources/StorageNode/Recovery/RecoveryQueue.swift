internal import BlobModel

/// The blobs of which something may be missing, each with when it is looked at next.
///
/// Nothing of it outlives the process, and nothing needs to: what is stored says what is missing,
/// and a scan finds it again.
struct RecoveryQueue {
    struct Limits {
        /// Blobs under way at one time, and bytes of slivers that these rebuild together.
        var blobs = 8
        var bytes = 64 << 20
        /// Blobs that are remembered; a scan finds what is beyond.
        var known = 4096
        var pauseMin = Duration.seconds(1)
        var pauseMax = Duration.seconds(3600)
    }

    private struct Entry {
        var due: Duration
        /// What is to be rebuilt at most.
        var bytes: Int
        var failures = 0
        var isRunning = false
        /// Wanted again while it was under way.
        var isWantedAgain = false
        /// Shards of which something is known to be missing.
        var shards: [UInt16] = []
    }

    let limits: Limits
    private var entries: [BlobID: Entry] = [:]
    private var running = 0
    private var runningBytes = 0

    init(limits: Limits = Limits()) { self.limits = limits }

    var isFull: Bool { entries.count >= limits.known }
    /// Whether there is room for a page of a scan.
    var hasRoom: Bool { entries.count < limits.known / 2 }
    var count: Int { entries.count }

    /// Blobs of which something is known to be missing, or that should be looked at by now.
    func incomplete(at now: Duration) -> Int {
        entries.values.count { !$0.shards.isEmpty || $0.due <= now }
    }

    /// How many blobs miss something of each shard.
    var missing: [UInt16: Int] {
        var missing: [UInt16: Int] = [:]
        for entry in entries.values {
            for shard in entry.shards { missing[shard, default: 0] += 1 }
        }
        return missing
    }

    /// Has a blob looked at when `due` has come; false when the queue is full.
    mutating func want(_ blob: BlobID, bytes: Int, due: Duration, shards: [UInt16] = []) -> Bool {
        if var entry = entries[blob] {
            if entry.isRunning { entry.isWantedAgain = true }
            entry.due = min(entry.due, due)
            if !shards.isEmpty { entry.shards = shards }
            entries[blob] = entry
            return true
        }
        guard !isFull else { return false }
        entries[blob] = Entry(due: due, bytes: bytes, shards: shards)
        return true
    }

    /// The next blob to work on, if one is due and there is room for it.
    mutating func take(at now: Duration) -> BlobID? {
        guard let (blob, entry) = next, entry.due <= now, hasRoom(for: entry) else { return nil }
        entries[blob]?.isRunning = true
        running += 1
        runningBytes += entry.bytes
        return blob
    }

    /// When the next blob that is not under way is due; nil while none waits, or until one that is
    /// under way ends.
    var nextDue: Duration? {
        guard let (_, entry) = next, hasRoom(for: entry) else { return nil }
        return entry.due
    }

    /// One that is larger than the bound goes alone.
    private func hasRoom(for entry: Entry) -> Bool {
        running == 0 || running < limits.blobs && runningBytes + entry.bytes <= limits.bytes
    }

    private var next: (blob: BlobID, entry: Entry)? {
        entries.lazy.filter { !$0.value.isRunning }
            .min { ($0.value.due, $0.key) < ($1.value.due, $1.key) }
            .map { ($0.key, $0.value) }
    }

    /// Says of which shards something of a blob is missing.
    mutating func found(_ blob: BlobID, missing shards: [UInt16]) {
        entries[blob]?.shards = shards
    }

    private mutating func stop(_ blob: BlobID) -> Entry? {
        guard let entry = entries[blob], entry.isRunning else { return nil }
        running -= 1
        runningBytes -= entry.bytes
        entries[blob]?.isRunning = false
        return entry
    }

    /// Everything of the blob is here, or it is not wanted any more.
    mutating func finished(_ blob: BlobID, at now: Duration) {
        guard let entry = stop(blob) else { return }
        entries[blob] = nil
        if entry.isWantedAgain { _ = want(blob, bytes: entry.bytes, due: now) }
    }

    /// Tries a blob again: later each time, and not together with others that failed with it.
    ///
    /// `jitter` is a random number of 0 to 1023 thousandths or so of the pause that is added.
    mutating func failed(_ blob: BlobID, at now: Duration, jitter: UInt64) {
        guard let entry = stop(blob) else { return }
        let pause = min(limits.pauseMin * (1 << min(entry.failures, 12)), limits.pauseMax)
        entries[blob]?.failures += 1
        entries[blob]?.due = now + pause + pause * Int(jitter & 1023) / 1024
        entries[blob]?.isWantedAgain = false
    }

    /// Looks at a blob again after `pause`, which is nobody's failure.
    mutating func postponed(_ blob: BlobID, until due: Duration) {
        guard stop(blob) != nil else { return }
        entries[blob]?.due = due
        entries[blob]?.isWantedAgain = false
    }
}
