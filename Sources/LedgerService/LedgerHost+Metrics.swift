internal import BlobModel
internal import Ledger
internal import Synchronization
internal import SystemIO
package import Telemetry

/// What a host has done since it started, for its metrics.
final class HostCounters: Sendable {
    let transactions = CounterSet([
        "succeeded", "failed", "rejected", "unavailable", "unknown",
    ])
    let applying = LatencySet<String>()
    let blocks = Counter()

    func count(_ results: [Result<TransactionResult, LedgerError>]) {
        for result in results {
            switch result {
            case .success(let result):
                if case .succeeded = result.outcome {
                    transactions.add("succeeded")
                } else {
                    transactions.add("failed")
                }
            case .failure(.rejected): transactions.add("rejected")
            case .failure(.outcomeUnknown): transactions.add("unknown")
            case .failure: transactions.add("unavailable")
            }
        }
    }
}

/// What a ledger tells whoever watches it (`Docs/Operating.md` has the table).
extension LedgerHost {
    /// All metrics of the ledger, as of now.
    package func metrics() async -> [MetricFamily] {
        let (tip, waiting, claimed, objection) = state.withLock { state in
            (state.tip, state.waiting.count, state.claimed, state.objection())
        }
        let height = tip.reference.height
        let missing = if case .ahead(_, let shown) = objection { shown } else { claimed }
        let now = time.nowMilliseconds
        var families: [MetricFamily] = [
            .gauge("walrus_ledger_height", "The newest block.", .integer(height)),
            .gauge(
                "walrus_ledger_block_age_seconds",
                "Since the newest block.",
                .integer((now - min(now, tip.milliseconds)) / 1000)
            ),
            .counter(
                "walrus_ledger_blocks_total",
                "Blocks that were made since the start.",
                counters.blocks.value
            ),
            .labelled(
                .counter,
                "walrus_ledger_transactions_total",
                "Transactions that were answered, by what became of them.",
                by: "outcome",
                counters.transactions.values
            ),
            MetricFamily(
                .histogram,
                "walrus_ledger_apply_duration_seconds",
                "Time to execute and commit a batch of transactions.",
                samples: counters.applying.readings.values.map { .init([], .histogram($0)) }
            ),
            .gauge(
                "walrus_ledger_waiting_transactions",
                "Transactions that wait for their block.",
                MetricValue(waiting)
            ),
            .gauge(
                "walrus_ledger_missing_blocks",
                "Blocks that followers say they have, and the ledger has not.",
                .integer(missing - min(missing, height))
            ),
        ]
        families += Self.families(of: objection)
        if let info = try? await info() {
            families += [
                .gauge("walrus_current_epoch", "The epoch.", .integer(UInt64(info.epoch))),
                .gauge(
                    "walrus_ledger_capacity_bytes",
                    "Encoded bytes that may be reserved in this epoch.",
                    .integer(info.rules.capacity)
                ),
                .gauge(
                    "walrus_ledger_capacity_used_bytes",
                    "Encoded bytes that are reserved.",
                    .integer(info.capacityUsed)
                ),
            ]
        }
        if let followers { families += self.families(of: followers, height) }
        return families
    }

    private static func families(of objection: ChainObjection?) -> [MetricFamily] {
        [
            .gauge(
                "walrus_ledger_ready",
                "1 while transactions are taken.",
                MetricValue(objection == nil)
            ),
            .labelled(
                .gauge,
                "walrus_ledger_objection",
                "1 while a node shows a signed block that stands against this chain.",
                by: "kind",
                ChainObjection.kinds.map { ($0, MetricValue($0 == objection?.kind)) }
            ),
        ]
    }

    private func families(of followers: LedgerFollowers, _ height: UInt64) -> [MetricFamily] {
        let all = followers.all
        let now = time.uptime
        return [
            .labelled(
                .gauge,
                "walrus_ledger_follower_lag_blocks",
                "Blocks that a node has not applied yet.",
                by: "node",
                all.map { ("\($0.node)", .integer(height - min(height, $0.height))) }
            ),
            .labelled(
                .gauge,
                "walrus_ledger_follower_silence_seconds",
                "Since a node asked for blocks.",
                by: "node",
                all.map { ("\($0.node)", MetricValue(max(.zero, now - $0.seen))) }
            ),
            .gauge(
                "walrus_ledger_followers_needed",
                "Nodes that must have a block before it is acknowledged.",
                MetricValue(followers.needed)
            ),
            .counter(
                "walrus_ledger_unkept_blocks_total",
                "Blocks that were acknowledged before so many nodes had them.",
                followers.unkept
            ),
        ]
    }
}
