//! Other events around deployments: commits of merge requests, incidents, approvals. In: facts. Out: webhooks and objects of a story.

use chrono::TimeDelta;
use schemas::api::presence::{Key, Shown, presence};
use schemas::api::resource::Resource;
use schemas::api::subject::Context;
use serde_json::{Value, json};

use super::story::{Commit, PROJECT, Story, at, iso, sha, with};
use crate::law::records::{Record, body};

/// An issue that is, or becomes, an incident.
pub(crate) struct Incident {
    pub(crate) id: u64,
    pub(crate) project: u64,
    pub(crate) created: &'static str,
    /// The issue of another project that it became.
    pub(crate) moved_to: Option<u64>,
}

/// A step of an issue: when, the action of the webhook, the type that it has from then on.
pub(crate) type Step = (&'static str, &'static str, &'static str);

impl Incident {
    pub(crate) fn new(id: u64, created: &'static str) -> Incident {
        Incident { id, project: PROJECT, created, moved_to: None }
    }

    pub(crate) fn of(mut self, project: u64) -> Incident {
        self.project = project;
        self
    }
}

impl Commit {
    /// The same commit after a rebase.
    pub(crate) fn rebased(mut self, name: &'static str, committed: &'static str) -> Commit {
        self.name = name;
        self.committed = committed;
        self
    }
}

impl Story {
    /// The commits of a merge request, oldest first; the API lists the newest first.
    pub(crate) fn commits_of(&mut self, iid: u64, commits: &[Commit]) {
        let listed: Vec<Value> = commits
            .iter()
            .rev()
            .map(|commit| {
                json!({
                    "id": sha(commit.name), "short_id": &sha(commit.name)[..8], "title": commit.message.lines().next(), "message": commit.message,
                    "created_at": iso(commit.committed), "authored_date": iso(commit.authored), "committed_date": iso(commit.committed),
                    "parent_ids": [], "author_name": "Mika Tanabe", "author_email": "mika@example.com",
                })
            })
            .collect();
        let head = commits.last().map(|commit| sha(commit.name));
        let object = json!({"merge_request_iid": iid, "head_sha": head, "commits": listed});
        self.object_of(Resource::MergeRequestCommits, Some(iid), &object);
    }

    /// An incident: its steps in order, beginning with `open`; the API lists its final state.
    pub(crate) fn incident(&mut self, incident: &Incident, steps: &[Step]) {
        let mut closed = None;
        let mut common = Value::Null;
        let mut last = ("", "");
        for (at, action, kind) in steps.iter().copied() {
            closed = match action {
                "close" => Some(iso(at)),
                "reopen" => None,
                _ => closed,
            };
            let state = if closed.is_some() { ("closed", 2) } else { ("opened", 1) };
            common = json!({
                "id": incident.id, "iid": incident.id, "project_id": incident.project, "created_at": iso(incident.created), "updated_at": iso(at),
                "closed_at": closed, "moved_to_id": if action == "close" { incident.moved_to } else { None },
            });
            let attributes = with(
                common.clone(),
                json!({"action": action, "type": kind, "state": state.0, "state_id": state.1}),
            );
            let told = with(
                body("issue/incident_opened.webhook"),
                json!({"project": {"id": incident.project}, "object_attributes": attributes}),
            );
            let changes = json!({"updated_at": {"previous": iso(incident.created), "current": iso(at)}});
            let told = if action == "open" { told } else { changed(told, changes) };
            self.webhook(at, &told);
            last = (state.0, kind);
        }
        let (state, kind) = last;
        let object = with(
            with(body("issue/incident_closed.api"), common),
            json!({"state": state, "type": kind.to_uppercase(), "issue_type": kind.to_lowercase()}),
        );
        self.objects.push(Record::listed(Resource::Issue, Context::project(incident.project), &object));
    }

    /// A complete list of the project's issues does not have this one any more; webhooks do not report deletions.
    pub(crate) fn deleted_incident(&mut self, id: u64, began: &str) {
        let context = Context::project(PROJECT);
        let object =
            presence(Resource::Issue, context, Key::Number(id), Shown::AbsentSince(at(began))).unwrap();
        let object: Value = serde_json::from_str(object.get()).unwrap();
        self.objects.push(Record::listed(Resource::Issue, context, &object));
    }

    /// A deployment to production, reported by [`Story::deployed`], that waited for an approval before it ran.
    pub(crate) fn waited(&mut self, id: u64, commit: &str, blocked: &str, approved: &str) {
        let sha = sha(commit);
        let url = format!("https://gitlab.example.com/shop/checkout/-/commit/{sha}");
        for (name, time) in [("blocked", blocked), ("approved", approved)] {
            let told = json!({
                "status_changed_at": iso(time), "deployment_id": id, "deployable_id": 10_000 + id, "short_sha": &sha[..8], "commit_url": url,
            });
            let told = with(body(&format!("deployment/{name}.webhook")), told);
            let approval = json!({"approval": {"id": id, "created_at": iso(time)}});
            let told = if name == "approved" { with(told, approval) } else { told };
            self.webhook(time, &told);
        }
    }
}

/// `count` commits, an hour apart, the first of this moment.
pub(crate) fn hourly(count: usize, first: &str) -> Vec<Commit> {
    let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    (0..count)
        .map(|number| {
            let moment = at(first) + TimeDelta::hours(i64::try_from(number).unwrap());
            let moment = leak(moment.format("%m-%d %H:%M").to_string());
            let name = leak(format!("c{number}"));
            Commit {
                name,
                parents: Vec::new(),
                message: format!("Commit {number}"),
                authored: moment,
                committed: moment,
            }
        })
        .collect()
}

fn changed(mut body: Value, changes: Value) -> Value {
    body["changes"] = changes;
    body
}
