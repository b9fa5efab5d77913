// A network in one directory (`Docs/Formats/embedded-network.md`), for as many processes as use it.
//
//     open ─► lock free? ─► host: ledger and nodes here, served on sockets
//                  └─ no ─► guest: ledger and nodes over the sockets ─► host leaves ─► lock free?

internal import BlobClient
package import BlobModel
internal import Ledger
internal import Logging
internal import Synchronization
internal import SystemIO
package import Telemetry
internal import Transport

/// An embedded network, as one process has it.
package final class EmbeddedNetwork: Sendable {
    package let directory: EmbeddedDirectory
    package let ledger: SwitchingLedger
    private let nodes: [NodeID: SwitchingNode]
    private let environment: EmbeddedEnvironment
    /// Guards the host, if this process is it.
    private let host: Mutex<EmbeddedHost?>

    /// How often a guest looks whether the host has left.
    private static let racePause = Duration.milliseconds(100)
    /// How long a host may take to serve its sockets after it has the lock.
    private static let hostPatience = 300

    private init(
        directory: EmbeddedDirectory,
        host: EmbeddedHost?,
        environment: EmbeddedEnvironment
    ) {
        self.directory = directory
        self.environment = environment
        self.host = Mutex(host)
        ledger = SwitchingLedger(host?.ledger ?? Self.guestLedger(directory))
        var nodes: [NodeID: SwitchingNode] = [:]
        for index in 0..<directory.nodeCount {
            let target = Self.node(index, directory, host)
            nodes[directory.nodeID(index)] = SwitchingNode(target)
        }
        self.nodes = nodes
    }

    /// Opens the network in a directory: as its host, when no other process is.
    ///
    /// ``run()`` must run from then on for others to be served, and for the race when the host
    /// leaves.
    package static func open(
        _ path: String,
        _ environment: EmbeddedEnvironment
    ) async throws(EmbeddedNetworkError) -> EmbeddedNetwork {
        let directory = try EmbeddedDirectory.open(path, files: environment.files)
        for attempt in 0... {
            if let host = try await becomeHost(directory, environment) {
                return EmbeddedNetwork(
                    directory: directory,
                    host: host,
                    environment: environment
                )
            }
            let network = EmbeddedNetwork(
                directory: directory,
                host: nil,
                environment: environment
            )
            // A host that starts or leaves is silent for a moment.
            if (try? await network.ledger.info()) != nil { return network }
            guard attempt < hostPatience else { break }
            do {
                try await environment.time.sleep(for: racePause)
            } catch {
                break
            }
        }
        throw .hostSilent(path)
    }

    package var isHost: Bool { host.withLock { $0 != nil } }

    /// The node directories that are down, when this process is the host.
    package var nodesDown: [String] {
        guard let nodes = host.withLock({ $0 })?.nodes else { return [] }
        return nodes.indices.filter { nodes[$0] == nil }.map(directory.nodePath)
    }

    /// What ledger and nodes tell of themselves, when this process is the host.
    package func metrics() async -> [MetricFamily] {
        await host.withLock({ $0 })?.metrics() ?? []
    }

    /// The connection to a member of the committee.
    package func connect(_ member: CommitteeMember) -> any StorageNodeConnection {
        nodes[member.node] ?? UnreachableNode(reason: "\(member.node) is not in \(directory.path)")
    }

    /// Serves as the host, or waits to become it, until the task is cancelled.
    package func run() async {
        while !Task.isCancelled {
            if let host = host.withLock({ $0 }) {
                await host.run { index, node in
                    self.nodes[self.directory.nodeID(index)]?.switchTo(node)
                }
                continue
            }
            do {
                try await environment.time.sleep(for: Self.racePause)
                guard let host = try await Self.becomeHost(directory, environment) else {
                    continue
                }
                environment.logger.notice("This process hosts the network now.")
                self.host.withLock { $0 = host }
                ledger.switchTo(host.ledger)
                for index in 0..<directory.nodeCount {
                    nodes[directory.nodeID(index)]?.switchTo(Self.node(index, directory, host))
                }
            } catch is CancellationError {
                return
            } catch {
                environment.logger.warning("The network can not be hosted: \(error)")
                // The sleep at the top of the loop spaces the attempts.
            }
        }
    }

    /// Leaves the network; after ``run()`` has ended.
    package func close() async {
        let host = host.withLock { host in
            defer { host = nil }
            return host
        }
        await host?.close()
    }

    private static func becomeHost(
        _ directory: EmbeddedDirectory,
        _ environment: EmbeddedEnvironment
    ) async throws(EmbeddedNetworkError) -> EmbeddedHost? {
        let lock: (any FileLock)?
        do throws(SystemError) {
            lock = try environment.files.lock(directory.lockPath)
        } catch {
            throw .disk(error)
        }
        guard let lock else { return nil }
        return try await EmbeddedHost.start(directory, lock: lock, environment)
    }

    private static func guestLedger(_ directory: EmbeddedDirectory) -> any LedgerConnection {
        HTTPLedger(
            genesis: directory.genesis,
            endpoints: [.unix(path: directory.socketsPath + "/ledger")]
        )
    }

    private static func node(
        _ index: Int,
        _ directory: EmbeddedDirectory,
        _ host: EmbeddedHost?
    ) -> any StorageNodeConnection {
        if let host {
            return host.nodes[index]
                ?? UnreachableNode(reason: "\(directory.nodePath(index)) is missing")
        }
        guard let parameters = try? EncodingParameters(shardCount: directory.genesis.shardCount)
        else {
            // A genesis that was read has a committee that can be encoded for.
            return UnreachableNode(reason: "\(directory.genesis.shardCount) shards")
        }
        return HTTPStorageNode(
            endpoint: .unix(path: "\(directory.socketsPath)/\(index)"),
            key: directory.genesis.nodes[index].networkKey,
            parameters: parameters
        )
    }
}
