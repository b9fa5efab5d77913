internal import CSodium
package import Codec

/// A name of 32 bytes: the shape that blob ids, object ids, digests and addresses share.
///
/// Order and equality are bytewise. Conforming types differ in what they name, so that a blob id
/// can not be handed over where an object id is asked for.
package protocol Digest32: Hashable, Comparable, Sendable, BCSCodable, CustomStringConvertible {
    var bytes: [UInt8] { get }

    /// Takes 32 bytes.
    ///
    /// - Precondition: There are exactly 32 of them; bytes from outside go through a reader.
    init(bytes: [UInt8])
}

extension Digest32 {
    package static func < (left: Self, right: Self) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }

    package func encode(to writer: inout ByteWriter) { writer.write(raw: bytes) }

    package init(from reader: inout ByteReader) throws(CodecError) {
        self.init(bytes: try reader.readRaw(32))
    }

    package var description: String { Hex.encode(bytes) }
}

/// BLAKE2b with a digest of 32 bytes (RFC 7693), the hash of everything in this project.
package enum Blake2b256 {
    /// The digest of `bytes`, keyed when `key` (up to 64 bytes) is not empty.
    package static func hash(_ bytes: [UInt8], key: [UInt8] = []) -> [UInt8] {
        var hasher = Blake2b256Hasher(key: key)
        hasher.update(bytes)
        return hasher.finalize()
    }

    /// The digest of a value of one kind: `"walrus-swift/<kind>/<version>" ‖ 0x00 ‖ bytes`.
    ///
    /// The prefix keeps bytes of one kind from being taken for another's
    /// (`Docs/Formats/hashes.md`).
    package static func hash(_ bytes: [UInt8], kind: String, version: Int = 1) -> [UInt8] {
        var hasher = Blake2b256Hasher()
        hasher.update(Array("walrus-swift/\(kind)/\(version)".utf8))
        hasher.update([0])
        hasher.update(bytes)
        return hasher.finalize()
    }
}

/// BLAKE2b-256 over bytes that come in parts.
package struct Blake2b256Hasher {
    // libsodium asks for 64-byte alignment, which a Swift structure does not promise.
    @safe private final class State {
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: crypto_generichash_statebytes(),
            alignment: 64
        )
        deinit { unsafe memory.deallocate() }
        var pointer: OpaquePointer { unsafe OpaquePointer(memory) }
    }

    private let state = State()

    package init(key: [UInt8] = []) {
        precondition(key.count <= 64)
        let status = unsafe crypto_generichash_init(state.pointer, key, key.count, 32)
        precondition(status == 0)
    }

    package mutating func update(_ bytes: [UInt8]) {
        let status = unsafe crypto_generichash_update(state.pointer, bytes, UInt64(bytes.count))
        precondition(status == 0)
    }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        let status = unsafe crypto_generichash_update(
            state.pointer,
            bytes.bindMemory(to: UInt8.self).baseAddress,
            UInt64(bytes.count)
        )
        precondition(status == 0)
    }

    /// The digest of all that came in.
    ///
    /// - Precondition: Called once.
    package mutating func finalize() -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        let status = unsafe crypto_generichash_final(state.pointer, &digest, 32)
        precondition(status == 0)
        return digest
    }
}
