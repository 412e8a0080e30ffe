//! The request without its body. In: method, URL parameters, headers, form fields. Out: a `Request`, or the refusal that ClickHouse would send.
//! Never: guesses; what the embedded ClickHouse cannot do is refused by name.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method};

use super::body::Framing;
use super::encoding::Encoding;
use super::external::External;
use super::fault::{Fault, Refusal};
use super::reply::Packing;

/// Longest life of an idle session, as in ClickHouse's default configuration.
const MAX_SESSION: Duration = Duration::from_secs(3600);
const DEFAULT_SESSION: Duration = Duration::from_secs(60);

/// URL parameters that clients send and that have no effect here: progress headers (there are none), compression levels, quotas, and asynchronous
/// inserts (every insert is synchronous).
const IGNORED: [&str; 12] = [
    "async_insert",
    "wait_for_async_insert",
    "buffer_size",
    "cancel_http_readonly_queries_on_client_close",
    "http_headers_progress_interval_ms",
    "http_response_buffer_size",
    "http_wait_end_of_query",
    "http_write_exception_in_output_format",
    "http_zlib_compression_level",
    "quota_key",
    "send_progress_in_http_headers",
    "stacktrace",
];

/// What the method allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// GET and HEAD: statements that change nothing.
    Read,
    /// POST.
    Write,
}

/// When the answer starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    /// As soon as there is a fair amount of data.
    Early,
    /// `wait_end_of_query=1`: after the last row, as long as it fits in memory.
    AtTheEnd,
}

/// A session the request wants to run in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SessionRequest {
    /// The client's name for it.
    pub(super) id: String,
    /// How long it outlives its last request.
    pub(super) timeout: Duration,
    /// `session_check=1`: fail instead of creating a new one.
    pub(super) origin: Origin,
}

/// Whether a session may be new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Create it if it does not exist.
    NewOrExisting,
    /// It must exist.
    Existing,
}

/// Everything in a request except its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    /// What it may do.
    pub(super) access: Access,
    /// The `query` parameter; the body continues it.
    pub(super) query: String,
    /// Database to run in.
    pub(super) database: Option<String>,
    /// Output format for statements that name none.
    pub(super) default_format: Option<String>,
    /// Values of `{name:Type}` placeholders.
    pub(super) parameters: Vec<(String, String)>,
    /// Settings for this statement only.
    pub(super) settings: Vec<(String, String)>,
    /// Session, if one is asked for.
    pub(super) session: Option<SessionRequest>,
    /// The client's name for the query, or a new one; echoed.
    pub(super) query_id: String,
    /// `Content-Encoding` of the body.
    pub(super) encoding: Encoding,
    /// `decompress=1`.
    pub(super) body_framing: Framing,
    /// `compress=1`, and `Accept-Encoding` unless `enable_http_compression=0`.
    pub(super) answer: Packing,
    /// `client_protocol_version`, the version whose framing of Native the client expects; 0 if there is none.
    pub(super) protocol: u64,
    /// Tables sent with the query.
    pub(super) external: Vec<External>,
    /// `wait_end_of_query`.
    pub(super) delivery: Delivery,
    user: Option<String>,
    password: Option<String>,
    session_id: Option<String>,
    session_timeout: Duration,
    session_origin: Origin,
}

