/// What may be chosen about a mounted volume.
package struct VolumeConfiguration: Sendable {
    /// Bytes that statfs(2) says the volume has room for.
    package var capacity: UInt64 = 1 << 40
    /// Bytes of the log beyond which writes wait for the uploader.
    package var logCap: UInt64 = 4 << 30
    /// Bytes of the log that are kept as cache after they are placed.
    package var cleanCap: UInt64 = 1 << 30
    /// How long a write waits for room before it fails.
    package var patience: Duration = .seconds(300)
    /// Whether anything will ever make room in the log.
    package var hasUploader = false
    package var readOnly = false
    /// Reading leaves access times alone (`-o noatime`).
    package var omitsAccessTimes = false
    /// The kernel holds writes back and keeps the times of files (`-o writeback_cache`).
    package var writesBack = false
    /// The lease token under which inodes and slices are numbered; nil: read-only until there is.
    package var token: UInt32? = 1
    /// Unsynced work is synced after so long.
    package var syncAge: Duration = .seconds(1)
    /// The view is committed after so long.
    package var commitAge: Duration = .seconds(5)
    /// Pages of the view's own log beyond which it begins anew, 64 MiB: each page that is read is
    /// looked for in it, so it must not grow with the work.
    package var viewLogPages = 16384
    /// Owner of the root directory of a new volume.
    package var rootUser: UInt32 = 0
    package var rootGroup: UInt32 = 0
    package var rootPermissions: UInt16 = 0o755
    /// Bytes for cached inodes and dirents.
    package var cacheBytes = 64 << 20

    package init() {}
}
