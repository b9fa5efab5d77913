internal import Foundation

/// Reads metrics as Prometheus would: over HTTP, from the address that a service has logged.
package enum MetricsReader {
    /// The page of the service whose log says `metrics at 127.0.0.1:PORT`.
    package static func page(log: String) throws -> String {
        let text = try String(contentsOfFile: log, encoding: .utf8)
        guard let match = text.matches(of: /metrics at 127\.0\.0\.1:(\d+)/).last else {
            throw ToolFailure("\(log) names no metrics: \(text)")
        }
        let answer = try Tool.script(
            """
            exec 3<>/dev/tcp/127.0.0.1/\(match.1)
            printf 'GET /metrics HTTP/1.1\\r\\nhost: a\\r\\nconnection: close\\r\\n\\r\\n' >&3
            cat <&3
            """
        )
        // As scalars: "\r\n" is one character.
        guard let body = answer.range(of: "\r\n\r\n", options: .literal) else {
            throw ToolFailure("no answer: \(answer)")
        }
        return String(answer[body.upperBound...])
    }

    /// The value of a sample, named with its labels; nil when it is not on the page.
    package static func value(_ sample: String, in page: String) -> Double? {
        page.split(separator: "\n").first { $0.hasPrefix(sample + " ") }
            .flatMap { Double($0.split(separator: " ").last ?? "") }
    }
}
