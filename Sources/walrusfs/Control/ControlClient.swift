internal import Glibc
internal import Mount
internal import SystemIO

/// Asks the process that mounts a volume.
struct ControlClient {
    let socket: String
    let volume: String

    /// For a mountpoint, or any path below it, or the name of a volume.
    init(for target: String, home: Home) throws(CommandFailure) {
        if let socket = Mountpoint.attribute("walrusfs.socket", of: target) {
            self.socket = socket
            volume = target
            return
        }
        let isName = !target.contains("/") && target != "." && target != ".."
        guard isName, let state = try? home.state(of: target) else {
            throw CommandFailure(
                .notFound,
                "\(target) is not in a mounted volume",
                advice: "give a mountpoint, a path below one, or the name of a mounted volume"
            )
        }
        socket = state + "/control"
        volume = target
    }

    /// Sends a request and waits for its result; progress is told on the way.
    func ask<Result: Codable & Sendable>(
        _ request: ControlRequest,
        for type: Result.Type = Result.self,
        _ progress: (Progress) -> Void = { _ in }
    ) throws(CommandFailure) -> Result {
        do throws(ControlSocketError) {
            let connection = try ControlConnection.connect(to: socket)
            try connection.send(ControlCoding.encode(request))
            while let frame = try connection.receive() {
                guard let answer = ControlCoding.decode(frame, as: ControlAnswer<Result>.self)
                else { throw ControlSocketError.broken }
                if let result = answer.result { return result }
                if let error = answer.error {
                    let failure = CommandFailure(encoded: "\(error.code)\n\(error.message)")
                    throw ControlSocketError.refused(failure.encoded)
                }
                if let step = answer.progress { progress(step) }
            }
            throw ControlSocketError.broken
        } catch .refused(let text) {
            throw CommandFailure(encoded: text)
        } catch {
            throw CommandFailure(error, volume: volume)
        }
    }

    /// A connection that says nothing, and ends when the process does.
    func watch() -> ControlConnection? {
        // Not there any more is what is waited for.
        try? ControlConnection.connect(to: socket)
    }
}
