import BlobModel
import Synchronization
import SystemIO

/// Decides at which call of the world around a checkpointer a crash or a failure comes.
final class FaultPlan: Sendable {
    private struct State {
        var calls = 0
        var failing: Int?
        var isForEver = false
    }

    private let state = Mutex(State())

    /// Fails call number `call` from now, and with `forEver` all after it, as after a crash.
    func fail(at call: Int, forEver: Bool) {
        state.withLock { state in
            state.calls = 0
            state.failing = call
            state.isForEver = forEver
        }
    }

    func clear() { state.withLock { $0.failing = nil } }

    /// Ends what was planned, and tells whether anything was.
    func clearIfPlanned() -> Bool {
        state.withLock { state in
            defer { state.failing = nil }
            return state.failing != nil
        }
    }

    /// Calls so far.
    var calls: Int { state.withLock { $0.calls } }

    /// Whether this call fails.
    func strikes() -> Bool {
        state.withLock { state in
            state.calls += 1
            guard let failing = state.failing else { return false }
            return state.isForEver ? state.calls >= failing : state.calls == failing
        }
    }
}

/// A network of blobs that is a dictionary.
final class InMemoryBlobStore: BlobStore {
    private struct State {
        var blobs: [BlobID: [UInt8]] = [:]
        var registered: Set<BlobID> = []
        var storeCalls = 0
        var readCalls = 0
        var bytesRead = 0
        var lostAcknowledgements = 0
        var liesToCallers = false
        var rotten: Set<BlobID> = []
        /// How many more stores are taken; nil: any number.
        var storesLeft: Int?
        /// What is not taken.
        var refusal: (@Sendable ([UInt8]) -> Bool)?
        var gate: ManualTimeSource?
        var readGate: ManualTimeSource?
    }

    private let state: Mutex<State>
    let plan: FaultPlan
    let metadataLength: UInt64 = 1000
    /// As on a network of ten shards.
    static let lengthMax: UInt64 = 1_834_952

    init(plan: FaultPlan = FaultPlan()) {
        self.plan = plan
        state = Mutex(State())
    }

    /// The network as it is now, to go on from in another life.
    init(copying other: InMemoryBlobStore) {
        plan = FaultPlan()
        state = Mutex(other.state.withLock { $0 })
    }

    /// What is stored and certified.
    var blobs: [BlobID: [UInt8]] { state.withLock { $0.blobs } }
    /// How many blobs are registered, and so paid for.
    var paidCount: Int { state.withLock { $0.registered.count } }
    var storeCalls: Int { state.withLock { $0.storeCalls } }
    var readCalls: Int { state.withLock { $0.readCalls } }
    var bytesRead: Int { state.withLock { $0.bytesRead } }

    /// The next `count` stores take effect, and say that they did not.
    func loseAcknowledgements(_ count: Int) { state.withLock { $0.lostAcknowledgements = count } }

    /// Whether reads that the caller authenticates return wrong bytes.
    func lieToCallers(_ lies: Bool) { state.withLock { $0.liesToCallers = lies } }

    /// All reads of this blob return wrong bytes.
    func rot(_ blob: BlobID) { _ = state.withLock { $0.rotten.insert(blob) } }

    /// Nobody has this blob any more.
    func lose(_ blob: BlobID) { state.withLock { $0.blobs[blob] = nil } }

    /// It is there again, and as it was.
    func mend(_ blob: BlobID, _ bytes: [UInt8]) {
        state.withLock { state in
            state.blobs[blob] = bytes
            state.rotten.remove(blob)
        }
    }

    /// Takes so many more stores, and then none.
    func refuseAfter(stores: Int?) { state.withLock { $0.storesLeft = stores } }

    /// Takes nothing that is like this.
    func refuse(_ refusal: @escaping @Sendable ([UInt8]) -> Bool) {
        state.withLock { $0.refusal = refusal }
    }

    /// Each store takes a second of this clock.
    func setGate(_ gate: ManualTimeSource) { state.withLock { $0.gate = gate } }

    /// No read ends before this clock has gone on for years.
    func setReadGate(_ gate: ManualTimeSource) { state.withLock { $0.readGate = gate } }

    func encodedLength(of length: UInt64) -> UInt64? {
        length > Self.lengthMax ? nil : length * 5 + 10 * metadataLength
    }

