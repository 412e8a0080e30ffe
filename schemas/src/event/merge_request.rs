//! Merge Request Hook
//! (<https://docs.gitlab.com/user/project/integrations/webhook_events/#merge-request-events>).

use std::fmt;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::User;
use crate::field::{Embedded, Field, list, person};

/// The payload of a merge request event.
#[derive(Debug, Default, Deserialize)]
pub struct MergeRequest {
    #[serde(default)]
    pub user: Embedded<User>,
    #[serde(default)]
    pub object_attributes: Embedded<Attributes>,
    #[serde(default, deserialize_with = "list")]
    pub labels: Field<Vec<Embedded<Label>>>,
    #[serde(default, deserialize_with = "list")]
    pub assignees: Field<Vec<Embedded<User>>>,
    #[serde(default, deserialize_with = "list")]
    pub reviewers: Field<Vec<Embedded<User>>>,
    /// Webhooks only.
    #[serde(default)]
    pub changes: Embedded<Changes>,
}

/// The changes that show what somebody did.
#[derive(Debug, Default, Deserialize)]
pub struct Changes {
    /// Whether it was and is a draft.
    #[serde(default)]
    pub draft: Embedded<Change<bool>>,
    /// The name of `draft` before GitLab 14.
    #[serde(default)]
    pub work_in_progress: Embedded<Change<bool>>,
    #[serde(default)]
    pub target_branch: Embedded<Change<String>>,
    /// Reviewers, with their review states since GitLab 19.3.
    #[serde(default)]
    pub reviewers: ReviewersChange,
}

/// A field before and after. `previous` is empty when the merge request was opened.
#[derive(Debug, Default, Deserialize)]
#[serde(bound(deserialize = "Field<T>: Deserialize<'de>"))]
pub struct Change<T> {
    #[serde(default = "Field::default")]
    pub previous: Field<T>,
    #[serde(default = "Field::default")]
    pub current: Field<T>,
}

impl<T: Clone> Change<T> {
    /// The value before and the value after, if both are given.
    pub fn both(&self) -> Option<(T, T)> {
        self.previous.value().cloned().zip(self.current.value().cloned())
    }
}

/// `object_attributes` of a merge request event.
#[derive(Debug, Default, Deserialize)]
pub struct Attributes {
    #[serde(default)]
    pub id: Field<u64>,
    /// Number within the target project.
    #[serde(default)]
    pub iid: Field<u64>,
    /// The project of the source branch.
    #[serde(default)]
    pub source_project_id: Field<u64>,
    #[serde(default)]
    pub target_branch: Field<String>,
    #[serde(default)]
    pub source_branch: Field<String>,
    #[serde(default)]
    pub title: Field<String>,
    /// `opened`, `closed`, `locked` or `merged`.
    #[serde(default)]
    pub state: Field<String>,
    /// 1 for opened, 2 for closed, 3 for merged, 4 for locked; some versions send only this.
    #[serde(default)]
    pub state_id: Field<u64>,
    #[serde(default)]
    pub draft: Field<bool>,
    /// The name of `draft` before GitLab 14.
    #[serde(default)]
    pub work_in_progress: Field<bool>,
    #[serde(default, deserialize_with = "person")]
    pub author_id: Field<u64>,
    /// API only.
    #[serde(skip)]
    pub author_username: Field<String>,
    /// The only assignee in old versions.
    #[serde(default, deserialize_with = "person")]
    pub assignee_id: Field<u64>,
    #[serde(default, deserialize_with = "list")]
    pub assignee_ids: Field<Vec<Field<u64>>>,
    #[serde(default, deserialize_with = "list")]
    pub reviewer_ids: Field<Vec<Field<u64>>>,
    /// The same as the top-level `labels`.
    #[serde(default, deserialize_with = "list")]
    pub labels: Field<Vec<Embedded<Label>>>,
    #[serde(default)]
    pub milestone_id: Field<u64>,
    /// Newest commit of the source branch.
    #[serde(default)]
    pub last_commit: Embedded<LastCommit>,
    #[serde(default)]
    pub head_pipeline_id: Field<u64>,
    #[serde(default)]
    pub merge_commit_sha: Field<String>,
    /// Newer versions.
    #[serde(default)]
    pub squash_commit_sha: Field<String>,
    /// Who merged it or set it to auto-merge.
    #[serde(default, deserialize_with = "person")]
    pub merge_user_id: Field<u64>,
    /// API only.
    #[serde(skip)]
    pub merge_user_username: Field<String>,
    /// API only.
    #[serde(skip)]
    pub closed_by_id: Field<u64>,
    /// API only.
    #[serde(skip)]
    pub closed_by_username: Field<String>,
    /// GitLab 15.6 and later.
    #[serde(default)]
    pub detailed_merge_status: Field<String>,
    /// The predecessor of `detailed_merge_status`.
    #[serde(default)]
    pub merge_status: Field<String>,
    #[serde(default)]
    pub blocking_discussions_resolved: Field<bool>,
    /// Whether it is the author's first merge request in the project.
    #[serde(default)]
    pub first_contribution: Field<bool>,
    /// Lines added. This and the next three: API only.
    #[serde(skip)]
    pub additions: Field<u64>,
    #[serde(skip)]
    pub deletions: Field<u64>,
    #[serde(skip)]
    pub changed_files: Field<u64>,
    /// Number of commits.
    #[serde(skip)]
    pub commit_count: Field<u64>,
    /// Approval rules of this merge request; Premium, webhooks only.
    #[serde(default, deserialize_with = "list")]
    pub approval_rules: Field<Vec<Embedded<ApprovalRule>>>,
    /// Estimated time, in seconds.
    #[serde(default)]
    pub time_estimate: Field<u64>,
    /// Time spent, in seconds.
    #[serde(default)]
    pub total_time_spent: Field<u64>,
    #[serde(default)]
    pub url: Field<String>,
    #[serde(default)]
    pub created_at: Field<DateTime<Utc>>,
    #[serde(default)]
    pub updated_at: Field<DateTime<Utc>>,
    /// When the action happened; GitLab 18.10 and later. An approval need not change `updated_at`.
    #[serde(default)]
    pub actioned_at: Field<DateTime<Utc>>,
    #[serde(default)]
    pub prepared_at: Field<DateTime<Utc>>,
    /// Newer versions.
    #[serde(default)]
    pub merged_at: Field<DateTime<Utc>>,
    /// API only.
    #[serde(skip)]
    pub closed_at: Field<DateTime<Utc>>,
    /// `open`, `close`, `reopen`, `update`, `merge`, `approval`, `approved`, `unapproval`, `unapproved`.
    #[serde(default)]
    pub action: Field<String>,
    /// Previous head, if an `update` brought new commits.
    #[serde(default)]
    pub oldrev: Field<String>,
    /// What GitLab did itself: `approvals_reset_on_push`, `code_owner_approvals_reset_on_push`.
    #[serde(default)]
    pub system_action: Field<String>,
}

