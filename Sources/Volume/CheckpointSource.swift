// What the checkpointer and the volume ask of each other. The volume has no policy about uploads:
// it freezes itself when asked (`cut`), tells what differs and which bytes have no place on the
// network yet, takes down where they were put, and lets go of the log when told that the head is
// published. One cut is in flight at a time.
//
//     cut ─► snapshot: dirty rows, unplaced ranges ─► (upload) ─► place ─► finish: log released
//                                                             └─► abandon: merged into the next

package import VolumeFormat

/// Bytes of a slice that live and have no place on the network yet.
package struct UnplacedRange: Hashable, Sendable {
    package let slice: UInt64
    /// Where in the slice they begin.
    package let offset: UInt32
    package let length: UInt32
    /// The file that has them (of several, one), and where.
    package let inode: UInt64
    package let fileOffset: UInt64

    package init(slice: UInt64, offset: UInt32, length: UInt32, inode: UInt64, fileOffset: UInt64) {
        self.slice = slice
        self.offset = offset
        self.length = length
        self.inode = inode
        self.fileOffset = fileOffset
    }
}

/// The volume as it was at a cut.
///
/// Blocking calls; not to be used by two threads at once.
package protocol CutSnapshot: AnyObject, Sendable {
    /// The number of this cut in this state directory.
    var generation: UInt64 { get }
    /// No inode number at or above it was given out before the cut.
    var inodeMark: UInt64 { get }
    /// When the cut was, milliseconds since 1970 UTC.
    var cutAt: UInt64 { get }

    /// The versioned rows and the rows of `slices` that changed since the last finished cut, as of
    /// this one, or tombstones; ascending by table, then key.
    ///
    /// Of `slice_chunks`, `chunks` and `packs` only what was removed, retired or put elsewhere is
    /// among them: the checkpointer made the others itself.
    /// Nothing of an inode without links is there but tombstones.
    func forEachDirtyRow(_ body: (RowImage) throws -> Void) throws

    /// All rows of a table as of the cut, ascending by key, without inodes that have no links.
    func forEachRow(of table: RowTable, _ body: (RowImage) throws -> Void) throws

    /// The value of one row as of the cut.
    func value(of table: RowTable, _ key: [UInt8]) throws(VolumeError) -> [UInt8]?

    /// Bytes that live and are not placed: each byte of a slice once, by inode and file offset.
    func unplacedRanges() throws(VolumeError) -> [UnplacedRange]

    /// Ends the snapshot; the cut stays in flight. Idempotent.
    func close()
}

/// What the checkpointer asks of a volume.
///
/// Blocking calls: from a thread that may block.
package protocol CheckpointSource: Sendable {
    /// Takes note that so many bytes reached the network just now; writers keep to that.
    func noteUploaded(_ bytes: Int)

    /// Freezes the volume as it is now.
    ///
    /// - Precondition: No other cut is in flight.
    func cut() throws(VolumeError) -> any CutSnapshot

    /// The generation of the cut in flight; one survives a restart, to be finished or abandoned.
    func cutInFlight() -> UInt64?

    /// The bytes of a slice, from the log, verified against its checksums.
    ///
    /// Throws `notFound` for a range that the log does not have (any more).
    func readSlice(
        _ slice: UInt64,
        offset: UInt32,
        length: UInt32
    ) throws(VolumeError) -> [UInt8]

    /// Puts rows of placement tables (slice_chunks, chunks, packs), or removes them, durably.
    ///
    /// Among the dirty rows of the next cut are removed ones, chunks that were elsewhere before,
    /// and packs that are retired or that chunks have left.
    func place(_ rows: [RowImage]) throws(VolumeError)

    /// Removes the rows of slices that no file has and that are not dead in vain: placed, or never
    /// to be; durably. Others are passed over.
    func removeSlices(_ numbers: [UInt64]) throws(VolumeError)

    /// The value of one row, now. For placement rows and rows of `volume`.
    func value(of table: RowTable, _ key: [UInt8]) throws(VolumeError) -> [UInt8]?

    /// Rows of a placement table with keys from `lower` up to, not including, `upper` (nil: to
    /// the end), at most `limit`, ascending.
    func rows(
        of table: RowTable,
        from lower: [UInt8],
        to upper: [UInt8]?,
        limit: Int
    ) throws(VolumeError) -> [RowImage]

    /// The head that has the cut is published as `sequence`, all its slices are placed.
    ///
    /// Forgets its dirty keys and releases the log that only it needed.
    func finishCut(generation: UInt64, sequence: UInt64) throws(VolumeError)

    /// The cut will not be published: what it had goes into the next.
    func abandonCut(generation: UInt64) throws(VolumeError)

    /// Values of this state directory that never travel, such as an intent; durable on return.
    func localValue(_ name: String) throws(VolumeError) -> [UInt8]?
    func setLocalValue(_ name: String, _ value: [UInt8]?) throws(VolumeError)

    /// Sets a row of the table `volume`; durable with the next sync.
    func setVolumeValue(_ name: [UInt8], _ value: [UInt8]?) throws(VolumeError)

    /// The lease token under which new slices and inodes are numbered from now on.
    ///
    /// Without one (nil) the volume takes no writes.
    func setLeaseToken(_ token: UInt32?) throws(VolumeError)

    /// The newest published sequence, from which `born` and `died` are counted; 0: none.
    func setPublishedSequence(_ sequence: UInt64) throws(VolumeError)

    /// Bytes written since the last cut, and how long (ms) the oldest change waits; 0, 0 if clean.
    func unpublished() -> (bytes: UInt64, age: UInt64)

    /// Loads rows into a volume that has nothing yet (attach): base first, then deltas in order.
    ///
    /// A later row of the same key replaces an earlier one, a tombstone removes it.
    func load(_ rows: [RowImage]) throws(VolumeError)

    /// Ends loading: the volume is that of `sequence` and clean.
    func finishLoading(sequence: UInt64, inodeMark: UInt64) throws(VolumeError)
}

/// Where bytes are read that the log no longer has: the cache, or the network.
package protocol PlacedReader: Sendable {
    /// Fills `buffer` with bytes of a slice if that needs no network; false: nothing was done.
    ///
    /// Called on a thread that answers the kernel: local disk at most.
    func readCached(
        _ slice: UInt64,
        offset: UInt32,
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(VolumeError) -> Bool

    /// Reads bytes of a slice from wherever they are, authenticated.
    func read(
        _ slice: UInt64,
        offset: UInt32,
        length: UInt32
    ) async throws(VolumeError) -> [UInt8]
}
