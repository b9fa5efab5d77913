internal import ArgumentParser
internal import Logging
internal import SystemIO
internal import Transport

/// What a service bears from its peers, for operators (`Docs/Hostile.md`).
struct LimitOptions: ParsableArguments {
    @Option(
        name: .customLong("connections-max"),
        help: "Connections at one time; more wait. [WALRUS_CONNECTIONS_MAX]"
    )
    var connectionsMax: Int =
        Self.setting("WALRUS_CONNECTIONS_MAX") ?? ServerLimits().connectionsMax

    @Option(
        name: .customLong("peer-connections-max"),
        help: "Connections from one address; more are closed. [WALRUS_PEER_CONNECTIONS_MAX]"
    )
    var peerConnectionsMax: Int =
        Self.setting("WALRUS_PEER_CONNECTIONS_MAX") ?? ServerLimits().peerConnectionsMax

    @Option(
        name: .customLong("peer-rate"),
        help: """
            What one address may ask for in a second, in small requests: a transaction counts as \
            10, a request for symbols as 20, a page of a shard as 50. Four times as much may come \
            at once. [WALRUS_PEER_RATE]
            """
    )
    var peerRate: Int = Self.setting("WALRUS_PEER_RATE") ?? ServerLimits().peerRate.perSecond

    @Option(
        name: .customLong("body-memory"),
        help: """
            MiB of memory for the bodies of requests, all together; at least 64, which the longest \
            sliver needs. [WALRUS_BODY_MEMORY]
            """
    )
    var bodyMemory: Int = Self.setting("WALRUS_BODY_MEMORY") ?? ServerLimits().bodyBytesMax >> 20

    /// A setting of the environment; one that is no number is out of every range.
    private static func setting(_ name: String) -> Int? {
        Environment.value(name).map { Int($0) ?? -1 }
    }

    func validate() throws {
        for (name, value, range) in [
            ("--connections-max", connectionsMax, 16...1_000_000),
            ("--peer-connections-max", peerConnectionsMax, 1...1_000_000),
            ("--peer-rate", peerRate, 50...1_000_000_000),
            ("--body-memory", bodyMemory, 64...1 << 20),
        ] where !range.contains(value) {
            throw ValidationError(
                "\(name) is \(value), and may be \(range.lowerBound) to \(range.upperBound)."
            )
        }
    }

    /// The limits; connections leave files enough for the service's own work.
    func serverLimits(_ logger: Logger) -> ServerLimits {
        var limits = ServerLimits()
        let filesMax = OpenFileLimit.raise()
        limits.connectionsMax = OpenFileLimit.connections(connectionsMax, within: filesMax)
        if limits.connectionsMax < connectionsMax {
            logger.warning(
                "only \(limits.connectionsMax) connections: the process may open \(filesMax) files"
            )
        }
        limits.peerConnectionsMax = peerConnectionsMax
        limits.peerRate = Rate(perSecond: peerRate, burst: 4 * peerRate)
        limits.bodyBytesMax = bodyMemory << 20
        return limits
    }
}
