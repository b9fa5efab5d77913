package import BlobModel

// RedStuff lays the blob out as a matrix of symbols and extends it with one Reed-Solomon code along
// the rows and another down the columns (`Docs/Formats/blob-metadata.md`). Naming trap: a *primary*
// sliver is a row and is expanded by the code of the rows, which makes more *secondary* slivers.

/// The two codes of a committee.
///
/// Costly to make for large ones: make it once and keep it.
package struct RedStuffCodec: Sendable {
    package let parameters: EncodingParameters
    /// Extends each row: a primary sliver to all its symbols.
    let rowCode: ReedSolomonCode
    /// Extends each column: a secondary sliver to all its symbols.
    let columnCode: ReedSolomonCode

    /// What was used for earlier blobs.
    let buffers = BufferPool()

    package init(_ parameters: EncodingParameters) {
        self.parameters = parameters
        rowCode = Self.code(parameters.sourceColumns, parameters.shardCount)
        columnCode = Self.code(parameters.sourceRows, parameters.shardCount)
    }

    private static func code(_ originals: Int, _ all: Int) -> ReedSolomonCode {
        do {
            return try ReedSolomonCode(originals: originals, recoveries: all - originals)
        } catch {
            preconditionFailure("Every number of shards that parameters allow has codes: \(error)")
        }
    }

    /// The code that extends slivers of this axis.
    func code(expanding axis: SliverAxis) -> ReedSolomonCode {
        axis == .primary ? rowCode : columnCode
    }
}
