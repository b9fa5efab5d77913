// What is done about a network that does not answer. After a failure the checkpointer rests, longer
// each time; but the lease is looked at every few seconds whatever happens, so a ledger that comes
// back is heard of long before a rest of half a minute is over, and ends it
// (`Docs/Decisions/0220-a-ledger-that-is-back-ends-the-rest.md`).

internal import BlobModel
internal import SystemIO

extension Checkpointer {
    /// How often one who rests looks whether that is over.
    private static let restStep = Duration.milliseconds(500)

    func sleep(for duration: Duration) async -> Bool {
        // It only throws when the task is cancelled.
        (try? await environment.time.sleep(for: duration)) != nil
    }

    /// Between half of the pause and all of it, so that mounts do not return in step.
    func jittered(_ pause: Duration) -> Duration {
        let share = Int(environment.entropy.uint64(below: 512)) + 512
        return pause * share / 1024
    }

    /// Rests after a failure, and makes `pause` what the next one wants: longer, or short again if
    /// a ledger that was away has come back meanwhile.
    ///
    /// - Returns: false when the task was cancelled.
    func rest(after pause: inout Duration) async -> Bool {
        let returns = ledgerReturns
        let end = environment.time.uptime + jittered(pause)
        while ledgerReturns == returns {
            let left = end - environment.time.uptime
            guard left > .zero else {
                pause = min(pause * 2, restLongest)
                return true
            }
            guard await sleep(for: min(left, Self.restStep)) else { return false }
        }
        pause = environment.settings.retryFirst
        return true
    }

    /// Before the lease is taken nobody looks at it, and an attempt is no more than a question.
    private var restLongest: Duration {
        let settings = environment.settings
        return machine == nil
            ? min(settings.retryLongest, settings.leaseCheck)
            : settings.retryLongest
    }

    /// Asks the ledger, and takes note whether it answers; a refusal is an answer.
    func asked<Answer: Sendable>(
        _ body: @Sendable () async throws(HeadStoreError) -> Answer
    ) async -> Result<Answer, HeadStoreError> {
        let outcome: Result<Answer, HeadStoreError>
        do throws(HeadStoreError) {
            outcome = .success(try await body())
        } catch {
            outcome = .failure(error)
        }
        switch outcome {
        case .failure(.cancelled): break
        case .failure(let error) where error.isTransient: isLedgerAway = true
        case .success, .failure:
            if isLedgerAway { ledgerReturns += 1 }
            isLedgerAway = false
        }
        return outcome
    }

    func ledger<Answer: Sendable>(
        _ body: @Sendable () async throws(HeadStoreError) -> Answer
    ) async throws(CheckpointError) -> Answer {
        switch await asked(body) {
        case .success(let answer): return answer
        case .failure(let error): throw .heads(error)
        }
    }
}