    func store(
        _ bytes: [UInt8],
        registered: (@Sendable () -> Void)?
    ) async throws(BlobStoreError) -> StoredBlob {
        if plan.strikes() { throw .unavailable("planned") }
        let isTaken = state.withLock { state in
            guard let left = state.storesLeft else { return true }
            state.storesLeft = max(0, left - 1)
            return left > 0
        }
        guard isTaken else { throw .unavailable("no more stores") }
        if state.withLock({ $0.refusal })?(bytes) ?? false { throw .notFunded("planned") }
        if let gate = state.withLock({ $0.gate }) {
            // Only cancellation ends the sleep early, and then nothing is tested.
            try? await gate.sleep(for: .seconds(1))
        }
        guard UInt64(bytes.count) <= Self.lengthMax else { throw .invalidRequest("too long") }
        let blob = BlobID(bytes: Blake2b256.hash(bytes, kind: "test-blob"))
        let isCertified = state.withLock { state in
            state.registered.insert(blob)
            return state.blobs[blob] != nil
        }
        if !isCertified { registered?() }
        let isLost = state.withLock { state in
            state.storeCalls += 1
            state.blobs[blob] = bytes
            guard state.lostAcknowledgements > 0 else { return false }
            state.lostAcknowledgements -= 1
            return true
        }
        if isLost { throw .unavailable("lost acknowledgement") }
        let pool = ObjectID(bytes: [UInt8](repeating: 1, count: 32))
        return StoredBlob(
            blob: blob,
            length: UInt64(bytes.count),
            lifetime: .pool(pool, end: 100)
        )
    }

    func read(
        _ blob: BlobID,
        range: Range<UInt64>,
        authentication: ReadAuthentication
    ) async throws(BlobStoreError) -> [UInt8] {
        if plan.strikes() { throw .unavailable("planned") }
        if let gate = state.withLock({ $0.readGate }) {
            // Only cancellation ends it.
            try? await gate.sleep(for: .seconds(1 << 30))
            throw .cancelled
        }
        let (found, lies) = state.withLock { state in
            state.readCalls += 1
            state.bytesRead += range.count
            let lies =
                state.liesToCallers && authentication == .caller
                || state.rotten.contains(blob)
            return (state.blobs[blob], lies)
        }
        guard let bytes = found else { throw .notFound(blob) }
        guard range.upperBound <= UInt64(bytes.count) else { throw .invalidRequest("range") }
        let part = Array(bytes[Int(range.lowerBound)..<Int(range.upperBound)])
        return lies ? part.map { $0 ^ 1 } : part
    }

    func length(of blob: BlobID) async throws(BlobStoreError) -> UInt64 {
        guard let bytes = blobs[blob] else { throw .notFound(blob) }
        return UInt64(bytes.count)
    }

    func lifetime(of blob: BlobID) async throws(BlobStoreError) -> BlobLifetime? {
        guard blobs[blob] != nil else { return nil }
        return .pool(ObjectID(bytes: [UInt8](repeating: 1, count: 32)), end: 100)
    }
}

/// A ledger of one volume, shared by the head stores of its mounts.
final class InMemoryLedger: Sendable {
    enum PublishFault {
        /// It took effect, and the answer was lost.
        case unknownButDone
        /// It did not take effect, and the answer was lost.
        case unknownAndUndone
    }

    fileprivate struct State {
        var head: Head?
        var token: UInt32 = 0
        var holder: PublicKey?
        var claim: Lease.Claim?
        /// Whether a claim has stood for so long that the lease may be taken.
        var isPatienceOver = true
        var patience: Duration?
        /// What every take-over fails with.
        var takeOverFailure: HeadStoreError?
        var keeps = 0
        var faults: [PublishFault] = []
        var time: UInt64 = 1_000_000
        var retired: [BlobID: RetiredBlob] = [:]
        /// All heads that there were.
        var heads: [Head] = []
        var pins: [UInt64] = []
        /// What the pool may have, and has, in encoded bytes.
        var pool: (capacity: UInt64, used: UInt64) = (1 << 40, 0)
    }

    fileprivate let state: Mutex<State>

    init() { state = Mutex(State()) }

