//! What an event means for the tables. In: a typed [`Event`]. Out: [`Rows`], a vector a table. Pure; never asks what is there already,
//! because the tables merge by key and version (`schemas/clickhouse`).

use std::cmp::Ordering;

use chrono::{DateTime, Utc};
use clickhouse::Row;
use schemas::EventKind;
use serde::Serialize;
use uuid::Uuid;

use crate::decode::{Event, EventBody};

mod access_token;
mod deployment;
mod emoji;
mod existence;
mod feature_flag;
mod group;
mod issue;
mod job;
mod member;
mod merge_request;
mod merged;
mod milestone;
mod note;
mod pipeline;
mod project;
mod push;
mod release;
mod snapshot;
mod user;
mod version;
mod vulnerability;
mod wiki_page;

pub use access_token::TokenExpiryRow;
pub use deployment::{DeploymentEventRow, DeploymentRow};
pub use emoji::EmojiEventRow;
pub use feature_flag::FeatureFlagEventRow;
pub use group::GroupRow;
pub use issue::{IssueEventRow, IssueRow};
pub use job::JobRow;
pub use member::MemberRow;
pub use merge_request::{MergeRequestEventRow, MergeRequestRow};
pub use merged::{Merge, Merged};
pub use milestone::MilestoneRow;
pub use note::NoteRow;
pub use pipeline::{PipelineEventRow, PipelineRow};
pub use project::ProjectRow;
pub use push::{CommitRow, PushRow, RefHeadRow};
pub use release::ReleaseRow;
pub use user::UserRow;
pub use version::{Columns, Version, Versioned, VersionedList};
pub use vulnerability::VulnerabilityRow;
pub use wiki_page::WikiPageEventRow;

/// Rows for the tables, in the order in which they are inserted: `events` come last, so that an event that can be seen has its rows.
#[derive(Debug, Default, Serialize)]
pub struct Rows {
    /// `push_facts`.
    pub pushes: Vec<PushRow>,
    /// `commit_facts`.
    pub commits: Vec<CommitRow>,
    /// `ref_head_facts`.
    pub ref_heads: Vec<RefHeadRow>,
    /// `merge_request_facts`.
    pub merge_requests: Vec<MergeRequestRow>,
    /// `merge_request_event_facts`.
    pub merge_request_events: Vec<MergeRequestEventRow>,
    /// `pipeline_facts`.
    pub pipelines: Vec<PipelineRow>,
    /// `pipeline_event_facts`.
    pub pipeline_events: Vec<PipelineEventRow>,
    /// `job_facts`.
    pub jobs: Vec<JobRow>,
    /// `issue_facts`.
    pub issues: Vec<IssueRow>,
    /// `issue_event_facts`.
    pub issue_events: Vec<IssueEventRow>,
    /// `note_facts`.
    pub notes: Vec<NoteRow>,
    /// `deployment_facts`.
    pub deployments: Vec<DeploymentRow>,
    /// `deployment_event_facts`.
    pub deployment_events: Vec<DeploymentEventRow>,
    /// `release_facts`.
    pub releases: Vec<ReleaseRow>,
    /// `milestone_facts`.
    pub milestones: Vec<MilestoneRow>,
    /// `wiki_page_event_facts`.
    pub wiki_page_events: Vec<WikiPageEventRow>,
    /// `feature_flag_event_facts`.
    pub feature_flag_events: Vec<FeatureFlagEventRow>,
    /// `emoji_event_facts`.
    pub emoji_events: Vec<EmojiEventRow>,
    /// `vulnerability_facts`.
    pub vulnerabilities: Vec<VulnerabilityRow>,
    /// `token_expiry_facts`.
    pub token_expiries: Vec<TokenExpiryRow>,
    /// `member_facts`.
    pub members: Vec<MemberRow>,
    /// `project_facts`, of which nearly every event has one: a row a project.
    pub projects: Merged<ProjectRow>,
    /// `group_facts`, a row a group.
    pub groups: Merged<GroupRow>,
    /// `user_facts`, a row a user.
    pub users: Merged<UserRow>,
    /// `dead_letter_facts`.
    pub dead_letters: Vec<DeadLetterRow>,
    /// `event_facts`.
    pub events: Vec<EventRow>,
    /// When the body was true: what else it tells, of the project and the actor, is as of then. `None` where it has no time.
    #[serde(skip)]
    pub as_of: Option<DateTime<Utc>>,
    /// Fields that were there, but not readable.
    #[serde(skip)]
    pub unreadable: u64,
}

/// The analysts' names, each with the tables that it is made of: what can be built anew from `events`. What is confidential in some of them is
/// looked up in `issue_facts` besides.
pub const TABLES: &[(&str, &[&str])] = &[
    ("pushes", &["push_facts"]),
    ("commits", &["commit_facts"]),
    ("branches", &["push_facts", "ref_head_facts"]),
    ("tags", &["push_facts", "ref_head_facts"]),
    ("merge_requests", &["merge_request_facts"]),
    ("merge_request_events", &["merge_request_event_facts"]),
    ("pipelines", &["pipeline_facts"]),
    ("pipeline_events", &["pipeline_event_facts"]),
    ("jobs", &["job_facts"]),
    ("deployments", &["deployment_facts"]),
    ("deployment_events", &["deployment_event_facts"]),
    ("issues", &["issue_facts"]),
    ("issue_events", &["issue_event_facts"]),
    ("notes", &["note_facts"]),
    ("releases", &["release_facts"]),
    ("milestones", &["milestone_facts"]),
    ("wiki_page_events", &["wiki_page_event_facts"]),
    ("feature_flag_events", &["feature_flag_event_facts"]),
    ("emoji_events", &["emoji_event_facts"]),
    ("vulnerabilities", &["vulnerability_facts"]),
    ("token_expiries", &["token_expiry_facts"]),
    ("members", &["member_facts"]),
    ("projects", &["project_facts"]),
    ("groups", &["group_facts"]),
    ("users", &["user_facts"]),
];

