internal import Glibc
internal import Synchronization
internal import Volume

// A filesystem as simple as can be: dictionaries under one lock, nothing kept. It is what the
// kernel adapter is tested against without a volume, and what a volume is compared with: where
// both answer a program alike and unlike the machine's own filesystem, the adapter is wrong; where
// they differ, the volume is.

/// The contents of one inode.
struct PlainInode {
    static let pageSize = 4096

    var attributes: InodeAttributes
    /// Bytes by page; a missing page is a hole.
    var pages: [UInt64: [UInt8]] = [:]
    var target: [UInt8] = []
    var extended: [[UInt8]: [UInt8]] = [:]
    /// Of a directory.
    var entries: [[UInt8]: (inode: UInt64, cookie: UInt64)] = [:]
    var parent: UInt64 = 1
    /// One and two are `.` and `..`.
    var cookieLast: UInt64 = 2
    var lookups: UInt64 = 0
    var handles = 0

    mutating func countBlocks() {
        attributes.blocks = UInt64(pages.count * Self.pageSize / 512)
    }
}

/// All state, under one lock.
struct PlainState {
    var inodes: [UInt64: PlainInode] = [:]
    var inodeLast: UInt64 = 1
    var handles: [UInt64: (inode: UInt64, flags: OpenFlags)] = [:]
    var handleLast: UInt64 = 0
}

/// A volume of dictionaries.
final class PlainTree: MountableVolume {
    /// Guards everything; calls are short.
    let state: Mutex<PlainState>
    /// When reads, writes and syncs are answered.
    let answers: Answers

    enum Answers: String {
        case now
        /// As if the network or room were waited for.
        case late
        /// Reads and syncs wait for a network that never answers.
        case stuck
        /// Syncs hold their thread, as a slow disk does, until there is a name `go` in the root.
        case slowDisk = "slow-disk"
    }

    init(_ answers: Answers) {
        self.answers = answers
        var state = PlainState()
        let root = Self.makeAttributes(1, .directory, 0o755, user: getuid(), group: getgid())
        state.inodes[1] = PlainInode(attributes: root)
        self.state = Mutex(state)
    }

    static func now() -> Timestamp {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(seconds: Int64(time.tv_sec), nanoseconds: UInt32(time.tv_nsec))
    }

    static func makeAttributes(
        _ inode: UInt64,
        _ kind: FileKind,
        _ permissions: UInt16,
        user: UInt32,
        group: UInt32
    ) -> InodeAttributes {
        let now = now()
        return InodeAttributes(
            inode: InodeNumber(inode),
            generation: 1,
            kind: kind,
            permissions: permissions,
            linkCount: kind == .directory ? 2 : 1,
            user: user,
            group: group,
            size: 0,
            blocks: 0,
            accessed: now,
            modified: now,
            changed: now,
            device: 0
        )
    }
}

extension PlainState {
    func inode(_ number: UInt64) throws(VolumeError) -> PlainInode {
        guard let inode = inodes[number] else { throw .stale }
        return inode
    }

    func child(_ parent: UInt64, _ name: [UInt8]) throws(VolumeError) -> UInt64 {
        let directory = try inode(parent)
        guard directory.attributes.kind == .directory else { throw .notDirectory }
        if name == [0x2E] { return parent }
        if name == [0x2E, 0x2E] { return directory.parent }
        guard let entry = directory.entries[name] else { throw .notFound }
        return entry.inode
    }

    /// Changes an inode in place, which must exist.
    mutating func change<Result>(_ number: UInt64, _ body: (inout PlainInode) -> Result) -> Result {
        guard var inode = inodes.removeValue(forKey: number) else {
            preconditionFailure("inode \(number) is missing")
        }
        defer { inodes[number] = inode }
        return body(&inode)
    }

    mutating func addEntry(_ parent: UInt64, _ name: [UInt8], _ inode: UInt64) {
        let isDirectory = inodes[inode]?.attributes.kind == .directory
        change(parent) { directory in
            directory.cookieLast += 1
            directory.entries[name] = (inode, directory.cookieLast)
            if isDirectory { directory.attributes.linkCount += 1 }
            directory.touch()
        }
        if isDirectory { change(inode) { $0.parent = parent } }
    }

    mutating func removeEntry(_ parent: UInt64, _ name: [UInt8], _ inode: UInt64) {
        let isDirectory = inodes[inode]?.attributes.kind == .directory
        change(parent) { directory in
            directory.entries[name] = nil
            if isDirectory { directory.attributes.linkCount -= 1 }
            directory.touch()
        }
    }

