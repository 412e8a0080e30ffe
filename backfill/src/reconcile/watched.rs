//! The lists that are compared with tables. In: a list of a project. Out: how GitLab lists it, and which table has it. Makes no request.

use chrono::{DateTime, Utc};
use gitlab::Limit;
use schemas::api::resource::Resource;
use schemas::field::Field;
use serde::Deserialize;

use crate::coverage::Cursor;

/// Objects per page, GitLab's maximum.
pub const PER_PAGE: usize = 100;

/// A list of a project that is compared with a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Watched {
    /// Merge requests, in any state.
    MergeRequests,
    /// Issues and other work items, in any state.
    Issues,
    /// Pipelines, except those that another pipeline started.
    Pipelines,
    /// Pipelines that another pipeline started, which GitLab only lists when it is asked for them alone
    /// (<https://docs.gitlab.com/api/pipelines/#list-project-pipelines>).
    ChildPipelines,
    /// Deployments. Webhooks do not contain their numbers, so gaps cannot be seen.
    Deployments,
}

/// The table for a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableOf {
    /// The analysts' name of the table.
    pub view: &'static str,
    /// The key column within a project.
    pub key: &'static str,
    /// The column with the number or id for a request within a project.
    pub number: &'static str,
    /// The column with the state.
    pub state: &'static str,
    /// The condition for rows that are in the list.
    pub listed: &'static str,
}

/// The fields of a listed object that are compared.
#[derive(Debug, Clone, Deserialize)]
pub struct Listed {
    /// GitLab's id, unique in the instance.
    pub id: u64,
    /// Number within the project.
    #[serde(default)]
    pub iid: Field<u64>,
    /// For merge requests and issues.
    #[serde(default)]
    state: Field<String>,
    /// For pipelines and deployments.
    #[serde(default)]
    status: Field<String>,
    /// When it was created, in GitLab's format.
    #[serde(default)]
    pub created_at: Field<String>,
    /// When it was updated, in GitLab's format.
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

    /// Its key in the table within its project.
    pub fn key(&self, watched: Watched) -> u64 {
        match watched {
            Watched::MergeRequests => self.iid.get().unwrap_or(0),
            _ => self.id,
        }
    }
}

impl Watched {
    /// Every list; child pipelines come before pipelines, because they share their numbers.
    pub const ALL: [Watched; 5] = [
        Watched::MergeRequests,
        Watched::Issues,
        Watched::ChildPipelines,
        Watched::Pipelines,
        Watched::Deployments,
    ];

    /// Its name, for display and in the saved state.
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

    /// The path of one of its things: by the number within the project for a merge request or an issue, else by the id.
    pub fn path_of(self, project_id: u64, number: u64) -> String {
        format!("{}/{number}", self.path(project_id))
    }

    /// The table that has it.
    pub fn table(self) -> TableOf {
        let (view, key, number, state, listed) = match self {
            Watched::MergeRequests => ("merge_requests", "iid", "iid", "state", "true"),
            // An epic belongs to a group.
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

    /// Whether its numbers within the project are consecutive, so that a gap shows what is missing. Pipelines and child pipelines share their numbers
    /// and are searched together.
    pub fn is_numbered(self) -> bool {
        matches!(self, Watched::MergeRequests | Watched::Issues | Watched::Pipelines)
    }

    /// Parameters of every query of the list, without which some of its objects are omitted.
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

    /// The query for a page of the list, newest first. Order by id is order by creation, except in imported projects.
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

    /// The query for a page of what was updated at or after a time, in that order.
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

    /// The query for the things with these numbers within the project.
    pub fn numbered(self, numbers: &[u64]) -> Vec<(&'static str, String)> {
        let mut query = self.whole();
        query.push(("per_page", PER_PAGE.to_string()));
        query.extend(numbers.iter().map(|number| ("iids[]", number.to_string())));
        query
    }

    /// The query for what was created between two times, oldest first. A GitLab that does not know the filters ignores them, so the answer has to be
    /// checked.
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
