internal import CFuse
internal import Glibc
internal import Volume

/// Open directories.
extension KernelAdapter {
    func openDirectory(_ reply: consuming Reply, _ inode: UInt64, _ file: fuse_file_info) {
        // As for files; and names change only through the kernel, which keeps its lists in step.
        if opensDirectly { return reply.fail(errno: ENOSYS) }
        do throws(VolumeError) {
            let handle = try volume.openDirectory(InodeNumber(inode))
            var file = file
            file.fh = handle.rawValue
            if !reply.opened(file) { volume.releaseDirectory(handle) }
        } catch {
            reply.fail(error)
        }
    }

    /// Bytes of an answer, some 2,000 names: the C library asks for as much as our blocks have, and
    /// seekdir(3) throws away what comes after the place.
    private static let listingMax = 64 << 10

    /// Lists entries; with `attributes`, each counts as a lookup, save `.` and `..`.
    ///
    /// An entry that did not fit is not counted. The count goes up before the answer is sent,
    /// because a FORGET may be quicker than the return of that call.
    func readDirectory(
        _ reply: consuming Reply,
        _ handle: HandleNumber,
        after cookie: UInt64,
        length: Int,
        withAttributes: Bool
    ) {
        let buffer = buffers.take()
        defer { buffers.giveBack(buffer) }
        let room = unsafe UnsafeMutableRawBufferPointer(
            rebasing: buffer.bytes[..<min(length, Self.listingMax)]
        )
        var used = 0
        var told: [InodeNumber] = []
        do throws(VolumeError) {
            try volume.readDirectory(
                handle,
                after: cookie,
                withAttributes: withAttributes
            ) { entry in
                let size = unsafe reply.withRequest { request in
                    unsafe add(
                        entry,
                        to: UnsafeMutableRawBufferPointer(rebasing: room[used...]),
                        withAttributes: withAttributes,
                        request
                    )
                }
                guard used + size <= room.count else { return false }
                used += size
                if withAttributes, entry.name != [0x2E], entry.name != [0x2E, 0x2E] {
                    told.append(entry.attributes?.edition ?? entry.inode)
                }
                return true
            }
        } catch {
            return reply.fail(error)
        }
        for inode in told { volume.remember(inode) }
        if unsafe !reply.bytes(UnsafeRawBufferPointer(rebasing: room[..<used])) {
            for inode in told { volume.forget(inode, count: 1) }
        }
    }

    /// The bytes that the entry needs; it is only added if there is so much room.
    private func add(
        _ entry: DirectoryEntry,
        to room: UnsafeMutableRawBufferPointer,
        withAttributes: Bool,
        _ request: OpaquePointer?
    ) -> Int {
        let start = unsafe room.baseAddress?.assumingMemoryBound(to: CChar.self)
        return unsafe (entry.name + [0]).withUnsafeBytes { name in
            let name = unsafe name.baseAddress?.assumingMemoryBound(to: CChar.self)
            // `.` and `..` have theirs in any case.
            if withAttributes, let attributes = entry.attributes {
                let parameters = self.entry(attributes)
                return unsafe withUnsafePointer(to: parameters) {
                    unsafe fuse_add_direntry_plus(
                        request,
                        start,
                        room.count,
                        name,
                        $0,
                        off_t(bitPattern: entry.cookie)
                    )
                }
            }
            // All that the kernel takes of it.
            var status = stat()
            status.st_ino = UInt(entry.inode.rawValue)
            status.st_mode = entry.kind.modeBits
            return unsafe withUnsafePointer(to: status) {
                unsafe fuse_add_direntry(
                    request,
                    start,
                    room.count,
                    name,
                    $0,
                    off_t(bitPattern: entry.cookie)
                )
            }
        }
    }

    func releaseDirectory(_ reply: consuming Reply, _ handle: UInt64) {
        volume.releaseDirectory(HandleNumber(handle))
        reply.succeed()
    }

    func syncDirectory(_ reply: consuming Reply, _ inode: UInt64) {
        do throws(VolumeError) {
            answer(reply, try volume.syncDirectory(InodeNumber(inode)))
        } catch {
            reply.fail(error)
        }
    }
}

extension off_t {
    /// Cookies are opaque to the kernel, so all 64 bits go through.
    fileprivate init(bitPattern cookie: UInt64) {
        self = off_t(truncatingIfNeeded: cookie)
    }
}
