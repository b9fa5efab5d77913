package import BlobModel
package import Codec

/// The numbers of the moment: what `walrus info` shows and what a client needs to make a
/// transaction.
package struct LedgerInfo: Hashable, Sendable, BCSCodable {
    package let network: NetworkID
    package let incarnation: UInt32
    package let protocolVersion: UInt32
    /// The newest block.
    package let head: BlockReference
    /// Its time; the clock that validity, patience and grace are measured with.
    package let milliseconds: UInt64
    package let epoch: Epoch
    package let epochStartMilliseconds: UInt64
    package let rules: GenesisRules
    package let shardCount: UInt32
    /// Encoded bytes reserved in the current epoch.
    package let capacityUsed: UInt64
    package let supply: Frost
    package let burned: Frost

    package init(
        network: NetworkID,
        incarnation: UInt32,
        protocolVersion: UInt32,
        head: BlockReference,
        milliseconds: UInt64,
        epoch: Epoch,
        epochStartMilliseconds: UInt64,
        rules: GenesisRules,
        shardCount: UInt32,
        capacityUsed: UInt64,
        supply: Frost,
        burned: Frost
    ) {
        self.network = network
        self.incarnation = incarnation
        self.protocolVersion = protocolVersion
        self.head = head
        self.milliseconds = milliseconds
        self.epoch = epoch
        self.epochStartMilliseconds = epochStartMilliseconds
        self.rules = rules
        self.shardCount = shardCount
        self.capacityUsed = capacityUsed
        self.supply = supply
        self.burned = burned
    }

    package var signingDomain: SigningDomain {
        SigningDomain(network: network, incarnation: incarnation)
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(network)
        writer.write(incarnation)
        writer.write(protocolVersion)
        writer.write(head)
        writer.write(milliseconds)
        writer.write(epoch)
        writer.write(epochStartMilliseconds)
        writer.write(rules)
        writer.write(shardCount)
        writer.write(capacityUsed)
        writer.write(supply)
        writer.write(burned)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        network = try reader.read()
        incarnation = try reader.readUInt32()
        protocolVersion = try reader.readUInt32()
        head = try reader.read()
        milliseconds = try reader.readUInt64()
        epoch = try reader.readUInt32()
        epochStartMilliseconds = try reader.readUInt64()
        rules = try reader.read()
        shardCount = try reader.readUInt32()
        capacityUsed = try reader.readUInt64()
        supply = try reader.readUInt64()
        burned = try reader.readUInt64()
    }
}
