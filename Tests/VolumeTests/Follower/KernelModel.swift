import Synchronization
import SystemIO

@testable import Volume

/// What the kernel does with a mount that follows, as far as it remembers: names, attributes and
/// pages, each until it is told to forget them, and none by time.
final class KernelModel: KernelCache {
    private struct DirentKey: Hashable {
        let parent: InodeNumber
        let name: [UInt8]
    }

    private struct State {
        /// nil: known not to be there.
        var names: [DirentKey: InodeNumber?] = [:]
        var attributes: [InodeNumber: InodeAttributes] = [:]
        var pages: [InodeNumber: [UInt8]] = [:]
        var openCount: [InodeNumber: Int] = [:]
    }

    struct OpenHandle {
        let edition: InodeNumber
        let handle: HandleNumber
        let size: Int
    }

    private let volume: FollowedVolume
    /// Guards what is remembered: the follower tells on a thread of its own.
    private let state = Mutex(State())

    init(_ volume: FollowedVolume) { self.volume = volume }

    func forget(_ names: [StaleName]) {
        state.withLock { state in
            for name in names {
                state.names[DirentKey(parent: name.parent, name: name.name)] = nil
                state.attributes[name.parent] = nil
            }
        }
    }

    func forgetAttributes(of inodes: [InodeNumber]) {
        state.withLock { state in for inode in inodes { state.attributes[inode] = nil } }
    }

    func lookup(_ parent: InodeNumber, _ name: [UInt8]) throws -> InodeNumber {
        let key = DirentKey(parent: parent, name: name)
        if let known = state.withLock({ $0.names[key] }) {
            guard let known else { throw VolumeError.notFound }
            return known
        }
        let found: InodeAttributes
        do throws(VolumeError) {
            found = try volume.lookup(parent, name)
        } catch {
            if error == .notFound { state.withLock { $0.names[key] = .some(nil) } }
            throw error
        }
        volume.remember(found.edition)
        state.withLock { state in
            state.names[key] = .some(found.edition)
            state.attributes[found.edition] = found
        }
        return found.edition
    }

    func attributes(of edition: InodeNumber) throws -> InodeAttributes {
        if let known = state.withLock({ $0.attributes[edition] }) { return known }
        let found = try volume.attributes(of: edition)
        state.withLock { $0.attributes[edition] = found }
        return found
    }

    func open(_ edition: InodeNumber) throws -> OpenHandle {
        let handle = try volume.open(edition, flags: [.read], context: someone)
        let size = Int(try attributes(of: edition).size)
        return OpenHandle(edition: edition, handle: handle, size: size)
    }

    func close(_ open: OpenHandle) { volume.release(open.handle) }

    /// All bytes of an open file: from the page cache, which all who have this edition open share.
    func read(_ open: OpenHandle, bypassing: Bool = false) async throws -> [UInt8] {
        if !bypassing, let known = state.withLock({ $0.pages[open.edition] }) { return known }
        var bytes = [UInt8](repeating: 0xEE, count: open.size)
        let outcome = try unsafe bytes.withMutableBytes { (buffer) throws(VolumeError) in
            try unsafe volume.read(open.handle, offset: 0, into: buffer)
        }
        let found: [UInt8]
        switch outcome {
        case .bytes(let count): found = Array(bytes.prefix(count))
        case .pending(let fetch): found = try await fetch()
        }
        state.withLock { $0.pages[open.edition] = found }
        return found
    }

    /// Regular files by path.
    func files(
        _ edition: InodeNumber = .root,
        _ path: String = ""
    ) throws -> [String: InodeNumber] {
        var found: [String: InodeNumber] = [:]
        for name in try names(edition) {
            let child = try lookup(edition, name)
            let path = path + "/" + String(decoding: name, as: UTF8.self)
            switch try attributes(of: child).kind {
            case .regular: found[path] = child
            case .directory: found.merge(try files(child, path)) { $1 }
            default: break
            }
        }
        return found
    }

    private func names(_ edition: InodeNumber) throws -> [[UInt8]] {
        let handle = try volume.openDirectory(edition)
        defer { volume.releaseDirectory(handle) }
        var names: [[UInt8]] = []
        try volume.readDirectory(handle, after: 2) { entry in
            names.append(entry.name)
            return true
        }
        return names
    }

    /// The tree as a program sees it, through all that is remembered; and names that are not there
    /// are looked for, so that those are remembered too.
    func describe(_ edition: InodeNumber = .root, _ path: String = "") async throws -> [String] {
        var lines: [String] = []
        let names = try names(edition)
        for absent in ["a", "b", "c", "d", "e"].map({ Array($0.utf8) }) {
            if !names.contains(absent), (try? lookup(edition, absent)) != nil {
                lines.append("\(path): a name that is gone is found")
            }
        }
        for name in names {
            let child = try lookup(edition, name)
            let attributes = try attributes(of: child)
            let path = path + "/" + String(decoding: name, as: UTF8.self)
            var line = TreeLine(path: path, attributes)
            for name in try volume.extendedAttributeNames(of: child) {
                line.add(name, try volume.extendedAttribute(of: child, name))
            }
            switch attributes.kind {
            case .regular:
                let opened = try open(child)
                line.contents = try await read(opened)
                close(opened)
            case .symlink: line.contents = try volume.readSymlink(child)
            case .directory: lines += try await describe(child, path)
            default: break
            }
            lines.append(line.text)
        }
        return lines.sorted()
    }
}
