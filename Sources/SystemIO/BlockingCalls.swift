internal import CShims

/// What a thread that others lean on hears before it waits for the disk.
///
/// Calls of this module announce themselves: syncs always, reads when the bytes are not in memory.
package enum BlockingCalls {
    /// Says that the calling thread is about to wait for the disk.
    package static func announce() { walrus_will_block() }
}
