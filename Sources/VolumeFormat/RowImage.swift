/// The after-image of one record of one table, or its tombstone.
///
/// The same bytes go into the local log, into deltas and into bases, so that all three are read by
/// one piece of code. Order is by table, then by key bytes; keys are written so that their byte
/// order is the order in which records are wanted (`Docs/Formats/rows.md`).
package struct RowImage: Hashable, Sendable {
    package let table: UInt8
    package let key: [UInt8]
    /// nil: the record is gone.
    package let value: [UInt8]?

    package init(table: UInt8, key: [UInt8], value: [UInt8]?) {
        self.table = table
        self.key = key
        self.value = value
    }
}
