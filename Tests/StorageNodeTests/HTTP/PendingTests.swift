internal import BlobClient
internal import BlobModel
internal import Codec
internal import ErasureCoding
internal import Ledger
internal import SystemIO
internal import TestNetwork
internal import Testing
internal import Transport

@testable internal import StorageNode

/// What comes before its blob's registration: `?pending=true`.
@Suite struct PendingTests {
    @Test func bufferedPartsAreStoredWhenAConfirmationIsAskedFor() async throws {
        try await ServedScene.with { scene in
            try await expect(scene.putMetadata("false"), "400 NOT_REGISTERED")
            try await expect(scene.remote.metadataStatus(of: scene.blob), .nonexistent)
            try await expect(scene.putMetadata(), "202")
            try await expect(scene.putMetadata(), "202")
            try await expect(scene.remote.metadataStatus(of: scene.blob), .buffered)
            for axis in SliverAxis.allCases {
                try await expect(scene.remote.sliverStatus(scene.name(axis)), .nonexistent)
                try await expect(scene.putSliver(axis), "202")
                try await expect(scene.remote.sliverStatus(scene.name(axis)), .buffered)
            }
            // Nothing of it is served, stored or confirmed.
            try await expect(scene.send(.get, scene.metadataPath), "404 METADATA_NOT_FOUND")
            try await expect(scene.send(.get, scene.path(.primary)), "404 SLIVER_NOT_FOUND")
            try await expect(scene.node.metadataStatus(of: scene.blob), .nonexistent)
            let unknown = ObjectID(bytes: [UInt8](repeating: 1, count: 32))
            try await expect(
                scene.send(.get, scene.confirmationPath(unknown)),
                "400 NOT_REGISTERED"
            )

            let object = try await scene.register()
            let store = scene.network.stores[ServedScene.index]
            let before = store.synchronizations
            let signed = try await scene.remote.confirmation(
                of: scene.blob,
                persistence: .deletable(object),
                height: nil
            )
            #expect(store.synchronizations > before, "durable before it is confirmed")
            let domain = SigningDomain(network: scene.network.genesis.networkID, incarnation: 0)
            let key = scene.network.nodeKeys[ServedScene.index].publicKey
            #expect(signed.verified(by: key, in: domain) != nil)
            for axis in SliverAxis.allCases {
                try await expect(scene.node.sliverStatus(scene.name(axis)), .stored)
                try await expect(scene.putSliver(axis), "200")
            }
            try await expect(scene.putMetadata(), "200")
        }
    }

    @Test func aRegisteredBlobIsStoredAtOnceAlsoIfItIsPending() async throws {
        try await ServedScene.with { scene in
            try await expect(scene.putMetadata(), "202")
            _ = try await scene.register()
            // The metadata is only buffered, and comes to the disk with the sliver.
            try await expect(scene.putSliver(.primary), "201")
            try await expect(scene.node.metadataStatus(of: scene.blob), .stored)
            try await expect(scene.putMetadata(), "200")
            try await expect(
                scene.send(
                    .put,
                    scene.path(.secondary),
                    body: scene.sliver(.secondary).sliver.dataBytes
                ),
                "201"
            )
        }
    }

    @Test func whatIsBufferedAndWrongIsDroppedAndCanBeSentAgain() async throws {
        try await ServedScene.with { scene in
            try await expect(scene.putMetadata(), "202")
            var wrong = scene.sliver(.primary).sliver.dataBytes
            wrong[20] ^= 1
            try await expect(scene.putSliver(.primary, wrong), "202")
            try await expect(scene.putSliver(.secondary), "202")
            let object = try await scene.register()
            try await expect(
                scene.send(.get, scene.confirmationPath(object)),
                "400 MISSING_SLIVERS"
            )
            try await expect(scene.node.sliverStatus(scene.name(.primary)), .nonexistent)
            try await expect(scene.node.sliverStatus(scene.name(.secondary)), .stored)
            try await expect(scene.putSliver(.primary), "201")
            try await expect(scene.send(.get, scene.confirmationPath(object)), "200")
        }
    }

