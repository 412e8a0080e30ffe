//! The expected tables of a world, once the whole API was read. In: a world and a time. Out: rows, as plain names and values, one sprint at a time.
//! Knows the names of tables and columns, but not how they are filled; a row lacks columns that no API has.
//!
//! Times are in ClickHouse's JSON format.

pub mod metrics;
mod pipelines;
mod repository;
mod work;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::dice::{DAY, Millis};
use super::names::{environment, tier};
use super::people::Person;
use super::places::{branches, environment_id, environment_times, environments, quarters};
use super::sprint::Sprint;
use super::text::table_time;
use super::tree::{Group, PROJECT_MEMBERS, Project, Special, members};
use super::world::{Place, World};

/// A row of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The table, by its analysts' name.
    pub table: &'static str,
    /// Columns that the API has, including the key.
    pub columns: BTreeMap<&'static str, Value>,
}

fn row<const N: usize>(table: &'static str, columns: [(&'static str, Value); N]) -> Row {
    Row { table, columns: columns.into_iter().collect() }
}

fn at(time: Millis) -> Value {
    json!(table_time(time))
}

fn at_of(time: Option<Millis>) -> Value {
    json!(time.map(table_time))
}

/// A time without its milliseconds.
fn second(time: Millis) -> Millis {
    time.div_euclid(1_000) * 1_000
}

impl World {
    /// All rows of `factory`, its subgroups and projects, as of `now`.
    pub fn truth(&self, now: Millis) -> impl Iterator<Item = Row> + '_ {
        let projects = 0..self.config().projects;
        let of_projects = projects.flat_map(move |index| self.truth_of(&self.project(index), now));
        self.truth_of_groups(now).into_iter().chain(of_projects)
    }

    /// Rows of `factory` and its subgroups, of their members and their milestones.
    pub fn truth_of_groups(&self, now: Millis) -> Vec<Row> {
        let config = self.config();
        let all = (0..self.groups()).map(|index| self.group(index));
        let mut rows = Vec::new();
        for group in
            all.filter(|group| group.index == Group::FACTORY || group.is_within(config, Group::FACTORY))
        {
            rows.push(row(
                "groups",
                [
                    ("group_id", json!(group.id)),
                    ("path", json!(group.path)),
                    ("name", json!(group.name)),
                    ("parent_id", json!(group.parent.map(|parent| self.group(parent).id))),
                    ("visibility", json!("private")),
                    ("url", json!(format!("{}/groups/{}", config.url, group.path))),
                    ("created_at", at(config.began_at - DAY)),
                ],
            ));
            rows.extend(
                members(config, u64::from(group.index))
                    .into_iter()
                    .map(|member| of_member(0, group.id, member)),
            );
            for quarter in quarters(self, &group, now) {
                rows.push(row(
                    "milestones",
                    [
                        ("project_id", json!(0)),
                        ("group_id", json!(group.id)),
                        ("id", json!(quarter.id)),
                        ("iid", json!(quarter.iid)),
                        ("title", json!(format!("Quarter {}", quarter.iid))),
                        ("state", json!("active")),
                        ("created_at", at(quarter.starts_at)),
                        ("updated_at", at(quarter.starts_at)),
                    ],
                ));
            }
        }
        rows
    }

    /// All rows of a project, as of `now`.
    pub fn truth_of<'w>(&'w self, project: &Project, now: Millis) -> impl Iterator<Item = Row> + use<'w> {
        let of_project = Truth { world: self, project: project.clone(), now };
        let last = self.config().sprint_at(now);
        let whole = of_project.whole();
        let sprints = (0..=last).flat_map(move |number| of_project.sprint(&of_project.made(number)));
        whole.into_iter().chain(sprints)
    }
}

impl World {
    /// Merge requests, issues, notes, pipelines and jobs of a project that were deleted by `now`, with their key columns: a table that knew one shows
    /// it as deleted.
    pub fn deleted<'w>(&'w self, project: &Project, now: Millis) -> impl Iterator<Item = Row> + use<'w> {
        let (of_project, last) = (project.clone(), self.config().sprint_at(now));
        (0..=last).flat_map(move |number| {
            let sprint = self.sprint(of_project.index, number);
            let is_gone = |at: Option<Millis>| at.is_some_and(|at| at <= now);
            let mut rows = Vec::new();
            let mut gone = |table: &'static str, number: usize, iid: Option<u64>| {
                let id = self.id_in(&sprint, u32::try_from(number).unwrap_or(u32::MAX));
                let mut columns = row(table, [("project_id", json!(of_project.id)), ("id", json!(id))]);
                columns.columns.extend(iid.map(|iid| ("iid", json!(iid))));
                rows.push(columns);
            };
            for (_, number) in
                sprint.merge_requests.iter().zip(0..).filter(|(one, _)| is_gone(one.deleted_at))
            {
                gone("merge_requests", number as usize, Some(self.merge_request_iid(&sprint, number)));
            }
            for (_, number) in sprint.issues.iter().zip(0..).filter(|(one, _)| is_gone(one.deleted_at)) {
                gone("issues", number as usize, Some(self.issue_iid(&sprint, number)));
            }
            for (_, number) in sprint.notes.iter().zip(0..).filter(|(one, _)| is_gone(one.deleted_at)) {
                gone("notes", number, None);
            }
            for (_, number) in sprint.pipelines.iter().zip(0..).filter(|(one, _)| is_gone(one.deleted_at)) {
                gone("pipelines", number as usize, Some(self.pipeline_iid(&sprint, number)));
            }
            for (_, number) in sprint.jobs.iter().zip(0..).filter(|(one, _)| is_gone(one.deleted_at)) {
                gone("jobs", number, None);
            }
            rows
        })
    }
}

