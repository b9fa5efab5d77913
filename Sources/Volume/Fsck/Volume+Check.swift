internal import Synchronization

extension Volume {
    /// Commits, and begins to read what was committed, with what memory says of it.
    func beginCheck() throws(VolumeError) -> (CheckFacts, any RowReader) {
        try locked { (core) throws(VolumeError) in
            try core.commit(force: true)
            return (CheckFacts(core), try core.database.reader())
        }
    }

    /// Reads all rows, computes what is kept twice anew, and tells what disagrees.
    ///
    /// With `checksPlacement`, also whether all bytes have a home. Changes nothing; the volume may
    /// be used meanwhile.
    package func check(checksPlacement: Bool = true) throws(VolumeError) -> FsckReport {
        let (facts, view) = try beginCheck()
        defer { view.close() }
        var check = VolumeCheck(facts, view, checksPlacement: checksPlacement)
        try check.run()
        check.report.note(RepairPlan(check).names)
        return check.report
    }

    /// Checks, and sets right what is certain, each repair an ordinary operation.
    ///
    /// - Precondition: Nothing of the volume is open, and it takes changes.
    package func repair(checksPlacement: Bool = true) throws(VolumeError) -> FsckReport {
        let (facts, view) = try beginCheck()
        var check = VolumeCheck(facts, view, checksPlacement: checksPlacement)
        do throws(VolumeError) {
            try check.run()
        } catch {
            view.close()
            throw error
        }
        view.close()
        let plan = RepairPlan(check)
        guard !plan.names.isEmpty else { return check.report }
        try locked { (core) throws(VolumeError) in
            try core.apply(plan)
            try core.commit(force: true)
            try core.makeViewDurable()
        }
        check.report.note(after: try self.check(checksPlacement: checksPlacement))
        return check.report
    }
}
