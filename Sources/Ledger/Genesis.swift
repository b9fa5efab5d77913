// The genesis says everything that is fixed when a network starts; its hash is the network's name
// and everyone's root of trust. `Docs/Formats/genesis.md` is normative.

package import BlobModel
package import Codec

/// A storage node that a network starts with.
package struct GenesisNode: Hashable, Sendable {
    /// A name for people, 1 to 64 bytes.
    package let name: String
    /// The account that may change the node's record and earns its rewards.
    package let account: Address
    package let protocolKey: PublicKey
    package let networkKey: PublicKey
    /// Where the node is served at first; changed by `updateNode`.
    package let address: String
    package let stake: Frost
    /// The shards it holds in epoch 0, ascending.
    package let shards: [UInt16]

    package init(
        name: String,
        account: Address,
        protocolKey: PublicKey,
        networkKey: PublicKey,
        address: String,
        stake: Frost,
        shards: [UInt16]
    ) {
        self.name = name
        self.account = account
        self.protocolKey = protocolKey
        self.networkKey = networkKey
        self.address = address
        self.stake = stake
        self.shards = shards
    }
}

extension GenesisNode: BCSCodable {
    package func encode(to writer: inout ByteWriter) {
        writer.write(string: name)
        writer.write(account)
        writer.write(protocolKey)
        writer.write(networkKey)
        writer.write(string: address)
        writer.write(stake)
        writer.write(vector: shards)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        name = try reader.readString(limit: 64)
        account = try reader.read()
        protocolKey = try reader.read()
        networkKey = try reader.read()
        address = try reader.readString(limit: Committee.addressLengthMax)
        stake = try reader.readUInt64()
        shards = try reader.readVector(limit: Committee.shardsMax, itemSize: 2)
    }
}

/// An account that a network starts with.
package struct GenesisAccount: Hashable, Sendable, BCSCodable {
    package let address: Address
    package let balance: Frost

    package init(address: Address, balance: Frost) {
        self.address = address
        self.balance = balance
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(address)
        writer.write(balance)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        address = try reader.read()
        balance = try reader.readUInt64()
    }
}

/// The numbers that rule a network: prices, times and limits.
package struct GenesisRules: Hashable, Sendable {
    /// Length of an epoch; 0 = epochs advance only by the administrator's transaction.
    package var epochDurationMilliseconds: UInt64
    /// How many epochs ahead storage can be bought, 1 to 1000; the reference has 53.
    package var epochsAheadMax: UInt32
    /// FROST for a MiB of encoded size and epoch.
    package var storagePrice: Frost
    /// FROST for a MiB of encoded size, once, at registration.
    package var writePrice: Frost
    /// The encoded bytes that may be reserved in any one epoch.
    package var capacity: UInt64
    /// FROST for each transaction that is included.
    package var transactionFee: Frost
    /// How long a lease's holder may leave a claim unanswered.
    package var patienceMilliseconds: UInt64
    /// How long a retired blob is kept.
    package var retireGraceMilliseconds: UInt64

    package init(
        epochDurationMilliseconds: UInt64 = 0,
        epochsAheadMax: UInt32 = 53,
        storagePrice: Frost = 0,
        writePrice: Frost = 0,
        capacity: UInt64 = 1 << 60,
        transactionFee: Frost = 0,
        patienceMilliseconds: UInt64 = 30_000,
        retireGraceMilliseconds: UInt64 = 86_400_000
    ) {
        self.epochDurationMilliseconds = epochDurationMilliseconds
        self.epochsAheadMax = epochsAheadMax
        self.storagePrice = storagePrice
        self.writePrice = writePrice
        self.capacity = capacity
        self.transactionFee = transactionFee
        self.patienceMilliseconds = patienceMilliseconds
        self.retireGraceMilliseconds = retireGraceMilliseconds
    }
}

extension GenesisRules: BCSCodable {
    package func encode(to writer: inout ByteWriter) {
        writer.write(epochDurationMilliseconds)
        writer.write(epochsAheadMax)
        writer.write(storagePrice)
        writer.write(writePrice)
        writer.write(capacity)
        writer.write(transactionFee)
        writer.write(patienceMilliseconds)
        writer.write(retireGraceMilliseconds)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        epochDurationMilliseconds = try reader.readUInt64()
        epochsAheadMax = try reader.readUInt32()
        storagePrice = try reader.readUInt64()
        writePrice = try reader.readUInt64()
        capacity = try reader.readUInt64()
        transactionFee = try reader.readUInt64()
        patienceMilliseconds = try reader.readUInt64()
        retireGraceMilliseconds = try reader.readUInt64()
    }
}

