//! The one client of GitLab's API, REST v4 and GraphQL. Only reads.
//!
//! In the order of a call: [`config`] has the address and the tokens; [`client`] takes a path; `base` makes it a URL of that GitLab and of no other;
//! `budget` and `pace` wait until the call is allowed ([`limit`]); `fetch` sends it and retries temporary failures, within `patience`; `headers` and
//! `body` read the answer; `refusal` and `graphql` read errors, `parse` and [`page`] successes. [`error`] says what went wrong and what to do,
//! `offset` learns GitLab's time, `record` reports the call to [`audit`] and [`metrics`].
//!
//! **Invariant:** a token is sent only to the configured scheme, host and port: no redirect is followed, and only the query of a link to the next
//! page is used.

pub mod audit;
mod base;
mod body;
mod budget;
pub mod client;
pub mod config;
pub mod error;
mod fetch;
mod graphql;
mod headers;
pub mod limit;
pub mod metrics;
mod offset;
mod pace;
pub mod page;
mod parse;
mod patience;
mod record;
mod refusal;
mod tokens;

pub use audit::{Audit, Call};
pub use client::Client;
pub use config::{ApiConfig, ConfigError, InstanceConfig};
pub use error::{FetchError, GraphQlFault};
pub use limit::Limit;
pub use metrics::Metrics;
pub use page::{Next, Page, Walk};
pub use patience::Patience;

/// A name as one segment of a path: `shop/checkout` is `shop%2Fcheckout`, as GitLab wants the path of a group or a project
/// (<https://docs.gitlab.com/api/rest/#namespaced-paths>).
pub fn segment(name: &str) -> String {
    let mut segment = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                segment.push(char::from(byte));
            }
            _ => segment.push_str(&format!("%{byte:02X}")),
        }
    }
    segment
}
