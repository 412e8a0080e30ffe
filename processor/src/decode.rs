//! Decodes a record. In: the value of a record. Out: an [`Event`], or the reason why there is none. Pure: the same bytes give the same event.

mod body;
mod sample;

use chrono::{DateTime, Utc};
use schemas::audit::AuditError;
use schemas::drift::{TooDeep, Unknown, drift, unknown_kind};
use schemas::envelope::EnvelopeError;
use schemas::event::group::Group;
use schemas::event::project::Project;
use schemas::event::user::User;
use schemas::head::{Head, HeadError};
use schemas::json::JsonError;
use schemas::kind::TEST_EVENT;
use schemas::{Envelope, EventKind, Origin, Payload};
use uuid::Uuid;

pub use body::EventBody;
use body::{typed, typed_object, within};

/// The longest path, ref or SHA that rows may repeat, in bytes. GitLab allows 255 characters for a ref and for each part of a path.
pub const MAX_NAME_BYTES: usize = 2048;

/// A decoded event.
#[derive(Debug)]
pub struct Event {
    /// Id of the event.
    pub id: Uuid,
    /// The GitLab instance.
    pub instance: String,
    /// The project, 0 if there is none.
    pub project_id: u64,
    /// Path of the project, empty if the body does not give it.
    pub project_path: String,
    /// What it is about.
    pub kind: EventKind,
    /// GitLab's own name of the event.
    pub name: String,
    /// Action, status or state.
    pub action: String,
    /// The entity within the instance.
    pub subject: String,
    /// How GitPulse got it.
    pub origin: Origin,
    /// Whether GitLab restricts who may see its subject: a confidential issue, an internal note.
    pub confidential: bool,
    /// The tenant that verified it.
    pub tenant: String,
    /// GitLab's id of the delivery, or empty.
    pub delivery_id: String,
    /// When GitPulse received it.
    pub received_at: DateTime<Utc>,
    /// What GitLab sent, as JSON.
    pub payload: String,
    /// What is in it and GitPulse does not know.
    pub unknown: Vec<Unknown>,
    /// Whether GitLab invented it for the Test button of a hook: it is then only kept in `events`.
    pub is_sample: bool,
    /// The other entities that it describes.
    pub snapshots: Snapshots,
    /// The typed payload. An error means that the event is known, but its table cannot take it. It is kept in `events`, from which a later decoder
    /// can fill that table, and it is dead-lettered, so that somebody sees it.
    pub body: Result<EventBody, DecodeError>,
}

impl Event {
    /// The group of the event, 0 if there is none.
    pub fn group_id(&self) -> u64 {
        numbered(&self.subject, "group/")
    }

    /// The number at the end of the subject, as 7 in `project/42/merge_request/7`: some objects of the API do not name their entity.
    pub fn entity_number(&self) -> Option<u64> {
        self.subject.rsplit('/').next()?.parse().ok()
    }
}

/// The project, the actor and the group in a body about another entity.
#[derive(Debug, Default)]
pub struct Snapshots {
    /// The project in which it happened.
    pub project: Option<Box<Project>>,
    /// The source project of a merge request, if it is not the target.
    pub source_project: Option<Box<Project>>,
    /// The actor.
    pub user: Option<Box<User>>,
    /// The group, if there is no project.
    pub group: Option<Box<Group>>,
}

