internal import Foundation

// The two shapes of every JSON answer (the reference's, after Google's AIP-193):
//
//     {"success":{"code":200,"data":…}}
//     {"error":{"status":"…","code":400,"message":"…",
//               "details":[{"@type":"ErrorInfo","reason":"…","domain":"…","metadata":{…}}]}}
//
// An error of ours, code 500, has a second detail, `{"@type":"DebugInfo","stackEntries":[],
// "detail":"trace …"}`, whose number is beside the cause in the log.

package struct SuccessEnvelope<Value> {
    package let code: Int
    package let data: Value

    package init(code: Int, data: Value) {
        self.code = code
        self.data = data
    }

    private enum CodingKeys: String, CodingKey { case success }
    private enum BodyKeys: String, CodingKey { case code, data }
}

extension SuccessEnvelope: Encodable where Value: Encodable {
    package func encode(to encoder: any Encoder) throws {
        var outer = encoder.container(keyedBy: CodingKeys.self)
        var inner = outer.nestedContainer(keyedBy: BodyKeys.self, forKey: .success)
        try inner.encode(code, forKey: .code)
        try inner.encode(data, forKey: .data)
    }
}

extension SuccessEnvelope: Decodable where Value: Decodable {
    package init(from decoder: any Decoder) throws {
        let outer = try decoder.container(keyedBy: CodingKeys.self)
        let inner = try outer.nestedContainer(keyedBy: BodyKeys.self, forKey: .success)
        code = try inner.decode(Int.self, forKey: .code)
        data = try inner.decode(Value.self, forKey: .data)
    }
}

struct ErrorEnvelope: Codable {
    struct Body: Codable {
        var status: String
        var code: Int
        var message: String
        var details: [Detail]
    }

    struct Detail: Codable {
        var type: String
        var reason: String?
        var domain: String?
        var metadata: [String: String]?
        var stackEntries: [String]?
        var detail: String?

        enum CodingKeys: String, CodingKey {
            case type = "@type"
            case reason, domain, metadata, stackEntries, detail
        }
    }

    var error: Body

    init(_ error: APIError) {
        var details = [
            Detail(
                type: "ErrorInfo",
                reason: error.reason,
                domain: error.domain,
                metadata: error.metadata
            )
        ]
        if let trace = error.trace {
            details.append(Detail(type: "DebugInfo", stackEntries: [], detail: "trace \(trace)"))
        }
        self.error = Body(
            status: error.status.rawValue,
            code: error.code,
            message: error.message,
            details: details
        )
    }
}

/// JSON in and out, with sorted keys, so that the same value always has the same bytes.
package enum JSON {
    package static func encode(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(value))
    }

    package static func decode<Value: Decodable>(
        _ type: Value.Type = Value.self,
        from bytes: [UInt8]
    ) throws(TransportError) -> Value {
        do {
            return try JSONDecoder().decode(type, from: Data(bytes))
        } catch {
            throw .malformed("The JSON is not a \(type).")
        }
    }
}

extension APIError {
    /// The JSON of this refusal.
    package var json: [UInt8] {
        // Strings and numbers always encode; an empty body with the right code says enough if not.
        (try? JSON.encode(ErrorEnvelope(self))) ?? []
    }

    /// Reads a refusal from a response that is none of the successes.
    ///
    /// What is not in the shape (a proxy's page, say) becomes a refusal with an empty reason and
    /// the status that belongs to the code.
    package init(code: Int, body: [UInt8]) {
        // A body in another shape is expected here, and its code alone decides.
        if let envelope = try? JSON.decode(ErrorEnvelope.self, from: body),
            let status = APIStatus(rawValue: envelope.error.status)
        {
            let info = envelope.error.details.first { $0.reason != nil }
            self.init(
                status,
                reason: info?.reason ?? "",
                message: envelope.error.message,
                code: code,
                domain: info?.domain ?? "",
                metadata: info?.metadata ?? [:]
            )
            return
        }
        let status =
            APIStatus.allCases.first { $0.code == code }
            ?? (code >= 500 ? .internalError : .invalidArgument)
        self.init(status, reason: "", message: "HTTP status \(code)", code: code, domain: "")
    }
}
