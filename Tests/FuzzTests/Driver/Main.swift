internal import CFuzzer
internal import Glibc

// `make fuzz`: libFuzzer on one target. The name is in the environment, because the command line is
// libFuzzer's.

private func fail(_ text: String) -> Never {
    print(text)
    exit(2)
}

private let target: FuzzTarget = {
    let name = unsafe getenv("WALRUS_FUZZ_TARGET").map { unsafe String(cString: $0) } ?? ""
    guard let target = FuzzTarget.all.first(where: { $0.name == name }) else {
        fail("WALRUS_FUZZ_TARGET is one of " + FuzzTarget.all.map(\.name).joined(separator: " "))
    }
    return target
}()

@main
struct Main {
    static func main() {
        if CommandLine.arguments.dropFirst() == ["--list"] {
            return print(FuzzTarget.all.map(\.name).joined(separator: "\n"))
        }
        var count = CommandLine.argc
        var arguments = unsafe CommandLine.unsafeArgv
        let status = unsafe LLVMFuzzerRunDriver(&count, &arguments) { bytes, count in
            let input = unsafe Array(UnsafeBufferPointer(start: bytes, count: count))
            if let wrong = target.check(input) {
                preconditionFailure("\(target.name): \(wrong)")
            }
            return 0
        }
        exit(status)
    }
}