    /// Garbage that came first stayed, and the good sliver after it was told that it was kept.
    @Test func ofTwoPartsWithOneNameTheLaterOneStays() async throws {
        try await ServedScene.with { scene in
            try await expect(scene.putMetadata(), "202")
            let bytes = scene.pending.bytes
            var wrong = scene.sliver(.primary).sliver.dataBytes
            wrong[20] ^= 1
            for body in [wrong, nil] {
                try await expect(scene.putSliver(.primary, body), "202")
            }
            let both = scene.pending.bytes
            try await expect(scene.putSliver(.primary), "202")
            #expect(scene.pending.bytes == both && both > bytes)
            try await expect(scene.putSliver(.secondary), "202")
            let object = try await scene.register()
            try await expect(scene.send(.get, scene.confirmationPath(object)), "200")
            #expect(scene.pending.bytes == 0)
        }
    }

    /// The full disk keeps nothing, and what was buffered is there when it has room again.
    @Test func aFullDiskLosesNothingThatIsBuffered() async throws {
        try await ServedScene.with { scene in
            try await expect(scene.putMetadata(), "202")
            for axis in SliverAxis.allCases { try await expect(scene.putSliver(axis), "202") }
            let bytes = scene.pending.bytes
            let object = try await scene.register()
            let path = scene.confirmationPath(object)
            scene.network.stores[ServedScene.index].setFull(true)
            try await expect(scene.send(.get, path), "429 STORAGE_FULL")
            #expect(scene.pending.bytes == bytes)
            for axis in SliverAxis.allCases {
                try await expect(scene.remote.sliverStatus(scene.name(axis)), .buffered)
            }
            scene.network.stores[ServedScene.index].setFull(false)
            try await expect(scene.send(.get, path), "200")
            #expect(scene.pending.bytes == 0)
        }
    }

    /// With a block that is still to come it is waited for; `pending` buffers and waits for none.
    @Test func aHeightIsWaitedForAlsoByWhatIsBuffered() async throws {
        try await ServedScene.with { scene in
            try await expect(scene.putMetadata(), "202")
            try await scene.registration { object in
                let height = scene.node.cursor.block.height + 1
                let headers: HTTPHeaders = [NodeWire.heightHeader: "\(height)"]
                try await expect(scene.putMetadata(headers: headers), "202")
                try await expect(scene.putSliver(.secondary, headers: headers), "202")
                async let answer = scene.putSliver(.primary, pending: "false", headers: headers)
                while scene.time.sleeperCount == 0 { await Task.yield() }
                try await scene.network.ledger.settle()
                try await expect(answer, "201")
                try await expect(scene.send(.get, scene.confirmationPath(object)), "200")
            }
        }
    }

    @Test func bufferedPartsAreForgottenWithTimeAndThatHarmsNothing() async throws {
        try await ServedScene.with { scene in
            try await expect(scene.putMetadata(), "202")
            scene.time.advance(by: .seconds(59))
            // Each part gives the blob time again.
            try await expect(scene.putSliver(.primary), "202")
            scene.time.advance(by: .seconds(59))
            try await expect(scene.remote.sliverStatus(scene.name(.primary)), .buffered)
            scene.time.advance(by: .seconds(1))
            try await expect(scene.remote.sliverStatus(scene.name(.primary)), .nonexistent)
            try await expect(scene.remote.metadataStatus(of: scene.blob), .nonexistent)
            let object = try await scene.register()
            try await expect(
                scene.send(.get, scene.confirmationPath(object)),
                "400 MISSING_SLIVERS"
            )
            try await expect(scene.putMetadata(), "201")
            for axis in SliverAxis.allCases {
                try await expect(scene.putSliver(axis), "201")
            }
            try await expect(scene.send(.get, scene.confirmationPath(object)), "200")
        }
    }

