internal import CShims

/// The checksum of everything that lies on a local disk: CRC-32C (RFC 3720, appendix B.4).
package enum CRC32C {
    /// The checksum of `bytes`, or of what `checksum` covers with `bytes` after it.
    package static func checksum(
        _ bytes: UnsafeRawBufferPointer,
        continuing checksum: UInt32 = 0
    ) -> UInt32 {
        unsafe walrus_crc32c(checksum, bytes.baseAddress, bytes.count)
    }

    package static func checksum(_ bytes: [UInt8], continuing checksum: UInt32 = 0) -> UInt32 {
        unsafe bytes.withBytes { unsafe Self.checksum($0, continuing: checksum) }
    }

    /// The form without special instructions, for tests.
    package static func portableChecksum(_ bytes: [UInt8]) -> UInt32 {
        unsafe bytes.withBytes { unsafe walrus_crc32c_portable(0, $0.baseAddress, $0.count) }
    }
}
