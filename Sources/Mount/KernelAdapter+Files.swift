internal import CFuse
internal import Glibc
internal import Volume

/// Open files.
extension KernelAdapter {
    /// What a request means by an open file.
    ///
    /// Where the kernel opened it alone, it also checked what the file may be used for: pages of a
    /// mapping come without the flags of an open file.
    func handle(_ inode: UInt64, _ file: fuse_file_info) -> HandleNumber {
        guard opensDirectly else { return HandleNumber(file.fh) }
        let told = OpenFlags(kernel: file.flags).intersection([.sync, .noAccessTime])
        return HandleNumber(of: InodeNumber(inode), told.union([.read, .write]))
    }

    func open(_ reply: consuming Reply, _ inode: UInt64, _ file: fuse_file_info) {
        // The kernel takes this for an answer to all times (fuse.h: FUSE_NO_OPEN_SUPPORT).
        if opensDirectly { return reply.fail(errno: ENOSYS) }
        let context = reply.context
        let inode = InodeNumber(inode)
        let flags = OpenFlags(kernel: file.flags)
        do throws(VolumeError) {
            let handle = try volume.open(inode, flags: flags, context: context)
            if !reply.opened(opened(handle, file)) { volume.release(handle) }
        } catch {
            reply.fail(error)
        }
    }

    private func opened(_ handle: HandleNumber, _ asked: fuse_file_info) -> fuse_file_info {
        var file = asked
        file.fh = opensDirectly ? 0 : handle.rawValue
        // Nobody else changes the file, so what the kernel has cached of it is still true.
        file.keep_cache = 1
        // Nothing is left to say at close(2): each write has had its own answer.
        file.noflush = 1
        return file
    }

    /// Makes a file and opens it; the name "/" means one without a name (see ``KernelHook``).
    func create(
        _ reply: consuming Reply,
        _ parent: UInt64,
        _ name: UnsafePointer<CChar>?,
        _ mode: mode_t,
        _ file: fuse_file_info
    ) {
        let context = reply.context
        let permissions = UInt16(mode & 0o7777)
        let flags = OpenFlags(kernel: file.flags)
        do throws(VolumeError) {
            let name = try unsafe fileName(name)
            let made =
                if name == KernelHook.unnamed {
                    try volume.createUnnamed(
                        in: InodeNumber(parent),
                        permissions: permissions,
                        flags: flags.subtracting(.exclusive),
                        context: context
                    )
                } else {
                    try volume.create(
                        in: InodeNumber(parent),
                        name,
                        permissions: permissions,
                        flags: flags,
                        context: context
                    )
                }
            volume.remember(made.attributes.edition)
            if opensDirectly { volume.release(made.handle) }
            if !reply.created(entry(made.attributes), opened(made.handle, file)) {
                if !opensDirectly { volume.release(made.handle) }
                volume.forget(made.attributes.edition, count: 1)
            }
        } catch {
            reply.fail(error)
        }
    }

