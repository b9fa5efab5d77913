package import BlobModel
internal import Ledger
internal import Synchronization
internal import SystemIO

extension StorageNode {
    package func health() async throws(NodeError) -> NodeHealth {
        let status = status.withLock { $0 }
        let recovery = recoveryStatus
        let scrub = scrubStatus
        let own = status.committees.shards(of: configuration.node)
        let isBehind = !status.hasHeard || status.ledgerHeight > status.cursor.block.height
        let recovering = recovery.missing.keys.sorted()
        return NodeHealth(
            uptimeSeconds: UInt64(max(0, (time.uptime - started).components.seconds)),
            epoch: status.cursor.epoch,
            publicKey: (protocolKey(in: status.committees.current) ?? configuration.protocolKey)
                .publicKey,
            node: configuration.node,
            status: status.isDiverged
                ? .standby
                : isBehind
                    ? .catchingUp
                    : recovery.blobsIncomplete == 0 && recovery.inTransfer.isEmpty
                        ? .active : .recovering,
            shards: own,
            height: status.cursor.block.height,
            ledgerHeight: max(status.ledgerHeight, status.cursor.block.height),
            blockHash: status.cursor.block.hash,
            isFull: status.isFull,
            recovering: recovering,
            blobsIncomplete: UInt64(recovery.blobsIncomplete),
            scrub: NodeHealth.Scrub(
                passes: UInt64(scrub.passes),
                sliversChecked: UInt64(scrub.sliversChecked),
                damaged: UInt64(scrub.damaged)
            ),
            // A shard of which something is known to be missing is counted once.
            inTransfer: recovery.inTransfer.filter { own.contains($0) && !recovering.contains($0) },
            readOnly: status.committees.served(by: configuration.node).subtracting(own).sorted(),
            divergence: status.divergence,
            isLedgerSilent: status.isLedgerSilent
        )
    }
}
