internal import Foundation
internal import TestSupport
internal import Testing

/// Which requests opening and closing cost.
@Suite(.enabled(if: Mounted.isPossible, "needs /dev/fuse: nothing is mounted here"), .serialized)
struct OpeningTests {
    private struct Status: Decodable {
        let requests: [String: UInt64]
    }

    private func requests(_ mounted: Mounted) throws -> [String: UInt64] {
        let output = try Tool.succeed(
            "walrusfs",
            ["status", "--json", "test"],
            environment: mounted.environment
        )
        return try JSONDecoder().decode(Status.self, from: Data(output.utf8)).requests
    }

    /// How many requests of each kind it takes to use a hundred files that were used before.
    private func asked(_ options: [String]) throws -> (String) throws -> UInt64 {
        var grown: [String: UInt64] = [:]
        try Mounted.with(.volume, options: options) { mounted in
            let use = "for i in $(seq 100); do cat f$i; echo more >> f$i; : > f$i; done; ls"
            try mounted.script("for i in $(seq 100); do echo abc > f$i; done; cat f1; " + use)
            let before = try requests(mounted)
            try mounted.script(use)
            let after = try requests(mounted)
            grown = after.filter { $0.value > before[$0.key, default: 0] }
            for (name, count) in before where grown[name] != nil { grown[name]? -= count }
        }
        return { grown[$0, default: 0] }
    }

    @Test func openAndCloseAreNoRequests() throws {
        let asked = try asked([])
        #expect(try asked("OPEN") == 0)
        #expect(try asked("RELEASE") == 0)
        #expect(try asked("FLUSH") == 0)
        #expect(try asked("OPENDIR") == 0)
        // What was asked for has happened all the same.
        #expect(try asked("WRITE") == 100)
        #expect(try asked("SETATTR") >= 100, "truncation by open(2)")
    }

    @Test func lateWritersAreCounted() throws {
        let asked = try asked(["writeback_cache"])
        #expect(try asked("OPEN") == 300)
    }

    @Test func listingsThatAreKeptFollowEveryChange() throws {
        try Mounted.with(.volume) { mounted in
            let output = try mounted.script(
                """
                mkdir d e; touch d/a d/b
                ls d; ls d; touch d/c; ls d; rm d/a; ls d; mv d/b d/z; ls d
                mv d/z e/y; ls d e; ln e/y d/l; ls d
                mkdir d/sub; ls d; rmdir d/sub; ls d; mv d/c e/y; ls d e
                """
            )
            #expect(
                output.split(separator: "\n").joined(separator: " ")
                    == "a b a b a b c b c c z d: c e: y c l c l sub c l d: l e: y"
            )
        }
    }
}
