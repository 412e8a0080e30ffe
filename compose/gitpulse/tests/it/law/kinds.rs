//! The kinds of entities: how each is reported, and which fields become columns unchanged.

use schemas::EventKind;
use serde_json::{Value, json};

use super::records::Record;

/// The shape of a field.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    Text,
    Number,
    Flag,
    /// A list of user ids.
    Ids,
    /// A list of labels.
    Labels,
    /// A list of texts.
    Texts,
}

/// A kind of entity: how it is reported, and which fields become columns unchanged.
pub(crate) struct Entity {
    pub(crate) view: &'static str,
    /// Makes a record of its id and fields.
    pub(crate) record: fn(u64, Value) -> Record,
    /// The column of the id, and the id in the format of that column.
    pub(crate) identity: (&'static str, fn(u64) -> Value),
    /// The field with the time at which the body was true; without one, that is the time of receipt.
    pub(crate) dated_by: Option<&'static str>,
    /// The field of the state, its column, and the rank of each.
    pub(crate) states: (&'static str, &'static str, &'static [(&'static str, u8)]),
    /// Column, field and shape.
    pub(crate) columns: &'static [(&'static str, &'static str, Shape)],
}

fn number(id: u64) -> Value {
    json!(id)
}

fn with(mut fields: Value, more: Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        fields[name] = value.clone();
    }
    fields
}

const OPEN_OR_CLOSED: &[(&str, u8)] = &[("opened", 1), ("closed", 2)];

