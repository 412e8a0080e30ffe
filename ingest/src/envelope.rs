//! Wraps a delivery for Kafka. In: a [`VerifiedDelivery`]. Out: an [`Envelope`], redacted. Never fails: what is no JSON, or of no known
//! kind, is kept whole under [`EventKind::Other`].

use schemas::envelope::{body_event_id, delivery_event_id};
use schemas::head::Head;
use schemas::redact::redact;
use schemas::{Envelope, EventKind, Origin, Payload};
use uuid::Uuid;
use warp::http::Uri;

use crate::verify::VerifiedDelivery;

/// Stands for the instance where neither the tenant's configuration nor the delivery says it.
pub const UNKNOWN_INSTANCE: &str = "unknown";

/// The longest URL of an instance, in bytes; it stands in every row.
const MAX_INSTANCE_LENGTH: usize = 512;

/// An envelope, and what was noticed on the way.
#[derive(Debug)]
pub struct Wrapped {
    /// The event.
    pub envelope: Envelope,
    /// Whether the body names a host that is not the instance's.
    pub foreign_host: bool,
    /// Whether secrets were blanked.
    pub redacted: bool,
}

/// Wraps a delivery.
pub fn wrap(delivery: &VerifiedDelivery) -> Wrapped {
    let body = delivery.body();
    let text = std::str::from_utf8(body).ok().map(str::trim_ascii);
    let head = text.and_then(|text| Head::read(text).ok());
    // A body with a head was read to its end, so it is JSON; only the others have to be asked.
    let json = text.filter(|text| head.is_some() || is_json(text));
    let web_url = head.as_ref().and_then(Head::web_url);
    let source = instance(delivery, web_url);
    let id = match delivery.delivery_id() {
        Some(delivery_id) => delivery_event_id(&source, delivery_id),
        None => body_event_id(&source, body),
    };
    let kind = head.as_ref().map_or(EventKind::Other, Head::kind);
    let fallback = id.to_string();
    let subject = match &head {
        Some(head) => head.subject(kind, &fallback),
        None => format!("project/0/{kind}/{fallback}"),
    };
    let redaction = json.map(|json| redact(json, head.as_ref()));
    let redacted = matches!(redaction, Some(std::borrow::Cow::Owned(_)));
    let foreign_host = web_url.is_some_and(|url| host(url) != host(&source));
    let envelope = Envelope {
        id,
        kind,
        subject,
        time: delivery.received_at(),
        origin: Origin::Webhook,
        tenant: delivery.tenant().name.clone(),
        delivery_id: delivery.delivery_id().map(str::to_owned),
        traceparent: Some(traceparent(id, delivery.headers().traceparent.as_deref())),
        payload: match redaction {
            Some(json) => Payload::Json(json.into_owned()),
            None => Payload::Binary(body.to_vec()),
        },
        source,
    };
    Wrapped { envelope, foreign_host, redacted }
}

/// An instance's URL in the one form that ids and keys are made from: scheme, lower-case host, port unless it is the scheme's own, and
/// path, no slash at the end. `None` if it is no HTTP URL.
pub fn normal_instance(url: &str) -> Option<String> {
    let uri: Uri = url.trim().parse().ok()?;
    if url.len() > MAX_INSTANCE_LENGTH {
        return None;
    }
    let scheme = uri.scheme_str().filter(|scheme| matches!(*scheme, "http" | "https"))?;
    let host = uri.host()?.to_ascii_lowercase();
    let usual = if scheme == "https" { 443 } else { 80 };
    let port = uri.port_u16().filter(|port| *port != usual);
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{scheme}://{host}{port}{}", uri.path().trim_end_matches('/')))
}

fn instance(delivery: &VerifiedDelivery, web_url: Option<&str>) -> String {
    if let Some(configured) = &delivery.tenant().instance {
        return configured.clone();
    }
    let header = delivery.headers().instance.as_deref().and_then(normal_instance);
    let named = || {
        let uri: Uri = web_url?.parse().ok()?;
        normal_instance(&format!("{}://{}", uri.scheme_str()?, uri.authority()?.as_str().rsplit('@').next()?))
    };
    // A signature covers the body, not this header: whoever repeats a captured delivery could write another instance there, and it would
    // count as another event.
    let instance = if delivery.is_signed() { named().or(header) } else { header.or_else(named) };
    instance.unwrap_or_else(|| UNKNOWN_INSTANCE.to_owned())
}

fn host(url: &str) -> Option<String> {
    url.parse::<Uri>().ok()?.host().map(str::to_ascii_lowercase)
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// The trace that the delivery belongs to, else one that begins here: its id is the event's, so that a repeated delivery repeats
/// its trace.
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
