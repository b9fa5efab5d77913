/// What a server bears from its peers.
package struct ServerLimits: Sendable {
    /// Connections at one time; more wait in the machine's queue.
    package var connectionsMax = 1024
    /// Connections of one peer at one time; more are closed as they come.
    ///
    /// A peer is its IP address; of IPv6, the first half. A client of ours keeps 16 at most.
    package var peerConnectionsMax = 512
    /// What one peer may ask for, counted by `Route.cost`; more is refused with 429.
    ///
    /// Peers on a Unix socket may ask for anything.
    package var peerRate = Rate(perSecond: 5000, burst: 20_000)
    /// Bytes of a request's head, names and values together.
    package var headerBytesMax = 16 << 10
    package var headerFieldsMax = 100
    /// Requests that a peer may send ahead of their answers on one connection; more end it.
    ///
    /// They are answered one at a time.
    package var requestsAheadMax = 16
    /// How long the handshake and the head of a connection's first request may take.
    package var firstRequestTimeout: Duration = .seconds(20)
    /// How long a connection may be silent between requests, or take over a later one's head.
    package var idleTimeout: Duration = .seconds(60)
    /// How long a body, or the reading of a response, may take besides what its bytes need.
    package var bodyGrace: Duration = .seconds(15)
    /// The slowest rate of a body or response, in bytes per second: a 64 kbit/s line's.
    package var slowestBody = 8 << 10
    /// How long an unread body is drained, for the peer to see the answer, before the close.
    package var linger: Duration = .seconds(2)
    /// How long a peer may take to answer the close of a TLS connection (RFC 8446, 6.1), or without
    /// TLS, when the server stops, to take what was sent; then it is closed anyway.
    package var closeTimeout: Duration = .seconds(5)
    /// An unread body of up to this is read away, and the connection lives on.
    package var drainedBodyMax = 64 << 10
    /// Bytes of all bodies that are held at one time; who comes with more is told to try later.
    ///
    /// The longest sliver has 44 MB.
    package var bodyBytesMax = 512 << 20

    /// How long requests in progress may take when the server stops; then they are ended.
    package var shutdownGrace: Duration = .seconds(3)

    package init() {}
}
