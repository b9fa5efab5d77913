internal import Foundation
internal import TestSupport
internal import Testing

/// A network of real processes on loopback: what it promises while its parts are killed.
@Suite(.serialized) struct DevnetTests {
    private func isAlive(_ process: Int32) -> Bool { kill(process, 0) == 0 }

    @Test func storesAndReadsWhileThreeNodesAreKilled() throws {
        try Scratch.with { scratch in
            let net = try Devnet(in: scratch)
            #expect(net.report.processes.count == 11)
            #expect(net.report.processes.map(\.name).sorted().first == "ledger")
            for process in net.report.processes { #expect(isAlive(process.pid)) }

            var blobs: [(file: String, id: String)] = []
            for count in [1, 70_000, 1_834_952] {
                let file = try makeFile("\(scratch.path)/file-\(count)", count: count)
                blobs.append((file, try net.store(file)))
            }
            for blob in blobs { #expect(try net.reads(blob.id, as: blob.file)) }

            for name in ["node-00", "node-04", "node-09"] { try net.killNow(name) }
            for count in [5000, 900_000] {
                let file = try makeFile("\(scratch.path)/file-\(count)", count: count)
                blobs.append((file, try net.store(file)))
            }
            for blob in blobs { #expect(try net.reads(blob.id, as: blob.file)) }
            let info = try net.walrus("info", "committee")
            #expect(info.output.components(separatedBy: "Unreachable").count == 4, "\(info)")

            // A fourth one is one too many for writing, and reading still works.
            try net.killNow("node-05")
            for blob in blobs { #expect(try net.reads(blob.id, as: blob.file)) }

            #expect(net.stop() == 0)
            for process in net.report.processes { #expect(!isAlive(process.pid)) }
            #expect(!FileManager.default.fileExists(atPath: net.directory + "/devnet.json"))
        }
    }

    @Test func goesOnWithItsDirectoryAndALostLedgerComesBack() throws {
        try Scratch.with { scratch in
            let file = try makeFile("\(scratch.path)/file", count: 300_000)
            var net = try Devnet(in: scratch)
            let network = net.report.network
            let blob = try net.store(file)
            #expect(net.stop() == 0)

            for lost in ["ledger", "node-03"] {
                try FileManager.default.removeItem(atPath: net.directory + "/" + lost)
            }
            net = try Devnet(in: scratch)
            #expect(net.report.network == network)
            #expect(net.report.processes.count == 10)
            #expect(try net.reads(blob, as: file))
            // The same account finds what it has stored, and pays nothing twice.
            let again = try net.walrus("store", file)
            #expect(again.output.contains("stored before"), "\(again)")
            let other = try makeFile("\(scratch.path)/other", count: 10)
            #expect(try net.reads(net.store(other), as: other))
            #expect(net.stop() == 0)
            #expect(!FileManager.default.fileExists(atPath: net.directory + "/node-03"))
        }
    }

    /// A disk is lost for good: over real connections the node gets back what was on it.
    @Test func aReplacedNodeRecoversFromTheOthers() throws {
        try Scratch.with { scratch in
            var net = try Devnet(in: scratch)
            var blobs: [(file: String, id: String)] = []
            for count in [1, 70_000, 1_834_952] {
                let file = try makeFile("\(scratch.path)/file-\(count)", count: count)
                blobs.append((file, try net.store(file)))
            }
            let lost = net.directory + "/node-03"
            let running = try Tool.run("walrus", ["node", "replace", lost])
            #expect(running.status == 1)
            #expect(running.errors.contains("another process runs the node"), "\(running)")
            #expect(net.stop() == 0)

            try FileManager.default.moveItem(atPath: lost, toPath: scratch.path + "/old")
            let replaced = try Tool.run("walrus", ["node", "replace", lost])
            #expect(replaced.status == 0, "\(replaced)")
            #expect(replaced.output.contains("generation 1"), "\(replaced)")
            net = try Devnet(in: scratch)
            #expect(net.report.processes.count == 11)
            while try net.walrus("node", "status").status != 0 {
                Thread.sleep(forTimeInterval: 0.1)
            }
            // Now it stands in for others.
            for name in ["node-00", "node-04", "node-09"] { try net.killNow(name) }
            for blob in blobs { #expect(try net.reads(blob.id, as: blob.file)) }
            let file = try makeFile("\(scratch.path)/other", count: 5000)
            #expect(try net.reads(net.store(file), as: file))
            #expect(net.stop() == 0)

            // The old disk comes back: it is refused, and says what to do.
            try FileManager.default.removeItem(atPath: lost)
            try FileManager.default.moveItem(atPath: scratch.path + "/old", toPath: lost)
            let refused = try Tool.run(
                "walrus",
                [
                    "node", "--dir", lost, "--key", net.directory + "/keys/node-03.key",
                    "--genesis", net.directory + "/genesis.bcs", "--network", net.report.network,
                ]
            )
            #expect(refused.status == 1)
            #expect(refused.errors.contains("walrus node replace"), "\(refused)")
        }
    }

    @Test func leavesNothingBehindWhenItIsKilledAndGoesOn() throws {
        try Scratch.with { scratch in
            let file = try makeFile("\(scratch.path)/file", count: 100_000)
            var net = try Devnet(in: scratch, nodes: 4)
            let blob = try net.store(file)
            try net.killItself()
            net = try Devnet(in: scratch, nodes: 4)
            #expect(try net.reads(blob, as: file))
            #expect(net.stop() == 0)
        }
    }

    /// What `blob-status --json` says: what the nodes say, the event too, letter by letter.
    @Test func theStatusOfABlobIsTheNodesWord() throws {
        try Scratch.with { scratch in
            let net = try Devnet(in: scratch)
            let file = try makeFile("\(scratch.path)/file", count: 5000)
            let other = try makeFile("\(scratch.path)/other", count: 5001)
            #expect(try net.walrus("store", "--permanent", file).status == 0)
            let blob = try net.store(other)
            for name in ["node-00", "node-04", "node-09"] { try net.killNow(name) }

            let permanent = try net.walrus("blob-status", "--json", "--file", file)
            #expect(permanent.status == 0, "\(permanent)")
            let members =
                #""deletableCounts":\{"count_deletable_certified":0,"#
                + #""count_deletable_total":0\},"endEpoch":1,"initialCertifiedEpoch":0,"#
                + #""isCertified":true,"statusEvent":\{"eventSeq":"[0-9]+","#
                + #""txDigest":"[1-9A-HJ-NP-Za-km-z]{43,44}"\}"#
            let wanted = try Regex(
                #"^\{"blobId":"[A-Za-z0-9_-]{43}","file":"[^"]+","status":\{"permanent":\{"#
                    + members + #"\}\}\}$"#
            )
            let compact = permanent.output.filter { !$0.isWhitespace }
            #expect(try wanted.wholeMatch(in: compact) != nil, "\(compact)")

            let deletable = try net.walrus("blob-status", "--json", "--blob-id", blob)
            #expect(
                deletable.output.filter { !$0.isWhitespace }
                    == #"{"blobId":"\#(blob)","status":{"deletable":{"deletableCounts":{"#
                    + #""count_deletable_certified":1,"count_deletable_total":1},"#
                    + #""initialCertifiedEpoch":0}}}"#,
                "\(deletable)"
            )
            let unknown = String(repeating: "A", count: 43)
            let none = try net.walrus("blob-status", "--json", "--blob-id", unknown)
            #expect(
                none.output.filter { !$0.isWhitespace }
                    == #"{"blobId":"\#(unknown)","status":"nonexistent"}"#
            )
            let text = try net.walrus("blob-status", "--blob-id", blob)
            #expect(text.output.contains("deletable, certified since epoch 0"), "\(text)")
            // One node more, and there is no quorum to say anything.
            try net.killNow("node-05")
            let silent = try net.walrus("blob-status", "--blob-id", blob)
            #expect(silent.status == 1, "\(silent)")
            #expect(silent.errors.contains("quorum"), "\(silent)")
            for wrong in ["0s", "5", "s", "-1s", "99999999999999s"] {
                let refused = try net.walrus(
                    "blob-status",
                    "--blob-id",
                    blob,
                    "--timeout=\(wrong)"
                )
                #expect(refused.status == 64, "\(wrong)")
            }
            #expect(net.stop() == 0)
        }
    }

    @Test func refusesWhatIsWrongAndSaysWhatToDo() throws {
        try Scratch.with { scratch in
            let net = try Devnet(in: scratch, nodes: 4)
            let second = try Tool.run("walrus", ["devnet", "--dir", net.directory])
            #expect(second.status == 1)
            #expect(second.errors.contains("another process"), "\(second)")

            let place = try #require(net.report.network.components(separatedBy: "?").first)
            let unnamed = try Tool.run("walrus", ["info", "--network", place])
            #expect(unnamed.status == 1)
            #expect(unnamed.errors.contains("?genesis="), "\(unnamed)")
            let trusted = try Tool.run("walrus", ["info", "--trust-new", "--network", place])
            #expect(trusted.status == 0, "\(trusted)")
            let foreign = place + "?genesis=" + String(repeating: "A", count: 43)
            let wrong = try Tool.run("walrus", ["info", "--network", foreign])
            #expect(wrong.status == 1)
            #expect(wrong.errors.contains("serves the network"), "\(wrong)")

            let unknown = try net.walrus("read", String(repeating: "A", count: 43))
            #expect(unknown.status == 1)
            #expect(unknown.errors.contains("no blob"), "\(unknown)")
            #expect(try net.walrus("read", "AAAA").status == 64)
            #expect(try net.walrus("store", scratch.path + "/missing").status == 1)
            let large = try makeFile("\(scratch.path)/large", count: 1_000_000)
            let refused = try net.walrus("store", large)
            #expect(refused.status == 1)
            #expect(refused.errors.contains("has 1000000 bytes"), "\(refused)")
            #expect(net.stop() == 0)
            let gone = try net.walrus("info")
            #expect(gone.status == 1)
            #expect(gone.errors.contains("cannot connect"), "\(gone)")
        }
    }

    @Test func aServiceStartsOnlyWithItsOwnKeyAndDirectory() throws {
        try Scratch.with { scratch in
            let net = try Devnet(in: scratch, nodes: 4)
            #expect(net.stop() == 0)
            let directory = net.directory
            func start(_ arguments: [String]) throws -> ToolResult {
                try Tool.run(
                    "walrus",
                    arguments + ["--genesis", directory + "/genesis.bcs"],
                    environment: net.environment
                )
            }
            for (arguments, word) in [
                (
                    ["node", "--dir", "\(directory)/node-00", "--key", "keys/node-01.key"],
                    "foreign"
                ),
                (["node", "--dir", "\(directory)/node-00", "--key", "keys/ledger.key"], "not the"),
                (
                    ["node", "--dir", "\(directory)/node-77", "--key", "keys/node-00.key"],
                    "--create"
                ),
                (
                    ["node", "--dir", "\(directory)/ledger", "--key", "keys/node-00.key"],
                    "--create"
                ),
                (["node", "--dir", "\(directory)/node-00", "--key", "keys/none.key"], "no key"),
                (["node", "--dir", "\(directory)/node-00", "--key", "ledger.port"], "no key file"),
                (
                    ["ledger", "--dir", "\(directory)/ledger", "--key", "keys/node-00.key"],
                    "not the"
                ),
                (
                    ["ledger", "--dir", "\(directory)/node-00", "--key", "keys/ledger.key"],
                    "--create"
                ),
            ] {
                var arguments = arguments
                arguments[4] = "\(directory)/\(arguments[4])"
                let result = try start(arguments)
                #expect(result.status == 1)
                let expected = word == "foreign" ? "belongs to another" : word
                #expect(result.errors.contains(expected), "\(result)")
            }
        }
    }
}
