/// How a volume is mounted; what `-o` says of it.
package struct MountOptions: Sendable, Equatable {
    /// What `mount` and `df` show as the source.
    ///
    /// No commas.
    package var source = "walrusfs"
    package var isReadOnly = false
    package var allowsOthers = false
    /// Access times are never written.
    package var omitsAccessTimes = false
    /// Device files of the volume work as devices.
    ///
    /// libfuse's default, no, is ours.
    package var allowsDevices = false
    /// Set-id bits of the volume's programs count.
    ///
    /// libfuse's default, no, is ours.
    package var allowsSetID = false
    package var allowsExecution = true
    /// The kernel holds writes back: faster in small pieces, at a price
    /// (`Docs/Decisions/0100-writeback-cache.md`).
    package var writesBack = false
    /// Threads that take requests from the kernel.
    package var threads = 8
    /// Microseconds that the next request is looked for, while requests come fast, before the
    /// thread that waits for it sleeps; zero: it sleeps at once.
    package var spin = 50
    /// The kernel's read-ahead in KiB, set when permitted (root); zero leaves it.
    package var readAhead = 4096
    /// Seconds that the kernel may remember names and attributes.
    ///
    /// A day: everything that changes them on this machine goes through this mount. libfuse's own
    /// default of one second would cost a request for each stat(2) of a file at rest.
    package var timeout = 86_400.0
    /// Attributes named `walrusfs.…` that every inode answers with, unlisted: what the mount says
    /// of itself.
    package var attributes: [String: String] = [:]

    package init() {}

    /// Takes one option of `-o`; false if the name is not one of these.
    package mutating func apply(_ option: String) -> Bool {
        switch option {
        case "ro": isReadOnly = true
        case "rw": isReadOnly = false
        case "allow_other": allowsOthers = true
        case "noatime": omitsAccessTimes = true
        case "relatime", "atime": omitsAccessTimes = false
        case "dev": allowsDevices = true
        case "nodev": allowsDevices = false
        case "suid": allowsSetID = true
        case "nosuid": allowsSetID = false
        case "exec": allowsExecution = true
        case "noexec": allowsExecution = false
        case "writeback_cache": writesBack = true
        // Always so, but written in many an fstab.
        case "default_permissions", "defaults": break
        default:
            guard option.hasPrefix("spin="), let spin = Int(option.dropFirst(5)),
                (0...1000).contains(spin)
            else { return false }
            self.spin = spin
        }
        return true
    }

    /// What libfuse's own option parser is given.
    var libraryOptions: String {
        var options = ["fsname=\(source)", "subtype=walrusfs", "default_permissions"]
        options.append(isReadOnly ? "ro" : "rw")
        options.append(allowsDevices ? "dev" : "nodev")
        options.append(allowsSetID ? "suid" : "nosuid")
        if !allowsExecution { options.append("noexec") }
        if omitsAccessTimes { options.append("noatime") }
        if allowsOthers { options.append("allow_other") }
        return options.joined(separator: ",")
    }
}