pub(crate) const ENTITIES: &[Entity] = &[
    Entity {
        view: "merge_requests",
        record: |id, fields| {
            let fields = with(fields, json!({"iid": id, "target_project_id": 42}));
            Record::webhook(&json!({"object_kind": "merge_request", "object_attributes": fields}))
        },
        identity: ("iid", number),
        dated_by: Some("updated_at"),
        states: ("state", "state", &[("opened", 1), ("locked", 2), ("closed", 3), ("merged", 4)]),
        columns: &[
            ("title", "title", Shape::Text),
            ("draft", "draft", Shape::Flag),
            ("milestone_id", "milestone_id", Shape::Number),
            ("head_pipeline_id", "head_pipeline_id", Shape::Number),
            ("merge_commit_sha", "merge_commit_sha", Shape::Text),
            ("assignee_ids", "assignee_ids", Shape::Ids),
            ("reviewer_ids", "reviewer_ids", Shape::Ids),
            ("labels", "labels", Shape::Labels),
            ("time_spent_seconds", "total_time_spent", Shape::Number),
        ],
    },
    Entity {
        view: "issues",
        record: |id, fields| {
            let fields = with(fields, json!({"id": id, "project_id": 42}));
            Record::webhook(
                &json!({"object_kind": "work_item", "project": {"id": 42}, "object_attributes": fields}),
            )
        },
        identity: ("id", number),
        dated_by: Some("updated_at"),
        states: ("state", "state", OPEN_OR_CLOSED),
        columns: &[
            ("title", "title", Shape::Text),
            ("weight", "weight", Shape::Number),
            ("milestone_id", "milestone_id", Shape::Number),
            ("health_status", "health_status", Shape::Text),
            ("assignee_ids", "assignee_ids", Shape::Ids),
            ("labels", "labels", Shape::Labels),
            ("duplicated_to_id", "duplicated_to_id", Shape::Number),
        ],
    },
    Entity {
        view: "notes",
        record: |id, fields| {
            let fields = with(fields, json!({"id": id, "noteable_type": "Commit"}));
            Record::webhook(&json!({"object_kind": "note", "project_id": 42, "object_attributes": fields}))
        },
        identity: ("id", number),
        dated_by: Some("updated_at"),
        states: ("none", "none", &[]),
        columns: &[
            ("body", "note", Shape::Text),
            ("commit_sha", "commit_id", Shape::Text),
            ("author_id", "author_id", Shape::Number),
            ("system", "system", Shape::Flag),
        ],
    },
    Entity {
        view: "pipelines",
        record: |id, fields| {
            Record::object(
                EventKind::Pipeline,
                &format!("project/42/pipeline/{id}"),
                &with(fields, json!({"id": id})),
            )
        },
        identity: ("id", number),
        dated_by: Some("updated_at"),
        states: (
            "status",
            "status",
            &[
                ("created", 1),
                ("preparing", 3),
                ("pending", 5),
                ("running", 6),
                ("manual", 7),
                ("canceling", 8),
                ("failed", 9),
                ("success", 9),
            ],
        ),
        columns: &[
            ("sha", "sha", Shape::Text),
            ("source", "source", Shape::Text),
            ("tag", "tag", Shape::Flag),
            ("iid", "iid", Shape::Number),
        ],
    },
    Entity {
        view: "jobs",
        record: |id, mut fields| {
            let pipeline = json!({"id": 31, "updated_at": fields["updated_at"].take()});
            let fields = with(fields, json!({"id": id, "pipeline": pipeline}));
            Record::object(EventKind::Job, &format!("project/42/job/{id}"), &fields)
        },
        identity: ("id", number),
        dated_by: Some("updated_at"),
        states: (
            "status",
            "status",
            &[("created", 1), ("manual", 3), ("pending", 7), ("running", 8), ("success", 10), ("failed", 10)],
        ),
        columns: &[
            ("name", "name", Shape::Text),
            ("stage", "stage", Shape::Text),
            ("allow_failure", "allow_failure", Shape::Flag),
        ],
    },
    Entity {
        view: "deployments",
        record: |id, fields| {
            let fields = with(
                fields,
                json!({"object_kind": "deployment", "deployment_id": id, "project": {"id": 42}}),
            );
            Record::webhook(&fields)
        },
        identity: ("id", number),
        dated_by: Some("status_changed_at"),
        states: (
            "status",
            "status",
            &[("created", 1), ("blocked", 2), ("running", 3), ("failed", 4), ("success", 4)],
        ),
        columns: &[
            ("environment_slug", "environment_slug", Shape::Text),
            ("ref", "ref", Shape::Text),
            ("job_id", "deployable_id", Shape::Number),
        ],
    },
    Entity {
        view: "environments",
        record: |id, fields| {
            let fields = with(fields, json!({"id": id, "slug": format!("environment-{id}")}));
            Record::object(EventKind::Deployment, &format!("project/42/deployment/{id}"), &fields)
        },
        identity: ("id", number),
        dated_by: Some("updated_at"),
        states: ("state", "state", &[]),
        columns: &[
            ("name", "name", Shape::Text),
            ("external_url", "external_url", Shape::Text),
            ("tier", "tier", Shape::Text),
            ("state", "state", Shape::Text),
        ],
    },
    Entity {
        view: "milestones",
        record: |id, fields| {
            let fields = with(fields, json!({"id": id, "project_id": 42}));
            Record::webhook(
                &json!({"object_kind": "milestone", "project": {"id": 42}, "object_attributes": fields}),
            )
        },
        identity: ("id", number),
        dated_by: Some("updated_at"),
        states: ("state", "state", &[("active", 1), ("closed", 2)]),
        columns: &[("title", "title", Shape::Text), ("iid", "iid", Shape::Number)],
    },
    Entity {
        view: "vulnerabilities",
        record: |id, fields| {
            let url = format!("https://gitlab.example.com/shop/checkout/-/security/vulnerabilities/{id}");
            let fields = with(fields, json!({"url": url, "project_id": 42}));
            Record::webhook(&json!({"object_kind": "vulnerability", "object_attributes": fields}))
        },
        identity: ("id", number),
        dated_by: Some("updated_at"),
        states: ("state", "state", &[("detected", 1), ("confirmed", 2), ("dismissed", 3), ("resolved", 3)]),
        columns: &[
            ("title", "title", Shape::Text),
            ("severity", "severity", Shape::Text),
            ("dismissed_by_id", "dismissed_by_id", Shape::Number),
            ("auto_resolved", "auto_resolved", Shape::Flag),
        ],
    },
    Entity {
        view: "releases",
        record: |id, fields| {
            let fields = with(
                fields,
                json!({"object_kind": "release", "tag": format!("v{id}"), "action": "update", "project": {"id": 42}}),
            );
            Record::webhook(&fields)
        },
        identity: ("tag", |id| json!(format!("v{id}"))),
        dated_by: None,
        states: ("none", "none", &[]),
        columns: &[("name", "name", Shape::Text), ("id", "id", Shape::Number)],
    },
    Entity {
        view: "token_expiries",
        record: |id, fields| {
            let subject = format!("project/42/access_token/{id}");
            Record::object(EventKind::AccessToken, &subject, &with(fields, json!({"id": id})))
        },
        identity: ("id", number),
        dated_by: None,
        states: ("none", "none", &[]),
        columns: &[
            ("name", "name", Shape::Text),
            ("user_id", "user_id", Shape::Number),
            ("scopes", "scopes", Shape::Texts),
        ],
    },
    Entity {
        view: "projects",
        record: |id, fields| {
            Record::webhook(&with(fields, json!({"event_name": "project_update", "project_id": id})))
        },
        identity: ("project_id", number),
        dated_by: Some("updated_at"),
        states: ("none", "none", &[]),
        columns: &[
            ("name", "name", Shape::Text),
            ("path", "path_with_namespace", Shape::Text),
            ("namespace_id", "project_namespace_id", Shape::Number),
        ],
    },
    Entity {
        view: "groups",
        record: |id, fields| {
            Record::webhook(&with(fields, json!({"event_name": "group_rename", "group_id": id})))
        },
        identity: ("group_id", number),
        dated_by: Some("updated_at"),
        states: ("none", "none", &[]),
        columns: &[("name", "name", Shape::Text), ("path", "full_path", Shape::Text)],
    },
    Entity {
        view: "users",
        record: |id, fields| {
            Record::webhook(&with(fields, json!({"event_name": "user_rename", "user_id": id + 1000})))
        },
        identity: ("user_id", |id| json!(id + 1000)),
        dated_by: Some("updated_at"),
        states: ("none", "none", &[]),
        columns: &[("name", "name", Shape::Text), ("username", "username", Shape::Text)],
    },
    Entity {
        view: "members",
        record: |id, fields| {
            let fields =
                with(fields, json!({"event_name": "user_update_for_team", "project_id": 900, "user_id": id}));
            Record::webhook(&fields)
        },
        identity: ("user_id", number),
        dated_by: Some("updated_at"),
        states: ("none", "none", &[]),
        columns: &[("username", "user_username", Shape::Text)],
    },
];
