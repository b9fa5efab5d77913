package import BlobModel

/// A request to a server whose address the client knows.
package struct ClientRequest: Sendable {
    package var method: HTTPMethod
    /// The path with its segments encoded, and the query if there is one.
    package var target: String
    package var headers: HTTPHeaders
    package var body: [UInt8]
    /// Whether sending it twice does no more than once; such a request is sent again by itself
    /// when a kept connection turns out to have been closed.
    package var isIdempotent: Bool

    /// Makes a request to the path of these segments, which are encoded here.
    package init(
        _ method: HTTPMethod,
        _ segments: [String],
        query: QueryString = QueryString(),
        headers: HTTPHeaders = [:],
        body: [UInt8] = [],
        isIdempotent: Bool? = nil
    ) {
        self.method = method
        target = "/" + segments.map(PercentCoding.encode).joined(separator: "/")
        if !query.items.isEmpty { target += "?" + query.text }
        self.headers = headers
        self.body = body
        self.isIdempotent = isIdempotent ?? (method != .post)
    }
}

/// A response with its whole body, which is no longer than the caller allowed.
package struct ClientResponse: Sendable {
    package let code: Int
    package let headers: HTTPHeaders
    package let body: [UInt8]

    package var isSuccess: Bool { (200..<300).contains(code) }
}

/// How a client knows that it talks to the right server.
package enum PeerAuthentication: Hashable, Sendable {
    /// No TLS: Unix sockets, which the file system guards.
    case plain
    /// TLS; the peer must prove that it holds this key.
    case pinned(PublicKey)
    /// TLS with whoever answers, for what authenticates itself, such as a genesis of known hash.
    case anyKey
}

/// What a client bears from its peer, and how many connections it keeps.
package struct ClientLimits: Sendable {
    /// Connections at one time; further requests wait for one to come free.
    package var connectionsMax = 16
    package var connectTimeout: Duration = .seconds(5)
    /// From the call to the end of the response's body, connecting and waiting included.
    package var requestTimeout: Duration = .seconds(60)
    /// A kept connection that was idle longer is not used again; below the server's time-out.
    package var idleMax: Duration = .seconds(30)
    package var headerBytesMax = 64 << 10

    package init() {}
}
