//! Wraps what GitLab said. In: the body of a webhook, or an object of the API, and what is known of how it came. Out: an [`Envelope`],
//! redacted. Never fails: what is no JSON, or of no known kind, is kept whole under [`EventKind::Other`].
//!
//! **Invariant:** nothing else makes an envelope of what was not in Kafka before, so no producer can bypass redaction.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{Envelope, Origin, Parts, Payload, body_event_id, delivery_event_id};
use crate::EventKind;
use crate::api::resource::{ObjectHead, Resource};
use crate::api::subject::{Context, address_of};
use crate::head::Head;
use crate::instance::{TEST_INSTANCE, UNKNOWN_INSTANCE, host, instance_of_page, normal_instance};
use crate::kind::TEST_EVENT;
use crate::redact::{redact_object, redact_unreadable, redact_webhook};
use crate::tenant::Tenant;

/// What some editors put before a text.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The tenant of test events.
const TEST_TENANT: &str = "gitpulse-test";

/// The body of a webhook whose sender is proven, and what is known of how it came.
///
/// **Invariant:** whoever fills it has verified it: `ingest::envelope::wrap` takes a `VerifiedDelivery` alone.
#[derive(Debug, Clone, Copy)]
pub struct Webhook<'a> {
    /// The body, byte for byte.
    pub body: &'a [u8],
    /// How it came.
    pub arrival: Arrival,
    /// What of it is proven.
    pub proof: Proof,
    /// When its last byte arrived, or when GitLab logged it.
    pub received_at: DateTime<Utc>,
    /// Whose it is.
    pub tenant: &'a Tenant,
    /// GitLab's id of the delivery, if it has one.
    pub delivery_id: Option<&'a str>,
    /// The instance that a header names.
    pub named_instance: Option<&'a str>,
    /// The trace that a header names.
    pub traceparent: Option<&'a str>,
}

/// How the body of a webhook came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// A hook delivered it.
    Delivered,
    /// It was read from a hook's log of deliveries.
    Logged,
}

/// What is proven of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Id, time and body, by a signature. Other headers are not.
    Signed,
    /// Who sent it, by a secret that came with it. So its headers are as good as its body.
    Sender,
}

/// One object of GitLab's REST API, and what is known of how it was read.
#[derive(Debug, Clone, Copy)]
pub struct ApiItem<'a> {
    /// What lists it.
    pub resource: Resource,
    /// The object as GitLab wrote it.
    pub object: &'a RawValue,
    /// Where it was listed.
    pub context: Context,
    /// Whose token read it.
    pub tenant: &'a Tenant,
    /// URL of the instance that was asked.
    pub asked_instance: &'a str,
    /// When it was read.
    pub read_at: DateTime<Utc>,
    /// The trace that reading it belongs to.
    pub traceparent: Option<&'a str>,
}

/// An envelope, and what was noticed on the way.
#[derive(Debug)]
pub struct Wrapped {
    /// The event.
    pub envelope: Envelope,
    /// Whether the body names a host that is not the instance's.
    pub foreign_host: bool,
    /// Whether secrets were blanked.
    pub redacted: bool,
    /// What of GitLab the body names; `None` of one that nobody can read, of which no rows are made.
    pub named: Option<Named>,
}

/// What of GitLab a body names by id, and rows could be made of: 0 where it names none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Named {
    /// The project that its rows are of.
    pub project_id: u64,
    /// The project that it describes, which is told of in passing.
    pub inner_project_id: u64,
    /// The group.
    pub group_id: u64,
}

impl Envelope {
    /// Wraps a webhook.
    pub fn webhook(webhook: &Webhook<'_>) -> Wrapped {
        let body = webhook.body;
        let text =
            std::str::from_utf8(body).ok().map(|text| text.trim_start_matches(BYTE_ORDER_MARK).trim_ascii());
        let head = text.and_then(|text| Head::read(text).ok());
        // A body with a head was read to its end, so it is JSON; only the others have to be asked.
        let json = text.filter(|text| head.is_some() || is_json(text));
        let web_url = head.as_ref().and_then(Head::web_url);
        let source = instance(webhook, head.as_ref());
        let id = match webhook.delivery_id {
            Some(delivery_id) => delivery_event_id(&source, delivery_id),
            None => body_event_id(&source, body),
        };
        let kind = head.as_ref().map_or(EventKind::Other, Head::kind);
        let fallback = id.to_string();
        let subject = match &head {
            Some(head) => head.subject(kind, &fallback),
            None => format!("project/0/{kind}/{fallback}"),
        };
        let redaction = json.map(|json| redact_webhook(json, head.as_ref()));
        let unreadable = redaction.is_none().then(|| redact_unreadable(body));
        let redacted = matches!(redaction, Some(Cow::Owned(_))) || matches!(unreadable, Some(Cow::Owned(_)));
        let foreign_host = web_url.is_some_and(|url| host(url) != host(&source));
        let named = head.as_ref().map(Head::named);
        let envelope = Envelope(Parts {
            id,
            kind,
            subject,
            time: webhook.received_at,
            origin: match webhook.arrival {
                Arrival::Delivered => Origin::Webhook,
                Arrival::Logged => Origin::HookLog,
            },
            tenant: webhook.tenant.name().to_owned(),
            delivery_id: webhook.delivery_id.map(str::to_owned),
            traceparent: Some(traceparent(id, webhook.traceparent)),
            payload: match redaction {
                Some(json) => Payload::Json(json.into_owned()),
                None => Payload::Binary(unreadable.map(Cow::into_owned).unwrap_or_default()),
            },
            source,
        });
        Wrapped { envelope, foreign_host, redacted, named }
    }

