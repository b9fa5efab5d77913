/// What a server bears from its peers.
package struct ServerLimits: Sendable {
    /// Connections at one time; more wait in the machine's queue.
    package var connectionsMax = 1024
    /// Bytes of a request's head, names and values together.
    package var headerBytesMax = 16 << 10
    package var headerFieldsMax = 100
    /// How long a connection may be silent, or take over a request's head.
    package var idleTimeout: Duration = .seconds(60)
    /// How long a body, or the reading of a response, may take besides what its bytes need.
    package var bodyGrace: Duration = .seconds(15)
    /// The slowest rate of a body or response, in bytes per second: a 64 kbit/s line's.
    package var slowestBody = 8 << 10
    /// How long an unread body is drained, for the peer to see the answer, before the close.
    package var linger: Duration = .seconds(2)
    /// An unread body of up to this is read away, and the connection lives on.
    package var drainedBodyMax = 64 << 10

    /// How long requests in progress may take when the server stops; then they are ended.
    package var shutdownGrace: Duration = .seconds(3)

    package init() {}
}
