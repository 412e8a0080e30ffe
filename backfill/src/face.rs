//! The capabilities of a GitLab. In: its answers. Out: whether to use GraphQL, and how many rows to ask for at once. Found out once per run, by the
//! first query that GitLab does not know.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::graphql::ROWS;
use crate::list::List;

/// Limit of moves per project and run; a real project moves less often.
const MOVES: u32 = 5;

/// The capabilities that were found out.
#[derive(Debug)]
pub struct Face {
    graphql: AtomicBool,
    bridges: AtomicBool,
    rows: AtomicU32,
    rows_with_notes: AtomicU32,
    /// Paths of projects that were renamed or moved meanwhile, and how often: GraphQL finds a project only by its path.
    paths: Mutex<HashMap<u64, (String, u32)>>,
}

impl Default for Face {
    fn default() -> Face {
        Face {
            graphql: AtomicBool::new(true),
            bridges: AtomicBool::new(false),
            rows: AtomicU32::new(ROWS),
            rows_with_notes: AtomicU32::new(ROWS),
            paths: Mutex::default(),
        }
    }
}

impl Face {
    /// Whether to use GraphQL.
    pub fn has_graphql(&self) -> bool {
        self.graphql.load(Ordering::Relaxed)
    }

    /// Records that this GitLab does not know the queries.
    pub fn without_graphql(&self) {
        self.graphql.store(false, Ordering::Relaxed);
    }

    /// The current path of a project; `path` was listed when the run began.
    pub fn path(&self, project_id: u64, path: &str) -> String {
        let moved = self.with_paths(|paths| paths.get(&project_id).map(|(path, _)| path.clone()));
        moved.unwrap_or_else(|| path.to_owned())
    }

    /// Records a project's new path; `false` if it is known already, or the project moved too often.
    pub fn moved(&self, project_id: u64, before: &str, path: String) -> bool {
        if path == before {
            return false;
        }
        self.with_paths(|paths| {
            let (known, moves) = paths.entry(project_id).or_default();
            *known = path;
            *moves += 1;
            *moves <= MOVES
        })
    }

    /// A panic under the lock cannot leave the paths half changed.
    fn with_paths<T>(&self, work: impl FnOnce(&mut HashMap<u64, (String, u32)>) -> T) -> T {
        work(&mut self.paths.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Rows to ask for at once.
    pub fn rows(&self, list: List) -> u32 {
        self.rows_of(list).load(Ordering::Relaxed)
    }

    /// Records that a page arrived: the next request asks for one row more, up to a full page.
    pub fn more_rows(&self, list: List) {
        let rows = self.rows_of(list);
        let asked = rows.load(Ordering::Relaxed);
        rows.store((asked + 1).min(ROWS), Ordering::Relaxed);
    }

    /// Whether trigger jobs are called bridges, as before GitLab 19.2.
    pub fn has_bridges(&self) -> bool {
        self.bridges.load(Ordering::Relaxed)
    }

    /// Records that this GitLab knows bridges instead of trigger jobs.
    pub fn with_bridges(&self) {
        self.bridges.store(true, Ordering::Relaxed);
    }

    /// Halves the number of rows; `false` if it is 1 already.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_followed_to_where_it_is_but_not_for_ever() {
        let face = Face::default();
        assert!(!face.moved(1, "shop/a", "shop/a".to_owned()));
        assert_eq!(face.path(1, "shop/a"), "shop/a");
        let moves = (1..=MOVES + 1).map(|number| face.moved(1, "shop/a", format!("shop/{number}")));
        assert_eq!(moves.filter(|is_followed| *is_followed).count(), MOVES as usize);
        assert_eq!(face.path(1, "shop/a"), format!("shop/{}", MOVES + 1));
        assert!(face.moved(2, "shop/b", "shop/c".to_owned()));
    }
}
