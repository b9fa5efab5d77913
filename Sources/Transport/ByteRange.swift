/// The one range of a `Range` header (RFC 9110, section 14).
package enum ByteRange: Hashable, Sendable {
    /// `FIRST-LAST`, both included.
    case closed(first: UInt64, last: UInt64)
    /// `FIRST-`
    case from(UInt64)
    /// `-COUNT`
    case suffix(UInt64)

    /// Reads a header; nil for what a server is to ignore: another unit, several ranges, nonsense.
    package init?(header: String) {
        let parts = header.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].lowercased() == "bytes" else { return nil }
        let bounds = parts[1].split(separator: "-", omittingEmptySubsequences: false)
            .map { $0.drop { $0 == " " } }
        guard bounds.count == 2 else { return nil }
        switch (bounds[0].isEmpty, bounds[1].isEmpty) {
        case (false, false):
            guard let first = Self.number(bounds[0]), let last = Self.number(bounds[1]),
                first <= last
            else { return nil }
            self = .closed(first: first, last: last)
        case (false, true):
            guard let first = Self.number(bounds[0]) else { return nil }
            self = .from(first)
        case (true, false):
            guard let count = Self.number(bounds[1]) else { return nil }
            self = .suffix(count)
        case (true, true): return nil
        }
    }

    /// Digits only; a number too large for us stands for the largest.
    private static func number(_ text: Substring) -> UInt64? {
        guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        return UInt64(text) ?? .max
    }

    /// What is meant of a body of `count` bytes; nil when none of it is.
    package func resolved(in count: Int) -> Range<Int>? {
        precondition(count >= 0)
        let count = UInt64(count)
        switch self {
        case .closed(let first, let last):
            guard first < count else { return nil }
            return Int(first)..<Int(min(last, count - 1)) + 1
        case .from(let first):
            guard first < count else { return nil }
            return Int(first)..<Int(count)
        case .suffix(let length):
            guard length > 0, count > 0 else { return nil }
            return Int(count - min(length, count))..<Int(count)
        }
    }
}
