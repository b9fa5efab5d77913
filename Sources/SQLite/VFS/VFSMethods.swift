// The tables of C functions through which SQLite comes in. None of them captures anything: a file's
// object hangs behind SQLite's own part of it, a file system's in its record.

internal import CSQLite
internal import Synchronization
internal import SystemIO

/// What SQLite allocates for an open file: its own part, then ours.
@safe struct VFSSlot {
    var base: sqlite3_file
    /// A retained ``VFSFile``.
    var object: UnsafeMutableRawPointer?

    static func file(_ file: UnsafeMutablePointer<sqlite3_file>?) -> VFSFile {
        guard let object = unsafe slot(file).pointee.object else {
            preconditionFailure("SQLite uses a file that is not open")
        }
        return unsafe Unmanaged<VFSFile>.fromOpaque(object).takeUnretainedValue()
    }

    static func slot(
        _ file: UnsafeMutablePointer<sqlite3_file>?
    ) -> UnsafeMutablePointer<VFSSlot> {
        guard let file = unsafe file else { preconditionFailure("SQLite names no file") }
        // SQLite allocated `szOsFile` bytes for this very structure.
        return unsafe UnsafeMutableRawPointer(file).assumingMemoryBound(to: VFSSlot.self)
    }
}

enum VFSMethods {
    /// A record without name and object, which are each file system's own.
    static func record() -> sqlite3_vfs {
        var vfs = unsafe sqlite3_vfs()
        unsafe vfs.iVersion = 1
        unsafe vfs.szOsFile = Int32(MemoryLayout<VFSSlot>.size)
        unsafe vfs.mxPathname = 1024
        unsafe vfs.xOpen = { vfs, name, file, flags, outFlags in
            let slot = unsafe VFSSlot.slot(file)
            // Without methods SQLite does not close it.
            unsafe slot.pointee.base.pMethods = nil
            let path = unsafe name.map { unsafe String(cString: $0) }
            do throws(SystemError) {
                let object = try unsafe FileSystemVFS.of(vfs).open(path, flags: flags)
                unsafe slot.pointee.object = Unmanaged.passRetained(object).toOpaque()
                unsafe slot.pointee.base.pMethods = UnsafePointer(VFSMethods.file)
                if let outFlags = unsafe outFlags { unsafe outFlags.pointee = flags }
                return SQLITE_OK
            } catch {
                return error.isNoSpace ? SQLITE_FULL : SQLITE_CANTOPEN
            }
        }
        unsafe vfs.xDelete = { vfs, name, mustSync in
            guard let path = unsafe name.map({ unsafe String(cString: $0) }) else {
                return VFSCode.delete
            }
            let disk = unsafe FileSystemVFS.of(vfs).disk
            do throws(SystemError) {
                try disk.removeFile(path)
                if mustSync != 0 { try disk.synchronizeDirectory(directory(of: path)) }
                return SQLITE_OK
            } catch {
                return error.isNotFound ? VFSCode.notThere : VFSCode.delete
            }
        }
        unsafe vfs.xAccess = { vfs, name, flags, result in
            guard let path = unsafe name.map({ unsafe String(cString: $0) }) else {
                return VFSCode.access
            }
            do throws(SystemError) {
                let status = try unsafe FileSystemVFS.of(vfs).disk.status(path)
                // As SQLite's own does: an empty file counts as none where one is looked for.
                let isThere = status.map { $0.isDirectory || $0.size > 0 } ?? false
                unsafe result?.pointee =
                    flags == SQLITE_ACCESS_EXISTS ? (isThere ? 1 : 0) : (status == nil ? 0 : 1)
                return SQLITE_OK
            } catch {
                return VFSCode.access
            }
        }
        unsafe vfs.xFullPathname = { _, name, count, full in
            guard let name = unsafe name, let full = unsafe full else { return SQLITE_CANTOPEN }
            let characters = unsafe Array(String(cString: name).utf8CString)
            guard characters.count <= Int(count) else { return SQLITE_CANTOPEN }
            unsafe full.update(from: characters, count: characters.count)
            return SQLITE_OK
        }
        unsafe vfs.xRandomness = { vfs, count, bytes in
            unsafe FileSystemVFS.of(vfs).fill(
                UnsafeMutableRawBufferPointer(start: bytes, count: Int(count))
            )
            return count
        }
        // One owner, so there is nobody to wait for, and no clock that a seed does not decide.
        unsafe vfs.xSleep = { _, microseconds in microseconds }
        unsafe vfs.xCurrentTime = { _, day in
            unsafe day?.pointee = 2_440_587.5
            return SQLITE_OK
        }
        return unsafe vfs
    }

