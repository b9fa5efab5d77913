package import BlobModel
package import Ledger
package import SQLite
package import SystemIO

/// What a host needs besides its directory.
package struct LedgerHostOptions: Sendable {
    /// Signs blocks; the genesis names it.
    package var key: SigningKey
    package var files: any FileSystem
    /// The same files for SQLite, when they are not the machine's.
    package var databaseFiles: FileSystemVFS?
    package var time: any TimeSource
    /// Carries the blocking calls; one thread, and nobody else's, is right.
    package var pool: BlockingPool
    /// Where blocks go before they are acknowledged.
    package var sink: (any BlockSink)?
    /// Hears how far the nodes are; may be the sink as well.
    package var followers: LedgerFollowers?

    package init(
        key: SigningKey,
        files: any FileSystem = LinuxFileSystem(),
        time: any TimeSource = LinuxTimeSource(),
        pool: BlockingPool = BlockingPool(threads: 1, name: "ledger"),
        sink: (any BlockSink)? = nil,
        followers: LedgerFollowers? = nil
    ) {
        self.key = key
        self.files = files
        self.time = time
        self.pool = pool
        self.sink = sink
        self.followers = followers
    }
}

extension LedgerHost {
    /// Makes a ledger in `directory` and hosts it.
    package static func create(
        _ directory: String,
        genesis: Genesis,
        _ options: LedgerHostOptions
    ) async throws(LedgerStoreError) -> LedgerHost {
        let (files, databaseFiles) = (options.files, options.databaseFiles)
        let pool = options.pool
        let engine = try await pool.run { () throws(LedgerStoreError) in
            Confined<any LedgerEngine>(
                try LedgerStore.create(
                    directory,
                    genesis: genesis,
                    in: files,
                    databaseFiles: databaseFiles
                ),
                pool: pool
            )
        }
        return try await host(engine, options)
    }

    /// Hosts the ledger in `directory`.
    ///
    /// With `sources` it first takes the blocks that they have and it lacks: an old backup that
    /// was put back catches up, and a chain that parted from theirs is refused.
    package static func open(
        _ directory: String,
        network: NetworkID,
        _ options: LedgerHostOptions,
        catchingUpFrom sources: [any BlockSource] = [],
        answersMin: Int = 0
    ) async throws(LedgerStoreError) -> LedgerHost {
        let (files, databaseFiles) = (options.files, options.databaseFiles)
        let pool = options.pool
        let engine = try await pool.run { () throws(LedgerStoreError) in
            Confined<any LedgerEngine>(
                try LedgerStore.open(
                    directory,
                    network: network,
                    in: files,
                    databaseFiles: databaseFiles
                ),
                pool: pool
            )
        }
        if !sources.isEmpty {
            try await LedgerRestore.catchUp(
                engine,
                from: sources,
                answersMin: answersMin,
                hurry: options.time
            )
        }
        return try await host(engine, options)
    }

    private static func host(
        _ engine: Confined<any LedgerEngine>,
        _ options: LedgerHostOptions
    ) async throws(LedgerStoreError) -> LedgerHost {
        let (genesis, tip) = await engine.run { ($0.genesis, $0.tip) }
        guard genesis.blockKey == options.key.publicKey else { throw .wrongKey }
        return LedgerHost(
            engine: engine,
            genesis: genesis,
            tip: tip,
            key: options.key,
            time: options.time,
            sink: options.sink,
            followers: options.followers
        )
    }

    /// Executes the whole chain anew and compares every row; long, and meanwhile nothing else is
    /// answered.
    package func verify() async throws(LedgerStoreError) -> VerificationReport {
        try await engine.run { engine throws(LedgerStoreError) in
            guard let store = engine as? LedgerStore else {
                throw .failed("this engine has no store to verify")
            }
            return try store.verify()
        }
    }
}
