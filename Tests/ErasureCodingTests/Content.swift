internal import BlobModel
internal import Codec
internal import Crypto
internal import Foundation

/// The bytes that a test vector names.
struct Content: Decodable {
    let gen: String
    let length: Int
    let a: Int?
    let b: Int?
    let c: Int?
    let seed: Seed?
    let hex: String?
    let value: Int?

    enum Seed: Decodable {
        case text(String)
        case number(Int)

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            do {
                self = .number(try container.decode(Int.self))
            } catch is DecodingError {
                self = .text(try container.decode(String.self))
            }
        }
    }

    struct UnknownGenerator: Error { let name: String }

    func bytes() throws -> [UInt8] {
        switch (gen, seed) {
        case ("poly", _):
            let (a, b, c) = (a ?? 31, b ?? 7, c ?? 3)
            return (0..<length).map { UInt8((a * $0 * $0 + b * $0 + c) % 251) }
        case ("seq", .number(let start)):
            return (0..<length).map { UInt8(truncatingIfNeeded: $0 + start) }
        case ("sha256ctr", .text(let seed)):
            var bytes: [UInt8] = []
            var counter: UInt64 = 0
            while bytes.count < length {
                var writer = ByteWriter()
                writer.write(raw: Array(seed.utf8))
                writer.write(counter)
                bytes += Array(SHA256.hash(data: writer.bytes))
                counter += 1
            }
            return Array(bytes.prefix(length))
        case ("const", _):
            return [UInt8](repeating: UInt8(value ?? 0), count: length)
        case ("hex", _):
            return try Hex.decode(hex ?? "")
        default:
            throw UnknownGenerator(name: gen)
        }
    }
}

/// SHA-256, as the vectors name long bytes.
func sha256(_ bytes: [UInt8]) -> String { Hex.encode(Array(SHA256.hash(data: bytes))) }

/// Repeatable choices.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        return word ^ word >> 31
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next() >> 32) }
    }
}
