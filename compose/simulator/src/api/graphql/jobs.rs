//! Jobs of a query. In: a project and the requested fields. Out: their values, newest first. Counted up to 1,001, as in GitLab.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::super::list::Chosen;
use super::connection::{Key, Rows, Window};
use super::fault::Fault;
use super::merge_requests::texts;
use super::parse::Field;
use super::resolve::{Resolver, is_plain_count, ordered};
use crate::gitlab::text::{time, time_of};
use crate::gitlab::{Project, Status};

impl Resolver<'_> {
    /// A project's jobs, without trigger jobs.
    pub(super) fn jobs(&self, project: &Project, field: &Field) -> Result<Value, Fault> {
        let world = self.world;
        if is_plain_count(field) {
            let count = world.sizes_at(project.index, self.now).jobs;
            let rows: Rows<Chosen> = Rows { rows: Vec::new(), is_more: false, count };
            return rows.write("CiJob", field, |_, _| Ok(Value::Null));
        }
        let statuses = texts(field, "statuses");
        let last = world.config().sprint_at(self.now);
        let behind = Window::of(field)?.after.and_then(|(_, id)| world.place(id));
        let last = behind.map_or(last, |place| place.sprint.min(last));
        let rows = self.walk(field, ordered(0, last, false), false, |number| {
            let sprint = world.sprint(project.index, number);
            let chosen = (0..sprint.jobs.len() as u32).rev().filter(|number| {
                let job = sprint.jobs.get(*number as usize).filter(|job| !job.is_trigger());
                let status = job.and_then(|job| job.status(self.now));
                status.is_some_and(|status| {
                    let asked = status.as_str().to_uppercase();
                    statuses.as_ref().is_none_or(|statuses| statuses.contains(&asked))
                })
            });
            let row = |number| Chosen { sprint: sprint.clone(), number };
            chosen
                .map(|number| ((0, world.id_in(&sprint, number)), row(number)))
                .collect::<Vec<(Key, Chosen)>>()
        })?;
        rows.write("CiJob", field, |row, fields| self.job(project, row, fields))
    }

    fn job(&self, project: &Project, row: &Chosen, fields: &[Field]) -> Result<Value, Fault> {
        let sprint = &row.sprint;
        let Some(job) = sprint.jobs.get(row.number as usize) else {
            return Ok(Value::Null);
        };
        let (Some(status), Some(pipeline)) =
            (job.status(self.now), sprint.pipelines.get(job.pipeline as usize))
        else {
            return Ok(Value::Null);
        };
        let passed = |at: Option<i64>| time_of(at.filter(|at| *at <= self.now));
        let (duration, queued) = job.durations(self.now);
        let mut found = Map::new();
        for field in fields {
            let value = match field.name.as_str() {
                "id" => json!(format!("gid://gitlab/Ci::Build/{}", self.world.id_in(sprint, row.number))),
                "name" => json!(job.name),
                "status" => json!(status.as_str().to_uppercase()),
                "allowFailure" => json!(job.allow_failure),
                "retried" => json!(job.retried_at.is_some_and(|at| at <= self.now)),
                "kind" => json!("BUILD"),
                "createdAt" => json!(time(job.created_at)),
                "queuedAt" => json!(passed(job.queued_at)),
                "startedAt" => json!(passed(job.started_at)),
                "finishedAt" if status == Status::Skipped => Value::Null,
                "finishedAt" => json!(passed(job.finished_at)),
                // Whole seconds: REST has fractions.
                "duration" => json!(duration.map(|seconds| seconds as u64)),
                "queuedDuration" => json!(queued),
                "refName" => json!(self.scribe(project).ref_of(sprint, pipeline)),
                "shortSha" => json!(pipeline.sha.short()),
                "pipeline" => {
                    let row = Chosen { sprint: Arc::clone(sprint), number: job.pipeline };
                    self.pipeline(project, &row, &field.fields)?
                }
                _ => json!("CiJob"),
            };
            found.insert(field.key().to_owned(), value);
        }
        Ok(Value::Object(found))
    }
}