/// Why a record is not an event, or its payload does not match its kind.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The value is not an envelope.
    #[error("the record is not an envelope")]
    Envelope(#[source] EnvelopeError),
    /// The payload is not JSON.
    #[error("the payload is not JSON")]
    NotJson,
    /// The payload is nested too deeply.
    #[error(transparent)]
    TooDeep(#[from] TooDeep),
    /// The payload is JSON, but not an object whose head can be read.
    #[error("the payload has no readable head")]
    Head(#[source] HeadError),
    /// The payload does not match its kind.
    #[error("the {kind} payload does not match its schema")]
    Payload {
        /// Its kind.
        kind: EventKind,
        /// The place of the mismatch.
        #[source]
        source: JsonError,
    },
    /// The payload does not identify its entity.
    #[error("the {kind} payload has no readable {field}")]
    Missing {
        /// Its kind.
        kind: EventKind,
        /// The field.
        field: &'static str,
    },
    /// A text that is repeated in every row of the payload is longer than GitLab allows; the rows would be many times larger than the payload.
    #[error("the {kind} payload has more than {MAX_NAME_BYTES} bytes of {field}")]
    TooLong {
        /// Its kind.
        kind: EventKind,
        /// The field.
        field: &'static str,
    },
    /// A record of the audit log is invalid.
    #[error("the record is not one of the audit log")]
    Audit(#[source] AuditError),
}

impl DecodeError {
    /// All reasons, for metrics that start at zero.
    pub const REASONS: [&str; 9] = [
        "envelope",
        "not_json",
        "too_deep",
        "not_an_object",
        "head",
        "payload",
        "missing_field",
        "too_long",
        "audit",
    ];

    /// The label value, from a fixed set, for metrics and for the header of the dead letter.
    pub fn reason(&self) -> &'static str {
        match self {
            DecodeError::Envelope(_) => "envelope",
            DecodeError::NotJson => "not_json",
            DecodeError::TooDeep(_) => "too_deep",
            DecodeError::Head(HeadError::NotAnObject) => "not_an_object",
            DecodeError::Head(HeadError::Json(_)) => "head",
            DecodeError::Payload { .. } => "payload",
            DecodeError::Missing { .. } => "missing_field",
            DecodeError::TooLong { .. } => "too_long",
            DecodeError::Audit(_) => "audit",
        }
    }
}

/// Decodes the value of a record.
pub fn decode(value: &[u8]) -> Result<Event, DecodeError> {
    decode_envelope(Envelope::parse(value).map_err(DecodeError::Envelope)?)
}

/// Decodes an envelope.
pub fn decode_envelope(envelope: Envelope) -> Result<Event, DecodeError> {
    let envelope = envelope.into_parts();
    let payload = match envelope.payload {
        Payload::Json(json) => json,
        Payload::Binary(_) => return Err(DecodeError::NotJson),
    };
    let mut unknown = drift(envelope.kind, envelope.origin, &payload)?;
    let head = Head::read(&payload).map_err(DecodeError::Head)?;
    if envelope.kind == EventKind::Other && head.name() != TEST_EVENT {
        unknown.push(unknown_kind(head.name()));
    }
    let (name, action) = (head.name().to_owned(), head.action().to_owned());
    let project_path = head.project_path().to_owned();
    let confidential = head.is_confidential(envelope.kind);
    let project_id = numbered(&envelope.subject, "project/");
    let group_id = numbered(&envelope.subject, "group/");
    let snapshots = Snapshots {
        project: head.project().map(Box::new),
        source_project: head.source_project().map(Box::new),
        user: head.user().map(Box::new),
        group: head.group().map(Box::new),
    };
    let body = match envelope.origin {
        Origin::Webhook | Origin::HookLog => typed(envelope.kind, &payload),
        Origin::Api => typed_object(envelope.kind, &payload),
    };
    let body = body.and_then(|body| {
        within(envelope.kind, "project.path_with_namespace", &project_path)?;
        match (project_id, envelope.kind) {
            (0, EventKind::Project) => Err(DecodeError::Missing { kind: envelope.kind, field: "project_id" }),
            (0, EventKind::Group) if group_id == 0 => {
                Err(DecodeError::Missing { kind: envelope.kind, field: "group_id" })
            }
            (0, EventKind::Member) if group_id == 0 && matches!(body, EventBody::Member(_)) => {
                Err(DecodeError::Missing { kind: envelope.kind, field: "group_id" })
            }
            // The id of a pipeline identifies it; a branch, a number or a tag needs its project.
            (
                0,
                EventKind::Push
                | EventKind::TagPush
                | EventKind::MergeRequest
                | EventKind::Release
                | EventKind::FeatureFlag,
            ) => Err(DecodeError::Missing { kind: envelope.kind, field: "project" }),
            (_, _) => Ok(body),
        }
    });
    let is_sample =
        body.as_ref().is_ok_and(|body| sample::is_sample(envelope.kind, envelope.origin, body, &payload));
    Ok(Event {
        id: envelope.id,
        instance: envelope.source,
        project_id,
        project_path,
        kind: envelope.kind,
        name,
        action,
        subject: envelope.subject,
        origin: envelope.origin,
        confidential,
        tenant: envelope.tenant,
        delivery_id: envelope.delivery_id.unwrap_or_default(),
        received_at: envelope.time,
        body,
        is_sample,
        snapshots,
        payload,
        unknown,
    })
}

/// The project in `project/42/merge_request/7`, or the group in `group/5/member/7`; 0 if the subject has none. It was read from the body when the
/// envelope was made: a later decoder must not move an old event to another key.
fn numbered(subject: &str, prefix: &str) -> u64 {
    let id = subject.strip_prefix(prefix).and_then(|rest| rest.split('/').next());
    id.and_then(|id| id.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests;
