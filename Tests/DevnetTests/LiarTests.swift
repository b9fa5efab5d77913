internal import Foundation
internal import TestSupport
internal import Testing

/// Networks of real processes in which as many nodes lie as may.
@Suite(.serialized) struct LiarTests {
    private struct Line: Decodable {
        struct Health: Decodable {
            let nodeStatus: String
            let blobsIncomplete: Int
        }
        let address: String
        let health: Health?
    }

    /// Waits until a node has all that it should.
    private func waitUntilWhole(_ net: Devnet, _ address: String) throws {
        while true {
            let result = try net.walrus("node", "status", "--json")
            let lines = try JSONDecoder().decode([Line].self, from: Data(result.output.utf8))
            let line = lines.first { $0.address == address }
            if line?.health?.nodeStatus == "Active", line?.health?.blobsIncomplete == 0 { return }
            Thread.sleep(forTimeInterval: 0.1)
        }
    }

    private func process(_ name: String, _ net: Devnet) throws -> Devnet.Report.Process {
        try #require(net.report.processes.first { $0.name == name })
    }

    /// Puts a liar in the place of a node.
    private func lie(
        _ kind: String,
        _ name: String,
        _ net: Devnet,
        _ scratch: Scratch
    ) throws -> LyingProcess {
        try net.killNow(name)
        return try LyingProcess(
            kind,
            insteadOf: name,
            at: try process(name, net).url,
            devnet: net.directory,
            network: net.report.network,
            in: scratch
        )
    }

    /// With each of the five kinds: what is stored reads, and a node whose disk is lost gets back
    /// what was on it, and then stands in for another.
    @Test(arguments: LyingProcess.kinds)
    func oneOfFourLies(kind: String) throws {
        try Scratch.with { scratch in
            let net = try Devnet(in: scratch, nodes: 4)
            var blobs: [(file: String, id: String)] = []
            func store(_ count: Int) throws {
                let file = try makeFile("\(scratch.path)/file-\(count)", count: count)
                blobs.append((file, try net.store(file)))
            }
            for count in [1, 70_000] { try store(count) }
            let liar = try lie(kind, "node-02", net, scratch)
            for count in [2, 50_000, 390_000] { try store(count) }
            for blob in blobs { #expect(try net.reads(blob.id, as: blob.file)) }

            let victim = try process("node-01", net)
            try net.killNow("node-01")
            while try Tool.run("walrus", ["node", "replace", victim.directory]).status != 0 {
                Thread.sleep(forTimeInterval: 0.05)
            }
            try net.start("node-01", at: victim.url)
            try waitUntilWhole(net, victim.url)
            // Only it and another are right and there: k_p of four is two.
            try net.killNow("node-00")
            for blob in blobs { #expect(try net.reads(blob.id, as: blob.file)) }
            liar.end()
        }
    }

    /// A client that encodes wrongly, on a real network, from the upload to what users are told.
    @Test func aMisencodedBlobEndsInvalid() throws {
        try Scratch.with { scratch in
            let net = try Devnet(in: scratch, nodes: 4)
            let common = [net.directory + "/genesis.bcs", net.report.network]
            try net.killNow("node-03")
            let id = try Tool.succeed("lying-node", common + ["misencode", "3"])
                .trimmingCharacters(in: .whitespacesAndNewlines)
            func status() throws -> String {
                let result = try net.walrus("blob-status", "--blob-id", id, "--json")
                return result.output
            }
            #expect(try status().contains("deletable"))
            let copy = scratch.path + "/copy"
            let strict = try net.walrus(
                "read",
                "--strict-consistency-check",
                "--out",
                copy,
                "--",
                id
            )
            #expect(strict.status == 65)
            #expect(strict.errors.contains("encoded inconsistently"), "\(strict)")
            // The node that has missed it can not recover it, and tells why.
            try net.start("node-03", at: try process("node-03", net).url)
            while try !status().contains(#""invalid""#) { Thread.sleep(forTimeInterval: 0.1) }
            try waitUntilWhole(net, try process("node-03", net).url)
            let read = try net.walrus("read", "--out", copy, "--", id)
            #expect(read.status == 65)
            #expect(read.errors.contains("encoded inconsistently"), "\(read)")
            #expect(!FileManager.default.fileExists(atPath: copy))
            let log = try String(contentsOfFile: scratch.path + "/node-03.log", encoding: .utf8)
            #expect(log.contains("blob \(id) was encoded inconsistently"), "\(log)")

            // Storing what too many nodes have called invalid says so and pays nothing.
            let file = try makeFile(scratch.path + "/file", count: 5000)
            let stored = try net.store(file)
            let keys = ["node-00", "node-02"].map { net.key(of: $0) }
            _ = try Tool.succeed("lying-node", common + ["slander", stored] + keys)
            let again = try net.walrus("store", "--json", file)
            #expect(again.status == 65)
            #expect(again.output.contains("markedInvalid"), "\(again)")
            #expect(again.output.contains("txDigest"), "\(again)")
        }
    }

    /// Three of ten, each of another kind; which kinds changes from one to the next.
    @Test func threeOfTenLieInDifferentWays() throws {
        try Scratch.with { scratch in
            let net = try Devnet(in: scratch)
            let kinds = LyingProcess.kinds
            var blobs: [(file: String, id: String)] = []
            let names = ["node-01", "node-04", "node-08"]
            for (turn, count) in [1, 30_000, 1_234_567].enumerated() {
                let liars = try names.enumerated().map { index, name in
                    if turn == 0 {
                        return try lie(kinds[index], name, net, scratch)
                    }
                    return try LyingProcess(
                        kinds[(turn + index) % kinds.count],
                        insteadOf: name,
                        at: try process(name, net).url,
                        devnet: net.directory,
                        network: net.report.network,
                        in: scratch
                    )
                }
                let file = try makeFile("\(scratch.path)/file-\(count)", count: count)
                blobs.append((file, try net.store(file)))
                for blob in blobs { #expect(try net.reads(blob.id, as: blob.file)) }
                for liar in liars { liar.end() }
            }
        }
    }
}
