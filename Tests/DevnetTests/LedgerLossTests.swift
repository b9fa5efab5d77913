internal import Foundation
internal import TestSupport
internal import Testing

/// The ledger's disk is lost, or an old one comes back: real processes.
@Suite(.serialized) struct LedgerLossTests {
    @Test func anOldBackupOfTheLedgerGetsItsBlocksBackByItself() throws {
        try Scratch.with { scratch in
            let net = try Services(in: scratch)
            let files = FileManager.default
            let backup = scratch.path + "/backup"
            try files.copyItem(atPath: net.ledgerDirectory, toPath: backup)
            try net.startLedger()
            try net.startNodes()
            let file = try makeFile(scratch.path + "/file", count: 5000)
            let blob = try net.client.store(file)
            #expect(net.stop())

            // The ledger comes first, when nobody can tell it what it lacks.
            try files.removeItem(atPath: net.ledgerDirectory)
            try files.copyItem(atPath: backup, toPath: net.ledgerDirectory)
            let ledger = try net.startLedger()
            #expect(metric("walrus_ledger_height", in: try ledger.metrics()) == 0)
            try net.startNodes()
            try net.waitForHealth(0)
            #expect(try ledger.text().contains("event=caught_up"))
            #expect(try net.client.reads(blob, as: file))
            // Nothing was deleted and nothing is paid for twice.
            let again = try net.client.walrus("store", file)
            #expect(again.output.contains("stored before"), "\(again)")
            #expect(net.stop())

            // The nodes come first: it has all blocks before it takes a transaction.
            try files.removeItem(atPath: net.ledgerDirectory)
            try files.copyItem(atPath: backup, toPath: net.ledgerDirectory)
            try net.startNodes()
            let second = try net.startLedger()
            #expect((metric("walrus_ledger_height", in: try second.metrics()) ?? 0) > 0)
            try net.waitForHealth(0)
            #expect(net.stop())
        }
    }

    @Test func aLedgerThatForkedIsFoundOutAndReplacedByTheNodes() throws {
        try Scratch.with { scratch in
            let net = try Services(in: scratch)
            let files = FileManager.default
            let backup = scratch.path + "/backup"
            try files.copyItem(atPath: net.ledgerDirectory, toPath: backup)
            try net.startLedger()
            try net.startNodes()
            let file = try makeFile(scratch.path + "/file", count: 5000)
            let blob = try net.client.store(file)
            #expect(net.stop())

            try files.removeItem(atPath: net.ledgerDirectory)
            try files.copyItem(atPath: backup, toPath: net.ledgerDirectory)
            let forked = try net.startLedger()
            // A transaction that the nodes' chain does not have.
            let key = net.directory + "/keys/ledger.key"
            let advance = try net.client.walrus("epoch", "advance", "--administrator", key)
            #expect(advance.status == 0, "\(advance)")
            try net.startNodes()
            // The nodes serve, take nothing and say why; the ledger takes nothing either.
            let told = try net.waitForHealth(2)
            #expect(told.output.contains("its chain is not the ledger's"), "\(told)")
            #expect(told.output.contains("Standby"), "\(told)")
            try Wait.until("the ledger does not say so") {
                try forked.text().contains("event=diverged")
            }
            let other = try makeFile(scratch.path + "/other", count: 10)
            #expect(try net.client.walrus("store", other).status != 0)
            #expect(try net.client.reads(blob, as: file))
            #expect(metric("walrus_ledger_ready", in: try forked.metrics()) == 0)
            net.ledger?.end()

            // What the ledger had is put aside, and the nodes' chain takes its place.
            let refused = try Tool.run(
                "walrus",
                ["ledger", "restore", "--from-nodes"] + net.ledgerArguments
            )
            #expect(refused.status == 1)
            #expect(refused.errors.contains("--from-nodes --replace"), "\(refused)")
            let restored = try Tool.succeed(
                "walrus",
                ["ledger", "restore", "--from-nodes", "--replace"] + net.ledgerArguments
            )
            #expect(restored.contains("blocks"), "\(restored)")
            #expect(files.fileExists(atPath: net.ledgerDirectory + ".old-1"))
            try net.startLedger()
            try net.waitForHealth(0)
            #expect(try net.client.reads(blob, as: file))
            _ = try net.client.store(other)
            #expect(net.stop())
        }
    }

