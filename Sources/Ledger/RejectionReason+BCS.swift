package import Codec

extension RejectionReason: BCSCodable {
    package func encode(to writer: inout ByteWriter) {
        switch self {
        case .malformed(let text):
            writer.write(uleb: 0)
            writer.write(string: text)
        case .tooLarge(let limit):
            writer.write(uleb: 1)
            writer.write(limit)
        case .wrongNetwork(let network):
            writer.write(uleb: 2)
            writer.write(network)
        case .wrongIncarnation(let current):
            writer.write(uleb: 3)
            writer.write(current)
        case .wrongKey: writer.write(uleb: 4)
        case .badSignature: writer.write(uleb: 5)
        case .expired(let epoch, let milliseconds):
            writer.write(uleb: 6)
            writer.write(epoch)
            writer.write(milliseconds)
        case .validTooLong(let milliseconds):
            writer.write(uleb: 7)
            writer.write(milliseconds)
        case .feeTooLow(let required):
            writer.write(uleb: 8)
            writer.write(required)
        case .feeNotCovered(let required, let balance):
            writer.write(uleb: 9)
            writer.write(required)
            writer.write(balance)
        }
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        switch try reader.readULEB() {
        case 0: self = .malformed(try reader.readString(limit: 4096))
        case 1: self = .tooLarge(limit: try reader.readUInt64())
        case 2: self = .wrongNetwork(try reader.read())
        case 3: self = .wrongIncarnation(current: try reader.readUInt32())
        case 4: self = .wrongKey
        case 5: self = .badSignature
        case 6:
            self = .expired(epoch: try reader.readUInt32(), milliseconds: try reader.readUInt64())
        case 7: self = .validTooLong(milliseconds: try reader.readUInt64())
        case 8: self = .feeTooLow(required: try reader.readUInt64())
        case 9:
            self = .feeNotCovered(
                required: try reader.readUInt64(),
                balance: try reader.readUInt64()
            )
        case let tag: throw .unknownTag(tag, of: "rejection")
        }
    }
}

extension LedgerError: BCSCodable {
    package func encode(to writer: inout ByteWriter) {
        switch self {
        case .unavailable(let text):
            writer.write(uleb: 0)
            writer.write(string: text)
        case .outcomeUnknown(let text):
            writer.write(uleb: 1)
            writer.write(string: text)
        case .rejected(let reason):
            writer.write(uleb: 2)
            writer.write(reason)
        case .executionFailed(let command, let failure):
            writer.write(uleb: 3)
            writer.write(command)
            writer.write(failure)
        case .behind(let height):
            writer.write(uleb: 4)
            writer.write(height)
        case .notThisLedger(let text):
            writer.write(uleb: 5)
            writer.write(string: text)
        case .cancelled: writer.write(uleb: 6)
        }
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        switch try reader.readULEB() {
        case 0: self = .unavailable(try reader.readString(limit: 4096))
        case 1: self = .outcomeUnknown(try reader.readString(limit: 4096))
        case 2: self = .rejected(try reader.read())
        case 3: self = .executionFailed(command: try reader.readUInt16(), try reader.read())
        case 4: self = .behind(height: try reader.readUInt64())
        case 5: self = .notThisLedger(try reader.readString(limit: 4096))
        case 6: self = .cancelled
        case let tag: throw .unknownTag(tag, of: "ledger error")
        }
    }
}
