package import Codec

/// Why bytes of a volume's format could not be read.
package enum VolumeFormatError: Error, Equatable, Sendable {
    /// The bytes do not begin as ours do.
    case foreign
    /// A kind or version that this program does not know; it may be newer.
    case unsupportedVersion(kind: UInt8, version: UInt8)
    /// The volume uses features that this program must know, and does not; bits by number.
    case unsupportedFeatures([Int])
    /// The volume uses features that this program must know to write, and does not; bits by number.
    case readOnlyFeatures([Int])
    /// The bytes did not authenticate under the key, or contradict what names them.
    case corrupt(String)
    /// They authenticated, but are not what the format allows.
    case malformed(CodecError)
}

/// Runs a decoder of authenticated bytes.
func decoding<Value>(
    _ body: () throws(CodecError) -> Value
) throws(VolumeFormatError) -> Value {
    do throws(CodecError) { return try body() } catch { throw .malformed(error) }
}
