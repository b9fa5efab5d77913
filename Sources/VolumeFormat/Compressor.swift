internal import CZstd

/// A zstd context, kept because making one costs more than compressing a frame.
///
/// One context serves one thread at a time; it is not `Sendable`, and whoever builds a pack has
/// one of its own.
@safe final class Compressor {
    /// zstd's fastest regular level: 0.35 GB/s a core here, within 10 % of level 3's size.
    static let level: Int32 = 1

    private let context: OpaquePointer

    init() {
        guard let context = unsafe ZSTD_createCCtx() else {
            preconditionFailure("zstd got no memory for a context.")
        }
        unsafe self.context = context
        let status = unsafe ZSTD_CCtx_setParameter(
            context,
            ZSTD_c_compressionLevel,
            Self.level
        )
        precondition(ZSTD_isError(status) == 0)
    }

    deinit { _ = unsafe ZSTD_freeCCtx(context) }

    /// The smaller of `bytes` and their compressed form.
    func compress(_ bytes: UnsafeRawBufferPointer) -> ([UInt8], FrameCodec) {
        // One byte less than the input: what does not fit is not smaller.
        let room = bytes.count - 1
        guard room > 0 else { return (unsafe Array(bytes), .raw) }
        var length = 0
        let output = unsafe [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
            let status = unsafe ZSTD_compress2(
                context,
                buffer.baseAddress,
                room,
                bytes.baseAddress,
                bytes.count
            )
            length = ZSTD_isError(status) == 0 ? status : 0
            count = length
        }
        return length == 0 ? (unsafe Array(bytes), .raw) : (output, .zstd)
    }

    /// Undoes `compress`; anything that does not give exactly `length` bytes is refused.
    static func expand(
        _ bytes: [UInt8],
        codec: FrameCodec,
        to length: Int
    ) throws(VolumeFormatError) -> [UInt8] {
        guard codec == .zstd else {
            guard bytes.count == length else { throw .corrupt("the length of a frame") }
            return bytes
        }
        var status = 0
        let output = unsafe [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
            status = unsafe ZSTD_decompress(buffer.baseAddress, length, bytes, bytes.count)
            count = ZSTD_isError(status) == 0 ? status : 0
        }
        guard output.count == length else { throw .corrupt("a frame that does not decompress") }
        return output
    }
}
