//! The resources of the API. In: the JSON of an object, and its kind. Out: the [`Resource`] that lists it, and the fields that identify it
//! ([`ObjectHead`]). Never reads the rest of the object.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;

use crate::EventKind;
use crate::field::{Embedded, Field};
use crate::json::JsonError;

type Text<'a> = Field<Cow<'a, str>>;
type Id = Field<u64>;

/// Defines the resources: variant, name and kind of each.
macro_rules! resources {
    ($($(#[$doc:meta])* $resource:ident $name:literal $kind:ident;)*) => {
        /// A list of the API. One resource has one shape of object.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Resource {
            $($(#[$doc])* $resource,)*
        }

        impl Resource {
            /// Every resource.
            pub const ALL: [Resource; [$($name),*].len()] = [$(Resource::$resource),*];

            /// Its name in ids and labels. Never change it: the ids of events are made from it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Resource::$resource => $name,)*
                }
            }

            /// The resource with this name.
            pub fn from_name(name: &str) -> Option<Resource> {
                Resource::ALL.into_iter().find(|resource| resource.as_str() == name)
            }

            /// The kind of its objects. A push event of a tag has the kind [`EventKind::TagPush`].
            pub fn kind(self) -> EventKind {
                match self {
                    $(Resource::$resource => EventKind::$kind,)*
                }
            }
        }
    };
}

resources! {
    /// A project (<https://docs.gitlab.com/api/projects/>).
    Project "project" Project;
    /// A group (<https://docs.gitlab.com/api/groups/>).
    Group "group" Group;
    /// A user (<https://docs.gitlab.com/api/users/>).
    User "user" User;
    /// A member of a project or a group (<https://docs.gitlab.com/api/members/>).
    Member "member" Member;
    /// A request for access (<https://docs.gitlab.com/api/access_requests/>).
    AccessRequest "access_request" Member;
    /// A token of a project, a group or a person (<https://docs.gitlab.com/api/project_access_tokens/>).
    AccessToken "access_token" AccessToken;
    /// A deploy token (<https://docs.gitlab.com/api/deploy_tokens/>).
    DeployToken "deploy_token" AccessToken;
    /// A push from the list of events (<https://docs.gitlab.com/api/events/>).
    PushEvent "push_event" Push;
    /// A commit (<https://docs.gitlab.com/api/commits/>).
    Commit "commit" Push;
    /// A branch (<https://docs.gitlab.com/api/branches/>).
    Branch "branch" Push;
    /// A tag (<https://docs.gitlab.com/api/tags/>).
    Tag "tag" TagPush;
    /// A merge request (<https://docs.gitlab.com/api/merge_requests/>).
    MergeRequest "merge_request" MergeRequest;
    /// The approvals of a merge request (<https://docs.gitlab.com/api/merge_request_approvals/>).
    Approvals "approvals" MergeRequest;
    /// A change of a merge request's state (<https://docs.gitlab.com/api/resource_state_events/>).
    MergeRequestStateEvent "merge_request_state_event" MergeRequest;
    /// An event of a project about a merge request: it was opened, merged, approved, ... (<https://docs.gitlab.com/api/events/>).
    MergeRequestEvent "merge_request_event" MergeRequest;
    /// The commits of a merge request: `merge_request_iid`, the `head_sha` when they were read, and as `commits` the list of the API, newest first
    /// (<https://docs.gitlab.com/api/merge_requests/#retrieve-merge-request-commits>).
    MergeRequestCommits "merge_request_commits" MergeRequest;
    /// An issue (<https://docs.gitlab.com/api/issues/>).
    Issue "issue" Issue;
    /// An epic of a group (<https://docs.gitlab.com/api/epics/>).
    Epic "epic" Issue;
    /// A change of an issue's state (<https://docs.gitlab.com/api/resource_state_events/>).
    IssueStateEvent "issue_state_event" Issue;
    /// An event of a project about an issue: it was opened or closed (<https://docs.gitlab.com/api/events/>).
    IssueEvent "issue_event" Issue;
    /// A note on a merge request, an issue or anything else. All notes share one sequence of ids (<https://docs.gitlab.com/api/notes/>).
    Note "note" Note;
    /// An emoji on anything (<https://docs.gitlab.com/api/emoji_reactions/>).
    Emoji "emoji" Emoji;
    /// A pipeline (<https://docs.gitlab.com/api/pipelines/>).
    Pipeline "pipeline" Pipeline;
    /// A job (<https://docs.gitlab.com/api/jobs/>).
    Job "job" Job;
    /// A trigger job, once called a bridge (<https://docs.gitlab.com/api/jobs/>).
    TriggerJob "trigger_job" Job;
    /// An environment (<https://docs.gitlab.com/api/environments/>). It shares the topic of the deployments to it.
    Environment "environment" Deployment;
    /// A deployment (<https://docs.gitlab.com/api/deployments/>).
    Deployment "deployment" Deployment;
    /// The merge requests that a deployment contains: `deployment_id`, and as `merge_requests` the list of the API.
    DeploymentMergeRequests "deployment_merge_requests" Deployment;
    /// A release (<https://docs.gitlab.com/api/releases/>).
    Release "release" Release;
    /// A milestone of a project or a group (<https://docs.gitlab.com/api/milestones/>).
    Milestone "milestone" Milestone;
    /// A vulnerability (<https://docs.gitlab.com/api/vulnerabilities/>).
    Vulnerability "vulnerability" Vulnerability;
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The fields that identify an object, for all resources.
#[derive(Debug, Default, Deserialize)]
pub struct ObjectHead<'a> {
    #[serde(borrow, default)]
    pub(super) id: Text<'a>,
    #[serde(default)]
    pub(super) iid: Id,
    #[serde(default)]
    pub(super) project_id: Id,
    #[serde(default)]
    pub(super) group_id: Id,
    #[serde(default)]
    pub(super) user_id: Id,
    #[serde(default)]
    pub(super) work_item_id: Id,
    #[serde(default)]
    pub(super) deployment_id: Id,
    #[serde(default)]
    pub(super) merge_request_iid: Id,
    #[serde(default)]
    pub(super) target_id: Id,
    #[serde(default)]
    pub(super) target_iid: Id,
    #[serde(borrow, default)]
    pub(super) resource: Text<'a>,
    #[serde(borrow, default)]
    pub(super) resource_type: Text<'a>,
    #[serde(default)]
    pub(super) resource_id: Id,
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) tag_name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) username: Text<'a>,
    #[serde(borrow, default)]
    pub(super) web_url: Text<'a>,
    #[serde(borrow, default)]
    pub(super) push_data: Embedded<PushContent<'a>>,
    // For these only the presence matters.
    #[serde(default)]
    pub(super) short_id: Field<bool>,
    #[serde(default)]
    pub(super) approved_by: Field<bool>,
    #[serde(default)]
    pub(super) requested_at: Field<bool>,
    #[serde(default)]
    pub(super) downstream_pipeline: Field<bool>,
    #[serde(default)]
    pub(super) slug: Field<bool>,
    #[serde(default)]
    pub(super) merge_requests: Field<bool>,
    #[serde(default)]
    pub(super) target_type: Field<bool>,
    #[serde(default)]
    pub(super) absent_since: Field<bool>,
    #[serde(default)]
    pub(super) listed_at: Field<bool>,
}

