//! Finds what a query asks for. In: fields that were checked. Out: their values. Lists go by keys: a cursor names the row before.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::super::list::{Chosen, sees_project};
use super::super::token::{Role, Token};
use super::super::version::Version;
use super::super::write::Scribe;
use super::parse::Field;
use crate::gitlab::text::read_time;
use crate::gitlab::{Millis, Person, Project, Sprint, World};

/// Rows of a page, at most and unless asked.
const MAX_ROWS: u64 = 100;

/// Answers fields of a world at a time.
pub(super) struct Resolver<'w> {
    pub(super) world: &'w World,
    pub(super) token: &'w Token,
    pub(super) version: Version,
    pub(super) now: Millis,
}

/// An object with the fields that are asked for.
pub(super) fn only(fields: &[Field], value: impl Fn(&str) -> Value) -> Value {
    let pairs = fields.iter().map(|field| (field.key().to_owned(), value(&field.name)));
    Value::Object(pairs.collect::<Map<String, Value>>())
}

impl Resolver<'_> {
    /// A field of the query itself.
    pub(super) fn root(&self, field: &Field) -> Result<Value, String> {
        match field.name.as_str() {
            "currentUser" => Ok(person(self.token.owner, &field.fields)),
            "metadata" => Ok(only(&field.fields, |name| match name {
                "version" => json!(self.version.as_str()),
                "revision" => json!("4d8a1c07"),
                _ => json!(true),
            })),
            _ => {
                let path = field.arguments.get("fullPath").and_then(Value::as_str);
                let path = path.ok_or("Field 'project' is missing required arguments: fullPath")?;
                let config = self.world.config();
                let mut all = (0..self.world.projects()).map(|index| self.world.project(index));
                let found = all.find(|project| project.path_at(config, self.now) == path);
                match found.filter(|project| sees_project(self.world, self.token, project)) {
                    Some(project) => self.project(&project, field),
                    None => Ok(Value::Null),
                }
            }
        }
    }

    fn project(&self, project: &Project, field: &Field) -> Result<Value, String> {
        let mut found = Map::new();
        for below in &field.fields {
            let value = match below.name.as_str() {
                "id" => json!(format!("gid://gitlab/Project/{}", project.id)),
                "fullPath" => json!(project.path_at(self.world.config(), self.now)),
                "name" => json!(project.slug),
                // What may not be seen is null, without an error.
                _ if self.token.role < Role::Reporter => Value::Null,
                "pipelines" if !project.has_pipelines() => Value::Null,
                "pipelines" => self.pipelines(project, below)?,
                _ => self.merge_requests(project, below)?,
            };
            found.insert(below.key().to_owned(), value);
        }
        Ok(Value::Object(found))
    }

    fn pipelines(&self, project: &Project, field: &Field) -> Result<Value, String> {
        let text = |name: &str| field.arguments.get(name).and_then(Value::as_str);
        let (after, before) = self.window(field)?;
        let cursor =
            text("after").map(|cursor| cursor.parse::<u64>().map_err(|_| "Invalid cursor".to_owned()));
        let cursor = cursor.transpose()?;
        let scribe = self.scribe(project);
        let choose = |made: &Arc<Sprint>| -> Vec<(String, Chosen)> {
            let asked = made.pipelines.iter().zip(0..).filter(|(pipeline, number)| {
                let state = pipeline.at(self.now);
                state.is_some_and(|state| {
                    after.is_none_or(|after| state.updated_at >= after)
                        && before.is_none_or(|before| state.updated_at <= before)
                        && text("status")
                            .is_none_or(|asked| asked.eq_ignore_ascii_case(state.status.as_str()))
                }) && text("source").map_or(pipeline.parent.is_none(), |asked| asked == pipeline.source)
                    && text("ref").is_none_or(|asked| asked == scribe.ref_of(made, pipeline))
                    && cursor.is_none_or(|cursor| self.world.id_in(made, *number) < cursor)
            });
            let cursor_of = |number| self.world.id_in(made, number).to_string();
            let row = |number| Chosen { sprint: made.clone(), number };
            let mut rows: Vec<(String, Chosen)> =
                asked.map(|(_, number)| (cursor_of(number), row(number))).collect();
            rows.reverse();
            rows
        };
        let first = self.world.config().sprint_at(after.unwrap_or(Millis::MIN));
        let last = self.world.config().sprint_at(before.unwrap_or(self.now).min(self.now));
        let last = cursor.and_then(|id| self.world.place(id)).map_or(last, |place| place.sprint.min(last));
        let sprints = (first..=last).rev();
        let write = |row: &Chosen, fields: &[Field]| self.pipeline(project, row, fields);
        Ok(self.connection(project, field, sprints, choose, write))
    }

    fn merge_requests(&self, project: &Project, field: &Field) -> Result<Value, String> {
        let text = |name: &str| field.arguments.get(name).and_then(Value::as_str);
        let window = self.window(field)?;
        let sort = text("sort").unwrap_or("CREATED_DESC").to_uppercase();
        let is_ascending = sort.ends_with("_ASC");
        let by_update = sort.starts_with("UPDATED");
        let cursor = match text("after") {
            None => None,
            Some(cursor) => {
                let parts =
                    cursor.split_once('_').and_then(|(at, id)| Some((at.parse().ok()?, id.parse().ok()?)));
                Some(parts.ok_or("Invalid cursor")?)
            }
        };
        let choose = |made: &Arc<Sprint>| -> Vec<(String, Chosen)> {
            let mut chosen: Vec<((Millis, u64), u32)> = Vec::new();
            for (request, number) in made.merge_requests.iter().zip(0..) {
                let Some(updated_at) = request.updated_at(self.now) else {
                    continue;
                };
                let key = (if by_update { updated_at } else { 0 }, self.world.id_in(made, number));
                let is_behind = match cursor {
                    Some(cursor) if is_ascending => key > cursor,
                    Some(cursor) => key < cursor,
                    None => true,
                };
                let state = text("state").filter(|state| *state != "all");
                let is_asked = window.0.is_none_or(|after| updated_at >= after)
                    && window.1.is_none_or(|before| updated_at <= before)
                    && state
                        .is_none_or(|asked| request.at(self.now).is_some_and(|state| state.state == asked));
                if is_behind && is_asked {
                    chosen.push((key, number));
                }
            }
            chosen.sort_unstable();
            if !is_ascending {
                chosen.reverse();
            }
            let row = |number| Chosen { sprint: made.clone(), number };
            chosen.into_iter().map(|((at, id), number)| (format!("{at}_{id}"), row(number))).collect()
        };
        let config = self.world.config();
        let first = config.sprint_at(window.0.unwrap_or(Millis::MIN));
        let last = config.sprint_at(window.1.unwrap_or(self.now).min(self.now));
        let write = |row: &Chosen, fields: &[Field]| self.merge_request(project, row, fields);
        Ok(match is_ascending {
            true => self.connection(project, field, first..=last, choose, write),
            false => self.connection(project, field, (first..=last).rev(), choose, write),
        })
    }

    /// The times between which rows changed that are asked for.
    fn window(&self, field: &Field) -> Result<(Option<Millis>, Option<Millis>), String> {
        let read = |name: &str| match field.arguments.get(name).and_then(Value::as_str) {
            None => Ok(None),
            Some(text) => {
                read_time(text).map(Some).ok_or_else(|| format!("Argument '{name}' has an invalid value"))
            }
        };
        Ok((read("updatedAfter")?, read("updatedBefore")?))
    }

    /// A page of a connection: rows of sprints, in order, each with its cursor.
    fn connection(
        &self,
        project: &Project,
        field: &Field,
        sprints: impl Iterator<Item = u32>,
        choose: impl Fn(&Arc<Sprint>) -> Vec<(String, Chosen)>,
        write: impl Fn(&Chosen, &[Field]) -> Value,
    ) -> Value {
        let take = rows_of(field);
        let mut rows: Vec<(String, Chosen)> = Vec::new();
        let counts = field.field("count").is_some();
        let mut count = 0;
        for sprint in sprints {
            if rows.len() > take && !counts {
                break;
            }
            let chosen = choose(&self.world.sprint(project.index, sprint));
            count += chosen.len();
            let left = (take + 1).saturating_sub(rows.len());
            rows.extend(chosen.into_iter().take(left));
        }
        let is_more = rows.len() > take;
        rows.truncate(take);
        self.page(field, &rows, is_more, count, write)
    }

    pub(super) fn page<R>(
        &self,
        field: &Field,
        rows: &[(String, R)],
        is_more: bool,
        count: usize,
        write: impl Fn(&R, &[Field]) -> Value,
    ) -> Value {
        let mut found = Map::new();
        for below in &field.fields {
            let value = match below.name.as_str() {
                "nodes" => rows.iter().map(|(_, row)| write(row, &below.fields)).collect(),
                "pageInfo" => only(&below.fields, |name| match name {
                    "hasNextPage" => json!(is_more),
                    "hasPreviousPage" => json!(field.arguments.contains_key("after")),
                    "endCursor" => json!(rows.last().map(|(cursor, _)| cursor)),
                    _ => json!(rows.first().map(|(cursor, _)| cursor)),
                }),
                _ => json!(count),
            };
            found.insert(below.key().to_owned(), value);
        }
        Value::Object(found)
    }

    pub(super) fn people(&self, field: &Field, people: Vec<Person>) -> Value {
        let rows: Vec<(String, Person)> = people.into_iter().map(|one| (one.id().to_string(), one)).collect();
        self.page(field, &rows, false, rows.len(), |one, fields| person(*one, fields))
    }

    pub(super) fn scribe<'p>(&'p self, project: &'p Project) -> Scribe<'p> {
        Scribe { world: self.world, project, now: self.now, version: self.version }
    }
}

pub(super) fn rows_of(field: &Field) -> usize {
    let first = field.arguments.get("first").and_then(Value::as_u64).unwrap_or(MAX_ROWS);
    first.min(MAX_ROWS) as usize
}

pub(super) fn person(of: Person, fields: &[Field]) -> Value {
    only(fields, |name| match name {
        "id" => json!(format!("gid://gitlab/User/{}", of.id())),
        "username" => json!(of.username()),
        "name" => json!(of.name()),
        _ => json!(of.is_bot()),
    })
}
