// The volume's state and what every operation on it goes through. `Volume` holds the one lock that
// guards all of it; nothing here is called without.
//
//     validate (may throw, has changed nothing) ─► change what is in memory, naming it (`touch`)
//         ─► finish: one record of after-images and data to the log ─► rows wait in `pending`
//
// Caches are ahead of `pending`, `pending` is ahead of the database, and the database's open
// transaction is ahead of its last commit. Whoever asks for a row asks in this order. A failure
// after the first change leaves memory and log apart: then the volume is failed until restart.

internal import Codec
internal import SystemIO
internal import VolumeFormat

final class VolumeCore {
    let log: any OperationLog
    let database: any RowDatabase
    let time: any TimeSource
    var configuration: VolumeConfiguration

    var inodes: [UInt64: InodeEntry] = [:]
    /// nil values: known not to be there.
    var dirents: [DirentID: DirentRow?] = [:]
    var slices: [UInt64: SliceEntry] = [:]
    /// How often the kernel was told of an inode; apart, so that inodes may leave memory.
    var lookups: [UInt64: UInt64] = [:]
    var files: [UInt64: OpenFile] = [:]
    var nextHandle: UInt64 = 1
    /// Inodes without links that wait for their removal.
    var reapable = ReapQueue()
    /// The last try to remove some found no room for its record.
    var isReapingStuck = false
    /// Of a mount that follows: files that are open as an older checkpoint had them, by edition.
    var kept: [UInt64: InodeEntry] = [:]

    /// After-images that the database does not have yet; nil values are tombstones.
    private(set) var pending: [RowID: [UInt8]?] = [:]
    /// Those of `pending` that are dirents, by directory.
    private(set) var pendingNames: [UInt64: [[UInt8]: [UInt8]?]] = [:]
    /// Inodes of which `pending` has extents or extended attributes.
    private var pendingParts: Set<UInt64> = []
    /// What came into the caches since they were last looked at.
    private var cachedSinceSweep = 0
    var batch = RowBatch()
    /// The newest lsn of which everything is in the database's transaction, or waits for it.
    var appliedLSN: UInt64 = 0
    var committedLSN: UInt64 = 0
    /// What the view has even after a power cut.
    var durableViewLSN: UInt64 = 0
    /// The disk had no room for the view: when it is tried again.
    var viewRetry: Duration?
    var lastCommit: Duration
    var lastSync: Duration
    /// Bytes appended to the log since it was synced in the background.
    var unsyncedBytes = 0

    // The operation under way.
    var touchedInodes: [InodeEntry] = []
    var touchedSlices: [SliceEntry] = []
    var operationRows: [RowImage] = []

    var token: UInt32?
    var generation: UInt64 = 1
    /// The generation of the cut in flight.
    var cutInFlight: UInt64?
    var publishedSequence: UInt64 = 0
    /// Records with the marks of the cut in flight, and of the newest one that is published.
    var cutMark: UInt64 = 0
    var publishedMark: UInt64 = 0
    var unpublishedBytes: UInt64 = 0
    /// Writes that wait for room in the log.
    var writersWaiting = 0
    /// The last change was refused for want of room on the disk.
    var isDiskFull = false
    /// Bytes that went to the network.
    var uploads = RateMeter()
    /// When the oldest change since the last cut was made.
    var dirtySince: Duration?
    var failure: String?

    var inodeCount: UInt64 = 0
    var storedBytes: UInt64 = 0
    var nextInode: UInt64 = 2
    var inodeMark: UInt64 = 2
    var nextSlice: UInt64 = 1
    var sliceMark: UInt64 = 1
    /// Live bytes of pieces in each segment, of slices not placed yet (`hot`) and of placed ones.
    var hotBytes: [UInt64: UInt64] = [:]
    /// Which slices have pieces in a segment.
    var slicesInSegment: [UInt64: Set<UInt64>] = [:]
    /// Slices that look elsewhere in the log than the durable view says.
    var rewritten: Set<UInt64> = []
    /// Segments that could not go when the log was last looked at for compaction, and when.
    var hotAtLastLook = 0
    var lastLook: Duration

    static let pendingMax = 4096
    /// What an operation's record has at most, beyond what ``beginChange(bytes:frees:)`` is told.
    private static let recordBytes = 4096
    /// What an extent that changes adds to it at most: its row, and the row of its slice.
    static let extentBytes = 128
    /// Numbers are set aside in blocks, so that the mark is rarely written.
    static let markStep: UInt64 = 1024

