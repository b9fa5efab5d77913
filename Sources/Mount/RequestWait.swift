// How the thread that leads waits for a request.
//
// A sleeping thread costs its waker an interrupt to another processor, which in a virtual machine
// goes through the host, and a processor that halted takes its time: 20 to 45 µs where the request
// itself takes 5 to 10. Programs that work on files ask one thing after another, so after an answer
// the next request is a few microseconds away. While they do, the thread looks for it instead of
// sleeping, and the processors are asked not to halt: for a moment only, and only while that has
// just paid (`Docs/Decisions/0111-waiting-awake.md` has the measurements).

internal import CFuse
internal import Glibc

/// Reads the device's next request, awake while requests come fast.
///
/// Used by one thread at a time, the one that leads; `@unchecked` because the compiler does not
/// know that the lead is handed over through a lock.
@safe final class RequestWait: @unchecked Sendable {
    /// Requests in a row that came soon, up to which they are counted.
    private static let runMax = 8
    /// So many of them in a row are the work of a program in full swing.
    private static let runOfWork = 4
    /// Milliseconds without a request after which the processors may halt again.
    private static let restAfter: Int32 = 2

    /// Nanoseconds between two looks that only others' use of the processor explains.
    private static let interruption: UInt64 = 20_000
    /// Nanoseconds for which others then have the processors to themselves.
    private static let standsBack: UInt64 = 20_000_000

    /// How long a request is looked for before the thread sleeps; zero: not at all.
    private let spin: UInt64
    /// How many of the last requests came within `spin` of the wait for them, save those that
    /// followed a wait for the disk.
    private var run = 0
    /// Requests in a row since a thread waited for the disk, up to which they are counted.
    private var sinceRest = 0
    /// A program waits for the disk, and asks for nothing before that is over.
    private var isResting = false
    /// Until then the machine has other work, and the thread sleeps at once; zero: it has none.
    private var crowdedUntil: UInt64 = 0
    /// The kernel's file that keeps processors from halting; -1 when there is none, or no right.
    private let latency: Int32
    private var isAwake = false

    /// - Parameter spin: Microseconds; zero sleeps at once.
    init(spin: Int) {
        precondition(spin >= 0)
        self.spin = UInt64(spin) * 1000
        // Only root may; without it requests are somewhat slower, nothing else.
        latency =
            spin == 0 ? -1 : unsafe open("/dev/cpu_dma_latency", O_RDWR | O_CLOEXEC)
        setAwake(false, always: true)
    }

    deinit { if latency >= 0 { close(latency) } }

    /// As read(2) of a descriptor that does not block, but waits; EAGAIN after a signal.
    func read(_ descriptor: Int32, _ buffer: UnsafeMutableRawPointer?, _ size: Int) -> Int {
        let looks = run > 0 && !isResting
        defer { isResting = false }
        var count = unsafe Glibc.read(descriptor, buffer, size)
        guard count < 0, errno == EAGAIN else {
            note(soon: true)
            return count
        }
        let start = Self.now
        if start >= crowdedUntil { crowdedUntil = 0 }
        var look = start
        while looks, look - start < spin, crowdedUntil == 0 {
            count = unsafe Glibc.read(descriptor, buffer, size)
            guard count < 0, errno == EAGAIN else {
                note(soon: true)
                return count
            }
            let last = look
            look = Self.now
            if look - last > Self.interruption { standBack(look) }
        }
        var isReady = false
        if isAwake {
            isReady = Self.sleep(descriptor, Self.restAfter) != 0
            if !isReady { setAwake(false) }
        }
        if !isReady { _ = Self.sleep(descriptor, -1) }
        if !isResting { note(soon: Self.now - start < spin) }
        return unsafe Glibc.read(descriptor, buffer, size)
    }

    /// Waits until there is a request, a signal comes, or so many milliseconds are over: zero then.
    private static func sleep(_ descriptor: Int32, _ milliseconds: Int32) -> Int32 {
        var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&wait, 1, milliseconds)
    }

    /// Takes note that no request is to be expected soon; for the thread that leads.
    func rest() {
        isResting = true
        sinceRest = 0
        setAwake(false)
    }

    private func note(soon: Bool) {
        run = soon ? min(run + 1, Self.runMax) : max(run - 2, 0)
        sinceRest = min(sinceRest + 1, Self.runOfWork)
        if min(run, sinceRest) >= Self.runOfWork, crowdedUntil == 0 { setAwake(true) }
    }

    /// Another thread wanted this processor: for a while none is used for looking.
    private func standBack(_ now: UInt64) {
        crowdedUntil = now + Self.standsBack
        setAwake(false)
    }

    /// Asks the kernel to answer interrupts within 0 µs, or takes that back.
    private func setAwake(_ isAwake: Bool, always: Bool = false) {
        guard latency >= 0, isAwake != self.isAwake || always else { return }
        self.isAwake = isAwake
        // The value is a time in microseconds, and the open file holds the wish.
        var microseconds: Int32 = isAwake ? 0 : 2_000_000_000
        _ = unsafe write(latency, &microseconds, MemoryLayout<Int32>.size)
    }

    private static var now: UInt64 {
        var time = timespec()
        _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
