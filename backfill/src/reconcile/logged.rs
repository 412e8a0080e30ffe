//! One entry of a hook's log. In: the entry as GitLab lists it. Out: the event of the delivery, as the hook would have brought it, and what of it
//! GitLab did not keep. Pure.
//!
//! GitLab logs the body as JSON, with every text that is an e-mail address blanked, and of a body that was too large for its queue nothing but
//! `{"oversize":true}` (<https://docs.gitlab.com/user/project/integrations/webhooks/>; app/models/hooks/web_hook_log.rb).

use chrono::{DateTime, Utc};
use schemas::envelope::{Arrival, Proof, Webhook};
use schemas::field::Field;
use schemas::head::Head;
use schemas::tenant::Tenant;
use schemas::{Envelope, EventKind};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The path under which GitPulse receives webhooks; a tenant's name may follow.
const WEBHOOKS: &str = "/api/v1/webhooks/gitlab";
/// A body that is longer says more than that it was too large.
const OVERSIZE_BYTES: usize = 64;
/// What GitLab writes in the place of an e-mail address.
const BLANKED: &str = "\"[REDACTED]\"";

/// An entry of the log.
#[derive(Debug, Deserialize)]
pub struct Entry {
    /// Its id, which grows.
    pub id: u64,
    /// When the delivery was logged, which is when it was tried.
    #[serde(default)]
    created_at: Field<String>,
    /// What set it off, as `push_hooks`.
    #[serde(default)]
    pub trigger: Field<String>,
    #[serde(default)]
    request_headers: Headers,
    #[serde(default)]
    request_data: Option<Box<RawValue>>,
}

#[derive(Debug, Default, Deserialize)]
struct Headers {
    #[serde(default, rename = "Idempotency-Key")]
    idempotency_key: Field<String>,
    #[serde(default, rename = "X-Gitlab-Instance")]
    instance: Field<String>,
}

/// What an entry is.
#[derive(Debug)]
pub enum Logged {
    /// A delivery whose body was kept.
    Delivery(Box<Delivery>),
    /// A delivery whose body was too large to be kept.
    Oversize,
    /// There is no body at all.
    Empty,
}

/// A delivery whose body was kept.
#[derive(Debug)]
pub struct Delivery {
    /// The event, as the hook would have brought it.
    pub envelope: Envelope,
    /// GitLab id of the project; 0 for none.
    pub project_id: u64,
    /// The commits of a push whose authors' addresses were blanked.
    pub blanked_commits: Option<Commits>,
    /// Whether the body is one of GitLab's own, and not that of a template that somebody wrote.
    pub shape: Shape,
}

/// Whose shape a body has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One that GitLab documents.
    GitLab,
    /// A custom template's, of which nobody knows what it is about.
    Template,
}

/// Commits that end with one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commits {
    /// The newest.
    pub after: String,
    /// How many the push named.
    pub count: usize,
}

impl Entry {
    /// When it was tried, if GitLab says so.
    pub fn tried_at(&self) -> Option<DateTime<Utc>> {
        self.created_at.value().and_then(|text| schemas::time::parse(text))
    }

    /// What it is. `read_at` stands for the time where GitLab does not tell it.
    pub fn logged(&self, tenant: &Tenant, read_at: DateTime<Utc>) -> Logged {
        let Some(body) = self.request_data.as_ref().map(|body| body.get()).filter(|body| *body != "null")
        else {
            return Logged::Empty;
        };
        if is_oversize(body) {
            return Logged::Oversize;
        }
        let webhook = Webhook {
            body: body.as_bytes(),
            arrival: Arrival::Logged,
            // GitLab itself says it, to whoever may read its hooks.
            proof: Proof::Sender,
            received_at: self.tried_at().unwrap_or(read_at),
            tenant,
            delivery_id: self.request_headers.idempotency_key.value().map(String::as_str),
            named_instance: self.request_headers.instance.value().map(String::as_str),
            traceparent: None,
        };
        let envelope = Envelope::webhook(&webhook).envelope;
        let project_id = Head::read(body).map_or(0, |head| head.project_id());
        let shape = match envelope.kind() {
            EventKind::Other => Shape::Template,
            _ => Shape::GitLab,
        };
        let blanked_commits = match envelope.kind() {
            EventKind::Push | EventKind::TagPush if body.contains(BLANKED) => blanked(body),
            _ => None,
        };
        Logged::Delivery(Box::new(Delivery { envelope, project_id, blanked_commits, shape }))
    }
}

#[derive(Deserialize)]
struct Oversize {
    oversize: bool,
}

fn is_oversize(body: &str) -> bool {
    body.len() <= OVERSIZE_BYTES && serde_json::from_str::<Oversize>(body).is_ok_and(|body| body.oversize)
}

#[derive(Deserialize)]
struct Push {
    after: String,
    #[serde(default)]
    commits: Vec<Commit>,
}

#[derive(Deserialize)]
struct Commit {
    #[serde(default)]
    author: Author,
}

#[derive(Default, Deserialize)]
struct Author {
    #[serde(default)]
    email: Field<String>,
}

fn blanked(body: &str) -> Option<Commits> {
    let push: Push = serde_json::from_str(body).ok()?;
    let count = push.commits.len();
    let is_blanked = push.commits.iter().any(|commit| commit.author.email.text() == "[REDACTED]");
    is_blanked.then_some(Commits { after: push.after, count })
}

/// The tenant that a hook's URL names, if the URL leads to GitPulse. `wanted` is the beginning of the URL where the user gave one, because a
/// proxy changes the path.
pub fn tenant_of(url: &str, wanted: Option<&str>) -> Option<String> {
    let url = url.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let path = match wanted {
        Some(wanted) => url.strip_prefix(wanted.trim_end_matches('/'))?,
        None => url.rsplit_once(WEBHOOKS)?.1,
    };
    match path.strip_prefix('/') {
        Some(tenant) if !tenant.contains('/') => Some(tenant.to_owned()),
        None if path.is_empty() => Some(String::new()),
        Some(_) | None => None,
    }
}

#[cfg(test)]
mod tests;
