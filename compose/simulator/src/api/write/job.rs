//! Jobs of a list as text. In: rows. Out: a page, the same as object by object, in a fraction of the time: a history has more jobs than everything
//! else together. Fields that jobs of one pipeline share are written once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde::Serialize;
use serde_json::value::RawValue;

use super::Scribe;
use super::merge_request::Stats;
use super::pipeline::runner;
use crate::api::list::Chosen;
use crate::gitlab::text::{time, time_of};
use crate::gitlab::{Millis, Person, Status};

/// A job. Trigger jobs are in another list.
#[derive(Serialize)]
struct Written<'a> {
    id: u64,
    status: &'static str,
    stage: &'static str,
    name: &'a str,
    #[serde(rename = "ref")]
    on: &'a str,
    tag: bool,
    coverage: Option<f64>,
    allow_failure: bool,
    created_at: String,
    started_at: Option<String>,
    finished_at: Option<String>,
    erased_at: Option<String>,
    duration: Option<f64>,
    queued_duration: Option<f64>,
    user: &'a RawValue,
    commit: &'a RawValue,
    pipeline: &'a RawValue,
    web_url: String,
    project: Scope,
    archived: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_reason: Option<Option<&'static str>>,
    artifacts: [u8; 0],
    runner: Option<&'a RawValue>,
    artifacts_expire_at: Option<String>,
    tag_list: [&'static str; 1],
}

#[derive(Serialize)]
struct Scope {
    ci_job_token_scope_enabled: bool,
}

/// Fields that jobs of a pipeline share.
struct Common {
    on: String,
    tag: bool,
    commit: Box<RawValue>,
    pipeline: Box<RawValue>,
}

impl Scribe<'_> {
    /// A page of jobs; `None` if something in it cannot be written.
    pub(in crate::api) fn jobs(&self, rows: &[Chosen]) -> Option<String> {
        let mut pipelines: HashMap<(u32, u32), Common> = HashMap::new();
        let mut people: HashMap<Person, Box<RawValue>> = HashMap::new();
        let (page, runner) = (self.page(), raw(&runner())?);
        let mut text = String::from("[");
        for row in rows {
            let job = row.sprint.jobs.get(row.number as usize)?;
            let status = job.status(self.now)?;
            let key = (row.sprint.number, job.pipeline);
            let common = match pipelines.entry(key) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => place.insert(self.common(row, job.pipeline)?),
            };
            let user = match people.entry(job.by) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => place.insert(raw(&self.person(job.by))?),
            };
            let passed = |at: Option<Millis>| at.filter(|at| *at <= self.now);
            // GitLab does not report when a job was skipped.
            let finished_at = passed(job.finished_at).filter(|_| status != Status::Skipped);
            let (duration, queued_duration) = job.durations(self.now);
            let id = self.world.id_in(&row.sprint, row.number);
            let written = Written {
                id,
                status: status.as_str(),
                stage: job.stage,
                name: &job.name,
                on: &common.on,
                tag: common.tag,
                coverage: None,
                allow_failure: job.allow_failure,
                created_at: time(job.created_at),
                started_at: time_of(passed(job.started_at)),
                finished_at: time_of(finished_at),
                erased_at: None,
                duration,
                queued_duration,
                user,
                commit: &common.commit,
                pipeline: &common.pipeline,
                web_url: format!("{page}/-/jobs/{id}"),
                project: Scope { ci_job_token_scope_enabled: false },
                archived: false,
                failure_reason: (status == Status::Failed).then_some(job.failure_reason),
                artifacts: [],
                runner: passed(job.started_at).map(|_| &*runner),
                artifacts_expire_at: None,
                tag_list: ["docker"],
            };
            if text.len() > 1 {
                text.push(',');
            }
            text.push_str(&serde_json::to_string(&written).ok()?);
        }
        text.push(']');
        Some(text)
    }

    fn common(&self, row: &Chosen, number: u32) -> Option<Common> {
        let sprint = &row.sprint;
        let pipeline = sprint.pipelines.get(number as usize)?;
        let commit = self.world.commit(sprint.project, sprint.number, pipeline.sha);
        let commit = commit.map(|commit| self.commit(&commit, Stats::Absent));
        Some(Common {
            on: self.ref_of(sprint, pipeline),
            tag: pipeline.on.is_tag(),
            commit: raw(&commit)?,
            pipeline: raw(&self.pipeline_of_job(sprint, number))?,
        })
    }
}

fn raw(value: &impl Serialize) -> Option<Box<RawValue>> {
    serde_json::value::to_raw_value(value).ok()
}
