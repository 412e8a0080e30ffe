//! Hooks of a project and their logs (<https://docs.gitlab.com/api/project_webhooks/>). In: a query. Out: a hook, or a page. A page of a log has at
//! most twenty entries: a request for more is refused, not cut.

use serde_json::Value;

use super::list::Lister;
use super::page::{Next, Page};
use super::refusal::Refusal;
use super::route::{Endpoint, Route};
use crate::gitlab::hooks::delivery::HookConfig;
use crate::gitlab::hooks::log::{Entry, entries, write_hook};

/// Entries of a page: the maximum and the default.
const MAX_ENTRIES: u64 = 20;

/// What to show.
pub(super) enum Shown {
    One(Value),
    List(Page),
}

/// Shows hooks of a project, or the log of one.
pub(super) fn answer(
    route: &Route,
    hook: Option<&HookConfig>,
    lister: &Lister<'_>,
) -> Result<Shown, Refusal> {
    let (world, project, now) = (lister.scribe.world, lister.scribe.project, lister.scribe.now);
    if route.endpoint == Endpoint::Hooks {
        let rows = hook.map(|hook| write_hook(world, hook, project, now)).into_iter().collect();
        return Ok(Shown::List(Page::cut(rows, lister.paging)));
    }
    let hook = hook.filter(|hook| Some(hook.id(project)) == route.part);
    let hook = hook.ok_or(Refusal::NotFound("404 Not found"))?;
    if route.endpoint == Endpoint::Hook {
        return Ok(Shown::One(write_hook(world, hook, project, now)));
    }
    if !lister.scribe.version.has_hook_log() {
        return Err(Refusal::NotFound("404 Not Found"));
    }
    if lister
        .query
        .get("per_page")
        .is_some_and(|asked| asked.parse::<u64>().is_ok_and(|rows| rows > MAX_ENTRIES))
    {
        return Err(Refusal::Invalid("per_page"));
    }
    let asked = lister.query.get("status").map(statuses).transpose()?;
    let mut logged = entries(world, hook, project, now);
    logged.retain(|entry| asked.as_ref().is_none_or(|asked| asked.iter().any(|status| status.is_of(entry))));
    let (skip, take, total) = (lister.paging.skip(), lister.paging.per_page, logged.len() as u64);
    let rows = logged.iter().skip(skip as usize).take(take as usize);
    let rows = rows.filter_map(|entry| entry.write(world, hook, project)).collect();
    let next = if skip + take < total { Next::Page } else { Next::None };
    Ok(Shown::List(Page { rows, text: None, total: Some(total), next }))
}

/// A requested status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Code(u16),
    Successful,
    ClientFailure,
    /// Includes deliveries without an answer, which GitLab calls an internal error.
    ServerFailure,
}

impl Asked {
    fn is_of(self, entry: &Entry) -> bool {
        match (self, entry.status) {
            (Asked::ServerFailure, None) => true,
            (_, None) => false,
            (Asked::Code(code), Some(status)) => code == status,
            (Asked::Successful, Some(status)) => (200..300).contains(&status),
            (Asked::ClientFailure, Some(status)) => (400..500).contains(&status),
            (Asked::ServerFailure, Some(status)) => (500..600).contains(&status),
        }
    }
}

/// Reads statuses, separated by commas.
fn statuses(text: &str) -> Result<Vec<Asked>, Refusal> {
    let read = |text: &str| match text.trim() {
        "successful" => Ok(Asked::Successful),
        "client_failure" => Ok(Asked::ClientFailure),
        "server_failure" => Ok(Asked::ServerFailure),
        text => match text.parse::<u16>() {
            Ok(code) if (100..600).contains(&code) => Ok(Asked::Code(code)),
            _ => Err(Refusal::Invalid("status")),
        },
    };
    text.split(',').map(read).collect()
}
