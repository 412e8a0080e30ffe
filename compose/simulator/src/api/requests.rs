//! Counts requests. In: endpoints and statuses of answers. Out: numbers. Never the content of a request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::route::Endpoint;

/// Counts by endpoint and status.
type Counts = BTreeMap<(Option<Endpoint>, u16), u64>;

/// Requests and their answers so far, by endpoint and status. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Requests(Arc<Mutex<Counts>>);

impl Requests {
    /// Counts an answer; `None` stands for an unknown endpoint.
    pub(super) fn count(&self, endpoint: Option<Endpoint>, status: u16) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((endpoint, status)).or_default() += 1;
    }

    /// All counts, by endpoint and status. `None` stands for an unknown endpoint; status 0 for requests that were never answered.
    pub fn all(&self) -> BTreeMap<(Option<Endpoint>, u16), u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Requests in all.
    pub fn total(&self) -> u64 {
        self.all().values().sum()
    }

    /// Requests to an endpoint.
    pub fn of(&self, endpoint: Endpoint) -> u64 {
        self.all().iter().filter(|((asked, _), _)| *asked == Some(endpoint)).map(|(_, count)| count).sum()
    }

    /// Answers with a status.
    pub fn answered(&self, status: u16) -> u64 {
        self.all().iter().filter(|((_, answered), _)| *answered == status).map(|(_, count)| count).sum()
    }
}
