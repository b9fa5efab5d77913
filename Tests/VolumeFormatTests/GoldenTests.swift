import BlobModel
import Codec
import Foundation
import TestSupport
import Testing
import VolumeFormat

/// Bytes that were written by version 1 and must be read, and written, for ever.
@Suite struct GoldenTests {
    private struct Golden: Codable, Equatable {
        var chunkIDKey: String
        var gearDigest: String
        var nameHash: String
        var writer: String
        var payingAccount: String
        var chunkID: String
        var cuts: [Int]
        var leaf: String
        var leafCuts: [Int]
        var pack: String
        var delta: String
        var manifestBody: String
        var manifest: String
    }

    /// Bytes that do not compress, so that no version of zstd changes them.
    private static func noise(_ count: Int) -> [UInt8] {
        var random = SeededGenerator(seed: 99)
        return random.bytes(count)
    }

    private static let rows = (UInt8(0)..<4).map { number in
        RowImage(
            table: 1 + number / 2,
            key: [0, 0, number],
            value: number == 3 ? nil : noise(20 + Int(number))
        )
    }

    private static func key(_ number: UInt64) -> [UInt8] {
        var writer = ByteWriter()
        writer.write(bigEndian: number)
        return writer.bytes
    }

    private func leafCuts() -> [Int] {
        var builder = LeafBuilder(keys: Sample.keys)
        var counts: [Int] = []
        for number in UInt64(0)..<3000 {
            let row = RowImage(table: 1, key: Self.key(number), value: Self.noise(60))
            if let leaf = builder.append(row) { counts.append(leaf.rowCount) }
        }
        return counts
    }

    private func contentsPack() -> [UInt8] {
        let builder = PackBuilder(
            header: Sample.header(.contents),
            volume: Sample.volume,
            keys: Sample.keys
        )
        let plaintext = Self.noise(90)
        let id = Sample.keys.chunkID(of: plaintext)
        builder.append(id, plaintext)
        builder.record(SliceChunk(slice: 1 << 40, offset: 4096, chunk: id, start: 0, length: 90))
        return builder.finish().bytes
    }

    private func deltaPack() -> [UInt8] {
        let builder = RunBuilder(
            kind: .delta,
            sequence: 7,
            volume: Sample.volume,
            keys: Sample.keys,
            packLength: 16 << 20,
            numbering: PackNumbering(nextID: { 1 << 40 + 8 }, nextSalt: { Sample.salt })
        )
        for row in Self.rows { _ = builder.append(row) }
        return builder.finish().packs[0].bytes
    }

    private func current() -> Golden {
        let keys = Sample.keys
        var gear = ByteWriter()
        for value in keys.gear.values { gear.write(value) }
        let stream = Self.noise(3 << 20)
        let cuts = unsafe stream.withUnsafeBytes { bytes in
            unsafe Chunker(gear: keys.gear, lengths: .standard).chunkLengths(in: bytes)
        }
        let manifest = ManifestTests.sample()
        return Golden(
            chunkIDKey: Hex.encode(keys.chunkIDKey),
            gearDigest: Hex.encode(Blake2b256.hash(gear.bytes)),
            nameHash: Hex.encode(keys.nameHash("photos")),
            writer: Hex.encode(keys.writer?.publicKey.bytes ?? []),
            payingAccount: Hex.encode(keys.payingAccount?.publicKey.bytes ?? []),
            chunkID: keys.chunkID(of: Array("walrus".utf8)).description,
            cuts: cuts,
            leaf: Hex.encode(Leaf(rows: Self.rows).bcsBytes),
            leafCuts: leafCuts(),
            pack: Hex.encode(contentsPack()),
            delta: Hex.encode(deltaPack()),
            manifestBody: Hex.encode(manifest.bcsBytes),
            manifest: Hex.encode(
                manifest.sealed(id: 77, salt: Sample.salt, keys: keys).bytes
            )
        )
    }

    @Test func versionOneIsWrittenAsEver() throws {
        let current = current()
        if Fixtures.areWritten { try Fixtures.write(current, to: "volume-v1/formats.json") }
        var golden = try Fixtures.json("volume-v1/formats.json", as: Golden.self)
        // Its frames compress, so its bytes are zstd's; that they open is checked below.
        golden.manifest = current.manifest
        golden.delta = current.delta
        #expect(current == golden)
    }

    @Test func versionOneIsReadAsEver() throws {
        let golden = try Fixtures.json("volume-v1/formats.json", as: Golden.self)
        let manifest = try Manifest(
            packBytes: try Hex.decode(golden.manifest),
            volume: Sample.volume,
            sequence: 7,
            keys: Sample.keys
        )
        #expect(manifest == ManifestTests.sample())
        let pack = try PackReader(
            try Hex.decode(golden.pack),
            volume: Sample.volume,
            keys: Sample.keys
        )
        #expect(try pack.open(pack.trailer.chunks[0]) == Self.noise(90))
        #expect(pack.trailer.slices.map(\.slice) == [1 << 40])
        let delta = try PackReader(
            try Hex.decode(golden.delta),
            volume: Sample.volume,
            keys: Sample.keys
        )
        let leaf = try Leaf(bcsBytes: try delta.open(delta.trailer.chunks[0]))
        #expect(leaf.rows == Self.rows)
    }
}
