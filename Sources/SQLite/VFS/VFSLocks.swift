// The locks that connections of one process hold against each other: those of a database file
// (none < shared < reserved < pending < exclusive, sqlite.org/lockingv3.html), and the eight of a
// write-ahead log's index (sqlite.org/walformat.html), with the memory of that index.

internal import CSQLite

/// What one handle holds.
final class VFSHandle: Sendable {}

/// What all handles of one path share; guarded by the lock of its ``FileSystemVFS``.
@safe final class VFSSharedFile {
    private var levels: [ObjectIdentifier: Int32] = [:]
    /// Who holds each of the eight, and whether alone.
    private var slots = [Slot](repeating: Slot(), count: Int(SQLITE_SHM_NLOCK))
    private var regions: [UnsafeMutableRawPointer] = unsafe []
    private var users: Set<ObjectIdentifier> = []

    private struct Slot {
        var holders: Set<ObjectIdentifier> = []
        var isExclusive = false
    }

    deinit { freeRegions() }

    private func freeRegions() {
        for index in unsafe regions.indices { unsafe regions[index].deallocate() }
        unsafe regions = unsafe []
    }

    /// Gives back all that a handle holds.
    func forget(_ handle: VFSHandle) {
        levels[ObjectIdentifier(handle)] = nil
        unmap(handle)
    }

    // MARK: The file

    /// Raises a handle's lock; false when another's is in the way.
    func lock(_ handle: VFSHandle, _ level: Int32) -> Bool {
        let me = ObjectIdentifier(handle)
        let mine = levels[me] ?? SQLITE_LOCK_NONE
        if mine >= level { return true }
        let others = levels.filter { $0.key != me }.values
        let highest = others.max() ?? SQLITE_LOCK_NONE
        switch level {
        case SQLITE_LOCK_SHARED:
            guard highest < SQLITE_LOCK_PENDING else { return false }
        case SQLITE_LOCK_RESERVED:
            guard highest < SQLITE_LOCK_RESERVED else { return false }
        default:
            guard highest < SQLITE_LOCK_RESERVED else { return false }
            if highest > SQLITE_LOCK_NONE {
                // Nobody new comes in, and those who are there leave in time.
                levels[me] = SQLITE_LOCK_PENDING
                return false
            }
        }
        levels[me] = level
        return true
    }

    func unlock(_ handle: VFSHandle, _ level: Int32) {
        levels[ObjectIdentifier(handle)] = level == SQLITE_LOCK_NONE ? nil : level
    }

    /// Whether anybody holds more than a shared lock.
    var isReserved: Bool { levels.values.contains { $0 >= SQLITE_LOCK_RESERVED } }

    // MARK: The index of its write-ahead log

    /// The address of a region, made with all before it if `extends`; 0 where there is none.
    func region(_ index: Int, size: Int, extends: Bool, for handle: VFSHandle) -> UInt {
        users.insert(ObjectIdentifier(handle))
        while unsafe index >= regions.count {
            guard extends else { return 0 }
            let region = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 4096)
            unsafe region.initializeMemory(as: UInt8.self, repeating: 0, count: size)
            unsafe regions.append(region)
        }
        return unsafe UInt(bitPattern: regions[index])
    }

    /// Takes or gives back a run of the eight locks; false when another's is in the way.
    func changeLocks(_ handle: VFSHandle, _ range: Range<Int>, flags: Int32) -> Bool {
        let me = ObjectIdentifier(handle)
        if flags & SQLITE_SHM_UNLOCK != 0 {
            for index in range { release(me, index) }
            return true
        }
        let wantsAlone = flags & SQLITE_SHM_EXCLUSIVE != 0
        for slot in slots[range] {
            let others = slot.holders.subtracting([me])
            if !others.isEmpty, wantsAlone || slot.isExclusive { return false }
        }
        for index in range {
            slots[index].holders.insert(me)
            slots[index].isExclusive = wantsAlone
        }
        return true
    }

    private func release(_ holder: ObjectIdentifier, _ index: Int) {
        guard slots[index].holders.remove(holder) != nil else { return }
        slots[index].isExclusive = false
    }

    /// Ends a handle's use of the memory, which goes with its last user.
    func unmap(_ handle: VFSHandle) {
        let me = ObjectIdentifier(handle)
        for index in slots.indices { release(me, index) }
        users.remove(me)
        if users.isEmpty { freeRegions() }
    }
}
