internal import CShims
internal import Synchronization

/// Where random bytes come from.
package protocol Entropy: Sendable {
    func fill(_ buffer: UnsafeMutableRawBufferPointer)
}

extension Entropy {
    package func bytes(count: Int) -> [UInt8] {
        precondition(count >= 0)
        return unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            unsafe fill(UnsafeMutableRawBufferPointer(buffer))
            filled = count
        }
    }

    package func uint64() -> UInt64 {
        bytes(count: 8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// A number below `bound`, each as likely as any other (Lemire 2019).
    ///
    /// - Precondition: `bound > 0`.
    package func uint64(below bound: UInt64) -> UInt64 {
        precondition(bound > 0)
        let unfair = (0 &- bound) % bound
        while true {
            let product = uint64().multipliedFullWidth(by: bound)
            if product.low >= unfair { return product.high }
        }
    }
}

/// The kernel's generator, fit for keys.
package struct LinuxEntropy: Entropy {
    package init() {}

    package func fill(_ buffer: UnsafeMutableRawBufferPointer) {
        let failure = unsafe walrus_random(buffer.baseAddress, buffer.count)
        precondition(failure == 0, "the kernel gives no random bytes")
    }
}

/// The same bytes for the same seed: for tests and simulation, never for keys of worth.
package final class SeededEntropy: Entropy {
    /// Guards the state of the generator (SplitMix64; Steele, Lea, Flood 2014).
    private let state: Mutex<UInt64>

    package init(seed: UInt64) { state = Mutex(seed) }

    package func fill(_ buffer: UnsafeMutableRawBufferPointer) {
        state.withLock { state in
            var word: UInt64 = 0
            for index in buffer.indices {
                if index % 8 == 0 { word = Self.next(&state) }
                unsafe buffer[index] = UInt8(truncatingIfNeeded: word)
                word >>= 8
            }
        }
    }

    static func next(_ state: inout UInt64) -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