    /// One table for all files, which nobody changes.
    nonisolated(unsafe) static let file: UnsafeMutablePointer<sqlite3_io_methods> = {
        let methods = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
        var table = sqlite3_io_methods()
        table.iVersion = 2
        addAccess(to: &table)
        addLocks(to: &table)
        unsafe methods.initialize(to: table)
        return unsafe methods
    }()

    private static func addAccess(to table: inout sqlite3_io_methods) {
        unsafe table.xClose = { file in
            unsafe VFSSlot.file(file).close()
            let slot = unsafe VFSSlot.slot(file)
            if let object = unsafe slot.pointee.object {
                unsafe Unmanaged<VFSFile>.fromOpaque(object).release()
            }
            unsafe slot.pointee.object = nil
            return SQLITE_OK
        }
        unsafe table.xRead = { file, bytes, count, offset in
            unsafe VFSSlot.file(file).read(
                into: UnsafeMutableRawBufferPointer(start: bytes, count: Int(count)),
                at: offset
            )
        }
        unsafe table.xWrite = { file, bytes, count, offset in
            unsafe VFSSlot.file(file).write(
                UnsafeRawBufferPointer(start: bytes, count: Int(count)),
                at: offset
            )
        }
        unsafe table.xTruncate = { file, size in unsafe VFSSlot.file(file).truncate(to: size) }
        unsafe table.xSync = { file, _ in unsafe VFSSlot.file(file).synchronize() }
        unsafe table.xFileSize = { file, size in
            guard let found = unsafe VFSSlot.file(file).size() else { return VFSCode.size }
            unsafe size?.pointee = found
            return SQLITE_OK
        }
        unsafe table.xFileControl = { _, _, _ in SQLITE_NOTFOUND }
        // What SQLite's own VFS says of a Linux filesystem, so that it writes the same.
        unsafe table.xSectorSize = { _ in 4096 }
        unsafe table.xDeviceCharacteristics = { _ in SQLITE_IOCAP_POWERSAFE_OVERWRITE }
    }

    private static func addLocks(to table: inout sqlite3_io_methods) {
        unsafe table.xLock = { file, level in
            let file = unsafe VFSSlot.file(file)
            return file.shared { $0.lock(file.handle, level) } ? SQLITE_OK : SQLITE_BUSY
        }
        unsafe table.xUnlock = { file, level in
            let file = unsafe VFSSlot.file(file)
            file.shared { $0.unlock(file.handle, level) }
            return SQLITE_OK
        }
        unsafe table.xCheckReservedLock = { file, result in
            let isReserved = unsafe VFSSlot.file(file).shared { $0.isReserved }
            unsafe result?.pointee = isReserved ? 1 : 0
            return SQLITE_OK
        }
        unsafe table.xShmMap = { file, index, size, extends, result in
            let file = unsafe VFSSlot.file(file)
            let address = file.shared { shared in
                shared.region(
                    Int(index),
                    size: Int(size),
                    extends: extends != 0,
                    for: file.handle
                )
            }
            unsafe result?.pointee = UnsafeMutableRawPointer(bitPattern: address)
            return SQLITE_OK
        }
        unsafe table.xShmLock = { file, offset, count, flags in
            let file = unsafe VFSSlot.file(file)
            let range = Int(offset)..<Int(offset + count)
            let isDone = file.shared { $0.changeLocks(file.handle, range, flags: flags) }
            return isDone ? SQLITE_OK : SQLITE_BUSY
        }
        unsafe table.xShmBarrier = { _ in atomicMemoryFence(ordering: .sequentiallyConsistent) }
        unsafe table.xShmUnmap = { file, _ in
            let file = unsafe VFSSlot.file(file)
            file.shared { $0.unmap(file.handle) }
            return SQLITE_OK
        }
    }
}
