internal import Glibc
internal import NIOCore
internal import Synchronization
internal import SystemIO

/// Whom a server tells apart: an IPv4 address, or the network half of an IPv6 address, because the
/// other half is its owner's to choose (RFC 4291, 2.5.4).
struct PeerAddress: Hashable, Sendable {
    /// Four bytes or eight.
    private let bytes: [UInt8]

    /// - Precondition: `bytes` has 4 bytes, or 16.
    init(_ bytes: [UInt8]) {
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
        switch bytes.count {
        case 4: self.bytes = bytes
        // An IPv4 address in IPv6 form is that address (RFC 4291, 2.5.5.2).
        case 16: self.bytes = Array(bytes.starts(with: mapped) ? bytes[12...] : bytes[..<8])
        default: preconditionFailure("An IP address has 4 or 16 bytes.")
        }
    }

    /// Nil for a Unix socket, whose peers the file system has chosen.
    init?(_ address: SocketAddress?) {
        switch address {
        case .v4(let address):
            self.init(unsafe withUnsafeBytes(of: address.address.sin_addr) { unsafe Array($0) })
        case .v6(let address):
            self.init(unsafe withUnsafeBytes(of: address.address.sin6_addr) { unsafe Array($0) })
        case .unixDomainSocket, nil: return nil
        }
    }
}

/// What each peer has of a server: connections, and tokens for requests.
///
/// A peer with neither a connection nor a bucket that is less than full is as one never seen, and
/// is forgotten, so the table has no more entries than there were requests within
/// `burst / perSecond` seconds.
struct PeerTable: Sendable {
    private struct Peer {
        var connections = 0
        var bucket = TokenBucket()
    }

    private let connectionsMax: Int
    private let rate: Rate
    private var peers: [PeerAddress: Peer] = [:]
    /// So many entries, and it is time to look for those that may go.
    private var sweepAt = Self.sweepMin

    private static let sweepMin = 1024

    init(connectionsMax: Int, rate: Rate) {
        self.connectionsMax = connectionsMax
        self.rate = rate
    }

    var count: Int { peers.count }

    /// Counts a connection; false when the peer has as many as it may have.
    mutating func connect(_ peer: PeerAddress, at now: Duration) -> Bool {
        makeRoom(at: now)
        guard peers[peer, default: Peer()].connections < connectionsMax else { return false }
        peers[peer, default: Peer()].connections += 1
        return true
    }

    mutating func disconnect(_ peer: PeerAddress) {
        guard let connections = peers[peer]?.connections, connections > 0 else {
            preconditionFailure("A connection ends that was never counted.")
        }
        peers[peer]?.connections = connections - 1
    }

    /// Takes tokens for a request; or takes none and says after how long there will be enough.
    mutating func take(_ cost: Int, from peer: PeerAddress, at now: Duration) -> Duration? {
        makeRoom(at: now)
        return peers[peer, default: Peer()].bucket.take(cost, of: rate, at: now)
    }

    private mutating func makeRoom(at now: Duration) {
        guard peers.count >= sweepAt else { return }
        peers = peers.filter { $0.value.connections > 0 || !$0.value.bucket.isFull(at: now) }
        // Twice as many as are left, so that looking costs each entry once.
        sweepAt = max(Self.sweepMin, 2 * peers.count)
    }
}

/// A server's table of peers, for all of its event loops and requests.
final class PeerGate: Sendable {
    private let time: any TimeSource
    // Guards the table; held for a few operations on values.
    private let table: Mutex<PeerTable>

    init(_ limits: ServerLimits, time: any TimeSource) {
        self.time = time
        table = Mutex(
            PeerTable(connectionsMax: limits.peerConnectionsMax, rate: limits.peerRate)
        )
    }

    /// Counts a connection until it closes; false when its peer has too many.
    func admit(_ channel: any Channel) -> Bool {
        guard let peer = PeerAddress(channel.remoteAddress) else { return true }
        let now = time.uptime
        guard table.withLock({ $0.connect(peer, at: now) }) else { return false }
        channel.closeFuture.whenComplete { _ in self.table.withLock { $0.disconnect(peer) } }
        return true
    }

    /// Refuses a request of this cost when its peer has made too many.
    func charge(_ cost: Int, to address: SocketAddress?) throws(APIError) {
        guard let peer = PeerAddress(address) else { return }
        let now = time.uptime
        guard let wait = table.withLock({ $0.take(cost, from: peer, at: now) }) else { return }
        var refusal = APIError(
            .resourceExhausted,
            reason: "TOO_MANY_REQUESTS",
            message: "Your address asks for more than it may; try later."
        )
        refusal.retryAfter = wait
        throw refusal
    }
}
