internal import TestSupport
internal import Testing

/// How long nodes keep what was released is said in whole seconds, up to a year.
@Suite struct ReleaseGraceTests {
    @Test(arguments: ["soon", "-1", "1.5", "99999999999"])
    func whatIsNoNumberOfSecondsIsRefused(text: String) throws {
        try Scratch.with { scratch in
            let variable = "WALRUS_RELEASE_GRACE"
            let network = "embedded:\(scratch.path)/network?nodes=10"
            let environment = ["WALRUSFS_HOME": scratch.path + "/home", variable: text]
            for (program, arguments) in [
                ("walrusfs", ["create", "--network", network, "volume"]),
                ("walrus", ["info", "--network", network]),
            ] {
                let result = try Tool.run(program, arguments, environment: environment)
                #expect(result.status != 0, "\(program): \(result)")
                #expect(result.errors.contains(variable), "\(program): \(result)")
            }
            let node = try Tool.run(
                "walrus",
                [
                    "node", "--dir", scratch.path + "/node", "--key", scratch.path + "/node.key",
                    "--network", "nowhere", "--release-grace=\(text)",
                ]
            )
            #expect(node.status != 0 && node.errors.contains("--release-grace"), "\(node)")
        }
    }
}
