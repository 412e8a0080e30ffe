//! The rows of an event. In: a typed [`Event`]. Out: [`Rows`], with one vector per table. Pure; never reads existing rows, because the tables merge
//! by key and version (`schemas/clickhouse`).

use std::cmp::Ordering;
use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use clickhouse::Row;
use schemas::EventKind;
use serde::Serialize;
use uuid::Uuid;

use crate::audit::AuditLogRow;
use crate::decode::{Event, EventBody};

mod access_token;
mod deployment;
mod deployment_merge_requests;
mod emoji;
mod environment;
mod existence;
mod feature_flag;
mod group;
mod issue;
mod job;
mod job_run;
mod member;
mod merge_request;
mod merge_request_commits;
mod merged;
mod milestone;
mod namespace_rename;
mod note;
mod people;
mod pipeline;
mod presence;
mod project;
mod project_event;
mod push;
mod release;
mod snapshot;
mod table;
mod timeline;
mod user;
mod version;
mod vulnerability;
mod wiki_page;

pub use access_token::TokenExpiryRow;
pub use deployment::{DeploymentEventRow, DeploymentRow};
pub use deployment_merge_requests::{Brought, DeploymentMergeRequestsRow};
pub use emoji::EmojiEventRow;
pub use environment::EnvironmentRow;
pub use feature_flag::FeatureFlagEventRow;
pub use group::GroupRow;
pub use issue::{IssueEventRow, IssueRow};
pub use job::{JobRetryRow, JobRow};
pub use job_run::JobRunRow;
pub use member::MemberRow;
pub use merge_request::{MergeRequestEventRow, MergeRequestRow};
pub use merge_request_commits::{ListedCommits, MergeRequestCommitsRow};
pub use merged::{Merge, Merged};
pub use milestone::MilestoneRow;
pub use namespace_rename::NamespaceRenameRow;
pub use note::NoteRow;
pub use pipeline::{PipelineEventRow, PipelineRow};
pub use project::ProjectRow;
pub use push::{CommitRow, PushRow, RefHeadRow};
pub use release::ReleaseRow;
pub use table::Table;
use table::rows;
pub use user::UserRow;
pub use version::{Column, Columns, Version, Versioned, VersionedList};
pub use vulnerability::VulnerabilityRow;
pub use wiki_page::WikiPageEventRow;

/// The list of all tables of facts: the field of [`Rows`], the type of its rows (a [`Vec`], or [`Merged`] for entities that nearly every event
/// mentions), the table, and the views made from it. Passes the list to the named macro: `rows` makes [`Rows`] and [`TABLES`], `insert` makes the
/// INSERTs.
macro_rules! tables {
    ($make:ident) => {
        $make! {
            {
                pushes: Vec<PushRow> => "push_facts", ["pushes", "branches", "tags"];
                commits: Vec<CommitRow> => "commit_facts", ["commits"];
                ref_heads: Vec<RefHeadRow> => "ref_head_facts", ["branches", "tags"];
                merge_requests: Vec<MergeRequestRow> => "merge_request_facts", ["merge_requests"];
                merge_request_events: Vec<MergeRequestEventRow> => "merge_request_event_facts", ["merge_request_events", "merge_request_timeline"];
                merge_request_commits: Vec<MergeRequestCommitsRow> => "merge_request_commit_facts", ["merge_request_commits"];
                pipelines: Vec<PipelineRow> => "pipeline_facts", ["pipelines"];
                pipeline_events: Vec<PipelineEventRow> => "pipeline_event_facts", ["pipeline_events"];
                jobs: Vec<JobRow> => "job_facts", ["jobs"];
                job_retries: Vec<JobRetryRow> => "job_retry_facts", ["jobs"];
                job_runs: Vec<JobRunRow> => "job_run_facts", ["job_runs"];
                issues: Vec<IssueRow> => "issue_facts", ["issues"];
                issue_events: Vec<IssueEventRow> => "issue_event_facts", ["issue_events"];
                notes: Vec<NoteRow> => "note_facts", ["notes"];
                deployments: Vec<DeploymentRow> => "deployment_facts", ["deployments"];
                deployment_events: Vec<DeploymentEventRow> => "deployment_event_facts", ["deployment_events"];
                deployment_merge_requests: Vec<DeploymentMergeRequestsRow> => "deployment_merge_request_facts", ["deployment_merge_requests"];
                environments: Vec<EnvironmentRow> => "environment_facts", ["environments"];
                releases: Vec<ReleaseRow> => "release_facts", ["releases"];
                milestones: Vec<MilestoneRow> => "milestone_facts", ["milestones"];
                wiki_page_events: Vec<WikiPageEventRow> => "wiki_page_event_facts", ["wiki_page_events"];
                feature_flag_events: Vec<FeatureFlagEventRow> => "feature_flag_event_facts", ["feature_flag_events"];
                emoji_events: Vec<EmojiEventRow> => "emoji_event_facts", ["emoji_events"];
                vulnerabilities: Vec<VulnerabilityRow> => "vulnerability_facts", ["vulnerabilities"];
                token_expiries: Vec<TokenExpiryRow> => "token_expiry_facts", ["token_expiries"];
                members: Vec<MemberRow> => "member_facts", ["members"];
                projects: Merged<ProjectRow> => "project_facts", ["projects"];
                groups: Merged<GroupRow> => "group_facts", ["groups", "projects"];
                namespace_renames: Vec<NamespaceRenameRow> => "namespace_rename_facts", ["groups", "projects"];
                users: Merged<UserRow> => "user_facts", ["users"];
                dead_letters: Vec<DeadLetterRow> => "dead_letter_facts", [];
                audit_log: Vec<AuditLogRow> => "audit_log_facts", [];
            }
            // After all others: a visible event has its rows.
            then {
                events: Vec<EventRow> => "event_facts", [];
            }
        }
    };
}
pub(crate) use tables;

