package import BlobModel
internal import Codec

// The JSON of a storage node's API, for the node that writes it and the client that reads it: the
// reference's names, with a few members of our own in the health. `Docs/Formats/node-api.md` shows
// each.

/// What a request depends on, as a header: see `StorageNodeConnection`.
package enum NodeWire {
    package static let heightHeader = "walrus-ledger-height"
    /// The most blocks that are handed out at once.
    package static let blocksMax = 256
    /// Blocks are handed out until they fill this, but at least one.
    package static let blockBytesMax = 8 << 20
    /// The largest answer with blocks: a full one, and one block more of the largest kind.
    package static let blocksAnswerMax = 64 << 20
    /// How long a confirmation waits for a registration at most, and if nothing else is said.
    package static let waitMillisMax = 30_000
    package static let waitMillisDefault = 5000
    /// A shard's slivers are handed out until their symbols fill this, and one sliver more at most;
    /// never more than so many at once.
    package static let shardBytesMax = 8 << 20
    package static let shardSliversMax = 1000
    /// The largest answer with symbols.
    package static let symbolBytesMax = 64 << 20
    package static let jsonMax = 1 << 20
    /// A refusal is no longer than this.
    package static let refusalMax = 16 << 10
}

extension NodeWire {
    /// The parameters of a request for recovery symbols.
    package static func items(of request: RecoverySymbolsRequest) -> [QueryString.Item] {
        var items: [QueryString.Item] = []
        if let axis = request.proofAxis { items.append(.init("proofAxis", axis.name)) }
        switch request.wanted {
        case .symbols(let symbols):
            items += symbols.map { .init("id", $0.description) }
        case .target(let axis, let index):
            items += [
                .init("targetSliver", index.description), .init("targetType", axis.name),
            ]
        }
        return items
    }
}

/// A node's signed message: `{"signed":{"serializedMessage":…,"signature":…}}`, both base64.
package struct WireConfirmation: Codable, Sendable {
    package let signed: WireSignedMessage

    package init(_ message: SignedMessage) { signed = WireSignedMessage(message) }

    /// The message and signature; nil when they are not base64 or of the wrong length.
    package var message: SignedMessage? { signed.message }
}

/// A signed message without what it says, as an attestation is answered.
package struct WireSignedMessage: Codable, Sendable {
    let serializedMessage: String
    let signature: String

    package init(_ message: SignedMessage) {
        serializedMessage = Base64.encodeStandard(message.message)
        signature = Base64.encodeStandard(message.signature.bytes)
    }

    /// The message and signature; nil when they are not base64 or of the wrong length.
    package var message: SignedMessage? {
        // What does not decode was signed by nobody, whatever is wrong with it.
        guard let message = try? Base64.decodeStandard(serializedMessage),
            let signature = try? Base64.decodeStandard(signature),
            message.count <= SignedMessage.messageLengthMax, signature.count == 64
        else { return nil }
        return SignedMessage(message: message, signature: Signature(bytes: signature))
    }
}

/// An event by its transaction and its number there.
package struct WireStatusEvent: Codable, Sendable {
    let txDigest: String
    let eventSeq: String

    package init(_ event: StatusEvent) {
        txDigest = event.transaction.description
        eventSeq = String(event.index)
    }

    var event: StatusEvent? {
        // What does not decode is no event.
        guard txDigest.utf8.count <= 44, let digest = try? Base58.decode(txDigest),
            digest.count == 32,
            let index = UInt32(eventSeq)
        else { return nil }
        return StatusEvent(transaction: TransactionDigest(bytes: digest), index: index)
    }
}

