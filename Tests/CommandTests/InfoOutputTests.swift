internal import BlobModel
internal import Foundation
internal import Ledger
internal import Testing

@testable internal import walrus

/// What `walrus info` says, from what the ledger says.
@Suite struct InfoOutputTests {
    private static func output(
        _ weights: [Int],
        duration: UInt64 = 0,
        storagePrice: Frost = 3,
        selected: Bool = false,
        changing: Bool = false
    ) throws -> InfoOutput {
        let committee = try Committee.weighing(weights)
        var rules = GenesisRules()
        rules.epochDurationMilliseconds = duration
        rules.storagePrice = storagePrice
        rules.writePrice = 5
        rules.capacity = 1 << 40
        let info = LedgerInfo(
            network: NetworkID(bytes: [UInt8](repeating: 7, count: 32)),
            incarnation: 0,
            protocolVersion: 1,
            head: BlockReference(
                height: 42,
                hash: BlockHash(bytes: [UInt8](repeating: 8, count: 32))
            ),
            milliseconds: 1000,
            epoch: 4,
            epochStartMilliseconds: 500,
            rules: rules,
            shardCount: UInt32(committee.shardCount),
            capacityUsed: 12_345,
            supply: 0,
            burned: 0
        )
        let parameters = EpochParameters(storagePrice: 3, writePrice: 5, capacity: 1)
        let state = EpochState(
            committee: committee,
            change: changing ? EpochChange(previous: committee) : nil,
            selection: selected
                ? EpochSelection(committee: committee, parameters: parameters) : nil
        )
        return try InfoOutput(info, state, nodes: nil, wantsFaults: true)
    }

    @Test(arguments: [
        ([1, 1, 1, 1, 1, 1, 1, 1, 1, 1], 3, 7, 7, 7, 3), ([3, 3, 2, 2], 3, 7, 3, 8, 1),
        ([4, 2, 2, 2], 3, 7, 3, 8, 0), ([1, 1, 1, 1], 1, 3, 3, 3, 1),
        ([10, 1, 1, 1], 4, 9, 1, 10, 0),
    ])
    func faultsAreCountedInShards(
        weights: [Int],
        faulty: Int,
        quorum: Int,
        nodesAbove: Int,
        shardsAbove: Int,
        mayBeDown: Int
    ) throws {
        let output = try Self.output(weights)
        let bft = try #require(output.bftInfo)
        #expect(bft.maxFaultyShards == faulty)
        #expect(bft.minCorrectShards == weights.reduce(0, +) - faulty)
        #expect(bft.quorumThreshold == quorum)
        #expect(bft.minNodesAbove == nodesAbove)
        #expect(bft.shardsAbove == shardsAbove)
        #expect(bft.nodesThatMayBeDown == mayBeDown)
        #expect(output.text(.bft).contains("Quorum         \(quorum) shards"))
        #expect(output.text(.bft).contains("One node down stops writes.") == (mayBeDown == 0))
    }

    @Test(arguments: [
        (InfoCommand.Topic.epoch, ["Epoch", "Change", "Paid ahead"]),
        (.storage, ["Nodes", "Shards", "Reserved"]), (.size, ["Largest blob"]),
        (.price, ["Storage price", "Write price", "Example"]), (.bft, ["Faulty shards", "Quorum"]),
    ])
    func aTopicSaysWhatItIsAboutAndNoMore(topic: InfoCommand.Topic, words: [String]) throws {
        let output = try Self.output([1, 1, 1, 1])
        let lines = output.text(topic).split(separator: "\n")
        for word in words { #expect(lines.contains { $0.hasPrefix(word) }, "\(lines)") }
        // `bft` is asked for by the test for all of them, and `print` shows it where it is there.
        let known = words + ["Faulty shards", "Quorum", "Nodes down", "One node down"]
        for line in lines { #expect(known.contains { line.hasPrefix($0) }, "\(line)") }
    }

    @Test func theEpochHasTheReferencesStates() throws {
        func state(_ output: InfoOutput) -> String { output.epochInfo.state }
        #expect(state(try Self.output([1, 1, 1, 1])) == "EpochChangeDone")
        #expect(state(try Self.output([1, 1, 1, 1], selected: true)) == "NextParamsSelected")
        #expect(state(try Self.output([1, 1, 1, 1], changing: true)) == "EpochChangeSync")
        let timed = try Self.output([1, 1, 1, 1], duration: 86_400_000)
        #expect(timed.text(.epoch).contains("4, each of 86400 s"))
        #expect(try Self.output([1, 1, 1, 1]).text(.epoch).contains("administrator"))
    }

    @Test func pricesAreThoseOfEncodedSizes() throws {
        let info = try Self.output([Int](repeating: 1, count: 10)).priceInfo
        #expect(info.storagePricePerUnitSize == 3)
        #expect(info.writePricePerUnitSize == 5)
        let encoding = try #require(info.encodingDependentPriceInfo.first)
        #expect(encoding.encodingType == "RS2")
        // 10 · (10 · 64 + 32) bytes are less than one unit.
        #expect(encoding.metadataPrice == 3)
        let parameters = try EncodingParameters(shardCount: 10)
        // Ten shards take blobs of 1,834,952 bytes at most.
        #expect(encoding.exampleBlobs.map(\.unencodedSize) == [1 << 10, 1 << 20])
        for example in encoding.exampleBlobs {
            let encoded = try parameters.encodedLength(of: example.unencodedSize)
            #expect(example.encodedSize == encoded)
            #expect(example.price == 3 * ((encoded + (1 << 20) - 1) >> 20))
        }
        let dear = try Self.output([1, 1, 1, 1], storagePrice: .max)
        let examples = try #require(dear.priceInfo.encodingDependentPriceInfo.first).exampleBlobs
        #expect(examples.allSatisfy { $0.price == .max })
    }

    @Test func theJSONHasTheReferencesMembers() throws {
        let data = try JSONEncoder().encode(try Self.output([1, 1, 1, 1]))
        let object = try #require(
            try JSONSerialization.jsonObject(with: data) as? [String: [String: Any]]
        )
        let members = object.mapValues { Set($0.keys) }
        #expect(
            members == [
                "networkInfo": [
                    "networkId", "incarnation", "height", "blockHash", "capacityUsed", "capacity",
                ],
                "epochInfo": [
                    "currentEpoch", "startOfCurrentEpoch", "epochDuration", "maxEpochsAhead",
                    "state",
                ],
                "storageInfo": ["nShards", "nNodes"],
                "sizeInfo": ["storageUnitSize", "maxBlobSize"],
                "priceInfo": [
                    "storagePricePerUnitSize", "writePricePerUnitSize",
                    "encodingDependentPriceInfo",
                ],
                "bftInfo": [
                    "maxFaultyShards", "minCorrectShards", "quorumThreshold", "minNodesAbove",
                    "shardsAbove", "nodesThatMayBeDown",
                ],
            ]
        )
    }
}
