internal import CFuse
internal import Glibc
internal import Volume

// The table of functions that libfuse calls. Each finds the adapter and hands over.
//
// The closures are made in ordinary functions: made in a `@main` type they would belong to the main
// actor, and trap on the first request that another thread takes.

/// All operations that the kernel may ask for.
///
/// Locks are missing, so the kernel keeps them itself, correctly, while one machine mounts the
/// volume; access is missing, because the kernel checks permissions itself.
func makeKernelOperations() -> fuse_lowlevel_ops {
    var table = fuse_lowlevel_ops()
    unsafe table.`init` = { handle, connection in
        guard let handle = unsafe handle, let connection = unsafe connection else { return }
        let adapter = unsafe Unmanaged<KernelAdapter>.fromOpaque(handle).takeUnretainedValue()
        unsafe adapter.configure(connection)
    }
    addNames(to: &table)
    addAttributes(to: &table)
    addFiles(to: &table)
    addFileRanges(to: &table)
    addDirectories(to: &table)
    return table
}

private func addNames(to table: inout fuse_lowlevel_ops) {
    unsafe table.lookup = { request, parent, name in
        unsafe KernelAdapter.of(request).lookup(Reply(request), parent, name)
    }
    unsafe table.forget = { request, inode, count in
        unsafe KernelAdapter.of(request).forget(Reply(request), inode, count)
    }
    unsafe table.forget_multi = { request, count, list in
        unsafe KernelAdapter.of(request).forget(
            Reply(request),
            UnsafeBufferPointer(start: list, count: count)
        )
    }
    unsafe table.mknod = { request, parent, name, mode, device in
        unsafe KernelAdapter.of(request).makeNode(Reply(request), parent, name, mode, device)
    }
    unsafe table.mkdir = { request, parent, name, mode in
        unsafe KernelAdapter.of(request).makeDirectory(Reply(request), parent, name, mode)
    }
    unsafe table.symlink = { request, target, parent, name in
        unsafe KernelAdapter.of(request).makeSymlink(Reply(request), target, parent, name)
    }
    unsafe table.readlink = { request, inode in
        unsafe KernelAdapter.of(request).readSymlink(Reply(request), inode)
    }
    unsafe table.unlink = { request, parent, name in
        unsafe KernelAdapter.of(request).unlink(Reply(request), parent, name)
    }
    unsafe table.rmdir = { request, parent, name in
        unsafe KernelAdapter.of(request).removeDirectory(Reply(request), parent, name)
    }
    unsafe table.rename = { request, parent, name, newParent, newName, flags in
        unsafe KernelAdapter.of(request).rename(
            Reply(request),
            from: (parent, name),
            to: (newParent, newName),
            flags
        )
    }
    unsafe table.link = { request, inode, parent, name in
        unsafe KernelAdapter.of(request).link(Reply(request), inode, parent, name)
    }
}

private func addAttributes(to table: inout fuse_lowlevel_ops) {
    unsafe table.getattr = { request, inode, _ in
        unsafe KernelAdapter.of(request).attributes(Reply(request), inode)
    }
    unsafe table.setattr = { request, inode, values, mask, file in
        guard let values = unsafe values else {
            return unsafe Reply(request).fail(.invalidArgument)
        }
        unsafe KernelAdapter.of(request).setAttributes(
            Reply(request),
            inode,
            values.pointee,
            mask,
            handle: file?.pointee.fh
        )
    }
    unsafe table.statfs = { request, _ in
        unsafe KernelAdapter.of(request).statistics(Reply(request))
    }
    unsafe table.getxattr = { request, inode, name, room in
        unsafe KernelAdapter.of(request).extendedAttribute(
            Reply(request),
            inode,
            name,
            room: room
        )
    }
    unsafe table.listxattr = { request, inode, room in
        unsafe KernelAdapter.of(request).extendedAttributeNames(
            Reply(request),
            inode,
            room: room
        )
    }
    unsafe table.setxattr = { request, inode, name, value, size, flags in
        unsafe KernelAdapter.of(request).setExtendedAttribute(
            Reply(request),
            inode,
            name,
            UnsafeRawBufferPointer(start: value, count: size),
            flags
        )
    }
    unsafe table.removexattr = { request, inode, name in
        unsafe KernelAdapter.of(request).removeExtendedAttribute(Reply(request), inode, name)
    }
}

