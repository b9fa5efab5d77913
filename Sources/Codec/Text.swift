/// Lower-case hexadecimal digits of bytes and back.
package enum Hex {
    private static let digits = Array("0123456789abcdef".utf8)

    package static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count * 2)
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    package static func decode(_ text: String) throws(CodecError) -> [UInt8] {
        let utf8 = Array(text.utf8)
        guard utf8.count.isMultiple(of: 2) else { throw .invalidText(of: "hex") }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(utf8.count / 2)
        for index in stride(from: 0, to: utf8.count, by: 2) {
            guard let high = value(utf8[index]), let low = value(utf8[index + 1]) else {
                throw .invalidText(of: "hex")
            }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

/// Base64 (RFC 4648), in the URL-safe alphabet without padding and in the standard one with it.
///
/// Decoding is strict: no other alphabet, no missing or surplus padding, and the bits that the
/// last character has to spare must be zero, so that every value has one text.
package enum Base64 {
    private static let common = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8
    )
    private static let urlSafe = common + Array("-_".utf8)
    private static let standard = common + Array("+/".utf8)

    package static func encodeURLSafe(_ bytes: [UInt8]) -> String { encode(bytes, urlSafe) }

    package static func encodeStandard(_ bytes: [UInt8]) -> String {
        let text = encode(bytes, standard)
        return text + String(repeating: "=", count: (3 - bytes.count % 3) % 3)
    }

    package static func decodeURLSafe(_ text: String) throws(CodecError) -> [UInt8] {
        try decode(Array(text.utf8), urlSafe)
    }

    package static func decodeStandard(_ text: String) throws(CodecError) -> [UInt8] {
        var utf8 = Array(text.utf8)
        guard utf8.count.isMultiple(of: 4) else { throw .invalidText(of: "base64") }
        var padding = 0
        while padding < 2, utf8.last == UInt8(ascii: "=") {
            utf8.removeLast()
            padding += 1
        }
        return try decode(utf8, standard)
    }

    private static func encode(_ bytes: [UInt8], _ alphabet: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count * 4 + 2) / 3)
        var buffer: UInt32 = 0
        var bits = 0
        for byte in bytes {
            buffer = buffer << 8 | UInt32(byte)
            bits += 8
            while bits >= 6 {
                bits -= 6
                text.append(alphabet[Int(buffer >> UInt32(bits) & 63)])
            }
        }
        if bits > 0 { text.append(alphabet[Int(buffer << UInt32(6 - bits) & 63)]) }
        return String(decoding: text, as: UTF8.self)
    }

    private static func decode(
        _ text: [UInt8],
        _ alphabet: [UInt8]
    ) throws(CodecError) -> [UInt8] {
        guard text.count % 4 != 1 else { throw .invalidText(of: "base64") }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count * 3 / 4)
        var buffer: UInt32 = 0
        var bits = 0
        for character in text {
            guard let value = alphabet.firstIndex(of: character) else {
                throw .invalidText(of: "base64")
            }
            buffer = buffer << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: buffer >> UInt32(bits)))
            }
        }
        guard buffer & (1 << UInt32(bits) - 1) == 0 else { throw .invalidText(of: "base64") }
        return bytes
    }
}

/// Base58 in Bitcoin's alphabet, for transaction digests as the reference prints them.
package enum Base58 {
    private static let alphabet = Array(
        "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz".utf8
    )

    package static func encode(_ bytes: [UInt8]) -> String {
        var digits: [UInt8] = []
        for byte in bytes {
            var carry = Int(byte)
            for index in digits.indices {
                carry += Int(digits[index]) << 8
                digits[index] = UInt8(carry % 58)
                carry /= 58
            }
            while carry > 0 {
                digits.append(UInt8(carry % 58))
                carry /= 58
            }
        }
        let zeros = bytes.prefix { $0 == 0 }.count
        let text =
            Array(repeating: alphabet[0], count: zeros)
            + digits.reversed().map { alphabet[Int($0)] }
        return String(decoding: text, as: UTF8.self)
    }

    /// Reads a text of at most 128 characters.
    package static func decode(_ text: String) throws(CodecError) -> [UInt8] {
        let characters = Array(text.utf8)
        guard characters.count <= 128 else { throw .invalidText(of: "base58") }
        var bytes: [UInt8] = []
        for character in characters {
            guard let value = alphabet.firstIndex(of: character) else {
                throw .invalidText(of: "base58")
            }
            var carry = value
            for index in bytes.indices {
                carry += Int(bytes[index]) * 58
                bytes[index] = UInt8(carry & 0xFF)
                carry >>= 8
            }
            while carry > 0 {
                bytes.append(UInt8(carry & 0xFF))
                carry >>= 8
            }
        }
        let zeros = characters.prefix { $0 == alphabet[0] }.count
        return Array(repeating: 0, count: zeros) + bytes.reversed()
    }
}
