import SQLite
import SystemIO
import VolumeFormat

@testable import Volume

/// One process's life with a volume on the harness's disk, from opening to its end.
final class CrashLife {
    let harness: VolumeHarness
    let network: CrashNetwork
    let model: ModelRun
    private(set) var handles: [HandleNumber] = []
    private var cutRows: CrashNetwork.Rows?

    /// Lease tokens are given out once, so each opening gets its own.
    final class Tokens {
        private var next: UInt32 = 1
        var count: Int { Int(next) - 1 }

        func take() -> UInt32 {
            next += 1
            return next
        }
    }

    struct Options {
        var segmentSize = 16 << 10
        /// Placed segments go at once, or stay as cache.
        var keepsPlaced = false
        var commitAge = Duration.seconds(5)
        var decorate: (InMemoryFileSystem) -> any FileSystem = { $0 }

        var configuration: VolumeConfiguration {
            var configuration = VolumeConfiguration()
            configuration.cacheBytes = 4000
            configuration.commitAge = commitAge
            configuration.cleanCap = keepsPlaced ? 1 << 30 : 0
            return configuration
        }
    }

    /// Opens what lies on a disk; `preparing` sees it before.
    init(
        _ disk: InMemoryFileSystem,
        _ options: Options,
        network: CrashNetwork,
        tokens: Tokens
    ) throws {
        harness = VolumeHarness(options.configuration, segmentSize: options.segmentSize)
        harness.decorate = options.decorate
        self.network = network
        model = ModelRun(harness)
        try harness.open(disk)
        volume.setPlacedReader(network)
        try volume.setLeaseToken(tokens.take())
        try volume.makeRoot()
    }

    var volume: Volume { harness.volume }

    // MARK: - Checkpoints

    static let publishedName = "published"

    /// The newest cut that was published.
    func published() throws(VolumeError) -> UInt64 {
        guard let bytes = try volume.localValue(Self.publishedName) else { return 0 }
        return bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Ends a cut that an earlier life left: published ones are finished, others go into the next.
    func resumeCut() throws {
        guard let generation = volume.cutInFlight() else { return }
        if generation == (try published()) {
            try volume.finishCut(generation: generation, sequence: generation)
        } else {
            try volume.abandonCut(generation: generation)
        }
    }

    /// Freezes the volume; what changed, on top of the published rows, must be all there is.
    func cut() throws {
        if volume.cutInFlight() != nil { try endCut(publishes: true) }
        var rows = network.rows(of: try published())
        let snapshot = try volume.cut()
        defer { snapshot.close() }
        try snapshot.forEachDirtyRow { row in
            rows[RowID(table: row.table, key: row.key)] = row.value
        }
        try compare(rows, with: snapshot)
        for range in try snapshot.unplacedRanges() {
            let bytes = try volume.readSlice(
                range.slice,
                offset: range.offset,
                length: range.length
            )
            network.put(range.slice, range.offset, bytes)
        }
        try checkContents(of: rows)
        cutRows = rows
    }

    private func compare(_ rows: CrashNetwork.Rows, with snapshot: any CutSnapshot) throws {
        var count = 0
        for table in RowTable.allCases where table.rawValue <= RowTable.slices.rawValue {
            try snapshot.forEachRow(of: table) { row in
                count += 1
                guard rows[RowID(table: row.table, key: row.key)] == row.value else {
                    throw ModelRun.Difference(
                        description: "the checkpoint has another row \(row.key) of \(table)"
                    )
                }
            }
        }
        guard count == rows.count else {
            let more = rows.keys.map { "\($0.table) \($0.key)" }.sorted()
            throw ModelRun.Difference(
                description: "the checkpoint has \(rows.count) rows, the volume \(count): \(more)"
            )
        }
    }

    /// All bytes of all files must be on the network now.
    private func checkContents(of rows: CrashNetwork.Rows) throws {
        for (id, value) in rows where id.table == RowTable.extents.rawValue {
            let extent: ExtentRow = try VolumeCore.decode(value, "extent")
            guard network.find(extent.slice, extent.start, extent.length) != nil else {
                throw ModelRun.Difference(description: "slice \(extent.slice) was not uploaded")
            }
        }
    }

    func endCut(publishes: Bool) throws {
        guard let generation = volume.cutInFlight() else { return }
        // What says so is there although the end of it failed: there is no way back.
        let isPublished = try published() == generation
        if publishes || isPublished, let cutRows {
            network.setRows(cutRows, of: generation)
            let bytes = (0..<8).reversed().map {
                UInt8(truncatingIfNeeded: generation >> (8 * UInt64($0)))
            }
            try volume.setLocalValue(Self.publishedName, bytes)
            try volume.finishCut(generation: generation, sequence: generation)
        } else {
            try volume.abandonCut(generation: generation)
        }
        cutRows = nil
    }

    // MARK: - Files without names

    func open(_ place: ModelRun.Place) throws(VolumeError) -> HandleNumber {
        let inode = try volume.lookup(place.inode, place.bytes).inode
        let handle = try volume.open(inode, flags: [.read, .write], context: someone)
        handles.append(handle)
        return handle
    }

    func makeUnnamed(_ place: ModelRun.Place) throws(VolumeError) -> InodeNumber {
        let (attributes, handle) = try volume.createUnnamed(
            in: place.inode,
            permissions: 0o600,
            flags: [.read, .write],
            context: someone
        )
        handles.append(handle)
        try write(handle, at: 100, [UInt8](repeating: 0x75, count: 700))
        return attributes.inode
    }

    func write(_ handle: HandleNumber, at offset: UInt64, _ bytes: [UInt8]) throws(VolumeError) {
        _ = try unsafe bytes.withBytes { (buffer) throws(VolumeError) in
            try unsafe volume.write(handle, offset: offset, buffer, killsPrivileges: false)
        }
    }

    func close() {
        for handle in handles { volume.release(handle) }
        handles = []
    }
}