    /// One name less; the inode goes when nobody holds it.
    mutating func unlink(_ number: UInt64) {
        change(number) { inode in
            let isDirectory = inode.attributes.kind == .directory
            inode.attributes.linkCount -= isDirectory ? 2 : 1
            inode.attributes.changed = PlainTree.now()
        }
        collect(number)
    }

    mutating func collect(_ number: UInt64) {
        guard let inode = inodes[number], inode.attributes.linkCount == 0, inode.lookups == 0,
            inode.handles == 0
        else { return }
        inodes[number] = nil
    }

    mutating func openHandle(_ inode: UInt64, _ flags: OpenFlags) -> HandleNumber {
        handleLast += 1
        handles[handleLast] = (inode, flags)
        change(inode) { $0.handles += 1 }
        return HandleNumber(handleLast)
    }

    mutating func closeHandle(_ handle: HandleNumber) {
        guard let open = handles.removeValue(forKey: handle.rawValue) else { return }
        change(open.inode) { $0.handles -= 1 }
        collect(open.inode)
    }

    func inode(of handle: HandleNumber) throws(VolumeError) -> UInt64 {
        guard let open = handles[handle.rawValue] else { throw .badHandle }
        return open.inode
    }
}

extension PlainInode {
    mutating func touch() {
        let now = PlainTree.now()
        attributes.modified = now
        attributes.changed = now
    }

    /// As the kernel does for chown, truncate and writes by those who may not set the bits.
    mutating func killPrivileges() {
        guard attributes.kind == .regular else { return }
        attributes.permissions &= ~0o4000
        if attributes.permissions & 0o010 != 0 { attributes.permissions &= ~0o2000 }
        extended[Array("security.capability".utf8)] = nil
    }

    mutating func truncate(to size: UInt64) {
        let pageSize = UInt64(Self.pageSize)
        if size < attributes.size {
            pages = pages.filter { $0.key * pageSize < size }
            let last = size / pageSize
            let kept = Int(size % pageSize)
            if kept > 0, pages[last] != nil {
                let zeros = repeatElement(UInt8(0), count: Self.pageSize - kept)
                pages[last]?.replaceSubrange(kept..., with: zeros)
            }
        }
        attributes.size = size
        countBlocks()
        touch()
    }

    /// Calls `body` with each page that the range touches, the range in it, and its place.
    func eachPage(
        _ offset: UInt64,
        _ length: Int,
        _ body: (_ page: UInt64, _ range: Range<Int>, _ position: Int) -> Void
    ) {
        var position = 0
        while position < length {
            let at = offset + UInt64(position)
            let start = Int(at % UInt64(Self.pageSize))
            let count = min(Self.pageSize - start, length - position)
            body(at / UInt64(Self.pageSize), start..<start + count, position)
            position += count
        }
    }

    mutating func write(_ offset: UInt64, _ bytes: [UInt8]) {
        var changed: [(UInt64, Range<Int>, Int)] = []
        eachPage(offset, bytes.count) { changed.append(($0, $1, $2)) }
        for (page, range, position) in changed {
            pages[page, default: [UInt8](repeating: 0, count: Self.pageSize)]
                .replaceSubrange(range, with: bytes[position..<position + range.count])
        }
        attributes.size = max(attributes.size, offset + UInt64(bytes.count))
        countBlocks()
        touch()
    }

    func read(_ offset: UInt64, _ length: Int) -> [UInt8] {
        guard offset < attributes.size else { return [] }
        var result = [UInt8](
            repeating: 0,
            count: Int(min(UInt64(length), attributes.size - offset))
        )
        eachPage(offset, result.count) { page, range, position in
            guard let bytes = pages[page] else { return }
            result.replaceSubrange(position..<position + range.count, with: bytes[range])
        }
        return result
    }

    mutating func punch(_ offset: UInt64, _ length: UInt64) {
        let end = min(offset + length, (attributes.size + 4095) / 4096 * 4096)
        guard offset < end else { return }
        var touched: [(UInt64, Range<Int>)] = []
        eachPage(offset, Int(end - offset)) { page, range, _ in touched.append((page, range)) }
        for (page, range) in touched where pages[page] != nil {
            if range.count == Self.pageSize {
                pages[page] = nil
            } else {
                let zeros = repeatElement(UInt8(0), count: range.count)
                pages[page]?.replaceSubrange(range, with: zeros)
            }
        }
        countBlocks()
        touch()
    }
}
