internal import Foundation
internal import Glibc
internal import Mount
internal import SystemIO

/// Answers what is asked over the control socket of one mount.
struct ControlService: Sendable {
    let open: any ServedVolume
    let mountpoint: String
    let isReadOnly: Bool
    let restarts: Int
    /// Ends the session; blocks until nothing is served any more.
    let end: @Sendable () -> Void
    /// How often the kernel asked for what.
    let requests: @Sendable () -> [String: UInt64]
    /// Frames are sent from here: a client that does not read must not hold a thread of Swift's.
    private let pool = BlockingPool(threads: 2, name: "control-send")

    init(
        open: any ServedVolume,
        mountpoint: String,
        isReadOnly: Bool,
        restarts: Int,
        end: @escaping @Sendable () -> Void,
        requests: @escaping @Sendable () -> [String: UInt64]
    ) {
        self.open = open
        self.requests = requests
        self.mountpoint = mountpoint
        self.isReadOnly = isReadOnly
        self.restarts = restarts
        self.end = end
    }

    /// Has one conversation; blocks its own thread until both sides are done.
    func converse(_ connection: ControlConnection) {
        // A client that sends no frame gets no answer.
        guard let frame = try? connection.receive() else { return }
        let request = ControlCoding.decode(frame, as: ControlRequest.self)
        if let request, request.version == ControlRequest.version, request.command == .unmounted,
            !isMounted
        {
            // Mostly the kernel has told the session already, and this finds it over. The
            // connection stays until the process ends: that is what the client waits for.
            end()
            return connection.waitForEnd()
        }
        let isDone = Monitor(false)
        let task = Task {
            await answer(request, connection)
            connection.shutDown()
            isDone.withLock { $0 = true }
            isDone.wakeAll()
        }
        // Until the client is gone, or has its answer.
        connection.waitForEnd()
        task.cancel()
        isDone.waitUntil { $0 ? () : nil }
    }

    /// Whether this volume is what is seen at the mountpoint.
    private var isMounted: Bool {
        guard let entry = MountTable.entry(at: mountpoint) else { return false }
        return entry.isOurs && entry.source == open.name
    }

    private func answer(_ request: ControlRequest?, _ connection: ControlConnection) async {
        guard let request, request.version == ControlRequest.version else {
            let message = "the mount speaks version \(ControlRequest.version), and not this"
            return await send(
                ControlAnswer<SyncReport>(
                    error: ControlError(code: CommandStatus.usage.rawValue, message: message)
                ),
                connection
            )
        }
        do throws(CommandFailure) {
            switch request.command {
            case .status:
                await send(ControlAnswer(result: await report()), connection)
            case .sync, .prepareUnmount:
                let scope = request.scope ?? (open.hasNetwork ? .network : .local)
                let report = try await open.sync(scope) { progress in
                    await send(ControlAnswer<SyncReport>(progress: progress), connection)
                }
                await send(ControlAnswer(result: report), connection)
            case .fsck:
                let report = try await open.check(isDeep: request.deep ?? false) { progress in
                    await send(ControlAnswer<CheckReport>(progress: progress), connection)
                }
                await send(ControlAnswer(result: report), connection)
            case .gc:
                let report = try await open.collect(immediately: request.now ?? false) { step in
                    await send(ControlAnswer<GarbageReport>(progress: step), connection)
                }
                await send(ControlAnswer(result: report), connection)
            case .unmounted:
                // Ended now, it would leave a mountpoint that nobody serves.
                throw CommandFailure(
                    .busy,
                    "'\(open.name)' is still mounted at \(mountpoint)",
                    advice: "unmount it with 'walrusfs umount'"
                )
            }
        } catch {
            let answer = ControlError(code: error.status.rawValue, message: error.description)
            await send(ControlAnswer<SyncReport>(error: answer), connection)
        }
    }

    /// What `status` tells.
    func report() async -> StatusReport {
        var report = await open.status(mountpoint: mountpoint, isReadOnly: isReadOnly)
        report.restarts = restarts
        report.requests = requests()
        return report
    }

    private func send(_ answer: some Encodable, _ connection: ControlConnection) async {
        let frame = ControlCoding.encode(answer)
        await pool.run {
            // A client that is gone does not want to know.
            try? connection.send(frame)
        }
    }
}
