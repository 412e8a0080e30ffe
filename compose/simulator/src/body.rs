//! Webhooks in GitLab's format (<https://docs.gitlab.com/user/project/integrations/webhook_events/>), reduced to what the tables read, and filled up
//! to a size. In: a moment of a thing's life. Out: JSON, and what the tables have to show.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use crate::expected::Kind;

/// The SHA of a branch that does not exist.
pub(crate) const NOWHERE: &str = "0000000000000000000000000000000000000000";

/// One step of one thing.
pub(crate) struct Moment<'m> {
    pub(crate) instance: &'m str,
    pub(crate) project: u64,
    pub(crate) project_number: u64,
    pub(crate) id: u64,
    pub(crate) revision: u32,
    pub(crate) state: &'m str,
    pub(crate) event: &'m str,
    pub(crate) before: &'m str,
    pub(crate) head: &'m str,
    pub(crate) born_at: DateTime<Utc>,
    pub(crate) at: DateTime<Utc>,
    pub(crate) filler: usize,
}

/// A webhook, and what the tables show of it.
pub(crate) struct Written {
    pub(crate) entity: String,
    pub(crate) value: String,
    pub(crate) event: String,
    pub(crate) event_header: &'static str,
    pub(crate) body: Vec<u8>,
}

/// Writes the webhook of a moment.
pub(crate) fn write(kind: Kind, moment: &Moment<'_>) -> Written {
    let Moment { id, revision, state, event, .. } = *moment;
    let title = format!("Thing {id}, revision {revision}");
    let (entity, value, event, event_header, mut body) = match kind {
        Kind::Push => {
            let branch = format!("branch-{id}");
            let body = push("push", "refs/heads/", &branch, moment);
            (branch, moment.head.to_owned(), "push".to_owned(), "Push Hook", body)
        }
        Kind::TagPush => {
            let tag = format!("v{id}");
            let body = push("tag_push", "refs/tags/", &tag, moment);
            (tag, moment.head.to_owned(), "push".to_owned(), "Tag Push Hook", body)
        }
        Kind::MergeRequest => {
            let mut attributes = thing(moment, &title);
            attributes["target_project_id"] = json!(moment.project);
            attributes["source_branch"] = json!(format!("branch-{id}"));
            attributes["target_branch"] = json!("main");
            let body = json!({"object_kind": "merge_request", "event_type": "merge_request", "object_attributes": attributes});
            (id.to_string(), format!("{state} {title}"), past(event), "Merge Request Hook", body)
        }
        Kind::Issue => {
            let body = json!({"object_kind": "issue", "event_type": "issue", "object_attributes": thing(moment, &title)});
            (id.to_string(), format!("{state} {title}"), past(event), "Issue Hook", body)
        }
        Kind::Note => {
            let mut attributes = thing(moment, &title);
            attributes["note"] = json!(title);
            attributes["noteable_type"] = json!("Commit");
            attributes["commit_id"] = json!(moment.head);
            let body = json!({"object_kind": "note", "event_type": "note", "project_id": moment.project, "object_attributes": attributes});
            (id.to_string(), title, String::new(), "Note Hook", body)
        }
        Kind::Pipeline => {
            let finished = matches!(state, "success" | "failed").then(|| time(moment.at));
            let body = json!({"object_kind": "pipeline", "builds": [], "object_attributes": {
                "id": id, "iid": id, "ref": "main", "tag": false, "sha": moment.head, "source": "push", "status": state,
                "stages": ["build", "test"], "created_at": time(moment.born_at), "finished_at": finished,
                "duration": finished.as_ref().map(|_| 10 * revision), "queued_duration": 1,
            }});
            (id.to_string(), state.to_owned(), state.to_owned(), "Pipeline Hook", body)
        }
        Kind::Job => {
            let started = matches!(state, "running" | "success" | "failed")
                .then(|| time(moment.born_at + TimeDelta::seconds(20)));
            let finished = matches!(state, "success" | "failed").then(|| time(moment.at));
            let body = json!({
                "object_kind": "build", "ref": "main", "tag": false, "sha": moment.head, "build_id": id,
                "build_name": format!("job-{id}"), "build_stage": "test", "build_status": state,
                "build_created_at": time(moment.born_at), "build_started_at": started, "build_finished_at": finished,
                "build_duration": finished.as_ref().map(|_| 10.5), "build_allow_failure": false,
                "pipeline_id": id, "project_id": moment.project,
            });
            (id.to_string(), state.to_owned(), String::new(), "Job Hook", body)
        }
        Kind::Deployment => {
            let body = json!({
                "object_kind": "deployment", "deployment_id": id, "deployable_id": id, "status": state,
                "status_changed_at": time(moment.at), "environment": "production", "environment_tier": "production",
                "ref": "main", "short_sha": "0c4c7f19",
            });
            (id.to_string(), state.to_owned(), state.to_owned(), "Deployment Hook", body)
        }
    };
    body["project"] = project(moment);
    body["user"] = user();
    body["gitpulse_simulator_filler"] = json!(filler(moment.filler));
    Written { entity, value, event, event_header, body: body.to_string().into_bytes() }
}

