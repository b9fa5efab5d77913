internal import Telemetry
internal import Testing

/// The text format of Prometheus, version 0.0.4.
@Suite struct ExpositionTests {
    @Test func countersAndGaugesAreLines() {
        var requests = MetricFamily(.counter, "http_requests_total", "Requests.")
        requests.samples = [
            .init([.init("method", "get"), .init("code", "200")], .value(.integer(1027))),
            .init([.init("method", "post"), .init("code", "400")], .value(.integer(3))),
        ]
        let text = Exposition.text([
            requests, .gauge("lag", "Blocks behind.", .number(0.5)),
            MetricFamily(.gauge, "nothing", "It has no samples."),
        ])
        #expect(
            text == """
                # HELP http_requests_total Requests.
                # TYPE http_requests_total counter
                http_requests_total{method="get",code="200"} 1027
                http_requests_total{method="post",code="400"} 3
                # HELP lag Blocks behind.
                # TYPE lag gauge
                lag 0.5

                """
        )
    }

    @Test func whatWouldEndAValueIsEscaped() {
        let help = "a \\ b\nc \"d\""
        let value = "C:\\DIR\\\r\nX\"Y"
        let family = MetricFamily(
            .gauge,
            "g",
            help,
            samples: [.init([.init("path", value)], .value(.integer(1)))]
        )
        #expect(
            Exposition.text([family])
                == #"# HELP g a \\ b\nc "d""# + "\n# TYPE g gauge\n"
                + "g{path=\"C:\\\\DIR\\\\\r\\nX\\\"Y\"} 1\n"
        )
    }

    @Test func aHistogramIsCumulative() {
        var reading = HistogramReading(bounds: [0.1, 1])
        for value in [0.05, 0.1, 0.5, 7.0] { reading.observe(value) }
        let family = MetricFamily(
            .histogram,
            "h",
            "Seconds.",
            samples: [.init([.init("a", "b")], .histogram(reading))]
        )
        #expect(
            Exposition.text([family]) == """
                # HELP h Seconds.
                # TYPE h histogram
                h_bucket{a="b",le="0.1"} 2
                h_bucket{a="b",le="1.0"} 3
                h_bucket{a="b",le="+Inf"} 4
                h_sum{a="b"} 7.65
                h_count{a="b"} 4

                """
        )
    }

    @Test(arguments: [
        (Double.nan, "NaN"), (.infinity, "+Inf"), (-.infinity, "-Inf"), (-0.25, "-0.25"),
        (1e300, "1e+300"),
    ])
    func numbersAreGos(value: Double, text: String) {
        #expect(Exposition.text([.gauge("g", "", .number(value))]).hasSuffix("g \(text)\n"))
    }

    @Test func countsAreExactBeyondTheDoubles() {
        let text = Exposition.text([.counter("c", "", .max)])
        #expect(text.hasSuffix("c 18446744073709551615\n"))
    }

    @Test(arguments: [
        ("a", true), ("_a:b9", true), ("9a", false), ("", false), ("a-b", false), ("ä", false),
    ])
    func namesAreTheFormats(name: String, isOne: Bool) {
        #expect(Exposition.isName(name) == isOne)
    }

    @Test func aRegistryAsksItsSourcesInOrder() async {
        let registry = MetricsRegistry()
        let counter = Counter()
        registry.add { [.counter("b", "B.", counter.value)] }
        registry.add { [.gauge("a", "A.", .integer(7))] }
        counter.add(2)
        counter.add()
        #expect(
            await registry.text()
                == "# HELP b B.\n# TYPE b counter\nb 3\n# HELP a A.\n# TYPE a gauge\na 7\n"
        )
    }

    /// The format has each name once, however many tell of it.
    @Test func familiesOfOneNameAreJoined() {
        let lag = { (value: UInt64) in MetricFamily.gauge("lag", "L.", .integer(value)) }
        let other = MetricFamily.counter("c", "C.", 1)
        let text = Exposition.text([
            lag(1).labelled("node", "a"), other, lag(2).labelled("node", "b"),
        ])
        #expect(
            text == """
                # HELP lag L.
                # TYPE lag gauge
                lag{node="a"} 1
                lag{node="b"} 2
                # HELP c C.
                # TYPE c counter
                c 1

                """
        )
    }

    @Test func manyThreadsLoseNoCount() async {
        let counter = Counter()
        let set = CounterSet(["idle"])
        let latencies = LatencySet<String>(bounds: [1])
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<1000 {
                        counter.add()
                        set.add("busy")
                        latencies.observe(.seconds(2), "x")
                    }
                }
            }
        }
        #expect(counter.value == 8000)
        #expect(set.values.map(\.0) == ["busy", "idle"])
        #expect(set["busy"] == 8000 && set["idle"] == 0)
        #expect(latencies.readings["x"]?.counts == [0, 8000])
        #expect(latencies.readings["x"]?.sum == 16_000)
    }
}
