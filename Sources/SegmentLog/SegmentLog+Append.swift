internal import Codec
internal import Synchronization
internal import SystemIO

extension SegmentLog {
    /// Appends one record of the parts one after another, and says where it is.
    ///
    /// It survives the end of the process, but a power cut only after `sync`. After `isNoSpace`
    /// nothing was appended and the log goes on.
    package func append(
        kind: UInt8,
        parts: [UnsafeRawBufferPointer]
    ) throws(SegmentLogError) -> RecordLocation {
        var checksums = BlockChecksums(reserving: 0)
        for index in unsafe parts.indices { unsafe checksums.append(parts[index]) }
        checksums.finish()
        let length = checksums.length
        guard length <= SegmentFormat.payloadMax else { throw .tooLong(length: length) }
        return try appender.withLock { (state) throws(SegmentLogError) in
            if let failure = state.failure { throw .failed(failure) }
            let size = SegmentFormat.recordSize(length)
            let active = try activeSegment(&state, fitting: size)
            let header = RecordHeader(
                kind: kind,
                length: length,
                lsn: state.nextLSN,
                durable: durableLSN,
                salt: active.header.salt,
                checksums: checksums.checksums
            )
            let padding = size - SegmentFormat.prefixSize(length) - length
            do throws(SystemError) {
                try unsafe write(header, parts, padding: padding, to: active, at: state.position)
            } catch {
                // A full disk left garbage that the next record replaces. After anything else
                // what lies there is unknown.
                if error.isNoSpace { throw .system(error) }
                state.failure = error
                throw .failed(error)
            }
            let location = RecordLocation(
                segment: active.header.number,
                offset: state.position,
                length: length,
                lsn: state.nextLSN
            )
            state.position += size
            state.nextLSN += 1
            if state.unsynced.last !== active { state.unsynced.append(active) }
            return location
        }
    }

    /// Appends one record.
    package func append(
        kind: UInt8,
        _ payload: [UInt8]
    ) throws(SegmentLogError) -> RecordLocation {
        try unsafe payload.withBytes { (bytes) throws(SegmentLogError) in
            try unsafe append(kind: kind, parts: [bytes])
        }
    }

    private func write(
        _ header: RecordHeader,
        _ parts: [UnsafeRawBufferPointer],
        padding: Int,
        to segment: SegmentFile,
        at position: Int
    ) throws(SystemError) {
        // Most records are of some hundred bytes: those are copied together.
        let isShort = header.length <= SegmentFormat.blockSize
        var writer = ByteWriter(
            reserving: isShort
                ? SegmentFormat.recordSize(header.length)
                : padding + SegmentFormat.prefixSize(header.length)
        )
        if isShort {
            header.encode(to: &writer)
            for index in unsafe parts.indices { unsafe writer.write(raw: parts[index]) }
            for _ in 0..<padding { writer.write(UInt8(0)) }
            return try segment.file.write(writer.bytes, at: position)
        }
        // One buffer holds both ends: the padding first, so that it is where it is known to be.
        for _ in 0..<padding { writer.write(UInt8(0)) }
        header.encode(to: &writer)
        try unsafe writer.bytes.withBytes { (ends) throws(SystemError) in
            let front = unsafe UnsafeRawBufferPointer(rebasing: ends[padding...])
            let back = unsafe UnsafeRawBufferPointer(rebasing: ends[..<padding])
            try unsafe segment.file.write(gathering: [front] + parts + [back], at: position)
        }
    }

    /// The segment that the next record of `size` bytes goes to, made if need be.
    @discardableResult
    func activeSegment(
        _ state: inout Appender,
        fitting size: Int
    ) throws(SegmentLogError) -> SegmentFile {
        if let active = state.active, state.position + size <= state.capacity { return active }
        let capacity = max(options.segmentSize, SegmentFormat.segmentHeaderSize + size)
        let next: SegmentFile
        do throws(SystemError) {
            next = try makeSegment(&state, capacity: capacity)
        } catch {
            throw .system(error)
        }
        seal(&state)
        state.nextNumber += 1
        state.active = next
        state.position = SegmentFormat.segmentHeaderSize
        state.capacity = capacity
        state.syncedPosition = state.position
        state.writtenPosition = state.position
        files.insert(next)
        return next
    }

    /// Makes the active segment an old one, and gives back the room that it did not use.
    private func seal(_ state: inout Appender) {
        guard let active = state.active else { return }
        // Only room would be lost, until the next opening cuts it.
        _ = try? active.file.truncate(to: state.position)
        state.sealed.append(
            SegmentInfo(
                number: active.header.number,
                first: active.header.first,
                size: state.position,
                isActive: false
            )
        )
        state.active = nil
    }

    /// Makes a segment's file, durable with its header and name: from the spare where there is one.
    private func makeSegment(
        _ state: inout Appender,
        capacity: Int
    ) throws(SystemError) -> SegmentFile {
        let path = path(state.nextNumber)
        let header = SegmentHeader(
            kind: options.kind,
            number: state.nextNumber,
            first: state.nextLSN,
            durable: durableLSN,
            id: entropy.bytes(count: 16)
        )
        let usesSpare = state.hasSpare
        let file = try disk.open(usesSpare ? sparePath : path, usesSpare ? .readWrite : .createNew)
        var isNamed = !usesSpare
        do throws(SystemError) {
            try file.allocate(upTo: capacity)
            try file.write(header.encoded(), at: 0)
            try file.synchronizeData()
            if usesSpare {
                try disk.rename(sparePath, to: path)
                (isNamed, state.hasSpare) = (true, false)
            }
            try disk.synchronizeDirectory(directory)
        } catch {
            // Nothing refers to it. If this fails too, the next opening removes it; until then its
            // name would be in the way of the next try.
            file.close()
            if isNamed { _ = try? disk.removeFile(path) }
            throw error
        }
        return SegmentFile(header: header, file: file)
    }

    /// Removes a segment of which the caller needs nothing; one that is gone is as good.
    ///
    /// The newest is replaced by a fresh one first, so that its number stays used up. Readers of
    /// the segment finish undisturbed. All records up to its end are synced before: its name may
    /// come back after a power cut, and then it is whole; and where it stays away, recovery knows
    /// that nothing before the gap was lost.
    package func removeSegment(_ number: UInt64) throws(SegmentLogError) {
        let end = try appender.withLock { (state) throws(SegmentLogError) -> UInt64? in
            let newest = state.active?.header.number ?? state.sealed.last?.number
            if number == newest {
                if let failure = state.failure { throw .failed(failure) }
                // Nothing fits any more, so it makes a new one.
                state.capacity = 0
                _ = try activeSegment(&state, fitting: 0)
            }
            guard let index = state.sealed.firstIndex(where: { $0.number == number }) else {
                return nil
            }
            let next = state.sealed.dropFirst(index + 1).first?.first
            return (next ?? state.active?.header.first ?? state.nextLSN) - 1
        }
        guard let end else { return }
        try sync(upTo: end)
        try appender.withLock { (state) throws(SegmentLogError) in
            do throws(SystemError) {
                try disk.removeFile(path(number))
            } catch {
                if !error.isNotFound { throw .system(error) }
            }
            state.sealed.removeAll { $0.number == number }
            files.remove(number)
        }
    }
}
