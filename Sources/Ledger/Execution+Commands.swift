internal import BlobModel

extension Execution {
    /// Executes one command; throws `ExecutionFailure` when it can't be, `StateError` when the
    /// state can't be read.
    mutating func execute(_ command: Command) throws -> CommandResult {
        switch command {
        case .transfer(let recipient, let amount):
            try withdraw(amount, from: sender)
            try deposit(amount, to: recipient)
            return .done
        case .reserveSpace(let size, let epochs):
            return try reserveSpace(size: size, epochs: epochs)
        case .registerBlob(let storage, let blob, let deletable):
            return try registerBlob(storage: storage, description: blob, deletable: deletable)
        case .certifyBlob(let blob, let certificate): return try certifyBlob(blob, certificate)
        case .extendBlob(let blob, let epochs): return try extendBlob(blob, epochs: epochs)
        case .deleteBlob(let blob): return try deleteBlob(blob)
        case .invalidateBlob(let certificate): return try invalidateBlob(certificate)
        case .createPool(let capacity, let epochs, let funds):
            return try createPool(capacity: capacity, epochs: epochs, funds: funds)
        case .extendPool(let pool, let epochs, let payer):
            return try extendPool(pool, epochs: epochs, payer: payer)
        case .growPool(let pool, let bytes, let payer):
            return try growPool(pool, bytes: bytes, payer: payer)
        case .fundPool(let pool, let amount): return try fundPool(pool, amount: amount)
        case .registerPooledBlob(let pool, let blob):
            return try registerPooledBlob(pool, description: blob)
        case .certifyPooledBlob(let blob, let certificate):
            return try certifyPooledBlob(blob, certificate)
        case .deletePooledBlob(let blob): return try deletePooledBlob(blob)
        case .updateNode, .advanceEpoch, .registerNode, .stake, .withdrawStake, .setCandidacy,
            .rotateProtocolKey, .vote, .selectCommittee, .reportSync:
            return try executeNodeCommand(command)
        case .createVolume, .acquireLease, .keepLease, .takeOverLease, .releaseLease,
            .publishHead, .retire, .deleteRetired:
            return try executeVolumeCommand(command)
        }
    }

    private mutating func executeNodeCommand(_ command: Command) throws -> CommandResult {
        switch command {
        case .updateNode(let node, let address, let networkKey):
            return try updateNode(node, address: address, networkKey: networkKey)
        case .advanceEpoch(let epoch): return try advanceEpoch(from: epoch)
        case .registerNode(let registration): return try registerNode(registration)
        case .stake(let node, let amount): return try stake(amount, with: node)
        case .withdrawStake(let node, let amount): return try withdrawStake(amount, from: node)
        case .setCandidacy(let node, let isCandidate):
            return try setCandidacy(node, isCandidate)
        case .rotateProtocolKey(let node, let key, let proof):
            return try rotateProtocolKey(node, key, proof: proof)
        case .vote(let node, let parameters): return try vote(node, parameters)
        case .selectCommittee(let epoch): return try selectCommittee(from: epoch)
        case .reportSync(let node, let epoch): return try reportSync(node, epoch: epoch)
        default: preconditionFailure("Other commands are executed by the caller.")
        }
    }

    private mutating func executeVolumeCommand(_ command: Command) throws -> CommandResult {
        switch command {
        case .createVolume(let nameHash, let pool, let writer):
            return try createVolume(nameHash: nameHash, pool: pool, writer: writer)
        case .acquireLease(let volume, let mount):
            return try acquireLease(volume, mount: mount)
        case .keepLease(let volume, let token): return try keepLease(volume, token: token)
        case .takeOverLease(let volume, let mount):
            return try takeOverLease(volume, mount: mount)
        case .releaseLease(let volume, let token):
            return try releaseLease(volume, token: token)
        case .publishHead(let volume, let expected, let manifest, let token, let pins):
            return try publishHead(
                volume,
                expected: expected,
                manifest: manifest,
                token: token,
                pins: pins
            )
        case .retire(let volume, let blobs, let sequence, let token, let immediately):
            return try retire(
                volume,
                blobs: blobs,
                sequence: sequence,
                token: token,
                immediately: immediately
            )
        case .deleteRetired(let volume, let blobs, let token):
            return try deleteRetired(volume, blobs: blobs, token: token)
        default: preconditionFailure("Other commands are executed by the caller.")
        }
    }
}
