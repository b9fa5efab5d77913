internal import Logging
internal import Synchronization
internal import SystemIO
internal import Telemetry
internal import Transport

/// Serves what a mount tells of itself to Prometheus, if that was asked for.
final class MountMetrics: Sendable {
    private let open: any ServedVolume
    private let registry = MetricsRegistry()
    // Guards who is asked, which there is nobody before the volume is mounted.
    private let source = Mutex<(@Sendable () async -> StatusReport)?>(nil)

    init(_ open: any ServedVolume) {
        self.open = open
        registry.add { [weak self] in await self?.families ?? [] }
    }

    /// From now on `report` is asked.
    func begin(_ report: @escaping @Sendable () async -> StatusReport) {
        source.withLock { $0 = report }
    }

    private var families: [MetricFamily] {
        get async {
            let own = [ProcessMetrics.build, ProcessMetrics.residentBytes].compactMap(\.self)
            guard let report = source.withLock({ $0 }) else { return own }
            return own + (await report()).families + (await open.networkMetrics)
        }
    }

    /// Serves for as long as `body` runs; without an address it only runs.
    func serve(
        at endpoint: Endpoint?,
        _ body: () async throws(CommandFailure) -> Void
    ) async throws(CommandFailure) {
        guard let endpoint else { return try await body() }
        let logger = LogSettings.standard(level: .warning, Environment.value)
            .logger("walrusfs") { LinuxTimeSource().nowMilliseconds }
        do {
            try await HTTPServer.serve(
                MetricsPage.router(registry),
                at: endpoint,
                limits: .metrics,
                logger: logger
            ) { address in
                Terminal.printError("walrusfs: metrics at \(address)")
                try await body()
            }
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw CommandFailure(.usage, "metrics can not be served at \(endpoint): \(error)")
        }
    }
}

extension StatusReport {
    /// The report as metrics (`Docs/Operating.md` has the table).
    var families: [MetricFamily] {
        [
            .labelled(
                .gauge,
                "walrusfs_mount_info",
                "1 for the volume that is mounted.",
                by: "volume",
                [(volume, .integer(1))]
            ),
            .labelled(
                .counter,
                "walrusfs_requests_total",
                "Requests of the kernel, by its names for them.",
                by: "request",
                (requests ?? [:]).sorted { $0.key < $1.key }.map { ($0.key, .integer($0.value)) }
            ),
            .gauge(
                "walrusfs_restarts",
                "How often the serving process trapped and was replaced.",
                MetricValue(restarts)
            ),
            .gauge("walrusfs_size_bytes", "Bytes of the volume.", .integer(bytesTotal)),
            .gauge("walrusfs_free_bytes", "Bytes that are free.", .integer(bytesFree)),
            .gauge("walrusfs_inodes", "Inodes in use.", .integer(inodes)),
        ] + logFamilies + networkFamilies + (garbage?.families ?? [])
    }

    private var logFamilies: [MetricFamily] {
        var families: [MetricFamily] = [
            .gauge(
                "walrusfs_dirty_bytes",
                "Bytes that only this machine has.",
                .integer(unpublishedBytes)
            ),
            .gauge(
                "walrusfs_dirty_age_seconds",
                "How long the oldest of them waits.",
                .number(Double(unpublishedAge) / 1000)
            ),
            .gauge(
                "walrusfs_log_bytes",
                "Bytes of the log that can not go before they are on the network.",
                .integer(logBytes)
            ),
            .gauge(
                "walrusfs_writers_waiting",
                "Writes that wait for room.",
                MetricValue(writersWaiting)
            ),
        ]
        if let logBytesMax {
            families.append(
                .gauge(
                    "walrusfs_log_limit_bytes",
                    "Where writes begin to wait.",
                    .integer(logBytesMax)
                )
            )
        }
        return families
    }

    private var networkFamilies: [MetricFamily] {
        var families: [MetricFamily] = [
            .gauge(
                "walrusfs_checkpoint_sequence",
                "The newest published checkpoint.",
                .integer(sequence)
            ),
            .gauge(
                "walrusfs_upload_bytes_per_second",
                "What lately went to the network.",
                .integer(uploadRate)
            ),
            .gauge(
                "walrusfs_packs_in_flight",
                "Packs on their way to nodes.",
                MetricValue(packsInFlight)
            ),
            .gauge("walrusfs_bytes_in_flight", "Their bytes.", MetricValue(bytesInFlight)),
            .gauge(
                "walrusfs_lease_token",
                "The token of the lease; 0 without one.",
                .integer(UInt64(lease ?? 0))
            ),
            .gauge(
                "walrusfs_waiting",
                "1 while it waits: for the network, the lease, room.",
                MetricValue(waitingFor != nil)
            ),
            .gauge(
                "walrusfs_stopped",
                "1 when nothing will be published any more.",
                MetricValue(stopped != nil)
            ),
        ]
        if let checkpointAge {
            families.append(
                .gauge(
                    "walrusfs_checkpoint_age_seconds",
                    "Since the newest published checkpoint was cut.",
                    .number(Double(checkpointAge) / 1000)
                )
            )
        }
        if let following {
            families.append(
                .gauge(
                    "walrusfs_follower_head",
                    "The newest checkpoint that the network has told of.",
                    .integer(following.head)
                )
            )
        }
        return families
    }
}

extension GarbageReport {
    fileprivate var families: [MetricFamily] {
        [
            .gauge(
                "walrusfs_retired_bytes",
                "Encoded bytes of blobs that wait for their grace.",
                .integer(retiredBytes)
            ),
            .gauge(
                "walrusfs_held_bytes",
                "Bytes that no file has, and that a kept checkpoint needs.",
                .integer(heldBytes)
            ),
            .gauge(
                "walrusfs_sparse_bytes",
                "Bytes that nothing needs, in packs of which something is needed.",
                .integer(sparseBytes)
            ),
            .gauge(
                "walrusfs_emptied_bytes",
                "Bytes of emptied packs that kept checkpoints still read.",
                .integer(emptiedBytes)
            ),
            .gauge(
                "walrusfs_unmovable_packs",
                "Packs that can not be emptied, because something of them can not be read.",
                MetricValue(refused)
            ),
            .counter(
                "walrusfs_moved_bytes_total",
                "Bytes moved out of sparse packs.",
                movedBytes
            ),
            .counter(
                "walrusfs_deleted_bytes_total",
                "Encoded bytes of blobs that the ledger let go of.",
                deletedBytes
            ),
        ]
    }
}
