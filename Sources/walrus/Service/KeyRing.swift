internal import BlobModel
internal import Codec
internal import Synchronization
internal import SystemIO
internal import Transport

/// The keys of a node, which may change while it runs (`Docs/Formats/service-keys.md`).
///
/// They are those of its key file FILE, and those of `FILE.1`, `FILE.2` …, which took the place of
/// its network and protocol keys; the account stays that of FILE. What is asked for and not known
/// is looked for in the directory, at most once a second: a file is written before the ledger hears
/// of its keys.
final class KeyRing: Sendable {
    private static let rotationsMax = 1000
    private static let lookPause = Duration.seconds(1)

    private struct State {
        /// By the number of their file; FILE has 0.
        var numbers: [Int] = [0]
        var keys: [ServiceKeys]
        var identities: [String: TLSIdentity] = [:]
        var looked: Duration?
    }

    let path: String
    let base: ServiceKeys
    private let time: any TimeSource
    // Guards the keys that are known; held while a directory is looked at, at most once a second.
    private let state: Mutex<State>

    init(_ path: String, time: any TimeSource = LinuxTimeSource()) throws {
        self.path = path
        self.time = time
        base = try KeyFile.load(path)
        state = Mutex(State(keys: [base]))
        try state.withLock { state in try Self.look(for: path, &state) }
    }

    /// The keys that the ledger was told of last, or will be.
    var newest: ServiceKeys { state.withLock { $0.keys.last ?? base } }

    /// Whether there are keys besides those of FILE.
    var hasRotated: Bool { state.withLock { $0.keys.count > 1 } }

    /// Makes the next keys, for the ledger to be told of.
    func rotate() throws -> ServiceKeys {
        try state.withLock { state in
            let number = (state.numbers.last ?? 0) + 1
            guard number <= Self.rotationsMax else {
                throw ServiceFailure("\(path) has had \(number) keys; register a new node")
            }
            let keys = try KeyFile.create("\(path).\(number)")
            state.numbers.append(number)
            state.keys.append(keys)
            return keys
        }
    }

    /// Whether one of the node's protocol keys is this.
    func speaks(as key: PublicKey) -> Bool { voice(key) != nil }

    /// The protocol key with this public half.
    func voice(_ key: PublicKey) -> SigningKey? {
        find { state in state.keys.last { $0.voice.publicKey == key }?.voice }
    }

    /// Who the node is to a peer that names the key that it expects so; nil for any other name.
    func identity(_ name: String?) -> TLSIdentity? {
        guard let name else { return nil }
        return find { state in
            if let known = state.identities[name] { return known }
            guard let keys = state.keys.last(where: { $0.network.tlsName == name }) else {
                return nil
            }
            // A key that is a seed makes a certificate, or TLS fails and says so.
            let identity = try? TLSIdentity(key: keys.network)
            state.identities[name] = identity
            return identity
        }
    }

    private func find<Found>(_ body: (inout State) -> Found?) -> Found? {
        state.withLock { state in
            if let found = body(&state) { return found }
            let now = time.uptime
            if let looked = state.looked, now - looked < Self.lookPause { return nil }
            state.looked = now
            // A file that cannot be read now is as good as one that is not there yet.
            guard (try? Self.look(for: path, &state)) != nil else { return nil }
            return body(&state)
        }
    }

    private static func look(for path: String, _ state: inout State) throws {
        let folder = directory(of: path)
        let prefix = (path.split(separator: "/").last ?? "") + "."
        let names: [String]
        do {
            names = try CommandFiles.files.list(folder)
        } catch {
            throw ServiceFailure("cannot look for key files beside \(path): \(error)")
        }
        let numbers = names.compactMap { name -> Int? in
            guard name.hasPrefix(prefix), let number = Int(name.dropFirst(prefix.count)) else {
                return nil
            }
            return (1...rotationsMax).contains(number) ? number : nil
        }
        let known = state.numbers.last ?? 0
        for number in Set(numbers).sorted() where number > known {
            guard let next = try KeyFile.loadIfPresent("\(path).\(number)") else { continue }
            state.numbers.append(number)
            state.keys.append(next)
        }
    }
}

extension SigningKey {
    fileprivate var tlsName: String { TLSIdentity.name(of: publicKey) }
}