    @Test func everyRefusalOfAPendingRequest() async throws {
        try await ServedScene.with { scene in
            try await expect(scene.putMetadata("yes"), "400 INVALID_REQUEST")
            try await expect(scene.putSliver(.primary), "400 METADATA_NOT_FOUND")
            let other = try RedStuffEncoder(scene.encoded.metadata.parameters).metadata(of: [1])
            try await expect(
                scene.send(
                    .put,
                    scene.metadataPath,
                    query: [("pending", "true")],
                    body: other.metadata.bcsBytes
                ),
                "400 INVALID_METADATA"
            )
            try await expect(scene.remote.metadataStatus(of: scene.blob), .nonexistent)
            try await expect(scene.putMetadata(), "202")
            let right = scene.sliver(.primary).sliver.dataBytes
            for (body, answer) in [
                ([], "400 INVALID_SLIVER"), (Array(right.dropLast()), "400 INVALID_SLIVER"),
                (right + [0], "400 INVALID_SLIVER"),
                (
                    scene.encoded.pair(scene.name(.primary, of: 4).pair).primary.sliver.dataBytes,
                    "400 SLIVER_INDEX_MISMATCH"
                ),
                (right + [UInt8](repeating: 0, count: 10), "400 SLIVER_TOO_LARGE"),
                (short(scene.sliver(.primary)), "400 INVALID_SLIVER"),
            ] {
                try await expect(scene.putSliver(.primary, body), answer)
            }
            try await expect(scene.remote.sliverStatus(scene.name(.primary)), .nonexistent)
            try await expect(
                scene.send(
                    .put,
                    scene.path(.primary, of: 4),
                    query: [("pending", "true")],
                    body: right
                ),
                "400 SHARD_NOT_ASSIGNED"
            )
        }
    }

    /// A sliver of the right index with two bytes of symbols too few.
    private func short(_ sliver: VerifiedSliver) -> [UInt8] {
        Sliver(
            axis: sliver.axis,
            index: sliver.index,
            symbolSize: sliver.sliver.symbolSize,
            bytes: Array(sliver.bytes.dropLast(2))
        ).dataBytes
    }

    @Test func eachBoundOfTheBufferIsKept() async throws {
        let saturated = "400 CACHE_SATURATED"
        var limits = PendingLimits()
        limits.bytesMax = 700
        // Metadata of ten shards has 671 bytes.
        try await ServedScene.with(limits: limits) { scene in
            try await expect(scene.putMetadata(), "202")
            try await expect(scene.putSliver(.primary), saturated)
            // What is here needs no room to be sent again.
            try await expect(scene.putMetadata(), "202")
            // Room comes back with time.
            scene.time.advance(by: limits.lifetime)
            try await expect(scene.putMetadata(), "202")
        }
        limits = PendingLimits()
        limits.partsMax = 2
        try await ServedScene.with(limits: limits) { scene in
            try await expect(scene.putMetadata(), "202")
            try await expect(scene.putSliver(.primary), "202")
            try await expect(scene.putSliver(.secondary), saturated)
            let bytes = scene.pending.bytes
            try await expect(scene.putSliver(.primary), "202")
            try await expect(scene.putMetadata(), "202")
            #expect(scene.pending.bytes == bytes)
        }
        limits = PendingLimits()
        limits.uploadsMax = 0
        try await ServedScene.with(limits: limits) { scene in
            try await expect(scene.putMetadata(), saturated)
        }
        limits = PendingLimits()
        limits.sliverBytesMax = 100
        try await ServedScene.with(limits: limits) { scene in
            try await expect(scene.putMetadata(), "202")
            try await expect(scene.putSliver(.primary), "400 SLIVER_TOO_LARGE")
        }
    }

