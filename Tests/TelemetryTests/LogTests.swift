internal import Foundation
internal import Logging
internal import Synchronization
internal import Telemetry
internal import Testing

/// One event, one line.
@Suite struct LogTests {
    private func line(_ message: String, _ fields: [(name: String, value: String)]) -> LogLine {
        LogLine(
            milliseconds: 1_769_903_999_123,
            level: .warning,
            logger: "walrus.node",
            message: message,
            fields: fields
        )
    }

    @Test func aLineHasItsFormats() {
        let line = line("slow disk", [("peer", "10.0.0.1:9"), ("why", "a=b \"c\"")])
        #expect(
            line.text(.text)
                == #"time=2026-01-31T23:59:59.123Z level=warning logger=walrus.node "#
                + #"msg="slow disk" peer=10.0.0.1:9 why="a=b \"c\"""# + "\n"
        )
        #expect(
            line.text(.journal)
                == #"<4>logger=walrus.node msg="slow disk" peer=10.0.0.1:9 why="a=b \"c\"""# + "\n"
        )
        #expect(
            line.text(.json)
                == #"{"time":"2026-01-31T23:59:59.123Z","level":"warning","#
                + #""logger":"walrus.node","msg":"slow disk","peer":"10.0.0.1:9","#
                + #""why":"a=b \"c\""}"# + "\n"
        )
    }

    /// What a peer sends is in the log as text, and can not make lines, fields or colours of its
    /// own.
    @Test(arguments: LogFormat.allCases)
    func nothingForgesALine(format: LogFormat) throws {
        let evil = "x\r\nlevel=critical\u{1B}[31m\u{2028}\u{85}\u{202E}\u{7F}\0 \u{1F600}"
        let text = line(evil, [("time", evil), ("a b=c", evil), ("", "")]).text(format)
        #expect(text.unicodeScalars.filter { $0 == "\n" }.count == 1)
        #expect(text.hasSuffix("\n"))
        for scalar in text.dropLast().unicodeScalars {
            #expect(scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value))
            #expect(!["\u{2028}", "\u{202E}"].contains(scalar))
        }
        if format == .json {
            let object = try JSONSerialization.jsonObject(with: Data(text.utf8))
            let members = try #require(object as? [String: String])
            #expect(members["msg"] == evil)
            #expect(members["field_time"] == evil)
            #expect(members["a_b_c"] == evil)
            #expect(members["level"] == "warning")
        }
    }

    @Test(arguments: [
        (UInt64(0), "1970-01-01T00:00:00.000Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
    ])
    func timesAreCivil(milliseconds: UInt64, text: String) {
        #expect(TimeText.utc(milliseconds) == text)
    }

    @Test func aHandlerHonoursLevelAndFields() {
        let lines = Mutex<[String]>([])
        var logger = Logger(label: "test") { label in
            LineLogHandler(
                label: label,
                format: .text,
                level: .notice,
                now: { 0 },
                write: { line in lines.withLock { $0.append(line) } }
            )
        }
        logger[metadataKey: "node"] = "a"
        logger.info("not told")
        logger.error("told", metadata: ["why": "b", "node": "c"])
        let start = "time=1970-01-01T00:00:00.000Z level=error logger=test "
        #expect(lines.withLock { $0 } == [start + "msg=told node=c why=b\n"])
    }

    @Test func theEnvironmentChooses() {
        func settings(_ variables: [String: String], _ stream: String? = "8:1") -> LogSettings {
            .standard(stream: stream) { variables[$0] }
        }
        #expect(settings([:]) == LogSettings(level: .notice, format: .text))
        #expect(settings(["JOURNAL_STREAM": "8:1"]).format == .journal)
        // Inherited by a program whose output is a file, or nothing.
        #expect(settings(["JOURNAL_STREAM": "8:2"]).format == .text)
        #expect(settings([:], nil).format == .text)
        #expect(StandardError.stream?.wholeMatch(of: /\d+:\d+/) != nil)
        #expect(settings(["WALRUS_LOG": "debug", "WALRUS_LOG_LEVEL": "error"]).level == .debug)
        #expect(settings(["WALRUS_LOG_LEVEL": "error"]).level == .error)
        #expect(
            settings(["WALRUS_LOG": "loud", "WALRUS_LOG_FORMAT": "json", "JOURNAL_STREAM": "8:1"])
                == LogSettings(level: .notice, format: .json)
        )
    }
}

/// How much is told of whom.
@Suite struct EventBudgetTests {
    @Test func aBurstIsToldAndThenNowAndThen() {
        var budget = EventBudget(burst: 3, interval: .seconds(10))
        #expect((0..<3).map { _ in budget.admit("a", at: .zero) } == [0, 0, 0])
        for _ in 0..<50 { #expect(budget.admit("a", at: .seconds(9)) == nil) }
        // Another peer's events are its own.
        #expect(budget.admit("b", at: .seconds(9)) == 0)
        #expect(budget.admit("a", at: .seconds(11)) == 50)
        #expect(budget.admit("a", at: .seconds(11)) == nil)
        #expect(budget.admit("a", at: .seconds(3600)) == 1)
    }

    @Test func peersAreForgottenByAge() {
        var budget = EventBudget(burst: 1, interval: .seconds(1000), peersMax: 2)
        #expect(budget.admit("a", at: .seconds(1)) == 0)
        #expect(budget.admit("b", at: .seconds(2)) == 0)
        #expect(budget.admit("a", at: .seconds(3)) == nil)
        // "b" was silent longest, so it makes room, and begins anew when it is back.
        #expect(budget.admit("c", at: .seconds(4)) == 0)
        #expect(budget.admit("a", at: .seconds(5)) == nil)
        #expect(budget.admit("b", at: .seconds(6)) == 0)
    }

    @Test func aClockThatGoesBackAdmitsNothingMore() {
        var budget = EventBudget(burst: 1, interval: .seconds(1))
        #expect(budget.admit("a", at: .seconds(100)) == 0)
        #expect(budget.admit("a", at: .seconds(1)) == nil)
    }
}
