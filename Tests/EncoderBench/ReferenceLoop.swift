internal import BlobModel
internal import CKernels
internal import ErasureCoding

/// What the reference does, with our kernels, so that the difference is in how they are used.
///
/// A row or a column at a time goes through the code, symbol by symbol through the hash, each once,
/// and node by node through the trees.
struct ReferenceLoop {
    private let parameters: EncodingParameters
    private let rowCode: ReedSolomonCode
    private let columnCode: ReedSolomonCode

    init(_ parameters: EncodingParameters) throws {
        self.parameters = parameters
        rowCode = try ReedSolomonCode(
            originals: parameters.sourceColumns,
            recoveries: parameters.shardCount - parameters.sourceColumns
        )
        columnCode = try ReedSolomonCode(
            originals: parameters.sourceRows,
            recoveries: parameters.shardCount - parameters.sourceRows
        )
    }

    /// The expanded matrix, and the blob's id.
    func encode(_ blob: [UInt8]) throws -> (matrix: [[[UInt8]]], id: BlobID) {
        let size = try parameters.symbolSize(of: UInt64(blob.count))
        let (rows, columns) = (parameters.sourceRows, parameters.sourceColumns)
        var matrix: [[[UInt8]]] = []
        for row in 0..<rows {
            let symbols = (0..<columns).map { column -> [UInt8] in
                let start = (row * columns + column) * size
                var symbol = Array(blob[min(start, blob.count)..<min(start + size, blob.count)])
                symbol += [UInt8](repeating: 0, count: size - symbol.count)
                return symbol
            }
            matrix.append(symbols + (try rowCode.encode(symbols)))
        }
        let below = parameters.shardCount - rows
        matrix += (0..<below).map { _ in [] }
        for column in 0..<parameters.shardCount {
            let symbols = (0..<rows).map { matrix[$0][column] }
            for (row, symbol) in try columnCode.encode(symbols).enumerated() {
                matrix[rows + row].append(symbol)
            }
        }
        return (matrix, id(of: matrix, length: blob.count))
    }

    private func id(of matrix: [[[UInt8]]], length: Int) -> BlobID {
        let shards = parameters.shardCount
        var leaves = [UInt8](repeating: 0, count: shards * shards * 32)
        var at = 0
        unsafe leaves.withUnsafeMutableBufferPointer { leaves in
            guard let start = leaves.baseAddress else { return }
            for row in matrix {
                for symbol in row {
                    unsafe walrus_blake2b256_many(symbol, 0, symbol.count, 1, 0, start + at)
                    at += 32
                }
            }
        }
        let hashes = (0..<shards).map { pair in
            let row = Array(leaves[pair * shards * 32..<(pair + 1) * shards * 32])
            var column: [UInt8] = []
            column.reserveCapacity(shards * 32)
            for row in 0..<shards {
                let start = (row * shards + shards - 1 - pair) * 32
                column.append(contentsOf: leaves[start..<start + 32])
            }
            return SliverPairHashes(
                primary: MerkleNode(digest: root(row)),
                secondary: MerkleNode(digest: root(column))
            )
        }
        return BlobMetadata(unencodedLength: UInt64(length), hashes: hashes).computeBlobID()
    }

    /// Reduces leaves one node at a time.
    private func root(_ leaves: [UInt8]) -> [UInt8] {
        var level = leaves + [UInt8](repeating: 0, count: 32)
        var count = leaves.count / 32
        unsafe level.withUnsafeMutableBufferPointer { level in
            guard let start = level.baseAddress else { return }
            while count > 1 {
                if count % 2 == 1 {
                    unsafe (start + 32 * count).update(repeating: 0, count: 32)
                    count += 1
                }
                count /= 2
                for node in 0..<count {
                    let digest = unsafe start + 32 * node
                    unsafe walrus_blake2b256_many(start + 64 * node, 64, 64, 1, 1, digest)
                }
            }
        }
        return Array(level.prefix(32))
    }
}
