internal import SystemIO
internal import Testing

@Suite struct OneShotTests {
    @Test func aValueThatComesOnceComesOnce() async {
        let shot = OneShot<Int>()
        shot.resolve(1)
        shot.resolve(2)
        #expect(await shot.wait(cancelled: 3) == 1)
        let late = OneShot<Int>()
        let task = Task { await late.wait(cancelled: 3) }
        await Task.yield()
        task.cancel()
        #expect(await task.value == 3)
    }
}