    func read(_ reply: consuming Reply, _ handle: HandleNumber, offset: UInt64, length: Int) {
        let buffer = buffers.take()
        defer { buffers.giveBack(buffer) }
        let length = min(length, unsafe buffer.bytes.count)
        let room = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[..<length])
        do throws(VolumeError) {
            switch try unsafe volume.read(handle, offset: offset, into: room) {
            case .bytes(let count):
                precondition(count >= 0 && count <= length, "a read said more than it had room for")
                unsafe reply.bytes(UnsafeRawBufferPointer(rebasing: room[..<count]))
            case .pending(let fetch):
                answerLater(reply) { pending in
                    do throws(VolumeError) {
                        let bytes = try await fetch()
                        precondition(bytes.count <= length, "a read returned more than asked for")
                        pending.take()?.bytes(bytes)
                    } catch {
                        pending.fail(error)
                    }
                }
            }
        } catch {
            reply.fail(error)
        }
    }

    func write(
        _ reply: consuming Reply,
        _ inode: UInt64,
        _ file: fuse_file_info,
        offset: UInt64,
        _ bytes: UnsafeRawBufferPointer
    ) {
        let handle = handle(inode, file)
        let kills = UInt32(bitPattern: file.flags) & KernelHook.killsPrivileges != 0
        do throws(VolumeError) {
            let outcome = try unsafe volume.write(
                handle,
                offset: offset,
                bytes,
                killsPrivileges: kills
            )
            switch outcome {
            case .written(let count):
                reply.written(count)
            case .slowed(let count, let rest):
                answerSlowly(reply, written: count, after: rest)
            case .mustWait(let room):
                // The request's memory is the thread's own and takes the next request.
                let buffer = buffers.take()
                let length = bytes.count
                precondition(unsafe length <= buffer.bytes.count, "a write exceeds its limit")
                unsafe buffer.bytes.copyMemory(from: bytes)
                let copy = WriteCopy(buffer: buffer, length: length)
                writeLater(reply, handle, offset: offset, copy, kills: kills, after: room)
            }
        } catch {
            reply.fail(error)
        }
    }

    /// Says that a write has happened, after a rest that a signal ends.
    private func answerSlowly(
        _ reply: consuming Reply,
        written count: Int,
        after rest: @escaping @Sendable () async -> Void
    ) {
        answerLater(reply, written: count) { pending in
            await rest()
            pending.take()?.written(count)
        }
    }

    /// The bytes of a write whose request is gone.
    private struct WriteCopy: Sendable {
        let buffer: PooledBuffer
        let length: Int
    }

    /// Writes when there is room, or waits again.
    private func writeLater(
        _ reply: consuming Reply,
        _ handle: HandleNumber,
        offset: UInt64,
        _ copy: WriteCopy,
        kills: Bool,
        after room: @escaping @Sendable () async throws(VolumeError) -> Void
    ) {
        answerLater(reply) { [self] pending in
            do throws(VolumeError) {
                try await room()
            } catch {
                buffers.giveBack(copy.buffer)
                pending.fail(error)
                return
            }
            // From here on something happens, so it can not be interrupted any more.
            guard let reply = pending.take() else { return buffers.giveBack(copy.buffer) }
            do throws(VolumeError) {
                let outcome = try unsafe volume.write(
                    handle,
                    offset: offset,
                    UnsafeRawBufferPointer(rebasing: copy.buffer.bytes[..<copy.length]),
                    killsPrivileges: kills
                )
                switch outcome {
                case .written(let count):
                    buffers.giveBack(copy.buffer)
                    reply.written(count)
                case .slowed(let count, let rest):
                    buffers.giveBack(copy.buffer)
                    answerSlowly(reply, written: count, after: rest)
                case .mustWait(let room):
                    writeLater(reply, handle, offset: offset, copy, kills: kills, after: room)
                }
            } catch {
                buffers.giveBack(copy.buffer)
                reply.fail(error)
            }
        }
    }

    func flush(_ reply: consuming Reply, _ handle: UInt64) {
        // As for open: nothing is left to say at any close(2).
        if opensDirectly { return reply.fail(errno: ENOSYS) }
        do throws(VolumeError) {
            try volume.flush(HandleNumber(handle))
            reply.succeed()
        } catch {
            reply.fail(error)
        }
    }

    func release(_ reply: consuming Reply, _ handle: UInt64) {
        volume.release(HandleNumber(handle))
        reply.succeed()
    }

    func sync(_ reply: consuming Reply, _ handle: HandleNumber, dataOnly: Bool) {
        do throws(VolumeError) {
            answer(reply, try volume.sync(handle, dataOnly: dataOnly))
        } catch {
            reply.fail(error)
        }
    }

    func answer(_ reply: consuming Reply, _ outcome: SyncOutcome) {
        switch outcome {
        case .durable:
            reply.succeed()
        case .pending(let wait):
            answerLater(reply) { pending in
                do throws(VolumeError) {
                    try await wait()
                    pending.take()?.succeed()
                } catch {
                    pending.fail(error)
                }
            }
        }
    }

    func allocate(
        _ reply: consuming Reply,
        _ handle: HandleNumber,
        mode: Int32,
        offset: UInt64,
        length: UInt64
    ) {
        // fallocate(2): the numbers are the kernel's.
        let pairs: [(Int32, AllocationMode)] = [
            (0x01, .keepSize), (0x02, .punchHole), (0x10, .zeroRange),
        ]
        var asked: AllocationMode = []
        var rest = mode
        for (flag, meaning) in pairs where mode & flag != 0 {
            asked.insert(meaning)
            rest &= ~flag
        }
        guard rest == 0 else { return reply.fail(.unsupported) }
        // Here and below the kernel sends no "clear set-id bits", and leaves them to us all the
        // same.
        do throws(VolumeError) {
            try volume.allocate(
                handle,
                mode: asked,
                offset: offset,
                length: length,
                killsPrivileges: reply.context.user != 0
            )
            reply.succeed()
        } catch {
            reply.fail(error)
        }
    }

    func copyRange(
        _ reply: consuming Reply,
        from source: (handle: HandleNumber, offset: UInt64),
        to target: (handle: HandleNumber, offset: UInt64),
        length: Int,
        flags: Int32
    ) {
        guard flags == 0 else { return reply.fail(.invalidArgument) }
        // The answer has 32 bits; the program asks for the rest.
        let length = min(length, 1 << 30)
        do throws(VolumeError) {
            let count = try volume.copyRange(
                from: source.handle,
                offset: source.offset,
                to: target.handle,
                offset: target.offset,
                length: UInt64(length),
                killsPrivileges: reply.context.user != 0
            )
            reply.written(Int(clamping: count))
        } catch {
            reply.fail(error)
        }
    }

    func seek(
        _ reply: consuming Reply,
        _ handle: HandleNumber,
        offset: UInt64,
        whence: Int32
    ) {
        // lseek(2): SEEK_DATA is 3 and SEEK_HOLE is 4; the rest the kernel does itself.
        guard whence == 3 || whence == 4 else { return reply.fail(.invalidArgument) }
        do throws(VolumeError) {
            let found = try volume.seek(handle, offset: offset, toData: whence == 3)
            reply.offset(found)
        } catch {
            reply.fail(error)
        }
    }
}
