//! The API of an invented GitLab, over HTTP. In: requests. Out: what GitLab would answer about the same world that sends the webhooks, with its
//! limits, permissions and quirks. Shares no code with who asks.
//!
//! `options` say how it behaves. `server` accepts, `answer` decides in the order in which GitLab does: `token` who asks, `limit` whether too often, `fault` whether
//! something breaks, `route` what is asked for, `permission` whether it may be seen; `list` finds rows and `page` cuts them, `write`
//! writes them, `hook_log` shows hooks, `graphql` answers queries. `requests` counts, and `minimum` says how few would have done.

mod answer;
mod fault;
mod graph;
mod graphql;
mod hook_log;
mod limit;
mod list;
pub mod minimum;
mod options;
mod page;
mod permission;
mod query;
mod refusal;
pub mod requests;
mod route;
mod server;
mod token;
mod write;

#[cfg(test)]
mod tests;

pub use crate::version::Version;
pub use answer::{Answer, Api, Request};
pub use fault::Faults;
pub use limit::{Headers, Limits};
pub use options::{Clock, Options};
pub use permission::Permission;
pub use requests::Requests;
pub use route::Endpoint;
pub use server::serve;
pub use token::{Role, Scope, Token};
