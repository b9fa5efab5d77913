package import BlobModel
package import Codec

/// A question about the ledger's newest state; one kind of request for all of them.
package enum LedgerQuery: Hashable, Sendable {
    case info
    case committee
    case node(NodeID)
    case nodes
    case balance(Address)
    case storage(ObjectID)
    case blob(ObjectID)
    case blobStatus(BlobID)
    case pool(ObjectID)
    case pooledBlob(ObjectID)
    /// The blob with this id in that pool.
    case blobInPool(ObjectID, BlobID)
    case volume(VolumeID)
    /// The volume with its pool's numbers, as the filesystem takes it.
    case volumeRecord(VolumeID)
    /// Retired blobs of a pool, ascending by blob id, after that one; at most 1,024.
    case retired(pool: ObjectID, after: BlobID?)
    case result(TransactionDigest)
    case epochState
    case standing(NodeID)
}

/// The answer to the query of the same name; nil where the ledger knows no such thing.
package enum LedgerAnswer: Hashable, Sendable {
    case info(LedgerInfo)
    case committee(Committee)
    case node(NodeRecord?)
    case nodes([NodeRecord])
    case balance(Frost)
    case storage(StorageRecord?)
    case blob(BlobRecord?)
    case blobStatus(BlobStatusRecord)
    case pool(PoolRecord?)
    case pooledBlob(PooledBlobRecord?)
    case volume(VolumeState?)
    case volumeRecord(VolumeRecord?)
    case retired([PooledBlobRecord])
    case result(TransactionResult?)
    case epochState(EpochState)
    case standing(NodeStanding)
}

extension LedgerQuery: BCSCodable {
    package func encode(to writer: inout ByteWriter) {
        switch self {
        case .info: writer.write(uleb: 0)
        case .committee: writer.write(uleb: 1)
        case .node(let node): encode(2, node, to: &writer)
        case .nodes: writer.write(uleb: 3)
        case .balance(let address): encode(4, address, to: &writer)
        case .storage(let object): encode(5, object, to: &writer)
        case .blob(let object): encode(6, object, to: &writer)
        case .blobStatus(let blob): encode(7, blob, to: &writer)
        case .pool(let object): encode(8, object, to: &writer)
        case .pooledBlob(let object): encode(9, object, to: &writer)
        case .blobInPool(let pool, let blob):
            encode(10, pool, to: &writer)
            writer.write(blob)
        case .volume(let volume): encode(11, volume, to: &writer)
        case .volumeRecord(let volume): encode(12, volume, to: &writer)
        case .retired(let pool, let after):
            encode(13, pool, to: &writer)
            writer.write(optional: after)
        case .result(let digest): encode(14, digest, to: &writer)
        case .epochState: writer.write(uleb: 15)
        case .standing(let node): encode(16, node, to: &writer)
        }
    }

    private func encode(_ tag: UInt32, _ id: some Digest32, to writer: inout ByteWriter) {
        writer.write(uleb: tag)
        writer.write(id)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        switch try reader.readULEB() {
        case 0: self = .info
        case 1: self = .committee
        case 2: self = .node(try reader.read())
        case 3: self = .nodes
        case 4: self = .balance(try reader.read())
        case 5: self = .storage(try reader.read())
        case 6: self = .blob(try reader.read())
        case 7: self = .blobStatus(try reader.read())
        case 8: self = .pool(try reader.read())
        case 9: self = .pooledBlob(try reader.read())
        case 10: self = .blobInPool(try reader.read(), try reader.read())
        case 11: self = .volume(try reader.read())
        case 12: self = .volumeRecord(try reader.read())
        case 13: self = .retired(pool: try reader.read(), after: try reader.readOptional())
        case 14: self = .result(try reader.read())
        case 15: self = .epochState
        case 16: self = .standing(try reader.read())
        case let tag: throw .unknownTag(tag, of: "ledger query")
        }
    }
}

extension LedgerAnswer: BCSCodable {
    package func encode(to writer: inout ByteWriter) {
        switch self {
        case .info(let info): encode(0, info, to: &writer)
        case .committee(let committee): encode(1, committee, to: &writer)
        case .node(let record): encode(2, optional: record, to: &writer)
        case .nodes(let records):
            writer.write(uleb: 3)
            writer.write(vector: records)
        case .balance(let balance): encode(4, balance, to: &writer)
        case .storage(let record): encode(5, optional: record, to: &writer)
        case .blob(let record): encode(6, optional: record, to: &writer)
        case .blobStatus(let record): encode(7, record, to: &writer)
        case .pool(let record): encode(8, optional: record, to: &writer)
        case .pooledBlob(let record): encode(9, optional: record, to: &writer)
        case .volume(let record): encode(10, optional: record, to: &writer)
        case .volumeRecord(let record): encode(11, optional: record, to: &writer)
        case .retired(let records):
            writer.write(uleb: 12)
            writer.write(vector: records)
        case .result(let result): encode(13, optional: result, to: &writer)
        case .epochState(let state): encode(14, state, to: &writer)
        case .standing(let standing): encode(15, standing, to: &writer)
        }
    }

    private func encode(_ tag: UInt32, _ value: some BCSEncodable, to writer: inout ByteWriter) {
        writer.write(uleb: tag)
        writer.write(value)
    }

    private func encode<Value: BCSEncodable>(
        _ tag: UInt32,
        optional value: Value?,
        to writer: inout ByteWriter
    ) {
        writer.write(uleb: tag)
        writer.write(optional: value)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        switch try reader.readULEB() {
        case 0: self = .info(try reader.read())
        case 1: self = .committee(try reader.read())
        case 2: self = .node(try reader.readOptional())
        case 3:
            self = .nodes(try reader.readVector(limit: Committee.shardsMax, itemSize: 138))
        case 4: self = .balance(try reader.readUInt64())
        case 5: self = .storage(try reader.readOptional())
        case 6: self = .blob(try reader.readOptional())
        case 7: self = .blobStatus(try reader.read())
        case 8: self = .pool(try reader.readOptional())
        case 9: self = .pooledBlob(try reader.readOptional())
        case 10: self = .volume(try reader.readOptional())
        case 11: self = .volumeRecord(try reader.readOptional())
        case 12: self = .retired(try reader.readVector(limit: 1024, itemSize: 150))
        case 13: self = .result(try reader.readOptional())
        case 14: self = .epochState(try reader.read())
        case 15: self = .standing(try reader.read())
        case let tag: throw .unknownTag(tag, of: "ledger answer")
        }
    }
}