tables!(rows);

/// A row of `event_facts`.
#[derive(Debug, Clone, Row, Serialize)]
pub struct EventRow {
    instance: String,
    project_id: u64,
    kind: &'static str,
    #[serde(with = "clickhouse::serde::uuid")]
    id: Uuid,
    name: String,
    action: String,
    project_path: String,
    subject: String,
    origin: &'static str,
    confidential: bool,
    tenant: String,
    delivery_id: String,
    received_at: i64,
    payload: String,
    is_sample: bool,
    precedence: u64,
}

/// A row of `dead_letter_facts`.
#[derive(Debug, Clone, Row, Serialize)]
pub struct DeadLetterRow {
    /// Made from the origin topic and the bytes.
    #[serde(with = "clickhouse::serde::uuid")]
    pub id: Uuid,
    /// Set if the record is an envelope.
    #[serde(with = "clickhouse::serde::uuid::option")]
    pub event_id: Option<Uuid>,
    /// The reason as a label.
    pub reason: String,
    /// The full error.
    pub error: String,
    /// Origin topic.
    pub topic: String,
    /// Origin partition.
    pub partition: i32,
    /// Origin offset.
    pub offset: i64,
    /// Key of the record.
    #[serde(with = "serde_bytes")]
    pub record_key: Vec<u8>,
    /// Value of the record.
    #[serde(with = "serde_bytes")]
    pub record: Vec<u8>,
    /// Milliseconds since 1970.
    pub failed_at: i64,
    /// Highest for the earliest failure.
    pub precedence: u64,
}

/// The precedence that keeps the row received first: it is the highest of its key.
pub fn earliest_first(milliseconds: i64) -> u64 {
    u64::MAX - u64::try_from(milliseconds).unwrap_or(0)
}

/// The id of an event inside a versioned column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct EventId(#[serde(with = "clickhouse::serde::uuid")] Uuid);

impl Ord for EventId {
    /// ClickHouse's order of UUIDs: the second half decides first.
    fn cmp(&self, other: &EventId) -> Ordering {
        let halves = |id: &EventId| {
            let (first, second) = id.0.as_u64_pair();
            (second, first)
        };
        halves(self).cmp(&halves(other))
    }
}

impl PartialOrd for EventId {
    fn partial_cmp(&self, other: &EventId) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Who reported a row, and when: columns that most tables share.
struct Provenance {
    tenants: Vec<String>,
    origins: Vec<String>,
    received_at: i64,
}

impl Provenance {
    fn of(event: &Event) -> Provenance {
        Provenance {
            tenants: vec![event.tenant.clone()],
            origins: vec![event.origin.as_str().to_owned()],
            received_at: event.received_at.timestamp_millis(),
        }
    }
}

impl Rows {
    /// Merges the rows of a pipeline and of a job: each change of a job reports all jobs of its pipeline again, so that a batch has many rows of one job.
    pub fn merge(&mut self) {
        merged::merge(&mut self.pipelines);
        merged::merge(&mut self.jobs);
    }

