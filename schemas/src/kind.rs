//! The kinds of events GitLab sends. In: the names a body carries. Out: one [`EventKind`]. Never looks at headers:
//! `X-Gitlab-Event` says "System Hook" for all system hooks and "Issue Hook" for work items.

use std::fmt;
use std::str::FromStr;

/// `object_kind` of the event that GitPulse sends through itself to see that it works.
pub const TEST_EVENT: &str = "gitpulse_test";

/// What an event is about; one Kafka topic each. [`EventKind::Other`] takes everything GitPulse does not know yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventKind {
    /// Commits arrived on a branch, or a branch was created or deleted.
    Push,
    /// A tag was created, moved or deleted.
    TagPush,
    /// A merge request changed, or was approved, merged, closed, reopened.
    MergeRequest,
    /// An issue or any other work item (GitLab uses both names for one entity).
    Issue,
    /// A comment.
    Note,
    /// A pipeline changed its status.
    Pipeline,
    /// A job changed its status; GitLab calls it `build`.
    Job,
    /// A deployment changed its status.
    Deployment,
    /// A release was created, updated or deleted.
    Release,
    /// A milestone was created, closed, reopened or deleted.
    Milestone,
    /// A wiki page was created, updated or deleted.
    WikiPage,
    /// A feature flag was toggled.
    FeatureFlag,
    /// An emoji was awarded or revoked.
    Emoji,
    /// An access token or deploy token is about to expire.
    AccessToken,
    /// A vulnerability changed its state.
    Vulnerability,
    /// Somebody's membership of a group or project changed.
    Member,
    /// A project was created, renamed, moved, updated or deleted.
    Project,
    /// A group or subgroup was created, renamed or deleted.
    Group,
    /// A user or a user's key was created, changed or deleted, or a log-in failed.
    User,
    /// A repository changed (system hook, once a push).
    Repository,
    /// Not JSON, of an unknown kind, or of a shape nobody foresaw.
    Other,
}

impl EventKind {
    /// Every kind, in the order of the topics.
    pub const ALL: [EventKind; 21] = [
        EventKind::Push,
        EventKind::TagPush,
        EventKind::MergeRequest,
        EventKind::Issue,
        EventKind::Note,
        EventKind::Pipeline,
        EventKind::Job,
        EventKind::Deployment,
        EventKind::Release,
        EventKind::Milestone,
        EventKind::WikiPage,
        EventKind::FeatureFlag,
        EventKind::Emoji,
        EventKind::AccessToken,
        EventKind::Vulnerability,
        EventKind::Member,
        EventKind::Project,
        EventKind::Group,
        EventKind::User,
        EventKind::Repository,
        EventKind::Other,
    ];

    /// The name in topics, in the `kind` column and in metric labels.
    pub fn as_str(self) -> &'static str {
        match self {
            EventKind::Push => "push",
            EventKind::TagPush => "tag_push",
            EventKind::MergeRequest => "merge_request",
            EventKind::Issue => "issue",
            EventKind::Note => "note",
            EventKind::Pipeline => "pipeline",
            EventKind::Job => "job",
            EventKind::Deployment => "deployment",
            EventKind::Release => "release",
            EventKind::Milestone => "milestone",
            EventKind::WikiPage => "wiki_page",
            EventKind::FeatureFlag => "feature_flag",
            EventKind::Emoji => "emoji",
            EventKind::AccessToken => "access_token",
            EventKind::Vulnerability => "vulnerability",
            EventKind::Member => "member",
            EventKind::Project => "project",
            EventKind::Group => "group",
            EventKind::User => "user",
            EventKind::Repository => "repository",
            EventKind::Other => "other",
        }
    }

    /// The kind that a body names: `object_kind` decides, and `event_name` only where there is no `object_kind`
    /// (members, projects, subgroups and most system hooks have none).
    pub fn from_names(object_kind: Option<&str>, event_name: Option<&str>) -> EventKind {
        match object_kind.or(event_name).unwrap_or_default() {
            "push" => EventKind::Push,
            "tag_push" => EventKind::TagPush,
            "merge_request" => EventKind::MergeRequest,
            "issue" | "work_item" => EventKind::Issue,
            "note" => EventKind::Note,
            "pipeline" => EventKind::Pipeline,
            "build" => EventKind::Job,
            "deployment" => EventKind::Deployment,
            "release" => EventKind::Release,
            "milestone" => EventKind::Milestone,
            "wiki_page" => EventKind::WikiPage,
            "feature_flag" => EventKind::FeatureFlag,
            "emoji" => EventKind::Emoji,
            "access_token" | "deploy_token" => EventKind::AccessToken,
            "vulnerability" => EventKind::Vulnerability,
            "user_add_to_group"
            | "user_update_for_group"
            | "user_remove_from_group"
            | "user_access_request_to_group"
            | "user_access_request_denied_for_group"
            | "user_access_request_revoked_for_group"
            | "user_add_to_team"
            | "user_update_for_team"
            | "user_remove_from_team"
            | "user_access_request_to_project"
            | "user_access_request_denied_for_project"
            | "user_access_request_revoked_for_project"
            | "gitlab_subscription_member_approval"
            | "gitlab_subscription_member_approvals" => EventKind::Member,
            "project_create" | "project_destroy" | "project_rename" | "project_transfer"
            | "project_update" => EventKind::Project,
            "subgroup_create" | "subgroup_destroy" | "group_create" | "group_destroy" | "group_rename" => {
                EventKind::Group
            }
            "user_create" | "user_destroy" | "user_rename" | "user_failed_login" | "key_create"
            | "key_destroy" => EventKind::User,
            "repository_update" => EventKind::Repository,
            _ => EventKind::Other,
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no [`EventKind`].
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a kind of event")]
pub struct UnknownKind(String);

impl FromStr for EventKind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, UnknownKind> {
        EventKind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == name)
            .ok_or_else(|| UnknownKind(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(object_kind: Option<&str>, event_name: Option<&str>, expected: EventKind) {
        assert_eq!(EventKind::from_names(object_kind, event_name), expected);
    }

    #[test]
    fn object_kind_decides_and_event_name_stands_in() {
        check(Some("build"), None, EventKind::Job);
        check(Some("work_item"), None, EventKind::Issue);
        check(Some("push"), Some("tag_push"), EventKind::Push);
        check(None, Some("push"), EventKind::Push);
        check(None, Some("user_add_to_team"), EventKind::Member);
        check(None, Some("key_create"), EventKind::User);
        check(Some("external_status_check"), Some("push"), EventKind::Other);
        check(None, None, EventKind::Other);
    }

    #[test]
    fn every_kind_reads_back_from_its_name() {
        for kind in EventKind::ALL {
            assert_eq!(kind.as_str().parse::<EventKind>().unwrap(), kind);
        }
    }
}
