internal import BlobClient
internal import BlobModel
internal import Ledger
internal import SystemIO
internal import Transport

/// The ledger that a `walrus://` URL names.
enum RemoteLedger {
    /// Fetches the genesis unless it is known, and connects.
    static func open(
        _ url: String,
        genesis: Genesis?,
        isNewTrusted: Bool = false
    ) async throws -> (Genesis, HTTPLedger) {
        let parsed: NetworkURL
        do {
            parsed = try NetworkURL(text: url)
        } catch {
            throw ServiceFailure("\(url) is no network URL: \(error)")
        }
        guard case .remote(let hosts, let network) = parsed else {
            throw ServiceFailure("\(url) is a network of this machine; a node needs walrus://…")
        }
        let endpoints = hosts.map { Endpoint.tcp(host: $0.host, port: $0.port) }
        if let genesis {
            guard network == nil || network == genesis.networkID else {
                throw ServiceFailure("the genesis is of another network than \(url)")
            }
            return (genesis, HTTPLedger(genesis: genesis, endpoints: endpoints))
        }
        let fetched: Genesis
        do {
            fetched = try await HTTPLedger.fetchGenesis(of: network, from: endpoints)
        } catch {
            throw ServiceFailure("the ledger at \(url) cannot be used: \(error)")
        }
        guard network != nil || isNewTrusted else {
            throw ServiceFailure(
                """
                \(url) does not say which network it expects. The one found there is
                  \(fetched.networkID)
                If it is the right one, use walrus://\
                \(hosts.map(\.description).joined(separator: ","))/?genesis=\(fetched.networkID)
                """
            )
        }
        return (fetched, HTTPLedger(genesis: fetched, endpoints: endpoints))
    }
}
