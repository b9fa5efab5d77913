// Makes a view anew that is lost or damaged: the rows of the newest checkpoint, and on top of them
// the records of the log from its mark on (`Docs/Decisions/0155-the-view-is-made-anew.md`). It is
// made beside the old one and takes its place when it is whole; until then nothing is changed.

internal import BlobModel
package import SQLite
package import SystemIO
internal import VolumeFormat

/// Makes `volume.db` of a state directory anew.
package struct ViewRebuild: Sendable {
    private let state: StateDirectory
    /// What is published; nil for a volume without a network.
    private let reader: HeadReader?
    private let disk: any FileSystem
    private let entropy: any Entropy
    private let time: any TimeSource
    private let pool: BlockingPool
    private let databaseFiles: FileSystemVFS?
    private let segmentSize: Int

    package init(
        _ state: StateDirectory,
        reader: HeadReader?,
        disk: any FileSystem,
        entropy: any Entropy,
        time: any TimeSource,
        pool: BlockingPool,
        databaseFiles: FileSystemVFS? = nil,
        segmentSize: Int = 64 << 20
    ) {
        self.state = state
        self.reader = reader
        self.disk = disk
        self.entropy = entropy
        self.time = time
        self.pool = pool
        self.databaseFiles = databaseFiles
        self.segmentSize = segmentSize
    }

    private var files: ViewFiles { ViewFiles(disk: disk, path: state.databasePath) }

    /// Makes the view anew, or changes nothing.
    package func run(_ loss: RebuildLoss = .reported) async throws(RebuildError) -> RebuildReport {
        let head: (head: Head, manifest: Manifest)?
        do throws(CheckpointError) {
            head = try await reader?.head()
        } catch {
            throw .checkpoint(error)
        }
        let outcome: Result<RebuildReport, RebuildError>
        do throws(RebuildError) {
            outcome = .success(try await make(over: head, loss))
        } catch {
            outcome = .failure(error)
        }
        if case .failure = outcome {
            // What is left of it does no harm, and is removed by the next attempt.
            try? await pool.run { () throws(SystemError) in try files.removeNew() }
        }
        return try outcome.get()
    }

    private func make(
        over head: (head: Head, manifest: Manifest)?,
        _ loss: RebuildLoss
    ) async throws(RebuildError) -> RebuildReport {
        var report = RebuildReport()
        let mark: LogMark?
        do throws(CheckpointError) {
            try await pool.run { () throws(CheckpointError) in
                try system { () throws(SystemError) in try files.removeNew() }
            }
            if let head {
                (report.rowCount, mark) = try await load(head)
                report.sequence = head.head.sequence
            } else {
                mark = nil
            }
        } catch {
            throw .checkpoint(error)
        }
        let (loaded, published) = (report, head?.head)
        return try await pool.run { () throws(RebuildError) in
            var report = loaded
            try replay(mark, published, loss == .accepted, &report)
            guard loss != .whole || report.check.isClean else {
                let first = report.check.problems.first.map { ": \($0.place): \($0.detail)" }
                throw .incomplete("a check of the new database finds errors\(first ?? "")")
            }
            do throws(SystemError) {
                try files.replace()
            } catch {
                throw .checkpoint(.system(error))
            }
            return report
        }
    }

    /// Fills a new database with the head's rows.
    private func load(
        _ head: (head: Head, manifest: Manifest)
    ) async throws(CheckpointError) -> (rows: UInt64, LogMark?) {
        guard let reader else { preconditionFailure("a head comes from a network") }
        let published = PublishedHead(manifestBlob: head.head.manifest, manifest: head.manifest)
        let (path, databaseFiles) = (files.newPath, databaseFiles)
        let view = try await pool.run { () throws(CheckpointError) in
            try volume { () throws(VolumeError) in try NewView(path, files: databaseFiles) }
        }
        defer { view.close() }
        let rows = try await reader.forEachLeaf(of: head.manifest) {
            (rows) throws(CheckpointError) in
            try volume { () throws(VolumeError) in try view.load(rows) }
        }
        let mark = try await pool.run { () throws(CheckpointError) in
            try volume { () throws(VolumeError) in
                try view.finish(published)
                return try view.mark()
            }
        }
        return (rows, mark)
    }

    // The log.

    private func replay(
        _ mark: LogMark?,
        _ head: Head?,
        _ acceptsLoss: Bool,
        _ report: inout RebuildReport
    ) throws(RebuildError) {
        let start: ReplayPlan.Start
        if let mark {
            start = .mark(mark)
        } else if head == nil {
            start = .beginning(isUnpublished: reader != nil)
        } else {
            start = .behind(0)
        }
        if mark == nil, head != nil, !acceptsLoss {
            throw .incomplete("checkpoint \(report.sequence) does not say where in the log it was")
        }
        var plan = ReplayPlan(start, acceptsGaps: acceptsLoss)
        do throws(VolumeError) {
            try replay(plan, &report)
        } catch {
            guard let mark, !plan.isFound, Self.isAboutTheLog(error) else {
                throw Self.isAboutTheLog(error) ? incomplete(error, plan) : .volume(error)
            }
            // The record with the mark is in the log's range and says otherwise, or it is gone;
            // then what follows it was written under its token or a later one.
            let isOlder = plan.seen.map { seen in
                seen.contains(mark.lsn) || plan.newestToken < mark.token
            }
            if isOlder ?? false, let head { throw .stranded(head) }
            let first = plan.seen?.lowerBound ?? 0
            guard acceptsLoss, plan.seen == nil || first > mark.lsn else {
                throw .incomplete(
                    "the log has no record \(mark.lsn), where checkpoint \(report.sequence) was "
                        + "made" + (first > 0 ? "; it begins at record \(first)" : "; it is empty")
                )
            }
            plan = ReplayPlan(.behind(mark.lsn), acceptsGaps: true)
            do throws(VolumeError) { try replay(plan, &report) } catch { throw .volume(error) }
        }
        report.missing = plan.missing
    }

    private static func isAboutTheLog(_ error: VolumeError) -> Bool {
        if case .corrupt = error { true } else { false }
    }

    private func incomplete(_ error: VolumeError, _ plan: ReplayPlan) -> RebuildError {
        guard case .corrupt(let what) = error else { return .volume(error) }
        return .incomplete(what)
    }

    /// Opens the new view over the log, which brings it up to date, and checks it.
    private func replay(
        _ plan: ReplayPlan,
        _ report: inout RebuildReport
    ) throws(VolumeError) {
        var configuration = VolumeConfiguration()
        // Nothing is changed but by the log.
        configuration.token = nil
        let volume = try Volume.open(
            databasePath: files.newPath,
            databaseFiles: databaseFiles,
            log: SegmentOperationLog(
                state.logPath,
                disk: disk,
                entropy: entropy,
                segmentSize: segmentSize
            ),
            time: time,
            configuration: configuration,
            plan: plan
        )
        // An empty log contradicts nothing, and has nothing.
        guard plan.isFound || plan.mayBeEmpty else { throw ReplayPlan.logIsNotEnough }
        try volume.synchronize()
        report.lastLSN = volume.log.lastLSN
        report.check = try volume.check()
    }
}
