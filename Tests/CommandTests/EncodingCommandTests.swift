internal import Foundation
internal import TestSupport
internal import Testing

/// `walrus blob-id`, `encode` and `decode`, run as programs.
@Suite struct EncodingCommandTests {
    static let text = "walrus blob id v1 regression test"
    static let id = "RcU82Mwf-CFkv1LaI_2qcpANwpGUuG3TMwnVzZxD2kY"

    private func withBlob(_ body: (_ file: String, _ folder: String) throws -> Void) throws {
        try Scratch.with { scratch in
            let file = scratch.path + "/blob"
            try Data(Self.text.utf8).write(to: URL(filePath: file))
            try body(file, scratch.path)
        }
    }

    @Test func blobIDIsPrintedForPeopleAndForScripts() throws {
        try withBlob { file, _ in
            let plain = try Tool.succeed("walrus", ["blob-id", "--n-shards", "10", file])
            #expect(plain.contains("Blob ID: \(Self.id)\n"))
            #expect(plain.contains("33 bytes"))
            let json = try Tool.succeed("walrus", ["blob-id", "--n-shards", "10", "--json", file])
            let value = try JSONSerialization.jsonObject(with: Data(json.utf8))
            let object = try #require(value as? [String: Any])
            #expect(object["blobId"] as? String == Self.id)
            #expect(object["unencodedLength"] as? Int == 33)
            #expect(object["encodingType"] as? String == "RS2")
            #expect(object["file"] as? String == file)
            #expect(object.count == 4)
        }
    }

    private func encode(_ file: String, _ folder: String) throws -> String {
        let slivers = folder + "/slivers"
        try Tool.succeed("walrus", ["encode", "--n-shards", "10", "--out", slivers, file])
        return slivers
    }

    private func decode(_ slivers: String, _ out: String) throws -> ToolResult {
        try Tool.run("walrus", ["decode", "--n-shards", "10", "--from", slivers, "--out", out])
    }

    private func remove(_ axis: String, _ numbers: ClosedRange<Int>, _ slivers: String) throws {
        for number in numbers {
            try FileManager.default.removeItem(atPath: "\(slivers)/\(axis)-0000\(number).bin")
        }
    }

    @Test func aFileComesBackFromTheSliversThatAreLeft() throws {
        try withBlob { file, folder in
            let slivers = try encode(file, folder)
            let first = try Data(contentsOf: URL(filePath: slivers + "/primary-00000.bin"))
            #expect(first == Data("walrus blob id".utf8))
            let names = try FileManager.default.contentsOfDirectory(atPath: slivers)
            #expect(names.count == 21)
            let out = folder + "/again"
            try remove("primary", 0...5, slivers)
            #expect(try decode(slivers, out).status == 0)
            #expect(FileManager.default.contents(atPath: out) == Data(Self.text.utf8))
            // Now only secondary slivers are enough.
            try FileManager.default.removeItem(atPath: out)
            try remove("primary", 6...8, slivers)
            try remove("secondary", 0...2, slivers)
            #expect(try decode(slivers, out).status == 0)
            #expect(FileManager.default.contents(atPath: out) == Data(Self.text.utf8))
            // And now nothing is.
            try FileManager.default.removeItem(atPath: out)
            try remove("secondary", 3...3, slivers)
            let refusal = try decode(slivers, out)
            #expect(refusal.status == 1)
            #expect(refusal.errors.contains("1 of 4 primary and 6 of 7 secondary"))
            #expect(!FileManager.default.fileExists(atPath: out))
        }
    }

    @Test func damagedSliversAreLeftOutAndNamed() throws {
        try withBlob { file, folder in
            let slivers = try encode(file, folder)
            let out = folder + "/again"
            let damaged = URL(filePath: slivers + "/primary-00001.bin")
            try Data(repeating: 7, count: 14).write(to: damaged)
            try Data([1]).write(to: URL(filePath: slivers + "/primary-00002.bin"))
            #expect(try decode(slivers, out).status == 0)
            #expect(FileManager.default.contents(atPath: out) == Data(Self.text.utf8))
            try FileManager.default.removeItem(atPath: out)
            try remove("primary", 3...8, slivers)
            try remove("secondary", 0...9, slivers)
            let refusal = try decode(slivers, out)
            #expect(refusal.status == 65)
            #expect(refusal.errors.contains("primary-00001.bin: its content"))
            #expect(refusal.errors.contains("primary-00002.bin has 1 bytes, not 14"))
            #expect(!FileManager.default.fileExists(atPath: out))
        }
    }

    @Test func damagedMetadataIsRefused() throws {
        try withBlob { file, folder in
            let slivers = try encode(file, folder)
            let out = folder + "/again"
            let path = URL(filePath: slivers + "/metadata.bcs")
            let good = try Data(contentsOf: path)
            var flipped = good
            flipped[100] ^= 1
            for bytes in [Data(), good.dropLast(), good + [0], flipped] {
                try Data(bytes).write(to: path)
                let refusal = try decode(slivers, out)
                #expect(refusal.status == 65)
                #expect(refusal.errors.contains("metadata.bcs is damaged"))
            }
            try good.write(to: path)
            let other = try Tool.run(
                "walrus",
                ["decode", "--n-shards", "13", "--from", slivers, "--out", out]
            )
            #expect(other.status == 1)
            #expect(other.errors.contains("use --n-shards 10"))
            try FileManager.default.removeItem(at: path)
            #expect(try decode(slivers, out).status == 1)
            #expect(!FileManager.default.fileExists(atPath: out))
        }
    }

    @Test func wrongUseHasItsOwnCode() throws {
        try withBlob { file, folder in
            for arguments in [
                ["blob-id"], ["blob-id", "--n-shards", "3", file],
                ["blob-id", "--n-shards", "many", file], ["encode", file], ["nonsense"],
            ] {
                #expect(try Tool.run("walrus", arguments).status == 64, "\(arguments)")
            }
            // The size of what is no plain file says nothing: it was taken for an empty blob.
            let pipe = folder + "/pipe"
            try Tool.succeed("mkfifo", [pipe])
            for path in [folder, folder + "/missing", pipe, "/dev/null", "/proc/cpuinfo"] {
                let result = try Tool.run("walrus", ["blob-id", path])
                #expect(result.status == 1)
                #expect(result.errors.contains(path))
            }
        }
    }
}
