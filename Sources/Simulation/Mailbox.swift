internal import Synchronization

/// Messages on their way into one service: bounded, and read by one task.
package final class Mailbox<Message: Sendable>: Sendable {
    private struct State {
        var messages: [Message] = []
        var reader: CheckedContinuation<Message?, Never>?
        var isClosed = false
    }

    /// Guards the queue and the reader that waits for it.
    ///
    /// The reader is resumed outside.
    private let state = Mutex(State())
    private let capacity: Int

    package init(capacity: Int) {
        precondition(capacity > 0)
        self.capacity = capacity
    }

    /// Puts a message in; false when it is full or closed, and the message is lost, as in a socket.
    @discardableResult
    package func put(_ message: Message) -> Bool {
        let (reader, isTaken) = state.withLock { state in
            if state.isClosed { return (CheckedContinuation<Message?, Never>?.none, false) }
            if let reader = state.reader {
                state.reader = nil
                return (reader, true)
            }
            guard state.messages.count < capacity else { return (nil, false) }
            state.messages.append(message)
            return (nil, true)
        }
        reader?.resume(returning: message)
        return isTaken
    }

    /// The next message; nil once the mailbox is closed and empty.
    ///
    /// - Precondition: No other task waits for one.
    package func next() async -> Message? {
        await withCheckedContinuation { continuation in
            let ready = state.withLock { state -> Message?? in
                precondition(state.reader == nil)
                if !state.messages.isEmpty { return .some(state.messages.removeFirst()) }
                if state.isClosed { return .some(nil) }
                state.reader = continuation
                return nil
            }
            if let ready { continuation.resume(returning: ready) }
        }
    }

    package func close() {
        let reader = state.withLock { state in
            state.isClosed = true
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume(returning: nil)
    }
}
