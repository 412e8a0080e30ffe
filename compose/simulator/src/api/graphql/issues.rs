//! Issues of a query. In: a project and the requested fields. Out: their values. Never a confidential issue for a user who may not see it.

use serde_json::{Map, Value, json};

use super::super::list::{Chosen, is_within};
use super::super::token::Role;
use super::connection::{Key, Rows, people, person};
use super::fault::Fault;
use super::merge_requests::{labels, order, texts};
use super::parse::Field;
use super::resolve::{Resolver, is_plain_count, ordered};
use crate::gitlab::{Noteable, Project, moved_to};

impl Resolver<'_> {
    /// A project's issues.
    pub(super) fn issues(&self, project: &Project, field: &Field) -> Result<Value, Fault> {
        let world = self.world;
        let sees_confidential = self.token.role >= Role::Reporter;
        if is_plain_count(field) && sees_confidential {
            let count = world.sizes_at(project.index, self.now).issues;
            let rows: Rows<Chosen> = Rows { rows: Vec::new(), is_more: false, count };
            return rows.write("Issue", field, |_, _| Ok(Value::Null));
        }
        let (by_update, is_ascending) = order(field);
        let (updated, created) = (self.span(field, "updated"), self.span(field, "created"));
        let sprints = self.sprints(field, updated, (by_update, is_ascending))?;
        let iids = texts(field, "iids");
        let rows = self.walk(field, ordered(sprints.0, sprints.1, is_ascending), is_ascending, |number| {
            let sprint = world.sprint(project.index, number);
            let mut chosen: Vec<(Key, u32)> = Vec::new();
            for (issue, number) in sprint.issues.iter().zip(0..) {
                let Some(state) = issue.at(self.now) else {
                    continue;
                };
                let iid = world.issue_iid(&sprint, number).to_string();
                let is_asked = is_within(state.updated_at, updated)
                    && is_within(state.created_at, created)
                    && iids.as_ref().is_none_or(|iids| iids.contains(&iid))
                    && field.text("state").is_none_or(|asked| asked == "all" || asked == state.state)
                    && (field.arguments.get("confidential"))
                        .is_none_or(|asked| *asked == json!(issue.confidential))
                    && (sees_confidential || !issue.confidential);
                if is_asked {
                    let key = (if by_update { state.updated_at } else { 0 }, world.id_in(&sprint, number));
                    chosen.push((key, number));
                }
            }
            chosen.sort_unstable();
            if !is_ascending {
                chosen.reverse();
            }
            let row = |(key, number)| (key, Chosen { sprint: sprint.clone(), number });
            chosen.into_iter().map(row).collect()
        })?;
        rows.write("Issue", field, |row, fields| self.issue(project, row, fields))
    }

    fn issue(&self, project: &Project, row: &Chosen, fields: &[Field]) -> Result<Value, Fault> {
        let (sprint, scribe) = (&row.sprint, self.scribe(project));
        let (Some(issue), Some(written)) =
            (sprint.issues.get(row.number as usize), scribe.issue(sprint, row.number))
        else {
            return Ok(Value::Null);
        };
        let mut found = Map::new();
        for field in fields {
            let value = match field.name.as_str() {
                "id" => json!(format!("gid://gitlab/Issue/{}", written["id"])),
                "iid" => json!(written["iid"].to_string()),
                "type" => written["type"].clone(),
                "createdAt" => written["created_at"].clone(),
                "updatedAt" => written["updated_at"].clone(),
                "closedAt" => written["closed_at"].clone(),
                "projectId" => json!(project.id),
                "userNotesCount" => written["user_notes_count"].clone(),
                "webUrl" => written["web_url"].clone(),
                "moved" => json!(!written["moved_to_id"].is_null()),
                "movedTo" => self.moved_to(row, &written, &field.fields)?,
                "author" => person(self.url(), "UserCore", issue.author, &field.fields),
                "assignees" => {
                    let is_assigned = !written["assignee"].is_null();
                    let assignees: Vec<_> = is_assigned.then_some(issue.assignee).into_iter().collect();
                    people(self.url(), "UserCore", field, &assignees)?
                }
                "labels" => labels(issue.is_incident.then_some("incident"), field)?,
                "notes" => self.notes(project, sprint, Noteable::Issue(row.number), field)?,
                "__typename" => json!("Issue"),
                name => written[name].clone(),
            };
            found.insert(field.key().to_owned(), value);
        }
        Ok(Value::Object(found))
    }

    /// The issue of another project to which this one was moved.
    fn moved_to(&self, row: &Chosen, written: &Value, fields: &[Field]) -> Result<Value, Fault> {
        let place = moved_to(self.world, &row.sprint).and_then(|id| self.world.place(id));
        let Some(place) = place.filter(|_| !written["moved_to_id"].is_null()) else {
            return Ok(Value::Null);
        };
        let (project, sprint) =
            (self.world.project(place.project), self.world.sprint(place.project, place.sprint));
        self.issue(&project, &Chosen { sprint, number: place.number }, fields)
    }
}
