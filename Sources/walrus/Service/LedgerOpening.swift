internal import BlobClient
internal import BlobModel
internal import Codec
internal import Ledger
internal import LedgerService
internal import Logging

/// Opens a ledger's directory, and makes or restores it when that was asked for.
struct LedgerOpening {
    let directory: String
    let genesis: Genesis
    let creates: Bool
    let restores: Bool
    let options: LedgerHostOptions
    let logger: Logger

    func open() async throws -> LedgerHost {
        do {
            return try await openExisting()
        } catch LedgerStoreError.missing where creates {
            return try await LedgerHost.create(directory, genesis: genesis, options)
        } catch LedgerStoreError.missing where restores {
            return try await rebuild("it is missing")
        } catch LedgerStoreError.damaged(_, let why) where restores {
            return try await rebuild(why)
        } catch let error as LedgerStoreError {
            throw ServiceFailure(describe(error))
        }
    }

    private func openExisting() async throws -> LedgerHost {
        try await LedgerHost.open(
            directory,
            network: genesis.networkID,
            options,
            catchingUpFrom: restores ? try sources() : []
        )
    }

    private func describe(_ error: LedgerStoreError) -> String {
        switch error {
        case .missing:
            """
            there is no ledger in \(directory); --create makes a new network's, --restore gets a \
            lost one back from the nodes
            """
        case .damaged(_, let why):
            "the ledger in \(directory) is damaged (\(why)); --restore rebuilds it"
        case .locked: "another process runs the ledger in \(directory)"
        case .exists: "there is a ledger in \(directory) already"
        case .foreign(_, let found): "\(directory) belongs to something else: \(found)"
        case .newer(_, let needs):
            "\(directory) was written by a newer version (format \(needs)); update walrus"
        case .wrongKey: "the key is not the one of the network in \(directory)"
        case .diverged(let height, _, _):
            """
            the nodes and \(directory) have different blocks at height \(height); one of them must \
            be put aside by hand
            """
        case .noSource(let why): "the ledger cannot be restored: \(why)"
        case .invalidChain(let error): "the ledger's chain is broken: \(error)"
        case .failed(let why): "the ledger in \(directory) cannot be opened: \(why)"
        }
    }

    private func sources() throws -> [any BlockSource] {
        let committee = try genesis.committee()
        let parameters = try EncodingParameters(shardCount: committee.shardCount)
        return committee.members.map { member in
            NodeChain(
                name: member.address,
                node: HTTPStorageNode.connect(to: member, parameters)
            )
        }
    }

    private func rebuild(_ why: String) async throws -> LedgerHost {
        logger.warning("restoring the ledger in \(directory) from the nodes: \(why)")
        do {
            let committee = try genesis.committee()
            try await LedgerRestore.restore(
                directory,
                genesis: genesis,
                from: try sources(),
                answersMin: committee.members.count - committee.faultyMax,
                in: options.files,
                pool: options.pool
            )
            return try await LedgerHost.open(directory, network: genesis.networkID, options)
        } catch let error as LedgerStoreError {
            throw ServiceFailure(describe(error))
        }
    }
}

/// The blocks that a node has kept.
private struct NodeChain: BlockSource {
    let name: String
    let node: any StorageNodeConnection

    func blocks(from height: UInt64, limit: Int) async throws -> [Block] {
        try await node.blocks(from: height, limit: limit).map { try Block(bcsBytes: $0) }
    }
}
