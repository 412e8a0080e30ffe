//! The same things as listed by GitLab's REST API, one file per kind. In: the JSON of one object. Out: the struct for a webhook of that kind
//! ([`crate::event`]), so that one function makes rows of both. Fields that the API does not send are absent. The fields also show which resource
//! an object comes from, since `events` keeps only the object.

#![expect(missing_docs, reason = "the fields are GitLab's own; a comment says what their names do not")]

use serde::Deserialize;

use crate::event::merge_request::Label;
use crate::field::{Embedded, Field};

pub mod access_token;
pub mod deployment;
pub mod emoji;
pub mod group;
pub mod issue;
pub mod job;
pub mod member;
pub mod merge_request;
pub mod milestone;
pub mod note;
pub mod pipeline;
pub mod presence;
pub mod project;
pub mod project_event;
pub mod push;
pub mod release;
pub mod resource;
pub mod state_event;
pub mod subject;
pub mod user;
pub mod vulnerability;

/// A label: its title, or an object with the title as `name` if the list was requested `with_labels_details`.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum LabelShape {
    Detailed { name: String },
    Title(Field<String>),
}

impl From<LabelShape> for Embedded<Label> {
    fn from(shape: LabelShape) -> Self {
        let title = match shape {
            LabelShape::Detailed { name } => Field::Value(name),
            LabelShape::Title(title) => title,
        };
        Embedded::from(Label { title })
    }
}

/// The milestone of an issue or a merge request.
#[derive(Debug, Default, Deserialize)]
struct Milestone {
    #[serde(default)]
    id: Field<u64>,
}

/// `time_stats` of merge requests and issues, in seconds.
#[derive(Debug, Default, Deserialize)]
struct TimeStats {
    #[serde(default)]
    time_estimate: Field<u64>,
    #[serde(default)]
    total_time_spent: Field<u64>,
}
