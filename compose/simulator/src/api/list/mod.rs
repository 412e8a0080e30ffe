//! Lists. In: an endpoint and a query. Out: a page, or a refusal. Never holds more rows in memory than a sprint and a page.

mod activity;
mod pipelines;
mod requests;
mod select;
mod tree;

use super::page::{Page, Paging};
use super::query::Query;
use super::refusal::Refusal;
use super::token::{Role, Token};
use super::write::Scribe;
use crate::gitlab::{Millis, Sizes};

pub(super) use select::{Chosen, Sprints, select};
pub(super) use tree::{OfGroup, group_list, groups, projects, sees_group, sees_project, users};

/// What a list of a project is made with.
pub(super) struct Lister<'a> {
    pub(super) scribe: Scribe<'a>,
    pub(super) query: &'a Query,
    pub(super) paging: Paging,
    pub(super) token: &'a Token,
}

type Listed = Result<Page, Refusal>;

impl Lister<'_> {
    /// Whether confidential issues and internal notes are shown.
    fn sees_confidential(&self) -> bool {
        self.token.role >= Role::Reporter
    }

    /// The requested span of changes.
    fn updated(&self) -> (Option<Millis>, Option<Millis>) {
        (self.query.time("updated_after"), self.query.time("updated_before"))
    }

    /// The number of things of a whole sprint; `None` for one that is not over.
    fn known(&self, sprint: u32, count: fn(&Sizes) -> u64) -> Option<u64> {
        let (world, project) = (self.scribe.world, self.scribe.project.index);
        let is_over = world.config().starts_at(sprint + 1) <= self.scribe.now;
        is_over.then(|| count(&world.before(project, sprint + 1)) - count(&world.before(project, sprint)))
    }
}

/// Whether a time lies between two, both included.
pub(super) fn is_within(at: Millis, (after, before): (Option<Millis>, Option<Millis>)) -> bool {
    after.is_none_or(|after| at >= after) && before.is_none_or(|before| at <= before)
}
