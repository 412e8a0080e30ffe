use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use chrono::DateTime;
use proptest::prelude::*;
use serde_json::json;
use serde_json::value::RawValue;

use super::*;
use crate::envelope::{ApiItem, Arrival, Proof, Webhook};
use crate::{Envelope, Tenant, TopicPrefix};

const GITLAB: &str = "https://gitlab.example.com";

/// The examples of the API, each with a webhook about the same entity; `""` if no example has one or GitLab sends none.
const PAIRS: &[(&str, &str)] = &[
    ("access_token/deploy_token_listed", "access_token/deploy_token_project_expiring"),
    ("access_token/group_deploy_token_listed", "access_token/deploy_token_group_expiring"),
    ("access_token/group_listed", "access_token/group_expiring"),
    ("access_token/listed", "access_token/project_expiring"),
    ("deployment/blocked", "deployment/blocked"),
    ("deployment/canceled", "deployment/canceled"),
    ("deployment/created", ""),
    ("deployment/environment", ""),
    ("deployment/failed", "deployment/failed"),
    ("deployment/merge_requests", "deployment/success"),
    ("deployment/running", "deployment/approved"),
    ("deployment/skipped", ""),
    ("deployment/success", "deployment/success"),
    ("deployment/without_job", "deployment/without_job"),
    ("emoji/listed", "emoji/award"),
    ("emoji/on_merge_request", ""),
    ("group/labs", "group/subgroup_created"),
    ("group/shop", ""),
    ("issue/closed", "issue/closed_by_status"),
    ("issue/confidential", "issue/confidential_opened"),
    ("issue/epic_70003", "issue/epic_closed"),
    ("issue/event_closed", "issue/closed"),
    ("issue/event_opened", "issue/opened"),
    ("issue/event_reopened", "issue/reopened"),
    ("issue/incident_closed", "issue/incident_closed"),
    ("issue/state_closed_70001", "issue/closed"),
    ("issue/state_reopened_70001", "issue/reopened"),
    ("job/bridge", ""),
    ("job/bridge_not_started", ""),
    ("job/failed", "job/failed"),
    ("job/success", "job/success"),
    ("member/group_access_request", "member/added"),
    ("member/group_member", "member/system_hook_added"),
    ("member/project_member", "member/project_added"),
    ("merge_request/approvals_7", "merge_request/approved"),
    ("merge_request/closed", "merge_request/close"),
    ("merge_request/commits_7", "merge_request/merge"),
    ("merge_request/event_approved", "merge_request/approved"),
    ("merge_request/event_closed", "merge_request/close"),
    ("merge_request/event_merged", "merge_request/merge"),
    ("merge_request/event_opened", "merge_request/open"),
    ("merge_request/event_reopened", "merge_request/reopen"),
    ("merge_request/label_details", "merge_request/close"),
    ("merge_request/merged", "merge_request/merge"),
    ("merge_request/state_closed_8", "merge_request/close"),
    ("merge_request/state_merged_7", "merge_request/merge"),
    ("merge_request/state_reopened_8", "merge_request/reopen"),
    ("milestone/group_listed", "milestone/group_close"),
    ("milestone/listed", "milestone/reopen"),
    ("note/internal", "note/internal"),
    ("note/on_confidential_issue", "note/on_confidential_issue"),
    ("note/on_issue", "note/on_issue"),
    ("note/on_merge_request", "note/edited"),
    ("note/resolved", "note/on_merge_request"),
    ("note/system", ""),
    ("pipeline/child", "pipeline/child"),
    ("pipeline/detail", "pipeline/success"),
    ("pipeline/listed", "pipeline/success"),
    ("pipeline/merge_request_pipeline", "pipeline/merge_request_pipeline"),
    ("pipeline/retried", "pipeline/retried"),
    ("project/checkout", ""),
    ("project/fork", "project/renamed"),
    ("project/simple", ""),
    ("push/branch", "push/update"),
    ("push/commit", ""),
    ("push/event_created", "push/new_branch"),
    ("push/event_many_refs", ""),
    ("push/event_pushed", "push/update"),
    ("push/event_removed", "push/delete_branch"),
    ("release/listed", "release/update"),
    ("release/upcoming", ""),
    ("tag_push/event_created", "tag_push/annotated"),
    ("tag_push/tag", "tag_push/annotated"),
    ("tag_push/tag_lightweight", ""),
    ("user/bot", ""),
    ("user/listed", ""),
    ("user/noor", ""),
    ("vulnerability/listed", "vulnerability/dismissed"),
];

