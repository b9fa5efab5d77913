internal import SQLite
internal import VolumeFormat

extension CheckpointLoader {
    func row(_ table: RowTable, _ key: [UInt8]) throws(VolumeError) -> [UInt8]? {
        try work { (tables) throws(SQLiteError) in try tables.value(table, key) }
    }

    /// Ends a load without a checkpoint.
    func commitWithoutCheckpoint() throws(VolumeError) {
        try work { (tables) throws(SQLiteError) in try tables.commit() }
    }
}
