internal import BlobModel
internal import Logging
internal import StorageNode
internal import Synchronization
internal import Telemetry
internal import Testing

@testable internal import LocalNetwork

/// A node's events in its log.
@Suite struct NodeLogTests {
    private func lines(_ level: Logger.Level, _ body: (NodeLog) -> Void) -> [String] {
        let lines = Mutex<[String]>([])
        let logger = Logger(label: "node") { label in
            LineLogHandler(
                label: label,
                format: .text,
                level: level,
                now: { 0 },
                write: { line in lines.withLock { $0.append(line) } }
            )
        }
        body(NodeLog(logger))
        return lines.withLock { $0 }
    }

    @Test func eachKindHasItsWordAndLevel() {
        let told = lines(.notice) { log in
            log.tell(.diverged("it ends at 3"))
            log.tell(.diskFull)
            log.tell(.ledgerUnavailable("gone"))
            log.tell(.dropped(pairs: 2))
            log.tell(.deleted(BlobID(bytes: [UInt8](repeating: 1, count: 32))))
        }
        #expect(told.count == 3, "\(told)")
        #expect(told[0].contains("level=critical") && told[0].contains("event=diverged"))
        #expect(told[1].contains("level=error") && told[1].contains("event=disk_full"))
        #expect(told[2].contains("level=warning"))
        #expect(told[2].contains("event=ledger_unavailable"))
    }

    @Test func oneKindDoesNotFillTheLog() {
        let blob = BlobID(bytes: [UInt8](repeating: 1, count: 32))
        let told = lines(.debug) { log in
            for _ in 0..<1000 { log.tell(.deleted(blob)) }
            log.tell(.diskFailed("EIO"))
        }
        // A burst, and at most one more on a machine that is slow; then the other kind.
        #expect((21...22).contains(told.count), "\(told.count)")
        #expect(told.last?.contains("event=disk_failed") == true)
    }
}
