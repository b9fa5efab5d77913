// The volume's view: rows in order of their keys, in one transaction that is open at most times.

package import VolumeFormat

/// A piece of a slice: `length` bytes from `offset` on are the data of one record of the log.
package struct Piece: Hashable, Sendable {
    package var offset: UInt32
    package var length: UInt32
    package var place: LogPlace

    package init(offset: UInt32, length: UInt32, place: LogPlace) {
        self.offset = offset
        self.length = length
        self.place = place
    }
}

/// What is committed together with the rows.
package struct ViewTotals: Hashable, Sendable {
    /// The newest record of the log that the rows have.
    package var appliedLSN: UInt64 = 0
    package var generation: UInt64 = 1
    /// The generation of the cut in flight; 0: none.
    package var cutInFlight: UInt64 = 0
    package var publishedSequence: UInt64 = 0
    package var inodes: UInt64 = 0
    package var stored: UInt64 = 0
    /// Records with the marks of the cut in flight, and of the newest one that is published.
    package var cutMark: UInt64 = 0
    package var publishedMark: UInt64 = 0

    package init() {}
}

/// What lies in the local tables when a volume is opened.
package struct LocalState: Sendable {
    package var totals = ViewTotals()
    /// Nothing was ever committed.
    package var isNew = true
    /// All pieces, by slice, ascending by offset.
    package var pieces: [UInt64: [Piece]] = [:]
    /// Slices that have no place on the network, and the generation in which they were made.
    package var unplaced: [UInt64: UInt64] = [:]

    package init() {}
}

/// What goes to the database together.
package struct RowBatch: Sendable {
    package var rows: [RowImage] = []
    package var newPieces: [(slice: UInt64, piece: Piece)] = []
    /// Slices that look elsewhere in the log than before, and then all their pieces.
    package var rewritten: Set<UInt64> = []
    package var newSets: [(slice: UInt64, pieces: [Piece])] = []
    package var newUnplaced: [UInt64] = []
    /// Slices of which nothing local is needed any more.
    package var dropped: [UInt64] = []

    package init() {}

    package var isEmpty: Bool {
        rows.isEmpty && newPieces.isEmpty && newUnplaced.isEmpty && dropped.isEmpty
            && rewritten.isEmpty
    }
}

/// Rows as of one commit, through a connection of its own.
///
/// Blocking calls; not to be used by two threads at once.
package protocol RowReader: AnyObject, Sendable {
    /// Rows with keys from `lower` on, ascending, orphans' too.
    func rows(
        of table: RowTable,
        from lower: [UInt8],
        limit: Int
    ) throws(VolumeError) -> [RowImage]

    /// Bytes that live and have no place on the network: each byte of a slice once.
    func unplacedRanges() throws(VolumeError) -> [UnplacedRange]

    /// Idempotent.
    func close()
}

/// Rows, and what is local to this machine.
///
/// Used by one thread at a time.
package protocol RowDatabase: AnyObject {
    /// Rows put since the last commit.
    var uncommittedRows: Int { get }

    /// Pages in the view's own log, which grows until ``makeDurable()``.
    var logPages: Int { get }

    func localState() throws(VolumeError) -> LocalState

    func value(_ table: RowTable, _ key: [UInt8]) throws(VolumeError) -> [UInt8]?

    /// Rows with keys from `lower` up to, not including, `upper`, ascending.
    func rows(
        of table: RowTable,
        from lower: [UInt8],
        to upper: [UInt8]?,
        limit: Int
    ) throws(VolumeError) -> [RowImage]

    /// The dirents of a directory with cookies above `cookie`, ascending by cookie.
    func directory(
        _ parent: UInt64,
        after cookie: UInt64,
        limit: Int
    ) throws(VolumeError) -> [(name: [UInt8], row: DirentRow)]

    /// Which edition of its contents an inode has (``Edition``); 0 unless checkpoints are followed.
    func edition(of inode: UInt64) throws(VolumeError) -> UInt64

    /// Numbers of inodes that have no links.
    func orphans() throws(VolumeError) -> [UInt64]

    /// Puts a batch into the open transaction; keys become dirty in `generation` unless it is nil.
    func apply(_ batch: RowBatch, generation: UInt64?) throws(VolumeError)

    /// Drops the open transaction, if a full disk has left any of it.
    ///
    /// Until the next commit what is put is held in memory: a transaction that fits there can not
    /// be lost again before it is committed.
    func dropTransaction() throws(VolumeError)

    /// Makes keys dirty that did not change; values are not looked at.
    func markDirty(_ keys: [RowImage], generation: UInt64) throws(VolumeError)

    /// Ends the transaction; what follows is in the next.
    func commit(_ totals: ViewTotals) throws(VolumeError)

    /// Whether any key is dirty in a generation after this one.
    func hasDirtyKeys(after generation: UInt64) throws(VolumeError) -> Bool

    /// The generation in which a key became dirty; nil if it is clean.
    func dirtyGeneration(of table: RowTable, _ key: [UInt8]) throws(VolumeError) -> UInt64?

    /// Dirty keys from `lower` up to, not including, `upper`, ascending, and whether their rows are
    /// gone.
    func dirtyKeys(
        of table: RowTable,
        from lower: [UInt8],
        to upper: [UInt8]?,
        limit: Int
    ) throws(VolumeError) -> [(key: [UInt8], isGone: Bool)]

    /// Forgets dirty keys and unplaced slices up to a generation.
    func forgetDirty(upTo generation: UInt64) throws(VolumeError)

    /// Forgets the pieces of a slice that lie in a segment.
    func dropPieces(of slice: UInt64, in segment: UInt64) throws(VolumeError)

    func localValue(_ name: String) throws(VolumeError) -> [UInt8]?
    func setLocalValue(_ name: String, _ value: [UInt8]?) throws(VolumeError)

    /// Makes the last commit survive a power cut.
    ///
    /// - Precondition: Nothing was put since.
    func makeDurable() throws(VolumeError)

    /// Rows as of the last commit, through a connection of its own.
    func snapshot(
        generation: UInt64,
        inodeMark: UInt64,
        cutAt: UInt64
    ) throws(VolumeError) -> any CutSnapshot

    /// Rows as of the last commit, through a connection of its own.
    func reader() throws(VolumeError) -> any RowReader
}

extension RowDatabase {
    package func edition(of inode: UInt64) throws(VolumeError) -> UInt64 { 0 }
}
