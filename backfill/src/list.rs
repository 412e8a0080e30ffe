//! What is listed of a project. In: a project's id. Out: path, query and limit of each list. Never asks.

use gitlab::Limit;
use schemas::api::resource::Resource;

use crate::coverage::Window;

/// Objects on a page, the most that GitLab gives (<https://docs.gitlab.com/api/rest/#pagination>).
pub const PER_PAGE: usize = 100;

/// A list of a project that can be filtered and sorted by `updated_at`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum List {
    /// Merge requests, in any state.
    MergeRequests,
    /// Pipelines. The list has neither finish nor duration.
    Pipelines,
    /// Pipelines that another pipeline started: the list of pipelines leaves them out unless it is asked for them alone
    /// (<https://docs.gitlab.com/api/pipelines/#list-project-pipelines>).
    ChildPipelines,
    /// Deployments.
    Deployments,
    /// Issues, in any state.
    Issues,
}

impl List {
    /// Every list.
    pub const ALL: [List; 5] =
        [List::MergeRequests, List::Pipelines, List::ChildPipelines, List::Deployments, List::Issues];

    /// Its name, in settings, checkpoints and metric labels.
    pub fn as_str(self) -> &'static str {
        match self {
            List::MergeRequests => "merge_requests",
            List::Pipelines => "pipelines",
            List::ChildPipelines => "child_pipelines",
            List::Deployments => "deployments",
            List::Issues => "issues",
        }
    }

    /// The list of this name.
    pub fn from_name(name: &str) -> Option<List> {
        List::ALL.into_iter().find(|list| list.as_str() == name)
    }

    /// What its objects are.
    pub fn resource(self) -> Resource {
        match self {
            List::MergeRequests => Resource::MergeRequest,
            List::Pipelines | List::ChildPipelines => Resource::Pipeline,
            List::Deployments => Resource::Deployment,
            List::Issues => Resource::Issue,
        }
    }

    /// The limit that its requests count against.
    pub fn limit(self) -> Limit {
        Limit::General
    }

    /// Its path, by the project's id: a path would be redirected after a rename.
    pub fn path(self, project_id: u64) -> String {
        let name = match self {
            List::ChildPipelines => List::Pipelines.as_str(),
            List::MergeRequests | List::Pipelines | List::Deployments | List::Issues => self.as_str(),
        };
        format!("projects/{project_id}/{name}")
    }

    /// The query of the next page of a window.
    ///
    /// Deployments can be filtered by `updated_at` only if they are sorted by it, and their filter of states has no word for all, which is
    /// what no filter means (<https://docs.gitlab.com/api/deployments/>).
    pub fn query(self, window: &Window) -> Vec<(&'static str, String)> {
        let until = window.span.until.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        let mut query = vec![
            ("order_by", "updated_at".to_owned()),
            ("sort", "asc".to_owned()),
            ("per_page", PER_PAGE.to_string()),
            ("updated_after", window.cursor.after.clone()),
            ("updated_before", until),
        ];
        match self {
            List::MergeRequests => {
                query.push(("state", "all".to_owned()));
                query.push(("scope", "all".to_owned()));
                query.push(("with_labels_details", "true".to_owned()));
            }
            List::Issues => {
                query.push(("state", "all".to_owned()));
                query.push(("scope", "all".to_owned()));
            }
            List::ChildPipelines => query.push(("source", "parent_pipeline".to_owned())),
            List::Pipelines | List::Deployments => (),
        }
        if window.cursor.page > 1 {
            query.push(("page", window.cursor.page.to_string()));
        }
        query
    }
}
