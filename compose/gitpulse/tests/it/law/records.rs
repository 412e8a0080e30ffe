//! Records of Kafka with GitLab's bodies. In: bodies and examples. Out: envelopes, and the rows that the processor makes of them.

use std::path::Path;

use chrono::{DateTime, TimeDelta};
use processor::decode::decode;
use processor::rows::{Rows, rows_for};
use schemas::api::resource::{ObjectHead, Resource};
use schemas::api::subject::{Context, Owner, address};
use schemas::envelope::{Parts, body_event_id, delivery_event_id};
use schemas::head::Head;
use schemas::{Envelope, EventKind, Origin, Payload, TopicPrefix};
use serde_json::Value;

use crate::delivery::payloads;

/// The source of events for their ids: an instance that stands for an order must not change them.
const GITLAB: &str = "https://gitlab.example.com";
/// The default time of receipt.
pub(crate) const NOON: &str = "2026-11-22T12:00:00Z";

/// A record of Kafka, before it has an instance.
#[derive(Clone)]
pub(crate) struct Record(Parts);

impl Record {
    /// A delivery of GitLab.
    pub(crate) fn webhook(body: &Value) -> Record {
        let payload = body.to_string();
        let head = Head::read(&payload).unwrap();
        let kind = head.kind();
        let subject = head.subject(kind, "fallback");
        Record::new(kind, &subject, Origin::Webhook, payload)
    }

    /// An object of the API; the subject names its owner, as `project/42/merge_request/7`.
    pub(crate) fn object(kind: EventKind, subject: &str, body: &Value) -> Record {
        Record::new(kind, subject, Origin::Api, body.to_string())
    }

    /// An object of the API as its producer wraps it: the list names its owner.
    pub(crate) fn listed(resource: Resource, context: Context, body: &Value) -> Record {
        let json = body.to_string();
        let address = address(GITLAB, resource, &json, context);
        Record(Parts { id: address.id, ..Record::new(address.kind, &address.subject, Origin::Api, json).0 })
    }

    /// A record that a producer has published.
    pub(crate) fn published(value: &[u8]) -> Record {
        Record(Envelope::parse(value).unwrap().into_parts())
    }

    fn new(kind: EventKind, subject: &str, origin: Origin, payload: String) -> Record {
        Record(Parts {
            id: body_event_id(GITLAB, payload.as_bytes()),
            source: GITLAB.to_owned(),
            kind,
            subject: subject.to_owned(),
            time: NOON.parse().unwrap(),
            origin,
            tenant: "default".to_owned(),
            delivery_id: None,
            traceparent: None,
            payload: Payload::Json(payload),
        })
    }

    /// The same, received at another time.
    pub(crate) fn at(mut self, received_at: &str) -> Record {
        self.0.time = received_at.parse().unwrap();
        self
    }

    /// The same, received at another time, in milliseconds since 1970.
    pub(crate) fn received(mut self, at: i64) -> Record {
        self.0.time = DateTime::from_timestamp_millis(at).unwrap();
        self
    }

    /// The same, received this many seconds later.
    pub(crate) fn later(mut self, seconds: i64) -> Record {
        self.0.time += TimeDelta::seconds(seconds);
        self
    }

    /// The same delivery with another body.
    pub(crate) fn changed(mut self, change: impl Fn(&mut Value)) -> Record {
        if let Payload::Json(json) = &self.0.payload {
            let mut body: Value = serde_json::from_str(json).unwrap();
            change(&mut body);
            let json = body.to_string();
            self.0.id = body_event_id(GITLAB, json.as_bytes());
            self.0.payload = Payload::Json(json);
        }
        self
    }

    /// The same, delivered by another hook: under an id of its own, and with the token of that tenant.
    pub(crate) fn through(mut self, hook: &str, tenant: &str) -> Record {
        let delivery_id = format!("{hook} {}", self.0.id);
        self.0.id = delivery_event_id(GITLAB, &delivery_id);
        self.0.delivery_id = Some(delivery_id);
        tenant.clone_into(&mut self.0.tenant);
        self
    }

    /// The rows that the processor makes of it, in an instance.
    pub(crate) fn rows(&self, instance: &str) -> Rows {
        let envelope = Envelope::stored(Parts { source: instance.to_owned(), ..self.0.clone() });
        let event = decode(&envelope.to_record(&TopicPrefix::default()).unwrap().value).unwrap();
        assert!(event.body.is_ok(), "{:?}: {:?}", event.body, envelope.payload());
        rows_for(event)
    }
}

/// The body of an example: `merge_request/open.webhook`.
pub(crate) fn body(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../schemas/fixtures/{name}.json"));
    serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap()
}

/// A delivery of an example, with other values at some places, as `/object_attributes/action`.
pub(crate) fn changed(name: &str, places: &[(&str, Value)]) -> Record {
    Record::webhook(&with(body(name), places))
}

/// A body with other values at some places.
pub(crate) fn with(mut body: Value, places: &[(&str, Value)]) -> Value {
    for (place, value) in places {
        let (parent, field) = place.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap_or_else(|| panic!("{place}: there is no {parent}"))[field] =
            value.clone();
    }
    body
}

/// An example as a record. Objects of the API are listed by project 42, or by group 5 where their case begins with `group_`; those of a list
/// that hangs on something have its number in their name, as `merge_request/approvals_7.api`.
pub(crate) fn example(name: &str) -> Record {
    let body = body(name);
    let Some((kind, case)) = name.strip_suffix(".api").and_then(|name| name.split_once('/')) else {
        return Record::webhook(&body);
    };
    let context = Context {
        owner: if case.starts_with("group_") { Owner::Group(5) } else { Owner::Project(42) },
        parent: case.rsplit('_').next().unwrap().parse().ok(),
    };
    let json = body.to_string();
    let resource = ObjectHead::read(&json).unwrap().resource(kind.parse().unwrap()).unwrap();
    let address = address(GITLAB, resource, &json, context);
    Record::object(address.kind, &address.subject, &body)
}

/// All examples, of webhooks and the API, by name.
pub(crate) fn examples() -> Vec<(String, Record)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/fixtures");
    let names = payloads(&root, ".json").into_iter();
    let names = names.map(|(name, _)| name.strip_suffix(".json").unwrap().to_owned());
    names.map(|name| (name.clone(), example(&name))).collect()
}
