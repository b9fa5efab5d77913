internal import ArgumentParser
internal import BlobClient
internal import BlobModel
internal import LocalNetwork
internal import Transport

/// `walrus node status`.
struct NodeStatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Say how the nodes of a network are, and what they are recovering.",
        discussion: """
              walrus node status --network URL
              walrus node status --network embedded:DIR --json

            A node is "RecoveryInProgress" while something is missing of a blob that it should \
            hold; how many blobs that are is under MISSING. DAMAGED counts what reading over the \
            disk has found rotten since the node started.

            Exit codes: 0 all nodes are whole; 1 one is not, or does not answer; 64 used wrongly.
            """
    )

    @OptionGroup var options: NetworkOptions

    private struct Line: Encodable {
        let node: String
        let address: String
        /// nil: it does not answer.
        let health: WireHealth?
        let error: String?
    }

    func run() async throws {
        try await options.run { network in
            let members = network.access.client.committee.members
            let lines = await withTaskGroup(of: (Int, Line).self) { group in
                for (index, member) in members.enumerated() {
                    group.addTask { (index, await Self.ask(member, network)) }
                }
                return await group.reduce(into: [Int: Line]()) { $0[$1.0] = $1.1 }
            }
            let ordered = members.indices.compactMap { lines[$0] }
            if options.json {
                try Output.printJSON(ordered)
            } else {
                Self.show(ordered)
            }
            let isWhole = ordered.allSatisfy { $0.health?.health?.status == .active }
            if !isWhole { throw ExitCode(CommandFailure.failed.rawValue) }
        }
    }

    private static func ask(_ member: CommitteeMember, _ network: CommandNetwork) async -> Line {
        do throws(NodeError) {
            let health = try await network.connect(member).health()
            return Line(
                node: member.node.description,
                address: member.address,
                health: WireHealth(health, detailed: true),
                error: nil
            )
        } catch {
            return Line(
                node: member.node.description,
                address: member.address,
                health: nil,
                error: "\(error)"
            )
        }
    }

    private static func show(_ lines: [Line]) {
        func row(_ cells: [String]) -> String {
            let widths = [32, 20, 8, 10, 9, 8, 8]
            return zip(cells, widths).map { cell, width in
                cell + String(repeating: " ", count: max(1, width - cell.count))
            }.joined()
        }
        print(row(["NODE", "STATUS", "SHARDS", "RECOVERING", "MISSING", "SCRUBS", "DAMAGED"]))
        for line in lines {
            guard let health = line.health?.health else {
                print(row([line.address, "does not answer", "", "", "", "", ""]))
                continue
            }
            print(
                row([
                    line.address, health.status.rawValue, "\(health.shards.count)",
                    "\(health.recovering.count)", "\(health.blobsIncomplete)",
                    "\(health.scrub.passes)", "\(health.scrub.damaged)",
                ])
            )
        }
    }
}
