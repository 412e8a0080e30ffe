//! Late changes in a finished sprint. In: a complete sprint. Out: the same, with some things updated at one moment, and some deleted. GitLab reports
//! neither.

use super::super::dice::{DAY, HOUR, MINUTE, Millis};
use super::super::issue::{IssueStep, IssueWhat};
use super::super::merge_request::{Step, Story, What};
use super::super::people::Person;
use super::super::sprint::Noteable;
use super::Growth;

/// When all issues and merge requests of a sprint are written at once, in projects where that happens.
const TOUCHED: Millis = 13 * DAY + 20 * HOUR;
/// When merge requests and issues, and when pipelines are deleted.
const DELETED: Millis = 12 * DAY + 3 * HOUR;
const CLEANED: Millis = 9 * DAY;
/// How long a comment exists that is deleted by its author.
const REGRETTED: Millis = 90 * MINUTE;

impl Growth<'_> {
    /// Writes every merge request and issue at one moment, as removing a label does: a list by the last change then has more rows of one time than a
    /// page holds, if the sprint has as many.
    pub(super) fn touch_all(&mut self) {
        if self.sprint.number != 0 || !self.project.index.is_multiple_of(4) {
            return;
        }
        let (at, by) = (self.starts_at + TOUCHED, Person::TRANSLATOR);
        for request in &mut self.sprint.merge_requests {
            request.steps.push(Step { at, by, what: What::Touched });
        }
        for issue in &mut self.sprint.issues {
            issue.steps.push(IssueStep { at, by, what: IssueWhat::Touched });
        }
    }

    /// Deletes comments in every sprint; in one of three a merge request, an issue and a pipeline too.
    pub(super) fn delete(&mut self) {
        let requests = &self.sprint.merge_requests;
        for note in self.sprint.notes.iter_mut().skip(3).step_by(7) {
            // Comments of reviewers stay.
            let is_review = match note.on {
                Noteable::MergeRequest(on) => {
                    requests.get(on as usize).is_some_and(|request| request.author != note.by)
                }
                Noteable::Issue(_) => false,
            };
            if !is_review && !note.system && !note.internal && note.resolved.is_none() {
                note.deleted_at = Some(note.at + REGRETTED);
            }
        }
        if (self.project.index + self.sprint.number) % 3 != 1 {
            return;
        }
        let at = self.starts_at + DELETED;
        for (request, number) in self.sprint.merge_requests.iter_mut().zip(0..) {
            if request.story == Story::Closed {
                request.deleted_at = Some(at);
                let on = Noteable::MergeRequest(number);
                let notes = self.sprint.notes.iter_mut().filter(|note| note.on == on);
                notes.for_each(|note| note.deleted_at = Some(note.deleted_at.map_or(at, |own| own.min(at))));
            }
        }
        for (issue, number) in self.sprint.issues.iter_mut().zip(0..) {
            if self.issue_plans.get(number as usize).is_some_and(|plan| plan.is_deleted) {
                issue.deleted_at = Some(at);
                let on = Noteable::Issue(number);
                let notes = self.sprint.notes.iter_mut().filter(|note| note.on == on);
                notes.for_each(|note| note.deleted_at = Some(note.deleted_at.map_or(at, |own| own.min(at))));
            }
        }
        self.clean(self.starts_at + CLEANED);
    }

    /// Deletes the pipeline of one night, with its jobs.
    fn clean(&mut self, at: Millis) {
        let night = self.starts_at + 4 * DAY..self.starts_at + 5 * DAY;
        let of_the_night = self
            .sprint
            .pipelines
            .iter_mut()
            .filter(|pipeline| pipeline.source == "schedule" && night.contains(&pipeline.created_at));
        for pipeline in of_the_night {
            pipeline.deleted_at = Some(at);
            for job in &pipeline.jobs {
                if let Some(job) = self.sprint.jobs.get_mut(*job as usize) {
                    job.deleted_at = Some(at);
                }
            }
        }
    }
}