    /// Wraps an object of the API.
    pub fn api(item: &ApiItem<'_>) -> Wrapped {
        let json = item.object.get();
        let head = ObjectHead::read(json).unwrap_or_default();
        let source = match item.tenant.instance() {
            Some(configured) => configured.to_owned(),
            None => normal_instance(item.asked_instance).unwrap_or_else(|| UNKNOWN_INSTANCE.to_owned()),
        };
        let address = address_of(&source, item.resource, json, &head, item.context);
        let redaction = redact_object(json, address.kind);
        let redacted = matches!(redaction, Cow::Owned(_));
        let foreign_host = head.web_url().is_some_and(|url| host(url) != host(&source));
        let envelope = Envelope(Parts {
            id: address.id,
            kind: address.kind,
            subject: address.subject,
            time: item.read_at,
            origin: Origin::Api,
            tenant: item.tenant.name().to_owned(),
            delivery_id: None,
            traceparent: Some(traceparent(address.id, item.traceparent)),
            payload: Payload::Json(redaction.into_owned()),
            source,
        });
        Wrapped { envelope, foreign_host, redacted, named: None }
    }

    /// Wraps an event that `events` kept, to decode it again. It is redacted once more: today's list of paths may be longer, and a body that
    /// was of no known kind when it came may be of one.
    pub fn stored(mut parts: Parts) -> Envelope {
        if let Payload::Json(json) = &parts.payload {
            let redaction = match parts.origin {
                Origin::Webhook | Origin::HookLog => redact_webhook(json, Head::read(json).ok().as_ref()),
                Origin::Api => redact_object(json, parts.kind),
            };
            if let Cow::Owned(redacted) = redaction {
                parts.payload = Payload::Json(redacted);
            }
        }
        Envelope(parts)
    }

    /// The event that GitPulse sends through itself. It holds nothing that came from outside, and is of an instance that no GitLab can have.
    pub fn test(id: Uuid, time: DateTime<Utc>) -> Envelope {
        Envelope(Parts {
            id,
            source: TEST_INSTANCE.to_owned(),
            kind: EventKind::Other,
            subject: format!("project/0/{}/{id}", EventKind::Other),
            time,
            origin: Origin::Webhook,
            tenant: TEST_TENANT.to_owned(),
            delivery_id: None,
            traceparent: None,
            payload: Payload::Json(format!(r#"{{"object_kind":"{TEST_EVENT}","id":"{id}"}}"#)),
        })
    }
}

fn instance(webhook: &Webhook<'_>, head: Option<&Head<'_>>) -> String {
    if let Some(configured) = webhook.tenant.instance() {
        return configured.to_owned();
    }
    let header = webhook.named_instance.and_then(normal_instance);
    let named = || instance_of_page(head?.web_url()?, head?.project_path());
    // A signature covers the body, not this header: whoever repeats a captured delivery could write another instance there, and it would
    // count as another event.
    let instance = match webhook.proof {
        Proof::Signed => named().or(header),
        Proof::Sender => header.or_else(named),
    };
    instance.unwrap_or_else(|| UNKNOWN_INSTANCE.to_owned())
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// The trace that reading it belongs to, else one that begins here: its id is the event's, so that a repeated delivery repeats its trace.
fn traceparent(id: Uuid, received: Option<&str>) -> String {
    match received.filter(|text| is_traceparent(text)) {
        Some(traceparent) => traceparent.to_owned(),
        None => {
            let trace = id.simple().to_string();
            format!("00-{trace}-{}-01", &trace[16..])
        }
    }
}

/// Version 00 of <https://www.w3.org/TR/trace-context/#traceparent-header>.
fn is_traceparent(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let hexadecimal = |part: &&str, length| {
        part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    matches!(parts.as_slice(), [version, trace, parent, flags]
        if *version == "00" && hexadecimal(trace, 32) && hexadecimal(parent, 16) && hexadecimal(flags, 2))
}

#[cfg(test)]
mod tests;
