// Compression and AEAD of frames and trailers. A key is used for one pack only, and each frame's
// number in the pack is its nonce, so no pair of key and nonce ever seals two messages.
// `Docs/Formats/pack.md` is normative.

package import BlobModel
internal import CZstd
internal import Codec
internal import Crypto

internal import struct Foundation.Data

/// Seals and opens the frames of one pack.
package struct FrameSealing: Sendable {
    private let key: SymmetricKey
    private let prefix: [UInt8]

    package init(header: PackHeader, volume: VolumeID, keys: VolumeKeys) {
        key = keys.packKey(.frames, kind: header.kind, salt: header.salt)
        var writer = ByteWriter()
        writer.write(raw: Array("WFSF".utf8))
        writer.write(PackHeader.version)
        writer.write(header.kind.rawValue)
        writer.write(volume)
        writer.write(header.id)
        writer.write(header.sequence)
        prefix = writer.bytes
    }

    private func additionalData(
        _ chunk: ChunkID,
        index: Int,
        isLast: Bool,
        codec: FrameCodec
    ) -> [UInt8] {
        var writer = ByteWriter(reserving: prefix.count + 38)
        writer.write(raw: prefix)
        writer.write(chunk)
        writer.write(UInt32(index))
        writer.write(isLast)
        writer.write(codec.rawValue)
        return writer.bytes
    }

    /// Appends the stored form of a frame to `pack`.
    func seal(
        _ plaintext: UnsafeRawBufferPointer,
        of chunk: ChunkID,
        index: Int,
        isLast: Bool,
        number: UInt32,
        with compressor: Compressor,
        to pack: inout [UInt8]
    ) -> StoredFrame {
        let (bytes, codec) = unsafe compressor.compress(plaintext)
        let start = pack.count
        AEAD.seal(
            bytes,
            key: key,
            nonce: UInt64(number),
            authenticating: additionalData(chunk, index: index, isLast: isLast, codec: codec),
            to: &pack
        )
        return StoredFrame(length: pack.count - start, codec: codec)
    }

    /// Opens frame `index` of a chunk that lies as `layout` says, from its bytes in the pack.
    package func open(
        _ stored: ArraySlice<UInt8>,
        of chunk: ChunkID,
        layout: ChunkLayout,
        index: Int
    ) throws(VolumeFormatError) -> [UInt8] {
        precondition(layout.frames.indices.contains(index))
        let frame = layout.frames[index]
        guard stored.count == frame.length else { throw .corrupt("a frame's length") }
        let isLast = index == layout.frames.count - 1
        let data = additionalData(chunk, index: index, isLast: isLast, codec: frame.codec)
        let bytes = try AEAD.open(
            stored,
            key: key,
            nonce: UInt64(layout.firstFrame) + UInt64(index),
            authenticating: data,
            what: "a frame of chunk \(chunk)"
        )
        let length = layout.plainRange(ofFrame: index).count
        return try Compressor.expand(bytes, codec: frame.codec, to: length)
    }
}

extension FrameSealing {
    /// Opens all of a chunk, from the bytes of its frames.
    ///
    /// - Throws: `corrupt` also when every frame opens and the whole is not what `chunk` names.
    package func open(
        _ stored: ArraySlice<UInt8>,
        of chunk: ChunkID,
        layout: ChunkLayout,
        keys: VolumeKeys
    ) throws(VolumeFormatError) -> [UInt8] {
        guard stored.count == layout.storedLength else { throw .corrupt("a chunk's length") }
        var plain: [UInt8] = []
        plain.reserveCapacity(Int(layout.length))
        var at = stored.startIndex
        for (index, frame) in layout.frames.enumerated() {
            let part = stored[at..<at + frame.length]
            plain += try open(part, of: chunk, layout: layout, index: index)
            at += frame.length
        }
        let named = unsafe plain.withUnsafeBytes { unsafe keys.chunkID(of: $0) }
        guard named == chunk else { throw .corrupt("a chunk that is another") }
        return plain
    }
}

/// AES-256-GCM with a counter for a nonce.
enum AEAD {
    static func seal(
        _ bytes: [UInt8],
        key: SymmetricKey,
        nonce: UInt64,
        authenticating data: [UInt8],
        to output: inout [UInt8]
    ) {
        guard
            let box = try? AES.GCM.seal(
                bytes,
                using: key,
                nonce: self.nonce(nonce),
                authenticating: data
            )
        else { preconditionFailure("AES-GCM seals any message of this size.") }
        output.append(contentsOf: box.ciphertext)
        output.append(contentsOf: box.tag)
    }

    static func open(
        _ stored: ArraySlice<UInt8>,
        key: SymmetricKey,
        nonce: UInt64,
        authenticating data: [UInt8],
        what: @autoclosure () -> String
    ) throws(VolumeFormatError) -> [UInt8] {
        guard stored.count >= StoredFrame.tagLength else { throw .corrupt(what()) }
        // A wrong key, flipped bits and a message moved from elsewhere all fail alike.
        guard
            let box = try? AES.GCM.SealedBox(
                nonce: self.nonce(nonce),
                ciphertext: stored.dropLast(StoredFrame.tagLength),
                tag: stored.suffix(StoredFrame.tagLength)
            ), let bytes = try? AES.GCM.open(box, using: key, authenticating: data)
        else { throw .corrupt(what()) }
        return Array(bytes)
    }

    private static func nonce(_ number: UInt64) -> AES.GCM.Nonce {
        var writer = ByteWriter(reserving: 12)
        writer.write(UInt32(0))
        writer.write(number)
        guard let nonce = try? AES.GCM.Nonce(data: writer.bytes) else {
            preconditionFailure("Twelve bytes are a nonce.")
        }
        return nonce
    }
}
