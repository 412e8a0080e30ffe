//! The envelope of every record on the event topics. In: a webhook ([`Webhook`]) or an object of GitLab's REST API ([`ApiItem`]), wrapped in
//! `envelope/wrap.rs`. Out: a CloudEvents 1.0 event in structured JSON mode, and back. The payload is kept verbatim except for redaction.

mod wrap;

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::EventKind;
use crate::instance::instance_namespace;
use crate::json::JsonError;
use crate::topic::{TopicPrefix, TopicRecord};

pub use wrap::{ApiItem, Arrival, Named, Proof, Webhook, Wrapped};

/// The CloudEvents version in `specversion`.
const SPEC_VERSION: &str = "1.0";
/// `datacontenttype` of a JSON payload.
const JSON_TYPE: &str = "application/json";
/// `datacontenttype` of anything else.
const BINARY_TYPE: &str = "application/octet-stream";

/// One event on its way through Kafka.
///
/// CloudEvents 1.0 (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>) defines the attributes; `origin`, `tenant` and
/// `deliveryid` are extensions.
///
/// **Invariant:** every constructor redacts, except [`Envelope::parse`], which reads what was redacted before it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope(Parts);

/// The parts of an envelope. Anybody may take an envelope apart; the way back, [`Envelope::stored`], redacts.
#[derive(Debug, Clone, PartialEq)]
pub struct Parts {
    /// The same for a retry, a resend or a rerun of the same fact: [`delivery_event_id`], [`body_event_id`], [`crate::api::subject::address`].
    pub id: Uuid,
    /// The GitLab instance, as `https://gitlab.example.com`.
    pub source: String,
    /// What the event is about; decides the topic.
    pub kind: EventKind,
    /// The entity within the instance, as `project/42/merge_request/7`; with `source` it is the partition key.
    pub subject: String,
    /// When GitPulse received or read it. GitLab does not send a time of sending.
    pub time: DateTime<Utc>,
    /// How GitPulse got it.
    pub origin: Origin,
    /// The tenant that verified it. Provenance, not identity.
    pub tenant: String,
    /// GitLab's id of the delivery, if it has one.
    pub delivery_id: Option<String>,
    /// W3C trace context (<https://www.w3.org/TR/trace-context/>).
    pub traceparent: Option<String>,
    /// GitLab's payload.
    pub payload: Payload,
}

/// GitLab's payload, verbatim except for redaction and surrounding white space.
#[derive(Debug, Clone, PartialEq)]
pub enum Payload {
    /// **Invariant:** one well-formed JSON value.
    Json(String),
    /// Bytes that are not JSON.
    Binary(Vec<u8>),
}

/// How GitPulse got an event from GitLab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Delivered by a hook.
    Webhook,
    /// Read from the REST API.
    Api,
    /// Read from the delivery log of a hook.
    HookLog,
}

impl Origin {
    /// The name in the envelope, in tables and in metric labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Origin::Webhook => "webhook",
            Origin::Api => "api",
            Origin::HookLog => "hook_log",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The id of an event with a `delivery_id` from GitLab (`webhook-id`, or `Idempotency-Key` since GitLab 17.4). GitLab keeps that id when it retries
/// or resends, so the event's id stays the same.
pub fn delivery_event_id(instance: &str, delivery_id: &str) -> Uuid {
    Uuid::new_v5(&instance_namespace(instance), delivery_id.as_bytes())
}

/// The id of an event without a delivery id, as before GitLab 17.4: made from the body as received.
pub fn body_event_id(instance: &str, body: &[u8]) -> Uuid {
    let digest = Sha256::digest(body);
    Uuid::new_v5(&instance_namespace(instance), &digest)
}

/// Why the value of a record is not an envelope.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// Not JSON, or an attribute is missing or of the wrong type.
    #[error("the record is not a CloudEvents event in JSON")]
    Json(#[source] JsonError),
    /// An event of a CloudEvents version that is not 1.0.
    #[error("the event's specversion is not \"1.0\"")]
    Version,
    /// The type is not `gitlab.<kind>`.
    #[error("the event's type is not \"gitlab.\" and a kind")]
    Type,
    /// The event has `data` and `data_base64`, or neither.
    #[error("the event must have either data or data_base64")]
    Payload,
    /// `data_base64` is not base64.
    #[error("data_base64 is not base64")]
    Base64(#[source] base64::DecodeError),
}

/// The attributes in the order of writing; `data` follows them.
#[derive(Serialize)]
struct Attributes<'a> {
    specversion: &'a str,
    id: Uuid,
    source: &'a str,
    r#type: String,
    subject: &'a str,
    time: String,
    datacontenttype: &'a str,
    origin: Origin,
    tenant: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    deliveryid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
}

#[derive(Deserialize)]
struct Wire<'a> {
    specversion: String,
    id: Uuid,
    source: String,
    r#type: String,
    subject: String,
    time: DateTime<Utc>,
    origin: Origin,
    tenant: String,
    deliveryid: Option<String>,
    traceparent: Option<String>,
    /// A present `null` is a payload; only an absent field is not.
    #[serde(borrow, default, deserialize_with = "present")]
    data: Option<&'a RawValue>,
    data_base64: Option<String>,
}

