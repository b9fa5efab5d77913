internal import SystemIO
internal import Testing

@Suite struct OpenFileLimitTests {
    @Test func aServiceKeepsFilesForItself() {
        #expect(OpenFileLimit.connections(1024, within: 65_536) == 1024)
        #expect(OpenFileLimit.connections(1024, within: 1280) == 1024)
        #expect(OpenFileLimit.connections(1024, within: 1279) == 1023)
        #expect(OpenFileLimit.connections(1024, within: 100) == 50)
        #expect(OpenFileLimit.connections(1024, within: 1) == 1)
        #expect(OpenFileLimit.connections(16, within: 1 << 40) == 16)
    }

    @Test func raisingItLeavesAtLeastWhatWasThere() {
        let first = OpenFileLimit.raise()
        #expect(first > 0)
        #expect(OpenFileLimit.raise() == first)
    }
}
