internal import Glibc

// `make fuzz`: libFuzzer, which has the main function, on one target. The name is in the
// environment, because the command line is libFuzzer's; "list" prints the names.

private let target: FuzzTarget = {
    let name = unsafe getenv("WALRUS_FUZZ_TARGET").map { unsafe String(cString: $0) } ?? ""
    guard let target = FuzzTarget.all.first(where: { $0.name == name }) else {
        print(FuzzTarget.all.map(\.name).joined(separator: "\n"))
        // `exit` alone is taken for a failure of the target by libFuzzer.
        fflush(nil)
        _exit(name == "list" ? 0 : 2)
    }
    return target
}()

/// What libFuzzer calls with each input; what is wrong with one ends the process, and is kept.
@c(LLVMFuzzerTestOneInput)
public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = unsafe Array(UnsafeBufferPointer(start: bytes, count: count))
    if let wrong = target.check(input) { preconditionFailure("\(target.name): \(wrong)") }
    return 0
}
