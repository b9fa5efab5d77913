internal import Synchronization

/// The decode plans that a code used last.
///
/// Nodes are missing for a while, not for one blob, so the same symbols are asked for again and
/// again; finding the erasure locator and its multipliers takes as long as decoding a megabyte.
final class PlanCache: Sendable {
    struct Key: Hashable, Sendable {
        let given: [Int]
        let wanted: [Int]
        let method: ReedSolomonCode.Method
    }

    /// At most 32 MiB of multipliers a code: in a committee of 1,000 a plan takes up to 3.6 MB.
    static let plansMax = 8
    private static let planLengthMax = 4 << 20

    /// Guards the plans, of which the one used last is at the end; they are made outside, at worst
    /// by all who miss them together, and kept once.
    private let plans = Mutex<[(key: Key, plan: CodePlan)]>([])

    var count: Int { plans.withLock { $0.count } }

    func plan(_ key: Key, _ make: () -> CodePlan) -> CodePlan {
        let known = plans.withLock { plans -> CodePlan? in
            guard let index = plans.firstIndex(where: { $0.key == key }) else { return nil }
            let found = plans.remove(at: index)
            plans.append(found)
            return found.plan
        }
        if let known { return known }
        let plan = make()
        guard plan.length <= Self.planLengthMax else { return plan }
        plans.withLock { plans in
            // Others may have missed it together with us; one copy is enough.
            guard !plans.contains(where: { $0.key == key }) else { return }
            if plans.count == Self.plansMax { plans.removeFirst() }
            plans.append((key, plan))
        }
        return plan
    }
}
