/// An open file.
///
/// Calls block, so they belong on ordinary threads or in a ``BlockingPool``. All may be made from
/// several threads at once, save `close`, during and after which no other may run. Offsets and
/// sizes are bytes. A file that is let go of is closed.
package protocol File: AnyObject, Sendable {
    var path: String { get }

    /// Reads until `buffer` is full or the file ends, and says how many bytes it read.
    func read(
        into buffer: UnsafeMutableRawBufferPointer,
        at offset: Int
    ) throws(SystemError) -> Int

    /// Writes all the parts one after another; after a throw, any of the bytes may be written.
    func write(gathering parts: [UnsafeRawBufferPointer], at offset: Int) throws(SystemError)

    /// Makes written bytes, and the size needed to read them, survive a power cut.
    ///
    /// After a throw the bytes may be lost although later calls succeed: never try again.
    func synchronizeData() throws(SystemError)

    /// Like ``synchronizeData()``, and all other attributes too.
    func synchronize() throws(SystemError)

    /// Cuts the file, or extends it with a hole.
    func truncate(to size: Int) throws(SystemError)

    /// Reserves room up to `size`, which the file then has at least; new bytes are zero.
    func allocate(upTo size: Int) throws(SystemError)

    func size() throws(SystemError) -> Int

    /// Gives the descriptor back; errors of writing show at `synchronize`, not here.
    func close()
}

extension File {
    package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(SystemError) {
        try unsafe write(gathering: [bytes], at: offset)
    }

    package func write(_ bytes: [UInt8], at offset: Int) throws(SystemError) {
        try unsafe bytes.withBytes { (buffer) throws(SystemError) in
            try unsafe write(gathering: [buffer], at: offset)
        }
    }

    /// Reads up to `count` bytes: fewer only where the file ends.
    ///
    /// - Precondition: The caller has bounded `count`.
    package func read(count: Int, at offset: Int) throws(SystemError) -> [UInt8] {
        precondition(count >= 0)
        var failure: SystemError?
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            do throws(SystemError) {
                filled = try unsafe read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }
}

extension [UInt8] {
    /// Lends the bytes to `body`, whose typed error passes through.
    package func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try unsafe withUnsafeBufferPointer { (buffer) throws(Failure) -> Result in
            try unsafe body(UnsafeRawBufferPointer(buffer))
        }
    }

    /// Lends the bytes to `body` for writing.
    package mutating func withMutableBytes<Result, Failure: Error>(
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try unsafe withUnsafeMutableBufferPointer { (buffer) throws(Failure) -> Result in
            try unsafe body(UnsafeMutableRawBufferPointer(buffer))
        }
    }
}
