internal import BlobModel
internal import Codec
internal import Ledger
internal import SystemIO
internal import TestSupport
internal import VolumeFormat

@testable internal import SegmentLog
@testable internal import StorageNode
@testable internal import Transport
@testable internal import Volume

/// Inputs to begin with: the project's fixtures, and what is easily made.
enum Seeds {
    static func all() throws -> [String: [[UInt8]]] {
        var all = try ledger()
        for more in [
            try vectors(), try volumeFormat(), texts(), try wire(), rows(), records(),
            try ledgerRecords(), try ledgerAnswers(), fileRows(), try placement(), try progress(),
            try services(), try libraries(),
        ] {
            all.merge(more) { $0 + $1 }
        }
        return all
    }

    // MARK: Of fixtures

    struct GoldenLog: Decodable {
        let genesis: String
        let blocks: [String]
    }

    private static func ledger() throws -> [String: [[UInt8]]] {
        var seeds: [String: [[UInt8]]] = [:]
        for number in 1...2 {
            let log = try Fixtures.json("ledger/golden-log-\(number).json", as: GoldenLog.self)
            let genesis = try Genesis(bcsBytes: Hex.decode(log.genesis))
            seeds["genesis", default: []].append(genesis.bcsBytes)
            seeds["committee", default: []].append(try genesis.committee().bcsBytes)
            seeds["node-committees", default: []].append(
                NodeCommittees(try genesis.committee()).bcsBytes
            )
            // The small ones, in which everything occurs.
            for text in log.blocks.sorted(by: { $0.utf8.count < $1.utf8.count }).prefix(6) {
                let block = try Block(bcsBytes: Hex.decode(text))
                seeds["block", default: []].append(block.bcsBytes)
                seeds["signed-block-header", default: []].append(block.signedHeader.bcsBytes)
                seeds["signed-transaction", default: []] += block.transactions.map(\.bcsBytes)
                let events = block.effects.flatMap(\.events)
                seeds["ledger-event", default: []] += events.map(\.bcsBytes)
            }
        }
        return seeds
    }

    private struct Recovery: Decodable {
        struct Target: Decodable {
            struct Symbol: Decodable { let recoverySymbolBcs: String }
            let symbols: [Symbol]
        }

        let metadataBcs: String
        let targets: [Target]
    }

    private struct KnownAnswers: Decodable {
        struct Dump: Decodable { let primarySliverBcs: [String] }

        let n10FullDump: Dump
    }

    private struct Messages: Decodable {
        let confirmationPermanent: String
        let confirmationDeletable: String
        let invalidBlobId: String
    }

    private static func vectors() throws -> [String: [[UInt8]]] {
        let recoveries = try Fixtures.json("vectors/recovery.json", as: [Recovery].self)
        guard let recovery = recoveries.first else { return [:] }
        let metadata = try Hex.decode(recovery.metadataBcs)
        let symbols = try recovery.targets.prefix(3).compactMap {
            try ($0.symbols.first?.recoverySymbolBcs).map(Hex.decode)
        }
        let general = try symbols.map { bytes in
            GeneralRecoverySymbol(
                targetAxis: .primary,
                targetIndex: SliverIndex(8),
                recoverySymbol: try RecoverySymbol(bcsBytes: bytes)
            )
        }
        let proof = InconsistencyProof(
            targetAxis: .primary,
            targetIndex: SliverIndex(8),
            symbols: general.map(\.recoverySymbol)
        )
        let known = try Fixtures.json(
            "vectors/official_known_answers.json",
            as: KnownAnswers.self
        )
        let bodies = try known.n10FullDump.primarySliverBcs.prefix(3).map(Hex.decode)
        let slivers = try bodies.map { try Sliver(axis: .primary, dataBytes: $0) }
        let messages = try Fixtures.json("vectors/messages.json", as: Messages.self)
        let blob = BlobID(bytes: [UInt8](repeating: 7, count: 32))
        return [
            "blob-metadata": [metadata],
            "blob-metadata-with-id": [blob.bcsBytes + metadata],
            "recovery-symbol": symbols,
            // A vector of all, with its count.
            "recovery-symbols": [[UInt8(general.count)] + general.flatMap(\.bcsBytes)],
            "general-recovery-symbol": general.map(\.bcsBytes),
            "merkle-proof": general.map(\.recoverySymbol.proof.bcsBytes),
            "inconsistency-proof": [proof.bcsBytes],
            "inconsistency-proof-body": [proof.dataBytes],
            "sliver-body": bodies,
            "sliver": slivers.map(\.bcsBytes),
            "shard-sync-answer": [
                ShardSyncAnswer(slivers: slivers.map { ShardSliver(blob: blob, sliver: $0) })
                    .bcsBytes
            ],
            "protocol-message": try [
                messages.confirmationPermanent, messages.confirmationDeletable,
                messages.invalidBlobId,
            ].map(Hex.decode),
        ]
    }

