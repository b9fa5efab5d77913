internal import BlobClient
internal import BlobModel
internal import Ledger
internal import StorageNode
internal import SystemIO

/// How a node that is a process of its own changes shards: over HTTP, with a client of its own.
enum NodeMigration {
    static func make(
        _ node: NodeID,
        keys: ServiceKeys,
        ledger: any LedgerConnection,
        parameters: EncodingParameters
    ) -> ShardMigration {
        let time = LinuxTimeSource()
        let sender = TransactionSender(
            ledger: ledger,
            account: keys.account,
            journal: MemoryTransactionJournal(),
            time: time,
            entropy: LinuxEntropy()
        )
        return ShardMigration(
            connect: { HTTPStorageNode.shardSource($0, parameters) },
            peer: { HTTPStorageNode.connect(to: $0, parameters) },
            report: { epoch in
                _ = try await sender.executeVolatile([.reportSync(node, epoch: epoch)])
            }
        )
    }
}
