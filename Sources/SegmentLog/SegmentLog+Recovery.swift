package import SystemIO

extension SegmentLog {
    /// Opens a log, or begins one, after finding what of it survived.
    ///
    /// `visit` sees each surviving record from number `lsn` on, in order; older segments are taken
    /// to be good. What was never synced and did not survive whole is cut off. `knownDurable` is
    /// the highest number that the caller knows was synced, such as the one that its database
    /// covers: if any up to it does not verify, that is rot and not a torn end.
    ///
    /// - Throws: A ``SegmentLogError``, and nothing is changed if it is `corrupt`; or what `visit`
    ///   throws.
    package static func open(
        _ directory: String,
        _ options: SegmentLogOptions,
        disk: any FileSystem,
        entropy: any Entropy,
        recoveringFrom lsn: UInt64 = 1,
        knownDurable: UInt64 = 0,
        _ visit: (LogRecord) throws -> Void = { _ in }
    ) throws -> SegmentLog {
        precondition(
            options.segmentSize > SegmentFormat.segmentHeaderSize + SegmentFormat.recordHeaderSize
        )
        var recovery = SegmentRecovery(
            directory: directory,
            kind: options.kind,
            disk: disk,
            knownDurable: knownDurable
        )
        try recovery.findSegments()
        try recovery.scan(from: lsn, visit)
        return SegmentLog(
            directory: directory,
            options: options,
            disk: disk,
            entropy: entropy,
            appender: Appender(
                nextNumber: recovery.nextNumber,
                nextLSN: recovery.expected,
                sealed: recovery.sealed
            )
        )
    }
}
