package import Codec

/// A number that counts things of one kind among the shards of a committee.
///
/// Conforming types differ in what they count: mixing up a shard with a sliver pair puts data on
/// the wrong node, and a primary with a secondary index reads the wrong hash.
package protocol CommitteeIndex: Hashable, Comparable, Sendable, BCSCodable,
    CustomStringConvertible
{
    var rawValue: UInt16 { get }
    init(_ rawValue: UInt16)
}

extension CommitteeIndex {
    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

    package func encode(to writer: inout ByteWriter) { writer.write(rawValue) }

    package init(from reader: inout ByteReader) throws(CodecError) {
        self.init(try reader.readUInt16())
    }

    package var description: String { String(rawValue) }

    /// The number, for arithmetic.
    package var value: Int { Int(rawValue) }
}

/// The number of a shard: the unit of duty that the ledger assigns to a node.
package struct ShardIndex: CommitteeIndex {
    package let rawValue: UInt16
    package init(_ rawValue: UInt16) { self.rawValue = rawValue }
}

/// The number of a sliver pair of one blob: primary sliver `p` and secondary sliver `n - 1 - p`.
package struct SliverPairIndex: CommitteeIndex {
    package let rawValue: UInt16
    package init(_ rawValue: UInt16) { self.rawValue = rawValue }
}

/// The number of a sliver along its own axis: a row for primary, a column for secondary slivers.
package struct SliverIndex: CommitteeIndex {
    package let rawValue: UInt16
    package init(_ rawValue: UInt16) { self.rawValue = rawValue }
}

/// Which way a sliver runs through the matrix of symbols.
package enum SliverAxis: UInt8, Hashable, Sendable, CaseIterable, BCSCodable {
    /// A row: its systematic slivers are consecutive slices of the blob.
    case primary = 0
    /// A column.
    case secondary = 1

    package var orthogonal: SliverAxis { self == .primary ? .secondary : .primary }

    /// The word in paths and JSON.
    package var name: String { self == .primary ? "primary" : "secondary" }

    package init?(name: String) {
        switch name {
        case "primary": self = .primary
        case "secondary": self = .secondary
        default: return nil
        }
    }

    package func encode(to writer: inout ByteWriter) { writer.write(rawValue) }

    package init(from reader: inout ByteReader) throws(CodecError) {
        let tag = try reader.readULEB()
        guard let axis = UInt8(exactly: tag).flatMap(SliverAxis.init(rawValue:)) else {
            throw .unknownTag(tag, of: "sliver axis")
        }
        self = axis
    }
}

/// One symbol of the matrix, by its row (primary sliver) and column (secondary sliver).
package struct SymbolID: Hashable, Sendable, BCSCodable, CustomStringConvertible {
    package let primary: SliverIndex
    package let secondary: SliverIndex

    package init(primary: SliverIndex, secondary: SliverIndex) {
        self.primary = primary
        self.secondary = secondary
    }

    /// Reads `"<primary>-<secondary>"`.
    package init(text: String) throws(CodecError) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let primary = UInt16(parts[0]), let secondary = UInt16(parts[1])
        else { throw .invalidText(of: "symbol id") }
        self.init(primary: SliverIndex(primary), secondary: SliverIndex(secondary))
    }

    package var description: String { "\(primary)-\(secondary)" }

    package func encode(to writer: inout ByteWriter) {
        writer.write(primary)
        writer.write(secondary)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        primary = try SliverIndex(from: &reader)
        secondary = try SliverIndex(from: &reader)
    }
}
