package import BlobModel

/// Reads that hold the whole encoding against the blob's id.
extension BlobClient {
    /// Reads all of a blob and encodes it again, so that every set of slivers is known to give
    /// these bytes; throws `inconsistent` if that is not so.
    ///
    /// Any other read compares just the rows that it returns: what it gives is the same for
    /// everyone, but somebody else may be told `inconsistent` where slivers have to be computed
    /// from others.
    package func readStrictly(_ blob: BlobID) async throws(BlobStoreError) -> [UInt8] {
        let length = try await metadata(of: blob).unencodedLength
        let bytes = try await read(blob, range: 0..<length, authentication: .store)
        guard await coding.blobID(of: bytes) == blob else { throw .inconsistent(blob) }
        return bytes
    }
}
