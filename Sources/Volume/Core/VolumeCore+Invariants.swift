internal import VolumeFormat

extension VolumeCore {
    /// Traps unless what is kept twice agrees; reads all rows, so for tests.
    func checkInvariants() throws(VolumeError) {
        try flush()
        precondition(touchedInodes.isEmpty)
        precondition(touchedSlices.isEmpty)
        var refs: [UInt64: UInt32] = [:]
        var stored: [UInt64: UInt64] = [:]
        for row in try database.rows(of: .extents, from: [], to: nil, limit: .max) {
            let extent: ExtentRow = try Self.decode(row.value ?? [], "extent")
            let inode = Array(row.key.prefix(8)).reduce(0) { $0 << 8 | UInt64($1) }
            refs[extent.slice, default: 0] += 1
            stored[inode, default: 0] += UInt64(extent.length)
        }
        var inodes: UInt64 = 0
        for row in try database.rows(of: .inodes, from: [], to: nil, limit: .max) {
            let inode: InodeRow = try Self.decode(row.value ?? [], "inode")
            let number = row.key.reduce(0) { $0 << 8 | UInt64($1) }
            precondition(inode.stored == stored[number] ?? 0, "stored of inode \(number)")
            inodes += 1
        }
        precondition(inodes == inodeCount, "\(inodes) inodes, \(inodeCount) counted")
        precondition(stored.values.reduce(0, +) == storedBytes)
        for row in try database.rows(of: .slices, from: [], to: nil, limit: .max) {
            let slice: SliceRow = try Self.decode(row.value ?? [], "slice")
            let number = row.key.reduce(0) { $0 << 8 | UInt64($1) }
            precondition(slice.refs == refs[number] ?? 0, "refs of slice \(number)")
            precondition(slice.refs > 0 || slice.died > 0)
        }
        for entry in self.inodes.values { entry.extents?.checkInvariants() }
    }
}

extension Volume {
    /// Traps unless what is kept twice agrees.
    package func checkInvariants() throws(VolumeError) {
        try locked { (core) throws(VolumeError) in try core.checkInvariants() }
    }
}