    init(
        log: any OperationLog,
        database: any RowDatabase,
        time: any TimeSource,
        configuration: VolumeConfiguration
    ) {
        self.log = log
        self.database = database
        self.time = time
        self.configuration = configuration
        token = configuration.token
        lastCommit = time.uptime
        lastSync = time.uptime
        lastLook = time.uptime
    }

    var now: RowTime {
        let wall = time.wallTime
        return RowTime(seconds: wall.seconds, nanoseconds: wall.nanoseconds)
    }

    // MARK: - Admission

    /// Throws unless the volume takes changes; sees to it that a record has room.
    ///
    /// From here on until ``finish()`` the disk may be full as it likes.
    ///
    /// `bytes`: of data and rows, beyond those of two inodes and their names. `frees`: the change
    /// is one that makes room, which a full disk must not refuse.
    func beginChange(bytes: Int = 0, frees: Bool = false) throws(VolumeError) {
        if let failure { throw .failed(failure) }
        guard !configuration.readOnly, token != nil else { throw .readOnly }
        do throws(VolumeError) {
            try log.reserve(bytes + Self.recordBytes, frees: frees)
            if !frees { isDiskFull = false }
        } catch {
            if error.isFull { isDiskFull = true }
            throw error
        }
    }

    /// Makes the volume read-only until it is opened again, and says why.
    func fail(_ reason: String) -> VolumeError {
        if failure == nil { failure = reason }
        return .failed(failure ?? reason)
    }

    // MARK: - The operation under way

    func touch(_ inode: InodeEntry) {
        guard !inode.isTouched else { return }
        inode.isTouched = true
        touchedInodes.append(inode)
    }

    func touch(_ slice: SliceEntry) {
        guard !slice.isTouched else { return }
        slice.isTouched = true
        touchedSlices.append(slice)
    }

    func put(_ table: RowTable, _ key: [UInt8], _ value: [UInt8]?) {
        operationRows.append(RowImage(table: table.rawValue, key: key, value: value))
    }

    /// Writes the operation to the log and hands its rows on.
    func finish() throws(VolumeError) {
        try unsafe finish(data: UnsafeRawBufferPointer(start: nil, count: 0), slice: nil)
    }

    /// Writes the operation to the log and hands its rows on.
    ///
    /// `slice` is what `data` is appended to.
    func finish(data: UnsafeRawBufferPointer, slice: SliceEntry?) throws(VolumeError) {
        let dataPlace = slice.map { slice in
            OperationRecord.Data(
                slice: slice.number,
                offset: slice.row.length - UInt32(data.count),
                length: UInt32(data.count)
            )
        }
        for inode in touchedInodes { encode(inode) }
        for slice in touchedSlices { encode(slice) }
        let record = OperationRecord(
            inodes: inodeCount,
            stored: storedBytes,
            data: dataPlace,
            rows: operationRows
        )
        let head = record.bytes
        let appended: (lsn: UInt64, place: LogPlace)
        do throws(VolumeError) {
            appended = try unsafe log.append(head, data)
        } catch {
            throw fail("the log can not be written: \(error)")
        }
        for inode in touchedInodes { inode.lastLSN = appended.lsn }
        if let slice, let dataPlace {
            addPiece(
                Piece(offset: dataPlace.offset, length: dataPlace.length, place: appended.place),
                to: slice
            )
        }
        unsyncedBytes += head.count + data.count
        unpublishedBytes += UInt64(data.count)
        appliedLSN = appended.lsn
        for row in operationRows { setPending(row) }
        endOperation()
        if pending.count >= Self.pendingMax { try flush() }
    }

    private func encode(_ inode: InodeEntry) {
        let key = RowKey.number(inode.number)
        guard inodes[inode.number] === inode else { return put(.inodes, key, nil) }
        inode.hasNewAccess = false
        put(.inodes, key, inode.row.bcsBytes)
    }

    private func encode(_ slice: SliceEntry) {
        let isGone = slices[slice.number] !== slice
        put(.slices, RowKey.number(slice.number), isGone ? nil : slice.row.bcsBytes)
    }

    private func endOperation() {
        for inode in touchedInodes { inode.isTouched = false }
        for slice in touchedSlices { slice.isTouched = false }
        touchedInodes.removeAll(keepingCapacity: true)
        touchedSlices.removeAll(keepingCapacity: true)
        operationRows.removeAll(keepingCapacity: true)
        if dirtySince == nil { dirtySince = time.uptime }
    }