/// The content of a push event.
#[derive(Debug, Default, Deserialize)]
pub(super) struct PushContent<'a> {
    #[serde(borrow, default)]
    pub(super) ref_type: Text<'a>,
    #[serde(borrow, default, rename = "ref")]
    pub(super) ref_name: Text<'a>,
}

impl<'a> ObjectHead<'a> {
    /// Reads the head of an object. Fails if the text is not JSON or a field of the head occurs twice.
    pub fn read(json: &'a str) -> Result<ObjectHead<'a>, JsonError> {
        match json.trim_ascii_start().as_bytes().first() {
            // Serde would read an array into a struct, field by field.
            Some(b'[') => Ok(ObjectHead::default()),
            Some(_) | None => serde_json::from_str(json).map_err(JsonError::from),
        }
    }

    /// Whether this is not GitLab's object, but ours that reports a thing as no longer listed or listed again ([`super::presence`]).
    pub fn tells_presence(&self) -> bool {
        given(&self.absent_since) || given(&self.listed_at)
    }

    /// The resource that lists objects of this kind with these fields; `None` for kinds that the API does not list. Needed because `events` keeps
    /// only the object and its kind.
    pub fn resource(&self, kind: EventKind) -> Option<Resource> {
        if self.tells_presence() {
            let name = self.resource.value()?;
            return Resource::from_name(name).filter(|resource| resource.kind() == kind);
        }
        Some(match kind {
            EventKind::Push | EventKind::TagPush if self.push_data.get().is_some() => Resource::PushEvent,
            EventKind::Push | EventKind::TagPush if given(&self.short_id) => Resource::Commit,
            EventKind::Push => Resource::Branch,
            EventKind::TagPush => Resource::Tag,
            EventKind::MergeRequest if given(&self.resource_type) => Resource::MergeRequestStateEvent,
            EventKind::MergeRequest if given(&self.target_type) => Resource::MergeRequestEvent,
            EventKind::MergeRequest if given(&self.approved_by) => Resource::Approvals,
            EventKind::MergeRequest if given(&self.merge_request_iid) => Resource::MergeRequestCommits,
            EventKind::MergeRequest => Resource::MergeRequest,
            EventKind::Issue if given(&self.resource_type) => Resource::IssueStateEvent,
            EventKind::Issue if given(&self.target_type) => Resource::IssueEvent,
            EventKind::Issue if self.group_id != Field::Absent || self.work_item_id != Field::Absent => {
                Resource::Epic
            }
            EventKind::Issue => Resource::Issue,
            EventKind::Note => Resource::Note,
            EventKind::Pipeline => Resource::Pipeline,
            // Null until the trigger job has started it.
            EventKind::Job if self.downstream_pipeline != Field::Absent => Resource::TriggerJob,
            EventKind::Job => Resource::Job,
            EventKind::Deployment if given(&self.merge_requests) => Resource::DeploymentMergeRequests,
            EventKind::Deployment if given(&self.slug) => Resource::Environment,
            EventKind::Deployment => Resource::Deployment,
            EventKind::Release => Resource::Release,
            EventKind::Milestone => Resource::Milestone,
            EventKind::Emoji => Resource::Emoji,
            EventKind::AccessToken if given(&self.username) => Resource::DeployToken,
            EventKind::AccessToken => Resource::AccessToken,
            EventKind::Vulnerability => Resource::Vulnerability,
            EventKind::Member if given(&self.requested_at) => Resource::AccessRequest,
            EventKind::Member => Resource::Member,
            EventKind::Project => Resource::Project,
            EventKind::Group => Resource::Group,
            EventKind::User => Resource::User,
            EventKind::WikiPage
            | EventKind::FeatureFlag
            | EventKind::Repository
            | EventKind::DuoWorkflow
            | EventKind::Other => return None,
        })
    }
}

/// Whether the object has the field, and not as null.
fn given<T>(field: &Field<T>) -> bool {
    matches!(field, Field::Value(_) | Field::Unreadable)
}
