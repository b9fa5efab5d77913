package import Codec

extension ExecutionFailure: BCSCodable {
    package func encode(to writer: inout ByteWriter) {
        switch self {
        case .unknownObject(let object):
            writer.write(uleb: 0)
            writer.write(object)
        case .badReference(let command):
            writer.write(uleb: 1)
            writer.write(command)
        case .notAuthorised(let object):
            writer.write(uleb: 2)
            writer.write(object)
        case .insufficientBalance(let needed, let available):
            writer.write(uleb: 3)
            writer.write(needed)
            writer.write(available)
        case .arithmeticOverflow: writer.write(uleb: 4)
        case .invalidArgument(let text):
            writer.write(uleb: 5)
            writer.write(string: text)
        case .capacityExceeded(let epoch):
            writer.write(uleb: 6)
            writer.write(epoch)
        case .ended(let object, let epoch):
            writer.write(uleb: 7)
            writer.write(object)
            writer.write(epoch)
        case .storageTooSmall(let needed, let available):
            writer.write(uleb: 8)
            writer.write(needed)
            writer.write(available)
        case .blobIDMismatch: writer.write(uleb: 9)
        case .alreadyRegistered(let object):
            writer.write(uleb: 10)
            writer.write(object)
        case .alreadyCertified(let object):
            writer.write(uleb: 11)
            writer.write(object)
        case .notCertified(let object):
            writer.write(uleb: 12)
            writer.write(object)
        case .badCertificate(let error):
            writer.write(uleb: 13)
            writer.write(error)
        default: encodeVolumeFailure(to: &writer)
        }
    }

    private func encodeVolumeFailure(to writer: inout ByteWriter) {
        switch self {
        case .notDeletable(let object):
            writer.write(uleb: 14)
            writer.write(object)
        case .invalidBlob(let blob):
            writer.write(uleb: 15)
            writer.write(blob)
        case .poolFull(let needed, let free):
            writer.write(uleb: 16)
            writer.write(needed)
            writer.write(free)
        case .poolTaken(let pool):
            writer.write(uleb: 17)
            writer.write(pool)
        case .headConflict(let current):
            writer.write(uleb: 18)
            writer.write(optional: current)
        case .leaseLost(let lease):
            writer.write(uleb: 19)
            writer.write(lease)
        case .notClaimed(let lease):
            writer.write(uleb: 20)
            writer.write(lease)
        case .patienceNotOver(let until):
            writer.write(uleb: 21)
            writer.write(until)
        case .tokensExhausted: writer.write(uleb: 22)
        case .manifestNotStored(let blob):
            writer.write(uleb: 23)
            writer.write(blob)
        case .pinNotKept(let sequence):
            writer.write(uleb: 24)
            writer.write(sequence)
        case .notRetired(let blob):
            writer.write(uleb: 25)
            writer.write(blob)
        case .stillNeeded(let blob, let sequence):
            writer.write(uleb: 26)
            writer.write(blob)
            writer.write(sequence)
        case .graceNotOver(let blob, let until):
            writer.write(uleb: 27)
            writer.write(blob)
            writer.write(until)
        case .wrongEpoch(let current):
            writer.write(uleb: 28)
            writer.write(current)
        case .epochNotOver(let until):
            writer.write(uleb: 29)
            writer.write(until)
        case .epochChangeUnderWay: writer.write(uleb: 30)
        case .nodeInCommittee(let node):
            writer.write(uleb: 31)
            writer.write(node)
        default: preconditionFailure("Every failure is encoded here or by the caller.")
        }
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        switch try reader.readULEB() {
        case 0: self = .unknownObject(try reader.read())
        case 1: self = .badReference(try reader.readUInt16())
        case 2: self = .notAuthorised(try reader.read())
        case 3:
            self = .insufficientBalance(
                needed: try reader.readUInt64(),
                available: try reader.readUInt64()
            )
        case 4: self = .arithmeticOverflow
        case 5: self = .invalidArgument(try reader.readString(limit: 4096))
        case 6: self = .capacityExceeded(epoch: try reader.readUInt32())
        case 7: self = .ended(try reader.read(), at: try reader.readUInt32())
        case 8:
            self = .storageTooSmall(
                needed: try reader.readUInt64(),
                available: try reader.readUInt64()
            )
        case 9: self = .blobIDMismatch
        case 10: self = .alreadyRegistered(try reader.read())
        case 11: self = .alreadyCertified(try reader.read())
        case 12: self = .notCertified(try reader.read())
        case 13: self = .badCertificate(try reader.read())
        case 14: self = .notDeletable(try reader.read())
        case 15: self = .invalidBlob(try reader.read())
        case 16: self = .poolFull(needed: try reader.readUInt64(), free: try reader.readUInt64())
        case 17: self = .poolTaken(try reader.read())
        case 18: self = .headConflict(current: try reader.readOptional())
        case 19: self = .leaseLost(try reader.read())
        case 20: self = .notClaimed(try reader.read())
        case 21: self = .patienceNotOver(until: try reader.readUInt64())
        case 22: self = .tokensExhausted
        case 23: self = .manifestNotStored(try reader.read())
        case 24: self = .pinNotKept(try reader.readUInt64())
        case 25: self = .notRetired(try reader.read())
        case 26: self = .stillNeeded(try reader.read(), by: try reader.readUInt64())
        case 27: self = .graceNotOver(try reader.read(), until: try reader.readUInt64())
        case 28: self = .wrongEpoch(current: try reader.readUInt32())
        case 29: self = .epochNotOver(until: try reader.readUInt64())
        case 30: self = .epochChangeUnderWay
        case 31: self = .nodeInCommittee(try reader.read())
        case let tag: throw .unknownTag(tag, of: "execution failure")
        }
    }
}