fn examples(ending: &str) -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let (mut found, mut open): (_, Vec<PathBuf>) = (BTreeMap::new(), vec![root.clone()]);
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if let Some(name) = path.strip_prefix(&root).unwrap().to_str().unwrap().strip_suffix(ending) {
            found.insert(name.to_owned(), std::fs::read_to_string(&path).unwrap());
        }
    }
    found
}

/// The objects of the examples are listed by project 42, or by group 5 if their case begins with `group_`. The file name has the number of the
/// parent.
fn context(case: &str) -> Context {
    Context {
        owner: if case.starts_with("group_") { Owner::Group(5) } else { Owner::Project(42) },
        parent: case.rsplit('_').next().unwrap().parse().ok(),
    }
}

fn resource(kind: EventKind, json: &str) -> Resource {
    ObjectHead::read(json).unwrap().resource(kind).unwrap()
}

/// The topic and key of an object as backfill would publish it.
fn of_object(name: &str, json: &str) -> (String, String) {
    let (kind, case) = name.split_once('/').unwrap();
    let tenant = Tenant::new("default", None).unwrap();
    let envelope = Envelope::api(&ApiItem {
        resource: resource(kind.parse().unwrap(), json),
        object: serde_json::from_str::<&RawValue>(json).unwrap(),
        context: context(case),
        tenant: &tenant,
        asked_instance: GITLAB,
        read_at: DateTime::UNIX_EPOCH,
        traceparent: None,
    });
    topic_and_key(&envelope.envelope)
}

/// The topic and key of a webhook as ingest publishes it.
fn of_webhook(json: &str) -> (String, String) {
    let tenant = Tenant::new("default", Some(GITLAB)).unwrap();
    let wrapped = Envelope::webhook(&Webhook {
        body: json.as_bytes(),
        arrival: Arrival::Delivered,
        proof: Proof::Sender,
        received_at: DateTime::UNIX_EPOCH,
        tenant: &tenant,
        delivery_id: Some("1"),
        named_instance: None,
        traceparent: None,
    });
    topic_and_key(&wrapped.envelope)
}

fn topic_and_key(envelope: &Envelope) -> (String, String) {
    let record = envelope.to_record(&TopicPrefix::default()).unwrap();
    (record.topic, String::from_utf8(record.key).unwrap())
}

