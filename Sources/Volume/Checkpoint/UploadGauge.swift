internal import Synchronization

/// What is on its way to the network and what has arrived, counted as it happens.
final class UploadGauge: Sendable {
    struct Reading: Sendable {
        /// Packs that are being stored, and their bytes.
        var packsInFlight = 0
        var bytesInFlight = 0
        /// Packs that were stored, and their bytes.
        var packsStored: UInt64 = 0
        var bytesStored: UInt64 = 0
    }

    /// Guards the counts, which tasks change at the same time.
    private let reading = Mutex(Reading())

    var now: Reading { reading.withLock { $0 } }

    func begin(_ bytes: Int) {
        reading.withLock { reading in
            reading.packsInFlight += 1
            reading.bytesInFlight += bytes
        }
    }

    func end(_ bytes: Int, isStored: Bool) {
        reading.withLock { reading in
            reading.packsInFlight -= 1
            reading.bytesInFlight -= bytes
            guard isStored else { return }
            reading.packsStored += 1
            reading.bytesStored += UInt64(bytes)
        }
    }
}
