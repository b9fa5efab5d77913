internal import BlobClient
internal import BlobModel
internal import ErasureCoding
internal import Ledger
internal import Logging
internal import StorageNode
internal import SystemIO

/// How a node that is a process of its own changes shards: over HTTP, with a client of its own.
enum NodeMigration {
    static func make(
        _ node: NodeID,
        keys: ServiceKeys,
        ledger: any LedgerConnection,
        parameters: EncodingParameters,
        pool: BlockingPool,
        logger: Logger
    ) -> ShardMigration {
        let time = LinuxTimeSource()
        let sender = TransactionSender(
            ledger: ledger,
            account: keys.account,
            journal: MemoryTransactionJournal(),
            time: time,
            entropy: LinuxEntropy()
        )
        let recovery = WholeBlobRecovery(
            ledger: ledger,
            parameters: parameters,
            environment: ClientEnvironment(
                time: time,
                entropy: LinuxEntropy(),
                compute: pool,
                spawn: { body in Task { await body() } },
                notice: { logger.info("\($0)") }
            )
        )
        return ShardMigration(
            connect: { HTTPStorageNode.shardSource($0, parameters) },
            recover: { (name, metadata) throws(NodeError) in
                try await recovery.sliver(name, metadata)
            },
            report: { epoch in
                _ = try await sender.executeVolatile([.reportSync(node, epoch: epoch)])
            }
        )
    }
}

/// Recovers a sliver by reading its blob and encoding it again.
///
/// Costs a whole blob for each; it is for the few slivers that a shard's former holder lacks.
struct WholeBlobRecovery: Sendable {
    let ledger: any LedgerConnection
    let parameters: EncodingParameters
    let environment: ClientEnvironment

    func sliver(
        _ name: SliverName,
        _ metadata: VerifiedBlobMetadata
    ) async throws(NodeError) -> VerifiedSliver {
        let parameters = parameters
        let bytes: [UInt8]
        do {
            let client = try await BlobClient.make(ledger: ledger, environment: environment) {
                HTTPStorageNode.connect(to: $0, parameters)
            }
            bytes = try await client.read(
                name.blob,
                range: 0..<metadata.unencodedLength,
                authentication: .store
            )
        } catch {
            throw .unreachable("\(name) cannot be recovered now: \(error)")
        }
        let encoded = await environment.compute.run {
            // The blob is one of this network's, so its length can be encoded.
            try? RedStuffEncoder(parameters).encode(bytes)
        }
        guard let encoded, encoded.blobID == name.blob else {
            throw .malformed("What was read of \(name.blob) is not what its id names.")
        }
        return encoded.sliver(name.axis, parameters.sliver(of: name.pair, name.axis))
    }
}
