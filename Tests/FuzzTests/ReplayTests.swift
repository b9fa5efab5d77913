internal import BlobModel
internal import Codec
internal import Foundation
internal import NIOSSL
internal import TestSupport
internal import Testing

@testable internal import Transport

/// Each entry of each corpus through its parser, and bytes that are nearly entries.
///
/// An entry that a fuzzer found is a regression test by lying there (`Docs/Hostile.md`).
@Suite struct ReplayTests {
    private static let mutationCount = 3000

    @Test(arguments: FuzzTarget.all.map(\.name))
    func entriesAndTheirMutationsAreReadOrRefused(name: String) throws {
        let target = try #require(FuzzTarget.all.first { $0.name == name })
        let entries = try Corpus.entries(of: name)
        for (file, bytes) in entries {
            if let wrong = target.check(bytes) { Issue.record("\(file): \(wrong)") }
        }
        var mutator = Mutator(seed: name.utf8.reduce(7) { $0 &* 31 &+ UInt64($1) })
        let inputs = entries.map(\.bytes)
        for _ in 0..<Self.mutationCount {
            let bytes = mutator.mutate(inputs)
            if let wrong = target.check(bytes) { Issue.record("\(Hex.encode(bytes)): \(wrong)") }
        }
    }

    @Test func everyTargetHasACorpusAndEveryCorpusATarget() throws {
        let names = FuzzTarget.all.map(\.name)
        #expect(Set(names).count == names.count)
        #expect(Set(try Corpus.names()) == Set(names))
        for name in names { #expect(try !Corpus.entries(of: name).isEmpty, "\(name)") }
    }

    @Test func theCorporaAreSmall() throws {
        var count = 0
        for name in try Corpus.names() {
            for (file, bytes) in try Corpus.entries(of: name) {
                #expect(bytes.count <= 16 << 10, "\(file)")
                count += bytes.count
            }
        }
        #expect(count < 1 << 20)
    }

    /// `make golden` writes them.
    @Test func seedsAreOfTheFixturesAndAreRead() throws {
        let all = try Seeds.all()
        #expect(Set(all.keys) == Set(FuzzTarget.all.map(\.name)), "Fuzzers begin with seeds.")
        for (name, seeds) in all {
            let target = try #require(FuzzTarget.all.first { $0.name == name })
            for (index, seed) in seeds.enumerated() {
                let file = "seed-\(index)"
                if Fixtures.areWritten { try Corpus.write(seed, as: file, of: name) }
                #expect(try Corpus.read(file, of: name) == seed, "\(name)/\(file)")
                #expect(target.check(seed) == nil, "\(name)/\(file)")
            }
        }
    }

    @Test func aCertificateWithAnUnknownKindOfKeyPresentsNone() throws {
        let seeds = try Seeds.libraries()["certificate-key"] ?? []
        let keys = try seeds.map { bytes in
            TLSPin.presentedKey(in: [try NIOSSLCertificate(bytes: bytes, format: .der)])
        }
        #expect(keys == [SigningKey(seed: Seeds.digest).publicKey, nil])
    }

    /// A target that finds nothing would let everything pass.
    @Test func whatIsNotCanonicalIsFound() {
        struct Loose: BCSCodable {
            let value: UInt8
            init(from reader: inout ByteReader) throws(CodecError) {
                value = try reader.readUInt8()
                try reader.skip(reader.remaining)
            }
            func encode(to writer: inout ByteWriter) { writer.write(value) }
        }
        let target = FuzzTarget.bcs("loose", Loose.self)
        #expect(target.check([1]) == nil)
        #expect(target.check([]) == nil)
        #expect(target.check([1, 2]) != nil)
    }
}

/// `Tests/Fixtures/fuzz`: a folder for each target, a file for each input.
enum Corpus {
    private static let path = Fixtures.repositoryPath("Tests/Fixtures/fuzz")

    static func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path).filter { $0 != "README.md" }
    }

    static func entries(of name: String) throws -> [(file: String, bytes: [UInt8])] {
        let folder = path + "/" + name
        return try FileManager.default.contentsOfDirectory(atPath: folder).sorted().map {
            ("\(name)/\($0)", try read($0, of: name))
        }
    }

    static func read(_ file: String, of name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(filePath: "\(path)/\(name)/\(file)")))
    }

    static func write(_ bytes: [UInt8], as file: String, of name: String) throws {
        let folder = path + "/" + name
        try FileManager.default.createDirectory(
            atPath: folder,
            withIntermediateDirectories: true
        )
        try Data(bytes).write(to: URL(filePath: "\(folder)/\(file)"))
    }
}
