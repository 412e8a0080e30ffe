//! What people did in a story: reviews, issues, commits, releases. In: facts in the order in which they happened. Out: webhooks, and objects that the
//! API lists.

use schemas::api::resource::Resource;
use serde_json::{Value, json};

use super::story::{Landing, MergeRequest, NONE, PROJECT, Story, iso, sha, user, with};
use crate::law::records::{Record, body};

/// The author of every merge request of these stories.
pub(crate) const AUTHOR: u64 = 7;
/// The reviewer of these stories.
pub(crate) const REVIEWER: u64 = 8;

/// A pushed commit: its name, and when it was written.
pub(crate) type Written = (&'static str, &'static str);

impl Story {
    /// A webhook about a merge request, with its state at that time.
    fn request_was(&mut self, request: &MergeRequest, at: &str, by: u64, name: &str, changes: Value) {
        let state = json!({"updated_at": iso(at), "actioned_at": iso(at), "state": "opened", "merged_at": null, "reviewer_ids": []});
        let base = with(
            body(name),
            json!({"user": user(by), "reviewers": null, "object_attributes": with(request.attributes(), state)}),
        );
        self.webhook(at, &with(base, changes));
    }

    /// Lists a merge request that is not merged, in its final state.
    pub(crate) fn is_still(&mut self, request: &MergeRequest, state: &str, updated: &str, changes: Value) {
        let closed = (state == "closed").then(|| iso(updated));
        let common = json!({"state": state, "updated_at": iso(updated), "merged_at": null, "closed_at": closed, "merge_commit_sha": null});
        let common = with(common, json!({"merge_user": null, "merged_by": null, "squash_commit_sha": null}));
        self.object(
            Resource::MergeRequest,
            &with(with(with(body("merge_request/merged.api"), request.object()), common), changes),
        );
    }

