//! Whether something is still listed. In: the result of a complete listing for a known thing, which is gone or has reappeared. Out: an object of
//! the thing's resource that says so, with the topic, key and subject of the thing; and that object, parsed. Never guesses why something is
//! missing: do not report the result of a listing that was cut short or limited by permissions.
//!
//! GitLab reports the deletion of a merge request, issue, note, pipeline, deployment or environment neither by webhook nor by its API. The object
//! is ours: the field that identifies the thing in GitLab's own object, the name of the resource, and the time since when it is absent.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use super::resource::Resource;
use super::subject::{Context, Owner};
use crate::field::Field;

/// The key of a thing within its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key<'a> {
    /// The number of a merge request within its project; for a member, the id of the user; otherwise GitLab's id.
    Number(u64),
    /// The name of a branch or tag, or the tag of a release.
    Name(&'a str),
}

/// The result of a listing for one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// It was not listed. It is gone since this time, when the listing began. Anything that happened to it later is newer.
    AbsentSince(DateTime<Utc>),
    /// It is listed again, unchanged, at this time: it was not gone after all.
    ListedAt(DateTime<Utc>),
}

/// An object that says that a thing is no longer listed, or is listed again.
#[derive(Debug, Default, Deserialize)]
pub struct Presence {
    #[serde(default)]
    resource: Field<String>,
    /// GitLab id; for a member, the id of the user.
    #[serde(default)]
    pub id: Field<u64>,
    /// Number of a merge request within its project.
    #[serde(default)]
    pub iid: Field<u64>,
    /// Name of a branch or tag.
    #[serde(default)]
    pub name: Field<String>,
    /// Tag of a release.
    #[serde(default)]
    pub tag_name: Field<String>,
    #[serde(default)]
    absent_since: Field<DateTime<Utc>>,
    #[serde(default)]
    listed_at: Field<DateTime<Utc>>,
}

impl Presence {
    /// The resource, if its tables can show that something is gone.
    pub fn resource(&self) -> Option<Resource> {
        Resource::from_name(self.resource.text()).filter(|resource| can_be_absent(*resource))
    }

    /// The result of the listing; `None` if its time cannot be read.
    pub fn shown(&self) -> Option<Shown> {
        match (self.absent_since.get(), self.listed_at.get()) {
            (Some(since), _) => Some(Shown::AbsentSince(since)),
            (None, Some(at)) => Some(Shown::ListedAt(at)),
            (None, None) => None,
        }
    }
}

/// Whether the tables can show that something of this resource is gone. A job goes with its pipeline.
pub fn can_be_absent(resource: Resource) -> bool {
    key_field(resource).is_some()
}

/// Makes the object that reports the result of a complete listing for the thing with this `key`. It is published like any listed object of
/// `resource`. The same listing of the same thing gives the same object, and so the same event.
///
/// `None` if there is nothing to report: for a resource whose tables cannot show it, for a key of the wrong form, and for a branch or tag that is
/// listed again, since its own object says that.
pub fn presence(resource: Resource, context: Context, key: Key<'_>, shown: Shown) -> Option<Box<RawValue>> {
    let (field, form) = key_field(resource)?;
    let (name, time) = match shown {
        Shown::AbsentSince(since) => ("absent_since", since),
        Shown::ListedAt(_) if matches!(resource, Resource::Branch | Resource::Tag) => return None,
        Shown::ListedAt(at) => ("listed_at", at),
    };
    let key = match (form, key) {
        (Form::Number, Key::Number(number)) => Value::from(number),
        (Form::Name, Key::Name(name)) => Value::from(name),
        (Form::Number, Key::Name(_)) | (Form::Name, Key::Number(_)) => return None,
    };
    let mut object = Map::new();
    object.insert("resource".to_owned(), Value::from(resource.as_str()));
    object.insert(field.to_owned(), key);
    match context.owner {
        Owner::Project(id) => object.insert("project_id".to_owned(), Value::from(id)),
        Owner::Group(id) => object.insert("group_id".to_owned(), Value::from(id)),
        Owner::Instance => None,
    };
    let time = time.to_rfc3339_opts(SecondsFormat::Millis, true);
    object.insert(name.to_owned(), Value::from(time));
    to_raw_value(&object).ok()
}

#[derive(Clone, Copy)]
enum Form {
    Number,
    Name,
}

/// The field that identifies a thing in GitLab's own object.
fn key_field(resource: Resource) -> Option<(&'static str, Form)> {
    match resource {
        Resource::MergeRequest => Some(("iid", Form::Number)),
        Resource::Issue
        | Resource::Note
        | Resource::Pipeline
        | Resource::Deployment
        | Resource::Environment
        | Resource::Milestone
        | Resource::Member => Some(("id", Form::Number)),
        Resource::Release => Some(("tag_name", Form::Name)),
        Resource::Branch | Resource::Tag => Some(("name", Form::Name)),
        Resource::Project
        | Resource::Group
        | Resource::User
        | Resource::AccessRequest
        | Resource::AccessToken
        | Resource::DeployToken
        | Resource::PushEvent
        | Resource::Commit
        | Resource::Approvals
        | Resource::MergeRequestStateEvent
        | Resource::MergeRequestEvent
        | Resource::MergeRequestCommits
        | Resource::Epic
        | Resource::IssueStateEvent
        | Resource::IssueEvent
        | Resource::Emoji
        | Resource::Job
        | Resource::TriggerJob
        | Resource::DeploymentMergeRequests
        | Resource::Vulnerability => None,
    }
}

#[cfg(test)]
mod tests;
