internal import Glibc
internal import SystemIO
package import Telemetry

/// Counts what a server answers, by route and status.
///
/// Routes are the templates, never paths as they came: those would let a peer make as many
/// metrics as it likes, and name blobs.
package final class HTTPServerMetrics: Sendable {
    struct Key: Hashable, Sendable {
        let method: String
        let route: String
        let code: Int
    }

    /// What stands for a path that no route has.
    static let unknownRoute = "unknown"

    private let latencies = LatencySet<Key>()
    private let begun = Counter()
    private let ended = Counter()
    private let clock = LinuxTimeSource()

    package init() {}

    var now: Duration { clock.uptime }

    func begin() -> Duration {
        begun.add()
        return now
    }

    /// `method` and `route` are a route's of this program; `code` is 0 for a connection that broke.
    func end(_ start: Duration, method: String, route: String, code: Int) {
        ended.add()
        latencies.observe(now - start, Key(method: method, route: route, code: code))
    }

    package var families: [MetricFamily] {
        let readings = latencies.readings.sorted {
            ($0.key.route, $0.key.method, $0.key.code) < ($1.key.route, $1.key.method, $1.key.code)
        }
        // Read in this order, so that the difference is never negative.
        let done = ended.value
        return [
            MetricFamily(
                .histogram,
                "http_server_request_duration_seconds",
                "Time from a request's head to the end of its answer.",
                samples: readings.map { key, reading in
                    .init(
                        [
                            .init("http_request_method", key.method),
                            .init("http_route", key.route),
                            .init("http_response_status_code", "\(key.code)"),
                        ],
                        .histogram(reading)
                    )
                }
            ),
            .gauge(
                "http_server_active_requests",
                "Requests that are being answered.",
                .integer(begun.value - done)
            ),
        ]
    }
}

/// The page that Prometheus reads.
package enum MetricsPage {
    package static func router(_ registry: MetricsRegistry) -> Router {
        Router([
            Route(.get, "/metrics") { _ in
                ServerResponse(
                    headers: ["content-type": Exposition.contentType],
                    body: .bytes(Array(await registry.text().utf8))
                )
            }
        ])
    }
}

extension ServerLimits {
    /// Of a page that a few programs read now and then.
    package static let metrics: ServerLimits = {
        var limits = ServerLimits()
        limits.connectionsMax = 16
        limits.shutdownGrace = .milliseconds(200)
        limits.closeTimeout = .milliseconds(200)
        return limits
    }()
}

/// What every program tells of its process.
package enum ProcessMetrics {
    package static var build: MetricFamily {
        .labelled(
            .gauge,
            "walrus_build_info",
            "1 for the version that runs.",
            by: "version",
            [(WireVersion.current, .integer(1))]
        )
    }

    /// nil where the machine does not tell.
    package static var residentBytes: MetricFamily? {
        // Such a file says that it is empty, and is not.
        guard let file = try? LinuxFileSystem().open("/proc/self/statm", .read) else { return nil }
        defer { file.close() }
        guard let bytes = try? file.read(count: 256, at: 0),
            let pages = String(decoding: bytes, as: UTF8.self).split(separator: " ").dropFirst()
                .first.flatMap({ UInt64($0) })
        else { return nil }
        let (total, isOver) = pages.multipliedReportingOverflow(by: UInt64(getpagesize()))
        return isOver
            ? nil
            : .gauge("process_resident_memory_bytes", "Memory in use.", .integer(total))
    }
}