/// A member of a project or a group; the other id is 0.
fn of_member(project_id: u64, group_id: u64, (person, access_level): (Person, u8)) -> Row {
    row(
        "members",
        [
            ("project_id", json!(project_id)),
            ("group_id", json!(group_id)),
            ("user_id", json!(person.id())),
            ("username", json!(person.username())),
            ("access_level", json!(access_level)),
        ],
    )
}

struct Truth<'w> {
    world: &'w World,
    project: Project,
    now: Millis,
}

impl Truth<'_> {
    fn made(&self, number: u32) -> std::sync::Arc<Sprint> {
        self.world.sprint(self.project.index, number)
    }

    /// Rows of the project itself.
    fn whole(&self) -> Vec<Row> {
        let (world, project, config) = (self.world, &self.project, self.world.config());
        let path = project.path_at(config, self.now);
        let id = json!(project.id);
        let mut rows = vec![row(
            "projects",
            [
                ("project_id", id.clone()),
                ("path", json!(path)),
                ("name", json!(project.slug_at(config, self.now))),
                ("namespace_id", json!(world.group(project.group_at(config, self.now)).id)),
                ("visibility", json!("private")),
                ("default_branch", json!("main")),
                ("url", json!(format!("{}/{path}", config.url))),
                ("archived", json!(project.special == Special::Archived)),
                ("created_at", at(project.created_at(config))),
            ],
        )];
        let of_project = members(config, PROJECT_MEMBERS + u64::from(project.index));
        rows.extend(of_project.into_iter().map(|member| of_member(project.id, 0, member)));
        for place in environments(world, project, self.now) {
            let (created_at, stopped_at) = environment_times(world, project, place);
            let is_stopped = stopped_at.is_some_and(|stopped_at| stopped_at <= self.now);
            rows.push(row(
                "environments",
                [
                    ("project_id", id.clone()),
                    ("id", json!(environment_id(world, project.index, place))),
                    ("name", json!(environment(project, place.sprint, place.number))),
                    ("tier", json!(tier(place.number))),
                    ("state", json!(if is_stopped { "stopped" } else { "available" })),
                    ("created_at", at(created_at)),
                ],
            ));
        }
        for head in branches(world, project.index, self.now) {
            rows.push(row(
                "branches",
                [
                    ("project_id", id.clone()),
                    ("name", json!(head.name)),
                    ("head_sha", json!(head.sha.to_string())),
                    ("is_default", json!(head.name == "main")),
                ],
            ));
        }
        for sprint in 0..=config.sprint_at(self.now) {
            let (starts_at, ends_at) = (config.starts_at(sprint), config.starts_at(sprint + 1));
            let is_over = self.now >= ends_at;
            rows.push(row(
                "milestones",
                [
                    ("project_id", id.clone()),
                    ("id", json!(world.id(Place { project: project.index, sprint, number: 0 }))),
                    ("iid", json!(sprint + 1)),
                    ("title", json!(format!("Sprint {}", sprint + 1))),
                    ("state", json!(if is_over { "closed" } else { "active" })),
                    ("created_at", at(starts_at)),
                    ("updated_at", at(if is_over { ends_at } else { starts_at })),
                ],
            ));
        }
        rows
    }

    fn sprint(&self, sprint: &Sprint) -> Vec<Row> {
        let mut rows = Vec::new();
        self.merge_requests(sprint, &mut rows);
        self.issues(sprint, &mut rows);
        self.notes(sprint, &mut rows);
        if self.project.has_pipelines() {
            self.pipelines(sprint, &mut rows);
            self.jobs(sprint, &mut rows);
        }
        self.deployments(sprint, &mut rows);
        self.repository(sprint, &mut rows);
        rows
    }

    fn id(&self, sprint: &Sprint, number: u32) -> Value {
        json!(self.world.id_in(sprint, number))
    }

    fn project_id(&self) -> (&'static str, Value) {
        ("project_id", json!(self.project.id))
    }
}
