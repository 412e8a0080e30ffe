//! What an object of the API is about. In: the resource that lists it, its JSON, where it was listed. Out: its kind, which decides the topic; its
//! subject, the same as in a webhook about the same entity, so that both share a partition; and the id of its event. Never fails: an object that
//! does not identify its entity gets a subject from its id.

use std::borrow::Cow;

use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::EventKind;
use crate::api::resource::{ObjectHead, Resource};
use crate::field::Field;
use crate::head;
use crate::instance::instance_namespace;

type Text<'a> = Field<Cow<'a, str>>;

/// The owner of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// The instance: each object says which project or group it belongs to.
    Instance,
    /// The group with this id. Objects of its projects say which project.
    Group(u64),
    /// The project with this id.
    Project(u64),
}

/// Where an object was listed. The object itself does not say this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// The owner of the list.
    pub owner: Owner,
    /// The parent of the list within the owner: the `iid` of a merge request, the id of an issue or a deployment.
    pub parent: Option<u64>,
}

impl Context {
    /// A list of a project.
    pub fn project(id: u64) -> Context {
        Context { owner: Owner::Project(id), parent: None }
    }

    /// A list of a group.
    pub fn group(id: u64) -> Context {
        Context { owner: Owner::Group(id), parent: None }
    }
}

/// What an object is about, in the terms of its event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The kind of the event; decides the topic.
    pub kind: EventKind,
    /// The entity within the instance, as `project/42/merge_request/7`.
    pub subject: String,
    /// Id of the event: the same object, read again unchanged, has the same id.
    pub id: Uuid,
}

impl ObjectHead<'_> {
    /// Its page, if the object has it.
    pub(crate) fn web_url(&self) -> Option<&str> {
        present(&self.web_url)
    }

    fn is_tag_push(&self) -> bool {
        self.push_data.get().is_some_and(|push| present(&push.ref_type) == Some("tag"))
    }

    /// The entity within its project or group, if the object or its list gives it.
    fn entity(&self, resource: Resource, parent: Option<u64>) -> Option<Cow<'_, str>> {
        let number = |id: Option<u64>| id.map(|id| Cow::Owned(id.to_string()));
        let named =
            |folder: &str, name: &Text<'_>| present(name).map(|name| Cow::Owned(format!("{folder}{name}")));
        match resource {
            Resource::PushEvent => {
                let folder = if self.is_tag_push() { "refs/tags/" } else { "refs/heads/" };
                let pushed = self.push_data.get().and_then(|push| named(folder, &push.ref_name));
                // GitLab names no ref if a push had too many.
                pushed.or(present(&self.id).map(Cow::Borrowed))
            }
            Resource::Branch => named("refs/heads/", &self.name),
            Resource::Tag => named("refs/tags/", &self.name),
            Resource::Release => present(&self.tag_name).map(Cow::Borrowed),
            Resource::MergeRequest => number(self.iid.get()),
            Resource::Approvals => number(self.iid.get().or(parent)),
            Resource::MergeRequestCommits => number(self.merge_request_iid.get().or(parent)),
            Resource::MergeRequestEvent => number(self.target_iid.get()),
            Resource::IssueEvent => number(self.target_id.get()),
            // The object has the id of the merge request, not its number.
            Resource::MergeRequestStateEvent => number(parent),
            Resource::IssueStateEvent => number(self.resource_id.get().or(parent)),
            // The id of an epic comes from a sequence of its own; webhooks send the id of its work item.
            Resource::Epic => number(self.work_item_id.get()),
            Resource::DeploymentMergeRequests => number(self.deployment_id.get().or(parent)),
            Resource::Project
            | Resource::Group
            | Resource::User
            | Resource::Member
            | Resource::AccessRequest
            | Resource::AccessToken
            | Resource::DeployToken
            | Resource::Commit
            | Resource::Issue
            | Resource::Note
            | Resource::Emoji
            | Resource::Pipeline
            | Resource::Job
            | Resource::TriggerJob
            | Resource::Environment
            | Resource::Deployment
            | Resource::Milestone
            | Resource::Vulnerability => present(&self.id).map(Cow::Borrowed),
        }
    }

    /// Its project and its group, 0 for none.
    fn place(&self, resource: Resource, owner: Owner) -> head::Place<'_> {
        let own = || self.id.value().and_then(|id| id.parse().ok()).unwrap_or(0);
        let resource_of = |name: &str| {
            let is_it = present(&self.resource_type) == Some(name);
            self.resource_id.get().filter(|_| is_it)
        };
        let project_id = match (resource, owner) {
            (Resource::Project, _) => own(),
            (Resource::Group | Resource::User | Resource::Epic, _) => 0,
            // A project may also list the milestones of its groups.
            (Resource::Milestone, _) if self.group_id.get().is_some() => 0,
            (_, Owner::Project(id)) => id,
            (_, Owner::Group(_) | Owner::Instance) => {
                self.project_id.get().or(resource_of("project")).unwrap_or(0)
            }
        };
        let group = match (resource, owner) {
            (Resource::Group, _) => own(),
            (_, Owner::Group(id)) => id,
            (_, Owner::Project(_) | Owner::Instance) => resource_of("group").unwrap_or(0),
        };
        head::Place { project_id, group: Cow::Owned(group.to_string()) }
    }

    /// The object's id in its resource, or the entity if it has none.
    fn own_id(&self, resource: Resource, entity: Option<&str>) -> String {
        let own = match resource {
            Resource::Approvals | Resource::MergeRequestCommits | Resource::DeploymentMergeRequests => None,
            _ => present(&self.id),
        };
        own.or(entity).unwrap_or_default().to_owned()
    }
}

