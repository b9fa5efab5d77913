internal import CSQLite
internal import SystemIO

/// A compiled statement, for many uses: bind, step, read columns, reset.
///
/// Belongs to whoever owns its connection. Parameters and columns are counted from 0. While it
/// stands on a row it holds a read snapshot open, so reset it soon; ``run()``, ``rows()`` and the
/// like do so themselves.
@safe package final class Statement {
    private let handle: OpaquePointer
    private let database: Database
    package let sql: String

    init(_ database: Database, _ sql: String) throws(SQLiteError) {
        var prepared: OpaquePointer?
        let code = unsafe sqlite3_prepare_v3(
            database.handle,
            sql,
            -1,
            UInt32(SQLITE_PREPARE_PERSISTENT),
            &prepared,
            nil
        )
        guard code == SQLITE_OK else { throw database.failure(code, sql) }
        guard let handle = unsafe prepared else { preconditionFailure("a statement is empty") }
        unsafe self.handle = handle
        self.database = database
        self.sql = sql
    }

    deinit { unsafe sqlite3_finalize(handle) }

    package var parameterCount: Int { Int(unsafe sqlite3_bind_parameter_count(handle)) }
    package var columnCount: Int { Int(unsafe sqlite3_column_count(handle)) }

    // MARK: Parameters

    private func check(_ code: Int32) throws(SQLiteError) {
        if code != SQLITE_OK { throw database.failure(code, sql) }
    }

    package func bind(_ value: Int64, at index: Int) throws(SQLiteError) {
        try check(unsafe sqlite3_bind_int64(handle, Int32(index + 1), value))
    }

    /// Binds a number that must come back as it went in.
    ///
    /// - Precondition: It is below 2^63, where SQLite's numbers end.
    package func bind(_ value: UInt64, at index: Int) throws(SQLiteError) {
        precondition(value <= UInt64(Int64.max))
        try bind(Int64(value), at: index)
    }

    package func bind(_ value: Int, at index: Int) throws(SQLiteError) {
        try bind(Int64(value), at: index)
    }

    package func bind(_ value: Double, at index: Int) throws(SQLiteError) {
        try check(unsafe sqlite3_bind_double(handle, Int32(index + 1), value))
    }

    package func bind(_ value: String, at index: Int) throws(SQLiteError) {
        // The copy ends in a zero, so its address is never null, which would bind NULL.
        let code = unsafe sqlite3_bind_text(
            handle,
            Int32(index + 1),
            value,
            Int32(value.utf8.count),
            Self.copies
        )
        try check(code)
    }

    package func bind(_ value: [UInt8], at index: Int) throws(SQLiteError) {
        try unsafe value.withBytes { (bytes) throws(SQLiteError) in
            try unsafe bind(bytes: bytes, at: index)
        }
    }

    /// Binds a copy of these bytes.
    package func bind(bytes: UnsafeRawBufferPointer, at index: Int) throws(SQLiteError) {
        guard unsafe !bytes.isEmpty, let address = bytes.baseAddress else {
            return try check(unsafe sqlite3_bind_zeroblob(handle, Int32(index + 1), 0))
        }
        let code = unsafe sqlite3_bind_blob64(
            handle,
            Int32(index + 1),
            address,
            UInt64(bytes.count),
            Self.copies
        )
        try check(code)
    }

    package func bindNull(at index: Int) throws(SQLiteError) {
        try check(unsafe sqlite3_bind_null(handle, Int32(index + 1)))
    }

    package func bind(_ value: Value, at index: Int) throws(SQLiteError) {
        switch value {
        case .null: try bindNull(at: index)
        case .integer(let number): try bind(number, at: index)
        case .real(let number): try bind(number, at: index)
        case .text(let text): try bind(text, at: index)
        case .blob(let bytes): try bind(bytes, at: index)
        }
    }

    /// Binds all parameters.
    ///
    /// - Precondition: There are as many as the statement has.
    package func bind(_ values: [Value]) throws(SQLiteError) {
        precondition(values.count == parameterCount, "\(sql) has \(parameterCount) parameters")
        for (index, value) in values.enumerated() { try bind(value, at: index) }
    }

    /// SQLITE_TRANSIENT, a cast that the importer does not see through: SQLite makes a copy.
    private static var copies: sqlite3_destructor_type {
        unsafe unsafeBitCast(-1, to: sqlite3_destructor_type.self)
    }

    // MARK: Rows

    /// Moves to the next row; false after the last, and then the statement is reset.
    package func step() throws(SQLiteError) -> Bool {
        let code = unsafe sqlite3_step(handle)
        switch code {
        case SQLITE_ROW: return true
        case SQLITE_DONE:
            reset()
            return false
        default:
            let error = database.failure(code, sql)
            reset()
            throw error
        }
    }

    /// Makes the statement ready to run again; parameters stay bound.
    package func reset() {
        // It repeats the error of the last step, which was thrown already.
        _ = unsafe sqlite3_reset(handle)
    }

    /// Forgets the parameters, and the memory that long ones take.
    package func clearBindings() { unsafe sqlite3_clear_bindings(handle) }

    /// Runs it to its end; rows are passed over.
    package func run() throws(SQLiteError) {
        while try step() {}
    }

    /// The first column of the first row, or nil without a row.
    package func single() throws(SQLiteError) -> Value? {
        guard try step() else { return nil }
        defer { reset() }
        return value(at: 0)
    }

    package func rows() throws(SQLiteError) -> [[Value]] {
        var rows: [[Value]] = []
        while try step() { rows.append((0..<columnCount).map { value(at: $0) }) }
        return rows
    }

    /// Calls `body` for each row until it returns false, then resets.
    package func forEachRow(
        _ body: (borrowing Statement) throws(SQLiteError) -> Bool
    ) throws(SQLiteError) {
        defer { reset() }
        while try step() {
            if try !body(self) { break }
        }
    }

    // MARK: Columns of the current row; another type than asked for is converted by SQLite's rules

    package func isNull(at index: Int) -> Bool {
        unsafe sqlite3_column_type(handle, Int32(index)) == SQLITE_NULL
    }

    package func integer(at index: Int) -> Int64 {
        unsafe sqlite3_column_int64(handle, Int32(index))
    }

    package func real(at index: Int) -> Double {
        unsafe sqlite3_column_double(handle, Int32(index))
    }

    package func text(at index: Int) -> String {
        guard let characters = unsafe sqlite3_column_text(handle, Int32(index)) else { return "" }
        let count = Int(unsafe sqlite3_column_bytes(handle, Int32(index)))
        return unsafe String(
            decoding: UnsafeBufferPointer(start: characters, count: count),
            as: UTF8.self
        )
    }

    package func blob(at index: Int) -> [UInt8] {
        unsafe withBytes(at: index) { unsafe [UInt8]($0) }
    }

    /// Lends the bytes of a column, without a copy.
    package func withBytes<Result, Failure: Error>(
        at index: Int,
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let address = unsafe sqlite3_column_blob(handle, Int32(index))
        let count = Int(unsafe sqlite3_column_bytes(handle, Int32(index)))
        let isEmpty = unsafe address == nil
        return try unsafe body(
            UnsafeRawBufferPointer(start: address, count: isEmpty ? 0 : count)
        )
    }

    package func value(at index: Int) -> Value {
        switch unsafe sqlite3_column_type(handle, Int32(index)) {
        case SQLITE_INTEGER: .integer(integer(at: index))
        case SQLITE_FLOAT: .real(real(at: index))
        case SQLITE_TEXT: .text(text(at: index))
        case SQLITE_BLOB: .blob(blob(at: index))
        default: .null
        }
    }
}
