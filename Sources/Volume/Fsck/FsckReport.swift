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
        /// What checkpoints a slice says that it is needed by can not be, or is not so.
        case sliceLife
        /// Bytes of a file are neither in the log nor placed, or can not be read from there.
        case lostBytes
        /// A placement names a chunk or a pack that is not there, or reaches beyond it.
        case placement
        /// A number at or above its mark is in use.
        case mark
        /// A total disagrees with the rows.
        case total
    }

    /// What becomes of it.
    package enum Outcome: String, Sendable {
        /// Only a person can say what is right.
        case left
        /// What is right is certain: `--repair` sets it.
        case repairable
        case repaired
    }

    package let kind: Kind
    /// The row it was found at, as people write it.
    package let place: String
    package let detail: String
    package var outcome = Outcome.left

    package var description: String {
        let suffix =
            switch outcome {
            case .left: ""
            case .repairable: " (can be repaired)"
            case .repaired: " (repaired)"
            }
        return "\(kind.rawValue): \(place): \(detail)\(suffix)"
    }
}

/// What a check of a volume found.
package struct FsckReport: Equatable, Sendable {
    /// Problems beyond this are counted only.
    package static let problemsMax = 1000

    package private(set) var problems: [FsckProblem] = []
    package private(set) var problemCount = 0
    /// How many of them a repair has solved.
    package private(set) var repairedCount = 0
    package var inodes = 0
    package var names = 0
    package var extents = 0
    package var slices = 0
    /// Bytes of files that were read back and verified, of a deep check.
    package var bytesRead: UInt64 = 0

    package init() {}

    package var isClean: Bool { problemCount == 0 }

    /// As fsck(8) has them: 0 no errors, 1 errors that were corrected, 4 errors that are left, 5
    /// both.
    package var exitCode: Int32 {
        let isLeft = problemCount > repairedCount
        return (repairedCount > 0 ? Self.errorsCorrected : 0) | (isLeft ? Self.errorsLeft : 0)
    }

    // Of fsck(8).
    package static let errorsCorrected: Int32 = 1
    package static let errorsLeft: Int32 = 4
    /// The check itself failed: the state can not be opened or read.
    package static let operationalError: Int32 = 8
    package static let usageError: Int32 = 16
    package static let cancelled: Int32 = 32

    mutating func add(_ kind: FsckProblem.Kind, _ place: String, _ detail: String) {
        problemCount += 1
        guard problems.count < Self.problemsMax else { return }
        problems.append(FsckProblem(kind: kind, place: place, detail: detail))
    }

    func has(_ kind: FsckProblem.Kind) -> Bool { problems.contains { $0.kind == kind } }

    /// Says of the problems that repairs solve that they can be repaired.
    mutating func note(_ repairs: Set<FsckRepair>) {
        for index in problems.indices {
            let problem = problems[index]
            guard repairs.contains(FsckRepair(kind: problem.kind, place: problem.place)) else {
                continue
            }
            problems[index].outcome = .repairable
        }
    }

    /// Says of the problems that a later check does not find any more that they are repaired.
    mutating func note(after later: FsckReport) {
        repairedCount = max(0, problemCount - later.problemCount)
        let left = Set(later.problems.map { FsckRepair(kind: $0.kind, place: $0.place) })
        for index in problems.indices {
            let problem = problems[index]
            let isLeft = left.contains(FsckRepair(kind: problem.kind, place: problem.place))
            problems[index].outcome = isLeft ? .left : .repaired
        }
    }
}

/// The name of a repair: the problem that it solves.
package struct FsckRepair: Hashable, Sendable {
    let kind: FsckProblem.Kind
    let place: String
}