/// An approval rule of a merge request.
#[derive(Debug, Default, Deserialize)]
pub struct ApprovalRule {
    #[serde(default)]
    pub name: Field<String>,
    #[serde(default)]
    pub approvals_required: Field<u64>,
}

/// The newest commit of the source branch.
#[derive(Debug, Default, Deserialize)]
pub struct LastCommit {
    /// Full SHA.
    #[serde(default)]
    pub id: Field<String>,
    /// When it was committed.
    #[serde(default)]
    pub timestamp: Field<DateTime<Utc>>,
}

/// A requested reviewer.
#[derive(Debug, Default, Deserialize)]
pub struct Reviewer {
    #[serde(default, deserialize_with = "person")]
    pub id: Field<u64>,
    #[serde(default)]
    pub username: Field<String>,
    /// `unreviewed`, `review_started`, `reviewed`, `requested_changes`, `approved` or `unapproved`; newer versions.
    #[serde(default)]
    pub state: Field<String>,
    /// Whether the event requests the review again; newer versions
    /// (<https://gitlab.com/gitlab-org/gitlab/-/merge_requests/205274>).
    #[serde(default)]
    pub re_requested: Field<bool>,
}

/// Reviewers before and after. GitLab sends an object, as for other changes, or a list of two lists; anything else is read as empty.
#[derive(Debug, Default)]
pub struct ReviewersChange {
    pub previous: Vec<Reviewer>,
    pub current: Vec<Reviewer>,
}

/// A list of reviewers, with the same limit as all lists.
#[derive(Default)]
struct Reviewers(Vec<Reviewer>);

impl<'de> Deserialize<'de> for Reviewers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let reviewers: Field<Vec<Embedded<Reviewer>>> = list(deserializer)?;
        Ok(Reviewers(match reviewers {
            Field::Value(reviewers) => reviewers.into_iter().filter_map(Embedded::into_value).collect(),
            Field::Absent | Field::Null | Field::Unreadable => Vec::new(),
        }))
    }
}

#[derive(Default, Deserialize)]
struct BeforeAndAfter {
    #[serde(default)]
    previous: Reviewers,
    #[serde(default)]
    current: Reviewers,
}

impl<'de> Deserialize<'de> for ReviewersChange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReviewersVisitor)
    }
}

struct ReviewersVisitor;

impl<'de> Visitor<'de> for ReviewersVisitor {
    type Value = ReviewersChange;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<ReviewersChange, A::Error> {
        let previous = seq.next_element::<Reviewers>()?.unwrap_or_default().0;
        let current = seq.next_element::<Reviewers>()?.unwrap_or_default().0;
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(ReviewersChange { previous, current })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ReviewersChange, A::Error> {
        let change = BeforeAndAfter::deserialize(MapAccessDeserializer::new(map))?;
        Ok(ReviewersChange { previous: change.previous.0, current: change.current.0 })
    }

    fn visit_unit<E>(self) -> Result<ReviewersChange, E> {
        Ok(ReviewersChange::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<ReviewersChange, E> {
        Ok(ReviewersChange::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<ReviewersChange, E> {
        Ok(ReviewersChange::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<ReviewersChange, E> {
        Ok(ReviewersChange::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<ReviewersChange, E> {
        Ok(ReviewersChange::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<ReviewersChange, E> {
        Ok(ReviewersChange::default())
    }
}

/// A label.
#[derive(Debug, Default, Deserialize)]
pub struct Label {
    #[serde(default)]
    pub title: Field<String>,
}
