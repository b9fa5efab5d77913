internal import TestSupport
internal import Testing

/// A blob id may start with a dash, and is no flag then.
@Suite struct BlobArgumentTests {
    @Test(arguments: ["-h", "-n", "--"])
    func anIdThatLooksLikeAFlagIsAnId(start: String) throws {
        let id = start + String(repeating: "A", count: 43 - start.count)
        for arguments in [
            ["read", id], ["read", id, "--out", "/nonexistent/file"],
            ["blob-status", "--blob-id", id], ["read", "--", id],
        ] {
            let result = try Tool.run(
                "walrus",
                arguments + (arguments.contains("--") ? [] : ["--trust-new"]),
                environment: ["WALRUS_NETWORK": "nowhere"]
            )
            // It gets as far as the network, which is none: where nobody is it would wait.
            #expect(result.status == 1, "\(result)")
            #expect(result.errors.contains("nowhere is no network URL"), "\(result)")
        }
    }
}
