import BlobClient
import BlobModel
import SystemIO
import TestNetwork
import Testing

@Suite struct UploadTailTests {
    /// The clock stands still: whoever waited for a node that is down would wait for ever.
    @Test(.timeLimit(.minutes(1)))
    func nobodyWaitsForANodeThatIsDownWhenAllOthersHaveConfirmed() async throws {
        let network = try TestNetwork()
        let time = ManualTimeSource()
        let client = try await network.client(time: time) { index, node in
            FaultyNode(node, index == 4 ? .down : .none)
        }
        let store = try await network.volume(client).store
        let bytes = TestNetwork.bytes(3000)
        let blob = try await store.store(bytes).blob
        while time.sleeperCount > 0 { await Task.yield() }
        let read = try await client.read(
            blob,
            range: 0..<UInt64(bytes.count),
            authentication: .store
        )
        #expect(read == bytes)
    }
}
