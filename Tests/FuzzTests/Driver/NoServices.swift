extension FuzzTarget {
    /// Those of the services need what a fuzzer is not built with.
    static let services: [FuzzTarget] = []
}
