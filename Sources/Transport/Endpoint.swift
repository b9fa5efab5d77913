/// Where a server listens, or a client connects to.
///
/// Text forms: `host:port`, `[v6 address]:port`, `unix:/path/to/socket`.
package enum Endpoint: Hashable, Sendable, CustomStringConvertible {
    /// Port 0 lets the machine choose a free one, for a server only.
    case tcp(host: String, port: UInt16)
    case unix(path: String)

    package static let hostLengthMax = 255
    /// `sun_path` has 108 bytes, one of which is the terminating zero (unix(7)).
    package static let pathLengthMax = 107
    /// What stands around hosts, and is in none.
    private static let separators = Array("/[]".utf8)

    /// Reads a text form; nil when it is none.
    package init?(text: String) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst("unix:".count))
            guard (1...Self.pathLengthMax).contains(path.utf8.count) else { return nil }
            self = .unix(path: path)
            return
        }
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...])
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("[") {
            // Around anything else than a v6 address: "[unix]:1" would be written as a path.
            guard host.hasSuffix("]"), host.contains(":") else { return nil }
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        guard (1...Self.hostLengthMax).contains(host.utf8.count),
            host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && !Self.separators.contains($0) })
        else { return nil }
        self = .tcp(host: String(host), port: port)
    }

    package var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }

    /// What goes into the `Host` header.
    var hostHeader: String {
        switch self {
        case .tcp: description
        case .unix: "localhost"
        }
    }
}
