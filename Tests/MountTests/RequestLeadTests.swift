internal import SystemIO
internal import Testing

@testable import Mount

/// Who reads the kernel's requests.
struct RequestLeadTests {
    @Test func oneThreadLeadsAndAnnouncedWaitsPassItOn() {
        let lead = RequestLead()
        let first = RequestThread(lead)
        first.run {
            #expect(first.takeLead())
            #expect(first.takeLead(), "who leads goes on leading")
            let next = Monitor(false)
            let thread = SystemThread(name: "second") {
                let second = RequestThread(lead)
                second.run {
                    // Blocks until the first waits for the disk.
                    let leads = second.takeLead()
                    next.withLock { $0 = leads }
                }
            }
            BlockingCalls.announce()
            BlockingCalls.announce()
            thread.join()
            #expect(next.withLock { $0 })
            // The second passed it on when it ended.
            #expect(first.takeLead())
        }
        BlockingCalls.announce()
        lead.end()
        #expect(!first.takeLead())
    }

    @Test func whoWaitsForTheLeadIsLetGoAtTheEnd() {
        let lead = RequestLead()
        let first = RequestThread(lead)
        first.run {
            #expect(first.takeLead())
            let thread = SystemThread(name: "second") {
                let second = RequestThread(lead)
                second.run { #expect(!second.takeLead()) }
            }
            lead.end()
            thread.join()
        }
    }

    @Test(arguments: [
        ("spin=0", true), ("spin=1000", true), ("spin=1001", false), ("spin=", false),
    ])
    func spinIsAnOption(_ option: String, _ isTaken: Bool) {
        var options = MountOptions()
        #expect(options.apply(option) == isTaken)
    }
}
