package import BlobModel
package import Codec

/// One registration of a blob on the ledger, as a node counts it.
package struct BlobRegistration: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        case permanent
        case deletable
        /// Lives as long as the pool, whose end is recorded apart because it moves.
        case pooled(ObjectID)
    }

    package let object: ObjectID
    package let kind: Kind
    /// The first epoch without the blob; for pooled ones only what it was at the last event.
    package var end: Epoch
    package var isCertified: Bool
    /// The event that said so last.
    package var event: StatusEvent

    package init(
        object: ObjectID,
        kind: Kind,
        end: Epoch,
        isCertified: Bool,
        event: StatusEvent
    ) {
        self.object = object
        self.kind = kind
        self.end = end
        self.isCertified = isCertified
        self.event = event
    }
}

extension BlobRegistration {
    /// Whether a confirmation of this persistence is about this registration.
    func bears(_ persistence: BlobPersistence) -> Bool {
        switch persistence {
        case .permanent: kind == .permanent
        case .deletable(let object): self.object == object && kind != .permanent
        }
    }
}

/// All that the ledger's events say of one blob, counted over every object that names it.
///
/// A blob's data is kept while any registration of it is alive; several owners may register the
/// same bytes, permanently, deletably and in pools, and one's deletion takes nothing from the
/// others (walrus-system, section 1.6). An invalid blob is that for ever.
package struct BlobInfo: Hashable, Sendable {
    /// Bytes before encoding, as registered.
    package let length: UInt64
    /// In order of their object ids.
    package private(set) var registrations: [BlobRegistration]
    package private(set) var invalidated: StatusEvent?
    package private(set) var initialCertifiedEpoch: Epoch?

    package init(length: UInt64) {
        self.length = length
        registrations = []
    }

    package mutating func register(_ registration: BlobRegistration) {
        guard position(of: registration.object) == nil else { return }
        let place =
            registrations.firstIndex { $0.object > registration.object } ?? registrations.endIndex
        registrations.insert(registration, at: place)
    }

    /// Records a certification or an extension of an object that was registered before.
    package mutating func certify(
        _ object: ObjectID,
        end: Epoch,
        epoch: Epoch,
        event: StatusEvent
    ) {
        guard let place = position(of: object) else { return }
        registrations[place].isCertified = true
        registrations[place].end = end
        registrations[place].event = event
        initialCertifiedEpoch = min(initialCertifiedEpoch ?? epoch, epoch)
    }

    package mutating func delete(_ object: ObjectID) {
        guard let place = position(of: object) else { return }
        registrations.remove(at: place)
        if !registrations.contains(where: \.isCertified) { initialCertifiedEpoch = nil }
    }

    package mutating func invalidate(_ event: StatusEvent) {
        invalidated = invalidated ?? event
        registrations = []
        initialCertifiedEpoch = nil
    }

    private func position(of object: ObjectID) -> Int? {
        registrations.firstIndex { $0.object == object }
    }

    /// The registrations that are alive in `epoch`; `poolEnd` says when a pool ends.
    package func live(
        at epoch: Epoch,
        poolEnd: (ObjectID) -> Epoch?
    ) -> [BlobRegistration] {
        registrations.filter { registration in
            switch registration.kind {
            case .permanent, .deletable: epoch < registration.end
            case .pooled(let pool): epoch < (poolEnd(pool) ?? registration.end)
            }
        }
    }

    /// What the node answers when it is asked for the blob's status.
    package func status(
        at epoch: Epoch,
        poolEnd: (ObjectID) -> Epoch?
    ) -> NodeBlobStatus {
        if let invalidated { return .invalid(invalidated) }
        let live = live(at: epoch, poolEnd: poolEnd)
        let deletable = live.filter { $0.kind != .permanent }
        let counts = NodeBlobStatus.DeletableCounts(
            total: UInt32(clamping: deletable.count),
            certified: UInt32(clamping: deletable.filter(\.isCertified).count)
        )
        let permanent = live.filter { $0.kind == .permanent }
        let certified = permanent.filter(\.isCertified)
        // The one that lasts longest speaks for all; certified ones go before registered ones.
        if let best = (certified.isEmpty ? permanent : certified).max(by: { $0.end < $1.end }) {
            return .permanent(
                end: best.end,
                isCertified: best.isCertified,
                event: best.event,
                counts,
                initialCertifiedEpoch: initialCertifiedEpoch
            )
        }
        guard !live.isEmpty else { return .nonexistent }
        return .deletable(counts, initialCertifiedEpoch: initialCertifiedEpoch)
    }
}

extension StatusEvent {
    func encode(to writer: inout ByteWriter) {
        writer.write(transaction)
        writer.write(index)
    }

    init(from reader: inout ByteReader) throws(CodecError) {
        self.init(transaction: try reader.read(), index: try reader.readUInt32())
    }
}

extension BlobRegistration: BCSCodable {
    package func encode(to writer: inout ByteWriter) {
        writer.write(object)
        switch kind {
        case .permanent: writer.write(uleb: 0)
        case .deletable: writer.write(uleb: 1)
        case .pooled(let pool):
            writer.write(uleb: 2)
            writer.write(pool)
        }
        writer.write(end)
        writer.write(isCertified)
        event.encode(to: &writer)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        object = try reader.read()
        switch try reader.readULEB() {
        case 0: kind = .permanent
        case 1: kind = .deletable
        case 2: kind = .pooled(try reader.read())
        case let tag: throw .unknownTag(tag, of: "blob registration")
        }
        end = try reader.readUInt32()
        isCertified = try reader.readBool()
        event = try StatusEvent(from: &reader)
    }
}

extension BlobInfo: BCSCodable {
    package func encode(to writer: inout ByteWriter) {
        writer.write(length)
        writer.write(vector: registrations)
        writer.write(invalidated != nil)
        invalidated?.encode(to: &writer)
        writer.write(optional: initialCertifiedEpoch)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        length = try reader.readUInt64()
        registrations = try reader.readVector(limit: 1 << 24, itemSize: 74)
        invalidated = try reader.readBool() ? try StatusEvent(from: &reader) : nil
        initialCertifiedEpoch = try reader.readOptional()
    }
}
