//! How far a run is, for whoever watches it. In: what walks did. Out: numbers. Clones share them.

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
    /// Lists that are to be read, of all projects and groups.
    pub lists: u64,
    /// Those of them that have ended.
    pub ended: u64,
    /// Those that have not, and are lists indeed: the others ask about things one by one.
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

    /// A list is to be read.
    pub(crate) fn list(&self, list: List) {
        // In this order: whoever looks between the two must not take it for the end of all lists.
        self.0.listing.fetch_add(is_listing(list), Ordering::Relaxed);
        self.0.lists.fetch_add(1, Ordering::Relaxed);
    }

    /// A list that was to be read has ended.
    pub(crate) fn ended(&self, list: List) {
        self.0.listing.fetch_sub(is_listing(list), Ordering::Relaxed);
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

fn is_listing(list: List) -> u64 {
    u64::from(list.way() != Way::Each)
}
