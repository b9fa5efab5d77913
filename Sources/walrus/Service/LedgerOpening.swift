internal import BlobClient
internal import BlobModel
internal import Codec
internal import Ledger
internal import LedgerService
internal import Logging
internal import SystemIO

/// Opens a ledger's directory, and makes or restores it when that was asked for.
struct LedgerOpening {
    let directory: String
    let genesis: Genesis
    let creates: Bool
    let restores: Bool
    /// Whether the nodes' chain takes the place of another one here.
    var replaces = false
    let options: LedgerHostOptions
    let logger: Logger

    /// With `needsAnswers`, so many nodes must answer that no acknowledged block is missed.
    func open(needsAnswers: Bool = false) async throws -> LedgerHost {
        do {
            return try await openExisting(needsAnswers: needsAnswers)
        } catch LedgerStoreError.missing where creates {
            return try await LedgerHost.create(directory, genesis: genesis, options)
        } catch LedgerStoreError.missing where restores {
            return try await rebuild("it is missing")
        } catch LedgerStoreError.damaged(_, let why) where restores {
            return try await rebuild(why)
        } catch LedgerStoreError.diverged(let height, _, _) where replaces {
            return try await rebuild("the nodes have another block at height \(height)")
        } catch let error as LedgerStoreError {
            throw ServiceFailure(describe(error))
        }
    }

    private func openExisting(needsAnswers: Bool) async throws -> LedgerHost {
        try await LedgerHost.open(
            directory,
            network: genesis.networkID,
            options,
            catchingUpFrom: try sources(),
            answersMin: needsAnswers ? try genesis.committee().answersNeeded : 0
        )
    }

    func describe(_ error: LedgerStoreError) -> String {
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
            the nodes and \(directory) have different blocks at height \(height), both signed by \
            the ledger; `walrus ledger restore --from-nodes --replace` takes the nodes' chain and \
            keeps what is here beside it
            """
        case .noSource(let why): "the ledger cannot be restored: \(why)"
        case .invalidChain(let error): "the ledger's chain is broken: \(error)"
        case .failed(let why): "the ledger in \(directory) cannot be opened: \(why)"
        }
    }

    func sources() throws -> [any BlockSource] {
        let committee = try genesis.committee()
        let parameters = try EncodingParameters(shardCount: committee.shardCount)
        return committee.members.map { member in
            NodeChain(
                name: member.address,
                weight: member.weight,
                node: HTTPStorageNode.connect(to: member, parameters)
            )
        }
    }

    /// Makes the directory anew from the nodes' blocks; what was there is renamed.
    func rebuild(_ why: String) async throws -> LedgerHost {
        logger.warning("restoring the ledger in \(directory) from the nodes: \(why)")
        do {
            let committee = try genesis.committee()
            try await LedgerRestore.restore(
                directory,
                genesis: genesis,
                from: try sources(),
                answersMin: committee.answersNeeded,
                in: options.files,
                pool: options.pool
            )
            return try await LedgerHost.open(directory, network: genesis.networkID, options)
        } catch let error as LedgerStoreError {
            throw ServiceFailure(describe(error))
        }
    }
}

extension LedgerOpening {
    func watch(_ host: LedgerHost, _ followers: LedgerFollowers) throws -> LedgerWatch {
        LedgerWatch(host: host, followers: followers, sources: try sources(), logger: logger)
    }
}

/// Looks after a ledger that runs: takes back blocks that nodes have and it has not, and says
/// when its blocks are not in enough nodes' logs.
struct LedgerWatch {
    let host: LedgerHost
    let followers: LedgerFollowers
    let sources: [any BlockSource]
    let logger: Logger

    private static let pause = Duration.seconds(1)
    /// After looking for blocks in vain: whoever claims to have them may just say so.
    private static let pauseAfterNothing = Duration.seconds(10)

    /// Looks until the task is cancelled.
    func run(_ time: some TimeSource) async {
        var wasKept = true
        var objection: ChainObjection?
        while !Task.isCancelled {
            var pause = Self.pause
            if host.isSaidToBeBehind, await !takeMissing() { pause = Self.pauseAfterNothing }
            tell(host.objection, after: &objection)
            let isKept = followers.isKept
            if isKept != wasKept {
                if isKept {
                    logger.notice("blocks are in enough nodes' logs again")
                } else {
                    logger.warning(
                        "fewer nodes follow than must have each block: it is on this disk only",
                        metadata: ["event": "unkept", "needed": "\(followers.needed)"]
                    )
                }
                wasKept = isKept
            }
            // Cancelled or not, the loop looks again.
            try? await time.sleep(for: pause)
        }
    }

    /// Says what has been shown against the chain, once for each kind.
    private func tell(_ objection: ChainObjection?, after known: inout ChainObjection?) {
        defer { known = objection }
        guard objection?.kind != known?.kind else { return }
        switch objection {
        case .forked?:
            logger.critical(
                "no transactions are taken any more: \(objection?.description ?? "")",
                metadata: ["event": "diverged"]
            )
        case .ahead?:
            logger.error(
                "no transactions are taken now: \(objection?.description ?? "")",
                metadata: ["event": "behind"]
            )
        case nil:
            logger.notice("transactions are taken again", metadata: ["event": "undisputed"])
        }
    }

    /// Whether there were any.
    private func takeMissing() async -> Bool {
        do throws(LedgerStoreError) {
            let count = try await host.takeMissing(from: sources)
            guard count > 0 else { return false }
            logger.warning(
                "the nodes had blocks that were missing here",
                metadata: ["event": "caught_up", "blocks": "\(count)"]
            )
            return true
        } catch {
            // That there are two chains is told by what the host objects.
            if case .diverged = error { return true }
            logger.warning("the nodes' blocks cannot be taken: \(error)")
            return false
        }
    }
}

/// The blocks that a node has kept.
private struct NodeChain: BlockSource {
    let name: String
    let weight: Int
    let node: any StorageNodeConnection

    func blocks(from height: UInt64, limit: Int) async throws -> [Block] {
        try await node.blocks(from: height, limit: limit).map { try Block(bcsBytes: $0) }
    }
}
