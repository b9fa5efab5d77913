internal import SystemIO
internal import Volume

// A mount whose database is damaged or gone makes it anew by itself where nothing can be lost by
// that (`Docs/Decisions/0196-a-mount-makes-its-view-anew.md`).

extension VolumeMender {
    /// Makes the database of a state anew that this process holds, and whose `damage` keeps it from
    /// being mounted; all that was there is in the new one, or nothing is changed.
    ///
    /// - Returns: What a person is told of it.
    func rebuildForMount(
        _ state: StateDirectory,
        _ settings: VolumeSettings,
        damage: String
    ) async throws(CommandFailure) -> String {
        Terminal.printError(
            "walrusfs: the database of '\(name)' is damaged or gone, and is made anew: \(damage)"
        )
        let report: RebuildReport
        do throws(CommandFailure) {
            report = try await rebuild(state, settings, .whole)
        } catch {
            throw CommandFailure(
                .damaged,
                "the database or the log of '\(name)' is damaged: \(damage); and the database is "
                    + "not made anew: \(error.message)",
                advice: error.advice ?? "'walrusfs fsck --rebuild \(name)' tries it again"
            )
        }
        let source = report.sequence > 0 ? "checkpoint \(report.sequence) and the log" : "the log"
        let text =
            "the database was damaged or gone (\(damage)), and was made anew from \(source); "
            + "the old one is volume.db.damaged"
        Terminal.printError("walrusfs: '\(name)': \(text)")
        return text
    }
}