    // MARK: - Rows

    /// Takes an after-image that the database gets later.
    func setPending(_ row: RowImage) {
        pending[RowID(table: row.table, key: row.key)] = .some(row.value)
        switch RowTable(rawValue: row.table) {
        case .dirents:
            pendingNames[Self.number(row.key), default: [:]][Array(row.key.dropFirst(8))] =
                .some(row.value)
        case .extents, .xattrs: pendingParts.insert(Self.number(row.key))
        default: break
        }
    }

    /// The number that a key begins with.
    private static func number(_ key: [UInt8]) -> UInt64 {
        UInt64(bitPattern: VolumeSchema.bigEndian(key, at: 0))
    }

    /// Gives the database what waits, if that has extents or extended attributes of an inode.
    func flushParts(of inode: UInt64) throws(VolumeError) {
        if pendingParts.contains(inode) { try flush() }
    }

    /// The newest row that caches do not know better.
    func value(_ table: RowTable, _ key: [UInt8]) throws(VolumeError) -> [UInt8]? {
        if let value = pending[RowID(table: table.rawValue, key: key)] { return value }
        return try database.value(table, key)
    }

    /// Gives the database all that waits, so that it can be searched.
    func flush() throws(VolumeError) {
        guard !pending.isEmpty || !batch.isEmpty else { return }
        collectPending()
        do throws(VolumeError) {
            try database.apply(batch, generation: generation)
        } catch {
            guard error.isFull else { throw fail("the database can not be written: \(error)") }
            return try rebuildView()
        }
        forgetPending()
    }

    /// Puts the rows that wait into the batch.
    func collectPending() {
        batch.rows.reserveCapacity(pending.count)
        for (id, value) in pending {
            batch.rows.append(RowImage(table: id.table, key: id.key, value: value))
        }
        // One that left memory has no pieces.
        for number in batch.rewritten.sorted() {
            batch.newSets.append((number, slices[number]?.pieces ?? []))
        }
    }

    /// Says that the database has, or can be given anew, all that waited.
    func forgetPending() {
        pending.removeAll(keepingCapacity: true)
        pendingNames.removeAll(keepingCapacity: true)
        pendingParts.removeAll(keepingCapacity: true)
        batch = RowBatch()
    }

    /// Makes the view durable as of the newest operation.
    ///
    /// After a throw for want of room nothing of it is lost but what only the database had, which
    /// the caller does again; `force`: also when only such changed.
    func commit(force: Bool = false) throws(VolumeError) {
        if let failure { throw .failed(failure) }
        try writeAccessTimes()
        try flush()
        lastCommit = time.uptime
        guard appliedLSN > committedLSN || force else { return }
        // The view must never be ahead of the log: a power cut would leave rows without bytes.
        try syncLog(through: appliedLSN)
        do throws(VolumeError) {
            try database.commit(totals)
        } catch {
            guard error.isFull else { throw fail("the database can not be committed: \(error)") }
            try rebuildView()
            throw error
        }
        committedLSN = appliedLSN
        viewRetry = nil
    }

    var totals: ViewTotals {
        var totals = ViewTotals()
        totals.appliedLSN = appliedLSN
        totals.generation = generation
        totals.cutInFlight = cutInFlight ?? 0
        totals.publishedSequence = publishedSequence
        totals.inodes = inodeCount
        totals.stored = storedBytes
        totals.cutMark = cutMark
        totals.publishedMark = publishedMark
        return totals
    }

    /// Makes the last commit survive a power cut, so that the log before it may go.
    ///
    /// - Precondition: Nothing was flushed since.
    func makeViewDurable() throws(VolumeError) {
        if let failure { throw .failed(failure) }
        do throws(VolumeError) {
            try database.makeDurable()
        } catch {
            // Its last commit is there, and perhaps for good.
            if error.isFull { throw error }
            throw fail("the database can not be synced: \(error)")
        }
        durableViewLSN = committedLSN
        rewritten = batch.rewritten
    }

    func syncLog(through lsn: UInt64) throws(VolumeError) {
        do throws(VolumeError) {
            try log.sync(through: lsn)
        } catch {
            throw fail("the log can not be synced: \(error)")
        }
        unsyncedBytes = 0
    }

