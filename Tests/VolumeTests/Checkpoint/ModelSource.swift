import BlobModel
import Codec
import Synchronization
import SystemIO
import VolumeFormat

@testable import Volume

/// A volume that is dictionaries: what the checkpointer may rely on, and no more.
final class ModelSource: CheckpointSource {
    struct State: Sendable {
        var rows: [RowTable: [[UInt8]: [UInt8]]] = [:]
        var dirty: [RowTable: Set<[UInt8]>] = [:]
        /// Dirty keys of the cut in flight.
        var cutDirty: [RowTable: Set<[UInt8]>] = [:]
        var slices: [UInt64: [UInt8]] = [:]
        /// Slices that no finished cut has.
        var unplaced: Set<UInt64> = []
        var cutUnplaced: Set<UInt64> = []
        var local: [String: [UInt8]] = [:]
        var generation: UInt64 = 1
        var cutInFlight: UInt64?
        var token: UInt32?
        var published: UInt64 = 0
        var nextInode: UInt64 = 2
        var nextSlice: UInt64 = 1
        var bytes: UInt64 = 0
    }

    let state: Mutex<State>
    let plan: FaultPlan
    /// Whether local values wait to be written, and how many did.
    let saves = Monitor((isHeld: false, count: 0))

    init(_ state: State = State(), plan: FaultPlan = FaultPlan()) {
        self.state = Mutex(state)
        self.plan = plan
    }

    /// What a crash leaves: all that was acknowledged.
    func crashed(plan: FaultPlan) -> ModelSource {
        var left = state.withLock { $0 }
        left.token = nil
        return ModelSource(left, plan: plan)
    }

    private func fault() throws(VolumeError) {
        if plan.strikes() { throw .inputOutput("planned") }
    }

    // What tests do.

    /// Makes a file of these bytes, in slices of at most `sliceLength`; returns its number.
    @discardableResult
    func write(_ bytes: [UInt8], inode: UInt64? = nil, sliceLength: Int = 1 << 20) -> UInt64 {
        state.withLock { state in
            let number = inode ?? state.nextInode
            state.nextInode = max(state.nextInode, number + 1)
            state.put(.inodes, RowKey.number(number), noise(200, seed: number))
            for start in stride(from: 0, to: bytes.count, by: sliceLength) {
                let part = Array(bytes[start..<min(bytes.count, start + sliceLength)])
                let slice = SliceNumber.make(token: state.token ?? 0, counter: state.nextSlice)
                state.nextSlice += 1
                state.slices[slice] = part
                state.unplaced.insert(slice)
                let extent = ExtentRow(length: UInt32(part.count), slice: slice, start: 0)
                state.put(
                    .extents,
                    RowKey.extent(number, offset: UInt64(start)),
                    extent.bcsBytes
                )
                let row = SliceRow(length: UInt32(part.count), refs: 1, born: 0, died: 0)
                state.put(.slices, RowKey.number(slice), row.bcsBytes)
            }
            state.bytes += UInt64(bytes.count)
            return number
        }
    }

    func remove(inode: UInt64) {
        state.withLock { state in
            state.put(.inodes, RowKey.number(inode), nil)
            for key in (state.rows[.extents] ?? [:]).keys
            where key.starts(with: RowKey.number(inode)) {
                guard let value = state.rows[.extents]?[key],
                    let extent = try? ExtentRow(bcsBytes: value)
                else { continue }
                state.put(.extents, key, nil)
                state.put(.slices, RowKey.number(extent.slice), nil)
                state.unplaced.remove(extent.slice)
            }
        }
    }

    /// The log forgets what is placed.
    func dropPlacedSlices() {
        state.withLock { state in
            for slice in state.slices.keys where !state.unplaced.contains(slice) {
                state.slices[slice] = nil
            }
        }
    }

    /// The rows of files, to compare.
    var versionedRows: [RowImage] {
        state.withLock { state in
            RowTable.allCases.filter { $0.isVersioned || $0 == .slices }
                .flatMap { table in state.sorted(table) }
        }
    }

    /// The extents of all files, by inode and offset.
    var extents: [(inode: UInt64, offset: UInt64, row: ExtentRow)] {
        state.withLock { state in
            state.sorted(.extents).compactMap { row in
                guard let key = try? RowKey.readExtent(row.key), let value = row.value,
                    let extent = try? ExtentRow(bcsBytes: value)
                else { return nil }
                return (key.inode, key.offset, extent)
            }
        }
    }

    // What the checkpointer asks.

    func cut() throws(VolumeError) -> any CutSnapshot {
        try fault()
        return state.withLock { state in
            precondition(state.cutInFlight == nil)
            let generation = state.generation
            state.generation += 1
            state.cutInFlight = generation
            for (table, keys) in state.dirty { state.cutDirty[table, default: []].formUnion(keys) }
            state.dirty = [:]
            state.cutUnplaced = state.unplaced
            state.bytes = 0
            return ModelSnapshot(state, generation: generation)
        }
    }

    func noteUploaded(_ bytes: Int) {}

    func cutInFlight() -> UInt64? { state.withLock { $0.cutInFlight } }

    func readSlice(
        _ slice: UInt64,
        offset: UInt32,
        length: UInt32
    ) throws(VolumeError) -> [UInt8] {
        let found = state.withLock { $0.slices[slice] }
        guard let bytes = found, Int(offset) + Int(length) <= bytes.count else { throw .notFound }
        return Array(bytes[Int(offset)..<Int(offset) + Int(length)])
    }

