internal import BlobModel
internal import Mount
internal import SystemIO
internal import Volume
internal import VolumeFormat

// One answer for everything that can go wrong below: the status that a script branches on, and what
// a person can do. No case is left to a default, so a new one does not compile until it is here.

extension CommandFailure {
    init(_ error: MountError) {
        let status: CommandStatus =
            switch error {
            case .missing, .notDirectory, .notMounted: .notFound
            case .alreadyMounted, .deadForeignMount, .busy: .busy
            case .overOwnState: .usage
            case .notPermitted: .notPermitted
            case .noDevice, .libraryVersion: .configuration
            case .failed: .failure
            }
        self.init(status, "\(error)")
    }

    init(_ error: StateError, volume: String) {
        switch error {
        case .missing(let path):
            self.init(
                .notFound,
                "there is no volume '\(volume)' here (\(path))",
                advice:
                    "make it with 'walrusfs create \(volume)', or bring it with 'walrusfs attach'"
            )
        case .exists(let path):
            self.init(
                .exists,
                "the volume '\(volume)' is there already (\(path))",
                advice: "choose another name"
            )
        case .foreign(let kind):
            self.init(
                .damaged,
                "the state of '\(volume)' has the format of a \(kind), not a volume"
            )
        case .newer(let version):
            self.init(
                .damaged,
                "the state of '\(volume)' has format version \(version), which this program is too "
                    + "old for",
                advice: "install a newer walrusfs"
            )
        case .damaged(let file):
            self.init(
                .damaged,
                "\(file) is damaged: the format of the state of '\(volume)' can not be read",
                advice: "restore the file, or attach the volume again with its key"
            )
        case .copied:
            self.init(
                .damaged,
                "the state of '\(volume)' is a copy: two mounts working on copies would undo each "
                    + "other's work",
                advice:
                    "use the original; if it is gone for good, 'walrusfs adopt \(volume)' makes "
                    + "the copy this machine's; or attach the volume again with its key"
            )
        case .notCopied:
            self.init(
                .usage,
                "the state of '\(volume)' is no copy, and this machine's already",
                advice: "mount it"
            )
        case .locked:
            self.init(
                .busy,
                "the volume '\(volume)' is in use by another process",
                advice: "see 'walrusfs status \(volume)'"
            )
        case .disk(let reason):
            self.init(.inputOutput, "the state of '\(volume)' can not be used: \(reason)")
        case .volume(let error):
            self.init(error, volume: volume)
        }
    }

    init(_ error: VolumeError, volume: String) {
        let status: CommandStatus =
            switch error {
            case .notFound, .noAttribute, .noSuchOffset, .stale: .notFound
            case .exists: .exists
            case .networkUnavailable, .interrupted: .unavailable
            case .inputOutput, .noSpace, .quotaExceeded, .failed: .inputOutput
            case .corrupt: .damaged
            case .notPermitted, .accessDenied, .readOnly: .notPermitted
            case .notDirectory, .isDirectory, .directoryNotEmpty, .nameTooLong, .invalidArgument,
                .tooManyLinks, .fileTooLarge, .attributeTooLarge, .unsupported, .badHandle:
                .failure
            }
        self.init(
            status,
            "the volume '\(volume)': \(error)",
            advice: status == .damaged ? "see what 'walrusfs fsck \(volume)' says" : nil
        )
    }

    init(_ error: SystemError) {
        let status: CommandStatus =
            if error.isNotFound {
                .notFound
            } else if error.isPermissionDenied {
                .notPermitted
            } else {
                .inputOutput
            }
        self.init(status, "\(error)")
    }

    init(_ error: ControlSocketError, volume: String) {
        switch error {
        case .notListening:
            self.init(
                .notFound,
                "'\(volume)' is not mounted",
                advice: "mount it with 'walrusfs mount'"
            )
        case .broken:
            self.init(.failure, "the process that mounts '\(volume)' ended in the middle")
        case .refused(let text):
            self.init(encoded: text)
        case .failed(let error):
            self.init(error)
        }
    }

    init(_ error: NetworkURLError) {
        let what =
            switch error {
            case .unknownScheme(let text): "'\(text)' starts with neither walrus:// nor embedded:"
            case .invalidEndpoint(let text): "'\(text)' is no host:port"
            case .unknownParameter(let name): "it has no parameter '\(name)', or has it twice"
            case .invalidParameter(let name): "the value of '\(name)' is not possible"
            case .invalidDirectory: "an embedded network needs a directory"
            }
        self.init(
            .usage,
            "this is no network: \(what)",
            advice: "write embedded:DIR?nodes=10, or walrus://HOST:PORT/?genesis=ID"
        )
    }
}

extension CommandFailure {
    init(_ error: VolumeFormatError, volume: String) {
        switch error {
        case .readOnlyFeatures(let bits):
            self.init(
                .notPermitted,
                "a newer program has made of '\(volume)' what this one can read and not write "
                    + "(features \(Self.list(bits)))",
                advice: "install a newer walrusfs, or read it after 'walrusfs attach --follower'"
            )
        case .unsupportedFeatures(let bits):
            self.init(
                .notPermitted,
                "a newer program has made of '\(volume)' what this one can not read "
                    + "(features \(Self.list(bits)))",
                advice: "install a newer walrusfs"
            )
        case .foreign, .unsupportedVersion, .corrupt, .malformed:
            self.init(.damaged, "a checkpoint of '\(volume)' can not be read: \(error)")
        }
    }

    private static func list(_ bits: [Int]) -> String {
        bits.map(String.init).joined(separator: ", ")
    }
}
