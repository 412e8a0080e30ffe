//! Wraps what GitLab sent. In: the body of a webhook or an object of the API, and how it arrived. Out: a redacted [`Envelope`]. Never fails: what
//! is not JSON, or of an unknown kind, is kept whole as [`EventKind::Other`].
//!
//! **Invariant:** only this module makes envelopes from new input, so no producer can bypass redaction.

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

/// Some editors put this before a text.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The tenant of test events.
const TEST_TENANT: &str = "gitpulse-test";

/// The body of a webhook from a verified sender, and how it arrived.
///
/// **Invariant:** its creator has verified it: `ingest::envelope::wrap` only takes a `VerifiedDelivery`.
#[derive(Debug, Clone, Copy)]
pub struct Webhook<'a> {
    /// The body, byte for byte.
    pub body: &'a [u8],
    /// How it arrived.
    pub arrival: Arrival,
    /// What is proven.
    pub proof: Proof,
    /// When the last byte arrived, or when GitLab logged it.
    pub received_at: DateTime<Utc>,
    /// The tenant that it belongs to.
    pub tenant: &'a Tenant,
    /// GitLab's id of the delivery, if it has one.
    pub delivery_id: Option<&'a str>,
    /// The instance named by a header.
    pub named_instance: Option<&'a str>,
    /// The trace context from a header.
    pub traceparent: Option<&'a str>,
}

/// How the body of a webhook arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// A hook delivered it.
    Delivered,
    /// It was read from the delivery log of a hook.
    Logged,
}

/// What is proven about a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Id, time and body, by a signature. Other headers are not covered.
    Signed,
    /// The sender, by a secret that came with it. So headers are as trustworthy as the body.
    Sender,
}

/// One object of GitLab's REST API, and how it was read.
#[derive(Debug, Clone, Copy)]
pub struct ApiItem<'a> {
    /// The resource that lists it.
    pub resource: Resource,
    /// The object as GitLab wrote it.
    pub object: &'a RawValue,
    /// Where it was listed.
    pub context: Context,
    /// The tenant whose token read it.
    pub tenant: &'a Tenant,
    /// URL of the instance that it was requested from.
    pub asked_instance: &'a str,
    /// When it was read.
    pub read_at: DateTime<Utc>,
    /// The trace context of the read.
    pub traceparent: Option<&'a str>,
}

/// An envelope, and observations made while wrapping.
#[derive(Debug)]
pub struct Wrapped {
    /// The event.
    pub envelope: Envelope,
    /// Whether the body has a host that is not the instance's.
    pub foreign_host: bool,
    /// Whether secrets were blanked.
    pub redacted: bool,
    /// The ids in the body; `None` if the body is unreadable and yields no rows.
    pub named: Option<Named>,
}

/// The ids in a body that rows may be made from; 0 if there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Named {
    /// The project of the rows.
    pub project_id: u64,
    /// The project described inside the body.
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
        // A body with a head was read to its end, so it is JSON; only others must be checked.
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

    /// Wraps an event from the table `events` to decode it again. It is redacted again: the list of paths may have grown since, and the kind may
    /// only be known now.
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

    /// The event that GitPulse sends to test itself. It contains no external input, and its instance cannot be a GitLab.
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
    // A signature covers the body, but not this header: by repeating a captured delivery with another instance there, anybody could make it count
    // as another event.
    let instance = match webhook.proof {
        Proof::Signed => named().or(header),
        Proof::Sender => header.or_else(named),
    };
    instance.unwrap_or_else(|| UNKNOWN_INSTANCE.to_owned())
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// The trace context of the read, or a new one: its id is the event's, so that a repeated delivery repeats its trace.
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