    private func writeAccessTimes() throws(VolumeError) {
        guard failure == nil, !configuration.readOnly, token != nil else { return }
        let isClean = dirtySince == nil
        let read = inodes.values.filter { $0.hasNewAccess && $0.row.links > 0 }
            .sorted { $0.number < $1.number }
        guard !read.isEmpty, try reserveForAccessTimes() else { return }
        for inode in read.prefix(4096) { touch(inode) }
        try finish()
        // Access times alone are no reason to publish.
        if isClean { dirtySince = nil }
    }

    /// Access times are kept where there is room for them.
    private func reserveForAccessTimes() throws(VolumeError) -> Bool {
        do throws(VolumeError) {
            try log.reserve(1 << 20, frees: false)
            return true
        } catch {
            guard error.isFull else { throw error }
            return false
        }
    }

    // MARK: - Caches

    func inode(_ number: UInt64) throws(VolumeError) -> InodeEntry {
        if let entry = inodes[number] {
            entry.isUsed = true
            return entry
        }
        guard let bytes = try value(.inodes, RowKey.number(number)) else { throw .stale }
        let row: InodeRow = try Self.decode(bytes, "inode \(number)")
        // What wrote it may not be synced yet: an fsync of it must sync all there is.
        let entry = InodeEntry(
            number: number,
            row: row,
            lastLSN: log.lastLSN,
            edition: Edition.number(of: number, try database.edition(of: number))
        )
        inodes[number] = entry
        cachedSinceSweep += 1
        return entry
    }

    func directory(_ number: UInt64) throws(VolumeError) -> InodeEntry {
        let entry = try inode(number)
        guard entry.isDirectory else { throw .notDirectory }
        return entry
    }

    func dirent(_ parent: UInt64, _ name: [UInt8]) throws(VolumeError) -> DirentRow? {
        let id = DirentID(parent: parent, name: name)
        if let known = dirents[id] { return known }
        if let directory = inodes[parent], directory.hasAllNames { return nil }
        var row: DirentRow?
        if let bytes = try value(.dirents, RowKey.named(parent, name)) {
            row = try Self.decode(bytes, "dirent of \(parent)") as DirentRow
        }
        dirents[id] = .some(row)
        cachedSinceSweep += 1
        return row
    }

    /// Puts a dirent, or its tombstone, into memory and into the operation.
    func setDirent(_ parent: UInt64, _ name: [UInt8], _ row: DirentRow?) {
        dirents[DirentID(parent: parent, name: name)] = .some(row)
        cachedSinceSweep += 1
        put(.dirents, RowKey.named(parent, name), row?.bcsBytes)
    }

    static func decode<Value: BCSDecodable>(
        _ bytes: [UInt8],
        _ what: String
    ) throws(VolumeError) -> Value {
        do throws(CodecError) {
            return try Value(bcsBytes: bytes)
        } catch {
            throw .corrupt("\(what): \(error)")
        }
    }

    /// What comes into the caches between two looks at their size, for which every inode is seen.
    private static let sweepStep = 4096

    /// Drops what was not used since the last sweep, if the caches are over their bound.
    ///
    /// Only between operations: one that is under way holds on to what it found.
    func sweep() {
        guard cachedSinceSweep >= Self.sweepStep, touchedInodes.isEmpty else { return }
        cachedSinceSweep = 0
        var cost = dirents.count * 160
        for entry in inodes.values { cost += entry.cost }
        guard cost > configuration.cacheBytes else { return }
        dirents.removeAll(keepingCapacity: true)
        for (number, entry) in inodes {
            entry.hasAllNames = false
            if entry.isPinned || entry.row.links == 0 {
                continue
            } else if entry.isUsed {
                entry.isUsed = false
            } else {
                inodes[number] = nil
            }
        }
        for (number, slice) in slices
        where slice.pieces.isEmpty && slice.unplaced == nil && !slice.isTouched {
            slices[number] = nil
        }
    }

    // MARK: - Numbers

    func newInodeNumber() -> UInt64 {
        if nextInode >= inodeMark {
            inodeMark = nextInode + Self.markStep
            put(.volume, VolumeRowName.inodeMark, inodeMark.bcsBytes)
        }
        defer { nextInode += 1 }
        return nextInode
    }

    func newSliceNumber() -> UInt64 {
        if nextSlice >= sliceMark {
            sliceMark = nextSlice + Self.markStep
            put(.volume, VolumeRowName.sliceMark, sliceMark.bcsBytes)
        }
        defer { nextSlice += 1 }
        return SliceNumber.make(token: token ?? 0, counter: nextSlice)
    }
}
