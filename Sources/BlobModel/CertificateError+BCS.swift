package import Codec

extension CertificateError: BCSCodable {
    package func encode(to writer: inout ByteWriter) {
        switch self {
        case .wrongEpoch(let certificate, let committee):
            writer.write(uleb: 0)
            writer.write(certificate)
            writer.write(committee)
        case .inconsistentEpoch: writer.write(uleb: 1)
        case .notAMessage: writer.write(uleb: 2)
        case .wrongMessage: writer.write(uleb: 3)
        case .malformedBitmap: writer.write(uleb: 4)
        case .signatureCount(let bits, let signatures):
            writer.write(uleb: 5)
            writer.write(length: bits)
            writer.write(length: signatures)
        case .badSignature(let member):
            writer.write(uleb: 6)
            writer.write(length: member)
        case .insufficientWeight(let weight, let needed):
            writer.write(uleb: 7)
            writer.write(length: weight)
            writer.write(length: needed)
        }
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        switch try reader.readULEB() {
        case 0:
            self = .wrongEpoch(
                certificate: try reader.readUInt32(),
                committee: try reader.readUInt32()
            )
        case 1: self = .inconsistentEpoch
        case 2: self = .notAMessage
        case 3: self = .wrongMessage
        case 4: self = .malformedBitmap
        case 5:
            self = .signatureCount(
                bits: Int(try reader.readULEB()),
                signatures: Int(try reader.readULEB())
            )
        case 6: self = .badSignature(member: Int(try reader.readULEB()))
        case 7:
            self = .insufficientWeight(
                weight: Int(try reader.readULEB()),
                needed: Int(try reader.readULEB())
            )
        case let tag: throw .unknownTag(tag, of: "certificate error")
        }
    }
}
