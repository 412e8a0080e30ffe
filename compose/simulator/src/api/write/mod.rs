//! Objects in the format of GitLab's REST API. In: a thing of the world and a time. Out: JSON. Never decides who may see it.

mod deployment;
mod event;
mod issue;
mod job;
pub(super) mod merge_request;
pub(super) mod pipeline;
pub(super) mod project;
mod repository;

use serde_json::{Value, json};

use crate::gitlab::text::{date, time};
use crate::gitlab::{Group, Millis, Noteable, Person, Project, Quarter, Sprint, World, quarters, text};
use crate::version::Version;

/// Writes the objects of a project, as they are at a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scribe<'w> {
    pub(super) world: &'w World,
    pub(super) project: &'w Project,
    pub(super) now: Millis,
    pub(super) version: Version,
}

impl Scribe<'_> {
    /// Address of the instance.
    pub(super) fn url(&self) -> &str {
        &self.world.config().url
    }

    /// Page of the project.
    pub(super) fn page(&self) -> String {
        format!("{}/{}", self.url(), self.path())
    }

    /// Full path of the project.
    pub(super) fn path(&self) -> String {
        self.project.path_at(self.world.config(), self.now)
    }

    pub(super) fn person(&self, person: Person) -> Value {
        person.listed(self.url())
    }

    fn person_of(&self, person: Option<Person>) -> Value {
        person.map_or(Value::Null, |person| self.person(person))
    }

    /// The milestone of a sprint; each has one (<https://docs.gitlab.com/api/milestones/>).
    pub(super) fn milestone(&self, sprint: u32) -> Value {
        let config = self.world.config();
        let (starts_at, ends_at) = (config.starts_at(sprint), config.starts_at(sprint + 1));
        let is_over = self.now >= ends_at;
        let iid = sprint + 1;
        let id = self.world.id(crate::gitlab::Place { project: self.project.index, sprint, number: 0 });
        let updated_at = if is_over { ends_at } else { starts_at };
        json!({
            "id": id, "iid": iid, "project_id": self.project.id, "title": format!("Sprint {iid}"), "description": "",
            "state": if is_over { "closed" } else { "active" }, "created_at": time(starts_at), "updated_at": time(updated_at),
            "due_date": date(ends_at - 1), "start_date": date(starts_at), "expired": is_over,
            "web_url": format!("{}/-/milestones/{iid}", self.page()),
        })
    }

    /// The milestones of a group: whole quarters, never closed.
    pub(super) fn group_milestones(&self, group: &Group) -> Vec<Value> {
        let write = |quarter: Quarter| {
            let Quarter { id, iid, starts_at, ends_at } = quarter;
            json!({
                "id": id, "iid": iid, "group_id": group.id, "title": format!("Quarter {iid}"), "description": "", "state": "active",
                "created_at": time(starts_at), "updated_at": time(starts_at), "due_date": date(ends_at - 1),
                "start_date": date(starts_at), "expired": self.now >= ends_at,
                "web_url": format!("{}/groups/{}/-/milestones/{iid}", self.url(), group.path),
            })
        };
        quarters(self.world, group, self.now).into_iter().map(write).collect()
    }

    /// The id and the number of the object that a note or a state event is on.
    pub(super) fn noteable(&self, sprint: &Sprint, on: Noteable) -> (u64, u64) {
        match on {
            Noteable::MergeRequest(number) => {
                (self.world.id_in(sprint, number), self.world.merge_request_iid(sprint, number))
            }
            Noteable::Issue(number) => {
                (self.world.id_in(sprint, number), self.world.issue_iid(sprint, number))
            }
        }
    }

    /// A note (<https://docs.gitlab.com/api/notes/>).
    pub(super) fn note(&self, sprint: &Sprint, number: u32) -> Option<Value> {
        let note = sprint.notes.get(number as usize)?;
        let (noteable_id, noteable_iid) = self.noteable(sprint, note.on);
        let resolved = note.resolved.filter(|(at, _)| *at <= self.now);
        let mut written = json!({
            "id": self.world.id_in(sprint, number), "type": note.resolved.map(|_| "DiffNote"), "body": note.body,
            "author": self.person(note.by), "created_at": time(note.at), "updated_at": time(note.updated_at(self.now)),
            "system": note.system, "noteable_id": noteable_id, "noteable_type": text::noteable_type(note.on),
            "project_id": self.project.id, "resolvable": note.resolved.is_some(), "confidential": note.internal,
            "internal": note.internal, "imported": false, "imported_from": "none", "noteable_iid": noteable_iid,
            "commands_changes": {},
        });
        if note.resolved.is_some() {
            written["resolved"] = json!(resolved.is_some());
            written["resolved_by"] = self.person_of(resolved.map(|(_, by)| by));
            written["resolved_at"] = json!(resolved.map(|(at, _)| time(at)));
        }
        Some(written)
    }

    /// A change of a state (<https://docs.gitlab.com/api/resource_state_events/>).
    pub(super) fn state_event(&self, sprint: &Sprint, number: u32) -> Option<Value> {
        let event = sprint.state_events.get(number as usize)?;
        let (resource_id, _) = self.noteable(sprint, event.of);
        Some(json!({
            "id": self.world.id_in(sprint, number), "user": self.person(event.by), "created_at": time(event.at),
            "resource_type": text::noteable_type(event.of), "resource_id": resource_id, "source_commit": null,
            "source_merge_request_id": null, "state": event.state,
        }))
    }
}

/// Removes a field that the version does not have.
fn absent(written: &mut Value, field: &str) {
    if let Some(fields) = written.as_object_mut() {
        fields.remove(field);
    }
}