#[test]
fn both_faces_of_one_entity_have_one_topic_and_one_key() {
    let (objects, webhooks) = (examples(".api.json"), examples(".webhook.json"));
    let posted: Vec<_> = webhooks.iter().map(|(name, json)| (name, of_webhook(json))).collect();
    let mut wrong = Vec::new();
    for (object, webhook) in PAIRS {
        let listed = of_object(object, &objects[*object]);
        let same: Vec<&str> =
            posted.iter().filter(|(_, posted)| *posted == listed).map(|(name, _)| name.as_str()).collect();
        // If no webhook is named, no example may be about the same entity: it would have to be named here.
        let is_right = if webhook.is_empty() { same.is_empty() } else { same.contains(webhook) };
        if !is_right {
            wrong.push(format!("{object}: {listed:?} is that of {same:?}, not of {webhook:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let paired: BTreeSet<&str> = PAIRS.iter().map(|(object, _)| *object).collect();
    assert_eq!(paired, objects.keys().map(String::as_str).collect());
}

#[track_caller]
fn check(resource: Resource, object: Value, context: Context, expected: &str) {
    let json = object.to_string();
    let address = address(GITLAB, resource, &json, context);
    assert_eq!(format!("{} {}", address.kind, address.subject), expected);
    assert_eq!(super::address(GITLAB, resource, &json, context), address);
}

#[test]
fn the_list_says_what_the_object_does_not() {
    let project = Context::project(42);
    let on = |parent| Context { parent: Some(parent), ..project };
    let state = json!({"id": 1, "resource_type": "MergeRequest", "resource_id": 90002});
    check(Resource::MergeRequestStateEvent, state, on(8), "merge_request project/42/merge_request/8");
    check(Resource::Approvals, json!({"approved_by": []}), on(7), "merge_request project/42/merge_request/7");
    check(
        Resource::DeploymentMergeRequests,
        json!({"deployment_id": 5, "merge_requests": []}),
        project,
        "deployment project/42/deployment/5",
    );
    let commits = json!({"merge_request_iid": 7, "head_sha": "2b5f", "commits": []});
    check(Resource::MergeRequestCommits, commits, project, "merge_request project/42/merge_request/7");
    let environment = json!({"id": 9, "slug": "production", "tier": "production"});
    check(Resource::Environment, environment, project, "deployment project/42/environment/9");
    let member = json!({"id": 11, "access_level": 40});
    check(Resource::Member, member.clone(), project, "member project/42/member/11");
    check(Resource::Member, member, Context::group(5), "member group/5/member/11");
}

#[test]
fn lists_of_groups_and_instances_hold_what_is_of_projects() {
    let instance = Context { owner: Owner::Instance, parent: None };
    let merge_request = json!({"id": 90001, "iid": 7, "project_id": 42});
    check(
        Resource::MergeRequest,
        merge_request.clone(),
        Context::group(5),
        "merge_request project/42/merge_request/7",
    );
    check(Resource::MergeRequest, merge_request, instance, "merge_request project/42/merge_request/7");
    let token = json!({"id": 25, "user_id": 16, "resource_type": "group", "resource_id": 5});
    check(Resource::AccessToken, token, instance, "access_token group/5/access_token/25");
    let token = json!({"id": 25, "user_id": 16});
    check(Resource::AccessToken, token, instance, "access_token user/16/access_token/25");
    // The list of a project can have milestones of its group.
    let milestone = json!({"id": 3350, "group_id": 5});
    check(Resource::Milestone, milestone, Context::project(42), "milestone project/0/milestone/3350");
}

#[test]
fn an_object_that_does_not_say_what_it_is_about_is_known_by_its_id() {
    let object = r#"{"title":"no number"}"#;
    let address = address(GITLAB, Resource::MergeRequest, object, Context::project(42));
    assert_eq!(address.subject, format!("project/42/merge_request/{}", address.id));
    for no_object in ["[1,2]", "7", "null", r#"{"id":1,"id":2}"#] {
        let address = super::address(GITLAB, Resource::Issue, no_object, Context::project(42));
        assert_eq!(address.subject, format!("project/42/issue/{}", address.id), "{no_object}");
    }
}

#[test]
fn every_kind_that_the_api_lists_is_recognised_by_its_fields() {
    for (name, json) in examples(".api.json") {
        let kind: EventKind = name.split('/').next().unwrap().parse().unwrap();
        let resource = resource(kind, &json);
        assert!(resource.kind() == kind || resource == Resource::PushEvent, "{name}: {resource}");
    }
    let of = |kind, json: Value| resource(kind, &json.to_string());
    assert_eq!(of(EventKind::Job, json!({"id": 1, "downstream_pipeline": null})), Resource::TriggerJob);
    assert_eq!(of(EventKind::Deployment, json!({"id": 1, "slug": "a"})), Resource::Environment);
    assert_eq!(of(EventKind::Issue, json!({"id": 1, "work_item_id": 2})), Resource::Epic);
    assert_eq!(ObjectHead::default().resource(EventKind::Repository), None);
    let names: BTreeSet<&str> = Resource::ALL.into_iter().map(Resource::as_str).collect();
    assert_eq!(names.len(), Resource::ALL.len());
}

fn id(resource: Resource, json: &str, context: Context) -> Uuid {
    address(GITLAB, resource, json, context).id
}

#[test]
fn ids_are_of_what_an_object_says_not_of_how_it_is_written() {
    let project = Context::project(42);
    let first = id(Resource::Issue, r#"{"id":1,"title":"é","labels":["a","b"]}"#, project);
    let other = r#" { "labels" : ["a", "b"], "title":"\u00e9", "id":1 } "#;
    assert_eq!(first, id(Resource::Issue, other, project));
    assert_ne!(first, id(Resource::Issue, r#"{"id":1,"title":"é","labels":["b","a"]}"#, project));
    assert_ne!(first, id(Resource::Note, other, project));
    assert_ne!(first, address("https://other.example.com", Resource::Issue, other, project).id);
    // Tags of two projects may have the same name.
    let tag = r#"{"name":"v1"}"#;
    assert_ne!(id(Resource::Tag, tag, project), id(Resource::Tag, tag, Context::project(43)));
    // These values must never change: a rerun of an old backfill must repeat them.
    assert_eq!(
        id(Resource::Issue, r#"{"id":1}"#, project).to_string(),
        "970b106b-475a-5eed-8f83-9e56c0c7ccbd"
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        "\\PC{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-c]{1,2}", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn two_objects_have_one_id_only_if_they_say_the_same(one in any_json(), other in any_json()) {
        let id_of = |text: &str| id(Resource::Issue, text, Context::project(42));
        let (compact, pretty) = (one.to_string(), serde_json::to_string_pretty(&one).unwrap());
        prop_assert_eq!(id_of(&compact), id_of(&pretty));
        prop_assert_eq!(one == other, id_of(&compact) == id_of(&other.to_string()));
    }
}
