use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde_json::json;

use super::*;
use crate::api::resource::ObjectHead;
use crate::api::subject::address;
use crate::drift::drift;
use crate::envelope::ApiItem;
use crate::{Envelope, EventKind, Origin, Payload, Tenant, TopicPrefix};

const GITLAB: &str = "https://gitlab.example.com";

fn began() -> DateTime<Utc> {
    "2026-11-05T07:00:03.412Z".parse().unwrap()
}

/// The key of a thing of each resource, and GitLab's own object for it.
fn things() -> Vec<(Resource, Context, Key<'static>, Value)> {
    let project = Context::project(42);
    let id = |resource| (resource, project, Key::Number(9), json!({"id": 9}));
    vec![
        (Resource::MergeRequest, project, Key::Number(7), json!({"id": 90001, "iid": 7})),
        id(Resource::Issue),
        id(Resource::Note),
        id(Resource::Pipeline),
        id(Resource::Deployment),
        (Resource::Environment, project, Key::Number(9), json!({"id": 9, "slug": "live"})),
        id(Resource::Milestone),
        (Resource::Milestone, Context::group(5), Key::Number(9), json!({"id": 9, "group_id": 5})),
        id(Resource::Member),
        (Resource::Member, Context::group(5), Key::Number(9), json!({"id": 9})),
        (Resource::Release, project, Key::Name("v1"), json!({"tag_name": "v1", "name": "One"})),
        (Resource::Branch, project, Key::Name("a/b"), json!({"name": "a/b", "commit": {"id": "cafe"}})),
        (Resource::Tag, project, Key::Name("v1"), json!({"name": "v1"})),
    ]
}

fn absent(resource: Resource, context: Context, key: Key<'_>, since: DateTime<Utc>) -> String {
    presence(resource, context, key, Shown::AbsentSince(since)).unwrap().get().to_owned()
}

#[test]
fn what_is_absent_has_topic_and_key_of_the_thing_itself() {
    let tenant = Tenant::new("default", None).unwrap();
    let mut said = BTreeSet::new();
    for (resource, context, key, own) in things() {
        let shown = [Shown::AbsentSince(began()), Shown::ListedAt(began())];
        let own = address(GITLAB, resource, &own.to_string(), context);
        for object in shown.iter().filter_map(|shown| presence(resource, context, key, *shown)) {
            let item = ApiItem {
                resource,
                object: &object,
                context,
                tenant: &tenant,
                asked_instance: GITLAB,
                read_at: began(),
                traceparent: None,
            };
            let wrapped = Envelope::api(&item);
            assert!(!wrapped.redacted, "{resource}");
            let record = wrapped.envelope.to_record(&TopicPrefix::default()).unwrap();
            assert_eq!(record.topic, format!("gitlab.{}", own.kind), "{resource}");
            assert_eq!(String::from_utf8(record.key).unwrap(), format!("{GITLAB}/{}", own.subject));
            // The copy in `events` says the same.
            let Payload::Json(kept) = wrapped.envelope.payload().clone() else { panic!("{resource}") };
            let head = ObjectHead::read(&kept).unwrap();
            assert_eq!(head.resource(own.kind), Some(resource));
            assert!(drift(own.kind, Origin::Api, &kept).unwrap().is_empty(), "{kept}");
        }
        said.insert(resource);
    }
    let can: BTreeSet<Resource> =
        Resource::ALL.into_iter().filter(|resource| can_be_absent(*resource)).collect();
    assert_eq!(said, can, "a thing of every resource that can be absent");
}

#[test]
fn a_listing_says_it_once_and_another_one_says_it_anew() {
    for (resource, context, key, _) in things() {
        let id = |since| address(GITLAB, resource, &absent(resource, context, key, since), context).id;
        assert_eq!(id(began()), id(began()), "{resource}");
        assert_ne!(id(began()), id(began() + TimeDelta::milliseconds(1)), "{resource}");
    }
}

#[test]
fn what_it_says_is_read_back() {
    let project = Context::project(42);
    let object = absent(Resource::MergeRequest, project, Key::Number(7), began());
    let expected = json!({"resource": "merge_request", "iid": 7, "project_id": 42, "absent_since": "2026-11-05T07:00:03.412Z"});
    assert_eq!(serde_json::from_str::<Value>(&object).unwrap(), expected);
    let read: Presence = serde_json::from_str(&object).unwrap();
    assert_eq!((read.resource(), read.iid.get()), (Some(Resource::MergeRequest), Some(7)));
    assert_eq!(read.shown(), Some(Shown::AbsentSince(began())));
    let again = presence(Resource::Release, project, Key::Name("v1"), Shown::ListedAt(began())).unwrap();
    let read: Presence = serde_json::from_str(again.get()).unwrap();
    assert_eq!((read.tag_name.text(), read.shown()), ("v1", Some(Shown::ListedAt(began()))));
}

#[test]
fn nothing_is_said_of_what_no_table_shows() {
    let of = |resource, key, shown| presence(resource, Context::project(42), key, shown).is_none();
    let absent = Shown::AbsentSince(began());
    assert!(of(Resource::Job, Key::Number(1), absent));
    assert!(of(Resource::Commit, Key::Name("cafe"), absent));
    assert!(of(Resource::Issue, Key::Name("one"), absent));
    assert!(of(Resource::Branch, Key::Number(1), absent));
    assert!(of(Resource::Branch, Key::Name("main"), Shown::ListedAt(began())));
    // Only the field with the time makes an object one of these.
    let head = ObjectHead::read(r#"{"id":9,"resource":"environment"}"#).unwrap();
    assert_eq!(head.resource(EventKind::Deployment), Some(Resource::Deployment));
    let head =
        ObjectHead::read(r#"{"id":9,"resource":"issue","absent_since":"2026-11-05T07:00:03Z"}"#).unwrap();
    assert_eq!(head.resource(EventKind::Deployment), None);
}
