internal import VolumeFormat

/// A run of a file's bytes and where they are.
struct Extent: Hashable {
    /// In the file.
    var offset: UInt64
    var length: UInt32
    var slice: UInt64
    /// In the slice.
    var start: UInt32

    var end: UInt64 { offset + UInt64(length) }

    var row: ExtentRow { ExtentRow(length: length, slice: slice, start: start) }

    /// The part from `lower` up to `upper`.
    ///
    /// - Precondition: Both lie in the extent, `lower` first.
    func part(from lower: UInt64, to upper: UInt64) -> Extent {
        precondition(offset <= lower && lower < upper && upper <= end)
        return Extent(
            offset: lower,
            length: UInt32(upper - lower),
            slice: slice,
            start: start + UInt32(lower - offset)
        )
    }
}

/// What a change of an ``ExtentMap`` did: rows are written, and slices counted, from it.
struct ExtentChange {
    var removed: [Extent] = []
    var added: [Extent] = []
}

/// The extents of one file: sorted, without overlap, in pages so that no insertion moves many.
struct ExtentMap {
    private static let pageMax = 512

    /// No page is empty.
    private var pages: [[Extent]] = []
    private(set) var count = 0

    init() {}

    /// - Precondition: `extents` ascend and do not overlap.
    init(sorted extents: [Extent]) {
        count = extents.count
        var index = 0
        while index < extents.count {
            let end = min(index + Self.pageMax / 2, extents.count)
            pages.append(Array(extents[index..<end]))
            index = end
        }
    }

    private struct Position {
        var page: Int
        var index: Int
    }

    /// The first extent that ends after `offset`, or the end.
    private func position(endingAfter offset: UInt64) -> Position {
        var low = 0
        var high = pages.count
        while low < high {
            let middle = (low + high) / 2
            if let last = pages[middle].last, last.end > offset {
                high = middle
            } else {
                low = middle + 1
            }
        }
        guard low < pages.count else { return Position(page: low, index: 0) }
        let page = low
        low = 0
        high = pages[page].count
        while low < high {
            let middle = (low + high) / 2
            if pages[page][middle].end > offset { high = middle } else { low = middle + 1 }
        }
        return Position(page: page, index: low)
    }

    /// Calls `body` for the extents that overlap the range, in order, until it returns false.
    func forEach(from lower: UInt64, to upper: UInt64, _ body: (Extent) -> Bool) {
        var at = position(endingAfter: lower)
        while at.page < pages.count {
            while at.index < pages[at.page].count {
                let extent = pages[at.page][at.index]
                guard extent.offset < upper, body(extent) else { return }
                at.index += 1
            }
            at = Position(page: at.page + 1, index: 0)
        }
    }

    /// The extents that overlap the range, cut to it.
    func parts(from lower: UInt64, to upper: UInt64) -> [Extent] {
        var result: [Extent] = []
        forEach(from: lower, to: upper) { extent in
            let part = extent.part(from: max(lower, extent.offset), to: min(upper, extent.end))
            result.append(part)
            return true
        }
        return result
    }

    /// The first extent that ends after `offset`.
    func first(endingAfter offset: UInt64) -> Extent? {
        let at = position(endingAfter: offset)
        return at.page < pages.count ? pages[at.page][at.index] : nil
    }

    /// The first extents, at most `limit` of them.
    func prefix(_ limit: Int) -> [Extent] {
        var result: [Extent] = []
        forEach(from: 0, to: .max) { extent in
            result.append(extent)
            return result.count < limit
        }
        return result
    }

