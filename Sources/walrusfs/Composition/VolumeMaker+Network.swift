internal import BlobClient
internal import BlobModel
internal import Codec
internal import Ledger
internal import LocalNetwork
internal import SystemIO
internal import Volume
internal import VolumeFormat

extension VolumeMaker {
    /// Registers a volume on a network, which is made if it is an embedded one that is missing.
    ///
    /// - Returns: The volume's number on the ledger, and the network's.
    func register(
        _ name: String,
        _ secrets: VolumeSecrets,
        on url: NetworkURL
    ) async throws(CommandFailure) -> (volume: VolumeID, network: NetworkID) {
        try makeEmbedded(url)
        let session = try await NetworkSession.open(url, isQuiet: true)
        do throws(CommandFailure) {
            try Self.checkHoldsVolumes(session.access.client.parameters)
        } catch {
            await session.close()
            throw error
        }
        do throws(BlobStoreError) {
            let keys = secrets.keys
            guard let account = keys.payingAccount else {
                preconditionFailure("a volume is made by its owner")
            }
            // A volume whose registration is interrupted is never used: its secret is gone.
            let sender = session.sender(
                account: account,
                journal: MemoryTransactionJournal()
            )
            let volume = try await VolumeRegistrar(sender: sender).create(
                nameHash: keys.nameHash(name),
                capacity: VolumeRegistrar.freeCapacity
            )
            let network = session.access.genesis.networkID
            await session.close()
            return (volume.id, network)
        } catch {
            await session.close()
            throw CommandFailure(error, volume: name)
        }
    }

    /// Refuses a network whose longest blob is too short for a pack, before anything is made.
    private static func checkHoldsVolumes(
        _ parameters: EncodingParameters
    ) throws(CommandFailure) {
        let needed = ChunkLengths.packLengthMin
        guard parameters.blobLengthMax < needed else { return }
        throw CommandFailure(
            .usage,
            "with \(parameters.shardCount) shards a blob has at most "
                + "\(Terminal.bytes(parameters.blobLengthMax)), and a volume needs "
                + "\(Terminal.bytes(UInt64(needed)))",
            advice: "use a network of more shards; ten is the default"
        )
    }

    private func makeEmbedded(_ url: NetworkURL) throws(CommandFailure) {
        guard case .embedded(let directory, let nodes) = url else { return }
        let files = LinuxFileSystem()
        do throws(SystemError) {
            if try files.exists(directory + "/format.json") { return }
        } catch {
            throw CommandFailure(error)
        }
        // A number of nodes that no code has is refused where the network is made.
        if let parameters = try? EncodingParameters(shardCount: nodes ?? Home.defaultNodes) {
            try Self.checkHoldsVolumes(parameters)
        }
        do throws(EmbeddedNetworkError) {
            try EmbeddedDirectory.create(
                directory,
                nodes: nodes ?? Home.defaultNodes,
                files: files,
                time: LinuxTimeSource(),
                entropy: LinuxEntropy()
            )
        } catch {
            throw CommandFailure(NetworkAccessError.embedded(error))
        }
    }

    /// Brings a volume to this machine.
    ///
    /// State after a throw: as before.
    func attach(
        _ name: String,
        key: RecoveryKey,
        network: NetworkURL?
    ) async throws(CommandFailure) {
        let path = try home.state(of: name)
        let url = if let network { network } else { try hint(of: key) }
        let secrets = VolumeSecrets.make(key.access, entropy: LinuxEntropy())
        let session = try await NetworkSession.open(url, isQuiet: true)
        do throws(CommandFailure) {
            let settings = try Self.settings(of: session, url, for: key)
            try await make(name, path, volume: Hex.encode(key.volume.bytes), secrets, settings) {
                (volume) async throws(CommandFailure) in
                let identity = VolumeIdentity(
                    volume: key.volume,
                    name: name,
                    state: path,
                    secrets: secrets,
                    pool: BlockingPool(threads: 4, name: "checkpoint")
                )
                let found = try await identity.find(on: session)
                let environment = CheckpointEnvironment(
                    volume,
                    identity,
                    blobs: found.blobs,
                    heads: found.heads
                )
                do throws(CheckpointError) {
                    _ = try await Attachment(environment).run()
                } catch {
                    throw CommandFailure(error, volume: name)
                }
            }
        } catch {
            await session.close()
            throw error
        }
        await session.close()
    }

    /// The settings for the network of a session, if it is the key's.
    static func settings(
        of session: NetworkSession,
        _ url: NetworkURL,
        for key: RecoveryKey
    ) throws(CommandFailure) -> VolumeSettings {
        let found = session.access.genesis.networkID
        guard found == key.network else {
            throw CommandFailure(
                .notPermitted,
                "the key is for the network \(key.network), and \(url) is \(found)",
                advice: "give the right one with --network"
            )
        }
        return VolumeSettings(network: url.description, networkID: Hex.encode(found.bytes))
    }

    func hint(of key: RecoveryKey) throws(CommandFailure) -> NetworkURL {
        for hint in key.networkHints {
            // A hint that is no URL helps nobody.
            if let url = try? NetworkURL(text: hint) { return url }
        }
        throw CommandFailure(
            .usage,
            "the key does not say where its network is",
            advice: "give it with --network"
        )
    }
}
