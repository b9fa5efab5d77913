import SystemIO

@testable import Volume

extension ModelRun {
    /// Operations on what a name names.
    func change(_ operation: ModelOperation, _ place: Place) throws -> Work {
        switch operation.kind {
        case .chmod: chmod(operation, place)
        case .setExtended, .removeExtended: extended(operation, place)
        default: contents(operation, place)
        }
    }

    private func chmod(_ operation: ModelOperation, _ place: Place) -> Work {
        let volume = harness.volume
        var changes = AttributeChanges()
        changes.permissions = UInt16(operation.second & 0o7777)
        let wanted = changes
        return Work(
            volume: { () throws(VolumeError) in
                let inode = try volume.lookup(place.inode, place.bytes).inode
                _ = try volume.setAttributes(of: inode, wanted, handle: nil, context: someone)
            },
            model: { () throws(VolumeError) in
                guard let child = place.child else { throw .notFound }
                child.permissions = wanted.permissions ?? 0
            }
        )
    }

    private func extended(_ operation: ModelOperation, _ place: Place) -> Work {
        let volume = harness.volume
        let name = "user.\(operation.second % 3)"
        let value = [UInt8](repeating: UInt8(truncatingIfNeeded: operation.third), count: 9)
        let mode: AttributeWriteMode =
            [.create, .replace, .createOrReplace][Int(operation.fourth % 3)]
        let removes = operation.kind == .removeExtended
        return Work(
            volume: { () throws(VolumeError) in
                let inode = try volume.lookup(place.inode, place.bytes).inode
                if removes {
                    try volume.removeExtendedAttribute(
                        of: inode,
                        Array(name.utf8),
                        context: someone
                    )
                } else {
                    try volume.setExtendedAttribute(
                        of: inode,
                        Array(name.utf8),
                        value,
                        mode: mode,
                        context: someone
                    )
                }
            },
            model: { () throws(VolumeError) in
                guard let child = place.child else { throw .notFound }
                let isThere = child.extended[name] != nil
                if removes || mode == .replace, !isThere { throw .noAttribute }
                if !removes, mode == .create, isThere { throw .exists }
                child.extended[name] = removes ? nil : value
            }
        )
    }

    private func contents(_ operation: ModelOperation, _ place: Place) -> Work {
        let volume = harness.volume
        let offset = Int(operation.second % 9000)
        let length = Int(operation.third % 5000) + 1
        let fill = UInt8(truncatingIfNeeded: operation.fourth) | 1
        return Work(
            volume: { () throws(VolumeError) in
                let inode = try volume.lookup(place.inode, place.bytes).inode
                let handle = try volume.open(inode, flags: [.read, .write], context: someone)
                defer { volume.release(handle) }
                switch operation.kind {
                case .truncate:
                    var changes = AttributeChanges()
                    changes.size = UInt64(offset)
                    _ = try volume.setAttributes(
                        of: inode,
                        changes,
                        handle: handle,
                        context: someone
                    )
                case .punch:
                    try volume.allocate(
                        handle,
                        mode: [.keepSize, .punchHole],
                        offset: UInt64(offset),
                        length: UInt64(length)
                    )
                case .copyRange:
                    _ = try volume.copyRange(
                        from: handle,
                        offset: 0,
                        to: handle,
                        offset: UInt64(offset + length),
                        length: UInt64(length)
                    )
                default:
                    let bytes = [UInt8](repeating: fill, count: length)
                    _ = try unsafe bytes.withBytes { (buffer) throws(VolumeError) in
                        try unsafe volume.write(
                            handle,
                            offset: UInt64(offset),
                            buffer,
                            killsPrivileges: false
                        )
                    }
                }
            },
            model: { () throws(VolumeError) in
                guard let child = place.child else { throw .notFound }
                guard !child.isDirectory else { throw .isDirectory }
                guard child.kind == .regular else { throw .invalidArgument }
                Self.change(
                    &child.bytes,
                    operation.kind,
                    offset: offset,
                    length: length,
                    fill: fill
                )
            }
        )
    }

    private static func change(
        _ bytes: inout [UInt8],
        _ kind: ModelOperation.Kind,
        offset: Int,
        length: Int,
        fill: UInt8
    ) {
        func grow(to size: Int) {
            if bytes.count < size {
                bytes += [UInt8](repeating: 0, count: size - bytes.count)
            }
        }
        switch kind {
        case .truncate:
            grow(to: offset)
            bytes.removeLast(bytes.count - offset)
        case .punch:
            for index in offset..<min(offset + length, max(offset, bytes.count)) {
                bytes[index] = 0
            }
        case .copyRange:
            let copied = Array(bytes.prefix(length))
            guard !copied.isEmpty else { return }
            let target = offset + length
            grow(to: target + copied.count)
            bytes.replaceSubrange(target..<target + copied.count, with: copied)
        default:
            grow(to: offset + length)
            for index in offset..<offset + length { bytes[index] = fill }
        }
    }
}
