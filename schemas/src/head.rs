//! The head of a body: who and what it is about, read in one pass that borrows. In: JSON text. Out: a [`Head`]. Never
//! reads the rest of the body, never allocates for it.

mod place;

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::EventKind;
use crate::envelope::Named;
use crate::event::{group, project, user, vulnerability};
use crate::field::{Embedded, Field, list};
use crate::json::JsonError;
use crate::kind::TEST_EVENT;
use place::MAX_ENTITY_LENGTH;
pub(crate) use place::Place;

type Text<'a> = Field<Cow<'a, str>>;
type Id = Field<u64>;

/// GitLab's name of a design, as what a note is on.
const DESIGN: &str = "DesignManagement::Design";

/// The fields that name an event's kind, project and entity, whichever kind it is.
#[derive(Debug, Default, Deserialize)]
pub struct Head<'a> {
    /// GitLab's name of the kind, where there is one.
    #[serde(borrow, default)]
    pub object_kind: Text<'a>,
    /// The name of events without `object_kind`.
    #[serde(borrow, default)]
    pub event_name: Text<'a>,
    #[serde(borrow, default)]
    event_type: Text<'a>,
    /// What happened to a flow, as `flow.completed`.
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
    /// What happened, for the kinds that say so at the top level.
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

/// What a note or an emoji stands on.
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
    /// Not JSON, a field of the head twice, or a number out of range in it.
    #[error("the body cannot be read")]
    Json(#[source] JsonError),
}

