internal import BlobModel

@testable internal import Transport

extension FuzzTarget {
    /// What requests and responses have besides BCS.
    static let wire: [FuzzTarget] = [
        text("query", read: { QueryString(parsing: $0) }, print: \.text),
        text("percent-coding", read: { PercentCoding.decode($0) }, print: PercentCoding.encode),
        text("endpoint", read: { Endpoint(text: $0) }, print: \.description),
        FuzzTarget("range") { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            guard let range = ByteRange(header: text) else { return nil }
            for count in [0, 1, 2, 1000, Int.max] {
                guard let part = range.resolved(in: count) else { continue }
                if part.isEmpty || part.lowerBound < 0 || part.upperBound > count {
                    return "is \(part) of \(count) bytes"
                }
            }
            return nil
        },
        FuzzTarget("refusal") { bytes in
            let refusal = APIError(code: 400, body: bytes)
            let again = APIError(code: 400, body: refusal.json)
            return again == refusal ? nil : "is read as \(again)"
        },
        FuzzTarget("confirmation") { bytes in
            let answer = try? JSON.decode(SuccessEnvelope<WireConfirmation>.self, from: bytes)
            guard let message = answer?.data.message else { return nil }
            return WireConfirmation(message).message == message ? nil : "is another message"
        },
        FuzzTarget("blob-status") { bytes in
            let answer = try? JSON.decode(SuccessEnvelope<WireBlobStatus>.self, from: bytes)
            guard let status = answer?.data.status else { return nil }
            guard let json = try? JSON.encode(WireBlobStatus(status)) else { return "has no JSON" }
            let again = try? JSON.decode(WireBlobStatus.self, from: json)
            return again?.status == status ? nil : "is another status"
        },
        FuzzTarget("health") { bytes in
            let answer = try? JSON.decode(SuccessEnvelope<WireHealth>.self, from: bytes)
            guard let health = answer?.data.health else { return nil }
            return WireHealth(health, detailed: false).health == health ? nil : "is another health"
        },
        FuzzTarget("attestation") { bytes in
            let answer = try? JSON.decode(SuccessEnvelope<WireSignedMessage>.self, from: bytes)
            guard let message = answer?.data.message else { return nil }
            return WireSignedMessage(message).message == message ? nil : "is another message"
        },
        FuzzTarget("stored-status") { bytes in
            let answer = try? JSON.decode(SuccessEnvelope<String>.self, from: bytes)
            _ = answer.flatMap { StoredStatus(rawValue: $0.data) }
            return nil
        },
        FuzzTarget("ledger-health") { bytes in
            let answer = try? JSON.decode(SuccessEnvelope<WireLedgerFault>.self, from: bytes)
            guard let fault = answer?.data.fault else { return nil }
            return fault.utf8.count <= bytes.count * 3 ? nil : "is longer than what it is of"
        },
        FuzzTarget("block-list") { bytes in
            guard let blocks = try? BlockList.decode(bytes, limit: 256) else { return nil }
            return FuzzTarget.same(BlockList.encode(blocks), bytes)
        },
    ]
}
