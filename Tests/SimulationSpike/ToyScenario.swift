internal import Simulation
internal import Synchronization

/// Forty values, five nodes, a network that loses, doubles, delays, reorders and parts.
struct ToyScenario {
    let seed: UInt64

    func run() -> (digest: String, stored: Int, confirmed: Int) {
        let world = SimulatedWorld(seed: seed)
        var faults = NetworkFaults()
        faults.lostPerMille = 150
        faults.doubledPerMille = 100
        faults.delay = 50_000...20_000_000
        faults.partitions = [
            .init(time: 10_000_000..<400_000_000, isolated: ["ledger"]),
            .init(time: 100_000_000..<700_000_000, isolated: ["node-0", "node-1", "node-2"]),
        ]
        let network = SimulatedNetwork<ToyMessage>(
            seed: seed ^ 0xFA17,
            clock: world.clock,
            faults: faults,
            trace: world.trace
        )
        let names = (0..<5).map { "node-\($0)" }
        for name in names { shell(ToyNode(name: name), name, network, world) { _ in } }
        shell(ToyLedger(), "ledger", network, world) { _ in }
        let reached = Mutex((pending: 40, done: 0))
        let client = ToyClient(values: 0..<40, nodes: names, quorum: 4)
        shell(client, "client", network, world) { client in
            reached.withLock { $0 = (client.pending.count, client.done.count) }
        }
        world.run(upTo: 60_000_000_000)
        let (pending, done) = reached.withLock { $0 }
        return (world.trace.digest, 40 - pending, done)
    }

    /// The thin shell: reads the mailbox and a timer, sends what the machine says.
    private func shell<Service: ToyService>(
        _ service: Service,
        _ name: String,
        _ network: SimulatedNetwork<ToyMessage>,
        _ world: SimulatedWorld,
        observe: @escaping @Sendable (Service) -> Void
    ) {
        let box = network.join(name)
        world.start {
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    for _ in 0..<100 {
                        box.put(.tick)
                        await world.clock.sleep(for: 50_000_000)
                    }
                    box.close()
                }
                group.addTask {
                    var service = service
                    while let message = await box.next() {
                        for action in service.receive(message) {
                            network.send(action.message, from: name, to: action.receiver)
                        }
                        observe(service)
                    }
                }
            }
        }
    }
}
