//! Events of a project (<https://docs.gitlab.com/api/events/>). In: one of a sprint. Out: JSON. A push of many refs names none.

use serde_json::{Value, json};

use super::Scribe;
use crate::gitlab::text::{self, time, title};
use crate::gitlab::{Activity, Happened, Push, Sha, Sprint};

impl Scribe<'_> {
    /// An event of the list.
    pub(in crate::api) fn event(&self, sprint: &Sprint, number: u32) -> Option<Value> {
        let activity = sprint.activities.get(number as usize)?;
        let mut written = self.event_of(sprint, number, activity);
        let id = |number| self.world.id_in(sprint, number);
        match activity.what {
            Happened::Pushed(push) => {
                let push = sprint.pushes.get(push as usize)?;
                written["action_name"] = json!(pushed_action(push).1);
                written["push_data"] = self.push_content(sprint, push);
            }
            Happened::PushedMany(count) => {
                written["action_name"] = json!("pushed new");
                written["push_data"] = json!({
                    "commit_count": 0, "action": "created", "ref_type": "branch", "commit_from": null, "commit_to": null, "ref": null,
                    "commit_title": null, "ref_count": count,
                });
            }
            Happened::MergeRequest(request, action) => {
                written["action_name"] = json!(action);
                written["target_type"] = json!("MergeRequest");
                written["target_id"] = json!(id(request));
                written["target_iid"] = json!(self.world.merge_request_iid(sprint, request));
                let of = sprint.merge_requests.get(request as usize)?;
                written["target_title"] = json!(title(request, of));
            }
            Happened::Issue(issue, action) => {
                written["action_name"] = json!(action);
                written["target_type"] = json!("Issue");
                written["target_id"] = json!(id(issue));
                written["target_iid"] = json!(self.world.issue_iid(sprint, issue));
                let of = sprint.issues.get(issue as usize)?;
                written["target_title"] = json!(text::issue_title(issue, of.is_incident));
            }
            Happened::Noted(note) => {
                written["action_name"] = json!("commented on");
                written["target_type"] = json!("Note");
                written["target_id"] = json!(id(note));
                written["target_iid"] = json!(id(note));
                written["note"] = self.note(sprint, note).unwrap_or(Value::Null);
            }
        }
        Some(written)
    }

    fn event_of(&self, sprint: &Sprint, number: u32, activity: &Activity) -> Value {
        let imported = activity.imported_before > 0;
        json!({
            "id": self.world.id_in(sprint, number), "project_id": self.project.id, "action_name": null, "target_id": null,
            "target_iid": null, "target_type": null, "author_id": activity.by.id(), "target_title": null,
            "created_at": time(activity.created_at()), "author": self.person(activity.by), "imported": imported,
            "imported_from": if imported { "github" } else { "none" },
            "author_username": activity.by.username(),
        })
    }

    fn push_content(&self, sprint: &Sprint, push: &Push) -> Value {
        let newest = push.commits.last().and_then(|commit| sprint.commits.get(*commit as usize));
        let given = |sha: Sha| (sha != Sha::NOWHERE).then(|| sha.to_string());
        json!({
            "commit_count": push.commits.len(), "action": pushed_action(push).0,
            "ref_type": if push.to.is_tag() { "tag" } else { "branch" }, "commit_from": given(push.before),
            "commit_to": given(push.after), "ref": push.to.name(sprint), "commit_title": newest.map(|commit| commit.title()),
            "ref_count": null,
        })
    }
}

/// The action on the ref, in the words of the push and of its event.
fn pushed_action(push: &Push) -> (&'static str, &'static str) {
    match (push.before == Sha::NOWHERE, push.after == Sha::NOWHERE) {
        (true, _) => ("created", "pushed new"),
        (false, true) => ("removed", "deleted"),
        (false, false) => ("pushed", "pushed to"),
    }
}
