internal import Codec
internal import SystemIO
internal import VolumeFormat

/// The files of checkpoints in a state directory, `packs/`, `moves/` and `cuts/`; calls block.
struct CheckpointFiles: Sendable {
    let files: any FileSystem
    let directory: String

    private var packs: String { directory + "/packs" }
    private var moves: String { directory + "/moves" }
    private var cuts: String { directory + "/cuts" }

    func prepare() throws(CheckpointError) {
        try system { () throws(SystemError) in
            try files.makeDirectories(packs)
            try files.makeDirectories(moves)
            try files.makeDirectories(cuts)
        }
    }

    func packPath(_ id: UInt64) -> String { packs + "/" + Self.name(id) }
    private func cutPath(_ generation: UInt64) -> String { cuts + "/" + Self.name(generation) }

    private static func name(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    private static func number(_ name: String) -> UInt64? {
        name.utf8.count == 16 ? UInt64(name, radix: 16) : nil
    }

    // Packs.

    /// Makes a sealed pack durable.
    func write(_ pack: SealedPack) throws(CheckpointError) {
        try system { () throws(SystemError) in
            try files.writeFileAtomically(packPath(pack.header.id), pack.bytes)
        }
    }

    /// The bytes of a pack, or nil when it is not here.
    func readPack(_ id: UInt64) throws(CheckpointError) -> [UInt8]? {
        try system { () throws(SystemError) in
            try files.readWholeFile(packPath(id), limit: PackHeader.packLengthMax)
        }
    }

    func packIDs() throws(CheckpointError) -> [UInt64] {
        try system { () throws(SystemError) in
            try files.list(packs).compactMap(Self.number)
        }
    }

    /// Removes what writing a pack left when it was cut off.
    func removeUnfinishedPacks() throws(CheckpointError) {
        let names = try system { () throws(SystemError) in try files.list(packs) }
        for name in names where Self.number(name) == nil { try remove(packs + "/" + name) }
    }

    func removePack(_ id: UInt64) throws(CheckpointError) { try remove(packPath(id)) }

    // Packs of moved chunks, which belong to no checkpoint until they are stored.

    private func movePath(_ id: UInt64) -> String { moves + "/" + Self.name(id) }

    /// Makes a pack of moved chunks durable.
    func write(move pack: SealedPack) throws(CheckpointError) {
        try system { () throws(SystemError) in
            try files.writeFileAtomically(movePath(pack.header.id), pack.bytes)
        }
    }

    func readMove(_ id: UInt64) throws(CheckpointError) -> [UInt8]? {
        try system { () throws(SystemError) in
            try files.readWholeFile(movePath(id), limit: PackHeader.packLengthMax)
        }
    }

    func moveIDs() throws(CheckpointError) -> [UInt64] {
        try system { () throws(SystemError) in
            try files.list(moves).compactMap(Self.number).sorted()
        }
    }

    /// Removes what writing one left when it was cut off.
    func removeUnfinishedMoves() throws(CheckpointError) {
        let names = try system { () throws(SystemError) in try files.list(moves) }
        for name in names where Self.number(name) == nil { try remove(moves + "/" + name) }
    }

    func removeMove(_ id: UInt64) throws(CheckpointError) { try remove(movePath(id)) }

    // Cuts.

    func createCut(_ generation: UInt64) throws(CheckpointError) -> any File {
        try remove(cutPath(generation))
        return try system { () throws(SystemError) in
            let file = try files.open(cutPath(generation), .createNew)
            try files.synchronizeDirectory(cuts)
            return file
        }
    }

    func openCut(_ generation: UInt64) throws(CheckpointError) -> any File {
        try system { () throws(SystemError) in try files.open(cutPath(generation), .read) }
    }

    func removeCuts(except kept: UInt64?) throws(CheckpointError) {
        let names = try system { () throws(SystemError) in try files.list(cuts) }
        for name in names where kept.map(Self.name) != name { try remove(cuts + "/" + name) }
    }

    private func remove(_ path: String) throws(CheckpointError) {
        do throws(SystemError) {
            try files.removeFile(path)
        } catch {
            // Gone is what was wanted.
            if !error.isNotFound { throw .system(error) }
        }
    }
}
