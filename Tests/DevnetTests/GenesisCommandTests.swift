internal import Foundation
internal import TestSupport
internal import Testing

/// A network of one's own, made by hand as its operators would.
@Suite struct GenesisCommandTests {
    private func show(_ file: String) throws -> [String: String] {
        let text = try Tool.succeed("walrus", ["key", "show", "--json", file])
        return try JSONDecoder().decode([String: String].self, from: Data(text.utf8))
    }

    @Test func keysAndAPlanMakeANetworkThatServes() throws {
        try Scratch.with { scratch in
            let folder = scratch.path
            var keys: [[String: String]] = []
            for name in ["ledger", "a", "b", "c", "d"] {
                try Tool.succeed("walrus", ["key", "new", "\(folder)/\(name).key"])
                keys.append(try show("\(folder)/\(name).key"))
            }
            let again = try Tool.run("walrus", ["key", "new", "\(folder)/a.key"])
            #expect(again.status == 1)
            var nodes = Array(keys.dropFirst())
            for index in nodes.indices {
                nodes[index]["name"] = "node-\(index)"
                nodes[index]["address"] = "127.0.0.1:\(index + 1)"
            }
            struct Plan: Encodable {
                let name = "mine"
                let ledger: [String: String]
                let nodes: [[String: String]]
            }
            let plan = Plan(ledger: keys[0], nodes: nodes)
            try JSONEncoder().encode(plan).write(to: URL(filePath: folder + "/plan.json"))
            let genesis = folder + "/genesis.bcs"
            let arguments =
                ["genesis", "--plan", folder + "/plan.json", "--out", genesis]
                + ["--epoch-duration", "90s"]
            let id = try Tool.succeed("walrus", arguments)
            #expect(id.count == 44)
            let twice = try Tool.run("walrus", arguments)
            #expect(twice.status == 1)
            #expect(twice.errors.contains("not overwritten"), "\(twice)")
            let few = try Tool.run(
                "walrus",
                ["genesis", "--plan", folder + "/plan.json", "--out", folder + "/x"]
                    + ["--n-shards", "3"]
            )
            #expect(few.status == 1)

            let ledger = Process()
            ledger.executableURL = URL(filePath: Tool.products + "/walrus")
            ledger.arguments = [
                "ledger", "--create", "--dir", folder + "/ledger", "--key",
                folder + "/ledger.key", "--genesis", genesis,
            ]
            let output = Pipe()
            ledger.standardOutput = output
            ledger.standardError = FileHandle.nullDevice
            try ledger.run()
            scratch.owns(process: ledger.processIdentifier)
            let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
            let network = try #require(line.split(separator: " ").last).dropLast()
            #expect(network.contains(id.dropLast()), "\(line)")
            let info = try Tool.succeed("walrus", ["info", "--network", String(network)])
            #expect(info.contains("Nodes          4"), "\(info)")
            #expect(info.contains("each of 90 s"), "\(info)")
            kill(ledger.processIdentifier, SIGTERM)
            ledger.waitUntilExit()
            #expect(ledger.terminationStatus == 0)
        }
    }
}