    /// A merge request is merged by a merge commit whose name is `m` and the number of the merge request.
    pub(crate) fn lands(&mut self, request: &MergeRequest, at: &str) {
        self.merge(
            request,
            at,
            &Landing::Merge(
                ["m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "m9"][request.iid as usize % 10],
            ),
        );
    }

    /// Somebody comments on a merge request.
    pub(crate) fn commented(&mut self, request: &MergeRequest, id: u64, by: u64, at: &str) {
        let attributes = json!({
            "id": id, "author_id": by, "created_at": iso(at), "updated_at": iso(at), "noteable_id": 90_000 + request.iid,
        });
        let told = json!({"user": user(by), "object_attributes": attributes, "merge_request": {"id": 90_000 + request.iid, "iid": request.iid}});
        self.webhook(at, &with(body("note/on_merge_request.webhook"), told));
        self.note(request, id, by, at, json!({"system": false}));
    }

    /// A bot of GitLab itself, recognised by its name, comments.
    pub(crate) fn bot_commented(&mut self, request: &MergeRequest, id: u64, at: &str) {
        let bot = json!({"id": 16, "name": "Checks", "username": "project_42_bot_0f9d7c94a1"});
        self.commented(request, id, 16, at);
        let named = |record: Record| {
            record.changed(|body| {
                for (place, name) in [("user", "user16"), ("author", "user16")] {
                    if body[place]["username"] == name {
                        body[place] = bot.clone();
                    }
                }
            })
        };
        let (told, listed) = (self.webhooks.pop().unwrap(), self.objects.pop().unwrap());
        self.webhooks.push(named(told));
        self.objects.push(named(listed));
    }

    /// Somebody takes an approval back: only webhooks report it.
    pub(crate) fn unapproved(&mut self, request: &MergeRequest, by: u64, at: &str) {
        self.request_was(request, at, by, "merge_request/unapproval.webhook", json!({}));
    }

    /// GitLab notes an action of somebody: only the API reports it.
    pub(crate) fn noted(&mut self, request: &MergeRequest, id: u64, by: u64, at: &str, text: &str) {
        self.note(request, id, by, at, json!({"system": true, "body": text, "type": null}));
    }

    fn note(&mut self, request: &MergeRequest, id: u64, by: u64, at: &str, changes: Value) {
        let object = json!({
            "id": id, "author": user(by), "created_at": iso(at), "updated_at": iso(at), "noteable_id": 90_000 + request.iid,
            "noteable_iid": request.iid, "project_id": PROJECT,
        });
        self.object(Resource::Note, &with(with(body("note/on_merge_request.api"), object), changes));
    }

    /// Somebody approves. The API lists it twice: as an event of the project and, while it is valid, as an approval.
    pub(crate) fn approved(&mut self, request: &MergeRequest, by: u64, at: &str, stands: &[(u64, &str)]) {
        for name in ["merge_request/approval.webhook", "merge_request/approved.webhook"] {
            self.request_was(request, at, by, name, json!({}));
        }
        let event = json!({
            "id": 770_000 + self.objects.len(), "target_id": 90_000 + request.iid, "target_iid": request.iid, "author_id": by, "author": user(by),
            "created_at": iso(at), "author_username": format!("user{by}"),
        });
        self.object(Resource::MergeRequestEvent, &with(body("merge_request/event_approved.api"), event));
        let stands: Vec<Value> =
            stands.iter().map(|(by, at)| json!({"user": user(*by), "approved_at": iso(at)})).collect();
        let object = json!({"id": 90_000 + request.iid, "iid": request.iid, "created_at": iso(request.opened), "updated_at": iso(at), "approved_by": stands});
        self.object_of(
            Resource::Approvals,
            Some(request.iid),
            &with(body("merge_request/approvals_7.api"), object),
        );
    }

    /// A push takes all approvals back: only webhooks report it.
    pub(crate) fn reset(&mut self, request: &MergeRequest, by: u64, at: &str) {
        self.request_was(request, at, by, "merge_request/approvals_reset.webhook", json!({}));
    }

    /// The branch of a merge request is pushed again, from one commit to another.
    pub(crate) fn pushed_again(
        &mut self,
        request: &MergeRequest,
        at: &str,
        before: &'static str,
        commit: Written,
    ) {
        self.branch_pushed(request, at, before, &[commit]);
        let changes =
            json!({"object_attributes": {"oldrev": sha(before), "last_commit": {"id": sha(commit.0)}}});
        self.request_was(request, at, request.author, "merge_request/new_commits.webhook", changes);
    }

    /// The branch of a merge request is pushed with these commits, the oldest first; `NONE` before creates the branch. The API lists pushes but not
    /// their commits.
    pub(crate) fn branch_pushed(
        &mut self,
        request: &MergeRequest,
        at: &str,
        before: &str,
        commits: &[Written],
    ) {
        self.branch_pushed_with(request, at, before, commits, commits.len());
    }

    /// The same with more commits than a webhook lists.
    pub(crate) fn branch_pushed_with(
        &mut self,
        request: &MergeRequest,
        at: &str,
        before: &str,
        commits: &[Written],
        count: usize,
    ) {
        let listed: Vec<Value> =
            commits.iter().map(|commit| pushed_commit(*commit, "mika@example.com")).collect();
        let after = sha(commits.last().unwrap().0);
        let told = json!({
            "ref": format!("refs/heads/{}", request.source), "before": sha(before), "after": after, "checkout_sha": after, "commits": listed,
            "total_commits_count": count,
        });
        self.webhook(at, &with(body("push/update.webhook"), told));
        let created = before == NONE;
        let event = json!({
            "id": 780_000 + self.objects.len(), "created_at": iso(at), "action_name": if created { "pushed new" } else { "pushed to" },
            "push_data": {
                "commit_count": count, "action": if created { "created" } else { "pushed" }, "ref_type": "branch",
                "commit_from": (!created).then(|| sha(before)), "commit_to": after, "ref": request.source,
            },
        });
        self.object(Resource::PushEvent, &with(body("push/event_pushed.api"), event));
    }

    /// Lists the commits of a merge request, the oldest first.
    pub(crate) fn commits_are(&mut self, request: &MergeRequest, commits: &[Written]) {
        let mut listed: Vec<Value> =
            commits.iter().map(|(name, written)| listed_commit(name, written)).collect();
        listed.reverse();
        let object = json!({"merge_request_iid": request.iid, "head_sha": request.head, "commits": listed});
        self.object_of(Resource::MergeRequestCommits, Some(request.iid), &object);
    }

    /// A merge request stops being a draft, or becomes one.
    pub(crate) fn draft(&mut self, request: &MergeRequest, note: u64, at: &str, draft: bool) {
        let changes = json!({"object_attributes": {"draft": draft}, "changes": {"draft": {"previous": !draft, "current": draft}}});
        self.request_was(request, at, request.author, "merge_request/draft_toggle.webhook", changes);
        self.noted(
            request,
            note,
            request.author,
            at,
            if draft {
                "marked this merge request as **draft**"
            } else {
                "marked this merge request as **ready**"
            },
        );
    }

    /// The reviewer is asked for review.
    pub(crate) fn asked(&mut self, request: &MergeRequest, note: u64, at: &str) {
        let reviewer = with(user(REVIEWER), json!({"state": "unreviewed", "re_requested": false}));
        let changes = json!({"object_attributes": {"reviewer_ids": [REVIEWER]}, "changes": {"reviewers": [[], [reviewer]]}, "reviewers": [reviewer]});
        self.request_was(request, at, request.author, "merge_request/reviewer_assigned.webhook", changes);
        self.noted(request, note, request.author, at, &format!("requested review from @user{REVIEWER}"));
    }

    /// A merge request is closed or reopened.
    pub(crate) fn turned(&mut self, request: &MergeRequest, id: u64, at: &str, state: &str) {
        let (name, now) = if state == "closed" {
            ("merge_request/close.webhook", "closed")
        } else {
            ("merge_request/reopen.webhook", "opened")
        };
        self.request_was(request, at, request.author, name, json!({"object_attributes": {"state": now}}));
        let object = json!({"id": id, "created_at": iso(at), "resource_id": 90_000 + request.iid, "state": state, "user": user(request.author)});
        self.object_of(
            Resource::MergeRequestStateEvent,
            Some(request.iid),
            &with(body("merge_request/state_closed_8.api"), object),
        );
    }

    /// A user of the API, who may be a bot.
    pub(crate) fn is_bot(&mut self, id: u64) {
        let object =
            json!({"id": id, "username": format!("user{id}"), "name": format!("User {id}"), "bot": true});
        self.object(Resource::User, &with(body("user/bot.api"), object));
    }

    /// An issue is opened; webhooks and the API report it in its state at that time.
    pub(crate) fn issue(&mut self, id: u64, at: &str, name: &str, changes: Value) {
        let attributes = json!({"id": id, "iid": id, "updated_at": iso(at)});
        let told =
            with(body(name), json!({"user": user(AUTHOR), "object_attributes": with(attributes, changes)}));
        self.webhook(at, &told);
    }

    /// Lists an issue in its final state.
    pub(crate) fn issue_is(&mut self, id: u64, changes: Value) {
        let object = json!({"id": id, "iid": id, "project_id": PROJECT, "closed_by": null});
        self.object(Resource::Issue, &with(with(body("issue/closed.api"), object), changes));
    }

    /// Lists a change of the state of an issue.
    pub(crate) fn issue_turned(&mut self, id: u64, event: u64, at: &str, state: &str) {
        let object = json!({"id": event, "created_at": iso(at), "resource_id": id, "state": state});
        self.object_of(
            Resource::IssueStateEvent,
            Some(id),
            &with(body("issue/state_closed_70001.api"), object),
        );
    }

    /// Somebody pushes commits to main; the API lists them too.
    pub(crate) fn main_pushed(
        &mut self,
        at: &str,
        before: &str,
        commits: &[Written],
        count: usize,
        listed: bool,
    ) {
        self.contributed(PROJECT, "main", at, before, commits, count, listed);
    }

    /// The same to a branch of a project.
    #[expect(clippy::too_many_arguments, reason = "facts of a push")]
    pub(crate) fn contributed(
        &mut self,
        project: u64,
        branch: &str,
        at: &str,
        before: &str,
        commits: &[Written],
        count: usize,
        listed: bool,
    ) {
        let all: Vec<Value> =
            commits.iter().map(|commit| pushed_commit(*commit, "Mika@Example.com")).collect();
        let after = sha(commits.last().unwrap().0);
        let told = json!({
            "ref": format!("refs/heads/{branch}"), "before": sha(before), "after": after, "checkout_sha": after, "commits": all,
            "total_commits_count": count, "project_id": project, "project": {"id": project, "default_branch": "main"},
        });
        self.webhook(at, &with(body("push/update.webhook"), told));
        for (name, written) in commits.iter().filter(|_| listed) {
            let object = with(
                listed_commit(name, written),
                json!({"author_email": "mika@example.com", "stats": {"additions": 3, "deletions": 1}}),
            );
            self.object(Resource::Commit, &with(body("push/commit.api"), object));
        }
    }

    /// A release of a commit.
    pub(crate) fn released(&mut self, tag: &str, commit: &str, created: &str, released: &str) {
        let id = tag.bytes().map(u64::from).sum::<u64>();
        let told = json!({"id": id, "tag": tag, "name": tag, "created_at": iso(created), "released_at": released, "commit": {"id": sha(commit)}});
        self.webhook(created, &with(body("release/create.webhook"), told));
        let object = json!({"tag_name": tag, "name": tag, "created_at": iso(created), "released_at": released, "commit": {"id": sha(commit)}});
        self.object(Resource::Release, &with(body("release/listed.api"), object));
    }
}

fn pushed_commit((name, written): Written, address: &str) -> Value {
    json!({
        "id": sha(name), "message": name, "title": name, "timestamp": iso(written), "author": {"name": "Mika Tanabe", "email": address},
        "added": [], "modified": [], "removed": [],
    })
}

fn listed_commit(name: &str, written: &str) -> Value {
    json!({
        "id": sha(name), "short_id": &sha(name)[..8], "parent_ids": [], "title": name, "message": name, "author_name": "Mika Tanabe",
        "author_email": "mika@example.com", "authored_date": iso(written), "committed_date": iso(written), "created_at": iso(written),
    })
}
