internal import Glibc

/// How many files a process may have open, sockets among them (getrlimit(2)).
package enum OpenFileLimit {
    /// Files that a service opens besides its connections, with room to spare.
    package static let reserve = 256
    /// More than any service here needs; some machines allow a billion, and pay for each.
    private static let wanted: rlim_t = 1 << 16

    /// Raises the soft limit as far as the hard one lets it; returns what it is then.
    @discardableResult
    package static func raise() -> Int {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return 1024
        }
        if limit.rlim_cur < min(wanted, limit.rlim_max) {
            var raised = limit
            raised.rlim_cur = min(wanted, limit.rlim_max)
            if unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &raised) == 0 {
                limit = raised
            }
        }
        return Int(clamping: limit.rlim_cur)
    }

    /// As many connections as are wanted, if files are left for everything else; else fewer, at
    /// least half of what there is.
    package static func connections(_ wanted: Int, within files: Int) -> Int {
        precondition(wanted > 0 && files > 0)
        return max(min(wanted, max(files - reserve, files / 2)), 1)
    }
}
