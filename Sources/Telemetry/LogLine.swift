package import Logging

/// How an event becomes one line.
package enum LogFormat: String, CaseIterable, Sendable {
    /// `time=… level=… logger=… msg="…" key=value …`: for people, and for tools that read logfmt.
    case text
    /// One JSON object a line.
    case json
    /// As `text` without time and level, after `<N>`, the level as journald reads it
    /// (sd-daemon(3)).
    case journal
}

/// An event, ready to be written.
package struct LogLine: Sendable {
    /// Milliseconds since 1970 UTC.
    package let milliseconds: UInt64
    package let level: Logger.Level
    package let logger: String
    package let message: String
    /// In the order in which they are to be seen.
    package let fields: [(name: String, value: String)]

    package init(
        milliseconds: UInt64,
        level: Logger.Level,
        logger: String,
        message: String,
        fields: [(name: String, value: String)]
    ) {
        self.milliseconds = milliseconds
        self.level = level
        self.logger = logger
        self.message = message
        self.fields = fields
    }

    /// The line, with the line feed at its end and no other.
    package func text(_ format: LogFormat) -> String {
        var parts: [(String, String)] = []
        if format != .journal {
            parts = [("time", TimeText.utc(milliseconds)), ("level", level.rawValue)]
        }
        parts += [("logger", logger), ("msg", message)]
        parts += fields.map { (Self.fieldName($0.name), $0.value) }
        if format == .json {
            let members = parts.map { Self.quoted($0.0) + ":" + Self.quoted($0.1) }
            return "{" + members.joined(separator: ",") + "}\n"
        }
        let text = parts.map { $0.0 + "=" + Self.bareOrQuoted($0.1) }.joined(separator: " ")
        return format == .journal ? "<\(priority)>\(text)\n" : text + "\n"
    }

    /// As in syslog(3).
    private var priority: Int {
        switch level {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }

    /// Names are ours, and one that is not fit for a key is made so.
    private static func fieldName(_ name: String) -> String {
        let fit = name.unicodeScalars.map { scalar -> String in
            let isFit =
                scalar.properties.isAlphabetic && scalar.isASCII
                || ("0"..."9").contains(scalar) || "_.-".unicodeScalars.contains(scalar)
            return isFit ? String(scalar) : "_"
        }
        let text = fit.joined()
        // A peer's event must not look as if it had another time or level.
        return ["time", "level", "logger", "msg", ""].contains(text) ? "field_\(text)" : text
    }

    private static func bareOrQuoted(_ text: String) -> String {
        let isBare = text.unicodeScalars.allSatisfy { scalar in
            scalar.value > 0x20 && scalar.value < 0x7F && scalar != "\"" && scalar != "="
                && scalar != "\\"
        }
        return isBare && !text.isEmpty ? text : quoted(text)
    }

    /// A string of JSON: nothing in it ends the line or moves a terminal's cursor.
    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            default:
                // Controls of both ranges, separators of lines, and what turns writing round.
                let isPlain =
                    scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value)
                    && scalar.properties.generalCategory != .format
                    && !(0x2028...0x2029).contains(scalar.value)
                if isPlain {
                    result.unicodeScalars.append(scalar)
                } else {
                    for unit in String(scalar).utf16 {
                        let digits = String(unit, radix: 16)
                        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                    }
                }
            }
        }
        return result + "\""
    }
}

/// Times as people and machines read them.
package enum TimeText {
    /// ISO 8601 in UTC with milliseconds: `2026-01-31T23:59:59.123Z`.
    package static func utc(_ milliseconds: UInt64) -> String {
        let seconds = Int64(milliseconds / 1000)
        let days = seconds / 86_400
        let second = seconds - days * 86_400
        let (year, month, day) = civil(days)
        func padded(_ number: Int64, _ width: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, width - text.count)) + text
        }
        return padded(year, 4) + "-" + padded(month, 2) + "-" + padded(day, 2) + "T"
            + padded(second / 3600, 2) + ":" + padded(second / 60 % 60, 2) + ":"
            + padded(second % 60, 2) + "." + padded(Int64(milliseconds % 1000), 3) + "Z"
    }

    /// The date of a day after 1970-01-01 (Howard Hinnant, chrono-compatible date algorithms).
    private static func civil(_ days: Int64) -> (Int64, Int64, Int64) {
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }
}
