//! One entry of a hook's log. In: the entry as GitLab lists it. Out: the event, as the hook would have delivered it, and what GitLab did not keep of
//! it. Pure.
//!
//! GitLab logs the body as JSON with all e-mail addresses blanked. For a body that was too large for its queue it logs only `{"oversize":true}`
//! (<https://docs.gitlab.com/user/project/integrations/webhooks/>; app/models/hooks/web_hook_log.rb).

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
/// A longer body is not only the note that it was too large.
const OVERSIZE_BYTES: usize = 64;
/// GitLab's replacement for an e-mail address.
const BLANKED: &str = "\"[REDACTED]\"";

/// An entry of the log.
#[derive(Debug, Deserialize)]
pub struct Entry {
    /// Its id, which grows.
    pub id: u64,
    /// When the delivery was logged, which is when it was tried.
    #[serde(default)]
    created_at: Field<String>,
    /// What triggered it, as `push_hooks`.
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

/// The content of an entry.
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
    /// Whether the body has GitLab's own shape or that of a custom template.
    pub shape: Shape,
}

/// The shape of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One that GitLab documents.
    GitLab,
    /// A custom template's, whose meaning is unknown.
    Template,
}

/// The last commits up to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commits {
    /// The newest.
    pub after: String,
    /// How many the push named.
    pub count: usize,
}

impl Entry {
    /// When it was tried, if GitLab reports that.
    pub fn tried_at(&self) -> Option<DateTime<Utc>> {
        self.created_at.value().and_then(|text| schemas::time::parse(text))
    }

    /// The content of the entry. `read_at` is used if GitLab does not report the time.
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
            // GitLab itself reports it, to a user who may read its hooks.
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

/// The tenant in a hook's URL, if the URL leads to GitPulse. `wanted` is the beginning of the URL, if the user gave one because a proxy changes the
/// path.
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
