// What libfuse 3.14 keeps from us, taken from the requests themselves.
//
// Between libfuse and `/dev/fuse` stand two functions of ours. The one that reads
//   - remembers the number of the INIT request and what the kernel offered in it;
//   - turns TMPFILE (51), which the library does not know, into CREATE (35): the kernel sends both
//     with the same body, and the name "/" of the first can not occur in the second;
//   - copies "clear set-id bits" of WRITE, OPEN and CREATE, which the library drops, into bits of
//     the open flags that no open(2) uses and that the library passes on;
//   - does the same for "clear the set-group-ID bit" of SETXATTR, and gives that request the
//     shorter form that the library knows.
// The one that writes adds to the answer to INIT the three flags that the library never sends:
// SETXATTR_EXT, by which the kernel says that who sets an access list is not of the file's group;
// PARALLEL_DIROPS, without which lookups in one directory queue (803 ms instead of 122 ms for eight
// slow ones), and HANDLE_KILLPRIV_V2, without which each write is preceded by a getxattr (4 KiB
// writes at 68 instead of 242 MB/s). The second is a promise to clear set-id bits ourselves.
//
// Newer libraries send the flags, so adding them again changes nothing, and know TMPFILE, which
// they never see.

internal import CFuse
internal import Glibc
internal import Synchronization

/// Reads and writes the kernel's messages on behalf of libfuse.
final class KernelHook: Sendable {
    /// Set in the flags of a write, open or create whose request says "clear set-id bits".
    static let killsPrivileges: UInt32 = 1 << 31
    /// The name of an unnamed file.
    static let unnamed: [UInt8] = [UInt8(ascii: "/")]

    private static let wantedFlags =
        UInt32(FUSE_PARALLEL_DIROPS) | UInt32(FUSE_HANDLE_KILLPRIV_V2) | UInt32(FUSE_SETXATTR_EXT)

    let counts = RequestCounts()
    /// The number of the INIT request; zero before it came.
    private let initialRequest = Atomic<UInt64>(0)
    /// What the kernel offered in it.
    private let offeredFlags = Atomic<UInt32>(0)

    /// Whether the kernel took SETXATTR_EXT.
    private let extendsSetAttribute = Atomic<Bool>(false)

    /// Looks at a request before libfuse does, and changes it in place.
    ///
    /// - Returns: The bytes of the request as libfuse is to see it.
    func received(_ message: UnsafeMutableRawBufferPointer) -> Int {
        let headerSize = MemoryLayout<fuse_in_header>.size
        guard message.count >= headerSize else { return message.count }
        if unsafe message.loadUnaligned(as: fuse_in_header.self).opcode == FUSE_SETXATTR.rawValue {
            return unsafe shortenSetAttribute(message)
        }
        unsafe change(message, headerSize)
        return message.count
    }

    /// Takes the extension out of a SETXATTR request: eight bytes before the name.
    private func shortenSetAttribute(_ message: UnsafeMutableRawBufferPointer) -> Int {
        let head = MemoryLayout<fuse_in_header>.size
        let extended = head + MemoryLayout<fuse_setxattr_in>.size
        guard extendsSetAttribute.load(ordering: .acquiring), message.count >= extended,
            let flags = MemoryLayout<fuse_setxattr_in>.offset(of: \.setxattr_flags)
        else { return message.count }
        let body = unsafe UnsafeMutableRawBufferPointer(rebasing: message[head...])
        unsafe copyFlag(
            in: body,
            size: MemoryLayout<fuse_setxattr_in>.size,
            from: flags,
            mask: UInt32(FUSE_SETXATTR_ACL_KILL_SGID),
            to: MemoryLayout<fuse_setxattr_in>.offset(of: \.flags)
        )
        unsafe UnsafeMutableRawBufferPointer(rebasing: message[(head + flags)...]).copyMemory(
            from: UnsafeRawBufferPointer(rebasing: message[extended...])
        )
        let count = message.count - (extended - head - flags)
        unsafe store(UInt32(count), in: message, at: 0)
        return count
    }