/// The first page of a network's history.
package struct Genesis: Hashable, Sendable {
    package static let version: UInt16 = 1
    package static let accountsMax = 65_536

    /// A name for people, up to 64 bytes.
    package let name: String
    /// Random, so that two networks with the same settings are two networks; 32 bytes.
    package let salt: [UInt8]
    /// When the network starts, milliseconds since 1970 UTC: the time of block 0.
    package let startMilliseconds: UInt64
    /// The Ed25519 key of the ledger's TLS certificate.
    package let ledgerNetworkKey: PublicKey
    /// The key that signs block headers.
    package let blockKey: PublicKey
    /// May advance epochs.
    package let administrator: Address
    package let rules: GenesisRules
    /// Together they hold each shard once; their order is the committee's.
    package let nodes: [GenesisNode]
    package let accounts: [GenesisAccount]

    /// Throws when the parts do not make a network.
    package init(
        name: String,
        salt: [UInt8],
        startMilliseconds: UInt64,
        ledgerNetworkKey: PublicKey,
        blockKey: PublicKey,
        administrator: Address,
        rules: GenesisRules,
        nodes: [GenesisNode],
        accounts: [GenesisAccount]
    ) throws(CodecError) {
        self.name = name
        self.salt = salt
        self.startMilliseconds = startMilliseconds
        self.ledgerNetworkKey = ledgerNetworkKey
        self.blockKey = blockKey
        self.administrator = administrator
        self.rules = rules
        self.nodes = nodes
        self.accounts = accounts
        try check()
    }

    /// BLAKE2b-256 of the canonical bytes, in the hash domain `genesis`.
    package var networkID: NetworkID {
        NetworkID(bytes: Blake2b256.hash(bcsBytes, kind: "genesis"))
    }

    /// n.
    package var shardCount: Int { nodes.reduce(0) { $0 + $1.shards.count } }

    /// The id of the record of node number `index`, derived from the network's id.
    package static func nodeID(network: NetworkID, index: Int) -> NodeID {
        var writer = ByteWriter()
        writer.write(network)
        writer.write(UInt32(index))
        return NodeID(bytes: Blake2b256.hash(writer.bytes, kind: "genesis-node"))
    }

    /// The committee of epoch 0, members in the order of `nodes`.
    package func committee() throws(CodecError) -> Committee {
        let network = networkID
        return try Committee(
            epoch: 0,
            members: nodes.enumerated().map { index, node in
                CommitteeMember(
                    node: Self.nodeID(network: network, index: index),
                    shards: node.shards,
                    protocolKey: node.protocolKey,
                    networkKey: node.networkKey,
                    address: node.address
                )
            }
        )
    }

    /// Shards `0..<count` dealt to `nodes` in runs as even as can be: the identity when the
    /// numbers are equal.
    ///
    /// - Precondition: There is at least one node, and at least as many shards.
    package static func evenShards(count: Int, nodes: Int) -> [[UInt16]] {
        precondition(nodes >= 1)
        precondition(count >= nodes && count <= Committee.shardsMax)
        return (0..<nodes).map { node in
            (node * count / nodes..<(node + 1) * count / nodes).map(UInt16.init)
        }
    }

    private func check() throws(CodecError) {
        guard salt.count == 32 else { throw .invalidValue("genesis salt") }
        guard name.utf8.count <= 64, nodes.allSatisfy({ (1...64).contains($0.name.utf8.count) })
        else { throw .invalidValue("genesis name") }
        guard (1...1000).contains(rules.epochsAheadMax) else {
            throw .invalidValue("epochs ahead")
        }
        guard nodes.allSatisfy({ $0.address.utf8.count <= Committee.addressLengthMax }) else {
            throw .invalidValue("genesis address")
        }
        guard accounts.count <= Self.accountsMax,
            zip(accounts, accounts.dropFirst()).allSatisfy({ $0.address < $1.address })
        else { throw .invalidValue("genesis accounts are not ascending") }
        var supply: Frost = 0
        for balance in accounts.map(\.balance) + nodes.map(\.stake) {
            let (sum, overflow) = supply.addingReportingOverflow(balance)
            guard !overflow else { throw .invalidValue("genesis supply") }
            supply = sum
        }
        _ = try committee()
    }
}

extension Genesis: BCSCodable {
    package func encode(to writer: inout ByteWriter) {
        writer.write(Self.version)
        writer.write(string: name)
        writer.write(raw: salt)
        writer.write(startMilliseconds)
        writer.write(ledgerNetworkKey)
        writer.write(blockKey)
        writer.write(administrator)
        writer.write(rules)
        writer.write(vector: nodes)
        writer.write(vector: accounts)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        let version = try reader.readUInt16()
        guard version == Self.version else {
            throw .unknownTag(UInt32(version), of: "genesis version")
        }
        try self.init(
            name: try reader.readString(limit: 64),
            salt: try reader.readRaw(32),
            startMilliseconds: try reader.readUInt64(),
            ledgerNetworkKey: try reader.read(),
            blockKey: try reader.read(),
            administrator: try reader.read(),
            rules: try reader.read(),
            nodes: try reader.readVector(limit: Committee.shardsMax, itemSize: 107),
            accounts: try reader.readVector(limit: Self.accountsMax, itemSize: 40)
        )
    }
}
