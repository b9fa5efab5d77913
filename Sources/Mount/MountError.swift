/// Why a volume could not be mounted or unmounted.
package enum MountError: Error, Equatable, Sendable {
    /// There is nothing at the path to mount on.
    case missing(String)
    case notDirectory(String)
    /// Something is mounted there already; names its type and source.
    case alreadyMounted(String, by: String)
    /// A dead mount of another program is there.
    case deadForeignMount(String, type: String)
    /// The mountpoint is, holds, or lies in a directory that the mount itself stands on.
    case overOwnState(String, directory: String)
    /// Unmounting failed because files of the mount are in use.
    case busy(String)
    case notMounted(String)
    case notPermitted(String)
    /// `/dev/fuse` is missing or can not be opened.
    case noDevice(String)
    /// The installed libfuse is not one that this program knows.
    case libraryVersion(Int)
    /// The system refused in another way; says what was tried.
    case failed(String)
}

extension MountError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .missing(let path):
            "\(path) does not exist; make the directory first"
        case .notDirectory(let path):
            "\(path) is not a directory; a volume is mounted on a directory"
        case .alreadyMounted(let path, let owner):
            "\(path) is already a mountpoint (\(owner)); unmount it first or choose another"
        case .deadForeignMount(let path, let type):
            "\(path) holds a dead mount of type \(type); unmount it first (umount -l \(path))"
        case .overOwnState(let path, let directory):
            "\(path) can not be a mountpoint: the mount itself keeps its data in \(directory)"
        case .busy(let path):
            "\(path) is in use; close what uses it (fuser -m \(path)) and unmount again"
        case .notMounted(let path):
            "nothing is mounted at \(path)"
        case .notPermitted(let path):
            "no permission to mount at \(path) or to unmount it"
        case .noDevice(let reason):
            "/dev/fuse can not be used (\(reason)); load the fuse module and install fuse3"
        case .libraryVersion(let version):
            "libfuse \(version / 100).\(version % 100) is not supported; 3.14 or later is needed"
        case .failed(let reason):
            "mounting failed: \(reason)"
        }
    }
}
