internal import Glibc
internal import Mount
internal import SystemIO

// Mounts a plain tree in the foreground, until it is unmounted or told to end:
//
//     plain-mount MOUNTPOINT [now|late|stuck|slow-disk] [OPTION...]

@main
struct Main {
    static func main() {
        ProcessSetup.prepare()
        var arguments = CommandLine.arguments.dropFirst()
        guard let path = arguments.popFirst() else {
            print("usage: plain-mount MOUNTPOINT [now|late|stuck|slow-disk] [OPTION...]")
            exit(64)
        }
        let answers = arguments.first.flatMap { PlainTree.Answers(rawValue: $0) }
        if answers != nil { arguments.removeFirst() }
        var options = MountOptions()
        for option in arguments where !options.apply(option) {
            print("unknown option \(option)")
            exit(64)
        }
        serve(Mountpoint(path), answers ?? .now, options)
    }

    private nonisolated static func serve(
        _ mountpoint: Mountpoint,
        _ answers: PlainTree.Answers,
        _ options: MountOptions
    ) {
        do throws(MountError) {
            let session = try MountSession(
                volume: PlainTree(answers),
                at: mountpoint,
                options: options,
                ownDirectories: [],
                spawn: { work in
                    let task = Task { await work() }
                    return { task.cancel() }
                }
            )
            EndSignals.whenReceived { session.stop() }
            session.serve { DaemonReadiness.ready() }
        } catch {
            DaemonReadiness.failed("\(error)")
            print(error)
            exit(1)
        }
    }
}