impl<'a> Head<'a> {
    /// Reads the head of a JSON object.
    pub fn read(json: &'a str) -> Result<Head<'a>, HeadError> {
        let head = serde_json::from_str(json).map_err(|error| HeadError::Json(error.into()));
        // Serde would take an array for a struct, field by field.
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

    /// What happened to the entity: its `action`, else its status or state, else nothing.
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

    /// Whether the event is about something that GitLab shows to few: a confidential issue or work item, an internal note, a note on a
    /// confidential issue, an emoji on any of them, which quotes what it stands on. What is not known to be public counts as such.
    pub fn is_confidential(&self, kind: EventKind) -> bool {
        let attributes = self.object_attributes.get();
        let noteables = [self.issue.get(), self.work_item.get(), self.epic.get(), self.note.get()];
        let says = |field: Option<&Field<bool>>| field.is_some_and(|field| field.get() == Some(true));
        self.is_withheld(kind)
            || present(&self.event_type).is_some_and(|name| name.starts_with("confidential_"))
            || says(Some(&self.confidential))
            || says(Some(&self.internal))
            || says(attributes.map(|attributes| &attributes.confidential))
            || says(attributes.map(|attributes| &attributes.internal))
            || attributes.is_some_and(|attributes| match &attributes.issues {
                Field::Value(issues) => !issues.is_empty(),
                issues => matches!(issues, Field::Unreadable),
            })
            || attributes.is_some_and(|attributes| !is_public_noteable(&attributes.noteable_type))
            || self.note.get().is_some_and(|note| !is_public_noteable(&note.noteable_type))
            || noteables
                .into_iter()
                .flatten()
                .any(|noteable| says(Some(&noteable.confidential)) || says(Some(&noteable.internal)))
    }

    /// Whether nothing says that it is public. A webhook about a comment has that of its issue in `event_type`, but not that of a design's issue
    /// (<https://gitlab.com/gitlab-org/gitlab/-/blob/master/app/models/design_management/design.rb>); a vulnerability names its issues without it.
    fn is_withheld(&self, kind: EventKind) -> bool {
        let attributes = self.object_attributes.get();
        let open = |field: &Field<bool>| field.get() == Some(false);
        let is_named_open =
            |noteable: &Embedded<Noteable<'_>>| noteable.get().is_some_and(|it| open(&it.confidential));
        let is_open = [&self.issue, &self.work_item, &self.epic].into_iter().any(is_named_open);
        let is_named = present(&self.event_type).is_some();
        match kind {
            EventKind::Issue => {
                let told = attributes.is_some_and(|attributes| open(&attributes.confidential));
                !told && !open(&self.confidential) && !is_named
            }
            EventKind::Note => match self.noteable_type() {
                DESIGN => !is_open,
                "Issue" | "WorkItem" | "Epic" => !is_open && !is_named,
                _ => false,
            },
            EventKind::Emoji => {
                match attributes.map_or("", |it| present(&it.awardable_type).unwrap_or_default()) {
                    "Issue" | "WorkItem" | "Epic" => !is_open,
                    "Note" => {
                        match self.note.get().map(|note| present(&note.noteable_type).unwrap_or_default()) {
                            Some("Issue" | "WorkItem" | "Epic" | DESIGN) => !is_open,
                            Some(_) => false,
                            None => true,
                        }
                    }
                    _ => false,
                }
            }
            EventKind::Vulnerability => {
                attributes.is_some_and(|it| it.issues.value().is_some_and(|issues| !issues.is_empty()))
            }
            // A custom template may quote anything.
            EventKind::Other => self.name() != TEST_EVENT,
            _ => false,
        }
    }

    /// What a note is on, on either face.
    fn noteable_type(&self) -> &str {
        let told = self.object_attributes.get().and_then(|attributes| present(&attributes.noteable_type));
        told.or(present(&self.noteable_type)).unwrap_or_default()
    }

    /// The project, 0 where there is none (groups, users) or an old GitLab does not say. A merge request belongs to the
    /// project it would be merged into.
    pub fn project_id(&self) -> u64 {
        let attributes = self.object_attributes.get();
        attributes
            .and_then(|attributes| attributes.target_project_id.get())
            .or(self.project_id.get())
            .or(self.project.get().and_then(|project| project.id.get()))
            .or(attributes.and_then(|attributes| attributes.project_id.get()))
            .unwrap_or(0)
    }

    /// What of GitLab it names by id.
    pub fn named(&self) -> Named {
        let group = self.group.get().and_then(|group| group.group_id.get());
        Named {
            project_id: self.project_id(),
            inner_project_id: self.project.get().and_then(|project| project.id.get()).unwrap_or(0),
            group_id: self.group_id.get().or(group).unwrap_or(0),
        }
    }

    /// The path of the project, as `group/subgroup/project`, where the body says it.
    pub fn project_path(&self) -> &str {
        self.project
            .get()
            .and_then(|project| present(&project.path_with_namespace))
            .or(present(&self.path_with_namespace))
            .or(present(&self.project_path_with_namespace))
            // Old versions tell of a merge request without `project`.
            .or(self.target().and_then(|target| present(&target.path_with_namespace)))
            .unwrap_or_default()
    }

    /// The project inside a body that is about something else.
    pub fn project(&self) -> Option<project::Project> {
        let project = self.project.get().or(self.target())?;
        // Old versions leave the id to the top level.
        project.told(Some(self.project_id()))
    }

    /// The project that a merge request comes from, where that is another one.
    pub fn source_project(&self) -> Option<project::Project> {
        let attributes = self.object_attributes.get()?;
        let source = attributes.source.get()?.told(attributes.source_project_id.get())?;
        (source.project_id != Field::Value(self.project_id())).then_some(source)
    }

    /// The project that a merge request would be merged into, as old versions say it.
    fn target(&self) -> Option<&Project<'a>> {
        self.object_attributes.get()?.target.get()
    }

    /// The actor of a body that is about something else. A body that names nobody by id has none: user names change hands.
    pub fn user(&self) -> Option<user::User> {
        // In the API, the `user` of a merge request says only whether the reader may merge it.
        let user =
            [self.user.get(), self.author.get()].into_iter().flatten().find(|user| user.id.get().is_some());
        let (id, username, name, state) = match user {
            Some(user) => (user.id.get(), &user.username, &user.name, owned(&user.state)),
            None => (self.user_id.get(), &self.user_username, &self.user_name, Field::Absent),
        };
        let named = present(username).is_some() || present(name).is_some();
        Some(user::User {
            user_id: Field::Value(id.filter(|id| named && *id > 0)?),
            username: owned(username),
            name: owned(name),
            state,
            ..user::User::default()
        })
    }

    /// The group inside a body that is about something else.
    pub fn group(&self) -> Option<group::Group> {
        let group = self.group.get()?;
        let named = present(&group.full_path).is_some() || present(&group.group_name).is_some();
        Some(group::Group {
            group_id: Field::Value(group.group_id.get().filter(|id| named && *id > 0)?),
            name: owned(&group.group_name),
            full_path: owned(&group.full_path),
            ..group::Group::default()
        })
    }

    /// A URL on the GitLab instance the event comes from, where the body has one.
    pub fn web_url(&self) -> Option<&str> {
        let project = self.project.get().and_then(|project| present(&project.web_url));
        project.or(self.object_attributes.get().and_then(|attributes| present(&attributes.url)))
    }

    /// The entity within its instance, as `project/42/merge_request/7`. Events of one entity share it, so that they
    /// share a partition and stay in order. `fallback` stands for the entity of a body that does not name one.
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

impl Project<'_> {
    /// What it tells of the project: nothing without an id, which stands elsewhere in bodies of old versions, and a name.
    fn told(&self, elsewhere: Option<u64>) -> Option<project::Project> {
        let project = self;
        let named = present(&project.path_with_namespace).is_some() || present(&project.name).is_some();
        let id = project.id.get().or(elsewhere).filter(|id| named && *id > 0)?;
        Some(project::Project {
            project_id: Field::Value(id),
            name: owned(&project.name),
            path_with_namespace: owned(&project.path_with_namespace),
            project_visibility: project.visibility_level.as_ref().map(u64::to_string),
            default_branch: owned(&project.default_branch),
            url: owned(&project.web_url),
            ..project::Project::default()
        })
    }
}

/// Of what notes are that everybody sees who sees the project, or that says itself who does. Designs are an issue's, alerts are for developers, and what
/// GitLab invents next is not known to be public.
const PUBLIC_NOTEABLES: [&str; 7] =
    ["Issue", "WorkItem", "Epic", "MergeRequest", "Commit", "Snippet", "WikiPage::Meta"];

/// Whether notes on things of this type are as public as their project, or as the thing itself says.
pub fn is_public_noteable(noteable_type: &Field<impl AsRef<str>>) -> bool {
    match noteable_type.value().map(AsRef::as_ref) {
        None | Some("") => true,
        Some(name) => PUBLIC_NOTEABLES.contains(&name),
    }
}

fn present<'f>(field: &'f Text<'_>) -> Option<&'f str> {
    field.value().map(AsRef::as_ref).filter(|text: &&str| !text.is_empty())
}

/// The field on its own. An empty text says nothing.
fn owned(field: &Text<'_>) -> Field<String> {
    match field {
        Field::Value(text) if text.is_empty() => Field::Absent,
        field => field.as_ref().map(|text| text.clone().into_owned()),
    }
}

#[cfg(test)]
mod tests;
