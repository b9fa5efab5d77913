internal import Ledger

/// Who waits for what; a value that decides, while ``LedgerHost`` resumes.
struct HostState {
    /// What a waiting caller is told.
    enum Turn: Sendable {
        case done(Result<TransactionResult, LedgerError>)
        /// Carry the next batch.
        case lead
    }

    struct Waiting {
        let id: UInt64
        let transaction: SignedTransaction
        let length: Int
        let continuation: CheckedContinuation<Turn, Never>
    }

    struct Poll {
        let id: UInt64
        let continuation: CheckedContinuation<Bool, Never>
    }

    /// The newest block that is durable here.
    var tip: ChainTip
    /// Up to which height the sink has every block; nil before it was asked the first time.
    var sunk: UInt64?
    /// The newest block that somebody says to have; 0 when nobody says anything.
    var claimed: UInt64 = 0
    /// What nodes say they have.
    var claims = FollowerClaims()
    private var isStopping = false
    /// Callers in order of arrival, the leader's not among them.
    private(set) var waiting: [Waiting] = []
    private(set) var hasLeader = false
    private var polls: [Poll] = []
    private var lastID: UInt64 = 0

    init(tip: ChainTip) { self.tip = tip }

    /// Why no transactions are taken; nil when they are.
    mutating func objection() -> ChainObjection? { claims.objection(tip: tip.reference.height) }

    mutating func newID() -> UInt64 {
        lastID += 1
        return lastID
    }

    /// Whether the caller leads; if not, it is to wait.
    mutating func takeLead() -> Bool {
        guard !hasLeader else { return false }
        hasLeader = true
        return true
    }

    /// Whether there was room in the queue.
    mutating func enqueue(_ caller: Waiting) -> Bool {
        guard waiting.count < LedgerHost.waitingMax else { return false }
        waiting.append(caller)
        return true
    }

    /// Takes the callers whose transactions fit into one block after `length` bytes.
    mutating func takeBatch(after length: Int) -> [Waiting] {
        var total = length
        let count = waiting.prefix(Block.transactionsMax - 1).prefix { caller in
            total += caller.length
            return total <= LedgerHost.blockBytesMax
        }.count
        defer { waiting.removeFirst(count) }
        return Array(waiting.prefix(count))
    }

    /// Ends the lead, or names who is to lead next: it is no longer among the waiting.
    mutating func passLead() -> Waiting? {
        guard !waiting.isEmpty else {
            hasLeader = false
            return nil
        }
        return waiting.removeFirst()
    }

    /// Whether the poll may wait.
    mutating func addPoll(_ poll: Poll) -> Bool {
        guard !isStopping else { return false }
        polls.append(poll)
        return true
    }

    /// Lets nobody wait any more, and returns those who do.
    mutating func stopPolls() -> [Poll] {
        isStopping = true
        defer { polls = [] }
        return polls
    }

    mutating func removePoll(_ id: UInt64) -> Poll? {
        polls.firstIndex { $0.id == id }.map { polls.remove(at: $0) }
    }

    /// Moves the tip, and returns the polls that waited for it.
    mutating func advance(to tip: ChainTip) -> [Poll] {
        self.tip = tip
        defer { polls = [] }
        return polls
    }
}