/// What an object is about. `instance` is the GitLab it was read from, in normal form.
pub fn address(instance: &str, resource: Resource, json: &str, context: Context) -> Address {
    let head = ObjectHead::read(json).unwrap_or_default();
    address_of(instance, resource, json, &head, context)
}

/// Like [`address`], with a head that was read before.
pub(crate) fn address_of(
    instance: &str,
    resource: Resource,
    json: &str,
    head: &ObjectHead<'_>,
    context: Context,
) -> Address {
    let kind = match resource {
        Resource::PushEvent if head.is_tag_push() => EventKind::TagPush,
        resource => resource.kind(),
    };
    let entity = head.entity(resource, context.parent);
    let place = head.place(resource, context.owner);
    // Names are unique only within a project or group, so these are part of the id. The digest has a fixed length, so the parts cannot run
    // together.
    let own_id = head.own_id(resource, entity.as_deref());
    let mut name = format!("{resource}\n{}\n{}\n{own_id}\n", place.project_id, place.group).into_bytes();
    name.extend_from_slice(&canonical_digest(json));
    let id = Uuid::new_v5(&instance_namespace(instance), &name);
    let entity = entity.unwrap_or_else(|| Cow::Owned(id.to_string()));
    let subject = match (resource, head.user_id.get()) {
        (Resource::Environment, _) => format!("project/{}/{resource}/{entity}", place.project_id),
        // A personal access token.
        (Resource::AccessToken, Some(user_id)) if place.project_id == 0 && place.group == "0" => {
            format!("user/{user_id}/{kind}/{entity}")
        }
        (_, _) => place.subject(kind, entity),
    };
    Address { kind, subject, id }
}

/// SHA-256 of an object that does not depend on the order of fields, white space or escapes. An object nested too deeply to be parsed is hashed as
/// text.
fn canonical_digest(json: &str) -> [u8; 32] {
    let mut canonical = Vec::with_capacity(json.len());
    let written = serde_json::from_str(json).and_then(|value| write_canonical(&value, &mut canonical));
    match written {
        Ok(()) => Sha256::digest(&canonical).into(),
        Err(_) => Sha256::digest(json).into(),
    }
}

fn write_canonical(value: &Value, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| *name);
            out.push(b'{');
            for (name, value) in fields {
                serde_json::to_writer(&mut *out, name)?;
                out.push(b':');
                write_canonical(value, out)?;
                out.push(b',');
            }
            out.push(b'}');
        }
        Value::Array(elements) => {
            out.push(b'[');
            for element in elements {
                write_canonical(element, out)?;
                out.push(b',');
            }
            out.push(b']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            serde_json::to_writer(out, value)?
        }
    }
    Ok(())
}

fn present<'f>(field: &'f Text<'_>) -> Option<&'f str> {
    field.value().map(AsRef::as_ref).filter(|text: &&str| !text.is_empty())
}

#[cfg(test)]
mod tests;