    /// A refused body gives its room back.
    @Test func roomIsGivenBackWhenABodyIsRefused() async throws {
        var limits = PendingLimits()
        limits.partsMax = 2
        try await ServedScene.with(limits: limits) { scene in
            try await expect(scene.putMetadata(), "202")
            for _ in 0..<5 {
                try await expect(scene.putSliver(.primary, [1, 2, 3]), "400 INVALID_SLIVER")
            }
            try await expect(scene.putSliver(.primary), "202")
        }
    }
}

/// Many who want the same buffered blob stored.
@Suite struct FlushTests {
    /// Each confirmation verified all slivers again, and the second one found some missing.
    @Test func confirmationsAtOnceVerifyEachSliverOnce() async throws {
        let gate = VerificationGate()
        try await ServedScene.with(gate: gate) { scene in
            try await expect(scene.putMetadata(), "202")
            for axis in SliverAxis.allCases { try await expect(scene.putSliver(axis), "202") }
            let object = try await scene.register()
            let path = scene.confirmationPath(object)
            let answers = Notices()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<5 {
                    group.addTask { answers.add(try await scene.send(.get, path)) }
                }
                // One stores, and four wait for it.
                while gate.time.sleeperCount == 0 || scene.pending.waiterCount(scene.blob) < 4 {
                    await Task.yield()
                }
                #expect(answers.all.isEmpty && gate.calls.all.count == 1)
                // What is being stored is still said to be here.
                for axis in SliverAxis.allCases {
                    try await expect(scene.remote.sliverStatus(scene.name(axis)), .buffered)
                }
                gate.time.advance(by: .seconds(1))
                while gate.time.sleeperCount == 0 { await Task.yield() }
                gate.time.advance(by: .seconds(1))
                try await group.waitForAll()
            }
            #expect(answers.all == [String](repeating: "200", count: 5))
            #expect(gate.calls.all.count == 2)
            #expect(scene.pending.bytes == 0)
        }
    }

    private static let blob = BlobID(bytes: [UInt8](repeating: 1, count: 32))

    private func name(_ pair: UInt16) -> SliverName {
        SliverName(blob: Self.blob, pair: SliverPairIndex(pair), axis: .primary)
    }

    private func keep(_ pair: UInt16, _ value: UInt8, in pending: PendingUploads) async throws {
        try await pending.keep(10, of: Self.blob, as: name(pair)) {
            .sliver(
                Sliver(
                    axis: .primary,
                    index: SliverIndex(pair),
                    symbolSize: 2,
                    bytes: [value, value]
                )
            )
        }
    }

    /// What came while the rest was stored vanished with it.
    @Test func whatComesMeanwhileStaysAndIsTheLaterOne() async throws {
        let pending = PendingUploads(limits: PendingLimits(), time: ManualTimeSource())
        try await keep(1, 1, in: pending)
        try await keep(2, 1, in: pending)
        try await keep(3, 1, in: pending)
        await #expect(throws: NodeError.refused(.storageFull, "full")) {
            try await pending.flush(Self.blob) { upload in
                #expect(Set(upload.sliverNames) == Set([name(1), name(2), name(3)]))
                upload.remove(name(1))
                try await keep(2, 2, in: pending)
                try await keep(4, 2, in: pending)
                #expect(pending.bytes == 50)
                throw NodeError.refused(.storageFull, "full")
            }
        }
        #expect(pending.bytes == 30)
        #expect(pending[Self.blob]?[name(1)] == nil)
        for (pair, value) in [(2, 2), (3, 1), (4, 2)] as [(UInt16, UInt8)] {
            #expect(pending[Self.blob]?[name(pair)]?.bytes == [value, value])
        }
        try await pending.flush(Self.blob) { upload in
            #expect(upload.sliverNames.count == 3)
            try await keep(5, 3, in: pending)
        }
        #expect(pending.bytes == 10)
        #expect(pending[Self.blob]?.sliverNames == [name(5)])
    }

    /// Those who wait learn what the node refused, and do not all try it again.
    @Test func aRefusalIsThatOfAllWhoWaited() async throws {
        let pending = PendingUploads(limits: PendingLimits(), time: ManualTimeSource())
        try await keep(1, 1, in: pending)
        let refusals = Notices()
        let calls = Notices()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<3 {
                group.addTask {
                    do {
                        try await pending.flush(Self.blob) { _ in
                            calls.add("")
                            while pending.waiterCount(Self.blob) < 2 { await Task.yield() }
                            throw NodeError.refused(.storageFull, "full")
                        }
                    } catch {
                        refusals.add("\((error as? NodeError)?.refusal?.rawValue ?? "none")")
                    }
                }
            }
        }
        #expect(refusals.all == [String](repeating: "STORAGE_FULL", count: 3))
        #expect(calls.all.count == 1)
        #expect(pending.bytes == 10)
    }
}

