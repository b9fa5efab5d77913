internal import ArgumentParser
internal import BlobClient
internal import BlobModel
internal import LocalNetwork
internal import Logging
internal import Synchronization
internal import SystemIO
internal import Telemetry
internal import Transport

/// A network that a command speaks to, for as long as the command runs.
struct CommandNetwork: Sendable {
    let access: NetworkAccess
    let environment: ClientEnvironment

    /// Connects for as long as `body` runs; detached uploads finish before this returns.
    static func with(
        _ text: String,
        isNewTrusted: Bool,
        _ body: (CommandNetwork) async throws -> Void
    ) async throws {
        let url: NetworkURL
        do {
            url = try NetworkURL(text: text)
        } catch {
            throw ServiceFailure("\(text) is no network URL: \(error)")
        }
        let tail = DetachedWork()
        let environment = ClientEnvironment(
            time: LinuxTimeSource(),
            entropy: LinuxEntropy(),
            compute: BlockingPool(threads: max(2, Processor.count), name: "compute"),
            spawn: { tail.start($0) }
        )
        let access = try await open(url, isNewTrusted: isNewTrusted, environment)
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await access.run() }
                try await body(CommandNetwork(access: access, environment: environment))
                await tail.finish()
                group.cancelAll()
            }
        } catch {
            await access.close()
            throw error
        }
        await access.close()
    }

    /// How long a ledger may take to start again.
    private static let ledgerPatience = Duration.seconds(10)

    private static func open(
        _ url: NetworkURL,
        isNewTrusted: Bool,
        _ environment: ClientEnvironment
    ) async throws -> NetworkAccess {
        let logger = LogSettings.standard(level: .error, Environment.value).logger("walrus") {
            LinuxTimeSource().nowMilliseconds
        }
        let variable = EmbeddedEnvironment.releaseGraceVariable
        guard let grace = EmbeddedEnvironment.releaseGrace(Environment.value(variable)) else {
            throw ValidationError("\(variable) is no number of seconds.")
        }
        let embedded = EmbeddedEnvironment(logger: logger, releaseGrace: grace)
        do {
            return try await NetworkAccess.open(
                url,
                embedded,
                client: environment,
                patience: ledgerPatience
            )
        } catch NetworkAccessError.fingerprintNeeded(let network) where isNewTrusted {
            guard case .remote(let endpoints, _) = url else {
                preconditionFailure("Only a remote network has a fingerprint to ask for.")
            }
            return try await NetworkAccess.open(
                .remote(endpoints, genesis: network),
                embedded,
                client: environment,
                patience: ledgerPatience
            )
        } catch {
            throw ServiceFailure("\(error)")
        }
    }

    /// How long a node may take to say how it is: a silent one must not hold up the others.
    private static let surveyTimeout = Duration.seconds(10)

    /// A connection to a member of the committee, to ask it how it is.
    func connect(_ member: CommitteeMember) -> any StorageNodeConnection {
        var limits = ClientLimits()
        limits.requestTimeout = Self.surveyTimeout
        return access.embedded?.connect(member)
            ?? HTTPStorageNode.connect(to: member, access.client.parameters, limits: limits)
    }
}

/// Work that outlives the call that started it, and not the command.
final class DetachedWork: Sendable {
    // Guards the tasks, which many calls add to.
    private let tasks = Mutex<[Task<Void, Never>]>([])

    func start(_ body: @escaping @Sendable () async -> Void) {
        let task = Task { await body() }
        tasks.withLock { $0.append(task) }
    }

    /// Waits for all of it.
    func finish() async {
        while true {
            let batch = tasks.withLock { tasks in
                defer { tasks = [] }
                return tasks
            }
            guard !batch.isEmpty else { return }
            for task in batch { await task.value }
        }
    }
}
