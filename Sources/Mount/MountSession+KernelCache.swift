internal import CFuse
package import Volume

/// What the kernel remembers, and is told to forget.
///
/// Never called on a thread that answers requests: a directory that is being looked into is waited
/// for. The kernel's "no such entry" means that it remembered nothing, and other failures that the
/// mount is ending.
extension MountSession: KernelCache {
    package func forget(_ names: [StaleName]) {
        for name in names {
            _ = unsafe (name.name + [0]).withUnsafeBytes { bytes in
                let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
                let (parent, count) = (name.parent.rawValue, name.name.count)
                return name.isKept
                    ? unsafe fuse_lowlevel_notify_expire_entry(
                        session,
                        parent,
                        start,
                        count,
                        FUSE_LL_EXPIRE_ONLY
                    ) : unsafe fuse_lowlevel_notify_inval_entry(session, parent, start, count)
            }
        }
    }

    package func forgetAttributes(of inodes: [InodeNumber]) {
        for inode in inodes {
            // A negative offset leaves the contents, which never change under one number.
            _ = unsafe fuse_lowlevel_notify_inval_inode(session, inode.rawValue, -1, 0)
        }
    }
}
