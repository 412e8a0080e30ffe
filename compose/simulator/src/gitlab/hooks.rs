//! What GitLab would have sent of a world. In: a project and a span of time. Out: webhooks, in the order in which they were sent. A push of more than
//! three refs sends none, and neither do GitLab's own notes (<https://docs.gitlab.com/user/project/integrations/webhook_events/>).

mod body;

use serde_json::Value;

use super::dice::Millis;
use super::issue::IssueWhat;
use super::merge_request::What;
use super::sprint::Sprint;
use super::tree::Project;
use super::world::World;
use body::Body;

/// A webhook.
#[derive(Debug, Clone, PartialEq)]
pub struct Hook {
    /// When it was sent.
    pub at: Millis,
    /// `X-Gitlab-Event`.
    pub event_header: &'static str,
    /// GitLab id of the project.
    pub project: u64,
    /// The body.
    pub body: Value,
}

impl World {
    /// Webhooks of a project that were sent from `from` on and before `until`, a sprint at a time.
    pub fn hooks<'w>(
        &'w self,
        project: &Project,
        from: Millis,
        until: Millis,
    ) -> impl Iterator<Item = Hook> + use<'w> {
        let config = self.config();
        let project = project.clone();
        let sprints = config.sprint_at(from)..=config.sprint_at(until);
        sprints.flat_map(move |number| {
            let sprint = self.sprint(project.index, number);
            let mut hooks = hooks_of(self, &project, &sprint);
            hooks.retain(|hook| hook.at >= from && hook.at < until);
            hooks.sort_by_key(|hook| hook.at);
            hooks
        })
    }
}

fn hooks_of(world: &World, project: &Project, sprint: &Sprint) -> Vec<Hook> {
    let body = |at: Millis| Body { world, project, sprint, at };
    let mut hooks = Vec::new();
    let mut send = |at: Millis, event_header: &'static str, body: Option<Value>| {
        if let Some(body) = body {
            hooks.push(Hook { at, event_header, project: project.id, body });
        }
    };
    for (request, number) in sprint.merge_requests.iter().zip(0..) {
        for step in &request.steps {
            let action = match step.what {
                What::Opened(_) => "open",
                What::Merged { .. } => "merge",
                What::Closed => "close",
                What::Reopened => "reopen",
                What::Approved(_) => "approved",
                What::Unapproved | What::ApprovalsReset => "unapproved",
                What::Commented | What::Touched => continue,
                What::Pushed { .. }
                | What::Ready
                | What::ReviewRequested
                | What::Labelled
                | What::Retargeted => "update",
            };
            // What the step moved `updated_at` to is in its own webhook.
            let at = step.at + 40;
            send(at, "Merge Request Hook", body(at).merge_request(number, step, action));
        }
    }
    for (issue, number) in sprint.issues.iter().zip(0..) {
        for step in &issue.steps {
            let action = match step.what {
                IssueWhat::Opened => "open",
                IssueWhat::Closed => "close",
                IssueWhat::Reopened => "reopen",
                IssueWhat::Assigned | IssueWhat::Moved => "update",
                IssueWhat::Commented | IssueWhat::CommentedInternally | IssueWhat::Touched => continue,
            };
            let header = if issue.confidential { "Confidential Issue Hook" } else { "Issue Hook" };
            send(step.at, header, body(step.at).issue(number, step.by, action));
        }
    }
    for (note, number) in sprint.notes.iter().zip(0..).filter(|(note, _)| !note.system) {
        let header = if note.internal { "Confidential Note Hook" } else { "Note Hook" };
        send(note.at, header, body(note.at).note(number));
    }
    for (pipeline, number) in sprint.pipelines.iter().zip(0..) {
        for (at, _) in &pipeline.steps {
            send(*at, "Pipeline Hook", body(*at).pipeline(number));
        }
    }
    for (job, number) in sprint.jobs.iter().zip(0..).filter(|(job, _)| !job.is_trigger()) {
        let times = [Some(job.created_at), job.queued_at, job.started_at, job.finished_at];
        for at in times.into_iter().flatten() {
            send(at, "Job Hook", body(at).job(number));
        }
    }
    for (deployment, number) in sprint.deployments.iter().zip(0..) {
        let blocked_at = deployment.approved.map(|_| deployment.created_at);
        for at in
            [blocked_at, Some(deployment.started_at), Some(deployment.finished_at)].into_iter().flatten()
        {
            send(at, "Deployment Hook", body(at).deployment(number));
        }
        if let Some((at, by)) = deployment.approved {
            send(at, "Deployment Hook", body(at).deployment_approval(number, by));
        }
    }
    for push in sprint.pushes.iter().filter(|push| !push.is_one_of_many) {
        let header = if push.to.is_tag() { "Tag Push Hook" } else { "Push Hook" };
        send(push.at, header, Some(body(push.at).push(push)));
    }
    for (tag, number) in sprint.tags.iter().zip(0..) {
        send(tag.at + 60_000, "Release Hook", body(tag.at + 60_000).release(tag, number));
    }
    hooks
}
