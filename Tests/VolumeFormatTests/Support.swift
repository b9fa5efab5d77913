import BlobModel
import Codec
import VolumeFormat

/// Values that all tests of formats share; the golden files were made with them.
enum Sample {
    static let keys = VolumeKeys(rootSecret: [UInt8](0..<32))
    static let volume = VolumeID(bytes: [UInt8](repeating: 0x11, count: 32))
    static let salt = [UInt8](repeating: 0xAA, count: 32)

    static func blob(_ number: UInt8) -> BlobID {
        BlobID(bytes: [UInt8](repeating: number, count: 32))
    }

    static func header(_ kind: PackKind, sequence: UInt64 = 0) -> PackHeader {
        PackHeader(kind: kind, id: 1 << 40 + 7, sequence: sequence, salt: salt)
    }
}

/// SplitMix64: a test prints its seed and can be run again with it.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + 8)
        while bytes.count < count {
            let word = next()
            for shift in stride(from: UInt64(0), to: 64, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: word >> shift))
            }
        }
        return Array(bytes.prefix(count))
    }
}
