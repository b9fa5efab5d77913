extension FuzzTarget {
    /// Those that stand on the web server and its libraries, with which a fuzzer is not built.
    static let libraries: [FuzzTarget] = []
}
