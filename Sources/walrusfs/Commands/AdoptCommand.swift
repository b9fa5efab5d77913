internal import ArgumentParser
internal import Foundation
internal import SystemIO
internal import Volume

/// `walrusfs adopt`.
struct AdoptCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "adopt",
        abstract: "Make a copied or moved state directory this machine's own.",
        discussion: """
            The state of a volume that was copied, restored from a backup or moved to another disk
            is refused: two mounts that work on copies would undo each other's work. If the
            original is gone for good, or is never to be mounted again, this command makes the copy
            a state of its own: it gets a mount key of its own, and forgets under which lease the
            original numbered its files. What the copy has not published is kept.

            Nothing of the original is changed. The next mount asks the network for the lease: if
            the original has it still, 'walrusfs mount --take-over' takes it; if another has
            published meanwhile, the mount is refused, and 'walrusfs rescue' copies out what was
            never published.

              walrusfs adopt photos
            """
    )

    @Argument(help: "The volume's name.")
    var volume: String

    func run() throws {
        let home = Home()
        let path = try home.state(of: volume)
        let files = LinuxFileSystem()
        let secrets = try VolumeSecrets.read(path, volume: volume, files: files)
        do throws(StateError) {
            try StateDirectory.adopt(path, disk: files) { (state) throws(StateError) in
                try prepare(state, secrets, files)
            }
        } catch {
            throw CommandFailure(error, volume: volume)
        }
        Terminal.printError(
            "walrusfs: '\(volume)' is this machine's now; the original must not be mounted again"
        )
    }

    /// Forgets what must not be used twice.
    private func prepare(
        _ state: StateDirectory,
        _ secrets: VolumeSecrets,
        _ files: LinuxFileSystem
    ) throws(StateError) {
        var configuration = VolumeConfiguration()
        // Without a lease's token nothing of the volume changes.
        configuration.token = nil
        let opened = try Volume.open(
            state,
            configuration,
            disk: files,
            entropy: LinuxEntropy(),
            time: LinuxTimeSource()
        )
        do throws(VolumeError) { try opened.forgetLastToken() } catch { throw .volume(error) }
        let own = VolumeSecrets.make(secrets.access, entropy: LinuxEntropy())
        do throws(SystemError) {
            try files.writeFileAtomically(state.path + "/mount.key", own.mount)
        } catch {
            throw .disk("\(error)")
        }
    }
}
