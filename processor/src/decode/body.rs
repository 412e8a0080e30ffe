//! Types the payload of a webhook or an API object. In: its kind and JSON. Out: an [`EventBody`], or the required field that is missing. A payload
//! only needs the fields that identify its entity; the rows deal with the rest.

use schemas::EventKind;
use schemas::api;
use schemas::api::deployment::{Environment, MergeRequests};
use schemas::api::merge_request::{Approvals, Commits};
use schemas::api::presence::Presence;
use schemas::api::project_event::ProjectEvent;
use schemas::api::push::{ListedCommit, ListedRef, PushEvent};
use schemas::api::resource::{ObjectHead, Resource};
use schemas::api::state_event::StateEvent;
use schemas::event::access_token::AccessToken;
use schemas::event::deployment::Deployment;
use schemas::event::emoji::Emoji;
use schemas::event::feature_flag::FeatureFlag;
use schemas::event::group::Group;
use schemas::event::issue::Issue;
use schemas::event::job::{Job, Posted};
use schemas::event::member::Member;
use schemas::event::merge_request::MergeRequest;
use schemas::event::milestone::Milestone;
use schemas::event::note::Note;
use schemas::event::pipeline::Pipeline;
use schemas::event::project::Project;
use schemas::event::push::{Commit, Push};
use schemas::event::release::Release;
use schemas::event::user::User;
use schemas::event::vulnerability::{self, Vulnerability};
use schemas::event::wiki_page::WikiPage;
use schemas::field::Field;
use schemas::json::JsonError;
use serde::Deserialize;

use super::{DecodeError, MAX_NAME_BYTES};

/// The typed payload, with one variant per kind of object that has tables.
#[derive(Debug)]
pub enum EventBody {
    /// A push to a branch or a tag.
    Push(Box<Push>),
    /// A commit from the API.
    Commit(Box<Commit>),
    /// A branch or tag from the API.
    Ref(Box<ListedRef>),
    /// A change of a merge request, or the merge request from the API.
    MergeRequest(Box<MergeRequest>),
    /// The approvals of a merge request, from the API.
    Approvals(Box<Approvals>),
    /// The commits of a merge request, from the API.
    MergeRequestCommits(Box<Commits>),
    /// A change of state of a merge request or an issue, from the API.
    StateEvent(Box<StateEvent>),
    /// An event of a project about a merge request or an issue, from the API.
    ProjectEvent(Box<ProjectEvent>),
    /// That something is no longer listed, or is listed again.
    Presence(Box<Presence>),
    /// A change of a pipeline and its jobs, or the pipeline from the API.
    Pipeline(Box<Pipeline>),
    /// A change of an issue or another work item, or the work item from the API.
    Issue(Box<Issue>),
    /// A comment.
    Note(Box<Note>),
    /// A change of a job, or the job from the API.
    Job(Box<Job>),
    /// A change of a deployment, or the deployment from the API.
    Deployment(Box<Deployment>),
    /// An environment from the API.
    Environment(Box<Environment>),
    /// The merge requests that a deployment contains, from the API.
    DeploymentMergeRequests(Box<MergeRequests>),
    /// A change of a release, or the release from the API.
    Release(Box<Release>),
    /// A change of a milestone, or the milestone from the API.
    Milestone(Box<Milestone>),
    /// A change of a wiki page.
    WikiPage(Box<WikiPage>),
    /// A switch of a feature flag.
    FeatureFlag(Box<FeatureFlag>),
    /// An emoji that was awarded or revoked, or the award from the API.
    Emoji(Box<Emoji>),
    /// A change of a vulnerability, or the vulnerability from the API.
    Vulnerability(Box<Vulnerability>),
    /// A token that expires soon, or the token from the API.
    AccessToken(Box<AccessToken>),
    /// A membership that began, changed or ended, or the membership from the API.
    Member(Box<Member>),
    /// A change of a project, or the project from the API.
    Project(Box<Project>),
    /// A change of a group, or the group from the API.
    Group(Box<Group>),
    /// A change of a user, or the user from the API.
    User(Box<User>),
    /// A kind without tables.
    Untyped,
}