/// The status of a blob: `"nonexistent"`, or one member that names the status.
package struct WireBlobStatus: Sendable {
    package let status: NodeBlobStatus

    /// Whether the event is told; a node always does.
    private let tellsEvent: Bool

    package init(_ status: NodeBlobStatus, tellsEvent: Bool = true) {
        self.status = status
        self.tellsEvent = tellsEvent
    }

    private typealias Event = WireStatusEvent

    private struct Counts: Codable {
        let count_deletable_total: UInt32
        let count_deletable_certified: UInt32

        init(_ counts: NodeBlobStatus.DeletableCounts) {
            count_deletable_total = counts.total
            count_deletable_certified = counts.certified
        }

        var counts: NodeBlobStatus.DeletableCounts {
            .init(total: count_deletable_total, certified: count_deletable_certified)
        }
    }

    private func told(_ event: StatusEvent) -> Event? { tellsEvent ? Event(event) : nil }

    private struct Invalid: Codable { let event: Event? }

    private struct Permanent: Codable {
        let endEpoch: Epoch
        let isCertified: Bool
        let statusEvent: Event?
        let deletableCounts: Counts
        @ExplicitNull var initialCertifiedEpoch: Epoch?
    }

    private struct Deletable: Codable {
        @ExplicitNull var initialCertifiedEpoch: Epoch?
        let deletableCounts: Counts
    }

    private enum CodingKeys: String, CodingKey { case invalid, permanent, deletable }
}

extension WireBlobStatus: Codable {
    package func encode(to encoder: any Encoder) throws {
        switch status {
        case .nonexistent:
            var container = encoder.singleValueContainer()
            try container.encode("nonexistent")
        case .invalid(let event):
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(Invalid(event: told(event)), forKey: .invalid)
        case .permanent(let end, let isCertified, let event, let counts, let epoch):
            var container = encoder.container(keyedBy: CodingKeys.self)
            let value = Permanent(
                endEpoch: end,
                isCertified: isCertified,
                statusEvent: told(event),
                deletableCounts: Counts(counts),
                initialCertifiedEpoch: epoch
            )
            try container.encode(value, forKey: .permanent)
        case .deletable(let counts, let epoch):
            var container = encoder.container(keyedBy: CodingKeys.self)
            let value = Deletable(initialCertifiedEpoch: epoch, deletableCounts: Counts(counts))
            try container.encode(value, forKey: .deletable)
        }
    }

    package init(from decoder: any Decoder) throws {
        tellsEvent = true
        let failure = DecodingError.dataCorrupted(
            .init(codingPath: decoder.codingPath, debugDescription: "no blob status")
        )
        // A string is one status, an object the others.
        if let text = try? decoder.singleValueContainer().decode(String.self) {
            guard text == "nonexistent" else { throw failure }
            status = .nonexistent
            return
        }
        let container = try decoder.container(keyedBy: CodingKeys.self)
        if let value = try container.decodeIfPresent(Invalid.self, forKey: .invalid) {
            guard let event = value.event?.event else { throw failure }
            status = .invalid(event)
        } else if let value = try container.decodeIfPresent(Permanent.self, forKey: .permanent) {
            guard let event = value.statusEvent?.event else { throw failure }
            status = .permanent(
                end: value.endEpoch,
                isCertified: value.isCertified,
                event: event,
                value.deletableCounts.counts,
                initialCertifiedEpoch: value.initialCertifiedEpoch
            )
        } else if let value = try container.decodeIfPresent(Deletable.self, forKey: .deletable) {
            status = .deletable(
                value.deletableCounts.counts,
                initialCertifiedEpoch: value.initialCertifiedEpoch
            )
        } else {
            throw failure
        }
    }
}

/// A member that is written as `null` where it has no value, and not left out.
@propertyWrapper
private struct ExplicitNull: Codable {
    var wrappedValue: Epoch?

    init(wrappedValue: Epoch?) { self.wrappedValue = wrappedValue }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        wrappedValue = container.decodeNil() ? nil : try container.decode(Epoch.self)
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if let wrappedValue {
            try container.encode(wrappedValue)
        } else {
            try container.encodeNil()
        }
    }
}

extension KeyedDecodingContainer {
    /// Servers that leave the member out mean the same as those that write `null`.
    fileprivate func decode(_ type: ExplicitNull.Type, forKey key: Key) throws -> ExplicitNull {
        try decodeIfPresent(type, forKey: key) ?? ExplicitNull(wrappedValue: nil)
    }
}

/// What `GET /v1/version` answers.
package struct WireVersion: Codable, Sendable, Equatable {
    package let software: String
    package let version: String
    package let api: [String]
    /// What is served here: `node`, `ledger`.
    package let role: String

    /// The version of this build; the one place where it is written.
    package static let current = "0.1.0"

    package init(role: String) {
        software = "walrus-swift"
        version = Self.current
        api = ["v1"]
        self.role = role
    }
}
