import BlobModel
import Codec
import Testing
import VolumeFormat

@Suite struct ManifestTests {
    static func sample(sequence: UInt64 = 7, features: FeatureFlags = .none) -> Manifest {
        let frame = StoredFrame(length: 116, codec: .raw)
        let layout = ChunkLayout(offset: 64, firstFrame: 0, length: 100, frames: [frame])
        let place = RunPlace(
            pack: 0,
            chunk: ChunkID(bytes: [UInt8](repeating: 0xC1, count: 32)),
            layout: layout
        )
        func run(_ kind: PackKind, _ sequence: UInt64) -> Run {
            let header = Sample.header(kind, sequence: sequence)
            let pack = PackReference(header: header, blob: Sample.blob(9), length: 4000)
            return Run(
                sequence: sequence,
                rowCount: 12,
                byteCount: 900,
                packs: [pack],
                index: [place]
            )
        }
        return Manifest(
            volume: Sample.volume,
            sequence: sequence,
            parent: sequence == 1 ? nil : Sample.blob(8),
            token: 3,
            generation: 5,
            cutAt: 1_700_000_000_000,
            inodeMark: 4096,
            name: "photos",
            base: run(.base, 2),
            deltas: [run(.delta, 3), run(.delta, 7)],
            features: features
        )
    }

    private func sealed(_ manifest: Manifest) -> [UInt8] {
        manifest.sealed(id: 77, salt: Sample.salt, keys: Sample.keys).bytes
    }

    private func open(
        _ bytes: [UInt8],
        sequence: UInt64 = 7
    ) throws(VolumeFormatError) -> Manifest {
        try Manifest(
            packBytes: bytes,
            volume: Sample.volume,
            sequence: sequence,
            keys: Sample.keys
        )
    }

    @Test func whatIsSealedOpens() throws {
        for sequence in [UInt64(1), 7] {
            let manifest = Self.sample(sequence: sequence)
            #expect(try open(sealed(manifest), sequence: sequence) == manifest)
        }
        #expect(Self.sample().blobs == [Sample.blob(9), Sample.blob(9), Sample.blob(9)])
    }

    @Test func aManifestOfAnotherSequenceIsCorrupt() {
        let bytes = sealed(Self.sample())
        for sequence in [UInt64(1), 6, 8] {
            #expect(throws: VolumeFormatError.corrupt("a manifest sealed as something else")) {
                try open(bytes, sequence: sequence)
            }
        }
        // A clear header that claims the sequence does not help: the seal has it too.
        var claimed = bytes
        claimed[24] = 8
        #expect(throws: VolumeFormatError.corrupt("the trailer of pack 77")) {
            try open(claimed, sequence: 8)
        }
    }

    @Test func noFlippedBitIsAccepted() {
        let bytes = sealed(Self.sample())
        for at in bytes.indices {
            var wrong = bytes
            wrong[at] ^= 1 << UInt8(at % 8)
            #expect(throws: VolumeFormatError.self, "byte \(at)") { try open(wrong) }
        }
    }

    @Test func unknownIncompatibleFeaturesAreNamed() throws {
        let flags = FeatureFlags(
            compatible: 0,
            readOnlyCompatible: 0,
            incompatible: 1 << 31 | 1 << 4
        )
        let bytes = sealed(Self.sample(features: flags))
        #expect(throws: VolumeFormatError.unsupportedFeatures([4, 31])) { try open(bytes) }
    }

    @Test func otherUnknownFeaturesLetReadersIn() throws {
        let readOnly = FeatureFlags(compatible: 1, readOnlyCompatible: 2, incompatible: 0)
        let opened = try open(sealed(Self.sample(features: readOnly)))
        #expect(throws: VolumeFormatError.readOnlyFeatures([1])) {
            try opened.features.verifyWritable()
        }
        let compatible = FeatureFlags(compatible: 1, readOnlyCompatible: 0, incompatible: 0)
        try open(sealed(Self.sample(features: compatible))).features.verifyWritable()
    }

    /// Bits are part of the format: they keep their numbers.
    @Test func whatIsKnownIsReadAndWritten() throws {
        #expect(FeatureFlags.departures.incompatible == 1)
        #expect(FeatureFlags.known == .none.union(.departures))
        try open(sealed(Self.sample(features: .known))).features.verifyWritable()
    }

    @Test func noShortenedOrLengthenedBodyIsAccepted() {
        let bytes = Self.sample().bcsBytes
        for count in 0..<bytes.count {
            #expect(throws: CodecError.self) { try Manifest(bcsBytes: Array(bytes.prefix(count))) }
        }
        #expect(throws: CodecError.trailingBytes(count: 1)) {
            try Manifest(bcsBytes: bytes + [0])
        }
    }

    @Test func noFlippedBitOfABodyTraps() {
        let bytes = Self.sample().bcsBytes
        for at in bytes.indices {
            for bit in 0..<8 {
                var wrong = bytes
                wrong[at] ^= 1 << UInt8(bit)
                // Many are other, valid manifests; none may trap.
                _ = try? Manifest(bcsBytes: wrong)
            }
        }
    }
}
