internal import HTTPTypes
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import Synchronization
internal import SystemIO
internal import Telemetry

/// Turns the web server's requests into ours, and our responses into its.
struct Responder: Sendable {
    let router: Router
    let limits: ServerLimits
    let gate: PeerGate
    let logger: Logger
    private let traces = TraceNumbers()
    private let bodies: BodyBudget
    private let refusals = EventLimiter()

    init(router: Router, limits: ServerLimits, gate: PeerGate, logger: Logger) {
        self.router = router
        self.limits = limits
        self.gate = gate
        self.logger = logger
        bodies = BodyBudget(limit: limits.bodyBytesMax)
    }

    func respond(
        to request: HummingbirdCore.Request,
        writer: consuming ResponseWriter,
        channel: any Channel
    ) async throws {
        let start = router.metrics?.begin()
        var counted = (method: "OTHER", route: HTTPServerMetrics.unknownRoute, code: 0)
        defer {
            if let start {
                router.metrics?.end(
                    start,
                    method: counted.method,
                    route: counted.route,
                    code: counted.code
                )
            }
        }
        let peer = Self.describe(channel.remoteAddress)
        let announced = Self.announcedBody(of: request)
        let body = RequestBody(
            announcedLength: announced.length,
            stream: request.body,
            channel: channel,
            limits: limits,
            lease: BodyLease(bodies)
        )
        var response: ServerResponse
        do {
            try gate.charge(1, to: channel.remoteAddress)
            let (route, ours) = try accept(request, announced: announced, body, peer: peer)
            (counted.method, counted.route) = (route.method.rawValue, route.template)
            if route.cost > 1 { try gate.charge(route.cost - 1, to: channel.remoteAddress) }
            response = try await route.handler(ours)
        } catch {
            response = refusal(for: error, request: request, peer: peer)
        }
        // What a handler was given was its own until it had answered.
        body.lease.release()
        response.headers["access-control-allow-origin"] = "*"
        let leavesBody = body.isLeft(announced, drainedMax: limits.drainedBodyMax)
        if leavesBody { response.headers["connection"] = "close" }
        let deadline = BodyDeadline(channel: channel, limits: limits)
        defer { deadline.cancel() }
        try await Self.write(
            response,
            isHead: request.method == .head,
            to: writer,
            deadline: deadline
        )
        counted.code = response.code
        if leavesBody {
            // What is left of the body is read away for a moment, or else the peer's machine
            // would drop our answer together with the connection.
            channel.eventLoop.scheduleTask(in: TimeAmount(limits.linger)) {
                channel.close(promise: nil)
            }
        } else {
            // The little that nobody wanted; a peer that breaks off has closed the connection.
            try? await body.forEach { _ in }
        }
    }

    private func accept(
        _ request: HummingbirdCore.Request,
        announced: AnnouncedBody,
        _ body: RequestBody,
        peer: String
    ) throws -> (Route, ServerRequest) {
        let target = request.head.path ?? ""
        let parts = target.split(
            separator: "?",
            maxSplits: 1,
            omittingEmptySubsequences: false
        )
        let path = String(parts.first ?? "")
        guard let method = HTTPMethod(rawValue: request.method.rawValue) else {
            throw Self.wrongMethod(request.method.rawValue, path: path)
        }
        guard let query = QueryString(parsing: parts.count == 2 ? String(parts[1]) : "") else {
            throw Self.malformed("The query of the request is malformed.")
        }
        try Self.check(announced, for: method)
        switch router.match(method, path: path) {
        case .route(let route, let parameters):
            var headers = HTTPHeaders()
            for field in request.headers { headers.add(field.name.rawName, field.value) }
            return (
                route,
                ServerRequest(
                    method: method,
                    path: path,
                    parameters: parameters,
                    query: query,
                    headers: headers,
                    peer: peer,
                    body: body
                )
            )
        case .wrongMethod: throw Self.wrongMethod(method.rawValue, path: path)
        case .unknownPath:
            throw APIError(
                .notFound,
                reason: "UNKNOWN_ROUTE",
                message: "There is nothing at \(path)."
            )
        }
    }

    /// Nothing here reads the body of a request without one by its method; its bytes would wait in
    /// memory for as long as the answer takes.
    private static func check(
        _ announced: AnnouncedBody,
        for method: HTTPMethod
    ) throws(APIError) {
        switch announced {
        case .none: return
        case .length, .chunked:
            guard method != .put, method != .post else { return }
            throw malformed("A \(method.rawValue) has no body here.")
        case .malformed: throw malformed("The content length is not a number.")
        }
    }

    private static func malformed(_ message: String) -> APIError {
        APIError(.invalidArgument, reason: "MALFORMED_REQUEST", message: message)
    }

    private static func describe(_ address: SocketAddress?) -> String {
        guard let address, let host = address.ipAddress, let port = address.port else {
            return "local"
        }
        return "\(host):\(port)"
    }

