internal import Codec
internal import Foundation

/// A parser of bytes from outside, and what must hold whatever the bytes are.
///
/// That it does not trap is what it is run for; what it can say besides is in its answer. The same
/// targets stand behind `make fuzz` and the ordinary tests (`Docs/Hostile.md`).
struct FuzzTarget: Sendable {
    let name: String
    /// Reads the bytes; what is wrong with the answer, or nil.
    let check: @Sendable ([UInt8]) -> String?

    init(_ name: String, _ check: @escaping @Sendable ([UInt8]) -> String?) {
        self.name = name
        self.check = check
    }

    /// Canonical bytes: what is read as a value is written as the same bytes.
    static func bcs<Value: BCSCodable & SendableMetatype>(
        _ name: String,
        _ type: Value.Type,
        _ more: @escaping @Sendable (Value) -> String? = { _ in nil }
    ) -> FuzzTarget {
        FuzzTarget(name) { bytes in
            // Refused bytes are the usual case.
            guard let value = try? Value(bcsBytes: bytes) else { return nil }
            return same(value.bcsBytes, bytes) ?? more(value)
        }
    }

    /// A text form: what is read is printed as a text that is read as the same value.
    static func text<Value: Equatable & SendableMetatype>(
        _ name: String,
        read: @escaping @Sendable (String) -> Value?,
        print: @escaping @Sendable (Value) -> String
    ) -> FuzzTarget {
        FuzzTarget(name) { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            guard let value = read(text) else { return nil }
            let printed = print(value)
            return read(printed) == value ? nil : "\(printed) is read as another value"
        }
    }

    /// JSON: what is read is written as what is written when that is read.
    static func json<Value: Codable & SendableMetatype>(
        _ name: String,
        _ type: Value.Type
    ) -> FuzzTarget {
        FuzzTarget(name) { bytes in
            guard let value = try? JSONDecoder().decode(type, from: Data(bytes)) else { return nil }
            let encoder = JSONEncoder()
            encoder.outputFormatting = .sortedKeys
            guard let written = try? encoder.encode(value) else { return "is not written" }
            guard let again = try? JSONDecoder().decode(type, from: written) else {
                return "is not read as it was written"
            }
            return (try? encoder.encode(again)) == written ? nil : "changes when it is written"
        }
    }

    static func same(_ written: [UInt8], _ read: [UInt8]) -> String? {
        written == read ? nil : "is written as \(Hex.encode(Array(written.prefix(200))))"
    }
}