    struct Formats: Decodable {
        let pack: String
        let delta: String
        let leaf: String
        let manifest: String
        let manifestBody: String
    }

    private static func volumeFormat() throws -> [String: [[UInt8]]] {
        let formats = try Fixtures.json("volume-v1/formats.json", as: Formats.self)
        let packs = try [formats.pack, formats.delta, formats.manifest].map(Hex.decode)
        let body = try Hex.decode(formats.manifestBody)
        let manifest = try Manifest(bcsBytes: body)
        let runs = manifest.deltas + (manifest.base.map { [$0] } ?? [])
        return [
            "pack": packs,
            "manifest-pack": [packs[2]],
            "pack-header": packs.map { Array($0.prefix(PackHeader.length)) },
            "pack-footer": packs.map { Array($0.suffix(PackFooter.length)) },
            "manifest": [body],
            "run": runs.map(\.bcsBytes),
            "leaf": [try Hex.decode(formats.leaf)],
        ]
    }

    // MARK: Made here

    static let digest = [UInt8](repeating: 9, count: 32)

    private static func texts() -> [String: [[UInt8]]] {
        let id = NetworkID(bytes: digest)
        let volume = VolumeID(bytes: digest)
        let keys = [
            RecoveryKey.Access.owner(rootSecret: digest),
            .reader(ReadingKeys(bytes: digest + digest + digest)),
        ].map { access in
            RecoveryKey(networkHints: ["h:1"], network: id, volume: volume, access: access).text
        }
        let texts: [String: [String]] = [
            "network-url": [
                "walrus://127.0.0.1:9180,[::1]:1/?genesis=\(id)", "embedded:/a/b?nodes=10",
                "walrus://node.example:65535",
            ],
            "recovery-key": keys,
            "blob-id": [BlobID(bytes: digest).description],
            "symbol-id": ["0-999"],
            "key-file": [SeedText.encode(digest)],
            "hex": ["00ffAB"],
            "base58": [Base58.encode(digest)],
            "base64": [Base64.encodeStandard(Array(digest.prefix(7))), "-_"],
            "query": ["id=1-2&id=3-4&flag&x=a+b%26&", "from=1&limit=256&wait=30000"],
            "percent-coding": ["a%20b%C3%A4"],
            "endpoint": ["127.0.0.1:80", "[::1]:0", "unix:/run/w.sock"],
            "range": ["bytes=0-1", "bytes=5-", "bytes=-18446744073709551616"],
            "control-request": [#"{"command":"sync","scope":"network","version":1}"#],
            "control-answer": [#"{"error":{"code":75,"message":"busy"}}"#],
            "volume-settings": [#"{"network":"embedded:/a","version":1}"#],
            "state-description": [
                #"{"device":1,"inode":2,"kind":"volume","machine":"","minReader":1,"version":1,"#
                    + #""volume":""}"#
            ],
            "node-json": [
                #"{"format":1,"generation":0,"kind":"walrus-node","minReader":1,"network":""#
                    + #"\#(id)","node":"\#(NodeID(bytes: digest))"}"#
            ],
        ]
        return texts.mapValues { $0.map { Array($0.utf8) } }
    }

    private static func wire() throws -> [String: [[UInt8]]] {
        let signed = SignedMessage(
            message: [1, 2, 3],
            signature: Signature(bytes: digest + digest)
        )
        let event = StatusEvent(transaction: TransactionDigest(bytes: digest), index: 3)
        let counts = NodeBlobStatus.DeletableCounts(total: 1, certified: 1)
        let statuses: [NodeBlobStatus] = [
            .nonexistent, .invalid(event), .deletable(counts, initialCertifiedEpoch: nil),
            .permanent(end: 9, isCertified: true, event: event, counts, initialCertifiedEpoch: 2),
        ]
        let request = ShardSyncRequest(
            epoch: 1,
            shard: ShardIndex(3),
            axis: .secondary,
            start: BlobID(bytes: digest),
            count: 100
        )
        var refusal = APIError(
            .internalError,
            reason: "INTERNAL",
            message: "m",
            metadata: ["a": "b"]
        )
        refusal.trace = "0123"
        return [
            "confirmation": [
                try JSON.encode(SuccessEnvelope(code: 200, data: WireConfirmation(signed)))
            ],
            "blob-status": try statuses.map {
                try JSON.encode(SuccessEnvelope(code: 200, data: WireBlobStatus($0)))
            },
            "refusal": [refusal.json],
            "signed-message": [signed.bcsBytes],
            "shard-sync-request": [request.bcsBytes],
            "ledger-query": [
                LedgerQuery.info, .nodes, .blob(ObjectID(bytes: digest)),
                .blobInPool(ObjectID(bytes: digest), BlobID(bytes: digest)),
                .retired(pool: ObjectID(bytes: digest), after: BlobID(bytes: digest)),
                .standing(NodeID(bytes: digest)),
            ].map(\.bcsBytes),
            "attestation": [
                try JSON.encode(SuccessEnvelope(code: 200, data: WireSignedMessage(signed)))
            ],
            "stored-status": [
                try JSON.encode(SuccessEnvelope(code: 200, data: StoredStatus.stored.rawValue))
            ],
            "ledger-health": [Array(#"{"success":{"code":200,"data":{"fault":"ahead"}}}"#.utf8)],
            "block-list": [BlockList.encode([[1, 2, 3], [], [4]])],
            "health": try [true, false].map { isFull in
                try JSON.encode(
                    SuccessEnvelope(code: 200, data: WireHealth(health(isFull), detailed: isFull))
                )
            },
        ]
    }

    private static func health(_ isFull: Bool) -> NodeHealth {
        NodeHealth(
            uptimeSeconds: 1,
            epoch: 2,
            publicKey: PublicKey(bytes: digest),
            node: NodeID(bytes: digest),
            status: isFull ? .recovering : .active,
            shards: [1, 2, 3],
            height: 4,
            ledgerHeight: 5,
            blockHash: BlockHash(bytes: digest),
            isFull: isFull,
            recovering: isFull ? [1] : [],
            blobsIncomplete: 1,
            scrub: NodeHealth.Scrub(passes: 1, sliversChecked: 2, damaged: 3),
            inTransfer: [2],
            readOnly: [7],
            divergence: isFull ? "ahead" : nil,
            isLedgerSilent: false
        )
    }

    private static func records() -> [String: [[UInt8]]] {
        let blob = BlobID(bytes: digest)
        let signature = Signature(bytes: digest + digest)
        let message = ProtocolMessage.storageConfirmation(
            epoch: 1,
            blob: blob,
            persistence: .permanent
        )
        let kinds: [BlobRegistration.Kind] = [
            .permanent, .deletable, .pooled(ObjectID(bytes: digest)),
        ]
        let registrations = kinds.map { kind in
            BlobRegistration(
                object: ObjectID(bytes: digest),
                kind: kind,
                end: 9,
                isCertified: false,
                event: StatusEvent(transaction: TransactionDigest(bytes: digest), index: 3)
            )
        }
        var info = BlobInfo(length: 100)
        info.register(registrations[0])
        let symbols = DecodingSymbols(
            axis: .primary,
            symbols: [SliverIndex(2): [DecodingSymbol(index: SliverIndex(1), bytes: [1, 2])]]
        )
        let errors: [LedgerError] = [
            .unavailable("no"), .behind(height: 9), .rejected(.badSignature),
            .executionFailed(command: 3, .insufficientBalance(needed: 2, available: 1)),
        ]
        return [
            "certificate": [
                Certificate(message: message, signatures: [(1, signature), (9, signature)]).bcsBytes
            ],
            "decoding-symbols": [symbols.bcsBytes],
            "ledger-error": errors.map(\.bcsBytes),
            "blob-registration": registrations.map(\.bcsBytes),
            "blob-info": [info.bcsBytes],
            // A height, a hash and an epoch.
            "node-cursor": [[9, 0, 0, 0, 0, 0, 0, 0] + digest + [1, 0, 0, 0]],
        ]
    }

    private static func rows() -> [String: [[UInt8]]] {
        let record = OperationRecord(
            inodes: 1,
            stored: 2,
            data: .init(slice: 3, offset: 4, length: 5),
            rows: [
                RowImage(table: 1, key: [0, 1], value: [2]),
                RowImage(table: 2, key: [], value: nil),
            ]
        )
        var segment = SegmentHeader(
            kind: 1,
            number: 1,
            first: 1,
            durable: 0,
            id: Array(digest.prefix(16))
        ).encoded()
        for lsn in UInt64(1)...2 {
            var writer = ByteWriter()
            let header = RecordHeader(
                kind: 1,
                length: 3,
                lsn: lsn,
                durable: 0,
                salt: segment[32..<40].reversed().reduce(0) { $0 << 8 | UInt64($1) },
                checksums: [CRC32C.checksum([1, 2, 3])]
            )
            header.encode(to: &writer)
            writer.write(raw: [1, 2, 3, 0])
            segment += writer.bytes
        }
        return [
            "operation-record": [record.bytes],
            "log-mark": [LogMark(token: 1, lsn: 2).bcsBytes],
            "segment": [segment],
            "segment-repaired": [segment],
            "cut-file": [CutFile.header(generation: 7)],
            "cut-file-repaired": [[1, 0, 2, 5, 6, 3, 0, 0]],
            "access-list": [
                [2, 0, 0, 0] + [1, 0, 6, 0, 255, 255, 255, 255] + [4, 0, 4, 0, 255, 255, 255, 255]
                    + [32, 0, 4, 0, 255, 255, 255, 255]
            ],
        ]
    }
}
