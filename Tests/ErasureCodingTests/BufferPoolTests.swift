internal import Testing

@testable internal import ErasureCoding

@Suite struct BufferPoolTests {
    @Test func buffersComeBackWhenTheyFit() {
        let pool = BufferPool()
        let first = address(AlignedBuffer(count: 100_000, pool: pool))
        // Smaller ones fit, but not when half of it would be left over; larger ones do not.
        #expect(address(AlignedBuffer(count: 90_000, pool: pool)) == first)
        do {
            let small = AlignedBuffer(count: 70_000, pool: pool)
            let other = AlignedBuffer(count: 70_000, pool: pool)
            #expect(address(small) == first)
            #expect(address(other) != first)
            #expect(small.count == 70_000)
        }
        #expect(address(AlignedBuffer(count: 200_000, pool: pool)) != first)
    }

    @Test func onlySomeAreKeptAndNoSmallOrLongOnes() {
        let pool = BufferPool()
        for count in [0, 1, 65_535, (8 << 20) + 1] {
            _ = AlignedBuffer(count: count, pool: pool)
            #expect(pool.count == 0)
        }
        var buffers = (0..<20).map { AlignedBuffer(count: 65_536 << ($0 % 3), pool: pool) }
        #expect(pool.count == 0 && buffers.count == 20)
        buffers.removeAll()
        #expect(pool.count == 8)
    }

    private func address(_ buffer: AlignedBuffer) -> UInt {
        UInt(bitPattern: unsafe buffer.start)
    }
}