/// A body that nobody can decode: not JSON, not an object, nested too deeply, a kind given twice. Each is different.
pub(crate) fn poison(random: &mut StdRng, number: u64) -> Vec<u8> {
    match random.random_range(0..5) {
        0 => format!("{{\"object_kind\":\"push\",\"number\":{number},\"a\":\"\u{1}\"").into_bytes(),
        1 => {
            [b"{\"object_kind\":\"push\",\"a\":\"\xff\xfe\",\"number\":", number.to_string().as_bytes(), b"}"]
                .concat()
        }
        2 => format!("[{{\"object_kind\":\"push\",\"number\":{number}}}]").into_bytes(),
        3 => format!(
            "{{\"object_kind\":\"push\",\"number\":{number},\"a\":{}{}}}",
            "[".repeat(10_000),
            "]".repeat(10_000)
        )
        .into_bytes(),
        _ => {
            format!("{{\"object_kind\":\"push\",\"object_kind\":\"note\",\"number\":{number}}}").into_bytes()
        }
    }
}

fn push(kind: &str, prefix: &str, name: &str, moment: &Moment<'_>) -> Value {
    json!({
        "object_kind": kind, "event_name": kind, "before": moment.before, "after": moment.head, "checkout_sha": moment.head,
        "ref": format!("{prefix}{name}"), "user_id": 7, "user_name": "Ada", "user_username": "ada",
        "project_id": moment.project, "total_commits_count": 1,
        "commits": [{
            "id": moment.head, "title": name, "message": name, "timestamp": time(moment.at),
            "url": format!("{}/sim/project-{}/-/commit/{}", moment.instance, moment.project_number, moment.head),
            "author": {"name": "Ada", "email": "ada@example.com"}, "added": [], "modified": ["README.md"], "removed": [],
        }],
    })
}

/// Fields that merge requests, issues and comments share.
fn thing(moment: &Moment<'_>, title: &str) -> Value {
    json!({
        "id": moment.id, "iid": moment.id, "project_id": moment.project, "author_id": 7, "title": title, "state": moment.state,
        "action": moment.event, "created_at": time(moment.born_at), "updated_at": time(moment.at),
    })
}

fn project(moment: &Moment<'_>) -> Value {
    let path = format!("sim/project-{}", moment.project_number);
    json!({
        "id": moment.project, "name": format!("Project {}", moment.project_number), "namespace": "Sim", "path_with_namespace": path,
        "web_url": format!("{}/{path}", moment.instance), "visibility_level": 0, "default_branch": "main",
    })
}

fn user() -> Value {
    json!({"id": 7, "name": "Ada", "username": "ada", "email": "[REDACTED]"})
}

/// The history's word for an action.
fn past(action: &str) -> String {
    match action {
        "open" => "opened",
        "merge" => "merged",
        "close" => "closed",
        "reopen" => "reopened",
        _ => "updated",
    }
    .to_owned()
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Text that compresses about as well as a description does.
fn filler(bytes: usize) -> String {
    const WORDS: &str = "the quick review of a change in the warehouse feed fails when stock levels are read twice and nobody looks at 4f0d9f7c94a1 ";
    WORDS.chars().cycle().take(bytes).collect()
}
