// The recovery key is all that a machine which has never seen a volume needs to bring it back:
//
//     line := "walrusfs-key-1:" base64url(body ‖ checksum)
//     body := hints:vector<string> network:u8[32] volume:u8[32] secret:u8[32]
//
// `checksum` is the first 8 bytes of BLAKE2b-256("walrus-swift/recovery-key/1" ‖ 0x00 ‖ body).
// `Docs/Formats/recovery-key.md` is normative.

internal import Codec

/// Why a text is no recovery key.
package enum RecoveryKeyError: Error, Equatable, Sendable {
    /// The text does not start like a recovery key.
    case notARecoveryKey
    /// It is one, of a version that this program does not know.
    case unknownVersion(String)
    /// A character is missing, surplus or wrong.
    case damaged
}

/// A volume's secret and how to find its network; whoever has it owns the volume.
package struct RecoveryKey: Hashable, Sendable {
    /// More hints than this are refused.
    package static let hintsMax = 8
    private static let prefix = "walrusfs-key-"
    private static let checksumLength = 8

    /// Network URLs that worked when the key was exported; only hints.
    package let networkHints: [String]
    package let network: NetworkID
    package let volume: VolumeID
    /// The root of all of the volume's keys, 32 bytes.
    ///
    /// Never printed but by `text`.
    package let rootSecret: [UInt8]

    /// - Precondition: `rootSecret` has 32 bytes; there are at most 8 hints of up to 1024 bytes.
    package init(
        networkHints: [String],
        network: NetworkID,
        volume: VolumeID,
        rootSecret: [UInt8]
    ) {
        precondition(rootSecret.count == 32)
        precondition(networkHints.count <= Self.hintsMax)
        precondition(networkHints.allSatisfy { $0.utf8.count <= 1024 })
        self.networkHints = networkHints
        self.network = network
        self.volume = volume
        self.rootSecret = rootSecret
    }

    /// Reads the printed line; white space around it is ignored.
    package init(text: String) throws(RecoveryKeyError) {
        let line = text.drop { $0.isWhitespace }
        let trimmed = line.lastIndex { !$0.isWhitespace }.map { line[...$0] } ?? line
        guard trimmed.hasPrefix(Self.prefix) else { throw .notARecoveryKey }
        let rest = trimmed.dropFirst(Self.prefix.count)
        guard let colon = rest.firstIndex(of: ":") else { throw .damaged }
        guard rest[..<colon] == "1" else { throw .unknownVersion(String(rest[..<colon])) }
        let payload = String(rest[rest.index(after: colon)...])
        // A key is under 9,000 bytes; more characters are not worth decoding.
        guard payload.utf8.count <= 16_384, let bytes = try? Base64.decodeURLSafe(payload),
            bytes.count > Self.checksumLength
        else { throw .damaged }
        let body = Array(bytes.dropLast(Self.checksumLength))
        guard Array(bytes.suffix(Self.checksumLength)) == Self.checksum(of: body) else {
            throw .damaged
        }
        // The checksum holds, so what does not parse was never made by `text`.
        guard let key = try? Self(body: body) else { throw .damaged }
        self = key
    }

    private init(body: [UInt8]) throws(CodecError) {
        var reader = ByteReader(body)
        let count = try reader.readLength(limit: Self.hintsMax)
        var hints: [String] = []
        for _ in 0..<count { hints.append(try reader.readString(limit: 1024)) }
        networkHints = hints
        network = try reader.read()
        volume = try reader.read()
        rootSecret = try reader.readRaw(32)
        try reader.finish()
    }

    private static func checksum(of body: [UInt8]) -> [UInt8] {
        Array(Blake2b256.hash(body, kind: "recovery-key").prefix(checksumLength))
    }

    /// The line to keep in a safe place.
    ///
    /// It contains the secret.
    package var text: String {
        var writer = ByteWriter()
        writer.write(length: networkHints.count)
        for hint in networkHints { writer.write(string: hint) }
        writer.write(network)
        writer.write(volume)
        writer.write(raw: rootSecret)
        let body = writer.bytes
        return Self.prefix + "1:" + Base64.encodeURLSafe(body + Self.checksum(of: body))
    }
}

extension RecoveryKey: CustomStringConvertible {
    /// Names the volume and keeps the secret.
    package var description: String { "RecoveryKey(volume: \(volume), network: \(network))" }
}