    func place(_ rows: [RowImage]) throws(VolumeError) {
        try fault()
        state.withLock { state in
            for row in rows {
                guard let table = RowTable(rawValue: row.table), !table.isVersioned,
                    table != .slices
                else { preconditionFailure("only placement is placed") }
                let old = state.rows[table]?[row.key]
                state.rows[table, default: [:]][row.key] = row.value
                let hasLeft = table == .chunks && old != nil && old != row.value
                if hasLeft || PlacementRows.travelsAlone(row) {
                    state.dirty[table, default: []].insert(row.key)
                }
            }
        }
    }

    func removeSlices(_ numbers: [UInt64]) throws(VolumeError) {
        try fault()
        state.withLock { state in
            for number in numbers { state.put(.slices, RowKey.number(number), nil) }
        }
    }

    func value(of table: RowTable, _ key: [UInt8]) throws(VolumeError) -> [UInt8]? {
        state.withLock { $0.rows[table]?[key] }
    }

    func rows(
        of table: RowTable,
        from lower: [UInt8],
        to upper: [UInt8]?,
        limit: Int
    ) throws(VolumeError) -> [RowImage] {
        let all = state.withLock { $0.rows[table] ?? [:] }
        let found = all.filter { key, _ in
            !key.lexicographicallyPrecedes(lower)
                && (upper.map { key.lexicographicallyPrecedes($0) } ?? true)
        }
        return found.sorted { $0.key.lexicographicallyPrecedes($1.key) }.prefix(limit)
            .map { RowImage(table: table.rawValue, key: $0.key, value: $0.value) }
    }

    func finishCut(generation: UInt64, sequence: UInt64) throws(VolumeError) {
        try fault()
        state.withLock { state in
            precondition(state.cutInFlight == generation)
            state.cutInFlight = nil
            state.cutDirty = [:]
            state.unplaced.subtract(state.cutUnplaced)
            state.cutUnplaced = []
            state.published = sequence
        }
    }

    func abandonCut(generation: UInt64) throws(VolumeError) {
        try fault()
        state.withLock { state in
            precondition(state.cutInFlight == generation)
            state.cutInFlight = nil
            state.bytes += 1
            for (table, keys) in state.cutDirty { state.dirty[table, default: []].formUnion(keys) }
            state.cutDirty = [:]
            state.cutUnplaced = []
        }
    }

    func localValue(_ name: String) throws(VolumeError) -> [UInt8]? {
        state.withLock { $0.local[name] }
    }

    func setLocalValue(_ name: String, _ value: [UInt8]?) throws(VolumeError) {
        try fault()
        saves.withLock { $0.count += 1 }
        saves.waitUntil { $0.isHeld ? nil : () }
        state.withLock { $0.local[name] = value }
    }

    func setVolumeValue(_ name: [UInt8], _ value: [UInt8]?) throws(VolumeError) {
        state.withLock { $0.put(.volume, name, value) }
    }

    func setLeaseToken(_ token: UInt32?) throws(VolumeError) {
        state.withLock { $0.token = token }
    }

    func setPublishedSequence(_ sequence: UInt64) throws(VolumeError) {
        state.withLock { $0.published = sequence }
    }

    func unpublished() -> (bytes: UInt64, age: UInt64) {
        state.withLock { state in
            state.dirty.values.allSatisfy(\.isEmpty) ? (0, 0) : (max(1, state.bytes), 1)
        }
    }

    func load(_ rows: [RowImage]) throws(VolumeError) {
        state.withLock { state in
            for row in rows {
                guard let table = RowTable(rawValue: row.table) else {
                    preconditionFailure("an unknown table")
                }
                state.rows[table, default: [:]][row.key] = row.value
            }
        }
    }

    func finishLoading(sequence: UInt64, inodeMark: UInt64) throws(VolumeError) {
        state.withLock { state in
            state.published = sequence
            state.nextInode = inodeMark
        }
    }
}

extension ModelSource.State {
    mutating func put(_ table: RowTable, _ key: [UInt8], _ value: [UInt8]?) {
        rows[table, default: [:]][key] = value
        dirty[table, default: []].insert(key)
    }

    func sorted(_ table: RowTable) -> [RowImage] {
        (rows[table] ?? [:]).sorted { $0.key.lexicographicallyPrecedes($1.key) }
            .map { RowImage(table: table.rawValue, key: $0.key, value: $0.value) }
    }
}

/// A copy of the model at a cut.
final class ModelSnapshot: CutSnapshot {
    let generation: UInt64
    let inodeMark: UInt64
    let cutAt: UInt64 = 1_700_000_000_000
    private let state: ModelSource.State

    init(_ state: ModelSource.State, generation: UInt64) {
        self.state = state
        self.generation = generation
        inodeMark = state.nextInode
    }

    func forEachDirtyRow(_ body: (RowImage) throws -> Void) throws {
        for table in RowTable.allCases.sorted(by: { $0.rawValue < $1.rawValue }) {
            let keys = (state.cutDirty[table] ?? [])
                .sorted { $0.lexicographicallyPrecedes($1) }
            for key in keys {
                let value = state.rows[table]?[key]
                try body(RowImage(table: table.rawValue, key: key, value: value))
            }
        }
    }

    func forEachRow(of table: RowTable, _ body: (RowImage) throws -> Void) throws {
        for row in state.sorted(table) { try body(row) }
    }

    func value(of table: RowTable, _ key: [UInt8]) throws(VolumeError) -> [UInt8]? {
        state.rows[table]?[key]
    }

    func unplacedRanges() throws(VolumeError) -> [UnplacedRange] {
        state.sorted(.extents).compactMap { row in
            guard let key = try? RowKey.readExtent(row.key), let value = row.value,
                let extent = try? ExtentRow(bcsBytes: value),
                state.cutUnplaced.contains(extent.slice)
            else { return nil }
            return UnplacedRange(
                slice: extent.slice,
                offset: extent.start,
                length: extent.length,
                inode: key.inode,
                fileOffset: key.offset
            )
        }
    }

    func close() {}
}
