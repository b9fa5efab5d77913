internal import BlobModel
internal import LocalNetwork
internal import NIOSSL
internal import SystemIO

@testable internal import Transport

extension FuzzTarget {
    /// Parsers of ours that begin where one of a library ends.
    ///
    /// `make fuzz` leaves these out: certificates and the web server are fuzzed by their projects.
    static let libraries: [FuzzTarget] = [
        FuzzTarget("certificate-key") { bytes in
            guard let certificate = try? NIOSSLCertificate(bytes: bytes, format: .der) else {
                return nil
            }
            guard let key = TLSPin.presentedKey(in: [certificate]) else { return nil }
            return key.bytes.count == 32 ? nil : "has a key of another length"
        },
        FuzzTarget("embedded-format") { bytes in
            let disk = InMemoryFileSystem()
            do {
                try disk.makeDirectories("/network")
                try disk.writeFileAtomically("/network/format.json", bytes)
            } catch {
                return "there is no disk"
            }
            let isOpen = (try? EmbeddedDirectory.open("/network", files: disk)) != nil
            return isOpen ? "is a network without a genesis" : nil
        },
    ]
}
