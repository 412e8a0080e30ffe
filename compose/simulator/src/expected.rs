//! The expected result of deliveries. Only types: the world sets them, a history keeps them, the judge compares them with the tables.

use serde::{Deserialize, Serialize};

/// What a delivery is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A push to a branch; the branch is the entity, each push a revision.
    Push,
    /// A new tag.
    TagPush,
    /// A merge request, by iid.
    MergeRequest,
    /// An issue, by id.
    Issue,
    /// A comment, by id.
    Note,
    /// A pipeline, by id.
    Pipeline,
    /// A job, by id.
    Job,
    /// A deployment, by id.
    Deployment,
}

/// One revision of one thing, and its row in the tables until there is a later one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// What it is.
    pub kind: Kind,
    /// GitLab id of its project.
    pub project: u64,
    /// Its name: an id, an iid, or the name of a branch or tag.
    pub entity: String,
    /// The first is 0.
    pub revision: u32,
    /// The row that its table shows: state and title, status, text, or head.
    pub value: String,
    /// The row that the table of its history gains: `merged`, `running`. Empty if there is no such table.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub event: String,
}

/// The expected result of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// It is stored, and the tables show it.
    Fact(Fact),
    /// It is authentic but cannot be decoded: a dead letter.
    DeadLetter,
    /// It is refused, and nothing of it is stored.
    Refused(Refusal),
}

/// Why a delivery must be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// Its secret is wrong: 401.
    Forged,
    /// Its body is compressed: 415.
    Compressed,
}