    /// The projects of these rows, by GitLab and id: the project of each event, which all its rows belong to. 0 can be one of them: old bodies do
    /// not name their project.
    pub fn projects(&self) -> BTreeSet<(&str, u64)> {
        self.events.iter().map(|event| (event.instance.as_str(), event.project_id)).collect()
    }

    /// The projects that received pushes: merge requests of other projects may come from them.
    pub fn pushed_projects(&self) -> BTreeSet<(&str, u64)> {
        let pushes = self.events.iter().filter(|event| event.kind == EventKind::Push.as_str());
        pushes.map(|event| (event.instance.as_str(), event.project_id)).collect()
    }
}

/// All rows of an event.
pub fn rows_for(event: Event) -> Rows {
    let mut rows = match &event.body {
        // It describes something that never happened.
        Ok(_) if event.is_sample => Rows::default(),
        Ok(EventBody::Push(push)) => push::rows(&event, push),
        Ok(EventBody::Commit(commit)) => push::listed_commit_rows(&event, commit),
        Ok(EventBody::Ref(listed)) => push::ref_head_rows(&event, listed),
        Ok(EventBody::MergeRequest(merge_request)) => merge_request::rows(&event, merge_request),
        Ok(EventBody::Approvals(approvals)) => merge_request::approval_rows(&event, approvals),
        Ok(EventBody::MergeRequestCommits(commits)) => merge_request_commits::rows(&event, commits),
        Ok(EventBody::StateEvent(state_event)) => match event.kind {
            EventKind::MergeRequest => merge_request::state_event_rows(&event, state_event),
            EventKind::Issue => issue::state_event_rows(&event, state_event),
            _ => Rows::default(),
        },
        Ok(EventBody::ProjectEvent(told)) => project_event::rows(&event, told),
        Ok(EventBody::Presence(presence)) => presence::rows(&event, presence),
        Ok(EventBody::Pipeline(pipeline)) => pipeline::rows(&event, pipeline),
        Ok(EventBody::Issue(issue)) => issue::rows(&event, issue),
        Ok(EventBody::Note(note)) => note::rows(&event, note),
        Ok(EventBody::Job(job)) => job::rows(&event, job),
        Ok(EventBody::Deployment(deployment)) => deployment::rows(&event, deployment),
        Ok(EventBody::DeploymentMergeRequests(brought)) => deployment_merge_requests::rows(&event, brought),
        Ok(EventBody::Environment(environment)) => environment::rows(&event, environment),
        Ok(EventBody::Release(release)) => release::rows(&event, release),
        Ok(EventBody::Milestone(milestone)) => milestone::rows(&event, milestone),
        Ok(EventBody::WikiPage(page)) => wiki_page::rows(&event, page),
        Ok(EventBody::FeatureFlag(flag)) => feature_flag::rows(&event, flag),
        Ok(EventBody::Emoji(emoji)) => emoji::rows(&event, emoji),
        Ok(EventBody::Vulnerability(vulnerability)) => vulnerability::rows(&event, vulnerability),
        Ok(EventBody::AccessToken(token)) => access_token::rows(&event, token),
        Ok(EventBody::Member(member)) => member::rows(&event, member),
        Ok(EventBody::Project(project)) => project::rows(&event, project),
        Ok(EventBody::Group(group)) => group::rows(&event, group),
        Ok(EventBody::User(user)) => user::rows(&event, user),
        Ok(EventBody::Untyped) | Err(_) => Rows::default(),
    };
    match (&event.body, event.kind) {
        // In a body of unknown kind, apparent projects and users may be anything.
        (Err(_), _) | (_, EventKind::Other) => (),
        (Ok(_), _) if event.is_sample => (),
        (Ok(_), _) => snapshot::add(&event, &mut rows),
    }
    let received_at = event.received_at.timestamp_millis();
    rows.events.push(EventRow {
        instance: event.instance,
        project_id: event.project_id,
        kind: event.kind.as_str(),
        id: event.id,
        name: event.name,
        action: event.action,
        project_path: event.project_path,
        subject: event.subject,
        origin: event.origin.as_str(),
        confidential: event.confidential,
        tenant: event.tenant,
        delivery_id: event.delivery_id,
        received_at,
        payload: event.payload,
        is_sample: event.is_sample,
        precedence: earliest_first(received_at),
    });
    rows
}

#[cfg(test)]
mod tests;
