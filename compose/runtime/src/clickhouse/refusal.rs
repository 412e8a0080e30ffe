//! Classifies ClickHouse's refusals. In: an error of its client. Out: ClickHouse's own code, and whether another try could help. All code that has to
//! know what an error means uses this. Never decides by an error's text what its code shows, with the one exception that is marked.

use clickhouse::error::Error;

/// ClickHouse's number for what went wrong; `system.errors` of a server lists them with their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Code(pub u32);

/// Those that decide something here, under ClickHouse's own names.
impl Code {
    /// A row has a column that the table lacks.
    pub const NO_SUCH_COLUMN_IN_TABLE: Code = Code(16);
    /// A row has more or fewer columns than the table.
    pub const NUMBER_OF_COLUMNS_DOESNT_MATCH: Code = Code(20);
    /// A value is not allowed, such as an unknown name of a time zone.
    pub const BAD_ARGUMENTS: Code = Code(36);
    /// This version of ClickHouse lacks a function.
    pub const UNKNOWN_FUNCTION: Code = Code(46);
    /// A statement names a column that does not exist.
    pub const UNKNOWN_IDENTIFIER: Code = Code(47);
    /// A value does not fit its column.
    pub const TYPE_MISMATCH: Code = Code(53);
    /// The table does not exist.
    pub const UNKNOWN_TABLE: Code = Code(60);
    /// The statement cannot be parsed.
    pub const SYNTAX_ERROR: Code = Code(62);
    /// The database does not exist.
    pub const UNKNOWN_DATABASE: Code = Code(81);
    /// The data sent does not match the table: a column has another type than the sender was told.
    pub const INCORRECT_DATA: Code = Code(117);
    /// This version of ClickHouse lacks a setting.
    pub const UNKNOWN_SETTING: Code = Code(115);
    /// The user may read only. (A table that is read-only for a time has another code, 242.)
    pub const READONLY: Code = Code(164);
    /// The user does not exist.
    pub const UNKNOWN_USER: Code = Code(192);
    /// The password is wrong.
    pub const WRONG_PASSWORD: Code = Code(193);
    /// The user has a password, and none was given.
    pub const REQUIRED_PASSWORD: Code = Code(194);
    /// Merges do not keep up with inserts, or one INSERT has rows of too many partitions.
    pub const TOO_MANY_PARTS: Code = Code(252);
    /// Users and roles are stored where ClickHouse cannot write.
    pub const ACCESS_STORAGE_READONLY: Code = Code(495);
    /// The user lacks a right.
    pub const ACCESS_DENIED: Code = Code(497);
    /// There is no storage for users and roles.
    pub const ACCESS_STORAGE_FOR_INSERTION_NOT_FOUND: Code = Code(514);
    /// The user or the password is wrong.
    pub const AUTHENTICATION_FAILED: Code = Code(516);
}

/// Errors that another try cannot cure: the rows do not fit the tables, or may not be written at all. Every other code is temporary: overload,
/// read-only replicas, used-up memory, TABLE_UUID_MISMATCH (741) of a table that a rebuild has just exchanged.
const PERMANENT: [Code; 16] = [
    Code::NO_SUCH_COLUMN_IN_TABLE,
    Code::NUMBER_OF_COLUMNS_DOESNT_MATCH,
    Code::UNKNOWN_FUNCTION,
    Code::UNKNOWN_IDENTIFIER,
    Code::TYPE_MISMATCH,
    Code::UNKNOWN_TABLE,
    Code::SYNTAX_ERROR,
    Code::UNKNOWN_DATABASE,
    Code::INCORRECT_DATA,
    Code::UNKNOWN_SETTING,
    Code::READONLY,
    Code::UNKNOWN_USER,
    Code::WRONG_PASSWORD,
    Code::REQUIRED_PASSWORD,
    Code::ACCESS_DENIED,
    Code::AUTHENTICATION_FAILED,
];

/// ClickHouse's text for an INSERT with rows of too many partitions, which has the same code as a table with too many parts. The first never
/// succeeds, the second does once parts are merged; only the text distinguishes them.
const TOO_MANY_PARTITIONS: &str = "Too many partitions for single INSERT block";

/// ClickHouse's code in an error of its client; `None` if ClickHouse did not answer, or if something in front of it answered.
pub fn code(error: &Error) -> Option<Code> {
    match error {
        Error::BadResponse(answer) => code_in(answer),
        _ => None,
    }
}

/// Whether the same statement may succeed later without anybody's help. An answer without a code comes from a proxy, and counts as temporary.
pub fn is_transient(error: &Error) -> bool {
    match error {
        Error::BadResponse(answer) => match code_in(answer) {
            Some(Code::TOO_MANY_PARTS) => !answer.contains(TOO_MANY_PARTITIONS),
            Some(code) => !PERMANENT.contains(&code),
            None => true,
        },
        Error::Network(_) | Error::TimedOut => true,
        _ => false,
    }
}

/// Whether the table differs from what the sender of rows assumed: with a fresh schema, the insert may succeed.
pub(super) fn is_mismatch(error: &Error) -> bool {
    const CODES: [Code; 5] = [
        Code::NO_SUCH_COLUMN_IN_TABLE,
        Code::NUMBER_OF_COLUMNS_DOESNT_MATCH,
        Code::UNKNOWN_IDENTIFIER,
        Code::TYPE_MISMATCH,
        Code::INCORRECT_DATA,
    ];
    match error {
        // The second is of a column whose type the client does not know.
        Error::SchemaMismatch(_) | Error::InvalidColumnsHeader(_) => true,
        _ => code(error).is_some_and(|code| CODES.contains(&code)),
    }
}

/// The number in `Code: 60. DB::Exception: ...`; the first one if causes with codes of their own follow. If the body cannot be read, the client
/// builds `Code: 60` from a header. The code has to be at the beginning of a line, so that a proxy's `Error Code: 503` does not count.
fn code_in(answer: &str) -> Option<Code> {
    answer.lines().find_map(|line| {
        let line = line.trim_start();
        // Exceptions of ClickHouse's libraries name their type first.
        let line = line.strip_prefix("Poco::Exception. ").unwrap_or(line);
        let line = line.strip_prefix("std::exception. ").unwrap_or(line);
        let rest = line.strip_prefix("Code:")?.trim_start();
        let end = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
        rest[..end].parse().ok().map(Code)
    })
}

#[cfg(test)]
mod tests;
