import BlobClient
import BlobModel
import Ledger
import Synchronization
import SystemIO
import TestNetwork
import Testing

/// Sleeps at once, as far as its clock says.
private final class HastyTime: TimeSource {
    private let now = Mutex(Duration.zero)

    var wallTime: WallTime { WallTime(seconds: 1_767_225_600, nanoseconds: 0) }
    var uptime: Duration { now.withLock { $0 } }

    func sleep(for duration: Duration) async throws {
        try Task.checkCancellation()
        now.withLock { $0 += duration }
    }
}

@Suite struct PatientLedgerTests {
    /// Asks something that fails so often first; returns how often it was asked, and the answer.
    private func ask(
        failing failures: Int,
        with error: LedgerError = .unavailable("away"),
        _ time: HastyTime
    ) async -> (count: Int, Result<Int, LedgerError>) {
        var count = 0
        do throws(LedgerError) {
            let answer = try await PatientLedger.ask(patience: .seconds(10), time) {
                () throws(LedgerError) in
                count += 1
                if count <= failures { throw error }
                return 7
            }
            return (count, .success(answer))
        } catch {
            return (count, .failure(error))
        }
    }

    /// A ledger that was killed and is started again costs nobody an operation.
    @Test func aLedgerThatIsAwayForAMomentIsAskedAgain() async {
        let time = HastyTime()
        #expect(await ask(failing: 0, time) == (1, .success(7)))
        #expect(time.uptime == .zero)
        #expect(await ask(failing: 5, time) == (6, .success(7)))
        // 0.1, 0.2, 0.4, 0.8, 1 seconds.
        #expect(time.uptime == .milliseconds(2500))
        #expect(await ask(failing: 1, with: .outcomeUnknown("broke"), time) == (2, .success(7)))
    }

    @Test func oneThatStaysAwayIsReportedWhenTheTimeIsOver() async {
        let time = HastyTime()
        let (count, result) = await ask(failing: .max, time)
        #expect(result == .failure(.unavailable("away")))
        #expect(count == 13)
        #expect(time.uptime <= .seconds(10))
    }

    @Test(arguments: [
        LedgerError.rejected(.malformed("odd")), .notThisLedger("other"), .behind(height: 3),
        .cancelled,
    ])
    func whatTimeDoesNotMendIsReportedAtOnce(_ error: LedgerError) async {
        let time = HastyTime()
        #expect(await ask(failing: .max, with: error, time) == (1, .failure(error)))
        #expect(time.uptime == .zero)
    }
}
