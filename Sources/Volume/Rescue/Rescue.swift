// Copies what a state directory has out of it, into a directory or into another volume. The state
// is not changed, and what it lacks (bytes that are only on a network which does not answer) is
// listed.

internal import SystemIO

/// One rescue.
package struct Rescue<Target: RescueTarget>: Sendable {
    package enum Scope: Sendable {
        /// What was made or changed since the last published checkpoint, and all that is below
        /// directories which were made or moved since.
        case unpublished
        /// The whole tree.
        case everything
    }

    /// What is read at a time; bytes that can not be read are told in these steps at most.
    static var step: Int { 256 << 10 }

    let source: Volume
    let target: Target
    private let scope: Scope
    let progress: @Sendable (UInt64) async -> Void

    /// `source` takes no changes meanwhile; `progress` is told how many bytes were copied.
    package init(
        _ source: Volume,
        to target: Target,
        scope: Scope,
        progress: @escaping @Sendable (UInt64) async -> Void = { _ in }
    ) {
        self.source = source
        self.target = target
        self.scope = scope
        self.progress = progress
    }

    /// A directory on the way down, which the target gets when something in it is copied.
    private final class Branch {
        let inode: InodeAttributes
        let name: [UInt8]
        let path: [UInt8]
        let parent: Branch?
        /// Everything below is copied.
        let isWhole: Bool
        var place: Target.Place?

        init(
            _ inode: InodeAttributes,
            _ name: [UInt8],
            in parent: Branch?,
            isWhole: Bool,
            place: Target.Place? = nil
        ) {
            self.inode = inode
            self.name = name
            self.parent = parent
            self.isWhole = isWhole
            self.place = place
            let above = parent?.path ?? []
            path = above.isEmpty ? name : above + [0x2F] + name
        }
    }

    struct Work {
        let unpublished: Unpublished
        let removed: [UInt64: [[UInt8]]]
        var report = RescueReport()
        /// Files with more names, by inode.
        var linked: [InodeNumber: Target.Place] = [:]
    }

    package func run() async throws(RescueError) -> RescueReport {
        var work: Work
        let root: InodeAttributes
        do throws(CheckpointError) {
            let unpublished = try Unpublished(of: source)
            let isPartial = scope == .unpublished
            work = try volume { () throws(VolumeError) in
                Work(
                    unpublished: unpublished,
                    removed: isPartial ? try unpublished.removedNames() : [:]
                )
            }
            root = try volume { () throws(VolumeError) in try source.attributes(of: .root) }
        } catch {
            throw .source(error)
        }
        let branch = Branch(
            root,
            [],
            in: nil,
            isWhole: scope == .everything,
            place: target.root
        )
        try await copy(branch, &work)
        if scope == .everything { try await copyAttributes(of: root, [], to: target.root, &work) }
        return work.report
    }

    func reading<Result>(
        _ body: () throws(VolumeError) -> Result
    ) throws(RescueError) -> Result {
        do throws(VolumeError) { return try body() } catch { throw .source(.volume(error)) }
    }

    // MARK: - Names

    private func copy(_ branch: Branch, _ work: inout Work) async throws(RescueError) {
        for name in work.removed[branch.inode.inode.rawValue] ?? [] {
            work.report.removed.append(branch.path.isEmpty ? name : branch.path + [0x2F] + name)
        }
        for entry in try entries(of: branch.inode.inode) {
            if Task.isCancelled { throw .cancelled }
            guard let inode = entry.attributes else {
                preconditionFailure("a listing that asks for attributes has them")
            }
            let (isNewName, isWanted) = try reading { () throws(VolumeError) in
                if branch.isWhole { return (true, true) }
                if try work.unpublished.has(branch.inode.inode, entry.name) { return (true, true) }
                return (false, try work.unpublished.has(inode))
            }
            if inode.kind == .directory {
                let below = Branch(inode, entry.name, in: branch, isWhole: isNewName)
                if isWanted { _ = try await place(of: below, &work) }
                try await copy(below, &work)
                if let place = below.place {
                    try await copyAttributes(of: inode, below.path, to: place, &work)
                }
            } else if isWanted {
                try await copy(inode, entry.name, in: branch, &work)
            }
        }
    }

    private func entries(of directory: InodeNumber) throws(RescueError) -> [DirectoryEntry] {
        try reading { () throws(VolumeError) in
            let handle = try source.openDirectory(directory)
            defer { source.releaseDirectory(handle) }
            var entries: [DirectoryEntry] = []
            try source.readDirectory(handle, after: 2) { entry in
                entries.append(entry)
                return true
            }
            return entries
        }
    }

    /// The directory in the target, made with those above it if it is not there yet.
    private func place(
        of branch: Branch,
        _ work: inout Work
    ) async throws(RescueError) -> Target.Place {
        if let place = branch.place { return place }
        guard let parent = branch.parent else { preconditionFailure("the root has its place") }
        let above = try await place(of: parent, &work)
        let place = try await target.makeDirectory(branch.name, in: above)
        work.report.directories += 1
        branch.place = place
        return place
    }

    // MARK: - Files

    private func copy(
        _ inode: InodeAttributes,
        _ name: [UInt8],
        in branch: Branch,
        _ work: inout Work
    ) async throws(RescueError) {
        let parent = try await place(of: branch, &work)
        if let existing = work.linked[inode.inode] {
            return try await target.link(existing, name, in: parent)
        }
        let path = branch.path.isEmpty ? name : branch.path + [0x2F] + name
        let place: Target.Place
        if inode.kind == .regular {
            place = try await target.makeFile(name, in: parent)
            try await copyBytes(of: inode, path, to: place, &work)
            work.report.files += 1
        } else {
            let link = try reading { () throws(VolumeError) in
                inode.kind == .symlink ? try source.readSymlink(inode.inode) : []
            }
            place = try await target.makeOther(name, in: parent, like: inode, target: link)
            work.report.others += 1
        }
        if inode.linkCount > 1 { work.linked[inode.inode] = place }
        try await copyAttributes(of: inode, path, to: place, &work)
    }

    private func copyAttributes(
        of inode: InodeAttributes,
        _ path: [UInt8],
        to place: Target.Place,
        _ work: inout Work
    ) async throws(RescueError) {
        let extended = try reading { () throws(VolumeError) in
            var found: [(name: [UInt8], value: [UInt8])] = []
            for name in try source.extendedAttributeNames(of: inode.inode) {
                found.append((name, try source.extendedAttribute(of: inode.inode, name)))
            }
            return found
        }
        let lost = try await target.setAttributes(of: place, to: inode, extended: extended)
        for what in lost { work.report.notKept.append((path, what)) }
    }
}
