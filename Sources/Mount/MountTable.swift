internal import Foundation

/// One line of `/proc/self/mountinfo` (proc(5)).
package struct MountTableEntry: Equatable, Sendable {
    /// Where it is mounted.
    package let mountpoint: String
    /// The type with its subtype: `fuse.walrusfs`.
    package let type: String
    package let source: String
    /// `major:minor`, the name of the device under `/sys/class/bdi`.
    package let device: String

    package var isOurs: Bool { type == "fuse.walrusfs" }

    /// Reads a line; nil for one that is not as proc(5) says.
    init?(line: Substring) {
        let fields = line.split(separator: " ")
        guard let separator = fields.firstIndex(of: "-"), separator >= 6,
            fields.count >= separator + 3
        else { return nil }
        device = String(fields[2])
        mountpoint = Self.unescape(fields[4])
        type = String(fields[separator + 1])
        source = Self.unescape(fields[separator + 2])
    }

    /// Space, tab, newline and backslash are written as three octal digits.
    private static func unescape(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3,
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
            {
                bytes.append(value)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// What is mounted, as this process sees it.
package enum MountTable {
    /// In the order of mounting; of two at one place the later one is what is seen.
    package static func read() -> [MountTableEntry] {
        // Without /proc nothing is known, and the mount itself will say what is wrong.
        let text = (try? String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)) ?? ""
        return parse(text)
    }

    package static func parse(_ text: String) -> [MountTableEntry] {
        text.split(separator: "\n").compactMap { MountTableEntry(line: $0) }
    }

    /// What is seen at exactly this path.
    package static func entry(at path: String) -> MountTableEntry? {
        read().last { $0.mountpoint == path }
    }
}
