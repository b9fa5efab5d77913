package import Logging
package import StorageNode
internal import SystemIO
internal import Telemetry

/// How a node's events are told in a log: each kind at its level, with a word to look for.
///
/// A kind that happens again and again is told now and then, with how much was left out: a disk
/// that rots or a peer that lies must not fill the log of the machine.
package final class NodeLog: Sendable {
    private let logger: Logger
    private let limiter = EventLimiter(EventBudget(burst: 20, interval: .seconds(5)))

    package init(_ logger: Logger) { self.logger = logger }

    package func tell(_ notice: NodeNotice) {
        let level = Self.level(of: notice)
        guard level >= logger.logLevel,
            let left = limiter.admit(notice.name, at: LinuxTimeSource().uptime)
        else { return }
        var metadata: Logger.Metadata = ["event": "\(notice.name)"]
        if left > 0 { metadata["suppressed"] = "\(left)" }
        logger.log(level: level, "\(notice)", metadata: metadata)
    }

    // Docs/Decisions/0191-one-line-an-event.md says what the levels mean.
    static func level(of notice: NodeNotice) -> Logger.Level {
        switch notice {
        case .diskFailed, .diverged: .critical
        case .damagedSliver, .damagedMetadata, .diskFull: .error
        case .lie, .inconsistent, .ledgerUnavailable, .syncFailed, .notRecovered: .warning
        case .synced, .invalidated: .notice
        case .dropped: .info
        case .deleted: .debug
        }
    }
}
