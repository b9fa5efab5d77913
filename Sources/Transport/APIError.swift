/// The status words of the reference's interfaces, each with its HTTP code.
package enum APIStatus: String, Hashable, Sendable, CaseIterable {
    case ok = "OK"
    case invalidArgument = "INVALID_ARGUMENT"
    case failedPrecondition = "FAILED_PRECONDITION"
    case unauthenticated = "UNAUTHENTICATED"
    case permissionDenied = "PERMISSION_DENIED"
    case sizeExceeded = "SIZE_EXCEEDED"
    case notFound = "NOT_FOUND"
    case rangeNotSatisfiable = "RANGE_NOT_SATISFIABLE"
    case resourceExhausted = "RESOURCE_EXHAUSTED"
    case unavailableForLegalReasons = "UNAVAILABLE_FOR_LEGAL_REASONS"
    case internalError = "INTERNAL"
    case unavailable = "UNAVAILABLE"
    case deadlineExceeded = "DEADLINE_EXCEEDED"

    package var code: Int {
        switch self {
        case .ok: 200
        case .invalidArgument, .failedPrecondition: 400
        case .unauthenticated: 401
        case .permissionDenied, .sizeExceeded: 403
        case .notFound: 404
        case .rangeNotSatisfiable: 416
        case .resourceExhausted: 429
        case .unavailableForLegalReasons: 451
        case .internalError: 500
        case .unavailable: 503
        case .deadlineExceeded: 504
        }
    }
}

/// A refusal in the reference's shape: a status, and a reason that programs can branch on.
///
/// On the wire it is the JSON that `ErrorEnvelope` writes; a handler throws it, a client reads it
/// back from a response that is not a success.
package struct APIError: Error, Hashable, Sendable {
    package static let storageDomain = "storage.walrus.space"

    package let status: APIStatus
    /// The HTTP code; the status's own, but for the few refusals of HTTP itself (405, 413).
    package let code: Int
    /// Upper-case words that name the refusal, such as `NOT_REGISTERED`.
    package let reason: String
    package let message: String
    package let domain: String
    package let metadata: [String: String]
    /// What the server's log calls this error; only those of code 500 have one.
    var trace: String?
    /// After how long it is worth trying again, for the `Retry-After` header.
    package var retryAfter: Duration?

    package init(
        _ status: APIStatus,
        reason: String,
        message: String,
        code: Int? = nil,
        domain: String = APIError.storageDomain,
        metadata: [String: String] = [:]
    ) {
        self.status = status
        self.code = code ?? status.code
        self.reason = reason
        self.message = message
        self.domain = domain
        self.metadata = metadata
    }
}

extension APIError {
    /// Whether no honest peer of this version asks so: for the log.
    var isBadInput: Bool {
        switch status {
        case .invalidArgument, .sizeExceeded, .permissionDenied, .unauthenticated: true
        case .ok, .failedPrecondition, .notFound, .rangeNotSatisfiable, .resourceExhausted,
            .unavailableForLegalReasons, .internalError, .unavailable, .deadlineExceeded:
            false
        }
    }
}

extension APIError: CustomStringConvertible {
    package var description: String { "\(message) (\(code) \(reason))" }
}
