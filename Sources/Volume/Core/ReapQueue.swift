/// Inodes that wait for their removal, in the order in which they came: a set's own order is
/// another one in each process, and then no run of a test is like the next.
struct ReapQueue {
    private var members: Set<UInt64> = []
    /// With some that are no members any more.
    private var order: [UInt64] = []
    private var start = 0

    var count: Int { members.count }
    var isEmpty: Bool { members.isEmpty }

    func contains(_ number: UInt64) -> Bool { members.contains(number) }

    mutating func insert(_ number: UInt64) {
        if members.insert(number).inserted { order.append(number) }
    }

    mutating func remove(_ number: UInt64) { members.remove(number) }

    /// The first `count` of them.
    mutating func first(_ count: Int) -> [UInt64] {
        while start < order.count, !members.contains(order[start]) { start += 1 }
        if start > 1024, start * 2 > order.count {
            order.removeFirst(start)
            start = 0
        }
        var found: [UInt64] = []
        var seen: Set<UInt64> = []
        for number in order[start...] where members.contains(number) {
            // One that left and came again is there twice.
            if seen.insert(number).inserted { found.append(number) }
            if found.count == count { break }
        }
        return found
    }
}
