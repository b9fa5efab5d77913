internal import Foundation
internal import SystemIO
internal import Volume

/// What is on its way out of the network, and what stays; a part of `status --json`.
struct GarbageReport: Codable, Sendable {
    /// Blobs that are retired and not deleted, and their encoded bytes.
    var retired = 0
    var retiredBytes: UInt64 = 0
    /// When the first of them may be deleted, milliseconds since 1970 UTC.
    var deletableFrom: UInt64?
    /// Blobs deleted since the volume was mounted, and their encoded bytes.
    var deleted = 0
    var deletedBytes: UInt64 = 0
    /// Bytes that no file has, and that a kept checkpoint needs.
    var heldBytes: UInt64 = 0
    /// Bytes that nothing needs, in packs of which something is needed.
    var sparseBytes: UInt64 = 0
    /// Packs that were emptied since the volume was mounted, and the bytes moved out of them.
    var packsEmptied = 0
    var movedBytes: UInt64 = 0
    /// Emptied packs that kept checkpoints still read, and their bytes.
    var emptied = 0
    var emptiedBytes: UInt64 = 0
    /// Packs that can not be emptied, and why the first.
    var refused = 0
    var refusal: String?
    /// Why the last look came to nothing.
    var lastError: String?

    init(_ report: WasteReport) {
        retired = report.retired
        retiredBytes = report.retiredBytes
        deletableFrom = report.deletableFrom
        deleted = report.deleted
        deletedBytes = report.deletedBytes
        heldBytes = report.heldBytes
        sparseBytes = report.sparseBytes
        packsEmptied = report.packsEmptied
        movedBytes = report.movedBytes
        emptied = report.emptied
        emptiedBytes = report.emptiedBytes
        refused = report.refused
        refusal = report.refusal
        lastError = report.lastError.map { "\($0)" }
    }

    /// What waits, for a person.
    var waiting: String {
        var parts: [String] = []
        if retired > 0 {
            parts.append("\(Terminal.bytes(retiredBytes)) in \(retired) retired blobs")
            if let from = deletableFrom {
                let now = LinuxTimeSource().nowMilliseconds
                parts.append(
                    from > now ? "the first goes in \(Terminal.time(from - now))" : "due to go"
                )
            }
        }
        if heldBytes > 0 { parts.append("\(Terminal.bytes(heldBytes)) kept for older checkpoints") }
        if sparseBytes > 0 {
            parts.append("\(Terminal.bytes(sparseBytes)) unused in packs that are needed")
        }
        if emptied > 0 {
            parts.append("\(Terminal.bytes(emptiedBytes)) in emptied packs that older ones read")
        }
        if refused > 0 {
            parts.append("\(refused) packs can not be emptied (\(refusal ?? "unreadable"))")
        }
        return parts.isEmpty ? "none that is known" : parts.joined(separator: ", ")
    }
}
