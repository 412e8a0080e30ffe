//! Projects as listed by the API (<https://docs.gitlab.com/api/projects/>).

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::event::group::Group;
use crate::event::project::Project;
use crate::field::{Embedded, Field};

/// A project. `simple=true` leaves out visibility and whether it is archived.
#[derive(Debug, Default, Deserialize)]
pub struct Listed {
    #[serde(default)]
    id: Field<u64>,
    #[serde(default)]
    name: Field<String>,
    #[serde(default)]
    path_with_namespace: Field<String>,
    #[serde(default)]
    namespace: Embedded<Namespace>,
    #[serde(default)]
    visibility: Field<String>,
    #[serde(default)]
    default_branch: Field<String>,
    #[serde(default)]
    web_url: Field<String>,
    #[serde(default)]
    archived: Field<bool>,
    #[serde(default)]
    created_at: Field<DateTime<Utc>>,
    #[serde(default)]
    updated_at: Field<DateTime<Utc>>,
    #[serde(default)]
    last_activity_at: Field<DateTime<Utc>>,
}

/// The namespace of a project: a group, or a user's own.
#[derive(Debug, Default, Deserialize)]
struct Namespace {
    #[serde(default)]
    id: Field<u64>,
    #[serde(default)]
    kind: Field<String>,
    #[serde(default)]
    name: Field<String>,
    #[serde(default)]
    full_path: Field<String>,
    #[serde(default)]
    parent_id: Field<u64>,
    #[serde(default)]
    web_url: Field<String>,
}

impl From<Listed> for Project {
    fn from(listed: Listed) -> Self {
        let group = match listed.namespace.get() {
            Some(namespace) if namespace.kind.text() == "group" => Embedded::from(Group {
                group_id: namespace.id.clone(),
                name: namespace.name.clone(),
                full_path: namespace.full_path.clone(),
                parent_group_id: namespace.parent_id.clone(),
                url: namespace.web_url.clone(),
                ..Group::default()
            }),
            Some(_) | None => Embedded::default(),
        };
        Project {
            project_id: listed.id,
            name: listed.name,
            path_with_namespace: listed.path_with_namespace,
            project_namespace_id: listed.namespace.field(|namespace| &namespace.id),
            project_visibility: listed.visibility,
            created_at: listed.created_at,
            updated_at: listed.updated_at,
            default_branch: listed.default_branch,
            url: listed.web_url,
            archived: listed.archived,
            last_activity_at: listed.last_activity_at,
            group,
            ..Project::default()
        }
    }
}
