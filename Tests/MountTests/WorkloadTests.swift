internal import TestSupport
internal import Testing

/// What programs do with a mount, against what they see on the machine's own filesystem.
@Suite(.enabled(if: Mounted.isPossible, "needs /dev/fuse: nothing is mounted here"), .serialized)
struct WorkloadTests {
    static let workloads = Workload.tools + Workload.calls + Workload.contents

    @Test(arguments: workloads)
    func aMountBehavesLikeAnyDirectory(_ workload: Workload) throws {
        let wanted = try Scratch.with { scratch in
            try Tool.script(workload.script, in: scratch.folder("reference"))
        }
        for kind in MountKind.allCases {
            try Mounted.with(kind) { mounted in
                let output = try mounted.script(workload.script)
                #expect(output == wanted, "on \(kind)")
            }
        }
    }
}