fn present<'de: 'a, 'a, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

impl Envelope {
    /// Parses the value of a record.
    pub fn parse(value: &[u8]) -> Result<Envelope, EnvelopeError> {
        let wire: Wire<'_> =
            serde_json::from_slice(value).map_err(|error| EnvelopeError::Json(error.into()))?;
        if wire.specversion != SPEC_VERSION {
            return Err(EnvelopeError::Version);
        }
        let kind = wire.r#type.strip_prefix("gitlab.").and_then(|kind| EventKind::from_str(kind).ok());
        let payload = match (wire.data, wire.data_base64) {
            (Some(data), None) => Payload::Json(data.get().to_owned()),
            (None, Some(text)) => Payload::Binary(BASE64.decode(text).map_err(EnvelopeError::Base64)?),
            (Some(_), Some(_)) | (None, None) => return Err(EnvelopeError::Payload),
        };
        Ok(Envelope(Parts {
            id: wire.id,
            source: wire.source,
            kind: kind.ok_or(EnvelopeError::Type)?,
            subject: wire.subject,
            time: wire.time,
            origin: wire.origin,
            tenant: wire.tenant,
            delivery_id: wire.deliveryid,
            traceparent: wire.traceparent,
            payload,
        }))
    }

    /// Takes the envelope apart.
    pub fn into_parts(self) -> Parts {
        self.0
    }

    /// The same for a retry, a resend or a rerun of the same fact.
    pub fn id(&self) -> Uuid {
        self.0.id
    }

    /// The GitLab instance, as `https://gitlab.example.com`.
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// What the event is about.
    pub fn kind(&self) -> EventKind {
        self.0.kind
    }

    /// The entity within the instance, as `project/42/merge_request/7`.
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// When GitPulse received or read it.
    pub fn time(&self) -> DateTime<Utc> {
        self.0.time
    }

    /// How GitPulse got it.
    pub fn origin(&self) -> Origin {
        self.0.origin
    }

    /// The tenant that verified it.
    pub fn tenant(&self) -> &str {
        &self.0.tenant
    }

    /// GitLab's id of the delivery, if it has one.
    pub fn delivery_id(&self) -> Option<&str> {
        self.0.delivery_id.as_deref()
    }

    /// W3C trace context.
    pub fn traceparent(&self) -> Option<&str> {
        self.0.traceparent.as_deref()
    }

    /// GitLab's payload.
    pub fn payload(&self) -> &Payload {
        &self.0.payload
    }

    /// The record for Kafka. Topic and partition key are chosen only here.
    pub fn to_record(&self, prefix: &TopicPrefix) -> Result<TopicRecord, serde_json::Error> {
        Ok(TopicRecord {
            topic: prefix.events(self.kind()),
            key: format!("{}/{}", self.source(), self.subject()).into_bytes(),
            value: self.to_json()?,
        })
    }

    fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let parts = &self.0;
        let payload_length = match &parts.payload {
            Payload::Json(json) => json.len(),
            Payload::Binary(bytes) => bytes.len().div_ceil(3) * 4 + 2,
        };
        let attributes = Attributes {
            specversion: SPEC_VERSION,
            id: parts.id,
            source: &parts.source,
            r#type: format!("gitlab.{}", parts.kind),
            subject: &parts.subject,
            time: parts.time.to_rfc3339_opts(SecondsFormat::Millis, true),
            datacontenttype: match parts.payload {
                Payload::Json(_) => JSON_TYPE,
                Payload::Binary(_) => BINARY_TYPE,
            },
            origin: parts.origin,
            tenant: &parts.tenant,
            deliveryid: parts.delivery_id.as_deref(),
            traceparent: parts.traceparent.as_deref(),
        };
        let mut value = Vec::with_capacity(payload_length + 640);
        serde_json::to_writer(&mut value, &attributes)?;
        // The payload is inserted as text, not serialised: it is JSON already and must stay the same, byte for byte.
        value.pop();
        match &parts.payload {
            Payload::Json(json) => {
                value.extend_from_slice(br#","data":"#);
                value.extend_from_slice(json.as_bytes());
            }
            Payload::Binary(bytes) => {
                value.extend_from_slice(br#","data_base64":""#);
                value.extend_from_slice(BASE64.encode(bytes).as_bytes());
                value.push(b'"');
            }
        }
        value.push(b'}');
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn envelope(payload: Payload) -> Envelope {
        Envelope(Parts {
            id: delivery_event_id("https://gitlab.example.com", "f5e5f430-f57b-4e6e-9fac-d9128cd7232f"),
            source: "https://gitlab.example.com".to_owned(),
            kind: EventKind::MergeRequest,
            subject: "project/42/merge_request/7".to_owned(),
            time: DateTime::from_timestamp_millis(1_795_305_600_123).unwrap(),
            origin: Origin::Webhook,
            tenant: "default".to_owned(),
            delivery_id: Some("f5e5f430-f57b-4e6e-9fac-d9128cd7232f".to_owned()),
            traceparent: None,
            payload,
        })
    }

    fn read_back(envelope: &Envelope) -> Envelope {
        Envelope::parse(&envelope.to_record(&TopicPrefix::default()).unwrap().value).unwrap()
    }

    #[test]
    fn the_payload_travels_byte_for_byte() {
        let odd = r#"{"a" :  1.10, "a":"\u00e9", "b":[ ]}"#;
        let record = envelope(Payload::Json(odd.to_owned())).to_record(&TopicPrefix::default()).unwrap();
        assert_eq!(record.topic, "gitlab.merge_request");
        assert_eq!(record.key, b"https://gitlab.example.com/project/42/merge_request/7");
        assert!(String::from_utf8(record.value).unwrap().ends_with(&format!(r#","data":{odd}}}"#)));
    }

    #[test]
    fn ids_are_the_same_for_the_same_delivery_alone() {
        let id = delivery_event_id("https://gitlab.example.com", "1");
        assert_eq!(id, delivery_event_id("https://gitlab.example.com", "1"));
        assert_ne!(id, delivery_event_id("https://gitlab.example.com", "2"));
        assert_ne!(id, delivery_event_id("https://other.example.com", "1"));
        assert_ne!(body_event_id("https://gitlab.example.com", b"1"), id);
    }

    #[test]
    fn what_is_no_envelope_is_told_apart() {
        let json = envelope(Payload::Json("{}".to_owned())).to_record(&TopicPrefix::default()).unwrap().value;
        let json = String::from_utf8(json).unwrap();
        let parse = |text: &str| Envelope::parse(text.as_bytes()).unwrap_err();
        assert!(matches!(parse("hello"), EnvelopeError::Json(_)));
        assert!(matches!(parse(&json.replace(r#""1.0""#, r#""0.3""#)), EnvelopeError::Version));
        assert!(matches!(
            parse(&json.replace("gitlab.merge_request", "gitlab.nonsense")),
            EnvelopeError::Type
        ));
        assert!(matches!(parse(&json.replace(r#","data":{}"#, "")), EnvelopeError::Payload));
        assert!(matches!(
            parse(&json.replace(r#""data":{}"#, r#""data_base64":"*""#)),
            EnvelopeError::Base64(_)
        ));
    }

    proptest! {
        #[test]
        fn every_payload_reads_back(text in "\\PC*", bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let json = envelope(Payload::Json(serde_json::to_string(&text).unwrap()));
            prop_assert_eq!(read_back(&json), json);
            let null = envelope(Payload::Json("null".to_owned()));
            prop_assert_eq!(read_back(&null), null);
            let binary = envelope(Payload::Binary(bytes));
            prop_assert_eq!(read_back(&binary), binary);
        }
    }
}
