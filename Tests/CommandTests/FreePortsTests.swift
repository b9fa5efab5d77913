internal import Testing

@testable internal import walrus

@Suite struct FreePortsTests {
    @Test(
        arguments: [
            ("32768\t60999\n", 10_000..<32_768), ("11000 65535", 10_000..<11_000),
            // Too few are below, or none.
            ("10999 65535", nil), ("1024\t65535\n", nil), ("", nil), ("all", nil),
        ] as [(String, Range<UInt16>?)]
    )
    func choosesBelowThePortsThatTheKernelGivesToConnections(
        kernelRange: String,
        choice: Range<UInt16>?
    ) {
        #expect(FreePorts(kernelRange: kernelRange).choice == choice)
    }

    @Test(arguments: ["32768 60999", "1024 65535"])
    func findsPortsThatDiffer(kernelRange: String) async throws {
        let free = FreePorts(kernelRange: kernelRange)
        let ports = try await free.find(20)
        #expect(Set(ports).count == 20)
        for port in ports { #expect(free.choice?.contains(port) ?? (port > 0)) }
    }
}
