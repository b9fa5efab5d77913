internal import Testing
internal import VolumeFormat

@testable internal import walrusfs

/// What a person is told of a volume that a newer program has written.
@Suite struct FormatFailureTests {
    @Test(arguments: [
        (VolumeFormatError.readOnlyFeatures([3, 5]), "features 3, 5", "--follower"),
        (.unsupportedFeatures([9]), "features 9", "newer walrusfs"),
    ])
    func aNewerProgramsVolumeIsNoDamage(
        error: VolumeFormatError,
        what: String,
        advice: String
    ) throws {
        let failure = CommandFailure(error, volume: "photos")
        #expect(failure.status == .notPermitted)
        #expect(failure.message.contains("'photos'") && failure.message.contains(what))
        #expect(try #require(failure.advice).contains(advice))
    }

    @Test func whatDoesNotAuthenticateIsDamage() {
        #expect(CommandFailure(.corrupt("x"), volume: "photos").status == .damaged)
    }
}
