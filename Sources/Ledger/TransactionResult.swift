package import BlobModel
package import Codec

/// What one command did, for later commands and for the client.
package enum CommandResult: Hashable, Sendable {
    case done
    /// The object that was made, or for `deleteBlob` the storage that was given back.
    case object(ObjectID)
    /// The lease as it stands after the command; `acquireLease` succeeds also when it only
    /// recorded a claim, so look at the holder.
    case lease(Lease)
    case head(Head)
}

extension CommandResult: BCSCodable {
    package func encode(to writer: inout ByteWriter) {
        switch self {
        case .done: writer.write(uleb: 0)
        case .object(let object):
            writer.write(uleb: 1)
            writer.write(object)
        case .lease(let lease):
            writer.write(uleb: 2)
            writer.write(lease)
        case .head(let head):
            writer.write(uleb: 3)
            writer.write(head)
        }
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        switch try reader.readULEB() {
        case 0: self = .done
        case 1: self = .object(try reader.read())
        case 2: self = .lease(try reader.read())
        case 3: self = .head(try reader.read())
        case let tag: throw .unknownTag(tag, of: "command result")
        }
    }
}

/// How an included transaction ended.
package enum TransactionOutcome: Hashable, Sendable {
    /// All commands took effect; one result for each.
    case succeeded([CommandResult])
    /// This command failed, and nothing but the fee took effect.
    case failed(command: UInt16, ExecutionFailure)
}

extension TransactionOutcome: BCSCodable {
    package func encode(to writer: inout ByteWriter) {
        switch self {
        case .succeeded(let results):
            writer.write(uleb: 0)
            writer.write(vector: results)
        case .failed(let command, let failure):
            writer.write(uleb: 1)
            writer.write(command)
            writer.write(failure)
        }
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        switch try reader.readULEB() {
        case 0:
            self = .succeeded(try reader.readVector(limit: Transaction.commandsMax))
        case 1: self = .failed(command: try reader.readUInt16(), try reader.read())
        case let tag: throw .unknownTag(tag, of: "transaction outcome")
        }
    }
}

/// What the ledger answers once a transaction is in a block, today or when asked again.
package struct TransactionResult: Hashable, Sendable, BCSCodable {
    package let digest: TransactionDigest
    /// The block that it is in.
    package let height: UInt64
    /// Time of that block, milliseconds since 1970 UTC.
    package let milliseconds: UInt64
    package let outcome: TransactionOutcome

    package init(
        digest: TransactionDigest,
        height: UInt64,
        milliseconds: UInt64,
        outcome: TransactionOutcome
    ) {
        self.digest = digest
        self.height = height
        self.milliseconds = milliseconds
        self.outcome = outcome
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(digest)
        writer.write(height)
        writer.write(milliseconds)
        writer.write(outcome)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        digest = try reader.read()
        height = try reader.readUInt64()
        milliseconds = try reader.readUInt64()
        outcome = try reader.read()
    }
}
