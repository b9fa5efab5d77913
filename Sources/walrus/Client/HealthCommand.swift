internal import ArgumentParser
internal import BlobClient
internal import BlobModel
internal import Ledger
internal import LocalNetwork
internal import SystemIO
internal import Transport

/// `walrus health`.
struct HealthCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health",
        abstract: "Say how a network's nodes are, and whether it can be read and written.",
        discussion: """
              walrus health --network URL
              walrus health --network embedded:DIR --json
              walrus health --genesis genesis.bcs --network URL   # also while the ledger is away
              walrus health --node node-03 --node 0x41… --node host:9185

            BEHIND counts blocks of the ledger, MISSING the blobs of which the node lacks something
            that it should have, DAMAGED what reading over its disk has found rotten since it
            started. SHARDS are those that are ready, then, if any, +N in transfer, ~N in recovery
            and rN that it has given up and still serves.

            Exit codes: 0 all is well; 1 something is to be looked at, or the network could not be
            asked; 2 nothing can be stored, or not everything can be read; 64 used wrongly.
            """
    )

    @OptionGroup var options: NetworkOptions

    @Flag(help: "Ask every member of the committee, as without --node.")
    var committee = false

    @Option(
        name: .customLong("node"),
        help: "Ask only this one: a name, an id, or HOST:PORT; may be repeated."
    )
    var nodes: [String] = []

    @Option(help: "How long a node may take: 500ms, 10s, 2m.")
    var timeout = Patience(duration: .seconds(5))

    @Option(
        help: """
            The network's genesis: then its nodes are asked also when the ledger does not answer. \
            [WALRUS_GENESIS]
            """,
        completion: .file()
    )
    var genesis: String = Environment.value("WALRUS_GENESIS") ?? ""

    func validate() throws {
        guard nodes.isEmpty || !committee else {
            throw ValidationError("Name nodes with --node, or ask all with --committee, not both.")
        }
    }

    func run() async throws {
        if case .remote? = try? NetworkURL(text: options.network), !genesis.isEmpty {
            return try await ServiceRunner.reporting { try await askByGenesis() }
        }
        try await options.run { network in
            let ledger = network.access.ledger
            let survey = HealthSurvey(timeout: timeout.duration) { network.connect($0) }
            try await ask(ledger, try await ledger.committee(), survey)
        }
    }

    /// Without the ledger's help, if it gives none.
    private func askByGenesis() async throws {
        let (known, ledger) = try await RemoteLedger.open(
            options.network,
            genesis: try GenesisFile.load(genesis)
        )
        let first = try known.committee()
        let parameters = try EncodingParameters(shardCount: first.shardCount)
        let survey = HealthSurvey(timeout: timeout.duration) {
            HTTPStorageNode.connect(to: $0, parameters)
        }
        // A ledger that does not answer is in the report.
        let current = try? await ledger.committee()
        try await ask(ledger, current ?? first, survey)
    }

    private func ask(
        _ ledger: any LedgerConnection,
        _ committee: Committee,
        _ survey: HealthSurvey
    ) async throws {
        // Names are for people; without the ledger there are ids.
        let names = Dictionary(
            ((try? await ledger.nodes()) ?? []).map { ($0.id, $0.name) },
            uniquingKeysWith: { first, _ in first }
        )
        let members = try select(committee.members, names)
        let report: NetworkHealth.LedgerReport
        do throws(LedgerError) {
            let info = try await ledger.info()
            report = .init(
                height: info.head.height,
                epoch: info.epoch,
                error: nil,
                fault: try await ledger.obstacle()
            )
        } catch {
            report = .init(height: nil, epoch: nil, error: "\(error)")
        }
        let health = NetworkHealth(
            ledger: report,
            await survey.ask(members, names, height: report.height),
            committee,
            isWhole: nodes.isEmpty
        )
        if options.json { try Output.printJSON(health) } else { print(health.text) }
        guard health.exitCode == 0 else { throw ExitCode(health.exitCode) }
    }

    private func select(
        _ members: [CommitteeMember],
        _ names: [NodeID: String]
    ) throws -> [CommitteeMember] {
        try nodes.isEmpty
            ? members
            : nodes.map { wanted in
                let found = members.first { member in
                    names[member.node] == wanted || member.node.description == wanted
                        || member.address == wanted || member.address == "https://" + wanted
                }
                guard let found else {
                    throw ServiceFailure("\(wanted) is no node of the committee")
                }
                return found
            }
    }
}

