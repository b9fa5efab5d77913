package import Codec

/// Where in a mount's local log a checkpoint was cut, as a row of `volume` and so part of the
/// checkpoint: what rebuilds a lost database goes on from there (`Docs/Formats/rows.md`).
///
/// A log that continues a checkpoint has a record with the checkpoint's mark in it.
package struct LogMark: Hashable, Sendable, BCSCodable {
    /// The lease token under which the cut was made: with `lsn` it is like no other mark.
    package let token: UInt32
    /// The record that has the mark.
    package let lsn: UInt64

    package init(token: UInt32, lsn: UInt64) {
        self.token = token
        self.lsn = lsn
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(token)
        writer.write(lsn)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        token = try reader.readUInt32()
        lsn = try reader.readUInt64()
    }
}
