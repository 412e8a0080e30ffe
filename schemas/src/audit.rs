//! The audit log's records. In: a call of GitLab's API, and who made it. Out: a record of the audit topic, which is a CloudEvents 1.0 event in
//! structured JSON mode as on the event topics, and back. Never a token, a query or a body: nothing here has a place for them.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

use crate::json::JsonError;
use crate::topic::{TopicPrefix, TopicRecord};

/// The CloudEvents version in `specversion`.
const SPEC_VERSION: &str = "1.0";
/// `type` of a call of GitLab's API.
const API_CALL: &str = "gitpulse.api_call";
/// `datacontenttype`.
const JSON_TYPE: &str = "application/json";

/// A call of GitLab's API, as the audit log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audited {
    /// The GitLab that was asked, as `https://gitlab.example.com`.
    pub instance: String,
    /// For whom it was asked: the tenant that the events become.
    pub tenant: String,
    /// When it was made; of it, milliseconds travel.
    pub at: DateTime<Utc>,
    /// What was asked, by whom, and what came of it.
    pub call: ApiCall,
}

/// What was asked of GitLab's API, by whom, and what came of it. Words are texts here: a reader takes those of a newer build as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiCall {
    /// Who asked: `backfill`, `doctor`, `reconcile`.
    pub role: String,
    /// One run of a command, in UUID version 7: as text, runs sort by the time at which they began.
    pub run: Uuid,
    /// Number of the call within the run, from 1. With the run it identifies the call, so that a repetition is told.
    pub number: u64,
    /// `GET`, or `POST` for GraphQL, which only reads.
    pub method: String,
    /// The path on the instance's host, as `/api/v4/projects/42/jobs`, without the query.
    pub path: String,
    /// The status of the answer; `None` if there was none.
    pub status: Option<u16>,
    /// How it ended, as `ok` or `limited`.
    pub outcome: String,
    /// From sending it to the last byte of the answer, in milliseconds.
    pub duration_ms: u64,
    /// Bytes of the body that were read.
    pub bytes: u64,
    /// The name of the token, as `the token` or `token 2`.
    pub token: String,
    /// Requests that this token might still have made right then.
    pub budget_left: u32,
}

/// Why the value of a record is no call.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// Not JSON, or an attribute is missing or of the wrong type.
    #[error("the record is not a call of GitLab's API as a CloudEvents event in JSON")]
    Json(#[source] JsonError),
    /// An event of a CloudEvents version that is not 1.0.
    #[error("the event's specversion is not \"1.0\"")]
    Version,
    /// Something that a newer build audits, say.
    #[error("the event's type is not \"{API_CALL}\"")]
    Type,
}

/// The attributes in the order in which they are written.
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

/// What of them is read back: the others follow from these.
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
    /// The same for a repetition of the record, and for no other call.
    pub fn id(&self) -> Uuid {
        Uuid::new_v5(&self.run, &self.number.to_be_bytes())
    }

    /// Who asked, and in which run: with the instance it is the partition key, so that the calls of a run share a partition.
    fn subject(&self) -> String {
        format!("{}/{}", self.role, self.run)
    }
}

impl Audited {
    /// The record for Kafka.
    ///
    /// # Errors
    /// None that is known: JSON has a form for every value.
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

    /// Reads the value of a record back.
    ///
    /// # Errors
    /// It is no call of GitLab's API.
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