impl Rows {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.pushes.len()
            + self.commits.len()
            + self.ref_heads.len()
            + self.merge_requests.len()
            + self.merge_request_events.len()
            + self.pipelines.len()
            + self.pipeline_events.len()
            + self.jobs.len()
            + self.issues.len()
            + self.issue_events.len()
            + self.notes.len()
            + self.deployments.len()
            + self.deployment_events.len()
            + self.releases.len()
            + self.milestones.len()
            + self.wiki_page_events.len()
            + self.feature_flag_events.len()
            + self.emoji_events.len()
            + self.vulnerabilities.len()
            + self.token_expiries.len()
            + self.members.len()
            + self.projects.len()
            + self.groups.len()
            + self.users.len()
            + self.dead_letters.len()
            + self.events.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds rows.
    pub fn append(&mut self, mut rows: Rows) {
        self.pushes.append(&mut rows.pushes);
        self.commits.append(&mut rows.commits);
        self.ref_heads.append(&mut rows.ref_heads);
        self.merge_requests.append(&mut rows.merge_requests);
        self.merge_request_events.append(&mut rows.merge_request_events);
        self.pipelines.append(&mut rows.pipelines);
        self.pipeline_events.append(&mut rows.pipeline_events);
        self.jobs.append(&mut rows.jobs);
        self.issues.append(&mut rows.issues);
        self.issue_events.append(&mut rows.issue_events);
        self.notes.append(&mut rows.notes);
        self.deployments.append(&mut rows.deployments);
        self.deployment_events.append(&mut rows.deployment_events);
        self.releases.append(&mut rows.releases);
        self.milestones.append(&mut rows.milestones);
        self.wiki_page_events.append(&mut rows.wiki_page_events);
        self.feature_flag_events.append(&mut rows.feature_flag_events);
        self.emoji_events.append(&mut rows.emoji_events);
        self.vulnerabilities.append(&mut rows.vulnerabilities);
        self.token_expiries.append(&mut rows.token_expiries);
        self.members.append(&mut rows.members);
        self.projects.append(rows.projects);
        self.groups.append(rows.groups);
        self.users.append(rows.users);
        self.dead_letters.append(&mut rows.dead_letters);
        self.events.append(&mut rows.events);
        self.unreadable += rows.unreadable;
    }
}

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
    precedence: u64,
}

/// A row of `dead_letter_facts`.
#[derive(Debug, Clone, Row, Serialize)]
pub struct DeadLetterRow {
    /// From the origin topic and the bytes.
    #[serde(with = "clickhouse::serde::uuid")]
    pub id: Uuid,
    /// Where the record is an envelope.
    #[serde(with = "clickhouse::serde::uuid::option")]
    pub event_id: Option<Uuid>,
    /// Why, in one word.
    pub reason: String,
    /// Why, in full.
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

/// Of two rows of one key, the one received first stays: its precedence is the highest.
pub fn earliest_first(milliseconds: i64) -> u64 {
    u64::MAX - u64::try_from(milliseconds).unwrap_or(0)
}

/// The id of an event inside a versioned column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct EventId(#[serde(with = "clickhouse::serde::uuid")] Uuid);

impl Ord for EventId {
    /// ClickHouse's order of UUIDs: by their second half first.
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

/// Who told of a row, and when: columns that most tables share.
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

/// All rows of an event.
pub fn rows_for(event: Event) -> Rows {
    let mut rows = match &event.body {
        Ok(EventBody::Push(push)) => push::rows(&event, push),
        Ok(EventBody::Commit(commit)) => push::listed_commit_rows(&event, commit),
        Ok(EventBody::Ref(listed)) => push::ref_head_rows(&event, listed),
        Ok(EventBody::MergeRequest(merge_request)) => merge_request::rows(&event, merge_request),
        Ok(EventBody::Approvals(approvals)) => merge_request::approval_rows(&event, approvals),
        Ok(EventBody::StateEvent(state_event)) => match event.kind {
            EventKind::MergeRequest => merge_request::state_event_rows(&event, state_event),
            EventKind::Issue => issue::state_event_rows(&event, state_event),
            _ => Rows::default(),
        },
        Ok(EventBody::Pipeline(pipeline)) => pipeline::rows(&event, pipeline),
        Ok(EventBody::Issue(issue)) => issue::rows(&event, issue),
        Ok(EventBody::Note(note)) => note::rows(&event, note),
        Ok(EventBody::Job(job)) => job::rows(&event, job),
        Ok(EventBody::Deployment(deployment)) => deployment::rows(&event, deployment),
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
        // What looks like a project or a user in a body of no known kind may be anything.
        (Err(_), _) | (_, EventKind::Other) => (),
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
        precedence: earliest_first(received_at),
    });
    rows
}

#[cfg(test)]
mod tests;
