internal import BlobModel
internal import CKernels
internal import ErasureCoding
internal import Glibc
internal import SystemIO

/// Times the encoder, in one run next to what it can be compared with.
///
///     encoder-bench [--python PYTHON] [--walrus WALRUS] [--goals]
///
/// PYTHON has the package `reed-solomon-leopard`; WALRUS is the program of that name. `--goals`
/// leaves out the table. `make bench-encoder` does all of it. Judges ratios and exits with 0 all
/// the same: on a busy machine a missed one means little.
@main struct EncoderBench {
    static func main() throws {
        let arguments = CommandLine.arguments
        func value(_ name: String) -> String? {
            guard let index = arguments.firstIndex(of: name), index + 1 < arguments.count else {
                return nil
            }
            return arguments[index + 1]
        }
        let cores = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        let workers = Workers(BlockingPool(threads: max(1, cores - 1)), helpers: cores - 1)
        let forms = ["portable", "NEON", "AVX2", "AVX2 and GFNI", "AVX-512 and GFNI"]
        print("Kernels: \(forms[Int(walrus_kernels_form())]). Cores: \(cores). Medians.")
        let python = value("--python")
        if python == nil {
            print("SKIPPED: the reference Reed-Solomon: no --python was given")
        }
        let goals = GoalBench(workers: workers)
        var all = try CodeBench(python: python).run()
        all += try goals.thousandShards()
        all += try goals.tenShards()
        all += try goals.blobID(walrus: value("--walrus"))
        if !arguments.contains("--goals") {
            for shards in [10, 100, 1000] {
                let longest = Int(try EncodingParameters(shardCount: shards).blobLengthMax)
                var lengths = [64 << 10, 1 << 20, 16 << 20, 256 << 20].filter { $0 <= longest }
                if lengths.count < 4, longest < 16 << 20 { lengths.append(longest) }
                for length in lengths {
                    try BlobBench(shards: shards, length: length, workers: workers).run()
                }
            }
        }
        print("\nGoals")
        for goal in all { goal.show() }
    }
}