    /// The ledger as it is now, to go on from in another life.
    init(copying other: InMemoryLedger) { state = Mutex(other.state.withLock { $0 }) }

    let volume = VolumeID(bytes: [UInt8](repeating: 0x22, count: 32))

    var head: Head? { state.withLock { $0.head } }

    /// What is retired and not deleted.
    var retired: [BlobID: RetiredBlob] { state.withLock { $0.retired } }

    /// The grace of all that is retired is over.
    func endGrace() {
        state.withLock { state in
            state.retired = state.retired.mapValues { blob in
                RetiredBlob(
                    blob: blob.blob,
                    encodedLength: blob.encodedLength,
                    bornAfter: blob.bornAfter,
                    sequence: blob.sequence,
                    deletableFrom: 0
                )
            }
        }
    }

    func setPool(capacity: UInt64, used: UInt64) {
        state.withLock { $0.pool = (capacity, used) }
    }

    func pin(_ sequences: [UInt64]) { state.withLock { $0.pins = sequences } }

    /// This ledger as if an older checkpoint were the newest.
    func asOf(_ sequence: UInt64) -> InMemoryLedger {
        let older = InMemoryLedger(copying: self)
        older.state.withLock { state in
            state.head = state.heads.first { $0.sequence == sequence }
        }
        return older
    }

    func failPublications(_ faults: [PublishFault]) { state.withLock { $0.faults = faults } }

    /// Gives the lease to somebody else.
    func giveLease(to holder: PublicKey) {
        state.withLock { state in
            state.token += 1
            state.holder = holder
            state.claim = nil
        }
    }

    /// Whether the patience with a holder that is claimed from is over.
    func setPatienceOver(_ isOver: Bool) { state.withLock { $0.isPatienceOver = isOver } }

    func setPatience(_ patience: Duration) { state.withLock { $0.patience = patience } }

    func failTakeOvers(_ error: HeadStoreError) { state.withLock { $0.takeOverFailure = error } }

    /// A claim is so old that anyone may claim again.
    func forgetClaim() { state.withLock { $0.claim = nil } }

    /// Somebody wants the lease.
    func claim(by claimant: PublicKey) {
        state.withLock { $0.claim = Lease.Claim(claimant: claimant, recordedAt: 1) }
    }

    var lease: Lease {
        state.withLock { Lease(token: $0.token, holder: $0.holder, claim: $0.claim) }
    }

    /// How often a holder answered.
    var keeps: Int { state.withLock { $0.keeps } }

    /// What another mount might have published.
    func publishForeign(_ manifest: BlobID) {
        state.withLock { state in
            state.head = Head(
                sequence: (state.head?.sequence ?? 0) + 1,
                manifest: manifest,
                token: state.token,
                publishedAt: 0
            )
        }
    }
}

/// One mount's view of the ledger.
struct InMemoryHeadStore: HeadStore {
    let ledger: InMemoryLedger
    let mountKey: PublicKey
    let plan: FaultPlan
    /// Where deleted blobs go from.
    var blobs: InMemoryBlobStore?

    private var lease: Lease { ledger.lease }

    var patience: Duration? { ledger.state.withLock { $0.patience } }

    func record() async throws(HeadStoreError) -> VolumeRecord {
        if plan.strikes() { throw .unavailable("planned") }
        let pool = ledger.state.withLock { $0.pool }
        return VolumeRecord(
            volume: ledger.volume,
            head: ledger.head,
            lease: lease,
            pins: ledger.state.withLock { $0.pins },
            poolCapacity: pool.capacity,
            poolUsed: pool.used,
            poolEnd: 100,
            currentEpoch: 1
        )
    }

    func acquireLease() async throws(HeadStoreError) -> Lease {
        if plan.strikes() { throw .unavailable("planned") }
        ledger.state.withLock { state in
            guard state.holder == nil || state.holder == mountKey else {
                state.claim = state.claim ?? Lease.Claim(claimant: mountKey, recordedAt: 1)
                return
            }
            state.token += 1
            state.holder = mountKey
            state.claim = nil
        }
        return lease
    }

