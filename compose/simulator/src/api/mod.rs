//! The API of an invented GitLab, over HTTP. In: requests. Out: GitLab's answers about the same world that sends the webhooks, with its limits,
//! permissions and quirks. Shares no code with its clients.
//!
//! `options` configure it. `server` accepts; `answer` decides in GitLab's order: `token` authenticates, `limit` limits, `fault` injects faults,
//! `route` finds the endpoint, `permission` authorizes; `list` finds rows and `page` cuts pages, `write` writes objects, `hook_log` shows hooks,
//! `graphql` answers queries. `requests` counts requests, and `minimum` computes the minimum.

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
