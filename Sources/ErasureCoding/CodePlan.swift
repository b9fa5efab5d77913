internal import CKernels

// How some symbols are computed from others, apart from what the symbols are: made once for a set
// of erasures and then run on as many rows as there are. Each plan names the rows of a work area
// that its inputs go to and its outputs come from.

/// A computation on rows.
enum CodePlan: Sendable {
    case encode(EncodePlan)
    case transform(TransformDecodePlan)
    case matrix(MatrixPlan)

    /// How many rows the work area has.
    var rowCount: Int {
        switch self {
        case .encode(let plan): plan.rowCount
        case .transform(let plan): plan.size
        case .matrix(let plan): plan.inputs + plan.outputs
        }
    }

    /// Bytes that the plan's own multipliers take.
    var length: Int {
        switch self {
        case .encode: 0
        case .transform(let plan): plan.inputFactors.length + plan.outputFactors.length
        case .matrix(let plan): plan.factors.length
        }
    }

    /// The rows to be zero before `run`.
    func clear(_ rows: WorkRows) {
        switch self {
        case .encode(let plan):
            unsafe rows.zero(plan.originals..<plan.inputRows)
        case .transform(let plan):
            unsafe rows.zero(0..<plan.size)
        case .matrix(let plan):
            unsafe rows.zero(plan.inputs..<plan.inputs + plan.outputs)
        }
    }

    func inputRow(_ index: Int) -> Int {
        switch self {
        case .encode, .matrix: index
        case .transform(let plan): plan.inputs[index]
        }
    }

    func outputRow(_ index: Int) -> Int {
        switch self {
        case .encode(let plan): plan.firstOutput + index
        case .transform(let plan): plan.outputs[index]
        case .matrix(let plan): plan.inputs + index
        }
    }

    func run(_ rows: WorkRows) {
        switch self {
        case .encode(let plan): unsafe plan.run(rows)
        case .transform(let plan): unsafe plan.run(rows)
        case .matrix(let plan): unsafe plan.run(rows)
        }
    }
}

/// All recovery symbols from all originals.
struct EncodePlan: Sendable {
    let transform: AdditiveTransform
    let originals: Int
    let recoveries: Int
    let isLowRate: Bool
    /// The number of points of a chunk.
    let chunk: Int

    /// Originals, rounded up to whole chunks.
    var inputRows: Int { (originals + chunk - 1) / chunk * chunk }
    var firstOutput: Int { isLowRate ? chunk : 0 }

    var rowCount: Int {
        isLowRate ? chunk + (recoveries + chunk - 1) / chunk * chunk : inputRows
    }

    func run(_ rows: WorkRows) {
        if isLowRate { unsafe runLowRate(rows) } else { unsafe runHighRate(rows) }
    }

    /// The originals are values of a polynomial; recovery symbols are its values further on.
    private func runLowRate(_ rows: WorkRows) {
        unsafe transform.inverse(rows, first: 0, count: chunk, delta: 0, nonzero: originals)
        for start in stride(from: chunk, to: rowCount, by: chunk) {
            unsafe transform.forward(
                rows,
                from: 0,
                to: start,
                count: chunk,
                delta: start,
                needed: recoveries - (start - chunk)
            )
        }
    }

    /// The dual: recovery symbols are the values of the sum of the chunks' polynomials.
    private func runHighRate(_ rows: WorkRows) {
        for start in stride(from: 0, to: inputRows, by: chunk) {
            unsafe transform.inverse(
                rows,
                first: start,
                count: chunk,
                delta: start + chunk,
                nonzero: originals - start
            )
            guard start > 0 else { continue }
            unsafe walrus_gf_add(rows.row(0), rows.row(start), chunk * rows.rowLength)
        }
        unsafe transform.forward(
            rows,
            from: 0,
            to: 0,
            count: chunk,
            delta: 0,
            needed: recoveries
        )
    }
}

/// Any symbols from just enough others, in the time of two transforms.
struct TransformDecodePlan: Sendable {
    let transform: AdditiveTransform
    let size: Int
    /// The points of the inputs and outputs.
    let inputs: [Int]
    let outputs: [Int]
    /// What inputs are multiplied with before, and outputs after.
    let inputFactors: Multipliers
    let outputFactors: Multipliers

    func run(_ rows: WorkRows) {
        for (index, row) in inputs.enumerated() {
            unsafe walrus_gf_scale(rows.row(row), rows.rowLength, inputFactors.table(index))
        }
        let nonzero = (inputs.max() ?? 0) + 1
        unsafe transform.inverse(rows, first: 0, count: size, delta: 0, nonzero: nonzero)
        unsafe transform.differentiate(rows, count: size)
        let needed = (outputs.max() ?? 0) + 1
        unsafe transform.forward(
            rows,
            from: 0,
            to: 0,
            count: size,
            delta: 0,
            needed: needed
        )
        for (index, row) in outputs.enumerated() {
            unsafe walrus_gf_scale(rows.row(row), rows.rowLength, outputFactors.table(index))
        }
    }
}

/// Any symbols from just enough others, one product for each pair: best when they are few.
struct MatrixPlan: Sendable {
    let inputs: Int
    let outputs: Int
    /// Row by row: those of the first output first.
    let factors: Multipliers

    func run(_ rows: WorkRows) {
        for output in 0..<outputs {
            unsafe walrus_gf_add_products(
                rows.row(inputs + output),
                rows.start,
                rows.rowLength,
                inputs,
                rows.rowLength,
                factors.table(output * inputs)
            )
        }
    }
}
