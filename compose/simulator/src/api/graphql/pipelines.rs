//! Pipelines of a query. In: a project and the requested fields. Out: their values, newest first. Never a child pipeline, unless it is requested by
//! its source or number, as in REST.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::super::list::{Chosen, is_within};
use super::super::write::pipeline::coverage;
use super::connection::{Key, Rows, Window, person};
use super::fault::Fault;
use super::parse::Field;
use super::resolve::{Resolver, is_plain_count, ordered};
use crate::gitlab::text::{time, time_of};
use crate::gitlab::{Millis, Project, Sprint};

impl Resolver<'_> {
    /// A project's pipelines.
    pub(super) fn pipelines(&self, project: &Project, field: &Field) -> Result<Value, Fault> {
        let (world, config) = (self.world, self.world.config());
        let updated = self.span(field, "updated");
        if is_plain_count(field) {
            let sizes = world.sizes_at(project.index, self.now);
            let rows: Rows<Chosen> =
                Rows { rows: Vec::new(), is_more: false, count: sizes.pipelines - sizes.children };
            return rows.write("Pipeline", field, |_, _| Ok(Value::Null));
        }
        let first = config.sprint_at(updated.0.unwrap_or(Millis::MIN));
        let last = config.sprint_at(updated.1.unwrap_or(self.now).min(self.now));
        let behind = Window::of(field)?.after.and_then(|(_, id)| world.place(id));
        let last = match behind {
            Some(place) if field.field("count").is_none() => place.sprint.min(last),
            _ => last,
        };
        let rows = self.walk(field, ordered(first, last, false), false, |number| {
            let sprint = world.sprint(project.index, number);
            let chosen = (0..sprint.pipelines.len() as u32).rev();
            let chosen = chosen.filter(|number| self.is_asked(project, &sprint, *number, field, updated));
            let row = |number| Chosen { sprint: sprint.clone(), number };
            chosen
                .map(|number| ((0, world.id_in(&sprint, number)), row(number)))
                .collect::<Vec<(Key, Chosen)>>()
        })?;
        rows.write("Pipeline", field, |row, fields| self.pipeline(project, row, fields))
    }

    fn is_asked(
        &self,
        project: &Project,
        sprint: &Arc<Sprint>,
        number: u32,
        field: &Field,
        updated: (Option<Millis>, Option<Millis>),
    ) -> bool {
        let Some(pipeline) = sprint.pipelines.get(number as usize) else {
            return false;
        };
        let Some(state) = pipeline.at(self.now) else {
            return false;
        };
        let says = |name: &str| field.text(name);
        is_within(state.updated_at, updated)
            && field.text("source").map_or(pipeline.parent.is_none(), |asked| asked == pipeline.source)
            && says("status").is_none_or(|asked| asked.eq_ignore_ascii_case(state.status.as_str()))
            && says("ref").is_none_or(|asked| asked == self.scribe(project).ref_of(sprint, pipeline))
            && says("sha").is_none_or(|asked| asked == pipeline.sha.to_string())
            && says("username").is_none_or(|asked| asked == pipeline.by.username())
            && says("scope").is_none_or(|asked| match asked {
                "FINISHED" => state.status.is_over(),
                "TAGS" => pipeline.on.is_tag(),
                "BRANCHES" => !pipeline.on.is_tag(),
                asked => asked.eq_ignore_ascii_case(state.status.as_str()),
            })
    }

    /// A pipeline; null if it does not exist.
    pub(super) fn pipeline(&self, project: &Project, row: &Chosen, fields: &[Field]) -> Result<Value, Fault> {
        let sprint = &row.sprint;
        let (Some(pipeline), scribe) = (sprint.pipelines.get(row.number as usize), self.scribe(project))
        else {
            return Ok(Value::Null);
        };
        let Some(state) = pipeline.at(self.now) else {
            return Ok(Value::Null);
        };
        let id = self.world.id_in(sprint, row.number);
        let other = |number: u32, fields: &[Field]| {
            self.pipeline(project, &Chosen { sprint: sprint.clone(), number }, fields)
        };
        let mut found = Map::new();
        for field in fields {
            let value = match field.name.as_str() {
                "id" => json!(format!("gid://gitlab/Ci::Pipeline/{id}")),
                "iid" => json!(self.world.pipeline_iid(sprint, row.number).to_string()),
                "sha" => match field.text("format") {
                    Some("SHORT") => json!(pipeline.sha.short()),
                    _ => json!(pipeline.sha.to_string()),
                },
                "beforeSha" => json!(pipeline.before.to_string()),
                "ref" => json!(scribe.ref_of(sprint, pipeline)),
                "refPath" => {
                    let folder = if pipeline.on.is_tag() { "refs/tags/" } else { "refs/heads/" };
                    let folder = if pipeline.merge_request.is_some() { "" } else { folder };
                    json!(format!("{folder}{}", scribe.ref_of(sprint, pipeline)))
                }
                "status" => json!(state.status.as_str().to_uppercase()),
                "source" => json!(pipeline.source),
                "type" => json!(match (pipeline.merge_request, pipeline.on.is_tag()) {
                    (Some(_), _) => "merge_request",
                    (None, true) => "tag",
                    (None, false) => "branch",
                }),
                "createdAt" => json!(time(pipeline.created_at)),
                "updatedAt" => json!(time(state.updated_at)),
                "startedAt" => json!(time_of(state.started_at)),
                "finishedAt" => json!(time_of(state.finished_at)),
                "duration" => json!(state.duration),
                "queuedDuration" => json!(state.queued.map(|seconds| seconds as f64)),
                "coverage" => {
                    let text = coverage(pipeline, state.status);
                    json!(text.and_then(|text| text.parse::<f64>().ok()))
                }
                "path" => {
                    json!(format!("/{}/-/pipelines/{id}", project.path_at(self.world.config(), self.now)))
                }
                "totalJobs" => json!(pipeline.jobs.len()),
                "child" => json!(pipeline.parent.is_some()),
                "complete" => json!(state.status.is_over()),
                "user" => person(self.url(), "UserCore", pipeline.by, &field.fields),
                "upstream" => match pipeline.parent {
                    Some(parent) => other(parent, &field.fields)?,
                    None => Value::Null,
                },
                "downstream" => {
                    let children = (sprint.pipelines.iter().zip(0..)).filter(|(child, _)| {
                        child.parent == Some(row.number) && child.at(self.now).is_some()
                    });
                    let rows = children.map(|(_, number)| ((0, self.world.id_in(sprint, number)), number));
                    Rows::cut(rows.collect(), Window::of(field)?).write(
                        "Pipeline",
                        field,
                        |number, fields| other(*number, fields),
                    )?
                }
                "mergeRequest" => match pipeline.merge_request {
                    Some(number) => {
                        let row = Chosen { sprint: sprint.clone(), number };
                        self.merge_request(project, &row, &field.fields)?
                    }
                    None => Value::Null,
                },
                "__typename" => json!("Pipeline"),
                _ => Value::Null,
            };
            found.insert(field.key().to_owned(), value);
        }
        Ok(Value::Object(found))
    }
}
