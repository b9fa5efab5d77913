import SystemIO
import Testing

@testable import Volume

/// Access control lists without a kernel: what is valid, and how mode and list go together.
struct AccessListTests {
    private typealias Row = (tag: UInt8, permissions: UInt8, id: UInt8?)

    private func bytes(_ rows: [Row]) -> [UInt8] {
        [2, 0, 0, 0]
            + rows.flatMap { row -> [UInt8] in
                let id: [UInt8] = row.id.map { [$0, 0, 0, 0] } ?? [255, 255, 255, 255]
                return [row.tag, 0, row.permissions, 0] + id
            }
    }

    private static let minimal: [Row] = [(1, 6, nil), (4, 4, nil), (0x20, 0, nil)]
    private static let named: [Row] = [
        (1, 7, nil), (2, 6, 9), (4, 5, nil), (0x10, 4, nil), (0x20, 1, nil),
    ]

    @Test func validListsAreReadAndWrittenAlike() throws {
        for rows in [Self.minimal, Self.named] {
            let list = try #require(try AccessList.parse(bytes(rows)))
            #expect(list.bytes == bytes(rows))
        }
        #expect(try AccessList.parse([]) == nil)
        #expect(try AccessList.parse([2, 0, 0, 0]) == nil)
    }

    @Test func otherListsAreRefused() {
        let wrong: [[UInt8]] = [
            [1, 0, 0, 0], [2], Array(bytes(Self.minimal).dropLast()),
            bytes([(4, 4, nil), (1, 6, nil), (0x20, 0, nil)]), bytes([(1, 6, nil), (4, 4, nil)]),
            bytes([(1, 6, nil), (2, 6, 9), (4, 4, nil), (0x20, 0, nil)]),
            bytes([(1, 6, nil), (1, 6, nil), (4, 4, nil), (0x20, 0, nil)]),
            bytes([(1, 8, nil), (4, 4, nil), (0x20, 0, nil)]),
            bytes([(3, 6, nil), (4, 4, nil), (0x20, 0, nil)]),
        ]
        for bytes in wrong {
            #expect(throws: VolumeError.invalidArgument, "\(bytes)") {
                _ = try AccessList.parse(bytes)
            }
        }
    }

    @Test func modeAndListSayTheSame() throws {
        let list = try #require(try AccessList.parse(bytes(Self.named)))
        #expect(list.mode == 0o741)
        #expect(!list.isMinimal)
        for mode in UInt16(0)...0o777 {
            #expect(list.changed(to: mode).mode == mode)
            #expect(list.inherited(by: mode).mode == mode & 0o741)
        }
    }

    @Test func listsAreHandedDownAndComeBackAfterACrash() throws {
        try VolumeHarness.with { harness in
            let volume = harness.volume
            let masked = RequestContext(user: 1000, group: 1000, process: 1, umask: 0o077)
            let folder = try volume.makeDirectory(
                in: .root,
                [0x64],
                permissions: 0o755,
                context: masked
            )
            #expect(folder.permissions == 0o700, "the umask counts")
            try volume.setExtendedAttribute(
                of: folder.inode,
                AccessList.defaultName,
                bytes(Self.named),
                mode: .createOrReplace,
                context: masked
            )
            let below = try volume.makeDirectory(
                in: folder.inode,
                [0x65],
                permissions: 0o1777,
                context: masked
            )
            #expect(below.permissions == 0o1741, "and does not, with a default list")
            try harness.kill()
            let again = harness.volume
            let access = try again.extendedAttribute(of: below.inode, AccessList.accessName)
            #expect(access == bytes(Self.named))
            let handedOn = try again.extendedAttribute(of: below.inode, AccessList.defaultName)
            #expect(handedOn == bytes(Self.named))
            try again.checkInvariants()
        }
    }

    /// A list that a mode can say is none, and set-group-ID goes when the kernel says so.
    @Test func aMinimalListBecomesTheMode() throws {
        try VolumeHarness.with { harness in
            let volume = harness.volume
            let inode = try volume.makeFile("f")
            var changes = AttributeChanges()
            changes.permissions = 0o2777
            _ = try volume.setAttributes(of: inode, changes, handle: nil, context: someone)
            try volume.setExtendedAttribute(
                of: inode,
                AccessList.accessName,
                bytes(Self.minimal),
                mode: .createOrReplace,
                killsSetGroup: true,
                context: someone
            )
            #expect(try volume.attributes(of: inode).permissions == 0o640)
            #expect(try volume.extendedAttributeNames(of: inode).isEmpty)
        }
    }
}
