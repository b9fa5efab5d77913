import BlobModel
import Codec
import Testing
import VolumeFormat

@testable import Volume

/// Transcripts: what is reported, and which step is asked for next.
@Suite struct CheckpointMachineTests {
    private let volume = VolumeID(bytes: [UInt8](repeating: 1, count: 32))

    private func blob(_ number: UInt8) -> BlobID {
        BlobID(bytes: [UInt8](repeating: number, count: 32))
    }

    private func manifest(_ sequence: UInt64, parent: BlobID?) -> Manifest {
        Manifest(
            volume: volume,
            sequence: sequence,
            parent: parent,
            token: 1,
            generation: 4,
            cutAt: 5,
            inodeMark: 6,
            name: "v",
            base: nil,
            deltas: []
        )
    }

    private func published(_ sequence: UInt64, _ number: UInt8) -> PublishedHead {
        let parent = sequence == 1 ? nil : blob(99)
        return PublishedHead(
            manifestBlob: blob(number),
            manifest: manifest(sequence, parent: parent)
        )
    }

    private func head(_ sequence: UInt64, _ number: UInt8) -> Head {
        Head(sequence: sequence, manifest: blob(number), token: 1, publishedAt: 0)
    }

    private func sealed(over parent: PublishedHead?, _ number: UInt8?) -> SealedManifest {
        let sequence = (parent?.manifest.sequence ?? 0) + 1
        let header = PackHeader(
            kind: .manifest,
            id: 1,
            sequence: sequence,
            salt: [UInt8](repeating: 0, count: 32)
        )
        return SealedManifest(
            manifest: manifest(sequence, parent: parent?.manifestBlob),
            pack: PackFile(header: header, length: 100),
            blob: number.map(blob)
        )
    }

    /// A machine whose manifest, blob 7, is stored and about to be published over sequence 3.
    private func atPublication() -> CheckpointMachine {
        let parent = published(3, 3)
        return CheckpointMachine(
            progress: .manifest(generation: 4, sealed(over: parent, 7)),
            head: parent,
            token: 9
        )
    }

    private var intent: CheckpointMachine.Intent {
        CheckpointMachine.Intent(manifest: blob(7), expected: 3, parent: blob(3), token: 9)
    }

    @Test func aCalmCheckpointTakesItsStepsInOrder() {
        var machine = CheckpointMachine(progress: .idle, head: nil, token: 2)
        #expect(machine.step == .rest)
        machine.handle(.asked)
        #expect(machine.step == .cut)
        machine.handle(.cut(generation: 5))
        #expect(machine.step == .gather(generation: 5))
        machine.handle(.gathered)
        #expect(machine.step == .sealRows(generation: 5, sequence: 1))
        let run = RunBuilder.Unplaced(sequence: 1, rowCount: 0, byteCount: 0, index: [])
        let rows = SealedRows(run: run, isBase: true, packs: [])
        machine.handle(.rowsSealed(rows))
        #expect(machine.step == .storeRows(generation: 5, rows))
        machine.handle(.rowsStored([]))
        #expect(machine.step == .sealManifest(generation: 5, rows, []))
        machine.handle(.manifestSealed(sealed(over: nil, nil)))
        #expect(machine.step == .storeManifest(sealed(over: nil, nil)))
        machine.handle(.manifestStored(blob(7)))
        let first = CheckpointMachine.Intent(
            manifest: blob(7),
            expected: 0,
            parent: nil,
            token: 2
        )
        #expect(machine.step == .publish(first))
        machine.handle(.publishOutcome(.success(head(1, 7))))
        guard case .finish(5, let head) = machine.step else {
            Issue.record("\(machine.step)")
            return
        }
        machine.handle(.finished)
        #expect(machine.step == .rest)
        #expect(machine.head == head)
        #expect(machine.sequence == 2)
    }

    @Test(arguments: [
        HeadStoreError.outcomeUnknown(""), .unavailable(""), .rejected(""), .cancelled,
    ])
    func anUnknownOutcomeAsksForTheHead(_ error: HeadStoreError) {
        var machine = atPublication()
        #expect(machine.step == .publish(intent))
        machine.handle(.publishOutcome(.failure(error)))
        #expect(machine.step == .readHead(intent))
        // My parent: again.
        var again = machine
        again.handle(.head(head(3, 3)))
        #expect(again.step == .publish(intent))
        // Mine: done.
        machine.handle(.head(head(4, 7)))
        guard case .finish(4, _) = machine.step else {
            Issue.record("\(machine.step)")
            return
        }
    }

