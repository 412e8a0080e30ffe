//! Notes of a query. In: the object they are on. Out: those that the token may see, oldest first. A note in a thread on a line has an id of another
//! class, as in GitLab.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::super::permission::Permission;
use super::super::token::Role;
use super::connection::{Rows, Window, person};
use super::fault::Fault;
use super::parse::Field;
use super::resolve::Resolver;
use crate::gitlab::{Noteable, Project, Sprint};

impl Resolver<'_> {
    /// Notes on a merge request or an issue.
    pub(super) fn notes(
        &self,
        project: &Project,
        sprint: &Arc<Sprint>,
        on: Noteable,
        field: &Field,
    ) -> Result<Value, Fault> {
        self.needs(Permission::WorkItem)?;
        let sees_internal = self.token.role >= Role::Reporter;
        let filter = field.text("filter").unwrap_or("ALL_NOTES");
        let rows = sprint.notes.iter().zip(0..).filter(|(note, _)| {
            note.on == on
                && note.is_there(self.now)
                && (sees_internal || !note.internal)
                && (filter == "ALL_NOTES" || note.system == (filter == "ONLY_ACTIVITY"))
        });
        let rows = rows.map(|(_, number)| ((0, self.world.id_in(sprint, number)), number)).collect();
        let scribe = self.scribe(project);
        Rows::cut(rows, Window::of(field)?).write("Note", field, |number, fields| {
            let written = scribe.note(sprint, *number).unwrap_or_default();
            let Some(note) = sprint.notes.get(*number as usize) else {
                return Ok(Value::Null);
            };
            let mut found = Map::new();
            for field in fields {
                let value = match field.name.as_str() {
                    "id" => {
                        let class = written["type"].as_str().unwrap_or("Note");
                        json!(format!("gid://gitlab/{class}/{}", written["id"]))
                    }
                    "author" => person(self.url(), "UserCore", note.by, &field.fields),
                    "resolvedBy" => match note.resolved.filter(|(at, _)| *at <= self.now) {
                        Some((_, by)) => person(self.url(), "UserCore", by, &field.fields),
                        None => Value::Null,
                    },
                    "createdAt" => written["created_at"].clone(),
                    "updatedAt" => written["updated_at"].clone(),
                    "resolvedAt" => written["resolved_at"].clone(),
                    "resolved" => json!(written["resolved"].as_bool().unwrap_or(false)),
                    "systemNoteIconName" => json!(note.system.then_some("pencil-square")),
                    "url" => {
                        let page = match on {
                            Noteable::MergeRequest(_) => "merge_requests",
                            Noteable::Issue(_) => self.version.issues_page(),
                        };
                        let (iid, id) = (&written["noteable_iid"], &written["id"]);
                        json!(format!("{}/-/{page}/{iid}#note_{id}", scribe.page()))
                    }
                    "__typename" => json!("Note"),
                    name => written[name].clone(),
                };
                found.insert(field.key().to_owned(), value);
            }
            Ok(Value::Object(found))
        })
    }
}
