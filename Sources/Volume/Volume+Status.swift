internal import BlobModel
internal import Synchronization
internal import VolumeFormat

extension Volume {
    /// How far a file has come on its way to the network.
    package func status(of inode: InodeNumber) throws(VolumeError) -> StorageStatus {
        let number = inode.rawValue
        var (status, placed) = try locked { (core) throws(VolumeError) in
            try core.localStatus(of: number)
        }
        do throws(CheckpointError) {
            for range in placed { try count(range, in: &status) }
        } catch {
            throw .corrupt("placement of inode \(number): \(error)")
        }
        return status
    }

    /// Counts bytes that have left the log, by the packs that hold them.
    private func count(
        _ range: PlacedRange,
        in status: inout StorageStatus
    ) throws(CheckpointError) {
        let stretches = try PlacementRows.covering(
            slice: range.slice,
            offset: range.start,
            length: range.length,
            in: self
        )
        for stretch in stretches {
            let lower = max(stretch.offset, range.start)
            let upper = min(stretch.end, range.start + range.length)
            guard lower < upper, let chunk = try PlacementRows.chunk(stretch.row.chunk, in: self),
                let pack = try PlacementRows.pack(chunk.pack, in: self)
            else { continue }
            guard pack.state == .certified else {
                status.uploading += UInt64(upper - lower)
                continue
            }
            status.certified += UInt64(upper - lower)
            status.certifiedUntil = min(status.certifiedUntil ?? .max, pack.end)
        }
    }
}

/// A part of a slice that an extent names.
struct PlacedRange: Hashable, Sendable {
    let slice: UInt64
    let start: UInt32
    let length: UInt32
}

/// How far a file has come on its way to the network; in bytes that are not holes.
package struct StorageStatus: Hashable, Sendable {
    /// The inode's own record changed since the last cut, or is in the cut under way.
    package var isRecordDirty = false
    package var isRecordUploading = false
    /// Only in the log of this machine.
    package var dirty: UInt64 = 0
    /// In the checkpoint that is being made.
    package var uploading: UInt64 = 0
    package var certified: UInt64 = 0
    /// The first epoch in which some of the certified bytes need no longer be there.
    package var certifiedUntil: UInt32?

    package init() {}

    /// What `getfattr -n walrusfs.status` prints; `Docs/Semantics.md` lists it.
    package var text: String {
        let state =
            isRecordDirty || dirty > 0
            ? "dirty" : isRecordUploading || uploading > 0 ? "uploading" : "certified"
        let until = certifiedUntil.map { " until=\($0)" } ?? ""
        return "\(state) dirty=\(dirty) uploading=\(uploading) certified=\(certified)\(until)"
    }
}

extension VolumeCore {
    /// What is known without looking for placement, and what must be looked for.
    func localStatus(of number: UInt64) throws(VolumeError) -> (StorageStatus, [PlacedRange]) {
        let entry = try inode(number)
        try flush()
        var status = StorageStatus()
        let cut = cutInFlight ?? 0
        if let made = try database.dirtyGeneration(of: .inodes, RowKey.number(number)) {
            status.isRecordDirty = made > cut
            status.isRecordUploading = made <= cut
        }
        var placed: [PlacedRange] = []
        for extent in try extents(of: entry).parts(from: 0, to: .max) {
            if let made = try slice(extent.slice).unplaced {
                if made > cut {
                    status.dirty += UInt64(extent.length)
                } else {
                    status.uploading += UInt64(extent.length)
                }
            } else {
                placed.append(
                    PlacedRange(slice: extent.slice, start: extent.start, length: extent.length)
                )
            }
        }
        return (status, placed)
    }
}
