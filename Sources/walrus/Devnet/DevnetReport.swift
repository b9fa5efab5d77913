/// `devnet.json`: what runs where, written once everything answers.
struct DevnetReport: Codable {
    struct Process: Codable {
        /// `ledger` or `node`.
        let role: String
        let name: String
        let pid: Int32
        let url: String
        let directory: String
    }

    /// The URL that `walrus --network` and `walrusfs --network` take.
    let network: String
    /// The devnet's own process: SIGTERM ends it and all the others.
    let pid: Int32
    let processes: [Process]
}
