internal import Foundation

// What is said over the control socket: `Docs/Formats/control-socket.md`.

/// How far a request has come.
struct Progress: Codable, Equatable, Sendable {
    var step: String
    var done: UInt64
    /// Zero when it is not known.
    var total: UInt64
}

enum SyncScope: String, Codable, Sendable {
    case local
    case network
}

struct ControlRequest: Codable, Sendable {
    static let version = 1

    enum Command: String, Codable, Sendable {
        case status
        case sync
        case prepareUnmount = "prepare-unmount"
        case unmounted
        case fsck
        case gc
    }

    var version = Self.version
    var command: Command
    var scope: SyncScope?
    /// Of a check: whether every byte is read back.
    var deep: Bool?
    /// Of a collection: whether it keeps only the newest checkpoint, and waits for no grace.
    var now: Bool?
}

struct SyncReport: Codable, Sendable {
    /// The newest published checkpoint; 0 when there is none.
    var sequence: UInt64
    /// Bytes that only this machine has.
    var unpublishedBytes: UInt64
    /// Whether nobody else can write the volume meanwhile.
    var holdsLease: Bool?
    /// Why nothing will be published any more.
    var stopped: String?
}

/// What a mount says of itself; the keys are those of `status --json`.
struct StatusReport: Codable, Sendable {
    var volume: String
    var mountpoint: String
    var pid: Int32
    var state: String
    var network: String
    var readOnly: Bool
    var bytesTotal: UInt64
    var bytesFree: UInt64
    var inodes: UInt64
    /// How often the process that serves the mount trapped and was replaced; see 'mount.log'.
    var restarts = 0
    /// The newest published checkpoint; 0 when there is none.
    var sequence: UInt64
    var manifest: String?
    var unpublishedBytes: UInt64
    /// Milliseconds that the oldest unpublished change waits.
    var unpublishedAge: UInt64
    /// Bytes a second that lately went to the network.
    var uploadRate: UInt64 = 0
    /// How long the rest takes at this rate; nil while nothing is known of it.
    var uploadSeconds: UInt64?
    /// Packs that are on their way to storage nodes, and their bytes.
    var packsInFlight = 0
    var bytesInFlight = 0
    /// Bytes of the log that can not go before they are on the network.
    var logBytes: UInt64 = 0
    /// Where writes begin to wait; nil without a network.
    var logBytesMax: UInt64?
    var writersWaiting = 0
    /// Milliseconds since the newest published checkpoint was cut.
    var checkpointAge: UInt64?
    /// The token of the lease; nil when this mount has none.
    var lease: UInt32?
    /// Of the network: "answers", "does not answer", or what it answered last.
    var networkHealth: String?
    /// What the volume waits for before it goes on: the network, the lease, room.
    var waitingFor: String?
    /// How often the kernel asked for what since the volume was mounted, by its names for requests.
    var requests: [String: UInt64]?
    /// The step of the checkpoint under way.
    var step: String?
    var lastError: String?
    /// Why nothing will be published any more; the mount is read-only then.
    var stopped: String?
    /// What to do about that.
    var advice: String?
    /// That the database was made anew when the volume was mounted, and why.
    var rebuilt: String?
    /// What is on its way out; missing without a network.
    var garbage: GarbageReport?
    /// Of a mount that follows.
    var following: FollowingReport?
}

/// How far a mount that follows is.
struct FollowingReport: Codable, Sendable {
    /// The newest checkpoint that the network has told of; `sequence` is the one that is shown.
    var head: UInt64
    /// When what is shown was cut, milliseconds since 1970 UTC.
    var cutAt: UInt64?
    /// Milliseconds since the ledger answered; missing if it has not.
    var answeredAgo: UInt64?
}

struct ControlError: Codable, Sendable {
    var code: Int32
    var message: String
}

/// One frame of an answer: exactly one of the three.
struct ControlAnswer<Result: Codable & Sendable>: Codable, Sendable {
    var progress: Progress?
    var result: Result?
    var error: ControlError?
}

enum ControlCoding {
    static func encode(_ value: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return [UInt8](try encoder.encode(value)) + [0x0A]
        } catch {
            preconditionFailure("plain structures can be written as JSON: \(error)")
        }
    }

    static func decode<Value: Decodable>(_ bytes: [UInt8], as type: Value.Type) -> Value? {
        // What can not be read is answered in one way, whatever is wrong with it.
        try? JSONDecoder().decode(type, from: Data(bytes))
    }
}
