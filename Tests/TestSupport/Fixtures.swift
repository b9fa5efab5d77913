internal import Foundation

/// Known answers in `Tests/Fixtures`.
package enum Fixtures {
    /// Whether this run writes the fixtures that are our own anew (`make golden`): to be reviewed
    /// as a diff, because a changed one is a changed format.
    package static let areWritten =
        ProcessInfo.processInfo.environment["WALRUS_WRITE_GOLDEN"] == "1"

    private static func url(_ path: String, _ file: String) -> URL {
        URL(filePath: file).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fixtures/\(path)")
    }

    /// Where a file of this repository is.
    package static func repositoryPath(_ path: String) -> String {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: path).path
    }

    /// Writes a fixture; the counterpart of `json`.
    package static func write(
        _ value: some Encodable,
        to path: String,
        file: String = #filePath
    ) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try encoder.encode(value).write(to: url(path, file))
    }

    /// The fixture at this path below `Tests/Fixtures`, decoded from JSON with snake_case names.
    package static func json<Value: Decodable>(
        _ path: String,
        as type: Value.Type = Value.self,
        file: String = #filePath
    ) throws -> Value {
        let data = try Data(contentsOf: url(path, file))
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Value.self, from: data)
    }
}
