package import BlobModel
internal import Synchronization
internal import Testing

/// What every `BlobStore` must do, whatever is behind it.
///
/// `make` gives a fresh, empty store.
package struct BlobStoreSuite {
    private let make: () async throws -> any BlobStore

    package init(_ make: @escaping () async throws -> any BlobStore) { self.make = make }

    package func runAll() async throws {
        try await whatIsStoredIsRead()
        try await rangesAreExact()
        try await storingTwiceGivesOneBlob()
        try await registrationIsToldOnce()
        try await unknownBlobsAreNotFound()
        try await lengthsAreCountedAsTheyAreBilled()
    }

    private func whatIsStoredIsRead() async throws {
        let store = try await make()
        for count in [0, 1, 2, 27, 28, 29, 1000, 65_536, 100_001] {
            let bytes = TestNetwork.bytes(count)
            let stored = try await store.store(bytes)
            #expect(stored.length == UInt64(count))
            #expect(try await store.length(of: stored.blob) == UInt64(count))
            #expect(try await store.lifetime(of: stored.blob) == stored.lifetime)
            for way in [ReadAuthentication.store, .caller] {
                let read = try await store.read(
                    stored.blob,
                    range: 0..<UInt64(count),
                    authentication: way
                )
                #expect(read == bytes, "\(count) bytes")
            }
        }
    }

    private func registrationIsToldOnce() async throws {
        let store = try await make()
        let told = Mutex(0)
        let bytes = TestNetwork.bytes(3000)
        for _ in 0..<2 {
            _ = try await store.store(bytes) { told.withLock { $0 += 1 } }
            #expect(told.withLock { $0 } == 1)
        }
    }

    private func rangesAreExact() async throws {
        let store = try await make()
        let bytes = TestNetwork.bytes(10_007)
        let stored = try await store.store(bytes)
        let cuts: [UInt64] = [0, 1, 63, 64, 65, 357, 358, 2505, 2506, 5000, 10_006, 10_007]
        for start in cuts {
            for end in cuts where end >= start {
                for way in [ReadAuthentication.store, .caller] {
                    let read = try await store.read(
                        stored.blob,
                        range: start..<end,
                        authentication: way
                    )
                    #expect(read == Array(bytes[Int(start)..<Int(end)]), "\(start)..<\(end)")
                }
            }
        }
        for range: Range<UInt64> in [0..<10_008, 10_007..<10_008, 20_000..<20_001] {
            await #expect(throws: BlobStoreError.self) {
                try await store.read(stored.blob, range: range, authentication: .store)
            }
        }
    }

    private func storingTwiceGivesOneBlob() async throws {
        let store = try await make()
        let bytes = TestNetwork.bytes(500)
        #expect(try await store.store(bytes) == store.store(bytes))
    }

    private func unknownBlobsAreNotFound() async throws {
        let store = try await make()
        let unknown = BlobID(bytes: [UInt8](repeating: 1, count: 32))
        await #expect(throws: BlobStoreError.notFound(unknown)) {
            try await store.length(of: unknown)
        }
        await #expect(throws: BlobStoreError.notFound(unknown)) {
            try await store.read(unknown, range: 0..<1, authentication: .store)
        }
        #expect(try await store.lifetime(of: unknown) == nil)
    }

    private func lengthsAreCountedAsTheyAreBilled() async throws {
        let store = try await make()
        let small = try #require(store.encodedLength(of: 1))
        #expect(small > store.metadataLength)
        #expect(try #require(store.encodedLength(of: 1 << 20)) > small)
        #expect(store.encodedLength(of: .max) == nil)
    }
}
