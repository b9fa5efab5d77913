internal import Codec

/// Why a text is no network URL.
package enum NetworkURLError: Error, Equatable, Sendable {
    /// The text starts with neither `walrus://` nor `embedded:`.
    case unknownScheme(String)
    /// A `host:port` is malformed; IPv6 addresses stand in brackets.
    case invalidEndpoint(String)
    /// The parameter is not one that this kind of URL has, or occurs twice.
    case unknownParameter(String)
    /// The parameter's value is malformed or out of range.
    case invalidParameter(String)
    /// An embedded network needs a directory; control characters are not allowed in it.
    case invalidDirectory
}

/// Where a network is, as a user writes it (`Docs/Formats/network-url.md`).
package enum NetworkURL: Hashable, Sendable {
    /// `walrus://host:port[,host:port…]/?genesis=ID`: ledger endpoints and, to be safe, the
    /// network id that the genesis fetched from them must hash to.
    case remote([Endpoint], genesis: NetworkID?)
    /// `embedded:DIR[?nodes=10]`: a network in one directory, hosted by whoever mounts it first.
    case embedded(directory: String, nodes: Int?)

    package struct Endpoint: Hashable, Sendable, CustomStringConvertible {
        /// A name or an address, IPv6 without brackets.
        package let host: String
        package let port: UInt16

        package init(host: String, port: UInt16) {
            self.host = host
            self.port = port
        }

        package var description: String {
            host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        }
    }

    /// More endpoints than this in one URL are a mistake.
    package static let endpointsMax = 32
    /// One shard to a node at least, and as many shards as can be encoded.
    package static let nodesRange = 1...1000

    package init(text: String) throws(NetworkURLError) {
        if text.hasPrefix("walrus://") {
            self = try Self.remote(from: String(text.dropFirst("walrus://".count)))
        } else if text.hasPrefix("embedded:") {
            self = try Self.embedded(from: String(text.dropFirst("embedded:".count)))
        } else {
            throw .unknownScheme(text)
        }
    }

    private static func remote(from text: String) throws(NetworkURLError) -> NetworkURL {
        let (location, query) = split(text, at: "?")
        var list = Substring(location)
        if list.hasSuffix("/") { list.removeLast() }
        let parts = list.split(separator: ",", omittingEmptySubsequences: false)
        guard parts.count <= endpointsMax else { throw .invalidEndpoint(String(list)) }
        var endpoints: [Endpoint] = []
        for part in parts { endpoints.append(try endpoint(from: part)) }
        var genesis: NetworkID?
        for (name, value) in try parameters(query) {
            guard name == "genesis", genesis == nil else { throw .unknownParameter(name) }
            // Whatever is wrong with the text, the user hears which parameter it is in.
            guard let id = try? NetworkID(text: value) else { throw .invalidParameter(name) }
            genesis = id
        }
        return .remote(endpoints, genesis: genesis)
    }

    private static func endpoint(from text: Substring) throws(NetworkURLError) -> Endpoint {
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...]), port != 0
        else { throw .invalidEndpoint(String(text)) }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
            guard host.contains(":") else { throw .invalidEndpoint(String(text)) }
        } else if host.contains(":") {
            throw .invalidEndpoint(String(text))
        }
        let allowed = host.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"), UInt8(ascii: ":"):
                true
            default: false
            }
        }
        guard !host.isEmpty, host.utf8.count <= 253, allowed else {
            throw .invalidEndpoint(String(text))
        }
        return Endpoint(host: String(host), port: port)
    }

    private static func embedded(from text: String) throws(NetworkURLError) -> NetworkURL {
        let (path, query) = split(text, at: "?")
        guard let directory = unescaped(path), !directory.isEmpty,
            directory.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
        else { throw .invalidDirectory }
        var nodes: Int?
        for (name, value) in try parameters(query) {
            guard name == "nodes", nodes == nil else { throw .unknownParameter(name) }
            guard let count = Int(value), nodesRange.contains(count) else {
                throw .invalidParameter(name)
            }
            nodes = count
        }
        return .embedded(directory: directory, nodes: nodes)
    }

    private static func split(_ text: String, at separator: Character) -> (String, String?) {
        guard let index = text.firstIndex(of: separator) else { return (text, nil) }
        return (String(text[..<index]), String(text[text.index(after: index)...]))
    }

    private static func parameters(
        _ query: String?
    ) throws(NetworkURLError) -> [(String, String)] {
        guard let query, !query.isEmpty else { return [] }
        var result: [(String, String)] = []
        for part in query.split(separator: "&", omittingEmptySubsequences: false) {
            let (name, value) = split(String(part), at: "=")
            guard let value else { throw .unknownParameter(name) }
            result.append((name, value))
        }
        return result
    }

    /// Undoes `%3F` and `%25`; nil for any other escape.
    private static func unescaped(_ path: String) -> String? {
        var result = ""
        var rest = Substring(path)
        while let percent = rest.firstIndex(of: "%") {
            result += rest[..<percent]
            rest = rest[percent...]
            if rest.hasPrefix("%3F") {
                result += "?"
            } else if rest.hasPrefix("%25") {
                result += "%"
            } else {
                return nil
            }
            rest = rest.dropFirst(3)
        }
        return result + rest
    }
}

extension NetworkURL: CustomStringConvertible {
    /// The text that reads back as this URL.
    package var description: String {
        switch self {
        case .remote(let endpoints, let genesis):
            let list = endpoints.map(\.description).joined(separator: ",")
            return "walrus://\(list)/" + (genesis.map { "?genesis=\($0)" } ?? "")
        case .embedded(let directory, let nodes):
            var path = ""
            for character in directory {
                switch character {
                case "%": path += "%25"
                case "?": path += "%3F"
                default: path.append(character)
                }
            }
            return "embedded:\(path)" + (nodes.map { "?nodes=\($0)" } ?? "")
        }
    }
}
