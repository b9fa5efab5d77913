/// What a handler answers.
package struct ServerResponse: Sendable {
    package enum Body: Sendable {
        case bytes([UInt8])
        /// Bytes that come bit by bit; `length`, when known, must be met exactly.
        case stream(length: Int?, @Sendable (BodyWriter) async throws -> Void)
    }

    package var code: Int
    package var headers: HTTPHeaders
    package var body: Body

    package init(code: Int = 200, headers: HTTPHeaders = [:], body: Body = .bytes([])) {
        precondition((200..<600).contains(code))
        self.code = code
        self.headers = headers
        self.body = body
    }

    /// Binary content, BCS for the most part.
    package static func binary(
        _ bytes: [UInt8],
        code: Int = 200,
        headers: HTTPHeaders = [:]
    ) -> ServerResponse {
        var headers = headers
        headers["content-type"] = "application/octet-stream"
        return ServerResponse(code: code, headers: headers, body: .bytes(bytes))
    }

    package static func text(_ text: String, code: Int = 200) -> ServerResponse {
        ServerResponse(
            code: code,
            headers: ["content-type": "text/plain; charset=utf-8"],
            body: .bytes(Array(text.utf8))
        )
    }

    /// JSON as it is, without an envelope.
    package static func json(_ value: some Encodable, code: Int = 200) throws -> ServerResponse {
        ServerResponse(
            code: code,
            headers: ["content-type": "application/json"],
            body: .bytes(try JSON.encode(value))
        )
    }

    /// JSON in the reference's envelope of success.
    package static func success(
        _ data: some Encodable & Sendable,
        code: Int = 200
    ) throws -> ServerResponse {
        try json(SuccessEnvelope(code: code, data: data), code: code)
    }

    /// A refusal, in the reference's envelope of errors.
    package static func failure(_ error: APIError) -> ServerResponse {
        var headers: HTTPHeaders = ["content-type": "application/json"]
        headers["retry-after"] = error.retryAfter.map { RetryAfter.text(of: $0) }
        return ServerResponse(code: error.code, headers: headers, body: .bytes(error.json))
    }
}

/// Takes the bytes of a streamed response, and waits while the peer is slower.
package struct BodyWriter {
    let emit: ([UInt8]) async throws -> Void

    package func write(_ bytes: [UInt8]) async throws { try await emit(bytes) }
}

extension ServerResponse {
    /// The answer of `/v1/ready`: 200 when nothing is in the way, 503 and what is otherwise.
    package static func readiness(obstacles: [String]) throws -> ServerResponse {
        guard !obstacles.isEmpty else { return try .success("ready") }
        return .failure(
            APIError(
                .unavailable,
                reason: "NOT_READY",
                message: obstacles.joined(separator: "; ")
            )
        )
    }
}
