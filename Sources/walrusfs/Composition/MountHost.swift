internal import Foundation
internal import Glibc
internal import Mount
internal import SystemIO
internal import Volume

/// The process that serves one mount, from opening the volume to letting go of it.
struct MountHost {
    let volume: String
    let state: String
    let mountpoint: Mountpoint
    /// How often the mount trapped and came back.
    let restarts: Int

    /// Serves until the volume is unmounted or a signal says so.
    func run(
        _ options: MountOptions,
        _ volumeOptions: VolumeOptions
    ) async throws(CommandFailure) {
        var options = options
        let open: any ServedVolume
        if volumeOptions.follows {
            options.isReadOnly = true
            options.writesBack = false
            open = try await OpenFollower.open(volume, state: state, volumeOptions)
        } else {
            let writer = try await OpenVolume.open(
                volume,
                state: state,
                readOnly: options.isReadOnly,
                volumeOptions
            )
            writer.volume.setOmitsAccessTimes(options.omitsAccessTimes)
            writer.volume.setWritesBack(options.writesBack)
            open = writer
        }
        do throws(CommandFailure) {
            let metrics = MountMetrics(open)
            try await metrics.serve(at: volumeOptions.metrics) { () throws(CommandFailure) in
                try await serve(open, options, metrics)
            }
        } catch {
            await open.close()
            throw error
        }
        await open.close()
    }

    private func serve(
        _ open: any ServedVolume,
        _ options: MountOptions,
        _ metrics: MountMetrics
    ) async throws(CommandFailure) {
        let socket = state + "/control"
        var options = options
        options.source = volume
        options.attributes = ["walrusfs.socket": socket, "walrusfs.volume": volume]
        let server: ControlServer
        do throws(ControlSocketError) {
            server = try ControlServer(path: socket)
        } catch {
            throw CommandFailure(error, volume: volume)
        }
        defer { server.stop() }
        let session: MountSession
        do throws(MountError) {
            session = try MountSession(
                volume: open.mountable,
                at: mountpoint,
                options: options,
                ownDirectories: open.directories,
                spawn: { work in
                    let task = Task { await work() }
                    return { task.cancel() }
                }
            )
        } catch {
            throw CommandFailure(error)
        }
        let service = ControlService(
            open: open,
            mountpoint: mountpoint.path,
            isReadOnly: options.isReadOnly,
            restarts: restarts,
            end: { session.endUnmounted() },
            requests: { session.requests }
        )
        metrics.begin { await service.report() }
        // Nothing is answered yet, so the kernel knows nothing.
        await open.began(session)
        server.start { service.converse($0) }
        EndSignals.whenReceived { session.stop() }
        await withCheckedContinuation { continuation in
            _ = SystemThread(name: "mount") {
                session.serve { DaemonReadiness.ready() }
                continuation.resume()
            }
        }
    }
}