private func addFiles(to table: inout fuse_lowlevel_ops) {
    unsafe table.open = { request, inode, file in
        guard let file = unsafe file else { return unsafe Reply(request).fail(.badHandle) }
        unsafe KernelAdapter.of(request).open(Reply(request), inode, file.pointee)
    }
    unsafe table.create = { request, parent, name, mode, file in
        guard let file = unsafe file else { return unsafe Reply(request).fail(.badHandle) }
        unsafe KernelAdapter.of(request).create(
            Reply(request),
            parent,
            name,
            mode,
            file.pointee
        )
    }
    unsafe table.read = { request, inode, size, offset, file in
        guard let file = unsafe file else { return unsafe Reply(request).fail(.badHandle) }
        let adapter = unsafe KernelAdapter.of(request)
        unsafe adapter.read(
            Reply(request),
            adapter.handle(inode, file.pointee),
            offset: UInt64(max(offset, 0)),
            length: size
        )
    }
    unsafe table.write = { request, inode, bytes, size, offset, file in
        guard let file = unsafe file else { return unsafe Reply(request).fail(.badHandle) }
        unsafe KernelAdapter.of(request).write(
            Reply(request),
            inode,
            file.pointee,
            offset: UInt64(max(offset, 0)),
            UnsafeRawBufferPointer(start: bytes, count: size)
        )
    }
    unsafe table.flush = { request, _, file in
        guard let file = unsafe file else { return unsafe Reply(request).fail(.badHandle) }
        unsafe KernelAdapter.of(request).flush(Reply(request), file.pointee.fh)
    }
    unsafe table.release = { request, _, file in
        guard let file = unsafe file else { return unsafe Reply(request).fail(.badHandle) }
        unsafe KernelAdapter.of(request).release(Reply(request), file.pointee.fh)
    }
    unsafe table.fsync = { request, inode, dataOnly, file in
        guard let file = unsafe file else { return unsafe Reply(request).fail(.badHandle) }
        let adapter = unsafe KernelAdapter.of(request)
        unsafe adapter.sync(
            Reply(request),
            adapter.handle(inode, file.pointee),
            dataOnly: dataOnly != 0
        )
    }
}

private func addFileRanges(to table: inout fuse_lowlevel_ops) {
    unsafe table.fallocate = { request, inode, mode, offset, length, file in
        guard let file = unsafe file else { return unsafe Reply(request).fail(.badHandle) }
        let adapter = unsafe KernelAdapter.of(request)
        unsafe adapter.allocate(
            Reply(request),
            adapter.handle(inode, file.pointee),
            mode: mode,
            offset: UInt64(max(offset, 0)),
            length: UInt64(max(length, 0))
        )
    }
    unsafe table.copy_file_range = {
        request,
        sourceInode,
        sourceOffset,
        source,
        targetInode,
        targetOffset,
        target,
        length,
        flags in
        guard let source = unsafe source, let target = unsafe target else {
            return unsafe Reply(request).fail(.badHandle)
        }
        let adapter = unsafe KernelAdapter.of(request)
        unsafe adapter.copyRange(
            Reply(request),
            from: (adapter.handle(sourceInode, source.pointee), UInt64(max(sourceOffset, 0))),
            to: (adapter.handle(targetInode, target.pointee), UInt64(max(targetOffset, 0))),
            length: length,
            flags: flags
        )
    }
    unsafe table.lseek = { request, inode, offset, whence, file in
        guard let file = unsafe file else { return unsafe Reply(request).fail(.badHandle) }
        guard offset >= 0 else { return unsafe Reply(request).fail(.noSuchOffset) }
        let adapter = unsafe KernelAdapter.of(request)
        unsafe adapter.seek(
            Reply(request),
            adapter.handle(inode, file.pointee),
            offset: UInt64(offset),
            whence: whence
        )
    }
}

private func addDirectories(to table: inout fuse_lowlevel_ops) {
    unsafe table.opendir = { request, inode, file in
        guard let file = unsafe file else { return unsafe Reply(request).fail(.badHandle) }
        unsafe KernelAdapter.of(request).openDirectory(Reply(request), inode, file.pointee)
    }
    unsafe table.readdir = { request, inode, size, offset, file in
        guard let file = unsafe file else { return unsafe Reply(request).fail(.badHandle) }
        let adapter = unsafe KernelAdapter.of(request)
        unsafe adapter.readDirectory(
            Reply(request),
            adapter.handle(inode, file.pointee),
            after: UInt64(bitPattern: Int64(offset)),
            length: size,
            withAttributes: false
        )
    }
    unsafe table.readdirplus = { request, inode, size, offset, file in
        guard let file = unsafe file else { return unsafe Reply(request).fail(.badHandle) }
        let adapter = unsafe KernelAdapter.of(request)
        unsafe adapter.readDirectory(
            Reply(request),
            adapter.handle(inode, file.pointee),
            after: UInt64(bitPattern: Int64(offset)),
            length: size,
            withAttributes: true
        )
    }
    unsafe table.releasedir = { request, _, file in
        guard let file = unsafe file else { return unsafe Reply(request).fail(.badHandle) }
        unsafe KernelAdapter.of(request).releaseDirectory(Reply(request), file.pointee.fh)
    }
    unsafe table.fsyncdir = { request, inode, _, _ in
        unsafe KernelAdapter.of(request).syncDirectory(Reply(request), inode)
    }
}
