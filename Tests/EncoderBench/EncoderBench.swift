internal import BlobModel
internal import CKernels
internal import ErasureCoding
internal import Glibc
internal import SystemIO

/// Times the encoder, in one run next to what it can be compared with.
///
///     encoder-bench [--python PYTHON] [--walrus WALRUS] [--goals | --table] [--longest MIB]
///
/// PYTHON has the package `reed-solomon-leopard`; WALRUS is the program of that name. `--goals`
/// leaves out the table, `--table` all else, `--longest` blobs over so many MiB. `make
/// bench-encoder` does all of it. Judges ratios and exits with 0 all the same: on a busy machine a
/// missed one means little.
@main struct EncoderBench {
    static func main() throws {
        // As walrus and walrusfs do: results of megabytes would be new pages at each call.
        ProcessSetup.prepare()
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
        let goals =
            arguments.contains("--table")
            ? []
            : try goals(
                python: value("--python"),
                walrus: value("--walrus"),
                workers
            )
        if !arguments.contains("--goals") {
            try table(longest: (value("--longest").flatMap { Int($0) } ?? 256) << 20, workers)
        }
        guard !goals.isEmpty else { return }
        print("\nGoals")
        for goal in goals { goal.show() }
    }

    private static func goals(
        python: String?,
        walrus: String?,
        _ workers: Workers
    ) throws -> [Goal] {
        if python == nil {
            print("SKIPPED: the reference Reed-Solomon: no --python was given")
        }
        let bench = GoalBench(workers: workers)
        var goals = try CodeBench(python: python).run()
        goals += try bench.thousandShards()
        goals += try bench.tenShards()
        return goals + (try bench.blobID(walrus: walrus))
    }

    private static func table(longest: Int, _ workers: Workers) throws {
        for shards in [10, 100, 1000] {
            let legal = Int(try EncodingParameters(shardCount: shards).blobLengthMax)
            var lengths = [64 << 10, 1 << 20, 16 << 20, 256 << 20].filter { $0 <= legal }
            if legal < 16 << 20 { lengths.append(legal) }
            for length in lengths where length <= longest {
                try BlobBench(shards: shards, length: length, workers: workers).run()
            }
        }
    }
}
