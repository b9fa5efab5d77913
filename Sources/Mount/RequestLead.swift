// Which thread takes the kernel's next request.
//
// One thread *leads*: it alone reads the device, and answers what it read itself. Before it waits
// for the disk, or begins on something long, it passes the lead on, and another thread reads; when
// it is done it waits for the lead again. So requests that follow one another, as those of one
// program do, are taken by one thread that is awake and has everything in its caches, and those
// that take long do not hold the others up (`Docs/Decisions/0110-one-thread-leads.md`).

internal import CShims
internal import SystemIO

/// The right to read the device, which one thread at a time has.
final class RequestLead: Sendable {
    private struct State {
        var isTaken = false
        var isOver = false
    }

    /// Guards who leads; nothing is called while it is held.
    private let state = Monitor(State())

    /// Waits, blocking, until the calling thread leads; false when nothing is read any more.
    func take() -> Bool {
        state.waitUntil { state in
            if state.isOver { return false }
            if state.isTaken { return nil }
            state.isTaken = true
            return true
        }
    }

    /// Gives the lead to one of those who wait for it, or to the next who will.
    func pass() {
        state.withLock { state in
            precondition(state.isTaken, "the lead is passed on by a thread that has it")
            state.isTaken = false
        }
        state.wakeOne()
    }

    /// Lets all who wait for the lead go.
    func end() {
        state.withLock { $0.isOver = true }
        state.wakeAll()
    }
}

/// A thread's own view of the lead.
///
/// Used by that thread only.
final class RequestThread {
    private let lead: RequestLead
    private let wait: RequestWait?
    private var isLeading = false

    /// `wait` is how whoever leads waits for requests.
    init(_ lead: RequestLead, wait: RequestWait? = nil) {
        self.lead = lead
        self.wait = wait
    }

    /// Runs `body`, in which the lead is passed on before this thread waits for the disk.
    func run(_ body: () -> Void) {
        let handle = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe walrus_listen_to_blocking(
            { handle in
                guard let handle = unsafe handle else { return }
                unsafe Unmanaged<RequestThread>.fromOpaque(handle).takeUnretainedValue()
                    .passForDisk()
            },
            handle
        )
        body()
        walrus_listen_to_blocking(nil, nil)
        pass()
    }

    /// Waits until this thread leads; false when nothing is read any more.
    func takeLead() -> Bool {
        if isLeading { return true }
        isLeading = lead.take()
        return isLeading
    }

    /// Passes the lead on before this thread waits for the disk.
    private func passForDisk() {
        guard isLeading else { return }
        // A program waits with it, and the disk may need the processors that would be kept awake.
        wait?.rest()
        pass()
    }

    /// Passes the lead on, if this thread has it.
    func pass() {
        guard isLeading else { return }
        isLeading = false
        lead.pass()
    }
}
