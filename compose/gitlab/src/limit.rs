//! The limits that a call counts against besides the budget of its token. In: the kind of call. Out: the limit that GitLab documents for it. Makes no
//! request.
//!
//! These are GitLab's application limits, per user. No header reports them
//! (<https://docs.gitlab.com/administration/settings/rate_limit_on_projects_api/> and its neighbours;
//! <https://docs.gitlab.com/user/gitlab_com/#rate-limits-on-gitlabcom>).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::budget::Rate;

/// Kinds of calls with limits of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// No known limit besides the token's budget. An undocumented limit is learnt from the first 429 of an endpoint.
    General,
    /// `GET /projects`: 2,000 in ten minutes.
    Projects,
    /// `GET /projects/:id`: 400 a minute.
    Project,
    /// `GET /groups/:id/projects`: 600 a minute.
    GroupProjects,
    /// `GET /groups`, and the lists of a group's groups: 50 a minute on GitLab.com, 200 elsewhere.
    Groups,
    /// `GET /groups/:id`: 400 a minute.
    Group,
    /// `GET /projects/:id/members/all` and `GET /groups/:id/members/all`, which share 200 a minute.
    Members,
    /// `GET /projects/:id/jobs`: 600 a minute.
    ProjectJobs,
}

/// Who runs the GitLab, because limits differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Site {
    GitLabCom,
    SelfManaged,
}

impl Limit {
    /// The documented rate; `None` if there is only the token's.
    pub(crate) fn documented(self, site: Site) -> Option<Rate> {
        match (self, site) {
            (Limit::General, _) => None,
            (Limit::Projects, _) => Some(Rate { permits: 2_000, per: Duration::from_secs(600) }),
            (Limit::Project | Limit::Group, _) => Some(Rate::per_minute(400)),
            (Limit::GroupProjects | Limit::ProjectJobs, _) => Some(Rate::per_minute(600)),
            (Limit::Groups, Site::GitLabCom) => Some(Rate::per_minute(50)),
            (Limit::Groups, Site::SelfManaged) | (Limit::Members, _) => Some(Rate::per_minute(200)),
        }
    }
}
