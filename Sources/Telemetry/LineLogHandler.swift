internal import Glibc
package import Logging

/// Writes each event as one line, in one write(2), so that lines of several threads do not mix.
package struct LineLogHandler: LogHandler {
    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    private let label: String
    private let format: LogFormat
    private let now: @Sendable () -> UInt64
    private let write: @Sendable (String) -> Void

    /// `now` is the wall clock, milliseconds since 1970.
    package init(
        label: String,
        format: LogFormat,
        level: Logger.Level,
        now: @escaping @Sendable () -> UInt64,
        write: @escaping @Sendable (String) -> Void = { StandardError.write($0) }
    ) {
        self.label = label
        self.format = format
        self.now = now
        self.write = write
        logLevel = level
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        let line = LogLine(
            milliseconds: now(),
            level: event.level,
            logger: label,
            message: "\(event.message)",
            fields: all.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") }
        )
        write(line.text(format))
    }
}

/// The error output of the process.
package enum StandardError {
    /// Its device and inode, as `JOURNAL_STREAM` names a stream; nil when it is closed.
    package static var stream: String? {
        var status = stat()
        guard unsafe fstat(2, &status) == 0 else { return nil }
        return "\(status.st_dev):\(status.st_ino)"
    }

    package static func write(_ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { bytes in
                unsafe Glibc.write(2, bytes.baseAddress, bytes.count)
            }
            // Nobody is left to be told that the error output is gone.
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}

/// Which events are written, and how.
package struct LogSettings: Equatable, Sendable {
    package var level: Logger.Level
    package var format: LogFormat

    package init(level: Logger.Level, format: LogFormat) {
        self.level = level
        self.format = format
    }

    /// What the environment says, where nothing else does: `WALRUS_LOG` (or `WALRUS_LOG_LEVEL`)
    /// and `WALRUS_LOG_FORMAT`; to journald its own format.
    ///
    /// A value that is none is the default, because a daemon must not fail for how it speaks; a
    /// flag is checked.
    package static func standard(
        level: Logger.Level = .notice,
        stream: String? = StandardError.stream,
        _ value: (String) -> String?
    ) -> LogSettings {
        let text = value("WALRUS_LOG") ?? value("WALRUS_LOG_LEVEL") ?? ""
        // systemd sets it for what it starts with the journal as its output (systemd.exec(5));
        // children may have inherited it and write to somewhere else.
        let isJournal = stream != nil && value("JOURNAL_STREAM") == stream
        return LogSettings(
            level: Logger.Level(rawValue: text) ?? level,
            format: LogFormat(rawValue: value("WALRUS_LOG_FORMAT") ?? "")
                ?? (isJournal ? .journal : .text)
        )
    }

    package func logger(_ label: String, now: @escaping @Sendable () -> UInt64) -> Logger {
        let settings = self
        return Logger(label: label) {
            LineLogHandler(label: $0, format: settings.format, level: settings.level, now: now)
        }
    }
}
