package import BlobModel
package import Codec

/// The ledger's own numbers, one row of the state.
package struct LedgerParameters: Hashable, Sendable {
    package let network: NetworkID
    package var incarnation: UInt32
    package var epoch: Epoch
    package var epochStartMilliseconds: UInt64
    package var rules: GenesisRules
    package let administrator: Address
    package let supply: Frost
    package var burned: Frost
    package var staked: Frost

    package var signingDomain: SigningDomain {
        SigningDomain(network: network, incarnation: incarnation)
    }
}

extension LedgerParameters: BCSCodable {
    package func encode(to writer: inout ByteWriter) {
        writer.write(network)
        writer.write(incarnation)
        writer.write(epoch)
        writer.write(epochStartMilliseconds)
        writer.write(rules)
        writer.write(administrator)
        writer.write(supply)
        writer.write(burned)
        writer.write(staked)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        network = try reader.read()
        incarnation = try reader.readUInt32()
        epoch = try reader.readUInt32()
        epochStartMilliseconds = try reader.readUInt64()
        rules = try reader.read()
        administrator = try reader.read()
        supply = try reader.readUInt64()
        burned = try reader.readUInt64()
        staked = try reader.readUInt64()
    }
}

/// What is sold of the epochs ahead, and what their ends will pay out: a ring with one slot for
/// each epoch that storage can be bought for, the current one first.
package struct FutureAccounting: Hashable, Sendable {
    package struct Slot: Hashable, Sendable, BCSCodable {
        /// Encoded bytes reserved.
        package var used: UInt64 = 0
        /// FROST to be paid out when the epoch ends.
        package var rewards: Frost = 0

        package init() {}

        package func encode(to writer: inout ByteWriter) {
            writer.write(used)
            writer.write(rewards)
        }

        package init(from reader: inout ByteReader) throws(CodecError) {
            used = try reader.readUInt64()
            rewards = try reader.readUInt64()
        }
    }

    /// The current epoch.
    package private(set) var first: Epoch
    package private(set) var slots: [Slot]

    init(first: Epoch, count: UInt32) {
        self.first = first
        slots = Array(repeating: Slot(), count: Int(count))
    }

    /// Reserves `size` bytes and adds `price` to the rewards of each of `epochs`.
    mutating func reserve(
        _ size: UInt64,
        for epochs: Range<Epoch>,
        price: Frost,
        capacity: UInt64
    ) throws(ExecutionFailure) {
        precondition(epochs.lowerBound >= first)
        precondition(Int(epochs.upperBound - first) <= slots.count)
        for epoch in epochs {
            let index = Int(epoch - first)
            let (used, overflow) = slots[index].used.addingReportingOverflow(size)
            guard !overflow, used <= capacity else { throw .capacityExceeded(epoch: epoch) }
            slots[index].used = used
            try addReward(price, index)
        }
    }

    /// Adds to the rewards of the current epoch.
    mutating func addReward(_ amount: Frost) throws(ExecutionFailure) {
        try addReward(amount, 0)
    }

    private mutating func addReward(_ amount: Frost, _ index: Int) throws(ExecutionFailure) {
        let (rewards, overflow) = slots[index].rewards.addingReportingOverflow(amount)
        guard !overflow else { throw .arithmeticOverflow }
        slots[index].rewards = rewards
    }

    /// Ends the current epoch, and returns what it pays out.
    mutating func advance() -> Frost {
        precondition(first < .max)
        let ended = slots.removeFirst()
        slots.append(Slot())
        first += 1
        return ended.rewards
    }
}

extension FutureAccounting: BCSCodable {
    package func encode(to writer: inout ByteWriter) {
        writer.write(first)
        writer.write(vector: slots)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        first = try reader.readUInt32()
        slots = try reader.readVector(limit: 1000, itemSize: 16)
    }
}

/// What a storage unit is: prices are for each MiB of encoded size, begun ones counting whole.
enum StorageUnit {
    private static let bytes: UInt64 = 1 << 20

    /// The price of `size` bytes at `unitPrice` for a MiB.
    static func price(of size: UInt64, at unitPrice: Frost) throws(ExecutionFailure) -> Frost {
        let units = size / bytes + (size % bytes == 0 ? 0 : 1)
        let (price, overflow) = units.multipliedReportingOverflow(by: unitPrice)
        guard !overflow else { throw .arithmeticOverflow }
        return price
    }
}
