/// Why a state could not be read.
package enum StateError: Error, Equatable, Sendable {
    /// The store failed; what it says.
    case unavailable(String)
    /// A row is not what the ledger writes under that key, or one is missing: corruption.
    case damaged(key: [UInt8])
}

/// One row of the state.
package struct StateRow: Hashable, Sendable {
    package let key: [UInt8]
    package let value: [UInt8]

    package init(key: [UInt8], value: [UInt8]) {
        self.key = key
        self.value = value
    }
}

/// A changed row; no value means that it is gone.
package struct StateWrite: Hashable, Sendable {
    package let key: [UInt8]
    package let value: [UInt8]?

    package init(key: [UInt8], value: [UInt8]?) {
        self.key = key
        self.value = value
    }
}

/// Reads the rows that `Docs/Formats/ledger-state.md` describes.
package protocol StateReader {
    /// The value under `key`; nil when there is none.
    func value(_ key: [UInt8]) throws(StateError) -> [UInt8]?

    /// Up to `limit` rows whose keys start with `prefix` and are above `after`, ascending.
    func rows(
        prefix: [UInt8],
        after: [UInt8]?,
        limit: Int
    ) throws(StateError) -> [StateRow]
}
