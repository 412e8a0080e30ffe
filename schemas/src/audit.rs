//! The records of the audit log. In: a call of GitLab's API, and who made it. Out: a record of the audit topic, and back. It is a CloudEvents 1.0
//! event in structured JSON mode, as on the event topics. Never holds a token, a query or a body: there is no field for them.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

use crate::json::JsonError;
use crate::topic::{TopicPrefix, TopicRecord};

/// The CloudEvents version in `specversion`.
const SPEC_VERSION: &str = "1.0";
/// `type` for a call of GitLab's API.
const API_CALL: &str = "gitpulse.api_call";
/// `datacontenttype`.
const JSON_TYPE: &str = "application/json";

/// A call of GitLab's API, as logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audited {
    /// The GitLab instance, as `https://gitlab.example.com`.
    pub instance: String,
    /// The tenant that the resulting events belong to.
    pub tenant: String,
    /// When the call was made; the record keeps milliseconds.
    pub at: DateTime<Utc>,
    /// The request and its result.
    pub call: ApiCall,
}

/// A call of GitLab's API: request, caller and result. Enumerated values are strings, so that a reader accepts those of a newer build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiCall {
    /// The caller: `backfill`, `doctor`, `reconcile`.
    pub role: String,
    /// The run of the command, a UUID version 7: as text, runs sort by start time.
    pub run: Uuid,
    /// Number of the call within the run, from 1. Run and number identify the call, so that a repetition is recognized.
    pub number: u64,
    /// `GET`, or `POST` for GraphQL, which is only used to read.
    pub method: String,
    /// The path on the instance's host, as `/api/v4/projects/42/jobs`, without the query.
    pub path: String,
    /// The status of the response; `None` if there was none.
    pub status: Option<u16>,
    /// The outcome, as `ok` or `limited`.
    pub outcome: String,
    /// From sending the request to the last byte of the response, in milliseconds.
    pub duration_ms: u64,
    /// Bytes read of the response body.
    pub bytes: u64,
    /// The name of the token, as `the token` or `token 2`.
    pub token: String,
    /// Requests that the rate limit still allowed this token at that moment.
    pub budget_left: u32,
}

/// Why the value of a record is not a call.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// Not JSON, or an attribute is missing or of the wrong type.
    #[error("the record is not a call of GitLab's API as a CloudEvents event in JSON")]
    Json(#[source] JsonError),
    /// An event of a CloudEvents version that is not 1.0.
    #[error("the event's specversion is not \"1.0\"")]
    Version,
    /// A type that a newer build may audit.
    #[error("the event's type is not \"{API_CALL}\"")]
    Type,
}

/// The attributes, in the order of writing.
#[derive(Serialize)]
struct Attributes<'a> {
    specversion: &'a str,
    id: Uuid,
    source: &'a str,
    r#type: &'a str,
    subject: String,
    #[serde(serialize_with = "milliseconds")]
    time: DateTime<Utc>,
    datacontenttype: &'a str,
    tenant: &'a str,
    data: &'a ApiCall,
}

/// The attributes that are read back. The others can be derived from these.
#[derive(Deserialize)]
struct Wire {
    specversion: String,
    r#type: String,
    source: String,
    time: DateTime<Utc>,
    tenant: String,
    data: ApiCall,
}

fn milliseconds<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Millis, true))
}

impl ApiCall {
    /// The id of the record: a repetition has the same id, another call a different one.
    pub fn id(&self) -> Uuid {
        Uuid::new_v5(&self.run, &self.number.to_be_bytes())
    }

    /// Caller and run. With the instance they are the partition key, so the calls of a run share a partition.
    fn subject(&self) -> String {
        format!("{}/{}", self.role, self.run)
    }
}

impl Audited {
    /// The record for Kafka.
    ///
    /// # Errors
    /// None known: every value can be written as JSON.
    pub fn to_record(&self, prefix: &TopicPrefix) -> Result<TopicRecord, serde_json::Error> {
        let subject = self.call.subject();
        Ok(TopicRecord {
            topic: prefix.audit(),
            key: format!("{}/{subject}", self.instance).into_bytes(),
            value: serde_json::to_vec(&Attributes {
                specversion: SPEC_VERSION,
                id: self.call.id(),
                source: &self.instance,
                r#type: API_CALL,
                subject,
                time: self.at,
                datacontenttype: JSON_TYPE,
                tenant: &self.tenant,
                data: &self.call,
            })?,
        })
    }

    /// Parses the value of a record.
    ///
    /// # Errors
    /// The value is not a call of GitLab's API.
    pub fn parse(value: &[u8]) -> Result<Audited, AuditError> {
        let wire: Wire = serde_json::from_slice(value).map_err(|error| AuditError::Json(error.into()))?;
        if wire.specversion != SPEC_VERSION {
            return Err(AuditError::Version);
        }
        if wire.r#type != API_CALL {
            return Err(AuditError::Type);
        }
        Ok(Audited { instance: wire.source, tenant: wire.tenant, at: wire.time, call: wire.data })
    }
}

#[cfg(test)]
mod tests;
