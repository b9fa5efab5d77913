internal import BlobClient
internal import BlobModel
internal import Codec
internal import ErasureCoding
internal import Synchronization
internal import Testing
internal import Transport

/// Proofs that a blob was encoded inconsistently, over HTTP.
@Suite struct InvalidityAPITests {
    /// Symbols of the right form for a proof about a blob; what they show is the node's business.
    private static func proof(
        _ served: ServedNode,
        _ axis: SliverAxis
    ) throws -> InconsistencyProof {
        let codec = RedStuffCodec(served.parameters)
        let verifier = SliverVerifier(codec, served.blob.metadata)
        let count = served.parameters.recoverySymbolsNeeded(for: axis)
        return InconsistencyProof(
            targetAxis: axis,
            targetIndex: SliverIndex(5),
            symbols: try (0..<count).map { source in
                try verifier.expand(
                    served.blob.sliver(axis.orthogonal, SliverIndex(UInt16(source)))
                ).recoverySymbol(for: SliverIndex(5))
            }
        )
    }

    private static func path(_ served: ServedNode, _ axis: String) -> [String] {
        ["v1", "blobs", served.blob.blobID.description, "inconsistencyProof", axis]
    }

    @Test func proofsAndAttestationsGoThereAndBack() async throws {
        try await ServedNode.with { served in
            let id = served.blob.blobID
            _ = try await served.remote.store(served.blob.metadata, height: nil)
            for axis in SliverAxis.allCases {
                let proof = try Self.proof(served, axis)
                let signed = try await served.remote.attestation(ofInvalid: id, shownBy: proof)
                let key = served.node.key.publicKey
                let said = signed.verified(by: key, in: served.node.domain)
                #expect(said == .invalidBlobID(epoch: 7, blob: id))
                #expect(served.node.state.withLock { $0.proofs.last } == proof)
            }
        }
    }

    /// The reference's form: the signed message without what a confirmation has around it.
    @Test func anAttestationIsTheReferencesJSON() async throws {
        try await ServedNode.with { served in
            _ = try await served.remote.store(served.blob.metadata, height: nil)
            let response = try await served.http.send(
                ClientRequest(
                    .post,
                    Self.path(served, "secondary"),
                    body: try Self.proof(served, .secondary).dataBytes
                ),
                responseLimit: 1 << 20
            )
            let text = String(decoding: response.body, as: UTF8.self)
            #expect(response.code == 200)
            #expect(text.contains(#""data":{"#))
            #expect(text.contains(#""serializedMessage":"AgADBwAAA"#), "\(text)")
            #expect(!text.contains("signed"))
        }
    }

    @Test func whatIsNoProofIsRefusedBeforeTheNodeSeesIt() async throws {
        try await ServedNode.with { served in
            let good = try Self.proof(served, .primary).dataBytes
            var answer = try await served.raw(.post, Self.path(served, "primary"), body: good)
            expect(answer.reason, "METADATA_NOT_FOUND")
            expect(answer.code, 404)
            _ = try await served.remote.store(served.blob.metadata, height: nil)
            let limit = InconsistencyProof.dataLengthMax(
                symbols: served.parameters.recoverySymbolsNeeded(for: .primary),
                symbolSize: served.blob.metadata.symbolSize
            )
            let bodies: [[UInt8]] = [
                [], [0], Array(good.dropLast()), good + [0],
                [UInt8](repeating: 0xFF, count: limit), [UInt8](repeating: 0, count: limit + 1),
            ]
            for body in bodies {
                answer = try await served.raw(.post, Self.path(served, "primary"), body: body)
                expect(answer.reason, "INVALID_PROOF")
                expect(answer.code, 400)
            }
            answer = try await served.raw(.post, Self.path(served, "both"), body: good)
            expect(answer.reason, "INVALID_REQUEST")
            #expect(served.node.state.withLock { $0.proofs }.isEmpty)
        }
    }

    @Test func refusalsArrive() async throws {
        try await ServedNode.with { served in
            let proof = try Self.proof(served, .primary)
            for refusal in [NodeRefusal.invalidBlob, .invalidProof, .unavailable] {
                let error = NodeError.refused(refusal, "Because.")
                served.node.state.withLock { $0.refusal = error }
                await #expect(throws: error) {
                    try await served.remote.attestation(
                        ofInvalid: served.blob.blobID,
                        shownBy: proof
                    )
                }
            }
        }
    }
}
