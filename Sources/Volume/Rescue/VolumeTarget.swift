internal import SystemIO

/// Copies into another volume, which must be new and empty and takes no other changes meanwhile.
package struct VolumeTarget: RescueTarget {
    package struct Place: Sendable {
        let inode: InodeNumber
        /// Of a file that is being filled.
        let handle: HandleNumber?
    }

    private let volume: Volume
    package let root = Place(inode: .root, handle: nil)

    /// Root may do all that is to be done.
    private static let context = RequestContext(user: 0, group: 0, process: 0, umask: 0)

    package init(_ volume: Volume) { self.volume = volume }

    private func writing<Result>(
        _ body: () throws(VolumeError) -> Result
    ) throws(RescueError) -> Result {
        do throws(VolumeError) {
            return try body()
        } catch {
            throw .target("the new volume: \(error)", isFull: error == .noSpace)
        }
    }

    package func makeDirectory(
        _ name: [UInt8],
        in parent: Place
    ) async throws(RescueError) -> Place {
        let made = try writing { () throws(VolumeError) in
            try volume.makeDirectory(
                in: parent.inode,
                name,
                permissions: 0o700,
                context: Self.context
            )
        }
        return Place(inode: made.inode, handle: nil)
    }

    package func makeFile(_ name: [UInt8], in parent: Place) async throws(RescueError) -> Place {
        let made = try writing { () throws(VolumeError) in
            try volume.create(
                in: parent.inode,
                name,
                permissions: 0o600,
                flags: [.write, .exclusive],
                context: Self.context
            )
        }
        return Place(inode: made.attributes.inode, handle: made.handle)
    }

    package func makeOther(
        _ name: [UInt8],
        in parent: Place,
        like inode: InodeAttributes,
        target: [UInt8]
    ) async throws(RescueError) -> Place {
        let made = try writing { () throws(VolumeError) in
            inode.kind == .symlink
                ? try volume.makeSymlink(
                    in: parent.inode,
                    name,
                    target: target,
                    context: Self.context
                )
                : try volume.makeNode(
                    in: parent.inode,
                    name,
                    kind: inode.kind,
                    permissions: 0o600,
                    device: inode.device,
                    context: Self.context
                )
        }
        return Place(inode: made.inode, handle: nil)
    }

    package func link(
        _ place: Place,
        _ name: [UInt8],
        in parent: Place
    ) async throws(RescueError) {
        _ = try writing { () throws(VolumeError) in
            try volume.link(place.inode, to: parent.inode, name, context: Self.context)
        }
    }

    package func write(
        _ bytes: [UInt8],
        at offset: UInt64,
        to file: Place
    ) async throws(RescueError) {
        guard let handle = file.handle else { preconditionFailure("only files are filled") }
        while true {
            let outcome = try writing { () throws(VolumeError) in
                try unsafe bytes.withBytes { (buffer) throws(VolumeError) in
                    try unsafe volume.write(
                        handle,
                        offset: offset,
                        buffer,
                        killsPrivileges: false
                    )
                }
            }
            guard case .mustWait(let room) = outcome else { return }
            do throws(VolumeError) {
                try await room()
            } catch {
                throw .target("the new volume: \(error)", isFull: error == .noSpace)
            }
        }
    }

    package func finish(_ file: Place, size: UInt64) async throws(RescueError) {
        guard let handle = file.handle else { preconditionFailure("only files are filled") }
        defer { volume.release(handle) }
        _ = try writing { () throws(VolumeError) in
            var changes = AttributeChanges()
            changes.size = size
            return try volume.setAttributes(
                of: file.inode,
                changes,
                handle: handle,
                context: Self.context
            )
        }
    }

    package func setAttributes(
        of place: Place,
        to inode: InodeAttributes,
        extended: [(name: [UInt8], value: [UInt8])]
    ) async throws(RescueError) -> [String] {
        try writing { () throws(VolumeError) in
            var owner = AttributeChanges()
            owner.user = inode.user
            owner.group = inode.group
            _ = try volume.setAttributes(
                of: place.inode,
                owner,
                handle: nil,
                context: Self.context
            )
            for (name, value) in extended {
                try volume.setExtendedAttribute(
                    of: place.inode,
                    name,
                    value,
                    mode: .createOrReplace,
                    context: Self.context
                )
            }
            // Last, as what came before changes them.
            var rest = AttributeChanges()
            rest.permissions = inode.permissions
            rest.accessed = .exactly(inode.accessed)
            rest.modified = .exactly(inode.modified)
            rest.changed = .exactly(inode.changed)
            _ = try volume.setAttributes(of: place.inode, rest, handle: nil, context: Self.context)
        }
        return []
    }
}
