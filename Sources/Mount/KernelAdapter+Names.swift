internal import CFuse
internal import Glibc
internal import Volume

/// Names: lookup, and what makes, moves and removes them.
extension KernelAdapter {
    func lookup(_ reply: consuming Reply, _ parent: UInt64, _ name: UnsafePointer<CChar>?) {
        do throws(VolumeError) {
            let attributes = try unsafe volume.lookup(InodeNumber(parent), fileName(name))
            answer(reply, attributes)
        } catch .notFound {
            _ = reply.entry(noEntry)
        } catch {
            reply.fail(error)
        }
    }

    /// Tells the kernel of an inode, and counts it.
    ///
    /// It is counted before, because a FORGET may come before the answering call returns; and
    /// no longer, if the kernel did not take the answer.
    private func answer(_ reply: consuming Reply, _ attributes: InodeAttributes) {
        volume.remember(attributes.edition)
        if !reply.entry(entry(attributes)) { volume.forget(attributes.edition, count: 1) }
    }

    func forget(_ reply: consuming Reply, _ inode: UInt64, _ count: UInt64) {
        volume.forget(InodeNumber(inode), count: count)
        reply.end()
    }

    func forget(_ reply: consuming Reply, _ list: UnsafeBufferPointer<fuse_forget_data>) {
        for index in list.indices {
            let item = unsafe list[index]
            volume.forget(InodeNumber(item.ino), count: item.nlookup)
        }
        reply.end()
    }

    func makeNode(
        _ reply: consuming Reply,
        _ parent: UInt64,
        _ name: UnsafePointer<CChar>?,
        _ mode: mode_t,
        _ device: dev_t
    ) {
        guard let kind = FileKind(mode: mode), kind != .directory, kind != .symlink else {
            return reply.fail(.invalidArgument)
        }
        let context = reply.context
        do throws(VolumeError) {
            let attributes = try unsafe volume.makeNode(
                in: InodeNumber(parent),
                fileName(name),
                kind: kind,
                permissions: UInt16(mode & 0o7777),
                device: UInt32(truncatingIfNeeded: device),
                context: context
            )
            answer(reply, attributes)
        } catch {
            reply.fail(error)
        }
    }

    func makeDirectory(
        _ reply: consuming Reply,
        _ parent: UInt64,
        _ name: UnsafePointer<CChar>?,
        _ mode: mode_t
    ) {
        let context = reply.context
        do throws(VolumeError) {
            let attributes = try unsafe volume.makeDirectory(
                in: InodeNumber(parent),
                fileName(name),
                permissions: UInt16(mode & 0o7777),
                context: context
            )
            answer(reply, attributes)
        } catch {
            reply.fail(error)
        }
    }

    func makeSymlink(
        _ reply: consuming Reply,
        _ target: UnsafePointer<CChar>?,
        _ parent: UInt64,
        _ name: UnsafePointer<CChar>?
    ) {
        let context = reply.context
        do throws(VolumeError) {
            let attributes = try unsafe volume.makeSymlink(
                in: InodeNumber(parent),
                fileName(name),
                target: bytes(of: target),
                context: context
            )
            answer(reply, attributes)
        } catch {
            reply.fail(error)
        }
    }

    func readSymlink(_ reply: consuming Reply, _ inode: UInt64) {
        do throws(VolumeError) {
            let target = try volume.readSymlink(InodeNumber(inode))
            reply.symlink(target)
        } catch {
            reply.fail(error)
        }
    }

    func unlink(_ reply: consuming Reply, _ parent: UInt64, _ name: UnsafePointer<CChar>?) {
        let context = reply.context
        do throws(VolumeError) {
            try unsafe volume.unlink(InodeNumber(parent), fileName(name), context: context)
            reply.succeed()
        } catch {
            reply.fail(error)
        }
    }

    func removeDirectory(
        _ reply: consuming Reply,
        _ parent: UInt64,
        _ name: UnsafePointer<CChar>?
    ) {
        let context = reply.context
        do throws(VolumeError) {
            try unsafe volume.removeDirectory(
                InodeNumber(parent),
                fileName(name),
                context: context
            )
            reply.succeed()
        } catch {
            reply.fail(error)
        }
    }

    func rename(
        _ reply: consuming Reply,
        from source: (parent: UInt64, name: UnsafePointer<CChar>?),
        to target: (parent: UInt64, name: UnsafePointer<CChar>?),
        _ flags: UInt32
    ) {
        let asked = RenameFlags(rawValue: flags)
        guard asked.areKnown else { return reply.fail(.invalidArgument) }
        let context = reply.context
        do throws(VolumeError) {
            try unsafe volume.rename(
                InodeNumber(source.parent),
                fileName(source.name),
                to: InodeNumber(target.parent),
                fileName(target.name),
                flags: asked,
                context: context
            )
            reply.succeed()
        } catch {
            reply.fail(error)
        }
    }

    func link(
        _ reply: consuming Reply,
        _ inode: UInt64,
        _ parent: UInt64,
        _ name: UnsafePointer<CChar>?
    ) {
        let context = reply.context
        do throws(VolumeError) {
            let attributes = try unsafe volume.link(
                InodeNumber(inode),
                to: InodeNumber(parent),
                fileName(name),
                context: context
            )
            answer(reply, attributes)
        } catch {
            reply.fail(error)
        }
    }
}