/// The body of a webhook.
pub(super) fn typed(kind: EventKind, payload: &str) -> Result<EventBody, DecodeError> {
    match kind {
        EventKind::Push | EventKind::TagPush => push(kind, parse(kind, payload)?),
        EventKind::MergeRequest => merge_request(parse(kind, payload)?),
        EventKind::Issue => issue(parse(kind, payload)?, "object_attributes.id"),
        EventKind::Note => note(parse(kind, payload)?),
        EventKind::Pipeline => pipeline(parse(kind, payload)?),
        EventKind::Job => job(parse::<Posted>(kind, payload)?.into()),
        EventKind::Deployment => deployment(parse(kind, payload)?),
        EventKind::Release => release(parse(kind, payload)?),
        EventKind::Milestone => milestone(parse(kind, payload)?),
        EventKind::WikiPage => {
            let page: WikiPage = parse(kind, payload)?;
            let attributes = &page.object_attributes;
            text(kind, "object_attributes.slug", &attributes.field(|attributes| &attributes.slug))?;
            text(kind, "object_attributes.action", &attributes.field(|attributes| &attributes.action))?;
            within(
                kind,
                "object_attributes.version_id",
                attributes.field(|attributes| &attributes.version_id).text(),
            )?;
            Ok(EventBody::WikiPage(Box::new(page)))
        }
        EventKind::FeatureFlag => {
            let flag: FeatureFlag = parse(kind, payload)?;
            let attributes = &flag.object_attributes;
            if attributes.field(|attributes| &attributes.id).get().is_none() {
                text(kind, "object_attributes.name", &attributes.field(|attributes| &attributes.name))?;
            }
            match attributes.field(|attributes| &attributes.active).get() {
                Some(_) => Ok(EventBody::FeatureFlag(Box::new(flag))),
                None => Err(DecodeError::Missing { kind, field: "object_attributes.active" }),
            }
        }
        EventKind::Emoji => emoji(parse(kind, payload)?),
        EventKind::Vulnerability => vulnerability(parse(kind, payload)?),
        EventKind::AccessToken => access_token(parse(kind, payload)?),
        EventKind::Member => member(parse(kind, payload)?),
        EventKind::Project => Ok(EventBody::Project(Box::new(parse(kind, payload)?))),
        EventKind::Group => Ok(EventBody::Group(Box::new(parse(kind, payload)?))),
        EventKind::User => user(parse(kind, payload)?),
        _ => Ok(EventBody::Untyped),
    }
}

/// An object of the API. Its fields show which resource lists it.
pub(super) fn typed_object(kind: EventKind, payload: &str) -> Result<EventBody, DecodeError> {
    let head = ObjectHead::read(payload).map_err(|source| DecodeError::Payload { kind, source })?;
    let Some(resource) = head.resource(kind) else { return Ok(EventBody::Untyped) };
    if head.tells_presence() {
        return presence(kind, resource, parse(kind, payload)?);
    }
    match resource {
        Resource::PushEvent => {
            let event: PushEvent = parse(kind, payload)?;
            let content = &event.push_data;
            let (name, count) = (content.field(|push| &push.ref_name), content.field(|push| &push.ref_count));
            match (name, count) {
                // If a push has too many refs, GitLab only gives their number.
                (Field::Value(_), _) | (_, Field::Value(_)) => push(kind, event.into()),
                (_, _) => Ok(EventBody::Untyped),
            }
        }
        Resource::Commit => {
            let commit: Commit = parse::<ListedCommit>(kind, payload)?.into();
            text(kind, "id", &commit.id)?;
            Ok(EventBody::Commit(Box::new(commit)))
        }
        Resource::Branch | Resource::Tag => {
            let listed: ListedRef = parse(kind, payload)?;
            text(kind, "name", &listed.name)?;
            Ok(EventBody::Ref(Box::new(listed)))
        }
        Resource::MergeRequest => merge_request(parse::<api::merge_request::Listed>(kind, payload)?.into()),
        Resource::Approvals => Ok(EventBody::Approvals(Box::new(parse(kind, payload)?))),
        Resource::MergeRequestCommits => {
            let commits: Commits = parse(kind, payload)?;
            number(kind, "merge_request_iid", &commits.merge_request_iid)?;
            match commits.commits {
                Field::Value(_) => Ok(EventBody::MergeRequestCommits(Box::new(commits))),
                Field::Absent | Field::Null | Field::Unreadable => {
                    Err(DecodeError::Missing { kind, field: "commits" })
                }
            }
        }
        Resource::MergeRequestStateEvent | Resource::IssueStateEvent => state_event(kind, payload),
        Resource::MergeRequestEvent | Resource::IssueEvent => project_event(kind, payload),
        Resource::Issue | Resource::Epic => {
            let listed: api::issue::Listed = parse(kind, payload)?;
            let identity = listed.identity();
            issue(listed.into(), identity)
        }
        Resource::Note => note(parse::<api::note::Listed>(kind, payload)?.into()),
        Resource::Pipeline => pipeline(parse::<api::pipeline::Listed>(kind, payload)?.into()),
        Resource::Job | Resource::TriggerJob => job(parse::<api::job::Listed>(kind, payload)?.into()),
        Resource::Deployment => deployment(parse::<api::deployment::Listed>(kind, payload)?.into()),
        Resource::Environment => environment(parse(kind, payload)?),
        Resource::DeploymentMergeRequests => {
            let brought: MergeRequests = parse(kind, payload)?;
            number(kind, "deployment_id", &brought.deployment_id)?;
            match brought.merge_requests {
                Field::Value(_) => Ok(EventBody::DeploymentMergeRequests(Box::new(brought))),
                Field::Absent | Field::Null | Field::Unreadable => {
                    Err(DecodeError::Missing { kind, field: "merge_requests" })
                }
            }
        }
        Resource::Release => release(parse::<api::release::Listed>(kind, payload)?.into()),
        Resource::Milestone => milestone(parse::<api::milestone::Listed>(kind, payload)?.into()),
        Resource::Emoji => emoji(parse::<api::emoji::Listed>(kind, payload)?.into()),
        Resource::Vulnerability => vulnerability(parse::<api::vulnerability::Listed>(kind, payload)?.into()),
        Resource::AccessToken | Resource::DeployToken => {
            access_token(parse::<api::access_token::Listed>(kind, payload)?.into())
        }
        Resource::Member | Resource::AccessRequest => {
            member(parse::<api::member::Listed>(kind, payload)?.into())
        }
        Resource::Project => {
            Ok(EventBody::Project(Box::new(parse::<api::project::Listed>(kind, payload)?.into())))
        }
        Resource::Group => Ok(EventBody::Group(Box::new(parse::<api::group::Listed>(kind, payload)?.into()))),
        Resource::User => user(parse::<api::user::Listed>(kind, payload)?.into()),
    }
}

