/// The `Retry-After` header in seconds (RFC 9110, 10.2.3); its form as a date is not used here.
enum RetryAfter {
    /// What a client waits at most on a server's word.
    static let longest: Duration = .seconds(5)
    /// How often it does so for one request.
    static let triesMax = 4

    /// Whole seconds, at least one.
    static func text(of duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        return String(max(seconds + (attoseconds > 0 ? 1 : 0), 1))
    }

    /// How long to wait before the request is sent again; nil when the response does not ask for
    /// it, or for longer than a request should wait.
    static func pause(asked response: ClientResponse, tries: Int) -> Duration? {
        guard response.code == 429 || response.code == 503, tries < triesMax,
            let seconds = response.headers["retry-after"].flatMap({ UInt32($0) })
        else { return nil }
        let pause = Duration.seconds(Int64(seconds))
        return pause <= longest ? pause : nil
    }
}
