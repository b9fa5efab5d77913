package import BlobModel

/// Why a request did not get its response, or a server could not listen.
package enum TransportError: Error, Equatable, Sendable {
    /// No connection came about, so nothing was sent.
    case unreachable(String)
    /// The connection ended after the request was sent, perhaps after it was acted upon.
    case interrupted(String)
    /// The deadline passed; `sent` says whether the request may have been acted upon.
    case timeout(sent: Bool)
    /// The peer's certificate has another key than the pinned one: it is not whom we want.
    case wrongKey(expected: PublicKey, presented: PublicKey?)
    /// TLS failed for another reason, before anything was sent.
    case tls(String)
    /// A body is longer than `limit` bytes.
    case tooLarge(limit: Int)
    /// This server holds as many bytes of bodies as it may; later there is room.
    case overloaded
    /// The peer does not speak HTTP as it should: a bad head, a body that ends too early.
    case malformed(String)
    /// A server could not listen at its address.
    case cannotListen(String)
    /// The task was cancelled, or the client was shut down.
    case cancelled

    /// Whether the same request may succeed later without anybody doing anything.
    package var isTransient: Bool {
        switch self {
        case .unreachable, .interrupted, .timeout, .overloaded: true
        case .wrongKey, .tls, .tooLarge, .malformed, .cannotListen, .cancelled: false
        }
    }

    /// Whether the request may have reached the peer.
    package var mayHaveTakenEffect: Bool {
        switch self {
        case .unreachable, .wrongKey, .tls, .cannotListen, .overloaded: false
        case .timeout(let sent): sent
        case .interrupted, .tooLarge, .malformed, .cancelled: true
        }
    }
}

extension TransportError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unreachable(let why): "cannot connect: \(why)"
        case .interrupted(let why): "the connection broke: \(why)"
        case .timeout(let sent): sent ? "no answer in time" : "no connection in time"
        case .wrongKey(let expected, let presented):
            "the peer's key is \(presented?.description ?? "not Ed25519"), "
                + "where \(expected) is expected"
        case .tls(let why): "TLS failed: \(why)"
        case .tooLarge(let limit): "the body is longer than \(limit) bytes"
        case .overloaded: "too many bytes are held"
        case .malformed(let why): "malformed message: \(why)"
        case .cannotListen(let why): "cannot listen: \(why)"
        case .cancelled: "cancelled"
        }
    }
}
