//! The history of one project. In: facts in the order of a case. Out: the webhooks that GitLab sent, and the objects that its API lists.
//!
//! Bodies are those of `schemas/fixtures` with other values. Times are written as `03-02 10:00`, of the year 2026, in UTC. Commits have names:
//! [`sha`] makes a SHA of one.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use schemas::api::resource::Resource;
use schemas::api::subject::{Context, Owner};
use serde_json::{Value, json};

use crate::law::records::{Record, body};

/// The project of every story.
pub(crate) const PROJECT: u64 = 42;
/// SHA of the commit before a ref's first push, and after its deletion.
pub(crate) const NONE: &str = "0000000000000000000000000000000000000000";

/// Facts of one project, as reported by webhooks and API.
#[derive(Default)]
pub(crate) struct Story {
    pub(crate) webhooks: Vec<Record>,
    pub(crate) objects: Vec<Record>,
    commits: u32,
}

/// How a merge request reached its branch.
pub(crate) enum Landing {
    /// By a merge commit.
    Merge(&'static str),
    /// Squashed, then by a merge commit: squash, merge.
    SquashMerge(&'static str, &'static str),
    /// Squashed, fast-forward.
    Squash(&'static str),
    /// Fast-forward: its head.
    FastForward,
}

/// A merge request.
pub(crate) struct MergeRequest {
    pub(crate) iid: u64,
    pub(crate) author: u64,
    pub(crate) title: String,
    pub(crate) source: String,
    pub(crate) target: &'static str,
    pub(crate) opened: &'static str,
    pub(crate) head: String,
    /// Project of its source branch: another one for a fork.
    pub(crate) source_project: u64,
}

/// A commit of a push or a list.
pub(crate) struct Commit {
    pub(crate) name: &'static str,
    pub(crate) parents: Vec<&'static str>,
    pub(crate) message: String,
    pub(crate) authored: &'static str,
    /// When it was committed, which a rebase moves.
    pub(crate) committed: &'static str,
}

/// A moment of 2026: `03-02 10:00` or `03-02 10:00:30`.
pub(crate) fn at(text: &str) -> DateTime<Utc> {
    let seconds = if text.len() == 11 { ":00" } else { "" };
    let text = format!("2026-{text}{seconds}");
    NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S")
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .and_utc()
}

/// A moment in the format of webhooks and API.
pub(crate) fn iso(text: &str) -> String {
    at(text).format("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

/// The SHA of the commit of this name; names of four letters or less differ in their first eight characters.
pub(crate) fn sha(name: &str) -> String {
    if name == NONE {
        return NONE.to_owned();
    }
    let hex: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{hex:f<40}")
}

/// `base` with the values of `changes`; nested objects are merged.
pub(crate) fn with(mut base: Value, changes: Value) -> Value {
    unite(&mut base, changes);
    base
}

fn unite(base: &mut Value, changes: Value) {
    match (base, changes) {
        (Value::Object(base), Value::Object(changes)) => {
            for (name, value) in changes {
                unite(base.entry(name).or_insert(Value::Null), value);
            }
        }
        (base, value) => *base = value,
    }
}

/// A user as bodies have one.
pub(crate) fn user(id: u64) -> Value {
    json!({"id": id, "name": format!("User {id}"), "username": format!("user{id}")})
}

impl MergeRequest {
    /// From a branch of its own to main, by user 7; its head has the name `h` and its number.
    pub(crate) fn new(iid: u64, opened: &'static str) -> MergeRequest {
        MergeRequest {
            iid,
            author: 7,
            title: format!("Change {iid}"),
            source: format!("topic-{iid}"),
            target: "main",
            opened,
            head: sha(&format!("h{iid}")),
            source_project: PROJECT,
        }
    }

    pub(crate) fn to(mut self, target: &'static str) -> MergeRequest {
        self.target = target;
        self
    }

    pub(crate) fn from(mut self, source: &str) -> MergeRequest {
        source.clone_into(&mut self.source);
        self
    }

    /// From a fork.
    pub(crate) fn of_fork(mut self, project: u64) -> MergeRequest {
        self.source_project = project;
        self
    }

    pub(crate) fn head(mut self, name: &str) -> MergeRequest {
        self.head = sha(name);
        self
    }

    /// The values that its webhooks have at any time.
    pub(crate) fn attributes(&self) -> Value {
        json!({
            "author_id": self.author, "created_at": iso(self.opened), "id": 90_000 + self.iid, "iid": self.iid, "title": self.title,
            "source_branch": self.source, "target_branch": self.target, "last_commit": {"id": self.head},
            "prepared_at": iso(self.opened), "source_project_id": self.source_project,
        })
    }

    /// The values that its API object has at any time.
    pub(crate) fn object(&self) -> Value {
        json!({
            "id": 90_000 + self.iid, "iid": self.iid, "title": self.title, "author": user(self.author), "created_at": iso(self.opened),
            "source_branch": self.source, "target_branch": self.target, "sha": self.head, "prepared_at": iso(self.opened),
            "source_project_id": self.source_project,
        })
    }
}

impl Story {
    /// Adds a webhook, received when it happened.
    pub(crate) fn webhook(&mut self, received: &str, body: &Value) {
        self.webhooks.push(Record::webhook(body).at(&iso(received)));
    }

    /// Lists an object of the project.
    pub(crate) fn object(&mut self, resource: Resource, body: &Value) {
        self.object_of(resource, None, body);
    }

    /// Lists an object of the project that belongs to another one.
    pub(crate) fn object_of(&mut self, resource: Resource, parent: Option<u64>, body: &Value) {
        let context = Context { owner: Owner::Project(PROJECT), parent };
        self.objects.push(Record::listed(resource, context, body));
    }

    /// A merge request is opened, as reported by webhooks; lists have its final state.
    pub(crate) fn opened(&mut self, request: &MergeRequest) {
        let attributes = with(
            request.attributes(),
            json!({"updated_at": iso(request.opened), "state": "opened", "action": "open"}),
        );
        let attributes =
            with(attributes, json!({"merged_at": null, "merge_commit_sha": null, "squash_commit_sha": null}));
        let told = with(
            body("merge_request/open.webhook"),
            json!({"user": user(request.author), "object_attributes": attributes}),
        );
        self.webhook(request.opened, &told);
    }

    /// A merge request is opened and merged by user 8.
    pub(crate) fn merged(&mut self, request: &MergeRequest, merged: &str, landing: &Landing) {
        self.opened(request);
        self.merge(request, merged, landing);
    }

    /// A merge request that was opened is merged by user 8.
    pub(crate) fn merge(&mut self, request: &MergeRequest, merged: &str, landing: &Landing) {
        let (merge, squash) = match landing {
            Landing::Merge(merge) => (Some(sha(merge)), None),
            Landing::SquashMerge(squash, merge) => (Some(sha(merge)), Some(sha(squash))),
            Landing::Squash(squash) => (None, Some(sha(squash))),
            Landing::FastForward => (None, None),
        };
        let common = json!({
            "merged_at": iso(merged), "updated_at": iso(merged), "merge_commit_sha": merge, "squash_commit_sha": squash, "state": "merged",
        });
        let attributes = with(
            with(request.attributes(), common.clone()),
            json!({"action": "merge", "actioned_at": iso(merged)}),
        );
        let told = with(
            body("merge_request/merge.webhook"),
            json!({"user": user(8), "object_attributes": attributes}),
        );
        self.webhook(merged, &told);
        let object =
            with(with(request.object(), common), json!({"merge_user": user(8), "merged_by": user(8)}));
        self.object(Resource::MergeRequest, &with(body("merge_request/merged.api"), object));
    }

    /// A ref of the repository moves: `refs/heads/main`, from one commit to another.
    pub(crate) fn pushed(
        &mut self,
        at: &str,
        reference: &str,
        before: &str,
        after: &str,
        commits: &[Commit],
    ) {
        self.pushed_in(PROJECT, at, reference, [before, after], commits);
        for commit in commits {
            self.listed_commit(commit);
        }
    }

    /// The same in the repository of a project; a webhook lists the newest 20 commits.
    pub(crate) fn pushed_in(
        &mut self,
        project: u64,
        at: &str,
        reference: &str,
        [before, after]: [&str; 2],
        commits: &[Commit],
    ) {
        let listed: Vec<Value> = commits[commits.len().saturating_sub(20)..]
            .iter()
            .map(|commit| {
                json!({
                    "id": sha(commit.name), "message": commit.message, "title": commit.message.lines().next(), "timestamp": iso(commit.committed),
                    "author": {"name": "Mika Tanabe", "email": "mika@example.com"}, "added": [], "modified": [], "removed": [],
                })
            })
            .collect();
        let changes = json!({
            "ref": reference, "before": sha(before), "after": sha(after), "checkout_sha": sha(after), "commits": listed,
            "total_commits_count": commits.len(), "project_id": project, "project": {"id": project},
        });
        self.webhook(at, &with(body("push/update.webhook"), changes));
        let name = reference.trim_start_matches("refs/heads/");
        let action = if before == NONE { ("created", "pushed new") } else { ("pushed", "pushed to") };
        let from = if before == NONE { Value::Null } else { json!(sha(before)) };
        self.commits += 1;
        let event = json!({
            "id": 880_000 + u64::from(self.commits), "created_at": iso(at), "action_name": action.1, "project_id": project,
            "push_data": {"commit_count": commits.len(), "action": action.0, "ref_type": "branch", "commit_from": from, "commit_to": sha(after), "ref": name},
        });
        if reference.starts_with("refs/heads/") {
            let context = Context::project(project);
            let event = with(body("push/event_pushed.api"), event);
            self.objects.push(Record::listed(Resource::PushEvent, context, &event));
        }
    }

    /// A commit, as the API lists those of the repository.
    pub(crate) fn listed_commit(&mut self, commit: &Commit) {
        let parents: Vec<String> = commit.parents.iter().map(|name| sha(name)).collect();
        let object = json!({
            "id": sha(commit.name), "short_id": &sha(commit.name)[..8], "parent_ids": parents, "title": commit.message.lines().next(),
            "message": commit.message, "authored_date": iso(commit.authored), "committed_date": iso(commit.committed), "created_at": iso(commit.committed),
        });
        self.object(Resource::Commit, &with(body("push/commit.api"), object));
    }

    /// A deployment that ran for a minute and ended with `status`.
    pub(crate) fn deployed(
        &mut self,
        id: u64,
        environment: (&str, &str),
        commit: &str,
        finished: &str,
        status: &str,
    ) {
        self.deployed_from(id, environment, "main", commit, finished, status);
    }

    /// The same from another branch or tag.
    pub(crate) fn deployed_from(
        &mut self,
        id: u64,
        (environment, tier): (&str, &str),
        reference: &str,
        commit: &str,
        finished: &str,
        status: &str,
    ) {
        let sha = sha(commit);
        let url = format!("https://gitlab.example.com/shop/checkout/-/commit/{sha}");
        let started = at(finished) - TimeDelta::minutes(1);
        let started = started.format("%m-%d %H:%M:%S").to_string();
        for (status, at) in [("running", started.as_str()), (status, finished)] {
            let told = json!({
                "status": status, "status_changed_at": iso(at), "deployment_id": id, "deployable_id": 10_000 + id,
                "environment": environment, "environment_tier": tier, "environment_slug": environment.replace('/', "-"),
                "short_sha": &sha[..8], "commit_url": url, "ref": reference,
            });
            self.webhook(at, &with(body("deployment/success.webhook"), told));
        }
        let number = environment.bytes().map(u64::from).sum::<u64>();
        let object = json!({
            "id": id, "iid": id, "ref": reference, "sha": sha, "created_at": iso(&started), "updated_at": iso(finished), "status": status,
            "environment": {"id": number, "name": environment, "slug": environment},
            "deployable": {"id": 10_000 + id, "status": status, "created_at": iso(&started), "started_at": iso(&started), "finished_at": iso(finished)},
        });
        self.object(Resource::Deployment, &with(body("deployment/success.api"), object));
        let object = json!({"id": number, "name": environment, "slug": environment, "tier": tier, "updated_at": iso(finished)});
        self.object(Resource::Environment, &with(body("deployment/environment.api"), object));
    }

    /// The merge requests that GitLab links to a deployment, as the API lists them.
    pub(crate) fn linked(&mut self, deployment: u64, iids: &[u64]) {
        let requests: Vec<Value> =
            iids.iter().map(|iid| json!({"id": 90_000 + iid, "iid": iid, "project_id": PROJECT})).collect();
        let object = json!({"deployment_id": deployment, "merge_requests": requests});
        self.object_of(Resource::DeploymentMergeRequests, Some(deployment), &object);
    }
}

/// A commit of one parent, by name.
pub(crate) fn commit(
    name: &'static str,
    parent: &'static str,
    message: &str,
    authored: &'static str,
) -> Commit {
    Commit { name, parents: vec![parent], message: message.to_owned(), authored, committed: authored }
}

impl Story {
    /// A GitLab whose webhooks have no `squash_commit_sha`.
    pub(crate) fn forget_squash(&mut self, iid: u64) {
        self.webhooks = std::mem::take(&mut self.webhooks)
            .into_iter()
            .map(|record| {
                record.changed(|body| {
                    let attributes = body["object_attributes"].as_object_mut();
                    if let Some(attributes) =
                        attributes.filter(|attributes| attributes.get("iid") == Some(&json!(iid)))
                    {
                        attributes.remove("squash_commit_sha");
                    }
                })
            })
            .collect();
    }

    /// GitLab is one whose webhooks of deployments link to no commit.
    pub(crate) fn forget_commit_urls(&mut self) {
        self.webhooks = std::mem::take(&mut self.webhooks)
            .into_iter()
            .map(|record| {
                record.changed(|body| {
                    if body["object_kind"] == "deployment" {
                        body["commit_url"] = Value::Null;
                    }
                })
            })
            .collect();
    }
}
