internal import Mount
internal import TestSupport
internal import Testing
internal import Volume

/// What can be tested of the adapter without a mount.
struct EdgeTests {
    @Test func everyFailureHasItsNumber() {
        // errno(3) of Linux; these reach programs, so they never change.
        let wanted: [(VolumeError, Int32)] = [
            (.notFound, 2), (.interrupted, 4), (.inputOutput(""), 5), (.corrupt(""), 5),
            (.networkUnavailable(""), 5), (.failed(""), 5), (.badHandle, 9), (.accessDenied, 13),
            (.exists, 17), (.notDirectory, 20), (.isDirectory, 21), (.invalidArgument, 22),
            (.fileTooLarge, 27), (.noSpace, 28), (.readOnly, 30), (.tooManyLinks, 31),
            (.nameTooLong, 36), (.directoryNotEmpty, 39), (.noAttribute, 61),
            (.unsupported, 95), (.stale, 116), (.notPermitted, 1), (.noSuchOffset, 6),
            (.attributeTooLarge, 7),
        ]
        for (error, number) in wanted { #expect(error.errno == number, "\(error)") }
    }

    @Test func theMountTableIsRead() {
        let text = """
            36 35 98:0 /mnt1 /mnt/with\\040space rw,noatime master:1 shared:2 - ext3 /dev/root rw
            107 87 0:39 / /x rw,nosuid - fuse.walrusfs a\\134b\\011c rw,user_id=0
            too short
            1 2 0:3 / /y rw -
            """
        let entries = MountTable.parse(text)
        #expect(entries.map(\.mountpoint) == ["/mnt/with space", "/x"])
        #expect(entries.map(\.source) == ["/dev/root", "a\\b\tc"])
        #expect(entries.map(\.device) == ["98:0", "0:39"])
        #expect(entries.map(\.isOurs) == [false, true])
    }

    /// Why a mountpoint is refused. (The compiler crashes on typed throws in `#expect(throws:)`.)
    private func refusal(_ path: String, own: [String]) -> MountError? {
        do throws(MountError) {
            try Mountpoint(path).prepare(ownDirectories: own)
            return nil
        } catch {
            return error
        }
    }

    @Test func mountpointsOverTheMountsOwnDataAreRefused() throws {
        try Scratch.with { scratch in
            let own = try scratch.folder("state")
            _ = try scratch.folder("state/log")
            _ = try scratch.folder("beside")
            try Tool.script("ln -s ../state beside/link; touch file", in: scratch.path)
            for path in ["/state", "/state/log", "", "/state/", "/beside/link"] {
                let mountpoint = Mountpoint(scratch.path + path).path
                #expect(
                    refusal(scratch.path + path, own: [own])
                        == .overOwnState(mountpoint, directory: own)
                )
            }
            #expect(refusal(scratch.path + "/beside", own: [own]) == nil)
            let missing = scratch.path + "/missing"
            #expect(refusal(missing, own: [own]) == .missing(missing))
            let file = scratch.path + "/file"
            #expect(refusal(file, own: [own]) == .notDirectory(file))
        }
    }

    @Test func optionsAreTaken() {
        var options = MountOptions()
        let taken = ["ro", "allow_other", "noatime", "nonsense"]
            .filter { options.apply($0) }
        #expect(taken == ["ro", "allow_other", "noatime"])
        #expect(options.isReadOnly && options.allowsOthers && options.omitsAccessTimes)
        let isTaken = options.apply("rw")
        #expect(isTaken && !options.isReadOnly)
    }
}