    @Test func anyOtherHeadStrands() {
        for current in [nil, head(4, 8), head(3, 8), head(5, 9)] {
            var machine = atPublication()
            machine.handle(.publishOutcome(.failure(.conflict(current: current))))
            #expect(machine.step == .stop(.stranded(current: current)))
            var restarted = atPublication()
            restarted.begin(current: current)
            #expect(restarted.step == .stop(.stranded(current: current)))
        }
    }

    @Test func aConflictWithMyOwnManifestIsSuccess() {
        var machine = atPublication()
        machine.handle(.publishOutcome(.failure(.conflict(current: head(4, 7)))))
        guard case .finish = machine.step else {
            Issue.record("\(machine.step)")
            return
        }
    }

    @Test func aLostLeaseStopsUnlessItWasPublishedBefore() {
        let lease = Lease(token: 10, holder: nil, claim: nil)
        var machine = atPublication()
        machine.handle(.publishOutcome(.failure(.leaseLost(lease))))
        #expect(machine.step == .readHead(intent))
        var done = machine
        done.handle(.head(head(4, 7)))
        guard case .finish = done.step else {
            Issue.record("\(done.step)")
            return
        }
        machine.handle(.head(head(3, 3)))
        #expect(machine.step == .stop(.leaseLost))
    }

    @Test func aRestartComparesWithTheHead() {
        var machine = CheckpointMachine(progress: .idle, head: published(3, 3), token: 1)
        machine.begin(current: head(3, 3))
        #expect(machine.step == .rest)
        machine.begin(current: head(4, 4))
        #expect(machine.step == .stop(.stranded(current: head(4, 4))))
        var publishedBefore = atPublication()
        publishedBefore.begin(current: head(4, 7))
        guard case .finish = publishedBefore.step else {
            Issue.record("\(publishedBefore.step)")
            return
        }
    }

    @Test func rowsThatWouldMakeNoRunAreDamage() throws {
        func rows(indexIn pack: UInt32, _ kind: PackKind) -> CheckpointProgress {
            let layout = ChunkLayout(
                offset: UInt64(PackHeader.length),
                firstFrame: 0,
                length: 100,
                frames: [StoredFrame(length: 116, codec: .raw)]
            )
            let chunk = ChunkID(bytes: [UInt8](repeating: 1, count: 32))
            let run = RunBuilder.Unplaced(
                sequence: 1,
                rowCount: 1,
                byteCount: 100,
                index: [RunPlace(pack: pack, chunk: chunk, layout: layout)]
            )
            let salt = [UInt8](repeating: 2, count: 32)
            let header = PackHeader(kind: kind, id: 1, sequence: 1, salt: salt)
            let pack = PackFile(header: header, length: 1000)
            return .rows(generation: 1, SealedRows(run: run, isBase: true, packs: [pack]))
        }
        let good = rows(indexIn: 0, .base)
        #expect(try CheckpointProgress(bcsBytes: good.bcsBytes) == good)
        for bad in [rows(indexIn: 1, .base), rows(indexIn: 0, .manifest)] {
            #expect(throws: CodecError.self) { try CheckpointProgress(bcsBytes: bad.bcsBytes) }
        }
    }

    @Test func progressReadsBackAndDamageIsAnError() throws {
        let progresses: [CheckpointProgress] = [
            .idle, .cut(generation: 3), .manifest(generation: 4, sealed(over: nil, nil)),
            .manifest(generation: 4, sealed(over: published(3, 3), 7)),
            .published(generation: 9, published(1, 1)),
        ]
        for progress in progresses {
            let bytes = progress.bcsBytes
            #expect(try CheckpointProgress(bcsBytes: bytes) == progress)
            for count in 0..<bytes.count {
                #expect(throws: CodecError.self) {
                    try CheckpointProgress(bcsBytes: Array(bytes.prefix(count)))
                }
            }
        }
    }
}
