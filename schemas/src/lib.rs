//! What the services agree on. No I/O: bytes and values in, bytes and values out.
//!
//! In the order the bytes travel: [`tenant`] says whose it is, [`instance`] of which GitLab, [`head`] reads who and
//! what a body is about, and [`api::subject`] an object of the REST API, [`redact`] blanks the secrets GitLab sends,
//! [`envelope`] wraps it for Kafka, [`topic`] says where it goes, [`event`] types what comes out again from a hook,
//! [`api`] what comes from the REST API, [`migration`] is where it ends up, [`view`] what
//! analysts read of it, [`rollup`] what of it is computed before anybody asks, and [`access`] who may read.
//! [`drift`] finds what GitLab sends beyond what is known, [`audit`] is what GitPulse asked of it.

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
