package import BlobModel
internal import Codec

/// The keys of the state's rows: a kind byte and its parts (`Docs/Formats/ledger-state.md`).
package enum StateKey {
    package static let parameters: [UInt8] = [0x01]
    package static let committee: [UInt8] = [0x03]
    package static let accounting: [UInt8] = [0x10]
    static let epochChange: [UInt8] = [0x12]
    static let selection: [UInt8] = [0x13]

    static let accounts: [UInt8] = [0x02]
    static let nodes: [UInt8] = [0x04]
    static let storages: [UInt8] = [0x05]
    static let blobs: [UInt8] = [0x06]
    static let pools: [UInt8] = [0x07]
    static let pooledBlobs: [UInt8] = [0x08]
    static let holders: [UInt8] = [0x09]
    static let poolContents: [UInt8] = [0x0A]
    static let volumes: [UInt8] = [0x0B]
    static let retirements: [UInt8] = [0x0C]
    static let expiries: [UInt8] = [0x0D]
    static let standings: [UInt8] = [0x11]

    package static func account(_ address: Address) -> [UInt8] { accounts + address.bytes }
    package static func node(_ id: NodeID) -> [UInt8] { nodes + id.bytes }
    static func standing(_ id: NodeID) -> [UInt8] { standings + id.bytes }
    package static func storage(_ id: ObjectID) -> [UInt8] { storages + id.bytes }
    package static func blob(_ id: ObjectID) -> [UInt8] { blobs + id.bytes }
    package static func pool(_ id: ObjectID) -> [UInt8] { pools + id.bytes }
    package static func pooledBlob(_ id: ObjectID) -> [UInt8] { pooledBlobs + id.bytes }
    package static func volume(_ id: VolumeID) -> [UInt8] { volumes + id.bytes }

    static func holder(_ blob: BlobID, _ object: ObjectID) -> [UInt8] {
        holders + blob.bytes + object.bytes
    }

    static func holders(of blob: BlobID) -> [UInt8] { holders + blob.bytes }

    static func inPool(_ pool: ObjectID, _ blob: BlobID) -> [UInt8] {
        poolContents + pool.bytes + blob.bytes
    }

    static func retirement(_ pool: ObjectID, _ blob: BlobID) -> [UInt8] {
        retirements + pool.bytes + blob.bytes
    }

    static func retirements(of pool: ObjectID) -> [UInt8] { retirements + pool.bytes }

    static func expiry(_ milliseconds: UInt64, _ digest: TransactionDigest) -> [UInt8] {
        var writer = ByteWriter()
        writer.write(raw: expiries)
        writer.write(bigEndian: milliseconds)
        writer.write(digest)
        return writer.bytes
    }

    static func result(_ digest: TransactionDigest) -> [UInt8] { [0x0E] + digest.bytes }
    static func invalid(_ blob: BlobID) -> [UInt8] { [0x0F] + blob.bytes }
}

extension StateReader {
    /// The value under `key`, which must read as what the ledger writes there.
    func read<Value: BCSDecodable>(
        _ key: [UInt8],
        _ type: Value.Type = Value.self
    ) throws(StateError) -> Value? {
        guard let bytes = try value(key) else { return nil }
        do {
            return try Value(bcsBytes: bytes)
        } catch {
            throw .damaged(key: key)
        }
    }

    /// As `read`, of a row that is always there.
    func require<Value: BCSDecodable>(
        _ key: [UInt8],
        _ type: Value.Type = Value.self
    ) throws(StateError) -> Value {
        guard let value: Value = try read(key) else { throw .damaged(key: key) }
        return value
    }
}
