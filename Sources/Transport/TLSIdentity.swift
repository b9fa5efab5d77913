package import BlobModel
internal import Crypto
internal import Foundation
internal import NIOCore
internal import NIOSSL
internal import SwiftASN1
internal import X509

// The ledger's certificates are another thing of the same name.
private typealias Certificate = X509.Certificate

/// Who a server is: its network key, and a self-signed certificate that carries it.
///
/// Peers pin the key, which the ledger or genesis records, and look at nothing else of the
/// certificate; so it is made anew at each start, has no end (RFC 5280, 4.1.2.5) and needs neither
/// a clock nor a file. TLS is 1.3 with Ed25519 signatures only
/// (`Docs/Decisions/0050-tls-with-ed25519-network-keys.md`).
package struct TLSIdentity: Sendable {
    let configuration: TLSConfiguration

    /// The key that peers pin.
    package let publicKey: PublicKey

    /// A server that has several keys is whom a client names; without a name, or with one that
    /// `other` does not know, it is `key`.
    package init(
        key: SigningKey,
        other: @escaping @Sendable (_ name: String?) -> TLSIdentity?
    ) throws(TransportError) {
        let base = try TLSIdentity(key: key)
        publicKey = base.publicKey
        var configuration = base.configuration
        configuration.sslContextCallback = { hello, promise in
            var change = NIOSSLContextConfigurationOverride.noChanges
            if let chosen = other(hello.serverHostname)?.configuration {
                change.certificateChain = chosen.certificateChain
                change.privateKey = chosen.privateKey
            }
            promise.succeed(change)
        }
        self.configuration = configuration
    }

    package init(key: SigningKey) throws(TransportError) {
        publicKey = key.publicKey
        do {
            let signer = try Curve25519.Signing.PrivateKey(rawRepresentation: key.seed)
            let certificate = try Self.selfSigned(by: signer, name: Self.name(of: publicKey))
            var serializer = DER.Serializer()
            try certificate.serialize(into: &serializer)
            let chain = [
                try NIOSSLCertificate(bytes: serializer.serializedBytes, format: .der)
            ]
            let privateKey = try NIOSSLPrivateKey(bytes: Self.pkcs8(of: key.seed), format: .der)
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: chain.map { .certificate($0) },
                privateKey: .privateKey(privateKey)
            )
            configuration.minimumTLSVersion = .tlsv13
            configuration.signingSignatureAlgorithms = [.ed25519]
            configuration.applicationProtocols = ["http/1.1"]
            self.configuration = configuration
        } catch {
            throw .tls("No certificate could be made of the network key: \(error)")
        }
    }

    /// The name in the certificate, as the reference forms it; nobody checks it.
    ///
    /// A client that pins a key names it so, in clear, as a certificate would in older versions of
    /// TLS.
    package static func name(of key: PublicKey) -> String {
        String(key.description.prefix(8)) + ".network.walrus.alt"
    }

    private static func selfSigned(
        by key: Curve25519.Signing.PrivateKey,
        name: String
    ) throws -> Certificate {
        let subject = try DistinguishedName { CommonName(name) }
        return try Certificate(
            version: .v3,
            serialNumber: Certificate.SerialNumber(
                bytes: Array(key.publicKey.rawRepresentation.prefix(16))
            ),
            publicKey: Certificate.PublicKey(key.publicKey),
            notValidBefore: Date(timeIntervalSince1970: 0),
            // 9999-12-31 23:59:59, which stands for no end.
            notValidAfter: Date(timeIntervalSince1970: 253_402_300_799),
            issuer: subject,
            subject: subject,
            extensions: try Certificate.Extensions {
                SubjectAlternativeNames([.dnsName(name)])
            },
            issuerPrivateKey: Certificate.PrivateKey(key)
        )
    }

    /// The private key as PKCS #8 (RFC 8410, 7): a fixed head, then the seed.
    private static func pkcs8(of seed: [UInt8]) -> [UInt8] {
        [
            0x30, 0x2E, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22,
            0x04, 0x20,
        ] + seed
    }
}

/// The other side of `TLSIdentity`: takes exactly one key.
enum TLSPin {
    /// The head of an Ed25519 SubjectPublicKeyInfo (RFC 8410, 4); the 32 bytes of the key follow.
    private static let subjectPublicKeyInfoHead: [UInt8] = [
        0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00,
    ]

    /// One context serves all connections: what it does not verify, `presentedKey(in:)` does.
    static let context = Result { () throws(TransportError) in try makeContext() }

    private static func makeContext() throws(TransportError) -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv13
        configuration.verifySignatureAlgorithms = [.ed25519]
        configuration.applicationProtocols = ["http/1.1"]
        // The verification callback replaces the checks against names and roots.
        configuration.certificateVerification = .noHostnameVerification
        configuration.trustRoots = .certificates([])
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw .tls("No TLS context: \(error)")
        }
    }

    /// The Ed25519 key of the certificate that the peer proved to hold; nil for another kind.
    static func presentedKey(in chain: [NIOSSLCertificate]) -> PublicKey? {
        // A certificate whose key can not be read is as good as one with a wrong key. NIOSSL traps
        // on a key of unknown kind, so it is asked only for one of ours.
        guard let leaf = chain.first, let bytes = try? leaf.toDERBytes(),
            let certificate = try? Certificate(derEncoded: bytes),
            Curve25519.Signing.PublicKey(certificate.publicKey) != nil,
            let info = try? leaf.extractPublicKey().toSPKIBytes(), info.count == 44,
            info.starts(with: subjectPublicKeyInfoHead)
        else { return nil }
        return PublicKey(bytes: Array(info.suffix(32)))
    }
}
