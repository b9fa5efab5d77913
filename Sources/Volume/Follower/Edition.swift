// The kernel keeps one page cache and one size for each number it knows a file by. A file that
// stays open over a switch of checkpoint keeps its contents, and one that is opened after it has
// the new ones: so contents that changed get another number (`Docs/Decisions/0161-editions.md`).
//
//     number := edition (23 bits) ‖ inode (40 bits)           stat(2) shows the inode alone

/// Contents of a file, as the kernel knows them while a volume is followed.
enum Edition {
    private static let inodeBits: UInt64 = 40
    private static let editionBits: UInt64 = 23

    /// Inode numbers from here on can not be followed: a million million files were made then.
    static let inodeLimit: UInt64 = 1 << inodeBits

    /// The edition of contents that a checkpoint brought.
    ///
    /// It comes again after eight million checkpoints, more than a year of one every five seconds;
    /// never 0, which is what was there when the mount began.
    static func edition(of sequence: UInt64) -> UInt64 {
        1 + sequence % ((1 << editionBits) - 1)
    }

    /// The number that the kernel is given.
    static func number(of inode: UInt64, _ edition: UInt64) -> UInt64 {
        edition == 0 ? inode : inode | edition << inodeBits
    }

    static func inode(of number: UInt64) -> UInt64 { number & (inodeLimit - 1) }
}
