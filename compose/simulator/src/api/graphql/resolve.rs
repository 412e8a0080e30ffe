//! Resolves a query. In: validated fields. Out: their values. What may not be seen is null without an error, as in GitLab; but a fine-grained token
//! gets an error that names the missing permission.

use serde_json::{Map, Value, json};

use super::super::list::{sees_group, sees_project};
use super::super::permission::Permission;
use super::super::token::{Role, Token};
use super::super::write::Scribe;
use super::connection::{Key, Rows, Window, only, person};
use super::fault::Fault;
use super::parse::Field;
use crate::gitlab::text::{read_time, time};
use crate::gitlab::{Group, Millis, Project, Special, World};
use crate::version::Version;

/// Answers fields of a world at a time.
pub(super) struct Resolver<'w> {
    pub(super) world: &'w World,
    pub(super) token: &'w Token,
    pub(super) version: Version,
    pub(super) now: Millis,
}

/// Two times, either of which may be open.
pub(super) type Span = (Option<Millis>, Option<Millis>);

impl Resolver<'_> {
    /// A field of the query itself.
    pub(super) fn root(&self, field: &Field) -> Result<Value, Fault> {
        let path = field.text("fullPath").unwrap_or_default();
        Ok(match field.name.as_str() {
            "currentUser" => person(self.url(), "CurrentUser", self.token.owner, &field.fields),
            "metadata" => only("Metadata", &field.fields, |name| match name {
                "version" => json!(self.version.as_str()),
                "revision" => json!("4d8a1c07"),
                _ => json!(true),
            }),
            "group" => {
                let mut all = (0..self.world.groups()).map(|index| self.world.group(index));
                match all.find(|group| group.path.eq_ignore_ascii_case(path)) {
                    Some(group) if sees_group(self.world, self.token, &group) => self.group(&group, field)?,
                    _ => Value::Null,
                }
            }
            "project" => {
                let config = self.world.config();
                let mut all = (0..self.world.projects()).map(|index| self.world.project(index));
                let found = all.find(|project| project.path_at(config, self.now).eq_ignore_ascii_case(path));
                match found {
                    Some(project) if sees_project(self.world, self.token, &project) => {
                        self.project(&project, &field.fields)?
                    }
                    _ => Value::Null,
                }
            }
            _ => json!("Query"),
        })
    }

    fn group(&self, group: &Group, field: &Field) -> Result<Value, Fault> {
        let mut found = Map::new();
        for below in &field.fields {
            let value = match below.name.as_str() {
                "id" => json!(format!("gid://gitlab/Group/{}", group.id)),
                "fullPath" => json!(group.path),
                "name" => json!(group.name),
                "projects" => {
                    let config = self.world.config();
                    let with_subgroups = below.arguments.get("includeSubgroups") == Some(&json!(true));
                    let with_archived = below.arguments.get("includeArchived") != Some(&json!(false));
                    let all = (0..self.world.projects()).map(|index| self.world.project(index));
                    let rows = all.filter(|project| {
                        let of = self.world.group(project.group_at(config, self.now));
                        let is_below = with_subgroups && of.is_within(config, group.index);
                        (of.index == group.index || is_below)
                            && (with_archived || project.special != Special::Archived)
                    });
                    let rows = rows.map(|project| ((0, project.id), project)).collect();
                    Rows::cut(rows, Window::of(below)?)
                        .write("Project", below, |project, fields| self.project(project, fields))?
                }
                _ => json!("Group"),
            };
            found.insert(below.key().to_owned(), value);
        }
        Ok(Value::Object(found))
    }

    fn project(&self, project: &Project, fields: &[Field]) -> Result<Value, Fault> {
        let mut found = Map::new();
        for below in fields {
            let value = match below.name.as_str() {
                "id" => json!(format!("gid://gitlab/Project/{}", project.id)),
                "fullPath" => json!(project.path_at(self.world.config(), self.now)),
                "name" => json!(project.slug),
                "archived" => json!(project.special == Special::Archived),
                "createdAt" => json!(time(project.created_at(self.world.config()))),
                "lastActivityAt" => json!(time(self.scribe(project).last_activity())),
                "__typename" => json!("Project"),
                "issues" => {
                    self.needs(Permission::WorkItem)?;
                    self.issues(project, below)?
                }
                _ if self.token.role < Role::Reporter => Value::Null,
                "pipelines" | "jobs" if !project.has_pipelines() => Value::Null,
                "pipelines" => {
                    self.needs(Permission::Pipeline)?;
                    self.pipelines(project, below)?
                }
                "jobs" => {
                    self.needs(Permission::Job)?;
                    self.jobs(project, below)?
                }
                _ => {
                    self.needs(Permission::MergeRequest)?;
                    self.merge_requests(project, below)?
                }
            };
            found.insert(below.key().to_owned(), value);
        }
        Ok(Value::Object(found))
    }

    /// Whether a fine-grained token may read this.
    pub(super) fn needs(&self, permission: Permission) -> Result<(), Fault> {
        if self.token.may(permission) {
            return Ok(());
        }
        Err(Fault::plain(format!(
            "Access denied: This operation requires a fine-grained personal access token with the following project permissions: [{}].",
            permission.as_str()
        )))
    }

    /// The requested span of times, both included.
    pub(super) fn span(&self, field: &Field, what: &str) -> Span {
        let read = |end: &str| field.text(&format!("{what}{end}")).and_then(read_time);
        (read("After"), read("Before"))
    }

    pub(super) fn scribe<'p>(&'p self, project: &'p Project) -> Scribe<'p> {
        Scribe { world: self.world, project, now: self.now, version: self.version }
    }

    pub(super) fn url(&self) -> &str {
        &self.world.config().url
    }

    /// Walks through sprints until the page is full, or to the end if rows are counted. `choose` gives the requested rows of a sprint in the order of
    /// the list, whether or not they are behind the cursor.
    pub(super) fn walk<R>(
        &self,
        field: &Field,
        sprints: Vec<u32>,
        is_ascending: bool,
        choose: impl Fn(u32) -> Vec<(Key, R)>,
    ) -> Result<Rows<R>, Fault> {
        let window = Window::of(field)?;
        let counts = field.field("count").is_some();
        let (mut rows, mut count) = (Vec::new(), 0);
        for sprint in sprints {
            if rows.len() > window.rows && !counts {
                break;
            }
            let chosen = choose(sprint);
            count += chosen.len() as u64;
            let left = (window.rows + 1).saturating_sub(rows.len());
            rows.extend(
                chosen.into_iter().filter(|(key, _)| window.is_behind(*key, is_ascending)).take(left),
            );
        }
        let is_more = rows.len() > window.rows;
        rows.truncate(window.rows);
        Ok(Rows { rows, is_more, count })
    }
}

/// Whether only a count is requested, without any filter.
pub(super) fn is_plain_count(field: &Field) -> bool {
    field.fields.iter().all(|below| below.name == "count")
        && field.arguments.keys().all(|name| matches!(name.as_str(), "first" | "sort"))
}

/// Sprints of a list, in its order.
pub(super) fn ordered(first: u32, last: u32, is_ascending: bool) -> Vec<u32> {
    if is_ascending { (first..=last).collect() } else { (first..=last).rev().collect() }
}
