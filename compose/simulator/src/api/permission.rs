//! Access to endpoints. In: a token, an endpoint, a project. Out: yes, or GitLab's refusal. Never decides about single rows: lists drop those
//! themselves.

use super::refusal::Refusal;
use super::route::Endpoint;
use super::token::{Role, Token};
use crate::gitlab::Project;

/// A permission of a fine-grained token (<https://docs.gitlab.com/auth/tokens/fine_grained_access_tokens_rest/>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Projects and groups' projects.
    Project,
    /// Groups.
    Group,
    /// Members.
    Member,
    /// Merge requests with their commits and approvals.
    MergeRequest,
    /// Issues and milestones, and the notes and events of state of merge requests too.
    WorkItem,
    /// Commits.
    Commit,
    /// Branches.
    Branch,
    /// Tags.
    RepositoryTag,
    /// Releases.
    Release,
    /// Pipelines, their jobs and trigger jobs.
    Pipeline,
    /// Jobs of a project.
    Job,
    /// Environments.
    Environment,
    /// Deployments.
    Deployment,
    /// Events.
    Event,
    /// Hooks and their logs.
    Webhook,
}

impl Permission {
    /// As GitLab names it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Permission::Project => "Project: Read",
            Permission::Group => "Group: Read",
            Permission::Member => "Member: Read",
            Permission::MergeRequest => "Merge Request: Read",
            Permission::WorkItem => "Work Item: Read",
            Permission::Commit => "Commit: Read",
            Permission::Branch => "Branch: Read",
            Permission::RepositoryTag => "Repository Tag: Read",
            Permission::Release => "Release: Read",
            Permission::Pipeline => "Pipeline: Read",
            Permission::Job => "Job: Read",
            Permission::Environment => "Environment: Read",
            Permission::Deployment => "Deployment: Read",
            Permission::Event => "Event: Read",
            Permission::Webhook => "Webhook: Read",
        }
    }

    /// The permissions that an endpoint needs.
    fn needed(endpoint: Endpoint) -> &'static [Permission] {
        match endpoint {
            Endpoint::Projects | Endpoint::Project | Endpoint::GroupProjects => &[Permission::Project],
            Endpoint::Groups | Endpoint::Group | Endpoint::DescendantGroups => &[Permission::Group],
            Endpoint::ProjectMembers | Endpoint::GroupMembers => &[Permission::Member],
            Endpoint::MergeRequests
            | Endpoint::GroupMergeRequests
            | Endpoint::MergeRequest
            | Endpoint::Approvals
            | Endpoint::MergeRequestCommits => &[Permission::MergeRequest],
            Endpoint::MergeRequestNotes
            | Endpoint::MergeRequestStateEvents
            | Endpoint::Issues
            | Endpoint::GroupIssues
            | Endpoint::Issue
            | Endpoint::IssueNotes
            | Endpoint::IssueStateEvents
            | Endpoint::Milestones
            | Endpoint::GroupMilestones => &[Permission::WorkItem],
            Endpoint::Commits => &[Permission::Commit],
            Endpoint::Branches => &[Permission::Branch],
            Endpoint::Tags => &[Permission::RepositoryTag],
            Endpoint::Releases => &[Permission::Release],
            Endpoint::Pipelines
            | Endpoint::Pipeline
            | Endpoint::PipelineJobs
            | Endpoint::TriggerJobs
            | Endpoint::Bridges => &[Permission::Pipeline],
            Endpoint::Jobs => &[Permission::Job],
            Endpoint::Environments => &[Permission::Environment],
            Endpoint::Deployments | Endpoint::Deployment => &[Permission::Deployment],
            Endpoint::DeploymentMergeRequests => &[Permission::Deployment, Permission::MergeRequest],
            Endpoint::Events => &[Permission::Event],
            Endpoint::Hooks | Endpoint::Hook | Endpoint::HookEvents => &[Permission::Webhook],
            Endpoint::Version
            | Endpoint::User
            | Endpoint::Users
            | Endpoint::TokenSelf
            | Endpoint::GraphQl => &[],
        }
    }
}

/// Whether this kind of token may use the endpoint.
pub(super) fn check_token(token: &Token, endpoint: Endpoint) -> Result<(), Refusal> {
    let reads = match endpoint {
        Endpoint::User | Endpoint::TokenSelf => token.reads_user(),
        _ => token.reads_api(),
    };
    if !reads {
        return Err(Refusal::InsufficientScope);
    }
    let missing: Vec<&str> = (Permission::needed(endpoint).iter())
        .filter(|permission| !token.may(**permission))
        .map(|permission| permission.as_str())
        .collect();
    if missing.is_empty() { Ok(()) } else { Err(Refusal::FineGrained(missing.join(", "))) }
}

/// Whether the project has the feature, and the token's owner may see it.
pub(super) fn check_project(token: &Token, endpoint: Endpoint, project: &Project) -> Result<(), Refusal> {
    let is_for_everybody = matches!(
        endpoint,
        Endpoint::Project
            | Endpoint::ProjectMembers
            | Endpoint::Issues
            | Endpoint::Issue
            | Endpoint::IssueNotes
            | Endpoint::IssueStateEvents
            | Endpoint::Milestones
            | Endpoint::Events
    );
    let is_of_hooks = matches!(endpoint, Endpoint::Hooks | Endpoint::Hook | Endpoint::HookEvents);
    if is_of_hooks && token.role < Role::Maintainer {
        return Err(Refusal::Forbidden);
    }
    if token.role < Role::Reporter && !is_for_everybody {
        return Err(Refusal::Forbidden);
    }
    let is_there = match endpoint {
        Endpoint::Pipelines
        | Endpoint::Pipeline
        | Endpoint::PipelineJobs
        | Endpoint::TriggerJobs
        | Endpoint::Bridges
        | Endpoint::Jobs => project.has_pipelines(),
        Endpoint::Environments
        | Endpoint::Deployments
        | Endpoint::Deployment
        | Endpoint::DeploymentMergeRequests => project.has_deployments(),
        _ => true,
    };
    if is_there { Ok(()) } else { Err(Refusal::Forbidden) }
}
