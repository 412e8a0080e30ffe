//! The types and formats that the services share. No I/O: bytes and values in, bytes and values out.
//!
//! In the order of the data's path: [`tenant`] and [`instance`] say where an event comes from. [`head`] reads what a body is about,
//! [`api::subject`] what an object of the REST API is about. [`redact`] blanks the secrets that GitLab sends, [`envelope`] wraps the rest for
//! Kafka, [`topic`] names its topic. [`event`] and [`api`] are the types of payloads from webhooks and from the REST API. [`migration`] makes the
//! tables, [`view`] what analysts read, [`rollup`] what is computed in advance, and [`access`] the roles that may read it. [`drift`] finds what
//! GitLab sends and GitPulse does not know, [`audit`] records GitPulse's calls of GitLab.

pub mod access;
pub mod api;
pub mod audit;
pub mod drift;
pub mod envelope;
pub mod event;
pub mod field;
pub mod head;
pub mod instance;
pub mod json;
pub mod kind;
pub mod migration;
pub mod redact;
pub mod rollup;
pub mod tenant;
pub mod time;
pub mod topic;
pub mod view;

pub use envelope::{Envelope, Origin, Payload};
pub use kind::EventKind;
pub use tenant::Tenant;
pub use topic::{TopicPrefix, TopicRecord};
