internal import VolumeFormat

/// What differs between the checkpoint that is shown and the one that was loaded behind it.
struct CheckpointChanges: Sendable {
    /// Files whose bytes or sizes differ, and inodes that are gone.
    var contents: Set<UInt64> = []
    /// Inodes of which anything differs.
    var inodes: Set<UInt64> = []
    /// Dirents that differ, by their keys.
    var names: Set<[UInt8]> = []
    /// All names of `inodes`, as the new checkpoint has them, by their keys.
    var namesOfInodes: [(key: [UInt8], isDirectory: Bool)] = []
    /// Placement that something had and that is elsewhere now.
    var moved: [RowImage] = []
    var totals = ViewTotals()
}

/// A name of which the kernel is to forget what it knows.
package struct StaleName: Hashable, Sendable {
    package let parent: InodeNumber
    package let name: [UInt8]
    /// Only looked up again at its next use, and not detached: who works in it stays there.
    package let isKept: Bool
}

/// What the kernel is told when a checkpoint is shown; calls block until it has taken note.
package protocol KernelCache: Sendable {
    /// Forgets names; one that is being looked up is waited for.
    func forget(_ names: [StaleName])

    /// Forgets the attributes of inodes.
    func forgetAttributes(of inodes: [InodeNumber])
}
