// What the ledger keeps of nodes that come and go, and of an epoch's change.
// `Docs/Formats/ledger-state.md` is normative.

package import BlobModel
package import Codec

/// What is fixed anew for each epoch: chosen for a whole network, and voted on by each node.
package struct EpochParameters: Hashable, Sendable, BCSCodable {
    /// FROST for a MiB of encoded size and epoch.
    package var storagePrice: Frost
    /// FROST for a MiB of encoded size, once, at registration.
    package var writePrice: Frost
    /// Encoded bytes: of the network's, those that may be reserved in any one epoch; of a node's
    /// vote, those that this node offers.
    package var capacity: UInt64

    package init(storagePrice: Frost, writePrice: Frost, capacity: UInt64) {
        self.storagePrice = storagePrice
        self.writePrice = writePrice
        self.capacity = capacity
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(storagePrice)
        writer.write(writePrice)
        writer.write(capacity)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        storagePrice = try reader.readUInt64()
        writePrice = try reader.readUInt64()
        capacity = try reader.readUInt64()
    }
}

/// What a node wants of the epochs to come, beside its record.
package struct NodeStanding: Hashable, Sendable, BCSCodable {
    /// Whether it wants shards; a node that leaves gets none in the next selection.
    package var isCandidate: Bool
    /// Its protocol key from the next committee on that it is selected into.
    package var nextProtocolKey: PublicKey?
    package var vote: EpochParameters?

    /// How a node stands that has said nothing.
    package init() { isCandidate = true }

    package func encode(to writer: inout ByteWriter) {
        writer.write(isCandidate)
        writer.write(optional: nextProtocolKey)
        writer.write(optional: vote)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        isCandidate = try reader.readBool()
        nextProtocolKey = try reader.readOptional()
        vote = try reader.readOptional()
    }
}

/// What the next epoch will be, from the middle of this one on.
package struct EpochSelection: Hashable, Sendable, BCSCodable {
    package var committee: Committee
    package let parameters: EpochParameters

    package init(committee: Committee, parameters: EpochParameters) {
        self.committee = committee
        self.parameters = parameters
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(committee)
        writer.write(parameters)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        committee = try reader.read()
        parameters = try reader.read()
    }
}

/// A change of epochs that is under way: the epoch has begun, and shards are on their way.
package struct EpochChange: Hashable, Sendable, BCSCodable {
    /// The committee of the epoch before, which still serves what was certified then.
    package var previous: Committee
    /// The members of the new committee that have all of their shards, in order of their reports.
    package var synced: [NodeID]

    package init(previous: Committee, synced: [NodeID] = []) {
        self.previous = previous
        self.synced = synced
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(previous)
        writer.write(vector: synced)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        previous = try reader.read()
        synced = try reader.readVector(limit: Committee.shardsMax, itemSize: 32)
    }
}

/// Where a network is between two epochs.
package struct EpochState: Hashable, Sendable, BCSCodable {
    /// Of the current epoch.
    package let committee: Committee
    /// While shards move: the reference's `EpochChangeSync`.
    package let change: EpochChange?
    /// Once the next epoch is settled: the reference's `NextParamsSelected`.
    package let selection: EpochSelection?

    package init(committee: Committee, change: EpochChange?, selection: EpochSelection?) {
        self.committee = committee
        self.change = change
        self.selection = selection
    }

    /// The committee that what was certified in `epoch` is read from: the one before, for what is
    /// older than a change that is under way.
    package func readers(ofCertified epoch: Epoch) -> Committee {
        if let change, epoch < committee.epoch { change.previous } else { committee }
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(committee)
        writer.write(optional: change)
        writer.write(optional: selection)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        committee = try reader.read()
        change = try reader.readOptional()
        selection = try reader.readOptional()
    }
}
