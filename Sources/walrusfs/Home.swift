internal import BlobModel
internal import Foundation
internal import Glibc
internal import SystemIO

/// Where this machine keeps its volumes and its own networks.
struct Home {
    static let variable = "WALRUSFS_HOME"
    static let defaultVolume = "default"
    /// Nodes of an embedded network whose URL does not say how many.
    static let defaultNodes = 10
    private static let nameLengthMax = 64

    /// An absolute path.
    let path: String

    /// From the environment, or where the system keeps such things.
    init() {
        if let path = Environment.value(Self.variable), !path.isEmpty {
            self.path = Self.absolute(path)
        } else if geteuid() == 0 {
            path = "/var/lib/walrusfs"
        } else {
            let data = Environment.value("XDG_DATA_HOME").flatMap { $0.hasPrefix("/") ? $0 : nil }
            path = (data ?? NSHomeDirectory() + "/.local/share") + "/walrusfs"
        }
    }

    /// A path that means the same from another working directory.
    static func absolute(_ path: String) -> String {
        URL(filePath: path).standardizedFileURL.path
    }

    /// The default network's URL: ten nodes in one directory.
    var defaultNetwork: NetworkURL {
        .embedded(directory: path + "/networks/default", nodes: Self.defaultNodes)
    }

    /// The state directory of a volume.
    func state(of volume: String) throws(CommandFailure) -> String {
        let isAllowed = volume.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
                UInt8(ascii: "."):
                true
            default: false
            }
        }
        guard isAllowed, !volume.isEmpty, !volume.hasPrefix("."), !volume.hasPrefix("-"),
            volume.utf8.count <= Self.nameLengthMax
        else {
            throw CommandFailure(
                .usage,
                "'\(volume)' can not be the name of a volume",
                advice: "use up to \(Self.nameLengthMax) letters, digits, '-', '_' and '.'"
            )
        }
        return path + "/volumes/" + volume
    }
}
