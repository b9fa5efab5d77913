// A certificate is a quorum's confirmations of one message, in one piece
// (`Docs/Formats/certificate.md`):
//
//     certificate := scheme:u8(1) epoch:u32 bitmap:bytes signatures:vector<u8[64]> message:bytes
//
// Bit i of the bitmap (byte i / 8, least significant first) is member i of the committee of that
// epoch; signatures are in member order. The scheme is behind this one type, so that an aggregate
// signature can come in as another tag.

package import Codec

/// Why a certificate does not count.
package enum CertificateError: Error, Hashable, Sendable {
    /// The certificate or its message is of another epoch than the committee.
    case wrongEpoch(certificate: Epoch, committee: Epoch)
    /// The message's epoch differs from the certificate's.
    case inconsistentEpoch
    /// The message bytes are no protocol message.
    case notAMessage
    /// The message is about something else than what it was brought for.
    case wrongMessage
    /// A bit beyond the last member is set, or the bitmap ends in a zero byte.
    case malformedBitmap
    /// There are more or fewer signatures than bits.
    case signatureCount(bits: Int, signatures: Int)
    /// This member's signature is not its own, or is over something else.
    case badSignature(member: Int)
    /// The signers hold too few shards.
    case insufficientWeight(weight: Int, needed: Int)
}

/// Signatures of several members of one committee over one message.
package struct Certificate: Hashable, Sendable {
    package let epoch: Epoch
    package let bitmap: [UInt8]
    package let signatures: [Signature]
    package let message: [UInt8]

    package init(epoch: Epoch, bitmap: [UInt8], signatures: [Signature], message: [UInt8]) {
        self.epoch = epoch
        self.bitmap = bitmap
        self.signatures = signatures
        self.message = message
    }

    /// Assembles what members (by index, in any order, each once) signed.
    ///
    /// - Precondition: No member occurs twice.
    package init(message: ProtocolMessage, signatures: [(member: Int, signature: Signature)]) {
        let sorted = signatures.sorted { $0.member < $1.member }
        var bitmap = [UInt8](repeating: 0, count: sorted.last.map { $0.member / 8 + 1 } ?? 0)
        for (member, _) in sorted {
            let bit = UInt8(1) << UInt8(member % 8)
            precondition(bitmap[member / 8] & bit == 0)
            bitmap[member / 8] |= bit
        }
        self.init(
            epoch: message.epoch,
            bitmap: bitmap,
            signatures: sorted.map(\.signature),
            message: message.bcsBytes
        )
    }

    /// The indexes of the members whose bits are set, ascending.
    package var signers: [Int] {
        var indexes: [Int] = []
        for (position, byte) in bitmap.enumerated() {
            for bit in 0..<8 where byte >> UInt8(bit) & 1 == 1 {
                indexes.append(position * 8 + bit)
            }
        }
        return indexes
    }

    /// Returns the message, if enough of the committee signed it.
    ///
    /// A storage confirmation needs a quorum; an invalid blob id needs so much weight that one
    /// correct node is among the signers.
    package func verify(
        against committee: Committee,
        in domain: SigningDomain
    ) throws(CertificateError) -> ProtocolMessage {
        guard epoch == committee.epoch else {
            throw .wrongEpoch(certificate: epoch, committee: committee.epoch)
        }
        // The reason for the refusal is the same whatever is wrong with the bytes.
        guard let decoded = try? ProtocolMessage(bcsBytes: message) else { throw .notAMessage }
        guard decoded.epoch == epoch else { throw .inconsistentEpoch }
        let signers = try checkedSigners(of: committee)
        let weight = signers.reduce(0) { $0 + committee.members[$1].weight }
        let needed =
            switch decoded {
            case .storageConfirmation: committee.quorum
            case .invalidBlobID: committee.validity
            }
        guard weight >= needed else {
            throw .insufficientWeight(weight: weight, needed: needed)
        }
        let signed = domain.signedBytes(of: message)
        for (signer, signature) in zip(signers, signatures) {
            guard committee.members[signer].protocolKey.isValid(signature, for: signed) else {
                throw .badSignature(member: signer)
            }
        }
        return decoded
    }

    private func checkedSigners(of committee: Committee) throws(CertificateError) -> [Int] {
        guard bitmap.count <= (committee.members.count + 7) / 8, bitmap.last != 0 else {
            throw .malformedBitmap
        }
        let signers = self.signers
        if let last = signers.last, last >= committee.members.count { throw .malformedBitmap }
        guard signers.count == signatures.count else {
            throw .signatureCount(bits: signers.count, signatures: signatures.count)
        }
        return signers
    }
}

extension Certificate: BCSCodable {
    /// One Ed25519 signature for each signer.
    private static let scheme: UInt8 = 1

    package func encode(to writer: inout ByteWriter) {
        writer.write(Self.scheme)
        writer.write(epoch)
        writer.write(bytes: bitmap)
        writer.write(vector: signatures)
        writer.write(bytes: message)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        let scheme = try reader.readUInt8()
        guard scheme == Self.scheme else {
            throw .unknownTag(UInt32(scheme), of: "certificate scheme")
        }
        epoch = try reader.readUInt32()
        bitmap = try reader.readBytes(limit: (Committee.shardsMax + 7) / 8)
        signatures = try reader.readVector(limit: Committee.shardsMax, itemSize: 64)
        message = try reader.readBytes(limit: SignedMessage.messageLengthMax)
    }
}
