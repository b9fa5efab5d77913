internal import Glibc

/// What this machine computes with.
package enum Processor {
    /// How many cores there are, at least one.
    package static var count: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }
}
