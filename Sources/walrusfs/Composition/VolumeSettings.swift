/// What a state directory remembers besides the volume itself: `STATE/settings.json`.
struct VolumeSettings: Codable, Equatable, Sendable {
    static let version = 1

    var version = Self.version
    /// The network's URL; nil for a volume that stays on this machine.
    var network: String?
    /// The hash of the network's genesis, in hex.
    var networkID: String?
    /// Whether this directory only ever follows; it may lack the keys to do more.
    var follows: Bool?
}
