//! What is compared with the tables. In: a list of a project. Out: how GitLab lists it, and which table has it. Never asks.

use chrono::{DateTime, Utc};
use gitlab::Limit;
use schemas::api::resource::Resource;
use schemas::field::Field;
use serde::Deserialize;

use crate::coverage::Cursor;

/// Objects on a page, the most that GitLab gives.
pub const PER_PAGE: usize = 100;

/// A list of a project that is compared with a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Watched {
    /// Merge requests, in any state.
    MergeRequests,
    /// Issues and other work items, in any state.
    Issues,
    /// Pipelines, but for those that another pipeline started.
    Pipelines,
    /// Pipelines that another pipeline started, which GitLab lists only where it is asked for them alone
    /// (<https://docs.gitlab.com/api/pipelines/#list-project-pipelines>).
    ChildPipelines,
    /// Deployments. Webhooks do not tell their numbers, so that nobody can see a gap among them.
    Deployments,
}

/// The table that has what a list tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableOf {
    /// The name that analysts read.
    pub view: &'static str,
    /// The column that identifies a row within its project.
    pub key: &'static str,
    /// The column by which GitLab is asked for a thing within its project.
    pub number: &'static str,
    /// The column that has its state.
    pub state: &'static str,
    /// Which of its rows the list has, as a condition.
    pub listed: &'static str,
}

/// The fields of a listed object by which it is compared.
#[derive(Debug, Clone, Deserialize)]
pub struct Listed {
    /// GitLab's id, unique in the instance.
    pub id: u64,
    /// Number within the project.
    #[serde(default)]
    pub iid: Field<u64>,
    /// Where it is of merge requests and issues.
    #[serde(default)]
    state: Field<String>,
    /// Where it is of pipelines and deployments.
    #[serde(default)]
    status: Field<String>,
    /// When it was created, as GitLab printed it.
    #[serde(default)]
    pub created_at: Field<String>,
    /// When it was updated, as GitLab printed it.
    #[serde(default)]
    pub updated_at: Field<String>,
}

impl Listed {
    /// State or status.
    pub fn state(&self, watched: Watched) -> &str {
        match watched {
            Watched::MergeRequests | Watched::Issues => self.state.text(),
            Watched::Pipelines | Watched::ChildPipelines | Watched::Deployments => self.status.text(),
        }
    }

    /// What identifies it in the table within its project.
    pub fn key(&self, watched: Watched) -> u64 {
        match watched {
            Watched::MergeRequests => self.iid.get().unwrap_or(0),
            _ => self.id,
        }
    }
}

impl Watched {
    /// Every list, child pipelines before pipelines, of whose numbers they have some.
    pub const ALL: [Watched; 5] = [
        Watched::MergeRequests,
        Watched::Issues,
        Watched::ChildPipelines,
        Watched::Pipelines,
        Watched::Deployments,
    ];

