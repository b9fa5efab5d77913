internal import BlobModel
internal import Codec
internal import SystemIO

/// The file with the seed of a service's keys, or of an account's: one line, for its owner only.
enum KeyFile {
    private static let lengthMax = 256

    static func load(_ path: String) throws -> ServiceKeys {
        guard let keys = try loadIfPresent(path) else {
            throw ServiceFailure("there is no key file \(path); `walrus key new \(path)` makes one")
        }
        return keys
    }

    static func loadIfPresent(_ path: String) throws -> ServiceKeys? {
        let bytes: [UInt8]?
        do {
            bytes = try CommandFiles.files.readWholeFile(path, limit: lengthMax)
        } catch {
            throw ServiceFailure("cannot read the key file \(path): \(error)")
        }
        guard let bytes else { return nil }
        // What is wrong with the line does not matter, and saying it might say the key.
        guard let seed = try? SeedText.decode(String(decoding: bytes, as: UTF8.self)) else {
            throw ServiceFailure("\(path) is no key file, or is damaged")
        }
        return ServiceKeys(seed: seed)
    }

    /// Makes a new key; a file that is there stays as it is, and is an error.
    static func create(_ path: String) throws -> ServiceKeys {
        do {
            guard try !CommandFiles.files.exists(path) else {
                throw ServiceFailure("\(path) exists already; it is not overwritten")
            }
            try CommandFiles.files.makeDirectories(directory(of: path))
            let seed = LinuxEntropy().bytes(count: 32)
            try CommandFiles.files.writeFileAtomically(path, Array(SeedText.encode(seed).utf8))
            return ServiceKeys(seed: seed)
        } catch let error as SystemError {
            throw ServiceFailure("cannot write the key file \(path): \(error)")
        }
    }
}

/// Why a service or a client cannot do its work, in words for whoever started it.
struct ServiceFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
