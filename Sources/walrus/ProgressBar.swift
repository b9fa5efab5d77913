/// A bar on standard error for work that takes more than a second; on a terminal only.
struct ProgressBar {
    private let label: String
    private let isShown = Terminal.showsProgress
    private let started = ContinuousClock().now
    private var drawn: ContinuousClock.Instant?
    private static let width = 30

    init(_ label: String) { self.label = label }

    /// Draws the bar when it is time to.
    mutating func update(_ fraction: Double) {
        let now = ContinuousClock().now
        guard isShown, now - started > .seconds(1) else { return }
        if let drawn, now - drawn < .milliseconds(100) { return }
        drawn = now
        let done = min(max(fraction, 0), 1)
        let full = Int(done * Double(Self.width))
        let bar =
            String(repeating: "#", count: full)
            + String(repeating: ".", count: Self.width - full)
        Terminal.writeError("\r\(label) [\(bar)] \(Int(done * 100)) %")
    }

    /// Takes the bar away.
    mutating func finish() {
        guard drawn != nil else { return }
        drawn = nil
        Terminal.writeError("\r\u{1B}[K")
    }
}
