internal import Foundation

/// Known answers in `Tests/Fixtures`.
package enum Fixtures {
    /// The fixture at this path below `Tests/Fixtures`, decoded from JSON with snake_case names.
    package static func json<Value: Decodable>(
        _ path: String,
        as type: Value.Type = Value.self,
        file: String = #filePath
    ) throws -> Value {
        let tests = URL(filePath: file).deletingLastPathComponent().deletingLastPathComponent()
        let data = try Data(contentsOf: tests.appending(path: "Fixtures/\(path)"))
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Value.self, from: data)
    }
}
