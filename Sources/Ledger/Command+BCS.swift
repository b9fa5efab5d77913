internal import BlobModel
package import Codec

extension ObjectReference: BCSCodable {
    package func encode(to writer: inout ByteWriter) {
        switch self {
        case .id(let object):
            writer.write(uleb: 0)
            writer.write(object)
        case .result(let command):
            writer.write(uleb: 1)
            writer.write(command)
        }
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        switch try reader.readULEB() {
        case 0: self = .id(try reader.read())
        case 1: self = .result(try reader.readUInt16())
        case let tag: throw .unknownTag(tag, of: "object reference")
        }
    }
}

extension BlobDescription: BCSCodable {
    package func encode(to writer: inout ByteWriter) {
        writer.write(blob)
        writer.write(raw: root)
        writer.write(length)
        writer.write(encoding)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        blob = try reader.read()
        root = try reader.readRaw(32)
        length = try reader.readUInt64()
        encoding = try reader.readUInt8()
    }
}

extension Payer: BCSCodable {
    package func encode(to writer: inout ByteWriter) { writer.write(rawValue) }

    package init(from reader: inout ByteReader) throws(CodecError) {
        let tag = try reader.readUInt8()
        guard let payer = Payer(rawValue: tag) else {
            throw .unknownTag(UInt32(tag), of: "payer")
        }
        self = payer
    }
}

extension Command: BCSCodable {
    /// The tag on the wire; append-only.
    package var tag: UInt32 {
        switch self {
        case .transfer: 0
        case .reserveSpace: 1
        case .registerBlob: 2
        case .certifyBlob: 3
        case .extendBlob: 4
        case .deleteBlob: 5
        case .invalidateBlob: 6
        case .createPool: 7
        case .extendPool: 8
        case .growPool: 9
        case .fundPool: 10
        case .registerPooledBlob: 11
        case .certifyPooledBlob: 12
        case .deletePooledBlob: 13
        case .createVolume: 14
        case .acquireLease: 15
        case .keepLease: 16
        case .takeOverLease: 17
        case .releaseLease: 18
        case .publishHead: 19
        case .retire: 20
        case .deleteRetired: 21
        case .updateNode: 22
        case .advanceEpoch: 23
        case .registerNode: 24
        case .stake: 25
        case .withdrawStake: 26
        case .setCandidacy: 27
        case .rotateProtocolKey: 28
        case .vote: 29
        case .selectCommittee: 30
        case .reportSync: 31
        }
    }

    /// The first protocol version that has this command.
    var protocolVersion: UInt32 { tag < 24 ? 1 : 2 }

    package func encode(to writer: inout ByteWriter) {
        writer.write(uleb: tag)
        switch self {
        case .transfer(let recipient, let amount):
            writer.write(recipient)
            writer.write(amount)
        case .reserveSpace(let size, let epochs):
            writer.write(size)
            writer.write(epochs)
        case .registerBlob(let storage, let blob, let deletable):
            writer.write(storage)
            writer.write(blob)
            writer.write(deletable)
        case .certifyBlob(let object, let certificate),
            .certifyPooledBlob(let object, let certificate):
            writer.write(object)
            writer.write(certificate)
        case .extendBlob(let object, let epochs):
            writer.write(object)
            writer.write(epochs)
        case .deleteBlob(let object), .deletePooledBlob(let object): writer.write(object)
        case .invalidateBlob(let certificate): writer.write(certificate)
        case .createPool(let capacity, let epochs, let funds):
            writer.write(capacity)
            writer.write(epochs)
            writer.write(funds)
        case .extendPool(let pool, let epochs, let payer):
            writer.write(pool)
            writer.write(epochs)
            writer.write(payer)
        case .growPool(let pool, let bytes, let payer):
            writer.write(pool)
            writer.write(bytes)
            writer.write(payer)
        case .fundPool(let pool, let amount):
            writer.write(pool)
            writer.write(amount)
        case .registerPooledBlob(let pool, let blob):
            writer.write(pool)
            writer.write(blob)
        default: encodeVolumeCommand(to: &writer)
        }
    }

    private func encodeVolumeCommand(to writer: inout ByteWriter) {
        switch self {
        case .createVolume(let nameHash, let pool, let owner):
            precondition(nameHash.count == 32)
            writer.write(raw: nameHash)
            writer.write(pool)
            writer.write(owner)
        case .acquireLease(let volume, let mount), .takeOverLease(let volume, let mount):
            writer.write(volume)
            writer.write(mount)
        case .keepLease(let volume, let token), .releaseLease(let volume, let token):
            writer.write(volume)
            writer.write(token)
        case .publishHead(let volume, let expected, let manifest, let token, let pins):
            writer.write(volume)
            writer.write(expected)
            writer.write(manifest)
            writer.write(token)
            writer.write(vector: pins)
        case .retire(let volume, let blobs, let sequence, let token, let immediately):
            writer.write(volume)
            writer.write(vector: blobs)
            writer.write(sequence)
            writer.write(token)
            writer.write(immediately)
        case .deleteRetired(let volume, let blobs, let token):
            writer.write(volume)
            writer.write(vector: blobs)
            writer.write(token)
        case .updateNode(let node, let address, let networkKey):
            writer.write(node)
            writer.write(string: address)
            writer.write(networkKey)
        case .advanceEpoch(let epoch): writer.write(epoch)
        default: encodeNodeCommand(to: &writer)
        }
    }