/// Asks nodes how they are, all at once.
struct HealthSurvey: Sendable {
    let timeout: Duration
    let connect: @Sendable (CommitteeMember) -> any StorageNodeConnection

    func ask(
        _ members: [CommitteeMember],
        _ names: [NodeID: String],
        height: UInt64?
    ) async -> [NodeReport] {
        await withTaskGroup(of: (Int, NodeReport).self) { group in
            for (index, member) in members.enumerated() {
                let name = names[member.node] ?? String(member.node.description.prefix(12))
                group.addTask { (index, await ask(member, name, height)) }
            }
            let reports = await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            return members.indices.compactMap { reports[$0] }
        }
    }

    private func ask(
        _ member: CommitteeMember,
        _ name: String,
        _ height: UInt64?
    ) async -> NodeReport {
        let time = LinuxTimeSource()
        let start = time.uptime
        let answer = await withTaskGroup(of: Result<NodeHealth, NodeError>?.self) { group in
            group.addTask {
                do throws(NodeError) {
                    return .success(try await connect(member).health())
                } catch {
                    return .failure(error)
                }
            }
            group.addTask {
                // Cancelled when the answer is here.
                try? await time.sleep(for: timeout)
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
        switch answer {
        case .success(let health)? where health.node == member.node:
            return NodeReport(
                member,
                name: name,
                health,
                latency: time.uptime - start,
                height: height
            )
        case .success(let health)?:
            return NodeReport(member, name: name, error: "it says it is node \(health.node)")
        case .failure(let error)?:
            return NodeReport(member, name: name, error: "\(error)")
        case nil:
            return NodeReport(
                member,
                name: name,
                error: "it does not answer within \(timeout / .milliseconds(1)) ms"
            )
        }
    }
}

extension NetworkHealth {
    /// The table.
    var text: String {
        var table = TextTable([
            "NODE", "ADDRESS", "STATUS", "EPOCH", "BEHIND", "SHARDS", "MISSING", "DAMAGED", "MS",
        ])
        for node in nodes {
            guard let health = node.health?.health else {
                table.add([node.name, node.networkAddress, "unreachable"])
                continue
            }
            table.add([
                node.name, node.networkAddress, health.status.rawValue, "\(health.epoch)",
                node.blocksBehind.map { "\($0)" } ?? "?", Self.shards(health),
                "\(health.blobsIncomplete)", "\(health.scrub.damaged)",
                node.latencyMilliseconds.map { "\($0)" } ?? "",
            ])
        }
        var lines = [table.text, ""]
        lines += nodes.flatMap { node in node.remarks.map { "\(node.name): \($0)" } }
        if let height = ledger.height {
            lines.append("ledger: block \(height), epoch \(ledger.epoch ?? 0)")
            if let fault = ledger.fault { lines.append("ledger: \(fault)") }
        } else {
            lines.append("ledger: \(ledger.error ?? "unknown")")
        }
        lines.append(summary)
        return lines.joined(separator: "\n")
    }

    private static func shards(_ health: NodeHealth) -> String {
        let (transfer, recovery) = (health.inTransfer.count, health.recovering.count)
        return "\(health.shards.count - transfer - recovery)"
            + (transfer > 0 ? "+\(transfer)" : "") + (recovery > 0 ? "~\(recovery)" : "")
            + (health.readOnly.isEmpty ? "" : "r\(health.readOnly.count)")
    }
}
