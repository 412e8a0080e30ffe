//! Merge requests of a query. In: a project and the requested fields. Out: their values. Ordered by the last change or by ids, as requested.

use serde_json::{Map, Value, json};

use super::super::list::{Chosen, is_within};
use super::connection::{Key, Rows, Window, only, people, person};
use super::fault::Fault;
use super::parse::Field;
use super::resolve::{Resolver, Span, is_plain_count, ordered};
use crate::gitlab::text::{LABEL, source_project, time, time_of, title};
use crate::gitlab::{MergeRequest, Millis, Noteable, Project, Sprint};

/// The texts of a list argument.
pub(super) fn texts(field: &Field, name: &str) -> Option<Vec<String>> {
    match field.arguments.get(name)? {
        Value::Array(all) => Some(all.iter().filter_map(|one| one.as_str().map(ToOwned::to_owned)).collect()),
        Value::String(one) => Some(vec![one.clone()]),
        _ => None,
    }
}

/// The requested order: whether by the last change, and whether oldest first.
pub(super) fn order(field: &Field) -> (bool, bool) {
    let sort = field.text("sort").unwrap_or("CREATED_DESC").to_uppercase();
    (sort.starts_with("UPDATED"), sort.ends_with("_ASC"))
}

impl Resolver<'_> {
    /// A project's merge requests.
    pub(super) fn merge_requests(&self, project: &Project, field: &Field) -> Result<Value, Fault> {
        let world = self.world;
        if is_plain_count(field) {
            let count = world.sizes_at(project.index, self.now).merge_requests;
            let rows: Rows<Chosen> = Rows { rows: Vec::new(), is_more: false, count };
            return rows.write("MergeRequest", field, |_, _| Ok(Value::Null));
        }
        let (by_update, is_ascending) = order(field);
        let updated = self.span(field, "updated");
        let sprints = self.sprints(field, updated, (by_update, is_ascending))?;
        let (iids, states) = (texts(field, "iids"), (field.text("state"), field.arguments.get("draft")));
        let branches = (texts(field, "sourceBranches"), texts(field, "targetBranches"));
        let spans = (self.span(field, "created"), self.span(field, "merged"));
        let rows = self.walk(field, ordered(sprints.0, sprints.1, is_ascending), is_ascending, |number| {
            let sprint = world.sprint(project.index, number);
            let mut chosen: Vec<(Key, u32)> = Vec::new();
            for (request, number) in sprint.merge_requests.iter().zip(0..) {
                let Some(updated_at) = request.updated_at(self.now).filter(|at| is_within(*at, updated))
                else {
                    continue;
                };
                let Some(state) = request.at(self.now) else {
                    continue;
                };
                let target = state.target.name(&sprint);
                let source = request.source.name(&sprint);
                let iid = world.merge_request_iid(&sprint, number).to_string();
                let is_one = |asked: &Option<Vec<String>>, name: &String| {
                    asked.as_ref().is_none_or(|asked| asked.contains(name))
                };
                let merged = state.merged.map(|(at, _)| at);
                let is_asked = states.0.is_none_or(|asked| asked == "all" || asked == state.state)
                    && states.1.is_none_or(|asked| *asked == json!(state.draft))
                    && is_one(&iids, &iid)
                    && is_one(&branches.0, &source)
                    && is_one(&branches.1, &target)
                    && is_within(state.created_at, spans.0)
                    && (spans.1 == (None, None) || merged.is_some_and(|at| is_within(at, spans.1)))
                    && field.text("authorUsername").is_none_or(|asked| asked == request.author.username());
                if is_asked {
                    let key = (if by_update { updated_at } else { 0 }, world.id_in(&sprint, number));
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
        rows.write("MergeRequest", field, |row, fields| self.merge_request(project, row, fields))
    }

    /// The first and the last sprint with rows of a list that is ordered by the last change or by ids.
    pub(super) fn sprints(
        &self,
        field: &Field,
        updated: Span,
        (by_update, is_ascending): (bool, bool),
    ) -> Result<(u32, u32), Fault> {
        let config = self.world.config();
        let mut first = config.sprint_at(updated.0.unwrap_or(Millis::MIN));
        let mut last = config.sprint_at(updated.1.unwrap_or(self.now).min(self.now));
        let after = Window::of(field)?.after.filter(|_| field.field("count").is_none());
        let behind = after.and_then(|(at, id)| match by_update {
            true => Some(config.sprint_at(at)),
            false => self.world.place(id).map(|place| place.sprint),
        });
        match behind {
            Some(behind) if is_ascending => first = first.max(behind),
            Some(behind) => last = last.min(behind),
            None => (),
        }
        Ok((first, last))
    }

    /// A merge request; null if it does not exist.
    pub(super) fn merge_request(
        &self,
        project: &Project,
        row: &Chosen,
        fields: &[Field],
    ) -> Result<Value, Fault> {
        let sprint = &row.sprint;
        let Some(request) = sprint.merge_requests.get(row.number as usize) else {
            return Ok(Value::Null);
        };
        let Some(state) = request.at(self.now) else {
            return Ok(Value::Null);
        };
        let id = self.world.id_in(sprint, row.number);
        let iid = self.world.merge_request_iid(sprint, row.number);
        let on = Noteable::MergeRequest(row.number);
        let scribe = self.scribe(project);
        let mut found = Map::new();
        for field in fields {
            let below = &field.fields;
            let value = match field.name.as_str() {
                "id" => json!(format!("gid://gitlab/MergeRequest/{id}")),
                "iid" => json!(iid.to_string()),
                "title" => json!(title(row.number, request)),
                "description" => json!(""),
                "state" => json!(state.state),
                "draft" => json!(state.draft),
                "createdAt" => json!(time(state.created_at)),
                "updatedAt" => json!(time(state.updated_at)),
                "mergedAt" => json!(time_of(state.merged.map(|(at, _)| at))),
                "closedAt" => json!(time_of(state.closed.map(|(at, _)| at))),
                "preparedAt" => json!(time(state.created_at + 1_813)),
                "sourceBranch" => json!(request.source.name(sprint)),
                "targetBranch" => json!(state.target.name(sprint)),
                "sourceProjectId" => json!(source_project(project.id, request)),
                "projectId" | "targetProjectId" => json!(project.id),
                "diffHeadSha" => json!(state.head.to_string()),
                "mergeCommitSha" => json!(state.merge_commit.map(|sha| sha.to_string())),
                "squash" | "squashOnMerge" => json!(state.squash_commit.is_some()),
                "commitCount" => json!(state.commits.len()),
                "userNotesCount" => json!(sprint.comments(on, self.now)),
                "approved" => json!(!state.approvals.is_empty()),
                "mergeStatusEnum" => json!("CAN_BE_MERGED"),
                "detailedMergeStatus" => {
                    json!(if state.state == "opened" { "MERGEABLE" } else { "NOT_OPEN" })
                }
                "webUrl" => json!(format!("{}/-/merge_requests/{iid}", scribe.page())),
                "timeEstimate" | "totalTimeSpent" => json!(0),
                "headPipeline" => match request.head_pipeline {
                    Some(number) => {
                        self.pipeline(project, &Chosen { sprint: sprint.clone(), number }, below)?
                    }
                    None => Value::Null,
                },
                "author" => person(self.url(), "MergeRequestAuthor", request.author, below),
                "mergeUser" => match state.merged {
                    Some((_, by)) => person(self.url(), "UserCore", by, below),
                    None => Value::Null,
                },
                "approvedBy" => {
                    let approvers: Vec<_> = state.approvals.iter().map(|(by, _)| *by).collect();
                    people(self.url(), "UserCore", field, &approvers)?
                }
                "reviewers" => {
                    let reviewers: Vec<_> =
                        state.review_requested.then_some(request.reviewer).into_iter().collect();
                    people(self.url(), "MergeRequestReviewer", field, &reviewers)?
                }
                "assignees" => people(self.url(), "MergeRequestAssignee", field, &[])?,
                "labels" => labels(state.labelled.then_some(LABEL), field)?,
                "milestone" => milestone(&scribe.milestone(sprint.number), below),
                "diffStatsSummary" => diff_stats(sprint, request, self.now, below),
                "notes" => self.notes(project, sprint, on, field)?,
                _ => json!("MergeRequest"),
            };
            found.insert(field.key().to_owned(), value);
        }
        Ok(Value::Object(found))
    }
}

/// A connection of labels, of which there is at most one.
pub(super) fn labels(label: Option<&str>, field: &Field) -> Result<Value, Fault> {
    let rows = label.map(|label| ((0, 4_007), label)).into_iter().collect();
    Rows::cut(rows, Window::of(field)?).write("Label", field, |label, fields| {
        Ok(only("Label", fields, |name| match name {
            "title" => json!(label),
            "color" => json!("#b5483a"),
            _ => json!("gid://gitlab/ProjectLabel/4007"),
        }))
    })
}

/// A milestone; `written` is REST's object.
fn milestone(written: &Value, fields: &[Field]) -> Value {
    only("Milestone", fields, |name| match name {
        "id" => json!(format!("gid://gitlab/Milestone/{}", written["id"])),
        "iid" => json!(written["iid"].to_string()),
        "createdAt" => written["created_at"].clone(),
        "updatedAt" => written["updated_at"].clone(),
        "startDate" => written["start_date"].clone(),
        "dueDate" => written["due_date"].clone(),
        name => written[name].clone(),
    })
}

fn diff_stats(sprint: &Sprint, request: &MergeRequest, now: Millis, fields: &[Field]) -> Value {
    let commits = request.at(now).map(|state| state.commits).unwrap_or_default();
    let commits: Vec<_> = commits.iter().filter_map(|commit| sprint.commits.get(*commit as usize)).collect();
    let additions: u32 = commits.iter().map(|commit| commit.additions).sum();
    let deletions: u32 = commits.iter().map(|commit| commit.deletions).sum();
    only("DiffStatsSummary", fields, |name| match name {
        "additions" => json!(additions),
        "deletions" => json!(deletions),
        "changes" => json!(additions + deletions),
        _ => json!(commits.len()),
    })
}
