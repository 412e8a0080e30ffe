//! Progress of a run, for display. In: what walks did. Out: numbers. Clones share them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::list::{List, Way};

/// Numbers of a run.
#[derive(Debug, Clone, Default)]
pub struct Live(Arc<Numbers>);

#[derive(Debug, Default)]
struct Numbers {
    objects: AtomicU64,
    requests: AtomicU64,
    lists: AtomicU64,
    ended: AtomicU64,
    listing: AtomicU64,
}

/// Numbers of a run at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Numbered {
    /// Objects that Kafka acknowledged.
    pub objects: u64,
    /// Requests that were answered.
    pub requests: u64,
    /// Lists to read, of all projects and groups.
    pub lists: u64,
    /// Those that have ended.
    pub ended: u64,
    /// Those that have not ended and are paged lists: the others have one request per thing.
    pub listing: u64,
}

impl Live {
    /// The numbers now.
    pub fn numbers(&self) -> Numbered {
        let Numbers { objects, requests, lists, ended, listing } = &*self.0;
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        Numbered {
            objects: read(objects),
            requests: read(requests),
            lists: read(lists),
            ended: read(ended),
            listing: read(listing),
        }
    }

    pub(crate) fn objects(&self, count: u64) {
        self.0.objects.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn request(&self) {
        self.0.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds a list to read.
    pub(crate) fn list(&self, list: List) {
        // In this order: a reader between the two steps must not conclude that all lists have ended.
        self.0.listing.fetch_add(is_listing(list), Ordering::Relaxed);
        self.0.lists.fetch_add(1, Ordering::Relaxed);
    }

    /// Records that a list has ended.
    pub(crate) fn ended(&self, list: List) {
        self.0.listing.fetch_sub(is_listing(list), Ordering::Relaxed);
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

fn is_listing(list: List) -> u64 {
    u64::from(list.way() != Way::Each)
}