    /// Puts `new` in the place of whatever the range `lower ..< upper` had; nil leaves a hole.
    ///
    /// Extents at the borders are cut. One that ends where `new` begins, in the file and in its
    /// slice, grows instead: a file written in order has one extent a slice.
    ///
    /// - Precondition: `new`, if there is one, is exactly the range.
    mutating func replace(
        from lower: UInt64,
        to upper: UInt64,
        with new: Extent?
    ) -> ExtentChange {
        precondition(lower < upper)
        var change = ExtentChange()
        var new = new
        var at = position(endingAfter: lower)
        if let extent = new {
            precondition(extent.offset == lower && extent.end == upper)
            let before = previous(of: at)
            if let before, let grown = pages[before.page][before.index].grown(by: extent) {
                new = grown
                at = before
                change.removed.append(pages[at.page][at.index])
                removeRange(at, count: 1)
                if at.page < pages.count, at.index == pages[at.page].count {
                    at = Position(page: at.page + 1, index: 0)
                }
            }
        }
        let merged = change.removed.count
        takeOverlapping(&at, upper: upper, into: &change.removed)
        var added: [Extent] = []
        if change.removed.count > merged, change.removed[merged].offset < lower {
            let left = change.removed[merged]
            added.append(left.part(from: left.offset, to: lower))
        }
        if let new { added.append(new) }
        if let right = change.removed.last, change.removed.count > merged, right.end > upper {
            added.append(right.part(from: upper, to: right.end))
        }
        insert(added, at: at)
        change.added = added
        return change
    }

    private func previous(of at: Position) -> Position? {
        if at.index > 0 { return Position(page: at.page, index: at.index - 1) }
        guard at.page > 0 else { return nil }
        return Position(page: at.page - 1, index: pages[at.page - 1].count - 1)
    }

    /// Removes extents of one page; the page too if it becomes empty.
    private mutating func removeRange(_ at: Position, count removed: Int) {
        pages[at.page].removeSubrange(at.index..<at.index + removed)
        count -= removed
        if pages[at.page].isEmpty { pages.remove(at: at.page) }
    }

    private mutating func takeOverlapping(
        _ at: inout Position,
        upper: UInt64,
        into removed: inout [Extent]
    ) {
        while at.page < pages.count {
            let page = pages[at.page]
            var end = at.index
            while end < page.count, page[end].offset < upper { end += 1 }
            let reachesEnd = end == page.count
            if end > at.index {
                removed.append(contentsOf: page[at.index..<end])
                let whole = at.index == 0 && reachesEnd
                removeRange(at, count: end - at.index)
                if whole { continue }
            }
            guard reachesEnd else { return }
            at = Position(page: at.page + 1, index: 0)
        }
    }

    private mutating func insert(_ extents: [Extent], at position: Position) {
        guard !extents.isEmpty else { return }
        var at = position
        if at.index == 0, at.page > 0 {
            // Append to the page before rather than growing the next from its front.
            at = Position(page: at.page - 1, index: pages[at.page - 1].count)
        } else if pages.isEmpty {
            pages.append([])
        }
        pages[at.page].insert(contentsOf: extents, at: at.index)
        count += extents.count
        if pages[at.page].count > Self.pageMax {
            // Appending in order leaves full pages behind; anything else leaves halves.
            let isAppending = at.index + extents.count == pages[at.page].count
            let keep = isAppending ? at.index : pages[at.page].count / 2
            let tail = Array(pages[at.page][keep...])
            pages[at.page].removeSubrange(keep...)
            pages.insert(tail, at: at.page + 1)
        }
    }

    /// Traps unless the extents ascend, do not overlap and are counted.
    func checkInvariants() {
        var end: UInt64 = 0
        var seen = 0
        for page in pages {
            precondition(!page.isEmpty)
            for extent in page {
                precondition(extent.length > 0)
                precondition(extent.offset >= end)
                end = extent.end
                seen += 1
            }
        }
        precondition(seen == count)
    }
}

extension Extent {
    /// Both as one, where `next` follows this in the file and in the slice.
    fileprivate func grown(by next: Extent) -> Extent? {
        guard
            end == next.offset, slice == next.slice,
            UInt64(start) + UInt64(length) == UInt64(next.start),
            UInt64(length) + UInt64(next.length) <= SliceRow.lengthMax
        else { return nil }
        var result = self
        result.length += next.length
        return result
    }
}