    private static func wrongMethod(_ method: String, path: String) -> APIError {
        APIError(
            .invalidArgument,
            reason: "METHOD_NOT_ALLOWED",
            message: "\(path) does not take \(method).",
            code: 405
        )
    }

    /// The answer for what a handler threw; what is not a refusal is our fault, and logged.
    private func refusal(
        for error: any Error,
        request: HummingbirdCore.Request,
        peer: String
    ) -> ServerResponse {
        var refusal: APIError
        switch error {
        case let error as APIError: refusal = error
        case TransportError.tooLarge(let limit):
            refusal = APIError(
                .sizeExceeded,
                reason: "BODY_TOO_LARGE",
                message: "The body may have \(limit) bytes.",
                code: 413
            )
        case TransportError.malformed(let why): refusal = Self.malformed(why)
        case TransportError.overloaded:
            refusal = APIError(
                .unavailable,
                reason: "OVERLOADED",
                message: "There is no room for the body now; try later."
            )
            refusal.retryAfter = .seconds(1)
        default:
            refusal = APIError(
                .internalError,
                reason: "INTERNAL",
                message: "The request failed on our side."
            )
        }
        if refusal.code == 500 {
            let trace = traces.next()
            refusal.trace = trace
            logger.error(
                "A request failed.",
                metadata: [
                    "peer": "\(peer)", "path": "\(request.uri.path)", "error": "\(error)",
                    "trace": "\(trace)",
                ]
            )
        } else if refusal.code < 500 {
            logRefusal(refusal, path: request.uri.path, peer: peer)
        }
        return .failure(refusal)
    }

    /// Bad input is told with its sender, but not so often that a sender fills the log; what is
    /// refused in the ordinary course (not here, not yet) only to those who debug.
    private func logRefusal(_ refusal: APIError, path: String, peer: String) {
        var metadata: Logger.Metadata = [
            "peer": "\(peer)", "path": "\(path.prefix(200))", "reason": "\(refusal.reason)",
        ]
        guard refusal.isBadInput else { return logger.debug("refused", metadata: metadata) }
        // A peer is its host: each connection has a port of its own.
        let host = peer.split(separator: ":").dropLast().joined(separator: ":")
        guard let left = refusals.admit(host, at: LinuxTimeSource().uptime) else { return }
        metadata["why"] = "\(refusal.message.prefix(200))"
        if left > 0 { metadata["suppressed"] = "\(left)" }
        logger.warning("bad input", metadata: metadata)
    }

    private static func write(
        _ response: ServerResponse,
        isHead: Bool,
        to writer: consuming ResponseWriter,
        deadline: BodyDeadline
    ) async throws {
        var fields = HTTPFields()
        for field in response.headers.fields {
            guard let name = HTTPField.Name(field.name) else { continue }
            fields.append(HTTPField(name: name, value: field.value))
        }
        switch response.body {
        case .bytes(let bytes): fields[.contentLength] = String(bytes.count)
        case .stream(let length, _): fields[.contentLength] = length.map { String($0) }
        }
        let head = HTTPResponse(status: .init(code: response.code), headerFields: fields)
        guard !isHead else { return try await writer.writeResponse(head) }
        switch response.body {
        case .bytes(let bytes):
            deadline.extend(by: bytes.count)
            try await writer.write(
                response: head,
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes))
            )
        case .stream(let length, let produce):
            var body: any ResponseBodyWriter = try await writer.writeHead(head)
            var count = 0
            try await produce(
                BodyWriter { bytes in
                    count += bytes.count
                    deadline.extend(by: bytes.count)
                    try await body.write(ByteBuffer(bytes: bytes))
                }
            )
            // Throwing closes the connection, which tells the peer that the body is not whole.
            if let length, count != length {
                throw TransportError.malformed("A response has \(count) of \(length) bytes.")
            }
            try await body.finish(nil)
        }
    }

    enum AnnouncedBody {
        case none
        case length(Int)
        case chunked
        case malformed

        /// Bytes; nil when the head does not say how many.
        var length: Int? {
            switch self {
            case .none: 0
            case .length(let length): length
            case .chunked, .malformed: nil
            }
        }

        func leavesMore(than limit: Int) -> Bool {
            switch self {
            case .none: false
            case .length(let length): length > limit
            case .chunked, .malformed: true
            }
        }
    }

    static func announcedBody(of request: HummingbirdCore.Request) -> AnnouncedBody {
        if request.headers[.transferEncoding] != nil { return .chunked }
        guard let text = request.headers[.contentLength] else { return .none }
        guard let length = Int(text), length >= 0 else { return .malformed }
        return length == 0 ? .none : .length(length)
    }
}

/// Numbers the errors of one server, so that a complaint finds its line in the log.
private final class TraceNumbers: Sendable {
    private let count = Atomic<UInt64>(0)

    func next() -> String {
        let number = count.add(1, ordering: .relaxed).newValue
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
