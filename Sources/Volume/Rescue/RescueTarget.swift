/// Where a rescue puts what it copies.
///
/// A throw ends the rescue, save where a call returns what it could not keep.
package protocol RescueTarget: Sendable {
    /// A file or directory of the target.
    associatedtype Place: Sendable

    var root: Place { get }

    func makeDirectory(
        _ name: [UInt8],
        in parent: Place
    ) async throws(RescueError) -> Place

    func makeFile(_ name: [UInt8], in parent: Place) async throws(RescueError) -> Place

    /// Makes what has no bytes: a symbolic link, a FIFO, a socket or a device.
    func makeOther(
        _ name: [UInt8],
        in parent: Place,
        like inode: InodeAttributes,
        target: [UInt8]
    ) async throws(RescueError) -> Place

    /// Gives a file that was made before another name.
    func link(
        _ place: Place,
        _ name: [UInt8],
        in parent: Place
    ) async throws(RescueError)

    func write(
        _ bytes: [UInt8],
        at offset: UInt64,
        to file: Place
    ) async throws(RescueError)

    /// Ends a file that has all its bytes; those past the last written ones are a hole.
    func finish(_ file: Place, size: UInt64) async throws(RescueError)

    /// Gives a place the owner, mode, times and extended attributes of an inode.
    ///
    /// - Returns: What of it this target or this user can not keep.
    func setAttributes(
        of place: Place,
        to inode: InodeAttributes,
        extended: [(name: [UInt8], value: [UInt8])]
    ) async throws(RescueError) -> [String]
}

/// Why a rescue ended early; what was copied by then stays.
package enum RescueError: Error, Equatable, Sendable {
    /// The state that is rescued can not be read.
    case source(CheckpointError)
    /// The target refuses; says what and why.
    case target(String, isFull: Bool)
    case cancelled
}

/// What a rescue did, and what it could not.
package struct RescueReport: Sendable {
    package struct Loss: Hashable, Sendable {
        /// Of the file, from the root, without a slash in front.
        package let path: [UInt8]
        package let offset: UInt64
        package let length: UInt64
        package let reason: String
    }

    package var files = 0
    package var directories = 0
    package var others = 0
    /// Bytes of files, without holes.
    package var bytes: UInt64 = 0
    /// Bytes that could not be read, by file and range; holes in their place.
    package var lost: [Loss] = []
    /// Attributes that the target does not have: path and what.
    package var notKept: [(path: [UInt8], what: String)] = []
    /// Names that were removed since the last published checkpoint.
    package var removed: [[UInt8]] = []

    package init() {}
}
