import SystemIO
import TestSupport
import Testing

@testable import Volume

struct StateDirectoryTests {
    private let disk = InMemoryFileSystem()
    private let path = "/home/volumes/v"

    private func describe(_ text: String) throws {
        try disk.makeDirectories(path)
        try disk.writeFileAtomically(path + "/format.json", Array(text.utf8))
    }

    private func open() throws -> StateDirectory {
        try StateDirectory.open(path, disk: disk)
    }

    @Test func aStateIsMadeOnceAndHeldByOne() throws {
        #expect(throws: StateError.missing(path)) { try open() }
        let made = try StateDirectory.create(path, volume: "ab", disk: disk)
        #expect(throws: StateError.locked(path)) { try open() }
        #expect(throws: StateError.exists(path)) {
            try StateDirectory.create(path, volume: "ab", disk: disk)
        }
        made.unlock()
        let again = try open()
        #expect(again.description == made.description)
        #expect(again.description.volume == "ab")
        again.unlock()
    }

    @Test func whatIsNotAStateOfOursIsRefusedAndLeftAlone() throws {
        let table: [(String, StateError)] = [
            ("{\"kind\": \"ledger\", \"version\": 1, \"minReader\": 1}", .foreign("ledger")),
            ("{\"kind\": \"volume\", \"version\": 9, \"minReader\": 2}", .newer(2)),
            ("{\"kind\": \"volume\", \"version\": 1, \"min", .damaged(path + "/format.json")),
            ("{\"kind\": \"volume\", \"minReader\": 1}", .damaged(path + "/format.json")),
            ("", .damaged(path + "/format.json")),
        ]
        for (text, error) in table {
            try describe(text)
            let before = try disk.list(path)
            #expect(throws: error) { try open() }
            #expect(try disk.list(path) == before)
            #expect(try disk.readWholeFile(path + "/format.json") == Array(text.utf8))
        }
    }

    @Test func aCopyIsRefusedUnlessItIsAdopted() throws {
        try Scratch.with { scratch in
            let disk = LinuxFileSystem()
            let original = try scratch.folder("original")
            let copy = try scratch.folder("copy")
            try StateDirectory.create(original, volume: "", disk: disk).unlock()
            let bytes = try disk.readWholeFile(original + "/format.json") ?? []
            try disk.writeFileAtomically(copy + "/format.json", bytes)
            #expect(throws: StateError.copied) { try StateDirectory.open(copy, disk: disk) }
            // What must be done before could not be: it is a copy still.
            #expect(throws: StateError.disk("full")) {
                try StateDirectory.adopt(copy, disk: disk) { (_) throws(StateError) in
                    throw .disk("full")
                }
            }
            #expect(throws: StateError.copied) { try StateDirectory.open(copy, disk: disk) }
            var prepared: [String] = []
            try StateDirectory.adopt(copy, disk: disk) { (state) throws(StateError) in
                prepared.append(state.path)
            }
            #expect(prepared == [copy])
            #expect(throws: StateError.notCopied) {
                try StateDirectory.adopt(copy, disk: disk) { (_) throws(StateError) in }
            }
            // From now on the copy is the original.
            try StateDirectory.open(copy, disk: disk).unlock()
            try StateDirectory.open(original, disk: disk).unlock()
        }
    }
}
