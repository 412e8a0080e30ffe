//! The head of a body: what identifies it, read in one pass that borrows. In: JSON text. Out: a [`Head`]. Never reads the rest of the body or
//! allocates for it.

mod confidential;
mod named;
mod place;

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::EventKind;
use crate::envelope::Named;
use crate::event::vulnerability;
use crate::field::{Embedded, Field, list};
use crate::json::JsonError;
pub use confidential::is_public_noteable;
use place::MAX_ENTITY_LENGTH;
pub(crate) use place::Place;

type Text<'a> = Field<Cow<'a, str>>;
type Id = Field<u64>;

/// The fields that identify an event's kind, project and entity, for all kinds.
#[derive(Debug, Default, Deserialize)]
pub struct Head<'a> {
    /// GitLab's name of the kind, if there is one.
    #[serde(borrow, default)]
    pub object_kind: Text<'a>,
    /// The name of events without `object_kind`.
    #[serde(borrow, default)]
    pub event_name: Text<'a>,
    #[serde(borrow, default)]
    event_type: Text<'a>,
    /// The event of a flow, as `flow.completed`.
    #[serde(borrow, default)]
    event: Text<'a>,
    #[serde(default)]
    confidential: Field<bool>,
    #[serde(default)]
    internal: Field<bool>,
    #[serde(borrow, default)]
    issue: Embedded<Noteable<'a>>,
    #[serde(borrow, default)]
    work_item: Embedded<Noteable<'a>>,
    #[serde(borrow, default)]
    epic: Embedded<Noteable<'a>>,
    #[serde(borrow, default)]
    note: Embedded<Noteable<'a>>,
    #[serde(borrow, default)]
    noteable_type: Text<'a>,
    /// The action, for kinds with an action at the top level.
    #[serde(borrow, default)]
    action: Text<'a>,
    #[serde(default)]
    id: Id,
    #[serde(default)]
    project_id: Id,
    #[serde(default)]
    group_id: Id,
    #[serde(default)]
    user_id: Id,
    #[serde(borrow, default)]
    user_username: Text<'a>,
    #[serde(borrow, default)]
    user_name: Text<'a>,
    #[serde(default)]
    build_id: Id,
    #[serde(default)]
    deployment_id: Id,
    #[serde(borrow, default, rename = "ref")]
    ref_name: Text<'a>,
    #[serde(borrow, default)]
    tag: Text<'a>,
    #[serde(borrow, default)]
    path_with_namespace: Text<'a>,
    #[serde(borrow, default)]
    project_path_with_namespace: Text<'a>,
    #[serde(borrow, default)]
    build_status: Text<'a>,
    #[serde(borrow, default)]
    status: Text<'a>,
    #[serde(borrow, default)]
    project: Embedded<Project<'a>>,
    #[serde(borrow, default)]
    group: Embedded<Group<'a>>,
    #[serde(borrow, default)]
    user: Embedded<User<'a>>,
    #[serde(borrow, default)]
    author: Embedded<User<'a>>,
    #[serde(default)]
    workflow: Embedded<Workflow>,
    #[serde(borrow, default)]
    object_attributes: Embedded<Attributes<'a>>,
}

/// A flow of GitLab Duo.
#[derive(Debug, Default, Deserialize)]
struct Workflow {
    #[serde(default)]
    id: Id,
}

#[derive(Debug, Default, Deserialize)]
struct Project<'a> {
    #[serde(default)]
    id: Id,
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    web_url: Text<'a>,
    #[serde(borrow, default)]
    path_with_namespace: Text<'a>,
    #[serde(borrow, default)]
    default_branch: Text<'a>,
    #[serde(default)]
    visibility_level: Id,
}

#[derive(Debug, Default, Deserialize)]
struct User<'a> {
    #[serde(default)]
    id: Id,
    #[serde(borrow, default)]
    username: Text<'a>,
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    state: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
struct Group<'a> {
    #[serde(default)]
    group_id: Id,
    #[serde(borrow, default)]
    group_name: Text<'a>,
    #[serde(borrow, default)]
    full_path: Text<'a>,
}