fn push(kind: EventKind, push: Push) -> Result<EventBody, DecodeError> {
    text(kind, "ref", &push.ref_name)?;
    text(kind, "before", &push.before)?;
    text(kind, "after", &push.after)?;
    Ok(EventBody::Push(Box::new(push)))
}

fn merge_request(merge_request: MergeRequest) -> Result<EventBody, DecodeError> {
    let attributes = &merge_request.object_attributes;
    number(
        EventKind::MergeRequest,
        "object_attributes.iid",
        &attributes.field(|attributes| &attributes.iid),
    )?;
    Ok(EventBody::MergeRequest(Box::new(merge_request)))
}

/// `identity` is the name of the field with its id.
fn issue(issue: Issue, identity: &'static str) -> Result<EventBody, DecodeError> {
    number(EventKind::Issue, identity, &issue.object_attributes.field(|attributes| &attributes.id))?;
    Ok(EventBody::Issue(Box::new(issue)))
}

fn note(note: Note) -> Result<EventBody, DecodeError> {
    number(
        EventKind::Note,
        "object_attributes.id",
        &note.object_attributes.field(|attributes| &attributes.id),
    )?;
    Ok(EventBody::Note(Box::new(note)))
}

fn pipeline(pipeline: Pipeline) -> Result<EventBody, DecodeError> {
    let (kind, attributes) = (EventKind::Pipeline, &pipeline.object_attributes);
    number(kind, "object_attributes.id", &attributes.field(|attributes| &attributes.id))?;
    within(kind, "object_attributes.ref", attributes.field(|attributes| &attributes.ref_name).text())?;
    within(kind, "object_attributes.sha", attributes.field(|attributes| &attributes.sha).text())?;
    within(kind, "object_attributes.status", attributes.field(|attributes| &attributes.status).text())?;
    Ok(EventBody::Pipeline(Box::new(pipeline)))
}

fn job(job: Job) -> Result<EventBody, DecodeError> {
    number(EventKind::Job, "build_id", &job.build.id)?;
    Ok(EventBody::Job(Box::new(job)))
}

fn environment(environment: Environment) -> Result<EventBody, DecodeError> {
    number(EventKind::Deployment, "id", &environment.id)?;
    Ok(EventBody::Environment(Box::new(environment)))
}

fn deployment(deployment: Deployment) -> Result<EventBody, DecodeError> {
    let kind = EventKind::Deployment;
    number(kind, "deployment_id", &deployment.deployment_id)?;
    within(kind, "status", deployment.status.text())?;
    within(kind, "approver.username", deployment.approver.field(|user| &user.username).text())?;
    Ok(EventBody::Deployment(Box::new(deployment)))
}

fn member(member: Member) -> Result<EventBody, DecodeError> {
    match member.object_kind {
        // A request for a paid seat.
        Field::Value(_) => Ok(EventBody::Untyped),
        Field::Absent | Field::Null | Field::Unreadable => {
            number(EventKind::Member, "user_id", &member.user_id)?;
            Ok(EventBody::Member(Box::new(member)))
        }
    }
}

