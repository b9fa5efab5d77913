internal import SystemIO
internal import Testing

/// What the disk that forgets forgets.
@Suite struct CrashTests {
    @Test func aSyncedFileInASyncedDirectorySurvives() throws {
        for seed in 0..<50 as Range<UInt64> {
            let disk = InMemoryFileSystem()
            let file = try disk.open("/file", .createNew)
            try file.write([1, 2, 3], at: 0)
            try file.synchronizeData()
            try disk.synchronizeDirectory("/")
            #expect(try disk.crash(seed: seed).readWholeFile("/file") == [1, 2, 3])
        }
    }

    @Test func anUnsyncedNameMayGoAndMayStay() throws {
        let disk = InMemoryFileSystem()
        let file = try disk.open("/file", .createNew)
        try file.write([1, 2, 3], at: 0)
        try file.synchronizeData()
        let found = try Set((0..<50).map { try disk.crash(seed: $0).exists("/file") })
        #expect(found == [true, false])
        #expect(try disk.crash(seed: 0).exists("/file") == false)
    }

    @Test func anUnsyncedWriteMayGoStayOrTear() throws {
        let disk = InMemoryFileSystem()
        let file = try disk.open("/file", .createNew)
        try file.allocate(upTo: 2048)
        try file.synchronizeData()
        try disk.synchronizeDirectory("/")
        try file.write([UInt8](repeating: 7, count: 2048), at: 0)
        var kept: Set<Int> = []
        for seed in 0..<100 as Range<UInt64> {
            let bytes = try #require(try disk.crash(seed: seed).readWholeFile("/file"))
            #expect(bytes.count == 2048)
            kept.insert(bytes.count { $0 == 7 })
        }
        #expect(kept.contains(0))
        #expect(kept.contains(2048))
        #expect(kept.count > 5)
    }

    @Test func aReplacedFileIsOldOrNewAtEveryStep() throws {
        for steps in 0..<12 {
            for seed in 0..<40 as Range<UInt64> {
                let disk = InMemoryFileSystem()
                try disk.writeFileAtomically("/file", [1, 1, 1])
                disk.faults.stepsUntilPowerCut = steps
                var succeeded = false
                do throws(SystemError) {
                    try disk.writeFileAtomically("/file", [2, 2])
                    succeeded = true
                } catch { #expect(error.isDeviceFailure) }
                let left = try disk.crash(seed: seed).readWholeFile("/file")
                #expect(left == [2, 2] || left == [1, 1, 1] && !succeeded, "seed \(seed)")
            }
        }
    }

    @Test func aFailedSyncMakesNothingDurable() throws {
        let disk = InMemoryFileSystem()
        let file = try disk.open("/file", .createNew)
        try disk.synchronizeDirectory("/")
        try file.write([1], at: 0)
        disk.faults.syncsUntilFailure = 0
        #expect(throws: SystemError.self) { try file.synchronizeData() }
        #expect(try disk.crash(seed: 0).readWholeFile("/file") == [])
        #expect(try disk.kill().readWholeFile("/file") == [1])
        // Later syncs succeed, and still the disk never sees those bytes.
        try file.write([2], at: 1)
        try file.synchronizeData()
        #expect(try file.read(count: 2, at: 0) == [1, 2])
        #expect(try disk.crash(seed: 1).readWholeFile("/file") == [0, 2])
    }

    @Test func aFailedWriteIsHalfDone() throws {
        let disk = InMemoryFileSystem()
        let file = try disk.open("/file", .createNew)
        disk.faults.writesUntilFailure = 1
        try file.write([1, 2], at: 0)
        expect(\.isDeviceFailure) { () throws(SystemError) in
            try file.write([3, 4, 5, 6], at: 2)
        }
        #expect(try disk.kill().readWholeFile("/file") == [1, 2, 3, 4])
        disk.faults.growthsUntilFull = 1
        try file.write([7, 8], at: 4)
        expect(\.isNoSpace) { () throws(SystemError) in try file.write([9, 9], at: 6) }
        // There is room for what is there already.
        try file.write([9], at: 0)
        expect(\.isNoSpace) { () throws(SystemError) in
            _ = try disk.open("/other", .createNew)
        }
    }

    @Test func theDiskBeforeEachStepIsKept() throws {
        let disk = InMemoryFileSystem()
        disk.record(oneIn: 1, seed: 7)
        let file = try disk.open("/file", .createNew)
        try file.write([1], at: 0)
        try file.write([2], at: 1)
        let kept = try disk.takeRecorded().map { try $0.kill().readWholeFile("/file") }
        #expect(kept == [nil, [], [1]])
        #expect(disk.takeRecorded().isEmpty)
    }

    @Test func aFullDiskSaysSoAndRotTurnsBits() throws {
        let disk = InMemoryFileSystem()
        disk.faults.capacity = 10
        let file = try disk.open("/file", .createNew)
        try file.write([UInt8](repeating: 0, count: 8), at: 0)
        expect(\.isNoSpace) { () throws(SystemError) in try file.write([1, 2, 3], at: 8) }
        expect(\.isNoSpace) { () throws(SystemError) in try file.allocate(upTo: 11) }
        #expect(try file.size() == 8)
        try file.write([9, 9], at: 8)
        disk.rot("/file", at: 9, mask: 0x80)
        #expect(try file.read(count: 2, at: 8) == [9, 0x89])
    }
}
