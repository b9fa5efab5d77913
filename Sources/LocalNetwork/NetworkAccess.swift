package import BlobClient
package import BlobModel
package import Ledger
internal import Transport

/// Why a network can not be reached by its URL.
package enum NetworkAccessError: Error, Equatable, Sendable, CustomStringConvertible {
    case url(NetworkURLError)
    case embedded(EmbeddedNetworkError)
    case ledger(LedgerError)
    /// The URL does not say which network it is; this is the one that answers there.
    case fingerprintNeeded(NetworkID)

    package var description: String {
        switch self {
        case .url(let error): "The network's URL can not be read: \(error)."
        case .embedded(let error): error.description
        case .ledger(let error): "The ledger can not be used: \(error)."
        case .fingerprintNeeded(let network):
            "The network that answers there is \(network). If that is the one you mean, add "
                + "?genesis=\(network) to its URL."
        }
    }
}

/// A network, wherever it is: what an executable composes its services from.
package final class NetworkAccess: Sendable {
    package let url: NetworkURL
    package let genesis: Genesis
    package let ledger: any LedgerConnection
    package let client: BlobClient
    /// nil: the network is elsewhere.
    package let embedded: EmbeddedNetwork?

    private init(
        url: NetworkURL,
        genesis: Genesis,
        ledger: any LedgerConnection,
        client: BlobClient,
        embedded: EmbeddedNetwork?
    ) {
        self.url = url
        self.genesis = genesis
        self.ledger = ledger
        self.client = client
        self.embedded = embedded
    }

    /// Opens the network at a URL.
    ///
    /// An embedded one must be there: it is not made here. A ledger that is elsewhere and does not
    /// answer is asked again for as long as `patience`.
    package static func open(
        _ url: NetworkURL,
        _ environment: EmbeddedEnvironment,
        client: ClientEnvironment,
        patience: Duration = .zero
    ) async throws(NetworkAccessError) -> NetworkAccess {
        switch url {
        case .embedded(let path, _):
            let network: EmbeddedNetwork
            do throws(EmbeddedNetworkError) {
                network = try await EmbeddedNetwork.open(path, environment)
            } catch {
                throw .embedded(error)
            }
            do throws(LedgerError) {
                return NetworkAccess(
                    url: url,
                    genesis: network.directory.genesis,
                    ledger: network.ledger,
                    client: try await BlobClient.make(
                        ledger: network.ledger,
                        environment: client,
                        connect: network.connect
                    ),
                    embedded: network
                )
            } catch {
                await network.close()
                throw .ledger(error)
            }
        case .remote(let endpoints, let id):
            return try await openRemote(url, endpoints, id, client, patience)
        }
    }

    private static func openRemote(
        _ url: NetworkURL,
        _ endpoints: [NetworkURL.Endpoint],
        _ id: NetworkID?,
        _ environment: ClientEnvironment,
        _ patience: Duration
    ) async throws(NetworkAccessError) -> NetworkAccess {
        let endpoints = endpoints.map { Endpoint.tcp(host: $0.host, port: $0.port) }
        let genesis: Genesis
        do throws(LedgerError) {
            genesis = try await PatientLedger.ask(patience: patience, environment.time) {
                () throws(LedgerError) in
                try await HTTPLedger.fetchGenesis(of: id, from: endpoints)
            }
        } catch {
            throw .ledger(error)
        }
        guard id != nil else { throw .fingerprintNeeded(genesis.networkID) }
        do throws(LedgerError) {
            let ledger = PatientLedger(
                HTTPLedger(genesis: genesis, endpoints: endpoints),
                patience: patience,
                time: environment.time
            )
            let parameters = try Self.parameters(of: genesis)
            let client = try await BlobClient.make(ledger: ledger, environment: environment) {
                member in
                guard let endpoint = HTTPStorageNode.endpoint(ofAddress: member.address) else {
                    return UnreachableNode(reason: "no address: \(member.address)")
                }
                return HTTPStorageNode(
                    endpoint: endpoint,
                    key: member.networkKey,
                    parameters: parameters
                )
            }
            return NetworkAccess(
                url: url,
                genesis: genesis,
                ledger: ledger,
                client: client,
                embedded: nil
            )
        } catch {
            throw .ledger(error)
        }
    }

    private static func parameters(
        of genesis: Genesis
    ) throws(LedgerError) -> EncodingParameters {
        guard let parameters = try? EncodingParameters(shardCount: genesis.shardCount) else {
            // The only error: a number of shards that can not be encoded for.
            throw .notThisLedger("It has \(genesis.shardCount) shards.")
        }
        return parameters
    }

    /// Serves an embedded network, or does nothing, until the task is cancelled.
    package func run() async { await embedded?.run() }

    /// Leaves the network; after ``run()`` has ended.
    package func close() async { await embedded?.close() }
}
