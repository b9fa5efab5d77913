/// Why bytes from outside could not be read as what they were said to be.
package enum CodecError: Error, Equatable, Sendable {
    /// The input ended `missing` bytes too early.
    case truncated(missing: Int)
    /// The value was complete, but `count` bytes followed it.
    case trailingBytes(count: Int)
    /// A ULEB128 number was longer than needed, or did not fit 32 bits.
    case nonCanonicalLength
    /// A length was over the bound that its field has.
    case tooLong(length: UInt64, limit: Int)
    /// An enum tag, a boolean or a version that this field does not have.
    case unknownTag(UInt32, of: String)
    /// Map keys were not in ascending order of their encoded bytes, or occurred twice.
    case unsortedMap
    /// A string was not UTF-8.
    case invalidUTF8
    /// A text form (hex, base64url, base58) had a wrong length or character.
    case invalidText(of: String)
    /// The bytes were well formed, but their meaning is not allowed.
    case invalidValue(String)
}
