internal import BlobModel
internal import VolumeFormat

/// Stores packs, several at a time under one byte budget.
struct Uploads: Sendable {
    let work: CheckpointWork
    let gauge: UploadGauge

    func store(_ pack: CheckpointWork.Sealed) async throws(CheckpointError) -> StoredBlob {
        gauge.begin(pack.bytes.count)
        let environment = work.environment
        let registered: @Sendable () -> Void = { environment.pass(.registered) }
        do throws(BlobStoreError) {
            let stored = try await environment.blobs.store(pack.bytes, registered: registered)
            gauge.end(pack.bytes.count, isStored: true)
            return stored
        } catch {
            gauge.end(pack.bytes.count, isStored: false)
            throw .blobs(error)
        }
    }

    /// Stores a pack of contents and takes down where; returns its length.
    private func storeAndPlace(
        _ pack: CheckpointWork.Sealed
    ) async -> Result<Int, CheckpointError> {
        do throws(CheckpointError) {
            work.environment.pass(.storing)
            let stored = try await store(pack)
            work.environment.pass(.certified)
            let work = work
            try await work.environment.blocking { () throws(CheckpointError) in
                try work.placed(pack, stored)
            }
            return .success(pack.bytes.count)
        } catch {
            return .failure(error)
        }
    }

    /// Gathers and stores until all is placed or something fails; what is begun ends first.
    ///
    /// - Returns: What failed first.
    func storeContents(of gatherer: Gatherer, sealedBefore: [UInt64]) async -> CheckpointError? {
        await withTaskGroup(of: Result<Int, CheckpointError>.self) { group in
            var failure: CheckpointError?
            var flying: (packs: Int, bytes: Int) = (0, 0)
            let settings = work.environment.settings
            var left = sealedBefore[...]
            func land(_ result: Result<Int, CheckpointError>) {
                flying.packs -= 1
                switch result {
                case .success(let bytes):
                    flying.bytes -= bytes
                case .failure(let error):
                    if failure == nil { failure = error }
                }
            }
            while failure == nil {
                let next: CheckpointWork.Sealed??
                do throws(CheckpointError) {
                    next = try await nextPack(&left, gatherer)
                } catch {
                    failure = error
                    break
                }
                guard let output = next else { break }
                guard let pack = output else { continue }
                while flying.packs > 0,
                    flying.packs >= settings.packsInFlightMax
                        || flying.bytes + pack.bytes.count > settings.bytesInFlightMax,
                    let result = await group.next()
                {
                    land(result)
                }
                flying.packs += 1
                flying.bytes += pack.bytes.count
                group.addTask { await storeAndPlace(pack) }
            }
            while let result = await group.next() { land(result) }
            return failure
        }
    }

    /// A pack from before a restart, or a new one; nil when there is no more.
    private func nextPack(
        _ left: inout ArraySlice<UInt64>,
        _ gatherer: Gatherer
    ) async throws(CheckpointError) -> CheckpointWork.Sealed?? {
        let work = work
        if let id = left.popFirst() {
            return try await work.environment.blocking { () throws(CheckpointError) in
                .some(try work.readSealed(id))
            }
        }
        return try await work.environment.blocking { () throws(CheckpointError) in
            try work.gatherNext(gatherer)
        }
    }
}
