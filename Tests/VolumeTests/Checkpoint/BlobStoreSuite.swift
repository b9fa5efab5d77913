import BlobModel
import Testing

/// What the checkpointer relies on in any `BlobStore`; to be run over each.
enum BlobStoreSuite {
    static func run(over blobs: any BlobStore) async throws {
        try await bytesReadBackByAnyRange(blobs)
        try await theSameBytesAreTheSameBlob(blobs)
        try await whatIsNotThereIsNotFound(blobs)
        try await whatIsTooLongIsRefused(blobs)
    }

    private static func bytesReadBackByAnyRange(_ blobs: any BlobStore) async throws {
        for length in [1, 2, 63, 1000, 65_537, 300_000] {
            let bytes = noise(length, seed: UInt64(length))
            let stored = try await blobs.store(bytes)
            #expect(stored.length == UInt64(length))
            #expect(try await blobs.length(of: stored.blob) == UInt64(length))
            #expect(try await blobs.lifetime(of: stored.blob) == stored.lifetime)
            let ranges = [
                0..<length, 0..<1, length - 1..<length, length / 3..<length / 3 * 2 + 1,
            ]
            for range in ranges where range.upperBound <= length {
                for authentication in [ReadAuthentication.store, .caller] {
                    let read = try await blobs.read(
                        stored.blob,
                        range: UInt64(range.lowerBound)..<UInt64(range.upperBound),
                        authentication: authentication
                    )
                    let equal = read[...] == bytes[range]
                    #expect(equal, "\(range) of \(length)")
                }
            }
            await #expect(throws: BlobStoreError.self) {
                _ = try await blobs.read(
                    stored.blob,
                    range: 0..<UInt64(length) + 1,
                    authentication: .store
                )
            }
        }
    }

    private static func theSameBytesAreTheSameBlob(_ blobs: any BlobStore) async throws {
        let bytes = noise(5000, seed: 1)
        let first = try await blobs.store(bytes)
        let second = try await blobs.store(bytes)
        #expect(first.blob == second.blob)
        #expect(try await blobs.store(noise(5000, seed: 2)).blob != first.blob)
    }

    private static func whatIsNotThereIsNotFound(_ blobs: any BlobStore) async throws {
        let blob = BlobID(bytes: [UInt8](repeating: 0x77, count: 32))
        await #expect(throws: BlobStoreError.notFound(blob)) {
            _ = try await blobs.read(blob, range: 0..<1, authentication: .store)
        }
        #expect(try await blobs.lifetime(of: blob) == nil)
    }

    private static func whatIsTooLongIsRefused(_ blobs: any BlobStore) async throws {
        #expect(blobs.encodedLength(of: 1 << 50) == nil)
        let encoded = try #require(blobs.encodedLength(of: 100_000))
        #expect(encoded > 100_000)
        #expect(blobs.metadataLength < encoded)
    }
}

@Suite struct BlobStoreSuiteTests {
    @Test func theDoubleIsABlobStore() async throws {
        try await BlobStoreSuite.run(over: InMemoryBlobStore())
    }
}