/// What a note or an emoji is on.
#[derive(Debug, Default, Deserialize)]
struct Noteable<'a> {
    #[serde(default)]
    confidential: Field<bool>,
    #[serde(default)]
    internal: Field<bool>,
    #[serde(borrow, default)]
    noteable_type: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
struct Attributes<'a> {
    #[serde(default)]
    confidential: Field<bool>,
    #[serde(default)]
    internal: Field<bool>,
    #[serde(default)]
    id: Id,
    #[serde(default)]
    iid: Id,
    #[serde(default)]
    project_id: Id,
    #[serde(default)]
    target_project_id: Id,
    #[serde(default)]
    source_project_id: Id,
    #[serde(borrow, default)]
    target: Embedded<Project<'a>>,
    #[serde(borrow, default)]
    source: Embedded<Project<'a>>,
    #[serde(borrow, default)]
    noteable_type: Text<'a>,
    #[serde(borrow, default)]
    awardable_type: Text<'a>,
    #[serde(default, deserialize_with = "list")]
    issues: Field<Vec<IgnoredAny>>,
    #[serde(borrow, default)]
    slug: Text<'a>,
    #[serde(borrow, default)]
    url: Text<'a>,
    #[serde(borrow, default)]
    action: Text<'a>,
    #[serde(borrow, default)]
    status: Text<'a>,
    #[serde(borrow, default)]
    state: Text<'a>,
}

