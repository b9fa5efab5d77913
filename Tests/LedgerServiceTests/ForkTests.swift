internal import BlobModel
internal import Ledger
internal import LedgerService
internal import SystemIO
internal import Telemetry
internal import Testing

/// A ledger that went on from an older copy of its directory, and nodes that know better.
@Suite struct ForkTests {
    /// Two chains of one ledger that part after their first block, and have the same height.
    private struct Scene {
        let network: TestNetwork
        let folder: String
        let host: LedgerHost
        let followers: LedgerFollowers
        /// The ledger's own blocks, and those of the other chain.
        let own: [Block]
        let other: [Block]

        init(_ folder: String, blocks count: Int = 3, needed: Int = 0) async throws {
            let network = try TestNetwork()
            self.network = network
            self.folder = folder
            let followers = LedgerFollowers(needed: needed, time: network.time)
            self.followers = followers
            func chain(_ name: String, _ first: UInt64, _ blocks: Int) async throws -> LedgerHost {
                var options = network.options()
                options.followers = followers
                let host = try await LedgerHost.create(
                    folder + "/" + name,
                    genesis: network.genesis,
                    options
                )
                _ = try await host.submit(network.transaction(1))
                for number in 1..<UInt64(blocks) {
                    _ = try await host.submit(network.transaction(first + number))
                }
                return host
            }
            host = try await chain("own", 100, count)
            own = try await host.blocks(from: 1, limit: 99, waitMilliseconds: 0)
            let other = try await chain("other", 200, count + 2)
            self.other = try await other.blocks(from: 1, limit: 99, waitMilliseconds: 0)
            await other.close()
        }

        func id(_ index: Int) -> NodeID {
            Genesis.nodeID(network: network.genesis.networkID, index: index)
        }

        func claim(
            _ index: Int,
            _ block: Block?,
            by key: SigningKey? = nil,
            of domain: SigningDomain? = nil
        ) -> SignedMessage {
            FollowerClaim(node: id(index), newest: block?.signedHeader).signed(
                by: key ?? TestNetwork.key("node \(index)"),
                in: domain
                    ?? SigningDomain(network: network.genesis.networkID, incarnation: 0)
            )
        }

        /// The node asks for the block after its newest; what it is told is its own affair.
        func hear(_ claim: SignedMessage, from height: UInt64 = 1) async {
            _ = try? await host.blocks(from: height, limit: 1, waitMilliseconds: 0, claim: claim)
        }

        func open(_ sources: [TestNode]) async throws -> LedgerHost {
            await host.close()
            return try await LedgerHost.open(
                folder + "/own",
                network: network.genesis.networkID,
                network.options(),
                catchingUpFrom: sources
            )
        }
    }

    private func isForked(_ objection: ChainObjection?, at height: UInt64) -> Bool {
        guard case .forked(_, height)? = objection else { return false }
        return true
    }

