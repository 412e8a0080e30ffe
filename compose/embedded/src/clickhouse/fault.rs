//! Errors as ClickHouse's HTTP clients expect them.
//! In: the engine's message, or a refusal of ours. Out: exception code, HTTP status and the text clients parse.
//! Never: an error without a code.

use hyper::StatusCode;

use super::interface::EngineError;

/// A failed request: what goes into `X-ClickHouse-Exception-Code`, the status and the body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(super) struct Fault {
    /// ClickHouse's exception code.
    pub(super) code: u32,
    /// `Code: N. DB::Exception: ... (NAME)`, without version and line end.
    message: String,
}

/// The reasons for which the HTTP interface itself refuses a request, with ClickHouse's codes and names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// A parameter or header makes no sense.
    BadArguments,
    /// The statement cannot be parsed.
    Syntax,
    /// A real ClickHouse supports this, the embedded one does not.
    NotSupported,
    /// GET may only read.
    ReadOnly,
    /// Wrong user or password.
    Authentication,
    /// The body is not what its headers say.
    BadBody,
    /// The body has an unsupported encoding.
    MediaType,
    /// The body exceeds the limit for its kind.
    TooLarge,
    /// Another request holds the session.
    SessionLocked,
    /// `session_check=1` and no such session.
    SessionNotFound,
    /// The server is shutting down.
    ShuttingDown,
    /// A setting with an impossible name.
    UnknownSetting,
    /// INTO OUTFILE is only for clients.
    IntoOutfile,
    /// FROM INFILE is only for clients.
    FromInfile,
}

impl Refusal {
    fn code_and_name(self) -> (u32, &'static str) {
        match self {
            Self::BadArguments => (36, "BAD_ARGUMENTS"),
            Self::Syntax => (62, "SYNTAX_ERROR"),
            Self::NotSupported => (48, "NOT_IMPLEMENTED"),
            Self::ReadOnly => (164, "READONLY"),
            Self::Authentication => (516, "AUTHENTICATION_FAILED"),
            Self::BadBody => (33, "CANNOT_READ_ALL_DATA"),
            Self::MediaType => (779, "UNSUPPORTED_MEDIA_TYPE"),
            Self::TooLarge => (229, "QUERY_IS_TOO_LARGE"),
            Self::SessionLocked => (373, "SESSION_IS_LOCKED"),
            Self::SessionNotFound => (372, "SESSION_NOT_FOUND"),
            Self::ShuttingDown => (394, "QUERY_WAS_CANCELLED"),
            Self::UnknownSetting => (115, "UNKNOWN_SETTING"),
            Self::IntoOutfile => (358, "INTO_OUTFILE_NOT_ALLOWED"),
            Self::FromInfile => (78, "UNKNOWN_TYPE_OF_QUERY"),
        }
    }
}

impl Fault {
    /// A refusal of the HTTP interface itself, worded like an exception.
    #[must_use]
    pub(super) fn refuse(refusal: Refusal, reason: impl std::fmt::Display) -> Self {
        let (code, name) = refusal.code_and_name();
        Self { code, message: format!("Code: {code}. DB::Exception: {reason}. ({name})") }
    }

    /// The same with a sentence about the remedy.
    #[must_use]
    pub(super) fn advising(self, advice: &str) -> Self {
        Self { message: format!("{} {advice}", self.message), ..self }
    }

    /// Whether it is about authentication.
    #[must_use]
    pub(super) fn is_authentication(&self) -> bool {
        matches!(self.code, 192..=194 | 516)
    }

    /// The HTTP status ClickHouse answers for this code.
    #[must_use]
    pub(super) fn status(&self) -> StatusCode {
        status(self.code)
    }

    /// The response body: the message, the version, a line end.
    #[must_use]
    pub(super) fn body(&self, version: &str) -> String {
        if self.message.contains("(version ") {
            format!("{}\n", self.message)
        } else {
            format!("{} (version {version} (embedded build))\n", self.message)
        }
    }
}

impl From<EngineError> for Fault {
    fn from(error: EngineError) -> Self {
        let code = error
            .text
            .strip_prefix("Code: ")
            .and_then(|rest| rest.split('.').next())
            .and_then(|number| number.parse().ok());
        match code {
            Some(code) => Self { code, message: error.text },
            // Some refusals of the library itself have no code.
            None => Self {
                code: 1002,
                message: format!("Code: 1002. DB::Exception: {}. (UNKNOWN_EXCEPTION)", error.text),
            },
        }
    }
}

/// ClickHouse's mapping of exception codes (`exceptionCodeToHTTPStatus`).
#[must_use]
pub(super) fn status(code: u32) -> StatusCode {
    match code {
        // REQUIRED_PASSWORD
        194 => StatusCode::UNAUTHORIZED,
        // UNKNOWN_USER, WRONG_PASSWORD, ACCESS_DENIED, SET_NON_GRANTED_ROLE, AUTHENTICATION_FAILED
        192 | 193 | 497 | 512 | 516 => StatusCode::FORBIDDEN,
        // Texts, dates, numbers, addresses and UUIDs that do not parse; columns, types and arguments that do not fit;
        // SYNTAX_ERROR and trees that make no sense.
        6 | 8 | 15 | 25 | 26 | 27 | 36 | 37 | 38 | 41 | 44 | 53 | 62 | 72 | 117 | 123 | 167 | 168 | 223
        | 321 | 376 | 427 | 441 | 675 | 676 => StatusCode::BAD_REQUEST,
        // UNKNOWN_ function, identifier, type, storage, table, aggregate function, format, type of query, database,
        // setting, direction of sorting, database engine, role
        46 | 47 | 50 | 56 | 60 | 63 | 73 | 78 | 81 | 115 | 152 | 336 | 511 => StatusCode::NOT_FOUND,
        // TIMEOUT_EXCEEDED
        159 => StatusCode::REQUEST_TIMEOUT,
        // QUERY_IS_TOO_LARGE
        229 => StatusCode::PAYLOAD_TOO_LARGE,
        // HTTP_LENGTH_REQUIRED
        381 => StatusCode::LENGTH_REQUIRED,
        // NOT_IMPLEMENTED
        48 => StatusCode::NOT_IMPLEMENTED,
        // UNSUPPORTED_MEDIA_TYPE
        779 => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        // CANNOT_OPEN_FILE, SOCKET_TIMEOUT, CANNOT_SCHEDULE_TASK
        76 | 209 | 439 => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests;
