//! What GitLab's REST API lists about the same things, one file a kind. In: the JSON of one object. Out: the struct that a webhook of
//! that kind is read into ([`crate::event`]), so that both faces are made into rows by one function. What a face does not say is
//! absent. Which object of a kind it is shows in its fields, since `events` keeps nothing but the object.

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

/// A label: its title, or the whole of it, which calls the title `name`, where the list was asked `with_labels_details`.
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

/// The milestone that something belongs to.
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