    private func change(_ message: UnsafeMutableRawBufferPointer, _ headerSize: Int) {
        let header = unsafe message.loadUnaligned(as: fuse_in_header.self)
        let body = unsafe UnsafeMutableRawBufferPointer(rebasing: message[headerSize...])
        counts.add(header.opcode)
        switch header.opcode {
        case FUSE_WRITE.rawValue:
            unsafe copyFlag(
                in: body,
                size: MemoryLayout<fuse_write_in>.size,
                from: MemoryLayout<fuse_write_in>.offset(of: \.write_flags),
                mask: UInt32(FUSE_WRITE_KILL_SUIDGID),
                to: MemoryLayout<fuse_write_in>.offset(of: \.flags)
            )
        case FUSE_OPEN.rawValue:
            unsafe copyFlag(
                in: body,
                size: MemoryLayout<fuse_open_in>.size,
                from: MemoryLayout<fuse_open_in>.offset(of: \.open_flags),
                mask: UInt32(FUSE_OPEN_KILL_SUIDGID),
                to: MemoryLayout<fuse_open_in>.offset(of: \.flags)
            )
        case FUSE_CREATE.rawValue, FUSE_TMPFILE.rawValue:
            unsafe copyFlag(
                in: body,
                size: MemoryLayout<fuse_create_in>.size,
                from: MemoryLayout<fuse_create_in>.offset(of: \.open_flags),
                mask: UInt32(FUSE_OPEN_KILL_SUIDGID),
                to: MemoryLayout<fuse_create_in>.offset(of: \.flags)
            )
            if header.opcode == FUSE_TMPFILE.rawValue {
                unsafe store(
                    FUSE_CREATE.rawValue,
                    in: message,
                    at: MemoryLayout<fuse_in_header>.offset(of: \.opcode)
                )
            }
        case FUSE_INIT.rawValue:
            guard let flags = MemoryLayout<fuse_init_in>.offset(of: \.flags),
                body.count >= flags + 4
            else { return }
            offeredFlags.store(
                unsafe body.loadUnaligned(fromByteOffset: flags, as: UInt32.self),
                ordering: .relaxed
            )
            initialRequest.store(header.unique, ordering: .releasing)
        default:
            break
        }
    }

    /// Bytes of a read that are so many that others should not wait for their copying.
    private static let longRead = 128 << 10

    /// Whether a request is one of those that are better answered beside others: the kernel sends
    /// long reads several at a time.
    static func takesLong(_ message: UnsafeRawBufferPointer) -> Bool {
        let headerSize = MemoryLayout<fuse_in_header>.size
        guard message.count >= headerSize,
            unsafe message.loadUnaligned(as: fuse_in_header.self).opcode == FUSE_READ.rawValue,
            let size = MemoryLayout<fuse_read_in>.offset(of: \.size),
            message.count >= headerSize + MemoryLayout<fuse_read_in>.size
        else { return false }
        let length = unsafe message.loadUnaligned(
            fromByteOffset: headerSize + size,
            as: UInt32.self
        )
        return length >= longRead
    }

    /// Looks at an answer before the kernel does.
    func sends(_ parts: UnsafeMutablePointer<iovec>?, count: Int32) {
        let expected = initialRequest.load(ordering: .acquiring)
        guard expected != 0, count >= 2, let parts = unsafe parts,
            let header = unsafe parts[0].iov_base,
            unsafe parts[0].iov_len >= MemoryLayout<fuse_out_header>.size,
            unsafe header.loadUnaligned(as: fuse_out_header.self).unique == expected,
            let answer = unsafe parts[1].iov_base,
            let flags = MemoryLayout<fuse_init_out>.offset(of: \.flags),
            unsafe parts[1].iov_len >= flags + 4
        else { return }
        let added = Self.wantedFlags & offeredFlags.load(ordering: .relaxed)
        let sent = unsafe answer.loadUnaligned(fromByteOffset: flags, as: UInt32.self)
        unsafe answer.storeBytes(of: sent | added, toByteOffset: flags, as: UInt32.self)
        extendsSetAttribute.store(
            added & UInt32(FUSE_SETXATTR_EXT) != 0,
            ordering: .releasing
        )
        initialRequest.store(0, ordering: .releasing)
    }

    private func copyFlag(
        in body: UnsafeMutableRawBufferPointer,
        size: Int,
        from source: Int?,
        mask: UInt32,
        to target: Int?
    ) {
        guard body.count >= size, let source, let target else { return }
        let set = unsafe body.loadUnaligned(fromByteOffset: source, as: UInt32.self) & mask != 0
        // The bit is taken from the request in both directions: a program may not set it.
        var flags = unsafe body.loadUnaligned(fromByteOffset: target, as: UInt32.self)
        flags = set ? flags | Self.killsPrivileges : flags & ~Self.killsPrivileges
        unsafe store(flags, in: body, at: target)
    }

    private func store(
        _ value: UInt32,
        in bytes: UnsafeMutableRawBufferPointer,
        at offset: Int?
    ) {
        guard let offset else { return }
        unsafe bytes.storeBytes(of: value, toByteOffset: offset, as: UInt32.self)
    }
}