fn user(user: User) -> Result<EventBody, DecodeError> {
    match user.event_name.text() {
        // Only the user name of the key's owner is known.
        "key_create" | "key_destroy" => Ok(EventBody::Untyped),
        _ => {
            number(EventKind::User, "user_id", &user.user_id)?;
            Ok(EventBody::User(Box::new(user)))
        }
    }
}

fn state_event(kind: EventKind, payload: &str) -> Result<EventBody, DecodeError> {
    let event: StateEvent = parse(kind, payload)?;
    text(kind, "state", &event.state)?;
    if event.created_at.get().is_none() {
        return Err(DecodeError::Missing { kind, field: "created_at" });
    }
    Ok(EventBody::StateEvent(Box::new(event)))
}

fn presence(kind: EventKind, resource: Resource, presence: Presence) -> Result<EventBody, DecodeError> {
    match resource {
        Resource::MergeRequest => number(kind, "iid", &presence.iid)?,
        Resource::Release => text(kind, "tag_name", &presence.tag_name)?,
        Resource::Branch | Resource::Tag => text(kind, "name", &presence.name)?,
        _ => number(kind, "id", &presence.id)?,
    }
    match (presence.resource(), presence.shown()) {
        (Some(_), Some(_)) => Ok(EventBody::Presence(Box::new(presence))),
        (None, _) => Ok(EventBody::Untyped),
        (Some(_), None) => Err(DecodeError::Missing { kind, field: "absent_since" }),
    }
}

fn project_event(kind: EventKind, payload: &str) -> Result<EventBody, DecodeError> {
    let event: ProjectEvent = parse(kind, payload)?;
    match kind {
        EventKind::MergeRequest => number(kind, "target_iid", &event.target_iid)?,
        _ => number(kind, "target_id", &event.target_id)?,
    }
    if event.created_at.get().is_none() {
        return Err(DecodeError::Missing { kind, field: "created_at" });
    }
    within(kind, "author.username", event.actor().username.text())?;
    Ok(EventBody::ProjectEvent(Box::new(event)))
}

fn release(release: Release) -> Result<EventBody, DecodeError> {
    text(EventKind::Release, "tag", &release.tag)?;
    Ok(EventBody::Release(Box::new(release)))
}

fn milestone(milestone: Milestone) -> Result<EventBody, DecodeError> {
    let id = milestone.object_attributes.field(|attributes| &attributes.id);
    number(EventKind::Milestone, "object_attributes.id", &id)?;
    Ok(EventBody::Milestone(Box::new(milestone)))
}

fn emoji(emoji: Emoji) -> Result<EventBody, DecodeError> {
    let id = emoji.object_attributes.field(|attributes| &attributes.id);
    number(EventKind::Emoji, "object_attributes.id", &id)?;
    text(EventKind::Emoji, "event_type", &emoji.event_type())?;
    Ok(EventBody::Emoji(Box::new(emoji)))
}

fn vulnerability(vulnerability: Vulnerability) -> Result<EventBody, DecodeError> {
    match vulnerability.object_attributes.get().and_then(vulnerability::Attributes::number) {
        Some(_) => Ok(EventBody::Vulnerability(Box::new(vulnerability))),
        None => Err(DecodeError::Missing { kind: EventKind::Vulnerability, field: "object_attributes.url" }),
    }
}

fn access_token(token: AccessToken) -> Result<EventBody, DecodeError> {
    let id = token.object_attributes.field(|attributes| &attributes.id);
    number(EventKind::AccessToken, "object_attributes.id", &id)?;
    Ok(EventBody::AccessToken(Box::new(token)))
}

fn parse<'p, T: Deserialize<'p>>(kind: EventKind, payload: &'p str) -> Result<T, DecodeError> {
    serde_json::from_str(payload)
        .map_err(|error| DecodeError::Payload { kind, source: JsonError::from(error) })
}

fn text(kind: EventKind, field: &'static str, value: &Field<String>) -> Result<(), DecodeError> {
    match value.text() {
        "" => Err(DecodeError::Missing { kind, field }),
        text => within(kind, field, text),
    }
}

pub(super) fn within(kind: EventKind, field: &'static str, text: &str) -> Result<(), DecodeError> {
    if text.len() > MAX_NAME_BYTES { Err(DecodeError::TooLong { kind, field }) } else { Ok(()) }
}

fn number(kind: EventKind, field: &'static str, value: &Field<u64>) -> Result<(), DecodeError> {
    match value.get() {
        Some(_) => Ok(()),
        None => Err(DecodeError::Missing { kind, field }),
    }
}