/// `?wait_for_registration=&wait_millis=`.
@Suite struct WaitForRegistrationTests {
    @Test func aConfirmationWaitsNoLongerThanItWasTold() async throws {
        try await ServedScene.with { scene in
            let object = ObjectID(bytes: [UInt8](repeating: 1, count: 32))
            let answers = Notices()
            async let waiting: Void = answers.add(
                scene.send(
                    .get,
                    scene.confirmationPath(object),
                    query: [("wait_for_registration", "true"), ("wait_millis", "30000")]
                )
            )
            // The clock stands still until somebody waits on it.
            while scene.time.sleeperCount == 0 { await Task.yield() }
            // Another object's registration is not what it waits for: woken by the block, it goes
            // back to sleep for what is left, and the clock stands still until it does.
            let begun = scene.time.sleepsBegun
            _ = try await scene.register()
            while scene.time.sleepsBegun == begun { await Task.yield() }
            scene.time.advance(by: .seconds(29))
            #expect(answers.all.isEmpty)
            scene.time.advance(by: .seconds(1))
            try await waiting
            #expect(answers.all == ["400 NOT_REGISTERED"])
        }
    }

    @Test func theRegistrationEndsTheWait() async throws {
        try await ServedScene.with { scene in
            let known = Notices()
            let object = try await scene.registration { object in
                async let signed = scene.remote.confirmation(
                    of: scene.blob,
                    persistence: .deletable(object),
                    height: nil,
                    patience: .seconds(30)
                )
                while scene.time.sleeperCount == 0 { await Task.yield() }
                try await scene.network.ledger.settle()
                do {
                    _ = try await signed
                } catch {
                    known.add("\((error as? NodeError)?.refusal?.rawValue ?? "\(error)")")
                }
            }
            // Registered, and then its slivers are asked for, at once and without waiting.
            #expect(known.all == ["MISSING_SLIVERS"], "\(object)")
        }
    }

    @Test func withoutWaitingTheAnswerComesAtOnce() async throws {
        try await ServedScene.with { scene in
            let object = ObjectID(bytes: [UInt8](repeating: 1, count: 32))
            let path = scene.confirmationPath(object)
            for query in [
                [], [("wait_millis", "30000")], [("wait_for_registration", "false")],
                [("wait_for_registration", "true"), ("wait_millis", "0")],
            ] {
                try await expect(scene.send(.get, path, query: query), "400 NOT_REGISTERED")
            }
            for query in [
                [("wait_for_registration", "1")],
                [("wait_for_registration", "true"), ("wait_millis", "30001")],
                [("wait_for_registration", "true"), ("wait_millis", "-1")],
                [("wait_millis", "soon")],
            ] {
                try await expect(scene.send(.get, path, query: query), "400 INVALID_REQUEST")
            }
        }
    }
}

extension ServedScene {
    /// Registers the blob on a ledger whose nodes do not hear of it until they are told.
    @discardableResult
    fileprivate func registration(
        _ body: (ObjectID) async throws -> Void
    ) async throws -> ObjectID {
        network.ledger.setLagging(true)
        let object = try await register()
        try await body(object)
        return object
    }
}
