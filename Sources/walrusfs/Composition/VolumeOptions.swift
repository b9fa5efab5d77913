internal import Transport

/// What `-o` says about how a volume keeps its promises.
struct VolumeOptions: Equatable, Sendable {
    /// What fsync(2) waits for.
    var fsync = SyncScope.local
    /// Unsynced work is synced after so long.
    var commit = Duration.seconds(1)
    /// How long a write waits for room in the log, and a network fsync for the network.
    var patience = Duration.seconds(300)
    /// Bytes that wait for the network, beyond which writes wait too.
    var log: UInt64 = 4 << 30
    /// How long a read waits for a network that does not answer.
    var timeout = Duration.seconds(30)
    /// Whether the lease is taken from a mount that does not answer.
    var takesOver = false
    /// Whether what is mounted is the newest checkpoint, as others publish it.
    var follows = false
    /// How often the network is asked for a newer one.
    var followInterval = Duration.seconds(1)
    /// Where metrics are served; nowhere unless asked for.
    var metrics: Endpoint?

    /// Takes one `name=value`; false if it is none of these, or out of bounds.
    mutating func apply(_ option: String) -> Bool {
        if option == "follow" {
            follows = true
            return true
        }
        let parts = option.split(separator: "=", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { return false }
        switch parts[0] {
        case "fsync":
            guard let scope = SyncScope(rawValue: parts[1]) else { return false }
            fsync = scope
        case "commit":
            guard let seconds = Int(parts[1]), (1...3600).contains(seconds) else { return false }
            commit = .seconds(seconds)
        case "patience":
            guard let seconds = Int(parts[1]), (0...86_400).contains(seconds) else { return false }
            patience = .seconds(seconds)
        case "follow":
            guard let seconds = Int(parts[1]), (1...3600).contains(seconds) else { return false }
            follows = true
            followInterval = .seconds(seconds)
        case "metrics":
            guard let endpoint = Endpoint(text: parts[1]) else { return false }
            metrics = endpoint
        case "timeout":
            guard let seconds = Int(parts[1]), (1...86_400).contains(seconds) else { return false }
            timeout = .seconds(seconds)
        case "log":
            guard let mebibytes = UInt64(parts[1]), (128...(1 << 24)).contains(mebibytes)
            else { return false }
            log = mebibytes << 20
        default:
            return false
        }
        return true
    }
}