/// Why a JSON text has no [`Head`].
#[derive(Debug, thiserror::Error)]
pub enum HeadError {
    /// The top level is an array, a string, a number, ...
    #[error("the body is JSON, but not an object")]
    NotAnObject,
    /// Not JSON, a field of the head given twice, or a number in it out of range.
    #[error("the body cannot be read")]
    Json(#[source] JsonError),
}

impl<'a> Head<'a> {
    /// Reads the head of a JSON object.
    pub fn read(json: &'a str) -> Result<Head<'a>, HeadError> {
        let head = serde_json::from_str(json).map_err(|error| HeadError::Json(error.into()));
        // Serde would read an array into a struct, field by field.
        match json.trim_ascii_start().as_bytes().first() {
            Some(b'[') => head.and(Err(HeadError::NotAnObject)),
            Some(b'{') => head,
            _ => serde_json::from_str::<serde::de::IgnoredAny>(json)
                .map_err(|error| HeadError::Json(error.into()))
                .and(Err(HeadError::NotAnObject)),
        }
    }

    /// What the event is about.
    pub fn kind(&self) -> EventKind {
        EventKind::from_names(present(&self.object_kind), present(&self.event_name))
    }

    /// GitLab's own name of the event: `object_kind`, else `event_name`, else nothing.
    pub fn name(&self) -> &str {
        present(&self.object_kind).or(present(&self.event_name)).unwrap_or_default()
    }

    /// The action on the entity, else its status or state, else nothing.
    pub fn action(&self) -> &str {
        let attributes = self.object_attributes.get();
        let candidates = [
            present(&self.action),
            present(&self.event),
            attributes.and_then(|attributes| present(&attributes.action)),
            present(&self.build_status),
            present(&self.status),
            attributes.and_then(|attributes| present(&attributes.status)),
            attributes.and_then(|attributes| present(&attributes.state)),
        ];
        candidates.into_iter().flatten().next().unwrap_or_default()
    }

    /// The project, 0 if there is none (groups, users) or an old GitLab does not send it. A merge request belongs to the project of its target
    /// branch.
    pub fn project_id(&self) -> u64 {
        let attributes = self.object_attributes.get();
        attributes
            .and_then(|attributes| attributes.target_project_id.get())
            .or(self.project_id.get())
            .or(self.project.get().and_then(|project| project.id.get()))
            .or(attributes.and_then(|attributes| attributes.project_id.get()))
            .unwrap_or(0)
    }

    /// The ids of projects and groups in the body.
    pub fn named(&self) -> Named {
        let group = self.group.get().and_then(|group| group.group_id.get());
        Named {
            project_id: self.project_id(),
            inner_project_id: self.project.get().and_then(|project| project.id.get()).unwrap_or(0),
            group_id: self.group_id.get().or(group).unwrap_or(0),
        }
    }

    /// The path of the project, as `group/subgroup/project`, if the body has it.
    pub fn project_path(&self) -> &str {
        self.project
            .get()
            .and_then(|project| present(&project.path_with_namespace))
            .or(present(&self.path_with_namespace))
            .or(present(&self.project_path_with_namespace))
            // In old versions a merge request comes without `project`.
            .or(self.target().and_then(|target| present(&target.path_with_namespace)))
            .unwrap_or_default()
    }

    /// A URL on the event's GitLab instance, if the body has one.
    pub fn web_url(&self) -> Option<&str> {
        let project = self.project.get().and_then(|project| present(&project.web_url));
        project.or(self.object_attributes.get().and_then(|attributes| present(&attributes.url)))
    }

    /// The entity within its instance, as `project/42/merge_request/7`. Events of one entity have the same subject, so that they share a partition
    /// and stay in order. `fallback` replaces the entity if the body does not name one.
    pub fn subject(&self, kind: EventKind, fallback: &str) -> String {
        let attributes = self.object_attributes.get();
        let attribute_id = attributes.and_then(|attributes| attributes.id.get());
        let number = |id: Option<u64>| id.map(|id| Cow::Owned(id.to_string()));
        let entity = match kind {
            EventKind::Push | EventKind::TagPush => present(&self.ref_name).map(Cow::Borrowed),
            EventKind::MergeRequest => {
                number(attributes.and_then(|attributes| attributes.iid.get()).or(attribute_id))
            }
            EventKind::Issue
            | EventKind::Note
            | EventKind::Pipeline
            | EventKind::Milestone
            | EventKind::FeatureFlag
            | EventKind::Emoji
            | EventKind::AccessToken => number(attribute_id),
            EventKind::Job => number(self.build_id.get()),
            EventKind::Deployment => number(self.deployment_id.get()),
            EventKind::Release => present(&self.tag).map(Cow::Borrowed).or(number(self.id.get())),
            EventKind::WikiPage => {
                attributes.and_then(|attributes| present(&attributes.slug)).map(Cow::Borrowed)
            }
            EventKind::Vulnerability => {
                let url = attributes.and_then(|attributes| present(&attributes.url));
                let id = attribute_id.or(url.and_then(vulnerability::number_of_page));
                number(id).or(url.map(Cow::Borrowed))
            }
            EventKind::Member | EventKind::User => number(self.user_id.get().or(self.id.get())),
            EventKind::DuoWorkflow => number(self.workflow.get().and_then(|workflow| workflow.id.get())),
            EventKind::Project | EventKind::Repository | EventKind::Group | EventKind::Other => None,
        };
        let place = Place { project_id: self.project_id(), group: self.group_key() };
        place.subject(kind, entity.unwrap_or(Cow::Borrowed(fallback)))
    }

    fn group_key(&self) -> Cow<'_, str> {
        let group = self.group.get();
        match self.group_id.get().or(group.and_then(|group| group.group_id.get())) {
            Some(id) => Cow::Owned(id.to_string()),
            None => match group.and_then(|group| present(&group.full_path)) {
                Some(path) if path.len() <= MAX_ENTITY_LENGTH => Cow::Borrowed(path),
                Some(_) | None => Cow::Borrowed("0"),
            },
        }
    }
}

fn present<'f>(field: &'f Text<'_>) -> Option<&'f str> {
    field.value().map(AsRef::as_ref).filter(|text: &&str| !text.is_empty())
}

#[cfg(test)]
mod tests;
