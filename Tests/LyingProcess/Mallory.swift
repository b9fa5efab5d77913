internal import BlobClient
internal import BlobModel
internal import Ledger
internal import SystemIO
internal import TestNetwork

/// What a malicious client, and too many malicious nodes, do to a network of real processes.
struct Mallory {
    let genesis: Genesis
    let ledger: HTTPLedger

    private var domain: SigningDomain {
        SigningDomain(network: genesis.networkID, incarnation: 0)
    }

    private var sender: TransactionSender {
        TransactionSender(
            ledger: ledger,
            account: SigningKey(seed: [UInt8](repeating: 0xBA, count: 32)),
            journal: MemoryTransactionJournal(),
            time: LinuxTimeSource(),
            entropy: LinuxEntropy()
        )
    }

    /// Stores a blob whose rows and columns are of different blobs at all nodes that answer, but
    /// for the one at `skipped`; prints its id.
    func storeMisencoded(skipping skipped: Int) async throws {
        let parameters = try EncodingParameters(shardCount: genesis.shardCount)
        let blob = try MisencodedBlob(
            TestNetwork.bytes(50_000),
            .crossed,
            shards: genesis.shardCount
        )
        let receipt = try await sender.execute(
            [.createPool(capacity: 1 << 40, epochs: 50, funds: 0)],
            label: "pool"
        )
        try await blob.store(
            in: ObjectID(of: receipt.transaction.digest, command: 0),
            sender: sender,
            domain: domain,
            skipping: [Genesis.nodeID(network: genesis.networkID, index: skipped)]
        ) { HTTPStorageNode.connect(to: $0, parameters) }
        print(blob.blobID)
    }

    /// Has a blob marked as invalid, whatever it is, with the keys of enough nodes.
    func slander(_ blob: BlobID, with keys: [ServiceKeys]) async throws {
        let committee = try await ledger.committee()
        let message = ProtocolMessage.invalidBlobID(epoch: committee.epoch, blob: blob)
        var signatures: [(member: Int, signature: Signature)] = []
        for (index, member) in committee.members.enumerated() {
            guard let key = keys.first(where: { $0.voice.publicKey == member.protocolKey }) else {
                continue
            }
            signatures.append((index, domain.sign(message, with: key.voice).signature))
        }
        try await sender.invalidate(Certificate(message: message, signatures: signatures))
    }
}
