//! Which webhooks were sent when. In: a sprint. Out: its events that send webhooks, in the order of their times, without bodies, which are expensive.

use serde_json::Value;

use super::super::dice::Millis;
use super::super::issue::IssueWhat;
use super::super::merge_request::What;
use super::super::people::Person;
use super::super::sprint::Sprint;
use super::super::tree::Project;
use super::super::world::World;
use super::body::Body;
use crate::version::Version;

/// A webhook without its body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sending {
    pub(super) at: Millis,
    pub(super) event_header: &'static str,
    what: Sent,
}

/// The subject of a webhook. Numbers are positions in the lists of the sprint.
#[derive(Debug, Clone, Copy)]
enum Sent {
    /// A step of a merge request, and GitLab's name for it.
    MergeRequest(u32, usize, &'static str),
    /// A step of an issue, and GitLab's name for it.
    Issue(u32, usize, &'static str),
    Note(u32),
    Pipeline(u32),
    Job(u32),
    Deployment(u32),
    Approval(u32, Person),
    Push(usize),
    Release(u32),
}

impl Sending {
    /// Its body.
    pub(super) fn write(
        &self,
        world: &World,
        project: &Project,
        sprint: &Sprint,
        version: Version,
    ) -> Option<Value> {
        let body = Body { world, project, sprint, at: self.at, version };
        match self.what {
            Sent::MergeRequest(number, step, action) => {
                let step = sprint.merge_requests.get(number as usize)?.steps.get(step)?;
                body.merge_request(number, step, action)
            }
            Sent::Issue(number, step, action) => {
                let step = sprint.issues.get(number as usize)?.steps.get(step)?;
                body.issue(number, step.by, action)
            }
            Sent::Note(number) => body.note(number),
            Sent::Pipeline(number) => body.pipeline(number),
            Sent::Job(number) => body.job(number),
            Sent::Deployment(number) => body.deployment(number),
            Sent::Approval(number, by) => body.deployment_approval(number, by),
            Sent::Push(number) => Some(body.push(sprint.pushes.get(number)?)),
            Sent::Release(number) => body.release(sprint.tags.get(number as usize)?, number),
        }
    }
}

/// The webhooks of a sprint.
pub(super) fn sendings(sprint: &Sprint, version: Version) -> Vec<Sending> {
    let mut sendings = Vec::new();
    of_work(sprint, &mut sendings);
    of_runs(sprint, version, &mut sendings);
    for (push, number) in sprint.pushes.iter().zip(0..).filter(|(push, _)| !push.is_one_of_many) {
        let event_header = if push.to.is_tag() { "Tag Push Hook" } else { "Push Hook" };
        sendings.push(Sending { at: push.at, event_header, what: Sent::Push(number) });
    }
    for (tag, number) in sprint.tags.iter().zip(0..).filter(|(tag, _)| tag.released_at.is_some()) {
        let (at, what) = (tag.at + 60_000, Sent::Release(number));
        sendings.push(Sending { at, event_header: "Release Hook", what });
    }
    sendings.sort_by_key(|sending| sending.at);
    sendings
}

fn of_work(sprint: &Sprint, sendings: &mut Vec<Sending>) {
    let requests = sprint.merge_requests.iter().zip(0..);
    for (request, number) in requests.filter(|(request, _)| request.imported_before == 0) {
        for (place, step) in request.steps.iter().enumerate() {
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
            // The step's change of `updated_at` is in its own webhook.
            let (at, what) = (step.at + 40, Sent::MergeRequest(number, place, action));
            sendings.push(Sending { at, event_header: "Merge Request Hook", what });
        }
    }
    let issues = sprint.issues.iter().zip(0..);
    for (issue, number) in issues.filter(|(issue, _)| issue.imported_before == 0) {
        for (place, step) in issue.steps.iter().enumerate() {
            let action = match step.what {
                IssueWhat::Opened => "open",
                IssueWhat::Closed => "close",
                IssueWhat::Reopened => "reopen",
                IssueWhat::Assigned | IssueWhat::Moved | IssueWhat::BecameIncident => "update",
                IssueWhat::Commented | IssueWhat::CommentedInternally | IssueWhat::Touched => continue,
            };
            let event_header = if issue.confidential { "Confidential Issue Hook" } else { "Issue Hook" };
            sendings.push(Sending { at: step.at, event_header, what: Sent::Issue(number, place, action) });
        }
    }
    for (note, number) in sprint.notes.iter().zip(0..).filter(|(note, _)| !note.system) {
        let event_header = if note.internal { "Confidential Note Hook" } else { "Note Hook" };
        sendings.push(Sending { at: note.at, event_header, what: Sent::Note(number) });
    }
}

fn of_runs(sprint: &Sprint, version: Version, sendings: &mut Vec<Sending>) {
    for (pipeline, number) in sprint.pipelines.iter().zip(0..) {
        let what = Sent::Pipeline(number);
        sendings.extend(pipeline.steps.iter().map(|(at, _)| Sending {
            at: *at,
            event_header: "Pipeline Hook",
            what,
        }));
    }
    for (job, number) in sprint.jobs.iter().zip(0..).filter(|(job, _)| !job.is_trigger()) {
        let times = [Some(job.created_at), job.queued_at, job.started_at, job.finished_at];
        let what = Sent::Job(number);
        sendings.extend(times.into_iter().flatten().map(|at| Sending { at, event_header: "Job Hook", what }));
    }
    for (deployment, number) in sprint.deployments.iter().zip(0..) {
        // Blocking and approval are reported since 19.3.
        let approved = deployment.approved.filter(|_| version >= Version::V19);
        let blocked_at = approved.map(|_| deployment.created_at);
        // A deployment that never ran has no start.
        let started_at = Some(deployment.started_at).filter(|at| *at < deployment.finished_at);
        let times = [blocked_at, started_at, Some(deployment.finished_at)];
        let (event_header, what) = ("Deployment Hook", Sent::Deployment(number));
        sendings.extend(times.into_iter().flatten().map(|at| Sending { at, event_header, what }));
        sendings.extend(approved.map(|(at, by)| Sending {
            at,
            event_header,
            what: Sent::Approval(number, by),
        }));
    }
}
