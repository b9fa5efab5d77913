internal import VolumeFormat

extension VolumeCore {
    /// Slices whose rows one operation removes.
    private static let removedMax = 2048

    /// Removes the rows of slices that nothing refers to, and that no upload waits for.
    func removeSlices(_ numbers: [UInt64]) throws(VolumeError) {
        let isClean = dirtySince == nil
        for start in stride(from: 0, to: numbers.count, by: Self.removedMax) {
            let part = numbers[start..<min(start + Self.removedMax, numbers.count)]
            try beginChange(bytes: 64 * part.count, frees: true)
            var dead: [SliceEntry] = []
            for number in part {
                let entry = try slice(number)
                let row = entry.row
                if row.refs == 0, row.died > 0, entry.unplaced == nil { dead.append(entry) }
            }
            for entry in dead {
                touch(entry)
                drop(entry)
            }
            try finish()
        }
        if isClean { dirtySince = nil }
        try syncLog(through: appliedLSN)
    }
}
