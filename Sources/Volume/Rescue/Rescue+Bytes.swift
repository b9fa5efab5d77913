internal import SystemIO

extension Rescue {
    func copyBytes(
        of inode: InodeAttributes,
        _ path: [UInt8],
        to place: Target.Place,
        _ work: inout Work
    ) async throws(RescueError) {
        let context = RequestContext(user: 0, group: 0, process: 0, umask: 0)
        let handle = try reading { () throws(VolumeError) in
            try source.open(inode.inode, flags: [.read, .noAccessTime], context: context)
        }
        defer { source.release(handle) }
        var offset: UInt64 = 0
        while offset < inode.size {
            let stretches = try reading { () throws(VolumeError) in
                try source.stretches(of: handle, from: offset, count: Self.step)
            }
            for range in stretches {
                if Task.isCancelled { throw .cancelled }
                try await copy(range, of: handle, path, to: place, &work)
            }
            offset += min(UInt64(Self.step), inode.size - offset)
        }
        try await target.finish(place, size: inode.size)
    }

    private func copy(
        _ range: Range<UInt64>,
        of handle: HandleNumber,
        _ path: [UInt8],
        to place: Target.Place,
        _ work: inout Work
    ) async throws(RescueError) {
        switch await read(handle, range) {
        case .success(let bytes):
            try await target.write(bytes, at: range.lowerBound, to: place)
            work.report.bytes += UInt64(bytes.count)
            await progress(work.report.bytes)
        case .failure(let error):
            lose(path, range, "\(error)", &work)
        }
    }

    private func read(
        _ handle: HandleNumber,
        _ range: Range<UInt64>
    ) async -> Result<[UInt8], VolumeError> {
        do throws(VolumeError) {
            var bytes = [UInt8](repeating: 0, count: range.count)
            let outcome = try unsafe bytes.withMutableBytes { (buffer) throws(VolumeError) in
                try unsafe source.read(handle, offset: range.lowerBound, into: buffer)
            }
            switch outcome {
            case .bytes: return .success(bytes)
            case .pending(let fetch): return .success(try await fetch())
            }
        } catch {
            return .failure(error)
        }
    }

    /// Notes bytes that can not be read, together with those before them.
    private func lose(
        _ path: [UInt8],
        _ range: Range<UInt64>,
        _ reason: String,
        _ work: inout Work
    ) {
        var loss = RescueReport.Loss(
            path: path,
            offset: range.lowerBound,
            length: UInt64(range.count),
            reason: reason
        )
        if let last = work.report.lost.last, last.path == path,
            last.offset + last.length == range.lowerBound
        {
            work.report.lost.removeLast()
            loss = RescueReport.Loss(
                path: path,
                offset: last.offset,
                length: last.length + loss.length,
                reason: last.reason
            )
        }
        work.report.lost.append(loss)
    }
}

extension Volume {
    /// The parts of an open file's range that are no holes.
    ///
    /// Each is in the log, or nothing of it is, so that what is here is read whatever else can not
    /// be.
    func stretches(
        of handle: HandleNumber,
        from offset: UInt64,
        count: Int
    ) throws(VolumeError) -> [Range<UInt64>] {
        let parts = try locked { (core) throws(VolumeError) in
            try core.planRead(handle, offset: offset, count: count).map { part in
                let isHere =
                    switch part.source {
                    case .hole: nil as Bool?
                    case .log: true
                    case .placed: false
                    }
                return (lower: offset + UInt64(part.position), count: part.length, isHere: isHere)
            }
        }
        var found: [Range<UInt64>] = []
        var last: Bool?
        for part in parts {
            defer { last = part.isHere }
            guard let isHere = part.isHere else { continue }
            let end = part.lower + UInt64(part.count)
            if isHere == last, let before = found.last, before.upperBound == part.lower {
                found[found.count - 1] = before.lowerBound..<end
            } else {
                found.append(part.lower..<end)
            }
        }
        return found
    }
}
