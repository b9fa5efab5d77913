// One transaction being executed: typed access to the rows, money, and the checks that commands
// share. The commands themselves are in the extensions: storage and blobs, pools, volumes, nodes.

internal import BlobModel
internal import Codec

/// What a block fixes for the transactions in it.
package struct BlockContext: Hashable, Sendable {
    package let height: UInt64
    package let milliseconds: UInt64
    /// Whose rules hold in the block.
    package let protocolVersion: UInt32

    package init(height: UInt64, milliseconds: UInt64, protocolVersion: UInt32) {
        self.height = height
        self.milliseconds = milliseconds
        self.protocolVersion = protocolVersion
    }
}

struct Execution {
    let state: StateOverlay
    let context: BlockContext
    let sender: Address
    let digest: TransactionDigest
    var parameters: LedgerParameters
    /// Results of the commands so far; the next one's index is their count.
    private(set) var results: [CommandResult] = []
    private(set) var events: [Event] = []

    init(
        state: StateOverlay,
        context: BlockContext,
        sender: Address,
        digest: TransactionDigest,
        parameters: LedgerParameters
    ) {
        self.state = state
        self.context = context
        self.sender = sender
        self.digest = digest
        self.parameters = parameters
    }

    var epoch: Epoch { parameters.epoch }

    /// The id of the object that the current command makes.
    var newObject: ObjectID { ObjectID(of: digest, command: results.count) }

    mutating func run(_ command: Command) throws {
        let result = try execute(command)
        results.append(result)
    }

    mutating func emit(_ event: Event) { events.append(event) }

    /// The id that an argument stands for.
    func resolve(_ reference: ObjectReference) throws(ExecutionFailure) -> ObjectID {
        switch reference {
        case .id(let object): return object
        case .result(let command):
            guard command < results.count, case .object(let object) = results[Int(command)] else {
                throw .badReference(command)
            }
            return object
        }
    }

    /// The object that an argument stands for.
    func object<Value: BCSDecodable>(
        _ reference: ObjectReference,
        _ key: (ObjectID) -> [UInt8],
        _ type: Value.Type = Value.self
    ) throws -> Value {
        let id = try resolve(reference)
        guard let value: Value = try state.read(key(id)) else {
            throw ExecutionFailure.unknownObject(id)
        }
        return value
    }

    func put(_ key: [UInt8], _ value: some BCSEncodable) { state.set(key, to: value.bcsBytes) }

    func mark(_ key: [UInt8]) { state.set(key, to: []) }

    func remove(_ key: [UInt8]) { state.set(key, to: nil) }
}

// Money.
extension Execution {
    func balance(of address: Address) throws -> Frost {
        try state.read(StateKey.account(address)) ?? 0
    }

    /// Takes `amount` from an account.
    func withdraw(_ amount: Frost, from address: Address) throws {
        let balance = try balance(of: address)
        guard balance >= amount else {
            throw ExecutionFailure.insufficientBalance(needed: amount, available: balance)
        }
        setBalance(of: address, to: balance - amount)
    }

    func deposit(_ amount: Frost, to address: Address) throws {
        let (sum, overflow) = try balance(of: address).addingReportingOverflow(amount)
        guard !overflow else { throw ExecutionFailure.arithmeticOverflow }
        setBalance(of: address, to: sum)
    }

    private func setBalance(of address: Address, to balance: Frost) {
        let key = StateKey.account(address)
        if balance == 0 {
            remove(key)
        } else {
            put(key, balance)
        }
    }

    /// Reserves `size` bytes for `epochs` and returns the price of it all, which the caller
    /// takes from whoever pays.
    func reserve(_ size: UInt64, for epochs: Range<Epoch>) throws -> Frost {
        let rules = parameters.rules
        let price = try StorageUnit.price(of: size, at: rules.storagePrice)
        let (total, overflow) = price.multipliedReportingOverflow(by: UInt64(epochs.count))
        guard !overflow else { throw ExecutionFailure.arithmeticOverflow }
        var accounting: FutureAccounting = try state.require(StateKey.accounting)
        try accounting.reserve(size, for: epochs, price: price, capacity: rules.capacity)
        put(StateKey.accounting, accounting)
        return total
    }

    /// Takes `amount` from the sender, for the nodes at the end of this epoch.
    func payNow(_ amount: Frost) throws {
        guard amount > 0 else { return }
        try withdraw(amount, from: sender)
        var accounting: FutureAccounting = try state.require(StateKey.accounting)
        try accounting.addReward(amount)
        put(StateKey.accounting, accounting)
    }

    /// The epochs from `start` on, so many that storage may be bought for them.
    func span(from start: Epoch, count: UInt32) throws(ExecutionFailure) -> Range<Epoch> {
        guard count > 0 else { throw .invalidArgument("no epochs") }
        let (end, overflow) = start.addingReportingOverflow(count)
        guard !overflow, end - epoch <= parameters.rules.epochsAheadMax else {
            throw .invalidArgument("over \(parameters.rules.epochsAheadMax) epochs ahead")
        }
        return start..<end
    }
}

// What registrations and certifications share.
extension Execution {
    /// The encoded length of a blob that may be registered; charges the write price.
    func admit(_ description: BlobDescription) throws -> UInt64 {
        guard description.encoding == BlobDescription.encodingRS2 else {
            throw ExecutionFailure.invalidArgument("encoding \(description.encoding)")
        }
        let root = MerkleNode(digest: description.root)
        let derived = BlobMetadata.blobID(unencodedLength: description.length, rootHash: root)
        guard derived == description.blob else { throw ExecutionFailure.blobIDMismatch }
        try requireNotInvalid(description.blob)
        let committee: Committee = try state.require(StateKey.committee)
        let encoded: UInt64
        do {
            let encoding = try EncodingParameters(shardCount: committee.shardCount)
            encoded = try encoding.encodedLength(of: description.length)
        } catch {
            throw ExecutionFailure.invalidArgument("\(error)")
        }
        try payNow(try StorageUnit.price(of: encoded, at: parameters.rules.writePrice))
        return encoded
    }

    func requireNotInvalid(_ blob: BlobID) throws {
        guard try state.value(StateKey.invalid(blob)) == nil else {
            throw ExecutionFailure.invalidBlob(blob)
        }
    }

    /// Checks that the certificate is the current committee's for just this message.
    func verify(_ certificate: Certificate, says message: ProtocolMessage) throws {
        guard try verify(certificate) == message else {
            throw ExecutionFailure.badCertificate(.wrongMessage)
        }
    }

    func verify(_ certificate: Certificate) throws -> ProtocolMessage {
        let committee: Committee = try state.require(StateKey.committee)
        do throws(CertificateError) {
            return try certificate.verify(
                against: committee,
                in: parameters.signingDomain
            )
        } catch {
            throw ExecutionFailure.badCertificate(error)
        }
    }
}
