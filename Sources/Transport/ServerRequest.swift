internal import HTTPTypes
internal import HummingbirdCore
internal import NIOCore
internal import Synchronization

/// A request as a handler sees it: its head is here, its body has not been read.
///
/// That order is the point: a handler decides whether it wants the body before a byte of it is
/// taken from the socket. A body that is left unread costs the peer its connection.
package struct ServerRequest: Sendable {
    package let method: HTTPMethod
    /// The path as it came, without the query.
    package let path: String
    /// The decoded segments that a route's template names.
    package let parameters: [String: String]
    package let query: QueryString
    package let headers: HTTPHeaders
    /// The address of the peer, for log lines.
    package let peer: String
    package let body: RequestBody

    /// A parameter that the route's template names.
    ///
    /// - Precondition: The template names it.
    package func parameter(_ name: String) -> String {
        guard let value = parameters[name] else {
            preconditionFailure("The route has no parameter \(name).")
        }
        return value
    }
}

/// The bytes that follow a request's head.
///
/// Reading has a deadline that grows with the bytes read, so that a peer that sends a byte now and
/// then does not hold the connection; `ServerLimits.slowestBody` is the rate.
package struct RequestBody: Sendable {
    /// The length that the head announces; nil for a chunked body.
    package let announcedLength: Int?
    let stream: HummingbirdCore.RequestBody
    let channel: any Channel
    let limits: ServerLimits
    let lease: BodyLease
    private let progress = BodyProgress()

    init(
        announcedLength: Int?,
        stream: HummingbirdCore.RequestBody,
        channel: any Channel,
        limits: ServerLimits,
        lease: BodyLease
    ) {
        self.announcedLength = announcedLength
        self.stream = stream
        self.channel = channel
        self.limits = limits
        self.lease = lease
        if announcedLength == 0 { progress.finish() }
    }

    /// Whether bytes are left that are not worth reading away: too many, or the rest of some that
    /// were read.
    func isLeft(_ announced: Responder.AnnouncedBody, drainedMax: Int) -> Bool {
        switch progress.state {
        case .finished: false
        case .reading: true
        case .unread: announced.leavesMore(than: drainedMax)
        }
    }

    /// Takes the whole body.
    ///
    /// An announced length over `limit` is refused before anything is read, and so is a body for
    /// which the server has no room (`ServerLimits.bodyBytesMax`). The room is given back when the
    /// request is answered.
    package func collect(upTo limit: Int) async throws(TransportError) -> [UInt8] {
        precondition(limit >= 0)
        if let announcedLength {
            guard announcedLength <= limit else { throw .tooLarge(limit: limit) }
            try lease.cover(announcedLength)
        }
        var collected: [UInt8] = []
        // An announced length is only a claim, so no more than this is set aside on its word.
        collected.reserveCapacity(min(announcedLength ?? 0, 1 << 20))
        try await forEach { (part) throws(TransportError) in
            guard part.count <= limit - collected.count else { throw .tooLarge(limit: limit) }
            try lease.cover(collected.count + part.count)
            collected.append(contentsOf: part)
        }
        return collected
    }

    /// Hands the body over part by part.
    package func forEach(
        _ take: ([UInt8]) async throws(TransportError) -> Void
    ) async throws(TransportError) {
        guard progress.begin() else { return }
        let deadline = BodyDeadline(channel: channel, limits: limits)
        defer { deadline.cancel() }
        var count = 0
        do {
            for try await buffer in stream {
                count += buffer.readableBytes
                deadline.extend(by: buffer.readableBytes)
                try await take(Array(buffer.readableBytesView))
            }
        } catch let error as TransportError {
            throw error
        } catch {
            throw .malformed("The body broke off after \(count) bytes.")
        }
        if let announcedLength, count != announcedLength {
            throw .malformed("The body broke off after \(count) of \(announcedLength) bytes.")
        }
        progress.finish()
    }
}

/// How far a body has been read, for the server to know what it leaves on the socket.
final class BodyProgress: Sendable {
    enum State { case unread, reading, finished }

    // Guards a word that the handler writes and the server reads afterwards.
    private let current = Mutex(State.unread)

    var state: State { current.withLock { $0 } }

    /// Whether this is the first reading; there is no second one.
    func begin() -> Bool {
        current.withLock { state in
            guard state == .unread else { return false }
            state = .reading
            return true
        }
    }

    func finish() { current.withLock { $0 = .finished } }
}

/// Closes a channel whose body comes too slowly.
///
/// The allowance is a grace and the time that the bytes so far take at the slowest rate; the timer
/// is set again only when it fires, so that parts of a body cost one addition each.
final class BodyDeadline: Sendable {
    private struct State {
        var allowance: TimeAmount
        var scheduled: Scheduled<Void>?
        var isOver = false
    }

    private let channel: any Channel
    private let limits: ServerLimits
    private let start = NIODeadline.now()
    // Guards the allowance, which the reading task grows and the event loop compares.
    private let state: Mutex<State>

    init(channel: any Channel, limits: ServerLimits) {
        self.channel = channel
        self.limits = limits
        state = Mutex(State(allowance: TimeAmount(limits.bodyGrace)))
        schedule(in: TimeAmount(limits.bodyGrace))
    }

    func extend(by count: Int) {
        let nanoseconds = Int64(count) * 1_000_000_000 / Int64(limits.slowestBody)
        state.withLock { $0.allowance = $0.allowance + .nanoseconds(nanoseconds) }
    }

    func cancel() {
        let scheduled = state.withLock { state in
            state.isOver = true
            return state.scheduled
        }
        scheduled?.cancel()
    }

    private func schedule(in delay: TimeAmount) {
        let scheduled = channel.eventLoop.scheduleTask(in: delay) { self.fire() }
        let isOver = state.withLock { state in
            state.scheduled = scheduled
            return state.isOver
        }
        if isOver { scheduled.cancel() }
    }

    private func fire() {
        let remaining = state.withLock { state -> TimeAmount? in
            state.isOver ? nil : start + state.allowance - NIODeadline.now()
        }
        guard let remaining else { return }
        if remaining > .nanoseconds(0) {
            schedule(in: remaining)
        } else {
            channel.close(promise: nil)
        }
    }
}
