internal import Codec

/// Bytes that are nearly right, from a seed (SplitMix64: Steele, Lea, Flood 2014).
struct Mutator: RandomNumberGenerator {
    private var state: UInt64
    private static let lengthMax = 4096
    /// Bytes on which lengths and tags turn.
    private static let edges: [UInt8] = [0, 1, 2, 0x0F, 0x7F, 0x80, 0x81, 0xFE, 0xFF]

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }

    /// One of the inputs, changed in up to four places.
    mutating func mutate(_ inputs: [[UInt8]]) -> [UInt8] {
        var bytes = inputs.randomElement(using: &self) ?? []
        for _ in 0..<Int.random(in: 1...4, using: &self) { change(&bytes, inputs) }
        return Array(bytes.prefix(Self.lengthMax))
    }

    private mutating func change(_ bytes: inout [UInt8], _ inputs: [[UInt8]]) {
        let place = Int.random(in: 0...bytes.count, using: &self)
        let length = min(Int.random(in: 1...16, using: &self), bytes.count - place)
        let byte = Self.edges.randomElement(using: &self) ?? 0
        switch Int.random(in: 0..<8, using: &self) {
        case 0 where place < bytes.count: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &self)
        case 1 where place < bytes.count: bytes[place] = byte
        case 2: bytes.insert(byte, at: place)
        case 3: bytes.removeSubrange(place..<place + length)
        case 4: bytes.removeSubrange(place...)
        case 5: bytes.insert(contentsOf: bytes[place..<place + length], at: place)
        case 6:
            let other = inputs.randomElement(using: &self) ?? []
            bytes.replaceSubrange(place..., with: other.dropFirst(place))
        case 7:
            // The largest length there is (ULEB128).
            bytes.insert(contentsOf: [0xFF, 0xFF, 0xFF, 0xFF, 0x0F], at: place)
        default: bytes.append(UInt8.random(in: .min ... .max, using: &self))
        }
    }
}
