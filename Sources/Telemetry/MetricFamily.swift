// What a program tells of itself, as values: families of samples, and their text
// (https://prometheus.io/docs/instrumenting/exposition_formats/, version 0.0.4).

/// A number of a sample; counts are exact at every size.
package enum MetricValue: Equatable, Sendable {
    case integer(UInt64)
    case number(Double)

    package init(_ value: Int) { self = .integer(UInt64(max(0, value))) }
    package init(_ value: Bool) { self = .integer(value ? 1 : 0) }
    /// In seconds.
    package init(_ value: Duration) {
        let (seconds, attoseconds) = value.components
        self = .number(Double(seconds) + Double(attoseconds) / 1e18)
    }

    var text: String {
        switch self {
        case .integer(let value): String(value)
        case .number(let value) where value.isNaN: "NaN"
        case .number(let value) where value.isInfinite: value > 0 ? "+Inf" : "-Inf"
        case .number(let value): "\(value)"
        }
    }
}

/// A name and a value that tell samples of one family apart.
package struct MetricLabel: Hashable, Sendable {
    package let name: String
    package let value: String

    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// What was counted in each of a histogram's buckets.
package struct HistogramReading: Equatable, Sendable {
    /// The upper bounds of the buckets, ascending, without the infinite one.
    package let bounds: [Double]
    /// One more than bounds, each by itself, not summed up.
    package var counts: [UInt64]
    package var sum: Double

    package init(bounds: [Double]) {
        self.bounds = bounds
        counts = [UInt64](repeating: 0, count: bounds.count + 1)
        sum = 0
    }

    package var count: UInt64 { counts.reduce(0, &+) }

    package mutating func observe(_ value: Double) {
        counts[bounds.firstIndex { value <= $0 } ?? bounds.count] += 1
        sum += value
    }
}

/// One thing that is measured, with a sample for each set of labels.
package struct MetricFamily: Equatable, Sendable {
    package enum Kind: String, Sendable { case counter, gauge, histogram }

    package enum Reading: Equatable, Sendable {
        case value(MetricValue)
        case histogram(HistogramReading)
    }

    package struct Sample: Equatable, Sendable {
        package let labels: [MetricLabel]
        package let reading: Reading
    }

    package let name: String
    package let help: String
    package let kind: Kind
    package var samples: [Sample]

    /// - Precondition: The name is one of the format's; labels are not checked until they are
    ///   written.
    package init(_ kind: Kind, _ name: String, _ help: String, samples: [Sample] = []) {
        precondition(Exposition.isName(name), "\(name) is no name of a metric.")
        self.kind = kind
        self.name = name
        self.help = help
        self.samples = samples
    }

    package static func counter(
        _ name: String,
        _ help: String,
        _ value: UInt64
    ) -> MetricFamily {
        MetricFamily(.counter, name, help, samples: [.init([], .value(.integer(value)))])
    }

    package static func gauge(
        _ name: String,
        _ help: String,
        _ value: MetricValue
    ) -> MetricFamily {
        MetricFamily(.gauge, name, help, samples: [.init([], .value(value))])
    }

    /// The same with another label on every sample.
    package func labelled(_ name: String, _ value: String) -> MetricFamily {
        var family = self
        family.samples = samples.map {
            Sample([MetricLabel(name, value)] + $0.labels, $0.reading)
        }
        return family
    }

    /// Each name once, where it comes first, with the samples of all families of that name.
    static func joined(_ families: [MetricFamily]) -> [MetricFamily] {
        var places: [String: Int] = [:]
        var joined: [MetricFamily] = []
        for family in families {
            if let place = places[family.name] {
                precondition(joined[place].kind == family.kind, "\(family.name) has two kinds.")
                joined[place].samples += family.samples
            } else {
                places[family.name] = joined.count
                joined.append(family)
            }
        }
        return joined
    }

    /// A sample for each value of one label.
    package static func labelled(
        _ kind: Kind,
        _ name: String,
        _ help: String,
        by label: String,
        _ values: [(String, MetricValue)]
    ) -> MetricFamily {
        MetricFamily(
            kind,
            name,
            help,
            samples: values.map { .init([MetricLabel(label, $0.0)], .value($0.1)) }
        )
    }
}

extension MetricFamily.Sample {
    package init(_ labels: [MetricLabel], _ reading: MetricFamily.Reading) {
        self.labels = labels
        self.reading = reading
    }
}

/// The text format.
package enum Exposition {
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// The text of families, in their order; what has one name is one family.
    ///
    /// - Precondition: Families of one name have one kind, and labels have names of the format's.
    package static func text(_ families: [MetricFamily]) -> String {
        var text = ""
        for family in MetricFamily.joined(families) {
            guard !family.samples.isEmpty else { continue }
            text += "# HELP \(family.name) \(escaped(family.help, quotes: false))\n"
            text += "# TYPE \(family.name) \(family.kind.rawValue)\n"
            for sample in family.samples { write(sample, of: family.name, to: &text) }
        }
        return text
    }

    private static func write(
        _ sample: MetricFamily.Sample,
        of name: String,
        to text: inout String
    ) {
        switch sample.reading {
        case .value(let value):
            text += "\(name)\(labels(sample.labels)) \(value.text)\n"
        case .histogram(let histogram):
            var total: UInt64 = 0
            let bounds = histogram.bounds.map { MetricValue.number($0).text } + ["+Inf"]
            for (bound, count) in zip(bounds, histogram.counts) {
                total += count
                let all = sample.labels + [MetricLabel("le", bound)]
                text += "\(name)_bucket\(labels(all)) \(total)\n"
            }
            let own = labels(sample.labels)
            text += "\(name)_sum\(own) \(MetricValue.number(histogram.sum).text)\n"
            text += "\(name)_count\(own) \(total)\n"
        }
    }

    private static func labels(_ labels: [MetricLabel]) -> String {
        guard !labels.isEmpty else { return "" }
        let parts = labels.map { label in
            precondition(isLabelName(label.name), "\(label.name) is no name of a label.")
            return "\(label.name)=\"\(escaped(label.value, quotes: true))\""
        }
        return "{" + parts.joined(separator: ",") + "}"
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        var result = ""
        // Over scalars: "\r\n" is one character, whose line feed must be escaped too.
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    package static func isName(_ name: String) -> Bool {
        guard let first = name.utf8.first, !isDigit(first) else { return false }
        return name.utf8.allSatisfy { isLetter($0) || isDigit($0) || $0 == UInt8(ascii: ":") }
    }

    static func isLabelName(_ name: String) -> Bool {
        guard let first = name.utf8.first, !isDigit(first) else { return false }
        return name.utf8.allSatisfy { isLetter($0) || isDigit($0) }
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || byte == UInt8(ascii: "_")
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