    /// Its name, as people read it and as it is remembered.
    pub fn as_str(self) -> &'static str {
        match self {
            Watched::MergeRequests => "merge_requests",
            Watched::Issues => "issues",
            Watched::Pipelines => "pipelines",
            Watched::ChildPipelines => "child_pipelines",
            Watched::Deployments => "deployments",
        }
    }

    /// What its objects are.
    pub fn resource(self) -> Resource {
        match self {
            Watched::MergeRequests => Resource::MergeRequest,
            Watched::Issues => Resource::Issue,
            Watched::Pipelines | Watched::ChildPipelines => Resource::Pipeline,
            Watched::Deployments => Resource::Deployment,
        }
    }

    /// The limit that its requests count against.
    pub fn limit(self) -> Limit {
        Limit::General
    }

    /// Its path, by the project's id: a path would be redirected after a rename.
    pub fn path(self, project_id: u64) -> String {
        let name = match self {
            Watched::ChildPipelines => "pipelines",
            other => other.as_str(),
        };
        format!("projects/{project_id}/{name}")
    }

    /// The path of one of its things: of a merge request or an issue by its number within the project, of others by the id.
    pub fn path_of(self, project_id: u64, number: u64) -> String {
        format!("{}/{number}", self.path(project_id))
    }

    /// The table that has it.
    pub fn table(self) -> TableOf {
        let (view, key, number, state, listed) = match self {
            Watched::MergeRequests => ("merge_requests", "iid", "iid", "state", "true"),
            // An epic is of a group.
            Watched::Issues => ("issues", "id", "iid", "state", "iid IS NOT NULL"),
            Watched::Pipelines => {
                ("pipelines", "id", "id", "status", "ifNull(source, '') != 'parent_pipeline'")
            }
            Watched::ChildPipelines => {
                ("pipelines", "id", "id", "status", "ifNull(source, '') = 'parent_pipeline'")
            }
            Watched::Deployments => ("deployments", "id", "id", "status", "true"),
        };
        TableOf { view, key, number, state, listed }
    }

    /// Whether its numbers within the project follow each other, so that a gap shows what is missing. Pipelines and child pipelines are counted
    /// together, and looked for together.
    pub fn is_numbered(self) -> bool {
        matches!(self, Watched::MergeRequests | Watched::Issues | Watched::Pipelines)
    }

    /// What every query of the list has: without it some of its objects are left out.
    fn whole(self) -> Vec<(&'static str, String)> {
        match self {
            Watched::MergeRequests => vec![
                ("state", "all".to_owned()),
                ("scope", "all".to_owned()),
                ("with_labels_details", "true".to_owned()),
            ],
            Watched::Issues => vec![("state", "all".to_owned()), ("scope", "all".to_owned())],
            Watched::ChildPipelines => vec![("source", "parent_pipeline".to_owned())],
            Watched::Pipelines | Watched::Deployments => Vec::new(),
        }
    }

    /// The query of a page of the list, newest first. Ordering by creation is ordering by id, but in projects that were imported.
    pub fn newest(self, per_page: usize) -> Vec<(&'static str, String)> {
        let order = match self {
            Watched::MergeRequests | Watched::Issues => "created_at",
            Watched::Pipelines | Watched::ChildPipelines | Watched::Deployments => "id",
        };
        let mut query = self.whole();
        query.extend([
            ("order_by", order.to_owned()),
            ("sort", "desc".to_owned()),
            ("per_page", per_page.to_string()),
        ]);
        query
    }

    /// The query of a page of what was updated at or after a time, in that order.
    pub fn updated_since(self, cursor: &Cursor) -> Vec<(&'static str, String)> {
        let mut query = self.whole();
        query.extend([
            ("order_by", "updated_at".to_owned()),
            ("sort", "asc".to_owned()),
            ("per_page", PER_PAGE.to_string()),
            ("updated_after", cursor.after.clone()),
        ]);
        if cursor.page > 1 {
            query.push(("page", cursor.page.to_string()));
        }
        query
    }

    /// The query of the things with these numbers within the project.
    pub fn numbered(self, numbers: &[u64]) -> Vec<(&'static str, String)> {
        let mut query = self.whole();
        query.push(("per_page", PER_PAGE.to_string()));
        query.extend(numbers.iter().map(|number| ("iids[]", number.to_string())));
        query
    }

    /// The query of what was created between two times, the oldest first. A GitLab that does not know the filters leaves them out: what comes
    /// has to be looked at.
    pub fn created_between(self, after: DateTime<Utc>, before: DateTime<Utc>) -> Vec<(&'static str, String)> {
        let time = |time: DateTime<Utc>| time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        let mut query = self.whole();
        query.extend([
            ("order_by", "id".to_owned()),
            ("sort", "asc".to_owned()),
            ("per_page", PER_PAGE.to_string()),
            ("created_after", time(after)),
            ("created_before", time(before)),
        ]);
        query
    }
}
