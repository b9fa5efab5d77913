/// Something that does not agree with something else, and where.
package struct FsckProblem: Hashable, Sendable, CustomStringConvertible {
    /// What is wrong; names are stable, since people and scripts look for them.
    package enum Kind: String, CaseIterable, Sendable {
        /// The bytes of a row are none of its table's.
        case unreadableRow
        /// A name, attribute, target or extent belongs to no inode, or to one of another kind.
        case noInode
        /// A directory and its names disagree: number of entries, a cookie, or the parent.
        case directory
        /// An inode has another number of names than it says.
        case linkCount
        /// A directory is not below the root.
        case unreachable
        /// Extents overlap, are empty, or end beyond the file or the slice.
        case extent
        /// A file covers another number of bytes than it says.
        case storedBytes
        /// More or fewer extents name a slice than it says.
        case sliceReferences
        /// What checkpoints a slice says that it is needed by can not be.
        case sliceLife
        /// Bytes of a file are neither in the log nor placed.
        case lostBytes
        /// A placement names a chunk or a pack that is not there, or reaches beyond it.
        case placement
        /// A number at or above its mark is in use.
        case mark
        /// A total disagrees with the rows.
        case total
    }

    package let kind: Kind
    /// The row it was found at, as people write it.
    package let place: String
    package let detail: String

    package var description: String { "\(kind.rawValue): \(place): \(detail)" }
}

/// What a check of a volume found.
package struct FsckReport: Equatable, Sendable {
    /// Problems beyond this are counted only.
    package static let problemsMax = 1000

    package private(set) var problems: [FsckProblem] = []
    package private(set) var problemCount = 0
    package var inodes = 0
    package var names = 0
    package var extents = 0
    package var slices = 0

    package init() {}

    package var isClean: Bool { problemCount == 0 }

    /// As fsck(8) has them: 0 no errors, ``errorsLeft`` else.
    package var exitCode: Int32 { isClean ? 0 : Self.errorsLeft }

    /// Errors are left uncorrected (fsck(8)).
    package static let errorsLeft: Int32 = 4
    /// The check itself failed (fsck(8)): the state can not be opened or read.
    package static let operationalError: Int32 = 8

    mutating func add(_ kind: FsckProblem.Kind, _ place: String, _ detail: String) {
        problemCount += 1
        guard problems.count < Self.problemsMax else { return }
        problems.append(FsckProblem(kind: kind, place: place, detail: detail))
    }
}
