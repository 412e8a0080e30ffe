//! Which ways there are to ask a GitLab. In: what it answered. Out: whether GraphQL is asked, and for how many rows at once. Found out once a run, by the first
//! query that GitLab does not know.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::graphql::{ROWS, ROWS_WITH_NOTES};
use crate::list::List;

/// Which ways there are to ask.
#[derive(Debug)]
pub struct Face {
    graphql: AtomicBool,
    rows: AtomicU32,
    rows_with_notes: AtomicU32,
    /// Paths of projects that were renamed or moved meanwhile: GraphQL finds a project by its path alone.
    paths: Mutex<HashMap<u64, String>>,
}

impl Default for Face {
    fn default() -> Face {
        Face {
            graphql: AtomicBool::new(true),
            rows: AtomicU32::new(ROWS),
            rows_with_notes: AtomicU32::new(ROWS_WITH_NOTES),
            paths: Mutex::default(),
        }
    }
}

impl Face {
    /// Whether GraphQL is asked.
    pub fn has_graphql(&self) -> bool {
        self.graphql.load(Ordering::Relaxed)
    }

    /// This GitLab does not know what is asked of it.
    pub fn without_graphql(&self) {
        self.graphql.store(false, Ordering::Relaxed);
    }

    /// The path of a project, of which `path` was listed when the run began.
    pub fn path(&self, project_id: u64, path: &str) -> String {
        self.with_paths(|paths| paths.get(&project_id).cloned()).unwrap_or_else(|| path.to_owned())
    }

    /// A project has this path now; `false` if that is known.
    pub fn moved(&self, project_id: u64, before: &str, path: String) -> bool {
        let is_new = path != before;
        self.with_paths(|paths| paths.insert(project_id, path));
        is_new
    }

    /// Nothing that holds the lock can leave it half changed.
    fn with_paths<T>(&self, work: impl FnOnce(&mut HashMap<u64, String>) -> T) -> T {
        work(&mut self.paths.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Rows that are asked for at once.
    pub fn rows(&self, list: List) -> u32 {
        self.rows_of(list).load(Ordering::Relaxed)
    }

    /// Asks for half as many from now on; `false` if it is one already.
    pub fn fewer_rows(&self, list: List) -> bool {
        let rows = self.rows_of(list);
        let asked = rows.load(Ordering::Relaxed);
        rows.store((asked / 2).max(1), Ordering::Relaxed);
        asked > 1
    }

    fn rows_of(&self, list: List) -> &AtomicU32 {
        match list {
            List::MergeRequestDetails => &self.rows_with_notes,
            _ => &self.rows,
        }
    }
}
