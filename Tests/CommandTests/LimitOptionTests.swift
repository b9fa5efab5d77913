internal import TestSupport
internal import Testing

/// What operators may say of a service's limits.
@Suite struct LimitOptionTests {
    private let ledger = ["ledger", "--dir", "d", "--key", "k", "--genesis", "g"]

    @Test(arguments: [
        ("--connections-max", "15", "WALRUS_CONNECTIONS_MAX"),
        ("--peer-connections-max", "0", "WALRUS_PEER_CONNECTIONS_MAX"),
        ("--peer-rate", "49", "WALRUS_PEER_RATE"),
        ("--body-memory", "63", "WALRUS_BODY_MEMORY"),
    ])
    func valuesOutOfRangeAreUsageErrors(option: String, value: String, variable: String) throws {
        let told = try Tool.run("walrus", ledger + [option, value])
        #expect(told.status == 64)
        #expect(told.errors.contains("\(option) is \(value), and may be"))
        for text in [value, "many", ""] {
            let set = try Tool.run("walrus", ledger, environment: [variable: text])
            #expect(set.status == 64)
        }
        // In range: what is wrong is the key, which is not there.
        #expect(try Tool.run("walrus", ledger + [option, "1000"]).status == 1)
    }
}
