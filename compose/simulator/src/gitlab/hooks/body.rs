//! Bodies of webhooks in the format of a version. In: a thing at the moment of an event. Out: JSON. Before 19, times had no milliseconds and another
//! format (`Gitlab::WebHooks.normalize_dates` came with it), and some fields did not exist.

mod run;
mod work;

use serde_json::{Value, json};

use super::super::dice::{Millis, Sha};
use super::super::sprint::{Noteable, Push, Ref, Sprint, Tag};
use super::super::text::{LABEL, git_time, noteable_type, ruby_time, time};
use super::super::tree::Project;
use super::super::world::World;
use crate::version::Version;

/// Limit of commits in a push's body.
const LISTED: usize = 20;

/// Writes bodies of what happened at a time.
pub(super) struct Body<'w> {
    pub(super) world: &'w World,
    pub(super) project: &'w Project,
    pub(super) sprint: &'w Sprint,
    pub(super) at: Millis,
    pub(super) version: Version,
}

impl Body<'_> {
    fn path(&self) -> String {
        self.project.path_at(self.world.config(), self.at)
    }

    fn page(&self) -> String {
        format!("{}/{}", self.world.config().url, self.path())
    }

    /// A time.
    fn time(&self, at: Millis) -> String {
        if self.version >= Version::V19 { time(at) } else { ruby_time(at) }
    }

    fn time_of(&self, at: Option<Millis>) -> Option<String> {
        at.map(|at| self.time(at))
    }

    /// Removes fields that came later.
    fn without(&self, mut body: Value, since: Version, fields: &[&str]) -> Value {
        if let Some(object) = body.as_object_mut().filter(|_| self.version < since) {
            fields.iter().for_each(|field| {
                object.remove(*field);
            });
        }
        body
    }

    fn id(&self, number: u32) -> u64 {
        self.world.id_in(self.sprint, number)
    }

    fn project(&self) -> Value {
        let config = self.world.config();
        let group = self.world.group(self.project.group_at(config, self.at));
        json!({
            "id": self.project.id, "name": self.project.slug_at(config, self.at), "description": "", "web_url": self.page(), "avatar_url": null,
            "namespace": group.name, "visibility_level": 0, "path_with_namespace": self.path(),
            "default_branch": "main", "ci_config_path": "",
        })
    }

    fn commit(&self, sha: Sha) -> Value {
        let Some(commit) = self.world.commit(self.sprint.project, self.sprint.number, sha) else {
            return Value::Null;
        };
        json!({
            "id": sha.to_string(), "message": commit.message, "title": commit.title(), "timestamp": git_time(commit.committed_at),
            "url": format!("{}/-/commit/{sha}", self.page()), "author": {"name": commit.author.name(), "email": commit.author.email()},
        })
    }

    fn labels(&self, labelled: bool) -> Value {
        let label = json!({"id": 4007, "title": LABEL, "color": "#b5483a", "project_id": self.project.id, "type": "ProjectLabel"});
        if labelled { json!([label]) } else { json!([]) }
    }

    pub(super) fn note(&self, number: u32) -> Option<Value> {
        let note = self.sprint.notes.get(number as usize)?;
        let (noteable, name, of) = match note.on {
            Noteable::MergeRequest(on) => {
                let request = self.sprint.merge_requests.get(on as usize)?;
                (on, "merge_request", self.merge_request_attributes(on, request, &request.at(self.at)?))
            }
            Noteable::Issue(on) => (on, "issue", self.issue_attributes(on, None)?),
        };
        let kind = if note.internal { "confidential_note" } else { "note" };
        let mut body = json!({
            "object_kind": "note", "event_type": kind, "user": note.by.of_webhook(), "project_id": self.project.id,
            "project": self.project(),
            "object_attributes": {
                "id": self.id(number), "author_id": note.by.id(), "note": note.body, "description": note.body,
                "noteable_id": self.id(noteable), "noteable_type": noteable_type(note.on), "project_id": self.project.id,
                "system": false, "internal": note.internal, "type": note.resolved.map(|_| "DiffNote"), "commit_id": null,
                "created_at": self.time(note.at), "updated_at": self.time(note.at), "resolved_at": null, "resolved_by_id": null, "action": "create",
                "url": format!("{}#note_{}", of["url"].as_str().unwrap_or_default(), self.id(number)),
            },
        });
        body[name] = of;
        Some(body)
    }

    pub(super) fn push(&self, push: &Push) -> Value {
        let (kind, folder) =
            if push.to.is_tag() { ("tag_push", "refs/tags/") } else { ("push", "refs/heads/") };
        let listed = push.commits.len().saturating_sub(LISTED);
        let commits: Vec<Value> = (push.commits.iter().skip(listed))
            .filter_map(|commit| self.sprint.commits.get(*commit as usize))
            .map(|commit| {
                let mut written = self.commit(commit.sha);
                written["added"] = json!([]);
                written["modified"] = json!(["README.md"]);
                written["removed"] = json!([]);
                written
            })
            .collect();
        let checkout = (push.after != Sha::NOWHERE).then(|| push.after.to_string());
        let body = json!({
            "object_kind": kind, "event_name": kind, "before": push.before.to_string(), "after": push.after.to_string(),
            "ref": format!("{folder}{}", push.to.name(self.sprint)), "ref_protected": push.to == Ref::Main, "checkout_sha": checkout,
            "message": null, "user_id": push.by.id(), "user_name": push.by.name(), "user_username": push.by.username(),
            "user_email": null, "project_id": self.project.id, "project": self.project(), "commits": commits,
            "total_commits_count": push.commits.len(), "push_options": {},
        });
        self.without(body, Version::V18, &["ref_protected"])
    }

    pub(super) fn release(&self, tag: &Tag, number: u32) -> Option<Value> {
        let released_at = tag.released_at?;
        Some(json!({
            "object_kind": "release", "id": self.id(number), "created_at": self.time(self.at), "released_at": self.time(released_at),
            "description": "", "name": format!("Release {}", tag.name), "tag": tag.name, "project": self.project(),
            "url": format!("{}/-/releases/{}", self.page(), tag.name), "action": "create",
            "assets": {"count": 4, "links": [], "sources": []}, "commit": self.commit(tag.sha),
        }))
    }
}