    @Test func aForkOfEqualHeightIsProvenByTheFirstNodeThatAsks() async throws {
        try await withFolder { folder in
            let scene = try await Scene(folder)
            await scene.hear(scene.claim(0, scene.own[2]))
            #expect(scene.host.objection == nil)
            await scene.hear(scene.claim(1, scene.other[2]), from: 4)
            #expect(scene.host.objection == .forked(scene.id(1), height: 3))
            #expect(scene.host.fault?.contains("restore --from-nodes --replace") == true)
            #expect(!scene.host.isSaidToBeBehind)
            await #expect {
                _ = try await scene.host.submit(scene.network.transaction(9))
            } throws: { error in
                guard case .unavailable(let why)? = error as? LedgerError else { return false }
                return why.contains("two chains")
            }
            #expect(try await scene.host.head()?.header.height == 3)
            let text = Exposition.text(await scene.host.metrics())
            #expect(text.contains("walrus_ledger_ready 0\n"), "\(text)")
            #expect(text.contains("walrus_ledger_objection{kind=\"forked\"} 1\n"), "\(text)")
            #expect(text.contains("walrus_ledger_objection{kind=\"ahead\"} 0\n"), "\(text)")
        }
    }

    @Test func aNodeThatIsFartherBackShowsAForkToo() async throws {
        try await withFolder { folder in
            let scene = try await Scene(folder)
            await scene.hear(scene.claim(1, scene.other[1]))
            #expect(scene.host.objection == .forked(scene.id(1), height: 2))
        }
    }

    @Test func whatTheLedgerHasNotSignedOrTheNodeHasNotSaidIsNoObjection() async throws {
        try await withFolder { folder in
            let scene = try await Scene(folder)
            let network = scene.network
            let real = scene.other[2].header
            let header = BlockHeader(
                network: real.network,
                incarnation: 0,
                height: 3,
                logIndex: 3,
                parent: real.parent,
                milliseconds: real.milliseconds + 1,
                protocolVersion: real.protocolVersion,
                transactionRoot: real.transactionRoot,
                effectsRoot: real.effectsRoot,
                producer: real.producer
            )
            let signature = scene.other[2].signedHeader.signature
            let forged = FollowerClaim(
                node: scene.id(1),
                newest: SignedBlockHeader(header: header, signature: signature)
            )
            let domain = SigningDomain(network: network.genesis.networkID, incarnation: 0)
            await scene.hear(forged.signed(by: TestNetwork.key("node 1"), in: domain))
            await scene.hear(scene.claim(1, scene.other[2], by: TestNetwork.key("node 2")))
            await scene.hear(
                scene.claim(
                    1,
                    scene.other[2],
                    of: SigningDomain(network: network.genesis.networkID, incarnation: 1)
                )
            )
            let stranger = FollowerClaim(
                node: NodeID(bytes: [UInt8](repeating: 1, count: 32)),
                newest: scene.other[2].signedHeader
            )
            await scene.hear(stranger.signed(by: TestNetwork.key("node 1"), in: domain))
            await scene.hear(
                SignedMessage(message: [4, 0, 3], signature: signature)
            )
            #expect(scene.host.objection == nil)
            #expect(scene.followers.all.isEmpty)
            _ = try await scene.host.submit(network.transaction(9))
            // The same block, said by the node itself, is one.
            await scene.hear(scene.claim(1, scene.other[2]))
            #expect(isForked(scene.host.objection, at: 3))
        }
    }

    /// A chain that was given up leaves blocks that somebody may show for ever.
    @Test func aQuorumOutvotesWhoShowsAChainThatWasGivenUp() async throws {
        try await withFolder { folder in
            let scene = try await Scene(folder)
            await scene.hear(scene.claim(9, scene.other[2]))
            for index in 0..<6 {
                await scene.hear(scene.claim(index, scene.own[2]))
                #expect(isForked(scene.host.objection, at: 3))
            }
            // A quorum of older blocks says nothing of this one.
            await scene.hear(scene.claim(6, scene.own[1]))
            #expect(isForked(scene.host.objection, at: 3))
            await scene.hear(scene.claim(6, scene.own[2]))
            #expect(scene.host.objection == nil)
            _ = try await scene.host.submit(scene.network.transaction(9))
            // Whoever was outvoted stops nothing any more, by a later block either.
            await scene.hear(scene.claim(9, scene.other[4]))
            #expect(scene.host.objection == nil)
            _ = try await scene.host.submit(scene.network.transaction(10))
        }
    }

    @Test func aBlockThatIsMissingStopsTheLedgerUntilItHasIt() async throws {
        try await withFolder { folder in
            let scene = try await Scene(folder)
            let (network, blocks) = (scene.network, scene.other)
            let behind = try await LedgerHost.create(
                folder + "/behind",
                genesis: network.genesis,
                network.options()
            )
            _ = try await behind.takeMissing(from: [TestNode("first", Array(blocks.prefix(2)))])
            let claim = scene.claim(3, blocks[4])
            await #expect(throws: LedgerError.behind(height: 2)) {
                _ = try await behind.blocks(from: 6, limit: 1, waitMilliseconds: 0, claim: claim)
            }
            #expect(behind.objection == .ahead(scene.id(3), height: 5))
            #expect(behind.isSaidToBeBehind)
            await #expect {
                _ = try await behind.submit(network.transaction(9))
            } throws: { error in
                guard case .unavailable(let why)? = error as? LedgerError else { return false }
                return why.contains("old copy")
            }
            let text = Exposition.text(await behind.metrics())
            #expect(text.contains("walrus_ledger_missing_blocks 3\n"), "\(text)")
            // In vain: it goes on waiting.
            let old = TestNode("old", Array(blocks.prefix(2)))
            #expect(try await behind.takeMissing(from: [old]) == 0)
            #expect(behind.objection != nil)
            #expect(try await behind.takeMissing(from: [TestNode("node", blocks)]) == 3)
            #expect(behind.objection == nil)
            #expect(try await behind.submit(network.transaction(9)).height == 6)
        }
    }

    @Test func blocksBeyondANewestThatAQuorumHasWereAcknowledgedToNobody() async throws {
        try await withFolder { folder in
            let scene = try await Scene(folder)
            await scene.hear(scene.claim(9, scene.other[4]), from: 6)
            #expect(scene.host.objection == .ahead(scene.id(9), height: 5))
            for index in 0..<7 { await scene.hear(scene.claim(index, scene.own[2])) }
            #expect(scene.host.objection == nil)
        }
    }

    @Test func aNodeOfAnotherChainDoesNotCountAsOneThatHasTheBlock() async throws {
        try await withFolder { folder in
            let scene = try await Scene(folder, needed: 1)
            var options = scene.network.options(sink: scene.followers)
            options.followers = scene.followers
            await scene.host.close()
            let host = try await LedgerHost.open(
                folder + "/own",
                network: scene.network.genesis.networkID,
                options
            )
            let own = scene.claim(0, scene.own[2])
            _ = try await host.blocks(from: 4, limit: 1, waitMilliseconds: 0, claim: own)
            async let outcome = host.submit(scene.network.transaction(9))
            // Its block is made; then a node shows another one of that height.
            _ = try await host.blocks(from: 4, limit: 1, waitMilliseconds: 60_000)
            let other = scene.claim(1, scene.other[3])
            _ = try await host.blocks(from: 5, limit: 1, waitMilliseconds: 0, claim: other)
            #expect(scene.followers.all.map(\.height) == [3])
            while scene.network.time.sleeperCount < 1 { await Task.yield() }
            scene.network.time.advance(by: .seconds(3))
            do {
                _ = try await outcome
                Issue.record("acknowledged a block of a chain that is disputed")
            } catch LedgerError.outcomeUnknown(let why) {
                #expect(why.contains("two chains"), "\(why)")
            }
        }
    }

    @Test(arguments: [3, 2])
    func aForkIsFoundAtTheStartWhereverTheNodesEnd(length: Int) async throws {
        try await withFolder { folder in
            let scene = try await Scene(folder)
            let node = TestNode("node", Array(scene.other.prefix(length)))
            let comparison = try await scene.host.compare(
                with: [TestNode("own", scene.own), TestNode("old", [scene.own[0]])]
            )
            #expect(comparison == ChainComparison.all(2))
            do {
                _ = try await scene.host.compare(with: [node])
                Issue.record("found no fork")
            } catch LedgerStoreError.diverged(let height, let own, let found) {
                #expect(height == UInt64(length))
                #expect(own == scene.own[length - 1].reference.hash)
                #expect(found == scene.other[length - 1].reference.hash)
            }
            do {
                _ = try await scene.open([TestNode("own", scene.own), node])
                Issue.record("opened a ledger that has forked")
            } catch LedgerStoreError.diverged {}
        }
    }

    @Test func aQuorumOfSourcesSaysWhichChainIsRight() async throws {
        try await withFolder { folder in
            let scene = try await Scene(folder)
            let liar = TestNode("liar", scene.other)
            func own(_ count: Int) -> [TestNode] {
                (0..<count).map { TestNode("own-\($0)", scene.own) }
            }
            let host = try await scene.open(own(3) + [liar])
            #expect(try await host.head()?.reference == scene.own[2].reference)
            await host.close()
            // A directory that is lost comes back from the quorum's chain.
            let options = scene.network.options()
            func restore(_ name: String, _ sources: [TestNode]) async throws -> LedgerHost {
                try await LedgerRestore.restore(
                    folder + "/" + name,
                    genesis: scene.network.genesis,
                    from: sources,
                    in: options.files,
                    pool: options.pool
                )
                return try await LedgerHost.open(
                    folder + "/" + name,
                    network: scene.network.genesis.networkID,
                    options
                )
            }
            let back = try await restore("back", [liar] + own(3))
            #expect(try await back.head()?.reference == scene.own[2].reference)
            await #expect(throws: LedgerStoreError.self) {
                _ = try await restore("none", [liar] + own(2))
            }
        }
    }
}

extension ChainComparison {
    /// So many answered, and have no other blocks.
    fileprivate static func all(_ count: Int) -> ChainComparison {
        ChainComparison(answers: count, sources: count, blocksMissing: 0)
    }
}
