internal import BlobModel
internal import NIOSSL

@testable internal import BlobClient
@testable internal import StorageNode
@testable internal import Transport

extension Seeds {
    static func services() throws -> [String: [[UInt8]]] {
        let sliver = SliverRecordHeader(
            name: SliverName(
                blob: BlobID(bytes: digest),
                pair: SliverPairIndex(3),
                axis: .primary
            ),
            symbolSize: 2,
            index: SliverIndex(4)
        )
        let mounts = """
            22 28 0:21 / /proc rw,nosuid shared:12 - proc proc rw
            98 28 0:52 / /mnt/a\\040b rw,nosuid - fuse.walrusfs v\\134 rw,user_id=0
            """
        let format =
            #"{"kind":"ledger","version":1,"minReader":1,"network":"\#(NetworkID(bytes: digest))"}"#
        return [
            "sliver-record": [sliver.bytes + [1, 2, 3]],
            "node-generation": [Array("3\n".utf8)],
            "ledger-format": [Array(format.utf8)],
            "journal-file": [FileTransactionJournal.contents(of: [1, 2, 3])],
            "mount-table": [Array(mounts.utf8)],
        ]
    }

    static func libraries() throws -> [String: [[UInt8]]] {
        let identity = try TLSIdentity(key: SigningKey(seed: digest))
        let chain = try identity.configuration.certificateChain.compactMap { source in
            if case .certificate(let certificate) = source {
                try certificate.toDERBytes()
            } else {
                nil
            }
        }
        let format = #"{"kind":"walrus-embedded-network","minReader":1,"version":1}"#
        // A key of a kind that nobody knows, on which NIOSSL traps: 1.3.101.127.
        let head: [UInt8] = [0x2B, 0x65, 0x70, 0x03, 0x21]
        let unknown = chain.map { bytes in
            var bytes = bytes
            if let place = bytes.firstRange(of: head) { bytes[place.lowerBound + 2] = 0x7F }
            return bytes
        }
        return ["certificate-key": chain + unknown, "embedded-format": [Array(format.utf8)]]
    }
}
