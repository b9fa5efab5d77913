// A block is made by whoever holds the ledger, and made again by whoever verifies it. Both ways
// lead through here, so they can not drift apart.

package import BlobModel
package import Codec

/// Why a block is not the next one of a chain.
package enum BlockError: Error, Equatable, Sendable {
    /// The state can not be read.
    case state(StateError)
    /// The block asks for rules that this program does not have.
    case unknownProtocolVersion(UInt32)
    /// It is of another network.
    case wrongNetwork(NetworkID)
    /// Its height does not follow, or its parent is another block.
    case notAChild(of: BlockReference, height: UInt64)
    /// Its time is before its parent's, or its incarnation or log index goes back.
    case goesBack(height: UInt64)
    /// Another than the network's key produced it, or did not sign it.
    case badSignature(height: UInt64)
    /// Header, transactions and effects do not belong together.
    case inconsistent(height: UInt64)
    /// Execution gives something else than the block says.
    case replayDiffers(height: UInt64)
}

/// What a chain has come to: enough to judge the next block.
package struct ChainTip: Hashable, Sendable {
    package let reference: BlockReference
    package let milliseconds: UInt64
    package let incarnation: UInt32
    package let logIndex: UInt64

    package init(
        reference: BlockReference,
        milliseconds: UInt64,
        incarnation: UInt32,
        logIndex: UInt64
    ) {
        self.reference = reference
        self.milliseconds = milliseconds
        self.incarnation = incarnation
        self.logIndex = logIndex
    }

    /// The tip before the first block.
    package init(of genesis: Genesis) {
        self.init(
            reference: BlockReference(genesisOf: genesis.networkID),
            milliseconds: genesis.startMilliseconds,
            incarnation: 0,
            logIndex: 0
        )
    }

    package init(after header: BlockHeader) {
        self.init(
            reference: BlockReference(height: header.height, hash: header.hash),
            milliseconds: header.milliseconds,
            incarnation: header.incarnation,
            logIndex: header.logIndex
        )
    }

    /// Checks all that can be checked of a next block without executing it.
    package func check(
        _ block: Block,
        network: NetworkID,
        producer: PublicKey
    ) throws(BlockError) {
        let header = block.header
        guard header.network == network else { throw .wrongNetwork(header.network) }
        guard header.height == reference.height + 1, header.parent == reference.hash else {
            throw .notAChild(of: reference, height: header.height)
        }
        guard LedgerMachine.protocolVersions.contains(header.protocolVersion) else {
            throw .unknownProtocolVersion(header.protocolVersion)
        }
        guard header.milliseconds >= milliseconds, header.logIndex > logIndex,
            header.incarnation == incarnation || header.incarnation == incarnation + 1
        else { throw .goesBack(height: header.height) }
        guard header.producer == producer, block.signedHeader.isSigned else {
            throw .badSignature(height: header.height)
        }
        guard block.isConsistent else { throw .inconsistent(height: header.height) }
    }
}

/// A block and the rows that it writes.
package struct ExecutedBlock: Sendable {
    package let block: Block
    /// Ascending by key.
    package let writes: [StateWrite]

    package init(block: Block, writes: [StateWrite]) {
        self.block = block
        self.writes = writes
    }
}

/// One transaction's fate on the way into a block.
package enum Proposal: Hashable, Sendable {
    /// It is in the block; its number there.
    case included(Int)
    case duplicate(TransactionResult)
    case rejected(RejectionReason)
}

package enum BlockExecutor {
    /// Makes the next block out of `transactions`, in order, leaving out what can not be
    /// included; no block when nothing can.
    ///
    /// - Precondition: There are at most `Block.transactionsMax`.
    package static func propose(
        _ transactions: [SignedTransaction],
        after tip: ChainTip,
        incarnation: UInt32,
        now: UInt64,
        network: NetworkID,
        key: SigningKey,
        over reader: any StateReader
    ) throws(StateError) -> (block: ExecutedBlock?, proposals: [Proposal]) {
        precondition(transactions.count <= Block.transactionsMax)
        let context = BlockContext(
            height: tip.reference.height + 1,
            milliseconds: max(now, tip.milliseconds),
            protocolVersion: LedgerMachine.protocolVersion
        )
        let overlay = StateOverlay(over: reader)
        try LedgerMachine.begin(context, incarnation: incarnation, on: overlay)
        var included: [SignedTransaction] = []
        var effects: [TransactionEffects] = []
        var proposals: [Proposal] = []
        for transaction in transactions {
            switch try LedgerMachine.apply(transaction, in: context, on: overlay) {
            case .included(let done):
                proposals.append(.included(included.count))
                included.append(transaction)
                effects.append(done)
            case .duplicate(let result): proposals.append(.duplicate(result))
            case .rejected(let reason): proposals.append(.rejected(reason))
            }
        }
        guard !included.isEmpty || incarnation != tip.incarnation else {
            return (nil, proposals)
        }
        let header = BlockHeader(
            network: network,
            incarnation: incarnation,
            height: context.height,
            logIndex: tip.logIndex + 1,
            parent: tip.reference.hash,
            milliseconds: context.milliseconds,
            protocolVersion: LedgerMachine.protocolVersion,
            transactionRoot: LedgerRoot.root(of: included),
            effectsRoot: LedgerRoot.root(of: effects),
            producer: key.publicKey
        )
        let block = Block(
            signedHeader: SignedBlockHeader(signing: header, with: key),
            transactions: included,
            effects: effects
        )
        return (ExecutedBlock(block: block, writes: overlay.writes), proposals)
    }

    /// Executes a block that somebody else made, and compares: the rows that it writes.
    ///
    /// The block has passed ``ChainTip/check(_:network:producer:)``.
    package static func replay(
        _ block: Block,
        over reader: any StateReader
    ) throws(BlockError) -> [StateWrite] {
        let header = block.header
        let context = BlockContext(
            height: header.height,
            milliseconds: header.milliseconds,
            protocolVersion: header.protocolVersion
        )
        let overlay = StateOverlay(over: reader)
        do throws(StateError) {
            try LedgerMachine.begin(context, incarnation: header.incarnation, on: overlay)
        } catch {
            throw .state(error)
        }
        for (transaction, expected) in zip(block.transactions, block.effects) {
            let result: ApplyResult
            do throws(StateError) {
                result = try LedgerMachine.apply(transaction, in: context, on: overlay)
            } catch {
                throw .state(error)
            }
            guard result == .included(expected) else {
                throw .replayDiffers(height: header.height)
            }
        }
        return overlay.writes
    }
}

extension ChainTip: BCSCodable {
    package func encode(to writer: inout ByteWriter) {
        writer.write(reference)
        writer.write(milliseconds)
        writer.write(incarnation)
        writer.write(logIndex)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        reference = try reader.read()
        milliseconds = try reader.readUInt64()
        incarnation = try reader.readUInt32()
        logIndex = try reader.readUInt64()
    }
}