    func takeOverLease() async throws(HeadStoreError) -> Lease {
        let (claimant, isPatienceOver, failure) = ledger.state.withLock {
            ($0.claim?.claimant, $0.isPatienceOver, $0.takeOverFailure)
        }
        if let failure { throw failure }
        guard claimant == mountKey else { throw .notClaimed(lease) }
        guard isPatienceOver else { throw .patienceNotOver(until: 5) }
        ledger.giveLease(to: mountKey)
        return lease
    }

    func keepLease(token: UInt32) async throws(HeadStoreError) -> Lease {
        if plan.strikes() { throw .unavailable("planned") }
        guard lease.token == token, lease.holder != nil else { throw .leaseLost(lease) }
        ledger.state.withLock { state in
            state.claim = nil
            state.keeps += 1
        }
        return lease
    }

    func releaseLease(token: UInt32) async throws(HeadStoreError) {
        let current = lease
        guard current.token == token else { throw .leaseLost(current) }
        ledger.state.withLock { state in
            state.holder = nil
            state.claim = nil
        }
    }

    func publish(
        manifest: BlobID,
        expected: UInt64,
        token: UInt32,
        pins: [UInt64]
    ) async throws(HeadStoreError) -> Head {
        if plan.strikes() { throw .unavailable("planned") }
        let result = ledger.state.withLock { state -> Result<Head, HeadStoreError> in
            let fault = state.faults.isEmpty ? nil : state.faults.removeFirst()
            if case .unknownAndUndone = fault { return .failure(.outcomeUnknown("planned")) }
            if let head = state.head, head.manifest == manifest, head.sequence == expected + 1 {
                return .success(head)
            }
            guard state.token == token else {
                let lease = Lease(token: state.token, holder: state.holder, claim: nil)
                return .failure(.leaseLost(lease))
            }
            guard (state.head?.sequence ?? 0) == expected else {
                return .failure(.conflict(current: state.head))
            }
            state.time += 1
            let head = Head(
                sequence: expected + 1,
                manifest: manifest,
                token: token,
                publishedAt: state.time
            )
            state.head = head
            state.heads.append(head)
            if case .unknownButDone = fault { return .failure(.outcomeUnknown("planned")) }
            return .success(head)
        }
        return try result.get()
    }

    func retire(
        _ blobs: [BlobID],
        sequence: UInt64,
        token: UInt32,
        immediately: Bool
    ) async throws(HeadStoreError) {
        if plan.strikes() { throw .unavailable("planned") }
        guard lease.token == token, lease.holder != nil else { throw .leaseLost(lease) }
        let refusal = ledger.state.withLock { state -> HeadStoreError? in
            let head = state.head
            guard sequence <= head?.sequence ?? 0, !blobs.contains(where: { $0 == head?.manifest })
            else { return .rejected("the head needs it") }
            for blob in blobs where state.retired[blob] == nil {
                // Gone already: the repeat of an earlier command.
                guard self.blobs?.blobs[blob] != nil else { continue }
                state.retired[blob] = RetiredBlob(
                    blob: blob,
                    encodedLength: 1,
                    bornAfter: 0,
                    sequence: sequence,
                    deletableFrom: immediately ? 0 : .max
                )
            }
            return nil
        }
        if let refusal { throw refusal }
    }

    func retired() async throws(HeadStoreError) -> [RetiredBlob] {
        if plan.strikes() { throw .unavailable("planned") }
        return ledger.retired.values.sorted {
            $0.blob.bytes.lexicographicallyPrecedes($1.blob.bytes)
        }
    }

    func deleteRetired(_ blobs: [BlobID], token: UInt32) async throws(HeadStoreError) {
        if plan.strikes() { throw .unavailable("planned") }
        guard lease.token == token, lease.holder != nil else { throw .leaseLost(lease) }
        let refusal = ledger.state.withLock { state -> HeadStoreError? in
            let kept = state.pins + (state.head.map { [$0.sequence] } ?? [])
            for blob in blobs where self.blobs?.blobs[blob] != nil {
                guard let retired = state.retired[blob] else { return .rejected("not retired") }
                guard retired.deletableFrom == 0, !kept.contains(where: retired.mayBeNeeded)
                else { return .rejected("the grace is not over, or it is needed") }
            }
            for blob in blobs { state.retired[blob] = nil }
            return nil
        }
        if let refusal { throw refusal }
        for blob in blobs { self.blobs?.lose(blob) }
    }
}
