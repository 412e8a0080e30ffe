//! The kinds of events that GitLab sends, in one list. In: the names in a body. Out: an [`EventKind`]. Never looks at headers: `X-Gitlab-Event`
//! says "System Hook" for all system hooks and "Issue Hook" for work items.

use std::fmt;
use std::ops::Index;
use std::str::FromStr;

/// `object_kind` of the event that GitPulse sends to test itself.
pub const TEST_EVENT: &str = "gitpulse_test";

/// `X-Gitlab-Event` of every system hook, whatever its kind.
pub const SYSTEM_HOOK: &str = "System Hook";

/// Calls the macro `$make` with the list of all kinds, in the order of the topics. A row has the variant, its name (in topics, the column `kind`,
/// metric labels, file names), the `X-Gitlab-Event` of a group or project webhook, and all names that GitLab uses in bodies. The last kind is for
/// everything else and has no such names.
macro_rules! kinds {
    ($make:ident) => {
        $make! {
            /// Commits arrived on a branch, or a branch was created or deleted.
            Push "push" "Push Hook" ["push"];
            /// A tag was created, moved or deleted.
            TagPush "tag_push" "Tag Push Hook" ["tag_push"];
            /// A merge request changed, or was approved, merged, closed, reopened.
            MergeRequest "merge_request" "Merge Request Hook" ["merge_request"];
            /// An issue or any other work item (GitLab uses both names for one entity).
            Issue "issue" "Issue Hook" ["issue", "work_item"];
            /// A comment.
            Note "note" "Note Hook" ["note"];
            /// A pipeline changed its status.
            Pipeline "pipeline" "Pipeline Hook" ["pipeline"];
            /// A job changed its status; GitLab calls it `build`.
            Job "job" "Job Hook" ["build"];
            /// A deployment changed its status.
            Deployment "deployment" "Deployment Hook" ["deployment"];
            /// A release was created, updated or deleted.
            Release "release" "Release Hook" ["release"];
            /// A milestone was created, closed, reopened or deleted.
            Milestone "milestone" "Milestone Hook" ["milestone"];
            /// A wiki page was created, updated or deleted.
            WikiPage "wiki_page" "Wiki Page Hook" ["wiki_page"];
            /// A feature flag was toggled.
            FeatureFlag "feature_flag" "Feature Flag Hook" ["feature_flag"];
            /// An emoji was awarded or revoked.
            Emoji "emoji" "Emoji Hook" ["emoji"];
            /// An access token or deploy token is about to expire.
            AccessToken "access_token" "Resource Access Token Hook" ["access_token", "deploy_token"];
            /// A vulnerability changed its state.
            Vulnerability "vulnerability" "Vulnerability Hook" ["vulnerability"];
            /// Somebody's membership of a group or project changed.
            Member "member" "Member Hook" [
                "user_add_to_group",
                "user_update_for_group",
                "user_remove_from_group",
                "user_access_request_to_group",
                "user_access_request_denied_for_group",
                "user_access_request_revoked_for_group",
                "user_add_to_team",
                "user_update_for_team",
                "user_remove_from_team",
                "user_access_request_to_project",
                "user_access_request_denied_for_project",
                "user_access_request_revoked_for_project",
                "gitlab_subscription_member_approval",
                "gitlab_subscription_member_approvals"
            ];
            /// A project was created, renamed, moved, updated or deleted.
            Project "project" "Project Hook" [
                "project_create",
                "project_destroy",
                "project_rename",
                "project_transfer",
                "project_update"
            ];
            /// A group or subgroup was created, renamed or deleted.
            Group "group" "Subgroup Hook" [
                "subgroup_create",
                "subgroup_destroy",
                "group_create",
                "group_destroy",
                "group_rename"
            ];
            /// A user or a user's key was created, changed or deleted, or a log-in failed.
            User "user" "System Hook" [
                "user_create",
                "user_destroy",
                "user_rename",
                "user_failed_login",
                "key_create",
                "key_destroy"
            ];
            /// A repository changed (system hook, once per push).
            Repository "repository" "System Hook" ["repository_update"];
            /// A flow of GitLab Duo ended; an experiment of GitLab 19.4.
            DuoWorkflow "duo_workflow" "Duo Flow Callback" ["duo_workflow"];
            _
            /// Not JSON, of an unknown kind, or of an unexpected shape.
            Other "other" "System Hook";
        }
    };
}
pub(crate) use kinds;

/// The enumeration, and everything else with one line per kind.
macro_rules! enumeration {
    (
        $($(#[$doc:meta])* $kind:ident $name:literal $header:literal [$($given:literal),*];)*
        _
        $(#[$other_doc:meta])* $other:ident $other_name:literal $other_header:literal;
    ) => {
        /// What an event is about. Each kind has a Kafka topic. [`EventKind::Other`] is for everything that GitPulse does not know.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum EventKind {
            $($(#[$doc])* $kind,)*
            $(#[$other_doc])* $other,
        }

        impl EventKind {
            /// Every kind, in the order of the topics.
            pub const ALL: [EventKind; [$($name,)* $other_name].len()] =
                [$(EventKind::$kind,)* EventKind::$other];

            /// The name in topics, in the `kind` column and in metric labels.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(EventKind::$kind => $name,)*
                    EventKind::$other => $other_name,
                }
            }

            /// `X-Gitlab-Event` of a group or project webhook for this kind; [`SYSTEM_HOOK`] if there is none.
            pub fn hook_header(self) -> &'static str {
                match self {
                    $(EventKind::$kind => $header,)*
                    EventKind::$other => $other_header,
                }
            }

            /// The kind named by a body: `object_kind` decides, and `event_name` only if there is no `object_kind` (members, projects, subgroups
            /// and most system hooks have none).
            pub fn from_names(object_kind: Option<&str>, event_name: Option<&str>) -> EventKind {
                match object_kind.or(event_name).unwrap_or_default() {
                    $($($given => EventKind::$kind,)*)*
                    _ => EventKind::$other,
                }
            }
        }
    };
}
kinds!(enumeration);

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is not the name of an [`EventKind`].
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

/// One value per kind, found without a search.
///
/// **Invariant:** there is one for every kind, at the index of its kind.
#[derive(Debug, Clone)]
pub struct PerKind<T>([T; EventKind::ALL.len()]);

impl<T> PerKind<T> {
    /// Makes the value of each kind.
    pub fn new(make: impl FnMut(EventKind) -> T) -> PerKind<T> {
        PerKind(EventKind::ALL.map(make))
    }
}

impl<T> Index<EventKind> for PerKind<T> {
    type Output = T;

    fn index(&self, kind: EventKind) -> &T {
        // The enumeration and `ALL` are made from one list.
        &self.0[kind as usize]
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

    #[test]
    fn every_kind_finds_its_own_value() {
        let names = PerKind::new(EventKind::as_str);
        for kind in EventKind::ALL {
            assert_eq!(names[kind], kind.as_str());
        }
    }

    #[test]
    fn headers_are_those_of_hooks_of_projects_and_groups() {
        assert_eq!(EventKind::Job.hook_header(), "Job Hook");
        assert_eq!(EventKind::Group.hook_header(), "Subgroup Hook");
        assert_eq!(EventKind::Repository.hook_header(), SYSTEM_HOOK);
    }
}