impl Request {
    /// Parses method, URL and headers.
    ///
    /// # Errors
    /// Parameters or headers that are not supported. Call [`Request::settle`] once form fields are in.
    pub(super) fn parse(parts: &Parts) -> Result<Self, Fault> {
        let headers = &parts.headers;
        let access = if parts.method == Method::POST { Access::Write } else { Access::Read };
        let mut request = Self {
            access,
            query: String::new(),
            database: header(headers, "x-clickhouse-database"),
            default_format: header(headers, "x-clickhouse-format"),
            parameters: Vec::new(),
            settings: Vec::new(),
            session: None,
            query_id: uuid::Uuid::new_v4().to_string(),
            encoding: Encoding::parse(&header(headers, "content-encoding").unwrap_or_default())?,
            body_framing: Framing::Plain,
            answer: Packing {
                framing: Framing::Plain,
                encoding: Encoding::accepted(&header(headers, "accept-encoding").unwrap_or_default()),
            },
            protocol: 0,
            external: Vec::new(),
            delivery: Delivery::Early,
            user: header(headers, "x-clickhouse-user"),
            password: header(headers, "x-clickhouse-key"),
            session_id: None,
            session_timeout: DEFAULT_SESSION,
            session_origin: Origin::NewOrExisting,
        };
        request.credentials(headers)?;
        if let Some(id) = header(headers, "x-clickhouse-query-id") {
            request.query_id = id;
        }
        for (name, value) in form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()) {
            request.set(name.into_owned(), value.into_owned())?;
        }
        Ok(request)
    }

    /// Applies one URL parameter or form field.
    ///
    /// # Errors
    /// A parameter that is not supported.
    pub(super) fn set(&mut self, name: String, value: String) -> Result<(), Fault> {
        let not_supported = |what: &str| {
            Err(Fault::refuse(
                Refusal::NotSupported,
                format_args!("URL parameter '{what}' is not supported by the embedded ClickHouse"),
            ))
        };
        match name.as_str() {
            "query" => self.query.push_str(&value),
            "database" => self.database = Some(value).filter(|value| !value.is_empty()),
            "default_format" => self.default_format = Some(value).filter(|value| !value.is_empty()),
            "user" => self.user = Some(value),
            "password" => self.password = Some(value),
            "query_id" if !value.is_empty() => self.query_id = value,
            "query_id" => {}
            "session_id" => self.session_id = Some(value).filter(|value| !value.is_empty()),
            "session_timeout" => {
                let seconds = value.parse().map_err(|_| {
                    Fault::refuse(Refusal::BadArguments, format_args!("Invalid session timeout: '{value}'"))
                })?;
                self.session_timeout = Duration::from_secs(seconds).min(MAX_SESSION);
            }
            "session_check" if is_on(&value) => self.session_origin = Origin::Existing,
            "session_check" => self.session_origin = Origin::NewOrExisting,
            "compress" if is_on(&value) => self.answer.framing = Framing::Blocks,
            "decompress" if is_on(&value) => self.body_framing = Framing::Blocks,
            "compress" | "decompress" => {}
            "wait_end_of_query" if is_on(&value) => self.delivery = Delivery::AtTheEnd,
            "wait_end_of_query" => {}
            "client_protocol_version" => self.protocol = value.parse().unwrap_or_default(),
            "enable_http_compression" if is_on(&value) => {}
            "enable_http_compression" => self.answer.encoding = Encoding::Identity,
            "role" => return not_supported("role"),
            ignored if IGNORED.contains(&ignored) => {}
            other => match other.strip_prefix("param_") {
                Some(parameter) => self.parameters.push((parameter.to_owned(), value)),
                None if is_setting(other) => self.settings.push((name, value)),
                None => {
                    let reason = format_args!("Unknown setting '{other}'");
                    return Err(Fault::refuse(Refusal::UnknownSetting, reason));
                }
            },
        }
        Ok(())
    }

    /// Adds one file of a form, once all parameters are in.
    ///
    /// # Errors
    /// No parameter names its columns.
    pub(super) fn attach(&mut self, name: String, rows: Vec<u8>) -> Result<(), Fault> {
        self.external.push(External::new(name, rows, &mut self.settings)?);
        Ok(())
    }

    /// Checks credentials, and what depends on several parameters, once all of them are in.
    ///
    /// # Errors
    /// A user other than `default`, or a password.
    pub(super) fn settle(&mut self) -> Result<(), Fault> {
        let user = self.user.as_deref().filter(|user| !user.is_empty()).unwrap_or("default");
        if user != "default" || self.password.as_deref().is_some_and(|password| !password.is_empty()) {
            let reason = format_args!(
                "{user}: Authentication failed: password is incorrect, or there is no user with such name. \
                 The embedded ClickHouse knows only the user 'default' with an empty password"
            );
            return Err(Fault::refuse(Refusal::Authentication, reason));
        }
        let is_read_only = self.setting("readonly").is_some_and(|value| value != "0");
        if self.session_id.is_some() && is_read_only {
            // A session could not turn readonly off again, so there the access right of each request is used instead.
            self.settings.retain(|(name, _)| name != "readonly");
            self.access = Access::Read;
        }
        self.session = self.session_id.take().map(|id| SessionRequest {
            id,
            timeout: self.session_timeout,
            origin: self.session_origin,
        });
        Ok(())
    }

    /// The value of a setting of this request.
    #[must_use]
    pub(super) fn setting(&self, name: &str) -> Option<&str> {
        self.settings.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn credentials(&mut self, headers: &HeaderMap) -> Result<(), Fault> {
        let Some(value) = header(headers, "authorization") else {
            return Ok(());
        };
        let bad = |reason: &str| Fault::refuse(Refusal::Authentication, reason);
        let Some(("Basic" | "basic", encoded)) = value.split_once(' ') else {
            return Err(bad("The embedded ClickHouse knows no other Authorization than Basic"));
        };
        let decoded = BASE64_STANDARD
            .decode(encoded.trim())
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| bad("Invalid HTTP Basic credentials"))?;
        let (user, password) = decoded.split_once(':').unwrap_or((&decoded, ""));
        self.user = Some(user.to_owned());
        self.password = Some(password.to_owned());
        Ok(())
    }
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

fn is_on(value: &str) -> bool {
    !matches!(value, "" | "0" | "false")
}

fn is_setting(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.')
}

#[cfg(test)]
mod tests;