    private func encodeNodeCommand(to writer: inout ByteWriter) {
        switch self {
        case .registerNode(let registration): writer.write(registration)
        case .stake(let node, let amount), .withdrawStake(let node, let amount):
            writer.write(node)
            writer.write(amount)
        case .setCandidacy(let node, let isCandidate):
            writer.write(node)
            writer.write(isCandidate)
        case .rotateProtocolKey(let node, let key, let proof):
            writer.write(node)
            writer.write(key)
            writer.write(proof)
        case .vote(let node, let vote):
            writer.write(node)
            writer.write(vote)
        case .selectCommittee(let epoch): writer.write(epoch)
        case .reportSync(let node, let epoch):
            writer.write(node)
            writer.write(epoch)
        default: preconditionFailure("Every command is encoded here or by the caller.")
        }
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        let tag = try reader.readULEB()
        switch tag {
        case 0: self = .transfer(to: try reader.read(), amount: try reader.readUInt64())
        case 1:
            self = .reserveSpace(
                size: try reader.readUInt64(),
                epochs: try reader.readUInt32()
            )
        case 2:
            self = .registerBlob(
                storage: try reader.read(),
                blob: try reader.read(),
                deletable: try reader.readBool()
            )
        case 3: self = .certifyBlob(try reader.read(), try reader.read())
        case 4: self = .extendBlob(try reader.read(), epochs: try reader.readUInt32())
        case 5: self = .deleteBlob(try reader.read())
        case 6: self = .invalidateBlob(try reader.read())
        case 7:
            self = .createPool(
                capacity: try reader.readUInt64(),
                epochs: try reader.readUInt32(),
                funds: try reader.readUInt64()
            )
        case 8:
            self = .extendPool(
                try reader.read(),
                epochs: try reader.readUInt32(),
                payer: try reader.read()
            )
        case 9:
            self = .growPool(
                try reader.read(),
                bytes: try reader.readUInt64(),
                payer: try reader.read()
            )
        case 10: self = .fundPool(try reader.read(), amount: try reader.readUInt64())
        case 11: self = .registerPooledBlob(pool: try reader.read(), blob: try reader.read())
        case 12: self = .certifyPooledBlob(try reader.read(), try reader.read())
        case 13: self = .deletePooledBlob(try reader.read())
        default: self = try Self.volumeCommand(tag, from: &reader)
        }
    }

    private static func volumeCommand(
        _ tag: UInt32,
        from reader: inout ByteReader
    ) throws(CodecError) -> Command {
        switch tag {
        case 14:
            .createVolume(
                nameHash: try reader.readRaw(32),
                pool: try reader.read(),
                writer: try reader.read()
            )
        case 15: .acquireLease(try reader.read(), mount: try reader.read())
        case 16: .keepLease(try reader.read(), token: try reader.readUInt32())
        case 17: .takeOverLease(try reader.read(), mount: try reader.read())
        case 18: .releaseLease(try reader.read(), token: try reader.readUInt32())
        case 19:
            .publishHead(
                try reader.read(),
                expected: try reader.readUInt64(),
                manifest: try reader.read(),
                token: try reader.readUInt32(),
                pins: try reader.readVector(limit: VolumeRecord.pinsMax, itemSize: 8)
            )
        case 20:
            .retire(
                try reader.read(),
                blobs: try reader.readVector(limit: blobsMax, itemSize: 32),
                sequence: try reader.readUInt64(),
                token: try reader.readUInt32(),
                immediately: try reader.readBool()
            )
        case 21:
            .deleteRetired(
                try reader.read(),
                blobs: try reader.readVector(limit: blobsMax, itemSize: 32),
                token: try reader.readUInt32()
            )
        case 22:
            .updateNode(
                try reader.read(),
                address: try reader.readString(limit: Committee.addressLengthMax),
                networkKey: try reader.read()
            )
        case 23: .advanceEpoch(from: try reader.readUInt32())
        default: try nodeCommand(tag, from: &reader)
        }
    }

    private static func nodeCommand(
        _ tag: UInt32,
        from reader: inout ByteReader
    ) throws(CodecError) -> Command {
        switch tag {
        case 24: .registerNode(try reader.read())
        case 25: .stake(try reader.read(), amount: try reader.readUInt64())
        case 26: .withdrawStake(try reader.read(), amount: try reader.readUInt64())
        case 27: .setCandidacy(try reader.read(), try reader.readBool())
        case 28:
            .rotateProtocolKey(try reader.read(), try reader.read(), proof: try reader.read())
        case 29: .vote(try reader.read(), try reader.read())
        case 30: .selectCommittee(from: try reader.readUInt32())
        case 31: .reportSync(try reader.read(), epoch: try reader.readUInt32())
        default: throw .unknownTag(tag, of: "command")
        }
    }
}
