// The recovery key is all that a machine which has never seen a volume needs to bring it back:
//
//     line := "walrusfs-key-1:" base64url(body ‖ checksum)
//     body := hints:vector<string> network:u8[32] volume:u8[32] secret:u8[32]
//
// A key of version 2 has, in the place of the secret, the keys that read the volume:
//
//     body := hints:vector<string> network:u8[32] volume:u8[32] content:u8[32] chunk-id:u8[32]
//             name:u8[32]
//
// `checksum` is the first 8 bytes of
// BLAKE2b-256("walrus-swift/recovery-key/VERSION" ‖ 0x00 ‖ body).
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

/// The derived keys that read a volume, 32 bytes each; they neither write it nor pay for it.
package struct ReadingKeys: Hashable, Sendable, CustomStringConvertible {
    package static let length = 96

    package let content: [UInt8]
    package let chunkID: [UInt8]
    package let name: [UInt8]

    /// - Precondition: Each has 32 bytes.
    package init(content: [UInt8], chunkID: [UInt8], name: [UInt8]) {
        precondition(content.count == 32 && chunkID.count == 32 && name.count == 32)
        self.content = content
        self.chunkID = chunkID
        self.name = name
    }

    /// - Precondition: There are ``length`` of them.
    package init(bytes: [UInt8]) {
        precondition(bytes.count == Self.length)
        self.init(
            content: Array(bytes[..<32]),
            chunkID: Array(bytes[32..<64]),
            name: Array(bytes[64...])
        )
    }

    package var bytes: [UInt8] { content + chunkID + name }

    package var description: String { "ReadingKeys" }
}

/// A volume's secret, or the keys that read it, and how to find its network.
///
/// Whoever has the secret owns the volume.
package struct RecoveryKey: Hashable, Sendable {
    /// More hints than this are refused.
    package static let hintsMax = 8
    private static let prefix = "walrusfs-key-"
    private static let checksumLength = 8

    /// Network URLs that worked when the key was exported; only hints.
    package let networkHints: [String]
    package let network: NetworkID
    package let volume: VolumeID
    /// What the key gives; never printed but by `text`.
    package let access: Access

    package enum Access: Hashable, Sendable {
        /// The root of all of the volume's keys, 32 bytes.
        case owner(rootSecret: [UInt8])
        case reader(ReadingKeys)

        fileprivate var version: Int {
            switch self {
            case .owner: 1
            case .reader: 2
            }
        }
    }

    /// - Precondition: A root secret has 32 bytes; there are at most 8 hints of up to 1024 bytes.
    package init(
        networkHints: [String],
        network: NetworkID,
        volume: VolumeID,
        access: Access
    ) {
        if case .owner(let rootSecret) = access { precondition(rootSecret.count == 32) }
        precondition(networkHints.count <= Self.hintsMax)
        precondition(networkHints.allSatisfy { $0.utf8.count <= 1024 })
        self.networkHints = networkHints
        self.network = network
        self.volume = volume
        self.access = access
    }

    /// Reads the printed line; white space around it is ignored.
    package init(text: String) throws(RecoveryKeyError) {
        let line = text.drop { $0.isWhitespace }
        let trimmed = line.lastIndex { !$0.isWhitespace }.map { line[...$0] } ?? line
        guard trimmed.hasPrefix(Self.prefix) else { throw .notARecoveryKey }
        let rest = trimmed.dropFirst(Self.prefix.count)
        guard let colon = rest.firstIndex(of: ":") else { throw .damaged }
        guard let version = ["1": 1, "2": 2][rest[..<colon]] else {
            throw .unknownVersion(String(rest[..<colon]))
        }
        let payload = String(rest[rest.index(after: colon)...])
        // A key is under 9,000 bytes; more characters are not worth decoding.
        guard payload.utf8.count <= 16_384, let bytes = try? Base64.decodeURLSafe(payload),
            bytes.count > Self.checksumLength
        else { throw .damaged }
        let body = Array(bytes.dropLast(Self.checksumLength))
        guard Array(bytes.suffix(Self.checksumLength)) == Self.checksum(of: body, version) else {
            throw .damaged
        }
        // The checksum holds, so what does not parse was never made by `text`.
        guard let key = try? Self(body: body, isReader: version == 2) else { throw .damaged }
        self = key
    }

    private init(body: [UInt8], isReader: Bool) throws(CodecError) {
        var reader = ByteReader(body)
        let count = try reader.readLength(limit: Self.hintsMax)
        var hints: [String] = []
        for _ in 0..<count { hints.append(try reader.readString(limit: 1024)) }
        networkHints = hints
        network = try reader.read()
        volume = try reader.read()
        access =
            isReader
            ? .reader(ReadingKeys(bytes: try reader.readRaw(ReadingKeys.length)))
            : .owner(rootSecret: try reader.readRaw(32))
        try reader.finish()
    }

    private static func checksum(of body: [UInt8], _ version: Int) -> [UInt8] {
        let hash = Blake2b256.hash(body, kind: "recovery-key", version: version)
        return Array(hash.prefix(checksumLength))
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
        switch access {
        case .owner(let rootSecret): writer.write(raw: rootSecret)
        case .reader(let keys): writer.write(raw: keys.bytes)
        }
        let body = writer.bytes
        let checked = body + Self.checksum(of: body, access.version)
        return Self.prefix + "\(access.version):" + Base64.encodeURLSafe(checked)
    }
}

extension RecoveryKey: CustomStringConvertible {
    /// Names the volume and keeps the secret.
    package var description: String { "RecoveryKey(volume: \(volume), network: \(network))" }
}