    /// Neither the ledger nor the nodes see by the height that there are two chains.
    @Test func aForkOfEqualHeightIsFoundOutWithoutANewBlock() throws {
        try Scratch.with { scratch in
            let net = try Services.running(in: scratch)
            let files = FileManager.default
            let backup = scratch.path + "/backup"
            let key = net.directory + "/keys/ledger.key"
            let file = try makeFile(scratch.path + "/file", count: 5000)
            let blob = try net.client.store(file)
            net.ledger?.end()
            try files.copyItem(atPath: net.ledgerDirectory, toPath: backup)
            try net.startLedger()
            try net.waitForHealth(0)
            // One block that all nodes have, then another of that height that none has.
            func advance() throws -> Double {
                let result = try net.client.walrus("epoch", "advance", "--administrator", key)
                #expect(result.status == 0, "\(result)")
                let page = try #require(net.ledger).metrics()
                return try #require(metric("walrus_ledger_height", in: page))
            }
            let height = try advance()
            try net.waitForHealth(0)
            #expect(net.stop())
            try files.removeItem(atPath: net.ledgerDirectory)
            try files.copyItem(atPath: backup, toPath: net.ledgerDirectory)
            let forked = try net.startLedger()
            #expect(try advance() == height)
            try net.startNodes()
            let told = try net.waitForHealth(2)
            #expect(told.output.contains("two chains"), "\(told)")
            #expect(told.output.contains("the ledger takes no transactions"), "\(told)")
            try Wait.until("the ledger does not say so") {
                try forked.text().contains("event=diverged")
            }
            let page = try forked.metrics()
            #expect(metric("walrus_ledger_ready", in: page) == 0)
            #expect(metric("walrus_ledger_height", in: page) == height)
            #expect(metric("walrus_ledger_objection{kind=\"forked\"}", in: page) == 1)
            let other = try makeFile(scratch.path + "/other", count: 10)
            #expect(try net.client.walrus("store", other).status != 0)
            #expect(try net.client.reads(blob, as: file))
            net.ledger?.end()

            let verify = ["ledger", "verify"] + net.ledgerArguments
            let verified = try Tool.run("walrus", verify)
            #expect(verified.status == 65, "\(verified)")
            #expect(verified.errors.contains("--from-nodes --replace"), "\(verified)")
            _ = try Tool.succeed(
                "walrus",
                ["ledger", "restore", "--from-nodes", "--replace"] + net.ledgerArguments
            )
            #expect(try Tool.succeed("walrus", verify).contains("have no other blocks"))
            try net.startLedger()
            try net.waitForHealth(0)
            #expect(try net.client.reads(blob, as: file))
            _ = try net.client.store(other)
            #expect(net.stop())
        }
    }

    /// What was acknowledged is in enough nodes' logs: neither the ledger's disk nor the nodes
    /// that may be lost take it with them.
    @Test func nothingAcknowledgedIsLostWithTheLedgersDisk() throws {
        try Scratch.with { scratch in
            let net = try Services.running(in: scratch)
            let file = try makeFile(scratch.path + "/file", count: 5000)
            let blob = try net.client.store(file)
            // The last thing that the ledger does, at once after it was acknowledged.
            net.ledger?.end(SIGKILL)
            net.nodes["node-03"]?.end(SIGKILL)
            try FileManager.default.removeItem(atPath: net.ledgerDirectory)
            try net.startLedger("--restore")
            // Two of three nodes may still be about to hear of it again.
            try Wait.until("the blob is not certified") {
                let status = try net.client.walrus("blob-status", "--json", "--blob-id", blob)
                let text = status.output.filter { !$0.isWhitespace }
                return text.contains("deletable_certified\":1")
            }
            #expect(try net.client.reads(blob, as: file))
            let again = try net.client.walrus("store", file)
            #expect(again.output.contains("stored before"), "\(again)")

            // With one node more away it could have lost something, and says so.
            net.ledger?.end()
            net.nodes["node-00"]?.end(SIGKILL)
            try FileManager.default.removeItem(atPath: net.ledgerDirectory)
            let refused = try Tool.run(
                "walrus",
                ["ledger", "restore", "--from-nodes"] + net.ledgerArguments
            )
            #expect(refused.status == 1)
            #expect(refused.errors.contains("2 of 3 needed answered"), "\(refused)")
        }
    }
}
