// Brings a volume to a machine that has never seen it. Needs no lease; mounting takes it later.

package import BlobModel
internal import Codec
internal import SystemIO
package import VolumeFormat

/// Loads the newest checkpoint of a volume into an empty state directory.
package struct Attachment: Sendable {
    private let environment: CheckpointEnvironment

    package init(_ environment: CheckpointEnvironment) { self.environment = environment }

    /// What was loaded.
    package struct Report: Sendable {
        package let sequence: UInt64
        package let name: String
        package let rowCount: UInt64
    }

    /// What opening the head tells, before anything is loaded.
    package static func manifest(
        of volume: VolumeID,
        keys: VolumeKeys,
        blobs: any BlobStore,
        heads: any HeadStore
    ) async throws(CheckpointError) -> (head: Head, manifest: Manifest) {
        let reader = HeadReader(
            volume: volume,
            keys: keys,
            blobs: blobs,
            heads: heads,
            pool: BlockingPool(threads: 0)
        )
        guard let found = try await reader.head() else { throw .neverPublished }
        return found
    }

    /// Loads the head's checkpoint, to go on with it; the volume in `environment.source` must be
    /// new.
    ///
    /// After a throw the state directory is of no use and is to be removed.
    package func run() async throws(CheckpointError) -> Report {
        let reader = HeadReader(environment)
        guard let (head, manifest) = try await reader.head() else { throw .neverPublished }
        try format { () throws(VolumeFormatError) in try manifest.features.verifyWritable() }
        let source = environment.source
        let rowCount = try await reader.forEachLeaf(of: manifest) {
            (rows) throws(CheckpointError) in
            try volume { () throws(VolumeError) in try source.load(rows) }
        }
        let published = PublishedHead(manifestBlob: head.manifest, manifest: manifest)
        try await environment.blocking { () throws(CheckpointError) in
            try volume { () throws(VolumeError) in
                try source.finishLoading(
                    sequence: manifest.sequence,
                    inodeMark: manifest.inodeMark
                )
                try source.setLocalValue(PublishedHead.localName, published.bcsBytes)
            }
        }
        return Report(sequence: manifest.sequence, name: manifest.name, rowCount: rowCount)
    }
}
